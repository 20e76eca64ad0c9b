//! `if`, `match`, `is`, and conditions, whose tests bind names for the branch.

use plat_syntax::ast::{self, BinaryOp};

use super::Checker;
use super::way::Label;
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, Pattern};
use crate::types::{Ty, join};

impl<'db> Checker<'db> {
    /// A condition; what its tests bind stays in sight after it.
    pub(super) fn condition(&mut self, expr: Option<ast::Expr<'db>>) -> (Expr, Ty) {
        let Some(expr) = expr else {
            return self.infer_opt(None, None);
        };
        let span = expr.node().range().into();
        match expr {
            ast::Expr::Paren(paren) if paren.inner().is_some() => {
                let (value, ty) = self.condition(paren.inner());
                (value, ty)
            }
            ast::Expr::Binary(binary) if binary.op() == Some(BinaryOp::And) => {
                let (left, _) = self.condition(binary.left());
                let (right, _) = self.condition(binary.right());
                let kind = ExprKind::Binary(BinaryOp::And, Box::new(left), Box::new(right));
                (Expr { kind, span }, Ty::Bool)
            }
            ast::Expr::IsExpr(test) => {
                let (subject, ty) = self.infer_opt(test.subject(), None);
                self.no_structure(&ty, test.node(), "a condition");
                let told = self.diags.len();
                let pattern = match test.pattern() {
                    Some(pattern) => self.pattern(pattern, &ty),
                    None => Pattern::Any,
                };
                if let Some(written) = test.pattern().filter(|_| told == self.diags.len()) {
                    self.tests_something(test.node(), &ty, written, &pattern);
                }
                let kind = ExprKind::Is(Box::new(subject), Box::new(pattern));
                (Expr { kind, span }, Ty::Bool)
            }
            _ => {
                let (value, ty) = self.scoped(|c| c.infer(expr, Some(&Ty::Bool)));
                self.no_structure(&ty, expr.node(), "a condition");
                let plain = ty.plain(self.db).1;
                if !matches!(plain, Ty::Bool | Ty::Unknown) {
                    let message = format!("a condition is a `Bool`, not `{}`", ty.show(self.db));
                    let spot = self.spot(expr.node());
                    let mut diag = Diag::error("E0301", spot, message);
                    if matches!(plain, Ty::Optional(_)) {
                        diag = diag.help("write `!= none` to ask whether it is there");
                    }
                    self.diags.push(diag);
                    return (Expr::poison(span), Ty::Bool);
                }
                (value, Ty::Bool)
            }
        }
    }

    /// What decides on the shape of the graph must be known, and may not be secret.
    pub(super) fn no_structure(&mut self, ty: &Ty, node: plat_syntax::Node<'db>, what: &str) {
        let labels = self.labels_of(ty);
        if labels.is_none() {
            return;
        }
        let shown = ty.show(self.db);
        let (code, message, said, label) = if labels.secret {
            let message = format!("{what} may not depend on a secret");
            (
                "E0402",
                message,
                format!("this is `{shown}`"),
                Label::Secret,
            )
        } else {
            let message = format!("{what} must be known before anything is applied");
            let said = format!("this is `{shown}`: known only after apply");
            ("E0403", message, said, Label::Later)
        };
        let diag = Diag::error(code, self.spot(node), message).label(said);
        let diag = match self.once_more(node) {
            Some(value) => self.with_way(diag, &value, label),
            None => diag,
        };
        self.diags.push(diag);
    }

    pub(super) fn if_(&mut self, choice: ast::IfExpr<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let (condition, then, then_ty) = self.scoped(|c| {
            let (condition, _) = c.condition(choice.condition());
            let (then, ty) = c.branch(choice.then_value(), hint);
            (condition, then, ty)
        });
        let (other, other_ty) = self.branch(choice.else_value(), hint);
        let ty = self.joined(choice.else_value(), &then_ty, &other_ty);
        let kind = ExprKind::If(Box::new(condition), Box::new(then), Box::new(other));
        (kind, ty)
    }

    /// A branch: of the wanted type where one is wanted.
    fn branch(&mut self, value: Option<ast::Expr<'db>>, hint: Option<&Ty>) -> (Expr, Ty) {
        match hint {
            Some(wanted) if value.is_some() => (self.check(value, wanted), wanted.clone()),
            _ => self.infer_opt(value, hint),
        }
    }

    fn joined(&mut self, at: Option<ast::Expr<'db>>, before: &Ty, found: &Ty) -> Ty {
        match join(self.db, before, found) {
            Some(ty) => ty,
            None => {
                if let Some(at) = at {
                    let message = format!(
                        "the branches have one type: this is `{}`, the one before is `{}`",
                        found.show(self.db),
                        before.show(self.db)
                    );
                    self.error("E0303", at.node(), message);
                }
                Ty::Unknown
            }
        }
    }

    pub(super) fn match_(&mut self, choice: ast::Match<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let (subject, subject_ty) = self.infer_opt(choice.subject(), None);
        self.no_structure(&subject_ty, choice.node(), "a choice");
        let mut arms = Vec::new();
        let mut ty = Ty::Unknown;
        let mut understood = true;
        for arm in choice.arms() {
            let (pattern, value, found) = self.scoped(|c| {
                let told = c.diags.len();
                let pattern = match arm.pattern() {
                    Some(pattern) => c.pattern(pattern, &subject_ty),
                    None => Pattern::Any,
                };
                understood &= told == c.diags.len();
                let (value, found) = c.branch(arm.value(), hint);
                (pattern, value, found)
            });
            ty = self.joined(arm.value(), &ty, &found);
            arms.push((pattern, value));
        }
        if understood {
            let patterns = choice.arms().map(|arm| arm.pattern());
            let patterns = patterns.zip(arms.iter().map(|(pattern, _)| pattern));
            self.exhaustive(choice.node(), &subject_ty, patterns);
        }
        (ExprKind::Match(Box::new(subject), arms), ty)
    }
}
