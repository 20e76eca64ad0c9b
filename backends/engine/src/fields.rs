//! Reading a node's fields while lowering it, and telling what can't be kept of them. Every backend
//! lowers with this, so that what is weakened, refused or not built is told in the same words, at
//! the same places.

use std::collections::BTreeSet;

use plat_model::{Data, FieldPath, Graph, Node, NodePath, SiteKind, Str, Value};

use crate::backend::{Note, NoteKind, Refusal};

/// What there is to tell people.
#[derive(Debug, Default)]
pub struct Told {
    /// What is kept only in part.
    pub notes: Vec<Note>,
    /// What can't be kept.
    pub refusals: Vec<Refusal>,
}

impl Told {
    /// With what another was told.
    pub fn add(&mut self, other: Self) {
        self.notes.extend(other.notes);
        self.refusals.extend(other.refusals);
    }
}

/// One node being read.
#[derive(Debug)]
pub struct Fields<'a> {
    /// The graph it stands in.
    pub graph: &'a Graph,
    /// Its path.
    pub path: &'a NodePath,
    /// The node.
    pub node: &'a Node,
    /// What is told of it so far.
    pub told: Told,
    target: &'static str,
    /// What can be left of it.
    leavable: Vec<&'static str>,
    /// What is left of it, and where lowering put that.
    left: BTreeSet<&'a FieldPath>,
}

impl<'a> Fields<'a> {
    /// Nothing is told of `node` yet. `target` says where it is lowered to, as a sentence ends:
    /// `on this machine`.
    pub fn new(graph: &'a Graph, path: &'a NodePath, node: &'a Node, target: &'static str) -> Self {
        Self {
            graph,
            path,
            node,
            told: Told::default(),
            target,
            leavable: Vec::new(),
            left: BTreeSet::new(),
        }
    }

    /// A field that can be left to somebody else on this target: whether it is.
    pub fn leaves(&mut self, field: &'static str) -> bool {
        self.leavable.push(field);
        let left = self.node.leave.keys().find(|left| left.as_str() == field);
        self.left.extend(left);
        left.is_some()
    }

    /// A field whose entries can be left to somebody else on this target: the names of those that
    /// are, and an empty one where the whole field is.
    pub fn leaves_of(&mut self, field: &'static str) -> Vec<&'a str> {
        self.leavable.push(field);
        let mut names = Vec::new();
        for left in self.node.leave.keys() {
            let rest = left.as_str().strip_prefix(field);
            let name = rest.and_then(|rest| match rest {
                "" => Some(""),
                rest => rest.strip_prefix('.'),
            });
            if let Some(name) = name {
                self.left.insert(left);
                names.push(name);
            }
        }
        names
    }

    /// Says of all that is left to somebody else, and that lowering did not ask for, that it can't
    /// be: to be called when the node is lowered.
    pub fn refuse_left(&mut self) {
        for (field, origin) in &self.node.leave {
            if self.left.contains(field) {
                continue;
            }
            let can: Vec<String> = self.leavable.iter().map(|f| format!("`{f}`")).collect();
            let offers = if can.is_empty() {
                Vec::new()
            } else {
                vec![format!("What can be left of it is {}", can.join(" and "))]
            };
            self.told.refusals.push(Refusal {
                node: Some(self.path.clone()),
                field: Some(field.clone()),
                place: self.graph.origins.place(*origin).cloned(),
                message: format!("it can't be left to others {}", self.target),
                offers,
            });
        }
    }

    /// The value of a field, unless it is `none` or not there.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        let (first, rest) = field.split_once('.').unwrap_or((field, ""));
        let value = self.node.fields.get(first)?;
        value.at(&FieldPath::new(rest)).filter(|v| !v.is_none())
    }

    /// A field's text, if it is known.
    pub fn text(&self, field: &str) -> Option<&'a str> {
        self.get(field)?.as_str()
    }

    /// A word of a literal union, or the case of a variant.
    pub fn word(&self, field: &str) -> Option<&'a str> {
        word(self.get(field)?)
    }

    /// A field's truth value; `false` where it is not there.
    pub fn yes(&self, field: &str) -> bool {
        self.get(field).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A field's whole number, as far as it fits.
    pub fn number<N: TryFrom<i128>>(&self, field: &str) -> Option<N> {
        N::try_from(self.get(field)?.as_int()?).ok()
    }

    /// A field's amount in its base unit (bytes, …), rounded down.
    pub fn amount(&self, field: &str) -> Option<u64> {
        u64::try_from(self.get(field)?.as_amount()?.floor()).ok()
    }

    /// A field's duration in milliseconds.
    pub fn millis(&self, field: &str) -> Option<u64> {
        millis(self.get(field)?)
    }

    /// A field's list of texts.
    pub fn texts(&self, field: &str) -> Vec<String> {
        self.get(field).map(texts).unwrap_or_default()
    }

    /// The nodes that a list names.
    pub fn nodes(&self, field: &str) -> Vec<NodePath> {
        let Some(Data::List(items)) = self.get(field).map(|v| &v.data) else {
            return Vec::new();
        };
        items.iter().filter_map(node_of).collect()
    }

    /// Says that a field is kept only in part, if anybody asked for it: a default is no promise.
    pub fn weaken(&mut self, field: &str, message: &str) {
        let (first, _) = field.split_once('.').unwrap_or((field, ""));
        let said = self.node.fields.get(first).and_then(|v| {
            let origin = self.graph.origins.get(v.origin)?;
            Some(origin.chain.first()?.kind != SiteKind::Default)
        });
        if said == Some(false) {
            return;
        }
        let (place, path) = self.at(field);
        self.told.notes.push(Note {
            kind: NoteKind::Weakened,
            node: Some(self.path.clone()),
            field: path,
            place,
            message: message.to_owned(),
        });
    }

    /// Says what is good to know of a field.
    pub fn inform(&mut self, field: &str, message: String) {
        let (place, path) = self.at(field);
        self.told.notes.push(Note {
            kind: NoteKind::Info,
            node: Some(self.path.clone()),
            field: path,
            place,
            message,
        });
    }

    /// Says that a field can't be kept.
    pub fn refuse(&mut self, field: &str, message: String, offers: Vec<String>) {
        let (place, path) = self.at(field);
        self.told.refusals.push(Refusal {
            node: Some(self.path.clone()),
            field: path,
            place,
            message,
            offers,
        });
    }

    /// Says that what a field asks for is not there yet.
    pub fn not_built(&mut self, field: &str, what: &str) {
        self.refuse(
            field,
            format!("{what} is not built yet {}", self.target),
            Vec::new(),
        );
    }

    fn at(&self, field: &str) -> (Option<plat_model::Place>, Option<FieldPath>) {
        if field.is_empty() {
            return (self.graph.origins.place(self.node.origin).cloned(), None);
        }
        // The nearest place: a part of a field may have none of its own.
        let mut path = field;
        let origin = loop {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            let value = self
                .node
                .fields
                .get(first)
                .and_then(|v| v.at(&FieldPath::new(rest)));
            match (value, path.rsplit_once('.')) {
                (Some(value), _) => break value.origin,
                (None, Some((shorter, _))) => path = shorter,
                (None, None) => break self.node.origin,
            }
        };
        (
            self.graph.origins.place(origin).cloned(),
            Some(FieldPath::new(field)),
        )
    }
}

/// A word of a literal union, or the case of a variant.
pub fn word(value: &Value) -> Option<&str> {
    match &value.data {
        Data::String(word) | Data::Variant { case: word, .. } => Some(word),
        _ => None,
    }
}

/// A duration in milliseconds.
pub fn millis(value: &Value) -> Option<u64> {
    let seconds = value.as_amount()?;
    let millis = seconds.checked_mul(plat_model::Decimal::int(1000))?;
    u64::try_from(millis.floor()).ok()
}

/// A list of texts.
pub fn texts(value: &Value) -> Vec<String> {
    match &value.data {
        Data::List(items) => items
            .iter()
            .filter_map(|i| i.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// The node that a value names.
pub fn node_of(value: &Value) -> Option<NodePath> {
    match &value.data {
        Data::Node(node) | Data::Out { node, .. } => Some(node.clone()),
        _ => None,
    }
}

/// The entries of a map; none of anything else.
pub fn entries(value: Option<&Value>) -> impl Iterator<Item = (&Str, &Value)> {
    let entries = match value.map(|v| &v.data) {
        Some(Data::Map(entries)) => Some(entries),
        _ => None,
    };
    entries.into_iter().flatten()
}

/// A field of a node, unless it is `none` or not there.
pub fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Value> {
    node.fields.get(name).filter(|value| !value.is_none())
}
