//! The names that an item gives, and those that it takes without being checked: types, parents,
//! what `use` brings.

use std::sync::Arc;

use plat_syntax::ast::{self, Item};
use plat_syntax::{Node, SyntaxKind, Tree};

use super::notes::{Notes, Symbol};
use crate::db::{Db, ItemId, Space};
use crate::names::{DeclRef, Names, TypeEntry, ValueDef, find_module, path_names, scope};

/// Notes the names of a tree that the checker says nothing of.
pub fn definitions(db: &dyn Db, item: ItemId, tree: &Tree, notes: &mut Notes) {
    let names = Names {
        db,
        file: item.file(db),
    };
    let mut walk = Walk {
        db,
        item,
        names,
        notes,
        declarations: 0,
        case: Vec::new(),
    };
    let root = tree.root();
    match tree.item() {
        Item::Use(ast) => walk.imports(ast),
        Item::Decl(_) => {}
        other => {
            if let Some(name) = other.name() {
                walk.note(name.node(), Symbol::Item(item));
            }
        }
    }
    for node in tree.nodes() {
        walk.node(node, root);
    }
}

struct Walk<'a> {
    db: &'a dyn Db,
    item: ItemId,
    names: Names<'a>,
    notes: &'a mut Notes,
    declarations: u32,
    /// The cases around, by where each ends.
    case: Vec<(u32, Arc<str>)>,
}

impl Walk<'_> {
    fn note(&mut self, node: Node<'_>, symbol: Symbol) {
        self.notes.names.insert(node.range().into(), symbol);
    }

    fn node(&mut self, node: Node<'_>, root: Node<'_>) {
        use SyntaxKind as K;
        while self.case.last().is_some_and(|(end, _)| *end <= node.id().0) {
            self.case.pop();
        }
        let item = self.item;
        let named = node.child(K::Name);
        let text = || named.map_or_else(|| Arc::from(""), |n| Arc::<str>::from(n.text()));
        match node.kind() {
            K::Decl => {
                let index = self.declarations;
                self.declarations += 1;
                if let Some(name) = named {
                    self.note(name, Symbol::Decl(DeclRef { item, index }));
                }
            }
            K::FieldDecl => {
                if let Some(name) = named {
                    self.note(name, Symbol::Field(item, text()));
                }
            }
            K::Out => {
                if let Some(name) = named {
                    self.note(name, Symbol::Out(item, text()));
                }
            }
            K::Let if node.id() != root.id() => {
                if let Some(name) = named {
                    self.note(name, Symbol::Inner(item, text()));
                }
            }
            K::VariantCase => {
                let Some(name) = named else { return };
                if item.space(self.db) == Space::Type {
                    self.note(name, Symbol::Case(item, text()));
                    self.case.push((node.id().0 + node.size(), text()));
                } else {
                    self.type_name(&[text()], name);
                }
            }
            K::Param => {
                let Some(name) = named else { return };
                let of_item = matches!(item.space(self.db), Space::Type | Space::Value);
                let direct = root.child(K::Params);
                let own = direct.is_some_and(|p| p.children().any(|c| c.id() == node.id()));
                match self.case.last() {
                    Some((_, case)) => {
                        let case = case.clone();
                        self.note(name, Symbol::Part(item, case, text()));
                    }
                    None if own && of_item => {
                        self.note(name, Symbol::Part(item, Arc::from(""), text()));
                    }
                    None => {}
                }
            }
            K::TypeField => {
                if let Some(name) = named {
                    self.note(name, Symbol::RecordField(item, text()));
                }
            }
            K::TypeName => {
                let path = ast::TypeName::cast(node).and_then(ast::TypeName::path);
                let path_text = path_names(path);
                if let Some(name) = path.and_then(|p| p.names().last()) {
                    self.type_name(&path_text, name.node());
                }
            }
            K::Kind => {
                let path = ast::Kind::cast(node).and_then(ast::Kind::parent);
                let kind = self.names.kind(&path_names(path));
                if let (Some(kind), Some(name)) = (kind, path.and_then(|p| p.names().last())) {
                    self.note(name.node(), Symbol::Item(kind));
                }
            }
            _ => {}
        }
    }

    fn type_name(&mut self, path: &[Arc<str>], name: Node<'_>) {
        if let Some(TypeEntry::Item(item)) = self.names.ty(path) {
            self.note(name, Symbol::Item(item));
        } else if let Some(kind) = self.names.kind(path) {
            self.note(name, Symbol::Item(kind));
        }
    }

    fn imports(&mut self, ast: ast::Use<'_>) {
        let module = path_names(ast.module());
        let Ok(module) = find_module(self.db, self.item.file(self.db), &module) else {
            return;
        };
        let scope = scope(self.db, module);
        for taken in ast.items() {
            let Some(name) = taken.name() else { continue };
            let text = name.text();
            let found = scope.kinds.get(text).map(|d| Symbol::Item(d.what));
            let found = found.or_else(|| match &scope.types.get(text)?.what {
                TypeEntry::Item(item) => Some(Symbol::Item(*item)),
                TypeEntry::Quantity(_) => None,
            });
            let found = found
                .or_else(|| Some(Self::value(&scope.values.get(text)?.what)))
                .or_else(|| Some(Symbol::Item(scope.units.get(text)?.what)))
                .or_else(|| Some(Symbol::Item(scope.envs.get(text)?.what)))
                .or_else(|| Some(Symbol::Item(scope.policies.get(text)?.what)));
            if let Some(symbol) = found {
                if let Some(alias) = taken.alias() {
                    self.note(alias.node(), symbol.clone());
                }
                self.note(name.node(), symbol);
            }
        }
    }

    fn value(def: &ValueDef) -> Symbol {
        match def {
            ValueDef::Let(item) | ValueDef::Fn(item) => Symbol::Item(*item),
            ValueDef::Decl(decl) => Symbol::Decl(*decl),
            ValueDef::AppInput(item, name) => Symbol::Field(*item, name.clone()),
        }
    }
}
