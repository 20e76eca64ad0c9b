//! Opening, changing, closing; what is wrong, and how it is told.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

const SHOP: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
//- /w/app/shop.plat
app shop

service api {
    run = image("api:1")
    scale = 2
}
//- /w/app/environments.plat
env dev { target = local {} }
"#;

const API: &str = "/w/app/shop.plat";

fn text(disk: &Disk, path: &str) -> String {
    disk.read(path.as_ref()).unwrap()
}

#[test]
fn a_mistake_is_told_as_it_is_typed_and_forgotten_as_it_is_repaired() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open(API, &text(&disk, API));
    client.settle();
    assert_eq!(client.wrong(API), [""; 0]);
    client.change(API, 2, [4, 4, 4, 9], "scael");
    client.settle();
    assert_eq!(
        client.wrong(API),
        ["4:4 E0207 `service` has no field `scael`"]
    );
    client.change(API, 3, [4, 4, 4, 9], "scale");
    client.settle();
    assert_eq!(client.wrong(API), [""; 0]);
    client.shutdown();
}

#[test]
fn a_mistake_in_a_file_that_is_not_open_is_told_too_and_where_else_it_matters() {
    let disk = Disk::of(&format!(
        "{SHOP}//- /w/app/more.plat\nservice api {{ run = image(\"x:1\") }}\n"
    ));
    let mut client = Client::new(&disk);
    client.settle();
    let wrong = client.wrong(API);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("E0206"), "{wrong:?}");
    let related = &client.diagnostics["file:///w/app/shop.plat"][0]["relatedInformation"][0];
    assert_eq!(related["location"]["uri"], "file:///w/app/more.plat");
    client.shutdown();
}

#[test]
fn what_an_environment_shows_is_told_where_it_stands() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open(API, &text(&disk, API));
    client.change(API, 2, [4, 12, 4, 13], "0 - 3");
    client.settle();
    let wrong = client.wrong(API);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains(" E05"), "{wrong:?}");
    client.shutdown();
}

#[test]
fn a_fix_is_offered_and_repairs() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open(API, &text(&disk, API).replace("scale", "scael"));
    let at = json!({ "line": 4, "character": 6 });
    let actions = client.about(
        "textDocument/codeAction",
        API,
        json!({ "range": { "start": at, "end": at }, "context": { "diagnostics": [] } }),
    );
    let action = &actions[0];
    assert_eq!(action["title"], "write `scale`");
    assert_eq!(action["kind"], "quickfix");
    assert_eq!(action["diagnostics"][0]["code"], "E0207");
    let edit = &action["edit"]["changes"]["file:///w/app/shop.plat"][0];
    assert_eq!(edit["newText"], "scale");
    assert_eq!(edit["range"]["start"], json!({ "line": 4, "character": 4 }));
    client.shutdown();
}

#[test]
fn what_takes_long_is_told_to_who_can_show_it() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.settle();
    assert_eq!(client.asked, [""; 0]);
    assert_eq!(client.progress, [""; 0]);
    client.shutdown();

    let can = json!({ "window": { "workDoneProgress": true } });
    let options = json!({ "status": true, "progressAfter": 0 });
    let mut client = Client::with(&disk, can, options);
    client.settle();
    for version in 2..20 {
        client.change(API, version, [4, 4, 4, 9], "scale");
        client.settle();
    }
    // What is done before the client has answered is not told; what began ends.
    let (begun, ended) = (["begin"], ["end"]);
    let told = |what: &[&str]| {
        let told = client.progress.iter();
        told.filter(|told| what.contains(&told.as_str())).count()
    };
    assert_eq!(told(&begun), told(&ended), "{:?}", client.progress);
    assert!(told(&begun) <= client.asked.len());
    assert!(
        client
            .asked
            .iter()
            .all(|asked| asked == "window/workDoneProgress/create"),
        "{:?}",
        client.asked
    );
    client.shutdown();
}

#[test]
fn what_is_given_up_ends_and_the_next_change_begins_it_anew() {
    let disk = Disk::of(SHOP);
    let can = json!({ "window": { "workDoneProgress": true } });
    let options = json!({ "status": true, "progressAfter": 0 });
    let mut client = Client::with(&disk, can, options);
    client.open(API, &text(&disk, API));
    for round in 1..20 {
        // One that is shown, and one that is not.
        for token in [format!("plat/checking/{round}"), "another".to_owned()] {
            client.tell("window/workDoneProgress/cancel", json!({ "token": token }));
        }
        client.settle();
        client.change(API, round + 1, [4, 4, 4, 9], "scael");
        client.change(API, round + 1, [4, 4, 4, 9], "scale");
    }
    client.change(API, 40, [4, 4, 4, 9], "scael");
    client.settle();
    assert_eq!(
        client.wrong(API),
        ["4:4 E0207 `service` has no field `scael`"]
    );
    client.shutdown();
}

#[test]
fn closing_without_saving_brings_back_what_the_file_holds() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open(API, "app shop\nservice api { }\n");
    client.settle();
    assert_eq!(client.wrong(API).len(), 1);
    client.close(API);
    client.settle();
    assert_eq!(client.wrong(API), [""; 0]);
    client.shutdown();
}

#[test]
fn files_that_come_change_and_go_are_noticed() {
    let disk = Disk::of(SHOP);
    let more = "/w/app/more.plat";
    let mut client = Client::new(&disk);
    client.settle();
    let changed = |client: &mut Client, kind: u32| {
        client.files(&[(more, kind)]);
        client.settle();
    };
    disk.write(more.as_ref(), "let a = b\n");
    changed(&mut client, 1);
    assert_eq!(
        client.wrong(more),
        ["0:8 E0201 there is nothing called `b` here"]
    );
    disk.write(more.as_ref(), "let a = c\n");
    changed(&mut client, 2);
    assert_eq!(
        client.wrong(more),
        ["0:8 E0201 there is nothing called `c` here"]
    );
    disk.remove(more.as_ref());
    changed(&mut client, 3);
    assert_eq!(client.wrong(more), [""; 0]);
    client.shutdown();
}

#[test]
fn a_document_without_a_package_has_its_own_mistakes_only() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open("/elsewhere/a.plat", "service api { run = \n");
    client.settle();
    let wrong = client.wrong("/elsewhere/a.plat");
    assert!(
        !wrong.is_empty() && wrong.iter().all(|w| w.contains(" E01")),
        "{wrong:?}"
    );
    client.change("/elsewhere/a.plat", 2, [0, 0, 1, 0], "let a = 1\n");
    client.settle();
    assert_eq!(client.wrong("/elsewhere/a.plat"), [""; 0]);
    client.shutdown();
}

#[test]
fn an_edit_in_a_dependency_is_seen_by_who_builds_on_it() {
    let disk = Disk::of(
        r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
[dependencies]
acme = { path = "../acme" }
//- /w/app/shop.plat
use acme.size
app shop
let twice = size * 2
env dev { target = local {} }
//- /w/acme/plat.toml
[package]
name = "acme"
version = "1.0.0"
edition = "2026"
//- /w/acme/acme.plat
pub let size = 3
"#,
    );
    let mut client = Client::new(&disk);
    client.settle();
    assert_eq!(client.wrong(API), [""; 0]);
    client.open("/w/acme/acme.plat", "pub let sise = 3\n");
    client.settle();
    let wrong = client.wrong(API);
    assert_eq!(wrong, ["0:9 E0203 `acme` has no `size`"]);
    client.shutdown();
}

#[test]
fn diagnostics_are_given_when_asked_for_to_a_client_that_asks() {
    let disk = Disk::of(SHOP);
    let mut client = Client::with(
        &disk,
        json!({ "workspace": { "diagnostics": { "refreshSupport": true } } }),
        json!({ "diagnostics": "pull" }),
    );
    assert!(client.capabilities["diagnosticProvider"].is_object());
    client.open(API, &text(&disk, API).replace("scale", "scael"));
    let report = client.about("textDocument/diagnostic", API, json!({}));
    assert_eq!(report["kind"], "full");
    assert_eq!(report["items"][0]["code"], "E0207");
    let all = client
        .ask("workspace/diagnostic", json!({ "previousResultIds": [] }))
        .unwrap();
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "two files and the manifest");
    assert!(
        client
            .asked
            .contains(&"workspace/diagnostic/refresh".to_owned())
    );
    assert!(client.diagnostics.is_empty(), "and not told twice");
    client.shutdown();
}

#[test]
fn the_client_says_how_it_counts() {
    let disk = Disk::of(SHOP);
    for (offered, taken, column) in [
        (json!(["utf-16", "utf-8"]), "utf-8", 13),
        (json!(["utf-32", "utf-16"]), "utf-32", 10),
        (json!(["utf-16"]), "utf-16", 11),
        (Value::Null, "utf-16", 11),
    ] {
        let general = json!({ "general": { "positionEncodings": offered } });
        let mut client = Client::with(&disk, general, json!({ "status": true }));
        assert_eq!(client.capabilities["positionEncoding"], taken);
        client.open(API, "app shop\nlet a=\"𝄞\"+b\n");
        client.settle();
        let wrong = client.wrong(API);
        assert!(
            wrong[0].starts_with(&format!("1:{column} E0201")),
            "{taken}: {wrong:?}"
        );
        client.shutdown();
    }
}

#[test]
fn what_is_cancelled_is_answered_so_or_was_answered_before() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    client.open(API, &text(&disk, API));
    let mut begun = Vec::new();
    for _ in 0..50 {
        let document = json!({ "textDocument": { "uri": format!("file://{API}") } });
        let id = client.begin("textDocument/semanticTokens/full", document);
        client.tell("$/cancelRequest", json!({ "id": id }));
        begun.push(id);
    }
    for id in begun {
        match client.end(id) {
            Ok(tokens) => assert!(tokens["data"].is_array()),
            Err((code, _)) => assert_eq!(code, -32800),
        }
    }
    client.shutdown();
}

#[test]
fn a_text_as_deep_as_it_is_long_is_answered() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    let deep = format!("app shop\nlet a = {}1\n", "[(".repeat(20_000));
    client.open(API, &deep);
    client.settle();
    assert!(!client.wrong(API).is_empty());
    for method in [
        "documentSymbol",
        "foldingRange",
        "semanticTokens/full",
        "codeLens",
    ] {
        client.about(&format!("textDocument/{method}"), API, json!({}));
    }
    let at = json!({ "position": { "line": 1, "character": 30_000 } });
    for method in ["hover", "completion", "definition", "signatureHelp"] {
        client.about(&format!("textDocument/{method}"), API, at.clone());
    }
    client.shutdown();
}

#[test]
fn what_is_not_known_and_what_can_not_be_read_is_refused() {
    let disk = Disk::of(SHOP);
    let mut client = Client::new(&disk);
    assert_eq!(
        client.ask("textDocument/moniker", json!({})).unwrap_err().0,
        -32601
    );
    let none = client.ask(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": "file:///no" } }),
    );
    assert_eq!(none.unwrap(), Value::Null);
    let wrong = client.ask("textDocument/selectionRange", json!({ "positions": 3 }));
    assert_eq!(wrong.unwrap_err().0, -32602);
    client.tell("textDocument/didChange", json!({ "nonsense": true }));
    client.ask("shutdown", Value::Null).unwrap();
    let late = client.ask("textDocument/hover", json!({}));
    assert_eq!(late.unwrap_err().0, -32600);
}
