//! The server, as a client meets it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test's helpers"
)]

mod beside;
mod client;
mod conversation;
mod moved;
mod names;
mod packages;
mod questions;
mod sessions;
mod text;
