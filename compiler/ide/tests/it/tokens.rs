//! What each word is, for colours.

use std::fmt::Write as _;

use plat_ide::tokens::tokens;

use crate::common::program;

#[test]
fn a_word_is_what_it_stands_for() {
    let text = "/// What it is for.
app shop { domain: String = \"a\" }
use shop.size
type Level = low | high(of: Int)
kind web { level: Level = low, out url = \"x\" }
fn double(n: Int): Int = n * 2
let all = [1, 2].map(|n| double(n)) // twice
web front { level = high(of: 3) }
env prod { target = local {}, set = { front.level = low } }
test t { assert = in(prod, front.level) is high(x) and x > 512 }
";
    let (db, file, _) = program(text);
    let mut shown = String::new();
    for token in tokens(&db, file) {
        let text = token.range.slice(db.text(file));
        let declares = if token.declares { " given" } else { "" };
        let _ = writeln!(shown, "{text} {:?}{declares}", token.kind);
    }
    insta::assert_snapshot!(shown);
}
