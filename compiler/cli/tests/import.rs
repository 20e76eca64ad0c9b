//! Types of the kinds that a cluster was taught.

mod common;

use common::Place;
use insta::assert_snapshot;

const CRDS: &str = include_str!("crds/monitoring.yaml");
const APP: &str = r#"app shop

service api { run = image("ghcr.io/acme/api:1") }

raw_object metrics {
    object = kubernetes.object("PodMonitor", {
        spec = {
            selector            = { matchLabels = { app = "api" } }
            podMetricsEndpoints = [{ port = "metrics", targetPort = 8080, relabel = { a = [1, "x"] } }]
            percent             = 30
            options             = { any = true, handlers = { "on-error" = "stop" } }
        }
    })
}

env prod { target = kubernetes { context = "there is none" } }
"#;

/// An app, and beside its package a file of definitions.
fn place() -> Place {
    let place = Place::app(APP);
    place.write("crds.yaml", CRDS.as_bytes());
    place
}

#[test]
fn a_definition_becomes_types_that_objects_are_held_to() {
    let place = place();
    assert_snapshot!(place.run(&["check"]).fails().snapshot());
    assert_snapshot!(place.run(&["import", "crd", "crds.yaml"]).ok().snapshot());
    let file = "objects/kubernetes/monitoring_example_com/podmonitor.plat";
    assert_snapshot!(place.read(file));
    place.run(&["fmt", "--check"]).ok();
    place.run(&["check"]).ok();
    let manifests = place.run(&["render", "prod"]).ok().out;
    let object = manifests
        .split("---\n")
        .find(|m| m.contains("kind: PodMonitor"));
    assert_snapshot!(object.unwrap_or_default());

    // What its cluster would refuse is told where it is written.
    for (good, bad, why) in [
        (
            "percent             = 30",
            "percent             = 300",
            "E0511",
        ),
        ("any = true", "weights = { a = 10 }", "E0511"),
        ("any = true", "steps = { a = [1, 10] }", "E0511"),
        ("any = true", "modes = { a = \"up\" }", "E0302"),
        ("targetPort = 8080", "targetPort = true", "E0301"),
        ("port = \"metrics\"", "scheme = \"ftp\"", "E0302"),
        ("port = \"metrics\"", "prot = \"metrics\"", "E0207"),
        (
            "selector            = { matchLabels = { app = \"api\" } }\n",
            "",
            "E0305",
        ),
    ] {
        let broken = APP.replace(good, bad);
        assert_ne!(broken, APP);
        place.write("app.plat", broken.as_bytes());
        let said = place.run(&["check"]).fails();
        assert!(said.err.contains(why), "{bad}: {}", said.err);
    }
    // With its API it is the same kind; that of another version is taken as it is.
    let other = APP.replace("\"PodMonitor\"", "\"monitoring.example.com/v1/PodMonitor\"");
    let wrong = other.replace("percent   ", "percant   ");
    place.write("app.plat", other.as_bytes());
    place.run(&["check"]).ok();
    place.write("app.plat", wrong.as_bytes());
    place.run(&["check"]).fails();
    // Where nothing is known the elements of a list have one type, as everywhere.
    let free = wrong.replace("/v1/", "/v2/").replace("[1, \"x\"]", "[1]");
    place.write("app.plat", free.as_bytes());
    place.run(&["check"]).ok();
}

#[test]
fn what_is_imported_again_is_written_anew_and_what_is_not_ours_stays() {
    let place = place();
    let file = "objects/kubernetes/monitoring_example_com/podmonitor.plat";
    let import = ["import", "crd", "crds.yaml"];
    place.run(&import).ok();
    let first = place.read(file);
    place.run(&import).ok();
    assert_eq!(place.read(file), first);
    let newer = CRDS.replace("sampleLimit", "samplesLimit");
    let listed = place
        .run_with_input(&["import", "crd", "-"], newer.as_bytes())
        .ok();
    assert!(listed.err.contains(file), "{}", listed.err);
    assert!(place.read(file).contains("samplesLimit"));

    place.write(file, b"// Of somebody.\n");
    assert_snapshot!(place.run(&import).fails().snapshot());
    assert_eq!(place.read(file), "// Of somebody.\n");
}

#[test]
fn what_can_not_be_imported_is_told() {
    let place = place();
    place.write("cut.yaml", b"a: [1, 2\nb: 3\n");
    let told = [
        "crds.yaml --only Foo",
        "crds.yaml --only example.com",
        "nothing.yaml",
        "cut.yaml",
        "--cluster",
        "",
    ]
    .map(|said| {
        let words = said.split(' ').filter(|word| !word.is_empty());
        let all: Vec<&str> = ["import", "crd"].into_iter().chain(words).collect();
        format!("$ platc import crd {said}\n{}", place.run(&all).snapshot())
    });
    assert_snapshot!(told.join("\n"));
}
