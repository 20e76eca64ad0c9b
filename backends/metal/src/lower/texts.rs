//! Texts with holes: which are known already, and whom the others wait for.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Data, Graph, Hole, NodePath, Piece, Str, Value};

use super::Lowering;
use crate::text::{ENCODERS, Text};
use plat_engine::fields::Fields;

impl<'a> Lowering<'a> {
    /// The text of a value of `field`, with the holes that are known now filled. Those who
    /// produce the others are added to `producers`.
    pub(super) fn text(
        &self,
        fields: &mut Fields<'a>,
        field: &str,
        value: &Value,
        producers: &mut BTreeSet<NodePath>,
    ) -> Option<Text> {
        let Some(text) = Text::of(value) else {
            fields.refuse(field, format!("`{value}` is no text"), Vec::new());
            return None;
        };
        let Text::Pieces(pieces) = text else {
            return Some(text);
        };
        let mut known = Vec::new();
        for piece in pieces {
            let piece = match piece {
                Piece::Hole(hole) => self.hole(fields, field, hole, producers)?,
                literal @ Piece::Literal(_) => literal,
            };
            match (known.last_mut(), piece) {
                (Some(Piece::Literal(before)), Piece::Literal(text)) => before.push_str(&text),
                (_, piece) => known.push(piece),
            }
        }
        Some(match known.as_slice() {
            [] => Text::Known(String::new()),
            [Piece::Literal(text)] => Text::Known(text.clone()),
            _ => Text::Pieces(known),
        })
    }

    fn hole(
        &self,
        fields: &mut Fields<'a>,
        field: &str,
        hole: Hole,
        producers: &mut BTreeSet<NodePath>,
    ) -> Option<Piece> {
        let Some(node) = self.graph.nodes.get(&hole.producer) else {
            fields.refuse(
                field,
                format!("there is no `{}`", hole.producer),
                Vec::new(),
            );
            return None;
        };
        if let Some(unknown) = hole
            .encoders
            .iter()
            .find(|e| !ENCODERS.contains(&e.as_str()))
        {
            fields.refuse(
                field,
                format!("`{unknown}` can't be applied to a value that is known only at apply"),
                vec![format!("these can: {}", ENCODERS.join(", "))],
            );
            return None;
        }
        let known = match node.kind.name.as_str() {
            "external" if hole.encoders.is_empty() => node
                .fields
                .get(&hole.out)
                .or_else(|| node.fields.get("url"))
                .and_then(Value::as_str)
                .map(str::to_owned),
            "route" if hole.encoders.is_empty() => self.route_url(&hole.producer, node),
            "external" | "route" => None,
            _ => {
                producers.insert(hole.producer.clone());
                return Some(Piece::Hole(hole));
            }
        };
        match known {
            Some(text) => Some(Piece::Literal(text)),
            None => {
                fields.refuse(
                    field,
                    format!("`{hole}` has no value on this machine"),
                    Vec::new(),
                );
                None
            }
        }
    }

    /// Which value each secret among `producers` has.
    pub(super) fn versions(&self, producers: &BTreeSet<NodePath>) -> BTreeMap<String, String> {
        producers
            .iter()
            .filter(|p| {
                self.graph.nodes.get(*p).is_some_and(|n| {
                    matches!(
                        n.kind.name.as_str(),
                        "secret" | "postgres" | "redis" | "queue" | "bucket"
                    )
                })
            })
            .map(|p| {
                let version = self.facts.secrets.get(p.as_str());
                (
                    p.to_string(),
                    version.cloned().unwrap_or_else(|| FIRST.to_owned()),
                )
            })
            .collect()
    }
}

/// The version of a value that is about to be made.
pub(crate) const FIRST: &str = "1";

/// The ports of each node whose address somebody reads, by the name under which it is read.
pub(super) fn addresses(graph: &Graph) -> BTreeMap<NodePath, BTreeSet<String>> {
    let mut addresses: BTreeMap<NodePath, BTreeSet<String>> = BTreeMap::new();
    let holes = graph
        .nodes
        .values()
        .flat_map(|node| node.fields.values())
        .flat_map(Value::holes);
    for hole in holes {
        let port = match hole.out.strip_prefix("ports.") {
            Some(rest) => rest.split('.').next().unwrap_or(rest),
            None => "main",
        };
        addresses
            .entry(hole.producer.clone())
            .or_default()
            .insert(port.to_owned());
    }
    addresses
}

/// Whether a value is a map, and its entries.
pub(super) fn entries(value: Option<&Value>) -> impl Iterator<Item = (&Str, &Value)> {
    let entries = match value.map(|v| &v.data) {
        Some(Data::Map(entries)) => Some(entries),
        _ => None,
    };
    entries.into_iter().flatten()
}
