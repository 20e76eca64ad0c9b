//! `platc diff`.

use std::path::Path;

use plat_engine::PlanView;

use crate::cli::{self, Global};
use crate::deploy;
use crate::failure::{Failure, Outcome, Stop};
use crate::program::{self, Program};
use crate::project;
use crate::revision::Revision;
use crate::terminal::Terminal;

/// Compares two revisions or two environments, with no access to a target; or, where that is
/// said, the target with the files.
pub fn run(arguments: &cli::Diff, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    let dir = global.dir.as_deref();
    let view = match words.as_slice() {
        [range, ..] if arguments.live && range.contains("..") => {
            return Err(Failure::new(
                "`--live` compares the files here with a target, not revisions",
            )
            .next(format!(
                "leave one of the two away: `platc diff {range}`, or `platc diff --live`"
            ))
            .into());
        }
        [] if arguments.live => live(None, dir, terminal)?,
        [env] if arguments.live => live(Some(env), dir, terminal)?,
        _ if arguments.live => {
            return Err(
                Failure::new("`--live` compares the files here with one target")
                    .next("platc diff --live ENV")
                    .into(),
            );
        }
        [range] if range.contains("..") => revisions(range, None, dir, terminal)?,
        [range, env] if range.contains("..") => revisions(range, Some(env), dir, terminal)?,
        [one, two] => environments(one, two, dir, terminal)?,
        words => {
            let mut failure = Failure::new("say what is compared");
            if let [one] = words
                && is_revision(one, dir)
            {
                failure = failure.next(format!("with the files here: `platc diff {one}..`"));
            }
            return Err(failure
                .next("two revisions: `platc diff main..`")
                .next("two environments: `platc diff dev prod`")
                .next("the target with the files here: `platc diff --live`")
                .into());
        }
    };
    deploy::print(&view, &arguments.form, false, terminal)?;
    if arguments.detailed_exitcode && !view.nothing_to_do {
        return Ok(Outcome::Changes);
    }
    Ok(Outcome::Done)
}

fn environments(
    one: &str,
    two: &str,
    dir: Option<&Path>,
    terminal: &Terminal,
) -> Result<PlanView, Stop> {
    let program = program::load(dir, terminal)?;
    let (is_one, is_two) = (program.has_environment(one), program.has_environment(two));
    if !is_one && is_revision(one, dir) {
        let next = match (is_two, is_revision(two, dir)) {
            (true, _) => format!("with the files here: `platc diff {one}.. {two}`"),
            (false, true) => format!("two revisions: `platc diff {one}..{two}`"),
            (false, false) => format!("with the files here: `platc diff {one}.. ENV`"),
        };
        let failure = Failure::new(format!("`{one}` is a revision, and not an environment"));
        return Err(failure.next(next).into());
    }
    let old = program.graph(Some(one), terminal)?;
    let new = program.graph(Some(two), terminal)?;
    Ok(PlanView::comparing(&old, &new, one, two, &program.cases()))
}

/// Whether git knows that name. That it can't be asked is no.
fn is_revision(said: &str, dir: Option<&Path>) -> bool {
    project::find(dir).is_ok_and(|root| Revision::is_there(&root, said))
}

/// Left out, the first is the last commit and the second is the files as they are.
fn revisions(
    range: &str,
    env: Option<&str>,
    dir: Option<&Path>,
    terminal: &Terminal,
) -> Result<PlanView, Stop> {
    let (from, to) = range.split_once("..").unwrap_or((range, ""));
    let to = to.trim_start_matches('.');
    let root = project::find(dir)?;
    let from = if from.is_empty() { "HEAD" } else { from };
    let before = Revision::of(&root, from)
        .map_err(|failure| environments_meant(failure, from, to, dir, terminal))?;
    let after = match to {
        "" => None,
        said => Some(Revision::of(&root, said)?),
    };
    let old = read(before.package(), from, terminal)?;
    let new = match &after {
        Some(revision) => read(revision.package(), to, terminal)?,
        None => program::load(dir, terminal)?,
    };
    let cases = new.cases();
    let old = old.graph(env, terminal)?;
    let new = new.graph(env, terminal)?;
    let to = if to.is_empty() { "the files here" } else { to };
    Ok(PlanView::comparing(&old, &new, from, to, &cases))
}

/// Environments have no `..` between them: what is no revision may be one of them.
fn environments_meant(
    failure: Failure,
    from: &str,
    to: &str,
    dir: Option<&Path>,
    terminal: &Terminal,
) -> Failure {
    match program::load(dir, terminal) {
        Ok(program) if program.has_environment(from) && program.has_environment(to) => {
            failure.next(format!("these are environments: `platc diff {from} {to}`"))
        }
        _ => failure,
    }
}

fn read(package: &Path, said: &str, terminal: &Terminal) -> Result<Program, Stop> {
    terminal.detail(format!("reading the revision {said}"));
    program::load(Some(package), terminal)
}

fn live(env: Option<&str>, dir: Option<&Path>, terminal: &Terminal) -> Result<PlanView, Stop> {
    let program = program::load(dir, terminal)?;
    let graph = program.graph(env, terminal)?;
    let deployment = program.to_plan(&graph, terminal)?;
    let plan = deployment.plan(graph, &cli::Words::default())?;
    Ok(PlanView::of(&plan))
}
