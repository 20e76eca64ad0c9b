//! `platc status`.

use plat_engine::{NodeStatus, RunState};
use serde_json::json;

use crate::cli::{self, Global};
use crate::deploy;
use crate::failure::{Outcome, Stop};
use crate::program;
use crate::terminal::{Paint, Terminal, harmless};

/// Shows how an environment's declarations are.
pub fn run(arguments: &cli::Status, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.env.as_deref(), terminal)?;
    let mut nodes = deployment.status()?;
    // The target speaks of its own forms (`process`); people wrote `service`.
    let applied = deployment.applied();
    let kinds = applied.as_ref().map(|graph| &graph.nodes);
    for node in &mut nodes {
        if let Some(declared) = kinds.and_then(|nodes| nodes.get(&node.node)) {
            node.kind = declared.kind.name.clone();
        }
    }
    if arguments.json {
        terminal.print_json(&json!({
            "format": 1,
            "app": deployment.scope.app,
            "environment": deployment.scope.environment,
            "nodes": nodes,
        }))?;
    } else if nodes.is_empty() {
        terminal.say(format!("{}: nothing of it is there", deployment.scope));
    } else {
        terminal.print(table(&nodes, deploy::now() / 1000, terminal.out()))?;
    }
    Ok(Outcome::Done)
}

const HEAD: [&str; 7] = [
    "NODE", "KIND", "STATE", "COPIES", "RESTARTS", "SINCE", "URL",
];

fn table(nodes: &[NodeStatus], now: u64, paint: Paint) -> String {
    let rows: Vec<[String; 7]> = nodes
        .iter()
        .map(|node| {
            [
                node.node.to_string(),
                node.kind.clone(),
                word(node.state).to_owned(),
                copies(node),
                if node.restarts == 0 {
                    String::new()
                } else {
                    node.restarts.to_string()
                },
                node.since
                    .map(|since| ago(now.saturating_sub(since)))
                    .unwrap_or_default(),
                node.urls.join(" "),
            ]
        })
        .collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 7]| -> Vec<String> {
        cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| {
                format!(
                    "{}{}",
                    harmless(cell),
                    " ".repeat(width - cell.chars().count())
                )
            })
            .collect()
    };
    let mut text = format!(
        "{}\n",
        paint.dim(line(&HEAD.map(str::to_owned)).join("  ").trim_end())
    );
    for (row, node) in rows.iter().zip(nodes) {
        let mut cells = line(row);
        if let Some(state) = cells.get_mut(2) {
            *state = coloured(node.state, state, paint);
        }
        if let Some(name) = cells.first_mut() {
            *name = paint.bold(&name);
        }
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
        if let Some(failure) = node.last_failure.as_ref().filter(|_| !is_well(node.state)) {
            text.push_str(&format!("  {}\n", paint.bad(harmless(failure))));
        }
    }
    text
}

const fn is_well(state: RunState) -> bool {
    matches!(state, RunState::Running | RunState::Idle | RunState::Done)
}

const fn word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Starting => "starting",
        RunState::Degraded => "degraded",
        RunState::Failed => "failed",
        RunState::Idle => "idle",
        RunState::Done => "done",
        RunState::Stopped => "stopped",
    }
}

fn coloured(state: RunState, text: &str, paint: Paint) -> String {
    match state {
        RunState::Running | RunState::Done => paint.good(text),
        RunState::Starting | RunState::Degraded => paint.busy(text),
        RunState::Failed | RunState::Stopped => paint.bad(text),
        RunState::Idle => paint.dim(text),
    }
}

fn copies(node: &NodeStatus) -> String {
    if node.wanted == 0 && node.ready == 0 {
        String::new()
    } else {
        format!("{}/{}", node.ready, node.wanted)
    }
}

/// A time that has passed, in its largest unit.
pub fn ago(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}min", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_their_largest_unit() {
        assert_eq!(ago(59), "59s");
        assert_eq!(ago(3599), "59min");
        assert_eq!(ago(7200), "2h");
        assert_eq!(ago(900_000), "10d");
    }
}
