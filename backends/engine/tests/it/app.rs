//! Apps for tests: a few lines of text become a graph.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_engine::Shared;
use plat_model::{
    Change, Data, Decimal, Environment, FieldPath, Fields, Graph, Hold, Moved, Node, NodeKind,
    NodePath, Origin, OriginTable, Package, Place, Quantity, Site, SiteKind, Target, TargetId,
    Value,
};

/// A graph from lines such as
/// `store db  size=20GiB replicas=1` or `thing api  scale=2 needs=db,hub env.LOG=info`.
///
/// Each line is a node: its kind, its path, its fields. A number is an `Int`, `20GiB` bytes, all
/// else a string; `needs` lists nodes; `prod:scale=4` is set by the environment `prod`. A line
/// `moved a to b` is a rename, `budget 900` a budget, `deletes 20%` the share that one plan may take
/// away, `held db staging api` what another environment uses.
pub fn graph(text: &str) -> Shared<Graph> {
    let mut builder = Builder {
        origins: OriginTable::default(),
    };
    let here = builder.origin("env dev", SiteKind::Declared, 1, "environments.plat");
    let mut graph = Graph {
        format: Graph::FORMAT,
        app: "shop".into(),
        package: Package {
            name: "shop".into(),
            version: "0.1.0".into(),
        },
        environment: Environment {
            name: "dev".into(),
            extends: Vec::new(),
            fields: Fields::new(),
            origin: here,
        },
        targets: BTreeMap::from([(
            TargetId::main(),
            Target {
                kind: "fake".into(),
                fields: Fields::new(),
                origin: here,
            },
        )]),
        nodes: BTreeMap::new(),
        links: Vec::new(),
        moved: Vec::new(),
        held: Vec::new(),
        pins: BTreeMap::new(),
        origins: OriginTable::default(),
    };
    for (i, line) in text.lines().enumerate() {
        let line_no = u32::try_from(i).unwrap() + 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["moved", from, "to", to] => graph.moved.push(Moved {
                from: NodePath::new(*from),
                to: NodePath::new(*to),
                origin: builder.origin("moved", SiteKind::Declared, line_no, "shop.plat"),
            }),
            ["deletes", share] => {
                let mut value = builder.value("0", "env dev", SiteKind::Declared, 2, "shop.plat");
                let percent: i128 = share.trim_end_matches('%').parse().unwrap();
                value.data = Data::Quantity(Box::new(Quantity {
                    dimension: "Percent".into(),
                    amount: Decimal::ratio(percent, 100).unwrap(),
                    text: (*share).to_owned(),
                }));
                graph.environment.fields.insert("deletes".into(), value);
            }
            ["held", node, environment, by] => graph.held.push(Hold {
                node: NodePath::new(*node),
                environment: (*environment).to_owned(),
                by: NodePath::new(*by),
            }),
            ["budget", amount] => {
                let value = builder.value(
                    amount,
                    "env dev",
                    SiteKind::Declared,
                    2,
                    "environments.plat",
                );
                graph.environment.fields.insert("budget".into(), value);
            }
            [kind, path, fields @ ..] => {
                let node = builder.node(kind, path, fields, line_no);
                graph.nodes.insert(NodePath::new(*path), node);
            }
            [word] => panic!("line {line_no}: {word}"),
        }
    }
    graph.origins = builder.origins;
    graph.into()
}

struct Builder {
    origins: OriginTable,
}

impl Builder {
    fn origin(
        &mut self,
        path: &str,
        kind: SiteKind,
        line: u32,
        file: &str,
    ) -> plat_model::OriginId {
        self.origins.push(Origin {
            chain: vec![Site {
                kind,
                path: path.into(),
                text: String::new(),
                place: Place {
                    file: file.into(),
                    line,
                    column: 1,
                },
            }],
        })
    }

    fn value(&mut self, text: &str, path: &str, kind: SiteKind, line: u32, file: &str) -> Value {
        let origin = self.origin(path, kind, line, file);
        let data = if let Some(gib) = text
            .strip_suffix("GiB")
            .and_then(|n| n.parse::<i128>().ok())
        {
            Data::Quantity(Box::new(Quantity {
                dimension: "Bytes".into(),
                amount: plat_model::Decimal::int(gib << 30),
                text: text.into(),
            }))
        } else if let Ok(n) = text.parse() {
            Data::Int(n)
        } else if let Ok(b) = text.parse() {
            Data::Bool(b)
        } else {
            Data::String(text.into())
        };
        Value::new(data, origin)
    }

    fn node(&mut self, kind: &str, path: &str, words: &[&str], line: u32) -> Node {
        let mut fields = Fields::new();
        let mut leave = BTreeMap::new();
        for (i, word) in words.iter().enumerate() {
            let (name, text) = word.split_once('=').unwrap();
            let field_line = line * 10 + u32::try_from(i).unwrap();
            let (name, at) = match name.split_once(':') {
                Some((env, name)) => (
                    name,
                    (format!("env {env}"), SiteKind::Set, "environments.plat"),
                ),
                None => (
                    name,
                    (
                        format!("shop.{path}.{name}"),
                        SiteKind::Declared,
                        "shop.plat",
                    ),
                ),
            };
            let (site, how, file) = (at.0, at.1, at.2);
            if name == "leave" {
                let origin = self.origin(&site, how, field_line, file);
                leave.extend(text.split(',').map(|left| (FieldPath::new(left), origin)));
                continue;
            }
            if name == "needs" {
                let origin = self.origin(&site, how, field_line, file);
                let items = text
                    .split(',')
                    .filter(|n| !n.is_empty())
                    .map(|n| Value::new(Data::Node(NodePath::new(n)), origin))
                    .collect();
                fields.insert(name.into(), Value::new(Data::List(items), origin));
                continue;
            }
            let value = self.value(text, &site, how, field_line, file);
            match name.split_once('.') {
                None => {
                    fields.insert(name.into(), value);
                }
                Some((map, key)) => {
                    let origin = value.origin;
                    if !fields.contains_key(map) {
                        let empty = Value::new(Data::Map(Fields::new()), origin);
                        fields.insert(map.into(), empty);
                    }
                    if let Data::Map(entries) = &mut fields.get_mut(map).unwrap().data {
                        entries.insert(key.into(), value);
                    }
                }
            }
        }
        let origin = self.origin(
            &format!("shop.{path}"),
            SiteKind::Declared,
            line * 10 - 1,
            "shop.plat",
        );
        Node {
            kind: Arc::new(NodeKind {
                package: "std".into(),
                name: kind.into(),
                is: BTreeSet::new(),
            }),
            name: match fields.get("name").and_then(Value::as_str) {
                Some(name) => name.into(),
                None => NodePath::new(path).external_name(),
            },
            target: TargetId::main(),
            existing: None,
            doc: None,
            origin,
            within: Vec::new(),
            fields,
            changes: BTreeMap::from([
                (FieldPath::new("size"), Change::GrowOnly),
                (FieldPath::new("region"), Change::Replace),
            ]),
            leave,
        }
    }
}
