//! What one environment uses of another.

use crate::common::{database, project, render};

const SHARED: &str = r#"app shop
postgres db { storage = 20GiB }
redis cache {}
postgres copy { replica_of = if environment is us then in(eu, db) else none }
worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { DB = db.url, OTHER = in(eu, db.address), NAME = in(eu, cache.name) }
}
pub env base { omit = [mailer] }
env eu { extends = base, target = local {} }
env us { target = kubernetes { context = "us" }, place = { db = in(eu, db) } }
env asia { extends = us, place = { cache = in(us, db) } }
"#;

#[test]
fn what_another_environment_owns_is_a_node_with_an_owner() {
    let text = SHARED.replace(
        "env asia { extends = us, place = { cache = in(us, db) } }\n",
        "",
    );
    let db = database(project(&text));
    let found = db.diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
    let us = db.graph("us").unwrap();
    let mut out = String::new();
    for (path, node) in &us.nodes {
        out.push_str(&format!("{path}: {} on {}", node.name, node.target.0));
        if let Some(owner) = node.existing.as_ref().and_then(|e| e.owner.as_ref()) {
            out.push_str(&format!(
                ", owned by {} as {}",
                owner.environment, owner.node
            ));
        }
        out.push('\n');
    }
    for link in &us.links {
        out.push_str(&format!(
            "{} {} → {}.{}\n",
            link.from, link.field, link.to, link.out
        ));
    }
    insta::assert_snapshot!("owned", out);
    assert!(us.held.is_empty());
    let held: Vec<String> = db
        .graph("eu")
        .unwrap()
        .held
        .iter()
        .map(|h| format!("{} by {} of {}", h.node, h.by, h.environment))
        .collect();
    assert_eq!(
        held,
        ["db by copy of us", "db by db of us", "db by mailer of us"]
    );
}

#[test]
fn what_cannot_be_used_of_another_environment_is_told() {
    let db = database(project(SHARED));
    insta::assert_snapshot!("owned-other-kind", render(&db, &db.diagnostics()));
    let text = r#"app shop
postgres db {}
redis cache {}
redis more {}
env a { target = local {}, place = { cache = in(b, cache) } }
env b { target = local {}, place = { db = in(c, db) } }
env c { target = local {}, place = { more = in(a, more) } }
env d { target = local {}, place = { more = in(d, more) } }
env e { target = local {}, place = { more = in(f, more) } }
env f { target = local {}, omit = [more] }
"#;
    let db = database(project(text));
    insta::assert_snapshot!("owned-in-circles", render(&db, &db.diagnostics()));
}

#[test]
fn who_owns_it_in_the_end_is_the_owner() {
    let text = r#"app shop
kind stack { redis inner {} }
stack one {}
env a { target = local {} }
env b { target = local {}, place = { one = in(a, one) } }
env c { target = local {}, place = { one.inner = in(b, one.inner) } }
env preview[pr: Int] { target = local {}, place = { one = in(a, one) } }
env d { target = local {}, place = { one.inner = in(preview[3], one.inner) } }
"#;
    let db = database(project(text));
    let found = db.diagnostics();
    assert!(found.is_empty(), "{}", render(&db, &found));
    for env in ["b", "c", "preview[7]", "d"] {
        let graph = db.graph(env).unwrap();
        let node = &graph.nodes[&plat_model::NodePath::from("one.inner")];
        let owner = node.existing.as_ref().unwrap().owner.as_ref().unwrap();
        assert_eq!(
            (owner.environment.as_str(), owner.node.as_str()),
            ("a", "one.inner"),
            "{env}"
        );
    }
}
