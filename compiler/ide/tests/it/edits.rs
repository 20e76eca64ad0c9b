//! What an edit makes the database do again before the open file is told what is wrong with it, and
//! what a hover costs then.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use plat_ide::{Database, PackageInput, Project};
use plat_semantics::parse_manifest;

const KINDS: &str = "/// A web service.
kind web {
    size: Int = 1
    let twice = size * 2
    service server { run = image(\"web:1\"), scale = twice }
    out url = server.url
}
type Size = Int where 1..9
fn double(n: Int): Int = n * 2
";

const SHOP: &str = "app shop

let copies = 2

web front { size = copies }

service api {
    run = image(\"api:1\")
    env = { FRONT = front.url }
    scale = double(copies)
}

worker other { run = image(\"other:1\") }
";

const ENVS: &str = "env dev { target = local {} }
env prod {
    target = local {}
    set = { api.scale = 4 }
}
";

/// An edit: which file, what, and by what it is replaced.
const EDITS: [(&str, &str, &str, &str); 13] = [
    (
        "a value in a body",
        "shop.plat",
        "size = copies",
        "size = 3",
    ),
    (
        "a comment between declarations",
        "shop.plat",
        "web front",
        "// note\nweb front",
    ),
    (
        "a blank line at the top",
        "shop.plat",
        "app shop\n",
        "app shop\n\n",
    ),
    (
        "documentation of a declaration",
        "shop.plat",
        "service api",
        "/// Answers.\nservice api",
    ),
    (
        "a name that nothing has",
        "shop.plat",
        "double(copies)",
        "doubl(copies)",
    ),
    (
        "a text that can't be read",
        "shop.plat",
        "scale = double",
        "scale = = double",
    ),
    (
        "a declaration more",
        "shop.plat",
        "worker other",
        "worker more { run = image(\"m:1\") }\nworker other",
    ),
    (
        "another name for a declaration",
        "shop.plat",
        "worker other",
        "worker others",
    ),
    (
        "the value of a let",
        "shop.plat",
        "let copies = 2",
        "let copies = 3",
    ),
    (
        "the type of a let",
        "shop.plat",
        "let copies = 2",
        "let copies = \"2\"",
    ),
    ("a body in a kind", "kinds.plat", "size * 2", "size * 3"),
    (
        "the type of a kind's field",
        "kinds.plat",
        "size: Int",
        "size: Decimal",
    ),
    (
        "a value that an environment sets",
        "environments.plat",
        "api.scale = 4",
        "api.scale = 5",
    ),
];

fn database(log: &Arc<Mutex<Vec<String>>>) -> Database {
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let files = [
        ("environments.plat", ENVS),
        ("kinds.plat", KINDS),
        ("shop.plat", SHOP),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let mut db = Database::with_log(Arc::clone(log));
    db.set_project(Project {
        packages: vec![PackageInput {
            manifest: parse_manifest(manifest).unwrap(),
            files: files.to_vec(),
            ..PackageInput::default()
        }],
    });
    db
}

/// The queries that ran since the log was last read, and how often each.
fn ran(log: &Arc<Mutex<Vec<String>>>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in log.lock().unwrap().drain(..) {
        let name = entry.split('(').next().unwrap().to_owned();
        *counts.entry(name).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{name} {n}"))
        .collect();
    counts.join(", ")
}

#[test]
fn an_edit_computes_again_what_it_changes_and_no_more() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut report = String::new();
    for (what, path, old, new) in EDITS {
        let mut db = database(&log);
        let file = db.file("shop", path).unwrap();
        let shop = db.file("shop", "shop.plat").unwrap();
        assert_eq!(db.diagnostics(), Vec::new());
        let hovered = u32::try_from(SHOP.find("scale").unwrap()).unwrap();
        plat_ide::hover::hover(&db, shop, hovered);
        let text = db.text(file).to_owned();
        assert!(text.contains(old), "{what}");
        log.lock().unwrap().clear();
        db.set_text(file, &text.replacen(old, new, 1));
        let found = db.source_diagnostics_of(file);
        let _ = writeln!(report, "{what}\n    open file: {}", ran(&log));
        let shown = found.iter().map(|d| d.code).collect::<Vec<_>>();
        let _ = writeln!(report, "    finds: {shown:?}");
        db.diagnostics();
        let _ = writeln!(report, "    all: {}", ran(&log));
    }
    insta::assert_snapshot!(report);
}
