//! `platc graph`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use plat_model::{Graph, Link, Node, NodePath};

use crate::cli::{self, Global};
use crate::failure::{Outcome, Stop};
use crate::program;
use crate::suggest::count;
use crate::terminal::{Paint, Terminal};

/// Shows an environment's graph.
pub fn run(arguments: &cli::Graph, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(arguments.env.env.as_deref(), terminal)?;
    if arguments.json {
        terminal.print_json(&graph)?;
    } else if arguments.dot {
        terminal.print(dot(&graph))?;
    } else {
        terminal.print(tree(&graph, terminal.out()))?;
    }
    Ok(Outcome::Done)
}

/// What a declaration is, in the order that people look for it: where they come in, what runs,
/// what it keeps, the rest.
const GROUPS: [(&str, &str); 3] = [
    ("edge", "Edges"),
    ("workload", "Workloads"),
    ("resource", "Resources"),
];

fn group(node: &Node) -> usize {
    GROUPS
        .iter()
        .position(|(kind, _)| node.kind.is.contains(*kind))
        .unwrap_or(GROUPS.len())
}

/// The links of a declaration, one for each declaration it reaches: which outs it reads, where,
/// and what that grants.
fn reaches<'a>(graph: &'a Graph, from: &'a NodePath) -> BTreeMap<&'a NodePath, Vec<&'a Link>> {
    let mut reached: BTreeMap<&NodePath, Vec<&Link>> = BTreeMap::new();
    for link in graph.links_from(from) {
        reached.entry(&link.to).or_default().push(link);
    }
    reached
}

fn tree(graph: &Graph, paint: Paint) -> String {
    let target = graph.targets.get(&plat_model::TargetId::main());
    let target = target.map(|t| t.kind.as_str()).unwrap_or_default();
    let mut text = format!(
        "{} → {}   {}\n",
        paint.bold(&graph.app),
        paint.bold(&graph.environment.name),
        paint.dim(target)
    );
    let mut nodes: Vec<(usize, &NodePath, &Node)> = graph
        .nodes
        .iter()
        .map(|(path, node)| (group(node), path, node))
        .collect();
    nodes.sort_by_key(|(group, path, _)| (*group, *path));
    let widest = nodes
        .iter()
        .map(|(_, path, node)| head(path, node).chars().count())
        .max()
        .unwrap_or(0);
    let mut last = None;
    for (group, path, node) in &nodes {
        if last != Some(group) {
            let title = GROUPS.get(*group).map_or("Others", |(_, title)| title);
            let _ = write!(text, "\n{}\n", paint.bold(title));
            last = Some(group);
        }
        let place = graph
            .origins
            .place(node.origin)
            .map(ToString::to_string)
            .unwrap_or_default();
        let space = " ".repeat(widest - head(path, node).chars().count());
        let kind = paint.dim(&node.kind.name);
        let _ = writeln!(text, "  {kind} {path}{space}   {}", paint.dim(place));
        for (to, links) in reaches(graph, path) {
            let _ = writeln!(text, "    → {}{}", paint.hint(to), paint.dim(how(&links)));
        }
    }
    let _ = writeln!(
        text,
        "\n{}, {}",
        count(graph.nodes.len(), "declaration", "declarations"),
        count(graph.links.len(), "link", "links")
    );
    text
}

fn head(path: &NodePath, node: &Node) -> String {
    format!("{} {path}", node.kind.name)
}

/// `  env.DATABASE_URL reads url, which grants read_write`, shortened to what differs.
fn how(links: &[&Link]) -> String {
    let mut fields: Vec<&str> = links.iter().map(|l| l.field.as_str()).collect();
    fields.dedup();
    let outs: BTreeSet<&str> = links
        .iter()
        .map(|l| l.out.as_str())
        .filter(|o| !o.is_empty())
        .collect();
    let grants: BTreeSet<&str> = links.iter().filter_map(|l| l.grant.as_deref()).collect();
    let mut text = String::new();
    if !outs.is_empty() {
        let _ = write!(
            text,
            ".{}",
            outs.into_iter().collect::<Vec<_>>().join(", .")
        );
    }
    match fields.as_slice() {
        [] => {}
        [one] => {
            let _ = write!(text, "   in {one}");
        }
        [one, rest @ ..] => {
            let _ = write!(text, "   in {one} and {} more", rest.len());
        }
    }
    if !grants.is_empty() {
        let _ = write!(
            text,
            "   may {}",
            grants.into_iter().collect::<Vec<_>>().join(", ")
        );
    }
    text
}

/// For Graphviz.
fn dot(graph: &Graph) -> String {
    let title = quoted(&format!("{} → {}", graph.app, graph.environment.name));
    let mut text = format!(
        "digraph {title} {{\n  label={title}; labelloc=t; rankdir=LR; fontname=\"sans-serif\";\n  \
         node [fontname=\"sans-serif\", style=\"rounded,filled\", fillcolor=\"#f4f4f4\", color=\"#888888\"];\n  \
         edge [fontname=\"sans-serif\", fontsize=10, color=\"#666666\"];\n"
    );
    for (path, node) in &graph.nodes {
        let shape = match group(node) {
            0 => "cds",
            1 => "box",
            2 => "cylinder",
            _ => "note",
        };
        let label = quoted(&format!("{}\n{path}", node.kind.name));
        let _ = writeln!(
            text,
            "  {} [label={label}, shape={shape}];",
            quoted(path.as_str())
        );
    }
    for from in graph.nodes.keys() {
        for (to, links) in reaches(graph, from) {
            let outs: BTreeSet<&str> = links
                .iter()
                .map(|l| l.out.as_str())
                .filter(|o| !o.is_empty())
                .collect();
            let label = quoted(&outs.into_iter().collect::<Vec<_>>().join(", "));
            // What only waits carries nothing.
            let style = if links.iter().all(|l| l.out.is_empty() && l.grant.is_none()) {
                ", style=dashed"
            } else {
                ""
            };
            let _ = writeln!(
                text,
                "  {} -> {} [label={label}{style}];",
                quoted(from.as_str()),
                quoted(to.as_str())
            );
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{text}\"")
}
