//! The checker: from an item's tree to expressions with every name resolved, every type known and
//! every conversion written out.
//!
//! It goes both ways: what is wanted is passed down ([`Checker::check`]), what is found comes up
//! ([`Checker::infer`]). One mistake gives one error: what is wrong has the type
//! [`Ty::Unknown`], which fits everywhere and has every field.

mod access;
mod call;
mod circles;
mod compound;
mod control;
mod decl;
mod defined;
mod env;
mod exhaustive;
mod expr;
mod import;
mod item;
mod kind;
mod labels;
mod library;
mod moved;
mod naming;
pub mod notes;
mod operator;
mod pattern;
mod place;
mod policy;
pub(crate) mod raw;
mod record;
mod recursion;
mod usefulness;
mod waive;
mod way;

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast;
use plat_syntax::{Node, TextRange};

use crate::db::{Db, ItemId, Space, tree};
use crate::diag::{Cause, Diag, Span, Spot};
use crate::ir::{Expr, ExprKind, LocalId, Lowered};
use crate::names::{Names, decls};
pub use circles::env_circles;
pub(crate) use circles::{circle, parent_of, tells, told};
pub(crate) use moved::written;
pub use moved::{destinations, rename_conflicts, renames};
pub use recursion::recursive_calls;
use way::Label;

use crate::types::{
    Clash, Coercion, Converter, Ty, TypeBody, Word, kind_head, name_spot, type_def,
};

/// Checks an item.
#[salsa::tracked(cycle_result = defined_by_itself)]
pub fn lower(db: &dyn Db, item: ItemId) -> Lowered {
    let mut checker = Checker::new(db, item);
    if let Some(tree) = tree(db, item) {
        checker.item(tree.item());
        checker.naming(tree.root());
    }
    let mut lowered = checker.out;
    lowered.diags.append(&mut checker.diags);
    lowered
}

/// What is left of an item whose type depends on itself. The circle is reported by evaluation.
fn defined_by_itself(db: &dyn Db, _: salsa::Id, item: ItemId) -> Lowered {
    let said = if item.space(db) == Space::Kind {
        circles::kind_within_itself(db, item)
    } else {
        None
    };
    let diag = match said {
        Some(diag) => diag,
        None => circles::type_of_itself(db, item),
    };
    Lowered {
        diags: diag.into_iter().collect(),
        ..Lowered::default()
    }
}

/// The type of a module's `let`.
#[salsa::tracked(cycle_result = unknown_let)]
pub fn let_type(db: &dyn Db, item: ItemId) -> Ty {
    if let Some(tree) = tree(db, item)
        && let ast::Item::Let(ast) = tree.item()
        && let Some(ty) = ast.ty()
    {
        return crate::types::TypeReader::new(db, item).read(ty);
    }
    // What the parts that could not be read would have changed is not known.
    if *crate::db::is_broken(db, item) {
        return Ty::Unknown;
    }
    let value = lower(db, item).value.as_ref();
    value.map_or(Ty::Unknown, |value| value.ty.clone())
}

fn unknown_let(_: &dyn Db, _: salsa::Id, _: ItemId) -> Ty {
    Ty::Unknown
}

/// The type of an out of a kind, its labels on it.
pub fn out_type(db: &dyn Db, kind: ItemId, name: &str) -> Option<Ty> {
    let out = kind_head(db, kind).out(name)?;
    if let Some(ty) = &out.ty {
        return Some(ty.clone());
    }
    Some(inferred_out(db, out.at.item, name))
}

fn inferred_out(db: &dyn Db, kind: ItemId, name: &str) -> Ty {
    if *crate::db::is_broken(db, kind) {
        return Ty::Unknown;
    }
    let value = lower(db, kind).outs.get(name);
    value.map_or(Ty::Unknown, |value| value.ty.clone())
}

/// The type of what a declaration's bare name gives.
pub fn implicit_out_type(db: &dyn Db, kind: ItemId) -> Option<Ty> {
    let out = kind_head(db, kind).implicit_out()?;
    out_type(db, kind, &out.name)
}

/// Is it a kind of target?
pub fn is_target(db: &dyn Db, kind: ItemId) -> bool {
    let own = std::iter::once(&kind);
    own.chain(&kind_head(db, kind).parents).any(|k| {
        k.name(db).as_ref() == "target" && k.file(db).package(db).as_ref() == crate::names::STD
    })
}

/// Checks one item.
pub struct Checker<'db> {
    pub(crate) db: &'db dyn Db,
    pub(crate) item: ItemId,
    pub(crate) names: Names<'db>,
    pub(crate) diags: Vec<Diag>,
    pub(crate) out: Lowered,
    /// The variables in sight, the innermost last.
    locals: Vec<(Arc<str>, LocalId, Ty)>,
    next_local: LocalId,
    /// The kind in whose contents we are.
    kind: Option<ItemId>,
    /// Its `let`s that are not checked yet.
    waiting: BTreeMap<Arc<str>, ast::Let<'db>>,
    /// The arms of the `if`s around.
    branch: Vec<(u32, u8)>,
    ifs: u32,
    next_decl: u32,
    /// What the value at hand is for: ``the field `scale` ``.
    purpose: String,
    /// Did the last step of a path go into a map?
    in_map: bool,
    /// In the message of a policy or a `require`, everything can be written as text.
    in_message: bool,
    /// In a test, an expression may be wanted to fail.
    in_test: bool,
    /// An expression is looked at a second time, for what its label came from.
    once_more: bool,
    /// What an editor wants to know; nothing is noted for a compilation.
    notes: Option<Box<notes::Notes>>,
}

impl<'db> Checker<'db> {
    fn new(db: &'db dyn Db, item: ItemId) -> Self {
        let file = item.file(db);
        Self {
            db,
            item,
            names: Names { db, file },
            diags: Vec::new(),
            out: Lowered::default(),
            locals: Vec::new(),
            next_local: 0,
            kind: None,
            waiting: BTreeMap::new(),
            branch: Vec::new(),
            ifs: 0,
            next_decl: 0,
            purpose: String::new(),
            in_map: false,
            in_message: false,
            in_test: false,
            once_more: false,
            notes: None,
        }
    }

    pub(crate) fn spot(&self, node: Node<'_>) -> Spot {
        Spot::new(self.item, node.range())
    }

    pub(crate) fn spot_of(&self, span: Span) -> Spot {
        Spot {
            item: self.item,
            range: span,
        }
    }

    fn error(&mut self, code: &'static str, node: Node<'_>, message: impl Into<String>) {
        let spot = self.spot(node);
        self.diags.push(Diag::error(code, spot, message));
    }

    fn bind(&mut self, name: &str, ty: Ty) -> LocalId {
        let id = self.next_local;
        self.next_local += 1;
        self.locals.push((Arc::from(name), id, ty));
        id
    }

    fn bind_name(&mut self, name: ast::Name<'_>, ty: &Ty) -> LocalId {
        let id = self.bind(name.text(), ty.clone());
        self.note_local(Some(name), id, ty);
        id
    }

    /// Does something, and forgets the variables that it brought.
    fn scoped<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.locals.len();
        let result = work(self);
        self.locals.truncate(mark);
        result
    }

    /// Does something, its mismatches speaking of `purpose`.
    fn for_purpose<T>(&mut self, purpose: String, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.purpose, purpose);
        let result = work(self);
        self.purpose = before;
        result
    }

    /// The value as one of the wanted type.
    pub(crate) fn check(&mut self, expr: Option<ast::Expr<'db>>, wanted: &Ty) -> Expr {
        let Some(expr) = expr else {
            return Expr::poison(TextRange::default().into());
        };
        let (value, ty) = self.infer(expr, Some(wanted));
        self.coerce(value, &ty, wanted)
    }

    /// Converts what was found to what is wanted, or says why it can't be.
    fn coerce(&mut self, value: Expr, found: &Ty, wanted: &Ty) -> Expr {
        let span = value.span;
        match (Converter { db: self.db }).convert(found, wanted) {
            Ok(Coercion::Same) => value,
            Ok(coercion) => Expr {
                kind: ExprKind::Coerce(Box::new(value), Box::new(coercion)),
                span,
            },
            Err(clash) => {
                self.clash(&value, found, wanted, &clash);
                Expr::poison(span)
            }
        }
    }

    fn clash(&mut self, value: &Expr, found: &Ty, wanted: &Ty, clash: &Clash) {
        let db = self.db;
        let spot = self.spot_of(value.span);
        let purpose = if self.purpose.is_empty() {
            "this place".to_owned()
        } else {
            self.purpose.clone()
        };
        let (found_text, wanted_text) = (found.show(db), wanted.show(db));
        let diag = match clash {
            Clash::Type => {
                let diag = self.type_clash(spot, found, wanted, &purpose);
                match value.kind {
                    ExprKind::Let(item) => diag
                        .related(
                            name_spot(db, item),
                            format!("`{}` is defined here", item.name(db)),
                        )
                        .because(Cause::Value(item)),
                    _ => diag,
                }
            }
            Clash::Secret => {
                let message = format!("a secret may not flow into {purpose}");
                let diag = Diag::error("E0401", spot, message)
                    .label(format!("this is `{found_text}`"))
                    .help("secrets go into environment values, files and other secrets");
                self.with_way(diag, value, Label::Secret)
            }
            Clash::Later => {
                let message = format!("{purpose} must be known before anything is applied");
                let diag = Diag::error("E0403", spot, message)
                    .label(format!("this is `{found_text}`: known only after apply"));
                self.with_way(diag, value, Label::Later)
            }
            Clash::NoField(name) => {
                let names = record_names(db, wanted);
                let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                Diag::error(
                    "E0207",
                    spot,
                    format!("`{wanted_text}` has no field `{name}`"),
                )
                .suggest(name, spot, &names)
            }
            Clash::Lacks(name) => Diag::error(
                "E0305",
                spot,
                format!("the field `{name}` is missing from {purpose}"),
            ),
        };
        self.diags.push(diag);
    }

    fn type_clash(&self, spot: Spot, found: &Ty, wanted: &Ty, purpose: &str) -> Diag {
        let db = self.db;
        let (found_text, wanted_text) = (found.show(db), wanted.show(db));
        let found_plain = found.plain(db).1;
        let wanted_plain = wanted.without_none(db).plain(db).1;
        if let (Ty::Word(word), Ty::Words(words)) = (&found_plain, &wanted_plain) {
            let list: Vec<String> = words.iter().map(ToString::to_string).collect();
            let message = format!("{purpose} cannot be `{word}`");
            let names: Vec<&str> = list.iter().map(String::as_str).collect();
            return Diag::error("E0302", spot, message)
                .note(format!("it is one of {}", list.join(", ")))
                .suggest(&word.to_string(), spot, &names);
        }
        let message = format!("{purpose} takes `{wanted_text}`, not `{found_text}`");
        let diag = Diag::error("E0301", spot, message);
        let converter = Converter { db };
        match (&found_plain, &wanted_plain) {
            (Ty::Word(Word::Text(text)), Ty::List(inner))
                if converter.convert(&found_plain, inner).is_ok() =>
            {
                let words: Vec<String> =
                    text.split_whitespace().map(|w| format!("{w:?}")).collect();
                let list = format!("[{}]", words.join(", "));
                diag.help(format!("write it as a list: `{list}`")).fix(
                    "write it as a list",
                    spot,
                    list,
                )
            }
            (_, Ty::List(inner)) if converter.convert(&found_plain, inner).is_ok() => {
                diag.help("put it in brackets: a list of one")
            }
            (Ty::Word(Word::Text(text)), _)
                if text.parse::<u64>().is_ok() && converter.convert(&Ty::Int, wanted).is_ok() =>
            {
                diag.help(format!("a number has no quotes: `{text}`")).fix(
                    "write it without quotes",
                    spot,
                    text.to_string(),
                )
            }
            (_, Ty::Named(item)) => match &type_def(db, *item).body {
                TypeBody::Variant(cases) if !matches!(found_plain, Ty::Instance(_)) => {
                    let cases: Vec<String> = cases
                        .iter()
                        .map(|c| {
                            let parts = if c.params.is_empty() { "" } else { "(…)" };
                            format!("`{}{parts}`", c.name)
                        })
                        .collect();
                    diag.note(format!("`{}` is {}", item.name(db), cases.join(", ")))
                }
                _ => diag,
            },
            (Ty::Optional(inner), _) if (Converter { db }).convert(inner, wanted).is_ok() => diag
                .help(
                    "it may be `none`: give another value with `??`, or test it with `is some(x)`",
                ),
            (Ty::None, _) => diag.help("it cannot be left empty: its type has no `?`"),
            (Ty::Instance(kind), _) => {
                let fits = |name: &str| {
                    out_type(db, *kind, name)
                        .is_some_and(|ty| converter.convert(&ty, wanted).is_ok())
                };
                let outs: Vec<String> = kind_head(db, *kind)
                    .outs
                    .iter()
                    .filter(|o| fits(&o.name))
                    .map(|o| format!("`{}`", o.name))
                    .collect();
                if outs.is_empty() {
                    diag
                } else {
                    diag.help(format!(
                        "what fits here of a `{}` is {}",
                        kind.name(db),
                        outs.join(", ")
                    ))
                }
            }
            (Ty::Int, Ty::Quantity(dim)) => diag.help(format!("write it with a unit of `{dim}`")),
            (Ty::Quantity(_), Ty::Text) => {
                diag.help("say in which unit: `\"${size / 1MiB}\"` is the number of MiB")
            }
            _ => diag,
        }
    }
}

fn record_names(db: &dyn Db, ty: &Ty) -> Vec<Arc<str>> {
    match ty.without_none(db).plain(db).1 {
        Ty::Record(fields) => fields.iter().map(|f| f.name.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The type of a declaration as seen from under the given arms of `if`s.
pub(crate) fn decl_type(db: &dyn Db, decl: crate::names::DeclRef, branch: &[(u32, u8)]) -> Ty {
    let Some(head) = decls(db, decl.item).get(decl.index as usize) else {
        return Ty::Unknown;
    };
    let names = Names {
        db,
        file: decl.item.file(db),
    };
    let Some(kind) = names.kind(&head.kind) else {
        return Ty::Unknown;
    };
    let mut ty = Ty::Instance(kind);
    if !branch.starts_with(&head.branch) {
        ty = ty.optional();
    }
    if head.family {
        ty = Ty::Family(Arc::new(ty));
    }
    ty
}
