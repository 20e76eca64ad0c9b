//! What goes in: packages with their files, as the command line or the editor has read them.

use std::collections::BTreeMap;

use plat_syntax::{Diagnostic, TextRange};

/// Everything that a compilation reads. The main package stands first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// The packages: the main one, then its dependencies in any order.
    pub packages: Vec<PackageInput>,
}

/// One package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageInput {
    /// What its `plat.toml` says.
    pub manifest: Manifest,
    /// Its directory relative to the main package's, with `/`; empty for the main package.
    pub root: String,
    /// Its `.plat` files: path relative to the package's root with `/`, and text.
    pub files: Vec<(String, String)>,
    /// The paths of all its other files, with `/`: what `dir(…)` may name.
    pub listing: Vec<String>,
}

/// A `plat.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The edition of `std` that it is written for.
    pub edition: String,
    /// What it builds on, by the name that `use` has for it.
    pub dependencies: BTreeMap<String, Dependency>,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// A directory, relative to the package's own.
    pub path: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    package: RawPackage,
    #[serde(default)]
    dependencies: BTreeMap<String, RawDependency>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPackage {
    name: toml::Spanned<String>,
    version: String,
    edition: toml::Spanned<String>,
    #[serde(default)]
    #[expect(dead_code, reason = "read so that it is allowed")]
    description: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDependency {
    path: Option<String>,
    git: Option<String>,
    #[expect(dead_code, reason = "read so that the error speaks of `git`")]
    rev: Option<String>,
    oci: Option<String>,
    #[expect(dead_code, reason = "read so that the error speaks of `git`")]
    version: Option<String>,
}

/// Reads a `plat.toml`. Its places are in the file `plat.toml`.
pub fn parse_manifest(text: &str) -> Result<Manifest, Box<Diagnostic>> {
    let file = std::sync::Arc::from("plat.toml");
    let at = |range: Option<std::ops::Range<usize>>| {
        let range = range.unwrap_or(0..0);
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        TextRange::new(clamp(range.start), clamp(range.end))
    };
    let error = |code, range, message: String| Diagnostic::error(code, &file, at(range), message);
    let raw: RawManifest =
        toml::from_str(text).map_err(|problem| {
            let message = format!("this is no plat.toml: {}", problem.message().trim_end());
            Box::new(error("E0801", problem.span(), message).with_help(
                "it has `[package]` with name, version and edition, and `[dependencies]`",
            ))
        })?;
    let name = raw.package.name.get_ref();
    let good = name.chars().next().is_some_and(|c| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !good || name == crate::names::STD {
        let message = format!("`{name}` cannot be the name of a package");
        return Err(Box::new(
            error("E0801", Some(raw.package.name.span()), message)
                .with_help("small letters, digits and `_`, a letter first; `std` is taken"),
        ));
    }
    let edition = raw.package.edition.get_ref();
    if !plat_stdlib::EDITIONS.contains(&edition.as_str()) {
        let message = format!("there is no edition `{edition}`");
        return Err(Box::new(
            error("E0802", Some(raw.package.edition.span()), message).with_help(format!(
                "the editions are {}",
                plat_stdlib::EDITIONS.join(", ")
            )),
        ));
    }
    let mut dependencies = BTreeMap::new();
    for (name, dependency) in raw.dependencies {
        match dependency.path {
            Some(path) => {
                dependencies.insert(name, Dependency { path });
            }
            None => {
                let kind = if dependency.git.is_some() {
                    "git"
                } else if dependency.oci.is_some() {
                    "oci"
                } else {
                    "no path"
                };
                let start = text.find(&name).unwrap_or(0);
                let message =
                    format!("the dependency `{name}` comes from {kind}, which is not built yet");
                return Err(Box::new(
                    error("E0804", Some(start..start + name.len()), message)
                        .with_help("write `{ path = \"…\" }`"),
                ));
            }
        }
    }
    Ok(Manifest {
        name: raw.package.name.into_inner(),
        version: raw.package.version,
        edition: raw.package.edition.into_inner(),
        dependencies,
    })
}
