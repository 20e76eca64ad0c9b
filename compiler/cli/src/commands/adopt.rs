//! `platc adopt`.

use crate::cli::{self, Global};
use crate::deploy::{self, Began};
use crate::failure::{Outcome, Stop};
use crate::program;
use crate::terminal::Terminal;

/// Takes on record what carries this app's label and is not on it. Nothing that runs changes.
pub fn run(arguments: &cli::Adopt, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.env.as_deref(), terminal)?;
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan_adopt()?;
    if plan.operations.is_empty() {
        if !plan.blocked.is_empty() {
            terminal.say(deploy::shown(
                &plan,
                terminal.err(),
                terminal.width(),
                false,
            ));
            return Err(Stop::Reported);
        }
        terminal.say(format!(
            "{}: nothing to do, all that is there is on record",
            plan.scope
        ));
        return Ok(Outcome::Done);
    }
    terminal.say(deploy::shown(
        &plan,
        terminal.err(),
        terminal.width(),
        false,
    ));
    deploy::approve(&plan, arguments.yes, terminal)?;
    let command = format!("platc adopt {}", plan.scope.environment);
    deployment.apply(&plan, &Began::by(command), arguments.wait, terminal)?;
    Ok(Outcome::Done)
}
