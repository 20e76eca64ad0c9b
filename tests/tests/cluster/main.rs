//! An app on a real Kubernetes cluster: made, looked at, changed by us and by others, broken,
//! mended and taken away.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

mod cnpg;
mod fleet;
mod images;
mod permissions;
mod relay;
mod rules;
mod scale;
mod shop;
mod taken;
mod trouble;

use fleet::{Fleet, KINDS, SOURCE, given};
use plat_tests::{SOON, edit, eventually};
use serde_json::json;

#[test]
fn an_app_lives_on_a_cluster() {
    let fleet = Fleet::new("lives");

    // What would fail is told before anything is changed.
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("platc secret set api_token"),
        "{}",
        refused.stderr
    );
    assert!(
        fleet
            .cluster
            .try_kubectl(&["get", "namespace", "lives"])
            .is_err(),
        "nothing was changed"
    );

    let fleet = fleet.with_token();
    fleet.apply();
    fleet.answers("GREETING", "first");
    let secret = fleet.json(&["get", "secret", "session-key"]);
    assert_eq!(
        secret["data"]["value"].as_str().map(str::len),
        Some(56),
        "40 letters, as Base64"
    );

    // Nothing is a change that nobody changed: not a default, not another spelling of a quantity.
    fleet.nothing_to_do();
    let again = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let status = fleet.platc(&["status", "prod"]);
    assert!(status.stdout.contains("2/2"), "{}", status.stdout);
    let logs = fleet.platc(&["logs", "--env", "prod", "web"]);
    assert!(
        logs.stdout.contains("serving on 8080"),
        "{}\n{}",
        logs.stdout,
        logs.stderr
    );

    fleet.one_can_be_there();

    // A new version is rolled out; the job before it ran once and does not run again.
    let runs = fleet.ours("jobs");
    edit(&fleet.home, SOURCE, "\"first\"", "\"second\"");
    assert_eq!(fleet.plan().code, 2);
    fleet.apply();
    fleet.answers("GREETING", "second");
    assert_eq!(fleet.ours("jobs"), runs);
    fleet.nothing_to_do();

    // A new value of a secret reaches all who have it, and the jobs that do.
    let key = || fleet.cluster.ask("lives", "web", "/env/KEY");
    let former = key();
    let list = fleet.platc(&["secret", "list", "--env", "prod"]);
    assert!(list.stdout.contains("session_key"), "{}", list.stdout);
    let rotated = fleet.platc(&["secret", "rotate", "session_key", "--env", "prod"]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    let plan = fleet.plan();
    assert_eq!(plan.code, 2, "{}", plan.stdout);
    let why = "former values of its secrets";
    assert!(plan.stdout.contains(why), "{}", plan.stdout);
    fleet.apply();
    eventually("the new key", SOON, || {
        let now = key()?;
        (Ok(&now) != former.as_ref()).then_some(()).ok_or(now)
    });
    assert_ne!(fleet.ours("jobs"), Vec::<String>::new());
    fleet.nothing_to_do();
    let refused = fleet.platc(&["secret", "rotate", "api_token", "--env", "prod"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("not generated"),
        "{}",
        refused.stderr
    );

    // What the source says no more goes, and nothing else.
    edit(&fleet.home, SOURCE, "worker idle", "worker late");
    let before = fleet.ours("deployments");
    fleet.apply();
    let after = fleet.ours("deployments");
    assert!(before.contains(&"Deployment/idle".to_owned()), "{before:?}");
    assert_eq!(before.len(), after.len());
    assert!(!after.contains(&"Deployment/idle".to_owned()), "{after:?}");

    // Taken away: all but the data.
    let destroy = fleet.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroy.code, 0, "{}", destroy.stderr);
    assert_eq!(fleet.ours(KINDS), Vec::<String>::new());
    let claims = fleet.json(&["get", "persistentvolumeclaims"]);
    assert_eq!(
        claims["items"].as_array().map(Vec::len),
        Some(1),
        "{claims}"
    );

    // And there again, with the same data.
    let uid = claims["items"][0]["metadata"]["uid"].clone();
    let fleet = fleet.with_token();
    fleet.apply();
    let claim = fleet.json(&["get", "persistentvolumeclaim", "uploads"]);
    assert_eq!(claim["metadata"]["uid"], uid);
    fleet.nothing_to_do();
}

#[test]
fn a_bad_version_goes_back_by_itself_and_says_why() {
    let fleet = Fleet::new("breaks").with_token();
    fleet.apply();
    let good = "args: [\"serve\"])\n    port      = 8080";
    let bad = good.replace("serve", "crash");
    edit(&fleet.home, SOURCE, good, &bad);
    let ran = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    for part in [
        "ended with code 3",
        "the configuration is broken: no such column",
        "back",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let live = fleet.json(&["get", "deployment", "web"]);
    let container = &live["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], json!(["serve"]));
    fleet.answers("GREETING", "first");
    edit(&fleet.home, SOURCE, &bad, good);
    fleet.nothing_to_do();
}

#[test]
fn what_others_changed_is_shown_with_who_did() {
    let fleet = Fleet::new("drifts").with_token();
    fleet.apply();

    // Fields that we do not say are theirs: no drift.
    let annotated = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "drifts", "annotations": { "team": "x" } },
    });
    fleet.cluster.apply("team-tool", &annotated);
    fleet.nothing_to_do();

    // A field of ours that somebody took over.
    let greeting = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "drifts" },
        "spec": { "template": { "spec": { "containers": [
            { "name": "web", "env": [{ "name": "GREETING", "value": "theirs" }] },
        ]}}},
    });
    fleet.cluster.apply("anna", &greeting);
    // A plan that would fail says so.
    let plan = fleet.plan();
    assert_eq!(plan.code, 1, "{}", plan.stdout);
    let field = "spec.template.spec.containers.0.env.0.value";
    let held = format!("{field}: anna has it at \"theirs\"");
    assert!(plan.stdout.contains(&held), "{}", plan.stdout);

    // It is taken over by its word alone.
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let word = format!("web:{field}");
    assert!(refused.stderr.contains(&word), "{}", refused.stderr);
    let live = fleet.json(&["get", "deployment", "web"]);
    let container = "/spec/template/spec/containers/0";
    let env = live.pointer(container).map(|c| &c["env"][0]["value"]);
    assert_eq!(env, Some(&json!("theirs")));
    let taken = fleet.platc(&["apply", "prod", "--yes", "--take", &word]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    fleet.answers("GREETING", "first");
    fleet.nothing_to_do();

    // An object that is gone is made again.
    fleet
        .cluster
        .kubectl(&["-n", "drifts", "delete", "service", "busy"]);
    let plan = fleet.plan();
    assert!(plan.stdout.contains("busy"), "{}", plan.stdout);

    // One that carries no label of ours is left alone, whatever its name.
    fleet.cluster.kubectl(&[
        "-n",
        "drifts",
        "label",
        "cronjob",
        "tidy",
        "plat/app-",
        "plat/env-",
    ]);
    let destroy = fleet.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroy.code, 1, "{}", destroy.stdout);
    assert!(destroy.stderr.contains("tidy"), "{}", destroy.stderr);
    fleet.json(&["get", "cronjob", "tidy"]);
}

#[test]
fn what_is_left_to_others_stays_as_they_have_it() {
    let fleet = Fleet::new("leaves").with_token();
    edit(
        &fleet.home,
        SOURCE,
        "env prod {",
        "env prod { leave = [web.scale], ",
    );
    fleet.apply();
    let copies = || fleet.json(&["get", "deployment", "web"])["spec"]["replicas"].clone();
    assert_eq!(copies(), json!(2));
    let scale = ["-n", "leaves", "scale", "deployment/web", "--replicas=3"];
    fleet.cluster.kubectl(&scale);
    fleet.nothing_to_do();

    // What the source says of it is nothing to it, and what changes beside it leaves it alone.
    edit(&fleet.home, SOURCE, "scale     = 2", "scale     = 1");
    fleet.nothing_to_do();
    edit(&fleet.home, SOURCE, "\"first\"", "\"second\"");
    fleet.apply();
    fleet.answers("GREETING", "second");
    assert_eq!(copies(), json!(3));
    fleet.nothing_to_do();

    // Taken back it is still theirs, until the word for it is said.
    edit(&fleet.home, SOURCE, "leave = [web.scale], ", "");
    let plan = fleet.plan();
    assert_eq!(plan.code, 1, "{}", plan.stdout);
    let word = "web:spec.replicas";
    assert!(plan.stdout.contains("spec.replicas"), "{}", plan.stdout);
    let taken = fleet.platc(&["apply", "prod", "--yes", "--take", word]);
    assert_eq!(taken.code, 0, "{}", taken.stderr);
    assert_eq!(copies(), json!(1));
    fleet.nothing_to_do();
}

#[test]
fn objects_of_kinds_that_others_brought_are_kept_like_all_others() {
    let fleet = Fleet::new("kinds").with_token();
    let widget = r#"
raw_object gear { object = kubernetes.object("example.com/v1/Widget", { spec = { size = 3, colour = "red" } }) }
raw_object most { object = kubernetes.object("ResourceQuota", { spec = { hard = { pods = "40" } } }) }
"#;
    let source = std::fs::read_to_string(fleet.home.path().join(SOURCE)).expect("the source");
    std::fs::write(fleet.home.path().join(SOURCE), source + widget).expect("it is written");

    // Nobody brought the kind yet: nothing is begun.
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let why = "the cluster has no `Widget` of example.com";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);

    fleet.cluster.apply(
        "others",
        &json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": "widgets.example.com" },
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": { "kind": "Widget", "plural": "widgets", "singular": "widget" },
                "versions": [{ "name": "v1", "served": true, "storage": true, "schema": {
                    "openAPIV3Schema": { "type": "object", "properties": { "spec": {
                        "type": "object",
                        "properties": {
                            "size": { "type": "integer" },
                            "colour": { "type": "string" },
                            "weight": { "type": "integer", "default": 7 },
                        },
                    }}},
                }}],
            },
        }),
    );
    let established = "--for=condition=established";
    let definition = "crd/widgets.example.com";
    fleet
        .cluster
        .kubectl(&["wait", established, definition, "--timeout=30s"]);
    fleet.apply();
    let live = fleet.json(&["get", "widget", "gear"]);
    assert_eq!(
        live["spec"],
        json!({ "size": 3, "colour": "red", "weight": 7 })
    );
    fleet.nothing_to_do();

    // What the cluster would drop without a word is told before anything is done.
    edit(&fleet.home, SOURCE, "size = 3", "sise = 3");
    let plan = fleet.plan();
    assert_eq!(plan.code, 1, "{}", plan.stdout);
    let why = "`spec.sise` is no field that the cluster knows";
    assert!(plan.stdout.contains(why), "{}", plan.stdout);
    edit(&fleet.home, SOURCE, "sise = 3", "size = 3");

    // With types of the cluster's own definition it is the same object, held to them.
    let uid = live["metadata"]["uid"].clone();
    let import = ["import", "crd", "--cluster", "prod", "--only", "Widget"];
    let imported = fleet.platc(&import);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    edit(&fleet.home, SOURCE, "example.com/v1/Widget", "Widget");
    fleet.apply();
    fleet.nothing_to_do();
    let live = fleet.json(&["get", "widget", "gear"]);
    assert_eq!(
        (&live["metadata"]["uid"], &live["metadata"]["generation"]),
        (&uid, &json!(1)),
        "it was not touched"
    );
    edit(&fleet.home, SOURCE, "size = 3", "size = \"3\"");
    let wrong = fleet.platc(&["check"]);
    assert!(wrong.stderr.contains("E0301"), "{}", wrong.stderr);
    edit(&fleet.home, SOURCE, "size = \"3\"", "size = 3");

    let patch = r#"{"spec":{"size":4}}"#;
    fleet.cluster.kubectl(&[
        "-n",
        "kinds",
        "patch",
        "widget",
        "gear",
        "--type=merge",
        "--field-manager=anna",
        "-p",
        patch,
    ]);
    let plan = fleet.plan();
    assert_eq!(plan.code, 1, "{}", plan.stdout);
    assert!(
        plan.stdout.contains("spec.size: anna has it at 4"),
        "{}",
        plan.stdout
    );
    let destroy = fleet.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroy.code, 0, "{}", destroy.stderr);
    assert_eq!(fleet.ours("widgets,resourcequotas"), Vec::<String>::new());
}

#[test]
fn the_rights_that_are_printed_are_enough_and_no_more() {
    let mut fleet = Fleet::new("rights");
    let printed = |who: &[&str]| {
        let mut arguments = vec!["rbac", "prod"];
        arguments.extend(who);
        let ran = fleet.platc(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    let (reading, applying) = (
        printed(&["--plan", "user:nobody"]),
        printed(&["--apply", "user:nobody"]),
    );
    // Roles are in the namespace, so it has to be there.
    fleet.cluster.kubectl(&["create", "namespace", "rights"]);
    let admin = fleet.cluster.kubeconfig();
    let give = |fleet: &Fleet, what: &str| {
        fleet.home.write("roles.yaml", what);
        let file = fleet.home.path().join("roles.yaml");
        let file = file.to_string_lossy();
        fleet.cluster.kubectl(&["apply", "-f", &file]);
    };
    give(&fleet, &reading);
    fleet.home.set("KUBECONFIG", fleet.cluster.nobody());
    let plan = fleet.plan();
    // The namespace is not among them: somebody else made it.
    assert!(plan.stdout.contains("15 to create"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("`rights` is somebody else's"),
        "{}",
        plan.stdout
    );
    assert!(!plan.stdout.contains("forbidden"), "{}", plan.stdout);
    let refused = given(
        fleet
            .home
            .command(&["-C", "fleet", "secret", "set", "api_token", "--env", "prod"]),
        "a token\n",
    );
    assert_eq!(refused.code, 1, "who reads sets nothing");
    assert!(refused.stderr.contains("forbidden"), "{}", refused.stderr);

    fleet.home.set("KUBECONFIG", admin);
    give(&fleet, &applying);
    fleet.home.set("KUBECONFIG", fleet.cluster.nobody());
    let fleet = fleet.with_token();
    fleet.apply();
    fleet.answers("GREETING", "first");
    fleet.nothing_to_do();
    let status = fleet.platc(&["status", "prod"]);
    assert_eq!(status.code, 0, "{}", status.stderr);
    let logs = fleet.platc(&["logs", "--env", "prod", "web"]);
    assert!(logs.stdout.contains("serving on 8080"), "{}", logs.stderr);
    let destroy = fleet.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroy.code, 0, "{}", destroy.stderr);
}
