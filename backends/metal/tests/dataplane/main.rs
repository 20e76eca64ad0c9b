//! The data plane against the real thing: real servers in processes of their own, with real
//! clients. What a machine does not have is fetched once, into its cache.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod nats;
mod objectstore;
mod postgres;
mod proxy;
mod redis;
mod state;
mod support;
mod tools;
