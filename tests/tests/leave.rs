//! What an environment leaves to somebody else is written once, and never again.

use plat_tests::{Home, Ran, answers, apps, edit, environment_of, install, pids};

fn leaving(home: &Home, what: &str) {
    let leaves = format!("env dev {{\n    leave = [{what}]\n    target");
    edit(home, "hello/hello.plat", "env dev { target", &leaves);
}

fn plan(home: &Home) -> Ran {
    home.platc(&["-C", "hello", "plan", "--detailed-exitcode"])
}

#[test]
fn what_is_left_stays_whatever_the_source_says() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    leaving(&home, "web.scale, web.env.MESSAGE");
    home.ok(&["-C", "hello", "up", "--yes"]);
    answers(&home, "hello.localhost", "/");
    let first = pids(&home, "web.py");
    assert_eq!(first.len(), 2);

    edit(&home, "hello/hello.plat", "scale = 2", "scale = 3");
    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    let planned = plan(&home);
    assert_eq!(planned.code, 0, "{}{}", planned.stdout, planned.stderr);

    // What changes beside it changes, and nothing of what is left with it.
    edit(
        &home,
        "hello/hello.plat",
        "env   = {",
        "env   = {\n        MORE = \"more\"",
    );
    home.ok(&["-C", "hello", "up", "--yes"]);
    let now = pids(&home, "web.py");
    assert_eq!(now.len(), 2);
    for pid in now {
        let said = environment_of(pid);
        assert_eq!(said.get("MESSAGE").map(String::as_str), Some("first"));
        assert_eq!(said.get("MORE").map(String::as_str), Some("more"));
    }

    // Taken back, it is what the source says.
    edit(
        &home,
        "hello/hello.plat",
        "    leave = [web.scale, web.env.MESSAGE]\n",
        "",
    );
    home.ok(&["-C", "hello", "up", "--yes"]);
    let now = pids(&home, "web.py");
    assert_eq!(now.len(), 3);
    for pid in now {
        let said = environment_of(pid);
        assert_eq!(said.get("MESSAGE").map(String::as_str), Some("second"));
    }
    assert_eq!(plan(&home).code, 0);
}

#[test]
fn what_this_target_can_not_leave_is_refused_where_it_stands() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    leaving(&home, "web.ready");
    let refused = plan(&home);
    assert_eq!(refused.code, 1);
    assert_eq!(
        refused.stderr.trim(),
        "error: hello.plat:19: `web.ready`: it can't be left to others on this machine\n  \
         → What can be left of it is `env` and `scale`"
    );
}
