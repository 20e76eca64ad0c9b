//! The thread that listens: it takes in what the client says, in that order, and hands out work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, unbounded};
use gen_lsp_types::{
    DidChangeTextDocumentParams, DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, InitializeParams, Uri,
};
use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use plat_ide::{Canceller, FileId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::capabilities::{Client, Diagnostics};
use crate::diagnostics::{self, Found, Told};
use crate::documents::Documents;
use crate::host::Host;
use crate::package::{MANIFEST, Package, Snapshot};
use crate::paths;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::requests::{self, Asked, Refusal};
use crate::tokens::Given;

/// What the threads report.
#[derive(Debug)]
pub enum Task {
    /// A question was answered.
    Answered(Response),
    /// Something was found out about what is wrong.
    Diagnostics(Found),
    /// How far a look at what is wrong is, for people.
    Step(u64, String),
    /// A look at what is wrong ended, done or not.
    Looked(u64),
}

/// All there is to know.
pub struct Server {
    to_client: Sender<Message>,
    host: Arc<dyn Host>,
    client: Client,
    documents: Documents,
    /// By root. A document that is no part of a package is one by itself.
    packages: BTreeMap<PathBuf, Package>,
    /// Of each open document, the root of its package.
    homes: BTreeMap<String, PathBuf>,
    folders: Vec<PathBuf>,
    answers: Pool,
    /// One job at a time: each looks at a package as a whole.
    looks: Pool,
    tasks: Sender<Task>,
    done: Receiver<Task>,
    /// What is being answered, by the question's id.
    pending: BTreeMap<String, Canceller>,
    told: Told,
    /// The tokens that documents were told of.
    tokens: Arc<Given>,
    /// Counts what was taken in: what was found of an older state is thrown away.
    generation: u64,
    /// The packages that have to be looked at.
    to_look: BTreeSet<PathBuf>,
    /// Looks under way.
    looking: usize,
    /// The client was told that something is under way.
    said_busy: bool,
    /// What it was told of what is under way.
    progress: Progress,
    next_id: i32,
    shutdown: bool,
}

impl Server {
    /// Begins to serve.
    pub fn new(
        to_client: Sender<Message>,
        host: Arc<dyn Host>,
        client: Client,
        params: &InitializeParams,
    ) -> Self {
        let (tasks, done) = unbounded();
        let progress = client.progress;
        let mut server = Self {
            to_client,
            host,
            client,
            documents: Documents::default(),
            packages: BTreeMap::new(),
            homes: BTreeMap::new(),
            folders: Vec::new(),
            answers: Pool::new(),
            looks: Pool::with(1, "looks"),
            tasks,
            done,
            pending: BTreeMap::new(),
            told: Told::default(),
            tokens: Arc::default(),
            generation: 0,
            to_look: BTreeSet::new(),
            looking: 0,
            said_busy: false,
            progress: Progress::new(progress),
            next_id: 0,
            shutdown: false,
        };
        server.folders = folders(params)
            .iter()
            .map(|folder| server.host.real_path(folder))
            .collect();
        server.watch();
        server.load_folders();
        server
    }

    /// Until the client says `exit`, or is gone: `true` if it said `shutdown` before.
    pub fn run(mut self, from_client: &Receiver<Message>) -> bool {
        loop {
            // Nothing is begun while there is more to take in: who types fast sends one change
            // after the other.
            let next = match from_client.try_recv() {
                Ok(message) => Some(message),
                Err(crossbeam_channel::TryRecvError::Disconnected) => return self.shutdown,
                Err(crossbeam_channel::TryRecvError::Empty) => None,
            };
            let message = match next {
                Some(message) => message,
                None => {
                    self.look();
                    crossbeam_channel::select_biased! {
                        recv(from_client) -> message => match message {
                            Ok(message) => message,
                            Err(_) => return self.shutdown,
                        },
                        recv(self.done) -> task => {
                            if let Ok(task) = task {
                                self.task(task);
                            }
                            continue;
                        }
                        recv(self.progress.due()) -> _ => {
                            let id = self.new_id();
                            let params = self.progress.ask(id.clone());
                            self.ask_as(id, "window/workDoneProgress/create", params);
                            continue;
                        }
                    }
                }
            };
            match message {
                Message::Request(request) => self.request(request),
                Message::Notification(notification) => {
                    if notification.method == "exit" {
                        return self.shutdown;
                    }
                    self.notification(notification);
                }
                // What the client says to our other questions changes nothing.
                Message::Response(response) => {
                    let shows = response.response_result.is_ok();
                    let begin = self.progress.answered(&response.id, shows);
                    self.tell_progress(begin);
                }
            }
        }
    }

    fn task(&mut self, task: Task) {
        match task {
            Task::Answered(response) => {
                self.pending.remove(&response.id.to_string());
                self.send(Message::Response(response));
            }
            Task::Diagnostics(found) => {
                if found.generation == self.generation {
                    for params in self.told.take(found) {
                        self.notify("textDocument/publishDiagnostics", params);
                    }
                }
            }
            Task::Step(generation, how_far) => {
                if generation == self.generation {
                    let report = self.progress.report(&how_far);
                    self.tell_progress(report);
                }
            }
            Task::Looked(generation) => {
                self.looking -= 1;
                if self.looking == 0 && self.to_look.is_empty() && generation == self.generation {
                    self.say_status(false);
                }
            }
        }
    }

    // ---- saying something

    fn send(&self, message: Message) {
        // A client that is gone is noticed where it is listened to.
        let _ = self.to_client.send(message);
    }

    fn notify(&self, method: &str, params: impl serde::Serialize) {
        let params = serde_json::to_value(params).unwrap_or_default();
        self.send(Message::Notification(Notification {
            method: method.to_owned(),
            params,
        }));
    }

    fn new_id(&mut self) -> RequestId {
        self.next_id += 1;
        RequestId::from(self.next_id)
    }

    fn ask(&mut self, method: &str, params: Value) {
        let id = self.new_id();
        self.ask_as(id, method, params);
    }

    fn ask_as(&self, id: RequestId, method: &str, params: Value) {
        let method = method.to_owned();
        self.send(Message::Request(Request { id, method, params }));
    }

    fn tell_progress(&self, params: Option<Value>) {
        if let Some(params) = params {
            self.notify("$/progress", params);
        }
    }

    fn log(&self, text: &str) {
        self.notify("window/logMessage", json!({ "type": 3, "message": text }));
    }

    fn complain(&self, text: &str) {
        self.notify("window/showMessage", json!({ "type": 1, "message": text }));
    }

    fn say_status(&mut self, busy: bool) {
        if self.client.status && self.said_busy != busy {
            self.notify("plat/status", json!({ "busy": busy }));
        }
        self.said_busy = busy;
        if busy {
            self.progress.begin();
        } else {
            let end = self.progress.end();
            self.tell_progress(end);
        }
    }

    fn watch(&mut self) {
        if !self.client.watches {
            return;
        }
        let globs = [
            "**/*.plat",
            "**/plat.toml",
            "**/plat.lock",
            // What programs read as values.
            "**/*.{json,yaml,yml,toml,txt}",
        ];
        let watchers: Vec<Value> = globs.iter().map(|g| json!({ "globPattern": g })).collect();
        self.ask(
            "client/registerCapability",
            json!({
                "registrations": [{
                    "id": "plat-files",
                    "method": "workspace/didChangeWatchedFiles",
                    "registerOptions": { "watchers": watchers },
                }],
            }),
        );
    }

    // ---- packages

    /// The packages that the folders of the editor are: those inside of them are read when a
    /// document of theirs is opened.
    fn load_folders(&mut self) {
        for folder in self.folders.clone() {
            if self.host.root_of(&folder).as_deref() == Some(&folder) {
                self.load(&folder);
            }
        }
    }

    /// Reads the package at `root`, if it is not there yet.
    fn load(&mut self, root: &Path) -> bool {
        if self.packages.contains_key(root) {
            return true;
        }
        match Package::load(&*self.host, root, &self.documents) {
            Ok(package) => {
                self.log(&format!(
                    "{}: {} files of plat",
                    root.display(),
                    package.db.files().len()
                ));
                self.packages.insert(root.to_path_buf(), package);
                self.changed(root);
                true
            }
            Err(reason) => {
                self.complain(&reason);
                false
            }
        }
    }

    fn reload(&mut self, root: &Path) {
        let Some(package) = self.packages.get_mut(root) else {
            return;
        };
        if package.alone {
            return;
        }
        match package.reload(&*self.host, &self.documents) {
            Ok(()) => self.changed(root),
            Err(reason) => self.log(&reason),
        }
    }

    /// A package is to be looked at again.
    fn changed(&mut self, root: &Path) {
        self.generation += 1;
        self.to_look.insert(root.to_path_buf());
        self.say_status(true);
    }

    fn forget(&mut self, root: &PathBuf) {
        self.packages.remove(root);
        self.to_look.remove(root);
        for params in self.told.forget(root) {
            self.notify("textDocument/publishDiagnostics", params);
        }
    }

    /// Finds the package of a document that was opened, and reads it if need be.
    fn settle(&mut self, uri: &Uri) {
        let Some(document) = self.documents.get(uri).cloned() else {
            return;
        };
        if let Some(path) = &document.path {
            if let Some(root) = self.host.root_of(path)
                && self.load(&root)
            {
                let known = |server: &Self| {
                    let package = server.packages.get(&root);
                    package.is_some_and(|package| package.files.file(path).is_some())
                };
                // One that was made a moment ago, before the editor told of it.
                if !known(self) {
                    self.reload(&root);
                }
                if known(self) || path.file_name().is_some_and(|name| name == MANIFEST) {
                    self.homes.insert(uri.0.clone(), root);
                    return;
                }
            }
            // A file of `std`, or of a package in the cache.
            let of = |(_, package): &(&PathBuf, &Package)| {
                package.files.file(path).is_some() && !package.alone
            };
            if let Some((root, _)) = self.packages.iter().find(of) {
                self.homes.insert(uri.0.clone(), root.clone());
                return;
            }
        }
        let package = Package::alone(&document);
        let root = package.root.clone();
        self.homes.insert(uri.0.clone(), root.clone());
        self.packages.insert(root.clone(), package);
        self.changed(&root);
    }

    /// Puts the text of a document into every package that has its file.
    fn put(&mut self, uri: &Uri) {
        let Some(document) = self.documents.get(uri) else {
            return;
        };
        let home = self.homes.get(&uri.0).cloned();
        let mut changed = Vec::new();
        for (root, package) in &mut self.packages {
            let own = home.as_ref() == Some(root);
            let file = match &document.path {
                Some(path) => package.files.file(path),
                None if own => package.files.file(root),
                None => None,
            };
            // A document by itself is in no other package.
            let Some(file) = file.filter(|_| own || !package.alone) else {
                continue;
            };
            // What is shown of `std` and of what was fetched is not what is compiled.
            if !package.db.is_own(file) {
                continue;
            }
            if package.db.text(file) != &*document.text {
                package.set_text(&*self.host, file, &document.text);
            } else {
                package.open(file);
            }
            changed.push(root.clone());
        }
        for root in changed {
            self.changed(&root);
        }
    }

    // ---- what the client says

    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                if let Some(params) = self.read::<DidOpenTextDocumentParams>(&method, params) {
                    let document = params.text_document;
                    let uri = document.uri.clone();
                    let path = self.path_of(&uri);
                    self.documents
                        .open(document.uri, path, document.version, document.text);
                    self.settle(&uri);
                    self.put(&uri);
                    self.manifest_changed(&uri);
                }
            }
            "textDocument/didChange" => {
                if let Some(params) = self.read::<DidChangeTextDocumentParams>(&method, params) {
                    let id = params.text_document;
                    let uri = id.text_document_identifier.uri;
                    let encoding = self.client.encoding;
                    self.documents
                        .change(&uri, id.version, params.content_changes, encoding);
                    self.put(&uri);
                    self.manifest_changed(&uri);
                }
            }
            "textDocument/didClose" => {
                if let Some(params) = self.read::<DidCloseTextDocumentParams>(&method, params) {
                    self.closed(&params.text_document.uri);
                }
            }
            "textDocument/didSave" => {
                // Files that programs name may have come since, in directories nobody watches.
                let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
                if let Some(root) = uri.and_then(|uri| self.homes.get(uri)).cloned() {
                    self.reload(&root);
                }
            }
            "workspace/didChangeWatchedFiles" => {
                if let Some(params) = self.read::<DidChangeWatchedFilesParams>(&method, params) {
                    let changed = params.changes.iter().map(|change| &change.uri);
                    let changed = changed.filter_map(|uri| self.path_of(uri));
                    let changed: Vec<PathBuf> = changed.collect();
                    self.files_changed(&changed);
                }
            }
            "workspace/didChangeWorkspaceFolders" => {
                if let Some(params) = self.read::<DidChangeWorkspaceFoldersParams>(&method, params)
                {
                    let paths = |folders: &[gen_lsp_types::WorkspaceFolder]| -> Vec<PathBuf> {
                        let uris = folders.iter().map(|folder| &folder.uri);
                        uris.filter_map(|uri| self.path_of(uri)).collect()
                    };
                    let removed = paths(&params.event.removed);
                    let added = paths(&params.event.added);
                    self.folders.retain(|folder| !removed.contains(folder));
                    self.folders.extend(added);
                    self.load_folders();
                    self.forget_unused();
                }
            }
            "window/workDoneProgress/cancel" => {
                let token = params.get("token");
                let shown = token.is_some_and(|token| self.progress.is(token));
                self.give_up(shown);
            }
            "$/cancelRequest" => {
                let id = params.get("id");
                let id = id.and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
                if let Some(canceller) = id.and_then(|id| self.pending.get(&id.to_string())) {
                    canceller.cancel();
                }
            }
            _ => {}
        }
    }

    fn read<T: DeserializeOwned>(&self, method: &str, params: Value) -> Option<T> {
        match serde_json::from_value(params) {
            Ok(params) => Some(params),
            Err(error) => {
                self.log(&format!("a `{method}` could not be read: {error}"));
                None
            }
        }
    }

    fn closed(&mut self, uri: &Uri) {
        let path = self.path_of(uri);
        let path = path.unwrap_or_else(|| PathBuf::from(&uri.0));
        self.tokens.forget(&path);
        self.documents.close(uri);
        let Some(root) = self.homes.remove(&uri.0) else {
            return;
        };
        if self
            .packages
            .get(&root)
            .is_some_and(|package| package.alone)
        {
            self.forget(&root);
        } else {
            // What the file holds counts again.
            self.reload(&root);
        }
        self.forget_unused();
    }

    /// Lets go of packages that no document and no folder is in.
    fn forget_unused(&mut self) {
        let used = |root: &PathBuf| {
            self.homes.values().any(|home| home == root)
                || self.folders.iter().any(|folder| root.starts_with(folder))
        };
        let unused: Vec<PathBuf> = self
            .packages
            .keys()
            .filter(|root| !used(root))
            .cloned()
            .collect();
        for root in unused {
            self.forget(&root);
        }
    }

    /// A manifest is being edited: it says what belongs to the package.
    fn manifest_changed(&mut self, uri: &Uri) {
        let path = self.path_of(uri);
        if let Some(path) = path.filter(|path| path.file_name().is_some_and(|n| n == MANIFEST)) {
            self.files_changed(&[path]);
        }
    }

    fn files_changed(&mut self, changed: &[PathBuf]) {
        let touched = |root: &PathBuf, package: &Package| {
            let below = |path: &PathBuf| path.starts_with(root) || package.holds(path);
            changed.iter().any(below)
        };
        let roots = self
            .packages
            .iter()
            .filter(|(root, package)| touched(root, package));
        let roots: Vec<PathBuf> = roots.map(|(root, _)| root.clone()).collect();
        for root in roots {
            self.reload(&root);
        }
        // A manifest that came makes packages of documents that had none, and the other way.
        if changed
            .iter()
            .any(|path| path.file_name().is_some_and(|n| n == MANIFEST))
        {
            self.load_folders();
            let open: Vec<Uri> = self.documents.all().map(|d| d.uri.clone()).collect();
            for uri in open {
                let home = self.homes.get(&uri.0).cloned();
                let path = self.path_of(&uri);
                let root = path.and_then(|path| self.host.root_of(&path));
                if root.is_some() && root != home {
                    self.homes.remove(&uri.0);
                    let alone = |home: &PathBuf| {
                        let package = self.packages.get(home);
                        package.is_some_and(|package| package.alone)
                    };
                    if let Some(home) = home.filter(alone) {
                        self.forget(&home);
                    }
                    self.settle(&uri);
                    self.put(&uri);
                }
            }
        }
    }

    // ---- what the client asks

    fn request(&mut self, request: Request) {
        if self.shutdown {
            let code = ErrorCode::InvalidRequest as i32;
            let text = "the server is shutting down".to_owned();
            self.send(Message::Response(Response::new_err(request.id, code, text)));
            return;
        }
        if request.method == "shutdown" {
            self.shutdown = true;
            self.send(Message::Response(Response::new_ok(request.id, Value::Null)));
            return;
        }
        let Some(answer) = requests::named(&request.method) else {
            let code = ErrorCode::MethodNotFound as i32;
            let text = format!("the server of plat does not know `{}`", request.method);
            self.send(Message::Response(Response::new_err(request.id, code, text)));
            return;
        };
        let named = ["/textDocument/uri", "/data/textDocument/uri", "/item/uri"];
        let mut named = named.iter().map(|path| request.params.pointer(path));
        let uri = named.find_map(|uri| uri);
        let uri = uri.and_then(Value::as_str).map(Uri::from);
        let path = uri.as_ref().map(|uri| {
            let path = self.path_of(uri);
            path.unwrap_or_else(|| PathBuf::from(&uri.0))
        });
        let packages = match uri.as_ref().zip(path.as_ref()) {
            Some((uri, path)) => self.home_of(uri, path).into_iter().collect(),
            None => {
                let packages = self.packages.values().filter(|p| !p.alone);
                packages.map(|p| p.snapshot(&self.documents)).collect()
            }
        };
        self.answer(request, path, packages, answer);
    }

    /// The path of an address, if it is a file's.
    fn path_of(&self, uri: &Uri) -> Option<PathBuf> {
        match self.documents.get(uri) {
            Some(document) => document.path.clone(),
            None => Some(self.host.real_path(&paths::to_path(uri)?)),
        }
    }

    /// The package in which questions about a document are answered.
    fn home_of(&self, uri: &Uri, path: &Path) -> Option<Snapshot> {
        let root = self.homes.get(&uri.0);
        let package = root.and_then(|root| self.packages.get(root)).or_else(|| {
            let mut packages = self.packages.values();
            packages.find(|p| p.files.file(path).is_some())
        });
        package.map(|package| package.snapshot(&self.documents))
    }

    fn answer(
        &mut self,
        request: Request,
        path: Option<PathBuf>,
        packages: Vec<Snapshot>,
        answer: requests::Answer,
    ) {
        let canceller = Canceller::of(packages.iter().map(|snapshot| &snapshot.db));
        self.pending
            .insert(request.id.to_string(), canceller.clone());
        let tasks = self.tasks.clone();
        let asked = Asked {
            packages,
            path,
            client: self.client.clone(),
            host: Arc::clone(&self.host),
            tokens: Arc::clone(&self.tokens),
        };
        let Request { id, params, .. } = request;
        self.answers.spawn(move || {
            let answered = requests::answer(asked, params, answer);
            let response = match answered {
                Ok(value) => Response::new_ok(id, value),
                Err(refusal) => refused(id, refusal, canceller.is_cancelled()),
            };
            // Nobody listens once the server ends.
            let _ = tasks.send(Task::Answered(response));
        });
    }

    // ---- looking for what is wrong

    /// Ends what is looked for, if that is what is shown: the user does not want to wait for it. What
    /// is told so far stays; the next change begins anew.
    fn give_up(&mut self, shown: bool) {
        if !shown {
            return;
        }
        self.to_look.clear();
        for package in self.packages.values_mut() {
            package.db.interrupt();
        }
    }

    /// Begins to look at what has changed.
    fn look(&mut self) {
        if self.to_look.is_empty() {
            return;
        }
        let roots = std::mem::take(&mut self.to_look);
        if self.client.diagnostics == Diagnostics::Pull {
            if self.client.refreshes {
                self.ask("workspace/diagnostic/refresh", Value::Null);
            }
            self.say_status(false);
            return;
        }
        for root in roots {
            let Some(package) = self.packages.get(&root) else {
                continue;
            };
            let open = self.documents.all().filter_map(|document| {
                let path = document.path.as_deref().unwrap_or(&root);
                package.files.file(path)
            });
            let open: Vec<FileId> = open.filter(|file| package.db.is_own(*file)).collect();
            let snapshot = package.snapshot(&self.documents);
            let (generation, tasks) = (self.generation, self.tasks.clone());
            let encoding = self.client.encoding;
            self.looking += 1;
            self.looks.spawn(move || {
                requests::without_panic(|| {
                    diagnostics::look(generation, &snapshot, &open, encoding, &tasks);
                });
                drop(snapshot);
                let _ = tasks.send(Task::Looked(generation));
            });
        }
    }
}

/// Why there is no answer, in the words of the protocol.
fn refused(id: RequestId, refusal: Refusal, cancelled: bool) -> Response {
    let (code, text) = match refusal {
        Refusal::Interrupted if cancelled => (ErrorCode::RequestCanceled, "cancelled".to_owned()),
        Refusal::Interrupted => (
            ErrorCode::ContentModified,
            "what was asked about has changed".to_owned(),
        ),
        Refusal::Asked(text) => (ErrorCode::InvalidParams, text),
        Refusal::Refused(text) => (ErrorCode::RequestFailed, text),
        Refusal::Bug(text) => (ErrorCode::InternalError, text),
    };
    Response::new_err(id, code as i32, text)
}

/// The folders that are open in the editor.
#[expect(deprecated, reason = "older clients say only these")]
fn folders(params: &InitializeParams) -> Vec<PathBuf> {
    let all = serde_json::to_value(params).unwrap_or_default();
    let folders = all.get("workspaceFolders").and_then(Value::as_array);
    let uris = folders.into_iter().flatten().filter_map(|f| f.get("uri"));
    let uris = uris.filter_map(Value::as_str).map(Uri::from);
    let mut folders: Vec<PathBuf> = uris.filter_map(|uri| paths::to_path(&uri)).collect();
    if folders.is_empty() {
        folders.extend(params.root_uri.as_ref().and_then(paths::to_path));
    }
    folders
}
