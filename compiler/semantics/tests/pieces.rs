//! An environment is evaluated piece by piece where its declarations stand in several files, and as a
//! whole where they stand in one: both must tell the same.

use std::path::Path;
use std::sync::{Arc, Mutex};

use plat_semantics::{Database, PackageInput, Project, parse_manifest};
use plat_syntax::Severity;

use crate::spec::{blocks, complete};

/// A program with each of its items in a file of its own. `None` where one of them can't be read, or
/// where it has several files already.
fn split(text: &str) -> Option<Vec<(String, String)>> {
    let parse = plat_syntax::parse(&Arc::from("main.plat"), text);
    if !parse.diagnostics.is_empty() || text.contains("//- ") {
        return None;
    }
    let starts: Vec<usize> = parse.items.iter().map(|i| i.offset as usize).collect();
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let items: Vec<&str> = starts.iter().zip(ends).map(|(a, b)| &text[*a..b]).collect();
    let begins = |item: &str, word: &str| {
        let lines = item.lines().map(str::trim);
        let mut code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        code.next().is_some_and(|line| line.starts_with(word))
    };
    let head = items.iter().find(|item| begins(item, "app "))?;
    let head = head.lines().find(|line| line.starts_with("app "))?;
    let name = head.split_whitespace().nth(1)?;
    let uses: String = items
        .iter()
        .filter(|item| begins(item, "use "))
        .copied()
        .collect();
    let files = items.iter().filter(|item| !begins(item, "use "));
    Some(
        files
            .enumerate()
            .map(|(number, item)| {
                let text = match begins(item, "app ") {
                    true => (*item).to_owned(),
                    false => format!("app {name}\n{uses}\n{item}"),
                };
                (format!("item{number:04}.plat"), text)
            })
            .collect(),
    )
}

fn with(db: &mut Database, files: Vec<(String, String)>) {
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let mut package = PackageInput {
        manifest: parse_manifest(manifest).unwrap(),
        files,
        ..PackageInput::default()
    };
    for (_, text) in &package.files {
        let paths = text.split('"').filter(|part| part.starts_with("./"));
        let there = paths.filter(|path| !path.contains("missing"));
        let there = there.map(|path| path.trim_start_matches("./").to_owned());
        package.listing.extend(there);
    }
    db.set_project(Project {
        packages: vec![package],
    });
}

/// What is wrong, without the files that it stands in; what came of the policies; and the graphs,
/// without where things stand.
type Told = (Vec<String>, Vec<String>, Vec<Option<serde_json::Value>>);

fn told(db: &mut Database, files: Vec<(String, String)>) -> Told {
    with(db, files);
    let mut found: Vec<String> = db
        .diagnostics()
        .iter()
        .map(|d| {
            let text = db.source(&d.primary.file).unwrap_or("");
            let help = d.help.as_deref().unwrap_or_default();
            let notes = d.notes.join("; ");
            // A note may say in which file something stands.
            let notes = notes.replace(&*d.primary.file, "a file");
            format!(
                "{} {}: {} {help} {notes}",
                d.code,
                d.primary.range.slice(text),
                d.message
            )
        })
        .collect();
    found.sort();
    let wrong = db
        .diagnostics()
        .iter()
        .any(|d| d.severity == Severity::Error && d.code < "E05");
    let mut outcomes = Vec::new();
    let mut graphs = Vec::new();
    for env in db.environments() {
        if wrong || !env.keys.is_empty() {
            continue;
        }
        for of in db.policies(&env.name).unwrap() {
            let counts = (of.asked, of.waived, of.broken);
            outcomes.push(format!("{} {}: {counts:?}", env.name, of.name));
        }
        let graph = db.graph(&env.name).ok();
        graphs.push(graph.map(|graph| without_places(serde_json::to_value(graph).unwrap())));
    }
    (found, outcomes, graphs)
}

fn without_places(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Object(map) => {
            map.shift_remove("place");
            let old = std::mem::take(map).into_iter();
            *map = old.map(|(k, v)| (k, without_places(v))).collect();
        }
        serde_json::Value::Array(list) => {
            let old = std::mem::take(list).into_iter();
            *list = old.map(without_places).collect();
        }
        _ => {}
    }
    value
}

fn same(db: &mut Database, text: &str, which: &str) -> bool {
    let Some(files) = split(text) else {
        return false;
    };
    let whole = told(db, vec![("main.plat".to_owned(), text.to_owned())]);
    // Where an item has a mistake of its own, what else is told may differ with its file.
    let early = whole
        .0
        .iter()
        .any(|d| d.as_str() < "E05" && d.starts_with('E'));
    if early {
        return false;
    }
    assert_eq!(told(db, files), whole, "{which}:\n{text}");
    true
}

#[test]
fn the_specifications_programs_tell_the_same_in_one_file_and_in_many() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let mut chapters: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    chapters.sort();
    // One database for all: what changes from one program to the next is found out anew.
    let mut db = Database::default();
    let mut asked = 0;
    for chapter in chapters {
        let text = std::fs::read_to_string(&chapter).unwrap();
        for block in blocks(&chapter.display().to_string(), &text) {
            let (full, _) = complete(&block.text);
            asked += usize::from(same(&mut db, &full, &chapter.display().to_string()));
        }
    }
    assert!(asked > 100, "{asked}");
}

/// What the pieces have to tell together, or have to leave to the whole.
#[test]
fn what_goes_across_pieces_is_told_once() {
    let programs = [
        // A value that is wrong, and read by others.
        "app shop\nkind web { port: Int where 1..9 = 3\n service server { run = image(\"a:1\"), port = port }\n \
         let twice = port * 2\n out double = twice }\n\
         web a { port = b.port }\nweb b { port = limit }\nlet limit = [for n in 1..20: n].length()\n\
         service c { run = image(\"a:1\"), scale = b.double }\nenv dev { target = local {} }\n",
        // A circle through three of them, and a chain that leads into it.
        "app shop\nkind at { to: Int }\nat a { to = b.to }\nat b { to = c.to }\nat c { to = a.to }\nat d { to = c.to }\n\
         env dev { target = local {} }\n",
        // Those that wait for each other, one of them in a kind.
        "app shop\nkind web { waits: [workload]\n service server { run = image(\"a:1\"), after = waits } }\n\
         job first { run = image(\"a:1\"), after = [second] }\nweb other { waits = [third] }\njob second { run = image(\"a:1\"), after = [third] }\n\
         job third { run = image(\"a:1\"), after = [first] }\nenv dev { target = local {} }\n",
        // One name, one path, one route.
        "app shop\nservice a { run = image(\"a:1\"), name = \"same\" }\nservice b { run = image(\"a:1\"), name = \"same\" }\n\
         env dev { target = local {} }\n",
        "app shop\nlet keys = [\"x\", \"y\"]\nfor k in keys { redis c[k] {} }\nfor k in [\"y\", \"z\"] { redis d[k] {} }\n\
         redis e { memory = c[\"x\"].memory }\nenv dev { target = local {}, set = { c[\"z\"].memory = 1GiB } }\n\
         env prod { target = local {}, set = { d[\"z\"].memory = 1GiB }, omit = [c[\"x\"]] }\n",
        // An address of one that is in another piece, permitted and not.
        "app shop\nservice api { run = image(\"a:1\") }\n\
         worker one { run = image(\"a:1\"), env = { A = \"http://api:80\" } }\n\
         worker two { run = image(\"a:1\"), env = { A = \"http://api:80\", B = api.url } }\n\
         worker three { run = image(\"a:1\"), env = { A = \"http://nobody:80\" } }\nenv dev { target = local {} }\n",
        // Policies, of each declaration, of the environment and of links.
        "app shop\nservice a { run = image(\"a:1\"), scale = 3 }\nservice b { run = image(\"a:1\"), scale = big }\nlet big = 4\n\
         policy small(s: service) {\n require = s.scale.max < 4\n message = \"`${s.name}` is too large\"\n}\n\
         policy prod_is(e: environment) { require = e.name == \"prod\" }\n\
         waive small for b { reason = \"it may\", until = \"2999-12-31\" }\nenv dev { target = local {} }\nenv prod { target = local {} }\n",
        "app shop\npostgres db {}\nservice a { run = image(\"a:1\"), env = { DB = db.url } }\nworker b { run = image(\"a:1\"), env = { DB = db.url } }\n\
         policy one(d: postgres) { require = holders(d).length() < 2 }\nenv dev { target = local {} }\n",
        // What is put elsewhere, and what is another environment's.
        "app shop\npostgres db {}\nservice a { run = image(\"a:1\"), env = { DB = db.url } }\n\
         env prod { target = local {} }\nenv dev { target = local {}, place = { db = in(prod, db) } }\n",
        // What is put on hosts and targets, and what is not there to be.
        "app shop\nredis a {}\nservice b { run = image(\"a:1\"), env = { A = a.url } }\nredis c[\"x\"] {}\nredis d {}\n\
         let far = kubernetes { context = \"far\" }\n\
         env dev { target = metal { hosts = [\"one\", \"two\"] }, place = { a = on(\"two\"), d = on(\"three\"), c[\"x\"] = on(\"one\") } }\n\
         env prod { target = kubernetes { context = \"near\" }, place = { b = far, c[\"y\"] = far } }\n",
        // Inputs that are missing, and those of a base.
        "app shop { size: Int }\nservice a { run = image(\"a:1\"), scale = size }\nservice b { run = image(\"a:1\"), scale = size }\n\
         env dev { target = local {} }\nenv prod { target = local {}, set = { size = 3 } }\n\
         env big { extends = prod, set = { b.scale = 9, size = 2 }, leave = [a.scale] }\n",
        // A kind around what was by itself, beside another name of the same family.
        "app shop\nkind tree { service server { run = image(\"a:1\") } }\nfor k in [\"k\"] { tree a[k] {} }\ntree b {}\n\
         moved a[\"k\"] to a[\"k\"].server\nmoved a to b\nenv dev { target = local {} }\n",
        "app shop\nkind tree { service server { run = image(\"a:1\") } }\nfor k in [\"k\"] { tree a[k] {} }\nredis c {}\n\
         moved a[\"k\"] to a[\"k\"].server\nmoved old to a\nenv dev { target = local {} }\n",
        // Lists of declarations with what stands in them, read by others before and after.
        "app shop\nkind leaf { service server { run = image(\"a:1\") }\n out url = server.url }\n\
         kind tree { leaf left {}\n leaf right {}\n out url = right.url }\ntree big {}\n\
         service near { run = image(\"a:1\"), reach = [big], env = { U = big.url } }\n\
         service far { run = image(\"a:1\"), reach = [big] }\nenv dev { target = local {} }\n",
        // A chain of values from one to the next, longer than a piece follows.
        &chain(60),
    ];
    let mut db = Database::default();
    for (number, program) in programs.iter().enumerate() {
        let lines = program.lines().map(str::trim_start);
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        let compared = same(&mut db, &text, &format!("program {number}"));
        let told = told(&mut db, vec![("main.plat".to_owned(), text)]);
        assert!(compared, "program {number} is not even evaluated: {told:?}");
    }
}

/// A warning is no reason not to say that what the environment speaks of is not there.
#[test]
fn what_is_not_there_is_told_beside_warnings() {
    let text = "app shop\nfor key in [\"a\", \"b\"] { redis cache[key] {} }\n\
        service api { run = image(\"a:1\"), scale = 3 }\n\
        policy small(s: service) { require = s.scale.max < 3, severity = \"warning\" }\n";
    for what in [
        "set = { cache[\"c\"].memory = 3GiB }",
        "omit = [cache[\"c\"]]",
    ] {
        let text = format!("{text}env dev {{ target = local {{}}, {what} }}\n");
        let mut db = Database::default();
        let files = split(&text).unwrap();
        for files in [vec![("main.plat".to_owned(), text.clone())], files] {
            let (found, _, graphs) = told(&mut db, files);
            let told: Vec<&str> = found.iter().map(|d| d.get(..5).unwrap_or(d)).collect();
            assert!(
                told.contains(&"E0606") && told.contains(&"W0701"),
                "{found:?}"
            );
            assert_eq!(graphs, [None]);
        }
    }
}

/// A graph is the same, origins and places included, whether the pieces of its environment make it or
/// the whole does: here where a policy asks for links.
#[test]
fn a_graph_is_the_same_to_the_byte_of_however_many_parts_it_is_made() {
    let mut files = vec![(
        "kinds.plat".to_owned(),
        "app shop\nkind web {\n    run: Run\n    size: Int = 2\n    waits: [workload]\n    \
         service server { run = run, scale = size, after = waits, env = { SIZE = \"${size}\" } }\n    \
         cron nightly { run = run, schedule = \"0 3 * * *\" }\n    out url = server.url\n}\n\
         moved old to part3\n\
         env dev {\n    target = local {}\n    set = { web120.size = 7, part3.memory = 3GiB }\n    \
         each redis { memory = 1GiB }\n    leave = [web7.server.scale]\n}\n\
         env prod {\n    extends = dev\n    budget = 900USD / 1month\n    omit = [part1[\"b\"]]\n}\n"
            .to_owned(),
    )];
    for part in 0..3 {
        let mut text =
            format!("app shop\nfor key in [\"a\", \"b\"] {{\n    redis part{part}[key] {{}}\n}}\n");
        if part == 2 {
            text.push_str("redis part3 {}\n");
        }
        for n in (part..250).step_by(3) {
            let (one, two) = ((n * 7 + 3) % 250, (n * 31 + 5) % 250);
            text.push_str(&format!(
                "web web{n} {{ run = image(\"a:{n}\"), waits = [], server.env = {{ ONE = web{one}.url, TWO = \"${{web{two}.url}}/${{web{two}.url}}\", \
                 R = part3.url }} }}\n"
            ));
        }
        files.push((format!("part{part}.plat"), text));
    }
    let graphs = |files: Vec<(String, String)>| -> Vec<String> {
        let mut db = Database::default();
        with(&mut db, files);
        let graph = |env| serde_json::to_string_pretty(&db.graph(env).unwrap()).unwrap();
        ["dev", "prod"].map(graph).to_vec()
    };
    let pieces = graphs(files.clone());
    let asks = "\npolicy few(s: service) { require = holders(s).length() < 1000 }\n";
    files[0].1.push_str(asks);
    let whole = graphs(files);
    assert!(pieces == whole, "the whole makes another graph");
    assert!(pieces[0].contains("\"web120.server\"") && pieces[0].contains("\"moved\": [\n    {"));
}

/// So many declarations, each of which reads the one before, and does much for it.
fn chain(length: usize) -> String {
    let mut text = String::from(
        "app shop\nkind at { to: Int\n let all = [for n in 1..400: n + to]\n out sum = all[3] - 4 }\nat a0 { to = 1 }\n",
    );
    for n in 1..length {
        text.push_str(&format!("at a{n} {{ to = a{}.sum + 1 }}\n", n - 1));
    }
    text + &format!(
        "redis r {{ memory = a{}.to * 1MiB }}\nenv dev {{ target = local {{}} }}\n",
        length - 1
    )
}

/// Which queries run again after an edit of one value: the piece that it stands in, those that read
/// it, and what puts them together.
#[test]
fn an_edit_evaluates_the_pieces_that_read_it_and_no_others() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut files: Vec<(String, String)> = (0..8)
        .map(|n| {
            let from = (n + 1) % 8;
            let text = format!(
                "app shop\nredis c{n} {{ memory = {}MiB }}\nservice s{n} {{ run = image(\"a:{n}\"), env = {{ C = c{from}.url }} }}\n",
                64 + n
            );
            (format!("part{n}.plat"), text)
        })
        .collect();
    files[3].1.push_str("redis like { memory = c5.memory }\n");
    files.push((
        "env.plat".to_owned(),
        "app shop\nenv dev { target = local {} }\n".to_owned(),
    ));
    let mut db = Database::with_log(Arc::clone(&log));
    with(&mut db, files.clone());
    assert_eq!(db.diagnostics(), Vec::new());
    let mut again = |edited: &str, old: &str, new: &str| {
        log.lock().unwrap().clear();
        let (path, text) = files.iter_mut().find(|(path, _)| path == edited).unwrap();
        let changed = text.replacen(old, new, 1);
        assert_ne!(*text, changed);
        *text = changed;
        assert!(db.set_file("app", path, text));
        let found: Vec<&str> = db.diagnostics().iter().map(|d| d.code).collect();
        let log = log.lock().unwrap();
        let count = |query: &str| log.iter().filter(|e| e.starts_with(query)).count();
        (count("piece("), count("once("), count("evaluate("), found)
    };
    // Its own piece, the one that links to it, and the one that reads its memory.
    assert_eq!(again("part5.plat", "69MiB", "70MiB"), (3, 0, 0, vec![]));
    // Nobody reads what a service runs.
    assert_eq!(again("part2.plat", "a:2", "b:2"), (1, 0, 0, vec![]));
    // What is as it was found to be ends there; what is not is put together anew.
    assert_eq!(again("part2.plat", "66MiB", "0MiB").3, vec!["E0511"]);
    assert_eq!(again("part2.plat", "0MiB", "66MiB").3, Vec::<&str>::new());
}

/// What a piece reads first may be large, where much more follows; and what many pieces read is not
/// taken for more than the whole would take.
#[test]
fn a_table_that_declarations_are_made_from_is_no_reason_to_look_at_the_whole() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let rows =
        "let rows = [for n in 1..700: { name = \"r${n}\", port = 1000 + n, image = \"a:${n}\" }]\n";
    let table = format!(
        "app shop\n{rows}for row in rows {{\n    service s[row.name] {{ run = image(row.image), port = row.port }}\n}}\n"
    );
    let mut files = vec![
        ("table.plat".to_owned(), table),
        (
            "env.plat".to_owned(),
            "app shop\nenv dev { target = local {} }\n".to_owned(),
        ),
    ];
    for n in 0..40 {
        let text = format!("app shop\nredis c{n} {{ memory = rows[{n}].port * 1MiB }}\n");
        files.push((format!("part{n}.plat"), text));
    }
    let mut db = Database::with_log(Arc::clone(&log));
    with(&mut db, files);
    assert_eq!(db.diagnostics(), Vec::new());
    log.lock().unwrap().clear();
    let edited = "app shop\nredis c7 { memory = rows[8].port * 1MiB }\n";
    assert!(db.set_file("app", "part7.plat", edited));
    assert_eq!(db.diagnostics(), Vec::new());
    let log = log.lock().unwrap();
    let count = |query: &str| log.iter().filter(|e| e.starts_with(query)).count();
    assert_eq!((count("piece("), count("evaluate(")), (1, 0));
}

/// What is made late pays for no step that was taken before.
#[test]
fn too_many_steps_are_too_many_in_whichever_file_they_are_taken() {
    let sum = vec!["n"; 60].join(" + ");
    let mut text = String::from("app shop\nkind at { to: Int }\n");
    for name in ["a", "b"] {
        text.push_str(&format!(
            "at {name} {{ to = [for n in 1..20000: {sum}].length() }}\n"
        ));
    }
    text.push_str(
        "at c { to = [for n in 1..200000: n].length() }\nenv dev { target = local {} }\n",
    );
    let mut db = Database::default();
    assert!(same(&mut db, &text, "steps"));
    let found = told(&mut db, vec![("main.plat".to_owned(), text)]).0;
    assert!(found.iter().any(|d| d.starts_with("E0504")), "{found:?}");
}
