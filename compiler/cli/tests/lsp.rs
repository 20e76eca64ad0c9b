//! `platc lsp`, as an editor starts it.

use std::io::{BufReader, Write as _};
use std::process::{Command, Stdio};

use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::{Value, json};

#[test]
fn an_editor_is_told_what_is_wrong_and_led_into_std() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let app = root.join("app");
    std::fs::create_dir(&app).unwrap();
    std::fs::write(
        app.join("plat.toml"),
        "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n",
    )
    .unwrap();
    let text = "app shop\nenv dev { target = local {} }\nservice api { run = image(\"a:1\"), scael = 2 }\n";
    std::fs::write(app.join("shop.plat"), text).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_platc"))
        .args(["lsp", "--stdio"])
        .env("PLAT_HOME", root.join("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = server.stdin.take().unwrap();
    let mut from = BufReader::new(server.stdout.take().unwrap());
    let uri = format!("file://{}/shop.plat", app.display());
    let ask = |id: i32, method: &str, params: Value| {
        let (id, method) = (RequestId::from(id), method.to_owned());
        Message::Request(Request { id, method, params })
    };
    let tell = |method: &str, params: Value| {
        let method = method.to_owned();
        Message::Notification(Notification { method, params })
    };
    let folder = json!({ "uri": format!("file://{}", app.display()), "name": "app" });
    let document = json!({ "uri": uri, "languageId": "plat", "version": 1, "text": text });
    let at = json!({
        "textDocument": { "uri": uri }, "position": { "line": 2, "character": 2 },
    });
    for message in [
        ask(
            1,
            "initialize",
            json!({ "capabilities": {}, "workspaceFolders": [folder] }),
        ),
        tell("initialized", json!({})),
        tell("textDocument/didOpen", json!({ "textDocument": document })),
        ask(2, "textDocument/definition", at),
        ask(3, "shutdown", Value::Null),
    ] {
        message.write(&mut to).unwrap();
    }
    to.flush().unwrap();
    let mut definition = Value::Null;
    let mut wrong = Value::Null;
    let mut down = false;
    while !down || definition.is_null() || wrong.is_null() {
        match Message::read(&mut from).unwrap().unwrap() {
            Message::Response(response) => {
                let response = serde_json::to_value(&response).unwrap();
                match response["id"].as_i64() {
                    Some(2) => definition = response["result"].clone(),
                    Some(3) => down = true,
                    _ => {}
                }
            }
            Message::Notification(note) if note.method == "textDocument/publishDiagnostics" => {
                wrong = note.params["diagnostics"][0]["code"].clone();
            }
            _ => {}
        }
    }
    assert_eq!(wrong, "E0207");
    let std = definition["uri"]
        .as_str()
        .unwrap()
        .strip_prefix("file://")
        .unwrap();
    assert!(std.ends_with("/workloads.plat"), "{std}");
    assert!(
        std::fs::read_to_string(std)
            .unwrap()
            .contains("kind service")
    );
    tell("exit", Value::Null).write(&mut to).unwrap();
    to.flush().unwrap();
    assert!(server.wait().unwrap().success());
    // A cache that can't be written to can't be taken away with the directory.
    let status = Command::new("chmod")
        .arg("-R")
        .arg("u+w")
        .arg(&root)
        .status();
    assert!(status.unwrap().success());
}
