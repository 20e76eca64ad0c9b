//! Images that are made of directories of the package.

use std::process::Stdio;

use plat_tests::{Ran, Registry, SOON, eventually, is_alive, kill};
use serde_json::Value;

use crate::fleet::{Fleet, SOURCE};

/// The image that a deployment runs.
fn image(fleet: &Fleet) -> String {
    let live = fleet.json(&["get", "deployment", "made"]);
    let at = "/spec/template/spec/containers/0/image";
    let image = live.pointer(at).and_then(Value::as_str);
    image.expect("an image").to_owned()
}

/// An interrupt while a directory is prepared ends that, and leaves neither a process nor a file.
fn interrupted_while_it_is_prepared(fleet: &Fleet, base: &str) {
    let at = |name: &str| fleet.home.path().join(name);
    let (begun, room) = (at("begun"), at("room"));
    std::fs::create_dir_all(&room).expect("a directory");
    let script = format!(
        "echo $$ > {begun}.tmp; mv {begun}.tmp {begun}; sleep 600",
        begun = begun.display()
    );
    let source = at(SOURCE);
    let without = std::fs::read_to_string(&source).expect("the source");
    let with = format!("base: \"{base}\", prepare: [\"sh\", \"-c\", \"{script}\"]");
    let text = without.replace(&format!("base: \"{base}\""), &with);
    std::fs::write(&source, text).expect("it is written");
    let child = fleet
        .home
        .command(&["-C", "fleet", "apply", "prod", "--yes"])
        .env("TMPDIR", &room)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.expect("platc starts");
    let prepares: i32 = eventually("the preparation", SOON, || {
        let said = std::fs::read_to_string(&begun).map_err(|e| e.to_string())?;
        said.trim().parse().map_err(|_| said)
    });
    kill(i32::try_from(child.id()).expect("a process"), "INT");
    let ran = Ran::from(&child.wait_with_output().expect("it ends"));
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    for part in ["stopped before anything was changed", "begins again"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(!is_alive(prepares), "it was ended");
    let left: Vec<_> = std::fs::read_dir(&room).expect("it").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    std::fs::write(&source, without).expect("it is written");
    // Nobody holds the lease.
    fleet.apply();
}

/// The program is not its container's first process, and nobody can tell but by what that offers.
fn runs_below_the_shim(fleet: &Fleet, tags: &[String]) {
    let pods = fleet.json(&["get", "pods", "-l", "plat/path=made"]);
    let pod = &pods["items"][0];
    let init = pod.pointer("/spec/initContainers/0/image");
    let init = init.and_then(Value::as_str).unwrap_or_default();
    let shim = init.rsplit_once(':').map(|(_, tag)| tag);
    assert!(tags.iter().any(|tag| Some(tag.as_str()) == shim), "{init}");

    let at = pod.pointer("/status/podIP").and_then(Value::as_str);
    let ask = |path: &str| {
        let reply = ureq::get(format!("http://{}:9465{path}", at.expect("an address"))).call();
        let mut reply = reply.map_err(|e| e.to_string())?;
        reply.body_mut().read_to_string().map_err(|e| e.to_string())
    };
    let metrics = ask("/metrics").expect("metrics");
    for metric in [
        "plat_ready 1",
        "plat_start_time_seconds ",
        "name=\"fleet/made\"",
    ] {
        assert!(metrics.contains(metric), "{metric}: {metrics}");
    }
    assert_eq!(ask("/readyz"), Ok("ready\n".to_owned()));
    assert!(ask("/status").is_err(), "the port tells no more");

    // What it prints is the program's alone.
    let logs = fleet.platc(&["logs", "--env", "prod", "made"]);
    assert!(logs.stdout.contains("serving on"), "{}", logs.stderr);
    assert!(!logs.stdout.contains("plat-shim"), "{}", logs.stdout);
}

#[test]
fn a_directory_becomes_an_image_that_runs() {
    let mut fleet = Fleet::new("images").with_token();
    // The node may pull there too: tests/cluster/node.go.
    let registry = Registry::closed(5000);
    // What it stands on: the program, and room for a directory beside it.
    let base = fleet.home.path().join("base/bin");
    std::fs::create_dir_all(&base).expect("a directory");
    std::fs::copy(fleet.cluster.app(), base.join("app")).expect("the program");
    let layer = fleet.home.path().join("base");
    fleet.cluster.load(&[("localhost/base:1", &[&layer])]);
    let login = registry.login().expect("a login");
    let there = format!("{}/base:1", registry.place());
    fleet
        .cluster
        .push("localhost/base:1", &there, &["--user", login]);

    let source = fleet.home.path().join(SOURCE);
    let text = std::fs::read_to_string(&source).expect("the source");
    let target = "target = kubernetes { ";
    let named = format!("{target}registry = \"{}/team\", ", registry.place());
    let text = text.replace(target, &named);
    let made = format!(
        "service made {{ run = process([\"/bin/app\", \"serve\"], dir: \"./made\", base: \"{there}\"), ready = http(\"/healthz\", every: 1s), stop = 1s }}\n"
    );
    std::fs::write(&source, text + &made).expect("it is written");
    fleet.home.write("fleet/made/note.txt", "one\n");

    // The registry asks who one is; without an answer nothing is begun.
    assert_eq!(fleet.plan().code, 2);
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let next = "docker login";
    assert!(refused.stderr.contains(next), "{}", refused.stderr);
    let logged_in = fleet.home.path().join("docker");
    registry.log_in(&logged_in);
    fleet.home.set("DOCKER_CONFIG", logged_in);
    fleet.apply();
    fleet.nothing_to_do();
    let first = image(&fleet);
    let tag = first.strip_prefix("127.0.0.1:5000/team/fleet:");
    let tag = tag.expect("it is in the registry").to_owned();
    let tags = registry.tags("team/fleet");
    assert!(tags.len() == 2 && tags.contains(&tag), "{tags:?}");
    runs_below_the_shim(&fleet, &tags);
    let ran = fleet.platc(&["exec", "prod", "made", "--", "/bin/app", "once"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    // Other files are another image; the same ones are the same.
    // A plan in a file makes them too, of the source that is there.
    fleet.home.write("fleet/made/note.txt", "two\n");
    let file = fleet.home.path().join("two.plan");
    let file = file.to_str().expect("a path");
    assert_eq!(fleet.platc(&["plan", "prod", "-o", file]).code, 0);
    let applied = fleet.platc(&["apply", file, "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_ne!(image(&fleet), first);
    assert_eq!(registry.tags("team/fleet").len(), 3);
    fleet.home.write("fleet/made/note.txt", "one\n");
    fleet.apply();
    assert_eq!(image(&fleet), first);
    assert_eq!(registry.tags("team/fleet").len(), 3);

    interrupted_while_it_is_prepared(&fleet, &there);
    assert_eq!(image(&fleet), first);
    assert_eq!(registry.tags("team/fleet").len(), 3);

    // Where the registry is away, nothing is begun.
    drop(registry);
    fleet.home.write("fleet/made/note.txt", "three\n");
    let refused = fleet.platc(&["apply", "prod", "--yes"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let why = "making the image";
    assert!(refused.stderr.contains(why), "{}", refused.stderr);
    assert_eq!(image(&fleet), first);
}
