//! Whole programs check, and give graphs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{database, from_directory, render};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_standard_library_has_nothing_wrong() {
    let db = plat_semantics::Database::default();
    let found = db.std_diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
}

#[test]
fn the_example_shop_gives_a_graph() {
    let db = database(from_directory(&root().join("examples/shop")));
    let found = db.diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
    let graph = db.graph("dev").unwrap();
    println!("{}", serde_json::to_string_pretty(&graph).unwrap());
}

#[test]
fn northstar() {
    for name in ["shop", "tenants", "town", "fleet", "acme"] {
        let db = database(from_directory(&Path::new("/work/shared/northstar").join(name)));
        let found = db.diagnostics();
        println!("=== {name}\n{}", render(&db, &found));
        for env in db.environments() {
            println!("{env:?}");
            let name = if env.keys.is_empty() { env.name.clone() } else { format!("{}[214]", env.name) };
            match db.graph(&name) {
                Ok(graph) => println!("{} nodes, {} links", graph.nodes.len(), graph.links.len()),
                Err(found) => println!("{}", render(&db, &found)),
            }
        }
    }
}
