//! How values look to people: in plans, `why` and errors.

use std::fmt;

use crate::{Data, Hole, Piece, Value};

impl fmt::Display for Value {
    /// In the notation of the language, on one line. A hole is shown as `${producer.out}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.fmt(f)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Bool(b) => b.fmt(f),
            Self::Int(n) => n.fmt(f),
            Self::Decimal(n) => n.fmt(f),
            Self::Quantity(q) => f.write_str(&q.text),
            Self::String(s) => write!(f, "\"{}\"", escape(s)),
            Self::Text(pieces) => {
                if let [Piece::Hole(hole)] = pieces.as_slice() {
                    return hole.fmt(f);
                }
                f.write_str("\"")?;
                for piece in pieces {
                    match piece {
                        Piece::Literal(s) => f.write_str(&escape(s))?,
                        Piece::Hole(hole) => write!(f, "${{{hole}}}")?,
                    }
                }
                f.write_str("\"")
            }
            Self::Range(lo, hi) => write!(f, "{lo}..{hi}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Map(entries) if entries.is_empty() => f.write_str("{}"),
            Self::Map(entries) => {
                f.write_str("{ ")?;
                for (i, (name, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    if is_identifier(name) {
                        write!(f, "{name} = {value}")?;
                    } else {
                        write!(f, "\"{}\" = {value}", escape(name))?;
                    }
                }
                f.write_str(" }")
            }
            Self::Variant { case, fields } => {
                f.write_str(case)?;
                let shown = fields.iter().filter(|(_, v)| !v.is_none());
                for (i, (name, value)) in shown.enumerate() {
                    f.write_str(if i == 0 { "(" } else { ", " })?;
                    write!(f, "{name}: {value}")?;
                }
                if fields.values().any(|v| !v.is_none()) {
                    f.write_str(")")
                } else {
                    Ok(())
                }
            }
            Self::Node(path) => path.fmt(f),
            Self::Out { node, out } => write!(f, "{node}.{out}"),
        }
    }
}

impl fmt::Display for Hole {
    /// `url_encode(db.password)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for encoder in self.encoders.iter().rev() {
            write!(f, "{encoder}(")?;
        }
        f.write_str(self.producer.as_str())?;
        if !self.out.is_empty() {
            write!(f, ".{}", self.out)?;
        }
        for _ in &self.encoders {
            f.write_str(")")?;
        }
        Ok(())
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' => out.push_str("\\$"),
            c if c.is_control() => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{Data, Fields, Hole, OriginId, Piece, Value};

    fn v(data: Data) -> Value {
        Value::new(data, OriginId(0))
    }

    #[test]
    fn values_read_as_in_the_language() {
        let hole = Piece::Hole(Hole {
            producer: "db".into(),
            out: "password".into(),
            encoders: vec!["url_encode".into()],
            secret: true,
            later: true,
        });
        let text = v(Data::Text(vec![Piece::Literal("postgres://".into()), hole]));
        assert_eq!(
            text.to_string(),
            r#""postgres://${url_encode(db.password)}""#
        );
        let map = Fields::from([
            ("A".to_owned(), v(Data::Int(1))),
            ("/x".to_owned(), v(Data::String("a\"b$".into()))),
        ]);
        assert_eq!(
            v(Data::Map(map)).to_string(),
            r#"{ "/x" = "a\"b\$", A = 1 }"#
        );
        let range = Data::Range(Box::new(v(Data::Int(2))), Box::new(v(Data::Int(10))));
        let auto = Data::Variant {
            case: "auto".into(),
            fields: Fields::from([("range".into(), v(range)), ("per".into(), v(Data::None))]),
        };
        assert_eq!(v(auto).to_string(), "auto(range: 2..10)");
    }
}
