//! The state of an environment in a bucket, as its source says.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Child, Command, Stdio};

#[cfg(feature = "cluster")]
use plat_tests::edit;
use plat_tests::{Home, Ran, SOON, answers, apps, eventually, free_port, install};

/// An S3 server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(home: &Home, port: u16) -> Server {
    let root = home.path().join("buckets");
    std::fs::create_dir_all(root.join("states")).unwrap();
    let config = serde_json::json!({
        "listen": format!("127.0.0.1:{port}"),
        "buckets": [{
            "name": "states",
            "root": root,
            "keys": [
                { "access_key": "ci", "secret_key": "a secret", "right": "write" },
                { "access_key": "reader", "secret_key": "a look", "right": "read" },
            ],
        }],
    });
    home.write("s3.json", &config.to_string());
    started(home.command(&["internal", "s3", "s3.json"]), port)
}

fn started(mut command: Command, port: u16) -> Server {
    let server = Server(command.stdout(Stdio::null()).spawn().unwrap());
    eventually("the S3 server", SOON, || {
        std::net::TcpStream::connect(("127.0.0.1", port))
            .map(|_| ())
            .map_err(|e| e.to_string())
    });
    server
}

fn platc(home: &Home, secret: &str, arguments: &[&str]) -> Ran {
    as_whom(
        home,
        ("ci", secret),
        &[&["-C", "hello"], arguments].concat(),
    )
}

fn as_whom(home: &Home, (key, secret): (&str, &str), arguments: &[&str]) -> Ran {
    let mut command = home.command(arguments);
    command
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", secret);
    Ran::from(&command.output().unwrap())
}

/// The app, with its state in the bucket.
fn app(home: &Home, port: u16) {
    install(home, &apps().join("hello"));
    let file = home.path().join("hello/hello.plat");
    let text = std::fs::read_to_string(&file).unwrap();
    let at = text.rfind("env dev").unwrap();
    let env = format!(
        r#"env dev {{
    target = local {{ port = PORT }}
    state  = s3(bucket: "states", prefix: "plat", region: "local", endpoint: "http://127.0.0.1:{port}")
}}
"#
    );
    home.write("hello/hello.plat", &(text[..at].to_owned() + &env));
}

#[test]
fn an_app_is_applied_and_taken_away_with_its_state_in_a_bucket() {
    let home = Home::new();
    let port = free_port();
    let _server = serve(&home, port);
    app(&home, port);

    let up = platc(&home, "a secret", &["up", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    answers(&home, "hello.localhost", "/");
    let state = home.path().join("buckets/states/plat/hello/dev");
    assert!(state.join("state.json").is_file());
    let again = platc(&home, "a secret", &["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);

    // Who may not read it changes nothing, and is told.
    let refused = platc(&home, "another", &["apply", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("s3://states/plat/hello/dev")
            && refused.stderr.contains("AWS_SECRET_ACCESS_KEY"),
        "{}",
        refused.stderr
    );
    answers(&home, "hello.localhost", "/");

    let gone = platc(&home, "a secret", &["destroy", "--yes"]);
    assert_eq!(gone.code, 0, "{}", gone.stderr);
    let left = std::fs::read_to_string(state.join("state.json")).unwrap();
    assert!(left.contains("\"inventory\":{}"), "{left}");
}

#[test]
fn a_plan_is_made_on_one_machine_with_a_key_that_only_reads_and_applied_on_another() {
    let (home, other) = (Home::new(), Home::new());
    let port = free_port();
    let _server = serve(&home, port);
    app(&home, port);
    let reader = ("reader", "a look");
    let (program, plan) = (["-C", "hello"], home.path().join("x.plan"));
    let plan = plan.to_str().unwrap();
    let planned = as_whom(
        &home,
        reader,
        &[&program[..], &["plan", "-o", plan]].concat(),
    );
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert!(
        planned
            .stderr
            .contains("warning: this plan can't be applied by its id: writing s3://"),
        "{}",
        planned.stderr
    );

    // Who may only read changes nothing, here and there.
    let refused = as_whom(&other, reader, &["apply", plan, "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("error: writing s3://states/plat/hello/dev/lease.json: it is refused")
            && refused
                .stderr
                .contains("give a key that may read, write, list and delete there"),
        "{}",
        refused.stderr
    );
    let bucket = home.path().join("buckets/states/plat/hello/dev");
    assert!(!bucket.join("state.json").exists());

    // No source is there, and another directory.
    let writer = ("ci", "a secret");
    let applied = as_whom(&other, writer, &["apply", plan, "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    answers(&home, "hello.localhost", "/");
    assert!(
        home.plat_home().join("state/apps").read_dir().is_err(),
        "all is at the other"
    );
    assert!(bucket.join("state.json").is_file());

    // Both see that it is done.
    let again = as_whom(&other, writer, &["apply", plan, "--yes"]);
    assert_eq!(again.code, 1);
    assert!(
        again.stderr.contains("release 1 was applied since"),
        "{}",
        again.stderr
    );
    let releases = as_whom(
        &home,
        reader,
        &[&program[..], &["releases", "--json"]].concat(),
    );
    assert_eq!(releases.code, 0, "{}", releases.stderr);
    let releases: serde_json::Value = serde_json::from_str(&releases.stdout).unwrap();
    assert_eq!(releases["releases"].as_array().unwrap().len(), 1);
}

/// VersityGW, an S3 server of others. Of two who write at once one is refused there as well.
#[cfg(feature = "cluster")]
#[test]
fn a_server_that_others_wrote_keeps_a_state_too() {
    let home = Home::new();
    let port = free_port();
    let buckets = home.path().join("buckets");
    std::fs::create_dir_all(buckets.join("states")).unwrap();
    let mut command = Command::new(plat_tests::services().tool("versitygw"));
    command
        .args(["--region", "local", "--port"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("posix")
        .arg(&buckets)
        .env("ROOT_ACCESS_KEY", "ci")
        .env("ROOT_SECRET_KEY", "a secret");
    let _server = started(command, port);
    app(&home, port);
    let up = platc(&home, "a secret", &["up", "--yes"]);
    assert_eq!(up.code, 0, "{}", up.stderr);
    answers(&home, "hello.localhost", "/");

    edit(&home, "hello/hello.plat", "\"first\"", "\"second\"");
    let both = std::thread::scope(|scope| {
        let apply = || platc(&home, "a secret", &["up", "--yes", "--wait"]);
        let both = [scope.spawn(apply), scope.spawn(apply)];
        both.map(|one| one.join().unwrap())
    });
    assert!(both.iter().any(|one| one.code == 0), "{both:?}");
    let releases = platc(&home, "a secret", &["releases", "--json"]);
    let releases: serde_json::Value = serde_json::from_str(&releases.stdout).unwrap();
    assert_eq!(releases["releases"].as_array().unwrap().len(), 2);
    let again = platc(&home, "a secret", &["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);

    let refused = platc(&home, "another", &["plan"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("s3://states/plat/hello/dev"),
        "{}",
        refused.stderr
    );
    let gone = platc(&home, "a secret", &["destroy", "--yes"]);
    assert_eq!(gone.code, 0, "{}", gone.stderr);
}
