//! What the checker notes down for an editor while it checks: what each name stands for, and which
//! type is wanted and found where.
//!
//! Checking for a compilation notes nothing. An editor has an item checked once more by the same
//! code, with a [`Notes`] to write into: so what it shows is what the compiler means.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast::{self, Segment};
use plat_syntax::{Node, Tree};

use super::Checker;
use crate::db::{Db, ItemId, tree};
use crate::diag::Span;
use crate::ir::{ExprKind, LocalId};
use crate::names::DeclRef;
use crate::types::{Ty, TypeBody, kind_head, type_def};

/// What a name stands for, by its stable path: never by where it is written.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub enum Symbol {
    /// A kind, a type, a unit, a `let`, a function, an environment, a policy, a test or an app.
    Item(ItemId),
    /// A declaration.
    Decl(DeclRef),
    /// A field of a kind, an input of an app, or a key of an environment: who declares it, its name.
    Field(ItemId, Arc<str>),
    /// What a kind gives.
    Out(ItemId, Arc<str>),
    /// A `let` inside of a kind, or a member of a type.
    Inner(ItemId, Arc<str>),
    /// A case of a variant.
    Case(ItemId, Arc<str>),
    /// A part of a case, or a parameter of a function, whose case is empty.
    Part(ItemId, Arc<str>, Arc<str>),
    /// A field of a type that is a record.
    RecordField(ItemId, Arc<str>),
    /// A variable.
    Local(ItemId, LocalId),
    /// A function that the language itself gives.
    Builtin(Arc<str>),
    /// `environment`
    Environment,
}

/// What was noted of an item. Every place is relative to it.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Notes {
    /// The names, and what each stands for.
    pub names: BTreeMap<Span, Symbol>,
    /// The expressions, and the type that each was found to have.
    pub found: BTreeMap<Span, Ty>,
    /// The expressions, and the type that was wanted of each.
    pub wanted: BTreeMap<Span, Ty>,
    /// The steps of paths, and the type below which each is looked for.
    pub below: BTreeMap<Span, Ty>,
    /// The variables: name, type, and where it is bound.
    pub locals: BTreeMap<LocalId, (Arc<str>, Ty, Span)>,
    /// Around the cursor: see [`InSight`].
    pub in_sight: Option<InSight>,
    /// The variables that are another symbol: the parameters of a function.
    other: BTreeMap<LocalId, Symbol>,
    /// Where somebody looks.
    cursor: Option<u32>,
}

/// What is in sight at a place.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct InSight {
    /// The variables, the innermost last.
    pub locals: Vec<(Arc<str>, LocalId, Ty)>,
    /// The kind in whose contents the place is.
    pub kind: Option<ItemId>,
}

/// What the checker notes of an item. Nobody asks for it but an editor.
#[salsa::tracked(lru = 4096)]
pub fn notes(db: &dyn Db, item: ItemId) -> Notes {
    match tree(db, item) {
        Some(tree) => noted(db, item, tree, None),
        None => Notes::default(),
    }
}

/// As [`notes`], of another tree that the item could have, and what is in sight at a place of it.
pub fn notes_at(db: &dyn Db, item: ItemId, tree: &Tree, cursor: u32) -> Notes {
    noted(db, item, tree, Some(cursor))
}

fn noted(db: &dyn Db, item: ItemId, tree: &Tree, cursor: Option<u32>) -> Notes {
    let mut checker = Checker::new(db, item);
    checker.notes = Some(Box::new(Notes {
        cursor,
        ..Notes::default()
    }));
    checker.item(tree.item());
    let mut notes = checker.notes.take().map(|n| *n).unwrap_or_default();
    super::defined::definitions(db, item, tree, &mut notes);
    notes
}

impl Notes {
    fn symbol(&self, item: ItemId, local: LocalId) -> Symbol {
        match self.other.get(&local) {
            Some(other) => other.clone(),
            None => Symbol::Local(item, local),
        }
    }
}

impl<'db> Checker<'db> {
    /// A name stands for something.
    pub(super) fn note(&mut self, node: Node<'_>, symbol: impl FnOnce(&Self) -> Option<Symbol>) {
        if self.notes.is_none() {
            return;
        }
        if let Some(symbol) = symbol(self)
            && let Some(notes) = &mut self.notes
        {
            notes.names.insert(node.range().into(), symbol);
        }
    }

    /// An expression is looked at.
    pub(super) fn note_wanted(&mut self, span: Span, wanted: Option<&Ty>) {
        let Some(notes) = &mut self.notes else { return };
        if let Some(wanted) = wanted {
            notes.wanted.insert(span, wanted.clone());
        }
        if notes
            .cursor
            .is_some_and(|at| span.start <= at && at <= span.end)
        {
            // Inner expressions are looked at after outer ones.
            notes.in_sight = Some(InSight {
                locals: self.locals.clone(),
                kind: self.kind,
            });
        }
    }

    /// An expression was found to be of a type.
    pub(super) fn note_found(&mut self, expr: ast::Expr<'_>, kind: &ExprKind, ty: &Ty) {
        let Some(notes) = &mut self.notes else { return };
        notes.found.insert(expr.node().range().into(), ty.clone());
        let named = match expr {
            ast::Expr::NameRef(name) => Some(name.node()),
            ast::Expr::Call(call) => match call.callee() {
                Some(ast::Expr::NameRef(name)) => Some(name.node()),
                Some(ast::Expr::FieldAccess(access)) => match kind {
                    // `names.map(…)`
                    ExprKind::Builtin(..) => access.name().map(|name| name.node()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        if let Some(node) = named {
            self.note(node, |c| c.symbol_of(kind));
        }
    }

    /// What an expression that is a name, or a call of one, stands for.
    fn symbol_of(&self, kind: &ExprKind) -> Option<Symbol> {
        Some(match kind {
            ExprKind::Local(id) => self.notes.as_ref()?.symbol(self.item, *id),
            ExprKind::Let(item) | ExprKind::Env(item) | ExprKind::Call(item, _) => {
                Symbol::Item(*item)
            }
            ExprKind::KindLet(name) => Symbol::Inner(self.kind?, name.clone()),
            ExprKind::Input(name) => self.field_symbol(self.kind?, name)?,
            ExprKind::AppInput(item, name) => Symbol::Field(*item, name.clone()),
            ExprKind::Decl(decl) | ExprKind::Content(decl) => Symbol::Decl(*decl),
            ExprKind::Environment => Symbol::Environment,
            ExprKind::Case(of, index, _) => match &type_def(self.db, *of).body {
                TypeBody::Variant(cases) => {
                    Symbol::Case(*of, cases.get(*index as usize)?.name.clone())
                }
                TypeBody::Alias(_) => return None,
            },
            ExprKind::Apply(callee, _) => return self.symbol_of(&callee.kind),
            ExprKind::Builtin(builtin, _) => {
                let all = crate::library::Builtin::ALL.iter();
                let (name, _) = all.clone().find(|(_, which)| which == builtin)?;
                Symbol::Builtin(Arc::from(*name))
            }
            _ => return None,
        })
    }

    /// A field of a kind, whichever of the kinds that it takes over declares it.
    pub(super) fn field_symbol(&self, kind: ItemId, name: &str) -> Option<Symbol> {
        let field = kind_head(self.db, kind).field(name)?;
        Some(Symbol::Field(field.at?.item, field.name.clone()))
    }

    /// What others read of a declaration of a kind.
    pub(super) fn read_symbol(&self, kind: ItemId, name: &str) -> Option<Symbol> {
        match kind_head(self.db, kind).out(name) {
            Some(out) => Some(Symbol::Out(out.at.item, out.name.clone())),
            None => self.field_symbol(kind, name),
        }
    }

    /// What `name` is below a value of a type, as `with`, `set` and records reach it.
    pub(super) fn below_symbol(&self, ty: &Ty, name: &str) -> Option<Symbol> {
        crate::look::below(self.db, ty, name)
    }

    /// A step of a path is looked for below a value of a type.
    pub(super) fn note_step(&mut self, segment: Segment<'_>, ty: &Ty) {
        if let Some(notes) = &mut self.notes {
            notes
                .below
                .insert(segment.node().range().into(), ty.clone());
        }
    }

    /// The entries of a `{ … }` are looked for in a type.
    pub(super) fn note_entries(&mut self, record: ast::Record<'_>, ty: &Ty) {
        if self.notes.is_none() {
            return;
        }
        for entry in record.entries() {
            let first = entry.path().and_then(|path| path.segments().next());
            if let Some(segment) = first {
                self.note_step(segment, ty);
                if let Segment::Name(name) = segment {
                    self.note(name.node(), |c| c.below_symbol(ty, name.text()));
                }
            }
        }
    }

    /// The names of the arguments of a call.
    pub(super) fn note_arguments(&mut self, of: ItemId, case: &str, args: &[ast::Arg<'db>]) {
        if self.notes.is_none() {
            return;
        }
        for name in args.iter().filter_map(|arg| arg.name()) {
            self.note(name.node(), |_| {
                Some(Symbol::Part(of, Arc::from(case), Arc::from(name.text())))
            });
        }
    }

    /// A variable of this name was bound.
    pub(super) fn note_local(&mut self, name: Option<ast::Name<'_>>, id: LocalId, ty: &Ty) {
        let Some(notes) = &mut self.notes else { return };
        let Some(name) = name else { return };
        let span = Span::from(name.node().range());
        notes
            .locals
            .insert(id, (Arc::from(name.text()), ty.clone(), span));
        notes.names.insert(span, Symbol::Local(self.item, id));
    }

    /// A variable is another symbol.
    pub(super) fn note_other(&mut self, id: LocalId, symbol: Symbol) {
        if let Some(notes) = &mut self.notes {
            notes.other.insert(id, symbol);
        }
    }

    /// A path names a kind.
    pub(super) fn note_kind(&mut self, path: ast::Path<'_>, kind: ItemId) {
        if let Some(name) = path.names().last() {
            self.note(name.node(), |_| Some(Symbol::Item(kind)));
        }
    }
}
