//! The command line of plat: files, terminal, exit codes; the one crate that wires all others.
//!
//! Architecture invariants:
//! - It decides nothing about programs: what a program means is `plat-semantics`, what is done to a
//!   target is `plat-engine` and its backends. Here is only what a person or a script meets.
//! - Data goes to stdout, everything else to stderr. Nothing is written to either but through
//!   [`terminal::Terminal`].
//! - Commands about text start no runtime, no thread and no agent.
//! - Never a secret's value in an argument, a message or a log.
//!
//! Start reading at [`cli`] (what can be said), then [`commands`] (one file for each), then
//! [`project`] (how files become a program) and [`report`] (how diagnostics are shown).

mod causes;
mod cli;
mod commands;
mod deploy;
mod failure;
mod help;
mod junit;
mod keys;
mod packages;
mod planfile;
mod policies;
mod program;
mod progress;
mod project;
mod report;
mod revision;
mod sarif;
mod shim;
mod states;
mod suggest;
mod targets;
mod terminal;
mod today;
mod who;
mod words;

use std::process::ExitCode;

use failure::{Outcome, Stop};
use terminal::Terminal;

/// The edition that a new package is written in.
pub const EDITION: &str = "2026";

// The compiler makes many small things that live as long as it does: half the time of the system's
// allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    failure::report_panics();
    let result = std::panic::catch_unwind(|| {
        let arguments = match help::parse() {
            Ok(arguments) => arguments,
            Err(code) => return code,
        };
        let terminal = Terminal::new(&arguments.global);
        let outcome = commands::run(&arguments, &terminal);
        finish(outcome, &terminal)
    });
    // The panic hook has said what there is to say.
    ExitCode::from(result.unwrap_or(1))
}

fn finish(outcome: Result<Outcome, Stop>, terminal: &Terminal) -> u8 {
    match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Changes) => 2,
        Ok(Outcome::Code(code)) => code,
        Err(Stop::Failed(failure)) => {
            terminal.failure(&failure);
            1
        }
        Err(Stop::Reported) => 1,
        Err(Stop::Untestable) => 2,
        Err(Stop::Interrupted) => 130,
        Err(Stop::NobodyReads) => 0,
    }
}
