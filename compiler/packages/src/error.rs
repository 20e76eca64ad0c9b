//! What can go wrong with packages.

use std::fmt::Display;
use std::path::Path;

/// A failure: what was being done, to what, why it failed; and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// One sentence, without a full stop.
    pub message: String,
    /// What to do next; empty where nothing is known to help.
    pub next: Vec<String>,
}

impl Error {
    /// A failure.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            next: Vec::new(),
        }
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }
}

/// A failure to do something with a file or a directory.
pub(crate) fn io(what: impl Display, path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("{what} {}: {error}", path.display()))
}
