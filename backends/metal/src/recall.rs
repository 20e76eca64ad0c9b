//! What can be had again of a release, for going back to it.
//!
//! Secrets get back the value they had then, as far as it is kept. Passwords of data services
//! stay those of now: both ends get them from here. What a process runs is a directory of this
//! machine, which is not kept: it runs as it is now, and where that is not what it was, the plan
//! says so.

use plat_engine::{Backend as _, Facts, Note, NoteKind, Recalled, Refusal, Scope, SecretReturn};
use plat_model::{Graph, Node, NodePath, TargetId};
use serde::Deserialize as _;

use crate::backend::Local;
use crate::facts;
use crate::lower::FIRST;

pub(crate) async fn recall(
    local: &Local,
    target: &TargetId,
    graph: &Graph,
    then: &Facts,
) -> Result<Recalled, Vec<Refusal>> {
    let known = |facts: &Facts| {
        facts::Facts::deserialize(&facts.0).map_err(|e| {
            refused(format!(
                "what the release knew of this machine is not understood: {e}"
            ))
        })
    };
    let now = local.gather(target, graph).await?;
    let mut now = known(&now)?;
    let then = known(then)?;
    let mut recalled = Recalled::default();
    for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
        if node.kind.name == "secret" {
            secret(local, graph, path, node, &then, &mut now, &mut recalled)?;
        } else if let Some(dir) = moved_on(node, &then, &now) {
            recalled.notes.push(note(
                graph,
                path,
                node,
                format!(
                    "runs the files of {dir} as they are now, which are not those of the \
                     release: bring them back with your version control"
                ),
            ));
        }
    }
    recalled.facts = serde_json::to_value(now)
        .map(Facts)
        .map_err(|e| refused(e.to_string()))?;
    Ok(recalled)
}

fn secret(
    local: &Local,
    graph: &Graph,
    path: &NodePath,
    node: &Node,
    then: &facts::Facts,
    now: &mut facts::Facts,
    recalled: &mut Recalled,
) -> Result<(), Vec<Refusal>> {
    let name = path.as_str();
    let generated = node.fields.get("generate").is_some_and(|g| !g.is_none());
    let had = match then.secrets.get(name) {
        Some(version) => version.clone(),
        // It was made by the very apply that the release is of.
        None if generated => FIRST.to_owned(),
        None => return Ok(()),
    };
    if now.secrets.get(name) == Some(&had) {
        return Ok(());
    }
    let kept = local
        .secrets_of(&Scope::of(graph))
        .kept(name, &had)
        .map_err(|e| refused(e.to_string()))?;
    match kept {
        Some(since) => {
            now.secrets.insert(name.to_owned(), had.clone());
            recalled.secrets.push(SecretReturn {
                target: node.target.clone(),
                name: name.to_owned(),
                version: had,
                since,
            });
        }
        None => recalled.notes.push(note(
            graph,
            path,
            node,
            "the value that it had in the release is not kept any more: it keeps the one it has"
                .to_owned(),
        )),
    }
    Ok(())
}

/// The directory that a node's process runs in, where its files are not those of then.
fn moved_on(node: &Node, then: &facts::Facts, now: &facts::Facts) -> Option<String> {
    let dir = node.fields.get("run")?.get("dir")?.as_str()?;
    let digest_then = then.sources.get(&then.path(dir))?;
    let digest_now = now.sources.get(&now.path(dir))?;
    (digest_then != digest_now).then(|| dir.to_owned())
}

fn note(graph: &Graph, path: &NodePath, node: &Node, message: String) -> Note {
    Note {
        kind: NoteKind::Weakened,
        node: Some(path.clone()),
        field: None,
        place: graph.origins.place(node.origin).cloned(),
        message,
    }
}

fn refused(message: String) -> Vec<Refusal> {
    vec![Refusal {
        node: None,
        field: None,
        place: None,
        message,
        offers: Vec::new(),
    }]
}
