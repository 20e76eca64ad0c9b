//! `platc why`.

use std::fmt::Write as _;

use plat_model::{
    Cases, Data, Graph, NodeKind, NodePath, OriginId, Site, SiteKind, Str, TargetId, Value,
};
use plat_semantics::OutShape;
use serde_json::json;

use crate::cli::{Global, Why};
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::suggest::{listed, nearest};
use crate::terminal::{Paint, Terminal};

/// Values longer than this are cut where several stand below each other.
const LONGEST_VALUE: usize = 60;

/// Tells where a value comes from.
pub fn run(why: &Why, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let (env, path) = match why.words.as_slice() {
        [path] => (None, path.as_str()),
        [env, path] => (Some(env.as_str()), path.as_str()),
        _ => {
            return Err(
                Failure::new("say an environment and a path: `platc why dev api.scale`").into(),
            );
        }
    };
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(env, terminal)?;
    let outs = |kind: &NodeKind| program.outs(kind);
    let found = find(&graph, &outs, path)?;
    let shown = Shown {
        graph: &graph,
        cases: program.cases(),
    };
    if why.json {
        terminal.print_json(&as_json(&shown, path, &found))?;
    } else {
        terminal.print(as_text(&shown, path, &found, terminal.out()))?;
    }
    Ok(Outcome::Done)
}

/// Values as a person would write them.
struct Shown<'a> {
    graph: &'a Graph,
    cases: Cases,
}

impl Shown<'_> {
    fn value(&self, value: &Value) -> String {
        self.cases.write(self.graph, value)
    }
}

/// What stands at a path.
#[derive(Debug)]
enum Found<'a> {
    /// A value.
    Value(&'a Value),
    /// A declaration, a target or an environment with its fields.
    Whole {
        what: String,
        origin: OriginId,
        fields: Vec<(&'a str, &'a Value)>,
        /// What it gives to others.
        outs: Vec<OutShape>,
    },
    /// What a declaration gives to others, which the target knows.
    Out { out: OutShape, node: &'a NodePath },
}

fn find<'a>(
    graph: &'a Graph,
    outs: &dyn Fn(&NodeKind) -> Vec<OutShape>,
    path: &str,
) -> Result<Found<'a>, Failure> {
    let steps = steps(path)?;
    let (first, rest) = match steps.split_first() {
        Some((first, rest)) => (first.as_str(), rest),
        None => {
            return Err(Failure::new("the path is empty")
                .next("a path is `DECLARATION.FIELD`: `api.scale`"));
        }
    };
    // The longest path of a declaration that the path begins with.
    let mut node = None;
    for end in 1..=path.len() {
        let Some(begin) = path.get(..end) else {
            continue;
        };
        let next = path.get(end..).unwrap_or_default();
        if (next.is_empty() || next.starts_with(['.', '[']))
            && let Some((name, found)) = graph.nodes.get_key_value(&NodePath::from(begin))
        {
            node = Some((name, found, next));
        }
    }
    if let Some((name, node, next)) = node {
        let rest = self::steps(next)?;
        let mut outs = outs(&node.kind);
        if let Some(first) = rest
            .first()
            .filter(|first| node.fields.get(first).is_none())
            && let Some(at) = outs.iter().position(|out| out.name == **first)
        {
            let out = outs.swap_remove(at);
            return Ok(Found::Out { out, node: name });
        }
        let what = format!("{} {name}", node.kind.name);
        let fields = node.fields.iter();
        return below(&what, name.as_str(), node.origin, fields, outs, &rest);
    }
    match first {
        "target" => {
            if let Some(target) = graph.targets.get(&TargetId::main()) {
                let what = format!("target {}", target.kind);
                return below(
                    &what,
                    "target",
                    target.origin,
                    target.fields.iter(),
                    Vec::new(),
                    rest,
                );
            }
        }
        "environment" => {
            let environment = &graph.environment;
            let what = format!("env {}", environment.name);
            return below(
                &what,
                "environment",
                environment.origin,
                environment.fields.iter(),
                Vec::new(),
                rest,
            );
        }
        _ => {}
    }
    let names: Vec<&str> = graph.nodes.keys().map(NodePath::as_str).collect();
    let mut failure = Failure::new(format!(
        "{} has no declaration `{first}` in {}",
        graph.app, graph.environment.name
    ));
    if let Some(near) = nearest(
        first,
        names.iter().copied().chain(["target", "environment"]),
    ) {
        let corrected = format!("{near}{}", path.get(first.len()..).unwrap_or_default());
        failure = failure.next(format!("did you mean `{corrected}`?"));
    } else {
        failure = failure.note(format!("it has {}", listed(&names)));
    }
    Err(failure)
}

/// The value at `rest` below these fields, or all of them.
fn below<'a>(
    what: &str,
    name: &str,
    origin: OriginId,
    fields: impl Iterator<Item = (&'a Str, &'a Value)>,
    outs: Vec<OutShape>,
    rest: &[String],
) -> Result<Found<'a>, Failure> {
    let fields: Vec<(&str, &Value)> = fields.map(|(k, v)| (k.as_str(), v)).collect();
    let Some((first, rest)) = rest.split_first() else {
        return Ok(Found::Whole {
            what: what.to_owned(),
            origin,
            fields,
            outs,
        });
    };
    let given = outs.iter().map(|out| out.name.as_str());
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).chain(given).collect();
    let found = fields.iter().find(|(name, _)| name == first);
    let (_, mut value) = *found.ok_or_else(|| missing(name, first, &names))?;
    let mut at = format!("{name}.{first}");
    for step in rest {
        let (next, names) = match &value.data {
            Data::Map(entries)
            | Data::Variant {
                fields: entries, ..
            } => (entries.get(step), entries.keys().map(Str::as_str).collect()),
            Data::List(items) => (
                step.parse::<usize>().ok().and_then(|i| items.get(i)),
                Vec::new(),
            ),
            _ => (None, Vec::new()),
        };
        value = next.ok_or_else(|| missing(&at, step, &names))?;
        let _ = write!(at, ".{step}");
    }
    Ok(Found::Value(value))
}

fn missing(at: &str, step: &str, names: &[&str]) -> Failure {
    let failure = Failure::new(format!("`{at}` has no `{step}`"));
    match nearest(step, names.iter().copied()) {
        Some(near) => failure.next(format!("did you mean `{at}.{near}`?")),
        None if names.is_empty() => {
            failure.note(format!("`{at}` has nothing below it of that name"))
        }
        None => failure.note(format!("it has {}", listed(names))),
    }
}

/// `a.b["/c"][0]` is `a`, `b`, `/c`, `0`.
fn steps(path: &str) -> Result<Vec<String>, Failure> {
    let wrong = |why: &str| {
        Failure::new(format!("`{path}` is no path: {why}")).next(
            "a path is `DECLARATION.FIELD`: `api.scale`, `public.paths[\"/api\"]`, `api.after[0]`",
        )
    };
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(bracketed) = rest.strip_prefix('[') {
            if let Some(quoted) = bracketed.strip_prefix('"') {
                let (key, after) = quoted
                    .split_once("\"]")
                    .ok_or_else(|| wrong("`[\"` is not closed by `\"]`"))?;
                steps.push(key.to_owned());
                rest = after;
            } else {
                let (key, after) = bracketed
                    .split_once(']')
                    .ok_or_else(|| wrong("`[` is not closed by `]`"))?;
                steps.push(key.to_owned());
                rest = after;
            }
            continue;
        }
        let name = rest.strip_prefix('.').unwrap_or(rest);
        let end = name.find(['.', '[']).unwrap_or(name.len());
        let (step, after) = name.split_at(end);
        if step.is_empty() {
            return Err(wrong("a name is missing"));
        }
        steps.push(step.to_owned());
        rest = after;
    }
    Ok(steps)
}

fn chain(graph: &Graph, origin: OriginId) -> &[Site] {
    graph
        .origins
        .get(origin)
        .map_or(&[], |origin| origin.chain.as_slice())
}

fn as_text(shown: &Shown<'_>, path: &str, found: &Found<'_>, paint: Paint) -> String {
    let graph = shown.graph;
    match found {
        Found::Value(value) => {
            let value_text = paint.bold(shown.value(value));
            let mut text = format!("{path} = {value_text}\n\n");
            text.push_str(&sites(chain(graph, value.origin), paint));
            text
        }
        Found::Out { out, node } => {
            let mut text = format!("{path}: {}\n", paint.bold(&out.ty));
            let grants = out.grants.as_deref();
            let _ = writeln!(
                text,
                "  what {node} gives{}",
                grants.map_or_else(String::new, |g| format!("; reading it grants {g}"))
            );
            for link in readers(graph, node, out) {
                let _ = writeln!(text, "  read by {}", paint.hint(link));
            }
            text
        }
        Found::Whole {
            what,
            origin,
            fields,
            outs,
        } => {
            let place = graph
                .origins
                .place(*origin)
                .map(ToString::to_string)
                .unwrap_or_default();
            let mut text = format!("{}   {}\n", paint.bold(what), paint.dim(place));
            let widest = fields
                .iter()
                .map(|(name, _)| name.chars().count())
                .max()
                .unwrap_or(0);
            for (name, value) in fields {
                let shown = shortened(&shown.value(value), LONGEST_VALUE);
                let site = chain(graph, value.origin).first();
                let from = site
                    .map(|s| format!("{}  {}", s.place, word(s)))
                    .unwrap_or_default();
                let space = " ".repeat(LONGEST_VALUE.saturating_sub(shown.chars().count()));
                let _ = writeln!(
                    text,
                    "  {name:widest$} = {shown}{space}  {}",
                    paint.dim(from)
                );
            }
            if !outs.is_empty() {
                text.push_str("gives\n");
            }
            let widest = outs.iter().map(|out| out.name.chars().count()).max();
            let types = outs.iter().map(|out| out.ty.chars().count()).max();
            let (widest, types) = (widest.unwrap_or(0), types.unwrap_or(0));
            for out in outs {
                let grants = out.grants.as_deref();
                let grants = grants.map_or_else(String::new, |g| format!("grants {g}"));
                let line = format!(
                    "  {:widest$}: {:types$}  {}",
                    out.name,
                    out.ty,
                    paint.dim(grants)
                );
                let _ = writeln!(text, "{}", line.trim_end());
            }
            text
        }
    }
}

/// Who reads an out, and in which field: `api.env.DATABASE_URL`.
fn readers(graph: &Graph, node: &NodePath, out: &OutShape) -> Vec<String> {
    let links = graph.links.iter();
    let own = links.filter(|link| link.to == *node && link.out == out.name);
    own.map(|link| format!("{}.{}", link.from, link.field))
        .collect()
}

/// Who set it, and whom that overrode.
fn sites(chain: &[Site], paint: Paint) -> String {
    let widest = |length: fn(&Site) -> usize| chain.iter().map(length).max().unwrap_or(0);
    let place = widest(|s| s.place.to_string().chars().count());
    let words = widest(|s| word(s).chars().count());
    let mut text = String::new();
    for (i, site) in chain.iter().enumerate() {
        let mark = if i == 0 {
            paint.good("●")
        } else {
            paint.dim("○")
        };
        let at = format!("{:place$}", site.place.to_string());
        let how = format!("{:words$}", word(site));
        let said = if i == 0 {
            site.text.clone()
        } else {
            paint.dim(&site.text)
        };
        let over = if i == 0 { "" } else { "   overridden" };
        let _ = writeln!(
            text,
            "  {mark} {}  {how}  {said}{}",
            paint.hint(at),
            paint.dim(over)
        );
    }
    text
}

/// How a site set the value: `set by env prod`.
fn word(site: &Site) -> String {
    match site.kind {
        SiteKind::Declared => format!("in {}", site.path),
        SiteKind::Default => format!("default of {}", site.path),
        SiteKind::Set => format!("set by {}", site.path),
        SiteKind::Each => format!("each of {}", site.path),
        SiteKind::With => format!("with, in {}", site.path),
        SiteKind::Derived => "by plat".to_owned(),
    }
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{cut}…")
}

fn given(out: &OutShape) -> serde_json::Value {
    json!({
        "name": out.name,
        "type": out.ty,
        "grants": out.grants,
        "implicit": out.implicit,
    })
}

fn as_json(shown: &Shown<'_>, path: &str, found: &Found<'_>) -> serde_json::Value {
    let graph = shown.graph;
    let one = |value: &Value| {
        json!({
            "value": value,
            "text": shown.value(value),
            "chain": chain(graph, value.origin),
        })
    };
    let mut object = json!({
        "format": 1,
        "app": graph.app,
        "environment": graph.environment.name,
        "path": path,
    });
    let found = match found {
        Found::Value(value) => one(value),
        Found::Out { out, node } => {
            json!({ "out": given(out), "read_by": readers(graph, node, out) })
        }
        Found::Whole {
            fields,
            origin,
            outs,
            ..
        } => {
            let fields: serde_json::Map<String, serde_json::Value> = fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), one(value)))
                .collect();
            let outs: Vec<serde_json::Value> = outs.iter().map(given).collect();
            json!({ "fields": fields, "outs": outs, "chain": chain(graph, *origin) })
        }
    };
    if let (Some(object), serde_json::Value::Object(found)) = (object.as_object_mut(), found) {
        object.extend(found);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_names_keys_and_numbers() {
        assert_eq!(steps("api.env.A").unwrap(), ["api", "env", "A"]);
        assert_eq!(
            steps("public.paths[\"/a.b\"].to").unwrap(),
            ["public", "paths", "/a.b", "to"]
        );
        assert_eq!(steps("api.after[0]").unwrap(), ["api", "after", "0"]);
        for wrong in ["a..b", "a[", "a[\"x]", "."] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}
