//! Values by name.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::{Str, Value};

/// The fields of a declaration, a record or a case, and the entries of a map: values by name, in
/// the order of their names.
///
/// A graph is made of very many small ones. They stand in one sorted block each: a `BTreeMap` takes
/// room for eleven at once, which was most of the memory of a large graph. Adding one to many is
/// therefore slow: collect them instead.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(Box<[(Str, Value)]>);

impl Fields {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    fn at(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(key, _)| key.as_str().cmp(name))
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.at(name).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let at = self.at(name).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Whether there is one of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.at(name).is_ok()
    }

    /// Adds one; the value that had its name before, if there was one.
    pub fn insert(&mut self, name: Str, value: Value) -> Option<Value> {
        match self.at(&name) {
            Ok(at) => {
                let entry = self.0.get_mut(at)?;
                Some(std::mem::replace(&mut entry.1, value))
            }
            Err(at) => {
                let mut entries = std::mem::take(&mut self.0).into_vec();
                entries.insert(at, (name, value));
                self.0 = entries.into();
                None
            }
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.at(name).ok()?;
        let mut entries = std::mem::take(&mut self.0).into_vec();
        let (_, value) = entries.remove(at);
        self.0 = entries.into();
        Some(value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Str> + ExactSizeIterator {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.0.iter().map(|(_, value)| value)
    }
}

/// As of any map: for tests, which know what they look for.
impl std::ops::Index<&str> for Fields {
    type Output = Value;

    #[expect(clippy::panic, reason = "what an index is where there is nothing")]
    fn index(&self, name: &str) -> &Value {
        match self.get(name) {
            Some(value) => value,
            None => panic!("there is no `{name}` in {self:?}"),
        }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A later one takes the place of an earlier one of its name.
impl<N: Into<Str>> FromIterator<(N, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let mut entries: Vec<(Str, Value)> = entries.map(|(n, v)| (n.into(), v)).collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            // The sort is stable: of those of one name the last comes to stand first.
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        Self(entries.into())
    }
}

impl<S: Into<Str>, const N: usize> From<[(S, Value); N]> for Fields {
    fn from(entries: [(S, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

/// Goes over [`Fields`] in the order of their names.
#[derive(Debug, Clone)]
pub struct Iter<'a>(std::slice::Iter<'a, (Str, Value)>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a Str, &'a Value);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(name, value)| (name, value))
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Fields {
    type Item = (&'a Str, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Fields {
    type Item = (Str, Value);
    type IntoIter = std::vec::IntoIter<(Str, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut entries: Vec<(Str, Value)> = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries.into_iter().collect())
            }
        }
        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;
    use crate::{Data, OriginId, Value};

    fn value(n: i128) -> Value {
        Value::new(Data::Int(n), OriginId(0))
    }

    #[test]
    fn they_are_sorted_and_the_last_of_a_name_counts() {
        let entries = [("b", 1), ("a", 2), ("c", 3), ("a", 4)];
        let fields: Fields = entries
            .into_iter()
            .map(|(name, n)| (name.to_owned(), value(n)))
            .collect();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(fields.get("a"), Some(&value(4)));
        let text = serde_json::to_string(&fields).unwrap();
        assert_eq!(serde_json::from_str::<Fields>(&text).unwrap(), fields);
    }

    #[test]
    fn they_can_be_changed() {
        let mut fields = Fields::new();
        assert_eq!(fields.insert("b".into(), value(1)), None);
        assert_eq!(fields.insert("a".into(), value(2)), None);
        assert_eq!(fields.insert("b".into(), value(3)), Some(value(1)));
        assert_eq!(fields.len(), 2);
        assert_eq!(fields.remove("a"), Some(value(2)));
        assert_eq!(fields.remove("a"), None);
        assert!(!fields.contains_key("a"));
    }
}
