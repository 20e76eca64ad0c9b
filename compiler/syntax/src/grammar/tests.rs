//! The grammar takes each token a bounded number of times, whatever the text.

use super::build;
use crate::brackets::balance;
use crate::lexer::lex;

/// Steps for each token.
fn cost(text: &str) -> f64 {
    let balanced = balance(lex(text).tokens, &mut Vec::new());
    let builder = build(&balanced, Vec::new());
    #[expect(clippy::cast_precision_loss, reason = "the counts are small")]
    let cost = builder.steps as f64 / balanced.tokens.len() as f64;
    cost
}

/// Texts that sent other parsers into exponential time or off their stack: `open`, many times.
const NASTY: &[&str] = &[
    "[",
    "(",
    "{",
    "{a=",
    "f(",
    "[[",
    "[for x in ",
    "{for x in y: ",
    "|x| ",
    "not ",
    "- ",
    "if a then ",
    "if a then b else ",
    "match x { a => ",
    "x with {",
    "x is a(",
    "1 + ",
    "a.b.",
    ".x",
    "a[",
    "\"${",
    "\"\"\"${",
    "Map<",
    "}",
    ")",
    "]",
    "{}\n",
    "{\n",
    "(\n",
    "[\n",
    ", ",
    "x = ",
    "x: ",
    "let x =\n",
    "@ ",
    "' ",
    "/* ",
    "kind k {\n",
    "service x {\n",
    "if a {\n",
    "else if a {\n",
    "env e[",
    "type T = a(b: ",
    "fn(",
    "?? ",
    "..",
    "pub ",
    "implicit ",
    "secret ",
];

#[test]
fn every_text_costs_the_same_for_each_token() {
    for head in ["", "let x = ", "kind k {\n    a: ", "service s {\n    a = "] {
        for open in NASTY {
            let text = |times: usize| format!("{head}{}", open.repeat(times));
            let (some, more) = (cost(&text(500)), cost(&text(5_000)));
            assert!(
                more < 8.0,
                "{more} steps for each token of {head:?} and {open:?}"
            );
            assert!(
                more < some * 1.5 + 0.5,
                "{some} steps, then {more}, for each token of {head:?} and {open:?}"
            );
        }
    }
}

/// The pieces of a program by turns, so that no two groups are alike.
#[test]
fn long_programs_cost_no_more_than_short_ones() {
    let part = include_str!("../../tests/fixtures/northstar/town/town.plat");
    let (one, many) = (cost(part), cost(&part.repeat(200)));
    assert!(many < one * 1.1, "{one}, then {many}");
}

#[test]
fn a_tree_is_never_high() {
    for open in [
        "1 + ",
        "x.y",
        "[",
        "not ",
        "if a then b else ",
        "f(",
        "|x| ",
        "a ?? ",
    ] {
        let text = format!("let x = {}1", open.repeat(20_000));
        let balanced = balance(lex(&text).tokens, &mut Vec::new());
        let builder = build(&balanced, Vec::new());
        assert!(
            builder.mistakes.len() <= 2,
            "{open:?}: {:?}",
            builder.mistakes.len()
        );
        let highest = builder.nodes.iter().map(|n| n.height).max().unwrap();
        assert!(highest <= super::MAX_HEIGHT, "{open:?}: {highest}");
    }
}
