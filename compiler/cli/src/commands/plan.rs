//! `platc plan`.

use std::path::Path;

use plat_engine::{Plan, PlanView};

use crate::cli::{self, Global};
use crate::deploy;
use crate::failure::{self, Failure, Outcome, Stop};
use crate::program;
use crate::terminal::Terminal;

/// Shows what apply would do.
pub fn run(arguments: &cli::Plan, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(arguments.env.env.as_deref(), terminal)?;
    let deployment = program.deployment(&graph, terminal)?;
    let plan = deployment.plan(&graph, &arguments.data)?;
    if !plan.is_empty() {
        deployment.keep(&plan)?;
    }
    if let Some(file) = &arguments.output {
        write(&plan, file)?;
        terminal.say(format!("wrote {}", file.display()));
    }
    if arguments.json {
        terminal.print_json(&PlanView::of(&plan))?;
    } else {
        terminal.print(deploy::shown(&plan, terminal.out(), terminal.width(), true))?;
    }
    deploy::refuse_sure_failure(&plan, !arguments.json)?;
    if arguments.detailed_exitcode && !plan.is_empty() {
        return Ok(Outcome::Changes);
    }
    Ok(Outcome::Done)
}

fn write(plan: &Plan, file: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| failure::io(format!("writing {}", file.display()), &error);
    let bytes = plat_engine::plan_to_bytes(plan).map_err(|error| failed(error.into()))?;
    let dir = file
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut fresh = tempfile::Builder::new()
        .prefix(".plat-plan")
        .tempfile_in(dir)
        .map_err(failed)?;
    fresh
        .write_all(&bytes)
        .and_then(|()| fresh.as_file().sync_all())
        .map_err(failed)?;
    fresh.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}
