//! A client that speaks with a server in a process of its own, as editors do: over pipes.

use std::ffi::OsString;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use lsp_server::{Message, Notification, Request, RequestId, Response};
use serde_json::{Value, json};

/// A client and its server.
pub struct Client {
    server: Child,
    to_server: Option<ChildStdin>,
    from_server: BufReader<ChildStdout>,
    root: PathBuf,
    /// When the server's process was started.
    pub begun: Instant,
    next: i32,
    version: i32,
    busy: bool,
}

impl Client {
    /// Starts a server and opens a directory in it.
    pub fn start(server: &[OsString], root: &Path) -> Self {
        let begun = Instant::now();
        let (program, arguments) = server.split_first().unwrap();
        let mut server = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut client = Self {
            to_server: server.stdin.take(),
            from_server: BufReader::new(server.stdout.take().unwrap()),
            server,
            root: root.to_owned(),
            begun,
            next: 0,
            version: 1,
            busy: false,
        };
        let folder = json!({ "uri": client.uri(""), "name": "fleet" });
        client.ask(
            "initialize",
            json!({
                "capabilities": {},
                "initializationOptions": { "status": true },
                "workspaceFolders": [folder],
            }),
        );
        client.tell("initialized", json!({}));
        client
    }

    /// The address of a file of the directory.
    pub fn uri(&self, path: &str) -> String {
        let path = self.root.join(path);
        format!("file://{}", path.to_str().unwrap().trim_end_matches('/'))
    }

    /// Opens a document.
    pub fn open(&mut self, path: &str, text: &str) {
        let document = json!({
            "uri": self.uri(path), "languageId": "plat", "version": 1, "text": text,
        });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Closes a document.
    pub fn close(&mut self, path: &str) {
        let document = json!({ "uri": self.uri(path) });
        self.tell("textDocument/didClose", json!({ "textDocument": document }));
    }

    fn tell(&mut self, method: &str, params: Value) {
        let method = method.to_owned();
        self.send(&Message::Notification(Notification { method, params }));
    }

    fn send(&mut self, message: &Message) {
        message.write(self.to_server.as_mut().unwrap()).unwrap();
    }

    fn hear(&mut self) -> Message {
        let message = Message::read(&mut self.from_server).unwrap().unwrap();
        if let Message::Notification(note) = &message
            && note.method == "plat/status"
        {
            self.busy = note.params["busy"] == true;
        }
        message
    }

    /// Until all that was said is taken in and checked.
    pub fn settle(&mut self) {
        // Who does not know a question says so once it has taken in what was said before.
        self.ask("plat/nothing", Value::Null);
        while self.busy {
            self.hear();
        }
    }

    /// Asks, and how long that took.
    pub fn ask(&mut self, method: &str, params: Value) -> Duration {
        self.next += 1;
        let id = RequestId::from(self.next);
        let method = method.to_owned();
        let begun = Instant::now();
        self.send(&Message::Request(Request {
            id: id.clone(),
            method,
            params,
        }));
        loop {
            if let Message::Response(Response { id: of, .. }) = self.hear()
                && of == id
            {
                return begun.elapsed();
            }
        }
    }

    /// Until the next diagnostics of a file.
    pub fn told(&mut self, path: &str) {
        let uri = self.uri(path);
        loop {
            if let Message::Notification(note) = self.hear()
                && note.method == "textDocument/publishDiagnostics"
                && note.params["uri"] == uri
            {
                return;
            }
        }
    }

    /// Replaces a range of one line, and measures until the first diagnostics of that file, and until
    /// everything is checked.
    pub fn edit(
        &mut self,
        path: &str,
        line: u32,
        range: [u32; 2],
        text: &str,
    ) -> (Duration, Duration) {
        self.version += 1;
        let begun = Instant::now();
        let (uri, version) = (self.uri(path), self.version);
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": version },
                "contentChanges": [{
                    "range": {
                        "start": { "line": line, "character": range[0] },
                        "end": { "line": line, "character": range[1] },
                    },
                    "text": text,
                }],
            }),
        );
        self.told(path);
        let first = begun.elapsed();
        while self.busy {
            self.hear();
        }
        (first, begun.elapsed())
    }

    /// How much memory the server holds (`VmRSS`), or has held at most (`VmHWM`), in megabytes.
    pub fn memory(&self, what: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(what)).unwrap();
        let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kilobytes * 1024.0 / 1e6
    }

    /// The processor's time that the server has had, in hundredths of a second.
    pub fn processor(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.server.id())).unwrap();
        // The name of the program, in parentheses, may hold anything.
        let (_, rest) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Ends the conversation as clients do.
    pub fn shutdown(mut self) {
        self.ask("shutdown", Value::Null);
        self.tell("exit", Value::Null);
        self.to_server = None;
        assert!(self.server.wait().unwrap().success());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Where a measurement stops, its server does too.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
