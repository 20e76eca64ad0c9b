//! Who may reach whom: NetworkPolicies from the links alone.
//!
//! One policy denies every pod of this environment everything, in and out, but to ask for names.
//! Each part that a link begins or ends at has a policy of its own, which allows exactly those
//! links. Policies add up, so that nothing else is ever allowed. The kubelet's probes come from a
//! pod's own node, which no policy keeps out.

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::NoteKind;
use plat_model::{Data, Link, Node, NodePath, Value};
use rayon::prelude::*;

use super::outs::{self, NATS, POSTGRES, REDIS, S3};
use super::pods::MAIN;
use super::resources::{QUEUES, SERVER};
use super::{Lowering, Made, Put};
use crate::json::{Json, Text, json};
use plat_engine::fields::{self, Fields};

/// Pods that are told apart from others: a part of a declaration, or what several share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pods<'a> {
    /// The name of their policy.
    name: Text,
    path: Option<&'a NodePath>,
    part: Text,
}

type Port = (u16, &'static str);

/// Who may reach whom, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way<'a> {
    from: Pods<'a>,
    to: Pods<'a>,
    port: Port,
}

/// Who else of the cluster reaches some pods: all that is in the namespace which the target says for
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Other {
    /// What answers for routes.
    Ingress,
    /// What collects metrics.
    Metrics,
    /// What scales by how much waits.
    Scaler,
}

/// Who may reach whom: what the links allow, our own helpers, and the ways in and out.
#[derive(Default)]
pub(super) struct Network<'a> {
    within: Vec<Way<'a>>,
    /// From what else is in the cluster.
    inward: BTreeMap<Pods<'a>, BTreeMap<Other, BTreeSet<Port>>>,
    /// To externals: addresses and ports.
    outward: BTreeMap<Pods<'a>, BTreeSet<(Outside, BTreeSet<Port>)>>,
}

/// How many links a thread takes at a time.
const LINKS_AT_ONCE: usize = 512;

impl<'a> Network<'a> {
    /// With what was added elsewhere.
    pub(super) fn add(&mut self, other: Self) {
        self.within.extend(other.within);
        for (pods, from) in other.inward {
            let there = self.inward.entry(pods).or_default();
            for (other, ports) in from {
                there.entry(other).or_default().extend(ports);
            }
        }
        for (pods, outside) in other.outward {
            self.outward.entry(pods).or_default().extend(outside);
        }
    }

    fn lets_in(&mut self, pods: Pods<'a>, from: Other, port: Port) {
        let there = self.inward.entry(pods).or_default();
        there.entry(from).or_default().insert(port);
    }
}

/// What some pods may do.
pub(super) struct Policy<'a> {
    pods: Pods<'a>,
    /// From whom, sorted.
    from: Vec<(Pods<'a>, BTreeSet<Port>)>,
    /// To whom, sorted.
    to: Vec<(Pods<'a>, BTreeSet<Port>)>,
    inward: BTreeMap<Other, BTreeSet<Port>>,
    outward: BTreeSet<(Outside, BTreeSet<Port>)>,
}

impl<'a> Policy<'a> {
    fn new(pods: Pods<'a>) -> Self {
        Self {
            pods,
            from: Vec::new(),
            to: Vec::new(),
            inward: BTreeMap::new(),
            outward: BTreeSet::new(),
        }
    }
}

/// The ports for each of those who are spoken of, who are sorted.
fn add<'a>(list: &mut Vec<(Pods<'a>, BTreeSet<Port>)>, pods: &Pods<'a>, port: Port) {
    match list.last_mut() {
        Some((last, ports)) if last == pods => {
            ports.insert(port);
        }
        _ => list.push((pods.clone(), BTreeSet::from([port]))),
    }
}

/// Where outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Outside {
    /// Exactly these addresses.
    Addresses(Vec<String>),
    /// Anything that is not private: NetworkPolicy knows no names.
    Public,
}

/// Addresses that nothing public has: RFC 1918, RFC 6598, link-local ones with the metadata
/// services of clouds among them.
const PRIVATE: [&str; 5] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
];
/// The same of IPv6: RFC 4193, RFC 4291.
const PRIVATE_6: [&str; 2] = ["fc00::/7", "fe80::/10"];

impl<'a> Lowering<'a> {
    /// Lets a helper of ours reach the server it is for.
    pub(super) fn helper_reaches(
        &mut self,
        path: &'a NodePath,
        part: &'static str,
        to: Option<&'a NodePath>,
        server: &str,
        port: u16,
        name: &str,
    ) {
        let from = Pods {
            name: name.to_owned().into(),
            path: Some(path),
            part: part.into(),
        };
        let name = Text::from(server.to_owned());
        let to = Pods {
            path: to,
            part: to.map_or_else(|| name.clone(), |_| SERVER.into()),
            name,
        };
        let port = (port, "TCP");
        self.network.within.push(Way { from, to, port });
    }

    /// Lets what answers for routes reach a service.
    pub(super) fn route_reaches(&mut self, path: &'a NodePath, node: &Node, port: Port) {
        let pods = Pods {
            name: self.name(node).into(),
            path: Some(path),
            part: MAIN.into(),
        };
        self.network.lets_in(pods, Other::Ingress, port);
    }

    /// Lets what collects metrics reach a program.
    pub(super) fn is_collected(&mut self, fields: &Fields<'a>, port: u16) {
        let pods = Pods {
            name: self.name(fields.node).into(),
            path: Some(fields.path),
            part: MAIN.into(),
        };
        self.network.lets_in(pods, Other::Metrics, (port, "TCP"));
    }

    /// Lets what scales by how much waits ask the queues' server for it.
    pub(super) fn scaler_asks(&mut self, server: &str, port: u16) {
        let name = Text::from(server.to_owned());
        let pods = Pods {
            part: name.clone(),
            name,
            path: None,
        };
        self.network.lets_in(pods, Other::Scaler, (port, "TCP"));
    }

    /// Notes how far an external is held to.
    pub(super) fn external(&mut self, fields: &mut Fields<'a>) {
        let (outside, ports) = outside(fields.node);
        if outside != Outside::Public || is_internet(fields.node) {
            return;
        }
        let ports: Vec<String> = ports.iter().map(|(port, _)| port.to_string()).collect();
        let message = format!(
            "held to port {} of public addresses: NetworkPolicy knows no host names; `cidrs` are held to exactly",
            ports.join(", ")
        );
        self.note(fields.path, None, message);
        let place = self.graph.origins.place(fields.node.origin).cloned();
        if let Some(note) = self.told.notes.last_mut() {
            note.kind = NoteKind::Weakened;
            note.place = place;
        }
    }

    /// The policies, once everything else is there, sorted by whose they are.
    pub(super) fn policies(&mut self) -> Vec<Policy<'a>> {
        let links = self.graph.links.par_chunks(LINKS_AT_ONCE);
        let linked = |links: &'a [Link]| {
            let mut network = Network::default();
            links.iter().for_each(|link| self.link(link, &mut network));
            network
        };
        let linked: Vec<Network<'a>> = links.map(linked).collect();
        for network in linked {
            self.network.add(network);
        }
        self.deny();
        let Network {
            mut within,
            inward,
            outward,
        } = std::mem::take(&mut self.network);
        let mut all: BTreeMap<Pods<'a>, Policy<'a>> = BTreeMap::new();
        let policy = |pods: &Pods<'a>| Policy::new(pods.clone());
        within.par_sort_by(|a, b| (&a.to, &a.from, a.port).cmp(&(&b.to, &b.from, b.port)));
        for ways in within.chunk_by(|a, b| a.to == b.to) {
            let Some(first) = ways.first() else { continue };
            let policy = all.entry(first.to.clone()).or_insert_with_key(policy);
            for way in ways {
                add(&mut policy.from, &way.from, way.port);
            }
        }
        within.par_sort_by(|a, b| (&a.from, &a.to, a.port).cmp(&(&b.from, &b.to, b.port)));
        for ways in within.chunk_by(|a, b| a.from == b.from) {
            let Some(first) = ways.first() else { continue };
            let policy = all.entry(first.from.clone()).or_insert_with_key(policy);
            for way in ways {
                add(&mut policy.to, &way.to, way.port);
            }
        }
        for (pods, from) in inward {
            all.entry(pods).or_insert_with_key(policy).inward = from;
        }
        for (pods, outside) in outward {
            all.entry(pods).or_insert_with_key(policy).outward = outside;
        }
        all.into_values().collect()
    }

    /// The object of a policy.
    pub(super) fn policy(&self, policy: &Policy<'a>) -> Made {
        let pods = &policy.pods;
        let mut rules_in: Vec<Json> = policy
            .from
            .iter()
            .map(|(from, ports)| json!({ "from": [self.peer(from)], "ports": port_list(ports) }))
            .collect();
        for (from, ports) in &policy.inward {
            let from = self.namespace_of(*from).map(in_namespace);
            rules_in.push(json!({ "from": from, "ports": port_list(ports) }));
        }
        let mut rules_out: Vec<Json> = policy
            .to
            .iter()
            .map(|(to, ports)| json!({ "to": [self.peer(to)], "ports": port_list(ports) }))
            .collect();
        for (outside, ports) in &policy.outward {
            rules_out.push(json!({ "to": blocks(outside), "ports": port_list(ports) }));
        }
        let body = json!({ "spec": {
            "podSelector": { "matchLabels": self.selector(pods.path, &pods.part) },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": rules_in,
            "egress": rules_out,
        }});
        let mut put = Put::new("NetworkPolicy", "networking.k8s.io/v1", &pods.name, body);
        put.node = pods
            .path
            .and_then(|path| self.graph.nodes.get_key_value(path));
        let whose = pods.path.map_or(pods.name.as_str(), NodePath::as_str);
        self.made(put.label(format!("links of {whose}")))
    }

    /// Where the target says that it is; where it does not, it may be anywhere.
    fn namespace_of(&self, other: Other) -> Option<&str> {
        let settings = &self.settings;
        let said = match other {
            Other::Ingress => &settings.ingress_namespace,
            Other::Metrics => &settings.metrics_namespace,
            Other::Scaler => &settings.keda_namespace,
        };
        said.as_deref()
    }

    fn peer(&self, pods: &Pods<'a>) -> Json {
        json!({ "podSelector": {
            "matchLabels": self.selector(pods.path, &pods.part),
        }})
    }

    /// Nothing but names, for all.
    fn deny(&mut self) {
        let name = self.own("default-deny");
        let body = json!({ "spec": {
            "podSelector": { "matchLabels": self.ownership() },
            "policyTypes": ["Ingress", "Egress"],
            "egress": [{
                "to": [{
                    "namespaceSelector": { "matchLabels": {
                        "kubernetes.io/metadata.name": "kube-system",
                    }},
                    "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
                }],
                "ports": [
                    { "port": 53, "protocol": "UDP" },
                    { "port": 53, "protocol": "TCP" },
                ],
            }],
        }});
        self.put(
            Put::new("NetworkPolicy", "networking.k8s.io/v1", &name, body)
                .label("denies what no link allows".into()),
        );
    }

    /// Adds what a link allows.
    fn link(&self, link: &'a Link, network: &mut Network<'a>) {
        let graph = self.graph;
        let (Some((from_path, from)), Some((to_path, to))) = (
            graph.nodes.get_key_value(&link.from),
            graph.nodes.get_key_value(&link.to),
        ) else {
            return;
        };
        // What only waits for another reaches nothing of it.
        let waits = link.field.as_str().split('.').next() == Some("after");
        if waits || from.target != *self.target || to.target != *self.target {
            return;
        }
        let runs = ["service", "worker", "daemon", "job", "cron"];
        if !runs.contains(&from.kind.name.as_str()) {
            return;
        }
        let from = Pods {
            name: self.name(from).into(),
            path: Some(from_path),
            part: MAIN.into(),
        };
        let name = Text::from(self.name(to));
        let own = |part: &'static str| Pods {
            name: name.clone(),
            path: Some(to_path),
            part: part.into(),
        };
        let tcp = |port: u16| vec![(port, "TCP")];
        let (pods, ports) = match to.kind.name.as_str() {
            "service" => (own(MAIN), linked_ports(to, &link.out)),
            "site" => (own(MAIN), tcp(super::site::PORT)),
            "postgres" => (own(SERVER), tcp(POSTGRES)),
            "redis" => (own(SERVER), tcp(REDIS)),
            "bucket" => (own(SERVER), tcp(S3)),
            "queue" if link.grant.as_deref() == Some("watch") => return,
            "queue" => {
                let name = Text::from(self.own(QUEUES));
                let server = Pods {
                    part: name.clone(),
                    name,
                    path: None,
                };
                (server, tcp(NATS))
            }
            "external" => {
                let reached = network.outward.entry(from).or_default();
                reached.insert(outside(to));
                return;
            }
            _ => return,
        };
        for port in ports {
            let (from, to) = (from.clone(), pods.clone());
            network.within.push(Way { from, to, port });
        }
    }
}

/// The ports that reading an out of a service opens: the one it is about, or all where the
/// service itself is meant.
fn linked_ports(node: &Node, out: &str) -> Vec<Port> {
    match out.strip_prefix("ports.") {
        Some(rest) => {
            let name = rest.split('.').next();
            outs::port(node, name).into_iter().collect()
        }
        None if out.is_empty() || out == "ports" => outs::ports(node).into_values().collect(),
        None => outs::port(node, None).into_iter().collect(),
    }
}

/// All pods of a namespace.
fn in_namespace(namespace: &str) -> Json {
    json!([{ "namespaceSelector": { "matchLabels": {
        "kubernetes.io/metadata.name": namespace,
    }}}])
}

fn port_list(ports: &BTreeSet<Port>) -> Vec<Json> {
    ports
        .iter()
        .map(|(port, protocol)| json!({ "port": port, "protocol": protocol }))
        .collect()
}

fn blocks(outside: &Outside) -> Vec<Json> {
    match outside {
        Outside::Addresses(cidrs) => cidrs
            .iter()
            .map(|cidr| json!({ "ipBlock": { "cidr": cidr } }))
            .collect(),
        Outside::Public => vec![
            json!({ "ipBlock": { "cidr": "0.0.0.0/0", "except": PRIVATE } }),
            json!({ "ipBlock": { "cidr": "::/0", "except": PRIVATE_6 } }),
        ],
    }
}

/// Where an `external` is, and on which ports.
fn outside(node: &Node) -> (Outside, BTreeSet<Port>) {
    let list = |name: &str| fields::field(node, name).map(fields::texts);
    let mut cidrs = list("cidrs").unwrap_or_default();
    let url = fields::field(node, "url").and_then(Value::as_str);
    let protocol = protocol(url);
    let mut ports: BTreeSet<Port> = match fields::field(node, "ports").map(|v| &v.data) {
        Some(Data::List(items)) => items
            .iter()
            .filter_map(|item| Some((u16::try_from(item.as_int()?).ok()?, protocol)))
            .collect(),
        _ => BTreeSet::new(),
    };
    if let Some((host, port)) = url.and_then(host_and_port) {
        // Its own port is the one that is meant; the field's default is not.
        ports = BTreeSet::from([(port, protocol)]);
        if let Ok(address) = host.parse::<std::net::IpAddr>() {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            cidrs.push(format!("{address}/{bits}"));
        }
    }
    if ports.is_empty() {
        ports.insert((443, protocol));
    }
    cidrs.sort();
    cidrs.dedup();
    let outside = if cidrs.is_empty() {
        Outside::Public
    } else {
        Outside::Addresses(cidrs)
    };
    (outside, ports)
}

fn is_internet(node: &Node) -> bool {
    fields::field(node, "hosts").and_then(fields::word) == Some("internet")
}

/// What an address speaks: `udp://…` and `syslog+udp://…` are UDP, all else is TCP.
fn protocol(url: Option<&str>) -> &'static str {
    let scheme = url.and_then(|url| url.split_once("://"));
    match scheme {
        Some((scheme, _)) if scheme == "udp" || scheme.ends_with("+udp") => "UDP",
        _ => "TCP",
    }
}

/// The host and the port of a URL, that of its scheme where it names none.
fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let usual = match scheme {
        "http" | "ws" => 80,
        "smtp" => 25,
        "smtps" => 465,
        "postgres" | "postgresql" => POSTGRES,
        "redis" => REDIS,
        "nats" => NATS,
        _ => 443,
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        let port = port.strip_prefix(':').and_then(|p| p.parse().ok());
        return Some((host, port.unwrap_or(usual)));
    }
    match authority.split_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, usual)),
    }
}
