//! Plans in files, and recent plans by their id.

use std::path::{Path, PathBuf};

use plat_engine::{Plan, PlanFile, SealError, SigningKey};

use crate::deploy::Deployment;
use crate::failure::{self, Failure, Stop};
use crate::program::Program;
use crate::project;
use crate::states;
use crate::targets::Place;
use crate::terminal::Terminal;

/// A plan file larger than this is not ours: it is refused before it is read.
const LARGEST: u64 = 1 << 30;

/// Writes a plan to a file, whole or not at all; signed where a key is given.
///
/// # Errors
/// It can't be written.
pub fn write(plan: &Plan, key: Option<&SigningKey>, file: &Path) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |error: std::io::Error| failure::io(format!("writing {}", file.display()), &error);
    let bytes = match key {
        Some(key) => plat_engine::plan_to_signed_bytes(plan, key),
        None => plat_engine::plan_to_bytes(plan),
    };
    let bytes = bytes.map_err(|error| failed(error.into()))?;
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

/// Reads a plan file.
///
/// # Errors
/// It can't be read, or is no plan as it was written.
pub fn read(file: &Path) -> Result<PlanFile, Failure> {
    let failed = |error: &std::io::Error| failure::io(format!("reading {}", file.display()), error);
    let size = std::fs::metadata(file).map_err(|e| failed(&e))?.len();
    if size > LARGEST {
        return Err(Failure::new(format!(
            "{} has {size} bytes: it is no plan of plat",
            file.display()
        )));
    }
    let bytes = std::fs::read(file).map_err(|e| failed(&e))?;
    plat_engine::plan_from_bytes(&bytes).map_err(|error| {
        let failure = Failure::new(format!("{}: {error}", file.display()));
        match error {
            SealError::Newer { .. } => failure
                .next("a newer platc made it: update platc, or make the plan again with this one"),
            SealError::Older { .. } => failure
                .next("an older platc made it: make the plan again, `platc plan -o FILE`"),
            SealError::Damaged { .. } => failure
                .next("get it again whole, or make it again: `platc plan -o FILE`"),
            SealError::Foreign { .. } => failure.next("`platc plan -o FILE` makes one").next(
                "to apply an environment of the same name as a file, go to another directory and use -C",
            ),
        }
    })
}

/// Whether that is how plans print their ids.
pub fn is_id(said: &str) -> bool {
    (4..=64).contains(&said.len()) && said.chars().all(|c| c.is_ascii_hexdigit())
}

/// The recent plan of that id, of any environment of this app.
///
/// # Errors
/// There is none, or it can't be read.
pub fn recent(
    program: &Program,
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

/// Where a plan is for. It says itself, so that no program is needed; but images that are not in
/// their registry yet are made of the source, which is looked for from `dir` or the current
/// directory upwards.
///
/// # Errors
/// Its target can't be used.
pub fn open_for(
    plan: &Plan,
    dir: Option<&Path>,
    terminal: &Terminal,
) -> Result<Deployment, Failure> {
    let place = match &plan.graph {
        Some(graph) => Place::of(graph),
        // A destroy has no graph; its targets describe themselves.
        None => {
            let described = plan.targets.values().next().map(String::as_str);
            Place::described(described.unwrap_or_default())
        }
    };
    let state = plan.graph.as_deref().and_then(states::of);
    Deployment::open(plan.scope.clone(), &place, state, &source(dir), terminal)
}

/// Where the source may be: the package there, else the directory itself, in which what is missing
/// is named as missing. What is there is used only where it is what the plan says.
fn source(dir: Option<&Path>) -> PathBuf {
    project::find(dir).unwrap_or_else(|_| {
        let dir = dir.unwrap_or(Path::new("."));
        std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_a_plan_is_the_package_or_the_directory_itself() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().canonicalize().unwrap();
        let below = dir.join("app/below");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(source(Some(&below)), below);
        std::fs::write(dir.join("app/plat.toml"), "").unwrap();
        assert_eq!(source(Some(&below)), dir.join("app"));
    }
}
