//! Names, types, evaluation and diagnostics of plat, as a salsa database: from trees to graphs.
//!
//! [`Database`] is the door: give it a [`Project`], ask for [`Database::diagnostics`],
//! [`Database::environments`] and [`Database::graph`].
//!
//! Architecture invariants:
//! - It knows no backend, no terminal and no language server, does no I/O and reads no clock.
//! - It knows no kind by name: kinds are plat, in `std`. The few words of `std` that the language
//!   itself speaks of are `environment` and `target`, the fields `name` and `after`, and a kind's
//!   `let`s `claims` and `known_as`.
//! - Identity is a stable path (`ItemId` in `db.rs`), never an offset; places are resolved only when
//!   something is shown. No secret value is ever here: only references to who holds it.
//! - Diagnostics are values in query results. One mistake gives one error.
//!
//! Start reading at `db.rs` (the first queries), then `names.rs`, `types/`, `check/` (from trees
//! to `ir.rs`), `eval/` (from there to values; `eval/pieces.rs` for what is remembered), `graph/`.

mod api;
mod app;
mod catalog;
mod check;
mod consequences;
mod data;
mod db;
mod diag;
mod diagnostics;
mod eval;
mod graph;
mod holdings;
mod ir;
mod library;
mod look;
mod manifest;
mod mistakes;
mod names;
mod near;
mod outcomes;
mod project;
mod show;
mod steps;
mod suggest;
mod types;
mod units;

pub use api::{Database, EnvironmentInfo};
pub use catalog::OutShape;
pub use diagnostics::{explain, explanations};
pub use look::{
    About, CallShape, Canceller, Candidate, CandidateKind, Candidates, Deployed, Effective, FileId,
    Hint, How, Insert, Missing, Place, Stands, Support, Symbol, SymbolClass, Taken, interruptible,
};
pub use manifest::{is_package_name, parse_manifest, recover_manifest};
pub use outcomes::{PolicyOutcome, TestOutcome};
pub use plat_model::CaseShape;
pub use plat_syntax::{Diagnostic, Explanation};
pub use project::{Dependency, Manifest, PackageInput, Project, Source};
pub use steps::Step;
