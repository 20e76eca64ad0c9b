//! Packages that build on each other, folders with several, and documents that come and go.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

/// `app` builds on `acme`, and `other` on none.
const FILES: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
[dependencies]
acme = { path = "../acme" }
//- /w/app/shop.plat
use acme.size
use acme.web_app
app shop
let twice = size * 2
web_app front { copies = twice }
env dev { target = local {} }
//- /w/acme/plat.toml
[package]
name = "acme"
version = "1.0.0"
edition = "2026"
//- /w/acme/acme.plat
pub let size = 3
pub kind web_app {
    copies: Int = size
    service server {
        run = image("web:1")
        scale = copies
    }
}
//- /w/other/plat.toml
[package]
name = "other"
version = "1.0.0"
edition = "2026"
//- /w/other/other.plat
app other
let a = 1
env dev { target = local {} }
"#;

const SHOP: &str = "/w/app/shop.plat";
const ACME: &str = "/w/acme/acme.plat";
const OTHER: &str = "/w/other/other.plat";

const NONE: [&str; 0] = [];

fn status() -> Value {
    json!({ "status": true })
}

fn in_folders(disk: &Disk, folders: &[&str]) -> Client {
    Client::in_folders(disk, folders, json!({}), status())
}

fn at(line: u32, character: u32) -> Value {
    json!({ "position": { "line": line, "character": character } })
}

fn text(disk: &Disk, path: &str) -> String {
    disk.read(path.as_ref()).unwrap()
}

#[test]
fn what_a_dependency_was_closed_without_saving_counts_for_nobody() {
    let disk = Disk::of(FILES);
    let mut client = Client::new(&disk);
    client.open(SHOP, &text(&disk, SHOP));
    client.settle();
    let hover = |client: &mut Client| client.about("textDocument/hover", SHOP, at(4, 17));
    let saved = hover(&mut client);
    client.open(ACME, &text(&disk, ACME).replace("size = 3", "size = 55"));
    let shown = hover(&mut client)["contents"]["value"].to_string();
    assert!(shown.contains("110"), "{shown}");
    client.close(ACME);
    assert_eq!(hover(&mut client), saved);
    client.open(ACME, "pub let size = (3\n");
    client.settle();
    assert_ne!(client.wrong(ACME), NONE);
    client.close(ACME);
    client.settle();
    assert_eq!(client.wrong(ACME), NONE);
    assert_eq!(client.wrong(SHOP), NONE);
    client.shutdown();
}

#[test]
fn what_is_closed_before_it_was_checked_leaves_nothing_under_way() {
    let disk = Disk::of(FILES);
    let can = json!({ "window": { "workDoneProgress": true } });
    let options = json!({ "status": true, "progressAfter": 0 });
    for folders in [&["/w/app"][..], &[]] {
        let mut client = Client::in_folders(&disk, folders, can.clone(), options.clone());
        client.settle();
        for _ in 0..10 {
            client.open(ACME, &text(&disk, ACME));
            client.close(ACME);
            client.settle();
            client.open(OTHER, "app other\n");
            client.settle();
            client.close(OTHER);
            client.settle();
            client.open_at("untitled:1", "let a = \n");
            client.close_at("untitled:1");
            client.settle();
            client.open("/elsewhere/a.plat", "let a = \n");
            client.settle();
            client.close("/elsewhere/a.plat");
            client.settle();
        }
        let told = |what: &str| client.progress.iter().filter(|told| *told == what).count();
        assert_eq!(told("begin"), told("end"), "{:?}", client.progress);
        let wrong = client.diagnostics.values().flatten();
        assert_eq!(wrong.count(), 0, "{:?}", client.diagnostics);
        client.shutdown();
    }
}

#[test]
fn what_is_found_in_one_package_is_told_whatever_is_typed_in_another() {
    let disk = Disk::of(FILES);
    let mut client = in_folders(&disk, &["/w/app", "/w/other"]);
    client.open(SHOP, &text(&disk, SHOP));
    client.open(OTHER, &text(&disk, OTHER));
    for round in 0..20 {
        let mistake = text(&disk, SHOP).replace("size * 2", &format!("size * none{round}"));
        client.replace(SHOP, round * 2 + 2, &mistake);
        // Answered once that is taken in; the look at it may be under way.
        client.about("textDocument/hover", SHOP, at(3, 5));
        client.replace(OTHER, round + 2, &format!("app other\nlet a = {round}\n"));
        client.settle();
        let wrong = client.wrong(SHOP);
        assert!(
            wrong
                .iter()
                .any(|wrong| wrong.contains(&format!("none{round}`"))),
            "{wrong:?}"
        );
        client.replace(SHOP, round * 2 + 3, &text(&disk, SHOP));
        client.about("textDocument/hover", OTHER, at(1, 4));
        client.settle();
        assert_eq!(client.wrong(SHOP), NONE);
    }
    client.shutdown();
}

#[test]
fn folders_come_and_go_with_what_is_wrong_in_them() {
    let disk = Disk::of(FILES);
    disk.write(
        OTHER.as_ref(),
        "app other\nlet a = b\nenv dev { target = local {} }\n",
    );
    let mut client = in_folders(&disk, &["/w/app"]);
    client.settle();
    assert_eq!(client.wrong(OTHER), NONE);
    client.folders(&[], &["/w/other"]);
    client.settle();
    assert_eq!(client.wrong(OTHER).len(), 1);
    client.folders(&["/w/other"], &[]);
    client.settle();
    assert_eq!(client.wrong(OTHER), NONE);
    client.shutdown();
}

#[test]
fn a_file_that_is_saved_for_the_first_time_becomes_a_part_of_its_package() {
    let disk = Disk::of(FILES);
    let new = "/w/app/new.plat";
    let mut client = Client::new(&disk);
    client.settle();
    client.open(new, "let many = twice\n");
    client.settle();
    let hover = |client: &mut Client| client.about("textDocument/definition", new, at(0, 13));
    assert_eq!(hover(&mut client), Value::Null);
    disk.write(new.as_ref(), "let many = twice\n");
    let document = json!({ "uri": format!("file://{new}") });
    client.tell("textDocument/didSave", json!({ "textDocument": document }));
    assert_eq!(hover(&mut client)["uri"], format!("file://{SHOP}"));
    client.shutdown();
}

/// Where something stands: `PATH LINE:CHARACTER`, sorted.
fn places(locations: &Value) -> Vec<String> {
    let place = |location: &Value| {
        let start = &location["range"]["start"];
        let path = location["uri"]
            .as_str()
            .unwrap()
            .trim_start_matches("file://");
        format!("{path} {}:{}", start["line"], start["character"])
    };
    let mut places: Vec<String> = locations.as_array().unwrap().iter().map(place).collect();
    places.sort();
    places
}

#[test]
fn what_a_dependency_defines_is_found_and_renamed_in_all_that_build_on_it() {
    let disk = Disk::of(FILES);
    let edits = json!({ "workspace": { "workspaceEdit": { "documentChanges": true } } });
    let options = json!({ "status": true, "commands": ["plat.showReferences"] });
    for capabilities in [json!({}), edits] {
        let folders = ["/w/app", "/w/acme", "/w/other"];
        let mut client = Client::in_folders(&disk, &folders, capabilities, options.clone());
        client.open(ACME, &text(&disk, ACME));
        client.open(SHOP, &text(&disk, SHOP));
        let ask = |client: &mut Client, method: &str, path: &str, place: [u32; 2], more: Value| {
            let mut params = at(place[0], place[1]);
            params
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            client.about(&format!("textDocument/{method}"), path, params)
        };
        let all = [
            "/w/acme/acme.plat 1:9",
            "/w/app/shop.plat 1:9",
            "/w/app/shop.plat 4:0",
        ];
        let with = json!({ "context": { "includeDeclaration": true } });
        for (path, place) in [(ACME, [1, 12]), (SHOP, [4, 3])] {
            let found = ask(&mut client, "references", path, place, with.clone());
            assert_eq!(places(&found), all);
            let new = json!({ "newName": "site" });
            let edit = ask(&mut client, "rename", path, place, new);
            let mut edited: Vec<String> = Vec::new();
            for (uri, edits) in edit["changes"].as_object().into_iter().flatten() {
                edited.extend(edits.as_array().unwrap().iter().map(|e| moved(uri, e)));
            }
            for document in edit["documentChanges"].as_array().into_iter().flatten() {
                let uri = document["textDocument"]["uri"].as_str().unwrap();
                let edits = document["edits"].as_array().unwrap().iter();
                edited.extend(edits.map(|edit| moved(uri, edit)));
            }
            edited.sort();
            assert_eq!(edited, all);
        }
        let lenses = client.about("textDocument/codeLens", ACME, json!({}));
        let lens = lenses.as_array().unwrap().iter();
        let lens = lens
            .clone()
            .find(|lens| lens["range"]["start"]["line"] == 1);
        let lens = client
            .ask("codeLens/resolve", lens.unwrap().clone())
            .unwrap();
        assert_eq!(lens["command"]["title"], "2 references");
        let calls = client.about("textDocument/prepareCallHierarchy", ACME, at(0, 9));
        let by = client
            .ask("callHierarchy/incomingCalls", json!({ "item": calls[0] }))
            .unwrap();
        let by: Vec<&Value> = by
            .as_array()
            .unwrap()
            .iter()
            .map(|call| &call["from"]["name"])
            .collect();
        assert_eq!(by, ["web_app", "twice"]);
        client.shutdown();
    }
}

fn moved(uri: &str, edit: &Value) -> String {
    assert_eq!(edit["newText"], "site");
    let place = json!([{ "uri": uri, "range": edit["range"] }]);
    places(&place).remove(0)
}

#[test]
fn what_changed_outside_is_noticed_when_a_document_is_opened_where_nobody_watches() {
    let disk = Disk::of(FILES);
    let definition = |client: &mut Client| {
        let found = client.about("textDocument/definition", SHOP, at(3, 13));
        found["range"]["start"].clone()
    };
    let moved = format!("// Above it.\n{}", text(&disk, ACME));
    let watch = json!({
        "workspace": { "didChangeWatchedFiles": { "dynamicRegistration": true } },
    });
    for (capabilities, told) in [(json!({}), false), (watch, true)] {
        let disk = Disk::of(FILES);
        let mut client = Client::with(&disk, capabilities, status());
        client.settle();
        disk.write(ACME.as_ref(), &moved);
        if told {
            assert_eq!(client.asked, ["client/registerCapability"]);
            client.files(&[(ACME, 2)]);
        }
        client.open(SHOP, &text(&disk, SHOP));
        assert_eq!(
            definition(&mut client),
            json!({ "line": 1, "character": 8 })
        );
        client.shutdown();
    }
}

#[test]
fn the_packages_in_a_folder_are_read_before_a_file_of_theirs_is_opened() {
    let disk = Disk::of(FILES);
    disk.write(OTHER.as_ref(), "app other\nlet a = b\n");
    let mut client = in_folders(&disk, &["/w"]);
    client.settle();
    let wrong = client.wrong(OTHER);
    assert!(
        wrong.iter().any(|wrong| wrong.contains("E0201")),
        "{wrong:?}"
    );
    let found = client.ask("workspace/symbol", json!({ "query": "web_app" }));
    assert_eq!(
        found.unwrap()[0]["location"]["uri"],
        format!("file://{ACME}")
    );
    // One that comes later, and goes.
    let new = ["/w/new/plat.toml", "/w/new/new.plat"];
    let manifest = "[package]\nname = \"new\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    disk.write(new[0].as_ref(), manifest);
    disk.write(new[1].as_ref(), "let a = (\n");
    client.files(&[(new[0], 1), (new[1], 1)]);
    client.settle();
    assert_ne!(client.wrong(new[1]), NONE);
    disk.remove(new[0].as_ref());
    disk.remove(new[1].as_ref());
    client.files(&[(new[0], 3), (new[1], 3)]);
    client.settle();
    assert_eq!(client.wrong(new[1]), NONE);
    client.shutdown();
}

#[test]
fn a_folder_in_a_package_shows_the_package() {
    let disk = Disk::of(FILES);
    disk.write("/w/app/deep/in.plat".as_ref(), "let a = b\n");
    let mut client = in_folders(&disk, &["/w/app/deep"]);
    client.settle();
    assert!(client.wrong("/w/app/deep/in.plat")[0].contains("E0201"));
    client.shutdown();
}

const MANIFEST: &str = "/w/app/plat.toml";

#[test]
fn the_environments_the_graph_and_the_plan_of_a_package_are_asked_of_its_manifest() {
    let disk = Disk::of(FILES);
    disk.write(
        "/w/app/a/plat.toml".as_ref(),
        &text(&disk, "/w/other/plat.toml"),
    );
    disk.write("/w/app/a/a.plat".as_ref(), &text(&disk, OTHER));
    let mut client = in_folders(&disk, &["/w"]);
    for (manifest, app) in [(MANIFEST, "shop"), ("/w/app/a/plat.toml", "other")] {
        let environments = client.about("plat/environments", manifest, json!({}));
        assert_eq!(environments[0]["name"], "dev");
        let wanted = json!({ "environment": "dev" });
        let graph = client.about("plat/graph", manifest, wanted.clone());
        assert_eq!(graph["app"], app);
        let plan = client.about("plat/plan", manifest, wanted);
        assert_eq!(plan["environment"], "dev");
    }
    client.shutdown();
}

#[test]
fn while_the_manifest_is_typed_the_program_is_there_and_its_texts_are_judged() {
    let disk = Disk::of(FILES);
    let mut client = Client::new(&disk);
    client.open(SHOP, &text(&disk, SHOP));
    client.open(MANIFEST, &text(&disk, MANIFEST));
    client.settle();
    let definition = |client: &mut Client| client.about("textDocument/definition", SHOP, at(4, 3));
    assert_eq!(definition(&mut client)["uri"], format!("file://{ACME}"));
    let half = text(&disk, MANIFEST).replace("version = \"1.0.0\"", "version = ");
    client.replace(MANIFEST, 2, &half);
    client.replace(
        SHOP,
        2,
        &format!("{}let b = none\nlet a = (\n", text(&disk, SHOP)),
    );
    client.settle();
    assert!(client.wrong(MANIFEST)[0].contains("E0801"));
    let wrong = client.wrong(SHOP);
    assert!(!wrong.is_empty(), "its text is judged");
    assert!(
        wrong.iter().all(|wrong| wrong.contains(" E01")),
        "{wrong:?}"
    );
    assert_eq!(definition(&mut client)["uri"], format!("file://{ACME}"));
    let symbols = client.about("textDocument/documentSymbol", SHOP, json!({}));
    assert!(symbols.as_array().unwrap().len() > 3);
    // Whoever begins now sees the same.
    let mut fresh = Client::new(&disk);
    fresh.open(MANIFEST, &half);
    fresh.open(
        SHOP,
        &format!("{}let b = none\nlet a = (\n", text(&disk, SHOP)),
    );
    fresh.settle();
    assert_eq!(fresh.wrong(SHOP), wrong);
    assert_eq!(definition(&mut fresh)["uri"], format!("file://{ACME}"));
    client.replace(MANIFEST, 3, &text(&disk, MANIFEST));
    client.replace(SHOP, 3, &text(&disk, SHOP));
    client.settle();
    assert_eq!(client.wrong(MANIFEST), NONE);
    assert_eq!(client.wrong(SHOP), NONE);
    client.shutdown();
    fresh.shutdown();
}

#[test]
fn a_dependency_that_is_not_there_is_told_in_the_manifest() {
    let disk = Disk::of(FILES);
    let mut client = Client::new(&disk);
    let wrong = text(&disk, MANIFEST).replace("../acme", "../amce");
    disk.write(MANIFEST.as_ref(), &wrong);
    client.files(&[(MANIFEST, 2)]);
    client.settle();
    assert_eq!(
        client.wrong(MANIFEST),
        ["5:0 E0806 the package `acme` is not there"]
    );
    let symbols = client.about("textDocument/documentSymbol", SHOP, json!({}));
    assert!(symbols.is_array());
    // Then it comes.
    let new = "/w/amce/plat.toml";
    disk.write(new.as_ref(), &text(&disk, "/w/acme/plat.toml"));
    client.files(&[(new, 1)]);
    client.settle();
    assert_eq!(client.wrong(MANIFEST), NONE);
    client.shutdown();
}

#[test]
fn who_asks_what_is_wrong_is_told_of_the_manifest_too() {
    let disk = Disk::of(FILES);
    let options = json!({ "status": true, "diagnostics": "pull" });
    let mut client = Client::with(&disk, json!({}), options);
    let half = text(&disk, MANIFEST).replace("version = \"1.0.0\"", "version = ");
    client.open(MANIFEST, &half);
    let report = client.about("textDocument/diagnostic", MANIFEST, json!({}));
    assert_eq!(report["items"][0]["code"], "E0801");
    assert_eq!(report["items"][0]["range"]["start"]["line"], 2);
    let all = client.ask("workspace/diagnostic", json!({ "previousResultIds": [] }));
    let all = all.unwrap();
    let of_manifest = all["items"].as_array().unwrap().iter();
    let mut of_manifest = of_manifest.filter(|item| item["uri"] == format!("file://{MANIFEST}"));
    assert_eq!(of_manifest.next().unwrap()["items"], report["items"]);
    client.replace(MANIFEST, 2, &text(&disk, MANIFEST));
    let report = client.about("textDocument/diagnostic", MANIFEST, json!({}));
    assert_eq!(report["items"], json!([]));
    client.shutdown();
}
