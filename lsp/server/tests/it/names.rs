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

/// In an `if` nothing but declarations may stand.
#[test]
fn what_is_renamed_in_an_if_is_told_of_behind_it() {
    let files = FILES.replace(
        "postgres db\n",
        "if true {\n    redis cache {}\n}\n\npostgres db\n",
    );
    let disk = Disk::of(&files);
    let mut client = Client::new(&disk);
    client.open(PATH, &disk.read(PATH.as_ref()).unwrap());
    let mut params = at(4, 12);
    params["newName"] = json!("recent");
    let edit = client.about("textDocument/rename", PATH, params);
    let edits = edit["changes"][format!("file://{PATH}")]
        .as_array()
        .unwrap();
    let moved = edits
        .iter()
        .find(|e| e["newText"].as_str().unwrap().contains("moved"));
    assert_eq!(
        moved.unwrap()["range"]["start"],
        json!({ "line": 6, "character": 0 })
    );
    client.shutdown();
}

/// What a rename writes beside the names, and what it says of what is deployed, of a program of one
/// file with a `$0` at the name.
fn renamed(text: &str, new: &str) -> (Vec<String>, Value) {
    let disk = Disk::of(FILES);
    let (before, after) = text.split_once("$0").unwrap();
    let text = format!("{before}{after}");
    disk.write(PATH.as_ref(), &text);
    disk.write(ENVS.as_ref(), "");
    let mut client = Client::with(&disk, with_links(), json!({ "status": true }));
    client.open(PATH, &text);
    let line = u32::try_from(before.matches('\n').count()).unwrap();
    let character = u32::try_from(before.rsplit('\n').next().unwrap().len()).unwrap();
    let mut params = at(line, character);
    params["newName"] = json!(new);
    let edit = client.about("textDocument/rename", PATH, params);
    client.shutdown();
    let edits = edit["documentChanges"].as_array().unwrap().iter();
    let edits = edits.flat_map(|d| d["edits"].as_array().unwrap());
    let beside = edits.filter(|e| e["newText"] != *new);
    let beside = beside.map(|e| e["newText"].as_str().unwrap().trim().to_owned());
    (
        beside.collect(),
        edit["changeAnnotations"]["deployed"].clone(),
    )
}

/// A client that shows nothing of single edits is told beside them.
#[test]
fn what_a_new_name_means_is_said_to_every_client() {
    let mut client = client(json!({}));
    let mut params = at(6, 9);
    params["newName"] = json!("front");
    client.about("textDocument/rename", PATH, params);
    client.settle();
    let said = "What is deployed as `api` becomes `front` and is not made anew";
    assert!(
        client.said.iter().any(|text| text.contains(said)),
        "{:?}",
        client.said
    );
    client.shutdown();
}

const DEV: &str = "\nenv dev { target = local {} }\n";

#[test]
fn a_renamed_database_stays_where_its_data_is() {
    let text = format!("app shop\n\npostgres $0db {{\n    storage = 20GiB\n}}\n{DEV}");
    let (beside, says) = renamed(&text, "store");
    assert_eq!(beside, ["moved db to store", "name = \"db\""]);
    assert_eq!(
        says["description"],
        "What is deployed as `db` stays as it is called, where its data is"
    );
    let text = format!("app shop\n\npostgres $0db {{ name = \"main\" }}\n{DEV}");
    assert_eq!(renamed(&text, "store").0, ["moved db to store"]);
}

#[test]
fn what_is_renamed_in_a_kind_is_kept_wherever_it_is_deployed() {
    let kind = "kind store {\n    postgres $0main {}\n    out url = main.url\n}\n\n";
    let text = format!("app shop\n\n{kind}store front\nstore back {{}}\n{DEV}");
    let (beside, says) = renamed(&text, "data");
    assert_eq!(
        beside,
        [
            "moved back.main to back.data",
            "moved front.main to front.data"
        ]
    );
    assert!(
        says["description"].as_str().unwrap().contains("2 times"),
        "{says}"
    );
    // Nobody has one.
    let text = format!("app shop\n\n{kind}redis a {{}}\n{DEV}");
    assert_eq!(renamed(&text, "data").0, [""; 0]);
    // Which members there are only evaluation knows.
    let text = format!("app shop\n\n{kind}for n in [\"a\"] {{ store front[n] {{}} }}\n{DEV}");
    let disk = Disk::of(FILES);
    disk.write(PATH.as_ref(), &text.replace("$0", ""));
    disk.write(ENVS.as_ref(), "");
    let mut client = Client::new(&disk);
    client.open(PATH, &text.replace("$0", ""));
    let mut params = at(3, 13);
    params["newName"] = json!("data");
    params["textDocument"] = json!({ "uri": format!("file://{PATH}") });
    let (_, why) = client.ask("textDocument/rename", params).unwrap_err();
    assert!(
        why.contains("each member of a family, as `front.main`"),
        "{why}"
    );
    client.shutdown();
}

#[test]
fn a_renamed_family_is_kept_as_a_whole() {
    let text = format!(
        "app shop\n\nfor q in [\"a\", \"b\"] {{\n    worker $0jobs[q] {{ run = image(\"w:1\") }}\n}}\n{DEV}"
    );
    assert_eq!(renamed(&text, "tasks").0, ["moved jobs to tasks"]);
}

#[test]
fn what_a_new_name_of_the_app_or_of_an_environment_leaves_behind_is_said() {
    let text = "app $0shop\n\nredis cache {}\n\nenv dev { target = local {} }\n";
    for (text, new) in [
        (text.to_owned(), "market"),
        (
            text.replace("$0", "").replace("env dev", "env $0dev"),
            "live",
        ),
    ] {
        let (beside, says) = renamed(&text, new);
        assert_eq!(beside, [""; 0]);
        assert_eq!(says["needsConfirmation"], true);
        let told = says["description"].as_str().unwrap();
        assert!(
            told.contains(&format!("`{new}` begins with nothing")),
            "{told}"
        );
    }
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
