//! Lowering: what a graph becomes on this machine.

#![expect(clippy::unwrap_used, dead_code, reason = "tests")]

#[path = "common/graph.rs"]
mod graph;

use graph::*;
use plat_metal::facts::Facts;
use plat_metal::lower::lower;
use plat_model::{Graph, TargetId};

fn facts() -> Facts {
    Facts {
        root: "/shop".into(),
        sources: [("/shop/app".into(), "digest-of-app".into())].into(),
        secrets: [("key".into(), "2".into())].into(),
    }
}

/// The objects, notes and refusals as people read them.
fn shown(graph: &Graph) -> String {
    let mut text = String::new();
    match lower(&TargetId::main(), graph, &facts()) {
        Ok(lowered) => {
            for object in lowered.objects {
                let after: Vec<&str> = object.after.iter().map(|id| id.as_str()).collect();
                text += &format!("{} ({})", object.id, object.label);
                if !after.is_empty() {
                    text += &format!(" after {}", after.join(", "));
                }
                if let Some(held) = object.holds_data {
                    text += &format!(" holds {}", held.what);
                }
                text += "\n";
                let spec = serde_json::to_string_pretty(&object.spec).unwrap();
                for line in spec.lines() {
                    text += &format!("  {line}\n");
                }
            }
            for note in lowered.notes {
                let field = note.field.map(|f| f.to_string()).unwrap_or_default();
                text += &format!("note {}.{field}: {}\n", note.node.unwrap(), note.message);
            }
        }
        Err(refusals) => {
            for refusal in refusals {
                text += &format!("refused {refusal}\n");
            }
        }
    }
    text
}

#[test]
fn a_shop() {
    let script = |name: &str| {
        let mut run = process(["python3", name], "./app");
        if let plat_model::Data::Variant { fields, .. } = &mut run.data {
            fields.insert(
                "prepare".into(),
                list([text("python3"), text("prepare.py")]),
            );
        }
        run
    };
    let graph = graph(
        8088,
        [
            (
                "secret",
                "key",
                vec![("generate", variant("random", [("length", int(32))]))],
            ),
            (
                "postgres",
                "db",
                vec![
                    ("version", int(17)),
                    ("extensions", list([text("pg_trgm")])),
                ],
            ),
            (
                "redis",
                "cache",
                vec![
                    ("memory", quantity("Bytes", 67_108_864, "64MiB")),
                    ("evict", text("lru")),
                ],
            ),
            ("bucket", "uploads", vec![]),
            (
                "queue",
                "emails",
                vec![("retries", int(5)), ("timeout", seconds(60))],
            ),
            (
                "external",
                "stripe",
                vec![("url", text("https://api.stripe.com"))],
            ),
            (
                "job",
                "migrate",
                vec![
                    ("run", script("migrate.py")),
                    ("env", map([("DATABASE_URL", read("db", "url"))])),
                ],
            ),
            (
                "service",
                "api",
                vec![
                    ("run", script("api.py")),
                    (
                        "ports",
                        map([("main", variant("tcp", [("port", int(8080))]))]),
                    ),
                    (
                        "ready",
                        variant("http", [("path", text("/healthz")), ("every", seconds(2))]),
                    ),
                    ("scale", variant("fixed", [("count", int(2))])),
                    ("after", list([node_ref("migrate")])),
                    (
                        "env",
                        map([
                            ("DATABASE_URL", read("db", "url")),
                            ("KEY", read("key", "value")),
                            ("STRIPE", address("stripe", "url")),
                            ("SHOP", address("public", "url")),
                            ("LOG_LEVEL", text("info")),
                            ("GONE", v(plat_model::Data::None)),
                        ]),
                    ),
                ],
            ),
            (
                "worker",
                "mailer",
                vec![
                    ("run", script("mailer.py")),
                    (
                        "env",
                        map([
                            ("EMAILS", read("emails", "receive")),
                            ("API", address("api", "url")),
                        ]),
                    ),
                ],
            ),
            (
                "cron",
                "report",
                vec![
                    ("run", script("report.py")),
                    ("schedule", text("*/5 * * * *")),
                ],
            ),
            ("site", "front", vec![("files", text("./front"))]),
            (
                "route",
                "public",
                vec![
                    ("hosts", list([text("shop.example.com")])),
                    (
                        "paths",
                        map([
                            ("/", variant("to", [("target", out("front", "endpoint"))])),
                            (
                                "/api",
                                variant(
                                    "to",
                                    [("target", out("api", "endpoint")), ("timeout", seconds(60))],
                                ),
                            ),
                            (
                                "/old",
                                variant("redirect", [("to", text("/new")), ("code", int(301))]),
                            ),
                        ]),
                    ),
                ],
            ),
        ],
    );
    insta::assert_snapshot!(shown(&graph));
    // Pure: the same bytes again.
    assert_eq!(shown(&graph), shown(&graph.clone()));
}

#[test]
fn what_is_kept_in_part_is_told() {
    let graph = graph(
        80,
        [
            (
                "volume",
                "plugins",
                vec![("size", quantity("Bytes", 1 << 30, "1GiB"))],
            ),
            (
                "service",
                "api",
                vec![
                    ("run", process(["./server"], "./app")),
                    ("port", int(3000)),
                    (
                        "scale",
                        variant(
                            "auto",
                            [(
                                "range",
                                v(plat_model::Data::Range(Box::new(int(0)), Box::new(int(5)))),
                            )],
                        ),
                    ),
                    ("user", variant("root", [])),
                    ("needs", list([variant("gpu", [("count", int(1))])])),
                    ("confine", text("required")),
                    ("rollout", variant("canary", [])),
                    ("resources", variant("fixed", [])),
                    (
                        "files",
                        map([("/etc/x", variant("text", [("content", text("hello"))]))]),
                    ),
                    (
                        "writable",
                        map([(
                            "/data",
                            variant("mount", [("volume", out("plugins", "write"))]),
                        )]),
                    ),
                ],
            ),
            (
                "postgres",
                "db",
                vec![("replicas", int(3)), ("backup", variant("daily", []))],
            ),
        ],
    );
    insta::assert_snapshot!(shown(&graph));
}

#[test]
fn what_is_not_built_is_refused_at_its_field() {
    let graph = graph(
        8088,
        [
            (
                "service",
                "a",
                vec![("run", variant("image", [("name", text("x:1"))]))],
            ),
            (
                "service",
                "b",
                vec![
                    ("run", process([], "./app")),
                    ("ready", variant("grpc", [])),
                ],
            ),
            ("mysql", "old", vec![]),
            ("queue", "q", vec![("protocol", variant("kafka", []))]),
            (
                "cron",
                "c",
                vec![
                    ("run", process(["x"], "./app")),
                    ("schedule", text("every day")),
                ],
            ),
            (
                "job",
                "j",
                vec![
                    ("run", process(["x"], "./app")),
                    ("runs", variant("always", [])),
                ],
            ),
            (
                "secret",
                "s",
                vec![(
                    "generate",
                    variant("key", [("algorithm", variant("rsa", []))]),
                )],
            ),
            (
                "route",
                "r",
                vec![
                    ("listen", variant("tcp", [("port", int(25))])),
                    (
                        "paths",
                        map([("/", variant("to", [("target", node_ref("old"))]))]),
                    ),
                ],
            ),
        ],
    );
    insta::assert_snapshot!(shown(&graph));
}
