//! The policies permit exactly the links: a small evaluator of NetworkPolicies of its own, as
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/> says they work,
//! answers who may reach whom, and the graph says who should.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::Graph;
use serde_json::Value;

use crate::program::{PROGRAMS, graph, lowered};

/// A pod: its name and its labels.
struct Pod {
    name: String,
    labels: BTreeMap<String, String>,
}

type Port = (u64, String);

fn labels(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().unwrap();
    map.iter()
        .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
        .collect()
}

/// The pods that the objects make, and the policies.
fn cluster(program: &str) -> (Vec<Pod>, Vec<Value>) {
    let (mut pods, mut policies) = (Vec::new(), Vec::new());
    for object in lowered(program).unwrap().objects {
        let at = match object.spec["kind"].as_str().unwrap() {
            "NetworkPolicy" => {
                policies.push(object.spec.clone());
                continue;
            }
            "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => "/spec/template/metadata/labels",
            "CronJob" => "/spec/jobTemplate/spec/template/metadata/labels",
            "Cluster" => "/spec/inheritedMetadata/labels",
            _ => continue,
        };
        pods.push(Pod {
            name: object.id.to_string(),
            labels: labels(object.spec.pointer(at).unwrap()),
        });
    }
    (pods, policies)
}

fn selects(selector: &Value, pod: &Pod) -> bool {
    let Some(wanted) = selector.get("matchLabels") else {
        return true;
    };
    labels(wanted)
        .iter()
        .all(|(key, value)| pod.labels.get(key) == Some(value))
}

fn opens(rule: &Value, port: &Port) -> bool {
    let Some(ports) = rule.get("ports") else {
        return true;
    };
    let ports = ports.as_array().unwrap();
    ports
        .iter()
        .any(|p| p["port"].as_u64() == Some(port.0) && p["protocol"] == port.1.as_str())
}

/// Whether one direction lets a pod talk to a peer within the namespace.
fn lets(policies: &[Value], direction: &str, pod: &Pod, peer: &Pod, port: &Port) -> bool {
    let (key, side) = match direction {
        "Ingress" => ("ingress", "from"),
        _ => ("egress", "to"),
    };
    let about: Vec<&Value> = policies
        .iter()
        .filter(|p| selects(&p["spec"]["podSelector"], pod))
        .filter(|p| {
            let types = p["spec"]["policyTypes"].as_array().unwrap();
            types.iter().any(|t| t == direction)
        })
        .collect();
    if about.is_empty() {
        return true;
    }
    let rules = about
        .iter()
        .filter_map(|p| p["spec"].get(key)?.as_array())
        .flatten();
    rules.into_iter().filter(|r| opens(r, port)).any(|rule| {
        let Some(peers) = rule.get(side) else {
            return true;
        };
        // A peer with a namespace is elsewhere; a block of addresses is outside.
        peers.as_array().unwrap().iter().any(|p| {
            p.get("namespaceSelector").is_none()
                && p.get("podSelector").is_some_and(|s| selects(s, peer))
        })
    })
}

/// Every port that anything in the programs has.
fn ports() -> Vec<Port> {
    [53, 80, 443, 4222, 5432, 6379, 7777, 8000, 8080, 8222, 9000]
        .into_iter()
        .flat_map(|n| [(n, "TCP".to_owned()), (n, "UDP".to_owned())])
        .collect()
}

fn allowed(program: &str) -> BTreeSet<(String, String, u64)> {
    let (pods, policies) = cluster(program);
    let mut allowed = BTreeSet::new();
    for from in &pods {
        for to in &pods {
            for port in ports() {
                if lets(&policies, "Egress", from, to, &port)
                    && lets(&policies, "Ingress", to, from, &port)
                {
                    // A route opens a port inwards to all; nobody within may go there for it.
                    allowed.insert((from.name.clone(), to.name.clone(), port.0));
                }
            }
        }
    }
    allowed
}

/// Each link of the graph between things that run, as the pods of its ends.
fn linked(graph: &Graph, prefix: &str) -> BTreeSet<(String, String, u64)> {
    let mut linked = BTreeSet::new();
    for link in &graph.links {
        let (from, to) = (&graph.nodes[&link.from], &graph.nodes[&link.to]);
        let from_kind = match from.kind.name.as_str() {
            "service" | "worker" => "Deployment",
            "daemon" => "DaemonSet",
            "job" => "Job",
            "cron" => "CronJob",
            _ => continue,
        };
        if link.field.as_str().starts_with("after") {
            continue;
        }
        let (to_kind, to_name, ports) = match to.kind.name.as_str() {
            "postgres" => ("StatefulSet", to.name.clone(), vec![5432]),
            "redis" => ("StatefulSet", to.name.clone(), vec![6379]),
            "queue" => ("StatefulSet", "queues".to_owned(), vec![4222]),
            // Only `game` is reached as a whole.
            "service" if link.out.is_empty() => {
                ("Deployment", to.name.clone(), vec![7777, 8080, 9000])
            }
            "service" => ("Deployment", to.name.clone(), vec![8080]),
            _ => continue,
        };
        for port in ports {
            linked.insert((
                format!("{from_kind}/{prefix}{}", from.name),
                format!("{to_kind}/{prefix}{to_name}"),
                port,
            ));
        }
    }
    linked
}

#[test]
fn a_shop_permits_its_links_and_nothing_else() {
    let graph = graph(PROGRAMS[0]);
    let mut expected = linked(&graph, "");
    // What we add of our own.
    for helper in [
        ("Job/db-setup", "StatefulSet/db", 5432),
        ("CronJob/db-backup", "StatefulSet/db", 5432),
        ("Job/emails-setup", "StatefulSet/queues", 4222),
    ] {
        expected.insert((helper.0.to_owned(), helper.1.to_owned(), helper.2));
    }
    assert_eq!(allowed(PROGRAMS[0]), expected);
    assert!(expected.len() > 8);
}

#[test]
fn the_corners_permit_their_links_and_nothing_else() {
    let long =
        "a-service-with-a-name-that-is-much-longer-than-the-sixty-three-characters-of-a-label";
    let (pods, _) = cluster(PROGRAMS[1]);
    let short = &pods
        .iter()
        .find(|p| p.name.starts_with("Deployment/corners-a-service"))
        .unwrap()
        .name;
    let expected: BTreeSet<_> = linked(&graph(PROGRAMS[1]), "corners-")
        .into_iter()
        .map(|(from, to, port)| {
            let from = if from.ends_with(long) {
                short.clone()
            } else {
                from
            };
            (from, to, port)
        })
        .collect();
    assert_eq!(allowed(PROGRAMS[1]), expected);
    assert_eq!(expected.len(), 5);
}

#[test]
fn the_pods_of_an_operator_are_reached_by_links_and_by_each_other() {
    let program = "app shop\npostgres db { backup = daily() }\nservice api { run = image(\"x:1\"), env = { URL = db.url } }\nservice other { run = image(\"x:1\") }\nenv prod { target = kubernetes { context = \"c\", cnpg_namespace = \"cnpg-system\" } }\n";
    let ways = [
        ("Deployment/api", 5432),
        ("CronJob/db-backup", 5432),
        ("Cluster/db", 5432),
        ("Cluster/db", 8000),
    ];
    let ways = ways.map(|(from, port)| (from.to_owned(), "Cluster/db".to_owned(), port));
    assert_eq!(allowed(program), BTreeSet::from(ways));
}

#[test]
fn the_evaluator_sees_what_is_open() {
    // Without policies everything is: an evaluator that finds nothing would prove nothing.
    let (pods, _) = cluster(PROGRAMS[0]);
    let port = (5432, "TCP".to_owned());
    assert!(lets(&[], "Egress", &pods[0], &pods[1], &port));
    let (_, policies) = cluster(PROGRAMS[0]);
    let denying: Vec<Value> = policies
        .into_iter()
        .filter(|p| p["metadata"]["name"] == "default-deny")
        .collect();
    assert_eq!(denying.len(), 1);
    assert!(!lets(&denying, "Egress", &pods[0], &pods[1], &port));
    assert!(!lets(&denying, "Ingress", &pods[0], &pods[1], &port));
}
