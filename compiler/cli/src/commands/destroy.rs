//! `platc destroy`.

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::{DataWord, Operation, Plan};
use plat_model::Hold;

use crate::cli::{self, Global};
use crate::deploy::{self, Began, Deployment};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::terminal::{Terminal, harmless};

/// Takes an environment away; its data only where that is said aloud.
pub fn run(
    arguments: &cli::Destroy,
    global: &Global,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.env.as_deref(), terminal)?;
    let held = program.holds(&deployment, terminal);
    let word = match (arguments.data, arguments.yes) {
        (true, true) => DataWord::All,
        (true, false) => DataWord::Of(agreed(&deployment, &held, terminal)?),
        (false, _) => DataWord::None,
    };
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan_destroy(word, &held)?;
    if plan.is_empty() {
        deployment.nobody_else()?;
        terminal.say(format!(
            "{}: nothing to do, nothing of it is there",
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
    if !arguments.data && plan.operations.iter().any(|o| data_of(o).is_some()) {
        terminal.say("Data is kept, and taken up again by the next `platc up`; `platc destroy --data` removes it.");
    }
    deploy::refuse_sure_failure(&plan, !terminal.is_quiet())?;
    approve(&plan, arguments.yes, terminal)?;
    let command = format!("platc destroy {}", plan.scope.environment);
    deployment.apply(&plan, &Began::by(command), arguments.wait, terminal)?;
    Ok(Outcome::Done)
}

fn data_of(operation: &Operation) -> Option<&str> {
    let object = operation.previous.as_ref().or(operation.desired.as_ref())?;
    object.holds_data.as_ref().map(|held| held.what.as_str())
}

/// Asks for each thing that holds data whether its data goes: its name is the word for it.
fn agreed(
    deployment: &Deployment,
    held: &[Hold],
    terminal: &Terminal,
) -> Result<BTreeSet<String>, Stop> {
    let all = deployment.plan_destroy(DataWord::All, held)?;
    let holders: BTreeMap<String, String> = all
        .operations
        .iter()
        .filter_map(|operation| {
            let name = operation
                .node
                .as_ref()
                .map_or(operation.object.as_str(), |node| node.as_str());
            Some((name.to_owned(), data_of(operation)?.to_owned()))
        })
        .collect();
    if holders.is_empty() {
        return Ok(BTreeSet::new());
    }
    if !terminal.can_ask() {
        return Err(Failure::new(
            "`--data` removes data, and there is no terminal to ask on, so nothing was changed",
        )
        .next("where nobody sits, say both: `platc destroy --yes --data`")
        .into());
    }
    let mut names = BTreeSet::new();
    for (name, what) in &holders {
        let answer = terminal.ask(format!(
            "{} would be lost for good. Type {} to remove it, or nothing to keep it:",
            terminal.err().bad(harmless(what)),
            terminal.err().bold(name)
        ))?;
        if answer == *name {
            names.insert(name.clone());
        } else {
            terminal.say(format!("  {name} keeps its data"));
        }
    }
    Ok(names)
}

fn approve(plan: &Plan, yes: bool, terminal: &Terminal) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    if !terminal.can_ask() {
        return Err(Failure::new(
            "nobody approved this: there is no terminal to ask on, so nothing was changed",
        )
        .next("say --yes where nobody sits: `platc destroy --yes`; it keeps the data")
        .into());
    }
    if terminal.confirm(format!("Take {} away?", plan.scope))? {
        Ok(())
    } else {
        Err(Failure::new("not approved, so nothing was changed").into())
    }
}
