//! One file for each command.

mod completions;
mod explain;
mod fmt;
mod new;
mod version;

use crate::cli::{Arguments, Command};
use crate::failure::{Outcome, Stop};
use crate::terminal::Terminal;

/// Does what was said.
///
/// # Errors
/// See [`Stop`].
pub fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Outcome, Stop> {
    let global = &arguments.global;
    match &arguments.command {
        Command::New(new) => new::run(new, global, terminal),
        Command::Fmt(fmt) => fmt::run(fmt, global, terminal),
        Command::Explain(explain) => explain::run(explain, terminal),
        Command::Completions(completions) => completions::run(completions, terminal),
        Command::Version(version) => version::run(version, terminal),
    }
}
