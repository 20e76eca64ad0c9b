//! What stands beside the text, what can be written, and what is beyond the protocol.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

const FILES: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
//- /w/app/shop.plat
app shop

postgres db

let copies = 1 + 1

service api {
    run = process(["./api"], dir: "./api")
    env = { DATABASE_URL = db.url }
    scale = copies
}

test it_runs { assert = copies == 2 }
//- /w/app/environments.plat
/// Where we try things.
env dev { target = local {} }

env prod {
    target = kubernetes { context = "prod" }
    set = { api.scale = 4 }
}
//- /w/app/api/api
#!/bin/sh
"#;

const PATH: &str = "/w/app/shop.plat";

fn client(capabilities: Value) -> Client {
    let disk = Disk::of(FILES);
    let commands = ["plat.runTest", "plat.showReferences", "plat.why"];
    let options = json!({ "status": true, "commands": commands });
    let mut client = Client::with(&disk, capabilities, options);
    client.open(PATH, &disk.read(PATH.as_ref()).unwrap());
    client.settle();
    assert_eq!(client.wrong(PATH), [""; 0]);
    client
}

fn at(line: u32, character: u32) -> Value {
    json!({ "position": { "line": line, "character": character } })
}

#[test]
fn completions_are_snippets_for_who_takes_them() {
    let capabilities = json!({ "textDocument": { "completion": {
        "completionItem": { "snippetSupport": true },
    } } });
    let mut client = client(capabilities);
    client.change(PATH, 2, [9, 18, 9, 18], "\n    ali");
    let list = client.about("textDocument/completion", PATH, at(10, 7));
    assert_eq!(list["isIncomplete"], false);
    let item = &list["items"][0];
    assert_eq!(
        (&item["label"], &item["textEdit"]["newText"]),
        (&json!("alive"), &json!("alive = $0"))
    );
    assert_eq!(
        item["textEdit"]["range"]["start"],
        json!({ "line": 10, "character": 4 })
    );
    assert!(
        item["documentation"]["value"]
            .as_str()
            .unwrap()
            .contains("alive: Probe?")
    );
    client.shutdown();
}

#[test]
fn hints_tell_inferred_types_and_what_environments_set() {
    let mut client = client(json!({}));
    let all = json!({ "range": {
        "start": { "line": 0, "character": 0 }, "end": { "line": 13, "character": 0 },
    } });
    let hints = client.about("textDocument/inlayHint", PATH, all);
    let told: Vec<String> = hints
        .as_array()
        .unwrap()
        .iter()
        .map(|h| {
            format!(
                "{}:{} {}",
                h["position"]["line"], h["position"]["character"], h["label"]
            )
        })
        .collect();
    insta::assert_json_snapshot!(told);
    client.shutdown();
}

#[test]
fn a_call_shows_what_it_takes_and_what_is_being_given() {
    let mut client = client(json!({}));
    let help = client.about("textDocument/signatureHelp", PATH, at(7, 36));
    insta::assert_json_snapshot!(help);
    client.shutdown();
}

#[test]
fn lenses_run_plan_and_count() {
    let mut client = client(json!({}));
    // What the client can't run is not offered.
    let environments = "/w/app/environments.plat";
    let plans = client.about("textDocument/codeLens", environments, json!({}));
    assert_eq!(plans.as_array().unwrap().len(), 2, "{plans}");
    let lenses = client.about("textDocument/codeLens", PATH, json!({}));
    let mut told = Vec::new();
    for lens in lenses.as_array().unwrap() {
        let lens = match lens["command"].is_object() {
            true => lens.clone(),
            false => client.ask("codeLens/resolve", lens.clone()).unwrap(),
        };
        told.push(format!(
            "{} {}",
            lens["range"]["start"]["line"], lens["command"]["title"]
        ));
    }
    insta::assert_json_snapshot!(told);
    client.shutdown();
}

#[test]
fn a_text_that_names_a_directory_leads_there() {
    let mut client = client(json!({}));
    let links = client.about("textDocument/documentLink", PATH, json!({}));
    assert_eq!(links[0]["target"], "file:///w/app/api");
    client.shutdown();
}

#[test]
fn who_uses_whom_is_a_hierarchy() {
    let mut client = client(json!({}));
    let roots = client.about("textDocument/prepareCallHierarchy", PATH, at(6, 9));
    assert_eq!(roots[0]["name"], "api");
    let to = client
        .ask("callHierarchy/outgoingCalls", json!({ "item": roots[0] }))
        .unwrap();
    let names: Vec<&Value> = to
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["to"]["name"])
        .collect();
    assert_eq!(names, ["db", "copies"]);
    let from = client
        .ask(
            "callHierarchy/incomingCalls",
            json!({ "item": to[0]["to"] }),
        )
        .unwrap();
    assert_eq!(from[0]["from"]["name"], "api");
    client.shutdown();
}

#[test]
fn kinds_and_what_they_take_over_are_a_hierarchy() {
    let mut client = client(json!({}));
    // Of a declaration it is its kind.
    let roots = client.about("textDocument/prepareTypeHierarchy", PATH, at(6, 9));
    assert_eq!(roots[0]["name"], "service", "{roots}");
    let mut names = |method: &str, item: &Value| -> (Vec<String>, Value) {
        let all = client.ask(method, json!({ "item": item })).unwrap();
        let names = all.as_array().unwrap().iter();
        let names = names.map(|item| item["name"].as_str().unwrap().to_owned());
        (names.collect(), all[0].clone())
    };
    let (parents, first) = names("typeHierarchy/supertypes", &roots[0]);
    assert_eq!(parents, ["program"]);
    let (children, _) = names("typeHierarchy/subtypes", &first);
    assert!(children.contains(&"service".to_owned()), "{children:?}");
    assert!(children.contains(&"worker".to_owned()), "{children:?}");
    client.shutdown();
}

#[test]
fn missing_fields_are_added_and_expressions_named() {
    let mut client = client(json!({}));
    client.change(
        PATH,
        2,
        [6, 0, 10, 1],
        "service api {\n    scale = 1 + 2\n}",
    );
    let mut actions = |range: [u32; 4]| {
        let [a, b, c, d] = range;
        let params = json!({
            "range": { "start": { "line": a, "character": b }, "end": { "line": c, "character": d } },
            "context": { "diagnostics": [] },
        });
        let actions = client.about("textDocument/codeAction", PATH, params);
        let actions = actions.as_array().unwrap().clone();
        let told = actions.iter().map(|action| {
            let edits = action["edit"]["changes"]["file:///w/app/shop.plat"].clone();
            json!({ "title": action["title"], "kind": action["kind"], "edits": edits })
        });
        told.collect::<Vec<_>>()
    };
    insta::assert_json_snapshot!([actions([6, 9, 6, 9]), actions([7, 12, 7, 17])]);
    client.shutdown();
}

#[test]
fn environments_and_tests_are_listed() {
    let mut client = client(json!({}));
    insta::assert_json_snapshot!([
        client.about("plat/environments", PATH, json!({})),
        client.about("plat/tests", PATH, json!({})),
    ]);
    client.shutdown();
}

#[test]
fn the_graph_the_plan_and_what_a_declaration_becomes_are_of_the_open_text() {
    let mut client = client(json!({}));
    let prod = json!({ "environment": "prod" });
    let graph = client.about("plat/graph", PATH, prod.clone());
    insta::assert_json_snapshot!(graph);
    client.change(PATH, 2, [2, 0, 2, 11], "postgres db\nredis cache");
    let plan = client.about("plat/plan", PATH, prod);
    assert_eq!(
        (&plan["against"], &plan["text"]),
        (&json!("nothing"), &json!("3 to make"))
    );
    let becomes = client.about("plat/becomes", PATH, at(7, 10));
    assert_eq!(becomes["text"], "kind: prod\nname: api\n");
    assert!(client.about("plat/becomes", PATH, at(0, 0)).is_null());
    client.change(PATH, 3, [2, 0, 2, 11], "postgres");
    let broken = client.ask(
        "plat/graph",
        json!({ "textDocument": { "uri": format!("file://{PATH}") }, "environment": "prod" }),
    );
    let (code, why) = broken.unwrap_err();
    assert_eq!(code, -32803);
    assert!(why.contains("E0113"), "{why}");
    assert!(why.starts_with("shop.plat:"), "with its line: {why}");
    let nowhere = client.ask(
        "plat/plan",
        json!({ "textDocument": { "uri": format!("file://{PATH}") }, "environment": "nope" }),
    );
    let (_, why) = nowhere.unwrap_err();
    assert!(why.starts_with("there is no environment `nope`"), "{why}");
    client.shutdown();
}
