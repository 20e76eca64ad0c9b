//! What is adopted and what runs to its end, on a real cluster: rules 16 and 17 of
//! `plat-engine`, which its own tests hold on a fake one.

use plat_tests::edit;
use serde_json::{Value, json};

use crate::fleet::{Fleet, SOURCE};

/// The jobs of the environment that ran for `migrate`: which things they are.
fn runs(fleet: &Fleet) -> Vec<String> {
    let all = fleet.json(&["get", "jobs", "-l", "plat/app=fleet,plat/path=migrate"]);
    let items = all["items"].as_array().expect("a list");
    let uid = |job: &Value| job["metadata"]["uid"].as_str().map(str::to_owned);
    items.iter().filter_map(uid).collect()
}

#[test]
fn a_job_runs_when_it_changes_and_on_no_way_back_and_who_comes_after_waits_for_its_success() {
    let fleet = Fleet::new("runs").with_token();
    fleet.apply();
    let first = runs(&fleet);
    assert_eq!(first.len(), 1, "{first:?}");

    // What it is made of is as it was: it does not run again, whatever comes after it.
    edit(&fleet.home, SOURCE, "\"first\"", "\"second\"");
    fleet.apply();
    fleet.answers("GREETING", "second");
    assert_eq!(runs(&fleet), first);

    // It changes: it runs again, once.
    let before = "args: [\"once\"])\n    env = { KEY = session_key }";
    let after = "args: [\"once\"])\n    env = { KEY = session_key, STEP = \"two\" }";
    edit(&fleet.home, SOURCE, before, after);
    edit(&fleet.home, SOURCE, "\"second\"", "\"third\"");
    fleet.apply();
    fleet.answers("GREETING", "third");
    let changed = runs(&fleet);
    assert_ne!(changed, first);
    fleet.nothing_to_do();
    assert_eq!(runs(&fleet), changed);

    // Back to before: the service, and no job.
    let back = fleet.platc(&["rollback", "2", "--env", "prod", "--yes"]);
    assert_eq!(back.code, 0, "{}", back.stderr);
    fleet.answers("GREETING", "second");
    assert_eq!(runs(&fleet), changed);

    // Where it fails, what comes after it stays as it is.
    let fails = after.replace("once", "crash").replace("two", "three");
    edit(&fleet.home, SOURCE, after, &fails);
    edit(&fleet.home, SOURCE, "\"third\"", "\"fourth\"");
    let ran = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    for part in ["migrate", "no such column", "not begun"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    fleet.answers("GREETING", "second");
}

#[test]
fn what_runs_is_taken_over_as_it_is_when_the_state_is_lost() {
    let fleet = Fleet::new("adopts").with_token();
    fleet.apply();
    let all = "deployments,services,configmaps,jobs,persistentvolumeclaims";
    let versions = || -> Vec<(String, Value)> {
        let label = "plat/app=fleet,plat/env=prod";
        let there = fleet.json(&["get", all, "-l", label]);
        let items = there["items"].as_array().expect("a list");
        let one = |item: &Value| {
            let name = format!("{}/{}", item["kind"], item["metadata"]["name"]);
            (name, item["metadata"]["generation"].clone())
        };
        items.iter().map(one).collect()
    };

    // Fields that the source does not say, of those that a cluster fills in and of others.
    let theirs = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "adopts", "annotations": { "team": "x" } },
        "spec": { "revisionHistoryLimit": 3 },
    });
    fleet.cluster.apply("team-tool", &theirs);
    let before = versions();
    let uid = fleet.json(&["get", "deployment", "web"])["metadata"]["uid"].clone();

    let secrets = fleet
        .cluster
        .kubectl(&["-n", "adopts", "get", "secrets", "-o", "name"]);
    let state: Vec<&str> = secrets
        .lines()
        .filter(|name| name.starts_with("secret/plat-state-"))
        .collect();
    assert!(!state.is_empty(), "{secrets}");
    let mut delete = vec!["-n", "adopts", "delete"];
    delete.extend(state);
    fleet.cluster.kubectl(&delete);

    // It is known for what it is, and nothing is made twice.
    let plan = fleet.plan();
    assert_eq!(plan.code, 2, "{}", plan.stdout);
    let adopted = fleet.platc(&["adopt", "prod", "--yes"]);
    assert_eq!(adopted.code, 0, "{}", adopted.stderr);
    assert_eq!(versions(), before, "nothing that runs was touched");
    fleet.nothing_to_do();

    // A change of the source changes what it says, and nothing else.
    edit(&fleet.home, SOURCE, "\"first\"", "\"second\"");
    fleet.apply();
    fleet.answers("GREETING", "second");
    let live = fleet.json(&["get", "deployment", "web"]);
    assert_eq!(live["metadata"]["uid"], uid);
    assert_eq!(live["metadata"]["annotations"]["team"], "x");
    assert_eq!(live["spec"]["revisionHistoryLimit"], json!(3));
    fleet.nothing_to_do();
}
