//! Who names whom: what a place belongs to, and what is named there.

use plat_syntax::{Node, SyntaxKind};

use super::{FileId, Place};
use crate::api::{Database, STACK};
use crate::check::notes::{Symbol, notes};
use crate::db::tree;

impl Database {
    /// The declaration or the definition that a byte of a file is in: the innermost that others can
    /// name.
    pub fn enclosing(&self, file: FileId, offset: u32) -> Option<Symbol> {
        stacker::grow(STACK, || {
            let (item, at) = self.item_at(file, offset)?;
            let tree = tree(self, item).as_ref()?;
            let holds = |node: &Node<'_>| {
                let range = node.range();
                let names = matches!(
                    node.kind(),
                    SyntaxKind::Decl
                        | SyntaxKind::Let
                        | SyntaxKind::FnDef
                        | SyntaxKind::Kind
                        | SyntaxKind::Env
                        | SyntaxKind::Policy
                        | SyntaxKind::Test
                        | SyntaxKind::TypeDef
                );
                names && range.start <= at && at <= range.end
            };
            let noted = notes(self, item);
            let named = tree
                .nodes()
                .filter(holds)
                .filter_map(|n| n.child(SyntaxKind::Name));
            let found = named.filter_map(|name| noted.names.get(&name.range().into()));
            found.last().cloned()
        })
    }

    /// What is named inside of a definition, and where, in the order of the text. What it contains
    /// itself is no part of it.
    pub fn named_in(&self, symbol: &Symbol) -> Vec<(Symbol, Place)> {
        let Some(body) = self.definition_body(symbol) else {
            return Vec::new();
        };
        let names = self.names_of(body.file).into_iter();
        let inside = names.filter(|name| {
            body.range.start <= name.range.start && name.range.end <= body.range.end
        });
        inside
            .filter(|name| name.symbol != *symbol && self.can_be_named_from_elsewhere(&name.symbol))
            .map(|name| {
                let place = Place {
                    file: body.file,
                    range: name.range,
                };
                (name.symbol, place)
            })
            .collect()
    }

    fn can_be_named_from_elsewhere(&self, symbol: &Symbol) -> bool {
        matches!(symbol, Symbol::Decl(_) | Symbol::Item(_)) && self.is_own_symbol(symbol)
    }
}
