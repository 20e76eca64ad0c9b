//! Graphs written by hand, as the compiler makes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_model::{
    Data, Decimal, Environment, Fields, Graph, Hole, Node, NodeKind, NodePath, Origin, OriginId,
    OriginTable, Package, Piece, Place, Quantity, Site, SiteKind, Target, TargetId, Value,
};

pub fn v(data: Data) -> Value {
    Value::new(data, OriginId(0))
}

pub fn text(text: &str) -> Value {
    v(Data::String(text.into()))
}

pub fn int(n: i128) -> Value {
    v(Data::Int(n))
}

pub fn yes() -> Value {
    v(Data::Bool(true))
}

pub fn list<const N: usize>(items: [Value; N]) -> Value {
    v(Data::List(items.into()))
}

pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    v(Data::Map(
        entries
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect(),
    ))
}

pub fn variant<const N: usize>(case: &str, fields: [(&str, Value); N]) -> Value {
    v(Data::Variant {
        case: case.into(),
        fields: fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
    })
}

pub fn node_ref(path: &str) -> Value {
    v(Data::Node(path.into()))
}

pub fn out(path: &str, out: &str) -> Value {
    v(Data::Out {
        node: path.into(),
        out: out.into(),
    })
}

/// What `db.url` is where it is read.
pub fn read(producer: &str, out: &str) -> Value {
    let hole = Hole {
        producer: producer.into(),
        out: out.into(),
        encoders: Vec::new(),
        secret: true,
        later: true,
    };
    v(Data::Text(vec![Piece::Hole(hole)]))
}

/// What a service's `url` is where it is read: known before it runs.
pub fn address(producer: &str, out: &str) -> Value {
    let hole = Hole {
        producer: producer.into(),
        out: out.into(),
        encoders: Vec::new(),
        secret: false,
        later: false,
    };
    v(Data::Text(vec![Piece::Hole(hole)]))
}

pub fn quantity(dimension: &str, amount: i128, shown: &str) -> Value {
    v(Data::Quantity(Box::new(Quantity {
        dimension: dimension.into(),
        amount: Decimal::int(amount),
        text: shown.into(),
    })))
}

pub fn seconds(n: i128) -> Value {
    quantity("Duration", n, &format!("{n}s"))
}

pub fn process<const N: usize>(command: [&str; N], dir: &str) -> Value {
    variant(
        "process",
        [("command", list(command.map(text))), ("dir", text(dir))],
    )
}

/// Kind, path and fields.
pub type Declared<'a> = (&'a str, &'a str, Vec<(&'a str, Value)>);

/// A graph of the app `shop` in `dev` on `local { port = PORT }`.
pub fn graph<const N: usize>(port: u16, nodes: [Declared<'_>; N]) -> Graph {
    let mut origins = OriginTable::default();
    let origin = origins.push(Origin {
        chain: vec![Site {
            kind: SiteKind::Declared,
            path: "shop".into(),
            text: String::new(),
            place: Place {
                file: "shop.plat".into(),
                line: 7,
                column: 1,
            },
        }],
    });
    let node = |kind: &str, path: &str, fields: Vec<(&str, Value)>| Node {
        kind: Arc::new(NodeKind {
            package: "std".into(),
            name: kind.into(),
            is: BTreeSet::new(),
        }),
        name: NodePath::from(path).external_name(),
        target: TargetId::main(),
        existing: None,
        doc: None,
        origin,
        within: Vec::new(),
        fields: fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        changes: BTreeMap::new(),
        leave: BTreeMap::new(),
    };
    Graph {
        format: Graph::FORMAT,
        app: "shop".into(),
        package: Package {
            name: "shop".into(),
            version: "1.0.0".into(),
        },
        environment: Environment {
            name: "dev".into(),
            extends: Vec::new(),
            fields: Fields::new(),
            origin,
        },
        targets: BTreeMap::from([(
            TargetId::main(),
            Target {
                kind: "local".into(),
                fields: Fields::from([("port".to_owned(), int(port.into()))]),
                origin,
            },
        )]),
        nodes: nodes
            .into_iter()
            .map(|(kind, path, fields)| (path.into(), node(kind, path, fields)))
            .collect(),
        links: Vec::new(),
        moved: Vec::new(),
        held: Vec::new(),
        pins: BTreeMap::new(),
        origins,
    }
}
