//! The reverse proxy of a target without a load balancer: one process, on `hyper`, that takes
//! requests by host and path to the copies of services, to files, or elsewhere.
//!
//! [`prepare`] writes the configuration and says what to run (`platc internal proxy CONFIG`);
//! [`serve`] is what that command calls. To replace a copy without losing a request: add the new
//! one, [`control::reload`]; take the old one out, [`control::reload`]; wait for
//! [`control::drained`]; stop it.
//!
//! Architecture invariants: the proxy knows nothing of apps, only the configuration it is given. A
//! request is sent to a second copy only if the first can't have begun to work on it, or if its
//! method says that doing it twice is doing it once.
//!
//! Start reading at [`Config`], then `serve.rs`, then `forward.rs`.

mod balance;
mod body;
mod config;
pub mod control;
mod files;
mod forward;
mod headers;
mod limit;
mod metrics;
mod pages;
mod port;
mod serve;
mod state;
mod table;

pub use balance::EndpointStatus;
pub use config::{Config, Endpoint, Limit, PathRule, Route, Service, Target};
pub use port::{Holder, holder};
pub use serve::{ServeError, serve};

use crate::services::{
    Launch, OnChange, Ready, ServiceError, Signal, digest, make_dir, write_private,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a proxy whose directory is `dir` reads its configuration.
#[must_use]
pub fn config_path(dir: &Path) -> PathBuf {
    dir.join("proxy.json")
}

/// Writes `config` where the proxy of `dir` reads it, whole or not at all. A running proxy takes it
/// over at the next [`control::reload`].
///
/// # Errors
/// It can't be used, or the file can't be written.
pub fn write_config(dir: &Path, config: &Config) -> Result<(), ServiceError> {
    let failed = |why: String| ServiceError::new("proxy", "write its configuration", why);
    table::Table::new(config).map_err(failed)?;
    let text = serde_json::to_string_pretty(config).map_err(|e| failed(e.to_string()))?;
    let path = config_path(dir);
    make_dir(dir, None)
        .and_then(|()| write_private(&path, text.as_bytes(), None))
        .map_err(|e| failed(format!("{}: {e}", path.display())))
}

/// Writes the configuration and says what to run: `program` with the configuration's path added.
///
/// # Errors
/// As [`write_config`].
pub fn prepare(dir: &Path, program: &[String], config: &Config) -> Result<Launch, ServiceError> {
    write_config(dir, config)?;
    let mut command = program.to_vec();
    command.push(config_path(dir).to_string_lossy().into_owned());
    let ready = match config.listen.first() {
        Some(&address) => Ready::Tcp(address),
        None => {
            return Err(ServiceError::new(
                "proxy",
                "prepare it",
                "it is given no address to listen on",
            ));
        }
    };
    Ok(Launch {
        command,
        env: BTreeMap::new(),
        dir: dir.to_owned(),
        run_as: None,
        ready,
        stop_signal: Signal::Term,
        grace: Duration::from_millis(config.finish_ms) + Duration::from_secs(2),
        config_digest: digest([serde_json::to_string(config).unwrap_or_default()]),
        on_change: OnChange::Signal(Signal::Hup),
    })
}
