//! What other managers have of an object that is ours, and where in what we ask for that is.
//!
//! The API server names the items of a list by their keys, what is asked for has them by their
//! place. The place of an item that others have a part of is its place among the items that are
//! ours: what is asked for has those, in the same order.

use plat_engine::HeldField;
use serde_json::{Map, Value as Json};

use super::live::{names_item, our_fields};
use crate::names;

/// What other managers have of a live object, with their names. What only they say is among it.
pub(crate) fn held(live: &Json) -> Vec<HeldField> {
    let managers = live.pointer("/metadata/managedFields");
    let ours = our_fields(live);
    let mut walk = Walk {
        by: "",
        secret: live.get("kind").is_some_and(|kind| kind == "Secret"),
        found: Vec::new(),
    };
    for manager in managers.and_then(Json::as_array).into_iter().flatten() {
        let by = manager.get("manager").and_then(Json::as_str);
        let fields = manager.get("fieldsV1").and_then(Json::as_object);
        let reports = manager.get("subresource").is_some_and(|s| s == "status");
        let (Some(by), Some(fields), false) = (by, fields, reports) else {
            continue;
        };
        if by != names::MANAGER {
            walk.by = by;
            walk.fields(live, ours, fields, "");
        }
    }
    walk.found
}

struct Walk<'a> {
    by: &'a str,
    /// Whether values are not to be shown.
    secret: bool,
    found: Vec<HeldField>,
}

impl Walk<'_> {
    fn fields(
        &mut self,
        live: &Json,
        ours: Option<&Map<String, Json>>,
        theirs: &Map<String, Json>,
        path: &str,
    ) {
        for (key, below) in theirs.iter().filter(|(key, _)| *key != ".") {
            if path.is_empty() && key == "f:status" {
                continue;
            }
            let ours = ours.and_then(|ours| ours.get(key)?.as_object().map(|sub| (sub, ours)));
            let (at, name) = match key.strip_prefix("f:") {
                Some(name) => (live.get(name), name.to_owned()),
                None => match ours.and_then(|(_, all)| place(live, all, key)) {
                    Some((place, item)) => (Some(item), place.to_string()),
                    // Nothing of the item is ours.
                    None => continue,
                },
            };
            let path = if path.is_empty() {
                name
            } else {
                format!("{path}.{name}")
            };
            // Of what has parts of its own each is somebody's by itself.
            let is_open = ours.is_some_and(|(sub, _)| !sub.is_empty());
            match (at, below.as_object()) {
                (Some(at), Some(below)) if below.keys().any(|key| key != ".") => {
                    self.fields(at, ours.map(|(sub, _)| sub), below, &path);
                }
                // That there is such a map at all, and nothing in it: no value can differ.
                (_, Some(below)) if !below.is_empty() => {}
                (Some(Json::Object(_) | Json::Array(_)), Some(_)) if is_open => {}
                _ => self.found.push(HeldField {
                    path,
                    by: self.by.to_owned(),
                    value: at.filter(|_| !self.secret).cloned(),
                }),
            }
        }
    }
}

/// The item of a list that a key names, and its place among those that are ours.
fn place<'a>(live: &'a Json, ours: &Map<String, Json>, key: &str) -> Option<(usize, &'a Json)> {
    let is_ours = |item: &&Json| ours.keys().any(|key| names_item(key, item));
    let items = live.as_array()?.iter().filter(is_ours);
    items.enumerate().find(|(_, item)| names_item(key, item))
}

/// Where in a manifest a field is that the API server names, as in
/// [`Object::on_change`](plat_engine::Object::on_change): `spec.containers.0.image` of
/// `.spec.containers[name="web"].image`.
pub(crate) fn path_of(field: &str, manifest: &Json) -> Option<String> {
    let mut rest = field;
    let mut at = manifest;
    let mut path = String::new();
    while !rest.is_empty() {
        let (name, next, after) = if let Some(after) = rest.strip_prefix('.') {
            // A name may have dots.
            let names = at.as_object()?.iter().filter_map(|(name, next)| {
                let after = after.strip_prefix(name.as_str())?;
                let ends = after.is_empty() || after.starts_with(['.', '[']);
                ends.then_some((name.clone(), next, after))
            });
            names.max_by_key(|(name, ..)| name.len())?
        } else {
            let (keys, after) = closed(rest.strip_prefix('[')?)?;
            let items = at.as_array()?;
            let place = match keys.parse::<usize>() {
                Ok(place) => place,
                Err(_) => items.iter().position(|item| has(item, keys))?,
            };
            (place.to_string(), items.get(place)?, after)
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&name);
        (at, rest) = (next, after);
    }
    Some(path)
}

/// What is before the bracket that closes, which may stand in a text too, and what is behind it.
fn closed(text: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// Whether an item of a list is what `name="web"` names, `containerPort=80,protocol="TCP"`, or
/// `="value"`.
fn has(item: &Json, keys: &str) -> bool {
    if let Some(value) = keys.strip_prefix('=') {
        return serde_json::from_str::<Json>(value).is_ok_and(|value| value == *item);
    }
    let mut rest = keys;
    while let Some((name, behind)) = rest.split_once('=') {
        let mut values = serde_json::Deserializer::from_str(behind).into_iter::<Json>();
        let Some(Ok(value)) = values.next() else {
            return false;
        };
        if item.get(name) != Some(&value) {
            return false;
        }
        let after = behind.get(values.byte_offset()..).unwrap_or_default();
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Json {
        json!({
            "kind": "Deployment",
            "metadata": { "labels": { "a.example/b": "1" }, "managedFields": [
                { "manager": "plat", "operation": "Apply", "fieldsV1": { "f:spec": {
                    "f:template": { "f:spec": { "f:containers": {
                        "k:{\"name\":\"web\"}": { ".": {}, "f:name": {}, "f:env": {
                            "k:{\"name\":\"ONE\"}": { ".": {}, "f:name": {}, "f:value": {} },
                            "k:{\"name\":\"TWO\"}": { ".": {}, "f:name": {} },
                        }},
                    }}},
                }}},
                { "manager": "anna", "operation": "Apply", "fieldsV1": { "f:spec": {
                    "f:template": { "f:spec": { "f:containers": {
                        "k:{\"name\":\"side\"}": { ".": {}, "f:name": {}, "f:image": {} },
                        "k:{\"name\":\"web\"}": { ".": {}, "f:name": {}, "f:env": {
                            "k:{\"name\":\"TWO\"}": { ".": {}, "f:name": {}, "f:value": {} },
                            "k:{\"name\":\"OURS\"}": { ".": {}, "f:name": {}, "f:value": {} },
                        }},
                    }}},
                }}},
                { "manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
                  "fieldsV1": { "f:spec": { "f:replicas": {} } } },
                { "manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
                  "fieldsV1": { "f:status": { "f:replicas": {} } } },
            ]},
            "spec": { "replicas": 3, "template": { "spec": { "containers": [
                { "name": "side", "image": "x" },
                { "name": "web", "env": [
                    { "name": "OURS", "value": "theirs" },
                    { "name": "ONE", "value": "1" },
                    { "name": "TWO", "value": "changed" },
                ]},
            ]}}},
        })
    }

    #[test]
    fn what_others_have_is_found_in_what_is_asked_for() {
        let all = held(&live());
        let shown: Vec<String> = all
            .iter()
            .map(|h| {
                format!(
                    "{} {} {}",
                    h.by,
                    h.path,
                    h.value.clone().unwrap_or_default()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "anna spec.template.spec.containers.0.name \"web\"",
                "anna spec.template.spec.containers.0.env.1.name \"TWO\"",
                "anna spec.template.spec.containers.0.env.1.value \"changed\"",
                "kube-controller-manager spec.replicas 3",
            ]
        );
    }

    #[test]
    fn who_has_only_that_there_is_a_map_has_nothing_of_it() {
        let live = json!({
            "kind": "Cluster",
            "metadata": {
                "annotations": { "cnpg.io/hibernation": "off" },
                "labels": { "team": "a" },
                "managedFields": [
                    { "manager": "before-first-apply", "operation": "Update", "fieldsV1": { "f:metadata": {
                        "f:annotations": {},
                        "f:labels": { ".": {}, "f:team": {} },
                        "f:finalizers": { ".": {} },
                    }}},
                    { "manager": "plat", "operation": "Apply", "fieldsV1": { "f:metadata": {
                        "f:annotations": { "f:cnpg.io/hibernation": {} },
                    }}},
                ],
            },
        });
        let all: Vec<String> = held(&live).into_iter().map(|held| held.path).collect();
        assert_eq!(all, ["metadata.labels.team"]);
    }

    #[test]
    fn what_a_secret_holds_is_not_shown() {
        let live = json!({
            "kind": "Secret",
            "data": { "key": "c2VjcmV0" },
            "metadata": { "managedFields": [
                { "manager": "anna", "operation": "Update", "fieldsV1": { "f:data": { "f:key": {} } } },
            ]},
        });
        let all = held(&live);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].value, None);
    }

    #[test]
    fn a_field_that_the_api_server_names_is_found() {
        let manifest = live();
        for (field, path) in [
            (".spec.replicas", Some("spec.replicas")),
            (
                ".metadata.labels.a.example/b",
                Some("metadata.labels.a.example/b"),
            ),
            (
                ".spec.template.spec.containers[name=\"web\"].env[name=\"TWO\"].value",
                Some("spec.template.spec.containers.1.env.2.value"),
            ),
            (".spec.template.spec.containers[name=\"no\"].env", None),
            (
                ".spec.template.spec.containers[1].env",
                Some("spec.template.spec.containers.1.env"),
            ),
        ] {
            assert_eq!(path_of(field, &manifest).as_deref(), path, "{field}");
        }
        let ports = json!({ "ports": [
            { "containerPort": 80, "protocol": "UDP" }, { "containerPort": 80, "protocol": "TCP" },
        ]});
        let field = ".ports[containerPort=80,protocol=\"TCP\"].protocol";
        assert_eq!(path_of(field, &ports).as_deref(), Some("ports.1.protocol"));
        let named = json!({ "items": [{ "name": "a]\"b" }] });
        let field = ".items[name=\"a]\\\"b\"].name";
        assert_eq!(path_of(field, &named).as_deref(), Some("items.0.name"));
    }
}
