//! The targets that this platc can reach.

use std::path::Path;
use std::sync::Arc;

use plat_engine::{Backend, Inspect};
use plat_metal::Local;
use plat_metal::dirs::Dirs;

use crate::failure::{self, Failure};

/// A target, to be changed and to be looked at.
pub struct Target {
    /// Makes things.
    pub backend: Arc<dyn Backend>,
    /// Shows them.
    pub inspect: Arc<dyn Inspect>,
}

/// The target of that constructor, for the package at `root`.
///
/// # Errors
/// It is not built yet, or can't be used.
pub fn reach(kind: &str, root: &Path) -> Result<Target, Failure> {
    if kind != "local" {
        return Err(Failure::new(format!(
            "the target `{kind} {{ … }}` is not built yet: this platc runs apps on `local {{}}`"
        ))
        .next("give the app an environment that runs here: `env dev { target = local {} }`"));
    }
    let local = Arc::new(Local::new(dirs()?, program()?, root));
    Ok(Target {
        backend: Arc::clone(&local) as Arc<dyn Backend>,
        inspect: local,
    })
}

/// Where things of this machine's target are kept.
///
/// # Errors
/// Nobody says where this user's things are.
pub fn dirs() -> Result<Dirs, Failure> {
    Dirs::of_user().map_err(|error| Failure::new(error.to_string()))
}

/// This program.
///
/// # Errors
/// The system does not tell.
pub fn program() -> Result<std::path::PathBuf, Failure> {
    std::env::current_exe().map_err(|error| failure::io("finding this program", &error))
}
