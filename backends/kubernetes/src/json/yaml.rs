//! Manifests as YAML.
//!
//! How YAML is written is `serde_saphyr`'s to say, and that is what is written here, to the byte; a
//! test holds it to that for any value. But most of what stands in a manifest is a name or a word in a
//! map or a list, which needs none of what that library must look for: those are written at once. A
//! manifest with anything beyond that, a text of several lines or a list in a list, is the library's.

use std::fmt::Write as _;

use serde::Serialize;
use serde_saphyr::SerializerOptions;

use super::{Json, Map};

/// The words that YAML 1.1 or 1.2 reads as something else than a text. All others that it does so
/// with begin with a digit, a sign or a point.
const WORDS: [&str; 13] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf", "~", "",
];
/// How long the longest of them is.
const LONGEST_WORD: usize = 5;

/// A manifest as YAML.
///
/// # Errors
/// It can't be written.
pub(crate) fn text(manifest: &Json) -> Result<String, String> {
    let mut out = String::with_capacity(1024);
    if let Json::Object(map) = manifest
        && !map.is_empty()
        && entries(map, 0, false, &mut out).is_some()
    {
        out.shrink_to_fit();
        return Ok(out);
    }
    by_library(manifest)
}

/// The same by the library: what it is to be.
pub(crate) fn by_library(value: &impl Serialize) -> Result<String, String> {
    // An image with its digest stands on one line, however long: people compare lines.
    let mut one_line = SerializerOptions::default();
    one_line.folded_wrap_chars = usize::MAX;
    serde_saphyr::to_string_with_options(value, one_line).map_err(|e| e.to_string())
}

/// The entries of a map that is not empty, `indent` columns in; the first of them behind what stands
/// on its line already, where `begun`. `None` where something in it is not written here.
fn entries(map: &Map, indent: usize, begun: bool, out: &mut String) -> Option<()> {
    let mut begun = begun;
    for (name, value) in map.iter() {
        if !begun {
            spaces(indent, out);
        }
        begun = false;
        if !is_plain(name, false) {
            return None;
        }
        out.push_str(name);
        out.push(':');
        match value {
            Json::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                entries(inner, indent + 2, false, out)?;
            }
            Json::Array(list) if !list.is_empty() => {
                out.push('\n');
                items(list, indent, out)?;
            }
            leaf => {
                out.push(' ');
                scalar(leaf, out)?;
            }
        }
    }
    Some(())
}

fn items(list: &[Json], indent: usize, out: &mut String) -> Option<()> {
    for item in list {
        spaces(indent, out);
        out.push_str("- ");
        match item {
            Json::Object(inner) if !inner.is_empty() => entries(inner, indent + 2, true, out)?,
            Json::Array(_) => return None,
            leaf => scalar(leaf, out)?,
        }
    }
    Some(())
}

/// A value on the rest of a line.
fn scalar(value: &Json, out: &mut String) -> Option<()> {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Int(number) => {
            // Writing to a text never fails.
            let _ = write!(out, "{number}");
        }
        Json::String(text) if is_plain(text, true) => out.push_str(text),
        Json::String(text) if !text.contains('\n') => {
            let written = by_library(&text.as_str()).ok()?;
            out.push_str(written.strip_suffix('\n').unwrap_or(&written));
        }
        Json::Object(map) if map.is_empty() => out.push_str("{}"),
        Json::Array(list) if list.is_empty() => out.push_str("[]"),
        _ => return None,
    }
    out.push('\n');
    Some(())
}

/// Can a text surely stand as it is? It begins with a letter, and all else in it is never special; a
/// colon may stand in a value where it begins nothing.
fn is_plain(text: &str, in_value: bool) -> bool {
    let bytes = text.as_bytes();
    let Some(first) = bytes.first() else {
        return false;
    };
    let usual = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'/')
            || in_value && matches!(byte, b':' | b'@')
    };
    first.is_ascii_alphabetic()
        && bytes.iter().all(usual)
        && bytes.last() != Some(&b':')
        && (bytes.len() > LONGEST_WORD || !WORDS.iter().any(|w| w.eq_ignore_ascii_case(text)))
}

fn spaces(count: usize, out: &mut String) {
    const MANY: &str = "                                ";
    let mut left = count;
    while left > 0 {
        let now = left.min(MANY.len());
        out.push_str(MANY.get(..now).unwrap_or(MANY));
        left -= now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Json, Map};
    use super::{by_library, text};

    /// Texts of all that YAML makes something of, beside those that it takes as they are.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z][a-zA-Z0-9_./:@-]{0,12}",
            1 => "(?i)(null|true|false|yes|no|on|off|y|n|nan|\\.inf|inf|~|)",
            1 => "[-+.0-9][-+.0-9eExob_:]{0,8}",
            1 => "[ -~]{0,10}",
            1 => "[a-z \n\t:#é\u{feff}\u{2028}-]{0,8}",
            1 => "[a-z]{60,120}( [a-z]{10,40}){0,3}",
        ]
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(Json::Int),
            any_text().prop_map(Json::from),
        ];
        leaf.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                2 => proptest::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
                5 => map(inner),
            ]
        })
    }

    fn map(inner: impl Strategy<Value = Json> + 'static) -> impl Strategy<Value = Json> {
        proptest::collection::btree_map(any_text(), inner, 0..5).prop_map(|entries| {
            let entries = entries
                .into_iter()
                .map(|(name, value)| (name.into(), value));
            Json::Object(entries.collect::<Map>())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

        #[test]
        fn it_is_what_the_library_writes(value in map(any_json().boxed())) {
            prop_assert_eq!(text(&value).unwrap(), by_library(&value).unwrap());
        }
    }
}
