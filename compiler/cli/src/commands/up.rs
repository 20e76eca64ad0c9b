//! `platc up`.

use std::time::{Duration, Instant};

use plat_engine::{NodeStatus, RunState};

use crate::cli::{self, Global};
use crate::commands::apply::nothing_to_do;
use crate::deploy::{self, Began, Deployment};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::suggest::listed;
use crate::terminal::Terminal;

/// How long what was applied may take until it answers; each operation has waited for its own
/// readiness already.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plans, asks, applies, waits until it answers and prints where.
pub fn run(arguments: &cli::Up, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph_to_plan(arguments.env.env.as_deref(), terminal)?;
    let deployment = program.to_plan(&graph, terminal)?;
    if arguments.wait {
        deployment.wait_for_others(terminal)?;
    }
    let plan = deployment.plan(graph, &arguments.words)?;
    if plan.is_empty() {
        nothing_to_do(&deployment, &plan, terminal)?;
        // Nothing to change is not yet well: after a reboot things are still on their way.
        let status = follow(&deployment)?;
        print_urls(&status, terminal)?;
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
    let command = format!("platc up {}", plan.scope.environment);
    deployment.apply(&plan, &Began::by(command), arguments.wait, terminal)?;
    let status = follow(&deployment)?;
    print_urls(&status, terminal)?;
    Ok(Outcome::Done)
}

/// Waits until everything works.
fn follow(deployment: &Deployment) -> Result<Vec<NodeStatus>, Stop> {
    let until = Instant::now() + PATIENCE;
    loop {
        let status = deployment.status()?;
        let waiting: Vec<&NodeStatus> = status.iter().filter(|s| !works(s.state)).collect();
        if waiting.is_empty() {
            return Ok(status);
        }
        if Instant::now() >= until || waiting.iter().all(|s| s.state == RunState::Failed) {
            let names: Vec<&str> = waiting.iter().map(|s| s.node.as_str()).collect();
            let mut failure = Failure::new(format!(
                "all is as the source asks, but {} not well",
                is_or_are(&names)
            ));
            for node in &waiting {
                if let Some(why) = &node.last_failure {
                    failure = failure.note(format!("{}: {why}", node.node));
                }
            }
            return Err(failure
                .next(format!("platc logs {}", names.join(" ")))
                .next("platc status")
                .into());
        }
        let interrupted = deployment.wait(async {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(100)) => false,
                _ = tokio::signal::ctrl_c() => true,
            }
        });
        if interrupted {
            return Err(Stop::Interrupted);
        }
    }
}

fn is_or_are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", listed(names))
}

const fn works(state: RunState) -> bool {
    matches!(state, RunState::Running | RunState::Idle | RunState::Done)
}

/// Where people come in, each on a line of stdout; where there is no route, says so.
fn print_urls(status: &[NodeStatus], terminal: &Terminal) -> Result<(), Stop> {
    let routes = status.iter().filter(|node| node.kind == "route");
    // The first is the one that the source names; the others lead to the same.
    let urls: Vec<&str> = routes
        .filter_map(|node| node.urls.first())
        .map(String::as_str)
        .collect();
    if urls.is_empty() {
        terminal.say("it runs; no route leads to it");
        return Ok(());
    }
    terminal.print(
        urls.iter()
            .map(|url| format!("{url}\n"))
            .collect::<String>(),
    )
}
