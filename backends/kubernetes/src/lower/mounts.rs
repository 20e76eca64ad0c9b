//! What a container finds in its file system: files, volumes, room to write.

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::fields::{self, Fields, entries};
use plat_model::{NodePath, Value};

use super::outs::Part;
use super::pods::bytes;
use super::{Lowering, Put};
use crate::json::{Json, json};
use crate::names;

/// What is mounted into a container.
#[derive(Default)]
pub(super) struct Mounts {
    pub(super) volumes: Vec<Json>,
    pub(super) mounts: Vec<Json>,
    pub(super) files: BTreeMap<String, String>,
    /// Whether it writes a volume that nobody else may write at the same time.
    pub(super) writes_alone: bool,
    /// Whether something is its group's.
    pub(super) writes: bool,
}

impl<'a> Lowering<'a> {
    pub(super) fn mounts(
        &mut self,
        fields: &mut Fields<'a>,
        name: &str,
        producers: &mut BTreeSet<NodePath>,
    ) -> Mounts {
        let mut all = Mounts::default();
        for (path, value) in entries(fields.get("files")) {
            let at = format!("files.{path}");
            match fields::word(value) {
                Some("mount") => self.mount(fields, &at, path, value, true, producers, &mut all),
                Some("directory") => {
                    fields.not_built(&at, "a directory of the package as a file of a container");
                }
                _ => {
                    let content = value.get("content").unwrap_or(value);
                    self.file(fields, &at, path, content, name, producers, &mut all);
                }
            }
        }
        for (path, value) in entries(fields.get("writable")) {
            let at = format!("writable.{path}");
            if fields::word(value) == Some("mount") {
                self.mount(fields, &at, path, value, false, producers, &mut all);
            } else {
                let size = value.get("size").and_then(Value::as_amount);
                let size = size
                    .and_then(|n| u64::try_from(n.floor()).ok())
                    .map(bytes)
                    .unwrap_or_else(|| "1Gi".into());
                scratch(&mut all, path, &size);
            }
        }
        if !all.mounts.iter().any(|m| m["mountPath"] == "/tmp") {
            scratch(&mut all, "/tmp", "1Gi");
        }
        if !all.files.is_empty() {
            let body = json!({ "data": all.files });
            self.put(Put::new("ConfigMap", "v1", name, body).of(fields));
            all.volumes
                .push(json!({ "name": "files", "configMap": { "name": name } }));
        }
        all
    }

    #[expect(clippy::too_many_arguments, reason = "one place calls it")]
    fn file(
        &self,
        fields: &mut Fields<'a>,
        at: &str,
        path: &str,
        content: &Value,
        name: &str,
        producers: &mut BTreeSet<NodePath>,
        all: &mut Mounts,
    ) {
        let Some(parts) = self.parts(fields, at, content, producers) else {
            return;
        };
        let key = file_key(path);
        match parts.as_slice() {
            [] | [Part::Text(_)] => {
                let text = match parts.first() {
                    Some(Part::Text(text)) => text.clone(),
                    _ => String::new(),
                };
                all.files.insert(key.clone(), text);
                all.mounts.push(json!({
                    "name": "files", "mountPath": path, "subPath": key, "readOnly": true,
                }));
            }
            [
                Part::Secret {
                    name: secret,
                    key: from,
                    optional,
                    ..
                },
            ] => {
                let volume = format!("file-{}", names::hash(&format!("{name} {path}")));
                all.volumes.push(json!({
                    "name": volume,
                    "secret": {
                        "secretName": secret,
                        "optional": optional.then_some(true),
                        "defaultMode": 0o440,
                        "items": [{ "key": from, "path": key }],
                    },
                }));
                all.mounts.push(json!({
                    "name": volume, "mountPath": path, "subPath": key, "readOnly": true,
                }));
                // Whoever runs it reads it by its group.
                all.writes = true;
            }
            _ => fields.not_built(at, "a file that is partly secret"),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one place calls it")]
    fn mount(
        &self,
        fields: &mut Fields<'a>,
        at: &str,
        path: &str,
        value: &Value,
        read_only: bool,
        producers: &mut BTreeSet<NodePath>,
        all: &mut Mounts,
    ) {
        let volume = value.get("volume").unwrap_or(value);
        let Some(node) = fields::node_of(volume) else {
            fields.refuse(at, format!("`{volume}` is no volume"), Vec::new());
            return;
        };
        let Some(declared) = self.graph.nodes.get(&node) else {
            return;
        };
        let claim = self.name(declared);
        let name = format!("volume-{}", names::hash(node.as_str()));
        let shared = declared.fields.get("shared").and_then(Value::as_bool);
        if !all.volumes.iter().any(|v| v["name"] == name.as_str()) {
            all.volumes.push(json!({
                "name": name,
                "persistentVolumeClaim": { "claimName": claim },
            }));
        }
        all.mounts.push(json!({
            "name": name, "mountPath": path, "readOnly": read_only.then_some(true),
        }));
        all.writes = true;
        all.writes_alone |= !read_only && shared != Some(true);
        producers.insert(node);
    }
}

fn scratch(all: &mut Mounts, path: &str, size: &str) {
    let name = format!("scratch-{}", names::hash(path));
    let name = if path == "/tmp" {
        "tmp".to_owned()
    } else {
        name
    };
    all.volumes
        .push(json!({ "name": name, "emptyDir": { "sizeLimit": size } }));
    all.mounts.push(json!({ "name": name, "mountPath": path }));
}

/// The key of a file in a ConfigMap.
fn file_key(path: &str) -> String {
    let base: String = path
        .rsplit('/')
        .next()
        .unwrap_or(path)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(200)
        .collect();
    // Two files may have one name in two directories.
    format!("{}-{base}", names::hash(path))
}
