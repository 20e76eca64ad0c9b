//! The state of an environment in a bucket, as its source says.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Child, Stdio};

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
            "keys": [{ "access_key": "ci", "secret_key": "a secret", "right": "write" }],
        }],
    });
    home.write("s3.json", &config.to_string());
    let mut command = home.command(&["internal", "s3", "s3.json"]);
    let server = Server(command.stdout(Stdio::null()).spawn().unwrap());
    eventually("the S3 server", SOON, || {
        std::net::TcpStream::connect(("127.0.0.1", port))
            .map(|_| ())
            .map_err(|e| e.to_string())
    });
    server
}

fn platc(home: &Home, secret: &str, arguments: &[&str]) -> Ran {
    let mut command = home.command(&["-C", "hello"]);
    command
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", "ci")
        .env("AWS_SECRET_ACCESS_KEY", secret);
    Ran::from(&command.output().unwrap())
}

#[test]
fn an_app_is_applied_and_taken_away_with_its_state_in_a_bucket() {
    let home = Home::new();
    install(&home, &apps().join("hello"));
    let port = free_port();
    let _server = serve(&home, port);
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
