//! The rules in the specification and the parser are held to each other: what the rules make, the parser reads; what
//! they refuse, it refuses; and they allow every program that we have.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at what it did not expect, and reads its own fixtures"
)]

use plat_testgen::earley::Recogniser;
use plat_testgen::grammar::Grammar;
use plat_testgen::sentence::{self, Sentences};
use plat_testgen::{Choices, lexer, mutate};
use std::path::Path;

const TEXT: &str = include_str!("../../../spec/02-lexical.md");
const GRAMMAR: &str = include_str!("../../../spec/03-grammar.md");

fn grammar() -> Grammar {
    Grammar::of_specification(TEXT, GRAMMAR)
}

/// What the parser says of a text.
fn told(text: &str) -> Vec<String> {
    let parsed = plat_syntax::parse(&"x.plat".into(), text);
    let one = |d: &plat_syntax::Diagnostic| {
        let at = d.primary.range.start as usize;
        let line = text.get(..at).unwrap_or("").matches('\n').count() + 1;
        format!("{line}: {}: {}", d.code, d.message)
    };
    parsed.diagnostics.iter().map(one).collect()
}

/// `PLAT_CASES` asks for more than an ordinary run has.
fn cases(ordinary: u64) -> u64 {
    let asked = std::env::var("PLAT_CASES").ok();
    asked.and_then(|n| n.parse().ok()).unwrap_or(ordinary)
}

#[test]
fn what_the_rules_make_is_read() {
    let grammar = grammar();
    let sentences = Sentences::new(&grammar);
    for seed in 0..cases(3_000) {
        let mut choices = Choices::seeded(seed);
        let size = 3 + choices.below(60);
        let tokens = sentences.sentence(&mut choices, size);
        let text = sentence::text(&tokens, &mut choices);
        assert_eq!(
            lexer::tokens(&text).as_ref(),
            Some(&tokens),
            "seed {seed}:\n{text}"
        );
        assert_eq!(told(&text), Vec::<String>::new(), "seed {seed}:\n{text}");
    }
}

#[test]
fn what_the_rules_refuse_is_refused() {
    let grammar = grammar();
    let sentences = Sentences::new(&grammar);
    let recogniser = Recogniser::new(&grammar);
    let mut refused = 0;
    let all = cases(3_000);
    for seed in 0..all {
        let mut choices = Choices::seeded(seed);
        let size = 3 + choices.below(24);
        let mut tokens = sentences.sentence(&mut choices, size);
        for _ in 0..=choices.below(2) {
            mutate::mutate(&mut tokens, &mut choices);
        }
        let text = sentence::text(&tokens, &mut choices);
        // Read again: a break may have made other tokens of the same characters.
        let Some(tokens) = lexer::tokens(&text) else {
            continue;
        };
        let place = recogniser.furthest(&tokens).map(|at| {
            let token = tokens.get(at).map_or("the end", |t| &t.text);
            format!("token {at}: {token}")
        });
        let told = told(&text);
        assert_eq!(
            told.is_empty(),
            place.is_none(),
            "seed {seed}: the rules say {place:?}, the parser says {told:?}:\n{text}"
        );
        refused += u64::from(place.is_some());
    }
    assert!(
        refused * 3 > all,
        "only {refused} of {all} were broken at all"
    );
}

#[test]
fn the_rules_allow_every_program_that_we_have() {
    let recogniser = Recogniser::new(&grammar());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut programs: Vec<(String, String)> = Vec::new();
    for dir in ["compiler/syntax/tests/fixtures", "stdlib", "examples"] {
        collect(&root.join(dir), &mut programs);
    }
    let chapters = std::fs::read_dir(root.join("spec")).unwrap();
    for chapter in chapters.map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(&chapter) else {
            continue;
        };
        for block in text.split("```plat\n").skip(1) {
            let block = block.split("```").next().unwrap();
            programs.push((chapter.display().to_string(), block.to_owned()));
        }
    }
    assert!(programs.len() > 60, "{}", programs.len());
    for (name, text) in programs.iter().filter(|(_, text)| told(text).is_empty()) {
        let tokens = lexer::tokens(text).unwrap_or_else(|| panic!("{name} has no tokens:\n{text}"));
        let place = recogniser.furthest(&tokens).map(|at| {
            let near = tokens.iter().skip(at.saturating_sub(4)).take(8);
            near.map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(place, None, "{name}:\n{text}");
    }
}

fn collect(dir: &Path, programs: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, programs);
        } else if path.extension().is_some_and(|e| e == "plat") {
            let text = std::fs::read_to_string(&path).unwrap();
            programs.push((path.display().to_string(), text));
        }
    }
}
