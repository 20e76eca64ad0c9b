//! Packages from elsewhere: fetched once, kept by what is in them, and pinned in `plat.lock`.
//!
//! [`fetch()`] asks git repositories and OCI registries, and writes the lock. [`Packages`] is the other side: what the
//! lock says, found in the cache and checked against its hash, without the network. A compilation only ever uses that
//! side: what is not there is an error that names the command.
//!
//! What images are is asked in the same way, by [`look_up`], and kept in [`Pins`].
//!
//! Architecture invariants:
//! - It knows manifests and places to fetch from; not the language, no backend, no terminal.
//! - Nothing that was fetched is used before its hash is known, and nothing in it is run: no hooks, no scripts, no
//!   links, no paths that lead out of it.
//!
//! Start reading at `hash.rs` (what a package's hash is), then `lock.rs`, `cache.rs`, `fetch.rs`; `git.rs` and `oci.rs`
//! are the two ways in, `unpack.rs` is what both go through.

mod cache;
mod error;
mod fetch;
mod git;
mod hash;
mod image;
mod locate;
mod lock;
mod logins;
mod oci;
mod pins;
mod unpack;

pub use cache::Cache;
pub use error::Error;
pub use fetch::{Fetched, Options, fetch};
pub use hash::{Hash, hash_tree};
pub use image::{digests, look_up};
pub use locate::Packages;
pub use lock::{LOCK, Lock, Locked};
pub use logins::login;
pub use pins::Pins;
