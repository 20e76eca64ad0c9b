//! What an editor is answered, each through its own function.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test's helpers; the programs of the tests are files"
)]

mod assists;
mod common;
mod completion;
mod edits;
mod extract_kind;
mod hover;
mod tokens;
