//! `spec/graph.schema.json` is the graph's format: every graph that the tests make is valid under
//! it, and every property that it speaks of is in one of them.

use std::collections::BTreeSet;
use std::path::Path;

use jsonschema::Validator;
use plat_semantics::Database;
use serde_json::Value as Json;

use crate::common::{database, from_directory};
use crate::spec;

fn schema() -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/graph.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The graph of every environment of a program; of a family, that of the key 214.
fn graphs(db: &Database) -> Vec<Json> {
    let member = |env: &plat_semantics::EnvironmentInfo| match env.keys.as_slice() {
        [] => env.name.clone(),
        _ => format!("{}[214]", env.name),
    };
    db.environments()
        .iter()
        .filter_map(|env| db.graph(&member(env)).ok())
        .map(|graph| serde_json::to_value(graph).unwrap())
        .collect()
}

/// Every graph there is: of the programs that the language is for, and of the specification.
fn all() -> Vec<(String, Json)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut out = Vec::new();
    for name in ["fleet", "shop", "tenants", "town"] {
        let dir = root.join("syntax/tests/fixtures/northstar").join(name);
        let of_it = graphs(&database(from_directory(&dir)));
        out.extend(of_it.into_iter().map(|graph| (name.to_owned(), graph)));
    }
    for (place, db) in spec::programs() {
        let of_it = graphs(&db);
        out.extend(of_it.into_iter().map(|graph| (place.clone(), graph)));
    }
    out
}

/// The names of the properties that a schema speaks of.
fn properties(schema: &Json, out: &mut BTreeSet<String>) {
    match schema {
        Json::Object(object) => {
            if let Some(Json::Object(properties)) = object.get("properties") {
                out.extend(properties.keys().cloned());
            }
            for inner in object.values() {
                properties_of_all(inner, out);
            }
        }
        other => properties_of_all(other, out),
    }
}

fn properties_of_all(value: &Json, out: &mut BTreeSet<String>) {
    match value {
        Json::Object(_) => properties(value, out),
        Json::Array(items) => items.iter().for_each(|item| properties(item, out)),
        _ => {}
    }
}

/// The keys of all objects in a graph, and what its values' `type`s and sites' `kind`s are.
fn used(json: &Json, out: &mut BTreeSet<String>) {
    match json {
        Json::Object(object) => {
            for (key, inner) in object {
                out.insert(key.clone());
                if let ("type" | "kind", Json::String(word)) = (key.as_str(), inner) {
                    out.insert(format!("{key} {word}"));
                }
                used(inner, out);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| used(item, out)),
        _ => {}
    }
}

#[test]
fn every_graph_is_valid_under_the_schema_and_all_of_the_schema_is_used() {
    let schema = schema();
    let validator: Validator = jsonschema::draft202012::new(&schema).unwrap();
    let mut graphs = all();
    assert!(graphs.len() > 30);
    // The compiler knows of no pins: who reads them puts them in.
    let pin = plat_model::ImagePin {
        digest: format!("sha256:{}", "5".repeat(64)),
        entrypoint: vec!["/api".to_owned()],
        command: vec!["serve".to_owned()],
        user: Some("1000".to_owned()),
        directory: Some("/srv".to_owned()),
    };
    graphs[0].1["pins"] = serde_json::json!({ "ghcr.io/acme/api:1.0.0": pin });
    let mut seen = BTreeSet::new();
    for (name, graph) in &graphs {
        if let Some(error) = validator.iter_errors(graph).next() {
            panic!("{name}: {} at {}", error, error.instance_path());
        }
        used(graph, &mut seen);
    }
    let mut spoken_of = BTreeSet::new();
    properties(&schema, &mut spoken_of);
    let unused: Vec<&String> = spoken_of.difference(&seen).collect();
    assert!(unused.is_empty(), "no graph has {unused:?}");
    // No field of `std` is a plain fraction, and none that is shown is set by the compiler alone:
    // `decimal` and `derived` are in the format for kinds of others.
    let types = [
        "none", "bool", "int", "quantity", "string", "text", "range", "list", "map", "variant",
        "node", "out",
    ];
    let kinds = ["declared", "default", "set", "each", "with"];
    let words = types
        .map(|word| format!("type {word}"))
        .into_iter()
        .chain(kinds.map(|word| format!("kind {word}")));
    let unused: Vec<String> = words.filter(|word| !seen.contains(word)).collect();
    assert!(unused.is_empty(), "no graph has {unused:?}");
}

#[test]
fn what_the_schema_does_not_know_is_refused() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    let (_, mut graph) = all().swap_remove(0);
    assert!(validator.is_valid(&graph));
    graph["environment"]["surprise"] = Json::Bool(true);
    assert!(!validator.is_valid(&graph));
}
