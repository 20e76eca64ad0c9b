//! What an editor looks at: files by their id, their trees, what is wrong in one of them, and what
//! stands at a place.
//!
//! Everything here is read from the queries that the compiler itself runs: nothing about the
//! language is decided anew. Offsets are looked at, because what is shown needs them; so none of
//! this is a query, and nothing that is one may call it.

mod about;
mod complete;
mod deployed;
mod enclosing;
mod file;
mod find;
mod hints;
mod targets;
mod units;
mod values;

pub use crate::check::notes::Symbol;
pub use about::{About, SymbolClass};
pub use complete::{CallShape, Candidate, CandidateKind, Candidates, Insert};
pub use deployed::Deployed;
pub use file::{Canceller, FileId, interruptible};
pub(crate) use find::below;
pub use find::{Place, Stands};
pub use hints::{Hint, Missing};
pub use targets::{How, Support, Taken};
pub use values::Effective;
