//! What goes wrong with a cluster: it is told, and the next apply finishes what was begun.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;

use plat_tests::{SOON, Way, edit, eventually, kill};
use serde_json::{Value, json};

use crate::fleet::{Fleet, SOURCE};

/// The administrator's kubeconfig, changed, in a file of the home.
fn kubeconfig(fleet: &Fleet, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = std::fs::read_to_string(fleet.cluster.kubeconfig()).expect("a kubeconfig");
    let mut config = serde_json::from_str(&text).expect("JSON");
    change(&mut config);
    let file = fleet.home.path().join("kubeconfig");
    std::fs::write(&file, config.to_string()).expect("it is written");
    file
}

#[test]
fn what_the_cluster_refuses_is_told_and_finished_later() {
    let fleet = Fleet::new("refuses").with_token();
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": { "name": "few", "namespace": "refuses" },
        "spec": { "hard": { "services": "1" } },
    });
    fleet.cluster.apply("others", &quota);
    // No webhook, but told apart from one by nobody: it is asked at the same place.
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "no-crons" },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["batch"], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["cronjobs"],
            }]},
            "validations": [{ "expression": "false", "message": "nothing may run at night" }],
        },
    });
    fleet.cluster.apply("others", &policy);
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "no-crons" },
        "spec": {
            "policyName": "no-crons", "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": {
                "kubernetes.io/metadata.name": "refuses",
            }}},
        },
    });
    fleet.cluster.apply("others", &binding);
    let counted = "--for=jsonpath={.status.hard.services}=1";
    fleet
        .cluster
        .kubectl(&["-n", "refuses", "wait", counted, "resourcequota/few"]);
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": { "name": "probe", "namespace": "refuses" },
        "spec": { "schedule": "0 0 1 1 *", "jobTemplate": { "spec": { "template": { "spec": {
            "restartPolicy": "Never", "containers": [{ "name": "c", "image": "localhost/app:1" }],
        }}}}},
    });
    fleet.home.write("cron.json", &cron.to_string());
    let file = fleet.home.path().join("cron.json");
    let file = file.to_string_lossy();
    eventually("the policy to be in force", SOON, || {
        let made = ["create", "--dry-run=server", "-f", &file];
        match fleet.cluster.try_kubectl(&made) {
            Err(why) if why.contains("at night") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });

    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    for why in ["exceeded quota: few", "nothing may run at night"] {
        assert!(refused.stderr.contains(why), "{why}: {}", refused.stderr);
    }
    let kubectl = |what: &[&str]| fleet.cluster.kubectl(what);
    kubectl(&["-n", "refuses", "delete", "resourcequota", "few"]);
    let bindings = "validatingadmissionpolicybindings.admissionregistration.k8s.io";
    kubectl(&["delete", bindings, "no-crons"]);
    eventually("the policy to be gone", SOON, || {
        let made = ["create", "--dry-run=server", "-f", &file];
        fleet.cluster.try_kubectl(&made)
    });
    fleet.apply();
    fleet.answers("GREETING", "first");
    fleet.nothing_to_do();
}

#[test]
fn an_apply_that_lost_the_cluster_is_finished_by_the_next() {
    let mut fleet = Fleet::new("lost").with_token();
    let mut server = None;
    let mut lead = |config: &mut Value| {
        let at = config.pointer_mut("/clusters/0/cluster/server");
        let at = at.expect("a server");
        let address = at.as_str().and_then(|at| at.strip_prefix("https://"));
        let address: std::net::SocketAddr = address.and_then(|a| a.parse().ok()).expect("one");
        let way = Way::to(address);
        *at = format!("https://127.0.0.1:{}", way.port()).into();
        let cluster = config.pointer_mut("/clusters/0/cluster");
        cluster.expect("a cluster")["tls-server-name"] = address.ip().to_string().into();
        server = Some(way);
    };
    let file = kubeconfig(&fleet, &mut lead);
    let way = server.expect("a way");
    fleet.home.set("KUBECONFIG", file);

    let mut command = fleet
        .home
        .command(&["-C", "fleet", "apply", "prod", "--yes"]);
    let applying = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let applying = applying.expect("it starts");
    // In the midst of it: some of it is there, and it waits for the pods.
    eventually("a deployment", SOON, || {
        let get = ["-n", "lost", "get", "deployment", "listener"];
        fleet.cluster.try_kubectl(&get)
    });
    way.cut();
    let ended = plat_tests::Ran::from(&applying.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 1, "{}\n{}", ended.stdout, ended.stderr);
    way.mend();
    fleet.apply();
    fleet.answers("GREETING", "first");
    fleet.nothing_to_do();
}

#[test]
fn credentials_that_ended_are_told() {
    let mut fleet = Fleet::new("expired");
    let file = kubeconfig(&fleet, |config| {
        let user = config.pointer_mut("/users/0/user");
        *user.expect("a user") = json!({ "token": "one of yesterday" });
    });
    fleet.home.set("KUBECONFIG", file);
    for command in [["plan", "prod"], ["status", "prod"]] {
        let ran = fleet.platc(&command);
        assert_eq!(ran.code, 1, "{}", ran.stdout);
        let next = "sign in again";
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains(next), "{command:?}: {said}");
    }
}

#[test]
fn logs_are_followed_through_all_copies() {
    let fleet = Fleet::new("follows").with_token();
    edit(
        &fleet.home,
        SOURCE,
        "    scale     = 2\n",
        "    scale     = 1\n",
    );
    fleet.apply();
    // Whoever follows sees the copies that come later too.
    let mut command = fleet
        .home
        .command(&["-C", "fleet", "logs", "--env", "prod", "-f", "web"]);
    let following = command.stdout(Stdio::piped()).spawn();
    let mut following = following.expect("it starts");
    let (tell, told) = mpsc::channel();
    let lines = BufReader::new(following.stdout.take().expect("what it says"));
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    let serving = || {
        let line = told.recv_timeout(SOON).expect("a line");
        assert!(line.contains("serving on 8080"), "{line}");
        line
    };
    let first = serving();
    let delete = ["-n", "follows", "delete", "pod", "-l", "plat/path=web"];
    fleet.cluster.kubectl(&delete);
    assert_ne!(serving(), first, "another copy");

    kill(i32::try_from(following.id()).expect("a process"), "INT");
    following.wait().expect("it ends");
}

#[test]
fn what_others_have_is_seen_among_many() {
    let fleet = Fleet::new("many");
    let mut source = "app fleet\n\nenv prod { target = kubernetes { context = \"test\", namespace = \"many\" } }\n".to_owned();
    for number in 0..60 {
        let object =
            format!("kubernetes.object(\"ConfigMap\", {{ data = {{ n = \"{number}\" }} }})");
        source += &format!("raw_object m{number} {{ object = {object} }}\n");
    }
    std::fs::write(fleet.home.path().join(SOURCE), source).expect("it is written");
    fleet.cluster.kubectl(&["create", "namespace", "many"]);
    let create = ["-n", "many", "create", "configmap", "m7"];
    fleet.cluster.kubectl(&create);

    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let why = "there is a ConfigMap `m7` already, which belongs to somebody else";
    let said = refused.stdout + &refused.stderr;
    assert!(said.contains(why), "{said}");
    // All but that one is there, and that one is theirs.
    assert_eq!(fleet.ours("configmaps").len(), 59);
    let theirs = fleet.json(&["get", "configmap", "m7"]);
    assert_eq!(theirs["data"], Value::Null);

    let delete = ["-n", "many", "delete", "configmap", "m7"];
    fleet.cluster.kubectl(&delete);
    fleet.apply();
    assert_eq!(fleet.ours("configmaps").len(), 60);
    fleet.nothing_to_do();
}
