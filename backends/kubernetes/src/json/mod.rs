//! Manifests while they are made.
//!
//! They read as those of `serde_json` do, and are another type for what lowering does tens of
//! thousands of times: a name that stands in the program is pointed to and never copied, and what is
//! put into another value is shared with it. A copy is only made of what is then changed. What is
//! made is written at once ([`yaml`]) or handed to the engine as the values of `serde_json`.

mod notation;
pub(crate) mod yaml;

use std::fmt;
use std::ops::{Deref, DerefMut, Index};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

pub(crate) use notation::{Literal, ToJson, json};

/// A text that is shared by all who hold it.
#[derive(Clone)]
pub(crate) enum Text {
    /// It stands in this program.
    Static(&'static str),
    /// It was made.
    Made(Arc<str>),
}

/// A list that is shared until it is changed.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct List(Arc<Vec<Json>>);

/// Values by name, in the order in which they were put in; shared until changed. Meant for the few
/// fields of an object: a name is looked for one after the other.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Map(Arc<Vec<(Text, Json)>>);

/// A value of a manifest.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) enum Json {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Text),
    Array(List),
    Object(Map),
}

/// What is found where there is nothing.
static NOTHING: Json = Json::Null;

impl Text {
    /// The text itself.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

impl Deref for List {
    type Target = Vec<Json>;

    fn deref(&self) -> &Vec<Json> {
        &self.0
    }
}

impl DerefMut for List {
    fn deref_mut(&mut self) -> &mut Vec<Json> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Vec<Json>> for List {
    fn from(items: Vec<Json>) -> Self {
        Self(Arc::new(items))
    }
}

impl Map {
    /// Without entries.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Of entries whose names differ.
    pub(crate) fn of(entries: Vec<(Text, Json)>) -> Self {
        Self(Arc::new(entries))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Text, &Json)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.iter()
            .find(|(n, _)| n.as_str() == name)
            .map(|(_, v)| v)
    }

    pub(crate) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Json> {
        let at = self.0.iter().position(|(n, _)| n.as_str() == name)?;
        Arc::make_mut(&mut self.0).get_mut(at).map(|(_, v)| v)
    }

    /// Puts a value in the place of the one of that name, or behind all others.
    pub(crate) fn insert(&mut self, name: Text, value: Json) {
        match self.get_mut(&name) {
            Some(there) => *there = value,
            None => Arc::make_mut(&mut self.0).push((name, value)),
        }
    }

    pub(crate) fn extend(&mut self, other: Self) {
        for (name, value) in other {
            self.insert(name, value);
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &Json) -> bool) {
        if self.iter().any(|(name, value)| !keep(name, value)) {
            Arc::make_mut(&mut self.0).retain(|(name, value)| keep(name, value));
        }
    }

    pub(crate) fn sort_keys(&mut self) {
        Arc::make_mut(&mut self.0).sort_by(|a, b| a.0.cmp(&b.0));
    }
}

impl IntoIterator for Map {
    type Item = (Text, Json);
    type IntoIter = std::vec::IntoIter<(Text, Json)>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl FromIterator<(Text, Json)> for Map {
    /// Of entries whose names differ.
    fn from_iter<I: IntoIterator<Item = (Text, Json)>>(entries: I) -> Self {
        Self::of(entries.into_iter().collect())
    }
}

impl Json {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Map> {
        match self {
            Self::Object(map) => Some(map),
            _ => None,
        }
    }

    /// The entry of a map.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// What a JSON pointer without escapes (RFC 6901) leads to: `/metadata/name`.
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Self> {
        let names = pointer.split('/').skip(1);
        names.into_iter().try_fold(self, |at, name| match at {
            Self::Object(map) => map.get(name),
            Self::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The same, to be changed.
    pub(crate) fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        let names = pointer.split('/').skip(1);
        names.into_iter().try_fold(self, |at, name| match at {
            Self::Object(map) => map.get_mut(name),
            Self::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// Gives a map an entry, in the place of the one of that name; nothing else takes one.
    pub(crate) fn set(&mut self, name: &'static str, value: Self) {
        if let Self::Object(map) = self {
            map.insert(name.into(), value);
        }
    }

    /// Takes what a path like `spec.replicas` names out of it.
    pub(crate) fn remove(&mut self, path: &str) {
        let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
        let pointer = match above {
            "" => String::new(),
            above => format!("/{}", above.replace('.', "/")),
        };
        if let Some(Self::Object(map)) = self.pointer_mut(&pointer) {
            map.retain(|name, _| name != last);
        }
    }

    /// Takes away what says nothing: the API server keeps neither a field that is null nor an empty
    /// list.
    pub(crate) fn without_null(&mut self) {
        match self {
            Self::Object(map) if map.iter().any(|(_, value)| !value.is_full()) => {
                let entries = Arc::make_mut(&mut map.0);
                entries.retain(|(_, value)| !value.is_null() && !value.is_empty_list());
                entries.iter_mut().for_each(|(_, v)| v.without_null());
            }
            Self::Array(items) if items.iter().any(|item| !item.is_full()) => {
                items.iter_mut().for_each(Self::without_null);
            }
            _ => {}
        }
    }

    /// Is there nothing in it that says nothing?
    fn is_full(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Object(map) => map.iter().all(|(_, value)| value.is_full()),
            Self::Array(items) => !items.is_empty() && items.iter().all(Self::is_full),
            _ => true,
        }
    }

    fn is_empty_list(&self) -> bool {
        matches!(self, Self::Array(items) if items.is_empty())
    }
}

/// As `serde_json` does: what is not there is null.
impl Index<&str> for Json {
    type Output = Self;

    fn index(&self, name: &str) -> &Self {
        self.get(name).unwrap_or(&NOTHING)
    }
}

impl PartialEq<str> for Json {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Json {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<String> for Json {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == Some(other)
    }
}

macro_rules! from {
    ($($of:ty),*) => {$(
        impl From<$of> for Json {
            fn from(value: $of) -> Self {
                value.to_json()
            }
        }
    )*};
}
from!(&str, String, bool, u32, i64, f64, Vec<String>);

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(items.into())
    }
}

impl From<Map> for Json {
    fn from(map: Map) -> Self {
        Self::Object(map)
    }
}

/// The text of JSON, without spaces.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => s.serialize_unit(),
            Self::Bool(value) => s.serialize_bool(*value),
            Self::Int(value) => s.serialize_i64(*value),
            Self::Float(value) => s.serialize_f64(*value),
            Self::String(text) => s.serialize_str(text),
            Self::Array(items) => {
                let mut list = s.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(entries) => {
                let mut map = s.serialize_map(Some(entries.0.len()))?;
                for (name, value) in entries.iter() {
                    map.serialize_entry(name.as_str(), value)?;
                }
                map.end()
            }
        }
    }
}

/// As the engine holds it.
impl From<&Json> for serde_json::Value {
    fn from(value: &Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Int(value) => (*value).into(),
            Json::Float(value) => (*value).into(),
            Json::String(text) => Self::String(text.as_str().to_owned()),
            Json::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            Json::Object(map) => {
                let entries = map.iter().map(|(n, v)| (n.as_str().to_owned(), v.into()));
                Self::Object(entries.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, Map, json};

    #[test]
    fn it_reads_as_serde_json_does() {
        let name = String::from("api");
        let none: Option<u32> = None;
        let inner = json!({ "a": [1, -2, true, null, "x"], "b": {} });
        let value = json!({
            "name": name,
            "list": [inner, { "c": 1.5 }],
            "none": none,
            "some": Some("x"),
            "many": vec!["a".to_owned()],
            "long": i64::MAX,
            "empty": [],
        });
        let same = serde_json::json!({
            "name": "api",
            "list": [{ "a": [1, -2, true, null, "x"], "b": {} }, { "c": 1.5 }],
            "none": null,
            "some": "x",
            "many": ["a"],
            "long": i64::MAX,
            "empty": [],
        });
        assert_eq!(serde_json::Value::from(&value), same);
        assert_eq!(value.to_string(), same.to_string());
        assert_eq!(name, "api");
    }

    #[test]
    fn what_says_nothing_is_taken_away_at_any_depth() {
        let inner = json!({ "b": null, "c": { "d": null, "e": [] }, "f": [{ "g": null }] });
        let mut value = json!({ "a": inner, "n": null, "l": [] });
        value.without_null();
        assert_eq!(value, json!({ "a": { "c": {}, "f": [{}] } }));
        // Who else holds a part of it still has all of it.
        assert!(inner.get("b").is_some());
    }

    #[test]
    fn pointers_and_names_lead_into_it() {
        let mut value = json!({ "spec": { "items": [{ "x": 1 }] } });
        assert_eq!(value.pointer("/spec/items/0/x"), Some(&json!(1)));
        assert_eq!(value.pointer("/spec/items/1"), None);
        *value.pointer_mut("/spec/items/0/x").unwrap() = json!(2);
        value.pointer_mut("/spec").unwrap().set("more", json!("y"));
        assert_eq!(value["spec"]["more"], "y");
        assert!(value["nothing"]["here"].is_null());
        assert_eq!(value["spec"]["items"], json!([{ "x": 2 }]));
    }

    #[test]
    fn a_name_is_there_once() {
        let mut map = Map::new();
        map.insert("a".into(), json!(1));
        map.insert("b".into(), json!(2));
        map.insert("a".into(), json!(3));
        let held = map.clone();
        map.insert("c".into(), json!(4));
        assert_eq!(Json::Object(held), json!({ "a": 3, "b": 2 }));
        assert_eq!(Json::Object(map), json!({ "a": 3, "b": 2, "c": 4 }));
    }
}
