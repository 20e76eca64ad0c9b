//! Routes: Gateway API where the target names a Gateway, else an Ingress.

use crate::json::{Json, Map, json};
use plat_model::{Data, Node, Value};

use super::{Lowering, Put, outs};
use plat_engine::fields::{self, Fields, entries};

/// What answers under a path.
enum Answer {
    /// A Service and its port.
    Service {
        name: String,
        port: u16,
    },
    Redirect {
        to: String,
        status: i64,
    },
}

/// One path of a route.
struct Rule {
    path: String,
    answer: Answer,
    strip: bool,
    timeout: Option<u64>,
}

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
        let hosts = hosts(fields.node);
        let mut rules = Vec::new();
        for (path, value) in entries(fields.get("paths")) {
            rules.extend(self.rule(fields, path, value));
        }
        // The longest first: so they are read, and so some controllers take them.
        rules.sort_by(|a, b| b.path.len().cmp(&a.path.len()).then(a.path.cmp(&b.path)));
        if self.settings.ingress_namespace.is_none() {
            let message = "anything in the cluster may ask what it leads to: `ingress_namespace` on the target holds that to what answers for routes";
            self.note(fields.path, None, message.into());
        }
        match self.settings.gateway.clone() {
            Some(gateway) => self.http_route(fields, &gateway, &hosts, &rules),
            None => self.ingress(fields, &hosts, &rules),
        }
    }

    fn rule(&mut self, fields: &mut Fields<'a>, path: &str, value: &'a Value) -> Option<Rule> {
        let at = format!("paths.{path}");
        let part = |name: &str| value.get(name).filter(|v| !v.is_none());
        if fields::word(value) == Some("redirect") {
            let to = part("to").and_then(Value::as_str).unwrap_or("/").to_owned();
            let status = part("code").and_then(Value::as_int).unwrap_or(308);
            return Some(Rule {
                path: path.to_owned(),
                answer: Answer::Redirect {
                    to,
                    status: i64::try_from(status).unwrap_or(308),
                },
                strip: false,
                timeout: None,
            });
        }
        let target = part("target").unwrap_or(value);
        let Some((node_path, node)) =
            fields::node_of(target).and_then(|path| self.graph.nodes.get_key_value(&path))
        else {
            fields.refuse(&at, format!("`{target}` answers nothing"), Vec::new());
            return None;
        };
        let out = match &target.data {
            Data::Out { out, .. } => out.strip_prefix("ports."),
            _ => None,
        };
        let port = match node.kind.name.as_str() {
            "service" => outs::port(node, out),
            "site" => Some((super::site::PORT, "TCP")),
            _ => None,
        };
        let Some(port) = port else {
            fields.refuse(
                &at,
                format!("a route can't lead to `{node_path}` on Kubernetes"),
                Vec::new(),
            );
            return None;
        };
        self.route_reaches(node_path, node, port);
        for (name, what) in [
            ("limit", "requests are not limited"),
            ("cache", "browsers are not told to keep answers"),
        ] {
            if part(name).is_some() {
                fields.weaken(&format!("{at}.{name}"), what);
            }
        }
        Some(Rule {
            path: path.to_owned(),
            answer: Answer::Service {
                name: self.name(node),
                port: port.0,
            },
            strip: part("strip").and_then(Value::as_bool).unwrap_or(false),
            timeout: part("timeout").and_then(fields::millis),
        })
    }

    /// Whether a route has a certificate.
    pub(super) fn has_tls(&self, node: &Node) -> bool {
        let asked = fields::field(node, "tls").and_then(fields::word) != Some("off");
        self.settings.gateway.is_some() || (asked && self.settings.issuer.is_some())
    }

    fn ingress(&mut self, fields: &mut Fields<'a>, hosts: &[String], rules: &[Rule]) {
        for rule in rules {
            let at = format!("paths.{}", rule.path);
            if matches!(rule.answer, Answer::Redirect { .. }) || rule.strip {
                fields.refuse(
                    &at,
                    "an Ingress can neither redirect nor take a path away".into(),
                    vec![
                        "name a Gateway of the Gateway API: kubernetes { gateway = \"NAMESPACE/NAME\" }"
                            .into(),
                    ],
                );
            }
        }
        let name = self.name(fields.node);
        let paths: Vec<Json> = rules
            .iter()
            .filter_map(|rule| match &rule.answer {
                Answer::Service { name, port } => Some(json!({
                    "path": rule.path,
                    "pathType": "Prefix",
                    "backend": { "service": { "name": name, "port": { "number": port } } },
                })),
                Answer::Redirect { .. } => None,
            })
            .collect();
        let rules: Vec<Json> = if hosts.is_empty() {
            vec![json!({ "http": { "paths": paths } })]
        } else {
            hosts
                .iter()
                .map(|host| json!({ "host": host, "http": { "paths": paths } }))
                .collect()
        };
        let tls = self.has_tls(fields.node) && !hosts.is_empty();
        let secret = self.helper(fields.node, "tls");
        if !tls && fields.word("tls") != Some("off") {
            let message = "it speaks plain HTTP: `issuer` on the target names who signs certificates (a ClusterIssuer of cert-manager)";
            self.note(fields.path, None, message.into());
        }
        let body = json!({ "spec": {
            "ingressClassName": self.settings.ingress_class,
            "tls": tls.then(|| json!([{ "hosts": hosts, "secretName": secret }])),
            "rules": rules,
        }});
        let mut put = Put::new("Ingress", "networking.k8s.io/v1", &name, body)
            .of(fields)
            .label(format!("route {}", fields.path));
        if let Some(issuer) = self.settings.issuer.clone().filter(|_| tls) {
            put = put.annotate("cert-manager.io/cluster-issuer", issuer);
        }
        self.put(put);
    }

    /// The Gateway has the certificates.
    fn http_route(
        &mut self,
        fields: &mut Fields<'a>,
        gateway: &str,
        hosts: &[String],
        rules: &[Rule],
    ) {
        if fields.word("tls") == Some("off") {
            fields.weaken(
                "tls",
                "the Gateway's listeners decide whether TLS is spoken",
            );
        }
        let name = self.name(fields.node);
        let parent = match gateway.split_once('/') {
            Some((namespace, name)) => json!({ "namespace": namespace, "name": name }),
            None => json!({ "name": gateway }),
        };
        let rules: Vec<Json> = rules.iter().map(gateway_rule).collect();
        let hosts = if hosts.is_empty() {
            Json::Null
        } else {
            json!(hosts)
        };
        let body = json!({ "spec": {
            "parentRefs": [parent],
            "hostnames": hosts,
            "rules": rules,
        }});
        self.put(
            Put::new("HTTPRoute", "gateway.networking.k8s.io/v1", &name, body)
                .of(fields)
                .label(format!("route {}", fields.path)),
        );
    }
}

fn gateway_rule(rule: &Rule) -> Json {
    let mut out = Map::new();
    let path = json!({ "type": "PathPrefix", "value": rule.path });
    out.insert("matches".into(), json!([{ "path": path }]));
    match &rule.answer {
        Answer::Service { name, port } => {
            if rule.strip {
                out.insert(
                    "filters".into(),
                    json!([{
                        "type": "URLRewrite",
                        "urlRewrite": {
                            "path": { "type": "ReplacePrefixMatch", "replacePrefixMatch": "/" },
                        },
                    }]),
                );
            }
            out.insert(
                "backendRefs".into(),
                json!([{ "name": name, "port": port }]),
            );
            if let Some(timeout) = rule.timeout {
                out.insert("timeouts".into(), json!({ "request": duration(timeout) }));
            }
        }
        Answer::Redirect { to, status } => {
            out.insert(
                "filters".into(),
                json!([{
                    "type": "RequestRedirect",
                    "requestRedirect": redirect(to, *status),
                }]),
            );
        }
    }
    out.into()
}

/// A redirect to an address, or to a path of the same host.
fn redirect(to: &str, status: i64) -> Json {
    let (scheme, host, path) = match to.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            (json!(scheme), json!(host), format!("/{path}"))
        }
        None => (Json::Null, Json::Null, to.to_owned()),
    };
    json!({
        "scheme": scheme,
        "hostname": host,
        "path": { "type": "ReplaceFullPath", "replaceFullPath": path },
        "statusCode": status,
    })
}

/// A duration as the Gateway API writes it (GEP-2257): `1m`, `1500ms`.
fn duration(millis: u64) -> String {
    match millis {
        m if m % 60_000 == 0 => format!("{}m", m / 60_000),
        m if m % 1000 == 0 => format!("{}s", m / 1000),
        m => format!("{m}ms"),
    }
}

/// The hosts of a route.
pub(super) fn hosts(node: &Node) -> Vec<String> {
    let hosts = fields::field(node, "hosts").map(fields::texts);
    let host = || fields::field(node, "host").and_then(Value::as_str);
    match hosts {
        Some(hosts) if !hosts.is_empty() => hosts,
        _ => host().map(str::to_owned).into_iter().collect(),
    }
}
