//! Routes.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Data, Node, NodePath, Value};

use super::Lowering;
use super::texts::entries;
use crate::spec::{Answer, Limit, Route, Spec, To};
use plat_engine::fields::{self, Fields};

/// Where routes listen unless the target says.
const PORT: u16 = 8088;

impl<'a> Lowering<'a> {
    pub(super) fn route(&mut self, fields: &mut Fields<'a>) {
        if let Some(listen) = fields.word("listen").filter(|l| *l != "http") {
            let what = format!("a route that listens on {listen}");
            fields.not_built("listen", &what);
        }
        if fields.word("tls") == Some("files") {
            fields.not_built("tls", "a route with its own certificate");
        }
        if fields.get("backend").is_some() {
            fields.not_built("backend", "a route to something that is not HTTP");
        }
        let mut paths = BTreeMap::new();
        let mut after = BTreeSet::new();
        for (path, value) in entries(fields.get("paths")) {
            if let Some(answer) = self.answer(fields, path, value, &mut after) {
                paths.insert(path.to_string(), answer);
            }
        }
        let spec = Spec::Route(Route {
            port: self.port(),
            hosts: hosts(fields.node),
            aliases: vec![alias(fields.node)],
            paths,
        });
        let label = format!("route {}", fields.path);
        self.add(fields, &spec, label, &after, &[]);
    }

    fn answer(
        &self,
        fields: &mut Fields<'a>,
        path: &str,
        value: &Value,
        after: &mut BTreeSet<String>,
    ) -> Option<Answer> {
        let at = format!("paths.{path}");
        let part = |name: &str| value.get(name).filter(|v| !v.is_none());
        if fields::word(value) == Some("redirect") {
            let to = part("to").and_then(Value::as_str).unwrap_or("/").to_owned();
            let status = part("code").and_then(Value::as_int).unwrap_or(308);
            return Some(Answer {
                to: To::Redirect {
                    to,
                    status: u16::try_from(status).unwrap_or(308),
                },
                strip: false,
                timeout: None,
                limit: None,
            });
        }
        let target = part("target").unwrap_or(value);
        let Some(node) = fields::node_of(target) else {
            fields.refuse(&at, format!("`{target}` answers nothing"), Vec::new());
            return None;
        };
        let out = match &target.data {
            Data::Out { out, .. } => out.as_str(),
            _ => "",
        };
        let kind = self
            .graph
            .nodes
            .get(&node)
            .map_or("", |n| n.kind.name.as_str());
        let to = match kind {
            "service" => To::Service(
                node.clone(),
                out.strip_prefix("ports.").unwrap_or("main").to_owned(),
            ),
            "site" => To::Site(node.clone()),
            "bucket" => To::Bucket(node.clone()),
            _ => {
                fields.refuse(
                    &at,
                    format!("a route can't lead to `{node}` on this machine"),
                    Vec::new(),
                );
                return None;
            }
        };
        after.extend(self.waited_for(&node, false));
        if part("cache").is_some() {
            fields.weaken(&at, "browsers are not told to keep answers on this machine");
        }
        Some(Answer {
            to,
            strip: part("strip").and_then(Value::as_bool).unwrap_or(false),
            timeout: part("timeout").and_then(fields::millis),
            limit: part("limit").and_then(limit),
        })
    }

    fn port(&self) -> u16 {
        self.graph
            .targets
            .get(self.target)
            .and_then(|t| t.fields.get("port"))
            .and_then(Value::as_int)
            .and_then(|n| u16::try_from(n).ok())
            .unwrap_or(PORT)
    }

    /// Where a route is reached.
    pub(super) fn route_url(&self, _path: &NodePath, node: &Node) -> Option<String> {
        let mut hosts = hosts(node);
        hosts.push(alias(node));
        hosts.sort_by_key(|h| !is_local(h));
        let host = hosts.first()?;
        Some(match self.port() {
            80 => format!("http://{host}"),
            port => format!("http://{host}:{port}"),
        })
    }
}

fn hosts(node: &Node) -> Vec<String> {
    let mut hosts = node
        .fields
        .get("hosts")
        .map(fields::texts)
        .unwrap_or_default();
    if hosts.is_empty()
        && let Some(host) = node.fields.get("host").and_then(Value::as_str)
    {
        hosts.push(host.to_owned());
    }
    hosts
}

fn alias(node: &Node) -> String {
    format!("{}.localhost", node.name)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// So many requests in so long: the amount is requests a second.
fn limit(value: &Value) -> Option<Limit> {
    let per_second = value.as_amount()?;
    // In whole requests: 100 a minute are 100 in 60 s, not one in 600 ms.
    for (seconds, per) in [(1, 1_000), (60, 60_000), (3_600, 3_600_000)] {
        let requests = per_second.checked_mul(plat_model::Decimal::int(seconds))?;
        if let Some(requests) = requests.as_int()
            && requests > 0
        {
            return Some(Limit {
                requests: u32::try_from(requests).unwrap_or(u32::MAX),
                per,
            });
        }
    }
    let requests = per_second.checked_mul(plat_model::Decimal::int(86_400))?;
    Some(Limit {
        requests: u32::try_from(requests.floor()).unwrap_or(1).max(1),
        per: 86_400_000,
    })
}
