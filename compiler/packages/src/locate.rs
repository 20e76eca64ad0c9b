//! The packages that a lock names, as they are on this machine. Nothing here touches the network.

use std::path::PathBuf;
use std::sync::Arc;

use plat_semantics::Dependency;
use plat_syntax::Diagnostic;

use crate::cache::Cache;
use crate::error::Error;
use crate::lock::{LOCK, Lock};

/// The command that fetches.
const FETCH: &str = "`platc fetch` fetches it and writes plat.lock";

/// A lock and the cache that holds what it names.
#[derive(Debug, Clone)]
pub struct Packages {
    lock: Option<Lock>,
    cache: Cache,
}

impl Packages {
    /// What this lock names, in this cache.
    pub fn new(lock: Option<Lock>, cache: Cache) -> Self {
        Self { lock, cache }
    }

    /// Where a dependency is that is no path: its directory in the cache, its content checked. Or what to tell, at the
    /// dependency in the manifest that is shown as `manifest`.
    ///
    /// # Errors
    /// What is there can't be read.
    pub fn find(
        &self,
        name: &str,
        dependency: &Dependency,
        manifest: &Arc<str>,
    ) -> Result<Result<PathBuf, Box<Diagnostic>>, Error> {
        let tell =
            |code, message: String| Diagnostic::error(code, manifest, dependency.place, message);
        let locked = self.lock.as_ref().and_then(|lock| lock.package(name));
        let Some(locked) = locked else {
            let message = match &self.lock {
                Some(_) => format!("`{name}` is not in {LOCK}"),
                None => format!("`{name}` is to be fetched, and there is no {LOCK}"),
            };
            return Ok(Err(Box::new(tell("E0809", message).with_help(FETCH))));
        };
        if !locked.fulfils(&dependency.source) {
            let message = format!("`{name}` comes from elsewhere than {LOCK} says");
            let help = "`platc fetch` fetches it from there and writes plat.lock";
            return Ok(Err(Box::new(tell("E0809", message).with_help(help))));
        }
        if !self.cache.has(&locked.hash) {
            let message = format!("`{name}` {} is not on this machine", locked.version);
            let help = "`platc fetch` fetches it, as plat.lock has it";
            return Ok(Err(Box::new(tell("E0810", message).with_help(help))));
        }
        let found = self.cache.check(&locked.hash)?;
        let path = self.cache.path(&locked.hash);
        if found != locked.hash {
            let message = format!("`{name}` is not what {LOCK} says");
            let told = tell("E0804", message)
                .with_note(format!("{LOCK} has {}", locked.hash))
                .with_note(format!("{} has {found}", path.display()))
                .with_help("somebody changed it there: `platc fetch` fetches it again");
            return Ok(Err(Box::new(told)));
        }
        Ok(Ok(path))
    }

    /// What is wrong with the lock and the edition of the main package together.
    pub fn edition(&self, edition: &str, manifest: &Arc<str>) -> Option<Diagnostic> {
        let lock = self.lock.as_ref()?;
        (lock.edition != edition).then(|| {
            let message = format!("{LOCK} binds `std` to the edition {}", lock.edition);
            let at = plat_syntax::TextRange::default();
            Diagnostic::error("E0809", manifest, at, message)
                .with_note(format!("plat.toml says {edition}"))
                .with_help("`platc fetch` binds it to the edition of plat.toml")
        })
    }
}
