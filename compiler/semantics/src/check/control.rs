//! `if`, `match`, `is`, and conditions, whose tests bind names for the branch.

use plat_syntax::ast::{self, BinaryOp};

use super::Checker;
use crate::db::Db;
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, Pattern};
use crate::types::{Ty, TypeBody, Word, join, type_def};

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
                let pattern = match test.pattern() {
                    Some(pattern) => self.pattern(pattern, &ty),
                    None => Pattern::Any,
                };
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
    pub(super) fn no_structure(&mut self, ty: &Ty, node: plat_syntax::Node<'_>, what: &str) {
        let labels = self.labels_of(ty);
        if labels.secret {
            let spot = self.spot(node);
            let message = format!("{what} may not depend on a secret");
            self.diags.push(
                Diag::error("E0402", spot, message)
                    .label(format!("this is `{}`", ty.show(self.db))),
            );
        } else if labels.later {
            let spot = self.spot(node);
            let message = format!("{what} must be known before anything is applied");
            self.diags
                .push(Diag::error("E0403", spot, message).label(format!(
                    "this is `{}`: known only after apply",
                    ty.show(self.db)
                )));
        }
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
        for arm in choice.arms() {
            let (pattern, value, found) = self.scoped(|c| {
                let pattern = match arm.pattern() {
                    Some(pattern) => c.pattern(pattern, &subject_ty),
                    None => Pattern::Any,
                };
                let (value, found) = c.branch(arm.value(), hint);
                (pattern, value, found)
            });
            ty = self.joined(arm.value(), &ty, &found);
            arms.push((pattern, value));
        }
        let missing = missing_cases(self.db, &subject_ty, arms.iter().map(|(p, _)| p));
        if !missing.is_empty() {
            let spot = self.spot(choice.node());
            let list: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
            let message = format!("this `match` leaves out {}", list.join(", "));
            self.diags.push(
                Diag::error("E0319", spot, message)
                    .help("add an arm for each, or `_ => …` for the rest"),
            );
        }
        (ExprKind::Match(Box::new(subject), arms), ty)
    }
}

/// What no pattern speaks of, as it would be written.
fn missing_cases<'a>(
    db: &dyn Db,
    ty: &Ty,
    patterns: impl Iterator<Item = &'a Pattern>,
) -> Vec<String> {
    let mut flat: Vec<&Pattern> = Vec::new();
    for pattern in patterns {
        match pattern {
            Pattern::Or(list) => flat.extend(list),
            other => flat.push(other),
        }
    }
    if flat.iter().any(|p| covers_all(p)) {
        return Vec::new();
    }
    let has = |test: &dyn Fn(&Pattern) -> bool| flat.iter().any(|p| test(p));
    let equal_text = |text: &str| {
        has(
            &|p| matches!(p, Pattern::Equal(Expr { kind: ExprKind::Text(t), .. }) if t.as_ref() == text),
        )
    };
    match ty.plain(db).1 {
        Ty::Unknown => Vec::new(),
        Ty::Bool => [true, false]
            .into_iter()
            .filter(|b| {
                !has(&|p| matches!(p, Pattern::Equal(Expr { kind: ExprKind::Bool(x), .. }) if x == b))
            })
            .map(|b| b.to_string())
            .collect(),
        Ty::Word(word) => missing_words(&[word], &equal_text),
        Ty::Words(words) => missing_words(&words, &equal_text),
        Ty::Optional(inner) => {
            let mut missing = Vec::new();
            if !has(&|p| matches!(p, Pattern::None)) {
                missing.push("none".to_owned());
            }
            let all = has(&|p| matches!(p, Pattern::Some(inner) if covers_all(inner)));
            let rest: Vec<&Pattern> = flat
                .iter()
                .filter(|p| !matches!(p, Pattern::None | Pattern::Some(_)))
                .copied()
                .collect();
            if !all {
                if rest.is_empty() {
                    missing.push("some(_)".to_owned());
                } else {
                    missing.extend(missing_cases(db, &inner, rest.into_iter()));
                }
            }
            missing
        }
        Ty::Named(item) => match &type_def(db, item).body {
            TypeBody::Variant(cases) => cases
                .iter()
                .filter(|case| {
                    !has(&|p| {
                        matches!(p, Pattern::Case(name, parts)
                            if *name == case.name && parts.iter().all(|(_, p)| covers_all(p)))
                    })
                })
                .map(|case| {
                    let parts = if case.params.is_empty() { "" } else { "(…)" };
                    format!("{}{parts}", case.name)
                })
                .collect(),
            TypeBody::Alias(_) => Vec::new(),
        },
        _ => vec!["_".to_owned()],
    }
}

fn missing_words(words: &[Word], has: &dyn Fn(&str) -> bool) -> Vec<String> {
    words
        .iter()
        .filter(|word| match word {
            Word::Text(text) => !has(text),
            Word::Number(_) => true,
        })
        .map(ToString::to_string)
        .collect()
}

fn covers_all(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Any | Pattern::Bind(_) => true,
        Pattern::Or(list) => list.iter().any(covers_all),
        _ => false,
    }
}
