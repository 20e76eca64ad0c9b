//! The values of a graph's fields.

use serde::{Deserialize, Serialize};

use crate::{Decimal, FieldPath, Fields, NodePath, OriginId, Quantity, Str};

/// A value and where it came from.
///
/// In JSON it is one object: the two keys of its [`Data`] and `origin` (`read.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Value {
    /// What it is.
    #[serde(flatten)]
    pub data: Data,
    /// Who set it, an entry of the graph's [`OriginTable`](crate::OriginTable).
    pub origin: OriginId,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Data {
    /// An optional that holds nothing.
    None,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(#[serde(with = "int_as_text")] i128),
    /// A fractional number without a dimension.
    Decimal(Decimal),
    /// A number with a dimension; apart, since it would make all others larger.
    Quantity(Box<Quantity>),
    /// Text that is known now, or a word of a literal union.
    String(Str),
    /// Text with holes that are filled at or after apply.
    Text(Vec<Piece>),
    /// An inclusive range.
    Range(Box<Value>, Box<Value>),
    /// A list, in the order of the source.
    List(Vec<Value>),
    /// A map with string keys, or a record.
    Map(Fields),
    /// A case of a variant with its fields, defaults filled in: `http(path: "/")`.
    Variant {
        /// The case's name.
        case: Str,
        /// Its fields by name.
        fields: Fields,
    },
    /// A declaration, as itself: the target of a route, a job to wait for.
    Node(NodePath),
    /// One out of a declaration as a thing, not as its text: a port, a volume's `write`.
    Out {
        /// The declaration.
        node: NodePath,
        /// The out read from it.
        out: Str,
    },
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// Text as it stands.
    Literal(String),
    /// Text that somebody produces later.
    Hole(Hole),
}

/// A place in a text that is filled at or after apply: a typed reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Hole {
    /// The declaration that produces the value.
    pub producer: NodePath,
    /// Which of its outs.
    pub out: Str,
    /// How the value is written into the text (`url_encode`, `base64`, …), innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encoders: Vec<String>,
    /// Whether the value is secret: then only the shim ever holds it.
    #[serde(default)]
    pub secret: bool,
    /// Whether the value is known only after its producer was applied.
    #[serde(default)]
    pub later: bool,
}

impl Value {
    /// A value and its origin.
    pub const fn new(data: Data, origin: OriginId) -> Self {
        Self { data, origin }
    }

    /// The value at `path` below this one, through maps and the fields of variants; the value
    /// itself for an empty path.
    pub fn at(&self, path: &FieldPath) -> Option<&Self> {
        let mut value = self;
        for name in path.as_str().split('.').filter(|s| !s.is_empty()) {
            value = value.get(name)?;
        }
        Some(value)
    }

    /// The entry `name` of a map, or the field `name` of a variant.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.data {
            Data::Map(entries)
            | Data::Variant {
                fields: entries, ..
            } => entries.get(name),
            _ => None,
        }
    }

    /// Whether it is the same as another, wherever each came from.
    pub fn is_same(&self, other: &Self) -> bool {
        let all = |a: &Fields, b: &Fields| {
            a.iter().len() == b.iter().len()
                && a.iter()
                    .zip(b)
                    .all(|((x, a), (y, b))| x == y && a.is_same(b))
        };
        match (&self.data, &other.data) {
            (Data::Range(a, b), Data::Range(c, d)) => a.is_same(c) && b.is_same(d),
            (Data::List(a), Data::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b))
            }
            (Data::Map(a), Data::Map(b)) => all(a, b),
            (Data::Variant { case: x, fields: a }, Data::Variant { case: y, fields: b }) => {
                x == y && all(a, b)
            }
            // As it is written does not count: `1GiB` is `1024MiB`.
            (Data::Quantity(a), Data::Quantity(b)) => {
                a.dimension == b.dimension && a.amount == b.amount
            }
            (a, b) => a == b,
        }
    }

    /// The text, where it is one without holes.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(s) => Some(s),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    pub const fn as_int(&self) -> Option<i128> {
        match &self.data {
            Data::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The truth value, where it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match &self.data {
            Data::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// The amount in the dimension's base unit, where it is a quantity.
    pub fn as_amount(&self) -> Option<Decimal> {
        match &self.data {
            Data::Quantity(q) => Some(q.amount),
            _ => None,
        }
    }

    /// Whether it is `none`.
    pub const fn is_none(&self) -> bool {
        matches!(self.data, Data::None)
    }

    /// Every leaf with its path below `at`: what is neither a list, a map nor a variant with
    /// fields. Depth first, in the order of names; list items are numbered from 0.
    pub fn leaves<'a>(&'a self, at: &FieldPath) -> Vec<(FieldPath, &'a Self)> {
        let mut out = Vec::new();
        let mut stack = vec![(at.clone(), self)];
        while let Some((path, value)) = stack.pop() {
            match &value.data {
                Data::Map(entries)
                | Data::Variant {
                    fields: entries, ..
                } if !entries.is_empty() => {
                    stack.extend(entries.iter().rev().map(|(k, v)| (path.join(k), v)));
                }
                Data::List(items) if !items.is_empty() => {
                    stack.extend(
                        items
                            .iter()
                            .enumerate()
                            .rev()
                            .map(|(i, v)| (path.join(&i.to_string()), v)),
                    );
                }
                _ => out.push((path, value)),
            }
        }
        out
    }

    /// Every hole in it and below it.
    pub fn holes(&self) -> Vec<&Hole> {
        let mut out = Vec::new();
        for (_, leaf) in self.leaves(&FieldPath::new("")) {
            if let Data::Text(pieces) = &leaf.data {
                out.extend(pieces.iter().filter_map(|p| match p {
                    Piece::Hole(hole) => Some(hole),
                    Piece::Literal(_) => None,
                }));
            }
        }
        out
    }
}

/// JSON numbers lose integers beyond 2^53 in most readers: those go as text.
pub(crate) mod int_as_text {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    const SAFE: i128 = 1 << 53;

    pub fn serialize<S: Serializer>(n: &i128, s: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(*n) {
            Ok(small) if n.abs() <= SAFE => s.serialize_i64(small),
            _ => s.collect_str(n),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<i128, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = i128;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, or the text of one")
            }

            fn visit_i64<E: Error>(self, n: i64) -> Result<i128, E> {
                Ok(n.into())
            }

            fn visit_u64<E: Error>(self, n: u64) -> Result<i128, E> {
                Ok(n.into())
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
                text.parse().map_err(E::custom)
            }
        }
        d.deserialize_any(Read)
    }
}
