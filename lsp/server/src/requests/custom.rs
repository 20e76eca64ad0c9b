//! What is beyond the protocol: `lsp/README.md` says what each takes and gives.

use gen_lsp_types::{Location, Position, Range};
use plat_ide::symbols::{SymbolKind, symbols};
use plat_ide::{GraphOrigin, OriginPlace};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, Refusal, read};
use crate::package::Snapshot;
use crate::position::{Encoding, Lines};

#[derive(Deserialize)]
struct InEnvironment {
    environment: String,
}

/// `plat/environments`
pub fn environments(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(snapshot) = asked.package() else {
        return Ok(json!([]));
    };
    let all = snapshot.db.environments().into_iter().filter_map(|env| {
        Some(json!({
            "name": env.name,
            "keys": env.keys,
            "target": env.target,
            "doc": env.doc,
            "location": place(snapshot, &env.place, asked.client.encoding)?,
        }))
    });
    Ok(Value::Array(all.collect()))
}

/// `plat/tests`
pub fn tests(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(here) = asked.here() else {
        return Ok(json!([]));
    };
    let symbols = symbols(&here.snapshot.db, here.file).into_iter();
    let tests = symbols.filter(|symbol| symbol.kind == SymbolKind::Test);
    let tests = tests.map(|test| {
        json!({
            "name": test.name,
            "range": here.lines.range(test.range),
            "nameRange": here.lines.range(test.name_range),
        })
    });
    Ok(Value::Array(tests.collect()))
}

/// The place of something, as people read it, as the protocol has it.
fn place(snapshot: &Snapshot, place: &OriginPlace, encoding: Encoding) -> Option<Location> {
    let (uri, text) = snapshot.shown(&place.file)?;
    let lines = Lines::new(text, Encoding::Utf32);
    let offset = lines.offset(Position {
        line: place.line.saturating_sub(1),
        character: place.column.saturating_sub(1),
    });
    let start = Lines::new(text, encoding).position(offset);
    let range = Range { start, end: start };
    Some(Location { uri, range })
}

/// The graph of the program in an environment.
fn graph(snapshot: &Snapshot, environment: &str) -> Result<plat_ide::Graph, Refusal> {
    if let Some(first) = snapshot.unreadable.first() {
        return Err(Refusal::Refused(told(snapshot, first)));
    }
    // Of one that is not there, what else is wrong says nothing.
    let name = environment.split('[').next().unwrap_or(environment);
    let all = snapshot.db.environments();
    if !all.iter().any(|env| env.name == name) {
        let names: Vec<String> = all.iter().map(|env| format!("`{}`", env.name)).collect();
        let there = match names.as_slice() {
            [] => "the program has none".to_owned(),
            names => format!("there is {}", names.join(", ")),
        };
        let text = format!("there is no environment `{name}`: {there}");
        return Err(Refusal::Refused(text));
    }
    snapshot.db.graph(environment).map_err(|found| {
        let errors = found
            .iter()
            .filter(|d| d.severity == plat_ide::Severity::Error);
        let first = errors.clone().next().or(found.first());
        let text = first.map_or_else(
            || format!("`{environment}` can't be evaluated"),
            |first| told(snapshot, first),
        );
        Refusal::Refused(text)
    })
}

/// What is wrong, in one line, with its place as people read it.
fn told(snapshot: &Snapshot, wrong: &plat_ide::Diagnostic) -> String {
    let file = &wrong.primary.file;
    let line = snapshot.shown(file).map_or(0, |(_, text)| {
        let lines = Lines::new(text, Encoding::Utf32);
        lines.position(wrong.primary.range.start).line
    });
    format!("{file}:{}: {} ({})", line + 1, wrong.message, wrong.code)
}

/// `plat/graph`
pub fn nodes(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let wanted: InEnvironment = read(params)?;
    let Some(snapshot) = asked.package() else {
        return Ok(Value::Null);
    };
    let graph = graph(snapshot, &wanted.environment)?;
    let at = |origin: GraphOrigin| {
        let found = graph.origins.place(origin)?;
        place(snapshot, found, asked.client.encoding)
    };
    let nodes = graph.nodes.iter().map(|(path, node)| {
        json!({
            "path": path,
            "kind": node.kind.name,
            "package": node.kind.package,
            "is": node.kind.is,
            "name": node.name,
            "doc": node.doc,
            "within": node.within,
            "location": at(node.origin),
        })
    });
    let links = graph.links.iter().map(|link| {
        json!({
            "from": link.from,
            "to": link.to,
            "field": link.field,
            "out": link.out,
            "grant": link.grant,
            "location": at(link.origin),
        })
    });
    Ok(json!({
        "app": graph.app,
        "environment": graph.environment.name,
        "target": target(&graph),
        "nodes": nodes.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
    }))
}

fn target(graph: &plat_ide::Graph) -> &str {
    let main = graph.targets.values().next();
    main.map_or("", |target| target.kind.as_str())
}

/// `plat/plan`
pub fn plan(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let wanted: InEnvironment = read(params)?;
    let Some(snapshot) = asked.package() else {
        return Ok(Value::Null);
    };
    let graph = graph(snapshot, &wanted.environment)?;
    let planned = asked
        .host
        .plan(&snapshot.root, &graph, &snapshot.db.cases())
        .map_err(Refusal::Refused)?;
    Ok(json!({
        "environment": graph.environment.name,
        "against": if planned.recorded { "recorded" } else { "nothing" },
        "text": planned.text,
        "plan": planned.plan,
    }))
}

#[derive(Deserialize)]
struct AtPosition {
    position: Position,
    environment: Option<String>,
}

/// `plat/becomes`
pub fn becomes(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let wanted: AtPosition = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let db = &here.snapshot.db;
    let Some(symbol) = db.enclosing(here.file, here.offset(wanted.position)) else {
        return Ok(Value::Null);
    };
    if !db.is_deployed(&symbol) {
        return Ok(Value::Null);
    }
    let declaration = db.symbol_name(&symbol);
    let environments = match wanted.environment {
        Some(name) => vec![name],
        None => {
            let all = db.environments().into_iter();
            let fits = all.filter(|env| {
                let target = env.target.as_deref();
                env.keys.is_empty() && target.is_some_and(|t| asked.host.has_manifests(t))
            });
            fits.map(|env| env.name).collect()
        }
    };
    let mut refused = Refusal::Refused(
        "no environment of this app has a target with manifests: \
         `env prod { target = kubernetes { context = \"…\" } }`"
            .to_owned(),
    );
    // What is wrong in one environment need not be in the next.
    for environment in environments {
        let graph = match graph(here.snapshot, &environment) {
            Ok(graph) => graph,
            Err(why) => {
                refused = why;
                continue;
            }
        };
        let text = asked
            .host
            .becomes(&here.snapshot.root, &graph, &declaration)
            .map_err(Refusal::Refused)?;
        return Ok(json!({
            "environment": environment,
            "declaration": declaration,
            "language": "yaml",
            "text": text,
        }));
    }
    Err(refused)
}
