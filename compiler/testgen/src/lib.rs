//! Programs for tests and fuzzing.
//!
//! [`grammar`] reads the grammar out of the specification, [`sentence`] makes texts from it and [`earley`] says whether
//! a text is one of them: so that the chapter and the parser are held to each other in both directions. [`program`]
//! makes programs that are well-typed by construction, and [`mutate`] breaks programs in small ways.
//!
//! Everything is decided by a [`Choices`]: by a seed in tests, by the fuzzer's bytes under `cargo fuzz`.
//!
//! Architecture invariants: it depends on no other crate of ours, so that it can't borrow the mistakes of what it
//! tests; it does no I/O; the same choices give the same text. No crate depends on it outside of its tests.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a mistake in here stops a test, and no user meets it"
)]

mod choice;
pub mod earley;
pub mod grammar;
pub mod lexer;
pub mod mutate;
pub mod program;
pub mod sentence;

pub use choice::Choices;
