//! What a file declares: the outline of an editor.

use plat_semantics::{Database, FileId};
use plat_syntax::ast::{self, Item};
use plat_syntax::{Node, TextRange};

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// `app shop`
    App,
    /// `kind web_app { … }`
    Kind,
    /// `type Port = …`
    Type,
    /// A case of a variant.
    Case,
    /// `unit req`
    Unit,
    /// `fn rails(…)`
    Function,
    /// `let x = …`
    Let,
    /// `service api { … }`
    Declaration,
    /// `env prod { … }`
    Environment,
    /// `policy p(…) { … }`
    Policy,
    /// `test t { … }`
    Test,
    /// A field that a kind or an app declares.
    Field,
    /// `out url …`
    Out,
}

/// A symbol and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name; the kind's, where a declaration has none.
    pub name: String,
    /// A few words on it: the kind of a declaration, the type of a field.
    pub detail: Option<String>,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it, its documentation included.
    pub range: TextRange,
    /// Its name.
    pub name_range: TextRange,
    /// What stands in it.
    pub children: Vec<Symbol>,
}

/// The symbols of a file, in its order.
pub fn symbols(db: &Database, file: FileId) -> Vec<Symbol> {
    let mut out = Vec::new();
    for parsed in &db.parse(file).items {
        items(std::iter::once(parsed.tree.item()), parsed.offset, &mut out);
    }
    out
}

fn items<'t>(list: impl Iterator<Item = Item<'t>>, offset: u32, out: &mut Vec<Symbol>) {
    for item in list {
        match item {
            // What is chosen or repeated stands where its block stands.
            Item::If(choice) => {
                items(choice.then_items(), offset, out);
                items(choice.else_items(), offset, out);
            }
            Item::For(each) => items(each.items(), offset, out),
            other => out.extend(symbol(other, offset)),
        }
    }
}

fn symbol(item: Item<'_>, offset: u32) -> Option<Symbol> {
    let (kind, detail, children) = match item {
        Item::App(app) => {
            let fields = app.inputs().map(Item::FieldDecl);
            (SymbolKind::App, None, inner(fields, offset))
        }
        Item::Kind(kind) => {
            let parent = kind.parent().map(|p| format!("is {}", text(p.node())));
            (SymbolKind::Kind, parent, inner(kind.items(), offset))
        }
        Item::TypeDef(def) => (SymbolKind::Type, None, cases(def, offset)),
        Item::UnitDef(_) => (SymbolKind::Unit, None, Vec::new()),
        Item::FnDef(def) => {
            let result = def.result().map(|ty| text(ty.node()));
            (SymbolKind::Function, result, Vec::new())
        }
        Item::Let(def) => (
            SymbolKind::Let,
            def.ty().map(|ty| text(ty.node())),
            Vec::new(),
        ),
        Item::Env(_) => (SymbolKind::Environment, None, Vec::new()),
        Item::Policy(_) => (SymbolKind::Policy, None, Vec::new()),
        Item::Test(_) => (SymbolKind::Test, None, Vec::new()),
        Item::Decl(decl) => {
            let kind = decl.kind().map(|kind| text(kind.node()));
            (SymbolKind::Declaration, kind, Vec::new())
        }
        Item::FieldDecl(field) => {
            let ty = field.ty().map(|ty| text(ty.node()));
            (SymbolKind::Field, ty, Vec::new())
        }
        Item::Out(value) => {
            let ty = value.ty().map(|ty| text(ty.node()));
            (SymbolKind::Out, ty, Vec::new())
        }
        _ => return None,
    };
    let range = item.node().range().shifted(offset);
    let named = item.name().map(|name| name.node());
    let name = match named {
        Some(name) => name.text().to_owned(),
        None => detail.clone()?,
    };
    Some(Symbol {
        name,
        detail,
        kind,
        range,
        name_range: named.map_or(TextRange::empty(range.start), |n| n.range().shifted(offset)),
        children,
    })
}

fn inner<'t>(list: impl Iterator<Item = Item<'t>>, offset: u32) -> Vec<Symbol> {
    let mut out = Vec::new();
    items(list, offset, &mut out);
    out
}

/// The cases of a variant, and the members of a type.
fn cases(def: ast::TypeDef<'_>, offset: u32) -> Vec<Symbol> {
    let cases = def.ty().into_iter().flat_map(|ty| ty.node().descendants());
    let cases = cases.filter_map(ast::VariantCase::cast);
    let mut out: Vec<Symbol> = cases
        .filter_map(|case| {
            let name = case.name()?;
            Some(Symbol {
                name: name.text().to_owned(),
                detail: None,
                kind: SymbolKind::Case,
                range: case.node().range().shifted(offset),
                name_range: name.node().range().shifted(offset),
                children: Vec::new(),
            })
        })
        .collect();
    out.extend(inner(def.members().map(Item::Let), offset));
    out
}

/// The text of a node on one line.
fn text(node: Node<'_>) -> String {
    let words: Vec<&str> = node.text().split_whitespace().collect();
    words.join(" ")
}
