//! Texts that are shared.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is never changed, and that copies share.
///
/// Most texts of a graph stand in it thousands of times: the names of fields and of files, the
/// words of a kind's defaults. A graph of ten thousand declarations takes half the memory where
/// they are pointed to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Str(Arc<str>);

impl Str {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Str {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

// It is hashed and put in order as the text is.
impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Default for Str {
    fn default() -> Self {
        Self(Arc::from(""))
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self(Arc::from(text))
    }
}

impl From<&String> for Str {
    fn from(text: &String) -> Self {
        Self(Arc::from(text.as_str()))
    }
}

impl From<Arc<str>> for Str {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl From<&Arc<str>> for Str {
    fn from(text: &Arc<str>) -> Self {
        Self(text.clone())
    }
}

impl From<Str> for String {
    fn from(text: Str) -> Self {
        text.0.as_ref().to_owned()
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<String> for Str {
    fn eq(&self, other: &String) -> bool {
        *self.0 == **other
    }
}

impl Serialize for Str {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Str;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Str, E> {
                Ok(Str::from(text))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Str;

    #[test]
    fn it_is_written_and_found_as_a_text() {
        let text = Str::from("a\"b");
        let written = serde_json::to_string(&text).unwrap();
        assert_eq!(written, r#""a\"b""#);
        assert_eq!(serde_json::from_str::<Str>(&written).unwrap(), text);
        assert_eq!(format!("{text:>5}|{text:?}"), "  a\"b|\"a\\\"b\"");
        let map = BTreeMap::from([(Str::from("b".to_owned()), 1), (Str::from("a"), 2)]);
        assert_eq!(map.get("b"), Some(&1));
        assert_eq!(map.keys().next(), Some(&Str::from("a")));
    }
}
