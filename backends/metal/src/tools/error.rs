//! Why a tool could not be had.

use super::Tool;
use std::fmt;
use std::path::PathBuf;

/// A tool is not here and could not be got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolError {
    /// None is pinned for this machine or this version.
    NonePinned {
        /// What was asked for.
        tool: Tool,
        /// The versions that could be fetched for this machine.
        known: Vec<String>,
        /// The package to install instead.
        package: String,
    },
    /// No source gave it.
    Fetch {
        /// Name and version.
        what: String,
        /// Each source that was tried, with the reason it failed.
        tried: Vec<(String, String)>,
        /// The archive's file name, for who wants to mirror it.
        file: String,
        /// The package to install instead.
        package: String,
    },
    /// The archive had the right hash and could not be unpacked.
    Unpack {
        /// Name and version.
        what: String,
        /// The archive's file name.
        file: String,
        /// Why.
        why: String,
    },
    /// The cache can't be used.
    Cache {
        /// Name and version.
        what: String,
        /// The cache directory.
        dir: PathBuf,
        /// Why.
        why: String,
    },
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonePinned {
                tool,
                known,
                package,
            } => {
                write!(
                    f,
                    "{tool} is not installed, and none is known that could be fetched for "
                )?;
                write!(f, "{} {}", std::env::consts::OS, std::env::consts::ARCH)?;
                if !known.is_empty() {
                    write!(f, " (known: {})", known.join(", "))?;
                }
                write!(f, "; install it: {}", install(package))
            }
            Self::Fetch {
                what,
                tried,
                file,
                package,
            } => {
                write!(f, "{what} is not installed and could not be fetched")?;
                for (source, why) in tried {
                    write!(f, "\n  {source}: {why}")?;
                }
                write!(
                    f,
                    "\n  install it ({}), or set PLAT_MIRROR to a server or directory that holds {file}",
                    install(package)
                )
            }
            Self::Unpack { what, file, why } => {
                write!(f, "cannot unpack {file} ({what}): {why}")
            }
            Self::Cache { what, dir, why } => write!(
                f,
                "cannot keep {what} in the cache {}: {why}; free some space there or make it writable",
                dir.display()
            ),
        }
    }
}

impl std::error::Error for ToolError {}

fn install(package: &str) -> String {
    format!("`apt install {package}`")
}
