//! Releases on this machine: the way back, by itself and by hand; plans in signed files; a state
//! that was lost.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::io::Write as _;
use std::process::Stdio;

use plat_tests::{Home, answers, apps, edit, install, pids};

/// The keys of RFC 8410, section 10.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
    -----END PUBLIC KEY-----\n";

fn gated() -> Home {
    let home = Home::new();
    install(&home, &apps().join("gated"));
    secret(&home, "one");
    home.ok(&["-C", "gated", "up", "--yes"]);
    home
}

fn secret(home: &Home, value: &str) {
    let mut set = home
        .command(&["-C", "gated", "secret", "set", "key"])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = set.stdin.take().unwrap();
    stdin.write_all(value.as_bytes()).unwrap();
    drop(stdin);
    assert!(set.wait().unwrap().success());
}

fn says(home: &Home) -> (String, String) {
    let said = answers(home, "gated.localhost", "/").json();
    let word = |name: &str| said[name].as_str().unwrap().to_owned();
    (word("MESSAGE"), word("KEY"))
}

fn runs(home: &Home) -> String {
    std::fs::read_to_string(home.path().join("gated/runs")).unwrap()
}

#[test]
fn a_rollback_brings_configuration_and_secrets_back_together_and_runs_no_job() {
    let home = gated();
    assert_eq!(says(&home), ("first".into(), "one".into()));
    secret(&home, "two");
    edit(&home, "gated/gated.plat", "\"first\"", "\"second\"");
    edit(
        &home,
        "gated/gated.plat",
        "STEP = \"one\"",
        "STEP = \"two\"",
    );
    home.ok(&["-C", "gated", "up", "--yes"]);
    assert_eq!(says(&home), ("second".into(), "two".into()));
    assert_eq!(runs(&home), "one\ntwo\n");

    // The program need not be right for that.
    edit(
        &home,
        "gated/gated.plat",
        "app gated",
        "app gated\nlet wrong = nothing",
    );
    let back = home.ok(&["-C", "gated", "rollback", "--yes"]);
    assert!(back.stderr.contains("back to release 1"), "{}", back.stderr);
    assert!(back.stderr.contains("secret key"), "{}", back.stderr);
    assert_eq!(says(&home), ("first".into(), "one".into()));
    assert_eq!(runs(&home), "one\ntwo\n");

    let releases = home.json(&["-C", "gated", "releases"]);
    let last = releases["releases"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["number"], &last["returned_to"], &last["complete"]),
        (&3.into(), &1.into(), &true.into())
    );
    let again = home.ok(&["-C", "gated", "rollback", "1", "--yes"]);
    assert!(again.stderr.contains("nothing to do"), "{}", again.stderr);
    let forward = home.ok(&["-C", "gated", "rollback", "2", "--yes"]);
    assert!(forward.stderr.contains("secret key"), "{}", forward.stderr);
    assert_eq!(says(&home), ("second".into(), "two".into()));
    assert_eq!(runs(&home), "one\ntwo\n");
    let wrong = home.platc(&["-C", "gated", "rollback", "9", "--yes"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains("no release 9"), "{}", wrong.stderr);
}

#[test]
fn what_does_not_become_ready_goes_back_by_itself_and_says_why() {
    let home = gated();
    let before = pids(&home, "web.py");
    edit(&home, "gated/gated.plat", "\"first\"", "\"broken\"");
    let failed = home.platc(&["-C", "gated", "up", "--yes"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    for word in [
        "no such luck: the message is broken",
        "code 3",
        "went back to what it was",
    ] {
        assert!(failed.stderr.contains(word), "{word}: {}", failed.stderr);
    }
    assert_eq!(says(&home), ("first".into(), "one".into()));
    assert_eq!(pids(&home, "web.py"), before, "what ran was left alone");
    edit(&home, "gated/gated.plat", "\"broken\"", "\"first\"");
    let plan = home.platc(&["-C", "gated", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.stdout);
}

#[test]
fn a_signed_plan_is_applied_exactly_from_anywhere_and_no_other() {
    let home = gated();
    home.write("plan.key", PRIVATE);
    home.write("plan.pub", PUBLIC);
    edit(&home, "gated/gated.plat", "\"first\"", "\"second\"");
    home.ok(&[
        "-C",
        "gated",
        "plan",
        "-o",
        "x.plan",
        "--sign-key",
        "plan.key",
    ]);
    home.ok(&["-C", "gated", "plan", "-o", "unsigned.plan"]);
    // What is applied is the plan, whatever the source says by then, and wherever one stands.
    edit(&home, "gated/gated.plat", "\"second\"", "\"third\"");
    std::fs::create_dir(home.path().join("elsewhere")).unwrap();
    let elsewhere = |arguments: &[&str]| {
        let output = home
            .command(arguments)
            .current_dir(home.path().join("elsewhere"))
            .output()
            .unwrap();
        plat_tests::Ran::from(&output)
    };
    let shown = elsewhere(&["show", "../x.plan", "--verify-key", "../plan.pub"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("\"first\" → \"second\""),
        "{}",
        shown.stdout
    );
    let apply = |file| elsewhere(&["apply", file, "--yes", "--verify-key", "../plan.pub"]);
    let unsigned = apply("../unsigned.plan");
    assert_eq!(unsigned.code, 1);
    assert!(
        unsigned.stderr.contains("nobody signed it"),
        "{}",
        unsigned.stderr
    );
    let done = apply("../x.plan");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(says(&home).0, "second");
    let stale = apply("../x.plan");
    assert_eq!(stale.code, 1);
    assert!(
        stale.stderr.contains("is stale") && stale.stderr.contains("release 2 was applied since"),
        "{}",
        stale.stderr
    );
}

#[test]
fn a_lost_state_is_rebuilt_from_what_runs() {
    let home = gated();
    let before = pids(&home, "web.py");
    let mut lost = 0;
    for entry in walk(&home.plat_home()) {
        if entry.ends_with("dev/engine") {
            std::fs::remove_dir_all(&entry).unwrap();
            lost += 1;
        }
    }
    assert_eq!(lost, 1, "where the state is kept");
    let adopt = home.ok(&["-C", "gated", "adopt", "--yes"]);
    assert!(adopt.stderr.contains("done"), "{}", adopt.stderr);
    assert_eq!(pids(&home, "web.py"), before);
    let plan = home.platc(&["-C", "gated", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.stdout);
    assert_eq!(runs(&home), "one\n");
    let list = home.ok(&["-C", "gated", "state", "list"]);
    assert!(list.stdout.contains("process/web"), "{}", list.stdout);
    // What is on record again can be taken away again.
    home.ok(&["-C", "gated", "destroy", "--yes"]);
    assert_eq!(pids(&home, "web.py"), Vec::<i32>::new());
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
            found.push(entry.path());
        }
    }
    found
}

/// All files below a directory that hold these bytes, as their paths within it.
fn holding(dir: &std::path::Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file()
                && let Ok(content) = std::fs::read(&path)
                && content.windows(bytes.len()).any(|part| part == bytes)
            {
                found.push(path.strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_value_of_a_secret_stands_nowhere_but_with_the_secrets() {
    let home = Home::new();
    install(&home, &apps().join("gated"));
    let value = "wrdlbrmpft-7731";
    secret(&home, value);
    home.ok(&["-C", "gated", "up", "--yes"]);
    assert_eq!(says(&home).1, value);
    edit(&home, "gated/gated.plat", "\"first\"", "\"second\"");
    for arguments in [
        &["-C", "gated", "plan", "-o", "gated/x.plan"][..],
        &["-C", "gated", "plan", "--json"],
        &["-C", "gated", "plan", "--markdown"],
        &["show", "gated/x.plan", "--json"],
        &["-C", "gated", "state", "export"],
        &["-C", "gated", "releases"],
        &["-C", "gated", "graph"],
    ] {
        let ran = home.ok(arguments);
        assert!(
            !ran.stdout.contains(value) && !ran.stderr.contains(value),
            "{arguments:?}"
        );
    }
    assert_eq!(
        holding(&home.path().join("gated"), value.as_bytes()),
        [""; 0]
    );
    let kept = holding(&home.plat_home(), value.as_bytes());
    assert!(!kept.is_empty(), "it is kept");
    for file in kept {
        assert!(file.ends_with("/secrets.json"), "{file}");
    }
}
