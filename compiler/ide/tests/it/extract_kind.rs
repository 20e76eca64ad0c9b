//! A kind of several declarations: what runs is as it was.

use plat_ide::assists::{AssistKind, assists};
use plat_ide::{Database, TextRange};
use proptest::prelude::*;
use serde_json::Value;

use crate::common::program;

/// The program after the change that makes a kind of the declarations at its cursor; none where that
/// is not offered.
fn extracted(text: &str) -> Option<String> {
    let (db, file, at) = program(text);
    assert_eq!(wrong(&db), [""; 0], "the program is right before: {text}");
    let all = assists(&db, file, TextRange::empty(at)).into_iter();
    let mut kinds = all.filter(|a| a.kind == AssistKind::Extract && a.title.contains("kind"));
    let mut edits = kinds.next()?.edits;
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.range.start, edit.range.end)));
    let mut text = db.text(file).to_owned();
    for edit in edits {
        let range = edit.range.start as usize..edit.range.end as usize;
        text.replace_range(range, &edit.text);
    }
    Some(text)
}

fn wrong(db: &Database) -> Vec<String> {
    let found = db.diagnostics().into_iter();
    found.map(|d| format!("{} {}", d.code, d.message)).collect()
}

/// What a program says is to run, but for where in the source it says so.
fn graph(text: &str) -> Value {
    let (db, _, _) = program(text);
    assert_eq!(wrong(&db), [""; 0], "{text}");
    let mut graph = serde_json::to_value(db.graph("dev").unwrap()).unwrap();
    forget(&mut graph, &["origin", "origins", "chain"]);
    graph
}

fn forget(value: &mut Value, keys: &[&str]) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !keys.contains(&key.as_str()));
            map.values_mut().for_each(|value| forget(value, keys));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| forget(value, keys)),
        _ => {}
    }
}

/// Holds that a change which is offered leaves what runs as it was: but for the paths, which `moved`
/// tells of, and for the declarations around, which have the documentation now.
fn holds(text: &str, names: &[&str]) -> String {
    let after = extracted(text).unwrap();
    let (old, mut new) = (graph(text), graph(&after));
    let moved = new["moved"].take();
    let told: Vec<(&str, &str)> = moved
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["from"].as_str().unwrap(), m["to"].as_str().unwrap()))
        .collect();
    let mut text = new.to_string();
    for name in names {
        let inside = format!("{name}.main");
        assert!(told.contains(&(name, &inside)), "{told:?}");
        text = text.replace(&format!("\"{inside}\""), &format!("\"{name}\""));
    }
    assert_eq!(told.len(), names.len());
    let mut new: Value = serde_json::from_str(&text).unwrap();
    let mut old = old;
    old["moved"] = Value::Null;
    forget(&mut new, &["within", "doc"]);
    forget(&mut old, &["within", "doc"]);
    assert_eq!(old, new, "{after}");
    after
}

const SHOP: &str = r#"app shop

/// Answers.
ser$0vice api {
    run = image("api:1")
    port = 9000
    ready = http("/healthz", every: 5s)
    env = { LEVEL = "info", DATABASE_URL = db.url }
    scale = 2
}

/// Sends mail.
service mailer {
    run = image("mailer:1")
    port = 9000
    ready = http("/healthz", every: 5s)
    env = { LEVEL = "info", API = api.url }
    scale = 3
}

postgres db {}

env dev {
    target = local {}
    set = { api.scale = 5 }
}
"#;

#[test]
fn what_is_equal_is_the_body_and_what_differs_is_given() {
    insta::assert_snapshot!(holds(SHOP, &["api", "mailer"]));
}

/// What names one of them as a whole, and what is no input, leads to the one inside then.
#[test]
fn what_is_named_as_a_whole_is_the_one_inside() {
    let more = "\nworker w { run = image(\"w:1\"), reach = [api], after = [mailer] }\n\
                route front { host = \"a.localhost\", paths = { \"/\" = api, \"/mail\" = mailer } }\n\
                policy small(s: service) { require = s.stop < 1h, message = \"${s.name}\" }\n\
                waive small for api { reason = \"x\", until = \"2999-01-01\" }\n\
                env small { target = local {}, omit = [mailer, w, front], leave = [api.scale] }\n\
                env prod { target = local {}, set = { api.port = 9001, api.scale = 3, front.paths = { \"/\" = mailer } } }\n";
    let shop = SHOP.replace("API = api.url", "API = api.url, PORT = \"${api.port}\"");
    insta::assert_snapshot!(holds(&format!("{shop}{more}"), &["api", "mailer"]));
}

#[test]
fn it_is_not_offered_where_something_else_would_become_of_it() {
    let with = |from: &str, to: &str| {
        let text = SHOP.replace(from, to);
        assert_ne!(text, SHOP);
        extracted(&text)
    };
    // A comment would be lost.
    assert_eq!(
        with(
            "    port = 9000\n",
            "    // The old one.\n    port = 9000\n"
        ),
        None
    );
    // They have other fields.
    assert_eq!(
        with("    scale = 3\n", "    scale = 3\n    stop = 5s\n"),
        None
    );
    // There is but one.
    let one = "app shop\nser$0vice api { run = image(\"x\") }\nenv dev { target = local {} }\n";
    assert_eq!(extracted(one), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_differs_what_runs_is_as_it_was(
        services in proptest::collection::vec((0..3usize, 0..2usize, 0..3usize, any::<bool>()), 2..4),
        fields in proptest::collection::btree_set(0..4usize, 0..4),
        named in any::<bool>(),
        whole in 0..4usize,
    ) {
        let names = ["first", "second", "third"];
        let mut text = String::from("app shop\n\npostgres db {}\n\n");
        for (at, (scale, level, port, refers)) in services.iter().enumerate() {
            let head = if at == 0 { "ser$0vice" } else { "service" };
            let env = match (refers, at) {
                (true, 0) => "{ URL = db.url }".to_owned(),
                (true, at) => format!("{{ URL = {}.url }}", names[at - 1]),
                (false, _) => format!("{{ LEVEL = \"{}\" }}", ["info", "debug"][*level]),
            };
            let all = [
                format!("scale = {}", ["1", "2..4", "auto(1..3, cpu: 60%)"][*scale]),
                format!("env = {env}"),
                format!("port = {}", 9000 + port),
                format!("stop = {}s\n    labels = {{\n        team = \"a\"\n    }}", 10 + level),
            ];
            let own: Vec<&str> = fields.iter().map(|field| all[*field].as_str()).collect();
            let name = if named { format!("    name = \"outside-{at}\"\n") } else { String::new() };
            text += &format!(
                "{head} {} {{\n    run = image(\"x:{scale}\")\n{name}    {}\n}}\n\n",
                names[at],
                own.join("\n    ")
            );
        }
        text += [
            "",
            "worker w { run = image(\"w:1\"), reach = [second], after = [first] }\n",
            "route front { host = \"a.localhost\", paths = { \"/\" = first, \"/b\" = second } }\n",
            "let both = [first, second]\nworker w { run = image(\"w:1\"), reach = both }\n",
        ][whole];
        text += "env dev { target = local {} }\n";
        holds(&text, &names[..services.len()]);
    }
}
