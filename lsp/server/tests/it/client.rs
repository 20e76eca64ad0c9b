//! A client for tests: it speaks with a server in this process, whose files are in memory.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use lsp_server::{Connection, Message, Notification, Request, RequestId, Response};
use plat_ide::{CaseShape, Diagnostic, Graph};
use plat_lsp::{Below, Host, Loaded, Planned};
use plat_semantics::{PackageInput, Project, Source, recover_manifest};
use serde_json::{Value, json};

/// Files in memory.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Arc<Mutex<BTreeMap<PathBuf, String>>>,
    /// What was committed.
    committed: Arc<Mutex<BTreeMap<PathBuf, String>>>,
}

impl Disk {
    /// Files from one text: `//- /path` begins each.
    pub fn of(text: &str) -> Self {
        let disk = Self::default();
        let mut current: Option<(PathBuf, String)> = None;
        for line in text.lines() {
            if let Some(path) = line.trim().strip_prefix("//- ") {
                if let Some((path, text)) = current.take() {
                    disk.write(&path, &text);
                }
                current = Some((PathBuf::from(path.trim()), String::new()));
            } else if let Some((_, text)) = &mut current {
                text.push_str(line);
                text.push('\n');
            }
        }
        if let Some((path, text)) = current {
            disk.write(&path, &text);
        }
        disk
    }

    pub fn write(&self, path: &Path, text: &str) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), text.to_owned());
    }

    /// Remembers the files as they are, as version control does.
    pub fn commit(&self) {
        *self.committed.lock().unwrap() = self.files.lock().unwrap().clone();
    }

    pub fn remove(&self, path: &Path) {
        self.files.lock().unwrap().remove(path);
    }

    pub fn read(&self, path: &Path) -> Option<String> {
        self.files.lock().unwrap().get(path).cloned()
    }

    fn package(
        &self,
        root: &Path,
        below: &str,
        name: Option<&str>,
        open: &dyn Fn(&Path) -> Option<Arc<str>>,
        unreadable: &mut Vec<Diagnostic>,
    ) -> Result<PackageInput, String> {
        let text = |path: &Path| {
            open(path)
                .map(|t| t.to_string())
                .or_else(|| self.read(path))
        };
        let manifest = root.join("plat.toml");
        let there = self.read(&manifest).and_then(|_| text(&manifest));
        let manifest = there.ok_or("there is no plat.toml")?;
        let (mut manifest, found) = recover_manifest(&manifest);
        for diagnostic in found {
            unreadable.push(renamed(diagnostic, name));
        }
        if manifest.name.is_empty() {
            manifest.name = name.unwrap_or("app").to_owned();
        }
        let mut package = PackageInput {
            manifest,
            root: below.to_owned(),
            ..PackageInput::default()
        };
        let paths: Vec<PathBuf> = self.files.lock().unwrap().keys().cloned().collect();
        for path in paths {
            let Ok(inside) = path.strip_prefix(root) else {
                continue;
            };
            // A package inside is one by itself.
            let nearest = self.root_of(&path);
            if nearest.is_some_and(|nearest| nearest != root) {
                continue;
            }
            let name = inside.to_str().unwrap().to_owned();
            if name.ends_with(".plat") {
                package.files.push((name, text(&path).unwrap()));
            } else {
                package.listing.push(name);
            }
        }
        Ok(package)
    }
}

impl Host for Disk {
    fn version(&self) -> &str {
        "0.0.0-test"
    }

    fn real_path(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn root_of(&self, path: &Path) -> Option<PathBuf> {
        let files = self.files.lock().unwrap();
        let mut dirs = path.ancestors();
        dirs.find(|dir| files.contains_key(&dir.join("plat.toml")))
            .map(Path::to_owned)
    }

    fn packages_below(&self, dir: &Path) -> Below {
        let files = self.files.lock().unwrap();
        let manifests = files.keys().filter(|path| path.ends_with("plat.toml"));
        let roots = manifests.filter_map(|path| path.parent());
        let roots = roots.filter(|root| root.starts_with(dir));
        Below {
            roots: roots.map(Path::to_owned).collect(),
            all: true,
        }
    }

    fn load(
        &self,
        root: &Path,
        open: &dyn Fn(&Path) -> Option<Arc<str>>,
    ) -> Result<Loaded, String> {
        let mut project = Project::default();
        let mut dirs = BTreeMap::new();
        let mut unreadable = Vec::new();
        let mut texts = BTreeMap::new();
        let mut note = |shown: &str, dir: &Path| {
            let path = dir.join("plat.toml");
            let text = open(&path)
                .map(|t| t.to_string())
                .or_else(|| self.read(&path));
            texts.insert(shown.to_owned(), text.unwrap_or_default());
        };
        note("plat.toml", root);
        let main = self.package(root, "", None, open, &mut unreadable)?;
        let dependencies = main.manifest.dependencies.clone();
        dirs.insert(main.manifest.name.clone(), root.to_owned());
        project.packages.push(main);
        for (name, dependency) in dependencies {
            let Source::Path(path) = dependency.source else {
                continue;
            };
            let mut dir = root.to_owned();
            for part in Path::new(&path).components() {
                match part {
                    Component::ParentDir => assert!(dir.pop()),
                    part => dir.push(part),
                }
            }
            let package = self.package(&dir, &path, Some(&name), open, &mut unreadable);
            let Ok(package) = package else {
                let place = dependency.place;
                let message = format!("the package `{name}` is not there");
                let file = Arc::from("plat.toml");
                unreadable.push(Diagnostic::error("E0806", &file, place, message));
                continue;
            };
            note(&format!("{name}:plat.toml"), &dir);
            project.packages.push(package);
            dirs.insert(name, dir);
        }
        Ok(Loaded {
            project,
            dirs,
            unreadable,
            texts,
        })
    }

    fn read_data(&self, package: &Path, path: &str) -> Result<String, String> {
        self.read(&package.join(path))
            .ok_or("it is not there".to_owned())
    }

    fn plan(&self, _: &Path, graph: &Graph, _: &[CaseShape]) -> Result<Planned, String> {
        Ok(Planned {
            recorded: false,
            text: format!("{} to make", graph.nodes.len()),
            plan: json!({ "format": 1 }),
        })
    }

    fn committed(&self, root: &Path, open: &[String]) -> Vec<(String, String)> {
        let now = self.files.lock().unwrap();
        let then = self.committed.lock().unwrap();
        let below = then.iter().filter_map(|(path, text)| {
            let name = path.strip_prefix(root).ok()?.to_str()?.to_owned();
            let wanted = now.get(path) != Some(text) || open.contains(&name);
            (wanted && name.ends_with(".plat")).then(|| (name, text.clone()))
        });
        below.collect()
    }

    fn applied(&self, _: &Path, _: &str, _: &str) -> Option<Graph> {
        None
    }

    fn has_manifests(&self, target: &str) -> bool {
        target == "kubernetes"
    }

    fn becomes(&self, _: &Path, graph: &Graph, declaration: &str) -> Result<String, String> {
        Ok(format!(
            "kind: {}\nname: {declaration}\n",
            graph.environment.name
        ))
    }

    fn library(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/std"))
    }
}

/// A manifest does not know whose it is.
fn renamed(mut diagnostic: Diagnostic, name: Option<&str>) -> Diagnostic {
    if let Some(name) = name {
        diagnostic.primary.file = Arc::from(format!("{name}:plat.toml"));
    }
    diagnostic
}

/// A client that has begun to speak with a server.
pub struct Client {
    connection: Connection,
    server: Option<JoinHandle<bool>>,
    next: i32,
    /// What the server shows of what is wrong, by address.
    pub diagnostics: BTreeMap<String, Vec<Value>>,
    /// What the server can.
    pub capabilities: Value,
    /// What the server asked of the client.
    pub asked: Vec<String>,
    /// What it told of how far it is: that it begins, that it goes on, that it ends.
    pub progress: Vec<String>,
    /// Messages to the user, and to the log.
    pub said: Vec<String>,
    answers: BTreeMap<String, Response>,
    busy: bool,
}

impl Client {
    /// With the files, the folder `/w/app`, and UTF-16.
    pub fn new(disk: &Disk) -> Self {
        Self::with(disk, json!({}), json!({ "status": true }))
    }

    /// With what the client can, and options.
    pub fn with(disk: &Disk, capabilities: Value, options: Value) -> Self {
        Self::in_folders(disk, &["/w/app"], capabilities, options)
    }

    /// With the folders that are open, what the client can, and options.
    pub fn in_folders(disk: &Disk, folders: &[&str], capabilities: Value, options: Value) -> Self {
        let (theirs, ours) = Connection::memory();
        let host = Arc::new(disk.clone());
        let server = std::thread::spawn(move || plat_lsp::serve(&theirs, host).unwrap());
        let mut client = Self {
            connection: ours,
            server: Some(server),
            next: 0,
            diagnostics: BTreeMap::new(),
            capabilities: Value::Null,
            asked: Vec::new(),
            said: Vec::new(),
            progress: Vec::new(),
            answers: BTreeMap::new(),
            busy: false,
        };
        let params = json!({
            "processId": null,
            "rootUri": null,
            "capabilities": capabilities,
            "initializationOptions": options,
            "workspaceFolders": folders.iter().map(|path| folder(path)).collect::<Vec<_>>(),
        });
        client.capabilities = client.ask("initialize", params).unwrap()["capabilities"].take();
        client.tell("initialized", json!({}));
        client
    }

    pub fn tell(&self, method: &str, params: Value) {
        let method = method.to_owned();
        let message = Message::Notification(Notification { method, params });
        self.connection.sender.send(message).unwrap();
    }

    /// Asks something and does not wait; the number to wait for.
    pub fn begin(&mut self, method: &str, params: Value) -> i32 {
        self.next += 1;
        let id = RequestId::from(self.next);
        let method = method.to_owned();
        let message = Message::Request(Request { id, method, params });
        self.connection.sender.send(message).unwrap();
        self.next
    }

    /// Waits for the answer to a question.
    pub fn end(&mut self, id: i32) -> Result<Value, (i32, String)> {
        let id = RequestId::from(id).to_string();
        loop {
            if let Some(response) = self.answers.remove(&id) {
                return match response.response_kind() {
                    Ok(value) => Ok(value),
                    Err(error) => Err(error),
                };
            }
            self.hear();
        }
    }

    /// Asks something and waits for the answer; asks again where the server says that things have
    /// changed meanwhile.
    pub fn ask(&mut self, method: &str, params: Value) -> Result<Value, (i32, String)> {
        loop {
            let id = self.begin(method, params.clone());
            match self.end(id) {
                Err((-32801, _)) => {}
                other => return other,
            }
        }
    }

    /// Takes in one message; fails if none comes.
    fn hear(&mut self) {
        let wait = std::time::Duration::from_secs(60);
        match self
            .connection
            .receiver
            .recv_timeout(wait)
            .expect("the server says nothing")
        {
            Message::Response(response) => {
                self.answers.insert(response.id.to_string(), response);
            }
            Message::Request(request) => {
                self.asked.push(request.method);
                let answer = Response::new_ok(request.id, Value::Null);
                self.connection
                    .sender
                    .send(Message::Response(answer))
                    .unwrap();
            }
            Message::Notification(note) => match note.method.as_str() {
                "textDocument/publishDiagnostics" => {
                    let uri = note.params["uri"].as_str().unwrap().to_owned();
                    let found = note.params["diagnostics"].as_array().unwrap().clone();
                    self.diagnostics.insert(uri, found);
                }
                "$/progress" => {
                    let kind = note.params["value"]["kind"].as_str().unwrap();
                    self.progress.push(kind.to_owned());
                }
                "plat/status" => self.busy = note.params["busy"].as_bool().unwrap(),
                _ => self.said.push(note.params["message"].to_string()),
            },
        }
    }

    /// Waits until the server has taken in and checked everything.
    pub fn settle(&mut self) {
        // What is asked after a change is answered after it was taken in.
        let _ = self.ask("plat/nothing", Value::Null);
        while self.busy {
            self.hear();
        }
    }

    pub fn open(&mut self, path: &str, text: &str) {
        self.open_at(&format!("file://{path}"), text);
    }

    /// Opens what need not be a file.
    pub fn open_at(&mut self, uri: &str, text: &str) {
        let document = json!({ "uri": uri, "languageId": "plat", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    pub fn close(&mut self, path: &str) {
        self.close_at(&format!("file://{path}"));
    }

    /// Closes what need not be a file.
    pub fn close_at(&mut self, uri: &str) {
        let document = json!({ "textDocument": { "uri": uri } });
        self.tell("textDocument/didClose", document);
    }

    /// Says that files came (1), changed (2) or went (3).
    pub fn files(&mut self, changes: &[(&str, u32)]) {
        let changes = changes.iter();
        let changes =
            changes.map(|(p, kind)| json!({ "uri": format!("file://{p}"), "type": kind }));
        let changes: Vec<Value> = changes.collect();
        self.tell(
            "workspace/didChangeWatchedFiles",
            json!({ "changes": changes }),
        );
    }

    /// Opens and closes folders.
    pub fn folders(&mut self, removed: &[&str], added: &[&str]) {
        let all =
            |paths: &[&str]| -> Vec<Value> { paths.iter().map(|path| folder(path)).collect() };
        let event = json!({ "removed": all(removed), "added": all(added) });
        self.tell(
            "workspace/didChangeWorkspaceFolders",
            json!({ "event": event }),
        );
    }

    /// Replaces the whole text of a document.
    pub fn replace(&mut self, path: &str, version: i32, text: &str) {
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": format!("file://{path}"), "version": version },
                "contentChanges": [{ "text": text }],
            }),
        );
    }

    /// Replaces a range (line, character, line, character) of a document.
    pub fn change(&mut self, path: &str, version: i32, range: [u32; 4], text: &str) {
        self.change_at(&format!("file://{path}"), version, range, text);
    }

    /// The same of what need not be a file.
    pub fn change_at(&mut self, uri: &str, version: i32, range: [u32; 4], text: &str) {
        let [a, b, c, d] = range;
        self.tell(
            "textDocument/didChange",
            json!({
                "textDocument": { "uri": uri, "version": version },
                "contentChanges": [{
                    "range": {
                        "start": { "line": a, "character": b },
                        "end": { "line": c, "character": d },
                    },
                    "text": text,
                }],
            }),
        );
    }

    /// Asks about a document.
    pub fn about(&mut self, method: &str, path: &str, more: Value) -> Value {
        let mut params = json!({ "textDocument": { "uri": format!("file://{path}") } });
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        self.ask(method, params).unwrap()
    }

    /// The diagnostics of a file: `LINE:CHARACTER CODE MESSAGE`, the first line of each message.
    pub fn wrong(&self, path: &str) -> Vec<String> {
        let found = self.diagnostics.get(&format!("file://{path}"));
        let found = found.into_iter().flatten();
        found
            .map(|d| {
                let start = &d["range"]["start"];
                let message = d["message"].as_str().unwrap().lines().next().unwrap();
                let code = d["code"].as_str().unwrap();
                format!("{}:{} {code} {message}", start["line"], start["character"])
            })
            .collect()
    }

    /// Ends the conversation as clients do.
    pub fn shutdown(mut self) {
        self.ask("shutdown", Value::Null).unwrap();
        self.tell("exit", Value::Null);
        assert!(self.server.take().unwrap().join().unwrap());
    }
}

fn folder(path: &str) -> Value {
    json!({ "uri": format!("file://{path}"), "name": path })
}

/// The two ways a response goes, whatever the library calls them.
trait Kind {
    fn response_kind(self) -> Result<Value, (i32, String)>;
}

impl Kind for Response {
    fn response_kind(self) -> Result<Value, (i32, String)> {
        let value = serde_json::to_value(&self).unwrap();
        match value.get("error") {
            Some(error) => Err((
                i32::try_from(error["code"].as_i64().unwrap()).unwrap(),
                error["message"].as_str().unwrap().to_owned(),
            )),
            None => Ok(value["result"].clone()),
        }
    }
}
