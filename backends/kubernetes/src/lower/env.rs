//! What a container is told: environment variables.
//!
//! A secret reaches a container by reference alone: `valueFrom.secretKeyRef`. A text with a
//! secret in it (`postgres://user:…@db/app`) is put together by the kubelet: the secret is a
//! variable of its own, and the text says `$(NAME)`.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::{Json, json};
use plat_model::{Data, Hole, NodePath, Piece, Value};

use super::Lowering;
use super::outs::Part;
use plat_engine::fields::{Fields, entries};

/// The variables of a container.
#[derive(Default)]
pub(super) struct Env {
    /// Those that texts are put together from: they stand first, since the kubelet knows only
    /// what it has read. By (Secret, key).
    parts: BTreeMap<(String, String), (String, bool)>,
    /// Those that were asked for.
    asked: BTreeMap<String, Json>,
    /// Whose values they are.
    pub(super) producers: BTreeSet<NodePath>,
}

impl Env {
    /// A variable with a value that is known now.
    pub(super) fn plain(&mut self, name: &str, value: &str) {
        self.asked
            .insert(name.to_owned(), json!({ "name": name, "value": value }));
    }

    /// A variable that has this value where nobody asked for another.
    pub(super) fn usual(&mut self, name: &str, value: &str) {
        if !self.asked.contains_key(name) {
            self.plain(name, value);
        }
    }

    /// A variable whose value is a key of a Secret.
    pub(super) fn secret(&mut self, variable: &str, name: &str, key: &str, optional: bool) {
        let reference = json!({
            "name": variable,
            "valueFrom": { "secretKeyRef": reference(name, key, optional) },
        });
        self.asked.insert(variable.to_owned(), reference);
    }

    /// All of them, in an order that the kubelet can put together.
    pub(super) fn list(&self) -> Vec<Json> {
        let parts = self
            .parts
            .iter()
            .map(|((name, key), (variable, optional))| {
                json!({
                    "name": variable,
                    "valueFrom": { "secretKeyRef": reference(name, key, *optional) },
                })
            });
        parts.chain(self.asked.values().cloned()).collect()
    }

    /// The name of the variable that holds a key of a Secret.
    fn part(&mut self, name: &str, key: &str, optional: bool) -> String {
        let at = (name.to_owned(), key.to_owned());
        if let Some((variable, _)) = self.parts.get(&at) {
            return variable.clone();
        }
        let plain: String = format!("PLAT_{name}_{key}")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let mut variable = plain.to_ascii_uppercase();
        if self.parts.values().any(|(taken, _)| *taken == variable) {
            variable = format!(
                "{variable}_{}",
                crate::names::hash(&format!("{name}/{key}"))
            );
        }
        self.parts.insert(at, (variable.clone(), optional));
        variable
    }
}

fn reference(name: &str, key: &str, optional: bool) -> Json {
    if optional {
        json!({ "name": name, "key": key, "optional": true })
    } else {
        json!({ "name": name, "key": key })
    }
}

impl<'a> Lowering<'a> {
    /// The variables that a program's `env` asks for.
    pub(super) fn env(&self, fields: &mut Fields<'a>) -> Env {
        let mut env = Env::default();
        for (name, value) in entries(fields.get("env")) {
            // An entry that is none is left out.
            if value.is_none() {
                continue;
            }
            let Some(parts) = self.parts(fields, &format!("env.{name}"), value, &mut env.producers)
            else {
                continue;
            };
            match parts.as_slice() {
                [
                    Part::Secret {
                        name: secret,
                        key,
                        optional,
                        ..
                    },
                ] => env.secret(name, secret, key, *optional),
                parts if parts.iter().any(|p| matches!(p, Part::Secret { .. })) => {
                    let mut text = String::new();
                    for part in parts {
                        match part {
                            // `$(` would be a reference.
                            Part::Text(plain) => text.push_str(&plain.replace("$(", "$$(")),
                            Part::Secret {
                                name,
                                key,
                                optional,
                                ..
                            } => {
                                let variable = env.part(name, key, *optional);
                                text.push_str(&format!("$({variable})"));
                            }
                        }
                    }
                    env.plain(name, &text);
                }
                parts => {
                    let text: String = parts.iter().map(plain).collect();
                    env.plain(name, &text.replace("$(", "$$("));
                }
            }
        }
        env
    }

    /// The parts of a value of `field`. Those who produce what is read are added to `producers`.
    pub(super) fn parts(
        &self,
        fields: &mut Fields<'a>,
        field: &str,
        value: &Value,
        producers: &mut BTreeSet<NodePath>,
    ) -> Option<Vec<Part>> {
        let pieces = match &value.data {
            Data::String(s) => return Some(vec![Part::Text(s.to_string())]),
            Data::Bool(b) => return Some(vec![Part::Text(b.to_string())]),
            Data::Int(n) => return Some(vec![Part::Text(n.to_string())]),
            Data::Decimal(n) => return Some(vec![Part::Text(n.to_string())]),
            Data::Quantity(q) => return Some(vec![Part::Text(q.text.clone())]),
            Data::Text(pieces) => pieces,
            _ => {
                fields.refuse(field, format!("`{value}` is no text"), Vec::new());
                return None;
            }
        };
        let mut parts = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => parts.push(Part::Text(text.clone())),
                Piece::Hole(hole) => {
                    parts.extend(self.hole(fields, field, hole)?);
                    producers.insert(hole.producer.clone());
                }
            }
        }
        Some(joined(parts))
    }

    fn hole(&self, fields: &mut Fields<'a>, field: &str, hole: &Hole) -> Option<Vec<Part>> {
        let Some(mut parts) = self.out(hole) else {
            fields.refuse(
                field,
                format!("`{hole}` has no value on Kubernetes"),
                Vec::new(),
            );
            return None;
        };
        for encoder in &hole.encoders {
            let Some(encoded) = parts.iter().map(|p| encode(encoder, p)).collect() else {
                fields.not_built(
                    field,
                    &format!("`{encoder}` of a value that only the cluster knows"),
                );
                return None;
            };
            parts = encoded;
        }
        Some(parts)
    }
}

fn plain(part: &Part) -> &str {
    match part {
        Part::Text(text) => text,
        Part::Secret { .. } => "",
    }
}

/// Neighbouring texts made one.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in parts {
        match (out.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => out.push(part),
        }
    }
    out
}

fn encode(encoder: &str, part: &Part) -> Option<Part> {
    match (encoder, part) {
        ("url_encode", Part::Text(text)) => Some(Part::Text(url_encoded(text))),
        ("lower", Part::Text(text)) => Some(Part::Text(text.to_lowercase())),
        ("url_encode", Part::Secret { plain: true, .. }) => Some(part.clone()),
        _ => None,
    }
}

/// RFC 3986: everything but what is unreserved is written in percent.
fn url_encoded(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}
