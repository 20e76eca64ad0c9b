//! `platc plan`.

use plat_engine::{Plan, PlanView};

use super::pin;
use crate::cli::{self, Global};
use crate::deploy::{self, Deployment};
use crate::failure::{Outcome, Stop};
use crate::terminal::Terminal;
use crate::{keys, planfile, program};

/// Shows what apply would do.
pub fn run(arguments: &cli::Plan, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    // A key that can't be read is told before anything is asked.
    let key = match &arguments.sign_key {
        Some(said) => Some(keys::signing(said)?),
        None => None,
    };
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph_to_plan(arguments.env.env.as_deref(), terminal)?;
    pin::tell_of_pins_that_no_longer_hold(&graph, terminal);
    let deployment = program.to_plan(&graph, terminal)?;
    let plan = deployment.plan(graph, &arguments.words)?;
    let kept = plan.is_empty() || kept(&deployment, &plan, terminal);
    if let Some(file) = &arguments.output {
        planfile::write(&plan, key.as_ref(), file)?;
        terminal.say(match &key {
            Some(key) => format!(
                "wrote {}, signed with the key {}",
                file.display(),
                key.verifying_key()
            ),
            None => format!("wrote {}", file.display()),
        });
    }
    deploy::print(&PlanView::of(&plan), &arguments.form, kept, terminal)?;
    deploy::refuse_sure_failure(&plan, arguments.form.is_text())?;
    if arguments.detailed_exitcode && !plan.is_empty() {
        return Ok(Outcome::Changes);
    }
    Ok(Outcome::Done)
}

/// Keeps a plan, so that it can be applied by its id. Who may only read the state plans all the
/// same: then it is told that the id is of no use.
fn kept(deployment: &Deployment, plan: &Plan, terminal: &Terminal) -> bool {
    let Err(failure) = deployment.keep(plan) else {
        return true;
    };
    let paint = terminal.err();
    terminal.tell(format!(
        "{}: this plan can't be applied by its id: {}\n  {} a file of it can be: `platc plan -o FILE`",
        paint.warning("warning"),
        failure.message,
        paint.hint("→"),
    ));
    false
}
