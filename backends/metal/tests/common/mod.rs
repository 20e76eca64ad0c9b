//! A real agent with directories of its own, asked as the engine asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plat_engine::{
    Action, Backend, DataFate, Done, Inspect, LogQuery, NodeStatus, Object, ObjectId, Observed,
    OpContext, OpError, OpId, Operation, Precondition, ProgressSink, Scope, Token, Turn,
};
use plat_metal::Local;
use plat_metal::agent;
use plat_metal::client::program_id;
use plat_metal::dirs::Dirs;
use plat_metal::spec::{Check, Probe, Process, Route, Spec, To, Workload};
use plat_metal::text::Text;
use plat_model::TargetId;

/// A machine of its own: removed with all that runs on it at the end.
pub struct World {
    pub tmp: tempfile::TempDir,
    pub dirs: Dirs,
    pub local: Local,
    pub scope: Scope,
    tokens: AtomicUsize,
}

impl World {
    pub fn new() -> Self {
        static BUILT: Once = Once::new();
        BUILT.call_once(|| {
            let mut cargo = Command::new(env!("CARGO"));
            // As cargo sets them for a test, build scripts that read them would be run anew.
            let told = |name: &OsString| {
                let name = name.to_string_lossy();
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            };
            for name in std::env::vars_os().map(|(name, _)| name).filter(told) {
                cargo.env_remove(name);
            }
            let built = cargo
                .args(["build", "-q", "-p", "plat-shim", "--bin", "plat-shim"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(built.unwrap().success(), "the shim must build");
        });
        let tmp = tempfile::Builder::new().prefix("plat").tempdir().unwrap();
        // Data services run as other users where the tests run as root.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tmp.path(), mode).unwrap();
        let cache = std::env::temp_dir().join("plat-tests-cache");
        let dirs = Dirs::at(&tmp.path().join("home"), Some(&cache));
        let local = Local::new(dirs.clone(), program(), tmp.path());
        Self {
            local,
            dirs,
            scope: Scope {
                app: "shop".into(),
                environment: "dev".into(),
            },
            tmp,
            tokens: AtomicUsize::new(1),
        }
    }

    /// An object of the node that `id` names.
    pub fn object(&self, id: &str, spec: &Spec) -> Object {
        let mut object = Object::new(id, TargetId::main(), serde_json::to_value(spec).unwrap());
        object.node = id.split_once('/').map(|(_, node)| node.into());
        object
    }

    pub fn token(&self) -> Token {
        Token(format!("t{}", self.tokens.fetch_add(1, Ordering::SeqCst)))
    }

    /// Makes the object what it says, whatever is there now.
    pub async fn apply(&self, object: &Object) -> Result<Done, OpError> {
        self.apply_as(object, self.token()).await
    }

    pub async fn apply_as(&self, object: &Object, token: Token) -> Result<Done, OpError> {
        let (action, precondition) = match self.seen(object.id.as_str()).await {
            Observed::Present(p) => (
                Action::Update,
                Precondition::Be {
                    uid: p.uid,
                    version: p.version,
                },
            ),
            _ => (Action::Create, Precondition::BeAbsent),
        };
        let operation = self.operation(action, object, precondition, token);
        self.local.execute(&operation, &self.context()).await
    }

    pub async fn delete(&self, id: &str, data: DataFate) -> Result<Done, OpError> {
        let Observed::Present(p) = self.seen(id).await else {
            panic!("{id} is not there");
        };
        let precondition = Precondition::Be {
            uid: p.uid,
            version: p.version,
        };
        let object = Object::new(id, TargetId::main(), serde_json::Value::Null);
        let mut operation = self.operation(Action::Delete, &object, precondition, self.token());
        operation.desired = None;
        operation.data = data;
        self.local.execute(&operation, &self.context()).await
    }

    pub fn operation(
        &self,
        action: Action,
        object: &Object,
        precondition: Precondition,
        token: Token,
    ) -> Operation {
        Operation {
            id: OpId(0),
            action,
            object: object.id.clone(),
            target: object.target.clone(),
            node: object.node.clone(),
            label: object.label.clone(),
            desired: Some(object.clone().into()),
            previous: None,
            precondition,
            after: Vec::new(),
            token,
            again: false,
            protect: false,
            take: Vec::new(),
            data: DataFate::Untouched,
            changes: Vec::new(),
            how: None,
            place: None,
        }
    }

    pub fn context(&self) -> OpContext {
        OpContext {
            scope: self.scope.clone(),
            fence: 1,
            deadline: Duration::from_secs(120),
            outs: Default::default(),
            stop: Default::default(),
            progress: ProgressSink::none(),
            turn: Turn::none(),
        }
    }

    pub async fn seen(&self, id: &str) -> Observed {
        let id = ObjectId::new(id);
        let asked = BTreeSet::from([id.clone()]);
        self.local.observe(&self.scope, &asked).await.of(&id)
    }

    pub async fn status(&self, node: &str) -> NodeStatus {
        let all = self.local.status(&self.scope).await.unwrap();
        all.into_iter()
            .find(|s| s.node.as_str() == node)
            .unwrap_or_else(|| panic!("{node} has no status"))
    }

    pub async fn log_of(&self, node: &str) -> Vec<String> {
        use futures::StreamExt as _;
        let query = LogQuery {
            nodes: [node.into()].into(),
            ..LogQuery::default()
        };
        let lines = self.local.logs(&self.scope, &query).await.unwrap();
        lines.map(|l| l.unwrap().text).collect().await
    }

    /// The agent's process.
    pub fn agent(&self) -> Option<u32> {
        let log = std::fs::read_to_string(self.dirs.agent_log()).ok()?;
        let line = log.lines().rfind(|l| l.contains("starts (process "))?;
        let pid = line.split("(process ").nth(1)?.split(',').next()?;
        let pid: u32 = pid.parse().ok()?;
        std::path::Path::new(&format!("/proc/{pid}"))
            .exists()
            .then_some(pid)
    }

    /// A script in a directory of its own below the world's.
    pub fn script(&self, dir: &str, text: &str) -> PathBuf {
        let dir = self.tmp.path().join(dir);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("main.py"), text).unwrap();
        dir
    }

    /// Everything of this machine that runs: shims, proxies, agent.
    fn pids(&self) -> Vec<u32> {
        let mark = self.dirs.runtime.to_string_lossy().into_owned();
        let home = self.tmp.path().to_string_lossy().into_owned();
        let mut pids: Vec<u32> = self.agent().into_iter().collect();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let of = |name: &str| {
                let bytes = std::fs::read(entry.path().join(name)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            if of("cmdline").contains(&home)
                || of("cmdline").contains(&mark)
                || cwd.starts_with(&home)
            {
                pids.push(pid);
            }
        }
        pids
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dirs.agent_log()).unwrap_or_default();
            println!("the agent's log:\n{log}");
        }
        if let Some(agent) = self.agent() {
            kill(agent);
        }
        // The shims first: they would start their children again.
        if let Ok(instances) = std::fs::read_dir(self.dirs.runtime.join("states")) {
            for state in instances.flatten() {
                let text = std::fs::read(state.path()).unwrap_or_default();
                let json: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
                if json["state"] != "exited"
                    && let Some(pid) = json["shim_pid"].as_u64()
                {
                    kill(u32::try_from(pid).unwrap());
                }
            }
        }
        for pid in self.pids() {
            if pid != std::process::id() {
                kill(pid);
            }
        }
        let _ = std::fs::remove_dir_all(&self.dirs.runtime);
    }
}

/// This very program stands in for `platc`: told `internal agent`, the test harness runs the one
/// test whose name holds these words. So nothing else has to be built, and nothing is stale.
fn program() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// What a test called `internal` does: nothing among the other tests, and what `platc internal`
/// does when it is asked to.
pub async fn internal() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result: Result<(), String> = match args.as_slice() {
        ["internal", "agent"] => {
            // Not beside this program: the agent runs from a copy that it keeps elsewhere.
            let shim = concat!(env!("CARGO_TARGET_TMPDIR"), "/../debug/plat-shim");
            let exact = ["--exact", "--nocapture", "internal"].map(str::to_owned);
            let config = agent::Config {
                shim: std::fs::read(shim).unwrap().leak(),
                program: program_id(&program()).unwrap(),
                internal: [program().to_str().unwrap().to_owned()]
                    .into_iter()
                    .chain(exact)
                    .collect(),
                idle: Duration::from_secs(5),
            };
            let dirs = Dirs::of_user().unwrap();
            agent::serve(dirs, config).await.map_err(|e| e.to_string())
        }
        [.., "proxy", config] => plat_metal::proxy::serve(Path::new(config))
            .await
            .map_err(|e| e.to_string()),
        [.., "s3", config] => plat_metal::objectstore::serve(Path::new(config))
            .await
            .map_err(|e| e.to_string()),
        _ => return,
    };
    if let Err(e) = result {
        use std::io::Write as _;
        // Past the harness, which keeps what a test prints.
        let _ = writeln!(std::io::stderr(), "{e}");
        std::process::exit(1);
    }
}

pub fn kill(pid: u32) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// A process that runs `main.py` of `dir`.
pub fn python(dir: &Path) -> Process {
    Process {
        command: vec!["python3".into(), "-u".into(), "main.py".into()],
        dir: dir.to_path_buf(),
        source: "1".into(),
        prepare: Vec::new(),
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        ports: BTreeMap::new(),
        ready: None,
        alive: None,
        grace: 5_000,
        signal: "TERM".into(),
        secrets: BTreeMap::new(),
    }
}

/// A server that answers with its `VERSION` and its process, finishing what it began when asked
/// to end.
pub const SERVER: &str = r#"
import http.server, os, signal, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow": time.sleep(0.3)
        body = f"{os.environ.get('VERSION', '')} {os.getpid()} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if stopping: self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = False
    request_queue_size = 128
stopping = False
server = Server(("127.0.0.1", int(os.environ["PORT"])), Handler)
def stop(*_):
    global stopping
    stopping = True
    threading.Thread(target=lambda: (server.shutdown(), os._exit(0))).start()
signal.signal(signal.SIGTERM, stop)
print("listening on", os.environ["PORT"], "as", os.environ.get("VERSION", ""))
server.serve_forever()
"#;

/// A service of [`SERVER`].
pub fn service(dir: &Path, version: &str, copies: u32) -> Workload {
    let mut process = python(dir);
    process.ports.insert("main".into(), 8080);
    process
        .env
        .insert("VERSION".into(), Text::Known(version.into()));
    process.ready = Some(Probe {
        check: Check::Http {
            port: "main".into(),
            path: "/healthz".into(),
            host: None,
        },
        every: 500,
        timeout: 1_000,
        failures: 2,
        start: 10_000,
    });
    Workload {
        process,
        copies,
        stop_first: false,
        addresses: Vec::new(),
        within: 20_000,
    }
}

/// A route of `host` to the service `node`.
pub fn route(host: &str, node: &str, port: u16) -> Spec {
    let answer = plat_metal::spec::Answer {
        to: To::Service(node.into(), "main".into()),
        strip: false,
        timeout: None,
        limit: None,
    };
    Spec::Route(Route {
        port,
        hosts: vec![host.into()],
        aliases: Vec::new(),
        paths: BTreeMap::from([("/".to_owned(), answer)]),
    })
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// One GET over a connection of its own: status and body.
pub fn get(port: u16, host: &str, path: &str) -> std::io::Result<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .ok_or_else(|| std::io::Error::other(format!("no answer: {answer:?}")))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
    Ok((status, body.to_owned()))
}

/// Waits until `what` gives something, for at most half a minute.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    name: &str,
    mut what: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = what().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{name} did not come about");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
