//! What went wrong with a data service.

use std::fmt;

/// A service could not be prepared or converged. Its text says what was being done, to what, why
/// it failed and, where there is one, what to do next. It never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// The service in the app's words, such as `postgres db`.
    pub service: String,
    /// What was being done, as in "cannot …".
    pub doing: String,
    /// Why it failed.
    pub why: String,
    /// What to do next, if anything can be said.
    pub next: Option<String>,
}

impl ServiceError {
    /// An error without advice.
    pub(crate) fn new(
        service: impl Into<String>,
        doing: impl Into<String>,
        why: impl fmt::Display,
    ) -> Self {
        Self {
            service: service.into(),
            doing: doing.into(),
            why: why.to_string(),
            next: None,
        }
    }

    /// Adds what to do next.
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot {}: {}", self.service, self.doing, self.why)?;
        if let Some(next) = &self.next {
            write!(f, "; {next}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ServiceError {}
