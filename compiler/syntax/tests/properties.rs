//! What holds for every text: parsing gives a tree and never panics, formatting is stable and loses nothing.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect, and reads its own fixtures"
)]

use plat_syntax::{Parse, TextRange, format, parse};
use proptest::prelude::*;
use std::sync::{Arc, LazyLock};

/// The programs of the fixtures, and one that has the rest of the language in it.
static PROGRAMS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    let names = [
        "northstar/acme/web_app.plat",
        "northstar/shop/environments.plat",
        "northstar/shop/policies.plat",
        "northstar/shop/shop.plat",
        "northstar/tenants/tenants.plat",
        "northstar/town/town.plat",
        "everything.plat",
    ];
    names
        .iter()
        .map(|n| std::fs::read_to_string(format!("{fixtures}{n}")).unwrap())
        .collect()
});

fn read(text: &str) -> Parse {
    parse(&Arc::from("x.plat"), text)
}

/// Things that texts are made of, good and bad.
const PIECES: &[&str] = &[
    "app",
    "use",
    "pub",
    "kind",
    "extern",
    "abstract",
    "type",
    "unit",
    "fn",
    "let",
    "env",
    "policy",
    "waive",
    "test",
    "moved",
    "to",
    "if",
    "else",
    "then",
    "for",
    "in",
    "is",
    "with",
    "match",
    "out",
    "implicit",
    "require",
    "each",
    "changes",
    "open",
    "grants",
    "where",
    "secret",
    "later",
    "as",
    "and",
    "or",
    "not",
    "true",
    "none",
    "postgres",
    "db",
    "Scale",
    "a.b",
    "x?.y",
    "_",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "${",
    "\"",
    "\"\"\"",
    "\"text\"",
    "\"a ${b} c\"",
    "\\",
    "=",
    "==",
    "=>",
    ":",
    ",",
    ".",
    "..",
    "?",
    "??",
    "?.",
    "|",
    "||",
    "&&",
    "!",
    "!=",
    "<",
    "<=",
    ">",
    "+",
    "-",
    "*",
    "/",
    "%",
    ";",
    "#",
    "@",
    "'",
    "“",
    "”",
    "é",
    "\u{a0}",
    "\u{feff}",
    "1",
    "1.5",
    "2..10",
    "512MiB",
    "70%",
    "// comment\n",
    "/// docs\n",
    "/* block */",
    "\n",
    "\n\n",
    "\n    ",
    " ",
    "\t",
    "\r\n",
];

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    let blank = prop::sample::select(&["", " ", " ", "\n", "\n    "][..]);
    prop::collection::vec((piece, blank), 0..120)
        .prop_map(|parts| parts.into_iter().flat_map(|(a, b)| [a, b]).collect())
}

/// A program with some of it cut out, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0_usize..12,
        prop::sample::select(PIECES),
    );
    (0..PROGRAMS.len(), prop::collection::vec(edit, 1..6)).prop_map(|(program, edits)| {
        let mut text = PROGRAMS[program].clone();
        for (at, cut, put) in edits {
            let boundary = |mut i: usize| {
                while !text.is_char_boundary(i) {
                    i += 1;
                }
                i
            };
            let start = boundary(at.index(text.len() + 1));
            let end = boundary((start + cut).min(text.len()));
            text.replace_range(start..end, put);
        }
        text
    })
}

/// A program whose blanks are others: more lines, fewer, with comments between.
fn respaced() -> impl Strategy<Value = String> {
    let blanks = prop::sample::select(
        &[
            " ",
            "  ",
            "\n",
            "\n\n\n",
            "\r\n",
            "\t",
            " // why\n",
            "\n// own\n",
            "\n\n  // own\n\n",
            "\n/// docs\n",
        ][..],
    );
    let edit = (any::<prop::sample::Index>(), blanks);
    (0..PROGRAMS.len(), prop::collection::vec(edit, 1..12)).prop_map(|(program, edits)| {
        let mut text = PROGRAMS[program].clone();
        for (at, blank) in edits {
            let places: Vec<usize> = text.match_indices([' ', '\n']).map(|(i, _)| i).collect();
            let place = places[at.index(places.len())];
            text.replace_range(place..=place, blank);
        }
        text
    })
}

/// The text without what the formatter may change: blanks and commas.
fn substance(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != ',' && *c != '\u{feff}')
        .collect()
}

/// What must hold of any parse.
fn sound(text: &str, parse: &Parse) {
    let mut end = 0;
    for item in &parse.items {
        let range = item.tree.root().range().shifted(item.offset);
        assert!(end <= range.start, "items stand one after the other");
        assert_eq!(
            item.tree.text(),
            range.slice(text),
            "an item's text is that of the file"
        );
        end = range.end;
        for node in item.tree.nodes() {
            let inside = |outer: TextRange, inner: TextRange| {
                outer.start <= inner.start && inner.end <= outer.end
            };
            assert!(
                node.text().len() == node.range().len() as usize,
                "a node lies in the text"
            );
            let mut last = node.range().start;
            for child in node.children() {
                assert!(
                    inside(node.range(), child.range()),
                    "a child lies in its parent\n{text}\n{:?}",
                    item.tree
                );
                assert!(
                    last <= child.range().start,
                    "children stand one after the other\n{text}\n{:?}",
                    item.tree
                );
                last = child.range().end;
            }
        }
    }
    for told in &parse.diagnostics {
        let labels = std::iter::once(&told.primary).chain(&told.related);
        for label in labels {
            assert!(
                text.get(label.range.start as usize..label.range.end as usize)
                    .is_some(),
                "{told:?}"
            );
        }
        for edit in told.fix.iter().flat_map(|f| &f.edits) {
            assert!(
                text.get(edit.range.start as usize..edit.range.end as usize)
                    .is_some(),
                "{told:?}"
            );
        }
    }
    // Every accessor of the typed view may be called on any tree.
    for item in &parse.items {
        for node in item.tree.nodes() {
            if let Some(text) = plat_syntax::ast::StringLit::cast(node) {
                let _ = text.parts();
            }
            if let Some(number) = plat_syntax::ast::NumberLit::cast(node) {
                let _ = (number.digits(), number.unit());
            }
        }
    }
}

fn formats(text: &str) {
    let file: Arc<str> = "x.plat".into();
    match format(&file, text) {
        Ok(once) => {
            assert_eq!(
                substance(text),
                substance(&once),
                "nothing is lost:\n{text}\n---\n{once}"
            );
            let twice = format(&file, &once).unwrap();
            assert_eq!(once, twice, "formatting again changes nothing:\n{text}");
        }
        Err(told) => {
            assert!(
                told.iter().all(|d| d.code != "E0121"),
                "the meaning is kept:\n{text}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn soup_is_read(text in soup()) {
        sound(&text, &read(&text));
        formats(&text);
    }

    #[test]
    fn any_text_is_read(text in "(?s).{0,60}") {
        sound(&text, &read(&text));
        formats(&text);
    }

    #[test]
    fn mutated_programs_are_read(text in mutated()) {
        sound(&text, &read(&text));
        formats(&text);
    }

    #[test]
    fn programs_are_formatted(text in respaced()) {
        formats(&text);
    }

    /// Moving an item changes nothing in its tree.
    #[test]
    fn a_tree_knows_not_where_it_stands(program in 0..PROGRAMS.len(), lines in 1_usize..9) {
        let text = &PROGRAMS[program];
        let moved = format!("{}{text}", "\n".repeat(lines));
        let (a, b) = (read(text), read(&moved));
        prop_assert_eq!(a.items.len(), b.items.len());
        for (a, b) in a.items.iter().zip(&b.items) {
            prop_assert_eq!(&a.tree, &b.tree);
            prop_assert_eq!(a.offset as usize + lines, b.offset as usize);
        }
    }
}

/// Each word and each character of punctuation, left out alone.
fn with_one_left_out(text: &str) -> impl Iterator<Item = String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        loop {
            let rest = &text[at..];
            let first = *bytes.get(at)?;
            let len = if word(first) {
                rest.bytes().take_while(|b| word(*b)).count()
            } else {
                1
            };
            let start = at;
            at += if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else {
                len
            };
            if !first.is_ascii_whitespace() && first.is_ascii() && !rest.starts_with("//") {
                return Some(format!("{}{}", &text[..start], &text[start + len..]));
            }
        }
    })
}

/// One mistake is told once.
#[test]
fn what_is_left_out_is_told_once() {
    let mut told = std::collections::BTreeMap::<usize, usize>::new();
    for program in PROGRAMS.iter() {
        for text in with_one_left_out(program) {
            *told.entry(read(&text).diagnostics.len()).or_default() += 1;
        }
    }
    let all: usize = told.values().sum();
    let several: usize = told
        .iter()
        .filter(|(n, _)| **n > 1)
        .map(|(_, count)| count)
        .sum();
    assert!(all > 2_000, "{told:?}");
    assert!(
        several * 100 <= all,
        "more than one in a hundred is told several times: {told:?}"
    );
    assert!(told.keys().all(|n| *n <= 4), "{told:?}");
}
