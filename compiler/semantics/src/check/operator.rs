//! Operators.

use std::sync::Arc;

use plat_syntax::ast::{self, BinaryOp, UnaryOp};

use super::Checker;
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind};
use crate::types::{Converter, Ty, Word, join};

impl<'db> Checker<'db> {
    pub(super) fn binary(&mut self, binary: ast::Binary<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let Some(op) = binary.op() else {
            return (ExprKind::Poison, Ty::Unknown);
        };
        match op {
            BinaryOp::And => {
                let (value, ty) = self.scoped(|c| c.condition(Some(ast::Expr::Binary(binary))));
                (value.kind, ty)
            }
            BinaryOp::Or => {
                let (left, _) = self.scoped(|c| c.condition(binary.left()));
                let (right, _) = self.scoped(|c| c.condition(binary.right()));
                (both(op, left, right), Ty::Bool)
            }
            BinaryOp::OrElse => self.or_else(binary, hint),
            BinaryOp::In => self.contains(binary),
            BinaryOp::Equal | BinaryOp::NotEqual => self.equality(op, binary),
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                self.order(op, binary)
            }
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide => {
                self.arithmetic(op, binary, hint)
            }
        }
    }

    fn or_else(&mut self, binary: ast::Binary<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let left_hint = hint.map(|h| h.clone().optional());
        let (left, left_ty) = self.infer_opt(binary.left(), left_hint.as_ref());
        let inner = left_ty.without_none(self.db);
        if !left_ty.is_unknown() && !self.is_optional(&left_ty) && left_ty != Ty::None {
            let spot = self.spot(binary.node());
            let message = format!(
                "`{}` is never `none`: `??` changes nothing",
                left_ty.show(self.db)
            );
            self.diags.push(Diag::warning("W0301", spot, message));
        }
        let (right, right_ty) = self.infer_opt(binary.right(), Some(&inner));
        match join(self.db, &inner, &right_ty) {
            Some(ty) => (both(BinaryOp::OrElse, left, right), ty),
            None => {
                // What is wanted may still take both.
                let right = self.coerce(right, &right_ty, &inner);
                (both(BinaryOp::OrElse, left, right), inner)
            }
        }
    }

    fn contains(&mut self, binary: ast::Binary<'db>) -> (ExprKind, Ty) {
        let (right, right_ty) = self.infer_opt(binary.right(), None);
        self.nothing_labelled(&right_ty, binary.node(), "a comparison");
        let wanted = match right_ty.plain(self.db).1 {
            Ty::List(inner) | Ty::Range(inner) => inner.plain(self.db).1,
            Ty::Map(_) | Ty::Record(_) => Ty::String,
            Ty::Unknown => Ty::Unknown,
            other => {
                let message = format!(
                    "`in` looks in a list, a map or a range, not in `{}`",
                    other.show(self.db)
                );
                self.error("E0304", binary.node(), message);
                Ty::Unknown
            }
        };
        let (left, left_ty) = self.infer_opt(binary.left(), Some(&wanted));
        self.nothing_labelled(&left_ty, binary.node(), "a comparison");
        self.comparable(&left_ty, &wanted, binary);
        (both(BinaryOp::In, left, right), Ty::Bool)
    }

    fn equality(&mut self, op: BinaryOp, binary: ast::Binary<'db>) -> (ExprKind, Ty) {
        let (left, left_ty) = self.infer_opt(binary.left(), None);
        let (right, right_ty) = self.infer_opt(binary.right(), Some(&left_ty.widened()));
        let (left_ty, right_ty) = (self.compared(left_ty), self.compared(right_ty));
        self.nothing_labelled(&left_ty, binary.node(), "a comparison");
        self.nothing_labelled(&right_ty, binary.node(), "a comparison");
        let (a, b) = (self.labels_of(&left_ty), self.labels_of(&right_ty));
        if a.or(b).is_none() {
            self.comparable(&left_ty, &right_ty, binary);
        }
        (both(op, left, right), Ty::Bool)
    }

    /// A declaration is compared as itself, but one that stands for a secret as that secret.
    fn compared(&self, ty: Ty) -> Ty {
        let (labels, _) = self.text_labels(&ty);
        if labels.secret {
            Ty::String.labelled(labels)
        } else {
            ty
        }
    }

    /// Two types that have nothing in common are never equal.
    fn comparable(&mut self, left: &Ty, right: &Ty, binary: ast::Binary<'db>) {
        let db = self.db;
        let plain = |ty: &Ty| ty.split().1.clone();
        let (l, r) = (plain(left), plain(right));
        let (a, b) = (left.plain(db).1, right.plain(db).1);
        if let Some((word, words)) = never_among(&a, &b).or_else(|| never_among(&b, &a)) {
            let spot = self.spot(binary.node());
            let list: Vec<String> = words.iter().map(ToString::to_string).collect();
            let names: Vec<&str> = list.iter().map(String::as_str).collect();
            let wrong = [binary.left(), binary.right()]
                .into_iter()
                .flatten()
                .find(|side| side.node().text() == word.to_string());
            let at = wrong.map_or(spot, |side| self.spot(side.node()));
            let message = format!("what is compared here is never `{word}`");
            let diag = Diag::error("E0302", at, message)
                .note(format!("it is one of {}", list.join(", ")))
                .suggest(&word.to_string(), at, &names);
            self.diags.push(diag);
            return;
        }
        let converter = Converter { db };
        let fits = join(db, &l, &r).is_some()
            || converter.convert(&l, &r).is_ok()
            || converter.convert(&r, &l).is_ok();
        if !fits {
            let message = format!(
                "`{}` and `{}` are never equal",
                left.show(db),
                right.show(db)
            );
            self.error("E0304", binary.node(), message);
        }
    }

    fn order(&mut self, op: BinaryOp, binary: ast::Binary<'db>) -> (ExprKind, Ty) {
        let (left, left_ty) = self.infer_opt(binary.left(), None);
        let (right, right_ty) = self.infer_opt(binary.right(), Some(&left_ty));
        self.no_structure(&left_ty, binary.node(), "a comparison");
        self.no_structure(&right_ty, binary.node(), "a comparison");
        let (l, r) = (left_ty.plain(self.db).1, right_ty.plain(self.db).1);
        let fits = match (&l, &r) {
            (Ty::Unknown, _) | (_, Ty::Unknown) => true,
            (Ty::Quantity(a), Ty::Quantity(b)) => a == b,
            (a, b) if is_number(a) && is_number(b) => true,
            (a, b) => is_text(a) && is_text(b),
        };
        if !fits {
            let message = format!(
                "`{}` and `{}` have no order",
                left_ty.show(self.db),
                right_ty.show(self.db)
            );
            self.error("E0304", binary.node(), message);
        }
        (both(op, left, right), Ty::Bool)
    }

    fn arithmetic(
        &mut self,
        op: BinaryOp,
        binary: ast::Binary<'db>,
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let list_hint = hint.filter(|h| matches!(h.plain(self.db).1, Ty::List(_)));
        let (left, left_ty) = self.infer_opt(binary.left(), list_hint);
        let (right, right_ty) = self.infer_opt(binary.right(), list_hint);
        let (left_labels, l) = left_ty.plain(self.db);
        let (right_labels, r) = right_ty.plain(self.db);
        let labels = left_labels.or(right_labels);
        if !labels.is_none() {
            let ty = if left_labels.is_none() {
                &right_ty
            } else {
                &left_ty
            };
            self.no_structure(ty, binary.node(), "a calculation");
            return (ExprKind::Poison, Ty::Unknown);
        }
        let add = matches!(op, BinaryOp::Add | BinaryOp::Subtract);
        let ty = match (&l, &r) {
            (Ty::Unknown, _) | (_, Ty::Unknown) => Some(Ty::Unknown),
            (Ty::List(a), Ty::List(b)) if op == BinaryOp::Add => {
                join(self.db, a, b).map(|ty| Ty::List(Arc::new(ty)))
            }
            (Ty::Quantity(a), Ty::Quantity(b)) if add => (a == b).then(|| l.clone()),
            (Ty::Quantity(a), Ty::Quantity(b)) => {
                let power = if op == BinaryOp::Divide { -1 } else { 1 };
                let dim = a.times(b, power);
                Some(if dim.is_none() {
                    Ty::Decimal
                } else {
                    Ty::Quantity(dim)
                })
            }
            (Ty::Quantity(_), n) if is_number(n) && !add => Some(l.clone()),
            (n, Ty::Quantity(_)) if is_number(n) && op == BinaryOp::Multiply => Some(r.clone()),
            (n, Ty::Quantity(dim)) if is_number(n) && op == BinaryOp::Divide => {
                let none = crate::units::Dim::default();
                Some(Ty::Quantity(none.times(dim, -1)))
            }
            (a, b) if is_number(a) && is_number(b) => {
                let whole = is_int(a) && is_int(b) && op != BinaryOp::Divide;
                Some(if whole { Ty::Int } else { Ty::Decimal })
            }
            _ => None,
        };
        match ty {
            Some(ty) => (both(op, left, right), ty),
            None => {
                self.no_arithmetic(op, binary, &left_ty, &right_ty);
                (ExprKind::Poison, Ty::Unknown)
            }
        }
    }

    fn no_arithmetic(&mut self, op: BinaryOp, binary: ast::Binary<'db>, left: &Ty, right: &Ty) {
        let db = self.db;
        let spot = self.spot(binary.node());
        let (l, r) = (left.plain(db).1, right.plain(db).1);
        let message = format!(
            "`{}` does not go between `{}` and `{}`",
            op.symbol(),
            left.show(db),
            right.show(db)
        );
        let mut diag = Diag::error("E0304", spot, message);
        if is_text(&l) || is_text(&r) {
            diag = diag.help("texts are put together by interpolation: `\"${a}${b}\"`");
        } else if matches!((&l, &r), (Ty::Quantity(_), Ty::Quantity(_))) {
            diag = diag.note("only quantities of one dimension can be added");
        } else if matches!(l, Ty::Optional(_)) || matches!(r, Ty::Optional(_)) {
            diag = diag.help("one of them may be `none`: give another value with `??`");
        }
        self.diags.push(diag);
    }

    pub(super) fn unary(&mut self, unary: ast::Unary<'db>) -> (ExprKind, Ty) {
        match unary.op() {
            UnaryOp::Not => {
                let (value, _) = self.scoped(|c| c.condition(unary.operand()));
                (ExprKind::Unary(UnaryOp::Not, Box::new(value)), Ty::Bool)
            }
            UnaryOp::Negate => {
                let (value, ty) = self.infer_opt(unary.operand(), None);
                self.no_structure(&ty, unary.node(), "a calculation");
                let plain = ty.plain(self.db).1;
                if !is_number(&plain) && !matches!(plain, Ty::Quantity(_) | Ty::Unknown) {
                    let message =
                        format!("`-` goes before numbers, not before `{}`", ty.show(self.db));
                    self.error("E0304", unary.node(), message);
                    return (ExprKind::Poison, Ty::Unknown);
                }
                (ExprKind::Unary(UnaryOp::Negate, Box::new(value)), ty)
            }
        }
    }
}

fn both(op: BinaryOp, left: Expr, right: Expr) -> ExprKind {
    ExprKind::Binary(op, Box::new(left), Box::new(right))
}

fn is_int(ty: &Ty) -> bool {
    matches!(ty, Ty::Int | Ty::Word(crate::types::Word::Number(_)))
}

fn is_number(ty: &Ty) -> bool {
    is_int(ty) || *ty == Ty::Decimal
}

fn is_text(ty: &Ty) -> bool {
    matches!(ty, Ty::String | Ty::Word(_) | Ty::Words(_))
}

/// The word that is none of those that the other side may be. One that was written for it alone
/// (`let mode = "fast"`) may be compared with others: it is there to be changed.
fn never_among<'a>(one: &'a Ty, other: &'a Ty) -> Option<(&'a Word, &'a [Word])> {
    match (one, other) {
        (Ty::Word(word), Ty::Words(words)) if words.len() > 1 && !words.contains(word) => {
            Some((word, words))
        }
        _ => None,
    }
}
