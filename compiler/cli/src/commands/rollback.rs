//! `platc rollback`.

use crate::cli::{self, Global};
use crate::deploy::{self, Began};
use crate::failure::{Outcome, Stop};
use crate::program;
use crate::terminal::Terminal;

/// Goes back to a release. The program as it is now need not be right for that.
pub fn run(
    arguments: &cli::Rollback,
    global: &Global,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.as_deref(), terminal)?;
    let deployment = deployment.writing(program.cases());
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan_return(arguments.number, &arguments.words)?;
    let number = plan.returns_to.unwrap_or_default();
    if plan.is_empty() {
        deployment.nobody_else()?;
        terminal.say(format!(
            "{}: nothing to do, all is as in release {number}",
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
    deploy::refuse_sure_failure(&plan, !terminal.is_quiet())?;
    deploy::approve(&plan, arguments.yes, terminal)?;
    let command = format!("platc rollback {number}");
    deployment.apply(&plan, &Began::by(command), arguments.wait, terminal)?;
    Ok(Outcome::Done)
}
