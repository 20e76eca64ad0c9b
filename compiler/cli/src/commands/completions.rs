//! `platc completions`.

use crate::cli::Completions;
use crate::failure::{Outcome, Stop};
use crate::terminal::Terminal;

/// Prints a script for a shell.
pub fn run(completions: &Completions, terminal: &Terminal) -> Result<Outcome, Stop> {
    let mut script = Vec::new();
    clap_complete::generate(
        completions.shell,
        &mut crate::help::command(),
        "platc",
        &mut script,
    );
    terminal.print(String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
