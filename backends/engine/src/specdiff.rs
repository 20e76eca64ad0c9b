//! Which parts of a spec change, and what that does.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

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

/// The part of a spec at a path; list items by number. A name may have dots itself.
pub(crate) fn part<'a>(spec: &'a Json, path: &str) -> Option<&'a Json> {
    let (name, rest) = split(spec, path)?;
    let inner = match spec {
        Json::Object(map) => map.get(name),
        Json::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }?;
    match rest {
        Some(rest) => part(inner, rest),
        None => Some(inner),
    }
}

/// Writes the part of a spec at a path, or takes it away. What is around it is made where it is
/// missing, and goes where nothing is left in it: a map without entries is as good as none. Of a list
/// an item stays, as null, so that the others keep their numbers; no item is added.
pub(crate) fn put(spec: &mut Json, path: &str, new: Option<Json>) {
    let Some((name, rest)) = split(spec, path) else {
        return;
    };
    match spec {
        Json::Object(map) => match (rest, new) {
            (Some(rest), new) => {
                if new.is_some() || map.contains_key(name) {
                    let inner = map.entry(name).or_insert_with(|| Json::Object(Map::new()));
                    put(inner, rest, new);
                    if inner.as_object().is_some_and(Map::is_empty) {
                        map.remove(name);
                    }
                }
            }
            (None, Some(new)) => {
                map.insert(name.to_owned(), new);
            }
            (None, None) => {
                map.remove(name);
            }
        },
        Json::Array(items) => {
            let item = name.parse().ok().and_then(|i: usize| items.get_mut(i));
            match (item, rest) {
                (Some(item), Some(rest)) => put(item, rest, new),
                (Some(item), None) => *item = new.unwrap_or(Json::Null),
                (None, _) => {}
            }
        }
        _ => {}
    }
}

/// The first name of a path within a spec, and the rest. A key that is there is taken whole, also
/// where it has dots in it (`prometheus.io/scrape`).
fn split<'p>(spec: &Json, path: &'p str) -> Option<(&'p str, Option<&'p str>)> {
    if let Json::Object(map) = spec {
        let whole = map.keys().filter(|key| holds(key, path) && !key.is_empty());
        if let Some(key) = whole.max_by_key(|key| key.len()) {
            let (name, rest) = path.split_at_checked(key.len())?;
            return Some((name, rest.strip_prefix('.')));
        }
    }
    Some(match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    })
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

    use super::{changes, effect, part, put};
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

    #[test]
    fn a_part_is_written_where_it_was_and_leaves_nothing_behind() {
        let spec = json!({"copies": 2, "process": {"env": {"A": "1"}, "command": ["a", "b"]}});
        let with = |path: &str, new| {
            let mut spec = spec.clone();
            put(&mut spec, path, new);
            spec
        };
        let gone = with("process.env.A", None);
        assert_eq!(gone["process"], json!({"command": ["a", "b"]}));
        assert_eq!(part(&gone, "process.env.A"), None);
        let mut back = gone.clone();
        put(&mut back, "process.env.A", Some(json!("1")));
        assert_eq!(back, spec);
        assert_eq!(with("process.env.B", None), spec);
        assert_eq!(
            with("process.command.1", Some(json!("c")))["process"]["command"],
            json!(["a", "c"])
        );
        assert_eq!(with("process.command.7", Some(json!("c"))), spec);
        assert_eq!(with("copies.least", Some(json!(1))), spec);
    }

    #[test]
    fn a_key_with_dots_is_one_key() {
        let mut spec = json!({"annotations": {"a.example/b": "1", "a": {"example/b": "2"}}});
        assert_eq!(part(&spec, "annotations.a.example/b"), Some(&json!("1")));
        put(&mut spec, "annotations.a.example/b", None);
        assert_eq!(spec, json!({"annotations": {"a": {"example/b": "2"}}}));
    }
}
