//! Redis, the machine's own or the fetched one.

use crate::support::{PATIENCE, Running, dir, fetched, free_port, mode, tool};
use plat_metal::services::Secret;
use plat_metal::services::redis::{Evict, Settings, converge, prepare};
use plat_metal::tools::{Found, Tool};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

fn settings(dir: &Path, keep: bool) -> Settings {
    Settings {
        name: "sessions".to_owned(),
        dir: dir.join("sessions"),
        port: free_port(),
        password: Secret::new("a \"quoted\" \\ secret\n"),
        memory: 64 << 20,
        evict: Evict::Lru,
        keep,
    }
}

/// Sends words, gives the first line of each answer (of a text: the text).
fn ask(port: u16, commands: &[&[&str]]) -> Vec<String> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
    commands
        .iter()
        .map(|words| {
            let mut request = format!("*{}\r\n", words.len());
            for word in *words {
                request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            if line.starts_with('$') && !line.starts_with("$-1") {
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
            line.trim_end().to_owned()
        })
        .collect()
}

async fn works(tool: &Found) {
    let dir = dir();
    let settings = settings(dir.path(), true);
    let secret = settings.password.expose();
    let launch = prepare(&settings, tool).unwrap();
    assert!(!format!("{launch:?} {settings:?}").contains("quoted"));
    assert_eq!(mode(&settings.dir.join("redis.conf")), 0o600);
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();

    let stranger = ask(
        settings.port,
        &[&["SET", "a", "1"], &["AUTH", "wrong"], &["GET", "a"]],
    );
    assert!(
        stranger
            .iter()
            .all(|a| a.starts_with("-NOAUTH") || a.starts_with("-WRONGPASS")),
        "{stranger:?}"
    );
    assert_eq!(
        ask(
            settings.port,
            &[&["AUTH", secret], &["SET", "a", "1"], &["GET", "a"]]
        ),
        ["+OK", "+OK", "1"]
    );

    // What it was told to keep is there after a restart, and after being killed.
    assert!(running.stop(), "it stops in good order");
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    assert_eq!(
        ask(settings.port, &[&["AUTH", secret], &["GET", "a"]]),
        ["+OK", "1"]
    );

    let running = running.kill_and_restart(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    assert_eq!(
        ask(settings.port, &[&["AUTH", secret], &["GET", "a"]]),
        ["+OK", "1"]
    );

    // More memory needs no restart; another password does.
    let mut more = settings.clone();
    more.memory = 128 << 20;
    more.evict = Evict::Never;
    assert_eq!(
        prepare(&more, tool).unwrap().config_digest,
        launch.config_digest
    );
    converge(&more, PATIENCE).await.unwrap();
    let config = ask(
        settings.port,
        &[&["AUTH", secret], &["INFO", "memory"], &["OBJECT", "HELP"]],
    );
    assert_eq!(config[0], "+OK");
    drop(running);

    let mut other = settings.clone();
    other.password = Secret::new("new");
    let launch_other = prepare(&other, tool).unwrap();
    assert_ne!(launch_other.config_digest, launch.config_digest);
    let _running = Running::start(&launch_other);
    converge(&other, PATIENCE).await.unwrap();
    let error = converge(&settings, PATIENCE).await.unwrap_err().to_string();
    assert!(
        error.contains("WRONGPASS") && !error.contains("quoted"),
        "{error}"
    );
}

#[tokio::test]
async fn the_machines_own_keeps_what_it_has_and_lets_in_with_the_password_alone() {
    works(&tool(Tool::Redis).await).await;
}

#[tokio::test]
async fn the_fetched_one_does_so_too() {
    works(&fetched(Tool::Redis).await).await;
}

#[tokio::test]
async fn without_keep_a_restart_begins_empty_and_an_absent_server_is_an_error() {
    let dir = dir();
    let settings = settings(dir.path(), false);
    let launch = prepare(&settings, &tool(Tool::Redis).await).unwrap();
    let running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    let secret = settings.password.expose();
    assert_eq!(
        ask(settings.port, &[&["AUTH", secret], &["SET", "a", "1"]]),
        ["+OK", "+OK"]
    );
    assert!(running.stop());
    let error = converge(&settings, std::time::Duration::from_millis(200))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!(
            "redis sessions: cannot reach it at 127.0.0.1:{}: ",
            settings.port
        )),
        "{error}"
    );
    let _running = Running::start(&launch);
    converge(&settings, PATIENCE).await.unwrap();
    assert_eq!(
        ask(settings.port, &[&["AUTH", secret], &["GET", "a"]]),
        ["+OK", "$-1"]
    );
}
