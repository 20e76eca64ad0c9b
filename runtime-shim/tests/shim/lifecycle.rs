//! Started, ended, started again, stopped.

use std::fs;
use std::time::{Duration, Instant};

use plat_shim::spec::Policy;
use serde_json::Value;

use crate::harness::{command, eventually, executable, exists, kill, runs, script};

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn exit_codes_are_passed_on() {
    for code in [0, 1, 42, 255] {
        let mut shim = script(&format!("exit {code}")).start();
        assert_eq!(shim.wait(), code);
        let state = shim.state_file();
        assert_eq!(state["state"], "exited");
        assert_eq!(state["exit_code"], code);
        assert_eq!(state["child_pid"], Value::Null);
    }
    let mut shim = script("kill -KILL $$").start();
    assert_eq!(shim.wait(), 137);
    assert_eq!(shim.state_file()["exit_signal"], "KILL");
}

#[test]
fn a_command_that_cannot_run_says_why() {
    let check = |argv: &[&str], code: i32, reason: &str| {
        let mut shim = command(argv).start();
        assert_eq!(shim.wait(), code, "{argv:?}");
        let state = shim.state_file();
        assert_eq!(state["exit_code"], code);
        assert_eq!(state["reason"], reason);
        assert_eq!(shim.lines("S"), [reason]);
    };
    check(
        &["no-such-command"],
        127,
        "the command `no-such-command` is in none of the directories of PATH (/usr/local/bin:/usr/bin:/bin); install it or name it by its full path",
    );
    check(
        &["/nowhere/at-all"],
        127,
        "the command `/nowhere/at-all` does not exist (or the interpreter in its first line doesn't)",
    );
    check(
        &["/etc/passwd"],
        126,
        "`/etc/passwd` can't be run: Permission denied (os error 13); it must be an executable file, in directories its user may enter",
    );

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("run");
    executable(&file, "no program\n");
    let path = file.to_str().unwrap();
    let reason = format!(
        "`{path}` can't be run: it is no program for this machine, and has no #! line that names an interpreter"
    );
    check(&[path], 126, &reason);

    let mut shim = script("true")
        .with(|spec| spec.cwd = "/nowhere".into())
        .start();
    assert_eq!(shim.wait(), 126);
    assert_eq!(
        shim.state_file()["reason"],
        "the working directory /nowhere can't be entered: No such file or directory (os error 2)"
    );
}

#[test]
fn a_command_that_appears_later_is_run_then() {
    let setup = command(&["./later"]).with(|spec| {
        spec.restart.policy = Policy::Always;
        spec.restart.initial = millis(10);
        spec.restart.maximum = millis(20);
    });
    let shim = setup.start();
    eventually("attempts", || {
        shim.status()["restarts"].as_u64().filter(|n| *n >= 3)
    });
    let file = shim.dir.path().join("new");
    executable(&file, "#!/bin/sh\nexec sleep 1000\n");
    fs::rename(file, shim.dir.path().join("later")).unwrap();
    let status = shim.until("state", "ready");
    assert_eq!(status["exit_code"], 127);
    assert_eq!(status["reason"], Value::Null);
}

#[test]
fn a_killed_child_is_back_at_once() {
    let shim = command(&["sleep", "1000"])
        .with(|spec| spec.restart.policy = Policy::Always)
        .start();
    let before = shim.until("state", "ready");
    let killed = Instant::now();
    kill(before["child_pid"].as_i64().unwrap(), libc::SIGKILL);
    let after = shim.until("restarts", 1);
    // 50 ms of backoff; the rest is a loaded machine's.
    assert!(
        killed.elapsed() < Duration::from_secs(2),
        "{:?}",
        killed.elapsed()
    );
    assert_eq!(after["exit_signal"], "KILL");
    assert_ne!(after["child_pid"], before["child_pid"]);
}

#[test]
fn the_wait_doubles_up_to_its_maximum() {
    let shim = command(&["false"])
        .with(|spec| {
            spec.restart.policy = Policy::OnFailure;
            spec.restart.initial = millis(10);
            spec.restart.maximum = millis(70);
        })
        .start();
    eventually("restarts", || {
        shim.status()["restarts"].as_u64().filter(|n| *n >= 6)
    });
    let waits: Vec<String> = shim.lines("S");
    let waits: Vec<&str> = waits
        .iter()
        .filter_map(|line| line.strip_prefix("starting again in "))
        .take(6)
        .collect();
    assert_eq!(
        waits,
        ["10 ms", "20 ms", "40 ms", "70 ms", "70 ms", "70 ms"]
    );
}

#[test]
fn a_long_wait_is_told_and_can_be_cut_short() {
    let shim = script("echo up; exit 3")
        .with(|spec| {
            spec.restart.policy = Policy::OnFailure;
            spec.restart.initial = Duration::from_secs(600);
            spec.restart.maximum = Duration::from_secs(600);
        })
        .start();
    let status = shim.until("state", "backoff");
    assert_eq!(status["exit_code"], 3);
    assert!(status["restart_in"].as_u64().unwrap() > 500_000, "{status}");
    assert_eq!(shim.code("GET /healthz"), 503);
    assert_eq!(shim.code("POST /signal?name=HUP"), 409);
    assert_eq!(shim.code("POST /restart"), 202);
    shim.until("restarts", 1);
}

#[test]
fn stopping_during_the_wait_ends_it() {
    let mut shim = script("exit 3")
        .with(|spec| {
            spec.restart.policy = Policy::Always;
            spec.restart.initial = Duration::from_secs(600);
            spec.restart.maximum = Duration::from_secs(600);
        })
        .start();
    shim.until("state", "backoff");
    shim.signal(libc::SIGTERM);
    assert_eq!(shim.wait(), 3);
}

#[test]
fn on_failure_leaves_a_success_alone() {
    let mut shim = script("exit 0")
        .with(|spec| spec.restart.policy = Policy::OnFailure)
        .start();
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.state_file()["restarts"], 0);
}

#[test]
fn a_long_run_resets_the_wait() {
    let shim = script("exit 1")
        .with(|spec| {
            spec.restart.policy = Policy::Always;
            spec.restart.initial = millis(5);
            spec.restart.maximum = millis(1000);
            spec.restart.reset_after = Duration::ZERO;
        })
        .start();
    eventually("restarts", || {
        shim.status()["restarts"].as_u64().filter(|n| *n >= 5)
    });
    let lines = shim.lines("S");
    let mut waits = lines
        .iter()
        .filter_map(|line| line.strip_prefix("starting again in "));
    assert!(waits.all(|wait| wait == "5 ms"), "{lines:?}");
}

#[test]
fn orphans_are_reaped() {
    let shim = script("(setsid sleep 1000 & echo orphan $!); echo up; exec sleep 1000").start();
    let orphan: i64 = shim.says("orphan ").parse().unwrap();
    shim.says("up");
    eventually("adoption", || {
        let status = fs::read_to_string(format!("/proc/{orphan}/status")).unwrap();
        status
            .contains(&format!("PPid:\t{}\n", shim.pid()))
            .then_some(())
    });
    kill(orphan, libc::SIGKILL);
    eventually("reaping", || (!exists(orphan)).then_some(()));
    assert_eq!(shim.status()["state"], "ready");
}

#[test]
fn nothing_outlives_the_child() {
    // One in the group, one that left it, and one deeper that left it.
    let mut shim = script(
        "sleep 1000 & echo one $!
         setsid sleep 1000 & echo two $!
         setsid sh -c 'sleep 1000 & echo three $!; wait' &
         read line < gate; exit 7",
    );
    let gate = shim.dir.path().join("gate");
    make_fifo(&gate);
    shim.spec.stop.grace = Duration::from_secs(600);
    let mut shim = shim.start();
    let left: Vec<i64> = ["one ", "two ", "three "]
        .map(|name| shim.says(name).parse().unwrap())
        .into();
    fs::write(gate, "go\n").unwrap();
    assert_eq!(shim.wait(), 7);
    assert!(!left.iter().any(|pid| exists(*pid)), "{left:?}");
}

fn make_fifo(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo")
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

#[test]
fn a_stop_waits_for_the_whole_tree() {
    // The child ends at once; what it started takes its time, and is given it.
    // It says that it is up only when both listen.
    let mut shim = script(
        "trap 'exit 0' TERM
         sh -c 'trap \"sleep 0.2; echo done; exit\" TERM; echo up; while :; do sleep 0.01; done' &
         wait",
    )
    .start();
    shim.says("up");
    assert_eq!(shim.code("POST /stop"), 202);
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.lines("O"), ["up", "done"]);
}

#[test]
fn after_the_grace_it_is_killed() {
    let mut shim = script("trap '' TERM; sh -c 'echo up; sleep 1000' & wait; sleep 1000")
        .with(|spec| spec.stop.grace = millis(50))
        .start();
    shim.says("up");
    let pid = shim.child_pid();
    shim.signal(libc::SIGTERM);
    assert_eq!(shim.wait(), 137);
    let reason = format!("process {pid} had not ended 50 ms after it was told to, and was killed");
    assert_eq!(shim.state_file()["reason"], reason);
    assert!(!runs(pid));
}

#[test]
fn a_stopped_process_can_be_stopped_for_good() {
    let mut shim = script("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        .with(|spec| spec.stop.grace = Duration::from_secs(600))
        .start();
    shim.says("up");
    assert_eq!(shim.code("POST /signal?name=STOP"), 202);
    assert_eq!(shim.code("POST /stop"), 202);
    assert_eq!(shim.wait(), 0);
    shim.says("bye");
}

#[test]
fn it_drains_before_it_stops() {
    let mut shim = script("trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.01; done")
        .with(|spec| spec.stop.drain = Duration::from_secs(600))
        .start();
    shim.says("up");
    assert_eq!(shim.code("GET /readyz"), 200);
    assert_eq!(shim.code("POST /stop"), 202);
    shim.until("state", "stopping");
    assert_eq!(shim.code("GET /readyz"), 503);
    assert_eq!(shim.code("GET /healthz"), 200);
    assert_eq!(shim.code("POST /restart"), 409);
    assert!(runs(shim.child_pid()));
    assert_eq!(shim.lines("O"), ["up"]);
    // Asked again, it waits no longer.
    shim.signal(libc::SIGTERM);
    assert_eq!(shim.wait(), 0);
    assert_eq!(shim.lines("O"), ["up", "told"]);
}

#[test]
fn a_drain_ends_by_itself() {
    let mut shim = command(&["sleep", "1000"])
        .with(|spec| spec.stop.drain = millis(30))
        .start();
    shim.until("state", "ready");
    let asked = Instant::now();
    shim.signal(libc::SIGTERM);
    assert_eq!(shim.wait(), 143);
    assert!(asked.elapsed() >= millis(30));
}

#[test]
fn a_restart_that_is_asked_for_waits_for_nothing() {
    let shim = script("trap 'echo told; exit 0' HUP; echo up $$; while :; do sleep 0.01; done")
        .with(|spec| {
            spec.stop.signal = plat_shim::signal::Signal::from_name("HUP").unwrap();
            spec.restart.initial = Duration::from_secs(600);
            spec.restart.maximum = Duration::from_secs(600);
        })
        .start();
    let before = shim.says("up ");
    assert_eq!(shim.code("POST /restart"), 202);
    let after = shim.until("restarts", 1);
    shim.says("told");
    assert_ne!(after["child_pid"].to_string(), before);
}

#[test]
fn the_child_dies_with_the_shim() {
    let mut shim = command(&["sleep", "1000"]).start();
    let pid = shim.until("state", "ready")["child_pid"].as_i64().unwrap();
    shim.signal(libc::SIGKILL);
    assert_eq!(shim.wait(), 137);
    eventually("the child's end", || (!runs(pid)).then_some(()));
}

#[test]
fn a_child_may_outlive_the_shim() {
    let mut shim = command(&["sleep", "1000"])
        .with(|spec| spec.die_with_shim = false)
        .start();
    let status = shim.until("state", "ready");
    let pid = status["child_pid"].as_i64().unwrap();
    shim.signal(libc::SIGKILL);
    assert_eq!(shim.wait(), 137);
    assert!(runs(pid));
    // What the state file says is enough to find it again, and to know it from another.
    let state = shim.state_file();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let started = stat
        .rsplit_once(") ")
        .unwrap()
        .1
        .split(' ')
        .nth(22 - 3)
        .unwrap();
    assert_eq!(state["child_started"].to_string(), started);
    kill(pid, libc::SIGKILL);
}
