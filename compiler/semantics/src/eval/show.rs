//! How values look in messages: as they would be written.

use std::fmt::Write as _;

use plat_model::Decimal;

use super::value::Piece;
use super::{Data, Eval, Val};
use crate::db::Db;
use crate::units::Dim;

impl<'db> Eval<'db> {
    /// In the notation of the language, on one line, shortened.
    pub fn show(&self, value: &Val<'db>) -> String {
        self.show_up_to(value, 80)
    }

    /// The same for the two sides of a comparison: shortened, they could look alike.
    pub fn show_long(&self, value: &Val<'db>) -> String {
        self.show_up_to(value, 2000)
    }

    fn show_up_to(&self, value: &Val<'db>, most: usize) -> String {
        let mut out = String::new();
        // A character takes at most four bytes.
        self.write(value, &mut out, most.saturating_mul(4), 0);
        if out.chars().count() > most {
            out = out.chars().take(most.saturating_sub(1)).collect();
            out.push('…');
        }
        out
    }

    /// The same, texts without their quotes.
    pub fn show_plain(&self, value: &Val<'db>) -> String {
        match &value.data {
            Data::Text(text) => text.to_string(),
            _ => self.show(value),
        }
    }

    /// What is past `most` bytes is cut by the caller, and need not be written.
    fn write(&self, value: &Val<'db>, out: &mut String, most: usize, depth: u32) {
        if depth > 8 || out.len() > most {
            out.push('…');
            return;
        }
        let inner =
            |this: &Self, v: &Val<'db>, out: &mut String| this.write(v, out, most, depth + 1);
        match &value.data {
            Data::Poison => out.push('?'),
            Data::None => out.push_str("none"),
            Data::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Data::Int(n) => {
                let _ = write!(out, "{n}");
            }
            Data::Decimal(n) => {
                let _ = write!(out, "{n}");
            }
            Data::Quantity(q) => match &q.text {
                Some(text) => out.push_str(text),
                None => out.push_str(&quantity_text(self.db, q.number, &q.dim)),
            },
            Data::Text(text) => {
                let _ = write!(out, "{text:?}");
            }
            Data::Pieces(pieces) => {
                out.push('"');
                for piece in pieces.iter() {
                    match piece {
                        Piece::Literal(text) => out.push_str(text),
                        Piece::Hole(hole, ..) => {
                            let _ = write!(out, "${{{}.{}}}", self.path_of(hole.inst), hole.path);
                        }
                    }
                }
                out.push('"');
            }
            Data::Range(ends) => {
                inner(self, &ends.0, out);
                out.push_str("..");
                inner(self, &ends.1, out);
            }
            Data::List(values) => {
                out.push('[');
                for (i, v) in values.iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    inner(self, v, out);
                }
                out.push(']');
            }
            Data::Map(entries) => {
                out.push('{');
                for (i, (k, v)) in entries.iter().enumerate() {
                    let _ = write!(out, "{} {k} = ", if i > 0 { "," } else { "" });
                    inner(self, v, out);
                }
                out.push_str(" }");
            }
            Data::Case(case, parts) => {
                out.push_str(&case.name);
                let given: Vec<_> = parts.iter().filter(|(_, v)| !v.is_none()).collect();
                for (i, (k, v)) in given.iter().enumerate() {
                    let _ = write!(out, "{}{k}: ", if i > 0 { ", " } else { "(" });
                    inner(self, v, out);
                }
                if !given.is_empty() {
                    out.push(')');
                }
            }
            Data::Node(inst) => out.push_str(&self.path_of(*inst)),
            Data::Family(family) => {
                let decl = family.decl;
                let head = crate::names::decls(self.db, decl.item).get(decl.index as usize);
                out.push_str(head.map_or("family", |h| h.name.as_ref()));
            }
            Data::Out(hole) => {
                let _ = write!(out, "{}.{}", self.path_of(hole.inst), hole.path);
            }
            Data::Closure(_) => out.push_str("a function"),
            Data::Env(item) => out.push_str(item.name(self.db)),
            Data::Here(_) => out.push_str("environment"),
            Data::Link(..) => out.push_str("a link"),
            Data::Target(kind, _) => {
                let _ = write!(out, "{} {{ … }}", kind.name(self.db));
            }
        }
    }
}

/// How a computed quantity is written: in the largest unit of `std` of which it is a whole number.
pub fn quantity_text(db: &dyn Db, amount: Decimal, dim: &Dim) -> String {
    if dim.is_percent() {
        return match amount.checked_mul(Decimal::int(100)) {
            Some(n) => format!("{n}%"),
            None => format!("{amount}"),
        };
    }
    let mut best: Option<(Decimal, String)> = None;
    for (name, def) in &crate::names::prelude(db).units {
        let Some(unit) = crate::units::unit(db, def.what) else {
            continue;
        };
        if unit.dim != *dim {
            continue;
        }
        let Some(factor) = Decimal::ratio(unit.factor.0, unit.factor.1) else {
            continue;
        };
        // Nought of anything is nought of the base.
        if amount == Decimal::ZERO && factor != Decimal::ONE {
            continue;
        }
        let whole = amount.checked_div(factor).and_then(Decimal::as_int);
        if let Some(n) = whole
            && best.as_ref().is_none_or(|(f, _)| factor > *f)
        {
            best = Some((factor, format!("{n}{name}")));
        }
    }
    best.map_or_else(|| format!("{amount} {dim}"), |(_, text)| text)
}
