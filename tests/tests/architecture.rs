//! Holds the crates to the arrows of the house: who may know whom.
//!
//! text → tokens → tree → names → types → values → **graph** → desired objects → plan → state.
//! One direction; nothing later is known by anything earlier.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each crate of ours and the crates of ours it may depend on. A crate that is not here fails the
/// test: whoever adds one says here what it may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("plat-syntax", &[]),
    ("plat-model", &[]),
    ("plat-stdlib", &[]),
    ("plat-shim", &[]),
    // It writes programs; only its benchmark knows the compiler.
    ("plat-bench", &[]),
    // For tests alone: it borrows nothing from what it tests.
    ("plat-testgen", &[]),
    (
        "plat-semantics",
        &["plat-syntax", "plat-model", "plat-stdlib"],
    ),
    ("plat-ide", &["plat-syntax", "plat-model", "plat-semantics"]),
    // Only the protocol: what it answers is what `plat-ide` says.
    ("plat-lsp", &["plat-ide"]),
    // It reads manifests and says what is wrong at their places.
    (
        "plat-packages",
        &["plat-syntax", "plat-model", "plat-semantics"],
    ),
    ("plat-engine", &["plat-model"]),
    // Of the shim it knows only the specification it hands over.
    ("plat-metal", &["plat-model", "plat-engine", "plat-shim"]),
    ("plat-kubernetes", &["plat-model", "plat-engine"]),
    // Only the command line wires. Its build script embeds the shim; it does not link it.
    (
        "platc",
        &[
            "plat-syntax",
            "plat-model",
            "plat-semantics",
            // The sources of `std`, which editors show.
            "plat-stdlib",
            "plat-lsp",
            "plat-packages",
            "plat-engine",
            "plat-metal",
            "plat-kubernetes",
        ],
    ),
    ("plat-tests", &[]),
];

/// The crates that do no I/O: each forbids it by its own `clippy.toml`.
const PURE: &[&str] = &[
    "compiler/syntax",
    "compiler/model",
    "compiler/semantics",
    "compiler/ide",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ stands in the workspace")
        .into()
}

fn manifest(dir: &Path) -> toml::Table {
    std::fs::read_to_string(dir.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

fn members() -> BTreeMap<String, toml::Table> {
    let workspace = manifest(&root());
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| {
            let manifest = manifest(&root().join(member.as_str().unwrap()));
            (
                manifest["package"]["name"].as_str().unwrap().to_owned(),
                manifest,
            )
        })
        .collect()
}

#[test]
fn crates_keep_to_the_arrows() {
    let members = members();
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    assert_eq!(
        members.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        allowed.keys().copied().collect::<BTreeSet<_>>(),
        "every member of the workspace stands in ARROWS, and nothing else"
    );
    for (name, manifest) in &members {
        for section in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(|d| d.as_table()) else {
                continue;
            };
            for dependency in dependencies.keys().filter(|d| members.contains_key(*d)) {
                assert!(
                    allowed[name.as_str()].contains(&dependency.as_str()),
                    "{name} must not know {dependency}: see \"Invariants\" in CONTRIBUTING.md"
                );
            }
        }
    }
}

#[test]
fn dependencies_have_one_version() {
    for (name, manifest) in members() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(|d| d.as_table()) else {
                continue;
            };
            for (dependency, how) in dependencies {
                assert_eq!(
                    how.get("workspace").and_then(toml::Value::as_bool),
                    Some(true),
                    "{name} takes {dependency} from somewhere else than the workspace"
                );
            }
        }
    }
}

#[test]
fn every_crate_takes_the_shared_lints() {
    for (name, manifest) in members() {
        let lints = manifest.get("lints").and_then(|l| l.get("workspace"));
        assert_eq!(lints.and_then(toml::Value::as_bool), Some(true), "{name}");
    }
}

#[test]
fn pure_crates_forbid_io() {
    let settings = |dir: &str| -> toml::Table {
        let path = root().join(dir).join("clippy.toml");
        std::fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
            .parse()
            .unwrap()
    };
    let first = settings(PURE[0]);
    for dir in PURE {
        assert_eq!(
            settings(dir),
            first,
            "{dir}/clippy.toml says the same as {}",
            PURE[0]
        );
    }
    let text = toml::to_string(&first).unwrap();
    for forbidden in [
        "std::fs::",
        "std::env::",
        "std::net::",
        "std::process::",
        "SystemTime",
    ] {
        assert!(text.contains(forbidden), "{forbidden} is not forbidden");
    }
}

#[test]
fn each_crate_says_what_it_is_for_and_what_it_must_never_know() {
    let workspace = manifest(&root());
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let src = root().join(member.as_str().unwrap()).join("src");
        let opening = ["lib.rs", "main.rs"]
            .iter()
            .find_map(|file| std::fs::read_to_string(src.join(file)).ok())
            .unwrap();
        let doc: Vec<_> = opening
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        assert!(doc.len() >= 4, "{member} opens with a page of its own");
        assert!(
            doc.iter()
                .any(|line| line.to_lowercase().contains("invariant")),
            "{member}'s opening page states its invariants"
        );
    }
}
