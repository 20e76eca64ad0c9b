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
    let files = [
        ("environments.plat", ENVS),
        ("kinds.plat", KINDS),
        ("shop.plat", SHOP),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    database_of(log, files.to_vec())
}

fn database_of(log: &Arc<Mutex<Vec<String>>>, files: Vec<(String, String)>) -> Database {
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let mut db = Database::with_log(Arc::clone(log));
    db.set_project(Project {
        packages: vec![PackageInput {
            manifest: parse_manifest(manifest).unwrap(),
            files,
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

/// How many items may be checked again before the open file is told what is wrong with it.
fn most_checked(what: &str) -> usize {
    match what {
        "a comment between declarations" | "a blank line at the top" => 0,
        // Who looked a name up, or might.
        "a declaration more" | "another name for a declaration" => 5,
        "the type of a let" => 3,
        _ => 1,
    }
}

#[test]
fn an_edit_computes_again_what_it_changes_and_no_more() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut report = String::new();
    for (what, path, old, new) in EDITS {
        let mut db = database(&log);
        let file = db.file("shop", path).unwrap();
        let shop = db.file("shop", "shop.plat").unwrap();
        // As the server does where a file is opened.
        db.expect_changes(file);
        assert_eq!(db.diagnostics(), Vec::new());
        let hovered = u32::try_from(SHOP.find("scale").unwrap()).unwrap();
        plat_ide::hover::hover(&db, shop, hovered);
        let text = db.text(file).to_owned();
        assert!(text.contains(old), "{what}");
        log.lock().unwrap().clear();
        db.set_text(file, &text.replacen(old, new, 1));
        let found = db.source_diagnostics_of(file);
        let open = ran(&log);
        let _ = writeln!(report, "{what}\n    open file: {open}");
        let checked = open.split(", ").find_map(|one| one.strip_prefix("lower "));
        let checked: usize = checked.map_or(0, |count| count.parse().unwrap());
        assert!(checked <= most_checked(what), "{what}: {open}");
        for evaluates in ["evaluate", "piece", "once", "opened"] {
            assert!(!open.contains(evaluates), "{what}: {open}");
        }
        let shown = found.iter().map(|d| d.code).collect::<Vec<_>>();
        let _ = writeln!(report, "    finds: {shown:?}");
        db.diagnostics();
        let _ = writeln!(report, "    all: {}", ran(&log));
    }
    insta::assert_snapshot!(report);
}

/// Edits of an app whose declarations stand in eight files.
const EDITS_OF_MANY: [(&str, &str, &str, &str); 7] = [
    ("a value that nobody reads", "part2.plat", "a:2", "b:2"),
    (
        "a value of a declaration that is referred to",
        "part5.plat",
        "size = 5",
        "size = 6",
    ),
    (
        "a comment between declarations",
        "part5.plat",
        "web w5",
        "// note\nweb w5",
    ),
    (
        "a declaration more",
        "part5.plat",
        "web w5",
        "worker more { run = image(\"m:1\") }\nweb w5",
    ),
    (
        "the value of a let",
        "part0.plat",
        "let copies = 2",
        "let copies = 3",
    ),
    (
        "a value that an environment sets",
        "environments.plat",
        "size = 4",
        "size = 5",
    ),
    ("a body in a kind", "kinds.plat", "size * 2", "size * 3"),
];

/// Of an environment in several files an edit evaluates the pieces that read what it changes; what
/// puts them together runs where they tell something else than before.
#[test]
fn an_edit_evaluates_the_pieces_that_read_it() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut files: Vec<(String, String)> = (0..8)
        .map(|n| {
            let from = (n + 1) % 8;
            let mut text = format!(
                "app shop\n\nweb w{n} {{ size = {n} }}\n\nservice s{n} {{\n    run = image(\"a:{n}\")\n    \
                 env = {{ W = w{from}.url }}\n}}\n"
            );
            if n == 0 {
                text.push_str("let copies = 2\n");
            }
            if n == 3 {
                text.push_str("web large { size = copies }\n");
            }
            (format!("part{n}.plat"), text)
        })
        .collect();
    let envs = "app shop\n\nenv dev { target = local {} }\nenv prod {\n    target = local {}\n    \
                set = { w4.size = 4 }\n}\n";
    files.push(("environments.plat".to_owned(), envs.to_owned()));
    files.push(("kinds.plat".to_owned(), KINDS.to_owned()));
    let mut report = String::new();
    for (what, path, old, new) in EDITS_OF_MANY {
        let mut db = database_of(&log, files.clone());
        let file = db.file("shop", path).unwrap();
        assert_eq!(db.diagnostics(), Vec::new());
        db.expect_changes(file);
        db.diagnostics();
        let text = db.text(file).to_owned();
        assert!(text.contains(old), "{what}");
        log.lock().unwrap().clear();
        db.set_text(file, &text.replacen(old, new, 1));
        assert_eq!(db.diagnostics(), Vec::new());
        let mut entries = log.lock().unwrap();
        let evaluates = |entry: &String| {
            let name = entry.split('(').next().unwrap();
            matches!(name, "opened" | "once" | "piece" | "evaluate")
        };
        entries.retain(evaluates);
        drop(entries);
        let _ = writeln!(report, "{what}\n    {}", ran(&log));
    }
    insta::assert_snapshot!(report);
}

/// Of many files, an edit in a body computes as much again as of few until the open file is told
/// what is wrong with it. What is only looked at, and found to be as it was, grows with their number
/// for what all names depend on, and for nothing else.
#[test]
fn what_is_between_an_edit_and_its_diagnostics_does_not_grow_with_the_files() {
    let mut counts: Vec<BTreeMap<String, usize>> = Vec::new();
    for files in [10, 40] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut db = Database::with_trace(Arc::clone(&log));
        let texts = (0..files).map(|n| {
            let text = format!(
                "app shop\n\nweb w{n} {{ size = {n} }}\n\nservice s{n} {{\n    run = image(\"a:1\")\n    \
                 env = {{ W = w{}.url }}\n}}\n",
                (n + 1) % files
            );
            (format!("part{n:02}.plat"), text)
        });
        let mut texts: Vec<(String, String)> = texts.collect();
        texts.push((
            "environments.plat".to_owned(),
            "app shop\n\nenv dev { target = local {} }\n".to_owned(),
        ));
        texts.push(("kinds.plat".to_owned(), KINDS.to_owned()));
        let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
        db.set_project(Project {
            packages: vec![PackageInput {
                manifest: parse_manifest(manifest).unwrap(),
                files: texts,
                ..PackageInput::default()
            }],
        });
        let file = db.file("shop", "part05.plat").unwrap();
        db.expect_changes(file);
        assert_eq!(db.diagnostics(), Vec::new());
        let text = db.text(file).to_owned();
        let edited = |db: &mut Database, text: &str| {
            log.lock().unwrap().clear();
            db.set_text(file, text);
            let found = db.source_diagnostics_of(file).len();
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for entry in log.lock().unwrap().iter() {
                let name = entry.split('(').next().unwrap().to_owned();
                *counts.entry(name).or_default() += 1;
            }
            (found, counts)
        };
        let (found, wrong) = edited(&mut db, &text.replace("size", "siz"));
        assert_eq!(found, 1);
        assert_eq!(db.diagnostics().len(), 1);
        let (found, right) = edited(&mut db, &text);
        assert_eq!(found, 0);
        let tagged = |of: &str, counts: BTreeMap<String, usize>| {
            let all = counts.into_iter();
            all.map(|(name, count)| (format!("{of}: {name}"), count))
                .collect::<Vec<_>>()
        };
        let mut all = tagged("a mistake", wrong);
        all.extend(tagged("its repair", right));
        counts.push(all.into_iter().collect());
    }
    let (few, many) = (&counts[0], &counts[1]);
    let mut report = String::new();
    for (name, count) in many {
        let before = few.get(name).copied().unwrap_or(0);
        let _ = match before == *count {
            true => writeln!(report, "{name} {count}"),
            false => writeln!(report, "{name} {before} of ten files, {count} of forty"),
        };
    }
    insta::assert_snapshot!(report);
}
