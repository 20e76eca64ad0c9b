//! As the entrypoint of a container: what to run is on its command line.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::{ask, eventually, kill, program};

/// The shim as a kubelet starts it.
fn exec(dir: &Path, options: &[&str], script: &str) -> Command {
    let mut command = Command::new(program());
    command.arg("exec").arg("--dir").arg(dir).args(options);
    command.args(["--", "sh", "-c", script]);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn told(mut shim: Command) -> Output {
    shim.output().unwrap()
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// What is answered at a port; none while nobody listens there.
fn asked(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    write!(stream, "{request} HTTP/1.1\r\nHost: shim\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Some(answer)
}

/// Ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_command_runs_in_what_it_finds_there() {
    let dir = TempDir::new().unwrap();
    let mut shim = exec(
        dir.path(),
        &[],
        "pwd; echo $GREETING; echo no >&2; umask; exit 4",
    );
    shim.env("GREETING", "good day").current_dir("/usr");
    let ended = told(shim);
    // What the workload prints stands alone.
    assert_eq!(text(&ended.stdout), "/usr\ngood day\n0022\n");
    assert_eq!(text(&ended.stderr), "no\n");
    assert_eq!(ended.status.code(), Some(4));
}

#[test]
fn what_can_not_run_is_said() {
    let dir = TempDir::new().unwrap();
    let mut shim = Command::new(program());
    shim.arg("exec").arg("--dir").arg(dir.path());
    shim.args(["--", "/nowhere/at-all"]);
    let ended = shim.output().unwrap();
    assert_eq!(ended.status.code(), Some(127));
    assert_eq!(
        text(&ended.stderr),
        "plat-shim: the command `/nowhere/at-all` does not exist (or the interpreter in its first line doesn't)\n"
    );
}

#[test]
fn its_port_tells_and_does_nothing() {
    let dir = TempDir::new().unwrap();
    let port = free_port();
    let options = ["--name", "shop/api", "--listen", &port.to_string()];
    let shim = exec(dir.path(), &options, "exec sleep 1000").spawn();
    let _shim = Running(shim.unwrap());
    let metrics = eventually("an answer", || asked(port, "GET /metrics"));
    assert!(metrics.starts_with("HTTP/1.1 200 OK"), "{metrics}");
    assert!(metrics.contains("shop/api"), "{metrics}");
    for path in ["/healthz", "/readyz"] {
        let answer = asked(port, &format!("GET {path}")).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    for request in [
        "GET /status",
        "POST /stop",
        "POST /restart",
        "POST /signal?name=KILL",
    ] {
        let answer = asked(port, request).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{request}: {answer}");
    }
    // On the socket, which is its user's alone, all of it is there.
    let answer = ask(&dir.path().join("shim.sock"), "GET /status");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[test]
fn a_port_that_is_taken_stops_nothing() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = told(exec(dir.path(), &["--listen", &port], "echo up"));
    assert_eq!(text(&ended.stdout), "up\n");
    assert_eq!(ended.status.code(), Some(0));
    let why = format!(
        "plat-shim: its metrics can't be asked for: listening on port {port}: Address already in use"
    );
    assert!(text(&ended.stderr).starts_with(&why), "{ended:?}");
}

#[test]
fn it_is_told_to_end_and_drains() {
    let dir = TempDir::new().unwrap();
    let script = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let mut shim = exec(dir.path(), &["--drain", "600000"], script);
    let mut shim = Running(shim.spawn().unwrap());
    let mut out = shim.0.stdout.take().unwrap();
    let mut up = [0; 3];
    out.read_exact(&mut up).unwrap();
    kill(shim.0.id().into(), libc::SIGTERM);
    let socket = dir.path().join("shim.sock");
    eventually("unready", || {
        ask(&socket, "GET /readyz").contains(" 503 ").then_some(())
    });
    // Told again, it waits no longer.
    kill(shim.0.id().into(), libc::SIGTERM);
    assert_eq!(shim.0.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "told\n");
}

#[test]
fn it_lays_itself_down() {
    let dir = TempDir::new().unwrap();
    let to = dir.path().join("shim");
    for _ in 0..2 {
        // The pod's directory may have it from before.
        let status = Command::new(program()).arg("install").arg(&to).status();
        assert!(status.unwrap().success());
    }
    let about = fs::metadata(&to).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o555);
    let version = Command::new(&to).arg("--version").output().unwrap();
    assert!(text(&version.stdout).starts_with("plat-shim "));
    let nowhere = dir.path().join("no/shim");
    let refused = Command::new(program())
        .arg("install")
        .arg(&nowhere)
        .output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(73));
    let why = format!(
        "plat-shim: could not copy itself to {}: ",
        nowhere.display()
    );
    assert!(text(&refused.stderr).starts_with(&why), "{refused:?}");
}
