//! From text to objects.

use plat_engine::{Lowered, Refusal};
use plat_kubernetes::facts::Facts;
use plat_kubernetes::lower::lower;
use plat_kubernetes::render::render;
use plat_model::{Data, Graph, TargetId};
use plat_semantics::{Database, PackageInput, Project, parse_manifest};

/// The graph of the environment `prod` of a program of one file.
pub fn graph(text: &str) -> Graph {
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let mut database = Database::default();
    database.set_project(Project {
        packages: vec![PackageInput {
            manifest: parse_manifest(manifest).unwrap(),
            root: String::new(),
            files: vec![("shop.plat".to_owned(), text.to_owned())],
            listing: vec!["app/main.py".to_owned(), "dist/index.html".to_owned()],
            ..PackageInput::default()
        }],
    });
    match database.graph("prod") {
        Ok(graph) => graph,
        Err(diagnostics) => panic!("{diagnostics:#?}\n{text}"),
    }
}

/// Facts as if every directory had been read.
pub fn facts(graph: &Graph) -> Facts {
    let needs_image = |node: &plat_model::Node| {
        let run = node.fields.get("run").map(|run| &run.data);
        let process = matches!(run, Some(Data::Variant { case, .. }) if case == "process");
        process || node.kind.name == "site"
    };
    let nodes = graph.nodes.iter().filter(|(_, n)| needs_image(n));
    Facts {
        images: nodes
            .map(|(path, _)| {
                let image = "registry.example.com/shop:0123456789abcdef".to_owned();
                (path.to_string(), image)
            })
            .collect(),
        ..Facts::default()
    }
}

pub fn lowered(text: &str) -> Result<Lowered, Vec<Refusal>> {
    let graph = graph(text);
    lower(&TargetId::main(), &graph, &facts(&graph))
}

/// The manifests, notes and refusals as people read them.
pub fn shown(text: &str) -> String {
    let lowered = match lowered(text) {
        Ok(lowered) => lowered,
        Err(refusals) => {
            return refusals
                .iter()
                .map(|r| format!("refused {r}\n"))
                .collect::<String>();
        }
    };
    let graph = graph(text);
    let rendered = render(&TargetId::main(), &graph, &facts(&graph), |_| true).unwrap();
    assert_eq!(rendered.notes, lowered.notes);
    let mut text = String::new();
    for (name, yaml) in rendered.files {
        text += &format!("# {name}\n{yaml}---\n");
    }
    for (name, keys) in rendered.secrets {
        text += &format!("# secret {name}: {keys:?}\n");
    }
    for object in &lowered.objects {
        let after: Vec<&str> = object.after.iter().map(|id| id.as_str()).collect();
        text += &format!("# {} ({})", object.id, object.label);
        if !after.is_empty() {
            text += &format!(" after {}", after.join(", "));
        }
        if let Some(held) = &object.holds_data {
            text += &format!(" holds {}", held.what);
        }
        text += "\n";
    }
    for note in lowered.notes {
        let field = note.field.map(|f| format!(".{f}")).unwrap_or_default();
        let of = note.node.map(|n| format!(" {n}")).unwrap_or_default();
        text += &format!("# note{of}{field}: {}\n", note.message);
    }
    text
}

/// The programs that all of the tests of manifests go over.
pub const PROGRAMS: [&str; 3] = [
    include_str!("programs/shop.plat"),
    include_str!("programs/corners.plat"),
    include_str!("programs/raw.plat"),
];
