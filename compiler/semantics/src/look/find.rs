//! Names: what one stands for, where that is defined, and where else it is named.

use plat_syntax::{Node, SyntaxKind, TextRange};
use rayon::prelude::*;

use super::FileId;
use crate::api::{Database, STACK};
use crate::check::decl_type;
use crate::check::notes::{Symbol, notes};
use crate::db::{Db, ItemId, Space, file_range, items, parsed, tree};
use crate::diag::Span;
use crate::names::{DeclRef, decls};
use crate::types::{Ty, TypeBody, kind_head, type_def};

/// A range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The bytes.
    pub range: TextRange,
}

/// A name in the source, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// The name's bytes in its file.
    pub range: TextRange,
    /// What it stands for.
    pub symbol: Symbol,
}

/// What `name` is below a value of a type, as `with`, `set` and records reach it.
pub(crate) fn below(db: &dyn Db, ty: &Ty, name: &str) -> Option<Symbol> {
    let mut at = ty.clone();
    // A chain of aliases ends: one that goes in a circle has been made unknown.
    for _ in 0..64 {
        at = match at {
            Ty::Optional(inner) | Ty::Labelled(_, inner) | Ty::Refined(inner, _) => {
                (*inner).clone()
            }
            Ty::Either(types) => return types.iter().find_map(|ty| below(db, ty, name)),
            Ty::Instance(kind) => {
                let field = kind_head(db, kind).field(name)?;
                return Some(Symbol::Field(field.at?.item, field.name.clone()));
            }
            Ty::Named(item) => match &type_def(db, item).body {
                TypeBody::Variant(cases) => {
                    let has = |ty: &Ty| matches!(ty.plain(db).1, Ty::Record(_));
                    let part = cases.iter().find_map(|case| {
                        let part = case.params.iter().find(|p| p.name.as_ref() == name)?;
                        Some(Symbol::Part(item, case.name.clone(), part.name.clone()))
                    });
                    if part.is_some() {
                        return part;
                    }
                    let mut implicit = cases.iter().filter(|c| c.implicit);
                    let first = implicit.find_map(|c| c.params.first().filter(|p| has(&p.ty)))?;
                    first.ty.clone()
                }
                TypeBody::Alias(Ty::Record(fields)) => {
                    let field = fields.iter().find(|f| f.name.as_ref() == name)?;
                    return Some(Symbol::RecordField(item, field.name.clone()));
                }
                TypeBody::Alias(alias) => alias.clone(),
            },
            _ => return None,
        };
    }
    None
}

impl Database {
    /// The name at a byte of a file, and what it stands for; at the end of a name too.
    pub fn name_at(&self, file: FileId, offset: u32) -> Option<Stands> {
        stacker::grow(STACK, || {
            let (item, at) = self.item_at(file, offset)?;
            let noted = notes(self, item);
            let touched = |span: &Span| span.start <= at && at <= span.end;
            let mut found = noted.names.iter().filter(|(span, _)| touched(span));
            // Of two that meet there, the one behind it; of two within each other, the inner.
            let (span, symbol) = found
                .by_ref()
                .max_by_key(|(span, _)| (span.start, u32::MAX - span.end))?;
            Some(Stands {
                range: file_range(self, item, (*span).into()),
                symbol: symbol.clone(),
            })
        })
    }

    /// The names of a file, in its order, and what each stands for.
    pub fn names_of(&self, file: FileId) -> Vec<Stands> {
        stacker::grow(STACK, || {
            let mut out = Vec::new();
            for item in items(self, file.0) {
                let noted = notes(self, *item);
                out.extend(noted.names.iter().map(|(span, symbol)| Stands {
                    range: file_range(self, *item, (*span).into()),
                    symbol: symbol.clone(),
                }));
            }
            out
        })
    }

    /// The item that a byte of a file is in, and the byte in it.
    pub(crate) fn item_at(&self, file: FileId, offset: u32) -> Option<(ItemId, u32)> {
        let parsed = parsed(self, file.0);
        let starts = &parsed.parse.items;
        let next = starts.partition_point(|item| item.offset <= offset);
        let position = next.checked_sub(1)?;
        let start = starts.get(position)?.offset;
        Some((*parsed.ids.get(position)?, offset - start))
    }

    /// Where a symbol gets its name. `None` for what the language itself gives.
    pub fn definition(&self, symbol: &Symbol) -> Option<Place> {
        stacker::grow(STACK, || {
            let (item, span) = self.defined(symbol)?;
            Some(self.place_at(item, span))
        })
    }

    /// All of what defines a symbol, with its documentation.
    pub fn definition_body(&self, symbol: &Symbol) -> Option<Place> {
        stacker::grow(STACK, || {
            let (item, span) = self.defined(symbol)?;
            let tree = tree(self, item).as_ref()?;
            let holds = |node: &Node<'_>| {
                let range = node.range();
                range.start <= span.start && span.end <= range.end && is_definition(node.kind())
            };
            let found = tree.nodes().filter(holds).last();
            let range = found.map_or(tree.root().range(), Node::range);
            Some(self.place_at(item, range.into()))
        })
    }

    pub(crate) fn place_at(&self, item: ItemId, span: Span) -> Place {
        Place {
            file: FileId(item.file(self)),
            range: file_range(self, item, span.into()),
        }
    }

    pub(crate) fn defined(&self, symbol: &Symbol) -> Option<(ItemId, Span)> {
        let item = match symbol {
            Symbol::Item(item)
            | Symbol::Field(item, _)
            | Symbol::Out(item, _)
            | Symbol::Inner(item, _)
            | Symbol::Case(item, _)
            | Symbol::Part(item, ..)
            | Symbol::RecordField(item, _)
            | Symbol::Local(item, _) => *item,
            Symbol::Decl(decl) => decl.item,
            Symbol::Builtin(_) | Symbol::Environment => return None,
        };
        if let Symbol::Item(_) = symbol {
            return Some((item, crate::types::name_spot(self, item).range));
        }
        let noted = notes(self, item);
        if let Symbol::Local(_, id) = symbol {
            return noted.locals.get(id).map(|(.., span)| (item, *span));
        }
        let tree = tree(self, item).as_ref()?;
        // The names that are given stand right in what they name.
        let given = tree.nodes().filter(|node| is_definition(node.kind()));
        let mut given = given.filter_map(|node| node.child(SyntaxKind::Name));
        let found = given.find(|name| noted.names.get(&name.range().into()) == Some(symbol))?;
        Some((item, found.range().into()))
    }

    /// Every place where a symbol is named, where it gets its name included, in the order of the
    /// files and of their texts. Looks through the program and its packages, not through `std`.
    pub fn references(&self, symbol: &Symbol) -> Vec<Place> {
        stacker::grow(STACK, || {
            let name = self.symbol_name(symbol);
            let local = matches!(symbol, Symbol::Local(..));
            let files = if local {
                let (item, _) = self.defined(symbol).into_iter().next().unzip();
                item.map(|item| item.file(self)).into_iter().collect()
            } else {
                self.own_files()
            };
            let find = |db: &Self, file: crate::db::SourceFile| -> Vec<Place> {
                // An item that has no such word names no such thing. It may have another name for
                // it: then the `use` has the word, and the whole file is looked through.
                let text = file.text(db);
                if !text.contains(&*name) {
                    return Vec::new();
                }
                let all = text.contains(" as ");
                let mut found = Vec::new();
                for item in items(db, file) {
                    let has = tree(db, *item)
                        .as_ref()
                        .is_some_and(|tree| tree.text().contains(&*name));
                    if !has && !all {
                        continue;
                    }
                    let noted = notes(db, *item);
                    let named = noted.names.iter().filter(|(_, found)| *found == symbol);
                    found.extend(named.map(|(span, _)| db.place_at(*item, *span)));
                }
                found.sort_by_key(|place| place.range);
                found
            };
            let found: Vec<Vec<Place>> = files
                .par_iter()
                .with_min_len(2)
                .map_with(self.clone(), |db, file| {
                    stacker::grow(STACK, || find(db, *file))
                })
                .collect();
            found.into_iter().flatten().collect()
        })
    }

    /// The name that a symbol was given.
    pub fn symbol_name(&self, symbol: &Symbol) -> String {
        match symbol {
            Symbol::Item(item) => item.name(self).to_string(),
            Symbol::Decl(decl) => {
                let head = decls(self, decl.item).get(decl.index as usize);
                head.map_or_else(String::new, |head| head.name.to_string())
            }
            Symbol::Field(_, name)
            | Symbol::Out(_, name)
            | Symbol::Inner(_, name)
            | Symbol::Case(_, name)
            | Symbol::Part(_, _, name)
            | Symbol::RecordField(_, name)
            | Symbol::Builtin(name) => name.to_string(),
            Symbol::Local(item, id) => {
                let local = notes(self, *item).locals.get(id);
                local.map_or_else(String::new, |(name, ..)| name.to_string())
            }
            Symbol::Environment => "environment".to_owned(),
        }
    }

    /// The kinds that take over a kind, nearest or not, in the order of the files: those of `std`
    /// last.
    pub fn kinds_of(&self, symbol: &Symbol) -> Vec<Symbol> {
        let Symbol::Item(kind) = symbol else {
            return Vec::new();
        };
        stacker::grow(STACK, || {
            let files = self.files().into_iter();
            let files = files.filter(|file| !crate::names::is_read_on_demand(self, file.0));
            let all = files.flat_map(|file| items(self, file.0).iter().copied());
            let takes = |item: &ItemId| {
                item.space(self) == Space::Kind && kind_head(self, *item).parents.contains(kind)
            };
            all.filter(takes).map(Symbol::Item).collect()
        })
    }

    /// The kinds that a kind itself says that it takes over, and not those that these take over.
    pub fn parents_of(&self, symbol: &Symbol) -> Vec<Symbol> {
        let Symbol::Item(kind) = symbol else {
            return Vec::new();
        };
        if kind.space(self) != Space::Kind {
            return Vec::new();
        }
        stacker::grow(STACK, || {
            let all = &kind_head(self, *kind).parents;
            let nearer = |other: &ItemId| {
                all.iter()
                    .any(|parent| kind_head(self, *parent).parents.contains(other))
            };
            let own = all.iter().copied().filter(|parent| !nearer(parent));
            own.map(Symbol::Item).collect()
        })
    }

    /// Is there something else of this name where the symbol's name is looked up?
    pub fn is_taken(&self, symbol: &Symbol, name: &str) -> bool {
        stacker::grow(STACK, || {
            let scope = |item: &ItemId| {
                crate::names::scope(self, crate::db::module_of(self, item.file(self)))
            };
            match symbol {
                Symbol::Item(item) => match item.space(self) {
                    Space::Kind => scope(item).kinds.contains_key(name),
                    Space::Type => scope(item).types.contains_key(name),
                    Space::Unit => scope(item).units.contains_key(name),
                    Space::Env => scope(item).envs.contains_key(name),
                    Space::Policy => scope(item).policies.contains_key(name),
                    Space::Value => scope(item).values.contains_key(name),
                    _ => false,
                },
                Symbol::Decl(decl) if decl.item.space(self) != Space::Kind => {
                    scope(&decl.item).values.contains_key(name)
                }
                Symbol::Decl(DeclRef { item, .. }) | Symbol::Inner(item, _)
                    if item.space(self) == Space::Kind =>
                {
                    let head = kind_head(self, *item);
                    head.field(name).is_some()
                        || decls(self, *item).iter().any(|d| d.name.as_ref() == name)
                }
                Symbol::Field(item, _) => match item.space(self) {
                    Space::Kind => kind_head(self, *item).field(name).is_some(),
                    _ => scope(item).values.contains_key(name),
                },
                Symbol::Out(kind, _) => kind_head(self, *kind).out(name).is_some(),
                _ => false,
            }
        })
    }

    /// Is it a declaration that is deployed under its own name: of the app itself, and no family?
    pub fn is_deployed(&self, symbol: &Symbol) -> bool {
        let Symbol::Decl(decl) = symbol else {
            return false;
        };
        stacker::grow(STACK, || {
            let head = decls(self, decl.item).get(decl.index as usize);
            decl.item.space(self) != Space::Kind
                && crate::db::main_package(self)
                    .is_some_and(|main| main.name == *decl.item.file(self).package(self))
                && head.is_some_and(|head| !head.family)
        })
    }

    /// Is it something that a target makes under a path of its own: deployed, and of no kind that is
    /// made of others?
    pub fn runs_by_itself(&self, symbol: &Symbol) -> bool {
        let Symbol::Decl(decl) = symbol else {
            return false;
        };
        self.is_deployed(symbol)
            && stacker::grow(STACK, || match decl_type(self, *decl, &[]) {
                Ty::Instance(kind) => kind_head(self, kind).external,
                _ => false,
            })
    }

    /// Is it something that the program or a package of its source tree defines?
    pub fn is_own_symbol(&self, symbol: &Symbol) -> bool {
        stacker::grow(STACK, || {
            let defined = self.defined(symbol);
            defined.is_some_and(|(item, _)| {
                item.space(self) != Space::Data && self.is_own(FileId(item.file(self)))
            })
        })
    }
}

/// Does a node of this kind give a name to something?
fn is_definition(kind: SyntaxKind) -> bool {
    use SyntaxKind as K;
    matches!(
        kind,
        K::App
            | K::Kind
            | K::TypeDef
            | K::UnitDef
            | K::FnDef
            | K::Let
            | K::Env
            | K::Policy
            | K::Test
            | K::Decl
            | K::FieldDecl
            | K::Out
            | K::VariantCase
            | K::Param
            | K::TypeField
    )
}
