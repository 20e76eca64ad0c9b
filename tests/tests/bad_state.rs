//! A state, a plan file or a store that can't be used: what is wrong is told, with what to do next,
//! exit code 1, and nothing is changed and nothing lost.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers; one that is left out says so"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plat_tests::{
    Home, Ran, SOON, answers, apps, edit, eventually, gated_and_changed, install, pids,
};

fn hello() -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    home.ok(&["-C", "hello", "up", "--yes"]);
    home
}

/// Where the state of an app's `dev` is.
fn state_of(home: &Home, app: &str) -> PathBuf {
    home.plat_home()
        .join("state/apps")
        .join(app)
        .join("dev/engine")
}

/// What it wrote to stderr, with this home's own path made the same everywhere.
fn said(home: &Home, ran: &Ran) -> String {
    ran.stderr
        .replace(&home.path().display().to_string(), "/home")
}

/// Fails with 1, and says exactly this last.
#[track_caller]
fn ends_with(home: &Home, arguments: &[&str], words: &str) {
    let ran = home.platc(arguments);
    let said = said(home, &ran);
    let what = arguments.join(" ");
    assert_eq!(ran.code, 1, "platc {what}: {}{said}", ran.stdout);
    assert!(said.ends_with(words), "platc {what}: {said}");
}

/// Whether we may mount.
fn root_or_left_out(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(
        root || std::env::var_os("CI").is_none(),
        "CI runs as root: {what} needs it"
    );
    if !root {
        eprintln!("left out: {what}: it needs root");
    }
    root
}

/// A directory mounted for a test, which is taken away with it.
struct Mounted(PathBuf);

impl Mounted {
    fn read_only(dir: &Path) -> Self {
        let mounted = Self(dir.to_owned());
        for arguments in [["--bind"].as_slice(), &["-o", "remount,bind,ro"]] {
            let mut mount = Command::new("mount");
            mount.args(arguments).arg(dir);
            if arguments.len() == 1 {
                mount.arg(dir);
            }
            assert!(mount.status().unwrap().success());
        }
        mounted
    }

    fn full(dir: &Path) -> Self {
        fs::create_dir_all(dir).unwrap();
        let mounted = Self(dir.to_owned());
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=16k", "none"])
            .arg(dir);
        assert!(mount.status().unwrap().success());
        assert!(fs::write(dir.join("filler"), vec![0; 64 << 10]).is_err());
        mounted
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The commands that read the state, or would change something.
const COMMANDS: [&[&str]; 9] = [
    &["plan"],
    &["apply", "--yes"],
    &["up", "--yes"],
    &["diff", "--live"],
    &["releases"],
    &["rollback", "--yes"],
    &["state", "list"],
    &["adopt", "--yes"],
    &["destroy", "--yes"],
];

#[test]
fn a_state_that_can_not_be_read_keeps_every_command_from_doing_anything() {
    let home = hello();
    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    let before = pids(&home, "web.py");
    let file = state_of(&home, "hello").join("state.json");
    let whole = fs::read_to_string(&file).unwrap();
    let at = "error: reading /home/plat/state/apps/hello/dev/engine/state.json:";
    let lost = "→ Put back a copy of it. Or move it away: then the next plan finds what runs by \
                its ownership label, and apply takes it on record again\n";
    let cases = [
        (
            "cut short",
            whole[..whole.len() / 2].to_owned(),
            format!(
                "{at} it was cut short or edited: its digest does not fit its content\n  {lost}"
            ),
        ),
        (
            "edited",
            whole.replacen("\"complete\":true", "\"complete\":false", 1),
            format!(
                "{at} it was cut short or edited: its digest does not fit its content\n  {lost}"
            ),
        ),
        (
            "empty",
            String::new(),
            format!("{at} it was cut short or edited: it is empty\n  {lost}"),
        ),
        (
            "another tool's",
            "{\"version\": 4, \"terraform_version\": \"1.9\"}".to_owned(),
            format!(
                "{at} it is not a state of plat\n  → Move it away, or keep the state elsewhere\n"
            ),
        ),
        (
            "a newer platc's",
            whole.replacen("\"format\":1", "\"format\":2", 1),
            format!(
                "{at} it has format 2, and this platc reads up to 1\n  \
                 → A newer platc wrote it: update platc. Nothing was changed\n"
            ),
        ),
    ];
    for (what, text, words) in cases {
        assert_ne!(text, whole, "{what}");
        fs::write(&file, &text).unwrap();
        // Each of them, with one of the mistakes; those that matter most, with all.
        let commands = if what == "edited" {
            &COMMANDS[..]
        } else {
            &COMMANDS[..2]
        };
        for command in commands {
            let arguments = [&["-C", "hello"], *command].concat();
            ends_with(&home, &arguments, &words);
        }
        assert_eq!(pids(&home, "web.py"), before, "{what}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{what}");
    }

    // The state of another environment.
    fs::write(&file, &whole).unwrap();
    let text = fs::read_to_string(home.path().join("hello/hello.plat")).unwrap();
    home.write("hello/hello.plat", &text.replace("env dev", "env beta"));
    let beta = home.plat_home().join("state/apps/hello/beta/engine");
    fs::create_dir_all(&beta).unwrap();
    fs::copy(&file, beta.join("state.json")).unwrap();
    ends_with(
        &home,
        &["-C", "hello", "apply", "--yes"],
        "error: /home/plat/state/apps/hello/beta/engine/state.json is the state of hello → dev, \
         not of hello → beta\n  → Keep each environment's state in its own place\n",
    );

    // Put back, it is gone on with.
    home.write("hello/hello.plat", &text);
    home.ok(&["-C", "hello", "apply", "--yes"]);
    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "second"
    );
}

#[test]
fn a_state_that_is_moved_away_is_found_again_by_what_runs() {
    let home = hello();
    let before = pids(&home, "web.py");
    let file = state_of(&home, "hello").join("state.json");
    fs::write(&file, "half a st").unwrap();
    fs::rename(&file, home.path().join("damaged.json")).unwrap();
    home.ok(&["-C", "hello", "apply", "--yes"]);
    assert_eq!(pids(&home, "web.py"), before, "nothing is made twice");
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
}

#[test]
fn a_state_that_can_not_be_written_is_planned_from_and_not_applied() {
    if !root_or_left_out("a read-only directory") {
        return;
    }
    let home = hello();
    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    let before = pids(&home, "web.py");
    let read_only = Mounted::read_only(&state_of(&home, "hello"));
    let planned = home.ok(&["-C", "hello", "plan", "-o", "x.plan"]);
    assert!(
        planned.stdout.contains("\"first\" → \"second\"") && !planned.stdout.contains("apply it"),
        "{}",
        planned.stdout
    );
    assert!(
        said(&home, &planned).contains(
            "warning: this plan can't be applied by its id: writing /home/plat/state/apps/hello/\
             dev/engine/plans/"
        ),
        "{}",
        planned.stderr
    );
    let words = "engine/lease.json: the file system is read-only\n  \
                 → make it writable, or keep the state elsewhere with PLAT_HOME\n";
    for command in [
        &["-C", "hello", "apply", "--yes"][..],
        &["-C", "hello", "destroy", "--yes"],
        &["apply", "x.plan", "--yes"],
    ] {
        ends_with(&home, command, words);
    }
    assert_eq!(pids(&home, "web.py"), before);
    drop(read_only);
    home.ok(&["apply", "x.plan", "--yes"]);
    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "second"
    );
}

#[test]
fn a_plan_file_is_written_whole_or_not_at_all() {
    if !root_or_left_out("a full disk") {
        return;
    }
    let home = hello();
    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    home.ok(&["-C", "hello", "plan", "-o", "old.plan"]);
    let plans = home.path().join("plans");
    let full = Mounted::full(&plans);
    ends_with(
        &home,
        &["-C", "hello", "plan", "-o", "plans/x.plan"],
        "error: writing plans/x.plan: no space left on device\n  \
         → the disk is full: make room and try again\n",
    );
    let left: Vec<_> = fs::read_dir(&plans).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "nothing but what filled it: {left:?}");
    drop(full);
    let read_only = Mounted::read_only(&plans);
    ends_with(
        &home,
        &["-C", "hello", "plan", "-o", "plans/x.plan"],
        "error: writing plans/x.plan: read-only file system\n  \
         → make it writable, or write the file elsewhere\n",
    );
    drop(read_only);
    home.ok(&["apply", "old.plan", "--yes"]);
}

/// A `platc` that is ended with the test.
struct Started(std::process::Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An app that runs, and an apply of a change of it that does not end while `hold-start` is there.
fn under_way(before: &[&str]) -> (Home, Started) {
    let home = gated_and_changed();
    home.write("gated/hold-start", "");
    let running = pids(&home, "web.py");
    let apply = home.command(&["-C", "gated", "apply", "--yes"]);
    let mut command = match before {
        [] => apply,
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(apply.get_program());
            command.args(apply.get_args()).current_dir(home.path());
            for (name, value) in apply.get_envs() {
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
            }
            command
        }
    };
    let command = command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Started(command.stderr(Stdio::null()).spawn().unwrap());
    eventually("the new process", SOON, || {
        let now = pids(&home, "web.py");
        let new = now.iter().any(|pid| !running.contains(pid));
        new.then_some(()).ok_or_else(|| format!("{now:?}"))
    });
    (home, started)
}

#[test]
fn while_another_has_the_lease_nothing_is_begun_and_who_waits_goes_on_after_it() {
    let (home, mut first) = under_way(&[]);
    for command in [
        &["apply", "--yes"][..],
        &["up", "--yes"],
        &["destroy", "--yes"],
        &["rollback", "1", "--yes"],
    ] {
        let ran = home.platc(&[&["-C", "gated"], command].concat());
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
        let pid = first.0.id();
        assert!(
            ran.stderr.contains(&format!(
                "error: another apply is under way: `platc apply dev` (process {pid} on "
            )) && ran
                .stderr
                .ends_with("→ Wait for it with --wait, or end it\n"),
            "{command:?}: {}",
            ran.stderr
        );
    }
    let waits = home
        .command(&["-C", "gated", "apply", "--yes", "--wait"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    fs::remove_file(home.path().join("gated/hold-start")).unwrap();
    assert!(first.0.wait().unwrap().success());
    let waited = Ran::from(&waits.wait_with_output().unwrap());
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    assert!(waited.stderr.contains("nothing to do"), "{}", waited.stderr);
    assert_eq!(
        answers(&home, "gated.localhost", "/").json()["MESSAGE"],
        "second"
    );
}

#[test]
fn an_apply_on_another_machine_is_not_called_gone_before_its_time() {
    if !root_or_left_out("another machine's name") {
        return;
    }
    let named = "hostname elsewhere; exec \"$@\"";
    let (home, first) = under_way(&["unshare", "--uts", "sh", "-c", named, "sh"]);
    // It is cut off; nobody here can tell.
    drop(first);
    let ran = home.platc(&["-C", "gated", "apply", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains(" on elsewhere)\n")
            && ran.stderr.ends_with(
                "→ Wait for it with --wait: if it is gone, this one goes on when nothing was \
                 heard of it for 30 s\n"
            ),
        "{}",
        ran.stderr
    );
}
