//! `platc apply`.

use std::path::Path;

use plat_engine::Plan;

use crate::cli::{self, Global};
use crate::deploy::{self, Deployment};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::program;
use crate::terminal::Terminal;

/// Plans, asks and does; or does exactly a plan that was made before.
pub fn run(arguments: &cli::Apply, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let said = arguments.what.as_deref();
    if let Some(file) = said.map(Path::new).filter(|path| path.is_file()) {
        let plan = read(file)?;
        let deployment = open_for(&plan, terminal)?;
        return planned(&deployment, &plan, arguments, terminal);
    }
    let program = program::load(global.dir.as_deref(), terminal)?;
    if let Some(id) = said.filter(|said| is_plan_id(said) && !program.has_environment(said)) {
        let (deployment, plan) = recent(&program, id, terminal)?;
        return planned(&deployment, &plan, arguments, terminal);
    }
    let graph = program.graph(said, terminal)?;
    let deployment = program.deployment(&graph, terminal)?;
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan(&graph, &arguments.data)?;
    planned(&deployment, &plan, arguments, terminal)
}

fn planned(
    deployment: &Deployment,
    plan: &Plan,
    arguments: &cli::Apply,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    if plan.is_empty() {
        nothing_to_do(plan, terminal);
        return Ok(Outcome::Done);
    }
    terminal.say(deploy::shown(plan, terminal.err(), terminal.width(), false));
    deploy::refuse_sure_failure(plan, !terminal.is_quiet())?;
    deploy::approve(plan, arguments.yes, terminal)?;
    let command = format!("platc apply {}", plan.scope.environment);
    deployment.apply(plan, &command, arguments.wait, terminal)?;
    Ok(Outcome::Done)
}

/// Says that the world is as it should be, and what the plan noticed beside that.
pub fn nothing_to_do(plan: &Plan, terminal: &Terminal) {
    if plan.drift.is_empty() {
        terminal.say(format!("{}: nothing to do", plan.scope));
    } else {
        terminal.say(deploy::shown(plan, terminal.err(), terminal.width(), false));
        terminal.say("nothing to do");
    }
}

fn read(file: &Path) -> Result<Plan, Failure> {
    let bytes = std::fs::read(file)
        .map_err(|error| failure::io(format!("reading {}", file.display()), &error))?;
    plat_engine::plan_from_bytes(&bytes).map_err(|error| {
        Failure::new(format!("{}: {error}", file.display()))
            .next("make it again: `platc plan -o FILE`")
            .next("to apply an environment of the same name as a file, go to another directory and use -C")
    })
}

/// Where a plan is for. It says itself, so that no program is needed.
fn open_for(plan: &Plan, terminal: &Terminal) -> Result<Deployment, Failure> {
    let target = match &plan.graph {
        Some(graph) => program::target(graph).to_owned(),
        // A destroy has no graph; its targets describe themselves, name first.
        None => plan
            .targets
            .values()
            .next()
            .and_then(|described| described.split_whitespace().next())
            .unwrap_or_default()
            .to_owned(),
    };
    // Where the program is matters to planning alone.
    Deployment::open(plan.scope.clone(), &target, Path::new("/"), terminal)
}

/// As plans print their ids.
fn is_plan_id(said: &str) -> bool {
    (4..=64).contains(&said.len()) && said.chars().all(|c| c.is_ascii_hexdigit())
}

/// The recent plan of that id, of any environment of this app.
fn recent(
    program: &program::Program,
    id: &str,
    terminal: &Terminal,
) -> Result<(Deployment, Plan), Stop> {
    for name in program.environment_names() {
        // What can't be reached has no recent plan of ours.
        let Ok(deployment) = program.deployed(Some(&name), terminal) else {
            continue;
        };
        if let Some(plan) = deployment.recent(id)? {
            return Ok((deployment, plan));
        }
    }
    Err(Failure::new(format!(
        "there is no file, no environment and no recent plan `{id}`"
    ))
    .next("`platc plan` makes a plan and prints its id; the latest ones are kept")
    .into())
}
