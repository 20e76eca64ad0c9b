//! Types: what they are, and how they are shown.

mod convert;
mod heads;
mod join;
mod resolve;

use std::fmt::Write as _;
use std::sync::Arc;

use plat_syntax::NodeId;

use crate::db::{Db, ItemId};
use crate::units::Dim;

pub use convert::{Clash, Coercion, Converter};
pub use heads::{
    CaseHead, FieldHead, KindHead, ParamHead, TypeBody, TypeDef, app_head, fn_head, kind_head,
    name_spot, type_def,
};
pub use join::join;
pub use resolve::TypeReader;

/// A literal as a type.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, salsa::SalsaValue)]
pub enum Word {
    /// `"gold"`
    Text(Arc<str>),
    /// `5`
    Number(i128),
}

/// What rides on a type: who may see the value, and when it is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, salsa::SalsaValue)]
pub struct Labels {
    /// Only the shim ever holds it.
    pub secret: bool,
    /// Known only after apply.
    pub later: bool,
}

impl Labels {
    /// Those of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            secret: self.secret || other.secret,
            later: self.later || other.later,
        }
    }

    /// No label?
    pub fn is_none(self) -> bool {
        !self.secret && !self.later
    }
}

/// A node of an item: the default of a field or a parameter, the condition of a refinement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct NodeRef {
    /// The item.
    pub item: ItemId,
    /// The node in its tree.
    pub node: u32,
}

impl NodeRef {
    /// A node of an item.
    pub fn new(item: ItemId, node: NodeId) -> Self {
        Self { item, node: node.0 }
    }
}

/// A field of a record type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct RecordField {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// What it is when not given.
    pub default: Option<NodeRef>,
    /// The permission that reading it gives, in the type of an out.
    pub grants: Option<Arc<str>>,
}

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub enum Ty {
    /// Something is wrong, and has been reported: fits everywhere.
    Unknown,
    /// The type of `none`.
    None,
    /// `true`, `false`
    Bool,
    /// Whole numbers.
    Int,
    /// Fractional numbers.
    Decimal,
    /// Text.
    String,
    /// What can be written as text: text, numbers, truth values. Only ever wanted.
    Text,
    /// A directory of the package.
    Dir,
    /// A file of the package.
    File,
    /// One literal.
    Word(Word),
    /// One of several literals, sorted.
    Words(Arc<[Word]>),
    /// Quantities of a dimension.
    Quantity(Dim),
    /// `T?`
    Optional(Arc<Ty>),
    /// `Range<T>`
    Range(Arc<Ty>),
    /// `[T]`
    List(Arc<Ty>),
    /// `Map<T>`
    Map(Arc<Ty>),
    /// `{ a: Int }`
    Record(Arc<[RecordField]>),
    /// A `type`.
    Named(ItemId),
    /// One of several types.
    Either(Arc<[Ty]>),
    /// `T where …`
    Refined(Arc<Ty>, NodeRef),
    /// A thing that an out gives, not its text.
    Handle(Arc<str>),
    /// A declaration of a kind.
    Instance(ItemId),
    /// A declaration of any kind.
    AnyInstance,
    /// `background`, of which `background["default"]` is one.
    Family(Arc<Ty>),
    /// A link, in policies.
    Link,
    /// `environment`, or one named.
    Environment,
    /// `fn(Int): Bool`
    Fn(Arc<[Ty]>, Arc<Ty>),
    /// `secret later T`
    Labelled(Labels, Arc<Ty>),
}

impl Ty {
    /// `T?`, unless it is optional already.
    #[must_use]
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) | Self::None | Self::Unknown => self,
            // Labels stay outside, so that they are found without looking.
            Self::Labelled(labels, inner) => {
                Self::Labelled(labels, Arc::new((*inner).clone().optional()))
            }
            other => Self::Optional(Arc::new(other)),
        }
    }

    /// With these labels too.
    #[must_use]
    pub fn labelled(self, labels: Labels) -> Self {
        if labels.is_none() || self == Self::Unknown {
            return self;
        }
        match self {
            Self::Labelled(own, inner) => Self::Labelled(own.or(labels), inner),
            other => Self::Labelled(labels, Arc::new(other)),
        }
    }

    /// The labels and what they ride on.
    pub fn split(&self) -> (Labels, &Self) {
        match self {
            Self::Labelled(labels, inner) => (*labels, inner),
            other => (Labels::default(), other),
        }
    }

    /// The type without aliases, conditions and labels at its head, and the labels.
    pub fn plain(&self, db: &dyn Db) -> (Labels, Self) {
        let mut labels = Labels::default();
        let mut ty = self.clone();
        // A chain of aliases ends: one that goes in a circle has been made unknown.
        for _ in 0..64 {
            ty = match ty {
                Self::Labelled(own, inner) => {
                    labels = labels.or(own);
                    (*inner).clone()
                }
                Self::Refined(base, _) => (*base).clone(),
                Self::Named(item) => match &type_def(db, item).body {
                    TypeBody::Alias(alias) => alias.clone(),
                    TypeBody::Variant(_) => return (labels, ty),
                },
                other => return (labels, other),
            };
        }
        (labels, Self::Unknown)
    }

    /// What is inside of a `T?`, or the type itself; labels are passed on.
    pub fn without_none(&self, db: &dyn Db) -> Self {
        let (labels, plain) = self.plain(db);
        match plain {
            Self::Optional(inner) => (*inner).clone().labelled(labels),
            Self::None => Self::Unknown,
            _ => self.clone(),
        }
    }

    /// The type with its literals widened: what else may stand in a place that holds such a value.
    #[must_use]
    pub fn widened(&self) -> Self {
        let wide = |inner: &Arc<Self>| Arc::new(inner.widened());
        match self {
            Self::Word(Word::Text(_)) => Self::String,
            Self::Word(Word::Number(_)) => Self::Int,
            Self::Words(words) if words.iter().all(|w| matches!(w, Word::Text(_))) => Self::String,
            Self::Optional(inner) => Self::Optional(wide(inner)),
            Self::List(inner) => Self::List(wide(inner)),
            Self::Map(inner) => Self::Map(wide(inner)),
            Self::Labelled(labels, inner) => Self::Labelled(*labels, wide(inner)),
            Self::Record(fields) => Self::Record(
                fields
                    .iter()
                    .map(|f| RecordField {
                        ty: f.ty.widened(),
                        ..f.clone()
                    })
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    /// Nothing is known of it, so nothing is to be said of it?
    pub fn is_unknown(&self) -> bool {
        matches!(self.split().1, Self::Unknown)
    }

    /// As it is written in the source.
    pub fn show(&self, db: &dyn Db) -> String {
        match self {
            Self::Unknown => "unknown".to_owned(),
            Self::None => "none".to_owned(),
            Self::Bool => "Bool".to_owned(),
            Self::Int => "Int".to_owned(),
            Self::Decimal => "Decimal".to_owned(),
            Self::String => "String".to_owned(),
            Self::Text => "Text".to_owned(),
            Self::Dir => "Dir".to_owned(),
            Self::File => "File".to_owned(),
            Self::Word(word) => word.to_string(),
            Self::Words(words) => words
                .iter()
                .map(Word::to_string)
                .collect::<Vec<_>>()
                .join(" | "),
            Self::Quantity(dim) => dim.to_string(),
            Self::Optional(inner) => format!("{}?", inner.show_atom(db)),
            Self::Range(inner) => format!("Range<{}>", inner.show(db)),
            Self::List(inner) => format!("[{}]", inner.show(db)),
            Self::Map(inner) => format!("Map<{}>", inner.show(db)),
            Self::Record(fields) => {
                let mut text = String::from("{");
                for (i, field) in fields.iter().enumerate() {
                    text.push_str(if i == 0 { " " } else { ", " });
                    let _ = write!(text, "{}: {}", field.name, field.ty.show(db));
                }
                text.push_str(" }");
                text
            }
            Self::Named(item) | Self::Instance(item) => item.name(db).to_string(),
            Self::Either(types) => types
                .iter()
                .map(|t| t.show(db))
                .collect::<Vec<_>>()
                .join(" | "),
            Self::Refined(base, _) => base.show(db),
            Self::Handle(what) => format!("Handle<\"{what}\">"),
            Self::AnyInstance => "declaration".to_owned(),
            Self::Family(inner) => format!("family of {}", inner.show(db)),
            Self::Link => "link".to_owned(),
            Self::Environment => "environment".to_owned(),
            Self::Fn(params, result) => {
                let params: Vec<String> = params.iter().map(|p| p.show(db)).collect();
                format!("fn({}): {}", params.join(", "), result.show(db))
            }
            Self::Labelled(labels, inner) => {
                let mut text = String::new();
                if labels.secret {
                    text.push_str("secret ");
                }
                if labels.later {
                    text.push_str("later ");
                }
                text.push_str(&inner.show(db));
                text
            }
        }
    }

    fn show_atom(&self, db: &dyn Db) -> String {
        let text = self.show(db);
        if matches!(self, Self::Words(_) | Self::Either(_) | Self::Labelled(..)) {
            format!("({text})")
        } else {
            text
        }
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(n) => n.fmt(f),
        }
    }
}
