//! `platc releases`.

use plat_engine::{ReleaseHead, utc};
use serde_json::json;

use crate::cli::{self, Global};
use crate::failure::{Outcome, Stop};
use crate::program;
use crate::terminal::{Paint, Terminal, harmless};

/// Lists the releases that are kept, newest first.
pub fn run(
    arguments: &cli::Releases,
    global: &Global,
    terminal: &Terminal,
) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.env.as_deref(), terminal)?;
    let state = deployment.state()?;
    if arguments.json {
        terminal.print_json(&json!({
            "format": 1,
            "app": deployment.scope.app,
            "environment": deployment.scope.environment,
            "releases": state.releases,
        }))?;
    } else if state.releases.is_empty() {
        terminal.say(format!("{}: nothing was applied yet", deployment.scope));
    } else {
        terminal.print(table(&state.releases, terminal.out()))?;
    }
    Ok(Outcome::Done)
}

fn table(releases: &[ReleaseHead], paint: Paint) -> String {
    let rows: Vec<[String; 5]> = releases
        .iter()
        .rev()
        .map(|release| {
            [
                release.number.to_string(),
                utc(release.at),
                release.plan.short().to_owned(),
                harmless(&release.by).into_owned(),
                what(release),
            ]
        })
        .collect();
    let head = ["RELEASE", "APPLIED", "PLAN", "BY", "WHAT"].map(str::to_owned);
    let mut widths = [0; 5];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut text = format!("{}\n", paint.dim(line(&head)));
    for (row, release) in rows.iter().zip(releases.iter().rev()) {
        let line = line(row);
        let line = if release.complete {
            line
        } else {
            paint.busy(line)
        };
        text.push_str(&format!("{line}\n"));
    }
    text
}

fn what(release: &ReleaseHead) -> String {
    let mut text = match (release.returned_to, &release.graph) {
        (Some(number), _) => format!("back to release {number}"),
        (None, None) => "took everything away".to_owned(),
        (None, Some(_)) => harmless(&release.command).into_owned(),
    };
    if !release.complete {
        text.push_str(", not all of it was done");
    }
    text
}
