//! The standard library of plat, embedded: the kinds, types, units and targets, in plat itself.
//!
//! Architecture invariant: this crate is text. It depends on no other crate of ours, and nobody
//! reads a kind's name from Rust; the compiler learns of kinds by parsing these files, as it
//! does with anybody's.
//!
//! Start reading at `workloads.plat`; how a target takes the kinds is in `targets/`.

/// One file of the standard library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StdFile {
    /// Its path in the package `std`, with `/`.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The editions that this library can be used as; the last one is the newest.
pub const EDITIONS: &[&str] = &["2026"];

macro_rules! std_files {
    ($($path:literal),* $(,)?) => {
        &[$(StdFile { path: $path, text: include_str!(concat!("../", $path)) }),*]
    };
}

/// The files of the package `std`, sorted by path. Every `pub` item of any of them is in the
/// prelude, but for those in `objects/`: they are read only where somebody uses their module.
pub const FILES: &[StdFile] = std_files![
    "edges.plat",
    "environment.plat",
    "objects/kubernetes/objects.plat",
    "resources.plat",
    "targets/aws.plat",
    "targets/kubernetes.plat",
    "targets/local.plat",
    "targets/metal.plat",
    "types.plat",
    "units.plat",
    "workloads.plat",
];
