//! Copies whose number moves.

use plat_tests::{Home, Ran, SOON, Services, ask, cluster, edit, eventually, operators, services};
use serde_json::json;

const SOURCE: &str = "moves/moves.plat";
const NAMESPACE: &str = "moves";

#[test]
fn a_number_of_copies_becomes_a_range_and_a_number_again() {
    let (services, operators) = (services(), operators());
    let cluster = cluster();
    services.load(cluster);
    let mut home = Home::new();
    home.set("KUBECONFIG", cluster.kubeconfig());
    home.write(
        "moves/plat.toml",
        "[package]\nname = \"moves\"\nversion = \"1.0.0\"\nedition = \"2026\"\n",
    );
    home.write(
        SOURCE,
        &format!(
            r#"app moves
queue work {{}}
worker steady {{ run = image("localhost/app:1", args: ["pause"]), scale = 3, stop = 1s }}
worker eager {{
    run   = image("localhost/app:1", args: ["pause"])
    scale = 1
    stop  = 1s
    env   = {{ WORK = work.receive }}
}}
env prod {{
    target = kubernetes {{ context = "test", keda_namespace = "keda", images = {{ {} }} }}
}}
"#,
            Services::IMAGES
        ),
    );
    let platc = |arguments: &[&str]| -> Ran {
        let mut all = vec!["-C", "moves"];
        all.extend(arguments);
        home.platc(&all)
    };
    let apply = || {
        let ran = platc(&["apply", "prod", "--yes"]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
        let plan = platc(&["plan", "prod", "--detailed-exitcode"]);
        assert_eq!(plan.code, 0, "{}\n{}", plan.stdout, plan.stderr);
    };
    let copies = |name: &str| {
        let live = cluster.json(&["-n", NAMESPACE, "get", "deployment", name]);
        live["spec"]["replicas"].as_i64()
    };
    apply();
    assert_eq!(copies("steady"), Some(3));

    // Those that run go on to run: nobody has measured anything yet that would say fewer.
    edit(&home, SOURCE, "scale = 3", "scale = 2..5");
    apply();
    assert_eq!(copies("steady"), Some(3));

    // What the autoscaler then made of it is taken back with it, without a word of anybody.
    edit(&home, SOURCE, "scale = 2..5", "scale = 4..5");
    apply();
    eventually("the autoscaler", SOON * 2, || match copies("steady") {
        Some(4) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    edit(&home, SOURCE, "scale = 4..5", "scale = 2");
    apply();
    assert_eq!(copies("steady"), Some(2));

    // An autoscaler starts nothing of which there is none; and what stands around the copies may come
    // as it goes.
    edit(&home, SOURCE, "scale = 2,", "scale = 0,");
    apply();
    edit(&home, SOURCE, "scale = 0,", "scale = 1..3,");
    apply();
    assert_eq!(copies("steady"), Some(1));
    edit(&home, SOURCE, "scale = 1..3,", "scale = 3,");
    apply();
    assert_eq!(copies("steady"), Some(3));

    // Nobody has KEDA yet: nothing is begun.
    edit(
        &home,
        SOURCE,
        "scale = 1\n",
        "scale = auto(0..5, backlog: work)\n",
    );
    let refused = platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let why = "the cluster has no `ScaledObject` of keda.sh";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);

    // What KEDA is told, and what it asks: <https://keda.sh/docs/latest/scalers/nats-jetstream>.
    let definitions = operators.scaled_objects();
    let definitions = definitions.to_string_lossy();
    cluster.kubectl(&["apply", "--server-side", "-f", &definitions]);
    let definition = "crd/scaledobjects.keda.sh";
    cluster.kubectl(&[
        "wait",
        "--for=condition=established",
        definition,
        "--timeout=30s",
    ]);
    apply();
    let live = cluster.json(&["-n", NAMESPACE, "get", "scaledobject", "eager"]);
    let trigger = &live["spec"]["triggers"][0]["metadata"];
    let said = |name: &str| trigger[name].as_str().expect("a text").to_owned();
    let endpoint = said("natsServerMonitoringEndpoint");
    let (name, port) = endpoint
        .split_once(".moves.svc:")
        .expect("a service and a port");
    let at = cluster.json(&["-n", NAMESPACE, "get", "service", name]);
    let at = format!(
        "{}:{port}",
        at["spec"]["clusterIP"].as_str().expect("an address")
    );
    let path = format!("/jsz?acc={}&consumers=true&config=true", said("account"));
    let told = ask("GET", &at, &path, &[], "").expect("what waits").json();
    let streams = &told["account_details"][0]["stream_detail"];
    let mut streams = streams.as_array().into_iter().flatten();
    let stream = streams.find(|stream| stream["name"] == said("stream").as_str());
    let stream = stream.unwrap_or_else(|| panic!("no stream in {told}"));
    let consumers = stream["consumer_detail"].as_array().into_iter().flatten();
    let waits: Vec<_> = consumers
        .filter(|consumer| consumer["name"] == said("consumer").as_str())
        .map(|consumer| &consumer["num_pending"])
        .collect();
    assert_eq!(waits, [&json!(0)]);

    let destroyed = platc(&["destroy", "prod", "--yes"]);
    assert_eq!(destroyed.code, 0, "{}", destroyed.stderr);
    cluster.kubectl(&["delete", definition]);
    cluster.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]);
}
