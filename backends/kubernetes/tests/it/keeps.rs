//! What a field becomes, as `stdlib/targets/kubernetes.plat` says it to who asks in an editor: the
//! objects that differ when the field is given, and no others.

use std::collections::{BTreeMap, BTreeSet};

use plat_semantics::How;
use serde_json::Value;

use crate::program::lowered;

/// What stands beside the declaration that is looked at.
const BESIDE: &str =
    "service other { run = image(\"y:1\") }\nqueue jobs\nvolume room { size = 1GiB }\n";

/// A declaration without what is looked at, and with it.
fn samples(what: &str) -> (String, String) {
    let run = "run = image(\"x:1\")";
    let field = |kind: &str, with: &str| {
        let base = match kind {
            "cron" => format!("{run}, schedule = \"0 6 * * *\""),
            "service" | "worker" | "job" | "daemon" => run.to_owned(),
            "volume" => "size = 1GiB".to_owned(),
            "route" => "host = \"h.example.com\", paths = { \"/\" = other }".to_owned(),
            _ => String::new(),
        };
        let separator = if base.is_empty() { "" } else { ", " };
        // A field that the base has is given another value.
        let name = with.split('=').next().unwrap_or_default().trim();
        let kept = base
            .split(", ")
            .filter(|f| !f.starts_with(&format!("{name} ")));
        let kept: Vec<&str> = kept.collect();
        let with = match kept.is_empty() || base.is_empty() {
            true => with.to_owned(),
            false => format!("{}{separator}{with}", kept.join(", ")),
        };
        (
            format!("{kind} x {{ {base} }}"),
            format!("{kind} x {{ {with} }}"),
        )
    };
    let (kind, name) = what.split_once('.').unwrap_or((what, ""));
    if name.is_empty() {
        return (String::new(), field(kind, "").0);
    }
    let of = if kind == "program" || kind == "workload" {
        "worker"
    } else {
        kind
    };
    match what {
        "workload.labels" => field(of, "labels = { team = \"a\" }"),
        "workload.after" => {
            let (without, with) = field(of, "after = [first]");
            let first = "job first { run = image(\"z:1\") }\n";
            (format!("{first}{without}"), format!("{first}{with}"))
        }
        "program.run" => field(
            of,
            "run = image(\"x:2\", command: [\"run\"], args: [\"a\"])",
        ),
        "program.env" => field(of, "env = { A = \"b\" }"),
        "program.files" => field(of, "files = { \"/etc/x.conf\" = \"a\" }"),
        "program.writable" => field(
            of,
            "writable = { \"/data\" = room.write, \"/tmp\" = scratch(1GiB) }",
        ),
        "program.reach" => field(of, "reach = [other]"),
        "program.alive" => field(of, "alive = exec([\"true\"])"),
        "program.resources" => field(of, "resources = { cpu = 1cpu, memory = 64MiB }"),
        "program.needs" => field(of, "needs = [architecture(\"arm64\"), gpu()]"),
        "program.stop" => field(of, "stop = 90s"),
        "program.user" => field(of, "user = 1234"),
        "service.port" => field(of, "port = 9000"),
        "service.ports" => field(of, "ports = { main = 8080, play = udp(7777) }"),
        "service.ready" | "worker.ready" | "daemon.ready" => field(of, "ready = exec([\"true\"])"),
        "service.scale" | "worker.scale" => field(of, "scale = 2..5"),
        "service.rollout" | "worker.rollout" => field(of, "rollout = stop_first"),
        "job.retries" | "cron.retries" => field(of, "retries = 3"),
        "job.timeout" | "cron.timeout" => field(of, "timeout = 5min"),
        "cron.schedule" => field(of, "schedule = \"0 7 * * *\""),
        "cron.zone" => field(of, "zone = \"Europe/Berlin\""),
        "cron.overlap" => field(of, "overlap = \"replace\""),
        "postgres.version" => field(of, "version = 16"),
        "postgres.storage" => field(of, "storage = 20GiB"),
        "postgres.backup" => field(of, "backup = daily()"),
        "redis.memory" => field(of, "memory = 64MiB"),
        "redis.keep" => field(of, "keep = true"),
        "redis.evict" => field(of, "evict = \"lru\""),
        "volume.size" => field(of, "size = 2GiB"),
        "volume.shared" => field(of, "size = 1GiB, shared = true"),
        "route.hosts" => field(of, "hosts = [\"a.example.com\"]"),
        "route.host" => field(of, "host = \"b.example.com\""),
        "route.paths" => field(of, "paths = { \"/a\" = other }"),
        "route.tls" => field(of, "tls = off"),
        other => panic!("`{other}`: this test does not know it"),
    }
}

/// The objects of a program, by what they are and their names.
fn objects(declared: &str) -> BTreeMap<(String, String), Value> {
    let text = format!(
        "app x\n{BESIDE}{declared}\nenv prod {{ target = kubernetes {{ context = \"c\", issuer = \"i\" }} }}\n"
    );
    let lowered = match lowered(&text) {
        Ok(lowered) => lowered,
        Err(refused) => panic!("{text}\n{refused:#?}"),
    };
    let kind = |spec: &Value| spec["kind"].as_str().unwrap().to_owned();
    let all = lowered.objects.into_iter();
    all.map(|object| {
        let name = object.spec["metadata"]["name"].as_str().unwrap().to_owned();
        ((kind(&object.spec), name), object.spec)
    })
    .collect()
}

/// The paths at which two values differ, those of lists without their numbers.
fn differing(path: &str, a: &Value, b: &Value, out: &mut BTreeSet<String>) {
    match (a, b) {
        _ if a == b => {}
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key), b.get(key));
                let null = Value::Null;
                differing(
                    &format!("{path}.{key}"),
                    a.unwrap_or(&null),
                    b.unwrap_or(&null),
                    out,
                );
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for at in 0..a.len().max(b.len()) {
                let (a, b) = (a.get(at), b.get(at));
                let null = Value::Null;
                differing(
                    &format!("{path}[]"),
                    a.unwrap_or(&null),
                    b.unwrap_or(&null),
                    out,
                );
            }
        }
        _ => {
            out.insert(path.to_owned());
        }
    }
}

/// Of a template of pods, the pod: whatever makes it.
fn of_the_pod(path: &str) -> String {
    for template in [".spec.jobTemplate.spec.template.", ".spec.template."] {
        if let Some((_, rest)) = path.split_once(template) {
            return format!("Pod.{rest}");
        }
    }
    path.to_owned()
}

/// What differs when a field is given: `Deployment.spec.replicas`, and for an object that only one
/// of the two programs has, its kind.
fn becomes(what: &str) -> BTreeSet<String> {
    let (without, with) = samples(what);
    let (before, after) = (objects(&without), objects(&with));
    let mut found = BTreeSet::new();
    let ids: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for id in ids {
        match (before.get(id), after.get(id)) {
            (Some(a), Some(b)) => differing(&id.0, a, b, &mut found),
            _ => {
                found.insert(id.0.clone());
            }
        }
    }
    let found = found.iter().map(|path| of_the_pod(path));
    // What makes pods start anew when their files change, and what is noted beside.
    let noted = [".metadata.annotations.plat/", "Pod.metadata.annotations"];
    found
        .filter(|path| !noted.iter().any(|noted| path.contains(noted)))
        .collect()
}

/// What the target says that fields become.
fn entries() -> Vec<(String, Vec<String>)> {
    let support = plat_semantics::Database::default().support("kubernetes");
    let kept = support.into_iter().filter_map(|entry| match entry.how {
        How::Keeps(words) => Some((entry.what, words)),
        _ => None,
    });
    kept.collect()
}

#[test]
fn what_is_said_of_a_field_is_what_becomes_of_it() {
    let entries = entries();
    assert!(!entries.is_empty(), "the target says nothing");
    let mut wrong = String::new();
    for (what, said) in entries {
        let found = becomes(&what);
        let covers = |said: &str, found: &str| {
            found.strip_prefix(said).is_some_and(|rest| {
                rest.is_empty() || rest.starts_with('.') || rest.starts_with('[')
            })
        };
        let unsaid = found.iter().filter(|f| !said.iter().any(|s| covers(s, f)));
        let unsaid: Vec<&String> = unsaid.collect();
        let unfound = said.iter().filter(|s| !found.iter().any(|f| covers(s, f)));
        let unfound: Vec<&String> = unfound.collect();
        if !unsaid.is_empty() || !unfound.is_empty() {
            wrong += &format!("{what}: unsaid {unsaid:?}, said in vain {unfound:?}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
