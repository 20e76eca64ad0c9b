//! What an editor asks about plat, answered as plain values: ranges of bytes, texts, edits.
//!
//! Each answer is a function of a [`Database`] and a place in it; each stands in a file of its own.
//! The language itself is not here: names, types and values come from `plat-semantics`, trees and
//! the formatter from `plat-syntax`.
//!
//! Architecture invariants:
//! - It knows no protocol, no thread, no file system and no clock: who asks over which wire is for
//!   `plat-lsp` to know. Places are bytes of a file's text.
//! - It keeps nothing: what is worth keeping is a query of the database.
//! - It answers for every text and every place, however broken, and never panics.
//! - It knows no backend. What something becomes on a target is asked where backends are known.
//!
//! Start reading at [`symbols`], which is the simplest, then [`tokens`].

pub mod assists;
pub mod completion;
mod extract_kind;
pub mod fixes;
pub mod folding;
pub mod format;
pub mod hierarchy;
pub mod hints;
pub mod hover;
pub mod inline;
pub mod lenses;
pub mod moved;
pub mod navigate;
pub mod rename;
pub mod search;
pub mod selection;
pub mod signature;
pub mod symbols;
pub mod tokens;

pub use plat_model::{Graph, OriginId as GraphOrigin, Place as OriginPlace};
pub use plat_semantics::{
    About, Canceller, CandidateKind, CaseShape, Database, Deployed, Diagnostic, Effective, FileId,
    Manifest, PackageInput, Place, Project, Step, Symbol, interruptible,
};
pub use plat_syntax::{Label, Severity, TextRange};

/// A replacement of a piece of a file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdit {
    /// The file.
    pub file: FileId,
    /// The bytes to replace; empty to insert.
    pub range: TextRange,
    /// What comes instead.
    pub text: String,
}
