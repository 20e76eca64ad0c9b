//! NATS with JetStream: one server for an app's environment, one stream for each `queue`.
//!
//! A queue `emails` is a stream `emails` that takes the subject `emails` and has one durable
//! consumer `emails`: a message goes to one receiver, again until it is acknowledged, at most
//! `retries` times more. What a program is given is `nats://user:password@127.0.0.1:port/emails`.
//!
//! Each link to a queue has a user in an account of its own, which imports from ours the few
//! subjects it needs. Accounts keep inboxes apart, so that a sender can't read what is delivered to
//! a receiver, and clients need nothing set for it.

mod config;
mod converge;

pub use converge::{backlog, converge, remove_queue};

use super::{
    Launch, OnChange, Ready, Secret, ServiceError, Signal, User, digest, make_dir, write_private,
};
use crate::tools::Found;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// One NATS server as it should be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose it is, for messages, such as `shop dev`.
    pub name: String,
    /// A directory of its own; made if it is missing.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The password of our own user, who administers the streams.
    pub administrator_password: Secret,
    /// The queues.
    pub queues: Vec<Queue>,
    /// Who may use them.
    pub users: Vec<QueueUser>,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// How often a message is delivered again after the first time.
    pub retries: u32,
    /// How long a receiver may take before the message is delivered again.
    pub ack_wait: Duration,
}

/// A user who may do one thing with one queue.
#[derive(Debug, Clone)]
pub struct QueueUser {
    /// The login name; letters, digits, `_` and `-`, unique.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// The queue's name.
    pub queue: String,
    /// The one thing.
    pub right: QueueRight,
}

/// What a user may do with a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueRight {
    /// Publish to it.
    Send,
    /// Take from it and acknowledge.
    Receive,
}

impl Settings {
    fn service(&self) -> String {
        format!("queues of {}", self.name)
    }

    fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn config_path(&self) -> PathBuf {
        self.dir.join("nats.conf")
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.join("nats.pid")
    }

    fn error(&self, doing: impl Into<String>, why: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(self.service(), doing, why)
    }

    /// Names become subjects and account names: nothing else may be in them.
    fn check(&self) -> Result<(), ServiceError> {
        let queues = self.queues.iter().map(|queue| queue.name.as_str());
        let users = self.users.iter().map(|user| user.name.as_str());
        for name in queues.chain(users) {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) || name == config::ADMINISTRATOR {
                return Err(self
                    .error(
                        format!("use the name `{name}`"),
                        "a queue's name and a user's may hold letters, digits, `_` and `-`, and not be `plat`",
                    )
                    .next("give it another name"));
            }
        }
        for user in &self.users {
            if !self.queues.iter().any(|queue| queue.name == user.queue) {
                return Err(self.error(
                    format!("let `{}` use the queue `{}`", user.name, user.queue),
                    "there is no such queue",
                ));
            }
        }
        Ok(())
    }
}

/// Writes the configuration and says what to run.
///
/// # Errors
/// A name can't be one, or the directory or the configuration can't be written.
pub fn prepare(settings: &Settings, tool: &Found) -> Result<Launch, ServiceError> {
    settings.check()?;
    let run_as = User::for_service(&["nats"]);
    let path = settings.config_path();
    let failed = |e: std::io::Error| {
        settings.error(
            format!("write its configuration to {}", settings.dir.display()),
            e,
        )
    };
    let text = config::text(settings);
    make_dir(&settings.dir, run_as.as_ref()).map_err(failed)?;
    make_dir(&settings.dir.join("data"), run_as.as_ref()).map_err(failed)?;
    write_private(&path, text.as_bytes(), run_as.as_ref()).map_err(failed)?;
    Ok(Launch {
        command: vec![
            tool.program.to_string_lossy().into_owned(),
            "--config".to_owned(),
            path.to_string_lossy().into_owned(),
        ],
        env: BTreeMap::new(),
        dir: settings.dir.clone(),
        run_as,
        ready: Ready::Tcp(settings.addr()),
        stop_signal: Signal::Term,
        grace: Duration::from_secs(20),
        config_digest: digest([text.as_str(), &tool.version]),
        on_change: OnChange::Signal(Signal::Hup),
    })
}
