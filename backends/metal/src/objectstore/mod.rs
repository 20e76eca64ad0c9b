//! The S3 server of a target without a cloud: one process for an app's environment, on `s3s` and
//! `s3s-fs`, with a directory for each bucket.
//!
//! [`prepare`] writes the configuration and says what to run (`platc internal s3 CONFIG`);
//! [`serve`] is what that command calls. The configuration is read anew on SIGHUP, without dropping
//! a connection.
//!
//! Architecture invariant: every bucket has a storage root and a set of keys of its own, and a
//! request is given to its bucket before it is looked at further. So a key can't reach another
//! bucket, whatever the request says.

mod access;
mod config;
mod serve;

pub use config::{Bucket, Key, KeyRight, Settings};
pub use serve::{ServeError, serve};

use crate::services::{
    Launch, OnChange, Ready, ServiceError, Signal, digest, make_dir, write_private,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// Answers with 200 as long as the server works. No bucket can be called so.
const HEALTH: &str = "/-/healthz";

/// Makes the buckets' directories, writes the configuration and says what to run.
///
/// # Errors
/// A bucket's name is not one that S3 allows, or something can't be written.
pub fn prepare(settings: &Settings) -> Result<Launch, ServiceError> {
    let config = settings.checked_config()?;
    let path = settings.dir.join("s3.json");
    let failed =
        |e: std::io::Error| settings.error(format!("write to {}", settings.dir.display()), e);
    let text = serde_json::to_string_pretty(&config).map_err(|e| failed(e.into()))?;
    make_dir(&settings.dir, None).map_err(failed)?;
    for bucket in &settings.buckets {
        make_dir(&settings.root_of(&bucket.name), None).map_err(failed)?;
        make_dir(&settings.objects_of(&bucket.name), None).map_err(failed)?;
    }
    write_private(&path, text.as_bytes(), None).map_err(failed)?;
    let mut command = settings.program.clone();
    command.push(path.to_string_lossy().into_owned());
    Ok(Launch {
        command,
        env: BTreeMap::new(),
        dir: settings.dir.clone(),
        run_as: None,
        ready: Ready::Http {
            addr: settings.addr(),
            path: HEALTH.to_owned(),
        },
        stop_signal: Signal::Term,
        grace: Duration::from_secs(15),
        config_digest: digest([text.as_str()]),
        on_change: OnChange::Signal(Signal::Hup),
    })
}

/// Waits until the server accepts connections; there is nothing else to bring about.
///
/// # Errors
/// It does not before `within` is over.
pub async fn converge(settings: &Settings, within: Duration) -> Result<(), ServiceError> {
    let deadline = Instant::now() + within;
    loop {
        let why = match timeout_at(deadline, TcpStream::connect(settings.addr())).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it does not answer in time".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(settings
                .error(format!("reach it at {}", settings.addr()), why)
                .next("see its log"));
        }
        sleep(Duration::from_millis(50)).await;
    }
}
