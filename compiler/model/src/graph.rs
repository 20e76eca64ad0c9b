//! The graph itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Digest, Digester, FieldPath, Fields, ImagePin, NodePath, OriginId, OriginTable};

/// What an application is in one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// The version of this format: [`Graph::FORMAT`].
    pub format: u32,
    /// The app's name.
    pub app: String,
    /// The package that holds the app.
    pub package: Package,
    /// The environment.
    pub environment: Environment,
    /// The targets in use, by id. The environment's own is [`TargetId::main`].
    pub targets: BTreeMap<TargetId, Target>,
    /// The declarations, by path.
    pub nodes: BTreeMap<NodePath, Node>,
    /// Who refers to whom: sorted, each once. They are the security policy of every target.
    pub links: Vec<Link>,
    /// Renames the source tells of.
    pub moved: Vec<Moved>,
    /// What other environments use of this one, as far as the source tells it: members of
    /// families of environments are only known once they are applied. Sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Hold>,
    /// What the images are, by the names that the source has for them, as far as somebody has
    /// pinned them for this environment. The source knows nothing of it: whoever makes a graph puts
    /// them in. An image without a pin is used by its tag, as it comes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, ImagePin>,
    /// Who set what.
    pub origins: OriginTable,
}

/// A package's name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name in `plat.toml`.
    pub name: String,
    /// Its version in `plat.toml`.
    pub version: String,
}

/// An environment and what it says beside its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name; with its key for a member of a family: `preview[214]`.
    pub name: String,
    /// Those it extends, nearest first.
    pub extends: Vec<String>,
    /// Its other fields (`budget`, `ttl`, `state`, …).
    pub fields: Fields,
    /// Where it is declared.
    pub origin: OriginId,
}

/// The id of a target within a graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetId(pub String);

impl TargetId {
    /// The environment's own target.
    pub fn main() -> Self {
        Self("main".to_owned())
    }
}

/// Where things run: a constructor and its fields, such as `kubernetes { context = "prod" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The constructor's name: a backend answers to it.
    pub kind: String,
    /// Its fields, defaults filled in.
    pub fields: Fields,
    /// Where it is chosen.
    pub origin: OriginId,
}

/// The kind of a declaration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeKind {
    /// The package that defines it.
    pub package: String,
    /// Its name there.
    pub name: String,
    /// The abstract kinds it takes over (`workload`, `resource`, `edge`).
    pub is: BTreeSet<String>,
}

/// One declaration that a backend makes real.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is: one for all declarations of the kind.
    #[serde(with = "shared")]
    pub kind: Arc<NodeKind>,
    /// Its external name.
    pub name: String,
    /// Where it runs.
    pub target: TargetId,
    /// It exists already and is only referred to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
    /// Its documentation, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc: Option<String>,
    /// The declaration.
    pub origin: OriginId,
    /// The declarations of user kinds that it stands in, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub within: Vec<NodePath>,
    /// Every field of its kind with its value, defaults filled in.
    pub fields: Fields,
    /// What changing a field does, where the kind says so; a field that is not here changes in
    /// place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<FieldPath, Change>,
    /// The fields that the environment leaves to somebody else, or the parts of them, each with
    /// where it says so: they are written when the thing is made, and never again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leave: BTreeMap<FieldPath, OriginId>,
}

/// What is shared, as if it were not.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// What changing a field of a running thing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The thing takes the new value and stays itself.
    InPlace,
    /// The thing is made anew.
    Replace,
    /// The value may only grow.
    GrowOnly,
}

/// A thing that exists already: its outs, as far as the source gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existing {
    /// The fields of `existing(…)`.
    pub fields: Fields,
    /// The environment that owns it, where it is one of this app's (`in(prod_eu, db)`): that one
    /// makes it and changes it, and knows its outs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// A declaration of another environment of the app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The environment's name, with its key for a member of a family.
    pub environment: String,
    /// The declaration's path there.
    pub node: NodePath,
}

/// Another environment uses a declaration of this one: as long as it does, the declaration must
/// not be destroyed, and the data in it not be lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hold {
    /// The declaration of this environment.
    pub node: NodePath,
    /// The name of the other one.
    pub environment: String,
    /// What uses it there.
    pub by: NodePath,
}

/// `from` reads `out` of `to` in its field `field`, and thereby may use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// Who refers.
    pub from: NodePath,
    /// In which field.
    pub field: FieldPath,
    /// To whom.
    pub to: NodePath,
    /// Reading which out; empty where the declaration itself is meant.
    pub out: String,
    /// The permission that this grants, where the out names one.
    pub grant: Option<String>,
    /// Whether `to` must be there before `from` can be made: it reads something known only
    /// after apply, or waits for it.
    pub before: bool,
    /// The reference in the source.
    pub origin: OriginId,
}

/// A rename: what is deployed under `from` is now `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The old path.
    pub from: NodePath,
    /// The new path.
    pub to: NodePath,
    /// The statement.
    pub origin: OriginId,
}

impl Graph {
    /// The version of the format this crate writes.
    pub const FORMAT: u32 = 1;

    /// The digest of everything that says what is to be: positions in the source and the order
    /// of origins are no part of it, so that a new comment is no change; nor is who else uses it.
    pub fn digest(&self) -> Digest {
        let mut d = Digester::new("plat.graph");
        d.text(&self.app).text(&self.environment.name);
        for (name, value) in &self.environment.fields {
            d.text(name).value(value);
        }
        for (id, target) in &self.targets {
            d.text(&id.0).text(&target.kind);
            for (name, value) in &target.fields {
                d.text(name).value(value);
            }
        }
        for (path, node) in &self.nodes {
            d.text(path.as_str()).node(node);
        }
        for link in &self.links {
            d.text(link.from.as_str())
                .text(link.field.as_str())
                .text(link.to.as_str());
            d.text(&link.out)
                .text(link.grant.as_deref().unwrap_or_default());
        }
        for moved in &self.moved {
            d.text(moved.from.as_str()).text(moved.to.as_str());
        }
        // The digest of an image is that of all that is pinned of it.
        for (image, pin) in &self.pins {
            d.text(image).text(&pin.digest);
        }
        d.finish()
    }

    /// Whether a node says that it must not go.
    pub fn protects(&self, node: &NodePath) -> bool {
        let says = || self.nodes.get(node)?.fields.get("protect")?.as_bool();
        says().unwrap_or(false)
    }

    /// The target of a node; `None` only in a graph that was not made by the compiler.
    pub fn target_of(&self, node: &Node) -> Option<&Target> {
        self.targets.get(&node.target)
    }

    /// The links that start at `from`.
    pub fn links_from<'a>(&'a self, from: &'a NodePath) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(move |link| link.from == *from)
    }

    /// The links that end at `to`.
    pub fn links_to<'a>(&'a self, to: &'a NodePath) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(move |link| link.to == *to)
    }
}
