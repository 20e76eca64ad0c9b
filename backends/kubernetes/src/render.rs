//! Objects as YAML, for those who commit them.

use std::collections::BTreeMap;

use plat_engine::{Note, Refusal};
use plat_model::{Graph, NodePath, TargetId};
use rayon::prelude::*;

use crate::facts::Facts;
use crate::json::{Json, yaml};
use crate::lower::{KEYS, Made, all};

/// What [`render`] made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Text by file name: one object each, under a name that stays the same as long as the object
    /// does.
    pub files: BTreeMap<String, String>,
    /// The Secrets that are not among them, since their values are in no file: name, and where
    /// each of its keys comes from.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// What is kept only in part. Sorted.
    pub notes: Vec<Note>,
}

/// Why there are no manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrendered {
    /// Everything that the target can't do, each at its field.
    Refused(Vec<Refusal>),
    /// An object can't be written as YAML: which, and why.
    Unwritten(String),
}

/// One object as who commits it has it.
enum Manifest {
    /// The name of its file, and the text.
    File(String, String),
    /// A Secret: its name and its keys.
    Secret(String, BTreeMap<String, String>),
    /// It was not asked for.
    Left,
    /// It can't be written.
    Bad(String),
}

/// The manifests of what those nodes of the graph become that are on `target`; of each declaration
/// that `wanted` says yes to, and with none, of what several of them share. Each is written as soon as
/// it is made.
///
/// # Errors
/// The target can't do something, whether it was wanted or not; or an object can't be written.
pub fn render(
    target: &TargetId,
    graph: &Graph,
    facts: &Facts,
    wanted: impl Fn(Option<&NodePath>) -> bool + Sync,
) -> Result<Rendered, Unrendered> {
    let made = all(target, graph, facts, |made| manifest(made, &wanted));
    let (manifests, notes) = made.map_err(Unrendered::Refused)?;
    let mut rendered = Rendered {
        notes,
        ..Rendered::default()
    };
    let mut files = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        match manifest {
            Manifest::File(name, text) => files.push((name, text)),
            Manifest::Secret(name, keys) => {
                rendered.secrets.insert(name, keys);
            }
            Manifest::Left => {}
            Manifest::Bad(why) => return Err(Unrendered::Unwritten(why)),
        }
    }
    // Of two of one name the later counts.
    files.par_sort_by(|(a, _), (b, _)| a.cmp(b));
    rendered.files = files.into_iter().collect();
    Ok(rendered)
}

fn manifest(mut made: Made, wanted: &impl Fn(Option<&NodePath>) -> bool) -> Manifest {
    if !wanted(made.node.as_ref()) {
        return Manifest::Left;
    }
    let annotations = made.spec.pointer("/metadata/annotations");
    if let Some(keys) = annotations.and_then(|a| a.get(KEYS)?.as_str()) {
        let name = made.spec.pointer("/metadata/name").and_then(Json::as_str);
        let keys = serde_json::from_str(keys).unwrap_or_default();
        return Manifest::Secret(name.unwrap_or_default().to_owned(), keys);
    }
    // Who applies the file again and again would take it back from whoever has it.
    for left in &made.leave {
        made.spec.remove(left);
    }
    match yaml::text(&made.spec) {
        Ok(text) => Manifest::File(file_name(&made.id), text),
        Err(why) => Manifest::Bad(format!("writing {} as YAML: {why}", made.id)),
    }
}

/// A manifest as YAML.
///
/// # Errors
/// It can't be written.
pub fn text(manifest: &serde_json::Value) -> Result<String, String> {
    yaml::by_library(manifest)
}

/// `Deployment/api` is in `deployment-api.yaml`.
fn file_name(id: &str) -> String {
    format!("{}.yaml", id.to_ascii_lowercase().replace('/', "-"))
}
