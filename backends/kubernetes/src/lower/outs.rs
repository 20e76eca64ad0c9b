//! What a declaration's outs are on this target.

use std::collections::BTreeMap;

use plat_model::{Data, Hole, Node, NodePath, Value};

use super::Lowering;
use plat_engine::fields;

/// A piece of a text, as a container can have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Known now.
    Text(String),
    /// A key of a Secret.
    Secret {
        /// The Secret's name.
        name: String,
        /// The key in it.
        key: String,
        /// Whether it is letters and digits, which every encoder but base64 and hex leaves alone.
        plain: bool,
        /// Whether it may be unset.
        optional: bool,
    },
}

/// The port of a PostgreSQL.
pub(super) const POSTGRES: u16 = 5432;
/// The port of a Redis.
pub(super) const REDIS: u16 = 6379;
/// The port of a NATS server.
pub(super) const NATS: u16 = 4222;
/// The port of an S3 server.
pub(super) const S3: u16 = 7070;
/// The region of all buckets here: those who sign requests want one.
pub(super) const REGION: &str = "us-east-1";
/// The key of who asks a bucket.
pub(super) const ACCESS_KEY: &str = "access_key";
/// The key of how they prove it.
pub(super) const SECRET_KEY: &str = "secret_key";
/// The key of a declared secret.
pub(super) const VALUE: &str = "value";

impl<'a> Lowering<'a> {
    /// What a hole stands for; `None` where there is no such thing on this target.
    pub(super) fn out(&self, hole: &Hole) -> Option<Vec<Part>> {
        let (path, node) = self.graph.nodes.get_key_value(&hole.producer)?;
        let out = hole.out.as_str();
        let name = self.name(node);
        match node.kind.name.as_str() {
            "secret" => {
                let yes = |field: &str| node.fields.get(field).and_then(Value::as_bool);
                let generated = node.fields.get("generate").is_some_and(|g| !g.is_none());
                Some(vec![Part::Secret {
                    name,
                    key: VALUE.into(),
                    plain: generated,
                    optional: yes("optional").unwrap_or(false),
                }])
            }
            "postgres" => self.postgres_out(node, out),
            "redis" => redis_out(&name, out),
            "bucket" => bucket_out(node, &name, out),
            "queue" => self.queue_out(node, &name, out),
            "service" => service_out(node, &name, out),
            "external" => {
                let value = node.fields.get(out).or_else(|| node.fields.get("url"))?;
                Some(vec![text(value.as_str()?)])
            }
            "route" => Some(vec![text(&self.route_url(path, node)?)]),
            _ => None,
        }
    }

    fn postgres_out(&self, node: &Node, out: &str) -> Option<Vec<Part>> {
        let database = database(node);
        let (owner, reader) = (owner(node), reader(node));
        let operated = self.is_operated();
        let host = match operated {
            true => self.cluster_host(node),
            false => self.name(node),
        };
        let password = |role: &str| match operated {
            true => secret(&self.role_secret(node, role), PASSWORD),
            false => secret(&self.name(node), role),
        };
        let url = |user: &str, role: &str| {
            vec![
                text(&format!("postgres://{user}:")),
                password(role),
                text(&format!("@{host}:{POSTGRES}/{database}")),
            ]
        };
        match out {
            "url" => Some(url(&owner, OWNER)),
            "read_only_url" => Some(url(&reader, READER)),
            "user" => Some(vec![text(&owner)]),
            "database" => Some(vec![text(&database)]),
            "password" => Some(vec![password(OWNER)]),
            _ => address(&host, POSTGRES, out),
        }
    }

    fn queue_out(&self, node: &Node, name: &str, out: &str) -> Option<Vec<Part>> {
        let host = self.own(super::resources::QUEUES);
        let user = format!("{}-{out}", node.name);
        matches!(out, "send" | "receive").then(|| {
            vec![
                text(&format!("nats://{user}:")),
                secret(name, out),
                text(&format!("@{host}:{NATS}/{}", node.name)),
            ]
        })
    }

    /// Where a route is reached.
    fn route_url(&self, _path: &NodePath, node: &Node) -> Option<String> {
        let host = super::edges::hosts(node).into_iter().next()?;
        let scheme = if self.has_tls(node) { "https" } else { "http" };
        Some(format!("{scheme}://{host}"))
    }
}

/// The role that a database is of, and the key of its password.
pub(super) const OWNER: &str = "owner";
/// The role that may only read a database, and the key of its password.
pub(super) const READER: &str = "reader";

/// The name of a database.
pub(super) fn database(node: &Node) -> String {
    node.name.replace('-', "_")
}

/// Whose a database is.
pub(super) fn owner(node: &Node) -> String {
    format!("{}_owner", database(node))
}

/// Who may only read it.
pub(super) fn reader(node: &Node) -> String {
    format!("{}_reader", database(node))
}

/// The ports of a service by name: number, and `TCP` or `UDP`.
pub(super) fn ports(node: &Node) -> BTreeMap<String, (u16, &'static str)> {
    let number = |value: &Value| value.as_int().and_then(|n| u16::try_from(n).ok());
    let mut ports = BTreeMap::new();
    if let Some(Data::Map(entries)) = node.fields.get("ports").map(|v| &v.data) {
        for (name, value) in entries {
            let protocol = match fields::word(value) {
                Some("udp") => "UDP",
                _ => "TCP",
            };
            if let Some(port) = number(value.get("port").unwrap_or(value)) {
                ports.insert(name.to_string(), (port, protocol));
            }
        }
    }
    if ports.is_empty()
        && let Some(port) = node.fields.get("port").and_then(number)
    {
        ports.insert(MAIN.into(), (port, "TCP"));
    }
    ports
}

/// The name of the main port.
const MAIN: &str = "main";

/// The port that a name means: the main one for none, or the first where none is called so.
pub(super) fn port(node: &Node, name: Option<&str>) -> Option<(u16, &'static str)> {
    let ports = ports(node);
    match name {
        Some(name) => ports.get(name).copied(),
        None => ports.get(MAIN).or_else(|| ports.values().next()).copied(),
    }
}

fn service_out(node: &Node, name: &str, out: &str) -> Option<Vec<Part>> {
    let (which, out) = match out.strip_prefix("ports.") {
        Some(rest) => {
            let (which, out) = rest.split_once('.').unwrap_or((rest, "address"));
            (Some(which), out)
        }
        None => (None, out),
    };
    let (number, _) = port(node, which)?;
    match out {
        "url" => Some(vec![text(&format!("http://{name}:{number}"))]),
        _ => address(name, number, out),
    }
}

fn redis_out(name: &str, out: &str) -> Option<Vec<Part>> {
    match out {
        "url" => Some(vec![
            text("redis://:"),
            secret(name, PASSWORD),
            text(&format!("@{name}:{REDIS}")),
        ]),
        "password" => Some(vec![secret(name, PASSWORD)]),
        _ => address(name, REDIS, out),
    }
}

fn bucket_out(node: &Node, name: &str, out: &str) -> Option<Vec<Part>> {
    Some(vec![match out {
        "url" => text(&format!("s3://{}", node.name)),
        "endpoint" => text(&format!("http://{name}:{S3}")),
        "region" => text(REGION),
        "name" => text(&node.name),
        "access_key" => secret(name, ACCESS_KEY),
        "secret_key" => secret(name, SECRET_KEY),
        _ => return None,
    }])
}

/// The key of a password, where there is one.
pub(super) const PASSWORD: &str = "password";

fn address(host: &str, port: u16, out: &str) -> Option<Vec<Part>> {
    Some(vec![match out {
        "host" => text(host),
        "port" => text(&port.to_string()),
        "address" => text(&format!("{host}:{port}")),
        _ => return None,
    }])
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

/// A credential that we make: letters and digits.
fn secret(name: &str, key: &str) -> Part {
    Part::Secret {
        name: name.to_owned(),
        key: key.to_owned(),
        plain: true,
        optional: false,
    }
}
