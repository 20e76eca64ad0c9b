//! A real `kill -9` of `platc`, in two hundred applies (`PLAT_KILL_CASES` says how many), at moments
//! spread over the whole of an apply and at its boundaries: the lease, each record of the journal, the
//! release. After each, the next apply finishes the work, makes nothing twice, leaves nothing behind,
//! and then there is nothing to do.
//!
//! The engine's own tests stop it at each call it makes (`backends/engine/tests/it/story.rs`); here
//! the process, the file system, the agent and the workloads are real.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use plat_tests::{Home, apps, environment_of, install, kill, pids, processes_naming};

/// How many go on at once.
const HOMES: u32 = 4;

fn cases() -> u32 {
    let said = std::env::var("PLAT_KILL_CASES").ok();
    said.and_then(|n| n.parse().ok()).unwrap_or(200)
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

/// When an apply is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So much of its usual time after it was started, in thousandths.
    Share(u32),
    /// As soon as it holds the lease.
    Lease,
    /// As soon as so many records are in the journal: intents and results, and who took the lease.
    Records(usize),
    /// As soon as the release is kept that it makes; the state does not say so yet.
    Release,
}

impl Moment {
    /// Half of the cases are spread over the whole time of an apply, the others are at its
    /// boundaries, each in turn.
    fn of(case: u32) -> Self {
        let turn = case / 2;
        if case.is_multiple_of(2) {
            return Self::Share(turn * 389 % 1000);
        }
        match turn % 10 {
            0 => Self::Lease,
            9 => Self::Release,
            // One record is left of the apply before.
            n => Self::Records(1 + usize::try_from(n).unwrap()),
        }
    }

    /// Waits for it; whether it came before the apply ended.
    fn comes(self, apply: &mut Child, state: &Path, calm: Duration) -> bool {
        let begun = Instant::now();
        let pid = format!("\"pid\":{},", apply.id());
        let newest = || {
            let names = fs::read_dir(state.join("releases")).into_iter().flatten();
            names.flatten().map(|entry| entry.file_name()).max()
        };
        let before = newest();
        loop {
            let read = |name| fs::read_to_string(state.join(name)).unwrap_or_default();
            let come = match self {
                Self::Share(share) => begun.elapsed() >= calm * share / 1000,
                Self::Lease => read("lease.json").contains(&pid),
                Self::Records(many) => read("journal").lines().count() >= many,
                Self::Release => newest() != before,
            };
            if come {
                return apply.try_wait().unwrap().is_none();
            }
            if apply.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Applies, kills, applies again, as often; how many kills came in time.
fn killed(cases: Range<u32>) -> usize {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    let apply = ["-C", "hello", "apply", "--yes"];
    let state = home.plat_home().join("state/apps/hello/dev/engine");
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
    for case in cases {
        let round = 4 + case;
        edit(&home, round);
        let mut killed = home.command(&apply);
        let killed = killed.stdout(Stdio::null()).stderr(Stdio::null());
        let mut killed = killed.spawn().unwrap();
        // How long an apply takes differs, so it is not asserted that each of these hits.
        if Moment::of(case).comes(&mut killed, &state, calm) {
            in_time += 1;
        }
        kill(i32::try_from(killed.id()).unwrap(), "KILL");
        killed.wait().unwrap();
        home.ok(&apply);
        is_as_said(&home, round);
    }
    in_time
}

#[test]
fn a_killed_apply_is_finished_by_the_next() {
    // Most of an apply is waiting: several go on at once, each in a home of its own.
    let share = cases().div_ceil(HOMES);
    let homes: Vec<_> = (0..HOMES)
        .map(|home| {
            let mine = home * share..cases().min((home + 1) * share);
            std::thread::spawn(move || killed(mine))
        })
        .collect();
    let in_time: usize = homes.into_iter().map(|home| home.join().unwrap()).sum();
    let half = usize::try_from(cases() / 2).unwrap();
    assert!(
        in_time > half,
        "{in_time} of {} kills came in time",
        cases()
    );
}
