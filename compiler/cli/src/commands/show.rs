//! `platc show`.

use std::path::Path;

use plat_engine::PlanView;

use crate::cli::{self, Global};
use crate::deploy;
use crate::failure::{Failure, Outcome, Stop};
use crate::terminal::Terminal;
use crate::{keys, planfile, program};

/// Shows a plan again, exactly as it was made. No target is asked.
pub fn run(arguments: &cli::Show, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let said = arguments.what.as_str();
    let file = Path::new(said);
    if file.is_file() {
        let read = planfile::read(file)?;
        if let Some(key) = &arguments.verify_key {
            let key = keys::verifying(key)?;
            read.must_be_signed_with(&key)
                .map_err(|error| Failure::new(format!("{said}: {error}")))?;
        }
        if let Some(key) = &read.signed_by {
            terminal.say(format!("signed with the key {key}"));
        }
        deploy::print(&PlanView::of(&read.plan), &arguments.form, false, terminal)?;
        return Ok(Outcome::Done);
    }
    if arguments.verify_key.is_some() {
        return Err(unsigned(said).into());
    }
    if !planfile::is_id(said) {
        return Err(Failure::new(format!("there is no plan file {said}"))
            .next("`platc plan -o FILE` writes one")
            .into());
    }
    let program = program::load(global.dir.as_deref(), terminal)?;
    let (_, plan) = planfile::recent(&program, said, terminal)?;
    deploy::print(&PlanView::of(&plan), &arguments.form, true, terminal)?;
    Ok(Outcome::Done)
}

/// Only files are signed.
pub fn unsigned(said: &str) -> Failure {
    Failure::new(format!(
        "a signature is asked for, and `{said}` is no plan file: only files are signed"
    ))
    .next("make one: `platc plan -o FILE --sign-key KEY`, and apply that file")
}
