//! What is done with values: operators, fields, changes.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use plat_model::Decimal;
use plat_syntax::ast::BinaryOp;
use salsa::plumbing::AsId as _;

use super::value::Piece;
use super::{Cx, Data, Entries, Eval, Locals, Val};
use crate::diag::{Diag, Span};
use crate::ir::Expr;
use crate::units::Dim;

impl<'db> Eval<'db> {
    /// Says that a value is not known while compiling, where it must be.
    pub fn not_known(&mut self, value: &Val<'db>, cx: &Cx, span: Span, what: &str) {
        let given = match &value.data {
            Data::Out(out) => Some(out.clone()),
            Data::Pieces(pieces) => pieces.iter().find_map(|p| match p {
                Piece::Hole(out, ..) => Some(out.clone()),
                Piece::Literal(_) => None,
            }),
            Data::Poison => return,
            _ => None,
        };
        let spot = self.spot(cx, span);
        let diag = match given {
            Some(out) => {
                let path = format!("{}.{}", self.path_of(out.inst), out.path);
                Diag::error(
                    "E0404",
                    spot,
                    format!("{what} must be known here, and `{path}` is given by the target"),
                )
            }
            None => Diag::error("E0404", spot, format!("{what} must be known here")),
        };
        self.error(cx, diag);
    }

    pub(super) fn range(&mut self, low: Val<'db>, high: Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        if low.is_poison() || high.is_poison() {
            return Self::poison(cx, span);
        }
        if self.order(&low, &high) == Some(Ordering::Greater) {
            let message = format!(
                "this range is empty: {} is more than {}",
                self.show(&low),
                self.show(&high)
            );
            self.error(cx, Diag::error("E0508", self.spot(cx, span), message));
            return Self::poison(cx, span);
        }
        self.made(Data::Range(Rc::new((low, high))), cx, span)
    }

    /// The negative of a number.
    pub(crate) fn negated(&mut self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        self.negate(value, cx, span)
    }

    /// The sum of two numbers.
    pub(crate) fn added(&mut self, a: &Val<'db>, b: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        self.calculate(BinaryOp::Add, a, b, cx, span)
    }

    pub(super) fn negate(&mut self, value: &Val<'db>, cx: &Cx, span: Span) -> Val<'db> {
        let data = match &value.data {
            Data::Int(n) => n.get().checked_neg().map(Data::int),
            Data::Decimal(n) => n.checked_neg().map(Data::decimal),
            Data::Quantity(q) => {
                let negative = q.number.checked_neg();
                negative.map(|n| Data::quantity(n, q.dim.clone(), None))
            }
            Data::Poison => return value.clone(),
            _ => {
                self.not_known(value, cx, span, "a number");
                return Self::poison(cx, span);
            }
        };
        self.number(data, cx, span)
    }

    pub(super) fn number(&mut self, data: Option<Data<'db>>, cx: &Cx, span: Span) -> Val<'db> {
        match data {
            Some(data) => Val::new(data, cx.origin(span)),
            None => {
                let message = "the result does not fit into 128 bits";
                self.error(cx, Diag::error("E0502", self.spot(cx, span), message));
                Self::poison(cx, span)
            }
        }
    }

    pub(super) fn binary(
        &mut self,
        op: BinaryOp,
        left: &'db Expr,
        right: &'db Expr,
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let new = |data| Val::new(data, cx.origin(span));
        match op {
            BinaryOp::And => {
                let Some((holds, inner)) = self.condition(left, cx, locals) else {
                    return Self::poison(cx, span);
                };
                if !holds {
                    return new(Data::Bool(false));
                }
                match self.condition(right, cx, &inner) {
                    Some((b, _)) => new(Data::Bool(b)),
                    None => Self::poison(cx, span),
                }
            }
            BinaryOp::Or => {
                let Some((holds, _)) = self.condition(left, cx, locals) else {
                    return Self::poison(cx, span);
                };
                if holds {
                    return new(Data::Bool(true));
                }
                match self.condition(right, cx, locals) {
                    Some((b, _)) => new(Data::Bool(b)),
                    None => Self::poison(cx, span),
                }
            }
            BinaryOp::OrElse => {
                let left = self.eval(left, cx, locals);
                if left.is_none() {
                    self.eval(right, cx, locals)
                } else {
                    left
                }
            }
            _ => {
                let left = self.eval(left, cx, locals);
                let right = self.eval(right, cx, locals);
                if left.is_poison() || right.is_poison() {
                    return Self::poison(cx, span);
                }
                if let (BinaryOp::Add, Data::List(a), Data::List(b)) = (op, &left.data, &right.data)
                {
                    let (a, b) = (a.clone(), b.clone());
                    drop(left);
                    return self.join(a, &b, cx, span);
                }
                self.operate(op, &left, &right, cx, span)
            }
        }
    }

    pub(super) fn operate(
        &mut self,
        op: BinaryOp,
        left: &Val<'db>,
        right: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let truth = |b: Option<bool>| match b {
            Some(b) => Val::new(Data::Bool(b), cx.origin(span)),
            None => Self::poison(cx, span),
        };
        match op {
            BinaryOp::Equal => truth(self.equal(left, right, cx, span)),
            BinaryOp::NotEqual => truth(self.equal(left, right, cx, span).map(|b| !b)),
            BinaryOp::In => truth(self.within(left, right, cx, span)),
            BinaryOp::Less | BinaryOp::LessEqual | BinaryOp::Greater | BinaryOp::GreaterEqual => {
                let Some(order) = self.order(left, right) else {
                    self.not_known(left, cx, span, "what is compared");
                    return Self::poison(cx, span);
                };
                let holds = match op {
                    BinaryOp::Less => order == Ordering::Less,
                    BinaryOp::LessEqual => order != Ordering::Greater,
                    BinaryOp::Greater => order == Ordering::Greater,
                    _ => order != Ordering::Less,
                };
                truth(Some(holds))
            }
            _ => self.calculate(op, left, right, cx, span),
        }
    }

    pub(super) fn calculate(
        &mut self,
        op: BinaryOp,
        left: &Val<'db>,
        right: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        if let (Data::List(a), Data::List(b)) = (&left.data, &right.data) {
            return self.join(a.clone(), b, cx, span);
        }
        if let (Data::Int(a), Data::Int(b)) = (&left.data, &right.data) {
            let (a, b) = (a.get(), b.get());
            let whole = match op {
                BinaryOp::Add => Some(a.checked_add(b)),
                BinaryOp::Subtract => Some(a.checked_sub(b)),
                BinaryOp::Multiply => Some(a.checked_mul(b)),
                _ => None,
            };
            if let Some(n) = whole {
                return self.number(n.map(Data::int), cx, span);
            }
        }
        let (Some((a, da)), Some((b, db))) = (amount(left), amount(right)) else {
            let unknown = if amount(left).is_none() { left } else { right };
            self.not_known(unknown, cx, span, "a number");
            return Self::poison(cx, span);
        };
        if op == BinaryOp::Divide && b == Decimal::ZERO {
            let here = self.spot(cx, span);
            let mut diag = Diag::error("E0502", here, "division by zero");
            let site = right.origin.0.site;
            // The zero may have been written elsewhere.
            if site.item != here.item
                || site.span.start < here.range.start
                || site.span.end > here.range.end
            {
                let written = crate::diag::Spot {
                    item: site.item,
                    range: site.span,
                };
                diag = diag.related(written, "the zero comes from here");
            }
            self.error(cx, diag);
            return Self::poison(cx, span);
        }
        let (result, dim) = match op {
            BinaryOp::Add => (a.checked_add(b), da),
            BinaryOp::Subtract => (a.checked_sub(b), da),
            BinaryOp::Multiply => (a.checked_mul(b), da.times(&db, 1)),
            _ => (a.checked_div(b), da.times(&db, -1)),
        };
        let text = quotient_text(op, left, right);
        let data = result.map(|n| {
            if dim.is_none() {
                Data::decimal(n)
            } else {
                Data::quantity(n, dim, text)
            }
        });
        self.number(data, cx, span)
    }

    /// A list and another behind it. A list that nobody else holds grows in place: a long sum of
    /// lists costs no more than its elements.
    fn join(
        &mut self,
        mut list: Rc<Vec<Val<'db>>>,
        more: &[Val<'db>],
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let copied = if Rc::strong_count(&list) > 1 {
            list.len()
        } else {
            0
        };
        if !self.make(cx, span, copied + more.len()) {
            return Self::poison(cx, span);
        }
        Rc::make_mut(&mut list).extend_from_slice(more);
        Val::new(Data::List(list), cx.origin(span))
    }

    /// Are two values equal? `None` where it cannot be told.
    pub(crate) fn equal(
        &mut self,
        a: &Val<'db>,
        b: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Option<bool> {
        if a.is_poison() || b.is_poison() {
            return None;
        }
        if a.is_none() || b.is_none() {
            return Some(a.is_none() && b.is_none());
        }
        match (&a.data, &b.data) {
            (Data::Out(_) | Data::Pieces(_), _) => {
                self.not_known(a, cx, span, "what is compared");
                None
            }
            (_, Data::Out(_) | Data::Pieces(_)) => {
                self.not_known(b, cx, span, "what is compared");
                None
            }
            (Data::Bool(x), Data::Bool(y)) => Some(x == y),
            (Data::Text(x), Data::Text(y)) => Some(x == y),
            // Across environments, a declaration is the one of the same path.
            (Data::Node(x), Data::Node(y)) if x.world == y.world => Some(x == y),
            (Data::Node(x), Data::Node(y)) => Some(self.path_of(*x) == self.path_of(*y)),
            (Data::Env(x), Data::Env(y)) => Some(x == y),
            (Data::Here(world), Data::Env(x)) | (Data::Env(x), Data::Here(world)) => {
                Some(self.world(*world)?.env == *x)
            }
            (Data::Range(x), Data::Range(y)) => {
                Some(self.equal(&x.0, &y.0, cx, span)? && self.equal(&x.1, &y.1, cx, span)?)
            }
            (Data::List(x), Data::List(y)) => {
                if x.len() != y.len() {
                    return Some(false);
                }
                for (p, q) in x.iter().zip(y.iter()) {
                    if !self.equal(p, q, cx, span)? {
                        return Some(false);
                    }
                }
                Some(true)
            }
            (Data::Map(x), Data::Map(y)) => self.entries_equal(x, y, cx, span),
            (Data::Case(c, x), Data::Case(d, y)) => {
                if c.of != d.of || c.name != d.name {
                    return Some(false);
                }
                self.entries_equal(x, y, cx, span)
            }
            _ => match (amount(a), amount(b)) {
                (Some((x, dx)), Some((y, dy))) => Some(x == y && dx == dy),
                _ => Some(false),
            },
        }
    }

    /// A text that values have in common which are equal, and others don't.
    pub(crate) fn key(&self, value: &Val<'db>) -> String {
        let mut key = String::new();
        self.write_key(value, &mut key);
        key
    }

    fn write_key(&self, value: &Val<'db>, key: &mut String) {
        use std::fmt::Write as _;
        // With its length before it a text can't be taken for what follows.
        let text = |key: &mut String, text: &str| {
            let _ = write!(key, "{}:{text}", text.len());
        };
        if let Some((number, dim)) = amount(value) {
            let _ = write!(key, "#{number} {dim};");
            return;
        }
        match &value.data {
            Data::Bool(b) => {
                let _ = write!(key, "{b};");
            }
            Data::Text(t) => text(key, t),
            Data::Range(ends) => {
                key.push('.');
                self.write_key(&ends.0, key);
                self.write_key(&ends.1, key);
            }
            Data::List(values) => {
                key.push('[');
                for value in values.iter() {
                    self.write_key(value, key);
                }
                key.push(']');
            }
            Data::Map(entries) => self.write_entries(entries, key),
            Data::Case(case, parts) => {
                let _ = write!(key, "@{}", case.of.as_id().as_bits());
                text(key, &case.name);
                self.write_entries(parts, key);
            }
            // Across environments, a declaration is the one of the same path.
            Data::Node(inst) => {
                key.push('&');
                text(key, self.path(*inst));
            }
            Data::Env(env) => {
                let _ = write!(key, "e{};", env.as_id().as_bits());
            }
            Data::Here(world) => {
                let env = self.world(*world).map_or(0, |w| w.env.as_id().as_bits());
                let _ = write!(key, "e{env};");
            }
            Data::Link(world, number) => {
                let _ = write!(key, "l{world} {number};");
            }
            // What is not known yet, and what is not compared: one that looks alike is the same.
            _ => text(key, &self.show_long(value)),
        }
    }

    fn write_entries(&self, entries: &Entries<'db>, key: &mut String) {
        key.push('{');
        for (name, value) in entries.iter() {
            key.push_str(&format!("{}:{name}", name.len()));
            self.write_key(value, key);
        }
        key.push('}');
    }

    pub(super) fn entries_equal(
        &mut self,
        x: &Entries<'db>,
        y: &Entries<'db>,
        cx: &Cx,
        span: Span,
    ) -> Option<bool> {
        if x.len() != y.len() {
            return Some(false);
        }
        for ((k, p), (l, q)) in x.iter().zip(y.iter()) {
            if k != l || !self.equal(p, q, cx, span)? {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The order of two numbers, quantities or texts.
    pub(crate) fn order(&self, a: &Val<'db>, b: &Val<'db>) -> Option<Ordering> {
        if let (Data::Text(x), Data::Text(y)) = (&a.data, &b.data) {
            return Some(x.cmp(y));
        }
        let ((x, dx), (y, dy)) = (amount(a)?, amount(b)?);
        (dx == dy).then(|| x.cmp(&y))
    }

    /// Does a list, a range or a map hold a value?
    pub(super) fn within(
        &mut self,
        value: &Val<'db>,
        inside: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Option<bool> {
        match &inside.data {
            Data::Range(ends) => {
                let (Some(low), Some(high)) =
                    (self.order(value, &ends.0), self.order(value, &ends.1))
                else {
                    self.not_known(value, cx, span, "what is compared");
                    return None;
                };
                Some(low != Ordering::Less && high != Ordering::Greater)
            }
            Data::List(values) => {
                for other in values.iter() {
                    if self.equal(value, other, cx, span)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            Data::Map(entries) => match value.text() {
                Some(name) => Some(entries.contains_key(&name)),
                None => {
                    self.not_known(value, cx, span, "a key");
                    None
                }
            },
            _ => None,
        }
    }
}

/// `900USD / 1month`: a quotient of quantities is written as it was.
fn quotient_text(op: BinaryOp, left: &Val<'_>, right: &Val<'_>) -> Option<Arc<str>> {
    match (op, &left.data, &right.data) {
        (BinaryOp::Divide, Data::Quantity(a), Data::Quantity(b))
            if a.dim != b.dim && !b.dim.is_percent() =>
        {
            let (over, under) = (a.text.as_ref()?, b.text.as_ref()?);
            Some(Arc::from(format!("{over} / {under}")))
        }
        _ => None,
    }
}

/// A number and its dimension.
pub(crate) fn amount(value: &Val<'_>) -> Option<(Decimal, Dim)> {
    match &value.data {
        Data::Int(n) => Some((Decimal::int(n.get()), Dim::default())),
        Data::Decimal(n) => Some((**n, Dim::default())),
        Data::Quantity(q) => Some((q.number, q.dim.clone())),
        _ => None,
    }
}
