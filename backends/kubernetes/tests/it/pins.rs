//! Images that are pinned.

use plat_kubernetes::facts::Facts;
use plat_model::{ImagePin, TargetId};

const PROGRAM: &str = "app x
service api { run = image(\"r/api:1\") }
worker tool { run = image(\"r/tool:1\", command: [\"tool\"]), user = 1000 }
env prod { target = kubernetes { context = \"c\" } }
";

fn pin(user: Option<&str>, entrypoint: &[&str]) -> ImagePin {
    ImagePin {
        digest: format!("sha256:{}", "5".repeat(64)),
        entrypoint: entrypoint.iter().map(|word| (*word).to_owned()).collect(),
        command: Vec::new(),
        user: user.map(str::to_owned),
        directory: None,
    }
}

/// The images that are asked for, or what is refused.
fn lowered(pins: &[(&str, ImagePin)]) -> String {
    let mut graph = crate::program::graph(PROGRAM);
    graph.pins = pins
        .iter()
        .map(|(image, pin)| ((*image).to_owned(), pin.clone()))
        .collect();
    match plat_kubernetes::lower::lower(&TargetId::main(), &graph, &Facts::default()) {
        Ok(lowered) => {
            let mut text = String::new();
            for object in lowered.objects {
                let at = "/spec/template/spec/containers/0/image";
                if let Some(image) = object.spec.pointer(at) {
                    text += &format!("{}: {image}\n", object.id);
                }
            }
            for note in lowered.notes {
                text += &format!("note: {}\n", note.message);
            }
            text
        }
        Err(refusals) => refusals.iter().map(|r| format!("refused {r}\n")).collect(),
    }
}

#[test]
fn a_pinned_image_is_asked_for_by_its_digest() {
    let api = ("r/api:1", pin(Some("1000:1000"), &["/api"]));
    // The source says who runs it and what: what the image says of that does not count.
    let tool = ("r/tool:1", pin(None, &[]));
    insta::assert_snapshot!(
        [
            lowered(&[]),
            lowered(std::slice::from_ref(&api)),
            lowered(&[api, tool])
        ]
        .join("\n")
    );
}

#[test]
fn an_image_that_could_not_run_is_refused() {
    let refused = [
        pin(None, &["/api"]),
        pin(Some("0"), &["/api"]),
        pin(Some("root:root"), &["/api"]),
        pin(Some("app"), &["/api"]),
        pin(Some("1000"), &[]),
    ];
    let text = refused.map(|pin| lowered(&[("r/api:1", pin)]));
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn what_images_are_made_on_can_be_pinned() {
    let graph = crate::program::graph(
        "app x
service api { run = process([\"x\"], dir: \"./app\", base: \"r/base:1\") }
worker tool { run = process([\"x\"], dir: \"./app\", base: \"r/base@sha256:1\") }
site front { files = \"./dist\" }
env prod { target = kubernetes { context = \"c\", registry = \"r\", shim = \"r/shim:1\" } }
",
    );
    let bases = plat_kubernetes::facts::bases(&TargetId::main(), &graph);
    let expected = [
        "docker.io/nginxinc/nginx-unprivileged:1.29",
        "r/base:1",
        "r/shim:1",
    ];
    assert!(bases.iter().eq(expected), "{bases:?}");
}

#[test]
fn whoever_runs_pulls_with_the_secret_that_the_target_names() {
    let lowered = crate::program::lowered(
        "app x
queue mail {}
postgres db {}
worker tool { run = image(\"r/tool:1\"), env = { MAIL = mail.send, DB = db.url } }
env prod { target = kubernetes { context = \"c\", pull_secret = \"registry\" } }
",
    );
    let objects = lowered.unwrap().objects;
    let accounts: Vec<_> = objects
        .iter()
        .filter(|object| object.spec["kind"] == "ServiceAccount")
        .map(|object| (object.id.as_str(), &object.spec["imagePullSecrets"]))
        .collect();
    assert_eq!(accounts.len(), 3, "{accounts:?}");
    let expected = serde_json::json!([{ "name": "registry" }]);
    for (account, pulls) in accounts {
        assert_eq!(*pulls, expected, "{account}");
    }
}
