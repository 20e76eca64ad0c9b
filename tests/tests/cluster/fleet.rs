//! The fleet: one of each thing that runs on a cluster.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use plat_tests::{Cluster, Home, Ran, SOON, apps, cluster, edit, eventually, get, install, kill};
use serde_json::Value;

/// The fleet in a namespace of its own.
pub struct Fleet {
    pub cluster: &'static Cluster,
    pub home: Home,
    pub namespace: &'static str,
}

pub const SOURCE: &str = "fleet/fleet.plat";

impl Fleet {
    pub fn new(namespace: &'static str) -> Self {
        let cluster = cluster();
        let mut home = Home::new();
        home.set("KUBECONFIG", cluster.kubeconfig());
        install(&home, &apps().join("fleet"));
        edit(&home, SOURCE, "NAMESPACE", namespace);
        Self {
            cluster,
            home,
            namespace,
        }
    }

    pub fn with_token(self) -> Self {
        let set =
            self.home
                .command(&["-C", "fleet", "secret", "set", "api_token", "--env", "prod"]);
        let set = given(set, "a token of somebody\n");
        assert_eq!(set.code, 0, "{}", set.stderr);
        self
    }

    pub fn platc(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["-C", "fleet"];
        all.extend(arguments);
        self.home.platc(&all)
    }

    pub fn apply(&self) {
        let ran = self.platc(&["apply", "prod", "--yes"]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    }

    pub fn plan(&self) -> Ran {
        self.platc(&["plan", "prod", "--detailed-exitcode"])
    }

    pub fn nothing_to_do(&self) {
        let plan = self.plan();
        assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["-n", self.namespace];
        all.extend(arguments);
        self.cluster.json(&all)
    }

    /// The names of the objects of these kinds that are this environment's.
    pub fn ours(&self, kinds: &str) -> Vec<String> {
        let label = "plat/app=fleet,plat/env=prod";
        let all = self.json(&["get", kinds, "-l", label]);
        let items = all["items"].as_array().expect("a list");
        let named = |item: &Value| {
            let text = |at: &str| item.pointer(at).and_then(Value::as_str).unwrap_or_default();
            format!("{}/{}", text("/kind"), text("/metadata/name"))
        };
        items.iter().map(named).collect()
    }

    /// `exec`, `run` and `forward` lead to pods.
    pub fn one_can_be_there(&self) {
        let once = ["exec", "prod", "web", "--copy", "1", "--", "/app", "once"];
        let ran = self.platc(&once);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (0, "done true\n"),
            "{}",
            ran.stderr
        );
        let crash = self.platc(&["exec", "prod", "web", "--", "/app", "crash"]);
        assert_eq!(crash.code, 3, "{}", crash.stderr);
        assert!(crash.stderr.contains("no such column"), "{}", crash.stderr);

        let ran = self.platc(&["run", "prod", "by_hand"]);
        assert_eq!(
            (ran.code, ran.stdout.as_str()),
            (0, "done false\n"),
            "{}",
            ran.stderr
        );
        let not_one = self.platc(&["run", "prod", "migrate"]);
        assert_eq!(not_one.code, 1);
        assert!(not_one.stderr.contains("on demand"), "{}", not_one.stderr);

        let mut command = self
            .home
            .command(&["-C", "fleet", "forward", "prod", "busy:main"]);
        let forward = command.stderr(Stdio::piped()).spawn();
        let mut forward = forward.expect("it starts");
        let mut line = String::new();
        let mut said = BufReader::new(forward.stderr.take().expect("what it says"));
        said.read_line(&mut line).expect("a line");
        let port = line
            .strip_prefix("127.0.0.1:")
            .and_then(|rest| rest.split(' ').next()?.parse().ok());
        let reply = port.map(|port| get(port, "localhost", "/env/PRICE"));
        kill(i32::try_from(forward.id()).expect("a process"), "INT");
        forward.wait().expect("it ends");
        let body = reply.map(|reply| reply.map(|reply| reply.body));
        assert_eq!(body, Some(Ok("$(1)\n".to_owned())), "it said {line}");
    }

    /// What the service answers that shows a variable of its environment.
    pub fn answers(&self, variable: &str, wanted: &str) {
        eventually("the new version to answer", SOON, || {
            let path = format!("/env/{variable}");
            match self.cluster.ask(self.namespace, "web", &path)?.trim() {
                said if said == wanted => Ok(()),
                said => Err(said.to_owned()),
            }
        });
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // The pods' memory is needed by the next test. It may be gone, which is as well.
        let delete = ["delete", "namespace", self.namespace, "--wait=false"];
        let _ = self.cluster.try_kubectl(&delete);
    }
}

/// Runs a command that is told something.
pub fn given(mut command: std::process::Command, text: &str) -> Ran {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("platc starts");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("it is read");
    drop(input);
    Ran::from(&child.wait_with_output().expect("it ends"))
}

/// The kinds that are lowered and that every cluster has.
pub const KINDS: &str = "serviceaccounts,configmaps,secrets,services,persistentvolumeclaims,deployments,statefulsets,daemonsets,jobs,cronjobs,horizontalpodautoscalers,poddisruptionbudgets,networkpolicies,ingresses";
