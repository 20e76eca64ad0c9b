//! Being where a workload is: running a command beside it, a job by hand, a connection to it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::future::BoxFuture;
use plat_model::NodePath;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::backend::BackendError;
use crate::object::Scope;

/// Columns and rows of a terminal.
pub type Size = (u16, u16);

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A command where a copy of a workload is: with its environment, its files, its rights.
    Command {
        /// Which copy, from 0.
        copy: u32,
        /// The command and its arguments.
        command: Vec<String>,
    },
    /// A job that runs on demand, with these arguments behind its own.
    Job {
        /// The arguments.
        arguments: Vec<String>,
    },
}

/// A process to be attached to.
pub enum Attached {
    /// It is to be started here, by whoever asked: it gets his terminal as it is.
    Here(Here),
    /// It runs elsewhere.
    There(There),
}

/// What is to be started on this machine. It holds values of secrets.
pub struct Here {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The working directory.
    pub dir: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Files to lay down before it starts, for their owner alone, and to take away when it ended:
    /// by path, whose last directory is theirs alone.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here")
            .field("command", &self.command)
            .field("dir", &self.dir)
            .field("env", &self.env.keys())
            .field("files", &self.files.keys())
            .finish()
    }
}

/// A process elsewhere, and its streams.
pub struct There {
    /// What it reads, where it is told anything.
    pub input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// What it writes; on a terminal errors too.
    pub output: Box<dyn AsyncRead + Send + Unpin>,
    /// What it writes of errors.
    pub errors: Option<Box<dyn AsyncRead + Send + Unpin>>,
    /// Takes the size of the terminal each time that it changes, where it has one.
    pub sizes: Option<mpsc::Sender<Size>>,
    /// Its exit code, once it ended.
    pub end: BoxFuture<'static, Result<i32, BackendError>>,
}

/// A connection: both directions.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Gets people to where a workload is; the same for every target.
#[async_trait]
pub trait Attach: Send + Sync {
    /// Runs something of a declaration. With a `terminal` the process has one of that size.
    ///
    /// # Errors
    /// Nothing of the declaration runs, it is none of which anything can be run, or it can't be
    /// reached.
    async fn attach(
        &self,
        scope: &Scope,
        node: &NodePath,
        wanted: &Wanted,
        terminal: Option<Size>,
    ) -> Result<Attached, BackendError>;

    /// The ports of a declaration by which it can be reached: names and numbers, the main one
    /// first.
    ///
    /// # Errors
    /// There are none, or the target can't be asked.
    async fn ports(
        &self,
        scope: &Scope,
        node: &NodePath,
    ) -> Result<Vec<(String, u16)>, BackendError>;

    /// A connection to one of those ports, of a copy that is ready.
    ///
    /// # Errors
    /// Nobody answers there.
    async fn connect(
        &self,
        scope: &Scope,
        node: &NodePath,
        port: u16,
    ) -> Result<Box<dyn Connection>, BackendError>;
}

/// The ports of a declaration as [`Attach::ports`] gives them; `what` is being done.
///
/// # Errors
/// There are none.
pub fn main_first(
    node: &NodePath,
    what: &str,
    ports: impl IntoIterator<Item = (String, u16)>,
) -> Result<Vec<(String, u16)>, BackendError> {
    let mut ports: Vec<_> = ports.into_iter().collect();
    if ports.is_empty() {
        let why = format!("{node} listens on no port");
        return Err(BackendError::new(what, why));
    }
    ports.sort_by_key(|(name, _)| name != "main");
    Ok(ports)
}
