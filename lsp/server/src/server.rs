//! The thread that listens: it takes in what the client says, in that order, and hands out work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
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
use crate::host::Host;
use crate::package::Snapshot;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::requests::{self, Asked, Refusal};
use crate::tokens::Given;
use crate::workspace::{News, Workspace};

/// What the threads report.
#[derive(Debug)]
pub enum Task {
    /// A question was answered.
    Answered(Response),
    /// Something is to be said to the user.
    Said(String),
    /// Something was found out about what is wrong.
    Diagnostics(Found),
    /// How far a look at what is wrong with a package in this state is, for people.
    Step(u64, String),
    /// The look at what is wrong ended, done or not.
    Looked,
}

/// All there is to know.
pub struct Server {
    to_client: Sender<Message>,
    host: Arc<dyn Host>,
    client: Client,
    workspace: Workspace,
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
    /// The packages that have to be looked at.
    to_look: BTreeSet<PathBuf>,
    /// The package that is being looked at, and the number of its state.
    looking: Option<(PathBuf, u64)>,
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
            workspace: Workspace::new(Arc::clone(&host), client.watches),
            host,
            client,
            answers: Pool::new(),
            looks: Pool::with(1, "looks"),
            tasks,
            done,
            pending: BTreeMap::new(),
            told: Told::default(),
            tokens: Arc::default(),
            to_look: BTreeSet::new(),
            looking: None,
            said_busy: false,
            progress: Progress::new(progress),
            next_id: 0,
            shutdown: false,
        };
        server.watch();
        server.workspace.folders_changed(&[], &folders(params));
        server.take_news();
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
            Task::Said(text) => {
                self.notify("window/showMessage", json!({ "type": 3, "message": text }));
            }
            Task::Diagnostics(found) => {
                // What was found of a state that is past is thrown away.
                let package = self.workspace.package(&found.root);
                if package.is_some_and(|package| package.state == found.state) {
                    for params in self.told.take(found) {
                        self.notify("textDocument/publishDiagnostics", params);
                    }
                }
            }
            Task::Step(state, how_far) => {
                let looking = self.looking.as_ref();
                if looking.is_some_and(|(_, looked)| *looked == state) {
                    let report = self.progress.report(&how_far);
                    self.tell_progress(report);
                }
            }
            Task::Looked => self.looking = None,
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

    // ---- what the client says

    fn notification(&mut self, notification: Notification) {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                if let Some(params) = self.read::<DidOpenTextDocumentParams>(&method, params) {
                    self.workspace.open(params.text_document);
                }
            }
            "textDocument/didChange" => {
                if let Some(params) = self.read::<DidChangeTextDocumentParams>(&method, params) {
                    self.workspace.change(params, self.client.encoding);
                }
            }
            "textDocument/didClose" => {
                if let Some(params) = self.read::<DidCloseTextDocumentParams>(&method, params) {
                    let uri = params.text_document.uri;
                    self.tokens.forget(&self.named(&uri));
                    self.workspace.close(&uri);
                }
            }
            "textDocument/didSave" => {
                // Files that programs name may have come since, in directories nobody watches.
                let uri = params.pointer("/textDocument/uri").and_then(Value::as_str);
                let path = uri.and_then(|uri| self.workspace.path_of(&Uri::from(uri)));
                self.workspace.files_changed(path.as_slice());
            }
            "workspace/didChangeWatchedFiles" => {
                if let Some(params) = self.read::<DidChangeWatchedFilesParams>(&method, params) {
                    let changed = params.changes.iter().map(|change| &change.uri);
                    let changed = changed.filter_map(|uri| self.workspace.path_of(uri));
                    let changed: Vec<PathBuf> = changed.collect();
                    self.workspace.files_changed(&changed);
                }
            }
            "workspace/didChangeWorkspaceFolders" => {
                if let Some(params) = self.read::<DidChangeWorkspaceFoldersParams>(&method, params)
                {
                    let uris = |folders: Vec<gen_lsp_types::WorkspaceFolder>| -> Vec<Uri> {
                        folders.into_iter().map(|folder| folder.uri).collect()
                    };
                    let event = params.event;
                    self.workspace
                        .folders_changed(&uris(event.removed), &uris(event.added));
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
        self.take_news();
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
        let path = uri.as_ref().map(|uri| self.named(uri));
        let packages = match uri.as_ref().zip(path.as_ref()) {
            Some((uri, path)) => self.workspace.about(uri, path),
            None => self.workspace.all(),
        };
        self.answer(request, path, packages, answer);
    }

    /// What a document is called: its path; of one that is no file, its address.
    fn named(&self, uri: &Uri) -> PathBuf {
        let path = self.workspace.path_of(uri);
        path.unwrap_or_else(|| PathBuf::from(&uri.0))
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
            tasks: tasks.clone(),
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

    /// Takes in what came of what the client said.
    fn take_news(&mut self) {
        for news in self.workspace.news() {
            match news {
                News::Changed(root) => {
                    // Who types does not wait for a look at something else: that is begun again.
                    if let Some((other, _)) = self.looking.clone().filter(|(o, _)| *o != root) {
                        self.workspace.interrupt(&other);
                        self.to_look.insert(other);
                    }
                    self.to_look.insert(root);
                    self.say_status(true);
                }
                News::Forgotten(root) => {
                    self.to_look.remove(&root);
                    for params in self.told.forget(&root) {
                        self.notify("textDocument/publishDiagnostics", params);
                    }
                }
                News::Log(text) => self.log(&text),
                News::Complaint(text) => self.complain(&text),
            }
        }
    }

    /// Ends what is looked for, if that is what is shown: the user does not want to wait for it. What
    /// is told so far stays; the next change begins anew.
    fn give_up(&mut self, shown: bool) {
        if !shown {
            return;
        }
        self.to_look.clear();
        self.workspace.interrupt_all();
    }

    /// Begins to look at what has changed: one package after the other, what changed last first.
    fn look(&mut self) {
        if self.client.diagnostics == Diagnostics::Pull && !self.to_look.is_empty() {
            self.to_look.clear();
            if self.client.refreshes {
                self.ask("workspace/diagnostic/refresh", Value::Null);
            }
        }
        if self.looking.is_some() {
            return;
        }
        let waiting = self.to_look.iter();
        let waiting = waiting.filter_map(|root| self.workspace.package(root));
        let Some(package) = waiting.max_by_key(|package| package.state) else {
            self.to_look.clear();
            let was_busy = self.said_busy;
            self.say_status(false);
            // What is old goes now that nobody waits: else the next change would have to let go of it. A
            // question that is being answered would be ended by that.
            if was_busy && self.pending.is_empty() {
                self.workspace.release();
            }
            return;
        };
        let documents = self.workspace.documents();
        let open = documents.all().filter_map(|document| {
            let path = document.path.as_deref().unwrap_or(&package.root);
            package.files.file(path)
        });
        let open: Vec<FileId> = open.filter(|file| package.db.is_own(*file)).collect();
        let snapshot = package.snapshot(documents);
        let tasks = self.tasks.clone();
        let encoding = self.client.encoding;
        self.looking = Some((snapshot.root.clone(), snapshot.state));
        self.to_look.remove(&snapshot.root);
        self.looks.spawn(move || {
            requests::without_panic(|| {
                diagnostics::look(&snapshot, &open, encoding, &tasks);
            });
            drop(snapshot);
            let _ = tasks.send(Task::Looked);
        });
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
fn folders(params: &InitializeParams) -> Vec<Uri> {
    let all = serde_json::to_value(params).unwrap_or_default();
    let folders = all.get("workspaceFolders").and_then(Value::as_array);
    let uris = folders.into_iter().flatten().filter_map(|f| f.get("uri"));
    let mut folders: Vec<Uri> = uris.filter_map(Value::as_str).map(Uri::from).collect();
    if folders.is_empty() {
        folders.extend(params.root_uri.clone());
    }
    folders
}
