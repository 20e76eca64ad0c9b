//! What an edit makes the database do again, and what not.

use std::sync::{Arc, Mutex};

use plat_semantics::Database;

use crate::common::project;

struct Watched {
    db: Database,
    log: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    fn new(text: &str) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut db = Database::with_log(log.clone());
        db.set_project(project(text));
        let this = Self { db, log };
        assert_eq!(this.db.diagnostics(), Vec::new());
        this
    }

    /// The queries that ran while everything was asked for again, with how often each did.
    fn after(&mut self, package: &str, path: &str, text: &str) -> Vec<(String, usize)> {
        self.log.lock().unwrap().clear();
        assert!(self.db.set_file(package, path, text));
        let _ = self.db.diagnostics();
        let mut counts: std::collections::BTreeMap<String, usize> = Default::default();
        for entry in self.log.lock().unwrap().iter() {
            let name = entry.split('(').next().unwrap().to_owned();
            *counts.entry(name).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

fn count(ran: &[(String, usize)], query: &str) -> usize {
    ran.iter()
        .find(|(name, _)| name == query)
        .map_or(0, |(_, n)| *n)
}

const SHOP: &str = r#"app shop

/// The cache.
redis cache { memory = 64MiB }

let name = "shop"

worker mailer {
    run = image("ghcr.io/acme/mailer:1.0.0")
    env = { CACHE = cache.url, NAME = name }
}

worker other { run = image("ghcr.io/acme/other:1.0.0") }

env dev { target = local {} }
"#;

#[test]
fn an_edit_in_one_body_checks_that_body_alone() {
    let mut watched = Watched::new(SHOP);
    let ran = watched.after("app", "main.plat", &SHOP.replace("64MiB", "128MiB"));
    assert_eq!(count(&ran, "lower"), 1, "{ran:?}");
    assert_eq!(count(&ran, "scope"), 0, "{ran:?}");
    assert_eq!(count(&ran, "kind_head"), 0, "{ran:?}");
    assert_eq!(count(&ran, "prelude"), 0, "{ran:?}");
}

#[test]
fn a_comment_between_declarations_checks_nothing() {
    let mut watched = Watched::new(SHOP);
    let ran = watched.after(
        "app",
        "main.plat",
        &SHOP.replace("let name", "// said once\n\nlet name"),
    );
    assert_eq!(count(&ran, "lower"), 0, "{ran:?}");
    assert_eq!(count(&ran, "piece"), 0, "{ran:?}");
    assert_eq!(count(&ran, "evaluate"), 0, "{ran:?}");
}

#[test]
fn another_declaration_checks_itself_and_what_looks_names_up() {
    let mut watched = Watched::new(SHOP);
    let ran = watched.after("app", "main.plat", &format!("{SHOP}\nredis more {{}}\n"));
    assert_eq!(count(&ran, "item_shape"), 1, "{ran:?}");
    assert_eq!(count(&ran, "kind_head"), 0, "{ran:?}");
    assert_eq!(count(&ran, "type_def"), 0, "{ran:?}");
}

#[test]
fn the_same_text_does_nothing() {
    let mut watched = Watched::new(SHOP);
    assert_eq!(watched.after("app", "main.plat", SHOP), Vec::new());
}

/// The objects of targets are many: they are read where something is said to one, and nowhere else.
#[test]
fn the_objects_of_a_target_are_read_where_something_is_said_to_it() {
    let read = |text: &str| {
        let watched = Watched::new(text);
        let log = watched.log.lock().unwrap();
        log.iter()
            .filter(|entry| entry.starts_with("parsed("))
            .count()
    };
    let said = SHOP.replace(
        "worker other { ",
        "worker other { raw = [kubernetes.patch(\"Deployment\", {})], ",
    );
    assert_ne!(said, SHOP);
    assert_eq!(read(&said), read(SHOP) + 1);
}

/// A platform's kind in a package directory of its own, two files that use it, two environments.
const FLEET: &str = r#"//- /platform/web.plat
pub kind web {
    run: Run
    copies: Int = 2
    let label = "web"

    service server {
        run    = run
        port   = 8080
        scale  = copies
        labels = { kind = label }
    }

    out url = server.url
}

//- /one.plat
app fleet

use app.platform.{web}

let region = "eu"

web a {
    run = image("r/a:1")
}

web b { run = image("r/b:1") }

service c {
    run = image("r/c:1")
    env = { A = a.url, REGION = region }
}

//- /two.plat
app fleet

use app.platform.{web}

web d { run = image("r/d:1") }

policy small(s: service) { require = s.scale.min >= 1 }

//- /envs.plat
app fleet

env dev { target = local {} }
env prod { target = local {}, set = { a.copies = 3 } }
"#;

/// What each kind of edit makes the database do, of the queries that are made for each item, file or
/// environment. The whole is looked at after each, and the text is put back before the next.
#[test]
fn each_kind_of_edit_does_what_depends_on_it() {
    let edits = [
        (
            "a comment inside a body",
            "one.plat",
            "web a {\n",
            "web a { // the first\n",
        ),
        (
            "a space inside a body",
            "one.plat",
            "r/a:1\")\n",
            "r/a:1\") \n",
        ),
        (
            "a blank line between items",
            "one.plat",
            "\nlet region",
            "\n\nlet region",
        ),
        ("a value in a body", "one.plat", "r/a:1", "r/a:2"),
        ("a value in a one-line body", "two.plat", "r/d:1", "r/d:2"),
        (
            "a `let` that one item reads",
            "one.plat",
            "\"eu\"",
            "\"us\"",
        ),
        (
            "a default in a kind",
            "platform/web.plat",
            "Int = 2",
            "Int = 4",
        ),
        (
            "a `let` of a kind",
            "platform/web.plat",
            "\"web\"",
            "\"site\"",
        ),
        (
            "a new field of a kind",
            "platform/web.plat",
            "    let label",
            "    more: Int = 1\n    let label",
        ),
        (
            "a new declaration",
            "two.plat",
            "\npolicy",
            "\nweb e { run = image(\"r/e:1\") }\n\npolicy",
        ),
        (
            "a declaration less",
            "one.plat",
            "web b { run = image(\"r/b:1\") }\n",
            "",
        ),
        ("a policy", "two.plat", ">= 1", "> 0"),
        (
            "an override in an environment",
            "envs.plat",
            "a.copies = 3",
            "a.copies = 5",
        ),
        ("an import too many", "two.plat", "{web}", "{web, web}"),
    ];
    let watched_queries = [
        "parsed",
        "items",
        "tree",
        "scope",
        "item_shape",
        "kind_head",
        "type_def",
        "lower",
        "opened",
        "once",
        "piece",
        "evaluate",
    ];
    let mut watched = Watched::new(FLEET);
    let texts = project(FLEET).packages.remove(0).files;
    let mut shown = String::new();
    for (what, path, old, new) in edits {
        let (_, text) = texts.iter().find(|(p, _)| p == path).unwrap();
        let edited = text.replacen(old, new, 1);
        assert_ne!(&edited, text, "{what}");
        let ran = watched.after("app", path, &edited);
        let counts: Vec<String> = watched_queries
            .iter()
            .filter(|query| count(&ran, query) > 0)
            .map(|query| format!("{query} {}", count(&ran, query)))
            .collect();
        shown += &format!("{what}: {}\n", counts.join(", "));
        let _ = watched.after("app", path, text);
    }
    insta::assert_snapshot!(shown);
}
