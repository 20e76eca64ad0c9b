//! A declaration that was renamed by typing: what is deployed is kept by the `moved` that is offered.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

const SHOP: &str = r#"app shop

postgres db {
    storage = 20GiB
}

service api {
    run = image("api:1")
    env = { URL = db.url }
}

worker mailer { run = image("mailer:1") }

env dev { target = local {} }
"#;

const PATH: &str = "/w/app/shop.plat";

/// What is offered at the first `$0` of a text, where the last commit has another: the titles, and
/// the text after each.
fn offered(committed: &str, typed: &str) -> Vec<(String, String)> {
    let disk = Disk::of(&format!("//- /w/app/plat.toml\n{MANIFEST}"));
    disk.write(PATH.as_ref(), committed);
    disk.commit();
    let mut client = Client::new(&disk);
    client.open(PATH, committed);
    let (before, after) = typed.split_once("$0").unwrap();
    let text = format!("{before}{after}");
    let whole = [0, 0, 9999, 0];
    client.change(PATH, 2, whole, &text);
    let line = before.matches('\n').count();
    let character = before.rsplit('\n').next().unwrap().len();
    let at = json!({ "line": line, "character": character });
    let actions = client.about(
        "textDocument/codeAction",
        PATH,
        json!({ "range": { "start": at, "end": at }, "context": { "diagnostics": [] } }),
    );
    let all = actions.as_array().unwrap().iter();
    let all = all.filter(|a| a["title"].as_str().unwrap().starts_with("add `moved"));
    let all: Vec<(String, String)> = all
        .map(|action| {
            assert_eq!(action["kind"], "quickfix");
            let edits = action["edit"]["changes"][format!("file://{PATH}")].as_array();
            let title = action["title"].as_str().unwrap().to_owned();
            (title, edited(&text, edits.unwrap()))
        })
        .collect();
    for (_, text) in &all {
        client.change(PATH, 3, whole, text);
        client.settle();
        assert_eq!(client.wrong(PATH), [""; 0], "{text}");
    }
    client.shutdown();
    all
}

fn edited(text: &str, edits: &[Value]) -> String {
    let place = |position: &Value| {
        let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        start + usize::try_from(position["character"].as_u64().unwrap()).unwrap()
    };
    let edits = edits.iter().map(|edit| {
        let range = &edit["range"];
        let new = edit["newText"].as_str().unwrap();
        (place(&range["start"]), place(&range["end"]), new)
    });
    let mut edits: Vec<_> = edits.collect();
    edits.sort_unstable();
    let mut text = text.to_owned();
    for (start, end, new) in edits.into_iter().rev() {
        text.replace_range(start..end, new);
    }
    text
}

fn titles(committed: &str, typed: &str) -> Vec<String> {
    let all = offered(committed, typed).into_iter();
    all.map(|(title, _)| title).collect()
}

#[test]
fn what_was_renamed_by_typing_is_kept() {
    let typed = SHOP
        .replace("postgres db", "postgres $0store")
        .replace("db.url", "store.url");
    let all = offered(SHOP, &typed);
    let all: Vec<String> = all
        .iter()
        .map(|(title, text)| format!("{title}\n\n{text}"))
        .collect();
    insta::assert_snapshot!(all.join("\n-----\n\n"));
}

#[test]
fn nothing_is_offered_where_nothing_vanished_or_it_is_said_already() {
    let none: [String; 0] = [];
    // It is as it was.
    assert_eq!(
        titles(SHOP, &SHOP.replace("service api", "service $0api")),
        none
    );
    // Another came, and none went.
    let more = format!("{SHOP}\npostgres $0more\n");
    assert_eq!(titles(SHOP, &more), none);
    // Of another kind.
    let typed = SHOP.replace("worker mailer", "cron $0mailer");
    assert_eq!(titles(SHOP, &typed), none);
    // It is said.
    let typed = SHOP
        .replace("postgres db", "postgres $0store")
        .replace("db.url", "store.url")
        + "moved db to store\n";
    assert_eq!(titles(SHOP, &typed), none);
}

#[test]
fn one_without_braces_and_one_with_empty_ones_get_a_name() {
    for (was, is, becomes) in [
        ("redis a", "redis $0b", "redis b { name = \"a\" }"),
        ("redis a {}", "redis $0b {}", "redis b { name = \"a\" }"),
        (
            "redis a { keep = true }",
            "redis $0b { keep = true }",
            "redis b { name = \"a\", keep = true }",
        ),
    ] {
        let text = |one: &str| format!("app shop\n\n{one}\n\nenv dev {{ target = local {{}} }}\n");
        let all = offered(&text(was), &text(is));
        assert_eq!(all.len(), 2, "{all:?}");
        let (_, named) = &all[1];
        assert_eq!(named.as_str(), text(&format!("{becomes}\n\nmoved a to b")));
    }
}

#[test]
fn what_is_pulled_into_a_kind_and_out_of_one_is_kept() {
    let kind = "kind web {\n    run: Run\n    service server { name = name, run = run }\n    out url = server.url\n}\n\n";
    let plain =
        "app shop\n\nservice api { run = image(\"a:1\") }\n\nenv dev { target = local {} }\n";
    let inside = plain.replace("app shop\n\n", &format!("app shop\n\n{kind}"));
    let inside = inside.replace("service api", "web api");
    assert_eq!(
        titles(plain, &inside.replace("web api {", "web $0api {")),
        [
            "add `moved api to api.server`: what is deployed is not made anew (the last commit has `api`)"
        ]
    );
    assert_eq!(
        titles(&inside, &plain.replace("service api", "ser$0vice api")),
        [
            "add `moved api.server to api`: what is deployed is not made anew (the last commit has `api.server`)"
        ]
    );
    // The kind itself has another name for it now.
    let renamed = inside.replace("server", "main");
    assert_eq!(
        titles(&inside, &renamed.replace("web api {", "web $0api {")),
        [
            "add `moved api.server to api.main`: what is deployed is not made anew (the last commit has `api.server`)"
        ]
    );
    // What is around has another name: all in it moves with it.
    let other = inside.replace("web api {", "web $0front {");
    let found = titles(&inside, &other);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("add `moved api to front`"),
        "{found:?}"
    );
}

#[test]
fn of_a_family_the_whole_is_kept() {
    let text = "app shop\n\nfor q in [\"a\", \"b\"] {\n    worker jobs[q] { run = image(\"w:1\") }\n}\n\n\
                env dev { target = local {} }\n";
    assert_eq!(
        titles(text, &text.replace("worker jobs", "worker $0queues")),
        [
            "add `moved jobs to queues`: what is deployed is not made anew (the last commit has `jobs`)"
        ]
    );
}
