//! A real `kill -9` of `platc`, at a hundred moments of as many applies (`PLAT_KILL_CASES` says how
//! many): after each, the next apply finishes the work, makes nothing twice, leaves nothing behind,
//! and then there is nothing to do.
//!
//! The engine's own tests stop it at each call it makes (`backends/engine/tests/it/story.rs`); here
//! the process, the file system, the agent and the workloads are real.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

use plat_tests::{Home, apps, environment_of, install, kill, pids, processes_naming};

fn cases() -> u32 {
    let said = std::env::var("PLAT_KILL_CASES").ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(100)
}

/// How many copies a round's version has.
fn copies(round: u32) -> u32 {
    1 + round % 2
}

/// The buckets of a round's version: they come and go.
fn buckets(round: u32) -> BTreeSet<&'static str> {
    let is = |n: u32, name| (round / n).is_multiple_of(2).then_some(name);
    [is(1, "one"), is(2, "two"), is(3, "three")]
        .into_iter()
        .flatten()
        .collect()
}

/// Writes the version of a round: each differs from the one before in several objects.
fn edit(home: &Home, round: u32) {
    let mut text = format!(
        r#"app hello

service web {{
    run   = process(["python3", "web.py"], dir: "./app")
    ready = http("/healthz", every: 100ms)
    scale = {}
    stop  = 5s
    env   = {{ MESSAGE = "round {round}" }}
}}

env dev {{ target = local {{ port = PORT }} }}
"#,
        copies(round),
    );
    for name in buckets(round) {
        text.push_str(&format!("\nbucket {name} {{}}\n"));
    }
    home.write("hello/hello.plat", &text);
}

/// What runs is this round's version, once.
fn is_as_said(home: &Home, round: u32) {
    let web = pids(home, "web.py");
    let wanted = usize::try_from(copies(round)).unwrap();
    assert_eq!(
        web.len(),
        wanted,
        "nothing twice, nothing left behind in round {round}"
    );
    for pid in web {
        let said = environment_of(pid).get("MESSAGE").cloned();
        assert_eq!(said, Some(format!("round {round}")));
    }
    let here = home.path().to_string_lossy().into_owned();
    let servers = processes_naming(&here)
        .into_iter()
        .filter(|(_, command)| command.contains("internal s3"))
        .count();
    assert_eq!(
        servers,
        usize::from(!buckets(round).is_empty()),
        "in round {round}"
    );
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(
        plan.code, 0,
        "round {round}: the next plan is empty: {}",
        plan.stdout
    );
}

#[test]
fn a_killed_apply_is_finished_by_the_next() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    let apply = ["-C", "hello", "apply", "--yes"];
    let mut calm = Duration::ZERO;
    for round in 0..4 {
        edit(&home, round);
        let begun = Instant::now();
        home.ok(&apply);
        // The first one starts the agent.
        calm = if round == 0 {
            calm
        } else {
            calm.max(begun.elapsed())
        };
        is_as_said(&home, round);
    }
    let mut in_time = 0;
    for round in 4..4 + cases() {
        edit(&home, round);
        let mut killed = home.command(&apply);
        let killed = killed.stdout(Stdio::null()).stderr(Stdio::null());
        let mut killed = killed.spawn().unwrap();
        // Spread over its whole length. How long that is differs, so it is not asserted that each
        // of these hits.
        let moment = Instant::now() + calm * (round * 37 % 100) / 100;
        while Instant::now() < moment && killed.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        if killed.try_wait().unwrap().is_none() {
            in_time += 1;
        }
        kill(i32::try_from(killed.id()).unwrap(), "KILL");
        killed.wait().unwrap();
        home.ok(&apply);
        is_as_said(&home, round);
    }
    assert!(
        in_time * 2 > cases(),
        "{in_time} of {} kills came in time",
        cases()
    );
}
