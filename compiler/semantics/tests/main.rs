//! The tests of the crate, through its door.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests read the files that they are about"
)]

mod common;
mod defaults;
mod environments;
mod generated;
mod incremental;
mod kinds;
mod labels;
mod limits;
mod manifest;
mod manifest_blocks;
mod mistakes;
mod owners;
mod patterns;
mod pieces;
mod programs;
mod properties;
mod questions;
mod robust;
mod schema;
mod spec;
mod told;
