//! PostgreSQL: one server for each `postgres` declaration.
//!
//! `prepare` makes the data directory (once) and writes the configuration; [`converge`] brings
//! database, roles, rights and extensions to what was asked for, over the server's own port with
//! the administrator's password.

mod converge;
mod init;
mod sql;

pub use converge::converge;
pub use init::{data_major, prepare};

use super::{Secret, ServiceError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The role that we administer the server with; an app's roles can't have this name.
pub const ADMINISTRATOR: &str = "plat";

/// One PostgreSQL as it should be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The declaration's name, for messages.
    pub name: String,
    /// A directory of its own; made if it is missing. The data is in `data` under it.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The password of [`ADMINISTRATOR`]. Must be the same on each call: it is set once, when the
    /// data directory is made.
    pub administrator_password: Secret,
    /// The one database.
    pub database: String,
    /// Every role that may log in. A role that was there and is no longer named can't log in any
    /// more; what it owns stays.
    pub roles: Vec<Role>,
    /// Extensions to have in the database.
    pub extensions: Vec<String>,
}

/// A role that may log in.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its password; a new one is set on the next converge.
    pub password: Secret,
    /// What it may do.
    pub rights: Rights,
}

/// What a role may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Everything in the database, which it owns (for `url`).
    OwnsAll,
    /// Reads everything, also what is made later; writes nothing (for `read_only_url`).
    ReadsAll,
    /// Only what is in some schemas, also what is made there later.
    Schemas {
        /// Makes, reads and writes whatever is in these.
        owns: Vec<String>,
        /// Reads whatever is in these.
        reads: Vec<String>,
    },
}

impl Settings {
    fn service(&self) -> String {
        format!("postgres {}", self.name)
    }

    fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn error(&self, doing: impl Into<String>, why: impl std::fmt::Display) -> ServiceError {
        ServiceError::new(self.service(), doing, why)
    }
}
