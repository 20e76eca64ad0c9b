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
