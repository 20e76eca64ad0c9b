//! Probes: the kubelet asks.

use crate::json::{Json, json};
use plat_model::Value;

use plat_engine::fields::{self, Fields};

/// The probes of a container, by the name of their field.
pub(super) struct Probes {
    pub(super) startup: Option<Json>,
    pub(super) readiness: Option<Json>,
    pub(super) liveness: Option<Json>,
}

/// What `ready` and `alive` ask. Until the first good answer a probe of its own asks every second,
/// so that a start is seen at once, and so that `alive` can't end a program that is still starting.
pub(super) fn probes(fields: &mut Fields<'_>) -> Probes {
    let ready = fields.get("ready");
    let alive = fields.get("alive");
    let readiness = ready.and_then(|v| probe(fields, "ready", v));
    let liveness = alive.and_then(|v| probe(fields, "alive", v));
    let startup = ready.or(alive).and_then(|value| {
        let field = if ready.is_some() { "ready" } else { "alive" };
        let mut startup = check(fields, field, value)?;
        let start = seconds(value, "start").unwrap_or(30).max(1);
        let timing = json!({
            "periodSeconds": 1,
            "timeoutSeconds": seconds(value, "timeout").unwrap_or(2).max(1),
            "failureThreshold": start,
        });
        extend(&mut startup, timing);
        Some(startup)
    });
    Probes {
        startup,
        readiness,
        liveness,
    }
}

fn probe(fields: &mut Fields<'_>, field: &str, value: &Value) -> Option<Json> {
    let mut probe = check(fields, field, value)?;
    let failures = value.get("failures").and_then(Value::as_int).unwrap_or(3);
    let timing = json!({
        "periodSeconds": seconds(value, "every").unwrap_or(10).max(1),
        "timeoutSeconds": seconds(value, "timeout").unwrap_or(2).max(1),
        "failureThreshold": i64::try_from(failures.max(1)).unwrap_or(3),
    });
    extend(&mut probe, timing);
    Some(probe)
}

fn check(fields: &mut Fields<'_>, field: &str, value: &Value) -> Option<Json> {
    let part = |name: &str| value.get(name).filter(|v| !v.is_none());
    let text = |name: &str| part(name).and_then(Value::as_str);
    let kind = fields::word(value).unwrap_or("?");
    if kind == "exec" {
        let command = part("command").map(fields::texts).unwrap_or_default();
        return Some(json!({ "exec": { "command": super::pods::words(&command) } }));
    }
    let name = text("port");
    let Some((number, protocol)) = super::outs::port(fields.node, name) else {
        let which = name.unwrap_or("main");
        fields.refuse(field, format!("there is no port `{which}`"), Vec::new());
        return None;
    };
    if protocol != "TCP" {
        fields.refuse(
            field,
            "a UDP port can't be asked".to_owned(),
            vec!["ask another port, or run a command: exec([\"…\"])".to_owned()],
        );
        return None;
    }
    let port = super::pods::port_name(name.unwrap_or("main"));
    // A port that is the main one by being the first has its own name.
    let port = if super::outs::ports(fields.node)
        .keys()
        .any(|p| super::pods::port_name(p) == port)
    {
        json!(port)
    } else {
        json!(number)
    };
    Some(match kind {
        "http" => json!({ "httpGet": { "path": text("path").unwrap_or("/"), "port": port } }),
        "tcp" => json!({ "tcpSocket": { "port": port } }),
        // The API takes a number alone here.
        "grpc" => json!({ "grpc": { "port": number, "service": text("service").unwrap_or("") } }),
        other => {
            fields.not_built(field, &format!("the probe `{other}`"));
            return None;
        }
    })
}

/// A part of a probe in whole seconds, rounded up: the kubelet knows no shorter time.
fn seconds(value: &Value, part: &str) -> Option<u64> {
    Some(fields::millis(value.get(part)?)?.div_ceil(1000))
}

fn extend(probe: &mut Json, more: Json) {
    if let (Json::Object(probe), Json::Object(more)) = (probe, more) {
        probe.extend(more);
    }
}
