//! What is deployed under a name: of the program as it is, and of its texts as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_model::NodePath;
use plat_syntax::ast::{self, Item};
use plat_syntax::{Parse, TextRange};

use super::Place;
use crate::api::{Database, STACK};
use crate::app::{app, app_value};
use crate::check::notes::Symbol;
use crate::check::{decl_type, renames};
use crate::db::{ItemId, SourceFile, Space, main_package, tree};
use crate::names::{DeclRef, Names, ValueDef, path_names};
use crate::types::{Ty, kind_head};

/// Kinds stand in kinds no deeper than this; more is a circle, which is told elsewhere.
const DEEPEST: usize = 16;

/// A declaration that is deployed, or one inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its path, that of a family without a key.
    pub path: String,
    /// Its kind with the package: `std.service`.
    pub kind: String,
    /// Is it a family, or inside of one?
    pub family: bool,
    /// Does it run itself? One of a kind that is made of others does not.
    pub runs: bool,
    /// Its name outside; `None` where that is computed.
    pub name: Option<String>,
}

/// A kind, as it is or as it was.
enum Kind<'t> {
    Now(ItemId),
    Then(&'t str, ast::Kind<'t>),
}

/// Where kinds are looked up.
#[derive(Clone, Copy)]
struct Seen<'t> {
    /// From this file, as the program is.
    file: SourceFile,
    /// Before that, among those that were.
    then: Option<&'t Then<'t>>,
}

/// The kinds that texts had.
struct Then<'t> {
    package: &'t str,
    kinds: BTreeMap<&'t str, ast::Kind<'t>>,
}

impl Database {
    /// The declaration of this name that the app has, and what stands in it; nothing where there is
    /// none.
    pub fn deployed(&self, name: &str) -> Vec<Deployed> {
        stacker::grow(STACK, || {
            let mut out = Vec::new();
            let head = app(self).heads.first();
            let found = head.and_then(|head| app_value(self, head.file(self), name));
            if let Some(ValueDef::Decl(decl)) = found
                && let Some(tree) = tree(self, decl.item)
            {
                let seen = Seen {
                    file: decl.item.file(self),
                    then: None,
                };
                let named = |one: &ast::Decl<'_>| one.name().is_some_and(|n| n.text() == name);
                each_decl(tree.item(), false, &mut |one, family| {
                    if named(&one) {
                        self.add(one, "", family, seen, 0, &mut out);
                    }
                });
            }
            out
        })
    }

    /// The declaration of this name that the app has.
    pub fn declared(&self, name: &str) -> Option<Symbol> {
        stacker::grow(STACK, || {
            let head = app(self).heads.first()?;
            match app_value(self, head.file(self), name)? {
                ValueDef::Decl(decl) => Some(Symbol::Decl(decl)),
                _ => None,
            }
        })
    }

    /// What becomes of a declaration that stands in a kind, wherever the app has one of that kind: the
    /// names of the app's declarations around, each with the paths that it has there.
    pub fn deployed_as(&self, symbol: &Symbol) -> Vec<(String, Vec<Deployed>)> {
        let Symbol::Decl(decl) = symbol else {
            return Vec::new();
        };
        if decl.item.space(self) != Space::Kind {
            return Vec::new();
        }
        stacker::grow(STACK, || {
            let name = self.symbol_name(symbol);
            let package = decl.item.file(self).package(self);
            let kind = format!("{package}.{}", decl.item.name(self));
            let mut names: Vec<Arc<str>> = Vec::new();
            for item in &app(self).contents {
                let shape = crate::names::item_shape(self, *item).iter();
                let values = shape.flat_map(|shape| &shape.values);
                names.extend(values.map(|(name, _)| Arc::clone(name)));
            }
            names.sort_unstable();
            names.dedup();
            let all = names.into_iter().filter_map(|around| {
                let mut all = self.deployed(&around);
                let of_kind: BTreeSet<String> = all
                    .iter()
                    .filter(|one| one.kind == kind)
                    .map(|one| format!("{}.{name}", one.path))
                    .collect();
                all.retain(|one| of_kind.contains(&one.path));
                (!all.is_empty()).then(|| (around.to_string(), all))
            });
            all.collect()
        })
    }

    /// Has the kind of a declaration this field?
    pub fn has_field(&self, symbol: &Symbol, field: &str) -> bool {
        let Symbol::Decl(decl) = symbol else {
            return false;
        };
        stacker::grow(STACK, || {
            let mut ty = decl_type(self, *decl, &[]).without_none(self);
            if let Ty::Family(member) = ty {
                ty = (*member).clone();
            }
            match ty {
                Ty::Instance(kind) => kind_head(self, kind).field(field).is_some(),
                _ => false,
            }
        })
    }

    /// What these texts of files of the main package declared for the app, by their paths there, and
    /// what stands in it. A kind that none of them has is what it is now.
    pub fn deployed_then(&self, texts: &[(String, String)]) -> Vec<Deployed> {
        stacker::grow(STACK, || {
            let Some(main) = main_package(self) else {
                return Vec::new();
            };
            let parses = texts.iter().map(|(path, text)| {
                let parse = plat_syntax::parse(&Arc::from(path.as_str()), text);
                (path.as_str(), parse)
            });
            let parses: Vec<(&str, Parse)> = parses.collect();
            let mut then = Then {
                package: &main.name,
                kinds: BTreeMap::new(),
            };
            for item in parses.iter().flat_map(|(_, parse)| &parse.items) {
                if let Item::Kind(kind) = item.tree.item()
                    && let Some(name) = kind.name()
                {
                    then.kinds.insert(name.text(), kind);
                }
            }
            let mut out = Vec::new();
            let any = app(self).heads.first().map(|head| head.file(self));
            for (path, parse) in &parses {
                // A file that is gone saw what its neighbours see.
                let file = self.file(&main.name, path).map(|file| file.0).or(any);
                let Some(file) = file else { continue };
                let then = Some(&then);
                for item in &parse.items {
                    each_decl(item.tree.item(), false, &mut |decl, family| {
                        self.add(decl, "", family, Seen { file, then }, 0, &mut out);
                    });
                }
            }
            out
        })
    }

    /// The renames that the app tells of: from which path to which.
    pub fn renames(&self) -> Vec<(String, String)> {
        stacker::grow(STACK, || {
            let all = renames(self).iter();
            all.map(|r| (r.from.to_string(), r.to.to_string()))
                .collect()
        })
    }

    /// Where the `name` of a declaration could be written: between its braces, or behind it where it
    /// has none, and whether it has. `None` where it has a name already, or is no declaration.
    pub fn place_for_name(&self, symbol: &Symbol) -> Option<(Place, bool)> {
        let Symbol::Decl(decl) = symbol else {
            return None;
        };
        stacker::grow(STACK, || {
            let found = self.decl_node(*decl)?;
            let named = |field: ast::Field<'_>| {
                let path = field.path().and_then(ast::Path::as_name);
                path.is_some_and(|path| path.text() == "name")
            };
            if found.fields().any(named) {
                return None;
            }
            let range = match found.body() {
                Some(body) => TextRange::empty(body.node().range().start + 1),
                None => TextRange::empty(found.node().range().end),
            };
            let place = self.place_at(decl.item, range.into());
            Some((place, found.body().is_some()))
        })
    }

    /// A declaration's node.
    fn decl_node(&self, decl: DeclRef) -> Option<ast::Decl<'_>> {
        let tree = tree(self, decl.item).as_ref()?;
        let mut all = Vec::new();
        each_decl(tree.item(), false, &mut |one, _| all.push(one));
        all.get(decl.index as usize).copied()
    }

    fn add<'t>(
        &'t self,
        decl: ast::Decl<'t>,
        around: &str,
        family: bool,
        seen: Seen<'t>,
        depth: usize,
        out: &mut Vec<Deployed>,
    ) {
        let Some(name) = decl.name() else { return };
        let Some(kind) = self.kind_seen(decl, seen) else {
            return;
        };
        let path = match around {
            "" => name.text().to_owned(),
            around => format!("{around}.{}", name.text()),
        };
        let (id, runs) = match &kind {
            Kind::Now(kind) => {
                let package = kind.file(self).package(self);
                let id = format!("{package}.{}", kind.name(self));
                (id, kind_head(self, *kind).external)
            }
            Kind::Then(package, kind) => {
                let name = kind.name().map_or("", ast::Name::text);
                (format!("{package}.{name}"), kind.is_extern())
            }
        };
        out.push(Deployed {
            name: name_outside(decl, &path),
            path: path.clone(),
            kind: id,
            family,
            runs,
        });
        if runs || depth == DEEPEST {
            return;
        }
        let (items, seen): (Vec<Item<'t>>, Seen<'t>) = match kind {
            Kind::Then(_, kind) => (kind.items().collect(), seen),
            Kind::Now(kind) => {
                let tree = tree(self, kind).as_ref().map(plat_syntax::Tree::item);
                let items = match tree {
                    Some(Item::Kind(kind)) => kind.items().collect(),
                    _ => Vec::new(),
                };
                let file = kind.file(self);
                (items, Seen { file, then: None })
            }
        };
        for item in items {
            each_decl(item, family, &mut |decl, family| {
                self.add(decl, &path, family, seen, depth + 1, out);
            });
        }
    }

    fn kind_seen<'t>(&'t self, decl: ast::Decl<'t>, seen: Seen<'t>) -> Option<Kind<'t>> {
        let path = path_names(decl.kind());
        if let ([name], Some(then)) = (path.as_slice(), seen.then)
            && let Some(kind) = then.kinds.get(&**name)
        {
            return Some(Kind::Then(then.package, *kind));
        }
        let names = Names {
            db: self,
            file: seen.file,
        };
        names.kind(&path).map(Kind::Now)
    }
}

/// The declarations of an item, through `if` and `for`, in their order; whether each is one of many.
fn each_decl<'t>(item: Item<'t>, many: bool, f: &mut dyn FnMut(ast::Decl<'t>, bool)) {
    match item {
        Item::Decl(decl) => f(decl, many || decl.key().is_some()),
        Item::If(choice) => {
            choice
                .then_items()
                .for_each(|item| each_decl(item, many, f));
            choice
                .else_items()
                .for_each(|item| each_decl(item, many, f));
        }
        Item::For(each) => each.items().for_each(|item| each_decl(item, true, f)),
        _ => {}
    }
}

/// What a declaration is called outside, where that can be read off.
fn name_outside(decl: ast::Decl<'_>, path: &str) -> Option<String> {
    let mut fields = decl.fields();
    let said = fields.find(|field| {
        let name = field.path().and_then(ast::Path::as_name);
        name.is_some_and(|name| name.text() == "name")
    });
    match said.map(ast::Field::value) {
        None => Some(NodePath::from(path).external_name()),
        Some(Some(ast::Expr::StringLit(text))) => text.plain(),
        Some(_) => None,
    }
}
