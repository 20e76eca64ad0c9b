//! Conditions and patterns, and what they bind.

use super::{Cx, Data, Eval, Locals, Val, bind};
use crate::diag::Span;
use crate::ir::{Expr, ExprKind, Pattern};
use crate::types::kind_head;

impl<'db> Eval<'db> {
    /// A condition: whether it holds, and the variables that it binds. `None` where that cannot
    /// be told, which has been reported.
    pub fn condition(
        &mut self,
        expr: &'db Expr,
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Option<(bool, Locals<'db>)> {
        match &expr.kind {
            ExprKind::Binary(plat_syntax::ast::BinaryOp::And, left, right) => {
                let (holds, inner) = self.condition(left, cx, locals)?;
                if !holds {
                    return Some((false, locals.clone()));
                }
                self.condition(right, cx, &inner)
            }
            ExprKind::Binary(plat_syntax::ast::BinaryOp::Or, left, right) => {
                let (holds, _) = self.condition(left, cx, locals)?;
                if holds {
                    return Some((true, locals.clone()));
                }
                let (holds, _) = self.condition(right, cx, locals)?;
                Some((holds, locals.clone()))
            }
            ExprKind::Unary(plat_syntax::ast::UnaryOp::Not, inner) => {
                let (holds, _) = self.condition(inner, cx, locals)?;
                Some((!holds, locals.clone()))
            }
            ExprKind::Is(subject, pattern) => {
                let subject = self.eval(subject, cx, locals);
                self.matches(pattern, &subject, cx, locals, expr.span)
            }
            _ => {
                let value = self.eval(expr, cx, locals);
                match value.data {
                    Data::Bool(b) => Some((b, locals.clone())),
                    Data::Poison => None,
                    _ => {
                        self.not_known(&value, cx, expr.span, "a condition");
                        None
                    }
                }
            }
        }
    }

    /// Does a value match? With the variables that the pattern binds.
    pub(super) fn matches(
        &mut self,
        pattern: &'db Pattern,
        value: &Val<'db>,
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Option<(bool, Locals<'db>)> {
        if value.is_poison() {
            return None;
        }
        let plain = |b: bool| Some((b, locals.clone()));
        match pattern {
            Pattern::Any => plain(true),
            Pattern::Bind(id) => Some((true, bind(locals, *id, value.clone()))),
            Pattern::None => plain(value.is_none()),
            Pattern::Some(inner) => {
                if value.is_none() {
                    return plain(false);
                }
                self.matches(inner, value, cx, locals, span)
            }
            Pattern::Equal(expr) => {
                let other = self.eval(expr, cx, locals);
                let equal = self.equal(value, &other, cx, span)?;
                plain(equal)
            }
            Pattern::Within(expr) => {
                let range = self.eval(expr, cx, locals);
                let within = self.within(value, &range, cx, span)?;
                plain(within)
            }
            Pattern::Case(name, parts) => {
                let Data::Case(case, fields) = &value.data else {
                    return plain(false);
                };
                if case.name != *name {
                    return plain(false);
                }
                let mut scope = locals.clone();
                for (part, pattern) in parts {
                    let Some(field) = fields.get(part) else {
                        return plain(false);
                    };
                    let (holds, inner) = self.matches(pattern, field, cx, &scope, span)?;
                    if !holds {
                        return plain(false);
                    }
                    scope = inner;
                }
                Some((true, scope))
            }
            Pattern::Kind(kind) => {
                let Data::Node(inst) = value.data else {
                    return plain(false);
                };
                let own = self.kind_of(inst)?;
                let holds = own == *kind || kind_head(self.db, own).parents.contains(kind);
                plain(holds)
            }
            Pattern::Env(env) => {
                let holds = match value.data {
                    Data::Here(world) => self.world(world)?.chain.contains(env),
                    Data::Env(other) => other == *env,
                    _ => false,
                };
                plain(holds)
            }
            Pattern::Or(alternatives) => {
                for alternative in alternatives {
                    let (holds, inner) = self.matches(alternative, value, cx, locals, span)?;
                    if holds {
                        return Some((true, inner));
                    }
                }
                plain(false)
            }
        }
    }
}
