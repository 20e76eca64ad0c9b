//! `kill -9` of everything there is to kill: workloads, the agent, `platc` itself.

use std::time::{Duration, Instant};

use plat_tests::{
    Home, SOON, answers, apps, edit, eventually, install, is_alive, kill, pids, processes_naming,
};

fn hello() -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    home.ok(&["-C", "hello", "up", "--yes"]);
    home
}

fn agent(home: &Home) -> Option<i32> {
    let here = home.path().to_string_lossy().into_owned();
    processes_naming(&here)
        .into_iter()
        .find(|(_, command)| command.contains("internal agent"))
        .map(|(pid, _)| pid)
}

#[test]
fn a_killed_workload_is_back_within_two_seconds() {
    let home = hello();
    let before = pids(&home, "web.py");
    let begun = Instant::now();
    kill(before[0], "KILL");
    eventually("two copies that live", Duration::from_secs(10), || {
        let now = pids(&home, "web.py");
        let living = now
            .iter()
            .filter(|pid| is_alive(**pid) && **pid != before[0])
            .count();
        if living == 2 {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
    // What is promised to people; the shim's own tests hold the delay itself.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    answers(&home, "hello.localhost", "/");
    assert!(is_alive(before[1]), "the other copy was left alone");
}

#[test]
fn workloads_outlive_the_agent_and_are_taken_up_again() {
    let home = hello();
    let before = pids(&home, "web.py");
    let first = agent(&home).unwrap();
    kill(first, "KILL");
    eventually("the agent's end", SOON, || {
        (!is_alive(first)).then_some(()).ok_or_else(String::new)
    });
    assert!(before.iter().all(|pid| is_alive(*pid)));
    answers(&home, "hello.localhost", "/");

    // The next call starts an agent, which takes up what runs.
    home.ok(&["-C", "hello", "status"]);
    assert_eq!(pids(&home, "web.py"), before);
    assert_ne!(agent(&home).unwrap(), first);
    let up = home.ok(&["-C", "hello", "up"]);
    assert!((up.stdout + &up.stderr).contains("nothing to do"));
    assert_eq!(pids(&home, "web.py"), before);

    // And it keeps them alive.
    kill(before[0], "KILL");
    eventually("two copies that live", SOON, || {
        let now = pids(&home, "web.py");
        if now.len() == 2 && !now.contains(&before[0]) {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
}

#[test]
fn a_killed_shim_takes_its_workload_along_and_both_come_back() {
    let home = hello();
    let before = pids(&home, "web.py");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", before[0])).unwrap();
    let parent = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kill(parent, "KILL");
    eventually("two copies that live", SOON, || {
        let now = pids(&home, "web.py");
        if now.len() == 2 && !now.contains(&before[0]) {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
    assert!(!is_alive(before[0]), "nothing is left without its shim");
    answers(&home, "hello.localhost", "/");
}

#[test]
fn a_workload_that_dies_at_once_is_an_error_that_says_why() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    edit(
        &home,
        "hello/app/web.py",
        "import http.server\n",
        "raise SystemExit('no such luck')\n",
    );
    let up = home.platc(&["-C", "hello", "up", "--yes"]);
    assert_eq!(up.code, 1);
    assert!(up.stderr.contains("no such luck"), "{}", up.stderr);
    assert!(up.stderr.contains("web"), "{}", up.stderr);
    // Mended, the next call finishes it.
    edit(
        &home,
        "hello/app/web.py",
        "raise SystemExit('no such luck')\n",
        "import http.server\n",
    );
    home.ok(&["-C", "hello", "up", "--yes"]);
    answers(&home, "hello.localhost", "/");
}

#[test]
fn a_worker_that_keeps_dying_is_an_error_too() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    home.write(
        "hello/worker.plat",
        r#"app hello

worker dies { run = process(["sh", "-c", "sleep 0.2; echo no such luck; exit 3"], dir: "./app") }
"#,
    );
    let up = home.platc(&["-C", "hello", "up", "--yes"]);
    assert_eq!(up.code, 1, "{}", up.stderr);
    assert!(
        up.stderr.contains("no such luck") && up.stderr.contains("code 3"),
        "{}",
        up.stderr
    );
}
