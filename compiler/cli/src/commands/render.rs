//! `platc render`.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use plat_engine::Lowered;
use plat_kubernetes::facts::{self, Facts};
use plat_kubernetes::lower::lower;
use plat_kubernetes::render::{Rendered, Unrendered, render};
use plat_model::{Graph, NodePath, TargetId};

use crate::causes;
use crate::cli::{self, Global};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::program;
use crate::suggest::count;
use crate::terminal::{Terminal, harmless};

/// What each file begins with: a file that does is ours to replace and to remove.
const HEAD: &str = "# Written by `platc render`: change the program instead.\n";

/// Writes an environment's objects as manifests; no cluster is asked.
pub fn run(arguments: &cli::Render, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let graph = program.graph(arguments.env.env.as_deref(), terminal)?;
    let root = program.root().to_owned();
    // The manifests take the room of what was needed to make the graph.
    drop(program);
    let rendered = manifests(&graph, &root, |_| true)?;
    match &arguments.output {
        Some(dir) => {
            let removed = write(&rendered, dir)
                .map_err(|error| failure::io(format!("writing into {}", dir.display()), &error))?;
            let mut told = format!(
                "wrote {} into {}",
                count(rendered.files.len(), "manifest", "manifests"),
                dir.display()
            );
            if removed > 0 {
                let _ = write!(told, ", and removed {removed} of what is no more");
            }
            terminal.say(told);
        }
        None => {
            let texts = rendered.files.values().map(String::as_str);
            terminal.print_all(texts, "---\n")?;
        }
    }
    for note in &rendered.notes {
        let node = note.node.as_ref().map(|n| format!("{n}: "));
        terminal.say(harmless(&format!(
            "{}{}",
            node.unwrap_or_default(),
            note.message
        )));
    }
    tell_secrets(&rendered, terminal);
    Ok(Outcome::Done)
}

/// What a graph becomes on Kubernetes; no cluster is asked.
///
/// # Errors
/// Its target is another one, or refuses something.
pub fn lowered(graph: &Graph, root: &Path) -> Result<Lowered, Failure> {
    let (target, facts) = gathered(graph, root)?;
    lower(&target, graph, &facts).map_err(|r| causes::refused(&r))
}

/// The same as text, of the declarations that are wanted; with none, of what several share.
///
/// # Errors
/// Its target is another one, or refuses something.
pub fn manifests(
    graph: &Graph,
    root: &Path,
    wanted: impl Fn(Option<&NodePath>) -> bool + Sync,
) -> Result<Rendered, Failure> {
    let (target, facts) = gathered(graph, root)?;
    render(&target, graph, &facts, wanted).map_err(|why| match why {
        Unrendered::Refused(refusals) => causes::refused(&refusals),
        Unrendered::Unwritten(why) => Failure::new(why),
    })
}

fn gathered(graph: &Graph, root: &Path) -> Result<(TargetId, Facts), Failure> {
    let main = TargetId::main();
    let kind = program::target(graph);
    if kind != "kubernetes" {
        return Err(Failure::new(format!(
            "`{}` is on `{kind} {{ … }}`, which has no manifests",
            graph.environment.name
        ))
        .next("render an environment on Kubernetes: `env prod { target = kubernetes { context = \"…\" } }`"));
    }
    let facts = facts::gather(root, &main, graph, crate::shim::for_containers())
        .map_err(|r| causes::refused(&r))?;
    Ok((main, facts))
}

/// Writes the manifests, and removes those of before that are no more; tells how many.
fn write(rendered: &Rendered, dir: &Path) -> io::Result<usize> {
    fs::create_dir_all(dir)?;
    for (name, text) in &rendered.files {
        let path = dir.join(name);
        let text = format!("{HEAD}{text}");
        // What stays as it is keeps its time of change.
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        fs::write(path, text)?;
    }
    let mut removed = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.ends_with(".yaml")) else {
            continue;
        };
        let ours = || fs::read(entry.path()).is_ok_and(|text| text.starts_with(HEAD.as_bytes()));
        if !rendered.files.contains_key(name) && entry.file_type()?.is_file() && ours() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Values are in no file: who has them is to make their Secrets.
fn tell_secrets(rendered: &Rendered, terminal: &Terminal) {
    if rendered.secrets.is_empty() {
        return;
    }
    let mut text = format!(
        "{} not written, since no value ever is; the cluster needs:",
        if rendered.secrets.len() == 1 {
            "1 Secret is".to_owned()
        } else {
            format!("{} Secrets are", rendered.secrets.len())
        }
    );
    for (name, keys) in &rendered.secrets {
        let keys: Vec<String> = keys
            .iter()
            .map(|(key, how)| match how.as_str() {
                "set" => key.clone(),
                how => format!("{key} ({how})"),
            })
            .collect();
        let _ = write!(text, "\n  {name}: {}", keys.join(", "));
    }
    terminal.say(text);
}
