//! Being where something runs on this machine: `exec`, `run` and `forward`.

#![expect(clippy::unwrap_used, reason = "a test's helpers")]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use plat_tests::{Home, apps, get, install, kill};

const APP: &str = r#"
secret token { generate = random(20) }

job greet {
    run   = process(["sh", "-c", "echo $GREETING $*; cat $NOTE; test $(printf %s $TOKEN | wc -c) = 20 || exit 9; exit 3", "greet"], dir: "./app")
    runs  = on_demand
    files = { "/etc/note" = "from a file\n" }
    env   = { GREETING = "hello", NOTE = "/etc/note", TOKEN = token }
}
"#;

fn up() -> Home {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    let source = home.path().join("hello/hello.plat");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text + APP).unwrap();
    home.ok(&["-C", "hello", "up", "--yes"]);
    home
}

#[test]
fn one_can_be_where_something_runs() {
    let home = up();

    // A command has what the copy was started with, and its exit code is platc's.
    let said = ["sh", "-c", "echo $MESSAGE $PORT; ls; exit 4"];
    let mut arguments = vec!["-C", "hello", "exec", "web", "--copy", "1", "--"];
    arguments.extend(said);
    let ran = home.platc(&arguments);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stdout.starts_with("first "), "{}", ran.stdout);
    assert!(ran.stdout.contains("web.py"), "{}", ran.stdout);

    // A job by hand: its own words before mine, its files while it runs, its secrets.
    let ran = home.platc(&["-C", "hello", "run", "dev", "greet", "--", "you", "and you"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert_eq!(ran.stdout, "hello you and you\nfrom a file\n");
    assert_eq!(ran.stderr, "");

    // What is not there is told before anything is tried.
    let ran = home.platc(&["-C", "hello", "exec", "wbe", "--", "sh"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("did you mean `web`?"), "{}", ran.stderr);
    let ran = home.platc(&["-C", "hello", "exec", "web", "--copy", "7", "--", "sh"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no copy 7"), "{}", ran.stderr);
    let ran = home.platc(&["-C", "hello", "run", "web"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no job"), "{}", ran.stderr);

    // A port of this machine leads to it.
    let mut forward = home
        .command(&["-C", "hello", "forward", "web"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(forward.stderr.take().unwrap());
    said.read_line(&mut line).unwrap();
    let port = line
        .strip_prefix("127.0.0.1:")
        .and_then(|rest| rest.split(' ').next()?.parse().ok());
    let port: u16 = port.unwrap_or_else(|| panic!("it said {line}"));
    let reply = get(port, "localhost", "/");
    kill(i32::try_from(forward.id()).unwrap(), "INT");
    let code = forward.wait().unwrap().code();
    assert_eq!(reply.unwrap().json()["message"], "first");
    assert_eq!(code, Some(130));
}
