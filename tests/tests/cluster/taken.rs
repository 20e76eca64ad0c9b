//! What Helm or `kubectl apply` made becomes ours, object by object and by its own word alone.

use serde_json::{Value, json};

use crate::fleet::{Fleet, SOURCE};

const OBJECTS: &str = r#"app fleet

env prod { target = kubernetes { context = "test", namespace = "taken" } }

raw_object settings { object = kubernetes.object("ConfigMap", { data = { colour = "red", size = "3" } }) }
raw_object door {
    object = kubernetes.object("Service", { spec = { selector = { app = "x" }, ports = [{ port = 80 }] } })
}
service web {
    run   = image("localhost/app:1")
    port  = 8080
    scale = 0
}
"#;

/// Who has something of an object, without those who only report.
fn managers(live: &Value) -> Vec<String> {
    let all = live["metadata"]["managedFields"].as_array();
    let all = all.expect("a record of managers").iter();
    let asked = all.filter(|entry| entry.get("subresource").is_none());
    let name = |entry: &Value| {
        let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}", part("manager"), part("operation"))
    };
    asked.map(name).collect()
}

/// Makes an object that is not ours.
fn made(fleet: &Fleet, name: &str, manifest: &Value, how: &[&str]) {
    fleet.home.write(name, &manifest.to_string());
    let file = fleet.home.path().join(name).to_string_lossy().into_owned();
    let with = ["-n", fleet.namespace];
    fleet
        .cluster
        .kubectl(&[&with, how, &["-f", &file]].concat());
}

#[test]
fn what_kubectl_and_helm_made_is_taken_over_by_its_own_word_alone() {
    let fleet = Fleet::new("taken");
    std::fs::write(fleet.home.path().join(SOURCE), OBJECTS).expect("it is written");
    let kubectl = |what: &[&str]| fleet.cluster.kubectl(&[&["-n", "taken"], what].concat());
    kubectl(&["create", "namespace", "taken"]);
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" },
        "data": { "colour": "blue", "old": "yes" },
    });
    made(&fleet, "settings.json", &settings, &["apply"]);
    let marks = |annotations: Value| {
        json!({
            "labels": { "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "web-1.2.0" },
            "annotations": annotations,
        })
    };
    let release = json!({
        "meta.helm.sh/release-name": "front", "meta.helm.sh/release-namespace": "taken",
    });
    let mut door = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": marks(release.clone()),
        "spec": { "selector": { "app": "x", "tier": "front" }, "ports": [{ "port": 80 }] },
    });
    door["metadata"]["name"] = "door".into();
    made(
        &fleet,
        "door.json",
        &door,
        &["create", "--field-manager=helm"],
    );
    let pods = json!({ "app": "web" });
    let mut web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": marks(release),
        "spec": { "replicas": 0, "selector": { "matchLabels": pods }, "template": {
            "metadata": { "labels": pods },
            "spec": { "containers": [{ "name": "web", "image": "localhost/app:2" }] },
        }},
    });
    web["metadata"]["name"] = "web".into();
    made(
        &fleet,
        "web.json",
        &web,
        &["create", "--field-manager=helm"],
    );
    let live = |kind: &str, name: &str| fleet.json(&["get", kind, name, "--show-managed-fields"]);
    let before = [live("configmap", "settings"), live("service", "door")];

    // Nothing is taken that nobody asked for, and it is said whose each is, and with which word it is
    // taken over.
    let plan = fleet.plan();
    assert_eq!(plan.code, 1, "{}", plan.stdout);
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let words = [
        "settings:ConfigMap/settings",
        "door:Service/door",
        "web:Deployment/web",
    ];
    for part in words
        .into_iter()
        .chain(["Helm (release `front`)", "`kubectl apply`"])
    {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    let one = fleet.platc(&["apply", "prod", "--yes", "--take", words[0]]);
    assert_eq!(one.code, 1, "{}", one.stdout);
    assert!(one.stderr.contains(words[1]), "{}", one.stderr);
    assert_eq!(
        before,
        [live("configmap", "settings"), live("service", "door")]
    );

    // The plan says what becomes of what they say and we do not.
    let all = words.map(|word| ["--take", word]).concat();
    let plan = fleet.platc(&[&["plan", "prod"], all.as_slice()].concat());
    assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
    for part in [
        "data.colour \"blue\" → \"red\"",
        "data.old \"yes\" → none",
        "spec.selector.tier \"front\" → none",
        "service web   made anew",
        "taken over from Helm (release `front`)",
    ] {
        assert!(plan.stdout.contains(part), "{part}: {}", plan.stdout);
    }
    let taken = fleet.platc(&[&["apply", "prod", "--yes"], all.as_slice()].concat());
    assert_eq!(taken.code, 0, "{}\n{}", taken.stdout, taken.stderr);

    let [settings, door] = [live("configmap", "settings"), live("service", "door")];
    assert_eq!(settings["data"], json!({ "colour": "red", "size": "3" }));
    assert_eq!(door["spec"]["selector"], json!({ "app": "x" }));
    for (was, is) in before.iter().zip([&settings, &door]) {
        assert_eq!(
            was["metadata"]["uid"], is["metadata"]["uid"],
            "it was not made anew"
        );
        assert_eq!(managers(is), ["plat Apply"]);
        let text = is["metadata"].to_string();
        for mark in ["last-applied", "meta.helm.sh", "helm.sh/chart", "\"Helm\""] {
            assert!(!text.contains(mark), "{mark}: {text}");
        }
    }
    fleet.nothing_to_do();

    // From now on whoever applies something else meets a conflict.
    let other = fleet
        .home
        .path()
        .join("settings.json")
        .to_string_lossy()
        .into_owned();
    let apply = ["-n", "taken", "apply", "--server-side", "-f", &other];
    let conflict = fleet.cluster.try_kubectl(&apply).expect_err("ours");
    assert!(conflict.contains("conflict with \"plat\""), "{conflict}");
}

const CHANGED: &str = r#"app fleet

env prod { target = kubernetes { context = "test", namespace = "taken-on" } }

raw_object door {
    object = kubernetes.object("Service", {
        spec = { selector = { app = "x" }, ports = [{ name = "PORT", port = 80 }] },
    })
}
raw_object runner {
    object = kubernetes.object("Deployment", { spec = {
        replicas = 0,
        selector = { matchLabels = { app = "runner" } },
        template = {
            metadata = { labels = { app = "runner" } },
            spec = { containers = [{ name = "web", image = "localhost/app:1" }] },
        },
    } })
}
"#;

#[test]
fn what_was_changed_by_hand_is_taken_too_and_what_fails_can_be_taken_again() {
    let fleet = Fleet::new("taken-on");
    let source = |port: &str| {
        let text = CHANGED.replace("PORT", port);
        std::fs::write(fleet.home.path().join(SOURCE), text).expect("it is written");
    };
    // No port may be named that way: the API server refuses it when it is applied.
    source("Not_a_name");
    let kubectl = |what: &[&str]| fleet.cluster.kubectl(&[&["-n", "taken-on"], what].concat());
    kubectl(&["create", "namespace", "taken-on"]);
    let door = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "door" },
        "spec": { "selector": { "app": "x", "tier": "front" }, "ports": [{ "port": 80 }] },
    });
    made(&fleet, "door.json", &door, &["apply", "--server-side"]);
    let pods = json!({ "app": "runner" });
    let runner = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "runner" },
        "spec": { "replicas": 0, "selector": { "matchLabels": pods }, "template": {
            "metadata": { "labels": pods },
            "spec": { "containers": [{ "name": "web", "image": "localhost/app:2" }] },
        }},
    });
    made(&fleet, "runner.json", &runner, &["apply"]);
    let image = "web=localhost/app:3";
    kubectl(&["set", "image", "deployment/runner", image]);
    kubectl(&["scale", "deployment/runner", "--replicas=1"]);

    // An image that was set by hand is a part of it; who scales has a word of his own.
    let mut words = vec!["--take", "door:Service/door"];
    words.extend(["--take", "runner:Deployment/runner"]);
    let apply = |words: &[&str]| fleet.platc(&[&["apply", "prod", "--yes"], words].concat());
    let refused = apply(&words);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let scaled = "runner:spec.replicas";
    assert!(refused.stderr.contains(scaled), "{}", refused.stderr);
    words.extend(["--take", scaled]);
    let plan = fleet.platc(&[&["plan", "prod"], words.as_slice()].concat());
    let said = "image \"localhost/app:3\" → \"localhost/app:1\"";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);

    // Of the one nothing is left but that its fields are ours, the other is ours as a whole.
    let failed = apply(&words);
    assert_eq!(failed.code, 1, "{}\n{}", failed.stdout, failed.stderr);
    let live = |kind: &str, name: &str| fleet.json(&["get", kind, name, "--show-managed-fields"]);
    let [door, runner] = [live("service", "door"), live("deployment", "runner")];
    assert_eq!(managers(&door), ["plat Apply"]);
    assert_eq!(door["spec"]["selector"]["tier"], "front");
    assert_eq!(managers(&runner), ["plat Apply"]);
    assert_eq!(runner["spec"]["replicas"], 0);
    let text = runner["metadata"]["annotations"].to_string();
    assert!(!text.contains("last-applied"), "{text}");

    source("web");
    let again = apply(&["--take", "door:Service/door"]);
    assert_eq!(again.code, 0, "{}\n{}", again.stdout, again.stderr);
    let selector = live("service", "door")["spec"]["selector"].clone();
    assert_eq!(selector, json!({ "app": "x" }));
    fleet.nothing_to_do();
}
