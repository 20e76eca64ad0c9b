//! `platc apply`.

use std::path::Path;

use plat_engine::Plan;

use crate::cli::{self, Global};
use crate::commands::show;
use crate::deploy::{self, Began, Deployment, Said};
use crate::failure::{Failure, Outcome, Stop};
use crate::terminal::{Terminal, harmless};
use crate::{keys, planfile, program, words};

/// Plans, asks and does; or does exactly a plan that was made before.
pub fn run(arguments: &cli::Apply, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let said = arguments.what.as_deref();
    if let Some(file) = said.map(Path::new).filter(|path| path.is_file()) {
        words::none_for_a_plan(&arguments.words)?;
        let read = planfile::read(file)?;
        if let Some(key) = &arguments.verify_key {
            let key = keys::verifying(key)?;
            read.must_be_signed_with(&key).map_err(|error| {
                Failure::new(format!("{}: {error}", file.display()))
                    .next("look at it with `platc show`, and have it signed by who approves it")
            })?;
        }
        let deployment = planfile::open_for(&read.plan, global.dir.as_deref(), terminal)?;
        let file = harmless(&file.display().to_string()).into_owned();
        let environment = &read.plan.scope.environment;
        let said = Said {
            apply: format!("platc apply {file}"),
            plan: format!("platc plan {environment} -o {file}"),
        };
        return planned(&deployment, &read.plan, Some(said), arguments, terminal);
    }
    if arguments.verify_key.is_some() {
        return Err(show::unsigned(said.unwrap_or("what was planned just now")).into());
    }
    let program = program::load(global.dir.as_deref(), terminal)?;
    if let Some(id) = said.filter(|said| planfile::is_id(said) && !program.has_environment(said)) {
        words::none_for_a_plan(&arguments.words)?;
        let (deployment, plan) = planfile::recent(&program, id, terminal)?;
        let said = Said {
            apply: format!("platc apply {id}"),
            plan: format!("platc plan {}", plan.scope.environment),
        };
        return planned(&deployment, &plan, Some(said), arguments, terminal);
    }
    if let Some(file) =
        said.filter(|said| said.contains(['.', '/']) && !program.has_environment(said))
    {
        return Err(Failure::new(format!("there is no plan file {file}"))
            .next("`platc plan -o FILE` writes one")
            .into());
    }
    let graph = program.graph_to_plan(said, terminal)?;
    let deployment = program.to_plan(&graph, terminal)?;
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan(graph, &arguments.words)?;
    planned(&deployment, &plan, None, arguments, terminal)
}

fn planned(
    deployment: &Deployment,
    plan: &Plan,
    said: Option<Said>,
    arguments: &cli::Apply,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    if plan.is_empty() {
        nothing_to_do(deployment, plan, terminal)?;
        return Ok(Outcome::Done);
    }
    terminal.say(deploy::shown(plan, terminal.err(), terminal.width(), false));
    deploy::refuse_sure_failure(plan, !terminal.is_quiet())?;
    deploy::approve(plan, arguments.yes, terminal)?;
    let command = format!("platc apply {}", plan.scope.environment);
    deployment.apply(plan, &Began { command, said }, arguments.wait, terminal)?;
    Ok(Outcome::Done)
}

/// Says that the world is as it should be, and what the plan noticed beside that.
///
/// # Errors
/// Somebody else is about to change it.
pub fn nothing_to_do(
    deployment: &Deployment,
    plan: &Plan,
    terminal: &Terminal,
) -> Result<(), Failure> {
    deployment.nobody_else()?;
    if plan.drift.is_empty() {
        terminal.say(format!("{}: nothing to do", plan.scope));
    } else {
        terminal.say(deploy::shown(plan, terminal.err(), terminal.width(), false));
        terminal.say("nothing to do");
    }
    Ok(())
}
