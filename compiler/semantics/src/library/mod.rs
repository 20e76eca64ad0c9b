//! The pure library: what the language itself gives.
//!
//! Typing is in `check/library.rs`, the work in `eval.rs`, `documents.rs` and `network.rs`
//! beside this file. Nothing here reads a
//! clock, the world or chance.

mod documents;
pub mod eval;
mod network;

/// A function of the language itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum Builtin {
    Lower,
    Upper,
    Trim,
    Replace,
    Split,
    Join,
    StartsWith,
    EndsWith,
    Contains,
    Matches,
    Length,
    Map,
    Filter,
    SortBy,
    Sort,
    Sum,
    Min,
    Max,
    Abs,
    Floor,
    Round,
    Keys,
    Values,
    Flatten,
    Unique,
    Reverse,
    Any,
    All,
    First,
    Last,
    Json,
    Yaml,
    Toml,
    CidrSubnet,
    Base64,
    Sha256,
    UrlEncode,
    Text,
    Dir,
    Links,
    Holders,
    Grants,
    Origin,
    Fails,
    /// The entries of both maps; not written by anybody.
    Merge,
    /// The value with nothing in it that is `none`; not written by anybody.
    WithoutNone,
}

impl Builtin {
    /// All that can be called by name.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("lower", Self::Lower),
        ("upper", Self::Upper),
        ("trim", Self::Trim),
        ("replace", Self::Replace),
        ("split", Self::Split),
        ("join", Self::Join),
        ("starts_with", Self::StartsWith),
        ("ends_with", Self::EndsWith),
        ("contains", Self::Contains),
        ("matches", Self::Matches),
        ("length", Self::Length),
        ("map", Self::Map),
        ("filter", Self::Filter),
        ("sort_by", Self::SortBy),
        ("sort", Self::Sort),
        ("sum", Self::Sum),
        ("min", Self::Min),
        ("max", Self::Max),
        ("abs", Self::Abs),
        ("floor", Self::Floor),
        ("round", Self::Round),
        ("keys", Self::Keys),
        ("values", Self::Values),
        ("flatten", Self::Flatten),
        ("unique", Self::Unique),
        ("reverse", Self::Reverse),
        ("any", Self::Any),
        ("all", Self::All),
        ("first", Self::First),
        ("last", Self::Last),
        ("json", Self::Json),
        ("yaml", Self::Yaml),
        ("toml", Self::Toml),
        ("cidr_subnet", Self::CidrSubnet),
        ("base64", Self::Base64),
        ("sha256", Self::Sha256),
        ("url_encode", Self::UrlEncode),
        ("text", Self::Text),
        ("dir", Self::Dir),
        ("links", Self::Links),
        ("holders", Self::Holders),
        ("grants", Self::Grants),
        ("origin", Self::Origin),
        ("fails", Self::Fails),
    ];

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(n, _)| *n == name).map(|(_, b)| *b)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, b)| *b == self)
            .map_or("with", |(n, _)| n)
    }
}
