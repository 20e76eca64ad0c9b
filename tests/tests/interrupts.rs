//! Ctrl-C, once and twice, on every command that changes an environment.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::io::Read as _;
use std::process::{Child, Stdio};

use plat_tests::{
    Home, Ran, SOON, answers, apps, edit, eventually, gated_and_changed, install, is_alive, kill,
    pids,
};

struct Running {
    child: Child,
    said: std::thread::JoinHandle<String>,
    so_far: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Running {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = home
            .command(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = child.stderr.take().unwrap();
        let so_far = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let shared = so_far.clone();
        let said = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = err.read(&mut bytes) {
                shared
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(bytes.get(..n).unwrap()));
            }
            shared.lock().unwrap().clone()
        });
        Self {
            child,
            said,
            so_far,
        }
    }

    fn interrupt(&self) {
        kill(i32::try_from(self.child.id()).unwrap(), "INT");
    }

    fn hears(&self, word: &str) {
        eventually(word, SOON, || {
            let said = self.so_far.lock().unwrap().clone();
            said.contains(word).then_some(()).ok_or(said)
        });
    }

    fn ends(mut self) -> Ran {
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Ran {
            code,
            stdout: String::new(),
            stderr: self.said.join().unwrap(),
        }
    }
}

fn hold(home: &Home, what: &str) {
    home.write(&format!("gated/{what}"), "");
}

fn let_go(home: &Home, what: &str) {
    std::fs::remove_file(home.path().join("gated").join(what)).unwrap();
}

/// Interrupts the command while what it changes is held up, once or twice, and lets it go.
fn interrupted(home: &Home, arguments: &[&str], held: &str, times: usize) -> Ran {
    hold(home, held);
    let before = pids(home, "web.py");
    let running = Running::start(home, arguments);
    if held == "hold-start" {
        eventually("the new process", SOON, || {
            let now = pids(home, "web.py");
            let new = now.iter().any(|pid| !before.contains(pid));
            new.then_some(()).ok_or_else(|| format!("{now:?}"))
        });
    } else {
        running.hears("removing");
    }
    running.interrupt();
    running.hears("nothing more is begun");
    if times == 2 {
        running.interrupt();
        let ran = running.ends();
        let_go(home, held);
        ran
    } else {
        let_go(home, held);
        running.ends()
    }
}

#[test]
fn every_command_that_changes_something_ends_what_is_under_way_and_stops() {
    let home = gated_and_changed();
    home.ok(&["-C", "gated", "plan", "-o", "x.plan"]);
    let web = |message: &str| {
        assert_eq!(
            answers(&home, "gated.localhost", "/").json()["MESSAGE"],
            message
        );
    };
    // The first is done to its end; there is nothing left to begin, or there is: both are told.
    let ran = interrupted(&home, &["apply", "x.plan", "--yes"], "hold-start", 1);
    assert_eq!(
        ran.code,
        if ran.stderr.contains("not all was done") {
            130
        } else {
            0
        }
    );
    web("second");
    edit(&home, "gated/gated.plat", "\"second\"", "\"third\"");
    let ran = interrupted(&home, &["-C", "gated", "up", "--yes"], "hold-start", 1);
    assert!([0, 130].contains(&ran.code), "{}", ran.stderr);
    home.ok(&["-C", "gated", "up", "--yes"]);
    web("third");
    let ran = interrupted(
        &home,
        &["-C", "gated", "rollback", "1", "--yes"],
        "hold-start",
        1,
    );
    assert!([0, 130].contains(&ran.code), "{}", ran.stderr);
    home.ok(&["-C", "gated", "rollback", "1", "--yes"]);
    web("first");
    let ran = interrupted(&home, &["-C", "gated", "destroy", "--yes"], "hold-stop", 1);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stderr.contains("not begun"), "{}", ran.stderr);
    home.ok(&["-C", "gated", "destroy", "--yes"]);
    assert_eq!(pids(&home, "web.py"), Vec::<i32>::new());
}

#[test]
fn twice_leaves_what_is_under_way_to_the_next_apply() {
    for command in ["up", "apply", "rollback"] {
        let home = gated_and_changed();
        if command == "rollback" {
            home.ok(&["-C", "gated", "up", "--yes"]);
        }
        let arguments = ["-C", "gated", command, "--yes"];
        let ran = interrupted(&home, &arguments, "hold-start", 2);
        assert_eq!(ran.code, 130, "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("left under way"),
            "{command}: {}",
            ran.stderr
        );
        home.ok(&arguments);
        let message = if command == "rollback" {
            "first"
        } else {
            "second"
        };
        assert_eq!(
            answers(&home, "gated.localhost", "/").json()["MESSAGE"],
            message
        );
        eventually("one process", SOON, || {
            let now = pids(&home, "web.py");
            (now.len() == 1)
                .then_some(())
                .ok_or_else(|| format!("{now:?}"))
        });
    }
}

#[test]
fn twice_in_a_destroy_and_the_next_one_ends_it() {
    let home = gated_and_changed();
    let before = pids(&home, "web.py");
    let ran = interrupted(&home, &["-C", "gated", "destroy", "--yes"], "hold-stop", 2);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    home.ok(&["-C", "gated", "destroy", "--yes"]);
    assert!(before.iter().all(|pid| !is_alive(*pid)));
}

/// An app whose directory is prepared, which takes for as long as it is held up.
fn prepared(script: &str) -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    edit(
        &home,
        "hello/hello.plat",
        "dir: \"./app\")",
        "dir: \"./app\", prepare: [\"sh\", \"../prepare.sh\"])",
    );
    home.write("hello/prepare.sh", script);
    home.write("hello/hold", "");
    home
}

/// The process of the preparation, once it has begun.
fn preparing(home: &Home) -> i32 {
    eventually("the preparation", SOON, || {
        let said = std::fs::read_to_string(home.path().join("hello/begun"));
        let said = said.map_err(|e| e.to_string())?;
        said.trim().parse().map_err(|e| format!("{said:?}: {e}"))
    })
}

#[test]
fn once_while_a_directory_is_prepared_ends_that_and_changes_nothing() {
    let home = prepared(
        "echo $$ > ../begun.tmp; mv ../begun.tmp ../begun; while [ -e ../hold ]; do sleep 0.05; done\n",
    );
    let up = ["-C", "hello", "up", "--yes"];
    let running = Running::start(&home, &up);
    let pid = preparing(&home);
    running.interrupt();
    let ran = running.ends();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    for part in [
        "nothing more is begun",
        "nothing of it was changed",
        "`platc up dev`",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(!is_alive(pid), "it was ended");
    assert_eq!(pids(&home, "web.py"), Vec::<i32>::new());
    // Nobody holds the lease, and the next one begins again.
    let_go_of_preparation(&home);
    home.ok(&up);
    answers(&home, "hello.localhost", "/");
}

#[test]
fn of_a_plan_in_a_file_it_is_said_whether_it_is_still_good() {
    let home = prepared(
        "echo $$ > ../begun.tmp; mv ../begun.tmp ../begun; while [ -e ../hold ]; do sleep 0.05; done\n",
    );
    home.ok(&["-C", "hello", "plan", "-o", "x.plan"]);
    let apply = ["apply", "x.plan", "--yes", "--wait"];
    let first = Running::start(&home, &apply);
    preparing(&home);
    // Nothing of it was begun: the plan stays what it was.
    let second = Running::start(&home, &apply);
    second.hears("waiting for");
    second.interrupt();
    let ran = second.ends();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    for part in [
        "stopped before anything was changed",
        "`platc apply x.plan` begins again",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    // Of this one there is a release.
    first.interrupt();
    let ran = first.ends();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    let on = "what is done stays; `platc plan dev -o x.plan` plans what is left";
    assert!(ran.stderr.contains(on), "{}", ran.stderr);
    let_go_of_preparation(&home);
}

#[test]
fn twice_while_a_directory_is_prepared_ends_at_once() {
    // It does not let itself be stopped.
    let home = prepared(
        "trap '' TERM INT; echo $$ > ../begun.tmp; mv ../begun.tmp ../begun; while [ -e ../hold ]; do sleep 0.05; done\n",
    );
    let up = ["-C", "hello", "up", "--yes"];
    let running = Running::start(&home, &up);
    let pid = preparing(&home);
    running.interrupt();
    running.hears("nothing more is begun");
    running.interrupt();
    let ran = running.ends();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.stderr.contains("left under way"), "{}", ran.stderr);
    eventually("its end", SOON, || {
        let gone = !is_alive(pid);
        gone.then_some(()).ok_or_else(|| "it lives".to_owned())
    });
    let_go_of_preparation(&home);
    home.ok(&up);
    answers(&home, "hello.localhost", "/");
}

fn let_go_of_preparation(home: &Home) {
    std::fs::remove_file(home.path().join("hello/hold")).unwrap();
}
