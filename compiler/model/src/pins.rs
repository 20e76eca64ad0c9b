//! What an image was seen to be: pinned, so that the same source gives the same thing tomorrow.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Data, Graph, Value};

/// An image as its registry had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePin {
    /// The digest of its manifest, or of its list of manifests where it has several architectures:
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// What it runs, unless told otherwise: the program and its first arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The arguments, unless told otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The user it runs as, as it says it: `1000`, `app`, `1000:1000`. None is root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The directory it runs in; none is `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
}

impl Graph {
    /// The images that declarations run, by the names that the source has for them. Those with a
    /// digest in their name are not among them: nothing is to be pinned of those.
    pub fn images(&self) -> BTreeSet<&str> {
        let mut images = BTreeSet::new();
        let mut open: Vec<&Value> = self
            .nodes
            .values()
            .flat_map(|node| node.fields.iter().map(|(_, value)| value))
            .collect();
        while let Some(value) = open.pop() {
            match &value.data {
                Data::Variant { case, fields } => {
                    let name = fields.get("name").and_then(Value::as_str);
                    if let ("image", Some(name)) = (case.as_str(), name)
                        && !name.contains('@')
                    {
                        images.insert(name);
                    }
                    open.extend(fields.iter().map(|(_, value)| value));
                }
                Data::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
                Data::List(items) => open.extend(items),
                _ => {}
            }
        }
        images
    }
}
