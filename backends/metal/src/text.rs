//! Text with holes, and how holes are filled.

use std::fmt;

use plat_model::{Data, Hole, Piece, Value};
use serde::{Deserialize, Serialize};

use crate::services::Secret;

/// Text of an object's spec: as it stands, or with holes that only the agent fills.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Known text.
    Known(String),
    /// Literals and holes, in order.
    Pieces(Vec<Piece>),
}

/// How a value is written into a text, by name.
pub const ENCODERS: [&str; 5] = ["base64", "hex", "json", "lower", "url_encode"];

impl Text {
    /// The text of a value: a string, a number, a truth value or a text with holes; `None` for
    /// lists, maps and the like. A quantity is given in its base unit where that is whole.
    pub fn of(value: &Value) -> Option<Self> {
        Some(match &value.data {
            Data::String(s) => Self::Known(s.to_string()),
            Data::Bool(b) => Self::Known(b.to_string()),
            Data::Int(n) => Self::Known(n.to_string()),
            Data::Decimal(n) => Self::Known(n.to_string()),
            Data::Quantity(q) => Self::Known(q.text.clone()),
            Data::Text(pieces) => Self::Pieces(pieces.clone()),
            Data::None
            | Data::Range(..)
            | Data::List(_)
            | Data::Map(_)
            | Data::Variant { .. }
            | Data::Node(_)
            | Data::Out { .. } => return None,
        })
    }

    /// The text, where it has no hole.
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(text) => Some(text),
            Self::Pieces(_) => None,
        }
    }

    /// Its holes, in order.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        let pieces: &[Piece] = match self {
            Self::Known(_) => &[],
            Self::Pieces(pieces) => pieces,
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(hole) => Some(hole),
            Piece::Literal(_) => None,
        })
    }

    /// The text with each hole filled by `fill`.
    ///
    /// # Errors
    /// When `fill` fails, or an encoder is unknown.
    pub fn fill<E: From<UnknownEncoder>>(
        &self,
        mut fill: impl FnMut(&Hole) -> Result<Secret, E>,
    ) -> Result<Secret, E> {
        let pieces = match self {
            Self::Known(text) => return Ok(Secret::new(text.clone())),
            Self::Pieces(pieces) => pieces,
        };
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Hole(hole) => {
                    let mut value = fill(hole)?;
                    for encoder in &hole.encoders {
                        value = encode(encoder, &value)?;
                    }
                    text.push_str(value.expose());
                }
            }
        }
        Ok(Secret::new(text))
    }
}

/// A hole asks for an encoder that this platc does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEncoder(pub String);

impl fmt::Display for UnknownEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` can't be applied to a value that is known only at apply; those that can: {}",
            self.0,
            ENCODERS.join(", ")
        )
    }
}

fn encode(encoder: &str, value: &Secret) -> Result<Secret, UnknownEncoder> {
    use base64::Engine as _;
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    let text = value.expose();
    Ok(Secret::new(match encoder {
        "url_encode" => utf8_percent_encode(text, KEPT).to_string(),
        "base64" => base64::engine::general_purpose::STANDARD.encode(text),
        "hex" => crate::names::hex(text.as_bytes()),
        "json" => serde_json::Value::from(text).to_string(),
        "lower" => text.to_lowercase(),
        other => return Err(UnknownEncoder(other.to_owned())),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(encoders: &[&str]) -> Piece {
        Piece::Hole(Hole {
            producer: "db".into(),
            out: "password".into(),
            encoders: encoders.iter().map(|e| (*e).to_owned()).collect(),
            secret: true,
            later: true,
        })
    }

    fn filled(text: &Text) -> Result<Secret, UnknownEncoder> {
        text.fill(|_| Ok(Secret::new("pä/ss\"")))
    }

    #[test]
    fn holes_are_filled_and_encoded_innermost_first() {
        let text = Text::Pieces(vec![
            Piece::Literal("postgres://".into()),
            hole(&["url_encode"]),
            Piece::Literal("@h ".into()),
            hole(&["url_encode", "base64"]),
            hole(&["json"]),
        ]);
        let secret = filled(&text).unwrap();
        assert_eq!(
            secret.expose(),
            "postgres://p%C3%A4%2Fss%22@h cCVDMyVBNCUyRnNzJTIy\"pä/ss\\\"\""
        );
        assert!(!format!("{secret:?}{text:?}").contains("pä"));
    }

    #[test]
    fn an_unknown_encoder_is_named() {
        let error = filled(&Text::Pieces(vec![hole(&["rot13"])])).unwrap_err();
        assert!(error.to_string().contains("rot13"), "{error}");
    }

    #[test]
    fn known_text_is_a_plain_string_in_json() {
        let json = serde_json::to_string(&Text::Known("a".into())).unwrap();
        assert_eq!(json, "\"a\"");
        let text = Text::Pieces(vec![hole(&[])]);
        let json = serde_json::to_string(&text).unwrap();
        assert_eq!(serde_json::from_str::<Text>(&json).unwrap(), text);
    }
}
