//! Where a label comes from: the way that a secret, or what is known only later, took to the place
//! that refuses it.

use std::collections::BTreeSet;

use plat_syntax::ast;
use salsa::plumbing::AsId as _;

use super::{Checker, decl_type, implicit_out_type, let_type, lower, out_type};
use crate::db::{Db, ItemId, tree};
use crate::diag::{Diag, Span, Spot};
use crate::ir::{Expr, ExprKind};
use crate::types::{Coercion, Labels, Ty, kind_head, name_spot};

/// The most steps of a way that are shown.
const MAX_STEPS: usize = 6;

/// Which label is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// `secret`
    Secret,
    /// `later`
    Later,
}

impl Label {
    fn on(self, labels: Labels) -> bool {
        match self {
            Self::Secret => labels.secret,
            Self::Later => labels.later,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Secret => "a secret",
            Self::Later => "known only after apply",
        }
    }
}

/// Does a `let` have a type written?
fn says_its_type(db: &dyn Db, item: ItemId) -> bool {
    let tree = tree(db, item).as_ref();
    tree.is_some_and(|tree| matches!(tree.item(), ast::Item::Let(def) if def.ty().is_some()))
}

/// What an expression gets a label from.
enum Carrier {
    /// A definition with a value of its own: the way goes on there.
    Through(ItemId),
    /// Here it begins: what is read.
    Begins(String),
}

impl<'db> Checker<'db> {
    /// Adds to what is said of a value the definitions that its label came through, and what it
    /// began with.
    pub(super) fn with_way(&self, mut diag: Diag, value: &Expr, label: Label) -> Diag {
        let mut item = self.item;
        let mut value = value;
        let mut seen = BTreeSet::new();
        for _ in 0..MAX_STEPS {
            let Some((span, carrier)) = self.carrier(value, label) else {
                break;
            };
            let spot = Spot { item, range: span };
            match carrier {
                Carrier::Begins(what) => {
                    // Where the whole value is what is read, it has been said.
                    if spot != diag.spot() {
                        diag = diag.related(spot, format!("`{what}` is {}", label.word()));
                    }
                    break;
                }
                Carrier::Through(next) => {
                    let name = next.name(self.db);
                    let text = format!("it comes through `{name}`");
                    diag = diag.related(name_spot(self.db, next), text);
                    // One that says its type has the label by that.
                    if says_its_type(self.db, next) || !seen.insert(next.as_id().as_bits()) {
                        break;
                    }
                    let Some(inner) = lower(self.db, next).value.as_ref() else {
                        break;
                    };
                    item = next;
                    value = &inner.expr;
                }
            }
        }
        diag
    }

    /// The first part of an expression that brings the label in.
    fn carrier(&self, value: &Expr, label: Label) -> Option<(Span, Carrier)> {
        let mut found = None;
        value.walk(&mut |inner| {
            if found.is_none() {
                found = self.carries(inner, label).map(|c| (inner.span, c));
            }
        });
        found
    }

    fn carries(&self, expr: &Expr, label: Label) -> Option<Carrier> {
        let on = |ty: &Ty| label.on(self.labels_written(ty));
        match &expr.kind {
            ExprKind::Let(item) => {
                let ty = let_type(self.db, *item);
                on(ty).then_some(Carrier::Through(*item))
            }
            ExprKind::Input(name) => {
                let head = kind_head(self.db, self.kind?);
                let field = head.field(name)?;
                on(&field.ty).then(|| Carrier::Begins(name.to_string()))
            }
            ExprKind::Field(base, name) => {
                let (shown, kind) = self.declaration(base)?;
                let ty = out_type(self.db, kind, name)?;
                on(&ty).then(|| Carrier::Begins(format!("{shown}.{name}")))
            }
            ExprKind::Coerce(inner, how) if matches!(**how, Coercion::ImplicitOut(_)) => {
                let (shown, kind) = self.declaration(inner)?;
                let ty = implicit_out_type(self.db, kind)?;
                on(&ty).then_some(Carrier::Begins(shown))
            }
            _ => None,
        }
    }

    /// The declaration that an expression names, as it is called, and its kind.
    fn declaration(&self, expr: &Expr) -> Option<(String, ItemId)> {
        let decl = match &expr.kind {
            ExprKind::Decl(decl) | ExprKind::Content(decl) => *decl,
            ExprKind::Index(base, _) => return self.declaration(base),
            _ => return None,
        };
        let head = crate::names::decls(self.db, decl.item).get(decl.index as usize)?;
        let mut ty = decl_type(self.db, decl, &head.branch).without_none(self.db);
        if let Ty::Family(member) = ty {
            ty = member.without_none(self.db);
        }
        match ty {
            Ty::Instance(kind) => Some((head.name.to_string(), kind)),
            _ => None,
        }
    }

    /// An expression once more, for what it is made of; what is wrong with it has been told.
    pub(super) fn once_more(&mut self, node: plat_syntax::Node<'db>) -> Option<Expr> {
        if self.once_more {
            return None;
        }
        let expr = ast::Expr::cast(node)?;
        self.once_more = true;
        let told = self.diags.len();
        let (value, _) = self.scoped(|c| c.infer(expr, None));
        self.diags.truncate(told);
        self.once_more = false;
        Some(value)
    }
}
