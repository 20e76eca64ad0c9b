//! The spec's text: what is written is read back, garbage is refused without a panic, and no
//! secret shows.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use std::net::SocketAddr;
use std::time::Duration;

use plat_shim::signal::Signal;
use plat_shim::spec::{Check, Log, Policy, Probe, Restart, Secrets, Spec, Stop, User};
use plat_shim::status::{State, Status};
use proptest::prelude::*;

fn millis() -> impl Strategy<Value = Duration> {
    (1..=u32::MAX).prop_map(|ms| Duration::from_millis(ms.into()))
}

fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,20}"
}

fn path() -> impl Strategy<Value = String> {
    "/[^\0]{0,40}".prop_filter("short", |path| path.len() < 100)
}

fn argv() -> impl Strategy<Value = Vec<String>> {
    ("[^\0]{1,10}", prop::collection::vec(text(), 0..4)).prop_map(|(command, rest)| {
        let mut argv = vec![command];
        argv.extend(rest);
        argv
    })
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<std::net::IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

fn probe() -> impl Strategy<Value = Probe> {
    let check = prop_oneof![
        (address(), "/[!-~]{0,20}", prop::option::of("[!-~]{1,20}")).prop_map(
            |(address, path, host)| Check::Http {
                address,
                path,
                host
            }
        ),
        address().prop_map(|address| Check::Tcp { address }),
        argv().prop_map(|argv| Check::Exec { argv }),
    ];
    (check, millis(), millis(), 1..=u32::MAX, millis()).prop_map(
        |(check, every, timeout, failures, start)| Probe {
            check,
            every,
            timeout,
            failures,
            start,
        },
    )
}

fn spec() -> impl Strategy<Value = Spec> {
    let policy = prop_oneof![
        Just(Policy::Always),
        Just(Policy::OnFailure),
        Just(Policy::Never)
    ];
    let files = prop::collection::btree_map(
        "[^\0/.]{1,10}",
        prop::collection::vec(any::<u8>(), 0..40),
        0..3,
    );
    (
        (text(), argv(), path(), path(), path()),
        prop::collection::btree_map("[^\0=]{1,10}", text(), 0..4),
        prop::option::of((path(), files)),
        (
            0..=0o777u32,
            prop::option::of(any::<(u32, u32)>()),
            any::<bool>(),
        ),
        prop::option::of((path(), 16384..u64::MAX, any::<u32>())),
        (policy, millis(), millis(), millis()),
        (1..=64, millis(), millis()),
        (
            prop::option::of(address()),
            prop::option::of(probe()),
            prop::option::of(probe()),
        ),
    )
        .prop_map(
            |(names, env, secrets, rights, log, restart, stop, probes)| {
                let (name, argv, cwd, control, state) = names;
                let mut spec = Spec::new(name, argv, cwd, control, state);
                spec.env = env;
                spec.secrets = secrets.map(|(dir, files)| Secrets {
                    dir: dir.into(),
                    files,
                });
                spec.umask = rights.0;
                spec.user = rights.1.map(|(uid, gid)| User { uid, gid });
                spec.die_with_shim = rights.2;
                spec.log = log.map(|(path, max_bytes, keep)| Log {
                    path: path.into(),
                    max_bytes,
                    keep,
                });
                let (policy, initial, maximum, reset_after) = restart;
                spec.restart = Restart {
                    policy,
                    initial,
                    maximum,
                    reset_after,
                };
                let signal = Signal::from_number(stop.0).expect("1 to 64 are signals");
                spec.stop = Stop {
                    signal,
                    drain: stop.1,
                    grace: stop.2,
                };
                (spec.listens, spec.ready, spec.alive) = probes;
                spec
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(spec in spec()) {
        let text = spec.to_text();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(Spec::parse(text.as_bytes()), Ok(spec));
    }

    #[test]
    fn garbage_is_refused(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Spec::parse(&garbage);
        let mut with_header = b"plat-shim-spec 1\n".to_vec();
        with_header.extend(garbage);
        prop_assert!(Spec::parse(&with_header).is_err());
    }

    #[test]
    fn a_damaged_spec_is_no_panic(spec in spec(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut text = spec.to_text().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let _ = Spec::parse(&text);
        text.truncate(at);
        let _ = Spec::parse(&text);
    }
}

fn smallest() -> String {
    Spec::new("x", vec!["true".into()], "/", "/c", "/s").to_text()
}

fn check_refused(text: &str, expected: &str) {
    match Spec::parse(text.as_bytes()) {
        Err(error) => assert_eq!(error.to_string(), expected),
        Ok(_) => panic!("taken, not refused with: {expected}"),
    }
}

#[test]
fn errors_say_which_line_and_show_no_value() {
    let base = smallest();
    check_refused(
        "plat-shim-spec 2\n",
        "line 1 of the shim's spec: it must be `plat-shim-spec 1`; the shim and its agent are of different versions",
    );
    check_refused("plat-shim-spec 1\n", "the shim's spec: `name` is missing");
    check_refused(
        &base.replace("arg true\n", ""),
        "the shim's spec: the command is empty",
    );
    check_refused(
        &format!("{base}colour blue\n"),
        "line 11 of the shim's spec: `colour` is no key this version of the shim knows",
    );
    check_refused(
        &format!("{base}env TOKEN hunter2 hunter2\n"),
        "line 11 of the shim's spec: `env` has too many values",
    );
    check_refused(
        &format!("{base}env TOKEN %zz\n"),
        "line 11 of the shim's spec: `env` has a value that is not escaped as it must be",
    );
    check_refused(
        &format!("{base}env TOKEN hunter2%00\n"),
        "the shim's spec: the environment variable TOKEN holds a NUL byte",
    );
    check_refused(
        &format!("{base}cwd /\n"),
        "line 11 of the shim's spec: `cwd` is there twice",
    );
    check_refused(
        &format!("{base}ready tcp 127.0.0.1:1\n"),
        "the shim's spec: `ready` and `ready_timing` must stand together",
    );
    check_refused(
        &format!("{base}secrets /run/x\nsecret ../../etc/passwd hunter2\n"),
        "the shim's spec: the secret file \"../../etc/passwd\" is not a plain file name",
    );
}

#[test]
fn debug_shows_no_secret() {
    let mut spec = Spec::new("x", vec!["true".into()], "/", "/c", "/s");
    spec.env.insert("TOKEN".into(), "hunter2".into());
    let files = [("password".to_owned(), b"hunter2".to_vec())].into();
    spec.secrets = Some(Secrets {
        dir: "/run/x".into(),
        files,
    });
    let shown = format!("{spec:?}");
    assert!(shown.contains("TOKEN") && shown.contains("password"));
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"));
}

#[test]
fn the_status_is_json() {
    let status = Status {
        name: "a\"b\\c\n\u{1}é".into(),
        state: State::Backoff,
        since: 1,
        shim_pid: 2,
        shim_started: Some(4),
        child_pid: None,
        child_started: None,
        restarts: 3,
        exit_code: Some(-1),
        exit_signal: Some("KILL".into()),
        restart_in: Some(50),
        probe_failure: None,
        reason: None,
    };
    let value: serde_json::Value = serde_json::from_str(&status.to_json()).expect("it is JSON");
    let expected = serde_json::json!({
        "name": "a\"b\\c\n\u{1}é", "state": "backoff", "since": 1, "shim_pid": 2,
        "shim_started": 4, "child_pid": null, "child_started": null, "restarts": 3, "exit_code": -1,
        "exit_signal": "KILL", "restart_in": 50, "probe_failure": null, "reason": null,
    });
    assert_eq!(value, expected);
    #[cfg(feature = "serde")]
    assert_eq!(serde_json::from_value::<Status>(value).ok(), Some(status));
}
