//! How many copies run where that is not one number.

use plat_kubernetes::lower::lower;
use plat_kubernetes::render::render;
use plat_model::TargetId;

use crate::program::{facts, graph, shown};

fn program(target: &str, scale: &str) -> String {
    format!(
        "app shop\nqueue emails {{}}\nworker mailer {{ run = image(\"x:1\"), scale = {scale}, env = {{ EMAILS = emails.receive }} }}\nenv prod {{ target = kubernetes {{ context = \"c\"{target} }} }}\n"
    )
}

#[test]
fn copies_follow_what_waits_where_keda_is() {
    let text = program(
        ", keda_namespace = \"keda\"",
        "auto(0..5, backlog: emails, per: 20)",
    );
    let graph = graph(&text);
    let rendered = render(&TargetId::main(), &graph, &facts(&graph), |_| true).unwrap();
    let shown: Vec<&str> = [
        "scaledobject-mailer.yaml",
        "networkpolicy-queues.yaml",
        "service-queues.yaml",
    ]
    .iter()
    .map(|name| rendered.files[*name].as_str())
    .collect();
    insta::assert_snapshot!(shown.join("---\n"));
}

#[test]
fn without_keda_it_is_named() {
    insta::assert_snapshot!(shown(&program("", "auto(1..5, backlog: emails)")));
}

#[test]
fn what_moves_begins_with_the_fewest_and_is_the_autoscalers_from_then_on() {
    let keda = ", keda_namespace = \"keda\"";
    for (target, scale, at_first) in [
        ("", "3", Some((3, false))),
        ("", "2..5", Some((2, true))),
        ("", "0..5", Some((1, true))),
        (keda, "auto(0..5, backlog: emails)", Some((1, true))),
        (keda, "auto(2..5, backlog: emails)", Some((2, true))),
    ] {
        let graph = graph(&program(target, scale));
        let facts = facts(&graph);
        let lowered = lower(&TargetId::main(), &graph, &facts).unwrap();
        let mut objects = lowered.objects.iter();
        let deployment = objects.find(|o| o.id.as_str() == "Deployment/mailer");
        let found = deployment.map(|object| {
            let replicas = object.spec["spec"]["replicas"].as_u64().unwrap();
            (replicas, object.leave == ["spec.replicas"])
        });
        assert_eq!(found, at_first, "{scale}");
        // Who applies files again and again takes nothing back.
        let rendered = render(&TargetId::main(), &graph, &facts, |_| true).unwrap();
        let file = &rendered.files["deployment-mailer.yaml"];
        let moves = at_first.is_some_and(|(_, moves)| moves);
        assert_eq!(file.contains("replicas:"), !moves, "{file}");
    }
}
