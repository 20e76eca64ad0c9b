//! What goes in: packages with their files, as the command line or the editor has read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::{Diagnostic, TextRange};

use crate::manifest::MANIFEST;

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
    /// Where its dependencies are that were fetched: the `root` of each, by the name that `use` has for it.
    /// Those from a path are found by that path.
    pub fetched: BTreeMap<String, String>,
    /// Its `.plat` files: path relative to the package's root with `/`, and text.
    pub files: Vec<(String, String)>,
    /// The paths of all its other files, with `/`, and of its empty directories, each with a `/` at its end: what
    /// `dir(…)` may name.
    pub listing: Vec<String>,
}

/// A `plat.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The package's name.
    pub name: String,
    /// Its version, as semver.org has it.
    pub version: String,
    /// The edition of `std` that it is written for.
    pub edition: String,
    /// What it builds on, by the package's name.
    pub dependencies: BTreeMap<String, Dependency>,
}

/// A package that another builds on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Where it comes from.
    pub source: Source,
    /// Its name in the `plat.toml` that asks for it.
    pub place: TextRange,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A directory, relative to the package's own: part of the same source tree, so nothing locks it.
    Path(String),
    /// A revision of a git repository.
    Git {
        /// The repository's address, as git takes it.
        url: String,
        /// A tag, a branch or a commit.
        rev: String,
        /// The package's directory in the repository; empty for its root.
        dir: String,
    },
    /// An artifact of an OCI registry: `registry.example.com/platform/acme:2.3.0`.
    Oci(String),
}

impl PackageInput {
    /// Where a dependency of this package is: the `root` of that package. None while it is not fetched.
    fn root_of(&self, name: &str, dependency: &Dependency) -> Option<String> {
        match &dependency.source {
            Source::Path(path) => Some(normal(&format!("{}/{path}", self.root))),
            Source::Git { .. } | Source::Oci(_) => self.fetched.get(name).map(|root| normal(root)),
        }
    }

    /// The name of its `plat.toml` in what is shown.
    fn shown(&self, main: bool) -> Arc<str> {
        if main {
            Arc::from(MANIFEST)
        } else {
            Arc::from(format!("{}:{MANIFEST}", self.manifest.name))
        }
    }
}

impl Project {
    /// The names of a package's dependencies, as that package calls them, and the packages that they are.
    pub(crate) fn dependencies(&self) -> Vec<BTreeMap<String, String>> {
        let names: BTreeMap<String, &str> = self
            .packages
            .iter()
            .map(|p| (normal(&p.root), p.manifest.name.as_str()))
            .collect();
        self.packages
            .iter()
            .map(|package| {
                let dependencies = package.manifest.dependencies.iter();
                dependencies
                    .map(|(alias, dependency)| {
                        let root = package.root_of(alias, dependency);
                        let name = root.and_then(|root| names.get(&root).copied());
                        (alias.clone(), name.unwrap_or(alias).to_owned())
                    })
                    .collect()
            })
            .collect()
    }

    /// Which packages are part of the same source tree as the main one: reached from it by paths
    /// alone, so that who works on it works on them too.
    pub(crate) fn own(&self) -> Vec<bool> {
        let roots: Vec<String> = self.packages.iter().map(|p| normal(&p.root)).collect();
        let mut own = vec![false; self.packages.len()];
        let mut waiting = vec![0];
        while let Some(position) = waiting.pop() {
            let (Some(seen), Some(package)) = (own.get_mut(position), self.packages.get(position))
            else {
                continue;
            };
            if std::mem::replace(seen, true) {
                continue;
            }
            for (name, dependency) in &package.manifest.dependencies {
                if matches!(dependency.source, Source::Path(_))
                    && let Some(root) = package.root_of(name, dependency)
                {
                    waiting.extend(roots.iter().position(|other| *other == root));
                }
            }
        }
        own
    }

    /// What is wrong with the packages together: names that do not agree, two packages with one name, circles.
    pub fn problems(&self) -> Vec<Diagnostic> {
        let by_root: BTreeMap<String, usize> = self
            .packages
            .iter()
            .enumerate()
            .map(|(position, p)| (normal(&p.root), position))
            .collect();
        let mut found = Vec::new();
        let mut arrows: Vec<Vec<(usize, TextRange)>> = Vec::new();
        // Who first brought in a package of this name.
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        if let Some(main) = self.packages.first() {
            first.insert(&main.manifest.name, 0);
        }
        for (position, package) in self.packages.iter().enumerate() {
            let file = package.shown(position == 0);
            let mut out = Vec::new();
            for (name, dependency) in &package.manifest.dependencies {
                let there = package
                    .root_of(name, dependency)
                    .and_then(|root| by_root.get(&root).copied());
                let Some((at, other)) = there.and_then(|at| Some((at, self.packages.get(at)?)))
                else {
                    continue;
                };
                out.push((at, dependency.place));
                let own = other.manifest.name.as_str();
                if own != name {
                    let message =
                        format!("the package that is called `{name}` here calls itself `{own}`");
                    found.push(
                        Diagnostic::error("E0806", &file, dependency.place, message)
                            .with_help(format!("write `{own}`, here and in `use`"))
                            .with_fix(format!("write `{own}`"), dependency.place, own),
                    );
                }
                let known = *first.entry(own).or_insert(at);
                if let Some(known) = self.packages.get(known).filter(|_| known != at) {
                    found.push(two_of_a_name(known, other, &file, dependency.place));
                }
            }
            arrows.push(out);
        }
        found.extend(self.circles(&arrows));
        found.sort_by(|a, b| a.order().cmp(&b.order()));
        found
    }

    /// A circle of packages, told where it closes; each once.
    fn circles(&self, arrows: &[Vec<(usize, TextRange)>]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut done = BTreeSet::new();
        // A path from the main package, and how far each of it has been looked through.
        let mut path: Vec<(usize, usize)> = vec![(0, 0)];
        while let Some((package, next)) = path.last_mut() {
            let (package, at) = (*package, *next);
            *next += 1;
            let Some((to, place)) = arrows.get(package).and_then(|a| a.get(at)) else {
                path.pop();
                done.insert(package);
                continue;
            };
            if let Some(start) = path.iter().position(|(p, _)| p == to) {
                let name = |p: &usize| self.packages.get(*p).map_or("", |p| &p.manifest.name);
                let mut around: Vec<&str> = path.iter().skip(start).map(|(p, _)| name(p)).collect();
                around.push(name(to));
                let message = match around.as_slice() {
                    [one, _] => format!("`{one}` depends on itself"),
                    _ => format!(
                        "packages depend on each other in a circle: {}",
                        around.join(" → ")
                    ),
                };
                let Some(file) = self.packages.get(package).map(|p| p.shown(package == 0)) else {
                    continue;
                };
                found.push(
                    Diagnostic::error("E0807", &file, *place, message)
                        .with_help("put what both need into a package of its own"),
                );
            } else if !done.contains(to) {
                path.push((*to, 0));
            }
        }
        found
    }
}

/// A program has one package of a name, so that its types are the same everywhere.
fn two_of_a_name(
    first: &PackageInput,
    second: &PackageInput,
    file: &Arc<str>,
    place: TextRange,
) -> Diagnostic {
    let name = &second.manifest.name;
    let at = |package: &PackageInput| match package.root.as_str() {
        "" => "this package".to_owned(),
        root => root.to_owned(),
    };
    let (a, b) = (&first.manifest.version, &second.manifest.version);
    let message = if a == b {
        format!("there are two packages called `{name}`")
    } else {
        format!("there are two versions of `{name}`: {a} and {b}")
    };
    Diagnostic::error("E0808", file, place, message)
        .with_note(format!("{name} {a} is {}", at(first)))
        .with_note(format!("{name} {b} is {}", at(second)))
        .with_help("a program has one package of a name: depend on the same one everywhere")
}

/// A relative path without `.` and needless `..`.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|p| *p != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}
