//! How a command ends.

use std::fmt::Display;
use std::io::Write as _;

/// How a command ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or nothing to do.
    Done,
    /// A plan has changes, and `--detailed-exitcode` asks to be told: exit code 2.
    Changes,
    /// What was run ended with this exit code.
    Code(u8),
}

/// Why a command ended before it was done.
#[derive(Debug)]
pub enum Stop {
    /// It failed; this is what to tell.
    Failed(Failure),
    /// It failed and has told already.
    Reported,
    /// What was to be tested can't be: the program itself has errors, which have been told. Exit
    /// code 2, so that a build tells a test that fails from a program that is broken.
    Untestable,
    /// It was interrupted: exit code 130.
    Interrupted,
    /// Whoever read stdout has gone (`platc graph | head`), which is no failure.
    NobodyReads,
}

/// What went wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was being done, to what, and why it failed: one sentence, without a full stop.
    pub message: String,
    /// Facts that help to see why.
    pub notes: Vec<String>,
    /// What to do next.
    pub next: Vec<String>,
}

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            notes: Vec::new(),
            next: Vec::new(),
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A failure to do something with a file or the system: `what` is what was being done.
pub fn io(what: impl Display, error: &std::io::Error) -> Failure {
    let failure = Failure::new(format!("{what}: {}", reason(error)));
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            failure.next("check who owns it and whether you may read and write it")
        }
        std::io::ErrorKind::StorageFull => {
            failure.next("the disk is full: make room and try again")
        }
        std::io::ErrorKind::ReadOnlyFilesystem => {
            failure.next("make it writable, or write the file elsewhere")
        }
        _ => failure,
    }
}

/// The system's reason, without its number.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => text,
    }
}

/// A panic is a bug in platc, and says so.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let what = info
            .payload()
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| info.payload().downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        let place = info
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()))
            .unwrap_or_default();
        let trace = std::backtrace::Backtrace::capture();
        let trace = match trace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
            _ => "\nRun it again with RUST_BACKTRACE=1 to see how it came there.".to_owned(),
        };
        // Nobody is left to tell if this fails.
        let _ = writeln!(
            std::io::stderr(),
            "platc has a bug: {what}\n  at {place}, in platc {version}\n\
             Your program is not to blame. Nothing that was being applied is lost: the next call goes on from the journal.\n\
             Please report it with these lines and the command you ran.{trace}",
            version = env!("CARGO_PKG_VERSION"),
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_reasons_read_as_part_of_a_sentence() {
        let error = std::io::Error::from_raw_os_error(2);
        assert_eq!(reason(&error), "no such file or directory");
    }
}
