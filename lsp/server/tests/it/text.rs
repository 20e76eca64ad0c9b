//! The answers about the text of a file, as the protocol has them.

use serde_json::json;

use crate::client::{Client, Disk};

const FILES: &str = "//- /w/app/plat.toml
[package]
name = \"shop\"
version = \"1.0.0\"
edition = \"2026\"
//- /w/app/shop.plat
";

const PATH: &str = "/w/app/shop.plat";

fn with(text: &str) -> Client {
    let mut client = Client::new(&Disk::of(FILES));
    client.open(PATH, text);
    client
}

#[test]
fn formatting_changes_the_lines_that_are_not_as_they_should_be() {
    let mut client = with("app shop\nlet  a = 1\nlet b = 2\nenv dev{target = local {}}\n");
    let options = json!({ "options": { "tabSize": 4, "insertSpaces": true } });
    let edits = client.about("textDocument/formatting", PATH, options);
    insta::assert_json_snapshot!(edits);
    client.shutdown();
}

#[test]
fn a_file_with_a_mistake_in_its_text_is_left_alone() {
    let mut client = with("app shop\nlet  a = = 1\n");
    let options = json!({ "options": { "tabSize": 4, "insertSpaces": true } });
    let edits = client.about("textDocument/formatting", PATH, options);
    assert!(edits.is_null());
    client.shutdown();
}

#[test]
fn tokens_are_told_relative_to_each_other() {
    let mut client = with("app shop\n/// Words.\nlet ü = \"a ${1}\"\n");
    let tokens = client.about("textDocument/semanticTokens/full", PATH, json!({}));
    let data: Vec<u64> = tokens["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_u64().unwrap())
        .collect();
    assert_eq!(&data[..10], [0, 0, 3, 0, 0, 0, 4, 4, 5, 1]);
    assert_eq!(&data[10..15], [1, 0, 10, 1, 2]);
    client.shutdown();
}

#[test]
fn who_asks_for_tokens_again_is_told_what_changed() {
    let mut client = with("app shop\nlet a = 1\nlet b = 2\n");
    let all = "textDocument/semanticTokens/full";
    let first = client.about(all, PATH, json!({}));
    let since = |id: &serde_json::Value| json!({ "previousResultId": id });
    let delta = format!("{all}/delta");
    let same = client.about(&delta, PATH, since(&first["resultId"]));
    assert_eq!(same["edits"], json!([]));
    client.change(PATH, 2, [2, 0, 2, 0], "let c = 3\n");
    let more = client.about(&delta, PATH, since(&same["resultId"]));
    let edits = more["edits"].as_array().unwrap();
    assert_eq!(edits.len(), 1);
    assert_eq!(edits[0]["deleteCount"], 0);
    // What it is not known to have, it is told as a whole.
    let whole = client.about(&delta, PATH, since(&first["resultId"]));
    assert!(whole["data"].is_array(), "{whole}");
    client.shutdown();
}

#[test]
fn folds_and_selections_are_lines_and_parents() {
    let mut client = with("// a\n// b\nservice api {\n    scale = 2\n}\n");
    let folds = client.about("textDocument/foldingRange", PATH, json!({}));
    let lines: Vec<String> = folds
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{}-{} {}", f["startLine"], f["endLine"], f["kind"]))
        .collect();
    assert_eq!(lines, ["0-1 \"comment\"", "2-3 null"]);
    let at = json!({ "positions": [{ "line": 3, "character": 5 }] });
    let found = client.about("textDocument/selectionRange", PATH, at);
    let mut range = &found[0];
    let mut seen = Vec::new();
    while range.is_object() {
        let (a, b) = (&range["range"]["start"], &range["range"]["end"]);
        seen.push(format!(
            "{}:{}-{}:{}",
            a["line"], a["character"], b["line"], b["character"]
        ));
        range = &range["parent"];
    }
    assert_eq!(seen.first().unwrap(), "3:4-3:9");
    assert_eq!(seen.last().unwrap(), "0:0-5:0");
    client.shutdown();
}

#[test]
fn what_is_typed_to_its_end_is_formatted() {
    let mut client = with("app shop\nlet  a = 1\nredis  cache {\n  memory=64MiB\n}\n");
    let params = json!({
        "ch": "}",
        "position": { "line": 4, "character": 1 },
        "options": { "tabSize": 4, "insertSpaces": true },
    });
    let edits = client.about("textDocument/onTypeFormatting", PATH, params);
    insta::assert_json_snapshot!(edits);
    client.shutdown();
}
