//! What an app becomes in a cluster: programs in plat, and what is lowered of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod cnpg;
mod described;
mod guards;
mod keeps;
mod objects;
mod pins;
mod policies;
mod program;
mod properties;
mod scale;
mod schema;
mod shim;
mod support;
mod whole;
