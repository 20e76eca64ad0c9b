//! Databases of the real CloudNativePG.

use plat_tests::{
    Cluster, Home, Operators, Ran, SOON, cluster, edit, eventually, operators, services,
};
use serde_json::{Value, json};

const SOURCE: &str = "ledger/ledger.plat";
const NAMESPACE: &str = "ledger";

struct Ledger {
    cluster: &'static Cluster,
    home: Home,
}

impl Ledger {
    fn new() -> Self {
        let (services, operators) = (services(), operators());
        let cluster = cluster();
        services.load(cluster);
        operators.cnpg(cluster, &services);
        let mut home = Home::new();
        home.set("KUBECONFIG", cluster.kubeconfig());
        home.write(
            "ledger/plat.toml",
            "[package]\nname = \"ledger\"\nversion = \"1.0.0\"\nedition = \"2026\"\n",
        );
        home.write(
            SOURCE,
            &format!(
                r#"app ledger

postgres book {{ version = 15, storage = 1GiB, extensions = ["pg_trgm"], backup = daily() }}

worker clerk {{
    run  = image("localhost/postgres:1", command: ["sleep", "infinity"])
    user = 999
    stop = 1s
    env  = {{ URL = book.url, READ = book.read_only_url }}
}}

env prod {{
    target = kubernetes {{ context = "test", {} }}
}}
"#,
                Operators::CNPG
            ),
        );
        Self { cluster, home }
    }

    fn platc(&self, arguments: &[&str]) -> Ran {
        let mut all = vec!["-C", "ledger"];
        all.extend(arguments);
        self.home.platc(&all)
    }

    fn apply(&self) {
        let ran = self.platc(&["apply", "prod", "--yes"]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    }

    fn plan(&self) -> Ran {
        self.platc(&["plan", "prod", "--detailed-exitcode"])
    }

    fn nothing_to_do(&self) {
        let plan = self.plan();
        assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["-n", NAMESPACE];
        all.extend(arguments);
        self.cluster.json(&all)
    }

    /// What the app's own pod gets for a statement, as who has that URL.
    fn sql(&self, url: &str, statement: &str) -> Result<String, String> {
        let script = format!("psql --no-psqlrc -v ON_ERROR_STOP=1 -tA \"${url}\" -c \"$0\"");
        let ran = self.platc(&[
            "exec", "prod", "clerk", "--", "sh", "-c", &script, statement,
        ]);
        match ran.code {
            0 => Ok(ran.stdout.trim().to_owned()),
            _ => Err(ran.stderr),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // The pods' memory is needed by the next test. It may be gone, which is as well.
        for gone in [["namespace", NAMESPACE], ["namespace", "cnpg-system"]] {
            let _ = self
                .cluster
                .try_kubectl(&["delete", gone[0], gone[1], "--wait=false"]);
        }
    }
}

#[test]
fn a_database_is_cloudnativepgs_where_the_target_says_so() {
    let ledger = Ledger::new();
    let plan = ledger.plan();
    assert_eq!(plan.code, 2, "{}\n{}", plan.stdout, plan.stderr);
    let said = "CloudNativePG keeps it: 1 instance, without failover";
    assert!(plan.stdout.contains(said), "{}", plan.stdout);

    ledger.apply();
    ledger.nothing_to_do();
    let status = ledger.platc(&["status", "prod"]);
    assert!(status.stdout.contains("book"), "{}", status.stdout);

    // The app writes as its owner, and who may only read can't.
    let made = ledger.sql(
        "URL",
        "CREATE TABLE entry (amount int); INSERT INTO entry VALUES (42)",
    );
    made.expect("the owner writes");
    let sum = "SELECT sum(amount) FROM entry";
    assert_eq!(ledger.sql("READ", sum), Ok("42".to_owned()));
    let refused = ledger.sql("READ", "INSERT INTO entry VALUES (1)");
    let why = refused.expect_err("the reader does not write");
    assert!(why.contains("read-only transaction"), "{why}");
    let extensions = "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'";
    assert_eq!(ledger.sql("URL", extensions), Ok("pg_trgm".to_owned()));

    // Copies of it are kept as by hand.
    let run = [
        "-n",
        NAMESPACE,
        "create",
        "job",
        "now",
        "--from=cronjob/book-backup",
    ];
    ledger.cluster.kubectl(&run);
    let done = ["-n", NAMESPACE, "wait", "--for=condition=complete"];
    let done = [&done[..], &["job/now", "--timeout=120s"]].concat();
    ledger.cluster.kubectl(&done);

    // A new password is the database's at once, and the app's with the next apply.
    let list = ledger.platc(&["secret", "list", "--env", "prod"]);
    for name in ["book.owner", "book.reader"] {
        assert!(list.stdout.contains(name), "{}", list.stdout);
    }
    assert!(!list.stdout.contains("username"), "{}", list.stdout);
    let rotated = ledger.platc(&["secret", "rotate", "book.owner", "--env", "prod"]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    assert_eq!(ledger.plan().code, 2);
    ledger.apply();
    eventually("the new password", SOON, || {
        match ledger.sql("URL", sum)?.as_str() {
            "42" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    ledger.nothing_to_do();

    // Another instance follows the first, and takes over where that is lost.
    edit(
        &ledger.home,
        SOURCE,
        "storage = 1GiB",
        "storage = 1GiB, replicas = 2",
    );
    let plan = ledger.plan();
    assert!(plan.stdout.contains("replicas  1 → 2"), "{}", plan.stdout);
    ledger.apply();
    ledger.nothing_to_do();
    let live = || ledger.json(&["get", "clusters.postgresql.cnpg.io", "book"]);
    let first = live()["status"]["currentPrimary"].clone();
    let pod = first.as_str().expect("a primary");
    ledger
        .cluster
        .kubectl(&["-n", NAMESPACE, "delete", "pod", pod, "--grace-period=1"]);
    eventually("another primary", SOON * 2, || {
        match &live()["status"]["currentPrimary"] {
            now if *now != first && ledger.sql("URL", sum) == Ok("42".to_owned()) => Ok(()),
            now => Err(now.to_string()),
        }
    });
    edit(&ledger.home, SOURCE, ", replicas = 2", "");
    eventually("both instances", SOON * 2, || {
        let plan = ledger.plan();
        match plan.code {
            2 if live()["status"]["readyInstances"] == json!(2) => Ok(()),
            _ => Err(plan.stdout),
        }
    });
    ledger.apply();
    ledger.nothing_to_do();

    // Taken away, its rows are kept and nothing of it runs; and there again, they are there.
    let destroyed = ledger.platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.stderr);
    let kept = "the database book and all its rows in Cluster ledger/book";
    assert!(destroyed.stderr.contains(kept), "{}", destroyed.stderr);
    eventually("no pod", SOON * 2, || {
        let pods = ledger.json(&["get", "pods", "-l", "cnpg.io/podRole=instance"]);
        match pods["items"].as_array().map(Vec::len) {
            Some(0) => Ok(()),
            some => Err(format!("{some:?}")),
        }
    });
    ledger.apply();
    eventually("the rows", SOON * 2, || {
        match ledger.sql("URL", sum)?.as_str() {
            "42" => Ok(()),
            other => Err(other.to_owned()),
        }
    });
    ledger.nothing_to_do();
}
