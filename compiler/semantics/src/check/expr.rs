//! Expressions: the dispatch, literals and names.

use std::sync::Arc;

use plat_syntax::ast::{self, StringPart};

use super::way::Label;
use super::{Checker, decl_type, let_type};
use crate::db::Space;
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, Fraction, Literal, TextPart};
use crate::names::{DeclRef, ValueDef, decls};
use crate::types::{CaseHead, Labels, Ty, TypeBody, Word, app_head, kind_head, type_def};
use crate::units::{BadNumber, number_with_unit};

impl<'db> Checker<'db> {
    /// The value and its type. `hint` is what is wanted, where that is known: it decides what a
    /// literal becomes, but need not be met.
    pub(crate) fn infer(&mut self, expr: ast::Expr<'db>, hint: Option<&Ty>) -> (Expr, Ty) {
        let span = expr.node().range().into();
        self.note_wanted(span, hint);
        let (kind, ty) = match expr {
            ast::Expr::NumberLit(number) => self.number(number, hint),
            ast::Expr::BoolLit(b) => (ExprKind::Bool(b.value()), Ty::Bool),
            ast::Expr::NoneLit(_) => (ExprKind::None, Ty::None),
            ast::Expr::StringLit(text) => self.text(text),
            ast::Expr::NameRef(name) => self.name(name, hint),
            ast::Expr::FieldAccess(access) => self.field_access(access),
            ast::Expr::SafeAccess(access) => self.safe_access(access),
            ast::Expr::IndexExpr(index) => self.index(index),
            ast::Expr::Call(call) => self.call(call, hint),
            ast::Expr::Construct(construct) => self.construct(construct),
            ast::Expr::Record(record) => self.record(record, hint),
            ast::Expr::List(list) => self.list(list, hint),
            ast::Expr::ListComp(comp) => self.list_comp(comp, hint),
            ast::Expr::MapComp(comp) => self.map_comp(comp, hint),
            ast::Expr::Closure(closure) => self.closure(closure, hint),
            ast::Expr::Match(choice) => self.match_(choice, hint),
            ast::Expr::IfExpr(choice) => self.if_(choice, hint),
            ast::Expr::IsExpr(_) => {
                let (value, ty) = self.scoped(|c| c.condition(Some(expr)));
                (value.kind, ty)
            }
            ast::Expr::WithExpr(with) => self.with(with, hint),
            ast::Expr::Range(range) => self.range(range, hint),
            ast::Expr::Binary(binary) => self.binary(binary, hint),
            ast::Expr::Unary(unary) => self.unary(unary),
            ast::Expr::Paren(paren) => match paren.inner() {
                Some(inner) => {
                    let (value, ty) = self.infer(inner, hint);
                    (value.kind, ty)
                }
                None => (ExprKind::Poison, Ty::Unknown),
            },
            ast::Expr::Error(_) => (ExprKind::Poison, Ty::Unknown),
        };
        self.note_found(expr, &kind, &ty);
        (Expr { kind, span }, ty)
    }

    /// A value of which nobody knows what is wanted, because what it belongs to is wrong: only what
    /// is wrong by itself is told of it.
    pub(crate) fn infer_unwanted(&mut self, expr: Option<ast::Expr<'db>>) {
        self.infer_opt(expr, Some(&Ty::Unknown));
    }

    /// A value that may be missing in the source.
    pub(crate) fn infer_opt(
        &mut self,
        expr: Option<ast::Expr<'db>>,
        hint: Option<&Ty>,
    ) -> (Expr, Ty) {
        match expr {
            Some(expr) => self.infer(expr, hint),
            None => (
                Expr::poison(plat_syntax::TextRange::default().into()),
                Ty::Unknown,
            ),
        }
    }

    fn number(&mut self, number: ast::NumberLit<'_>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        // Elsewhere a number is an `Int`, whatever it is: `let n = 3` says nothing of 4.
        let one_of_some = || {
            let number = |word: &Word| matches!(word, Word::Number(_));
            match hint.map(|hint| hint.without_none(self.db).plain(self.db).1) {
                Some(Ty::Word(word)) => number(&word),
                Some(Ty::Words(words)) => words.iter().any(number),
                _ => false,
            }
        };
        let poison = (ExprKind::Poison, Ty::Unknown);
        match number_with_unit(self.names, number) {
            Ok((amount, dim)) if dim.is_none() => match amount.as_int() {
                Some(n) if number.is_int() && one_of_some() => {
                    (ExprKind::Int(n.into()), Ty::Word(Word::Number(n)))
                }
                Some(n) if number.is_int() => (ExprKind::Int(n.into()), Ty::Int),
                _ => (
                    ExprKind::Decimal(Box::new(Fraction::from(amount))),
                    Ty::Decimal,
                ),
            },
            Ok((amount, dim)) => {
                let literal = Literal {
                    amount: Fraction::from(amount),
                    dim: dim.clone(),
                    text: Arc::from(number.node().text()),
                };
                (ExprKind::Quantity(Box::new(literal)), Ty::Quantity(dim))
            }
            Err(BadNumber::TooLarge) => {
                let message = "this number does not fit into 128 bits";
                self.error("E0502", number.node(), message);
                poison
            }
            Err(BadNumber::NoUnit(unit)) => {
                let spot = self.spot(number.node());
                let message = format!("there is no unit `{unit}`");
                let seen = self.names.like(Space::Unit, &unit);
                let digits = number.node().text().trim_end_matches(unit.as_str());
                let mut diag = Diag::error("E0210", spot, message).misses(Space::Unit, &unit);
                if let Some(near) = crate::suggest::nearest(&unit, seen.iter().copied()) {
                    diag = diag.help(format!("did you mean `{digits}{near}`?")).fix(
                        format!("write `{digits}{near}`"),
                        spot,
                        format!("{digits}{near}"),
                    );
                }
                self.diags.push(diag);
                poison
            }
            Err(BadNumber::BrokenUnit) => poison,
        }
    }

    /// A text; what is wanted of it does not matter.
    pub(crate) fn text(&mut self, text: ast::StringLit<'db>) -> (ExprKind, Ty) {
        if let Some(plain) = text.plain() {
            let plain: Arc<str> = plain.into();
            return (ExprKind::Text(plain.clone()), Ty::Word(Word::Text(plain)));
        }
        let mut labels = Labels::default();
        let mut parts = Vec::new();
        for part in text.parts() {
            parts.push(match part {
                StringPart::Text(text) => TextPart::Text(text.into()),
                StringPart::Hole(expr) => {
                    let (value, ty) = self.infer(expr, None);
                    let (own, value) = self.as_text(value, &ty);
                    labels = labels.or(own);
                    TextPart::Hole(value)
                }
            });
        }
        (ExprKind::Interpolate(parts), Ty::String.labelled(labels))
    }

    /// A value inside of a text.
    fn as_text(&mut self, value: Expr, ty: &Ty) -> (Labels, Expr) {
        if self.in_message {
            return self.in_a_message(value, ty);
        }
        let all = Labels {
            secret: true,
            later: true,
        };
        let wanted = Ty::Text.labelled(all);
        let (labels, _) = self.text_labels(ty);
        let value = self.for_purpose("a text".to_owned(), |c| c.coerce(value, ty, &wanted));
        (labels, value)
    }

    /// A value inside of a message: everything can be written there, but nothing that is secret or
    /// has it inside, for a message is printed.
    fn in_a_message(&mut self, value: Expr, ty: &Ty) -> (Labels, Expr) {
        let labels = self.labels_written(ty);
        let whole = matches!(ty.plain(self.db).1, Ty::Instance(_));
        if whole || !labels.secret {
            // A declaration is written as its path.
            return (Labels::default(), value);
        }
        let spot = self.spot_of(value.span);
        let diag = Diag::error("E0401", spot, "a secret may not flow into a message")
            .label(format!("this is `{}`", ty.show(self.db)))
            .help("a message is printed: name what it is about, not what it holds");
        let diag = self.with_way(diag, &value, Label::Secret);
        self.diags.push(diag);
        (Labels::default(), Expr::poison(value.span))
    }

    fn name(&mut self, name: ast::NameRef<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let text = name.text();
        if let Some((_, id, ty)) = self.locals.iter().rev().find(|(n, ..)| n.as_ref() == text) {
            return (ExprKind::Local(*id), ty.clone());
        }
        if let Some(found) = self.kind_name(text) {
            return found;
        }
        if let Some((variant, index, case)) = hint.and_then(|h| self.case_of(h, text)) {
            return self.bare_case(name, variant, index, &case);
        }
        if let Some(def) = self.names.value(text) {
            return self.value_def(def, name);
        }
        match text {
            "environment" => return (ExprKind::Environment, Ty::Environment),
            "self" => {
                self.error(
                    "E0201",
                    name.node(),
                    "`self` is there only in the members of a type",
                );
                return (ExprKind::Poison, Ty::Unknown);
            }
            _ => {}
        }
        if let Some(env) = self.names.env(text) {
            return (ExprKind::Env(env), Ty::Environment);
        }
        let unwanted = hint.is_some_and(Ty::is_unknown);
        if !unwanted && let Some((variant, index, case)) = self.case_anywhere(text) {
            return self.bare_case(name, variant, index, &case);
        }
        // Where nobody knows what is wanted, it may be a case of that.
        if !unwanted {
            self.no_such_value(name, hint);
        }
        (ExprKind::Poison, Ty::Unknown)
    }

    /// A name of the kind in whose contents we are.
    fn kind_name(&mut self, text: &str) -> Option<(ExprKind, Ty)> {
        let kind = self.kind?;
        if let Some(field) = kind_head(self.db, kind).field(text) {
            return Some((ExprKind::Input(field.name.clone()), field.ty.clone()));
        }
        if self.waiting.contains_key(text) {
            self.kind_let(text);
        }
        if let Some(value) = self.out.lets.get(text) {
            return Some((ExprKind::KindLet(Arc::from(text)), value.ty.clone()));
        }
        let decl = (0u32..)
            .zip(decls(self.db, kind))
            .find(|(_, head)| head.name.as_ref() == text)
            .map(|(index, _)| DeclRef { item: kind, index })?;
        Some((
            ExprKind::Content(decl),
            decl_type(self.db, decl, &self.branch),
        ))
    }

    fn value_def(&mut self, def: ValueDef, name: ast::NameRef<'_>) -> (ExprKind, Ty) {
        match def {
            ValueDef::Let(item) => (ExprKind::Let(item), let_type(self.db, item).clone()),
            ValueDef::Decl(decl) => {
                let branch: &[(u32, u8)] = if decl.item == self.item {
                    &self.branch
                } else {
                    &[]
                };
                (ExprKind::Decl(decl), decl_type(self.db, decl, branch))
            }
            ValueDef::AppInput(item, input) => {
                let ty = app_head(self.db, item)
                    .fields
                    .iter()
                    .find(|f| f.name == input)
                    .map_or(Ty::Unknown, |f| f.ty.clone());
                (ExprKind::AppInput(item, input), ty)
            }
            ValueDef::Fn(_) => {
                let text = name.text();
                let message = format!("`{text}` is a function: it is called with `{text}(…)`");
                self.error("E0306", name.node(), message);
                (ExprKind::Poison, Ty::Unknown)
            }
        }
    }

    fn bare_case(
        &mut self,
        name: ast::NameRef<'_>,
        variant: crate::db::ItemId,
        index: u32,
        case: &CaseHead,
    ) -> (ExprKind, Ty) {
        let needed = case
            .params
            .iter()
            .find(|p| p.default.is_none() && !self.is_optional(&p.ty));
        if let Some(param) = needed {
            let message = format!("`{}` needs its `{}`", case.name, param.name);
            let spot = self.spot(name.node());
            self.diags.push(
                Diag::error("E0307", spot, message).help(format!("write `{}(…)`", case.name)),
            );
            return (ExprKind::Poison, Ty::Unknown);
        }
        let parts = case.params.iter().map(|_| None).collect();
        (ExprKind::Case(variant, index, parts), Ty::Named(variant))
    }

    pub(crate) fn is_optional(&self, ty: &Ty) -> bool {
        matches!(ty.plain(self.db).1, Ty::Optional(_))
    }

    fn no_such_value(&mut self, name: ast::NameRef<'_>, hint: Option<&Ty>) {
        let text = name.text();
        let spot = self.spot(name.node());
        let cases = hint.map(|h| self.case_names(h)).unwrap_or_default();
        let mut names: Vec<&str> = cases.iter().map(AsRef::as_ref).collect();
        let locals: Vec<Arc<str>> = self.locals.iter().map(|(n, ..)| n.clone()).collect();
        names.extend(locals.iter().map(AsRef::as_ref));
        let lets: Vec<Arc<str>> = self.out.lets.keys().cloned().collect();
        names.extend(lets.iter().map(AsRef::as_ref));
        names.extend(self.waiting.keys().map(AsRef::as_ref));
        if let Some(kind) = self.kind {
            names.extend(
                kind_head(self.db, kind)
                    .fields
                    .iter()
                    .map(|f| f.name.as_ref()),
            );
            names.extend(decls(self.db, kind).iter().map(|d| d.name.as_ref()));
        }
        names.extend(self.names.near_value(text, Some(self.item)));
        if let Some(kind) = self.names.kind_named(text)
            && super::is_target(self.db, kind)
        {
            let message = format!("the target `{text}` is written with braces");
            let diag = Diag::error("E0201", spot, message)
                .help(format!("write `{text} {{}}`"))
                .fix("add the braces", spot, format!("{text} {{}}"));
            self.diags.push(diag);
            return;
        }
        let message = format!("there is nothing called `{text}` here");
        let mut diag = Diag::error("E0201", spot, message).misses(Space::Value, text);
        if crate::suggest::nearest(text, names.iter().copied()).is_some() {
            diag = diag.suggest(text, spot, &names);
        } else if !cases.is_empty() {
            diag = diag.note(format!("it may be {}", or_list(&cases)));
        } else if let Some(Ty::Words(words)) =
            hint.map(|h| h.without_none(self.db).plain(self.db).1)
            && words.contains(&Word::Text(Arc::from(text)))
        {
            diag = diag
                .help(format!("words are written in quotes: `\"{text}\"`"))
                .fix("write it in quotes", spot, format!("\"{text}\""));
        }
        self.diags.push(diag);
    }

    /// A case of the wanted variant.
    pub(crate) fn case_of(
        &self,
        hint: &Ty,
        name: &str,
    ) -> Option<(crate::db::ItemId, u32, CaseHead)> {
        match hint.without_none(self.db).plain(self.db).1 {
            Ty::Named(item) => {
                let TypeBody::Variant(cases) = &type_def(self.db, item).body else {
                    return None;
                };
                let (index, case) = (0u32..).zip(cases).find(|(_, c)| c.name.as_ref() == name)?;
                Some((item, index, case.clone()))
            }
            Ty::Either(types) => types.iter().find_map(|ty| self.case_of(ty, name)),
            Ty::Optional(inner) => self.case_of(&inner, name),
            _ => None,
        }
    }

    fn case_names(&self, hint: &Ty) -> Vec<Arc<str>> {
        match hint.without_none(self.db).plain(self.db).1 {
            Ty::Named(item) => match &type_def(self.db, item).body {
                TypeBody::Variant(cases) => cases.iter().map(|c| c.name.clone()).collect(),
                TypeBody::Alias(_) => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    /// The case of that name, if just one type in sight has one.
    pub(crate) fn case_anywhere(&self, name: &str) -> Option<(crate::db::ItemId, u32, CaseHead)> {
        let mut found: Option<(crate::db::ItemId, u32, CaseHead)> = None;
        for ty in self.names.seen(Space::Type) {
            let Some(crate::names::TypeEntry::Item(item)) = self.names.type_named(ty) else {
                continue;
            };
            if let Some(case) = self.case_of(&Ty::Named(item), name) {
                match &found {
                    Some((other, ..)) if *other != case.0 => return None,
                    _ => found = Some(case),
                }
            }
        }
        found
    }
}

/// `a`, `b` or `c`
pub(crate) fn or_list(names: &[Arc<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
