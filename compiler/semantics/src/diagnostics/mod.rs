//! The codes of this crate, at length, for `platc explain`.
//!
//! Each explanation shows a program that has the mistake, and then the same program repaired. A
//! test runs both, and keeps what is said of the first one as a snapshot.

mod environments;
mod evaluation;
mod labels;
mod names;
mod packages;
mod policies;
mod types;

use plat_syntax::Explanation;

const ALL: &[&[Explanation]] = &[
    names::ALL,
    types::ALL,
    labels::ALL,
    evaluation::ALL,
    environments::ALL,
    policies::ALL,
    packages::ALL,
];

/// Every code of this crate, in the order of the phases.
pub fn explanations() -> impl Iterator<Item = &'static Explanation> {
    ALL.iter().flat_map(|list| list.iter())
}

/// What a code means, as Markdown. `None` for a code that is not of this crate.
pub fn explain(code: &str) -> Option<&'static str> {
    explanations().find(|e| e.code == code).map(|e| e.text)
}
