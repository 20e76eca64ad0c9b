//! `platc check`.

use std::path::{Path, PathBuf};

use plat_semantics::EnvironmentInfo;
use serde_json::{Value, json};

use crate::cli::{Check, Global};
use crate::failure::{Failure, Outcome, Stop};
use crate::program::{self, Program};
use crate::report::{self, Counts};
use crate::sarif::{self, Found};
use crate::suggest::{count, listed};
use crate::terminal::Terminal;
use crate::today::today;

/// Checks packages: every environment, every policy.
pub fn run(check: &Check, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let base = global.dir.as_deref();
    let packages: Vec<Option<PathBuf>> = if check.paths.is_empty() {
        vec![base.map(Path::to_path_buf)]
    } else {
        let base = base.unwrap_or(Path::new(""));
        check
            .paths
            .iter()
            .map(|path| Some(base.join(path)))
            .collect()
    };
    for path in &check.paths {
        if let Some(failure) = is_environment(path, base, terminal) {
            return Err(failure.into());
        }
    }
    let mut failed = false;
    let mut reports = Vec::new();
    let mut findings = Vec::new();
    for package in &packages {
        let program = program::read(package.as_deref(), terminal)?;
        let mut diagnostics = program.diagnostics();
        let today = check.today.unwrap_or_else(today);
        diagnostics.extend(program.ended_waivers(today));
        let counts = Counts::of(&diagnostics);
        failed |= counts.errors > 0;
        if check.json {
            let mut told = report::to_json(&diagnostics, &program.sources(&diagnostics));
            if let Some(told) = told.as_object_mut() {
                told.insert("environments".to_owned(), environments(&program));
            }
            reports.push(told);
            continue;
        }
        if check.sarif {
            findings.push(Found {
                package: program.name().to_owned(),
                sources: program.sources(&diagnostics),
                diagnostics,
            });
            continue;
        }
        program.show(&diagnostics, terminal);
        if counts.errors == 0 {
            let environments = program.environment_names();
            let checked = match environments.as_slice() {
                [] => "no environment".to_owned(),
                names => {
                    let environments = count(names.len(), "environment", "environments");
                    format!("{environments} checked ({})", some_of(names))
                }
            };
            let nothing = if counts.warnings == 0 {
                ", nothing wrong"
            } else {
                ""
            };
            terminal.say(format!("{}: {checked}{nothing}", program.name()));
        }
    }
    if check.sarif {
        terminal.print_json(&sarif::log(&findings))?;
    }
    match reports.as_mut_slice() {
        [] => {}
        [one] => terminal.print_json(one)?,
        several => terminal.print_json(&json!({ "format": 1, "packages": several }))?,
    }
    if failed {
        Err(Stop::Reported)
    } else {
        Ok(Outcome::Done)
    }
}

/// The names, or, of many, the first ones and how many more there are.
fn some_of(names: &[String]) -> String {
    const MOST: usize = 12;
    match names.get(..MOST) {
        Some(first) if names.len() > MOST + 1 => {
            let more = format!("{} more", names.len() - MOST);
            let first = first.iter().cloned().chain([more]);
            listed(&first.collect::<Vec<_>>())
        }
        _ => listed(names),
    }
}

/// Where no directory is there, but an environment of that name is: why it is not taken.
fn is_environment(path: &Path, base: Option<&Path>, terminal: &Terminal) -> Option<Failure> {
    if base.unwrap_or(Path::new("")).join(path).exists() {
        return None;
    }
    let said = path.to_str()?;
    let program = program::read(base, terminal).ok()?;
    program.has_environment(said).then(|| {
        Failure::new(format!(
            "`{said}` is an environment, and `platc check` takes directories of packages"
        ))
        .note("it checks all environments of a package at once")
        .next("say `platc check`")
    })
}

/// The environments, for programs: what can be said where a command takes one, and on what it is.
fn environments(program: &Program) -> Value {
    let told = |env: EnvironmentInfo| {
        json!({
            "name": env.name,
            "keys": env.keys,
            "target": env.target,
            "doc": env.doc,
            "place": { "file": env.place.file, "line": env.place.line, "column": env.place.column },
        })
    };
    program.environments().into_iter().map(told).collect()
}
