//! What goes wrong is said clearly, with what to do next; nothing is lost, and nothing is left
//! half-done that the next call can't finish.

#![expect(clippy::print_stderr, reason = "a test that is left out says so")]

use std::net::TcpListener;
use std::process::Command;

use plat_tests::{Home, answers, apps, edit, install, pids};

fn hello() -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    home
}

/// Fails with 1, says all of `words`, and does not panic.
fn refused(home: &Home, arguments: &[&str], words: &[&str]) -> String {
    let ran = home.platc(arguments);
    assert_eq!(
        ran.code,
        1,
        "platc {}: {}{}",
        arguments.join(" "),
        ran.stdout,
        ran.stderr
    );
    for word in words {
        assert!(
            ran.stderr.contains(word),
            "{word:?} is not in:\n{}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran.stderr
}

/// Whether we may mount; without that a test can't have a full disk of its own.
fn root_or_left_out(what: &str) -> bool {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|o| o.stdout == b"0\n");
    assert!(
        root || std::env::var_os("CI").is_none(),
        "CI runs as root: {what} needs it"
    );
    if !root {
        eprintln!("left out: {what}: it needs root");
    }
    root
}

#[test]
fn a_port_in_use_is_said_before_anything_is_changed() {
    let home = hello();
    let holder = TcpListener::bind(("127.0.0.1", home.port())).expect("the home's port");
    let port = home.port().to_string();
    refused(&home, &["-C", "hello", "up", "--yes"], &[&port, "port"]);
    assert_eq!(pids(&home, "web.py"), Vec::<i32>::new());
    drop(holder);
    home.ok(&["-C", "hello", "up", "--yes"]);
    answers(&home, "hello.localhost", "/");
}

#[test]
fn a_host_of_another_environment_is_said_before_anything_is_changed() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    let dev = format!("env dev {{ target = local {{ port = {} }} }}", home.port());
    let both = format!("{dev}\n{}", dev.replace("dev", "beta"));
    edit(&home, "hello/hello.plat", &dev, &both);
    let before = pids(&home, "web.py");
    refused(
        &home,
        &["-C", "hello", "up", "beta", "--yes"],
        &[
            "hello.localhost/ at port",
            "is routed already, by route/public of hello → dev",
            "give one of them another host",
        ],
    );
    assert_eq!(pids(&home, "web.py"), before);
    // The one that has it is not in its own way.
    let again = home.ok(&["-C", "hello", "up", "dev", "--yes"]);
    assert!(again.stderr.contains("othing to do"), "{}", again.stderr);
}

#[test]
fn a_command_that_does_not_exist_is_said_before_anything_is_changed() {
    let home = hello();
    edit(&home, "hello/hello.plat", "python3", "pyhton3");
    refused(
        &home,
        &["-C", "hello", "up", "--yes"],
        &["pyhton3", "hello.plat"],
    );
    edit(&home, "hello/hello.plat", "pyhton3", "python3");
    home.ok(&["-C", "hello", "up", "--yes"]);
}

#[test]
fn a_secret_that_is_not_set_is_said_with_the_command_that_sets_it() {
    let home = hello();
    edit(
        &home,
        "hello/hello.plat",
        "MESSAGE = \"first\"",
        "MESSAGE = greeting",
    );
    edit(
        &home,
        "hello/hello.plat",
        "app hello\n",
        "app hello\n\nsecret greeting\n",
    );
    refused(
        &home,
        &["-C", "hello", "up", "--yes"],
        &["greeting", "platc secret set greeting"],
    );
    let mut set = home.command(&["-C", "hello", "secret", "set", "greeting"]);
    let mut set = set
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("platc");
    {
        use std::io::Write;
        set.stdin
            .take()
            .expect("its stdin")
            .write_all(b"hush-hush\n")
            .expect("written");
    }
    assert!(set.wait().expect("its end").success());
    home.ok(&["-C", "hello", "up", "--yes"]);
    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "hush-hush"
    );
    let listed = home.ok(&["-C", "hello", "secret", "list"]);
    assert!(listed.stdout.contains("greeting") && !listed.stdout.contains("hush-hush"));
    // What runs has it, and could not be started again without it.
    refused(
        &home,
        &["-C", "hello", "secret", "rm", "greeting"],
        &["web.env.MESSAGE", "platc secret set greeting"],
    );
}

#[test]
fn a_probe_that_never_answers_fails_in_its_time_and_says_so() {
    let home = hello();
    edit(
        &home,
        "hello/hello.plat",
        "every: 1s",
        "every: 1s, start: 2s",
    );
    edit(
        &home,
        "hello/app/web.py",
        "self.send_response(200)",
        "self.send_response(503)",
    );
    let said = refused(&home, &["-C", "hello", "up", "--yes"], &["web", "503"]);
    assert!(said.contains("/healthz"), "{said}");
}

#[test]
fn a_state_directory_of_another_user_is_refused_by_name() {
    if !root_or_left_out("a directory of another user") {
        return;
    }
    let home = hello();
    let plat = home.plat_home().join("state");
    std::fs::create_dir_all(&plat).expect("a directory");
    std::os::unix::fs::chown(&plat, Some(12345), None).expect("root may");
    refused(
        &home,
        &["-C", "hello", "up", "--yes"],
        &[&plat.to_string_lossy(), "12345"],
    );
}

#[test]
fn a_full_disk_stops_an_apply_and_the_next_one_finishes_it() {
    if !root_or_left_out("a full disk") {
        return;
    }
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    home.ok(&["-C", "hello", "destroy", "--yes"]);
    let state = home.plat_home().join("state");
    let scope = state.join("apps");
    let mount = |arguments: &[&str]| {
        let done = Command::new("mount").args(arguments).arg(&scope).status();
        assert!(done.is_ok_and(|s| s.success()), "mount {arguments:?}");
    };
    mount(&["-t", "tmpfs", "-o", "size=16k,mode=700", "none"]);
    let full = std::fs::write(scope.join("filler"), vec![0; 64 << 10]);
    assert!(full.is_err(), "the disk is full");
    let failed = home.platc(&["-C", "hello", "up", "--yes"]);
    // Detached whatever came of it, so that nothing stays mounted.
    let freed = Command::new("umount").arg("-l").arg(&scope).status();
    assert!(freed.is_ok_and(|s| s.success()));
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.to_lowercase().contains("space"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains("panicked"), "{}", failed.stderr);
    home.ok(&["-C", "hello", "up", "--yes"]);
    answers(&home, "hello.localhost", "/");
}

#[test]
fn two_applies_at_once_do_it_once() {
    let home = hello();
    let start = || {
        home.command(&["-C", "hello", "apply", "--yes"])
            .spawn()
            .expect("platc")
    };
    let (mut one, mut two) = (start(), start());
    let codes = [
        one.wait().expect("an end").code(),
        two.wait().expect("an end").code(),
    ];
    assert!(codes.contains(&Some(0)), "{codes:?}");
    home.ok(&["-C", "hello", "apply", "--yes"]);
    assert_eq!(pids(&home, "web.py").len(), 2);
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.stdout);
}

#[test]
fn mistakes_in_the_source_are_shown_at_their_place() {
    let home = hello();
    edit(&home, "hello/hello.plat", "service web", "servise web");
    refused(
        &home,
        &["-C", "hello", "check"],
        &["servise", "service", "hello.plat:3"],
    );
    refused(&home, &["-C", "hello", "up", "--yes"], &["servise"]);
    edit(&home, "hello/hello.plat", "servise web", "service web");
    refused(&home, &["-C", "hello", "plan", "prod"], &["prod", "dev"]);
    refused(&home, &["-C", "nowhere", "check"], &["nowhere"]);
    refused(&home, &["-C", "hello", "chekc"], &["check"]);
}
