//! No signal is lost, and none ends the shim.

use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use plat_shim::signal::Signal;
use plat_shim::spec::{Policy, Spec};

use crate::harness::{Killed, command, eventually, program, script, skip};

/// What the shim means by itself (stop), can't catch, or can't be told apart from its own.
const NOT_FORWARDED: [&str; 6] = ["INT", "QUIT", "TERM", "KILL", "STOP", "CHLD"];

#[test]
fn every_other_signal_is_forwarded() {
    for number in 1..=64 {
        let signal = Signal::from_number(number).unwrap();
        if NOT_FORWARDED.contains(&signal.to_string().as_str()) {
            continue;
        }
        let mut shim = command(&["sleep", "1000"]).start();
        shim.until("state", "ready");
        shim.signal(number);
        let stops = ["TSTP", "TTIN", "TTOU"].contains(&signal.to_string().as_str());
        let harmless = ["CONT", "URG", "WINCH"].contains(&signal.to_string().as_str());
        if stops || harmless {
            // What it does not end it with is seen by what a child makes of it.
            if stops {
                let stat = format!("/proc/{}/stat", shim.child_pid());
                eventually(&format!("{signal} stops it"), || {
                    std::fs::read_to_string(&stat)
                        .unwrap()
                        .contains(") T ")
                        .then_some(())
                });
            }
            shim.signal(libc::SIGTERM);
            assert_eq!(shim.wait(), 143, "after {signal}");
        } else {
            assert_eq!(shim.wait(), 128 + number, "{signal}");
        }
    }
}

#[test]
fn a_handler_hears_what_was_sent() {
    let shim = script(
        "for s in HUP USR1 USR2 ALRM WINCH CONT URG IO PWR; do trap \"echo got $s\" $s; done
         echo up; while :; do sleep 0.01; done",
    )
    .start();
    shim.says("up");
    for name in [
        "HUP", "USR1", "USR2", "ALRM", "WINCH", "CONT", "URG", "IO", "PWR",
    ] {
        shim.signal(Signal::from_name(name).unwrap().number());
        shim.says(&format!("got {name}"));
    }
    assert_eq!(shim.code("POST /signal?name=SIGUSR1"), 202);
    eventually("the second USR1", || {
        (shim
            .lines("O")
            .iter()
            .filter(|line| *line == "got USR1")
            .count()
            == 2)
            .then_some(())
    });
}

#[test]
fn interrupt_and_quit_stop_it_with_themselves() {
    for (name, code) in [("INT", 130), ("QUIT", 131), ("TERM", 143)] {
        let mut shim = command(&["sleep", "1000"])
            .with(|spec| spec.restart.policy = Policy::Always)
            .start();
        shim.until("state", "ready");
        shim.signal(Signal::from_name(name).unwrap().number());
        assert_eq!(shim.wait(), code, "{name}");
    }
}

#[test]
fn the_child_starts_with_no_signal_blocked_or_ignored() {
    let mut shim = command(&["cat", "/proc/self/status"]).start();
    assert_eq!(shim.wait(), 0);
    for field in ["SigBlk:", "SigIgn:"] {
        assert_eq!(shim.says(field).trim(), "0000000000000000", "{field}");
    }
}

/// A launcher that blocks signals before exec loses none, whenever it sends it. (Under `tini` and
/// `dumb-init` over half of those sent in the first millisecond are lost.)
#[test]
fn five_thousand_starts_lose_no_signal() {
    const STARTS: u32 = 5000;
    let dir = tempfile::tempdir().unwrap();
    let spec = |name: &str| {
        let path = |end: &str| dir.path().join(format!("{name}.{end}"));
        let argv = vec!["/bin/sleep".into(), "1000".into()];
        let mut spec = Spec::new("test", argv, "/", path("c"), path("s"));
        spec.restart.policy = Policy::Never;
        spec
    };
    let specs = [spec("a").to_text(), spec("b").to_text()];
    let heard: u32 = thread::scope(|scope| {
        let lanes = specs.iter().zip(0..).map(|(spec, lane)| {
            scope.spawn(move || {
                (0..STARTS / 2)
                    .filter(|n| hears(spec, n * 2 + lane))
                    .count()
            })
        });
        let lanes: Vec<_> = lanes.collect();
        lanes
            .into_iter()
            .map(|lane| u32::try_from(lane.join().unwrap()).unwrap())
            .sum()
    });
    assert_eq!(heard, STARTS);
}

fn hears(spec: &str, n: u32) -> bool {
    let mut launcher = Command::new(program());
    launcher
        .args(["run", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // SAFETY: one async-signal-safe call.
    unsafe {
        launcher.pre_exec(|| {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
            Ok(())
        });
    }
    let mut shim = launcher.spawn().unwrap();
    let _killed = Killed(shim.id().into());
    shim.stdin
        .take()
        .unwrap()
        .write_all(spec.as_bytes())
        .unwrap();
    // From before its main to well after the child's start.
    let wait = Duration::from_micros(u64::from(n % 25) * 100);
    let end = Instant::now() + wait;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    // SAFETY: has no memory effects.
    unsafe { libc::kill(shim.id().try_into().unwrap(), libc::SIGUSR1) };
    let status = eventually("its end", || shim.try_wait().unwrap());
    assert_eq!(status.signal(), None, "the shim itself was ended");
    status.code() == Some(128 + libc::SIGUSR1)
}

#[test]
fn it_can_be_process_1() {
    let inner = script("(setsid sleep 1000 & echo orphan); echo pid $$ parent $PPID; exit 9");
    let spec = inner.dir.path().join("spec");
    std::fs::write(&spec, inner.spec.to_text()).unwrap();
    let outcome = Command::new("unshare")
        .args(["--pid", "--fork", "--mount-proc"])
        .arg(program())
        .args(["run", "--unlink"])
        .arg(&spec)
        .output();
    let output = match outcome {
        Ok(output) => output,
        Err(error) => return skip(&format!("there is no `unshare`: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Operation not permitted") {
        return skip("no process namespace can be made here");
    }
    assert_eq!(output.status.code(), Some(9), "{said}");
    let log = std::fs::read_to_string(inner.dir.path().join("log")).unwrap();
    assert!(log.contains(" parent 1\n"), "{log}");
    assert!(!spec.exists());
}
