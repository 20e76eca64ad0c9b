//! Values as documents: JSON, YAML and TOML, with holes where a value is known only to the shim.
//!
//! A text with holes is quoted, and each hole is escaped when it is filled: all three formats take the escapes of a
//! JSON string between double quotes.

use std::sync::Arc;

use crate::diag::{Diag, Span};
use crate::eval::{Cx, Data, Entries, Eval, Piece, Val};

/// How deep a document may nest.
const MAX_DEPTH: u32 = 128;

/// What the shim does with a hole between double quotes.
const ESCAPE: &str = "json_string";

fn push(out: &mut Vec<Piece>, text: impl Into<Arc<str>>) {
    out.push(Piece::Literal(text.into()));
}

fn quote(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

impl<'db> Eval<'db> {
    /// `json(value)`
    pub(super) fn json_call(&mut self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let mut pieces = Vec::new();
        self.json_pieces(value, &mut pieces, 0);
        self.text_of(pieces, cx, span)
    }

    /// `yaml(value)`: block style, one entry a line.
    pub(super) fn yaml_call(&mut self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let mut pieces = Vec::new();
        self.yaml_pieces(value, &mut pieces, 0, Place::Head);
        self.text_of(pieces, cx, span)
    }

    /// `toml(value)`: a table at its head; what is `none` is left out, as TOML has no word for it.
    pub(super) fn toml_call(&mut self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let mut pieces = Vec::new();
        let made = match entries(value) {
            Some(_) => self.toml_table(value, &mut Vec::new(), &mut pieces),
            None => Err("a TOML document is a record or a map"),
        };
        match made {
            Ok(()) => self.text_of(pieces, cx, span),
            Err(message) => {
                self.error(cx, Diag::error("E0523", self.spot(cx, span), message));
                Val::new(Data::Poison, cx.origin(span))
            }
        }
    }

    /// A text between double quotes, its holes escaped when they are filled.
    fn quoted(&mut self, value: &Val<'db>, out: &mut Vec<Piece>) {
        let mut pieces = Vec::new();
        self.pieces_of(value, &mut pieces);
        push(out, "\"");
        for piece in pieces {
            match piece {
                Piece::Literal(text) => {
                    let quoted = quote(&text);
                    let inner = quoted.len().saturating_sub(1);
                    push(out, quoted.get(1..inner).unwrap_or(""));
                }
                Piece::Hole(hole, mut encoders, origin) => {
                    encoders.push(ESCAPE);
                    out.push(Piece::Hole(hole, encoders, origin));
                }
            }
        }
        push(out, "\"");
    }

    fn json_pieces(&mut self, value: &Val<'db>, out: &mut Vec<Piece>, depth: u32) {
        if depth > MAX_DEPTH {
            return push(out, "null");
        }
        match &value.data {
            Data::List(values) => {
                push(out, "[");
                for (i, v) in values.iter().enumerate() {
                    if i > 0 {
                        push(out, ",");
                    }
                    self.json_pieces(v, out, depth + 1);
                }
                push(out, "]");
            }
            Data::Map(entries) | Data::Case(_, entries) => {
                push(out, "{");
                for (i, (k, v)) in entries.iter().enumerate() {
                    push(
                        out,
                        format!("{}{}:", if i > 0 { "," } else { "" }, quote(k)),
                    );
                    self.json_pieces(v, out, depth + 1);
                }
                push(out, "}");
            }
            _ => self.scalar(value, out),
        }
    }

    /// A value without parts, as JSON and YAML both write it.
    fn scalar(&mut self, value: &Val<'db>, out: &mut Vec<Piece>) {
        match &value.data {
            Data::None | Data::Poison => push(out, "null"),
            Data::Bool(b) => push(out, b.to_string()),
            Data::Int(n) => push(out, n.to_string()),
            Data::Decimal(n) => push(out, n.to_string()),
            Data::Text(text) => push(out, quote(text)),
            Data::Out(_) | Data::Pieces(_) => self.quoted(value, out),
            _ => {
                let text = self.show(value);
                push(out, quote(&text));
            }
        }
    }

    fn yaml_pieces(&mut self, value: &Val<'db>, out: &mut Vec<Piece>, depth: u32, place: Place) {
        if depth > MAX_DEPTH {
            return push(out, "null\n");
        }
        let indent = "  ".repeat(depth as usize);
        // After `- ` the first entry stands on the same line; after `key:`, on the next.
        let begin = |out: &mut Vec<Piece>, first: bool| match (place, first) {
            (Place::Entry, true) => push(out, format!("\n{indent}")),
            (Place::Item, true) => {}
            _ => push(out, indent.clone()),
        };
        match &value.data {
            Data::List(values) if !values.is_empty() => {
                for (i, v) in values.iter().enumerate() {
                    begin(out, i == 0);
                    push(out, "- ");
                    self.yaml_pieces(v, out, depth + 1, Place::Item);
                }
            }
            Data::Map(entries) | Data::Case(_, entries) if entries.len() > 0 => {
                for (i, (k, v)) in entries.iter().enumerate() {
                    begin(out, i == 0);
                    push(out, format!("{}:", yaml_text(k)));
                    self.yaml_pieces(v, out, depth + 1, Place::Entry);
                }
            }
            data => {
                if place == Place::Entry {
                    push(out, " ");
                }
                match data {
                    Data::List(_) => push(out, "[]"),
                    Data::Map(_) | Data::Case(..) => push(out, "{}"),
                    Data::Text(text) => push(out, yaml_text(text)),
                    _ => self.scalar(value, out),
                }
                push(out, "\n");
            }
        }
    }

    /// The entries of a table: what has no header of its own first.
    fn toml_table(
        &mut self,
        value: &Val<'db>,
        path: &mut Vec<String>,
        out: &mut Vec<Piece>,
    ) -> Result<(), &'static str> {
        if path.len() > MAX_DEPTH as usize {
            return Err("this document nests deeper than 128");
        }
        let Some(table) = entries(value) else {
            return Ok(());
        };
        let (inner, own): (Vec<_>, Vec<_>) = table
            .iter()
            .filter(|(_, v)| !v.is_none())
            .partition(|(_, v)| has_header(v));
        for (key, value) in own {
            push(out, format!("{} = ", toml_key(key)));
            self.toml_value(value, out, 0)?;
            push(out, "\n");
        }
        for (key, value) in inner {
            path.push(toml_key(key));
            let tables: Vec<&Val<'db>> = match &value.data {
                Data::List(values) => values.iter().collect(),
                _ => vec![value],
            };
            let double = matches!(value.data, Data::List(_));
            for table in tables {
                if !out.is_empty() {
                    push(out, "\n");
                }
                let header = path.join(".");
                push(
                    out,
                    if double {
                        format!("[[{header}]]\n")
                    } else {
                        format!("[{header}]\n")
                    },
                );
                self.toml_table(table, path, out)?;
            }
            path.pop();
        }
        Ok(())
    }

    /// A value on one line.
    fn toml_value(
        &mut self,
        value: &Val<'db>,
        out: &mut Vec<Piece>,
        depth: u32,
    ) -> Result<(), &'static str> {
        if depth > MAX_DEPTH {
            return Err("this document nests deeper than 128");
        }
        match &value.data {
            Data::None => {
                return Err(
                    "TOML has no word for `none`: it can be left out of a table, not of a list",
                );
            }
            Data::Int(n) if i64::try_from(n.get()).is_err() => {
                return Err("a whole number of TOML has 64 bits");
            }
            Data::List(values) => {
                push(out, "[");
                for (i, v) in values.iter().enumerate() {
                    if i > 0 {
                        push(out, ", ");
                    }
                    self.toml_value(v, out, depth + 1)?;
                }
                push(out, "]");
            }
            Data::Map(entries) | Data::Case(_, entries) => {
                push(out, "{");
                let given = entries.iter().filter(|(_, v)| !v.is_none());
                for (i, (k, v)) in given.enumerate() {
                    let comma = if i > 0 { ", " } else { " " };
                    push(out, format!("{comma}{} = ", toml_key(k)));
                    self.toml_value(v, out, depth + 1)?;
                }
                push(out, " }");
            }
            // The one character that JSON lets stand and TOML does not.
            Data::Text(text) => push(out, quote(text).replace('\u{7f}', "\\u007f")),
            _ => self.scalar(value, out),
        }
        Ok(())
    }
}

/// Where a YAML node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    /// After `key:`.
    Entry,
    /// After `- `.
    Item,
}

/// The entries of a record, a map or a case.
fn entries<'v, 'db>(value: &'v Val<'db>) -> Option<&'v Entries<'db>> {
    match &value.data {
        Data::Map(entries) | Data::Case(_, entries) => Some(entries),
        _ => None,
    }
}

/// Is it a table, or a list of tables and of nothing else?
fn has_header(value: &Val<'_>) -> bool {
    match &value.data {
        Data::List(values) => !values.is_empty() && values.iter().all(|v| entries(v).is_some()),
        _ => entries(value).is_some(),
    }
}

/// A text of YAML: bare where no reader takes it for something else.
fn yaml_text(text: &str) -> String {
    let bare = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    // YAML 1.1, which many still read, has more words than 1.2.
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if bare && !word {
        text.to_owned()
    } else {
        quote(text)
    }
}

/// A key of TOML: bare where it may be.
fn toml_key(key: &str) -> String {
    let bare = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    if bare { key.to_owned() } else { quote(key) }
}
