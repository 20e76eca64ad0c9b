//! Expressions.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::value::{Closure, Family, Kind, Piece};
use super::{CellKey, Cx, Data, Eval, InstId, Locals, Val, bind};
use crate::check::lower;
use crate::db::ItemId;
use crate::diag::{Diag, Span, Spot};
use crate::ir::{Clause, Expr, ExprKind, Step, TextPart};
use crate::names::DeclRef;
use crate::types::{NodeRef, ParamHead, TypeBody, kind_head};

impl<'db> Eval<'db> {
    /// The value of an expression.
    pub fn eval(&mut self, expr: &'db Expr, cx: &Cx, locals: &Locals<'db>) -> Val<'db> {
        let span = expr.span;
        if !self.step(cx, span) || Self::is_poison_expr(expr) {
            return Self::poison(cx, span);
        }
        match &expr.kind {
            ExprKind::Poison => Self::poison(cx, span),
            ExprKind::None => self.made(Data::None, cx, span),
            ExprKind::Bool(b) => self.made(Data::Bool(*b), cx, span),
            ExprKind::Int(n) => self.made(Data::Int(*n), cx, span),
            ExprKind::Decimal(f) => self.made(Data::decimal(f.decimal()), cx, span),
            ExprKind::Quantity(q) => {
                let (dim, text) = (q.dim.clone(), Some(q.text.clone()));
                let amount = q.amount.decimal();
                self.made(Data::quantity(amount, dim, text), cx, span)
            }
            ExprKind::Text(text) => self.made(Data::Text(text.clone()), cx, span),
            ExprKind::Interpolate(parts) => self.interpolate(parts, cx, locals, span),
            ExprKind::List(values) => {
                if !self.make(cx, span, values.len()) {
                    return Self::poison(cx, span);
                }
                let values = values.iter().map(|v| self.eval(v, cx, locals)).collect();
                self.made(Data::list(values), cx, span)
            }
            ExprKind::Record(entries, drop_none) => {
                self.record(entries, *drop_none, cx, locals, span)
            }
            ExprKind::ListComp(clauses, element) => {
                let mut out = Vec::new();
                self.comprehend(clauses, cx, locals, &mut |this, locals| {
                    let value = this.eval(element, cx, locals);
                    out.push(value);
                });
                if !self.make(cx, span, out.len()) {
                    return Self::poison(cx, span);
                }
                self.made(Data::list(out), cx, span)
            }
            ExprKind::MapComp(clauses, entry) => {
                self.map_comp(clauses, &entry.0, &entry.1, cx, locals, span)
            }
            ExprKind::Local(id) => {
                let mut at = locals;
                while let Some(local) = at {
                    if local.id == *id {
                        return local.value.clone();
                    }
                    at = &local.next;
                }
                // A family's key, where the family is looked at as a whole.
                Self::poison(cx, span)
            }
            ExprKind::Let(item) => self.module_let(*item, cx, span),
            ExprKind::KindLet(name) => self.kind_let(name, cx, span),
            ExprKind::Input(name) => match cx.inst {
                Some(inst) => self.field(cx, span, inst, name),
                None => Self::poison(cx, span),
            },
            ExprKind::AppInput(item, name) => self.app_input(cx, span, *item, name),
            ExprKind::Decl(decl) => self.decl(*decl, None, cx, span),
            ExprKind::Content(decl) => self.decl(*decl, cx.inst, cx, span),
            ExprKind::Environment => self.made(Data::Here(cx.world), cx, span),
            ExprKind::Env(item) => self.made(Data::Env(*item), cx, span),
            ExprKind::Field(base, name) => {
                let base = self.eval(base, cx, locals);
                self.field_of(&base, name, cx, span)
            }
            ExprKind::Member(base, ty, name) => {
                let base = self.eval(base, cx, locals);
                self.member(base, *ty, name, cx, span)
            }
            ExprKind::Index(base, key) => {
                let base = self.eval(base, cx, locals);
                let key = self.eval(key, cx, locals);
                self.index(&base, &key, cx, span)
            }
            ExprKind::Safe(base, local, body) => {
                let base = self.eval(base, cx, locals);
                if base.is_none() {
                    return self.made(Data::None, cx, span);
                }
                self.eval(body, cx, &bind(locals, *local, base))
            }
            ExprKind::Call(item, args) => self.call(*item, args, cx, locals, span),
            ExprKind::Apply(callee, args) => {
                let callee = self.eval(callee, cx, locals);
                let args = args.iter().map(|a| self.eval(a, cx, locals)).collect();
                self.apply(&callee, args, cx, span)
            }
            ExprKind::Import(item, value) => {
                let inner = Cx { item: *item, ..*cx };
                self.eval(value, &inner, &None)
            }
            ExprKind::Builtin(builtin, args) => {
                let args = args.iter().map(|a| self.eval(a, cx, locals)).collect();
                self.builtin(*builtin, args, cx, span)
            }
            ExprKind::Case(ty, index, args) => self.case(*ty, *index, args, cx, locals, span),
            ExprKind::Target(kind, fields) => self.make_target(*kind, fields, cx, locals, span),
            ExprKind::Closure(params, body) => {
                let closure = Closure {
                    params,
                    body,
                    cx: *cx,
                    locals: locals.clone(),
                };
                self.made(Data::Closure(Rc::new(closure)), cx, span)
            }
            ExprKind::Match(subject, arms) => {
                let subject = self.eval(subject, cx, locals);
                if subject.is_poison() {
                    return subject;
                }
                for (pattern, value) in arms {
                    match self.matches(pattern, &subject, cx, locals, span) {
                        Some((true, inner)) => return self.eval(value, cx, &inner),
                        Some((false, _)) => {}
                        None => break,
                    }
                }
                Self::poison(cx, span)
            }
            ExprKind::If(condition, then, other) => match self.condition(condition, cx, locals) {
                Some((true, inner)) => self.eval(then, cx, &inner),
                Some((false, _)) => self.eval(other, cx, locals),
                None => Self::poison(cx, span),
            },
            ExprKind::Is(..) | ExprKind::Unary(plat_syntax::ast::UnaryOp::Not, _) => {
                match self.condition(expr, cx, locals) {
                    Some((b, _)) => self.made(Data::Bool(b), cx, span),
                    None => Self::poison(cx, span),
                }
            }
            ExprKind::With(base, changes, _) => {
                let mut value = self.eval(base, cx, locals);
                let inner = Cx {
                    kind: Kind::With,
                    ..*cx
                };
                // So few are each compared with all that is there.
                let mut beside = (changes.len() > 8).then(crate::suggest::NearKeys::default);
                for change in changes {
                    let path = self.path_names(&change.path, cx, locals);
                    self.nearly_there(&value, &path, change, &mut beside, cx);
                    let new = self.eval(&change.value, &inner, locals);
                    value =
                        self.update(value, &path, new, change.in_map, &inner, change.value.span);
                }
                value
            }
            ExprKind::Range(low, high) => {
                let low = self.eval(low, cx, locals);
                let high = self.eval(high, cx, locals);
                self.range(low, high, cx, span)
            }
            ExprKind::Binary(op, left, right) => self.binary(*op, left, right, cx, locals, span),
            ExprKind::Unary(_, value) => {
                let value = self.eval(value, cx, locals);
                self.negate(&value, cx, span)
            }
            ExprKind::Coerce(value, coercion) => {
                let value_span = value.span;
                let value = self.eval(value, cx, locals);
                self.coerce(value, coercion, cx, value_span)
            }
            ExprKind::Fails(inner, failing) => {
                let fails = self.fails(inner, failing, cx, locals);
                self.made(fails, cx, span)
            }
            ExprKind::In(env, value) => self.in_environment(env, value, cx, locals, span),
        }
    }

    pub(super) fn module_let(&mut self, item: ItemId, cx: &Cx, span: Span) -> Val<'db> {
        self.cell(cx, span, CellKey::Let(item), |this| {
            let inner = Cx {
                world: cx.world,
                item,
                inst: None,
                kind: Kind::Declared,
            };
            match &lower(this.db, item).value {
                Some(value) => this.eval(&value.expr, &inner, &None),
                None => Self::poison(cx, span),
            }
        })
    }

    pub(crate) fn kind_let(&mut self, name: &Arc<str>, cx: &Cx, span: Span) -> Val<'db> {
        let Some(inst) = cx.inst else {
            return Self::poison(cx, span);
        };
        let Some(kind) = self.kind_of(inst) else {
            return Self::poison(cx, span);
        };
        let key = CellKey::KindLet(inst, name.clone());
        self.cell(cx, span, key, |this| {
            let inner = Cx {
                world: cx.world,
                item: kind,
                inst: Some(inst),
                kind: Kind::Declared,
            };
            match lower(this.db, kind).lets.get(name) {
                Some(value) => this.eval(&value.expr, &inner, &None),
                None => Self::poison(cx, span),
            }
        })
    }

    /// A declaration by its text.
    pub(super) fn decl(
        &mut self,
        decl: DeclRef,
        owner: Option<InstId>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let head = crate::names::decls(self.db, decl.item).get(decl.index as usize);
        if head.is_some_and(|h| h.family) {
            let world = cx.world;
            let family = Rc::new(Family { world, decl, owner });
            return self.made(Data::Family(family), cx, span);
        }
        match self.members(cx.world, owner, decl).single {
            Some(inst) => self.made(Data::Node(inst), cx, span),
            None => {
                let name = head.map_or("", |h| h.name.as_ref());
                if let Some(omitted) = self.omitted_at(cx.world, owner, name) {
                    let env = self.world(cx.world).map_or("", |w| w.name.as_str());
                    let message = if cx.world == 0 {
                        format!("`{name}` is left out of this environment, but used here")
                    } else {
                        format!("`{name}` is left out of the environment `{env}`, but used here")
                    };
                    let diag = Diag::error("E0607", self.spot(cx, span), message)
                        .related(omitted, "left out here");
                    self.error(cx, diag);
                    return Self::poison(cx, span);
                }
                self.made(Data::None, cx, span)
            }
        }
    }

    /// Where the environment leaves a declaration out.
    fn omitted_at(&self, world: usize, owner: Option<InstId>, name: &str) -> Option<Spot> {
        let path = match owner {
            Some(owner) => format!("{}.{name}", self.path_of(owner)),
            None => name.to_owned(),
        };
        let omitted = self.world(world)?.overrides.omitted.get(&path)?;
        Some(Spot {
            item: omitted.env,
            range: omitted.span,
        })
    }

    pub(super) fn interpolate(
        &mut self,
        parts: &'db [TextPart],
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                TextPart::Text(text) => pieces.push(Piece::Literal(text.clone())),
                TextPart::Hole(expr) => {
                    let value = self.eval(expr, cx, locals);
                    if !self.pieces_of(&value, &mut pieces) {
                        return Self::poison(cx, span);
                    }
                }
            }
        }
        self.text_of(pieces, cx, span)
    }

    pub(super) fn record(
        &mut self,
        entries: &'db [(Step, Expr)],
        drop_none: bool,
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        if !self.make(cx, span, entries.len()) {
            return Self::poison(cx, span);
        }
        let mut map = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(key) = self.step_name(key, cx, locals) else {
                continue;
            };
            let value = self.eval(value, cx, locals);
            if !(drop_none && value.is_none()) {
                map.push((key, value));
            }
        }
        self.made(Data::Map(map.into_iter().collect()), cx, span)
    }

    pub(super) fn map_comp(
        &mut self,
        clauses: &'db [Clause],
        key: &'db Step,
        value: &'db Expr,
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let mut map: BTreeMap<Arc<str>, Val<'db>> = BTreeMap::new();
        self.comprehend(clauses, cx, locals, &mut |this, locals| {
            let Some(name) = this.step_name(key, cx, locals) else {
                return;
            };
            let value = this.eval(value, cx, locals);
            if map.contains_key(&name) {
                let message = format!("the key `{name}` is made twice");
                this.error(cx, Diag::error("E0507", this.spot(cx, span), message));
            }
            if !value.is_none() {
                map.insert(name, value);
            }
        });
        if !self.make(cx, span, map.len()) {
            return Self::poison(cx, span);
        }
        self.made(Data::Map(map.into_iter().collect()), cx, span)
    }

    pub(super) fn comprehend(
        &mut self,
        clauses: &'db [Clause],
        cx: &Cx,
        locals: &Locals<'db>,
        work: &mut dyn FnMut(&mut Self, &Locals<'db>),
    ) {
        let Some((first, rest)) = clauses.split_first() else {
            work(self, locals);
            return;
        };
        match first {
            Clause::If(condition) => {
                if let Some((true, inner)) = self.condition(condition, cx, locals) {
                    self.comprehend(rest, cx, &inner, work);
                }
            }
            Clause::For(key, value, source) => {
                let span = source.span;
                let source = self.eval(source, cx, locals);
                for (k, v) in self.elements(&source, cx, span) {
                    if self.stopped {
                        return;
                    }
                    let mut inner = bind(locals, *value, v);
                    if let Some(key) = key {
                        inner = bind(&inner, *key, k);
                    }
                    self.comprehend(rest, cx, &inner, work);
                }
            }
        }
    }

    /// The name of a step; `None` where it could not be found.
    pub(super) fn step_name(
        &mut self,
        step: &'db Step,
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Option<Arc<str>> {
        match step {
            Step::Name(name) => Some(name.clone()),
            Step::Key(expr) => {
                let value = self.eval(expr, cx, locals);
                let text = value.text();
                if text.is_none() {
                    self.not_known(&value, cx, expr.span, "a key");
                }
                text
            }
        }
    }

    /// The names of a path.
    pub(super) fn path_names(
        &mut self,
        path: &'db [Step],
        cx: &Cx,
        locals: &Locals<'db>,
    ) -> Vec<Arc<str>> {
        path.iter()
            .filter_map(|step| self.step_name(step, cx, locals))
            .collect()
    }

    pub(super) fn call(
        &mut self,
        item: ItemId,
        args: &'db [Option<Expr>],
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        if self.calls.contains(&item) {
            let message = format!("`{}` calls itself", item.name(self.db));
            let diag = Diag::error("E0505", self.spot(cx, span), message)
                .help("functions may not be recursive: go over a list with a comprehension");
            self.error(cx, diag);
            return Self::poison(cx, span);
        }
        let lowered = lower(self.db, item);
        let head = crate::types::fn_head(self.db, item);
        let inner = Cx {
            world: cx.world,
            item,
            inst: None,
            kind: cx.kind,
        };
        let mut scope: Locals<'db> = None;
        for ((id, param), arg) in lowered.params.iter().zip(&head.params).zip(args) {
            let value = match arg {
                Some(arg) => self.eval(arg, cx, locals),
                None => self.default_value(param, cx, span),
            };
            scope = bind(&scope, *id, value);
        }
        self.calls.push(item);
        let result = match &lowered.value {
            Some(value) => self.eval(&value.expr, &inner, &scope),
            None => Self::poison(cx, span),
        };
        self.calls.pop();
        result
    }

    /// What a part is when it is not given.
    pub(super) fn default_value(&mut self, param: &ParamHead, cx: &Cx, span: Span) -> Val<'db> {
        match param.default {
            Some(at) => self.default_at(at, cx, span),
            None => self.made(Data::None, cx, span),
        }
    }

    /// The default at a node of a type or a function, evaluated once.
    pub(super) fn default_at(&mut self, at: NodeRef, cx: &Cx, span: Span) -> Val<'db> {
        let key = CellKey::Default(at.item, at.node);
        self.cell(cx, span, key, |this| {
            let inner = Cx {
                world: cx.world,
                item: at.item,
                inst: None,
                kind: Kind::Default,
            };
            match Expr::default_of(lower(this.db, at.item), at) {
                Some(expr) => this.eval(expr, &inner, &None),
                None => Self::poison(cx, span),
            }
        })
    }

    /// A call of a function value.
    pub(crate) fn apply(
        &mut self,
        callee: &Val<'db>,
        args: Vec<Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Data::Closure(closure) = &callee.data else {
            return Self::poison(cx, span);
        };
        let mut scope = closure.locals.clone();
        for (id, value) in closure.params.iter().zip(args) {
            scope = bind(&scope, *id, value);
        }
        let inner = Cx {
            world: cx.world,
            ..closure.cx
        };
        self.eval(closure.body, &inner, &scope)
    }

    pub(super) fn case(
        &mut self,
        ty: ItemId,
        index: u32,
        args: &'db [Option<Expr>],
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let given: Vec<Option<Val<'db>>> = args
            .iter()
            .map(|arg| arg.as_ref().map(|a| self.eval(a, cx, locals)))
            .collect();
        self.make_case(ty, index, given, cx, span)
    }

    /// A case with its parts, the missing ones with their defaults.
    pub(super) fn make_case(
        &mut self,
        ty: ItemId,
        index: u32,
        given: Vec<Option<Val<'db>>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let TypeBody::Variant(cases) = &self.type_def(ty).body else {
            return Self::poison(cx, span);
        };
        let Some(case) = cases.get(index as usize) else {
            return Self::poison(cx, span);
        };
        let mut parts = Vec::with_capacity(case.params.len());
        let given = given.into_iter().chain(std::iter::repeat(None));
        for (param, value) in case.params.iter().zip(given) {
            let value = match value {
                Some(value) => value,
                None => self.default_value(param, cx, span),
            };
            parts.push((param.name.clone(), value));
        }
        let data = Data::Case(case, parts.into_iter().collect());
        self.made(data, cx, span)
    }

    pub(super) fn make_target(
        &mut self,
        kind: ItemId,
        fields: &'db [(Arc<str>, Expr)],
        cx: &Cx,
        locals: &Locals<'db>,
        span: Span,
    ) -> Val<'db> {
        let mut given = BTreeMap::new();
        for (name, expr) in fields {
            let value = self.eval(expr, cx, locals);
            given.insert(name.clone(), value);
        }
        for field in &kind_head(self.db, kind).fields {
            if field.at.is_none() || given.contains_key(&field.name) {
                continue;
            }
            let value = match field.default {
                Some(at) => self.default_at(at, cx, span),
                None => self.made(Data::None, cx, span),
            };
            given.insert(field.name.clone(), value);
        }
        Val::new(
            Data::Target(kind, given.into_iter().collect()),
            cx.origin(span),
        )
    }
}
