//! Sentences of the grammar, and broken ones: the rules in the specification and the parser agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plat_testgen::earley::Recogniser;
use plat_testgen::grammar::Grammar;
use plat_testgen::sentence::{self, Sentences};
use plat_testgen::{Choices, lexer, mutate};
use std::sync::LazyLock;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| {
    Grammar::of_specification(
        include_str!("../../spec/02-lexical.md"),
        include_str!("../../spec/03-grammar.md"),
    )
});
static SENTENCES: LazyLock<Sentences<'static>> = LazyLock::new(|| Sentences::new(&GRAMMAR));
static RECOGNISER: LazyLock<Recogniser> = LazyLock::new(|| Recogniser::new(&GRAMMAR));

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::from_bytes(bytes);
    let breaks = choices.below(3);
    let mut tokens = SENTENCES.sentence(&mut choices, 40);
    for _ in 0..breaks {
        mutate::mutate(&mut tokens, &mut choices);
    }
    let text = sentence::text(&tokens, &mut choices);
    let Some(tokens) = lexer::tokens(&text) else {
        return;
    };
    let told = plat_syntax::parse(&"x.plat".into(), &text).diagnostics;
    assert_eq!(
        RECOGNISER.accepts(&tokens),
        told.is_empty(),
        "{told:?}\n{text}"
    );
});
