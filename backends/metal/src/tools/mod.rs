//! Where the programs of the data services come from: the machine's own packages, else the user's
//! cache, else fetched once, by pinned version and SHA-256.
//!
//! [`Tools::locate`] and [`Tools::resolve`] use no network and change nothing, so that a plan can
//! say what would be fetched and an impossible wish is refused before anything is changed.
//! [`Tools::ensure`] fetches. An archive is checked before it is unpacked, unpacked beside its
//! place and renamed into it: what is found in the cache is whole.
//!
//! Architecture invariant: nothing that was not checked against a pinned hash is unpacked or run.

mod error;
mod fetch;
mod machine;
mod pins;
mod unpack;

pub use error::ToolError;
pub use pins::{Layout, Pin, pinned};

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

/// A program that a data service needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// PostgreSQL's `postgres` and `initdb`, of this major version if one is asked for.
    Postgres {
        /// The major version, such as 17; `None` takes what there is.
        major: Option<u32>,
    },
    /// `redis-server` or `valkey-server`.
    Redis,
    /// `nats-server`.
    Nats,
}

impl Tool {
    /// The product's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres { .. } => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Nats => "NATS",
        }
    }

    /// What to install where nothing can be fetched.
    pub(crate) fn package(self) -> String {
        match self {
            Self::Postgres { major: Some(major) } => format!("postgresql-{major}"),
            Self::Postgres { major: None } => "postgresql".to_owned(),
            Self::Redis => "redis-server".to_owned(),
            Self::Nats => "nats-server".to_owned(),
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres { major: Some(major) } => write!(f, "PostgreSQL {major}"),
            _ => f.write_str(self.name()),
        }
    }
}

/// A program that is here and can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub tool: Tool,
    /// The program itself, an absolute path (for PostgreSQL: `postgres`, with `initdb` beside it).
    pub program: PathBuf,
    /// Its full version, such as `17.11`.
    pub version: String,
    /// Where it came from.
    pub origin: Origin,
}

impl Found {
    /// The first number of the version.
    #[must_use]
    pub fn major(&self) -> u32 {
        machine::major(&self.version)
    }

    /// Another program of the same installation, such as `initdb`.
    #[must_use]
    pub fn sibling(&self, name: &str) -> PathBuf {
        self.program.with_file_name(name)
    }
}

/// Where a program came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Installed on this machine by somebody else.
    Machine,
    /// Fetched by us, now or earlier.
    Cache,
}

/// What would be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// What it is.
    pub tool: Tool,
    /// The version that is pinned.
    pub version: String,
    /// The size of the download in bytes.
    pub bytes: u64,
}

impl fmt::Display for Fetch {
    /// As a plan says it: `PostgreSQL 17.11, 15 MB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.bytes.div_ceil(1_000_000);
        write!(f, "{} {}, {megabytes} MB", self.tool.name(), self.version)
    }
}

/// What [`Tools::resolve`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It is here.
    Have(Found),
    /// It is not here; [`Tools::ensure`] would fetch it.
    Fetch(Fetch),
}

/// How far a download is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// What is fetched, such as `PostgreSQL 17.11`.
    pub what: &'a str,
    /// Bytes received.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Told about a download, from time to time.
pub type OnProgress<'a> = &'a (dyn Fn(Progress<'_>) + Send + Sync);

/// Where to look and where to fetch from.
#[derive(Debug, Clone)]
pub struct Config {
    /// A server (`https://…`, `http://…`) or directory (`file:///…`) that is asked first; it holds
    /// the archives under their own file names.
    pub mirror: Option<String>,
    /// The machine's directories to look in. Empty: programs of the machine are not used.
    pub search: Vec<PathBuf>,
    /// What may be fetched.
    pub pins: Vec<Pin>,
}

impl Config {
    /// The usual places: `PATH` and where distributions put the servers, `PLAT_MIRROR`, and the
    /// pins of this release.
    #[must_use]
    pub fn from_env() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        Self {
            mirror: env::var("PLAT_MIRROR").ok().filter(|m| !m.is_empty()),
            search: machine::usual_places(&path),
            pins: pinned(),
        }
    }
}

/// Finds and fetches the programs of the data services.
#[derive(Debug, Clone)]
pub struct Tools {
    cache: PathBuf,
    config: Config,
}

impl Tools {
    /// Keeps what it fetches under `cache_dir`, which must be readable by the users that services
    /// run as (so not below `/root`).
    #[must_use]
    pub fn new(cache_dir: impl Into<PathBuf>, config: Config) -> Self {
        Self {
            cache: cache_dir.into(),
            config,
        }
    }

    /// What is here already, the machine's own first. Uses no network. Runs the candidates with
    /// `--version`.
    #[must_use]
    pub fn locate(&self, tool: Tool) -> Option<Found> {
        machine::find(tool, &self.config.search).or_else(|| self.cached(self.pin(tool)?, tool))
    }

    /// What [`Tools::ensure`] would do. Uses no network and changes nothing.
    ///
    /// # Errors
    /// There is none here and none is pinned for this machine.
    pub fn resolve(&self, tool: Tool) -> Result<Resolved, ToolError> {
        if let Some(found) = self.locate(tool) {
            return Ok(Resolved::Have(found));
        }
        let pin = self.pin(tool).ok_or_else(|| self.none_pinned(tool))?;
        Ok(Resolved::Fetch(Fetch {
            tool,
            version: pin.version.clone(),
            bytes: pin.bytes,
        }))
    }

    /// Makes sure that the tool is here, fetching it if it must be. Safe to call from several
    /// processes at once: one fetches, the others wait for it.
    ///
    /// # Errors
    /// It is not here, and no source gave an archive with the pinned hash, or the cache can't be
    /// written. The error names each source that was tried and the package to install.
    pub async fn ensure(&self, tool: Tool, progress: OnProgress<'_>) -> Result<Found, ToolError> {
        if let Some(found) = self.locate(tool) {
            return Ok(found);
        }
        let pin = self.pin(tool).ok_or_else(|| self.none_pinned(tool))?;
        let what = format!("{} {}", tool.name(), pin.version);
        let cache_error = |why: std::io::Error| ToolError::Cache {
            what: what.clone(),
            dir: self.cache.clone(),
            why: why.to_string(),
        };
        unpack::make_cache(&self.cache).map_err(cache_error)?;
        let _lock = unpack::lock(&self.cache, &pin.directory())
            .await
            .map_err(cache_error)?;
        if let Some(found) = self.cached(pin, tool) {
            return Ok(found);
        }
        let archive = fetch::archive(pin, self.config.mirror.as_deref(), &what, progress)
            .await
            .map_err(|tried| ToolError::Fetch {
                what: what.clone(),
                tried,
                file: pin.file.clone(),
                package: tool.package(),
            })?;
        unpack::into_cache(pin, archive, &self.cache)
            .await
            .map_err(|why| ToolError::Unpack {
                what: what.clone(),
                file: pin.file.clone(),
                why,
            })?;
        self.cached(pin, tool).ok_or_else(|| ToolError::Unpack {
            what,
            file: pin.file.clone(),
            why: format!("it does not hold {}", pin.program),
        })
    }

    fn pin(&self, tool: Tool) -> Option<&Pin> {
        self.config
            .pins
            .iter()
            .filter(|pin| pin.is_for_this_machine() && pin.suits(tool))
            .max_by_key(|pin| pin.preference)
    }

    fn cached(&self, pin: &Pin, tool: Tool) -> Option<Found> {
        let program = self.place(pin).join(pin.program);
        is_executable(&program).then(|| Found {
            tool,
            program,
            version: pin.version.clone(),
            origin: Origin::Cache,
        })
    }

    fn place(&self, pin: &Pin) -> PathBuf {
        self.cache.join("tools").join(pin.directory())
    }

    fn none_pinned(&self, tool: Tool) -> ToolError {
        let known = self
            .config
            .pins
            .iter()
            .filter(|pin| pin.is_for_this_machine() && pin.tool == tool.name())
            .map(|pin| pin.version.clone())
            .collect();
        ToolError::NonePinned {
            tool,
            known,
            package: tool.package(),
        }
    }
}

/// Whether there is a file that may be run.
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
