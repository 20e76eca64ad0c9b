//! What is known from recorded managers.

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

fn looked(live: &Json) -> Observed {
    let kind = kind(text(live, "/kind")).unwrap();
    others(kind, live, "it is not ours".into())
}

fn seen(live: &Json) -> Option<Others> {
    match looked(live) {
        Observed::Others(others) => Some(*others),
        _ => None,
    }
}

/// Why it is not taken.
fn refused(live: &Json) -> String {
    match looked(live) {
        Observed::Unknown { why } => why,
        other => panic!("it is taken: {other:?}"),
    }
}

/// Who has which field once it is taken over.
fn held_then(live: &Json) -> Vec<String> {
    let changed = seen(live).unwrap().present.changed;
    let held = changed.map(|changed| changed.held).unwrap_or_default();
    held.iter()
        .map(|h| format!("{} {}", h.by, h.path))
        .collect()
}

/// A Deployment of a Helm release.
fn web(more: &[Json]) -> Json {
    let containers = json!({ "k:{\"name\":\"web\"}": { ".": {}, "f:name": {}, "f:args": {} } });
    let helm = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": containers } } } });
    let mut all = vec![entry("helm", "Update", &helm)];
    all.extend_from_slice(more);
    for entry in &mut all {
        entry["apiVersion"] = "apps/v1".into();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": "web", "uid": "1", "resourceVersion": "7", "managedFields": all,
            "annotations": { HELM[0]: "front" },
        },
        "spec": { "replicas": 5, "template": { "spec": {
            "containers": [{ "name": "web", "args": ["x"], "image": "web:2" }],
        }}},
    })
}

#[test]
fn what_kubectl_asked_for_is_known_from_the_record_of_managers() {
    let others = seen(&settings()).unwrap();
    assert_eq!(others.by, "`kubectl apply`");
    let was = others.present.object.unwrap();
    assert_eq!(was.spec["data"], json!({ "colour": "blue", "size": "3" }));
    assert!(!was.spec["metadata"].to_string().contains("team"));
    // What the other manager has is his to mind.
    assert_eq!(
        held_then(&settings()),
        ["team-tool metadata.annotations.team"]
    );
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
    let (theirs, rest) = parted(Former::Kubectl, &live);
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
    defaults::undefaulted(&mut spec, "");
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

#[test]
fn nothing_is_taken_of_which_nothing_is_of_who_is_said_to_have_made_it() {
    let mut live = settings();
    live["metadata"]["managedFields"] = json!([entry(
        "crossplane",
        "Update",
        &json!({ "f:data": { "f:colour": {} } }),
    )]);
    assert!(refused(&live).contains("nothing of it is of `kubectl apply`"));
    live["metadata"]["labels"] = json!({ "app.kubernetes.io/managed-by": "Helm" });
    assert!(refused(&live).contains("nothing of it is of Helm"));
    let nothing = said(&live, &Map::new()).unwrap();
    assert_eq!(nothing.pointer("/data"), None);
}

#[test]
fn what_a_controller_keeps_is_not_taken() {
    let fields = json!({ "f:data": { "f:colour": {} } });
    for manager in [
        "argocd-controller",
        "helm-controller",
        "kustomize-controller",
    ] {
        let mut live = settings();
        let all = live["metadata"]["managedFields"].as_array_mut().unwrap();
        all.push(entry(manager, "Apply", &fields));
        assert!(refused(&live).contains(manager));
    }
    for mark in [
        "argocd.argoproj.io/tracking-id",
        "helm.toolkit.fluxcd.io/name",
    ] {
        for of in ["labels", "annotations"] {
            let mut live = settings();
            live["metadata"][of][LAST_APPLIED] = "{}".into();
            live["metadata"][of][mark] = "x".into();
            assert!(refused(&live).contains(mark), "{of}");
        }
    }
}

#[test]
fn an_attempt_that_got_no_further_than_the_record_can_be_made_again() {
    let fields = json!({ "f:data": { "f:colour": {} } });
    let mut live = settings();
    live["metadata"]["annotations"] = json!({});
    live["metadata"]["managedFields"] = json!([entry("kubectl", "Apply", &fields)]);
    let before = seen(&live).unwrap();
    let taken = Taken::of(Former::Kubectl, kind("ConfigMap").unwrap(), &live).unwrap();
    assert_eq!(entries(&taken.live).len(), 1);
    assert!(is_ours(&entries(&taken.live)[0]));
    // The operation that it was finds it as it was planned.
    let again = seen(&taken.live).unwrap();
    assert_eq!(again.present.version, before.present.version);
    assert_eq!(again.present.object, before.present.object);
    let is_still = |live: &Json| {
        let kind = kind("ConfigMap").unwrap();
        is_still(kind, live, &before.present.version)
    };
    let mut changed = taken.live.clone();
    changed["data"]["size"] = "4".into();
    assert!(is_still(&taken.live) && !is_still(&changed));
    // An object of ours of which somebody took the label away is no such thing.
    let mut ours = taken.live;
    ours["metadata"]["annotations"] = json!({ ID: "ConfigMap/settings" });
    assert_eq!(seen(&ours), None);
}

#[test]
fn what_was_changed_by_hand_since_is_taken_too() {
    let image = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": {
        "k:{\"name\":\"web\"}": { "f:image": {} },
    }}}}});
    let live = web(&[entry("kubectl-set", "Update", &image)]);
    let others = seen(&live).unwrap();
    let was = &others.present.object.unwrap().spec;
    let image = was.pointer("/spec/template/spec/containers/0/image");
    assert_eq!(image, Some(&json!("web:2")));
    assert_eq!(held_then(&live), [""; 0]);
}

#[test]
fn what_who_scales_has_is_told_field_by_field() {
    let mut scaled = entry(
        "kubectl",
        "Update",
        &json!({ "f:spec": { "f:replicas": {} } }),
    );
    scaled["subresource"] = "scale".into();
    let live = web(std::slice::from_ref(&scaled));
    assert_eq!(held_then(&live), ["kubectl spec.replicas"]);
    // What `kubectl apply` made, its own `kubectl scale` is no part of either.
    let fields = json!({ "f:spec": { "f:paused": {} } });
    let mut live = web(&[entry("kubectl", "Apply", &fields), scaled]);
    live["metadata"]["annotations"] = json!({});
    live["metadata"]["managedFields"]
        .as_array_mut()
        .unwrap()
        .remove(0);
    live["spec"]["paused"] = true.into();
    assert_eq!(held_then(&live), ["kubectl spec.replicas"]);
}

#[test]
fn what_a_third_has_parts_of_list_items_of_is_not_taken() {
    let image = json!({ "f:spec": { "f:template": { "f:spec": { "f:containers": {
        "k:{\"name\":\"web\"}": { "f:image": {} },
    }}}}});
    let live = web(&[entry("team-tool", "Update", &image)]);
    let why = refused(&live);
    let said = "`team-tool` has part of `spec.template.spec.containers` too";
    assert!(why.contains(said), "{why}");
    // Conditions of a status are such a list, and nobody minds.
    let status = json!({ "f:status": { "f:conditions": { "k:{\"type\":\"A\"}": {} } } });
    assert!(seen(&web(&[entry("team-tool", "Update", &status)])).is_some());
}

#[test]
fn no_value_of_a_secret_is_in_its_version() {
    let secret = |value: &str| {
        let mut live = settings();
        live["kind"] = "Secret".into();
        live["data"] = json!({ "colour": value });
        live["metadata"]["annotations"][LAST_APPLIED] = value.into();
        live
    };
    assert_eq!(version(&secret("one")), version(&secret("two")));
    let mut later = secret("one");
    later["metadata"]["resourceVersion"] = "8".into();
    assert_ne!(version(&secret("one")), version(&later));
}
