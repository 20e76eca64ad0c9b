//! Whole programs check, and give graphs.
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::common::{database, from_directory, render};

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
    insta::assert_snapshot!("example-shop-dev", outline(&graph));
}

#[test]
fn the_other_examples_give_a_graph_wherever_they_run() {
    let db = database(from_directory(&root().join("examples/permissions")));
    let found = db.diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
    for environment in ["dev", "prod"] {
        let graph = db.graph(environment).unwrap();
        let paths: Vec<&str> = graph.nodes.keys().map(|path| path.as_str()).collect();
        assert_eq!(paths, ["api", "db", "key", "migrate", "public"]);
    }
}

/// The programs that the language is for: each checks, and each of its environments has a graph.
#[test]
fn the_programs_that_we_want_people_to_write_check() {
    for name in ["acme", "fleet", "shop", "tenants", "town"] {
        let dir = root()
            .join("compiler/syntax/tests/fixtures/northstar")
            .join(name);
        let db = database(from_directory(&dir));
        let found = db.diagnostics();
        assert!(found.is_empty(), "{name}\n{}", render(&db, &found));
        for env in db.environments() {
            let member = match env.keys.as_slice() {
                [] => env.name.clone(),
                _ => format!("{}[214]", env.name),
            };
            let graph = db.graph(&member).unwrap_or_else(|found| {
                panic!("{name} {member}\n{}", render(&db, &found));
            });
            insta::assert_snapshot!(format!("{name}-{}", env.name), outline(&graph));
        }
    }
}

/// The declarations with what they are, and the links: enough to see a change.
fn outline(graph: &plat_model::Graph) -> String {
    let mut out = String::new();
    for (id, target) in &graph.targets {
        let _ = writeln!(out, "target {}: {}", id.0, target.kind);
    }
    for (path, node) in &graph.nodes {
        let _ = writeln!(
            out,
            "{} {path} ({}) on {}",
            node.kind.name, node.name, node.target.0
        );
        for (name, value) in &node.fields {
            let declared = graph.origins.get(value.origin).is_some_and(|origin| {
                origin
                    .chain
                    .iter()
                    .any(|site| site.kind != plat_model::SiteKind::Default)
            });
            if declared {
                let place = graph.origins.place(value.origin).map(ToString::to_string);
                let _ = writeln!(out, "    {name} = {value}    {}", place.unwrap_or_default());
            }
        }
    }
    for link in &graph.links {
        let grant = link.grant.as_deref().unwrap_or("-");
        let order = if link.before { " first" } else { "" };
        let _ = writeln!(
            out,
            "{} → {}.{} ({grant}{order}) {}",
            link.from, link.to, link.out, link.field
        );
    }
    out
}

#[test]
fn a_value_knows_who_set_it_and_whom_that_overrode() {
    let dir = root().join("compiler/syntax/tests/fixtures/northstar/shop");
    let db = database(from_directory(&dir));
    let graph = db.graph("prod_aws").unwrap();
    let chain = |node: &str, field: &str| -> Vec<String> {
        let node = &graph.nodes[&plat_model::NodePath::from(node)];
        let (first, rest) = field.split_once('.').unwrap_or((field, ""));
        let value = node
            .fields
            .get(first)
            .unwrap()
            .at(&plat_model::FieldPath::from(rest))
            .unwrap();
        let origin = graph.origins.get(value.origin).unwrap();
        let site =
            |s: &plat_model::Site| format!("{:?} {} `{}` {}", s.kind, s.path, s.text, s.place);
        origin.chain.iter().map(site).collect()
    };
    insta::assert_debug_snapshot!([
        chain("api", "scale"),
        chain("api", "scale.range"),
        chain("api", "scale.cpu"),
        chain("api", "env.LOG_LEVEL"),
        chain("db", "storage"),
        chain("db", "backup.keep"),
        chain("db", "extensions"),
        chain("mailer", "scale.per"),
    ]);
}

/// A large graph's origins are resolved in parts, on several threads: each is still its own value's.
#[test]
fn each_of_very_many_values_has_its_own_place() {
    let mut text = String::new();
    for file in 0..3 {
        let _ = writeln!(text, "//- /part{file}.plat\napp many\n");
        if file == 0 {
            text.push_str("env dev { target = local {} }\n");
        }
        for service in 0..100 {
            let _ = writeln!(text, "service s{file}x{service} {{");
            text.push_str("    run = image(\"example.com/s:1\")\n    env = {\n");
            for variable in 0..30 {
                let _ = writeln!(
                    text,
                    "        V{variable} = \"{file} {service} {variable}\""
                );
            }
            text.push_str("    }\n}\n");
        }
    }
    let db = database(crate::common::project(&text));
    let graph = db.graph("dev").unwrap();
    assert!(graph.origins.len() > 9000);
    for (path, node) in &graph.nodes {
        let env = node.fields.get("env").unwrap();
        for variable in 0..30 {
            let value = env.get(&format!("V{variable}")).unwrap();
            let site = &graph.origins.get(value.origin).unwrap().chain[0];
            assert_eq!(site.text, value.to_string());
            assert_eq!(site.path, format!("app.{path}.env.V{variable}"));
            let source = db.source(&site.place.file).unwrap();
            let line = source.lines().nth(site.place.line as usize - 1).unwrap();
            assert_eq!(line.trim(), format!("V{variable} = {value}"));
        }
    }
}

/// What an environment says may read declarations whose values the graph has taken in already.
#[test]
fn an_environment_reads_a_declaration() {
    let db = database(crate::common::project(
        "app shop\njob migrate {\n    run = image(\"example.com/api:1\")\n    retries = 41\n}\n\
         env dev {\n    target = local {}\n    ttl = 1s * (migrate.retries + 1)\n}\n",
    ));
    let graph = db.graph("dev").unwrap();
    let ttl = graph.environment.fields.get("ttl").unwrap();
    assert_eq!(ttl.as_amount(), Some(plat_model::Decimal::int(42)));
}

/// So may it ask who refers to one.
#[test]
fn an_environment_asks_for_links() {
    let db = database(crate::common::project(
        "app shop\npostgres db {}\n\
         worker a {\n    run = image(\"example.com/a:1\")\n    env = { DB = db.url }\n}\n\
         worker b {\n    run = image(\"example.com/b:1\")\n    env = { DB = db.url }\n}\n\
         env dev {\n    target = local {}\n    ttl = 1s * length(holders(db))\n}\n",
    ));
    let graph = db.graph("dev").unwrap();
    let ttl = graph.environment.fields.get("ttl").unwrap();
    assert_eq!(ttl.as_amount(), Some(plat_model::Decimal::int(2)));
}
