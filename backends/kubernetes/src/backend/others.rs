//! What Helm or `kubectl apply` made, and how it becomes ours.
//!
//! Taking over is what client-go's `csaupgrade` does for those who go from client-side to server-side
//! apply: the fields that the former managers have are written down as ours, so that our own apply
//! takes away what we do not say of them, and changes nothing else. Fields of whoever else has some
//! stay theirs. What is dropped is thereby known before, from the record of managers alone.

use plat_engine::{Changed, HeldField, Object, Others, Present};
use serde_json::{Map, Value as Json, json};

use super::{Kubernetes, present, remembered, text};
use crate::cluster::{ApiError, Kind, annotation, said};
use crate::names;

/// What `kubectl apply` notes of the manifest that it was given.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What Helm goes by: without these an object is of no release.
const HELM: [&str; 2] = [
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
];

/// What the API server says by itself where nobody does: without it nothing is another. Where a field
/// stands, and what it is.
const DEFAULTS: [(&str, &str); 21] = [
    ("dnsPolicy", "ClusterFirst"),
    ("failureThreshold", "3"),
    ("internalTrafficPolicy", "Cluster"),
    ("ipFamilyPolicy", "SingleStack"),
    ("ports.*.protocol", "TCP"),
    ("progressDeadlineSeconds", "600"),
    ("restartPolicy", "Always"),
    ("revisionHistoryLimit", "10"),
    ("schedulerName", "default-scheduler"),
    ("sessionAffinity", "None"),
    ("spec.podManagementPolicy", "OrderedReady"),
    ("spec.strategy.rollingUpdate.maxSurge", "25%"),
    ("spec.strategy.rollingUpdate.maxUnavailable", "25%"),
    ("spec.strategy.type", "RollingUpdate"),
    ("spec.type", "ClusterIP"),
    ("successThreshold", "1"),
    ("terminationGracePeriodSeconds", "30"),
    ("terminationMessagePath", "/dev/termination-log"),
    ("terminationMessagePolicy", "File"),
    ("timeoutSeconds", "1"),
    ("volumeMode", "Filesystem"),
];
/// Fields that say nothing where nothing is in them.
const EMPTY: [&str; 2] = ["resources", "securityContext"];

/// A manager of an object whose place we take.
fn is_former(by: Former, entry: &Json) -> bool {
    let manager = text(entry, "/manager").to_lowercase();
    let named = match by {
        Former::Helm => manager.contains("helm"),
        Former::Kubectl => manager.starts_with("kubectl"),
    };
    // What an earlier attempt made ours already.
    let ours = manager == names::MANAGER && text(entry, "/operation") == "Apply";
    (named || ours) && entry.get("subresource").is_none()
}

/// Who made an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Former {
    Helm,
    Kubectl,
}

impl Former {
    /// Who made it; `None` for what somebody else made or keeps: another environment, a controller.
    fn of(live: &Json) -> Option<Self> {
        let labels = live.pointer("/metadata/labels");
        let label = |name: &str| labels.and_then(|labels| labels.get(name)?.as_str());
        if label(names::APP).is_some() || live.pointer("/metadata/ownerReferences").is_some() {
            return None;
        }
        let helm = HELM.iter().any(|name| annotation(live, name).is_some());
        if helm || label("app.kubernetes.io/managed-by") == Some("Helm") {
            return Some(Self::Helm);
        }
        let entries = live.pointer("/metadata/managedFields")?.as_array()?;
        let applied = entries
            .iter()
            .any(|e| text(e, "/manager") == "kubectl" && text(e, "/operation") == "Apply");
        (applied || annotation(live, LAST_APPLIED).is_some()).then_some(Self::Kubectl)
    }

    /// For people.
    fn name(self, live: &Json) -> String {
        match (self, annotation(live, HELM[0])) {
            (Self::Helm, Some(release)) => format!("Helm (release `{release}`)"),
            (Self::Helm, None) => "Helm".to_owned(),
            (Self::Kubectl, _) => "`kubectl apply`".to_owned(),
        }
    }
}

/// What others made and we may take over, as it is there; `why` says whose it is. `None` where it is
/// not known how.
pub(super) fn others(kind: &Kind, live: &Json, why: String) -> Option<Others> {
    let former = Former::of(live)?;
    let (theirs, _) = parted(former, live)?;
    // In the words of another version it is another set of fields.
    if theirs
        .iter()
        .any(|entry| text(entry, "/apiVersion") != kind.version)
    {
        return None;
    }
    let mut was = said(live, &united(&theirs))?;
    undefaulted(&mut was, "");
    if let Some(Json::Object(meta)) = was.pointer_mut("/metadata")
        && let Some(Json::Object(all)) = meta.get_mut("annotations")
    {
        // It says all of it again.
        all.remove(LAST_APPLIED);
        if all.is_empty() {
            meta.remove("annotations");
        }
    }
    let managers: Vec<&str> = theirs.iter().map(|entry| text(entry, "/manager")).collect();
    let is_theirs = |held: &HeldField| managers.contains(&held.by.as_str());
    let mut present = present(live);
    present.version = version(live);
    present.changed = present.changed.and_then(|mut changed| {
        changed.held.retain(|held| !is_theirs(held));
        (*changed != Changed::default()).then_some(changed)
    });
    present.object = Some(
        Object {
            ..remembered(live, was)
        }
        .into(),
    );
    Some(Others {
        by: former.name(live),
        why,
        present: Present {
            token: None,
            ..present
        },
    })
}

/// Changes whenever somebody changes what is asked for of an object.
pub(super) fn version(live: &Json) -> String {
    let mut asked = live.clone();
    if let Json::Object(all) = &mut asked {
        all.remove("status");
    }
    if let Some(Json::Object(meta)) = asked.pointer_mut("/metadata") {
        for moves in ["generation", "managedFields", "resourceVersion"] {
            meta.remove(moves);
        }
    }
    plat_engine::spec_digest(&asked).as_str().to_owned()
}

/// The records of the managers whose place we take, and those of the others. Values of secrets are
/// nobody's to drop: whoever has them keeps them.
fn parted(former: Former, live: &Json) -> Option<(Vec<Json>, Vec<Json>)> {
    let entries = live.pointer("/metadata/managedFields")?.as_array()?;
    let (mut theirs, mut rest): (Vec<Json>, Vec<Json>) =
        entries.iter().cloned().partition(|e| is_former(former, e));
    if text(live, "/kind") == "Secret" {
        for entry in &mut theirs {
            let mut kept = entry.clone();
            let fields = entry.pointer_mut("/fieldsV1").and_then(Json::as_object_mut);
            let data = fields.and_then(|fields| fields.remove("f:data"));
            if let (Some(data), Some(all)) = (data, kept.pointer_mut("/fieldsV1")) {
                *all = json!({ "f:data": data });
                rest.push(kept);
            }
        }
    }
    Some((theirs, rest))
}

/// All fields that some of these records have.
fn united(entries: &[Json]) -> Map<String, Json> {
    let mut all = Map::new();
    for fields in entries
        .iter()
        .filter_map(|e| e.get("fieldsV1")?.as_object())
    {
        unite(&mut all, fields);
    }
    all
}

fn unite(all: &mut Map<String, Json>, more: &Map<String, Json>) {
    for (key, below) in more {
        let there = all.entry(key).or_insert_with(|| Json::Object(Map::new()));
        if let (Json::Object(there), Some(below)) = (there, below.as_object()) {
            unite(there, below);
        }
    }
}

/// Takes out what the API server would say by itself.
fn undefaulted(value: &mut Json, path: &str) {
    let is_default = |at: &str, value: &Json| {
        let value = match value {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => return false,
        };
        let mut known = DEFAULTS.iter();
        known.any(|(place, default)| *default == value && ends_with(at, place))
    };
    match value {
        Json::Object(map) => {
            map.retain(|name, value| {
                let at = format!("{path}.{name}");
                let had = has_some(value);
                undefaulted(value, &at);
                // What held nothing but these is none either.
                let empty = !has_some(value) && (had || EMPTY.contains(&name.as_str()));
                !is_default(&at, value) && !empty
            });
        }
        Json::Array(items) => {
            for item in items {
                undefaulted(item, &format!("{path}.*"));
            }
        }
        _ => {}
    }
}

fn has_some(value: &Json) -> bool {
    value.as_object().is_none_or(|map| !map.is_empty())
}

fn ends_with(path: &str, place: &str) -> bool {
    let rest = path.strip_suffix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

impl Kubernetes {
    /// Writes down as ours what the former managers of an object have; gives it as it is then. Its
    /// values stay as they are.
    pub(super) async fn inherit(
        &self,
        kind: &Kind,
        name: &str,
        live: &Json,
    ) -> Result<Json, ApiError> {
        let parted = Former::of(live).and_then(|former| parted(former, live));
        let Some((theirs, mut rest)) = parted else {
            return Ok(live.clone());
        };
        rest.push(json!({
            "manager": names::MANAGER,
            "operation": "Apply",
            "apiVersion": kind.version,
            "fieldsType": "FieldsV1",
            "fieldsV1": united(&theirs),
        }));
        let version = text(live, "/metadata/resourceVersion");
        let patch = json!({ "metadata": { "resourceVersion": version, "managedFields": rest } });
        self.cluster.merge(kind, name, &patch).await
    }

    /// Takes away what the former managers go by, where somebody else wrote it: ours do no more.
    pub(super) async fn disown(
        &self,
        kind: &Kind,
        name: &str,
        made: Json,
    ) -> Result<Json, ApiError> {
        let mut marks = Map::new();
        for mark in HELM.into_iter().chain([LAST_APPLIED]) {
            if annotation(&made, mark).is_some() {
                marks.insert(mark.to_owned(), Json::Null);
            }
        }
        if marks.is_empty() {
            return Ok(made);
        }
        let patch = json!({ "metadata": { "annotations": marks } });
        self.cluster.merge(kind, name, &patch).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::kind;

    fn entry(manager: &str, operation: &str, fields: &Json) -> Json {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields,
        })
    }

    fn settings() -> Json {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "settings", "uid": "1", "resourceVersion": "7",
                "annotations": { LAST_APPLIED: "{}", "team": "x" },
                "managedFields": [
                    entry("kubectl-client-side-apply", "Update", &json!({
                        "f:data": { ".": {}, "f:colour": {} },
                        "f:metadata": { "f:annotations": { format!("f:{LAST_APPLIED}"): {} } },
                    })),
                    entry("kubectl-edit", "Update", &json!({ "f:data": { "f:size": {} } })),
                    entry("team-tool", "Apply", &json!({
                        "f:metadata": { "f:annotations": { "f:team": {} } },
                    })),
                ],
            },
            "data": { "colour": "blue", "size": "3", "nobodys": "1" },
        })
    }

    fn seen(live: &Json) -> Option<Others> {
        others(kind("ConfigMap").unwrap(), live, "why".into())
    }

    #[test]
    fn what_kubectl_asked_for_is_known_from_the_record_of_managers() {
        let others = seen(&settings()).unwrap();
        assert_eq!(others.by, "`kubectl apply`");
        let was = others.present.object.unwrap();
        assert_eq!(was.spec["data"], json!({ "colour": "blue", "size": "3" }));
        assert!(!was.spec["metadata"].to_string().contains("team"));
        // What the other manager has is his to mind.
        let held = others.present.changed.unwrap().held;
        let paths: Vec<&str> = held.iter().map(|held| held.path.as_str()).collect();
        assert_eq!(paths, ["metadata.annotations.team"]);
    }

    #[test]
    fn a_status_or_a_record_of_managers_that_moves_is_no_other_version() {
        let before = version(&settings());
        let mut live = settings();
        live["status"] = json!({ "phase": "x" });
        live["metadata"]["resourceVersion"] = "8".into();
        live["metadata"]["managedFields"] = json!([]);
        assert_eq!(version(&live), before);
        live["data"]["size"] = "4".into();
        assert_ne!(version(&live), before);
    }

    #[test]
    fn what_an_environment_a_controller_or_nobody_known_made_is_not_taken() {
        let mut ours = settings();
        ours["metadata"]["labels"] = json!({ names::APP: "other" });
        assert_eq!(seen(&ours), None);
        let mut owned = settings();
        owned["metadata"]["ownerReferences"] = json!([{ "kind": "ReplicaSet" }]);
        assert_eq!(seen(&owned), None);
        let mut created = settings();
        created["metadata"]["annotations"] = json!({});
        assert_eq!(seen(&created), None);
        // In the words of another version its fields are not those that we know.
        let mut older = settings();
        older["metadata"]["managedFields"][0]["apiVersion"] = "v1beta1".into();
        assert_eq!(seen(&older), None);
    }

    #[test]
    fn the_values_of_a_secret_stay_with_who_has_them() {
        let mut live = settings();
        live["kind"] = "Secret".into();
        let (theirs, rest) = parted(Former::Kubectl, &live).unwrap();
        assert!(united(&theirs).get("f:data").is_none());
        let data: Vec<&Json> = rest
            .iter()
            .filter_map(|e| e.pointer("/fieldsV1/f:data"))
            .collect();
        assert_eq!(
            data,
            [
                &json!({ ".": {}, "f:colour": {} }),
                &json!({ "f:size": {} })
            ]
        );
    }

    #[test]
    fn what_the_api_server_says_by_itself_is_nothing_that_goes() {
        let mut spec = json!({ "spec": {
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 3,
            "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%" } },
            "template": { "spec": {
                "securityContext": {},
                "volumes": [{ "name": "tmp", "emptyDir": {} }],
                "containers": [{ "name": "web", "ports": [{ "protocol": "TCP", "containerPort": 80 }] }],
            }},
        }});
        undefaulted(&mut spec, "");
        assert_eq!(
            spec,
            json!({ "spec": {
                "revisionHistoryLimit": 3,
                "template": { "spec": {
                    "volumes": [{ "name": "tmp", "emptyDir": {} }],
                    "containers": [{ "name": "web", "ports": [{ "containerPort": 80 }] }],
                }},
            }})
        );
    }
}
