//! What of a live object is ours, and how it is.
//!
//! The API server records for each manager which fields it set. What we set is taken out of the
//! live object by that record (as client-go's `Extract` functions do): defaults, statuses and other
//! managers' fields are no part of it, so that an object nobody touched is exactly what was
//! applied. A field that somebody else took over is missing from it.

use plat_engine::{Changed, Health};
use serde_json::{Map, Value as Json};

use super::{CLUSTER, DATABASE, held::held, operated, text, used};
use crate::names;

/// Annotations that are ours to run an apply with, and no part of what was asked for.
pub(crate) const ID: &str = "plat/id";
pub(crate) const TOKEN: &str = "plat/token";
pub(crate) const FENCE: &str = "plat/fence";
/// What the object leaves to others, where it leaves something: a list of paths, as JSON.
pub(crate) const LEAVE: &str = "plat/leave";

/// What is ours of a live object, by the API server's record.
fn our_entry(live: &Json) -> Option<&Json> {
    let managers = live.pointer("/metadata/managedFields")?.as_array()?;
    managers.iter().find(|m| {
        m["manager"] == names::MANAGER
            && m["operation"] == "Apply"
            && m.get("subresource").is_none()
    })
}

/// The set of fields that are ours.
pub(super) fn our_fields(live: &Json) -> Option<&Map<String, Json>> {
    our_entry(live)?.get("fieldsV1")?.as_object()
}

/// The API version that the record of what is ours is written in.
pub(super) fn applied_version(live: &Json) -> Option<&str> {
    our_entry(live)?.get("apiVersion")?.as_str()
}

/// What of a live object we applied; `None` where we never applied anything to it.
pub fn applied(live: &Json) -> Option<Json> {
    said(live, our_fields(live)?)
}

/// A live object as far as a set of fields goes, without what it is run with.
pub(crate) fn said(live: &Json, fields: &Map<String, Json>) -> Option<Json> {
    let mut object = match fields.keys().all(|key| key == ".") {
        // No field is said, where below the top it would be a field as a whole.
        true => Map::new().into(),
        false => extract(live, fields),
    };
    if let (Json::Object(ours), Some(kind)) = (&mut object, live.get("kind")) {
        ours.insert("kind".into(), kind.clone());
        used::unmark(&mut object);
    }
    let part = |name: &str| live.get(name).cloned();
    let mut out = Map::new();
    out.insert("apiVersion".into(), part("apiVersion")?);
    out.insert("kind".into(), part("kind")?);
    let meta = object
        .as_object_mut()
        .and_then(|o| o.remove("metadata"))
        .and_then(|m| match m {
            Json::Object(map) => Some(map),
            _ => None,
        });
    let mut meta = meta.unwrap_or_default();
    if let Some(Json::Object(annotations)) = meta.get_mut("annotations") {
        for own in [ID, TOKEN, FENCE, LEAVE] {
            annotations.remove(own);
        }
        if annotations.is_empty() {
            meta.remove("annotations");
        }
    }
    for name in ["name", "namespace"] {
        if let Some(value) = live.pointer(&format!("/metadata/{name}")) {
            meta.insert(name.into(), value.clone());
        }
    }
    out.insert("metadata".into(), meta.into());
    if let Json::Object(rest) = object {
        out.extend(rest);
    }
    // Values of Secrets are written apart, and are in no plan.
    if out.get("kind").is_some_and(|kind| kind == "Secret") {
        out.remove("data");
    }
    Some(out.into())
}

/// What others did to a live object: who last changed what is asked for, where that was not us, and
/// what they have of it.
pub(crate) fn changed(live: &Json) -> Option<Changed> {
    let changed = Changed {
        held: held(live),
        ..last_change(live).unwrap_or_default()
    };
    (changed != Changed::default()).then_some(changed)
}

/// Who last changed what is asked for of a live object, and when: not who only reports how it is.
/// `None` where that was us.
fn last_change(live: &Json) -> Option<Changed> {
    let managers = live.pointer("/metadata/managedFields")?.as_array()?;
    let time = |m: &Json| m.get("time")?.as_str().map(str::to_owned);
    let last = managers
        .iter()
        .filter(|m| m.get("subresource").is_none() && touches_what_is_asked(m))
        .max_by_key(|m| time(m))?;
    let by = last.get("manager")?.as_str()?;
    let at = time(last)
        .and_then(|time| chrono::DateTime::parse_from_rfc3339(&time).ok())
        .and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    (by != names::MANAGER).then(|| Changed {
        by: Some(by.to_owned()),
        at,
        held: Vec::new(),
    })
}

/// Whether a manager has more than a status and notes of its own.
fn touches_what_is_asked(manager: &Json) -> bool {
    let fields = manager.get("fieldsV1").and_then(Json::as_object);
    fields.is_some_and(|fields| {
        fields
            .keys()
            .any(|key| key != "f:status" && key != "f:metadata")
            || manager.pointer("/fieldsV1/f:metadata/f:labels").is_some()
    })
}

/// The part of `live` that a set of fields names (`FieldsV1` of the API machinery).
fn extract(live: &Json, fields: &Map<String, Json>) -> Json {
    let below: Vec<(&String, &Map<String, Json>)> = fields
        .iter()
        .filter(|(key, _)| *key != ".")
        .filter_map(|(key, sub)| Some((key, sub.as_object()?)))
        .collect();
    if below.is_empty() {
        return live.clone();
    }
    match live {
        Json::Object(map) => {
            let mut out = Map::new();
            for (key, sub) in below {
                let Some(name) = key.strip_prefix("f:") else {
                    continue;
                };
                if let Some(value) = map.get(name) {
                    out.insert(name.to_owned(), extract(value, sub));
                }
            }
            out.into()
        }
        Json::Array(items) => {
            let of = |item: &Json| {
                let (_, sub) = below.iter().find(|(key, _)| names_item(key, item))?;
                Some(extract(item, sub))
            };
            items.iter().filter_map(of).collect::<Vec<_>>().into()
        }
        leaf => leaf.clone(),
    }
}

/// Whether a key of a set (`k:{"name":"x"}`, `v:"x"`) names this item of a list.
pub(super) fn names_item(key: &str, item: &Json) -> bool {
    if let Some(keys) = key.strip_prefix("k:") {
        let Ok(Json::Object(keys)) = serde_json::from_str(keys) else {
            return false;
        };
        return keys
            .iter()
            .all(|(name, value)| item.get(name) == Some(value));
    }
    key.strip_prefix("v:")
        .and_then(|value| serde_json::from_str::<Json>(value).ok())
        .is_some_and(|value| value == *item)
}

/// How a live object is, as `kstatus` judges it:
/// <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.
pub fn health(live: &Json) -> Health {
    let number = |pointer: &str| live.pointer(pointer).and_then(Json::as_i64);
    let ailing = |why: String| Health::Ailing { why };
    let kind = live.get("kind").and_then(Json::as_str).unwrap_or_default();
    let behind = match (
        number("/metadata/generation"),
        number("/status/observedGeneration"),
    ) {
        (Some(is), Some(seen)) => seen < is,
        (Some(_), None) => matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet"),
        _ => false,
    };
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return ailing("it is on its way out".into());
    }
    if behind {
        return ailing("the cluster has not taken it up yet".into());
    }
    match kind {
        "Deployment" | "StatefulSet" => {
            let wanted = number("/spec/replicas").unwrap_or(1);
            let updated = number("/status/updatedReplicas").unwrap_or(0);
            let all = number("/status/replicas").unwrap_or(0);
            let ready = if kind == "Deployment" {
                number("/status/availableReplicas").unwrap_or(0)
            } else {
                number("/status/readyReplicas").unwrap_or(0)
            };
            if let Some(why) = condition(live, "Progressing", "False") {
                return ailing(why);
            }
            if updated < wanted {
                ailing(format!("{updated} of {wanted} copies are new"))
            } else if all > updated {
                ailing(format!("{} old copies are still there", all - updated))
            } else if ready < wanted {
                ailing(format!("{ready} of {wanted} copies are ready"))
            } else {
                Health::Well
            }
        }
        "DaemonSet" => {
            let wanted = number("/status/desiredNumberScheduled").unwrap_or(0);
            let updated = number("/status/updatedNumberScheduled").unwrap_or(0);
            let ready = number("/status/numberAvailable").unwrap_or(0);
            if updated < wanted || ready < wanted {
                ailing(format!("{} of {wanted} hosts have it", updated.min(ready)))
            } else {
                Health::Well
            }
        }
        "Job" => {
            if let Some(why) = condition(live, "Failed", "True") {
                Health::Stopped { why }
            } else if condition(live, "Complete", "True").is_some() {
                Health::Well
            } else {
                ailing("it runs".into())
            }
        }
        CLUSTER if is_of(live, operated::CNPG) => operated::cluster(live),
        DATABASE if is_of(live, operated::CNPG) => operated::database(live),
        // It did what it was for, and is not ready to do more.
        "Pod" if text(live, "/status/phase") == Some("Succeeded") => Health::Well,
        // One that waits for who uses it would be waited for in vain by who does.
        "PersistentVolumeClaim" => match live.pointer("/status/phase").and_then(Json::as_str) {
            Some("Lost") => ailing("its volume is not there any more".into()),
            _ => Health::Well,
        },
        _ => by_conditions(live),
    }
}

/// How an object of any other kind is, by the conditions that all may have. Of one whose controller has
/// not said anything yet nothing is known: many have none. What a condition says of a former generation
/// counts only where the status tells by itself which generation was seen last.
fn by_conditions(live: &Json) -> Health {
    if is_of_before(live) {
        return Health::Ailing {
            why: "the cluster has not taken it up yet".to_owned(),
        };
    }
    if let Some(why) = condition(live, "Stalled", "True") {
        return Health::Stopped { why };
    }
    let waits = [
        ("Reconciling", "True"),
        ("Ready", "False"),
        ("Ready", "Unknown"),
    ];
    let why = waits
        .iter()
        .find_map(|(kind, status)| condition(live, kind, status));
    why.map_or(Health::Well, |why| Health::Ailing { why })
}

/// Whether what an object says of its being ready was said of what it was before.
fn is_of_before(live: &Json) -> bool {
    let conditions = live.pointer("/status/conditions").and_then(Json::as_array);
    let mut conditions = conditions.into_iter().flatten();
    let ready = conditions.find(|c| c["type"] == "Ready");
    let seen = ready.and_then(|c| c.get("observedGeneration")?.as_i64());
    let is = live.pointer("/metadata/generation").and_then(Json::as_i64);
    let tells = live.pointer("/status/observedGeneration").is_some();
    !tells && seen.zip(is).is_some_and(|(seen, is)| seen < is)
}

/// Whether an object is of that API group.
fn is_of(live: &Json, group: &str) -> bool {
    let version = live.get("apiVersion").and_then(Json::as_str);
    version
        .and_then(|version| version.split_once('/'))
        .is_some_and(|(of, _)| of == group)
}

/// The message of a condition that has this status.
fn condition(live: &Json, kind: &str, status: &str) -> Option<String> {
    let conditions = live.pointer("/status/conditions")?.as_array()?;
    let found = conditions
        .iter()
        .find(|c| c["type"] == kind && c["status"] == status)?;
    let part = |name: &str| found.get(name).and_then(Json::as_str);
    Some(
        part("message")
            .or(part("reason"))
            .unwrap_or(kind)
            .to_owned(),
    )
}

/// One line for people.
pub fn summary(live: &Json) -> String {
    let number = |pointer: &str| live.pointer(pointer).and_then(Json::as_i64);
    let kind = live.get("kind").and_then(Json::as_str).unwrap_or_default();
    match kind {
        "Deployment" | "StatefulSet" => format!(
            "{} of {} copies",
            number("/status/readyReplicas").unwrap_or(0),
            number("/spec/replicas").unwrap_or(1)
        ),
        CLUSTER if is_of(live, operated::CNPG) => format!(
            "{} of {} instances",
            number("/status/readyInstances").unwrap_or(0),
            number("/spec/instances").unwrap_or(1)
        ),
        "PersistentVolumeClaim" => {
            let at = |pointer: &str| live.pointer(pointer).and_then(Json::as_str);
            format!(
                "{} {}",
                at("/status/phase").unwrap_or("Pending"),
                at("/status/capacity/storage").unwrap_or_default()
            )
        }
        _ => match health(live) {
            Health::Well => "there".to_owned(),
            Health::Stopped { why } | Health::Stale { why } | Health::Ailing { why } => why,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_ours_is_taken_out_of_what_is_live() {
        let live = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": "api", "namespace": "shop", "uid": "1",
                "labels": { "ours": "1", "theirs": "2" },
                "annotations": { "plat/token": "t", "deployment.kubernetes.io/revision": "3" },
                "managedFields": [
                    { "manager": "kubectl", "operation": "Update", "fieldsV1": { "f:spec": {} } },
                    { "manager": "plat", "operation": "Apply", "fieldsV1": {
                        "f:metadata": {
                            "f:labels": { "f:ours": {} },
                            "f:annotations": { "f:plat/token": {} },
                        },
                        "f:spec": {
                            "f:template": { "f:spec": { "f:containers": {
                                "k:{\"name\":\"api\"}": {
                                    ".": {}, "f:name": {}, "f:image": {}, "f:command": {},
                                },
                            }, "f:volumes": { "k:{\"name\":\"tmp\"}": {
                                ".": {}, "f:name": {}, "f:emptyDir": {},
                            }}}},
                        },
                    }},
                ],
            },
            "spec": {
                "replicas": 3,
                "template": { "spec": {
                    "containers": [
                        { "name": "sidecar", "image": "x" },
                        { "name": "api", "image": "a:1", "command": ["run"], "imagePullPolicy": "Always" },
                    ],
                    "volumes": [{ "name": "tmp", "emptyDir": {} }],
                    "dnsPolicy": "ClusterFirst",
                }},
            },
            "status": { "replicas": 3 },
        });
        assert_eq!(
            applied(&live).unwrap(),
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": { "labels": { "ours": "1" }, "name": "api", "namespace": "shop" },
                "spec": { "template": { "spec": {
                    "containers": [{ "name": "api", "image": "a:1", "command": ["run"] }],
                    "volumes": [{ "name": "tmp", "emptyDir": {} }],
                }}},
            })
        );
    }

    #[test]
    fn what_is_not_known_here_is_judged_by_its_conditions() {
        let with = |kind: &str, status: &str| {
            health(&json!({
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                "metadata": { "generation": 1 },
                "status": { "conditions": [
                    { "type": kind, "status": status, "message": "the order waits" },
                ]},
            }))
        };
        let why = || "the order waits".to_owned();
        assert_eq!(with("Ready", "True"), Health::Well);
        assert_eq!(with("Ready", "False"), Health::Ailing { why: why() });
        assert_eq!(with("Ready", "Unknown"), Health::Ailing { why: why() });
        assert_eq!(with("Reconciling", "True"), Health::Ailing { why: why() });
        assert_eq!(with("Stalled", "True"), Health::Stopped { why: why() });
        assert_eq!(with("Stalled", "False"), Health::Well);
        assert_eq!(health(&json!({ "kind": "Certificate" })), Health::Well);
        // Whatever it says of itself.
        let goes = json!({
            "kind": "Certificate", "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
        });
        assert!(matches!(health(&goes), Health::Ailing { .. }));
        let seen = |condition: i64, status: Json| {
            let mut live = json!({
                "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                "metadata": { "generation": 2 }, "status": status,
            });
            live["status"]["conditions"] = json!([
                { "type": "Ready", "status": "True", "observedGeneration": condition },
            ]);
            health(&live)
        };
        assert_eq!(seen(2, json!({})), Health::Well);
        assert!(matches!(seen(1, json!({})), Health::Ailing { .. }));
        assert_eq!(seen(1, json!({ "observedGeneration": 2 })), Health::Well);
        let pod = |phase: &str| {
            health(&json!({ "apiVersion": "v1", "kind": "Pod", "status": {
                "phase": phase,
                "conditions": [{ "type": "Ready", "status": "False", "reason": "PodCompleted" }],
            }}))
        };
        assert_eq!(pod("Succeeded"), Health::Well);
        assert!(pod("Failed") != Health::Well);
        let claim = |phase: &str| {
            health(&json!({ "kind": "PersistentVolumeClaim", "status": { "phase": phase } }))
        };
        assert_eq!(claim("Pending"), Health::Well);
        assert!(claim("Lost") != Health::Well);
    }

    #[test]
    fn what_we_never_applied_is_not_ours() {
        assert_eq!(applied(&json!({ "metadata": { "name": "x" } })), None);
    }

    #[test]
    fn a_roll_out_is_well_when_all_copies_are_new_and_ready() {
        let with = |status: Json| {
            health(&json!({
                "kind": "Deployment",
                "metadata": { "generation": 2 },
                "spec": { "replicas": 2 },
                "status": status,
            }))
        };
        let ailing = |health: Health| matches!(health, Health::Ailing { .. });
        assert!(ailing(with(json!({ "observedGeneration": 1 }))));
        assert!(ailing(with(
            json!({ "observedGeneration": 2, "updatedReplicas": 1, "replicas": 2 })
        )));
        assert!(ailing(with(
            json!({ "observedGeneration": 2, "updatedReplicas": 2, "replicas": 3, "availableReplicas": 3 })
        )));
        assert_eq!(
            with(
                json!({ "observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2 })
            ),
            Health::Well
        );
    }
}
