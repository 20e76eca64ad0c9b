//! The data services a `local {}` or metal target runs by itself: PostgreSQL, Redis, NATS, and
//! (in [`crate::objectstore`]) S3.
//!
//! Nothing here supervises a process. Each service gives two functions: `prepare` makes ready what
//! must be on disk and says what to run ([`Launch`]); `converge`, called once it accepts
//! connections, brings what is inside (roles, databases, streams) to what was asked for. Both are
//! idempotent and may be killed half-way: the next call finishes the work.
//!
//! Architecture invariant: passwords come from the caller as [`Secret`]s and go only into files
//! that the service's own user alone can read, or over a loopback connection; they are in no
//! command line, environment, error or log.
//!
//! Start reading at [`Launch`], then [`redis`], the smallest service.

mod error;
mod files;
pub mod nats;
pub mod postgres;
pub mod redis;
mod secret;
mod user;

pub use error::ServiceError;
pub use files::digest;
pub(crate) use files::{make_dir, write_private};
pub use secret::Secret;
pub use user::User;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What the agent runs under a shim for one embedded service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Program and arguments. Holds no secret.
    pub command: Vec<String>,
    /// Environment variables to set. Holds no secret. The agent's own environment need not be
    /// passed on.
    pub env: BTreeMap<String, String>,
    /// Working directory; it exists.
    pub dir: PathBuf,
    /// Who to run it as; `None` is the agent's own user.
    pub run_as: Option<User>,
    /// How to know that it answers.
    pub ready: Ready,
    /// The signal that makes it stop in good order.
    pub stop_signal: Signal,
    /// How long it may take to stop before it is killed.
    pub grace: Duration,
    /// A digest of the configuration that it reads when it starts. When it differs from the one
    /// the running process was started with, do what [`Launch::on_change`] says.
    pub config_digest: String,
    /// What a changed configuration needs.
    pub on_change: OnChange,
}

/// What to do with a running service when its configuration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnChange {
    /// Stop it and start it again.
    Restart,
    /// Send it this signal; it reads its configuration anew and drops no connection.
    Signal(Signal),
}

/// How to know that a service accepts work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// A TCP connection is accepted at this address.
    Tcp(SocketAddr),
    /// `GET path` at this address answers with 2xx.
    Http {
        /// Where to connect.
        addr: SocketAddr,
        /// The path, with its leading slash.
        path: String,
    },
    /// This command exits with 0.
    Exec(Vec<String>),
}

/// The signals a service may want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM
    Term,
    /// SIGINT
    Int,
    /// SIGQUIT
    Quit,
    /// SIGHUP
    Hup,
}

impl Signal {
    /// The name as `kill -l` and the shim's spec know it, such as `SIGTERM`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Hup => "SIGHUP",
        }
    }
}
