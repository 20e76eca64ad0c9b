//! The targets that this platc can reach.

use std::path::Path;
use std::sync::Arc;

use plat_engine::{Attach, Backend, Inspect};
use plat_kubernetes::{Kubernetes, Logins, NoLogin};
use plat_metal::Local;
use plat_metal::dirs::Dirs;
use plat_model::{Graph, TargetId};

use crate::failure::{self, Failure};

/// A target, to be changed and to be looked at.
pub struct Target {
    /// Makes things.
    pub backend: Arc<dyn Backend>,
    /// Shows them.
    pub inspect: Arc<dyn Inspect>,
    /// Gets people to where they run.
    pub attach: Arc<dyn Attach>,
}

/// Which target it is and where, as plans head it: `local`, `kubernetes prod-eu/shop`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    /// The place that a plan's head names; of `local` that is its kind alone.
    pub fn described(described: &str) -> Self {
        Self(described.to_owned())
    }

    /// The place of a graph's own target.
    pub fn of(graph: &Graph) -> Self {
        let kind = crate::program::target(graph);
        if kind == "kubernetes" {
            Self(plat_kubernetes::Place::of(&TargetId::main(), graph).to_string())
        } else {
            Self::described(kind)
        }
    }
}

/// The target at that place, for the package at `root`.
///
/// # Errors
/// It is not built yet, or can't be used.
pub fn reach(place: &Place, root: &Path) -> Result<Target, Failure> {
    if let Some(place) = plat_kubernetes::Place::read(&place.0) {
        let plans = dirs()?.state.join("kubernetes");
        let logins: Logins = Arc::new(|registry| {
            plat_packages::login(registry).map_err(|error| NoLogin {
                why: error.message,
                next: error.next.into_iter().next(),
            })
        });
        let cluster = Arc::new(Kubernetes::new(
            &place,
            root,
            plans,
            logins,
            crate::shim::for_containers(),
        ));
        return Ok(Target {
            backend: Arc::clone(&cluster) as Arc<dyn Backend>,
            inspect: Arc::clone(&cluster) as Arc<dyn Inspect>,
            attach: cluster,
        });
    }
    let kind = place.0.split(' ').next().unwrap_or_default();
    if kind == "local" {
        let local = Arc::new(Local::new(dirs()?, program()?, root));
        return Ok(Target {
            backend: Arc::clone(&local) as Arc<dyn Backend>,
            inspect: Arc::clone(&local) as Arc<dyn Inspect>,
            attach: local,
        });
    }
    Err(Failure::new(format!(
        "the target `{kind} {{ … }}` is not built yet: this platc runs apps on `local {{}}` and `kubernetes {{ … }}`"
    ))
    .next("give the app an environment that runs here: `env dev { target = local {} }`"))
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
