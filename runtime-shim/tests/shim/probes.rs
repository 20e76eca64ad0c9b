//! Ready, unready, no longer alive.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use plat_shim::spec::{Check, Policy, Probe};
use serde_json::Value;

use crate::harness::{command, eventually, script};

/// A server that answers with a status of the test's choosing: 0 is no answer at all, 1 is none of
/// HTTP. It lives as long as the test's process.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

fn server(status: u16) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server {
        address,
        status: Arc::new(status.into()),
        asked: Arc::default(),
    };
    let inside = server.clone();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap_or(0);
            if count > 0 {
                let request = String::from_utf8_lossy(&request[..count]).into_owned();
                assert!(request.starts_with("GET /health?x=1 HTTP/1.1\r\nHost: shop.test\r\n"));
            }
            inside.asked.fetch_add(1, Ordering::SeqCst);
            let _ = match inside.status.load(Ordering::SeqCst) {
                0 => {
                    silent.push(stream);
                    Ok(())
                }
                1 => stream.write_all(b"+OK redis speaks otherwise\r\n"),
                status => write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok"),
            };
        }
    });
    server
}

impl Server {
    fn set(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Often, so that a test takes no longer than it must.
    fn probe(&self) -> Probe {
        let path = "/health?x=1".into();
        let host = Some("shop.test".into());
        quick(Check::Http {
            address: self.address,
            path,
            host,
        })
    }
}

fn quick(check: Check) -> Probe {
    let every = Duration::from_millis(10);
    Probe {
        every,
        timeout: Duration::from_millis(500),
        failures: 2,
        ..Probe::new(check)
    }
}

#[test]
fn it_becomes_ready_and_unready() {
    let server = server(503);
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.ready = Some(server.probe()))
        .start();
    let status = shim.until("probe_failure", "ready: answered 503");
    assert_eq!(status["state"], "starting");
    assert_eq!(shim.code("GET /readyz"), 503);
    assert_eq!(shim.code("GET /healthz"), 200);

    server.set(200);
    let status = shim.until("state", "ready");
    assert_eq!(status["probe_failure"], Value::Null);
    assert_eq!(shim.code("GET /readyz"), 200);
    eventually("the state file", || {
        (shim.state_file()["state"] == "ready").then_some(())
    });

    server.set(500);
    let status = shim.until("state", "unready");
    assert_eq!(status["probe_failure"], "ready: answered 500");
    shim.tells("unready: ready: answered 500");

    server.set(0);
    shim.until("probe_failure", "ready: no answer in 500 ms");
    server.set(1);
    shim.until(
        "probe_failure",
        "ready: what answered does not speak HTTP/1",
    );
    server.set(302);
    let status = shim.until("state", "ready");
    assert_eq!(status["restarts"], 0);
}

#[test]
fn one_failure_is_forgiven() {
    let server = server(200);
    let mut probe = server.probe();
    probe.failures = 1_000_000;
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.ready = Some(probe))
        .start();
    shim.until("state", "ready");
    server.set(500);
    shim.until("probe_failure", "ready: answered 500");
    assert_eq!(shim.status()["state"], "ready");
}

#[test]
fn it_is_restarted_when_it_is_no_longer_alive() {
    let server = server(200);
    let shim = script("echo up $$; exec sleep 1000")
        .with(|spec| {
            spec.alive = Some(server.probe());
            spec.restart.policy = Policy::OnFailure;
        })
        .start();
    let before = shim.until("state", "ready");
    // Let it succeed once, so that the time to start is over.
    let asked = server.asked.load(Ordering::SeqCst);
    eventually("a probe", || {
        (server.asked.load(Ordering::SeqCst) > asked + 1).then_some(())
    });
    server.set(500);
    let after = eventually("a restart", || {
        Some(shim.status()).filter(|status| status["restarts"].as_u64() >= Some(1))
    });
    assert_ne!(after["child_pid"], before["child_pid"]);
    shim.tells("it was restarted because it is no longer alive: answered 500");
    server.set(200);
    shim.until("state", "ready");
}

#[test]
fn a_slow_start_is_no_death() {
    let server = server(500);
    let shim = command(&["sleep", "1000"])
        .with(|spec| {
            spec.restart.policy = Policy::Always;
            spec.alive = Some(Probe {
                start: Duration::from_secs(600),
                ..server.probe()
            });
        })
        .start();
    eventually("many probes", || {
        (server.asked.load(Ordering::SeqCst) > 20).then_some(())
    });
    assert_eq!(shim.status()["restarts"], 0);
}

#[test]
fn a_start_that_takes_too_long_is_one() {
    let server = server(500);
    let shim = command(&["sleep", "1000"])
        .with(|spec| {
            spec.restart.policy = Policy::Always;
            spec.alive = Some(Probe {
                start: Duration::from_millis(50),
                ..server.probe()
            });
        })
        .start();
    eventually("a restart", || {
        (shim.status()["restarts"].as_u64() >= Some(1)).then_some(())
    });
}

#[test]
fn under_never_it_ends_when_it_is_no_longer_alive() {
    let server = server(500);
    let mut shim = command(&["sleep", "1000"])
        .with(|spec| {
            spec.alive = Some(Probe {
                start: Duration::ZERO,
                ..server.probe()
            });
        })
        .start();
    assert_eq!(shim.wait(), 143);
}

#[test]
fn a_port_is_enough_to_be_ready() {
    // Held but not listened on: connections are refused, and nobody else takes it.
    let (holder, address) = hold_port();
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.listens = Some(address))
        .start();
    let failure = eventually("a failure", || {
        shim.status()["probe_failure"].as_str().map(str::to_owned)
    });
    assert!(
        failure.starts_with(&format!("ready: no connection to {address}: ")),
        "{failure}"
    );
    assert_eq!(shim.status()["state"], "starting");
    let listener = holder.listen();
    shim.until("state", "ready");
    // It was only waited for: from here on nothing is asked any more.
    drop(listener);
    assert_eq!(shim.status()["state"], "ready");
}

#[test]
fn a_tcp_probe_is_made_again_and_again() {
    let (holder, address) = hold_port();
    let listener = holder.listen();
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.ready = Some(quick(Check::Tcp { address })))
        .start();
    shim.until("state", "ready");
    drop(listener);
    shim.until("state", "unready");
}

/// A bound socket that does not listen yet.
struct Holder(std::os::fd::OwnedFd);

fn hold_port() -> (Holder, SocketAddr) {
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
    // SAFETY: a new socket, owned by nobody else; an address of the size given.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        let size = std::mem::size_of_val(&address) as libc::socklen_t;
        assert_eq!(libc::bind(fd, (&raw const address).cast(), size), 0);
        OwnedFd::from_raw_fd(fd)
    };
    let named = TcpListener::from(socket.try_clone().unwrap());
    let address = named.local_addr().unwrap();
    assert!(socket.as_raw_fd() >= 0);
    (Holder(socket), address)
}

impl Holder {
    fn listen(self) -> TcpListener {
        use std::os::fd::AsRawFd as _;
        // SAFETY: a socket we own.
        assert_eq!(unsafe { libc::listen(self.0.as_raw_fd(), 16) }, 0);
        TcpListener::from(self.0)
    }
}

#[test]
fn a_command_can_be_the_probe() {
    let shell = |script: &str| {
        quick(Check::Exec {
            argv: ["sh", "-c", script].map(str::to_owned).into(),
        })
    };
    let probe = shell("echo \"no $WHAT yet\"; echo more >&2; test -e there");
    let shim = command(&["sleep", "1000"])
        .with(|spec| {
            spec.ready = Some(probe);
            spec.env.insert("WHAT".into(), "file".into());
        })
        .start();
    shim.until("probe_failure", "ready: exited with 1: no file yet");
    std::fs::write(shim.dir.path().join("there"), "").unwrap();
    shim.until("state", "ready");
    assert_eq!(
        shim.lines("O"),
        Vec::<String>::new(),
        "a probe's output is not the child's"
    );
}

#[test]
fn a_command_that_hangs_is_killed() {
    let mut probe = quick(Check::Exec {
        argv: ["sh", "-c", "echo $$ >> pids; yes"]
            .map(str::to_owned)
            .into(),
    });
    probe.timeout = Duration::from_millis(100);
    let mut shim = command(&["sleep", "1000"])
        .with(|spec| spec.ready = Some(probe))
        .start();
    shim.until("probe_failure", "ready: no answer in 100 ms");
    // One may be killed before it wrote its line, so not every one stands here.
    let file = shim.dir.path().join("pids");
    let begun = || -> Vec<i64> {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().map(|pid| pid.parse().unwrap()).collect()
    };
    eventually("a probe that ran", || (!begun().is_empty()).then_some(()));
    shim.signal(libc::SIGTERM);
    assert_eq!(shim.wait(), 143);
    for pid in begun() {
        assert!(!crate::harness::exists(pid), "{pid} is still there");
    }
}

#[test]
fn a_command_that_is_not_there_is_a_failure() {
    let probe = quick(Check::Exec {
        argv: vec!["/nowhere/probe".into()],
    });
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.ready = Some(probe))
        .start();
    shim.until(
        "probe_failure",
        "ready: the command `/nowhere/probe` does not exist (or the interpreter in its first line doesn't)",
    );
}
