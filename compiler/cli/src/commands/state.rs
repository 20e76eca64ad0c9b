//! `platc state`.

use plat_engine::{ObjectId, Recorded};
use serde_json::{Value as Json, json};

use crate::cli::{self, Global, StateCommand};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::suggest::nearest;
use crate::terminal::{Terminal, harmless};

/// Shows what is remembered of an environment. It holds no secret: only references and digests.
pub fn run(arguments: &cli::State, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let deployment = program.deployed(arguments.env.as_deref(), terminal)?;
    let state = deployment.state()?;
    match &arguments.command {
        StateCommand::Export => terminal.print_json(&json!({
            "format": plat_engine::State::FORMAT,
            "state": state,
        }))?,
        StateCommand::Show { what } => show(&state, what, terminal)?,
        StateCommand::List { json: true } => terminal.print_json(&json!({
            "format": 1,
            "app": deployment.scope.app,
            "environment": deployment.scope.environment,
            "objects": state.inventory.iter().map(|(id, r)| entry(id, r)).collect::<Vec<_>>(),
            "kept": state.kept,
            "pending": state.pending.iter().map(|p| &p.operation.object).collect::<Vec<_>>(),
        }))?,
        StateCommand::List { json: false } => {
            if state.inventory.is_empty() && state.kept.is_empty() && state.pending.is_empty() {
                terminal.say(format!("{}: nothing is on record", deployment.scope));
            }
            terminal.print(list(&state))?;
        }
    }
    Ok(Outcome::Done)
}

fn entry(id: &ObjectId, recorded: &Recorded) -> Json {
    json!({
        "object": id,
        "node": recorded.object.node,
        "label": recorded.object.label,
        "uid": recorded.uid,
        "settled": recorded.settled,
        "protect": recorded.protect,
        "holds": recorded.object.holds_data.as_ref().map(|held| &held.what),
    })
}

fn list(state: &plat_engine::State) -> String {
    let mut text = String::new();
    let widest = state.inventory.keys().map(|id| id.as_str().chars().count());
    let widest = widest.max().unwrap_or(0);
    for (id, recorded) in &state.inventory {
        let mut more = Vec::new();
        if let Some(held) = &recorded.object.holds_data {
            more.push(format!("holds {}", held.what));
        }
        if recorded.protect {
            more.push("protected".to_owned());
        }
        if !recorded.settled {
            more.push("not seen to work yet".to_owned());
        }
        let id = harmless(id.as_str());
        let line = format!("{id:widest$}  {}", harmless(&more.join(", ")));
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    for (id, kept) in &state.kept {
        let what = kept
            .object
            .holds_data
            .as_ref()
            .map_or("its data", |h| &h.what);
        let line = format!("{id}  is gone; {what} is kept at {}", kept.at);
        text.push_str(&format!("{}\n", harmless(&line)));
    }
    for pending in &state.pending {
        let line = format!(
            "{}  was begun, and nobody knows what came of it: the next plan finds out",
            pending.operation.object
        );
        text.push_str(&format!("{}\n", harmless(&line)));
    }
    text
}

fn show(state: &plat_engine::State, what: &str, terminal: &Terminal) -> Result<(), Stop> {
    let of_node = |recorded: &Recorded| {
        recorded
            .object
            .node
            .as_ref()
            .is_some_and(|n| n.as_str() == what)
    };
    let found: Vec<&Recorded> = state
        .inventory
        .iter()
        .filter(|(id, recorded)| id.as_str() == what || of_node(recorded))
        .map(|(_, recorded)| recorded)
        .collect();
    if !found.is_empty() {
        return terminal.print_json(&found);
    }
    let ids = state.inventory.keys().map(ObjectId::as_str);
    let nodes = state.nodes();
    let names: Vec<&str> = ids.chain(nodes.iter().map(|n| n.as_str())).collect();
    let failure = Failure::new(format!("nothing is on record of `{}`", harmless(what)));
    Err(match nearest(what, names.iter().copied()) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next("`platc state list` shows what is"),
    }
    .into())
}
