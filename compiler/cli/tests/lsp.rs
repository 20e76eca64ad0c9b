//! `platc lsp`, as an editor starts it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::io::{BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lsp_server::{Message, Notification, Request, RequestId};
use serde_json::{Value, json};

const MANIFEST: &str = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

/// A server, and an app with one file that is open in it.
struct Server {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its home and the app.
    root: tempfile::TempDir,
    uri: String,
    asked: i32,
    /// The codes of what is wrong with the file, as it was told last.
    wrong: Option<Vec<String>>,
}

impl Server {
    fn start(text: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let place = root.path().canonicalize().unwrap();
        let app = place.join("app");
        std::fs::create_dir(&app).unwrap();
        std::fs::write(app.join("plat.toml"), MANIFEST).unwrap();
        std::fs::write(app.join("shop.plat"), text).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_platc"))
            .args(["lsp", "--stdio"])
            .env("PLAT_HOME", place.join("home"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        let mut server = Self {
            process,
            to,
            from,
            root,
            uri: format!("file://{}/shop.plat", app.display()),
            asked: 0,
            wrong: None,
        };
        let folder = json!({ "uri": format!("file://{}", app.display()), "name": "app" });
        let params = json!({ "capabilities": {}, "workspaceFolders": [folder] });
        server.ask("initialize", params);
        server.tell("initialized", json!({}));
        let uri = &server.uri;
        let document = json!({ "uri": uri, "languageId": "plat", "version": 1, "text": text });
        server.tell("textDocument/didOpen", json!({ "textDocument": document }));
        server
    }

    fn tell(&mut self, method: &str, params: Value) {
        let method = method.to_owned();
        let message = Message::Notification(Notification { method, params });
        message.write(&mut self.to).unwrap();
        self.to.flush().unwrap();
    }

    /// Asks, and waits for the answer.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.asked += 1;
        let id = RequestId::from(self.asked);
        let request = Request {
            id: id.clone(),
            method: method.to_owned(),
            params,
        };
        Message::Request(request).write(&mut self.to).unwrap();
        self.to.flush().unwrap();
        loop {
            let message = self.read();
            if let Message::Response(response) = message
                && response.id == id
            {
                let response = serde_json::to_value(&response).unwrap();
                assert!(response["error"].is_null(), "{method}: {response}");
                return response["result"].clone();
            }
        }
    }

    /// The same about the file.
    fn about(&mut self, method: &str, mut params: Value) -> Value {
        params["textDocument"] = json!({ "uri": self.uri });
        self.ask(method, params)
    }

    fn read(&mut self) -> Message {
        let message = Message::read(&mut self.from).unwrap().unwrap();
        if let Message::Notification(note) = &message
            && note.method == "textDocument/publishDiagnostics"
            && note.params["uri"] == self.uri
        {
            let all = note.params["diagnostics"].as_array().unwrap();
            let codes = all.iter().map(|d| d["code"].as_str().unwrap().to_owned());
            self.wrong = Some(codes.collect());
        }
        message
    }

    /// What is wrong with the file, once that is told.
    fn wrong(&mut self) -> Vec<String> {
        while self.wrong.is_none() {
            self.read();
        }
        self.wrong.clone().unwrap()
    }

    fn end(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        assert!(self.process.wait().unwrap().success());
        // A cache that can't be written to can't be taken away with the directory.
        let mut chmod = Command::new("chmod");
        let status = chmod.args(["-R", "u+w"]).arg(self.root.path()).status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn an_editor_is_told_what_is_wrong_and_led_into_std() {
    let text = "app shop\nenv dev { target = local {} }\nservice api { run = image(\"a:1\"), scael = 2 }\n";
    let mut server = Server::start(text);
    let at = json!({ "position": { "line": 2, "character": 2 } });
    let definition = server.about("textDocument/definition", at);
    assert_eq!(server.wrong(), ["E0207"]);
    let std = definition["uri"].as_str().unwrap();
    let std = PathBuf::from(std.strip_prefix("file://").unwrap());
    assert!(std.ends_with("workloads.plat"), "{}", std.display());
    let text = std::fs::read_to_string(std).unwrap();
    assert!(text.contains("kind service"));
    server.end();
}

/// No target is asked and nothing has to be saved.
#[test]
fn an_editor_is_shown_the_plan_and_the_manifests_of_what_is_written() {
    let text = "app shop\n\nservice api {\n    run   = image(\"ghcr.io/acme/api:1.4\")\n    port  = 8080\n    \
                scale = 2\n}\n\nenv prod { target = kubernetes { context = \"prod\" } }\n";
    let mut server = Server::start(text);
    let prod = json!({ "environment": "prod" });
    let plan = server.about("plat/plan", prod.clone());
    assert_eq!(plan["against"], "nothing");
    let said = plan["text"].as_str().unwrap();
    assert!(
        said.contains("+ service api") && said.contains("1 to create"),
        "{said}"
    );
    assert_eq!(plan["plan"]["counts"]["create"], 1);

    let change = json!({
        "textDocument": { "uri": server.uri, "version": 2 },
        "contentChanges": [{ "text": text.replace("scale = 2", "scale = 3") }],
    });
    server.tell("textDocument/didChange", change);
    let at = json!({ "position": { "line": 2, "character": 9 } });
    let becomes = server.about("plat/becomes", at);
    assert_eq!(
        (
            &becomes["environment"],
            &becomes["declaration"],
            &becomes["language"]
        ),
        (&"prod".into(), &"api".into(), &"yaml".into())
    );
    let text = becomes["text"].as_str().unwrap();
    for part in [
        "kind: Deployment",
        "replicas: 3",
        "image: ghcr.io/acme/api:1.4",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    server.end();
}

/// What git has of the last commit is what was there, whatever is saved since.
#[test]
fn an_editor_keeps_what_was_renamed_by_typing() {
    let text = "app shop\n\npostgres db {}\n\nenv dev { target = local {} }\n";
    let mut server = Server::start(text);
    let app = server.root.path().canonicalize().unwrap().join("app");
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .arg("-C")
            .arg(&app)
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .status();
        assert!(status.unwrap().success(), "git {arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "plat.toml", "shop.plat"]);
    git(&["commit", "-q", "-m", "The shop"]);
    let index = std::fs::read(app.join(".git/index")).unwrap();
    let renamed = text.replace("postgres db", "postgres store");
    // The old name is gone from the disk too.
    std::fs::write(app.join("shop.plat"), &renamed).unwrap();
    let change = json!({
        "textDocument": { "uri": server.uri, "version": 2 },
        "contentChanges": [{ "text": renamed }],
    });
    server.tell("textDocument/didChange", change);
    let at = json!({ "line": 2, "character": 12 });
    let question = json!({ "range": { "start": at, "end": at }, "context": { "diagnostics": [] } });
    let actions = server.about("textDocument/codeAction", question);
    let titles = actions.as_array().unwrap().iter();
    let titles: Vec<&str> = titles.map(|a| a["title"].as_str().unwrap()).collect();
    assert_eq!(
        titles,
        [
            "add `moved db to store`: what is deployed as `db` becomes `store` and is not made anew (the last commit has `db`)",
            "add `moved db to store` and `name = \"db\"`: what is deployed as `db` stays as it is called (the last commit has `db`)",
        ]
    );
    assert_eq!(std::fs::read(app.join(".git/index")).unwrap(), index);
    server.end();
}
