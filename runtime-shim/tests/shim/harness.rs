//! Starts shims in directories of their own, asks them, and leaves nothing behind.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plat_shim::spec::{Log, Policy, Spec};
use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a machine under load; nothing waits so long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(30);

/// The program under test: the one cargo built, or the one `PLAT_SHIM` names (the static one).
pub fn program() -> PathBuf {
    std::env::var_os("PLAT_SHIM")
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_plat-shim").into())
        .into()
}

/// Waits until `condition` gives something, with what the last failure looked like in the panic.
pub fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "never came: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Says why a test can't be made here. Where everything must be, in CI, that is a failure.
#[expect(clippy::print_stderr, reason = "a test that was not made must say so")]
pub fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

pub fn is_root() -> bool {
    // SAFETY: has no memory effects.
    unsafe { libc::geteuid() == 0 }
}

/// Whether a process is there and no zombie.
pub fn runs(pid: i64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Whether a process is there, be it as a zombie.
pub fn exists(pid: i64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

pub fn kill(pid: i64, signal: i32) {
    // SAFETY: has no memory effects.
    let sent = unsafe { libc::kill(pid.try_into().unwrap(), signal) };
    assert_eq!(sent, 0, "signal {signal} to {pid}");
}

/// Ends a process that the test holds no [`Shim`] of, also when the test fails.
pub struct Killed(pub i64);

impl Drop for Killed {
    fn drop(&mut self) {
        // It is its shim's number, or nobody's yet: numbers are not given anew so soon.
        if runs(self.0) {
            kill(self.0, libc::SIGKILL);
        }
    }
}

/// Writes a file that can be run. Another process does it: were it open for writing here, a fork
/// for another test could carry that on, and nobody could run it (`Text file busy`).
pub fn executable(path: &Path, contents: &str) {
    let write = "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\"";
    let status = Command::new("sh")
        .args(["-c", write])
        .arg(path)
        .arg(contents)
        .status();
    assert!(status.unwrap().success());
}

/// A directory with a spec in the making.
pub struct Setup {
    pub dir: TempDir,
    pub spec: Spec,
}

/// A shell script as the workload: logged, never restarted, stopped without mercy after a while.
pub fn script(script: &str) -> Setup {
    command(&["sh", "-c", script])
}

pub fn command(argv: &[&str]) -> Setup {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name);
    let argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
    let mut spec = Spec::new("test/it", argv, dir.path(), path("control"), path("state"));
    spec.log = Some(Log {
        path: path("log"),
        max_bytes: 1 << 20,
        keep: 3,
    });
    spec.restart.policy = Policy::Never;
    spec.env
        .insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
    Setup { dir, spec }
}

impl Setup {
    pub fn with(mut self, change: impl FnOnce(&mut Spec)) -> Setup {
        change(&mut self.spec);
        self
    }

    /// Starts it as the agent does. It runs, or the test fails.
    pub fn start(self) -> Shim {
        let (shim, reason) = self.try_start(&["run", "--session", "-"]);
        assert_eq!(reason, "", "the shim did not start");
        shim
    }

    /// Starts it; what it says on standard error until it has let go of it.
    pub fn try_start(self, args: &[&str]) -> (Shim, String) {
        let mut command = Command::new(program());
        command.args(args).env("INHERITED", "by mistake");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A shim that takes its spec elsewhere may close this early.
        let _ = stdin.write_all(self.spec.to_text().as_bytes());
        drop(stdin);
        let mut reason = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut reason)
            .unwrap();
        (
            Shim {
                child,
                ended: None,
                spec: self.spec,
                dir: self.dir,
            },
            reason,
        )
    }
}

/// A shim that runs, until the end of the test.
pub struct Shim {
    child: Child,
    ended: Option<ExitStatus>,
    pub spec: Spec,
    pub dir: TempDir,
}

impl Shim {
    pub fn pid(&self) -> i64 {
        self.child.id().into()
    }

    pub fn signal(&self, signal: i32) {
        kill(self.pid(), signal);
    }

    /// Waits for its end; its exit code, or 128 and the signal.
    pub fn wait(&mut self) -> i32 {
        let status = eventually("the shim's end", || self.child.try_wait().unwrap());
        self.ended = Some(status);
        status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap())
    }

    pub fn has_ended(&mut self) -> bool {
        self.ended = self.child.try_wait().unwrap();
        self.ended.is_some()
    }

    /// Everything the shim answers to `request`, e.g. `GET /status`.
    pub fn ask(&self, request: &str) -> String {
        ask(&self.spec.control, request)
    }

    pub fn code(&self, request: &str) -> u16 {
        let answer = self.ask(request);
        answer
            .get(9..12)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("{answer:?}"))
    }

    pub fn status(&self) -> Value {
        let answer = self.ask("GET /status");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    pub fn state_file(&self) -> Value {
        serde_json::from_slice(&fs::read(&self.spec.state).unwrap()).unwrap()
    }

    /// Waits until `status[key] == value`; the whole status then.
    pub fn until(&self, key: &str, value: impl Into<Value>) -> Value {
        let value = value.into();
        eventually(&format!("{key} {value}"), || {
            Some(self.status()).filter(|s| s[key] == value)
        })
    }

    pub fn child_pid(&self) -> i64 {
        self.status()["child_pid"].as_i64().unwrap()
    }

    /// The log, without the older files.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.spec.log.as_ref().unwrap().path).unwrap_or_default()
    }

    /// The texts the log has of one stream (`O`, `E`, `S`).
    pub fn lines(&self, stream: &str) -> Vec<String> {
        let log = self.log();
        let records = log
            .lines()
            .map(|line| line.splitn(3, ' ').collect::<Vec<_>>());
        records
            .filter(|record| record[1] == stream)
            .map(|record| record[2].to_owned())
            .collect()
    }

    /// Waits for a line of the child's output that begins with `start`; the rest of it.
    pub fn says(&self, start: &str) -> String {
        eventually(start, || {
            self.lines("O")
                .iter()
                .find_map(|line| line.strip_prefix(start).map(str::to_owned))
        })
    }

    /// As [`Shim::says`], of the shim itself.
    pub fn tells(&self, start: &str) -> String {
        eventually(start, || {
            self.lines("S")
                .iter()
                .find_map(|line| line.strip_prefix(start).map(str::to_owned))
        })
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        if self.ended.is_none() && !self.has_ended() {
            // Whom it leaves, it leaves to nobody: the child dies with it.
            let below = self.status_if_any();
            let _ = self.child.kill();
            let _ = self.child.wait();
            if let Some(group) = below {
                // SAFETY: has no memory effects.
                unsafe { libc::kill(-group, libc::SIGKILL) };
            }
        }
    }
}

impl Shim {
    fn status_if_any(&self) -> Option<i32> {
        let state: Value = serde_json::from_slice(&fs::read(&self.spec.state).ok()?).ok()?;
        state["child_pid"].as_i64()?.try_into().ok()
    }
}

/// What answers on a Unix socket.
pub fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: shim\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
