//! The codes of this crate, at length, for `platc explain`.

use plat_syntax::Explanation;

const ALL: &[&[Explanation]] = &[];

/// Every code of this crate with its explanation, in no order that matters.
pub fn explanations() -> impl Iterator<Item = &'static Explanation> {
    ALL.iter().flat_map(|list| list.iter())
}

/// What a code means, as Markdown. `None` for a code that is not of this crate.
pub fn explain(code: &str) -> Option<&'static str> {
    let all = ALL.iter().flat_map(|list| list.iter());
    all.into_iter().find(|e| e.code == code).map(|e| e.text)
}
