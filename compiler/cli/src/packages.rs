//! Packages from elsewhere, as the command line reads them: from the cache, by what `plat.lock` says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use plat_packages::{Cache, Lock, Packages};

use crate::failure::{self, Failure};
use crate::targets;

/// Where in a package's directory those that were fetched for it stand, as links into the cache: their paths in the
/// graph are then the same on every machine.
const LINKS: &str = ".plat/packages";

/// The user's cache of packages.
///
/// # Errors
/// There is no place for it.
pub fn cache() -> Result<Cache, Failure> {
    Ok(Cache::new(targets::dirs()?.cache.join("packages")))
}

/// What the lock of a package names, in the user's cache.
///
/// # Errors
/// The lock can't be read.
pub fn of(root: &Path) -> Result<Packages, Failure> {
    let lock = Lock::read(root).map_err(failure)?;
    Ok(Packages::new(lock, cache()?))
}

/// A failure of packages, as the command line tells it.
pub fn failure(error: plat_packages::Error) -> Failure {
    let failure = Failure::new(error.message);
    error.next.into_iter().fold(failure, Failure::next)
}

/// Links a package of the cache into the main package's directory, and gives the way there from it.
///
/// # Errors
/// The link can't be made.
pub fn link(root: &Path, name: &str, package: &Path) -> Result<String, Failure> {
    let links = root.join(LINKS);
    let link = links.join(name);
    let way = format!("{LINKS}/{name}");
    if fs::read_link(&link).is_ok_and(|found| found == package) {
        return Ok(way);
    }
    let failed = |error: io::Error| {
        failure::io(
            format!("linking the package `{name}` at {}", link.display()),
            &error,
        )
    };
    fs::create_dir_all(&links).map_err(failed)?;
    // What is in there is of this machine: version control passes it over.
    let ignore = root.join(".plat/.gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(failed)?;
    }
    // Beside it first, so that nobody finds it missing.
    let beside: PathBuf = links.join(format!(".{name}-{}", std::process::id()));
    let _ = fs::remove_file(&beside);
    std::os::unix::fs::symlink(package, &beside).map_err(failed)?;
    fs::rename(&beside, &link).map_err(failed)?;
    Ok(way)
}
