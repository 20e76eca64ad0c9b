//! Types of plat for the kinds that a cluster was taught: what `platc import crd` writes.
//!
//! A CustomResourceDefinition describes its kind by a structural schema (OpenAPI v3, without
//! references), which `types` turns into types. Each kind becomes a file of the package, in the
//! directory of its API group under `objects/kubernetes/`; there the checker finds it by the name of
//! its kind, as it finds those of the standard library.

mod read;
mod types;

pub use read::{documents, of_cluster};
pub use types::sentence;

use serde_json::Value as Json;

/// A kind as a file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Its API and version: `monitoring.coreos.com/v1`.
    pub api: String,
    /// `PodMonitor`
    pub kind: String,
    /// Where it belongs in the package: `objects/kubernetes/monitoring_coreos_com/podmonitor.plat`.
    pub path: String,
    /// The file's text, formatted.
    pub text: String,
}

/// What became of definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imports {
    /// The kinds, sorted by their paths.
    pub kinds: Vec<Imported>,
    /// Kinds of which no type was made, each with the reason.
    pub left_out: Vec<String>,
}

/// Types for the kinds that these documents define. What is no CustomResourceDefinition is passed
/// over: the files of operators hold much else. Of several versions the one is taken that the cluster
/// stores, if it is served; `wanted` names kinds or groups, and none of them all.
#[must_use]
pub fn imports(documents: &[Json], wanted: &[String]) -> Imports {
    let mut made = Imports::default();
    for definition in definitions(documents) {
        let text = |at: &str| definition.pointer(at).and_then(Json::as_str);
        let (Some(group), Some(kind)) = (text("/spec/group"), text("/spec/names/kind")) else {
            let name = text("/metadata/name").unwrap_or("a definition");
            made.left_out.push(format!("{name}: it names no kind"));
            continue;
        };
        if !wanted.is_empty() && !wanted.iter().any(|w| w == group || w == kind) {
            continue;
        }
        if text("/spec/scope") != Some("Namespaced") {
            let why = "a whole cluster shares it, which is not an app's to declare";
            made.left_out.push(format!("{kind} of {group}: {why}"));
            continue;
        }
        let Some((version, schema)) = version(definition) else {
            let why = "no version that is served has a schema";
            made.left_out.push(format!("{kind} of {group}: {why}"));
            continue;
        };
        let api = format!("{group}/{version}");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
        if !types::is_name(kind)
            || !kind.starts_with(|c: char| c.is_ascii_uppercase())
            || !api.chars().all(plain)
        {
            made.left_out
                .push(format!("{kind} of {api}: that is no name of a kind"));
            continue;
        }
        let Some(text) = types::file(&api, kind, schema) else {
            let why = "it leaves open which fields there are";
            let how = format!("kubernetes.object(\"{api}/{kind}\", …) takes them as they are");
            made.left_out.push(format!("{kind} of {api}: {why}; {how}"));
            continue;
        };
        made.kinds.push(Imported {
            path: path(group, kind),
            text,
            api,
            kind: kind.to_owned(),
        });
    }
    made.kinds.sort_by(|a, b| a.path.cmp(&b.path));
    let mut kept: Vec<Imported> = Vec::new();
    for kind in std::mem::take(&mut made.kinds) {
        match kept.last() {
            Some(last) if last.path == kind.path => {
                if last.api != kind.api {
                    let why = format!("its file would be that of {}", last.api);
                    made.left_out
                        .push(format!("{} of {}: {why}", kind.kind, kind.api));
                }
            }
            _ => kept.push(kind),
        }
    }
    made.kinds = kept;
    made
}

/// The definitions among documents, those in lists included.
fn definitions(documents: &[Json]) -> Vec<&Json> {
    let mut found = Vec::new();
    for document in documents {
        let items = document.get("items").and_then(Json::as_array);
        let inside = items.map_or(std::slice::from_ref(document), Vec::as_slice);
        let is_definition =
            |d: &&Json| d.get("kind").and_then(Json::as_str) == Some("CustomResourceDefinition");
        found.extend(inside.iter().filter(is_definition));
    }
    found
}

/// The version to be written for, and its schema.
fn version(definition: &Json) -> Option<(&str, &Json)> {
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let says = |version: &Json, what: &str| version.get(what).and_then(Json::as_bool) == Some(true);
    let served = || versions.iter().filter(|v| says(v, "served"));
    let taken = served()
        .find(|v| says(v, "storage"))
        .or_else(|| served().next())?;
    let schema = taken.pointer("/schema/openAPIV3Schema")?;
    Some((taken.get("name")?.as_str()?, schema))
}

/// The file of a kind. A directory's name is a module's, which has letters, digits and `_`.
fn path(group: &str, kind: &str) -> String {
    let letters = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let group: String = group.chars().map(letters).collect();
    let kind: String = kind.chars().map(letters).collect();
    format!("objects/kubernetes/{group}/{kind}.plat")
}
