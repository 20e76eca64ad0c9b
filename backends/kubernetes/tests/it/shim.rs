//! Programs below the shim.

use plat_kubernetes::facts::{Facts, Shim};
use plat_kubernetes::lower::lower;
use plat_kubernetes::render::render;
use plat_model::{ImagePin, TargetId};

use crate::program::{facts, graph};

fn below(text: &str, architecture: Option<&str>) -> (plat_model::Graph, Facts) {
    let mut graph = graph(text);
    let pin = ImagePin {
        digest: format!("sha256:{}", "5".repeat(64)),
        entrypoint: vec!["/api".to_owned(), "--at".to_owned(), "$(HOME)".to_owned()],
        command: vec!["serve".to_owned()],
        user: Some("1000".to_owned()),
        directory: None,
    };
    graph.pins = [("r/api:1".to_owned(), pin)].into();
    let facts = Facts {
        shim: Some(Shim {
            image: "registry.example.com/shop:shim-0123456789abcdef".to_owned(),
            architecture: architecture.map(str::to_owned),
        }),
        ..facts(&graph)
    };
    (graph, facts)
}

/// The command of each container of a program, whose it is before it.
fn commands(text: &str) -> String {
    let (graph, facts) = below(text, Some("amd64"));
    let lowered = lower(&TargetId::main(), &graph, &facts).unwrap();
    let mut shown = String::new();
    for object in &lowered.objects {
        let spec = &object.spec["spec"];
        let cron = &spec["jobTemplate"]["spec"]["template"]["spec"];
        let pod = match cron.is_null() {
            true => &spec["template"]["spec"],
            false => cron,
        };
        let container = &pod["containers"][0];
        if container.is_null() {
            continue;
        }
        let (command, args) = (&container["command"], &container["args"]);
        shown += &format!("{}: {command} {args}\n", object.id);
    }
    for note in &lowered.notes {
        let of = note.node.as_ref().map(|n| format!("{n}: "));
        shown += &format!("note {}{}\n", of.unwrap_or_default(), note.message);
    }
    shown
}

#[test]
fn a_program_runs_below_the_shim() {
    let (graph, facts) = below(
        "app shop\nservice api { run = image(\"r/api:1\"), port = 8080, stop = 20s, ready = http(\"/healthz\") }\nenv prod { target = kubernetes { context = \"c\", metrics_namespace = \"monitoring\" } }\n",
        None,
    );
    let rendered = render(&TargetId::main(), &graph, &facts, |_| true).unwrap();
    let shown = ["Deployment-api.yaml", "NetworkPolicy-api.yaml"];
    let shown: Vec<&str> = rendered
        .files
        .iter()
        .filter(|(name, _)| shown.iter().any(|one| name.eq_ignore_ascii_case(one)))
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(shown.len(), 2, "{:?}", rendered.files.keys());
    insta::assert_snapshot!(shown.join("---\n"));
}

#[test]
fn what_runs_is_what_would_run_without_it() {
    let env = "env prod { target = kubernetes { context = \"c\", registry = \"r\" } }\n";
    insta::assert_snapshot!(commands(&format!(
        "app shop
service pinned {{ run = image(\"r/api:1\") }}
service arguments {{ run = image(\"r/api:1\", args: [\"other\"]), ports = {{ main = 80, more = 9465 }}, needs = [architecture(name: \"amd64\")] }}
worker command {{ run = image(\"r/other:1\", command: [\"/bin/x\"], args: [\"$(A)\"]) }}
worker unknown {{ run = image(\"r/other:1\") }}
worker elsewhere {{ run = image(\"r/api:1\"), needs = [architecture(name: \"arm64\")] }}
daemon each {{ run = process([\"./x\"], dir: \"./app\", base: \"b:1\") }}
worker said {{ run = image(\"r/api:1\"), needs = [architecture(name: \"amd64\")] }}
worker shell {{ run = image(\"r/x:1\", command: [\"sh\", \"-c\", \"echo $HOME $$ $$(A)\"]), needs = [architecture(name: \"amd64\")] }}
job by_hand {{ run = image(\"r/api:1\"), runs = on_demand, needs = [architecture(name: \"amd64\")] }}
job once {{ run = image(\"r/api:1\") }}
cron tidy {{ run = image(\"r/api:1\"), needs = [architecture(name: \"amd64\")], schedule = \"0 3 * * *\" }}
{env}"
    )));
}

#[test]
fn without_a_shim_it_is_said() {
    let note = |target: &str| {
        let text = format!(
            "app shop\nworker a {{ run = image(\"r/api:1\", command: [\"x\"]) }}\nenv prod {{ target = kubernetes {{ context = \"c\"{target} }} }}\n"
        );
        let graph = graph(&text);
        let facts = plat_kubernetes::facts::gather(
            std::path::Path::new("/"),
            &TargetId::main(),
            &graph,
            Some(b"a program"),
        );
        let facts = facts.unwrap();
        let lowered = lower(&TargetId::main(), &graph, &facts).unwrap();
        let shim = facts.shim.map_or_else(|| "none".to_owned(), |s| s.image);
        let notes = lowered.notes.iter().map(|note| note.message.as_str());
        let notes = notes.filter(|note| note.contains("shim"));
        format!("{shim}\n{}\n", notes.collect::<Vec<_>>().join("\n"))
    };
    let targets = [
        "",
        ", registry = \"r.example.com\"",
        ", registry = \"r.example.com\", shim = off",
        ", shim = off",
        ", shim = \"r.example.com/plat-shim:1\"",
    ];
    insta::assert_snapshot!(targets.map(note).join("\n"));
}
