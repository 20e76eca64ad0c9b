//! Broken programs: whatever is wrong with a text, there are diagnostics with places in it, and no
//! panic.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::common::{database, project, render};

const TOWN: &str = include_str!("../../syntax/tests/fixtures/northstar/town/town.plat");
const SHOP: &str = include_str!("../../../examples/shop/shop.plat");
const SPEC: &[&str] = &[
    include_str!("../../../spec/04-types.md"),
    include_str!("../../../spec/05-declarations.md"),
    include_str!("../../../spec/06-environments.md"),
];

/// Words that programs are made of, for putting them where they do not belong.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "=",
    ",",
    ".",
    "?.",
    "??",
    "..",
    "|",
    "=>",
    "\"",
    "${",
    "-",
    "/",
    "none",
    "self",
    "name",
    "environment",
    "in",
    "is",
    "with",
    "if",
    "then",
    "else",
    "for",
    "match",
    "secret",
    "let",
    "kind",
    "type",
    "fn",
    "env",
    "out",
    "pub",
    "extern",
    "1",
    "5GiB",
    "70%",
    "\"x\"",
    "db",
    "web",
    "service",
    "local",
    "Int",
    "String",
    "some(x)",
    "-1",
    "0",
    "\n",
];

fn checked(text: &str) {
    let db = database(project(text));
    for d in db.diagnostics() {
        let text = db.source(&d.primary.file).unwrap_or("");
        let end = d.primary.range.end as usize;
        assert!(end <= text.len(), "{d:?} lies outside of its file");
        assert!(!d.message.is_empty() && !d.message.ends_with('.'), "{d:?}");
    }
    for env in db.environments() {
        let _ = db.graph(&env.name);
        let _ = db.graph(&format!("{}[7]", env.name));
        let _ = db.graph(&format!("{}[x, y]", env.name));
    }
}

/// 48 in every run; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(48)
}

/// The words and blanks of a text.
fn pieces(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut word = false;
    for (i, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || c == '_';
        if !(is_word && word) && i > start {
            out.push(&text[start..i]);
            start = i;
        }
        word = is_word;
    }
    out.push(&text[start..]);
    out
}

fn mutated(text: &str, edits: &[(usize, usize, usize)]) -> String {
    let mut parts: Vec<&str> = pieces(text);
    for (what, at, with) in edits {
        let at = at % parts.len();
        match what % 4 {
            0 => parts[at] = "",
            1 => parts.insert(at, WORDS[with % WORDS.len()]),
            2 => parts[at] = WORDS[with % WORDS.len()],
            _ => {
                let other = with % parts.len();
                parts.swap(at, other);
            }
        }
    }
    parts.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn a_mutated_program_never_panics(
        which in 0usize..2,
        edits in prop::collection::vec((0usize..4, 0usize..100_000, 0usize..100_000), 1..6),
    ) {
        let text = if which == 0 { TOWN } else { SHOP };
        checked(&mutated(text, &edits));
    }

    #[test]
    fn a_mutated_block_of_the_specification_never_panics(
        which in 0usize..100,
        edits in prop::collection::vec((0usize..4, 0usize..100_000, 0usize..100_000), 0..5),
    ) {
        let blocks: Vec<&str> = SPEC
            .iter()
            .flat_map(|text| text.split("```plat\n").skip(1))
            .filter_map(|rest| rest.split("```").next())
            .collect();
        let block = blocks[which % blocks.len()];
        // One of several files says all that it needs; a second file of one path is none there can be.
        let text = match block.contains("//- /") {
            true => block.to_owned(),
            false => format!("app spec\n{block}\nenv spec_run {{ target = local {{}} }}\n"),
        };
        checked(&mutated(&text, &edits));
    }

    #[test]
    fn words_in_any_order_never_panic(words in prop::collection::vec(0usize..1000, 0..60)) {
        let words: Vec<&str> = words.iter().map(|w| WORDS[w % WORDS.len()]).collect();
        checked(&format!("app x\nenv dev {{ target = local {{}} }}\n{}", words.join(" ")));
    }
}

/// Files are checked on several threads: which of them comes first changes nothing, neither where
/// definitions of many files go in circles nor where all is right.
#[test]
fn threads_change_nothing() {
    let files = 12;
    let circles: Vec<String> = (0..files)
        .map(|i| {
            let next = (i + 1) % files;
            let other = (i + 5) % files;
            format!(
                "app big\nlet a{i} = [a{next}]\nlet b{i} = b{next} + c{other}\nlet c{i} = missing{i}\n\
                 kind k{i} {{ k{next} inner {{}}\n out x = inner.x }}\ntype T{i} = T{next}\n\
                 fn f{i}(n: Int): Int = f{next}(n) + f{other}(n)\n"
            )
        })
        .collect();
    let right: Vec<String> = (0..files)
        .map(|i| {
            let next = (i + 1) % files;
            format!(
                "app big\nlet a{i} = {i}\nkind k{i} {{ size: Bytes\n redis store {{ memory = size }}\n \
                 out url = store.url }}\nk{next} one{i} {{ size = (a{next} + 1) * 1MiB }}\n\
                 worker w{i} {{ run = image(\"x:1\"), env = {{ URL = one{next}.url }} }}\n"
            )
        })
        .collect();
    for texts in [circles, right] {
        let said = || {
            let mut text = String::from("//- /env.plat\napp big\nenv dev { target = local {} }\n");
            for (i, file) in texts.iter().enumerate() {
                let _ = write!(text, "//- /part{i}.plat\n{file}");
            }
            let db = database(project(&text));
            let found = db.diagnostics();
            let graph = db.graph("dev").map(|g| serde_json::to_string(&g).unwrap());
            (render(&db, &found), graph)
        };
        let first = said();
        for _ in 0..15 {
            assert_eq!(first, said());
        }
    }
}
