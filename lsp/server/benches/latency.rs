//! From a keystroke to its diagnostics: what an editor waits for, on programs of any size.
//!
//! `cargo bench -p plat-lsp` prints them as a table; `-- 1000` those of one size.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, which stops where something is not as it should be"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lsp_server::{Connection, Message, Notification, Request, RequestId, Response};
use plat_ide::{CaseShape, Graph, PackageInput, Project};
use plat_lsp::{Host, Loaded, Planned};
use plat_semantics::parse_manifest;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each is measured.
const TIMES: usize = 100;

/// The program, in memory.
struct Fleet(Vec<(String, String)>);

impl Host for Fleet {
    fn version(&self) -> &str {
        "0"
    }

    fn real_path(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn root_of(&self, _: &Path) -> Option<PathBuf> {
        Some(PathBuf::from("/fleet"))
    }

    fn load(
        &self,
        root: &Path,
        open: &dyn Fn(&Path) -> Option<Arc<str>>,
    ) -> Result<Loaded, String> {
        let text = |path: &str, text: &str| {
            open(&root.join(path)).map_or_else(|| text.to_owned(), |open| open.to_string())
        };
        let files = self
            .0
            .iter()
            .map(|(path, held)| (path.clone(), text(path, held)));
        let package = PackageInput {
            manifest: parse_manifest(plat_bench::MANIFEST).unwrap(),
            files: files.collect(),
            ..PackageInput::default()
        };
        Ok(Loaded {
            project: Project {
                packages: vec![package],
            },
            dirs: BTreeMap::from([("fleet".to_owned(), root.to_owned())]),
            ..Loaded::default()
        })
    }

    fn read_data(&self, _: &Path, _: &str) -> Result<String, String> {
        Err("there is none".to_owned())
    }

    fn plan(&self, _: &Path, _: &Graph, _: &[CaseShape]) -> Result<Planned, String> {
        Ok(Planned::default())
    }

    fn has_manifests(&self, _: &str) -> bool {
        false
    }

    fn becomes(&self, _: &Path, _: &Graph, _: &str) -> Result<String, String> {
        Ok(String::new())
    }

    fn library(&self) -> Option<PathBuf> {
        None
    }
}

struct Client {
    connection: Connection,
    next: i32,
    version: i32,
}

impl Client {
    fn tell(&self, method: &str, params: Value) {
        let method = method.to_owned();
        let message = Message::Notification(Notification { method, params });
        self.connection.sender.send(message).unwrap();
    }

    /// Asks, and how long that took.
    fn ask(&mut self, method: &str, params: Value) -> (Value, Duration) {
        self.next += 1;
        let id = RequestId::from(self.next);
        let method = method.to_owned();
        let begun = Instant::now();
        let message = Message::Request(Request {
            id: id.clone(),
            method,
            params,
        });
        self.connection.sender.send(message).unwrap();
        loop {
            if let Message::Response(Response { id: of, .. }) = self.hear(|m| m.clone())
                && of == id
            {
                return (Value::Null, begun.elapsed());
            }
        }
    }

    fn hear<T>(&self, look: impl Fn(&Message) -> T) -> T {
        look(&self.connection.receiver.recv().unwrap())
    }

    /// Until the server says that everything is checked.
    fn settle(&self) {
        loop {
            let settled = self.hear(|message| match message {
                Message::Notification(note) => {
                    note.method == "plat/status" && note.params["busy"] == false
                }
                _ => false,
            });
            if settled {
                return;
            }
        }
    }

    /// Replaces a range of one line, and measures until the first diagnostics of that file, and until
    /// everything is checked.
    fn edit(&mut self, path: &str, line: u32, range: [u32; 2], text: &str) -> (Duration, Duration) {
        self.version += 1;
        let uri = format!("file:///fleet/{path}");
        let begun = Instant::now();
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": self.version },
                "contentChanges": [{
                    "range": {
                        "start": { "line": line, "character": range[0] },
                        "end": { "line": line, "character": range[1] },
                    },
                    "text": text,
                }],
            }),
        );
        let mut first = None;
        loop {
            let (told, settled) = self.hear(|message| match message {
                Message::Notification(note) => (
                    note.method == "textDocument/publishDiagnostics"
                        && note.params["uri"] == uri.as_str(),
                    note.method == "plat/status" && note.params["busy"] == false,
                ),
                _ => (false, false),
            });
            if told {
                first.get_or_insert(begun.elapsed());
            }
            if settled {
                let all = begun.elapsed();
                return (first.unwrap_or(all), all);
            }
        }
    }
}

/// The 50th and the 99th percentile, by nearest rank: of a hundred, the slowest but for one.
fn shares(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1].as_secs_f64();
    format!("{:.1} ms | {:.1} ms", at(50) * 1e3, at(99) * 1e3)
}

/// The line and the first character of the first place of a text.
fn find(text: &str, what: &str) -> (u32, u32) {
    let at = text.find(what).unwrap();
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    (
        u32::try_from(line).unwrap(),
        u32::try_from(at - start).unwrap(),
    )
}

fn measure(services: usize) {
    let files = plat_bench::fleet(services);
    let text = |path: &str| files.iter().find(|(p, _)| p == path).unwrap().1.clone();
    let (part, kind) = ("services/part000.plat", "platform/web.plat");
    let (part_text, kind_text) = (text(part), text(kind));
    let (theirs, ours) = Connection::memory();
    let host = Arc::new(Fleet(files));
    let server = std::thread::spawn(move || plat_lsp::serve(&theirs, host));
    let mut client = Client {
        connection: ours,
        next: 0,
        version: 1,
    };
    let begun = Instant::now();
    let folder = json!({ "uri": "file:///fleet", "name": "fleet" });
    client.ask(
        "initialize",
        json!({
            "capabilities": {},
            "initializationOptions": { "status": true },
            "workspaceFolders": [folder],
        }),
    );
    client.tell("initialized", json!({}));
    for (path, text) in [(part, &part_text), (kind, &kind_text)] {
        let document = json!({
            "uri": format!("file:///fleet/{path}"), "languageId": "plat", "version": 1, "text": text,
        });
        client.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }
    client.settle();
    let start = begun.elapsed();
    println!(
        "| {services} | from the start until everything is checked | {:.0} ms | |",
        start.as_secs_f64() * 1e3
    );
    let row =
        |what: &str, times: Vec<Duration>| println!("| {services} | {what} | {} |", shares(times));
    // A mistake comes and goes, so that each edit has something to tell.
    let (line, at) = find(&part_text, "gold");
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for time in 0..TIMES {
        let (old, new) = if time % 2 == 0 {
            (4, "golx")
        } else {
            (4, "gold")
        };
        let (told, whole) = client.edit(part, line, [at, at + old], new);
        first.push(told);
        all.push(whole);
    }
    row(
        "an edit in a body, until the open file's diagnostics",
        first,
    );
    row(
        "the same, until all files and environments are checked",
        all,
    );
    let (line, at) = find(&kind_text, "tier: Tier");
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for time in 0..TIMES / 10 {
        let new = if time % 2 == 0 { "Tirr" } else { "Tier" };
        let (told, whole) = client.edit(kind, line, [at + 6, at + 10], new);
        first.push(told);
        all.push(whole);
    }
    row(
        "an edit in a kind that all use, until the open file's diagnostics",
        first,
    );
    row(
        "the same, until all files and environments are checked",
        all,
    );
    let (line, at) = find(&part_text, "use fleet.platform.{web}");
    let (mut first, mut all) = (Vec::new(), Vec::new());
    for time in 0..TIMES / 10 {
        let new = if time % 2 == 0 { "wep" } else { "web" };
        let (told, whole) = client.edit(part, line, [at + 20, at + 23], new);
        first.push(told);
        all.push(whole);
    }
    row(
        "an edit in an import, until the open file's diagnostics",
        first,
    );
    row(
        "the same, until all files and environments are checked",
        all,
    );
    let (line, at) = find(&part_text, "scale  =");
    let (mut hovers, mut completions) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let params = json!({
            "textDocument": { "uri": format!("file:///fleet/{part}") },
            "position": { "line": line, "character": at + 2 },
        });
        hovers.push(client.ask("textDocument/hover", params.clone()).1);
        completions.push(client.ask("textDocument/completion", params).1);
    }
    row("a hover with the value in each environment", hovers);
    row("a completion of a field", completions);
    client.ask("shutdown", Value::Null);
    client.tell("exit", Value::Null);
    server.join().unwrap().unwrap();
}

fn main() {
    let said = std::env::args().skip(1).find_map(|arg| arg.parse().ok());
    println!("| services | | p50 | p99 |\n|---:|---|---:|---:|");
    match said {
        Some(services) => measure(services),
        None => [10, 1000, 10_000].into_iter().for_each(measure),
    }
}
