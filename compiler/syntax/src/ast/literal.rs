//! Numbers, strings and the other literals.

use super::{Expr, ast_node};
use crate::kind::SyntaxKind as K;
use crate::strings;
use crate::tree::Node;

ast_node! {
    /// `8080`, `1_000`, `1.5`, `512MiB`, `1.5GiB`, `70%`
    NumberLit
}

impl<'t> NumberLit<'t> {
    /// The unit, if it has one: `MiB`, `%`, `USD`.
    pub fn unit(self) -> Option<&'t str> {
        let text = self.0.text();
        let (_, unit) = text.split_at(strings::number_len(text));
        (!unit.is_empty()).then_some(unit)
    }

    /// The digits: `(15, 1)` for `1.5`, which is 15 / 10¹. None if they don't fit (too large a number).
    pub fn digits(self) -> Option<(i128, u32)> {
        let text = self.0.text();
        let (number, _) = text.split_at(strings::number_len(text));
        strings::digits(number)
    }

    /// Is it a plain integer: no point, no unit?
    pub fn is_int(self) -> bool {
        self.0
            .text()
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'_')
    }
}

ast_node! {
    /// `true`, `false`
    BoolLit
}

impl BoolLit<'_> {
    /// Which.
    pub fn value(self) -> bool {
        self.0.text() == "true"
    }
}

ast_node! {
    /// `none`
    NoneLit
}

ast_node! {
    /// `"text ${expr}"`, `"""…"""`
    StringLit
}

/// A piece of a string.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StringPart<'t> {
    /// Text, its escapes resolved, the common indentation of a block string taken away. Never empty.
    Text(String),
    /// `${expr}`; an [`Expr::Error`] where there is none
    Hole(Expr<'t>),
}

impl<'t> StringLit<'t> {
    /// Its pieces, in order; none for `""`.
    pub fn parts(self) -> Vec<StringPart<'t>> {
        let block = self.0.text().starts_with("\"\"\"");
        let mut raw = Vec::new();
        for child in self.0.children() {
            raw.push(match child.kind() {
                K::StringText => strings::Piece::Text(child.text()),
                _ => strings::Piece::Hole(Expr::cast(child).unwrap_or(Expr::Error(child))),
            });
        }
        strings::resolve(raw, block)
            .into_iter()
            .map(|piece| match piece {
                strings::Resolved::Text(text) => StringPart::Text(text),
                strings::Resolved::Hole(expr) => StringPart::Hole(expr),
            })
            .collect()
    }

    /// Its text, if it has no `${…}`.
    pub fn plain(self) -> Option<String> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                StringPart::Text(piece) => text.push_str(&piece),
                StringPart::Hole(_) => return None,
            }
        }
        Some(text)
    }
}
