//! What there is to say of a symbol: its type, its documentation, its default.

use plat_syntax::ast::{self, Item};
use plat_syntax::{Node, SyntaxKind};

use crate::api::{Database, STACK};
use crate::check::notes::{Symbol, notes};
use crate::check::{decl_type, let_type, out_type};
use crate::db::{ItemId, Space, tree};
use crate::types::{Ty, TypeBody, app_head, kind_head, type_def};

/// What there is to say of a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// How it is declared, on one line: `scale: Scale = 1`, `kind service is workload`.
    pub signature: String,
    /// The package that it is from; empty for a variable.
    pub package: String,
    /// The name of what it is a part of: the kind of a field, the type of a case.
    pub within: Option<String>,
    /// Its type, as written, where it is a field that is declared.
    pub ty: Option<String>,
    /// Its documentation, as Markdown.
    pub doc: Option<String>,
    /// What it is when nobody says anything, as written.
    pub default: Option<String>,
    /// What changing it does, where that is said: `replace`.
    pub changes: Option<String>,
    /// The permission that reading it gives.
    pub grants: Option<String>,
}

/// What kind of thing a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolClass {
    /// An app.
    App,
    /// A kind.
    Kind,
    /// A type.
    Type,
    /// A unit.
    Unit,
    /// A function.
    Function,
    /// A `let`, a variable or a declaration.
    Value,
    /// An environment.
    Environment,
    /// A policy or a test.
    Rule,
    /// A field, an out, an input.
    Field,
    /// A case of a variant.
    Case,
    /// A parameter, or a part of a case.
    Parameter,
}

impl Database {
    /// What kind of thing a symbol is.
    pub fn class_of(&self, symbol: &Symbol) -> SymbolClass {
        match symbol {
            Symbol::Item(item) => match item.space(self) {
                Space::App => SymbolClass::App,
                Space::Kind => SymbolClass::Kind,
                Space::Type => SymbolClass::Type,
                Space::Unit => SymbolClass::Unit,
                Space::Env => SymbolClass::Environment,
                Space::Policy | Space::Test => SymbolClass::Rule,
                _ => match tree(self, *item).as_ref().map(plat_syntax::Tree::item) {
                    Some(Item::FnDef(_)) => SymbolClass::Function,
                    _ => SymbolClass::Value,
                },
            },
            Symbol::Decl(_) | Symbol::Local(..) | Symbol::Inner(..) => SymbolClass::Value,
            Symbol::Field(..) | Symbol::Out(..) | Symbol::RecordField(..) => SymbolClass::Field,
            Symbol::Case(..) => SymbolClass::Case,
            Symbol::Part(..) => SymbolClass::Parameter,
            Symbol::Builtin(_) => SymbolClass::Function,
            Symbol::Environment => SymbolClass::Environment,
        }
    }

    /// What there is to say of a symbol.
    pub fn about(&self, symbol: &Symbol) -> About {
        stacker::grow(STACK, || {
            let mut about = match symbol {
                Symbol::Item(item) => self.about_item(*item),
                Symbol::Decl(decl) => {
                    let ty = decl_type(self, *decl, &[]);
                    let name = self.symbol_name(symbol);
                    About {
                        signature: format!("{} {name}", ty.show(self)),
                        ..About::default()
                    }
                }
                Symbol::Field(item, name) => self.about_field(*item, name),
                Symbol::Out(kind, name) => {
                    let out = kind_head(self, *kind).out(name);
                    let ty = out_type(self, *kind, name).unwrap_or(Ty::Unknown);
                    About {
                        signature: format!("out {name}: {}", ty.show(self)),
                        within: Some(kind.name(self).to_string()),
                        grants: out.and_then(|out| out.grants.as_deref()).map(str::to_owned),
                        ..About::default()
                    }
                }
                Symbol::Inner(item, name) => {
                    let value = crate::check::lower(self, *item).lets.get(name);
                    let ty = value.map_or(Ty::Unknown, |value| value.ty.clone());
                    About {
                        signature: format!("let {name}: {}", ty.show(self)),
                        within: Some(item.name(self).to_string()),
                        ..About::default()
                    }
                }
                Symbol::Case(of, name) => About {
                    signature: self.case_text(*of, name),
                    within: Some(of.name(self).to_string()),
                    ..About::default()
                },
                Symbol::Part(of, case, _) => About {
                    within: Some(if case.is_empty() {
                        of.name(self).to_string()
                    } else {
                        format!("{}.{case}", of.name(self))
                    }),
                    ..About::default()
                },
                Symbol::RecordField(of, _) => About {
                    within: Some(of.name(self).to_string()),
                    ..About::default()
                },
                Symbol::Local(item, id) => {
                    let local = notes(self, *item).locals.get(id);
                    About {
                        signature: local.map_or_else(String::new, |(name, ty, _)| {
                            format!("{name}: {}", ty.show(self))
                        }),
                        ..About::default()
                    }
                }
                Symbol::Builtin(name) => About {
                    signature: format!("fn {name}(…)"),
                    ..About::default()
                },
                Symbol::Environment => About {
                    signature: "environment".to_owned(),
                    doc: Some("The environment that the app is evaluated for.".to_owned()),
                    ..About::default()
                },
            };
            self.add_source(symbol, &mut about);
            about
        })
    }

    /// What the source of its definition shows.
    fn add_source(&self, symbol: &Symbol, about: &mut About) {
        let Some((item, span)) = self.defined(symbol) else {
            return;
        };
        if !matches!(symbol, Symbol::Local(..)) {
            about.package = item.file(self).package(self).to_string();
        }
        let Some(tree) = tree(self, item) else { return };
        let holds = |node: &Node<'_>| {
            node.child(SyntaxKind::Name)
                .is_some_and(|name| name.range().start == span.start)
        };
        let Some(node) = tree.nodes().find(holds) else {
            return;
        };
        if about.doc.is_none() {
            about.doc = ast::docs_of(node);
        }
        if about.signature.is_empty() {
            about.signature = one_line(node);
        }
        let ty = ast::FieldDecl::cast(node).and_then(ast::FieldDecl::ty);
        about.ty = ty.map(|ty| ty.node().text().to_owned());
        let default = match node.kind() {
            SyntaxKind::FieldDecl => ast::FieldDecl::cast(node).and_then(ast::FieldDecl::default),
            SyntaxKind::Param => ast::Param::cast(node).and_then(ast::Param::default),
            SyntaxKind::TypeField => ast::TypeField::cast(node).and_then(ast::TypeField::default),
            _ => None,
        };
        if about.default.is_none() {
            about.default = default.map(|value| one_line(value.node()));
        }
    }

    fn about_item(&self, item: ItemId) -> About {
        let name = item.name(self);
        let public = tree(self, item).as_ref().is_some_and(|t| t.item().is_pub());
        let public = if public { "pub " } else { "" };
        let signature = match item.space(self) {
            Space::Kind => {
                let head = kind_head(self, item);
                let words = match (head.external, head.abstract_) {
                    (true, _) => "extern ",
                    (_, true) => "abstract ",
                    _ => "",
                };
                let parent = head.parents.first();
                let parent = parent.map_or_else(String::new, |p| format!(" is {}", p.name(self)));
                format!("{public}{words}kind {name}{parent}")
            }
            Space::Type => match &type_def(self, item).body {
                TypeBody::Alias(ty) => format!("{public}type {name} = {}", ty.show(self)),
                TypeBody::Variant(cases) => {
                    let cases: Vec<&str> = cases.iter().map(|c| c.name.as_ref()).collect();
                    format!("{public}type {name} = {}", cases.join(" | "))
                }
            },
            Space::Unit => {
                let tree = tree(self, item).as_ref();
                tree.map_or_else(String::new, |tree| one_line(tree.root()))
            }
            Space::Env => format!("{public}env {name}"),
            Space::Policy => format!("{public}policy {name}"),
            Space::Test => format!("test {name}"),
            Space::App => format!("app {name}"),
            _ => match tree(self, item).as_ref().map(plat_syntax::Tree::item) {
                Some(Item::FnDef(def)) => format!("{public}{}", fn_text(def)),
                Some(Item::Let(_)) => {
                    format!("{public}let {name}: {}", let_type(self, item).show(self))
                }
                _ => name.to_string(),
            },
        };
        About {
            signature,
            ..About::default()
        }
    }

    fn about_field(&self, item: ItemId, name: &str) -> About {
        let fields = match item.space(self) {
            Space::App => &app_head(self, item).fields,
            _ => &kind_head(self, item).fields,
        };
        let field = fields.iter().find(|f| f.name.as_ref() == name);
        let ty = field.map_or(Ty::Unknown, |field| field.ty.clone());
        About {
            signature: format!("{name}: {}", ty.show(self)),
            within: Some(item.name(self).to_string()),
            changes: field.and_then(|f| f.changes).map(|changes| {
                let word = match changes {
                    plat_model::Change::InPlace => "in_place",
                    plat_model::Change::Replace => "replace",
                    plat_model::Change::GrowOnly => "grow_only",
                };
                word.to_owned()
            }),
            ..About::default()
        }
    }

    /// A case as it is declared: `http(path: String, port: PortName? = none)`.
    pub(crate) fn case_text(&self, of: ItemId, name: &str) -> String {
        let TypeBody::Variant(cases) = &type_def(self, of).body else {
            return name.to_owned();
        };
        let case = cases.iter().find(|case| case.name.as_ref() == name);
        let parts: Vec<String> = case
            .into_iter()
            .flat_map(|case| &case.params)
            .map(|part| format!("{}: {}", part.name, part.ty.show(self)))
            .collect();
        if parts.is_empty() {
            name.to_owned()
        } else {
            format!("{name}({})", parts.join(", "))
        }
    }

    /// The type of what a name or an expression at a byte of a file is, as it is written.
    pub fn type_at(
        &self,
        file: super::FileId,
        offset: u32,
    ) -> Option<(plat_syntax::TextRange, String)> {
        stacker::grow(STACK, || {
            let (item, at) = self.item_at(file, offset)?;
            let noted = notes(self, item);
            let touched = |span: &crate::diag::Span| span.start <= at && at <= span.end;
            let found = noted.found.iter().filter(|(span, _)| touched(span));
            let (span, ty) = found.min_by_key(|(span, _)| span.end - span.start)?;
            let range = crate::db::file_range(self, item, (*span).into());
            Some((range, ty.show(self)))
        })
    }

    /// The type or the kind of what a name stands for, or of the expression there: where its own
    /// definition is to be looked for.
    pub fn type_symbol_at(&self, file: super::FileId, offset: u32) -> Option<Symbol> {
        stacker::grow(STACK, || {
            if let Some(stands) = self.name_at(file, offset) {
                let ty = match &stands.symbol {
                    Symbol::Decl(decl) => Some(decl_type(self, *decl, &[])),
                    Symbol::Field(item, name) => {
                        let fields = match item.space(self) {
                            Space::App => &app_head(self, *item).fields,
                            _ => &kind_head(self, *item).fields,
                        };
                        let field = fields.iter().find(|f| f.name == *name);
                        field.map(|field| field.ty.clone())
                    }
                    Symbol::Out(kind, name) => out_type(self, *kind, name),
                    Symbol::Case(of, _) => Some(Ty::Named(*of)),
                    Symbol::Local(item, id) => {
                        let local = notes(self, *item).locals.get(id);
                        local.map(|(_, ty, _)| ty.clone())
                    }
                    Symbol::Item(item) if item.space(self) == Space::Value => {
                        Some(let_type(self, *item).clone())
                    }
                    _ => None,
                };
                if let Some(symbol) = ty.and_then(|ty| named(&ty)) {
                    return Some(symbol);
                }
            }
            let (item, at) = self.item_at(file, offset)?;
            let noted = notes(self, item);
            let touched = |span: &crate::diag::Span| span.start <= at && at <= span.end;
            let found = noted.found.iter().filter(|(span, _)| touched(span));
            let (_, ty) = found.min_by_key(|(span, _)| span.end - span.start)?;
            named(ty)
        })
    }
}

/// The definition that a type is, or is made of.
fn named(ty: &Ty) -> Option<Symbol> {
    match ty {
        Ty::Named(item) | Ty::Instance(item) => Some(Symbol::Item(*item)),
        Ty::Optional(inner)
        | Ty::Range(inner)
        | Ty::List(inner)
        | Ty::Map(inner)
        | Ty::Refined(inner, _)
        | Ty::Family(inner)
        | Ty::Labelled(_, inner) => named(inner),
        Ty::Either(types) => types.iter().find_map(named),
        _ => None,
    }
}

/// `fn rails(args: [String]): Run`
fn fn_text(def: ast::FnDef<'_>) -> String {
    let name = def.name().map_or("", ast::Name::text);
    let params: Vec<String> = def.params().map(|p| one_line(p.node())).collect();
    let result = def.result().map(|ty| one_line(ty.node()));
    format!(
        "fn {name}({}): {}",
        params.join(", "),
        result.unwrap_or_default()
    )
}

/// The text of a node on one line, without its documentation, shortened.
pub(crate) fn one_line(node: Node<'_>) -> String {
    let start = node.child(SyntaxKind::Docs).map_or(0, |docs| {
        docs.range().end.saturating_sub(node.range().start)
    });
    let text = node.text().get(start as usize..).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    let mut short: String = text.chars().take(LONGEST - 1).collect();
    short.push('…');
    short
}

/// More of a text than this is not shown on one line.
const LONGEST: usize = 160;
