//! The data services behind the agent: each really runs, and what it holds outlives it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    dead_code,
    reason = "tests"
)]

mod common;
#[path = "common/graph.rs"]
mod graph;

use std::collections::BTreeMap;

use common::{World, eventually, free_port, get, kill};
use graph::*;
use plat_engine::{Backend, DataFate, Done, Facts, Observed, RunState};
use plat_model::{Graph, TargetId};

/// See [`common::internal`].
#[tokio::test(flavor = "multi_thread")]
async fn internal() {
    common::internal().await;
}

/// Lowers the graph and makes all of it true, in the order that the objects ask for.
async fn up(world: &World, graph: &Graph) -> Vec<String> {
    let target = TargetId::main();
    let facts: Facts = world.local.gather(&target, graph).await.unwrap();
    let lowered = world.local.lower(&target, graph, &facts).unwrap();
    let mut left = lowered.objects;
    let mut changed = Vec::new();
    let mut done: Vec<String> = Vec::new();
    while !left.is_empty() {
        let ready = left
            .iter()
            .position(|o| o.after.iter().all(|id| done.contains(&id.to_string())))
            .expect("no cycle");
        let object = left.remove(ready);
        let same = match world.seen(object.id.as_str()).await {
            Observed::Present(p) => p.spec == object.digest(),
            _ => false,
        };
        if !same {
            world
                .apply(&object)
                .await
                .unwrap_or_else(|e| panic!("{e:#?}"));
            changed.push(object.id.to_string());
        }
        done.push(object.id.to_string());
    }
    changed
}

const APP: &str = r#"
import http.server, json, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({k: v for k, v in os.environ.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn shop(port: u16, memory: i128) -> Graph {
    graph(
        port,
        [
            (
                "secret",
                "key",
                vec![("generate", variant("random", [("length", int(32))]))],
            ),
            ("postgres", "db", vec![("version", int(17))]),
            (
                "redis",
                "cache",
                vec![("memory", quantity("Bytes", memory, "")), ("keep", yes())],
            ),
            ("bucket", "uploads", vec![]),
            (
                "queue",
                "emails",
                vec![("retries", int(5)), ("timeout", seconds(60))],
            ),
            (
                "service",
                "api",
                vec![
                    ("run", process(["python3", "main.py"], "./app")),
                    ("port", int(8080)),
                    ("ready", variant("http", [("path", text("/"))])),
                    (
                        "env",
                        map([
                            ("DATABASE_URL", read("db", "url")),
                            ("READER_URL", read("db", "read_only_url")),
                            ("REDIS_URL", read("cache", "url")),
                            ("S3_ENDPOINT", read("uploads", "endpoint")),
                            ("S3_SECRET_KEY", read("uploads", "secret_key")),
                            ("SEND", read("emails", "send")),
                            ("RECEIVE", read("emails", "receive")),
                            ("KEY", read("key", "value")),
                            ("SELF", address("api", "url")),
                            ("CERT", text("/run/cert")),
                        ]),
                    ),
                    (
                        "files",
                        map([(
                            "/run/cert",
                            variant("text", [("content", read("key", "value"))]),
                        )]),
                    ),
                ],
            ),
            (
                "route",
                "public",
                vec![
                    ("hosts", list([text("shop.test")])),
                    (
                        "paths",
                        map([("/", variant("to", [("target", out("api", "endpoint"))]))]),
                    ),
                ],
            ),
        ],
    )
}

fn env(port: u16) -> BTreeMap<String, String> {
    let (status, body) = get(port, "shop.test", "/").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

async fn sql(url: &str, statement: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let rows = client.simple_query(statement).await?;
    Ok(rows
        .into_iter()
        .filter_map(|m| match m {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_with_all_its_data_services() {
    let world = World::new();
    world.script("app", APP);
    let port = free_port();
    let changed = up(&world, &shop(port, 64 << 20)).await;
    assert_eq!(changed.len(), 9, "{changed:?}");
    // A second time there is nothing to do.
    assert!(up(&world, &shop(port, 64 << 20)).await.is_empty());

    let env = env(port);
    sql(
        &env["DATABASE_URL"],
        "create table t (x int); insert into t values (7)",
    )
    .await
    .unwrap();
    assert_eq!(
        sql(&env["READER_URL"], "select x from t").await.unwrap(),
        ["7"]
    );
    assert!(sql(&env["READER_URL"], "delete from t").await.is_err());
    let (_, login) = env["SEND"].split_once("//").unwrap();
    let (login, address) = login.split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (address, stream) = address.split_once('/').unwrap();
    let sender = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into())
        .connect(address)
        .await
        .unwrap();
    assert_eq!(stream, "emails");
    let jetstream = async_nats::jetstream::new(sender);
    jetstream
        .publish("emails", "hello".into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert_eq!(env["KEY"].len(), 32);
    assert_eq!(std::fs::read_to_string(&env["CERT"]).unwrap(), env["KEY"]);
    // A service's address goes to whichever copy there is.
    let own = env["SELF"].rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(get(own, "127.0.0.1", "/").unwrap().0, 200);

    // No value is where values must not be.
    let values =
        ["DATABASE_URL", "REDIS_URL", "S3_SECRET_KEY", "SEND", "KEY"].map(|k| env[k].clone());
    let password = |url: &String| match url.rsplit_once('@') {
        Some((login, _)) => login.rsplit(':').next().unwrap().to_owned(),
        None => url.clone(),
    };
    let values: Vec<String> = values.iter().map(password).collect();
    assert!(values.iter().all(|v| v.len() >= 32), "{values:?}");
    let secret = |text: &str| values.iter().any(|v| text.contains(v));
    let mut looked_at = 0;
    for entry in ignore::WalkBuilder::new(&world.dirs.state)
        .hidden(false)
        .build()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_file() && name != "secrets.json" && !name.ends_with(".log") {
            looked_at += 1;
            let text = std::fs::read(entry.path()).unwrap();
            assert!(
                !secret(&String::from_utf8_lossy(&text)),
                "{}",
                entry.path().display()
            );
        }
    }
    assert!(looked_at > 9);
    let agent_log = std::fs::read_to_string(world.dirs.agent_log()).unwrap();
    assert!(!secret(&agent_log));

    // A server that is killed is back, and what it holds is there.
    let status = world.status("db").await;
    assert_eq!((status.ready, status.state), (1, RunState::Running));
    kill(child_of(&world, "postgres"));
    let rows = eventually("the database again", || async {
        sql(&env["DATABASE_URL"], "select x from t").await.ok()
    })
    .await;
    assert_eq!(rows, ["7"]);

    // One field changes one thing.
    assert_eq!(up(&world, &shop(port, 65 << 20)).await, ["redis/cache"]);

    // Taken away with its data kept, it is taken up again.
    for id in [
        "route/public",
        "process/api",
        "queue/emails",
        "bucket/uploads",
        "nats",
        "s3",
        "redis/cache",
        "secret/key",
    ] {
        world
            .delete(id, DataFate::Kept)
            .await
            .unwrap_or_else(|e| panic!("{e:#?}"));
    }
    let Done::Gone {
        data_kept_at: Some(kept),
    } = world.delete("postgres/db", DataFate::Kept).await.unwrap()
    else {
        panic!("the data is kept");
    };
    assert!(std::path::Path::new(&kept).exists());
    up(&world, &shop(port, 65 << 20)).await;
    let again = self::env(port);
    assert_eq!(again["DATABASE_URL"], env["DATABASE_URL"]);
    assert_eq!(again["KEY"], env["KEY"]);
    assert_eq!(
        sql(&env["DATABASE_URL"], "select x from t").await.unwrap(),
        ["7"]
    );

    // With its data nothing is left.
    for id in [
        "route/public",
        "process/api",
        "queue/emails",
        "bucket/uploads",
        "nats",
        "s3",
        "redis/cache",
        "secret/key",
        "postgres/db",
    ] {
        let gone = world
            .delete(id, DataFate::Destroyed)
            .await
            .unwrap_or_else(|e| panic!("{e:#?}"));
        assert_eq!(gone, Done::Gone { data_kept_at: None }, "{id}");
    }
    assert!(!world.dirs.data_of("shop", "dev").exists());
    assert!(
        !world
            .dirs
            .scope("shop", "dev")
            .join("secrets.json")
            .exists()
    );
}

/// The process that a shim runs whose command is `name`.
fn child_of(world: &World, name: &str) -> u32 {
    for state in std::fs::read_dir(world.dirs.runtime.join("states")).unwrap() {
        let text = std::fs::read(state.unwrap().path()).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        if let Some(pid) = json["child_pid"].as_u64()
            && std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .unwrap_or_default()
                .trim()
                == name
        {
            return u32::try_from(pid).unwrap();
        }
    }
    panic!("{name} does not run");
}
