//! Names: what they are, where they are defined and named, and other names for them.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

const FILES: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
//- /w/app/shop.plat
app shop

/// Where orders are kept.
postgres db

/// Answers the shop's front.
service api {
    run = image("api:1")
    env = { DATABASE_URL = db.url }
    scale = 2
}
//- /w/app/environments.plat
env dev { target = local {} }

env prod {
    target = local {}
    set = { api.scale = 4 }
}
"#;

const PATH: &str = "/w/app/shop.plat";
const ENVS: &str = "/w/app/environments.plat";

fn with_links() -> Value {
    json!({
        "textDocument": { "definition": { "linkSupport": true } },
        "workspace": { "workspaceEdit": {
            "documentChanges": true,
            "changeAnnotationSupport": { "groupsOnLabel": true },
        } },
    })
}

fn client(capabilities: Value) -> Client {
    let disk = Disk::of(FILES);
    let mut client = Client::with(&disk, capabilities, json!({ "status": true }));
    client.open(PATH, &disk.read(PATH.as_ref()).unwrap());
    client
}

fn at(line: u32, character: u32) -> Value {
    json!({ "position": { "line": line, "character": character } })
}

#[test]
fn hover_shows_type_documentation_default_and_the_value_in_each_environment() {
    let mut client = client(json!({}));
    let hover = client.about("textDocument/hover", PATH, at(9, 6));
    insta::assert_snapshot!(hover["contents"]["value"].as_str().unwrap());
    let out = client.about("textDocument/hover", PATH, at(8, 31));
    insta::assert_snapshot!(out["contents"]["value"].as_str().unwrap());
    let set = client.about("textDocument/hover", ENVS, at(4, 18));
    assert_eq!(set["contents"]["value"], hover["contents"]["value"]);
    let nothing = client.about("textDocument/hover", PATH, at(1, 0));
    assert!(nothing.is_null());
    client.shutdown();
}

#[test]
fn a_name_leads_to_its_definition_also_in_std() {
    let mut client = client(with_links());
    let found = client.about("textDocument/definition", PATH, at(8, 27));
    assert_eq!(found[0]["targetUri"], format!("file://{PATH}"));
    assert_eq!(
        found[0]["targetSelectionRange"]["start"],
        json!({ "line": 3, "character": 9 })
    );
    assert_eq!(
        found[0]["targetRange"]["start"],
        json!({ "line": 2, "character": 0 })
    );
    let kind = client.about("textDocument/definition", PATH, at(6, 3));
    assert_eq!(kind[0]["targetUri"], "file:///std/workloads.plat");
    let ty = client.about("textDocument/typeDefinition", PATH, at(8, 27));
    assert_eq!(ty[0]["targetUri"], "file:///std/resources.plat");
    client.shutdown();
}

#[test]
fn a_declaration_is_found_wherever_it_is_named() {
    let mut client = client(json!({}));
    let with = json!({ "context": { "includeDeclaration": true } });
    let mut params = at(6, 9);
    params
        .as_object_mut()
        .unwrap()
        .extend(with.as_object().unwrap().clone());
    let found = client.about("textDocument/references", PATH, params);
    let places: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|l| {
            format!(
                "{} {}",
                l["uri"].as_str().unwrap(),
                l["range"]["start"]["line"]
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            "file:///w/app/environments.plat 4",
            "file:///w/app/shop.plat 6"
        ]
    );
    let marked = client.about("textDocument/documentHighlight", PATH, at(3, 10));
    let kinds: Vec<&Value> = marked
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["kind"])
        .collect();
    assert_eq!(kinds, [&json!(3), &json!(2)]);
    client.shutdown();
}

#[test]
fn a_renamed_declaration_keeps_what_is_deployed() {
    let mut client = client(with_links());
    let prepared = client.about("textDocument/prepareRename", PATH, at(6, 9));
    assert_eq!(prepared["placeholder"], "api");
    let mut params = at(6, 9);
    params["newName"] = json!("front");
    let edit = client.about("textDocument/rename", PATH, params);
    insta::assert_json_snapshot!(edit);
    client.shutdown();
}

#[test]
fn what_can_not_be_renamed_is_refused_with_its_reason() {
    let mut client = client(json!({}));
    let mut refuse = |line, character, new: &str| {
        let mut params = at(line, character);
        params["newName"] = json!(new);
        params["textDocument"] = json!({ "uri": format!("file://{PATH}") });
        client.ask("textDocument/rename", params).unwrap_err().1
    };
    assert_eq!(refuse(6, 9, "db"), "there is a `db` already");
    assert_eq!(refuse(6, 9, "a b"), "`a b` is no name");
    assert_eq!(refuse(6, 9, "for"), "`for` is no name");
    assert!(refuse(6, 2, "server").starts_with("`service` is not defined in this source tree"));
    assert_eq!(refuse(1, 0, "x"), "no name stands here");
    client.shutdown();
}

#[test]
fn symbols_are_found_by_their_letters() {
    let mut client = client(json!({}));
    client.settle();
    let mut find = |query: &str| -> Vec<String> {
        let found = client
            .ask("workspace/symbol", json!({ "query": query }))
            .unwrap();
        let found = found.as_array().unwrap().iter();
        found
            .map(|s| s["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(find("ap"), ["api"]);
    assert_eq!(find("PD"), ["prod"]);
    assert_eq!(find("zz"), [""; 0]);
    assert_eq!(find("").len(), 5);
    client.shutdown();
}
