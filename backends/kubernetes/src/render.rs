//! Objects as YAML, for those who commit them.

use std::collections::BTreeMap;

use plat_engine::Lowered;
use serde_saphyr::SerializerOptions;

use crate::lower::KEYS;

/// What [`render`] made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Text by file name: one object each, under a name that stays the same as long as the object
    /// does.
    pub files: BTreeMap<String, String>,
    /// The Secrets that are not among them, since their values are in no file: name, and where
    /// each of its keys comes from.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
}

/// The objects as manifests.
///
/// # Errors
/// An object can't be written as YAML.
pub fn render(lowered: &Lowered) -> Result<Rendered, String> {
    let mut rendered = Rendered::default();
    for object in &lowered.objects {
        let name = object.spec.pointer("/metadata/name");
        let name = name.and_then(|n| n.as_str()).unwrap_or_default();
        let annotations = object.spec.pointer("/metadata/annotations");
        if let Some(keys) = annotations.and_then(|a| a.get(KEYS)?.as_str()) {
            let keys = serde_json::from_str(keys).unwrap_or_default();
            rendered.secrets.insert(name.to_owned(), keys);
            continue;
        }
        let text =
            text(&object.spec).map_err(|why| format!("writing {} as YAML: {why}", object.id))?;
        rendered.files.insert(file_name(object.id.as_str()), text);
    }
    Ok(rendered)
}

/// A manifest as YAML.
///
/// # Errors
/// It can't be written.
pub fn text(manifest: &serde_json::Value) -> Result<String, String> {
    // An image with its digest stands on one line, however long: people compare lines.
    let mut one_line = SerializerOptions::default();
    one_line.folded_wrap_chars = usize::MAX;
    serde_saphyr::to_string_with_options(manifest, one_line).map_err(|e| e.to_string())
}

/// `Deployment/api` is in `deployment-api.yaml`.
fn file_name(id: &str) -> String {
    format!("{}.yaml", id.to_ascii_lowercase().replace('/', "-"))
}
