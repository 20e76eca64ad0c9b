//! Stable names of things in a graph.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Str;

/// The path of a declaration inside its app: `api`, `background[default]`, `portal[north].server`.
///
/// Together with the app and the environment it is the deployed identity of a thing; package,
/// module and file are no part of it, so that code can be moved without moving what runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePath(Str);

impl NodePath {
    /// A path from its written form. The form is not checked: the compiler is its only author.
    pub fn new(path: impl Into<Str>) -> Self {
        Self(path.into())
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the declaration `name` (with its written key, if any) inside this one.
    pub fn child(&self, name: &str, key: Option<&str>) -> Self {
        match key {
            Some(key) => Self(format!("{}.{name}[{key}]", self.0).into()),
            None => Self(format!("{}.{name}", self.0).into()),
        }
    }

    /// The external name this path gives when the source says no other: everything that is not
    /// a letter or a digit becomes one `-`, letters are lower-cased.
    ///
    /// `portal[north].web_server` is `portal-north-web-server`.
    pub fn external_name(&self) -> String {
        external_name(&self.0)
    }
}

/// [`NodePath::external_name`] of a written path.
pub fn external_name(path: &str) -> String {
    let mut name = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    while name.ends_with('-') {
        name.pop();
    }
    name
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for NodePath {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

/// The path of a field inside a declaration: `scale`, `resources.memory`, `env.DATABASE_URL`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(String);

impl FieldPath {
    /// A path from its written form.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of `name` below this one.
    pub fn join(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for FieldPath {
    fn from(path: &str) -> Self {
        Self(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::NodePath;

    #[test]
    fn external_names_are_paths_with_dashes() {
        let name = |p: &str| NodePath::from(p).external_name();
        assert_eq!(name("api"), "api");
        assert_eq!(name("weekly_report"), "weekly-report");
        assert_eq!(name("portal[north].server"), "portal-north-server");
        assert_eq!(name("a[B c]"), "a-b-c");
    }

    #[test]
    fn children_carry_their_key() {
        let web = NodePath::from("web");
        assert_eq!(web.child("server", None).as_str(), "web.server");
        assert_eq!(web.child("part", Some("3")).as_str(), "web.part[3]");
    }
}
