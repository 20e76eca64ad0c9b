//! What is to be on a target: the objects that a backend's lowering makes of a graph.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use plat_model::{Digest, DigestWriter, Graph, NodePath, Place, TargetId};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::specdiff;

/// Whose things these are: one app in one environment. Together with a path in the app it is
/// the deployed identity of everything; no target and no state is shared between two scopes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The app's name.
    pub app: String,
    /// The environment's name, with its key for a member of a family: `preview[214]`.
    pub environment: String,
}

impl Scope {
    /// The scope a graph is for.
    pub fn of(graph: &Graph) -> Self {
        Self {
            app: graph.app.clone(),
            environment: graph.environment.name.clone(),
        }
    }
}

impl fmt::Display for Scope {
    /// `shop → prod`, as plans head it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.app, self.environment)
    }
}

/// The name of an object, unique within a scope and over all its targets: `process/api`,
/// `postgres/db`, `nats`. It comes from the source alone and stays the same between runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Arc<str>);

impl ObjectId {
    /// An id from its written form.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into().into())
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ObjectId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = ObjectId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an object")
            }

            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<ObjectId, E> {
                Ok(id.into())
            }
        }
        deserializer.deserialize_str(Read)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A desired thing on a target. Made by pure lowering: the same graph and facts give the same
/// objects, byte for byte. It is written to plans, the journal and the state as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its name.
    pub id: ObjectId,
    /// Whose it is; `None` for what several nodes share, such as one NATS server for all queues.
    pub node: Option<NodePath>,
    /// The target it is on.
    pub target: TargetId,
    /// What it is, for people: `process api`, `PostgreSQL 17 for db`.
    pub label: String,
    /// Exactly what is to be, with no secret value: holes stay references (a serialised
    /// [`plat_model::Piece`]). The backend's own format; the engine compares it and no more.
    pub spec: serde_json::Value,
    /// The objects that must be done before this one is begun. When things go, the order is the
    /// reverse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<ObjectId>,
    /// What would be lost with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_data: Option<HeldData>,
    /// What changing a part of the spec does, by path into it (`env.DATABASE_URL`; list items by
    /// number; the longest path that holds the change decides). A part that is not here changes
    /// in place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub on_change: BTreeMap<String, OnChange>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Making or changing it runs something to its end: a job. A way back leaves it as it is.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_run: bool,
    /// The parts of its spec that are left to somebody else for good, by path as in
    /// [`Object::on_change`]: they are written when the object is made, since it must be something
    /// then, and never again ([`Object::spec_over`]). What they are is neither drift nor a conflict.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave: Vec<String>,
    /// The parts of [`Object::leave`] that another object of the same app decides, as an autoscaler
    /// the number of copies, and which one does. Once that is gone, what it made of them is taken back
    /// without a word of anybody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lent: BTreeMap<String, ObjectId>,
    /// Where it does not become ready as it is to be, it goes back to what it was by itself.
    #[serde(default, skip_serializing_if = "is_false")]
    pub goes_back: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Object {
    /// An object with nothing but its name, its target and its spec; the label is its id.
    pub fn new(id: impl Into<String>, target: TargetId, spec: serde_json::Value) -> Self {
        let id = ObjectId::new(id);
        Self {
            label: id.to_string(),
            id,
            node: None,
            target,
            spec,
            after: Vec::new(),
            holds_data: None,
            on_change: BTreeMap::new(),
            place: None,
            is_run: false,
            leave: Vec::new(),
            lent: BTreeMap::new(),
            goes_back: false,
        }
    }

    /// The digest of the spec: what a backend answers in
    /// [`Present::spec`](crate::Present::spec) when the thing is as it was asked for. Keys are
    /// sorted first, so that it does not depend on the order they were inserted in.
    pub fn digest(&self) -> Digest {
        self.digest_of(&self.spec)
    }

    /// The digest of a spec as this object sees it: what is left to others does not count, and what
    /// is left does.
    pub fn digest_of(&self, spec: &serde_json::Value) -> Digest {
        if self.leave.is_empty() {
            return spec_digest(spec);
        }
        let mut ours = spec.clone();
        for path in &self.leave {
            specdiff::put(&mut ours, path, None);
        }
        spec_digest(&serde_json::json!({ "spec": ours, "leave": self.leave }))
    }

    /// The spec that a change writes over the one that is there: what is left to others is as they
    /// have it.
    #[must_use]
    pub fn spec_over(&self, there: &serde_json::Value) -> serde_json::Value {
        let mut spec = self.spec.clone();
        for path in &self.leave {
            specdiff::put(&mut spec, path, specdiff::part(there, path).cloned());
        }
        spec
    }
}

/// The digest of a spec, independent of the order of its keys.
pub fn spec_digest(spec: &serde_json::Value) -> Digest {
    let digest = Digest::of_written(|to| write_sorted(spec, to));
    // A digest takes everything, and plain data has a JSON form.
    digest.unwrap_or_else(|_| Digest::of(b""))
}

fn write_sorted(value: &serde_json::Value, to: &mut DigestWriter) -> serde_json::Result<()> {
    use serde_json::Value as Json;
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            to.put(b"{");
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    to.put(b",");
                }
                serde_json::to_writer(&mut *to, key)?;
                to.put(b":");
                write_sorted(value, to)?;
            }
            to.put(b"}");
        }
        Json::Array(items) => {
            to.put(b"[");
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    to.put(b",");
                }
                write_sorted(item, to)?;
            }
            to.put(b"]");
        }
        leaf => serde_json::to_writer(to, leaf)?,
    }
    Ok(())
}

/// Data that would be lost with an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldData {
    /// In human words: `the database db and all its rows`.
    pub what: String,
    /// Whether the backend can take the object away and keep its data, to be taken up again
    /// when an object of that id is made anew. Where it can't, deleting needs the word for it.
    pub kept_on_delete: bool,
}

/// What changing a part of an object's spec does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum OnChange {
    /// The thing takes it while it runs.
    InPlace,
    /// The thing is restarted; `how` says how, for people: `rolling, no downtime`.
    Restart {
        /// How it goes, for people.
        how: String,
    },
    /// The thing is made anew; data it holds does not come along.
    Replace,
    /// It can't be done.
    Refuse {
        /// Why, and what to do instead.
        reason: String,
    },
}
