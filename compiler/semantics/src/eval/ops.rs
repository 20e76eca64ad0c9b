//! What is done with values: operators, fields, changes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use plat_model::Decimal;
use plat_syntax::ast::BinaryOp;

use super::value::{OutRef, Piece};
use super::{Cx, Data, Eval, Locals, Val, bind};
use crate::check::lower;
use crate::db::ItemId;
use crate::diag::{Diag, Span};
use crate::ir::Expr;
use crate::types::{Ty, kind_head};
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

    /// A field of a value.
    pub fn field_of(&mut self, base: &Val<'db>, name: &Arc<str>, cx: &Cx, span: Span) -> Val<'db> {
        let origin = || cx.origin(span);
        match &base.data {
            Data::Map(entries) => match entries.get(name) {
                Some(value) => value.clone(),
                None => self.no_key(entries.keys(), name, cx, span),
            },
            Data::Case(_, _, parts) => match parts.get(name) {
                Some(value) => value.clone(),
                None => Self::poison(cx, span),
            },
            Data::Range(ends) => match name.as_ref() {
                "min" => ends.0.clone(),
                _ => ends.1.clone(),
            },
            Data::Node(inst) => match name.as_ref() {
                "kind" if !self.has_field(*inst, name) => {
                    let kind = self.kind_of(*inst);
                    let text = kind.map_or_else(|| Arc::from(""), |k| k.name(self.db).clone());
                    Val::new(Data::Text(text), origin())
                }
                _ => self.read(cx, span, *inst, name),
            },
            Data::Here(world) => {
                let name = self.world(*world).map_or("", |w| w.name.as_str());
                Val::new(Data::Text(Arc::from(name)), origin())
            }
            Data::Env(item) => Val::new(Data::Text(item.name(self.db).clone()), origin()),
            Data::Out(out) => self.below_out(out, name, cx, span),
            Data::Link(world, index) => self.link_field(*world, *index, name, cx, span),
            _ => Self::poison(cx, span),
        }
    }

    fn has_field(&self, inst: super::InstId, name: &str) -> bool {
        self.kind_of(inst).is_some_and(|kind| {
            let head = kind_head(self.db, kind);
            head.out(name).is_some() || head.field(name).is_some()
        })
    }

    fn no_key<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a Arc<str>>,
        name: &str,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let spot = self.spot(cx, span);
        let keys: Vec<String> = keys.map(ToString::to_string).collect();
        let names: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut diag = Diag::error("E0503", spot, format!("there is no `{name}` here"));
        if let Some(near) = crate::suggest::nearest(name, names.iter().copied()) {
            diag = diag.help(format!("did you mean `{near}`?"));
        } else if !names.is_empty() {
            let list: Vec<String> = names.iter().take(12).map(|n| format!("`{n}`")).collect();
            diag = diag.note(format!("there is {}", list.join(", ")));
        }
        self.error(cx, diag);
        Self::poison(cx, span)
    }

    /// A name below an out: `db.roles.app`, `web.ports.http`.
    fn below_out(&mut self, out: &Rc<OutRef>, name: &Arc<str>, cx: &Cx, span: Span) -> Val<'db> {
        let (labels, plain) = out.ty.plain(self.db);
        let below = match &plain {
            Ty::Map(inner) => {
                if !self.key_is_declared(out, name, cx, span) {
                    return Self::poison(cx, span);
                }
                Some(((**inner).clone(), None))
            }
            Ty::Record(fields) => fields
                .iter()
                .find(|f| f.name == *name)
                .map(|f| (f.ty.clone(), f.grants.clone())),
            _ => None,
        };
        let Some((ty, grants)) = below else {
            return Self::poison(cx, span);
        };
        // `grants key` is the permission that the key of the map names.
        let by_key = out.grant.as_deref() == Some("key") && matches!(plain, Ty::Map(_));
        let grant = if by_key {
            Some(name.clone())
        } else {
            grants.or_else(|| out.grant.clone())
        };
        let labels = labels.or(out.labels).or(ty.plain(self.db).0);
        let out = OutRef {
            inst: out.inst,
            path: Arc::from(format!("{}.{name}", out.path)),
            ty,
            labels,
            grant,
        };
        Val::new(Data::Out(Rc::new(out)), cx.origin(span))
    }

    /// An out that is a map has the keys of the input of its name.
    fn key_is_declared(&mut self, out: &Rc<OutRef>, name: &str, cx: &Cx, span: Span) -> bool {
        let Some(kind) = self.kind_of(out.inst) else {
            return true;
        };
        if kind_head(self.db, kind).field(&out.path).is_none() {
            return true;
        }
        let input = self.field(cx, span, out.inst, &out.path);
        match &input.data {
            Data::Map(entries) if !entries.contains_key(name) => {
                self.no_key(entries.keys(), name, cx, span);
                false
            }
            _ => true,
        }
    }

    pub(super) fn member(
        &mut self,
        base: Val<'db>,
        ty: ItemId,
        name: &Arc<str>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        if base.is_poison() {
            return base;
        }
        let inner = Cx {
            world: cx.world,
            item: ty,
            inst: None,
            kind: cx.kind,
        };
        match lower(self.db, ty).lets.get(name) {
            // `self` is the first variable of a type.
            Some(value) => self.eval(&value.expr, &inner, &bind(&None, 0, base)),
            None => Self::poison(cx, span),
        }
    }

    pub(super) fn index(
        &mut self,
        base: &Val<'db>,
        key: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        match (&base.data, &key.data) {
            (Data::Poison, _) | (_, Data::Poison) => Self::poison(cx, span),
            (Data::List(values), Data::Int(n)) => {
                let found = usize::try_from(*n).ok().and_then(|i| values.get(i));
                match found {
                    Some(value) => value.clone(),
                    None => {
                        let message =
                            format!("the list has {} elements, and no number {n}", values.len());
                        let diag = Diag::error("E0503", self.spot(cx, span), message)
                            .help("elements are numbered from 0");
                        self.error(cx, diag);
                        Self::poison(cx, span)
                    }
                }
            }
            (Data::Map(_) | Data::Out(_), Data::Text(name)) => self.field_of(base, name, cx, span),
            (Data::Family(world, decl, owner), Data::Text(name)) => {
                let members = self.members(*world, *owner, *decl);
                match members.by_key.get(name) {
                    Some(inst) => Val::new(Data::Node(*inst), cx.origin(span)),
                    None => self.no_key(members.by_key.keys(), name, cx, span),
                }
            }
            _ => {
                self.not_known(key, cx, span, "a key");
                Self::poison(cx, span)
            }
        }
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
        Val::new(Data::Range(Rc::new((low, high))), cx.origin(span))
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
            Data::Int(n) => n.checked_neg().map(Data::Int),
            Data::Decimal(n) => n.checked_neg().map(Data::Decimal),
            Data::Quantity(n, dim, _) => n
                .checked_neg()
                .map(|n| Data::Quantity(n, dim.clone(), None)),
            Data::Poison => return value.clone(),
            _ => {
                self.not_known(value, cx, span, "a number");
                return Self::poison(cx, span);
            }
        };
        self.number(data, cx, span)
    }

    fn number(&mut self, data: Option<Data<'db>>, cx: &Cx, span: Span) -> Val<'db> {
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
                self.operate(op, &left, &right, cx, span)
            }
        }
    }

    fn operate(
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

    fn calculate(
        &mut self,
        op: BinaryOp,
        left: &Val<'db>,
        right: &Val<'db>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        if let (Data::List(a), Data::List(b)) = (&left.data, &right.data) {
            if !self.make(cx, span, a.len() + b.len()) {
                return Self::poison(cx, span);
            }
            let values = a.iter().chain(b.iter()).cloned().collect();
            return Val::new(Data::List(values), cx.origin(span));
        }
        if let (Data::Int(a), Data::Int(b)) = (&left.data, &right.data) {
            let whole = match op {
                BinaryOp::Add => Some(a.checked_add(*b)),
                BinaryOp::Subtract => Some(a.checked_sub(*b)),
                BinaryOp::Multiply => Some(a.checked_mul(*b)),
                _ => None,
            };
            if let Some(n) = whole {
                return self.number(n.map(Data::Int), cx, span);
            }
        }
        let (Some((a, da)), Some((b, db))) = (amount(left), amount(right)) else {
            let unknown = if amount(left).is_none() { left } else { right };
            self.not_known(unknown, cx, span, "a number");
            return Self::poison(cx, span);
        };
        if op == BinaryOp::Divide && b == Decimal::ZERO {
            let message = "this divides by nought";
            self.error(cx, Diag::error("E0502", self.spot(cx, span), message));
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
                Data::Decimal(n)
            } else {
                Data::Quantity(n, dim, text)
            }
        });
        self.number(data, cx, span)
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
            (Data::Case(s, c, x), Data::Case(t, d, y)) => {
                if s != t || c != d {
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

    fn entries_equal(
        &mut self,
        x: &BTreeMap<Arc<str>, Val<'db>>,
        y: &BTreeMap<Arc<str>, Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Option<bool> {
        if x.len() != y.len() {
            return Some(false);
        }
        for ((k, p), (l, q)) in x.iter().zip(y) {
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

    /// The value with the one at a path below it replaced; where `takes_out`, a `none` takes the
    /// entry there out.
    pub(super) fn update(
        &mut self,
        value: &Val<'db>,
        path: &[Arc<str>],
        new: Val<'db>,
        takes_out: bool,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Some((name, rest)) = path.split_first() else {
            return new.over(&value.origin, Some(value));
        };
        let replace = |this: &mut Self, entries: &super::Entries<'db>| {
            let mut entries: BTreeMap<Arc<str>, Val<'db>> = (**entries).clone();
            let next = match entries.get(name) {
                Some(old) => this.update(old, rest, new.clone(), takes_out, cx, span),
                None if rest.is_empty() => new.clone(),
                None => {
                    let empty = Val::new(Data::Map(Rc::new(BTreeMap::new())), cx.origin(span));
                    this.update(&empty, rest, new.clone(), takes_out, cx, span)
                }
            };
            if next.is_none() && takes_out && rest.is_empty() {
                entries.remove(name);
            } else {
                entries.insert(name.clone(), next);
            }
            Rc::new(entries)
        };
        let data = match &value.data {
            Data::Map(entries) => Data::Map(replace(self, entries)),
            Data::Case(ty, case, parts) if parts.contains_key(name) => {
                Data::Case(*ty, case.clone(), replace(self, parts))
            }
            Data::Case(ty, case, parts) => {
                // An implicit case of a record is looked through.
                let through = parts.iter().next().filter(|_| parts.len() == 1);
                match through.map(|(k, v)| (k.clone(), v.clone())) {
                    Some((key, inner)) if matches!(inner.data, Data::Map(_)) => {
                        let inner = self.update(&inner, path, new, takes_out, cx, span);
                        let mut parts = (**parts).clone();
                        parts.insert(key, inner);
                        Data::Case(*ty, case.clone(), Rc::new(parts))
                    }
                    _ => {
                        let shown = self.show(value);
                        let message = format!("what is there is `{shown}`, which has no `{name}`");
                        let diag = Diag::error("E0509", self.spot(cx, span), message)
                            .help("set the whole value");
                        self.error(cx, diag);
                        return Self::poison(cx, span);
                    }
                }
            }
            Data::Poison => return value.clone(),
            _ => {
                let shown = self.show(value);
                let message = format!("what is there is `{shown}`, which has no `{name}`");
                let diag =
                    Diag::error("E0509", self.spot(cx, span), message).help("set the whole value");
                self.error(cx, diag);
                return Self::poison(cx, span);
            }
        };
        Val::new(data, value.origin.clone())
    }
}

/// `900USD / 1month`: a quotient of quantities is written as it was.
fn quotient_text(op: BinaryOp, left: &Val<'_>, right: &Val<'_>) -> Option<Arc<str>> {
    match (op, &left.data, &right.data) {
        (BinaryOp::Divide, Data::Quantity(_, a, Some(over)), Data::Quantity(_, b, Some(under)))
            if a != b && !b.is_percent() =>
        {
            Some(Arc::from(format!("{over} / {under}")))
        }
        _ => None,
    }
}

/// A number and its dimension.
pub(crate) fn amount(value: &Val<'_>) -> Option<(Decimal, Dim)> {
    match &value.data {
        Data::Int(n) => Some((Decimal::int(*n), Dim::default())),
        Data::Decimal(n) => Some((*n, Dim::default())),
        Data::Quantity(n, dim, _) => Some((*n, dim.clone())),
        _ => None,
    }
}
