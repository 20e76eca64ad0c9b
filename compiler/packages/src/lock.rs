//! `plat.lock`: what each wish of the manifests came out as.

use std::path::Path;

use plat_semantics::Source;
use serde::{Deserialize, Serialize};

use crate::error::{Error, io};
use crate::hash::Hash;

/// The name of the file, beside `plat.toml`.
pub const LOCK: &str = "plat.lock";

/// The version of the format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// A `plat.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// The edition of `std` that the main package is bound to.
    pub edition: String,
    /// The packages, by name; each once.
    pub packages: Vec<Locked>,
}

/// A package as it is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version, as its `plat.toml` says.
    pub version: String,
    /// The wish that it came from: never a path.
    pub source: Source,
    /// What the wish came out as: a commit, or the digest of an artifact's manifest.
    pub exactly: String,
    /// Of what is in it.
    pub hash: Hash,
    /// Wishes for older versions that it fulfils as well: of the same major version.
    pub also: Vec<Source>,
}

impl Locked {
    /// Does it fulfil this wish?
    pub fn fulfils(&self, source: &Source) -> bool {
        self.source == *source || self.also.contains(source)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    format: u32,
    std: RawStd,
    #[serde(default, rename = "package", skip_serializing_if = "Vec::is_empty")]
    packages: Vec<RawLocked>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStd {
    edition: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLocked {
    name: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rev: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dir: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oci: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    hash: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    also: Vec<RawSource>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawSource {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    git: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rev: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dir: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oci: Option<String>,
}

impl RawSource {
    fn of(source: &Source) -> Self {
        match source {
            Source::Path(_) => Self::default(),
            Source::Git { url, rev, dir } => Self {
                git: Some(url.clone()),
                rev: Some(rev.clone()),
                dir: (!dir.is_empty()).then(|| dir.clone()),
                oci: None,
            },
            Source::Oci(reference) => Self {
                oci: Some(reference.clone()),
                ..Self::default()
            },
        }
    }

    fn read(self) -> Option<Source> {
        match (self.git, self.rev, self.oci) {
            (Some(url), Some(rev), None) => Some(Source::Git {
                url,
                rev,
                dir: self.dir.unwrap_or_default(),
            }),
            (None, None, Some(reference)) => Some(Source::Oci(reference)),
            _ => None,
        }
    }
}

impl Lock {
    /// Reads the lock beside a package's `plat.toml`; `None` if there is none.
    ///
    /// # Errors
    /// It can't be read, or says what no lock says.
    pub fn read(package: &Path) -> Result<Option<Self>, Error> {
        let path = package.join(LOCK);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map(Some).map_err(|error| {
                Error::new(format!("{} is no lock: {}", path.display(), error.message))
                    .next("take it back from version control, or remove it and say `platc fetch`")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("reading", &path, &error)),
        }
    }

    /// Reads the text of a lock.
    ///
    /// # Errors
    /// It says what no lock says.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let raw: RawLock = toml::from_str(text)
            .map_err(|problem| Error::new(problem.to_string().trim_end().to_owned()))?;
        if raw.format > FORMAT {
            return Err(Error::new(format!(
                "it has format {}, and this platc knows formats up to {FORMAT}",
                raw.format
            )));
        }
        let packages = raw.packages.into_iter().map(|raw| {
            let name = raw.name.clone();
            let wrong = || Error::new(format!("`{name}` does not say where it comes from"));
            let source = RawSource {
                git: raw.git.clone(),
                rev: raw.rev.clone(),
                dir: raw.dir.clone(),
                oci: raw.oci.clone(),
            };
            let source = source.read().ok_or_else(wrong)?;
            let exactly = match source {
                Source::Oci(_) => raw.digest.clone(),
                _ => raw.commit.clone(),
            };
            Ok(Locked {
                exactly: exactly.ok_or_else(wrong)?,
                hash: raw.hash.parse()?,
                also: raw.also.into_iter().filter_map(RawSource::read).collect(),
                source,
                name: raw.name,
                version: raw.version,
            })
        });
        Ok(Self {
            edition: raw.std.edition,
            packages: packages.collect::<Result<_, Error>>()?,
        })
    }

    /// Its text: the same for the same lock.
    ///
    /// # Errors
    /// It can't be written as TOML, which does not happen.
    pub fn text(&self) -> Result<String, Error> {
        let mut packages: Vec<&Locked> = self.packages.iter().collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        let raw = RawLock {
            format: FORMAT,
            std: RawStd {
                edition: self.edition.clone(),
            },
            packages: packages
                .into_iter()
                .map(|locked| {
                    let git = matches!(locked.source, Source::Git { .. });
                    let exactly = Some(locked.exactly.clone());
                    let mut also: Vec<&Source> = locked.also.iter().collect();
                    also.sort();
                    let source = RawSource::of(&locked.source);
                    RawLocked {
                        name: locked.name.clone(),
                        version: locked.version.clone(),
                        git: source.git,
                        rev: source.rev,
                        dir: source.dir,
                        oci: source.oci,
                        commit: exactly.clone().filter(|_| git),
                        digest: exactly.filter(|_| !git),
                        hash: locked.hash.to_string(),
                        also: also.into_iter().map(RawSource::of).collect(),
                    }
                })
                .collect(),
        };
        let body = toml::to_string(&raw)
            .map_err(|problem| Error::new(format!("writing {LOCK}: {problem}")))?;
        Ok(format!(
            "# Written by `platc fetch`. Keep it in version control, beside plat.toml.\n{body}"
        ))
    }

    /// The package of that name.
    pub fn package(&self, name: &str) -> Option<&Locked> {
        self.packages.iter().find(|locked| locked.name == name)
    }
}
