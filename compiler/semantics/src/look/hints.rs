//! What an editor writes beside the text: types that were inferred, values that environments change.

use std::sync::Arc;

use plat_model::SiteKind;
use plat_syntax::ast::{self, Item};
use plat_syntax::{Node, SyntaxKind, TextRange};

use super::FileId;
use crate::api::{Database, STACK};
use crate::check::notes::notes;
use crate::check::{let_type, lower};
use crate::db::{ItemId, Space, file_range, items, tree};
use crate::types::Ty;
use crate::units::Dim;

/// Something to write beside the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Behind which byte of the file.
    pub offset: u32,
    /// What.
    pub text: String,
    /// Is it a type? Else it is what environments change a value to.
    pub is_type: bool,
}

impl Database {
    /// The hints of a piece of a file, in its order. Of a value that is written out plainly, no type
    /// is told.
    pub fn hints(&self, file: FileId, range: TextRange) -> Vec<Hint> {
        stacker::grow(STACK, || {
            let mut hints = Vec::new();
            for item in items(self, file.0) {
                let Some(tree) = tree(self, *item) else {
                    continue;
                };
                let whole = file_range(self, *item, tree.root().range());
                if whole.end < range.start || range.end < whole.start {
                    continue;
                }
                self.type_hints(*item, &mut hints);
                self.override_hints(file, *item, &mut hints);
            }
            hints.retain(|hint| range.start <= hint.offset && hint.offset <= range.end);
            hints.sort_by_key(|hint| hint.offset);
            hints
        })
    }

    fn type_hints(&self, item: ItemId, hints: &mut Vec<Hint>) {
        let Some(tree) = tree(self, item) else { return };
        let mut add =
            |name: Option<ast::Name<'_>>, value: Option<ast::Expr<'_>>, ty: Option<Ty>| {
                let plain = value.is_none_or(|value| {
                    use ast::Expr as E;
                    matches!(
                        value,
                        E::NumberLit(_) | E::StringLit(_) | E::BoolLit(_) | E::Error(_)
                    )
                });
                if let (Some(name), Some(ty), false) = (name, ty, plain) {
                    self.add_type(item, name.node().range().end, &ty, hints);
                }
            };
        match tree.item() {
            Item::Let(def) if def.ty().is_none() => {
                add(def.name(), def.value(), Some(let_type(self, item).clone()));
            }
            Item::Kind(kind) => {
                let lowered = lower(self, item);
                for inner in kind.items() {
                    match inner {
                        Item::Let(def) if def.ty().is_none() => {
                            let name = def.name().map_or("", ast::Name::text);
                            let found = lowered.lets.get(name).map(|value| value.ty.clone());
                            add(def.name(), def.value(), found);
                        }
                        Item::Out(out) if out.ty().is_none() => {
                            let name = out.name().map_or("", ast::Name::text);
                            let found = lowered.outs.get(name).map(|value| value.ty.clone());
                            add(out.name(), out.value(), found);
                        }
                        _ => {}
                    }
                }
            }
            Item::TypeDef(def) => {
                let lowered = lower(self, item);
                for member in def.members().filter(|m| m.ty().is_none()) {
                    let name = member.name().map_or("", ast::Name::text);
                    let found = lowered.lets.get(name).map(|value| value.ty.clone());
                    add(member.name(), member.value(), found);
                }
            }
            _ => {}
        }
        let text = tree.text();
        for (_, ty, span) in notes(self, item).locals.values() {
            let rest = text.get(span.end as usize..).unwrap_or_default();
            // One whose type is written.
            if !rest.trim_start().starts_with(':') {
                self.add_type(item, span.end, ty, hints);
            }
        }
    }

    fn add_type(&self, item: ItemId, at: u32, ty: &Ty, hints: &mut Vec<Hint>) {
        if ty.is_unknown() {
            return;
        }
        let mut text = ty.show(self);
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST - 1).collect();
            text.push('…');
        }
        hints.push(Hint {
            offset: file_range(self, item, TextRange::empty(at)).start,
            text: format!(": {text}"),
            is_type: true,
        });
    }

    /// What environments set in place of what a declaration says.
    fn override_hints(&self, file: FileId, item: ItemId, hints: &mut Vec<Hint>) {
        if item.space(self) == Space::Kind {
            return;
        }
        let Some(tree) = tree(self, item) else { return };
        for decl in tree.nodes().filter_map(ast::Decl::cast) {
            for field in decl.fields() {
                let Some(path) = field.path() else { continue };
                let end = |node: Node<'_>| file_range(self, item, node.range()).end;
                let mut told: Vec<String> = Vec::new();
                for value in self.effective_at(file, end(path.node())) {
                    let Some(winner) = value.chain.first() else {
                        continue;
                    };
                    let set = matches!(winner.kind, SiteKind::Set | SiteKind::Each);
                    if set && value.text.chars().count() <= LONGEST {
                        told.push(format!("{}: {}", value.environment, value.text));
                    }
                }
                if !told.is_empty() {
                    hints.push(Hint {
                        offset: end(field.node()),
                        text: told.join(" · "),
                        is_type: false,
                    });
                }
            }
        }
    }

    /// The texts of a file that name files or directories of its package: where each stands, and the
    /// path from the package's root.
    pub fn paths_in(&self, file: FileId) -> Vec<(TextRange, String)> {
        stacker::grow(STACK, || {
            let mut found = Vec::new();
            for item in items(self, file.0) {
                let Some(tree) = tree(self, *item) else {
                    continue;
                };
                let noted = notes(self, *item);
                for node in tree.nodes() {
                    let Some(text) = ast::StringLit::cast(node) else {
                        continue;
                    };
                    let wanted = noted.wanted.get(&node.range().into());
                    let names_file = wanted.is_some_and(|ty| {
                        matches!(ty.without_none(self).plain(self).1, Ty::Dir | Ty::File)
                    });
                    if let Some(path) = text.plain().filter(|_| names_file) {
                        let path = path.trim_start_matches("./").to_owned();
                        found.push((file_range(self, *item, node.range()), path));
                    }
                }
            }
            found
        })
    }

    /// The fields that the declaration at a byte of a file must have and has not: where they would be
    /// written, whether it has braces, and each with a value that its type has.
    pub fn missing_fields(&self, file: FileId, offset: u32) -> Option<Missing> {
        stacker::grow(STACK, || {
            let (item, at) = self.item_at(file, offset)?;
            let tree = tree(self, item).as_ref()?;
            let holds = |decl: &ast::Decl<'_>| {
                let range = decl.node().range();
                range.start <= at && at <= range.end
            };
            let decl = tree
                .nodes()
                .filter_map(ast::Decl::cast)
                .filter(holds)
                .last()?;
            let names = crate::names::Names {
                db: self,
                file: file.0,
            };
            let kind = names.kind(&crate::names::path_names(decl.kind()))?;
            let given: Vec<&str> = decl
                .fields()
                .filter_map(|field| Some(field.path()?.names().next()?.text()))
                .collect();
            let optional = |ty: &Ty| matches!(ty.plain(self).1, Ty::Optional(_));
            let fields = crate::types::kind_head(self, kind).fields.iter();
            let missing = fields.filter(|field| {
                field.at.is_some()
                    && field.default.is_none()
                    && !optional(&field.ty)
                    && !given.contains(&field.name.as_ref())
            });
            let fields: Vec<(Arc<str>, String)> = missing
                .map(|field| (field.name.clone(), self.some_value(&field.ty, 0)))
                .collect();
            let braces = decl.node().child(SyntaxKind::Body).is_some();
            let end = file_range(self, item, decl.node().range()).end;
            (!fields.is_empty()).then_some(Missing {
                at: if braces { end.saturating_sub(1) } else { end },
                braces,
                fields,
            })
        })
    }

    /// A value of a type, to be written over.
    fn some_value(&self, ty: &Ty, depth: u32) -> String {
        if let Some(example) = self.example_of(ty) {
            return example;
        }
        let (_, plain) = ty.plain(self);
        match &plain {
            _ if depth > DEPTH => "none".to_owned(),
            Ty::Bool => "false".to_owned(),
            Ty::Quantity(dim) => self
                .unit_of(dim)
                .map_or_else(|| "1".to_owned(), |unit| format!("1{unit}")),
            Ty::Int => "1".to_owned(),
            Ty::Decimal => "1.0".to_owned(),
            Ty::String | Ty::Text | Ty::File => "\"\"".to_owned(),
            Ty::Dir => "\".\"".to_owned(),
            Ty::Word(word) => word.to_string(),
            Ty::Words(words) => words.first().map_or_else(String::new, ToString::to_string),
            Ty::List(_) => "[]".to_owned(),
            Ty::Map(_) | Ty::Record(_) => "{}".to_owned(),
            Ty::Range(_) => "1..2".to_owned(),
            Ty::Either(types) => {
                let first = types.first();
                first.map_or_else(String::new, |ty| self.some_value(ty, depth + 1))
            }
            Ty::Named(of) => match &crate::types::type_def(self, *of).body {
                crate::types::TypeBody::Variant(cases) => {
                    let Some(case) = cases.first() else {
                        return "none".to_owned();
                    };
                    let optional = |ty: &Ty| matches!(ty.plain(self).1, Ty::Optional(_));
                    let needed = case.params.iter();
                    let needed = needed.filter(|p| p.default.is_none() && !optional(&p.ty));
                    let parts: Vec<String> =
                        needed.map(|p| self.some_value(&p.ty, depth + 1)).collect();
                    match (case.implicit, parts.as_slice()) {
                        (_, []) => case.name.to_string(),
                        (true, [one]) => one.clone(),
                        (_, parts) => format!("{}({})", case.name, parts.join(", ")),
                    }
                }
                crate::types::TypeBody::Alias(_) => "none".to_owned(),
            },
            _ => "none".to_owned(),
        }
    }
}

impl Database {
    /// A unit of `std` that has a dimension: the smallest that is larger than the base, if there is one.
    fn unit_of(&self, wanted: &Dim) -> Option<String> {
        let files = self.std_files().iter().copied();
        let files = files.filter(|file| !crate::names::is_read_on_demand(self, *file));
        let all = files.flat_map(|file| items(self, file).iter().copied());
        let units = all.filter(|item| item.space(self) == Space::Unit);
        let fitting = units.filter_map(|item| {
            let unit = crate::units::unit(self, item).as_ref()?;
            let (times, parts) = unit.factor;
            let larger = times > parts;
            unit.dim
                .fits(wanted)
                .then(|| (!larger, times, item.name(self).to_string()))
        });
        fitting.min().map(|(.., name)| name)
    }

    /// The example that the documentation of a type of texts gives first: not every text is one.
    fn example_of(&self, ty: &Ty) -> Option<String> {
        let (Ty::Named(of), Ty::String) = (ty, ty.plain(self).1) else {
            return None;
        };
        let doc = self.doc(*of)?;
        let (_, rest) = doc.split_once('`')?;
        let (example, _) = rest.split_once('`')?;
        Some(format!("{example:?}"))
    }
}

/// The fields that a declaration lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Where they are written: before the closing brace, or behind the name.
    pub at: u32,
    /// Has the declaration braces?
    pub braces: bool,
    /// Each with a value.
    pub fields: Vec<(Arc<str>, String)>,
}

/// Longer types and values are cut.
const LONGEST: usize = 40;

/// How deep a value for a type is looked for.
const DEPTH: u32 = 8;
