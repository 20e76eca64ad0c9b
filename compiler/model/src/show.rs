//! How values look to people: in plans, `why` and errors.

use std::fmt::{self, Display as _};

use crate::{Data, Fields, Hole, Piece, Value};

/// How a case of a variant is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseForm {
    /// Whether its name is: one that is made from a plain value goes without.
    pub named: bool,
    /// The parts that are written, in this order, and whether each is called by its name.
    pub parts: Vec<(String, bool)>,
}

impl CaseForm {
    /// Every part that holds something, by its name: all there is to say without its type.
    pub(crate) fn whole(fields: &Fields) -> Self {
        let given = fields.iter().filter(|(_, value)| !value.is_none());
        Self {
            named: true,
            parts: given.map(|(name, _)| (name.to_string(), true)).collect(),
        }
    }
}

type Form<'a> = &'a dyn Fn(&str, &Fields) -> CaseForm;

impl Value {
    /// In the notation of the language, on one line, with each case of a variant in the form that
    /// `form` gives for its name and parts: `2` where the whole of it is `fixed(count: 2)`.
    pub fn written(&self, form: &dyn Fn(&str, &Fields) -> CaseForm) -> String {
        Written(&self.data, form).to_string()
    }
}

struct Written<'a>(&'a Data, Form<'a>);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_data(self.0, f, self.1)
    }
}

impl fmt::Display for Value {
    /// In the notation of the language, on one line. A hole is shown as `${producer.out}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data.fmt(f)
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_data(self, f, &|_, fields| CaseForm::whole(fields))
    }
}

fn write_data(data: &Data, f: &mut fmt::Formatter<'_>, form: Form<'_>) -> fmt::Result {
    match data {
        Data::None => f.write_str("none"),
        Data::Bool(b) => b.fmt(f),
        Data::Int(n) => n.fmt(f),
        Data::Decimal(n) => n.fmt(f),
        Data::Quantity(q) => f.write_str(&q.text),
        Data::String(s) => write!(f, "\"{}\"", escape(s)),
        Data::Text(pieces) => {
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
        Data::Range(lo, hi) => {
            write_data(&lo.data, f, form)?;
            f.write_str("..")?;
            write_data(&hi.data, f, form)
        }
        Data::List(items) => {
            f.write_str("[")?;
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                write_data(&item.data, f, form)?;
            }
            f.write_str("]")
        }
        Data::Map(entries) if entries.is_empty() => f.write_str("{}"),
        Data::Map(entries) => {
            f.write_str("{ ")?;
            for (i, (name, value)) in entries.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                if is_identifier(name) {
                    write!(f, "{name} = ")?;
                } else {
                    write!(f, "\"{}\" = ", escape(name))?;
                }
                write_data(&value.data, f, form)?;
            }
            f.write_str(" }")
        }
        Data::Variant { case, fields } => {
            let CaseForm { named, parts } = form(case, fields);
            if named {
                f.write_str(case)?;
            }
            let parts = parts.iter().filter_map(|(name, by_name)| {
                let value = fields.get(name)?;
                Some((by_name.then_some(name), value))
            });
            let mut any = false;
            for (i, (name, value)) in parts.enumerate() {
                any = true;
                if named || i > 0 {
                    f.write_str(if i == 0 { "(" } else { ", " })?;
                }
                if let Some(name) = name {
                    write!(f, "{name}: ")?;
                }
                write_data(&value.data, f, form)?;
            }
            f.write_str(if named && any { ")" } else { "" })
        }
        Data::Node(path) => path.fmt(f),
        Data::Out { node, out } => write!(f, "{node}.{out}"),
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
            ("A", v(Data::Int(1))),
            ("/x", v(Data::String("a\"b$".into()))),
        ]);
        assert_eq!(
            v(Data::Map(map)).to_string(),
            r#"{ "/x" = "a\"b\$", A = 1 }"#
        );
        let range = Data::Range(Box::new(v(Data::Int(2))), Box::new(v(Data::Int(10))));
        let auto = Data::Variant {
            case: "auto".into(),
            fields: Fields::from([("range", v(range)), ("per", v(Data::None))]),
        };
        assert_eq!(v(auto).to_string(), "auto(range: 2..10)");
    }
}
