//! Lowering: what a graph becomes on this machine.

#![expect(clippy::unwrap_used, reason = "tests")]

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

/// What `stdlib/targets/local.plat` says of this target, entry by entry: each is a note or a
/// refusal here, so that the compiler's data and this code can't tell different stories.
#[test]
fn the_data_of_the_compiler_is_kept_to() {
    let text = include_str!("../../../stdlib/targets/local.plat");
    let entry = |line: &str| -> Option<(String, String)> {
        let (how, rest) = line.trim().split_once("(\"")?;
        let (what, _) = rest.split_once('"')?;
        ["weakens", "refuses", "lacks"]
            .contains(&how)
            .then(|| (how.to_owned(), what.to_owned()))
    };
    let run = || ("run", process(["x"], "./app"));
    let daily = || ("schedule", text_value("0 6 * * *"));
    let mut seen = 0;
    for (how, what) in text.lines().filter_map(entry) {
        seen += 1;
        let case = |name: &str| variant(name, []);
        let (kind, fields): (&str, Vec<(&str, plat_model::Value)>) = match what.as_str() {
            "program.needs" => ("service", vec![run(), ("needs", list([case("hsm")]))]),
            "program.user" => ("service", vec![run(), ("user", case("root"))]),
            "program.confine" => ("service", vec![run(), ("confine", text_value("required"))]),
            "service.rollout.canary" => ("service", vec![run(), ("rollout", case("canary"))]),
            "service.rollout.blue_green" => {
                ("service", vec![run(), ("rollout", case("blue_green"))])
            }
            "worker.rollout.canary" => ("worker", vec![run(), ("rollout", case("canary"))]),
            "worker.rollout.blue_green" => ("worker", vec![run(), ("rollout", case("blue_green"))]),
            "program.resources" => ("service", vec![run(), ("resources", case("fixed"))]),
            "postgres.replicas" => ("postgres", vec![("replicas", int(2))]),
            "postgres.storage" => (
                "postgres",
                vec![("storage", quantity("Bytes", 1024, "1KiB"))],
            ),
            "postgres.resources" => ("postgres", vec![("resources", case("fixed"))]),
            "postgres.replica_of" => ("postgres", vec![("replica_of", node_ref("y"))]),
            "volume.size" => ("volume", vec![("size", quantity("Bytes", 1024, "1KiB"))]),
            "bucket.versions" => ("bucket", vec![("versions", yes())]),
            "job.runs.always" => ("job", vec![run(), ("runs", case("always"))]),
            "cron.zone" => (
                "cron",
                vec![run(), daily(), ("zone", text_value("Asia/Tokyo"))],
            ),
            "cron.overlap" => (
                "cron",
                vec![run(), daily(), ("overlap", text_value("allow"))],
            ),
            "cron.retries" => ("cron", vec![run(), daily(), ("retries", int(2))]),
            "route.backend" => ("route", vec![("backend", node_ref("y"))]),
            "postgres.backup" => ("postgres", vec![("backup", case("daily"))]),
            // The default: a plan that says so each time would say nothing.
            "route.tls.auto" => continue,
            "program.run.image" => ("service", vec![("run", case("image"))]),
            "program.run.dockerfile" => ("service", vec![("run", case("dockerfile"))]),
            "program.run.wasm" => ("service", vec![("run", case("wasm"))]),
            "route.listen.tcp" => ("route", vec![("listen", case("tcp"))]),
            "route.listen.udp" => ("route", vec![("listen", case("udp"))]),
            "route.tls.files" => ("route", vec![("tls", case("files"))]),
            "queue.protocol.sqs" => ("queue", vec![("protocol", case("sqs"))]),
            "queue.protocol.kafka" => ("queue", vec![("protocol", case("kafka"))]),
            kind @ ("vm" | "daemon" | "function" | "mysql" | "topic" | "smtp" | "network") => {
                (kind, vec![])
            }
            other => panic!("{how} `{other}`: this test does not know it"),
        };
        let shown = shown(&graph(8088, [(kind, "x", fields)]));
        let told = if how == "weakens" {
            "note x."
        } else {
            "refused "
        };
        assert!(shown.contains(told), "{how} `{what}`:\n{shown}");
    }
    assert!(seen > 20, "the file has another form now");
}

fn text_value(text: &str) -> plat_model::Value {
    graph::text(text)
}
