//! Which values of Secrets something runs with.
//!
//! What is started with a Secret's value keeps it until it is started anew. So what we apply says in
//! an annotation which values those are: a digest of them, keyed by the Secrets' UIDs. Where that is
//! another by now, however the value was changed, a plan starts it anew.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::text;

/// The annotation with the digest.
pub(crate) const USED: &str = "plat/secrets";
/// How many bytes of the digest are kept.
const LENGTH: usize = 8;

/// A Secret's key; all of them where none is named.
type Key = (String, Option<String>);

/// Where the annotation is, and the pod it is about. Of a Job on itself, since its template can't
/// change; of others on their template, so that another value rolls them out.
fn places(manifest: &Json) -> Option<(&'static str, &'static str)> {
    match text(manifest, "/kind")? {
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            Some(("/spec/template/metadata", "/spec/template/spec"))
        }
        "Job" => Some(("/metadata", "/spec/template/spec")),
        _ => None,
    }
}

/// The keys of Secrets that a pod is given.
fn keys(pod: &Json) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let list = |value: &Json, at: &str| -> Vec<Json> {
        let items = value.get(at).and_then(Json::as_array);
        items.cloned().unwrap_or_default()
    };
    let name = |value: &Json, at: &str| text(value, at).map(str::to_owned);
    for container in ["initContainers", "containers"]
        .iter()
        .flat_map(|at| list(pod, at))
    {
        for variable in list(&container, "env") {
            if let Some(secret) = name(&variable, "/valueFrom/secretKeyRef/name") {
                found.insert((secret, name(&variable, "/valueFrom/secretKeyRef/key")));
            }
        }
        for all in list(&container, "envFrom") {
            found.extend(name(&all, "/secretRef/name").map(|secret| (secret, None)));
        }
    }
    for volume in list(pod, "volumes") {
        let Some(secret) = name(&volume, "/secret/secretName") else {
            continue;
        };
        let items = volume.get("secret").map(|s| list(s, "items"));
        let items = items.filter(|items| !items.is_empty());
        match items {
            Some(items) => {
                found.extend(items.iter().map(|i| (secret.clone(), name(i, "/key"))));
            }
            None => {
                found.insert((secret, None));
            }
        }
    }
    found
}

/// The Secrets whose values a manifest is given, by name.
pub(crate) fn secrets(manifest: &Json) -> BTreeSet<String> {
    let pod = places(manifest).and_then(|(_, pod)| manifest.pointer(pod));
    pod.map(keys)
        .unwrap_or_default()
        .into_iter()
        .map(|(secret, _)| secret)
        .collect()
}

/// The digest of the values that a manifest is given; none where it is given none. `live` holds
/// the Secrets by name; one that is not there counts as such.
pub(crate) fn digest(manifest: &Json, live: &BTreeMap<String, Json>) -> Option<String> {
    let (_, pod) = places(manifest)?;
    let keys = keys(manifest.pointer(pod)?);
    if keys.is_empty() {
        return None;
    }
    let mut hash = Sha256::new();
    for (secret, key) in &keys {
        let there = live.get(secret);
        let salt = there
            .and_then(|s| text(s, "/metadata/uid"))
            .unwrap_or_default();
        hash.update(format!(
            "{secret}\n{salt}\n{}\n",
            key.as_deref().unwrap_or("*")
        ));
        let data = there.and_then(|s| s.get("data")?.as_object());
        let values: BTreeMap<&String, &Json> = data
            .into_iter()
            .flatten()
            .filter(|(name, _)| key.as_ref().is_none_or(|key| key == *name))
            .collect();
        for (name, value) in values {
            hash.update(format!("{name} {value}\n"));
        }
    }
    let digest = hash.finalize();
    let hex = digest.iter().take(LENGTH).map(|byte| format!("{byte:02x}"));
    Some(hex.collect())
}

/// Writes the digest where it belongs.
pub(crate) fn mark(manifest: &mut Json, digest: &str) {
    let Some((at, _)) = places(manifest) else {
        return;
    };
    if let Some(Json::Object(meta)) = manifest.pointer_mut(at) {
        let all = meta
            .entry("annotations")
            .or_insert_with(|| Json::Object(Map::new()));
        if let Json::Object(all) = all {
            all.insert(USED.to_owned(), digest.into());
        }
    }
}

/// The digest that something live runs with.
pub(crate) fn marked(live: &Json) -> Option<&str> {
    let (at, _) = places(live)?;
    live.pointer(at)?.get("annotations")?.get(USED)?.as_str()
}

/// Takes the digest away: it is no part of what was asked for.
pub(crate) fn unmark(object: &mut Json) {
    let Some((at, _)) = places(object) else {
        return;
    };
    let Some(Json::Object(meta)) = object.pointer_mut(at) else {
        return;
    };
    if let Some(Json::Object(all)) = meta.get_mut("annotations") {
        all.remove(USED);
        if all.is_empty() {
            meta.remove("annotations");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workload() -> Json {
        json!({
            "kind": "Deployment",
            "spec": { "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": {
                    "containers": [{ "env": [
                        { "name": "PLAIN", "value": "1" },
                        { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "db", "key": "owner" } } },
                    ]}],
                    "volumes": [{ "secret": { "secretName": "token", "items": [{ "key": "value" }] } }],
                },
            }},
        })
    }

    fn live(owner: &str, other: &str) -> BTreeMap<String, Json> {
        let secret = |data: Json| json!({ "metadata": { "uid": "1" }, "data": data });
        [
            (
                "db".to_owned(),
                secret(json!({ "owner": owner, "administrator": other })),
            ),
            ("token".to_owned(), secret(json!({ "value": "dA==" }))),
        ]
        .into()
    }

    #[test]
    fn only_the_values_that_it_is_given_count() {
        let workload = workload();
        assert_eq!(
            secrets(&workload).into_iter().collect::<Vec<_>>(),
            ["db", "token"]
        );
        let now = digest(&workload, &live("a", "x"));
        assert!(now.is_some());
        assert_eq!(now, digest(&workload, &live("a", "y")));
        assert_ne!(now, digest(&workload, &live("b", "x")));
        let mut gone = live("a", "x");
        gone.remove("token");
        assert_ne!(now, digest(&workload, &gone));
        assert_eq!(
            digest(&json!({ "kind": "Service", "spec": {} }), &gone),
            None
        );
    }

    #[test]
    fn the_mark_comes_and_goes() {
        for kind in ["Deployment", "Job"] {
            let mut workload = workload();
            workload["kind"] = kind.into();
            workload["metadata"] = json!({ "name": "x" });
            let before = workload.clone();
            assert_eq!(marked(&workload), None);
            mark(&mut workload, "abc");
            assert_eq!(marked(&workload), Some("abc"));
            unmark(&mut workload);
            assert_eq!(workload, before);
        }
    }
}
