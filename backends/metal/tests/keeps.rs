//! What a field becomes, as `stdlib/targets/local.plat` says it to who asks in an editor: the parts
//! of what the agent is asked for that differ when the field is given, and no others.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use plat_metal::facts::Facts;
use plat_metal::lower::lower;
use plat_model::{Graph, TargetId};
use plat_semantics::{Database, How, PackageInput, Project, parse_manifest};
use serde_json::Value;

/// What stands beside the declaration that is looked at.
const BESIDE: &str =
    "service other { run = process([\"y\"], dir: \"./app\") }\nvolume room { size = 1GiB }\n";

/// The fields of a declaration of a kind that must be given, and what they are given as.
fn needed(kind: &str) -> Vec<(&'static str, &'static str)> {
    let run = ("run", "process([\"x\"], dir: \"./app\")");
    match kind {
        "service" | "worker" | "job" => vec![run],
        "cron" => vec![run, ("schedule", "\"0 6 * * *\"")],
        "site" => vec![("files", "\"./dist\"")],
        "volume" => vec![("size", "1GiB")],
        "route" => vec![("host", "\"h.localhost\""), ("paths", "{ \"/\" = other }")],
        _ => Vec::new(),
    }
}

/// The fields that are given to see what becomes of one.
fn given(what: &str) -> &'static str {
    match what {
        "program.run" => "run = process([\"z\"], dir: \"./dist\", prepare: [\"make\"])",
        "program.env" => "env = { A = \"b\" }",
        "program.files" => "files = { \"/etc/x.conf\" = \"a\" }",
        "program.writable" => "writable = { \"/data\" = room.write }",
        "program.alive" => "alive = exec([\"true\"])",
        "program.stop" => "stop = 90s",
        "service.port" => "port = 9000",
        "service.ports" => "ports = { main = 8080, admin = 9001 }",
        "service.ready" | "worker.ready" => "ready = exec([\"true\"], start: 90s)",
        "service.scale" | "worker.scale" => "scale = 3",
        "service.rollout" | "worker.rollout" => "rollout = stop_first",
        "job.runs" => "runs = once",
        "job.retries" => "retries = 3",
        "job.timeout" | "cron.timeout" => "timeout = 5min",
        "cron.schedule" => "schedule = \"0 7 * * *\"",
        "site.files" => "files = \"./app\"",
        "site.single_page" => "single_page = true",
        "postgres.version" => "version = 16",
        "postgres.extensions" => "extensions = [\"pg_trgm\"]",
        "postgres.roles" => "roles = { reader = login(reads: [\"public\"]) }",
        "redis.memory" => "memory = 64MiB",
        "redis.keep" => "keep = true",
        "redis.evict" => "evict = \"lru\"",
        "queue.retries" => "retries = 7",
        "queue.timeout" => "timeout = 5min",
        "bucket.public" => "public = true",
        "secret.generate" => "generate = random(length: 20)",
        "secret.optional" => "optional = true",
        "route.host" => "host = \"b.localhost\"",
        "route.hosts" => "hosts = [\"a.localhost\"]",
        "route.paths" => "paths = { \"/a\" = other }",
        other => panic!("`{other}`: this test does not know it"),
    }
}

/// A declaration without what is looked at, and with it.
fn samples(what: &str) -> (String, String) {
    let (kind, field) = what.split_once('.').unwrap_or((what, ""));
    let kind = if kind == "program" { "worker" } else { kind };
    let declared = |more: &str| {
        let own = needed(kind).into_iter();
        let own = own.filter(|(name, _)| more.is_empty() || *name != field);
        let mut fields: Vec<String> = own.map(|(n, v)| format!("{n} = {v}")).collect();
        if !more.is_empty() {
            fields.push(more.to_owned());
        }
        format!("{kind} x {{ {} }}", fields.join(", "))
    };
    match field {
        "" => (String::new(), declared("")),
        _ => (declared(""), declared(given(what))),
    }
}

fn graph(text: &str) -> Graph {
    let manifest = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
    let mut database = Database::default();
    database.set_project(Project {
        packages: vec![PackageInput {
            manifest: parse_manifest(manifest).unwrap(),
            files: vec![("shop.plat".to_owned(), text.to_owned())],
            listing: vec!["app/main.py".to_owned(), "dist/index.html".to_owned()],
            ..PackageInput::default()
        }],
    });
    match database.graph("dev") {
        Ok(graph) => graph,
        Err(diagnostics) => panic!("{diagnostics:#?}\n{text}"),
    }
}

/// What the agent is asked for, by id.
fn objects(declared: &str) -> BTreeMap<String, Value> {
    let text = format!("app x\n{BESIDE}{declared}\nenv dev {{ target = local {{}} }}\n");
    let facts = Facts {
        root: "/shop".into(),
        ..Facts::default()
    };
    match lower(&TargetId::main(), &graph(&text), &facts) {
        Ok(lowered) => {
            let all = lowered.objects.into_iter();
            all.map(|object| (object.id.as_str().to_owned(), object.spec))
                .collect()
        }
        Err(refused) => panic!("{text}\n{refused:#?}"),
    }
}

/// The parts of an object that differ, each by its name there; those of a process, which several
/// have, as its own.
fn differing(form: &str, a: &Value, b: &Value, out: &mut BTreeSet<String>) {
    let (Value::Object(a), Value::Object(b)) = (a, b) else {
        panic!("the spec of a {form} is no object");
    };
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let (old, new) = (&a.get(key), &b.get(key));
        if old == new {
            continue;
        }
        match (old, new) {
            (Some(old), Some(new)) if key == "process" => differing("process", old, new, out),
            _ => {
                out.insert(format!("{form}.{key}"));
            }
        }
    }
}

/// What differs when a field is given: `process.copies`, and for an object that only one of the two
/// programs has, its form.
fn becomes(what: &str) -> BTreeSet<String> {
    let (without, with) = samples(what);
    let (before, after) = (objects(&without), objects(&with));
    let mut found = BTreeSet::new();
    let ids: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for id in ids {
        let form = id.split('/').next().unwrap_or_default();
        match (before.get(id), after.get(id)) {
            (Some(a), Some(b)) => differing(form, a, b, &mut found),
            _ => {
                found.insert(form.to_owned());
            }
        }
    }
    found
}

#[test]
fn what_is_said_of_a_field_is_what_becomes_of_it() {
    let support = Database::default().support("local").into_iter();
    let entries = support.filter_map(|entry| match entry.how {
        How::Keeps(words) => Some((entry.what, words)),
        _ => None,
    });
    let mut wrong = String::new();
    let mut seen = 0;
    for (what, said) in entries {
        seen += 1;
        let said: BTreeSet<String> = said.into_iter().collect();
        let found = becomes(&what);
        if said != found {
            wrong += &format!("{what}: said {said:?}, found {found:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(seen > 40, "the target says less than it did");
}
