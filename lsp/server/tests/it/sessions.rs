//! Long editing sessions at random: whatever was typed, cancelled, asked, saved, closed and changed
//! from outside in between, in the end every answer is that of a server which has just begun.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Client, Disk};
use crate::questions::{Random, all_the_same, boundary, place, question};

/// `app` builds on `acme`, and `other` on none.
const FILES: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
[dependencies]
acme = { path = "../acme" }
//- /w/app/shop.plat
app shop
use acme.size
use acme.web_app

/// Where orders are kept.
postgres db

let copies = 1 + size
let limits = import_json("limits.json")

service api {
    run = image("api:1")
    env = { DATABASE_URL = db.url, "A" = "b ${copies}" }
    scale = copies
}
web_app site { copies = 2 }
//- /w/app/limits.json
{ "most": 3 }
//- /w/app/kinds.plat
kind web {
    size: Int = 3
    let twice = size * 2
    service server {
        run = image("web:1")
        scale = twice
    }
    out url = server.url
}

web front { size = 1 }
test "it is there" {
    assert size == 3
}
//- /w/app/environments.plat
env dev { target = local {} }

env prod {
    target = kubernetes { context = "here" }
    set = { api.scale = 4, front.server.scale = 2 }
}
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
let size = 1
service api { run = image("a:1") }
env dev { target = local {} }
"#;

/// What is opened, typed into, and changed from outside. The last is not there when all begins.
const PATHS: [&str; 9] = [
    "/w/app/shop.plat",
    "/w/app/kinds.plat",
    "/w/app/environments.plat",
    "/w/app/plat.toml",
    "/w/acme/acme.plat",
    "/w/acme/plat.toml",
    "/w/other/other.plat",
    "/w/other/plat.toml",
    "/w/app/new.plat",
];

/// The folders that are opened and closed; the first is always open.
const FOLDERS: [&str; 3] = ["/w/app", "/w/other", "/w"];

/// A file that is no program.
const DATA: &str = "/w/app/limits.json";

const UNTITLED: &str = "untitled:1";

/// What is written into a manifest in place of one of its lines.
const LINES: [&str; 6] = [
    "version = ",
    "name = \"a b\"",
    "[dependencies]",
    "acme = { path = \"../acme\" }",
    "acme = { path = \"../ac",
    "",
];

/// What is typed.
const PIECES: [&str; 24] = [
    "\n",
    " ",
    "}",
    "{",
    "\"",
    "api",
    "db",
    ".",
    "= ",
    "scale = 3\n",
    "service x { run = image(\"y\") }\n",
    "let z = [1, 2].map(|n| n * 2)\n",
    "512MiB",
    "// note\n",
    "/// doc\n",
    "if copies > 1 {\n",
    "ü𝄞",
    "web other\n",
    ", ",
    "front",
    "url",
    "(",
    ")",
    "env dev2 { target = local {} }\n",
];

/// A session, and what there must be at its end.
struct Session {
    disk: Disk,
    random: Random,
    client: Client,
    /// The texts that are open, by address.
    open: BTreeMap<String, String>,
    folders: Vec<&'static str>,
    /// Questions that were not waited for.
    begun: Vec<i32>,
    version: i32,
}

fn uri(path: &str) -> String {
    format!("file://{path}")
}

fn options() -> Value {
    let commands = [
        "plat.runTest",
        "plat.planEnvironment",
        "plat.why",
        "plat.showReferences",
    ];
    json!({ "status": true, "commands": commands })
}

impl Session {
    fn new(seed: u64) -> Self {
        let disk = Disk::of(FILES);
        let folders = vec![FOLDERS[0]];
        let client = Client::in_folders(&disk, &folders, json!({}), options());
        let mut session = Self {
            disk,
            random: Random(seed),
            client,
            open: BTreeMap::new(),
            folders,
            begun: Vec::new(),
            version: 1,
        };
        for path in &PATHS[..3] {
            session.open(path);
        }
        session
    }

    fn open(&mut self, path: &str) {
        let text = self.disk.read(path.as_ref()).unwrap_or_default();
        self.client.open(path, &text);
        self.open.insert(uri(path), text);
    }

    fn step(&mut self) {
        match self.random.below(24) {
            0..12 => self.type_a_burst(),
            12..16 => self.ask(),
            16 => self.open_or_close(),
            17 => self.reopen(),
            18..20 => self.save(),
            20..22 => self.change_outside(),
            22 => self.folder(),
            _ => self.untitled(),
        }
    }

    /// One of the documents that are open.
    fn document(&mut self) -> Option<String> {
        let open: Vec<String> = self.open.keys().cloned().collect();
        (!open.is_empty()).then(|| self.random.of(&open))
    }

    fn type_a_burst(&mut self) {
        let Some(uri) = self.document() else {
            return;
        };
        for _ in 0..=self.random.below(4) {
            let mut text = self.open[&uri].clone();
            let (from, to, new) = if uri.ends_with("plat.toml") {
                self.line(&text)
            } else {
                self.piece(&text)
            };
            let ([a, b], [c, d]) = (place(&text, from), place(&text, to));
            self.version += 1;
            self.client.change_at(&uri, self.version, [a, b, c, d], new);
            text.replace_range(from..to, new);
            self.open.insert(uri.clone(), text);
        }
    }

    /// Text goes as often as it comes.
    fn piece(&mut self, text: &str) -> (usize, usize, &'static str) {
        let from = boundary(&mut self.random, text);
        let mut to = (from + self.random.below(12)).min(text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        match self.random.below(2) {
            0 => (from, to, ""),
            _ => (from, from, self.random.of(&PIECES)),
        }
    }

    fn line(&mut self, text: &str) -> (usize, usize, &'static str) {
        let at = boundary(&mut self.random, text);
        let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        (start, end, self.random.of(&LINES))
    }

    fn ask(&mut self) {
        let Some(uri) = self.document() else {
            return;
        };
        for _ in 0..=self.random.below(3) {
            let (method, params) = question(&mut self.random, &uri, &self.open[&uri]);
            let id = self.client.begin(method, params);
            if self.random.below(3) == 0 {
                self.client.tell("$/cancelRequest", json!({ "id": id }));
            }
            self.begun.push(id);
        }
    }

    /// What was typed and not saved is lost.
    fn open_or_close(&mut self) {
        let path = self.random.of(&PATHS);
        if self.open.remove(&uri(path)).is_some() {
            self.client.close(path);
        } else {
            self.open(path);
        }
    }

    fn reopen(&mut self) {
        if let Some(uri) = self.document() {
            self.client.close_at(&uri);
            self.client.open_at(&uri, &self.open[&uri]);
        }
    }

    fn save(&mut self) {
        let path = self.random.of(&PATHS);
        let Some(text) = self.open.get(&uri(path)) else {
            return;
        };
        let new = self.disk.read(path.as_ref()).is_none();
        self.disk.write(path.as_ref(), text);
        let document = json!({ "textDocument": { "uri": uri(path) } });
        self.client.tell("textDocument/didSave", document);
        // Some editors tell of that, too.
        if new || self.random.below(2) == 0 {
            self.client.files(&[(path, if new { 1 } else { 2 })]);
        }
    }

    fn change_outside(&mut self) {
        let path = match self.random.below(5) {
            0 => DATA,
            _ => self.random.of(&PATHS),
        };
        let original = Disk::of(FILES).read(path.as_ref()).unwrap_or_default();
        let there = self.disk.read(path.as_ref());
        let kind = if there.is_some() && self.random.below(3) == 0 {
            self.disk.remove(path.as_ref());
            3
        } else {
            let mut text = original;
            if path == DATA {
                text = self.random.of(&["{ \"most\": 4 }", "{", ""]).to_owned();
            } else if self.random.below(2) == 0 {
                let toml = path.ends_with("plat.toml");
                let (from, to, new) = if toml {
                    self.line(&text)
                } else {
                    self.piece(&text)
                };
                text.replace_range(from..to, new);
            }
            self.disk.write(path.as_ref(), &text);
            if there.is_some() { 2 } else { 1 }
        };
        self.client.files(&[(path, kind)]);
    }

    fn folder(&mut self) {
        let folder = self.random.of(&FOLDERS[1..]);
        if self.folders.contains(&folder) {
            self.folders.retain(|open| *open != folder);
            self.client.folders(&[folder], &[]);
        } else {
            self.folders.push(folder);
            self.client.folders(&[], &[folder]);
        }
    }

    fn untitled(&mut self) {
        if self.open.remove(UNTITLED).is_some() {
            self.client.close_at(UNTITLED);
        } else {
            let text = "let a = \nenv dev { target = local {} }\n";
            self.client.open_at(UNTITLED, text);
            self.open.insert(UNTITLED.to_owned(), text.to_owned());
        }
    }

    /// What is wrong, wherever it is.
    fn wrong(client: &Client) -> BTreeMap<&String, &Vec<Value>> {
        let all = client.diagnostics.iter();
        all.filter(|(_, found)| !found.is_empty()).collect()
    }

    fn end(mut self, why: &str) {
        for id in std::mem::take(&mut self.begun) {
            // Refused for its own reasons, or changed meanwhile, or cancelled; but no bug.
            if let Err((code, text)) = self.client.end(id) {
                assert!(
                    [-32803, -32801, -32800].contains(&code),
                    "{why}: {code} {text}"
                );
            }
        }
        self.client.settle();
        let mut fresh = Client::in_folders(&self.disk, &self.folders, json!({}), options());
        for (uri, text) in &self.open {
            fresh.open_at(uri, text);
        }
        fresh.settle();
        let why = format!("{why}, {:?}, {:#?}", self.folders, self.open);
        assert_eq!(Self::wrong(&self.client), Self::wrong(&fresh), "{why}");
        for (uri, text) in &self.open {
            let document = (uri.as_str(), text.as_str());
            all_the_same(
                &mut self.client,
                &mut fresh,
                &mut self.random,
                document,
                &why,
            );
        }
        // Of what is not open, too.
        let acme = (&*uri(PATHS[4]), "pub let size = 3\npub kind web_app {\n");
        all_the_same(&mut self.client, &mut fresh, &mut self.random, acme, &why);
        self.client.shutdown();
        fresh.shutdown();
    }
}

#[test]
fn after_any_session_every_answer_is_that_of_a_fresh_server() {
    let long = std::env::var("PLAT_SESSIONS")
        .ok()
        .and_then(|n| n.parse().ok());
    for seed in 1..=long.unwrap_or(5) {
        let mut session = Session::new(0x9e37_79b9_7f4a_7c15 ^ seed << 32 ^ seed);
        for _ in 0..120 {
            session.step();
        }
        session.end(&format!("seed {seed}"));
    }
}
