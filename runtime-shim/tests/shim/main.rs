//! The shim as its users see it: real processes, started through the real program.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod container;
mod control;
mod figures;
mod harness;
mod lifecycle;
mod logs;
mod probes;
mod signals;
mod start;
