//! `platc up`, again and again: what is new is brought up, what changed is changed, the rest is
//! left alone.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use plat_tests::{Home, SOON, answers, apps, edit, eventually, get, install, is_alive, pids};

fn hello() -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    home
}

/// Asks the app from four threads until told to stop; counts the answers and keeps the failures.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<Vec<String>>>,
}

impl Load {
    fn on(home: &Home) -> Self {
        let (stop, answered) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let port = home.port();
        let threads = (0..4)
            .map(|_| {
                let (stop, answered) = (stop.clone(), answered.clone());
                thread::spawn(move || {
                    let mut failures = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        match get(port, "hello.localhost", "/slow") {
                            Ok(reply) if reply.status == 200 => {
                                answered.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(reply) => failures.push(format!("{} {}", reply.status, reply.body)),
                            Err(e) => failures.push(e),
                        }
                    }
                    failures
                })
            })
            .collect();
        Self {
            stop,
            answered,
            threads,
        }
    }

    /// Waits for so many more answers.
    fn let_pass(&self, more: u64) {
        let enough = self.answered.load(Ordering::Relaxed) + more;
        eventually("answers under load", SOON, || {
            let now = self.answered.load(Ordering::Relaxed);
            if now >= enough {
                Ok(())
            } else {
                Err(format!("{now} of {enough}"))
            }
        });
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    }
}

#[test]
fn up_brings_it_up_and_then_there_is_nothing_to_do() {
    let home = hello();
    let first = home.ok(&["-C", "hello", "up", "--yes"]);
    let url = format!("http://hello.localhost:{}", home.port());
    assert_eq!(
        first.stdout.trim_end().lines().last(),
        Some(url.as_str()),
        "{}",
        first.stdout
    );
    answers(&home, "hello.localhost", "/");

    let before = pids(&home, "web.py");
    assert_eq!(before.len(), 2);
    let second = home.ok(&["-C", "hello", "up"]);
    assert!(second.stderr.contains("nothing to do") || second.stdout.contains("nothing to do"));
    assert_eq!(pids(&home, "web.py"), before);
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
}

#[test]
fn a_new_value_restarts_one_service_without_a_dropped_request() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    let before = pids(&home, "web.py");

    let load = Load::on(&home);
    load.let_pass(20);
    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 2, "{}", plan.stderr);
    assert!(
        plan.stdout.contains(r#""first" → "second""#),
        "{}",
        plan.stdout
    );
    home.ok(&["-C", "hello", "up", "--yes"]);
    load.let_pass(20);
    assert_eq!(load.end(), Vec::<String>::new());

    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "second"
    );
    let after = pids(&home, "web.py");
    assert_eq!(after.len(), 2);
    assert!(
        before
            .iter()
            .all(|pid| !after.contains(pid) && !is_alive(*pid))
    );
}

#[test]
fn a_new_scale_starts_and_stops_copies_and_touches_no_other() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    let two: BTreeSet<i32> = pids(&home, "web.py").into_iter().collect();

    edit(&home, "hello/hello.plat", "scale = 2", "scale = 3");
    home.ok(&["-C", "hello", "up", "--yes"]);
    let three: BTreeSet<i32> = pids(&home, "web.py").into_iter().collect();
    assert_eq!(three.len(), 3);
    assert!(three.is_superset(&two), "{two:?} {three:?}");

    edit(&home, "hello/hello.plat", "scale = 3", "scale = 1");
    home.ok(&["-C", "hello", "up", "--yes"]);
    let one: BTreeSet<i32> = pids(&home, "web.py").into_iter().collect();
    assert_eq!(one.len(), 1);
    assert!(three.is_superset(&one));
    assert!(three.difference(&one).all(|pid| !is_alive(*pid)));
    answers(&home, "hello.localhost", "/");
}

#[test]
fn a_change_of_the_code_is_a_change() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    edit(
        &home,
        "hello/app/web.py",
        r#"os.environ.get("MESSAGE", "")"#,
        r#""edited""#,
    );
    let plan = home.platc(&["-C", "hello", "plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 2, "{}", plan.stdout);
    home.ok(&["-C", "hello", "up", "--yes"]);
    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "edited"
    );
}

#[test]
fn a_version_that_does_not_become_ready_leaves_the_old_one_running() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    let before = pids(&home, "web.py");
    edit(
        &home,
        "hello/app/web.py",
        "import http.server\n",
        "raise SystemExit('no such luck')\n",
    );
    let failed = home.platc(&["-C", "hello", "up", "--yes"]);
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("no such luck"),
        "the log's end is shown: {}",
        failed.stderr
    );
    assert_eq!(
        answers(&home, "hello.localhost", "/").json()["message"],
        "first"
    );
    assert!(before.iter().all(|pid| is_alive(*pid)));

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
fn destroy_leaves_nothing() {
    let home = hello();
    home.ok(&["-C", "hello", "up", "--yes"]);
    let before = pids(&home, "web.py");
    home.ok(&["-C", "hello", "destroy", "--yes"]);
    assert!(before.iter().all(|pid| !is_alive(*pid)));
    eventually("the route to be gone", SOON, || {
        match get(home.port(), "hello.localhost", "/") {
            Err(_) => Ok(()),
            Ok(reply) if reply.status == 404 => Ok(()),
            Ok(reply) => Err(format!("{} {}", reply.status, reply.body)),
        }
    });
    let again = home.ok(&["-C", "hello", "destroy", "--yes"]);
    assert!(again.stderr.contains("nothing") || again.stdout.contains("nothing"));
}

/// `flock` hands the file it locks to what it runs: the lock must end with that, and not with the
/// agent that it started. And whoever has no `USER`, as under a service manager, has a name yet.
#[test]
fn an_agent_keeps_nothing_of_whoever_started_it() {
    let home = hello();
    let lock = home.path().join("lock");
    let ours = home.command(&["-C", "hello", "apply", "--yes"]);
    let mut locked = std::process::Command::new("flock");
    locked
        .arg(&lock)
        .arg(ours.get_program())
        .args(ours.get_args());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => locked.env(name, value),
            None => locked.env_remove(name),
        };
    }
    for name in ["USER", "LOGNAME", "GITHUB_ACTOR", "GITLAB_USER_LOGIN"] {
        locked.env_remove(name);
    }
    let ran = locked.current_dir(home.path()).output().unwrap();
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    answers(&home, "hello.localhost", "/");
    std::fs::File::open(&lock).unwrap().try_lock().unwrap();

    let releases = home.ok(&["-C", "hello", "releases"]).stdout;
    let id = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let name = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    assert!(releases.contains(&format!(" {name}@")), "{releases}");
}
