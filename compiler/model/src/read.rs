//! Reading values as JSON.
//!
//! A graph is made of very many values, and reading the graph of a release is most of what a plan
//! waits for. What serde derives for a flattened enum keeps each value as a tree of its own first, at
//! every level again: it took three times as long. Here the key `type`, which stands first in what we
//! write, says how to read `value`; only where it stands later is that kept until it is known.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use crate::value::int_as_text;
use crate::{Data, Fields, NodePath, OriginId, Str, Value};

/// The keys of a value.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Type,
    Value,
    Origin,
    #[serde(other)]
    Other,
}

/// What `type` says: the cases of [`Data`].
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tag {
    None,
    Bool,
    Int,
    Decimal,
    Quantity,
    String,
    Text,
    Range,
    List,
    Map,
    Variant,
    Node,
    Out,
}

#[derive(Deserialize)]
struct Variant {
    case: Str,
    fields: Fields,
}

#[derive(Deserialize)]
struct Out {
    node: NodePath,
    out: Str,
}

impl<'de> DeserializeSeed<'de> for Tag {
    type Value = Data;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Data, D::Error> {
        Ok(match self {
            Self::None => {
                IgnoredAny::deserialize(from)?;
                Data::None
            }
            Self::Bool => Data::Bool(bool::deserialize(from)?),
            Self::Int => Data::Int(int_as_text::deserialize(from)?),
            Self::Decimal => Data::Decimal(Deserialize::deserialize(from)?),
            Self::Quantity => Data::Quantity(Deserialize::deserialize(from)?),
            Self::String => Data::String(Str::deserialize(from)?),
            Self::Text => Data::Text(Vec::deserialize(from)?),
            Self::Range => {
                let (low, high) = Deserialize::deserialize(from)?;
                Data::Range(low, high)
            }
            Self::List => Data::List(Vec::deserialize(from)?),
            Self::Map => Data::Map(Fields::deserialize(from)?),
            Self::Variant => {
                let Variant { case, fields } = Variant::deserialize(from)?;
                Data::Variant { case, fields }
            }
            Self::Node => Data::Node(NodePath::deserialize(from)?),
            Self::Out => {
                let Out { node, out } = Out::deserialize(from)?;
                Data::Out { node, out }
            }
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value: its type, itself and its origin")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                let (mut tag, mut data, mut origin) = (None::<Tag>, None, None::<OriginId>);
                let mut early = None::<Json>;
                while let Some(key) = map.next_key()? {
                    match (key, tag) {
                        (Key::Type, _) => tag = Some(map.next_value()?),
                        (Key::Value, Some(tag)) => data = Some(map.next_value_seed(tag)?),
                        (Key::Value, None) => early = Some(map.next_value()?),
                        (Key::Origin, _) => origin = Some(map.next_value()?),
                        (Key::Other, _) => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let tag = tag.ok_or_else(|| A::Error::missing_field("type"))?;
                let data = match (data, early, tag) {
                    (Some(data), ..) => data,
                    (None, Some(early), tag) => tag.deserialize(early).map_err(A::Error::custom)?,
                    (None, None, Tag::None) => Data::None,
                    (None, None, _) => return Err(A::Error::missing_field("value")),
                };
                let origin = origin.ok_or_else(|| A::Error::missing_field("origin"))?;
                Ok(Value { data, origin })
            }
        }
        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use crate::{Data, Decimal, Fields, Hole, NodePath, OriginId, Piece, Quantity, Value};

    /// What serde derives: it says what is a value.
    #[derive(Debug, Deserialize)]
    struct Derived {
        #[serde(flatten)]
        data: Data,
        origin: OriginId,
    }

    fn derived(text: &str) -> Result<Value, String> {
        let read: Result<Derived, _> = serde_json::from_str(text);
        read.map(|v| Value::new(v.data, v.origin))
            .map_err(|e| e.to_string())
    }

    fn every_kind() -> Vec<Value> {
        let value = |data| Value::new(data, OriginId(7));
        let fields = || Fields::from([("count".to_owned(), value(Data::Int(2)))]);
        let hole = Hole {
            producer: NodePath::from("db"),
            out: "url".into(),
            encoders: vec!["base64".to_owned()],
            secret: true,
            later: false,
        };
        vec![
            value(Data::None),
            value(Data::Bool(true)),
            value(Data::Int(-3)),
            value(Data::Int(i128::MAX)),
            value(Data::Decimal(Decimal::ratio(1, 3).unwrap())),
            value(Data::Quantity(Box::new(Quantity {
                dimension: "Bytes".to_owned(),
                amount: Decimal::int(1 << 30),
                text: "1GiB".to_owned(),
            }))),
            value(Data::String("a \"quoted\" one".into())),
            value(Data::Text(vec![
                Piece::Literal("postgres://".to_owned()),
                Piece::Hole(hole),
            ])),
            value(Data::Range(
                Box::new(value(Data::Int(1))),
                Box::new(value(Data::Int(4))),
            )),
            value(Data::List(vec![
                value(Data::None),
                value(Data::Map(fields())),
            ])),
            value(Data::Map(fields())),
            value(Data::Variant {
                case: "fixed".into(),
                fields: fields(),
            }),
            value(Data::Node(NodePath::from("api"))),
            value(Data::Out {
                node: NodePath::from("db"),
                out: "url".into(),
            }),
        ]
    }

    #[test]
    fn what_is_written_is_read_as_what_serde_derives_reads_it() {
        for value in every_kind() {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                value,
                "{text}"
            );
            assert_eq!(derived(&text).unwrap(), value, "{text}");
            // From a tree, and with its keys the other way round.
            let tree: serde_json::Value = serde_json::from_str(&text).unwrap();
            let turned: serde_json::Map<_, _> = tree
                .as_object()
                .unwrap()
                .clone()
                .into_iter()
                .rev()
                .collect();
            let turned = serde_json::to_string(&turned).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&turned).unwrap(),
                value,
                "{turned}"
            );
            assert_eq!(serde_json::from_value::<Value>(tree).unwrap(), value);
        }
    }

    #[test]
    fn what_is_no_value_is_refused_as_before() {
        for wrong in [
            json!({"type": "int", "value": 1}),
            json!({"type": "int", "origin": 1}),
            json!({"value": 1, "origin": 1}),
            json!({"type": "int", "value": "one", "origin": 1}),
            json!({"type": "bool", "value": 1, "origin": 1}),
            json!({"value": 1, "type": "bool", "origin": 1}),
            json!({"type": "later", "value": 1, "origin": 1}),
            json!({"type": "variant", "value": {"case": "a"}, "origin": 1}),
            json!([1]),
        ] {
            let text = wrong.to_string();
            assert!(serde_json::from_str::<Value>(&text).is_err(), "{text}");
            assert!(derived(&text).is_err(), "{text}");
        }
        let more = r#"{"type":"bool","value":true,"origin":1,"since":2}"#;
        assert!(serde_json::from_str::<Value>(more).is_ok() && derived(more).is_ok());
    }
}
