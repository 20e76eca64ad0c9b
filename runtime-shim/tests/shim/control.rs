//! The socket: what it answers, and to whom.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};

use crate::harness::{Setup, ask, command, eventually, script};

#[test]
fn the_socket_is_its_users_alone() {
    let mut shim = command(&["sleep", "1000"]).start();
    let about = fs::metadata(&shim.spec.control).unwrap();
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(&shim.spec.state).unwrap().permissions().mode() & 0o777,
        0o600
    );
    shim.signal(libc::SIGTERM);
    shim.wait();
    assert!(!shim.spec.control.exists());
}

#[test]
fn one_workload_has_one_shim() {
    let shim = command(&["sleep", "1000"]).start();
    let second = Setup {
        dir: tempfile::tempdir().unwrap(),
        spec: shim.spec.clone(),
    };
    let (mut second, reason) = second.try_start(&["run", "-"]);
    assert_eq!(second.wait(), 75);
    let socket = shim.spec.control.display();
    assert_eq!(
        reason,
        format!("plat-shim: test/it is already running: a shim answers on {socket}\n")
    );
    assert_eq!(shim.status()["state"], "ready");
}

#[test]
fn a_killed_shims_socket_is_replaced() {
    let setup = command(&["sleep", "1000"]);
    drop(UnixListener::bind(&setup.spec.control).unwrap());
    assert!(setup.spec.control.exists());
    setup.start().until("state", "ready");
}

#[test]
fn something_else_in_the_sockets_place_is_left_alone() {
    let setup = command(&["sleep", "1000"]);
    fs::write(&setup.spec.control, "precious").unwrap();
    let (mut shim, reason) = setup.try_start(&["run", "-"]);
    assert_eq!(shim.wait(), 73);
    assert!(
        reason.contains("could not make the control socket"),
        "{reason}"
    );
    assert_eq!(fs::read_to_string(&shim.spec.control).unwrap(), "precious");
}

#[test]
fn what_it_does_not_know_is_refused() {
    let shim = command(&["sleep", "1000"]).start();
    assert_eq!(shim.code("GET /nothing"), 404);
    assert_eq!(shim.code("GET /stop"), 405);
    assert_eq!(shim.code("POST /signal?name=NONE"), 400);
    assert_eq!(shim.code("POST /signal"), 400);
    let mut stream = UnixStream::connect(&shim.spec.control).unwrap();
    stream.write_all(&[b'x'; 8192]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(shim.status()["state"], "ready");
}

#[test]
fn callers_who_say_nothing_do_not_shut_others_out() {
    let shim = command(&["sleep", "1000"]).start();
    let idle: Vec<UnixStream> = (0..40)
        .map(|_| UnixStream::connect(&shim.spec.control).unwrap())
        .collect();
    // Answered once the silent ones have had their time.
    assert_eq!(shim.status()["state"], "ready");
    drop(idle);
}

#[test]
fn a_caller_may_take_its_time() {
    let shim = command(&["sleep", "1000"]).start();
    let mut stream = UnixStream::connect(&shim.spec.control).unwrap();
    for byte in b"GET /healthz HTTP/1.1\r\n\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
}

#[test]
fn metrics_are_openmetrics() {
    let shim = script("sleep 1000 & sleep 1000").start();
    let wanted = "plat_processes 3";
    let answer = eventually(wanted, || {
        Some(shim.ask("GET /metrics")).filter(|answer| answer.contains(wanted))
    });
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(
        "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
    ));
    assert!(body.ends_with("\n# EOF\n"));
    // Each family is declared once, before its samples, and no family's samples are mixed.
    let mut declared: Vec<(String, String)> = Vec::new();
    for line in body.lines() {
        if let Some(declaration) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declaration.split_once(' ').unwrap();
            assert!(!declared.iter().any(|(known, _)| known == name), "{name}");
            declared.push((name.to_owned(), kind.to_owned()));
        } else if !line.starts_with('#') {
            let (name, kind) = declared.last().unwrap();
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let suffix = sample
                .split('{')
                .next()
                .unwrap()
                .strip_prefix(name.as_str())
                .unwrap();
            let fits = match kind.as_str() {
                "counter" => suffix == "_total",
                "info" => suffix == "_info",
                "summary" => suffix == "_count" || suffix == "_sum",
                _ => suffix.is_empty(),
            };
            assert!(fits, "{line} is no {kind}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    let value = |name: &str| -> f64 {
        let line = body
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap();
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(body.contains("plat_workload_info{name=\"test/it\"} 1\n"));
    assert_eq!(value("plat_ready"), 1.0);
    assert_eq!(value("plat_threads"), 3.0);
    assert!(value("plat_memory_resident_bytes") > 100_000.0);
    assert!(value("plat_open_fds") >= 9.0);
    assert!(value("plat_start_time_seconds") > 1_700_000_000.0);
}

#[test]
fn processor_time_counts_the_dead_too() {
    let shim = script(
        "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo spent; exec sleep 1000",
    )
    .start();
    shim.says("spent");
    let answer = ask(&shim.spec.control, "GET /metrics");
    let (_, rest) = answer.split_once("\nplat_cpu_seconds_total ").unwrap();
    let seconds: f64 = rest.lines().next().unwrap().parse().unwrap();
    assert!(seconds >= 0.02, "{seconds}");
}
