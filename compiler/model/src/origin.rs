//! Where values came from.

use serde::{Deserialize, Serialize};

use crate::Str;

/// A position in the source, for people: resolved when the graph is made, so that a plan can
/// print source lines without the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file's path relative to its package's root, with `/`. Files of other packages are
    /// prefixed with the package's name and a colon: `std:workloads.plat`.
    pub file: Str,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What kind of source text set a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// A field in the declaration itself.
    Declared,
    /// The default of the declaration's kind, or of a type's field.
    Default,
    /// A path in an environment's `set`.
    Set,
    /// An `each` of an environment.
    Each,
    /// A `with` on a value.
    With,
    /// Computed by the platform (an external name, a place).
    Derived,
}

/// One who set a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// What kind of text it was.
    pub kind: SiteKind,
    /// Its stable path, as people read it: `shop.api.scale`, `env prod`, `std.service.scale`.
    pub path: String,
    /// The expression as it stands in the source, on one line, shortened to 60 characters;
    /// never a secret's value, as none is ever in the source.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// The chain of those who set a value, the one that won first, each overriding the next.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin {
    /// From the winner down to the first who said anything. Never empty.
    pub chain: Vec<Site>,
}

/// An entry of an [`OriginTable`].
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OriginId(pub u32);

/// The origins of a graph, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OriginTable {
    entries: Vec<Origin>,
}

impl FromIterator<Origin> for OriginTable {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self {
            entries: origins.into_iter().collect(),
        }
    }
}

impl OriginTable {
    /// Adds an origin and gives its id. The caller interns: the same origin added twice stands
    /// there twice.
    pub fn push(&mut self, origin: Origin) -> OriginId {
        let id = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(origin);
        OriginId(id)
    }

    /// The origin of that id; `None` for an id of another graph.
    pub fn get(&self, id: OriginId) -> Option<&Origin> {
        self.entries.get(id.0 as usize)
    }

    /// Where the winner stands.
    pub fn place(&self, id: OriginId) -> Option<&Place> {
        self.get(id)?.chain.first().map(|site| &site.place)
    }

    /// The origins in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (OriginId, &Origin)> {
        (0u32..).map(OriginId).zip(&self.entries)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
