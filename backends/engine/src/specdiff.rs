//! Which parts of a spec change, and what that does.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::object::OnChange;
use crate::plan::SpecChange;

/// The smallest parts that differ, sorted by path.
pub(crate) fn changes(old: &Json, new: &Json) -> Vec<SpecChange> {
    let mut out = Vec::new();
    walk(String::new(), Some(old), Some(new), &mut out);
    out.sort_by(|a, b| a.path.cmp(&b.path));
    out
}

fn walk(path: String, old: Option<&Json>, new: Option<&Json>, out: &mut Vec<SpecChange>) {
    match (old, new) {
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                walk(join(&path, key), a.get(key), b.get(key), out);
            }
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) if a.len() == b.len() => {
            for (i, (old, new)) in a.iter().zip(b).enumerate() {
                walk(join(&path, &i.to_string()), Some(old), Some(new), out);
            }
        }
        (old, new) if old == new => {}
        (old, new) => out.push(SpecChange {
            path,
            old: old.cloned(),
            new: new.cloned(),
        }),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// What a change at `path` does: the entry of the longest path that holds it, or holds a part of
/// it.
pub(crate) fn effect<'a>(rules: &'a BTreeMap<String, OnChange>, path: &str) -> &'a OnChange {
    const IN_PLACE: &OnChange = &OnChange::InPlace;
    rules
        .iter()
        .filter(|(rule, _)| holds(rule, path) || holds(path, rule))
        .max_by_key(|(rule, _)| rule.len())
        .map_or(IN_PLACE, |(_, effect)| effect)
}

/// The part of a spec at a path; list items by number.
pub(crate) fn part<'a>(spec: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(spec, |at, name| match at {
        Json::Object(map) => map.get(name),
        Json::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Writes the part of a spec at a path, or takes it away; of a list an item stays, as null, so that
/// the others keep their numbers. Where the path leads nowhere, nothing is changed.
pub(crate) fn put(spec: &mut Json, path: &str, part: Option<Json>) {
    let (outer, name) = path.rsplit_once('.').unwrap_or(("", path));
    let names = outer.split('.').filter(|name| !name.is_empty());
    let mut at = spec;
    for name in names {
        let next = match at {
            Json::Object(map) => map.get_mut(name),
            Json::Array(items) => name.parse().ok().and_then(|i: usize| items.get_mut(i)),
            _ => None,
        };
        let Some(next) = next else {
            return;
        };
        at = next;
    }
    match (at, part) {
        (Json::Object(map), Some(part)) => {
            map.insert(name.to_owned(), part);
        }
        (Json::Object(map), None) => {
            map.remove(name);
        }
        (Json::Array(items), part) => {
            if let Some(item) = name.parse().ok().and_then(|i: usize| items.get_mut(i)) {
                *item = part.unwrap_or(Json::Null);
            }
        }
        _ => {}
    }
}

pub(crate) fn holds(outer: &str, inner: &str) -> bool {
    outer.is_empty()
        || inner == outer
        || inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{changes, effect};
    use crate::object::OnChange;

    #[test]
    fn the_smallest_parts_that_differ_are_told() {
        let old = json!({"env": {"A": "1", "B": "2"}, "command": ["a", "b"], "ports": [1, 2]});
        let new = json!({"env": {"A": "1", "C": "3"}, "command": ["a", "c"], "ports": [1]});
        let paths: Vec<_> = changes(&old, &new).into_iter().map(|c| c.path).collect();
        assert_eq!(paths, ["command.1", "env.B", "env.C", "ports"]);
        assert_eq!(changes(&old, &old), []);
    }

    #[test]
    fn the_longest_rule_decides() {
        let rules = BTreeMap::from([
            ("env".to_owned(), OnChange::Replace),
            ("env.LOG".to_owned(), OnChange::InPlace),
        ]);
        assert_eq!(*effect(&rules, "env.A"), OnChange::Replace);
        assert_eq!(*effect(&rules, "env.LOG"), OnChange::InPlace);
        assert_eq!(*effect(&rules, "environment"), OnChange::InPlace);
        assert_eq!(*effect(&rules, ""), OnChange::InPlace);
    }
}
