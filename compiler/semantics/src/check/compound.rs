//! Lists, comprehensions, closures, ranges.

use std::sync::Arc;

use plat_syntax::ast;

use super::Checker;
use crate::diag::Diag;
use crate::ir::{Clause, Expr, ExprKind, LocalId, Step};
use crate::types::{Ty, TypeBody, join, type_def};

impl<'db> Checker<'db> {
    /// The wanted type that has the given shape, looked for through optionals, choices and
    /// implicit cases.
    fn shaped(&self, hint: Option<&Ty>, shape: impl Fn(&Ty) -> bool + Copy) -> Option<Ty> {
        let (_, plain) = hint?.without_none(self.db).plain(self.db);
        match &plain {
            ty if shape(ty) => Some(plain),
            Ty::Optional(inner) => self.shaped(Some(inner), shape),
            Ty::Either(types) => types.iter().find_map(|ty| self.shaped(Some(ty), shape)),
            Ty::Named(item) => match &type_def(self.db, *item).body {
                TypeBody::Variant(cases) => cases
                    .iter()
                    .filter(|c| c.implicit)
                    .filter_map(|c| c.params.first())
                    .find_map(|p| self.shaped(Some(&p.ty), shape)),
                TypeBody::Alias(_) => None,
            },
            _ => None,
        }
    }

    pub(super) fn list(&mut self, list: ast::List<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        if let Some(Ty::List(element)) = self.shaped(hint, |ty| matches!(ty, Ty::List(_))) {
            let purpose = "an element of the list".to_owned();
            let values = list
                .elements()
                .map(|e| self.for_purpose(purpose.clone(), |c| c.check(Some(e), &element)))
                .collect();
            return (ExprKind::List(values), Ty::List(element));
        }
        let mut values = Vec::new();
        let mut ty = Ty::Unknown;
        let unwanted = hint.filter(|h| h.is_unknown());
        for element in list.elements() {
            let (value, found) = self.infer(element, unwanted);
            match join(self.db, &ty, &found) {
                Some(joined) => ty = joined,
                None => {
                    let message = format!(
                        "the elements of a list have one type: this is `{}`, those before are `{}`",
                        found.show(self.db),
                        ty.show(self.db)
                    );
                    self.error("E0303", element.node(), message);
                }
            }
            values.push(value);
        }
        (ExprKind::List(values), Ty::List(Arc::new(ty)))
    }

    pub(super) fn list_comp(
        &mut self,
        comp: ast::ListComp<'db>,
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let hint = self.shaped(hint, |ty| matches!(ty, Ty::List(_)));
        self.scoped(|c| {
            let clauses = c.clauses(comp.clauses());
            if let Some(Ty::List(element)) = hint {
                let purpose = "an element of the list".to_owned();
                let value = c.for_purpose(purpose, |c| c.check(comp.element(), &element));
                return (
                    ExprKind::ListComp(clauses, Box::new(value)),
                    Ty::List(element),
                );
            }
            let (value, ty) = c.infer_opt(comp.element(), None);
            let kind = ExprKind::ListComp(clauses, Box::new(value));
            (kind, Ty::List(Arc::new(ty)))
        })
    }

    pub(super) fn map_comp(
        &mut self,
        comp: ast::MapComp<'db>,
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let hint = self.shaped(hint, |ty| matches!(ty, Ty::Map(_)));
        self.scoped(|c| {
            let clauses = c.clauses(comp.clauses());
            let Some(entry) = comp.entry() else {
                return (ExprKind::Poison, Ty::Unknown);
            };
            let first = entry.path().and_then(|p| p.segments().next());
            let key = match first {
                Some(segment) => c.step(segment),
                None => Step::Name(Arc::from("")),
            };
            let (value, ty) = match hint {
                Some(Ty::Map(inner)) => {
                    let wanted = (*inner).clone().optional();
                    let purpose = "an entry of the map".to_owned();
                    let value = c.for_purpose(purpose, |c| c.check(entry.value(), &wanted));
                    (value, (*inner).clone())
                }
                _ => {
                    let (value, ty) = c.infer_opt(entry.value(), None);
                    (value, ty.without_none(c.db))
                }
            };
            let kind = ExprKind::MapComp(clauses, Box::new((key, value)));
            (kind, Ty::Map(Arc::new(ty)))
        })
    }

    fn clauses(&mut self, clauses: impl Iterator<Item = ast::Clause<'db>>) -> Vec<Clause> {
        let mut out = Vec::new();
        for clause in clauses {
            match clause {
                ast::Clause::For(each) => {
                    let names: Vec<ast::Name<'db>> = each.bindings().collect();
                    let (key, value, source) = self.loop_head(&names, each.source());
                    out.push(Clause::For(key, value, source));
                }
                ast::Clause::If(filter) => {
                    let (value, _) = self.condition(filter.condition());
                    out.push(Clause::If(value));
                }
            }
        }
        out
    }

    /// The head of a `for`: its variables come into sight.
    pub(super) fn loop_head(
        &mut self,
        names: &[ast::Name<'db>],
        source: Option<ast::Expr<'db>>,
    ) -> (Option<LocalId>, LocalId, Expr) {
        let (value, ty) = self.infer_opt(source, None);
        let (labels, plain) = ty.plain(self.db);
        if let Some(source) = source {
            // The ends of a range say how often, the elements of a list do not.
            let counts = match &plain {
                Ty::Range(end) => (**end).clone().labelled(labels),
                _ => ty.clone(),
            };
            self.no_structure(&counts, source.node(), "how often something is repeated");
        }
        let (key_ty, value_ty) = match plain {
            Ty::List(inner) => (Ty::Int, (*inner).clone()),
            Ty::Map(inner) => (Ty::String, (*inner).clone()),
            Ty::Range(inner) => (Ty::Int, (*inner).clone()),
            Ty::Record(fields) => {
                // A record is gone through as the map of its fields, if they have one type.
                let joined = fields
                    .iter()
                    .try_fold(Ty::Unknown, |ty, f| join(self.db, &ty, &f.ty));
                (Ty::String, joined.unwrap_or(Ty::Unknown))
            }
            Ty::Unknown => (Ty::Unknown, Ty::Unknown),
            other => {
                if let Some(source) = source {
                    let message = format!(
                        "`for` goes over a list, a map or a range, not `{}`",
                        other.show(self.db)
                    );
                    self.error("E0318", source.node(), message);
                }
                (Ty::Unknown, Ty::Unknown)
            }
        };
        match names {
            [key, item, ..] => {
                let key = self.bind_name(*key, &key_ty);
                let item = self.bind_name(*item, &value_ty);
                (Some(key), item, value)
            }
            [item] => (None, self.bind_name(*item, &value_ty), value),
            [] => (None, self.bind("", value_ty), value),
        }
    }

    pub(super) fn closure(
        &mut self,
        closure: ast::Closure<'db>,
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let wanted = match self.shaped(hint, |ty| matches!(ty, Ty::Fn(..))) {
            Some(Ty::Fn(params, result)) => Some((params, result)),
            _ => None,
        };
        let params: Vec<ast::Param<'db>> = closure.params().collect();
        if let Some((types, _)) = &wanted
            && types.len() != params.len()
        {
            let message = format!(
                "a function of {} is wanted here, this one takes {}",
                count(types.len(), "value"),
                params.len()
            );
            let spot = self.spot(closure.node());
            self.diags.push(Diag::error("E0307", spot, message));
            return (ExprKind::Poison, Ty::Unknown);
        }
        self.scoped(|c| {
            let mut ids = Vec::new();
            let mut types = Vec::new();
            for (i, param) in params.iter().enumerate() {
                let given = wanted.as_ref().and_then(|(types, _)| types.get(i).cloned());
                let ty = given.unwrap_or(Ty::Unknown);
                let name = param.name().map_or("", ast::Name::text);
                let id = c.bind(name, ty.clone());
                c.note_local(param.name(), id, &ty);
                ids.push(id);
                types.push(ty);
            }
            let (body, result) = match &wanted {
                Some((_, result)) if !result.is_unknown() => {
                    let purpose = "the result of the function".to_owned();
                    let body = c.for_purpose(purpose, |c| c.check(closure.value(), result));
                    (body, (**result).clone())
                }
                _ => c.infer_opt(closure.value(), None),
            };
            let kind = ExprKind::Closure(ids, Arc::new(body));
            (kind, Ty::Fn(types.into(), Arc::new(result)))
        })
    }

    /// A range whose ends are written out holds one number at least. Others are looked at when they
    /// are evaluated, which those that something overrides never are.
    fn not_empty(&mut self, low: &Expr, high: &Expr, node: plat_syntax::Node<'_>) {
        if let (ExprKind::Int(from), ExprKind::Int(to)) = (&low.kind, &high.kind)
            && from > to
        {
            let message = format!("this range is empty: {from} is more than {to}");
            let spot = self.spot(node);
            let diag = Diag::error("E0508", spot, message)
                .help("the lower end comes first")
                .fix("exchange the ends", spot, format!("{to}..{from}"));
            self.diags.push(diag);
        }
    }

    /// A type in an expression.
    pub(super) fn read_type(&mut self, ty: ast::Type<'db>) -> Ty {
        let mut reader = crate::types::TypeReader::new(self.db, self.item);
        let read = reader.read(ty);
        self.diags.append(&mut reader.diags);
        read
    }

    pub(super) fn range(&mut self, range: ast::Range<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let wanted = match self.shaped(hint, |ty| matches!(ty, Ty::Range(_))) {
            Some(Ty::Range(inner)) => Some(inner),
            _ => None,
        };
        let purpose = || "an end of the range".to_owned();
        if let Some(inner) = wanted {
            let low = self.for_purpose(purpose(), |c| c.check(range.low(), &inner));
            let high = self.for_purpose(purpose(), |c| c.check(range.high(), &inner));
            self.not_empty(&low, &high, range.node());
            return (
                ExprKind::Range(Box::new(low), Box::new(high)),
                Ty::Range(inner),
            );
        }
        let (low, low_ty) = self.infer_opt(range.low(), None);
        let high = self.for_purpose(purpose(), |c| c.check(range.high(), &low_ty));
        self.not_empty(&low, &high, range.node());
        let plain = low_ty.plain(self.db).1;
        if !matches!(plain, Ty::Int | Ty::Decimal | Ty::Quantity(_) | Ty::Unknown) {
            let message = format!(
                "a range goes between numbers, not `{}`",
                low_ty.show(self.db)
            );
            self.error("E0301", range.node(), message);
        }
        (
            ExprKind::Range(Box::new(low), Box::new(high)),
            Ty::Range(Arc::new(low_ty)),
        )
    }
}

/// `1 value`, `2 values`
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
