//! Calls: of functions, of cases, of closures, of what the language itself gives.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::Checker;
use super::compound::count;
use crate::data::Reader;
use crate::db::{ItemId, Space};
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind};
use crate::library::Builtin;
use crate::names::ValueDef;
use crate::types::{CaseHead, ParamHead, Ty, fn_head};

impl<'db> Checker<'db> {
    pub(super) fn call(&mut self, call: ast::Call<'db>, hint: Option<&Ty>) -> (ExprKind, Ty) {
        let args: Vec<ast::Arg<'db>> = call.args().collect();
        match call.callee() {
            Some(ast::Expr::NameRef(name)) => self.call_name(name, call, &args, hint),
            Some(ast::Expr::FieldAccess(access)) => self.call_member(access, call, &args),
            Some(other) => {
                let (callee, ty) = self.infer(other, None);
                self.apply(callee, &ty, call.node(), &args)
            }
            None => (ExprKind::Poison, Ty::Unknown),
        }
    }

    fn call_name(
        &mut self,
        name: ast::NameRef<'db>,
        call: ast::Call<'db>,
        args: &[ast::Arg<'db>],
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let text = name.text();
        let local = self.locals.iter().rev().find(|(n, ..)| n.as_ref() == text);
        if let Some((_, id, ty)) = local.cloned() {
            let callee = Expr {
                kind: ExprKind::Local(id),
                span: name.node().range().into(),
            };
            return self.apply(callee, &ty, call.node(), args);
        }
        if let Some((variant, index, case)) = hint.and_then(|h| self.case_of(h, text)) {
            return self.call_case(variant, index, &case, call.node(), args);
        }
        if text == "in" {
            return self.in_environment(call.node(), args, hint);
        }
        match self.names.value(text) {
            Some(ValueDef::Fn(item)) => return self.call_fn(item, call.node(), args),
            Some(_) => {
                let (callee, ty) = self.infer(ast::Expr::NameRef(name), None);
                return self.apply(callee, &ty, call.node(), args);
            }
            None => {}
        }
        if let Some(builtin) = Builtin::named(text) {
            return self.call_builtin(builtin, None, call.node(), args, hint);
        }
        if let Some(reader) = Reader::named(text) {
            return self.import(reader, call.node(), args, hint);
        }
        let unwanted = hint.is_some_and(Ty::is_unknown);
        if !unwanted && let Some((variant, index, case)) = self.case_anywhere(text) {
            return self.call_case(variant, index, &case, call.node(), args);
        }
        // Where nobody knows what is wanted, it may be a case of that.
        if !unwanted {
            self.no_such_function(name, hint);
        }
        for arg in args {
            self.infer_unwanted(arg.value());
        }
        (ExprKind::Poison, Ty::Unknown)
    }

    fn no_such_function(&mut self, name: ast::NameRef<'_>, hint: Option<&Ty>) {
        let text = name.text();
        let spot = self.spot(name.node());
        let mut names: Vec<Arc<str>> = Vec::new();
        if let Some(Ty::Named(item)) = hint.map(|h| h.without_none(self.db).plain(self.db).1)
            && let crate::types::TypeBody::Variant(cases) =
                &crate::types::type_def(self.db, item).body
        {
            names.extend(cases.iter().map(|c| c.name.clone()));
        }
        let cases = names.clone();
        let mut all: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        all.extend(Builtin::ALL.iter().map(|(name, _)| *name));
        all.extend(crate::data::READERS);
        all.extend(
            self.names
                .like(Space::Value, text)
                .into_iter()
                .filter(|n| matches!(self.names.value(n), Some(ValueDef::Fn(_)))),
        );
        let mut diag = Diag::error("E0212", spot, format!("there is no function `{text}`"))
            .misses(Space::Value, text)
            .suggest(text, spot, &all);
        if !cases.is_empty() && crate::suggest::nearest(text, all.iter().copied()).is_none() {
            let list = super::expr::or_list(&cases);
            diag = diag.note(format!("what is wanted here is {list}"));
        }
        self.diags.push(diag);
    }

    /// `names.map(|n| …)` is `map(names, |n| …)`.
    fn call_member(
        &mut self,
        access: ast::FieldAccess<'db>,
        call: ast::Call<'db>,
        args: &[ast::Arg<'db>],
    ) -> (ExprKind, Ty) {
        let target = self.target_namespace(access.base());
        if let (Some(target), Some(function)) = (target, access.name()) {
            return self.raw_call(target, function, call.node(), args);
        }
        let name = access.name().map_or("", ast::Name::text);
        if let Some(builtin) = Builtin::named(name) {
            return self.call_builtin(builtin, access.base(), call.node(), args, None);
        }
        let (callee, ty) = self.infer(ast::Expr::FieldAccess(access), None);
        self.apply(callee, &ty, call.node(), args)
    }

    /// A call of a value that is a function.
    fn apply(
        &mut self,
        callee: Expr,
        ty: &Ty,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
    ) -> (ExprKind, Ty) {
        match ty.plain(self.db).1 {
            Ty::Fn(params, result) => {
                if params.len() != args.len() {
                    let message = format!(
                        "this function takes {}, not {}",
                        count(params.len(), "value"),
                        args.len()
                    );
                    self.error("E0307", node, message);
                    return (ExprKind::Poison, (*result).clone());
                }
                let values = args
                    .iter()
                    .zip(params.iter())
                    .map(|(arg, ty)| self.check(arg.value(), ty))
                    .collect();
                (ExprKind::Apply(Box::new(callee), values), (*result).clone())
            }
            Ty::Unknown => {
                for arg in args {
                    self.infer_unwanted(arg.value());
                }
                (ExprKind::Poison, Ty::Unknown)
            }
            other => {
                let message = format!("`{}` is not a function", other.show(self.db));
                self.error("E0306", node, message);
                (ExprKind::Poison, Ty::Unknown)
            }
        }
    }

    fn call_fn(&mut self, item: ItemId, node: Node<'db>, args: &[ast::Arg<'db>]) -> (ExprKind, Ty) {
        let head = fn_head(self.db, item);
        if *crate::db::is_broken(self.db, item) {
            for arg in args {
                self.infer_unwanted(arg.value());
            }
            return (ExprKind::Poison, head.result.clone().unwrap_or(Ty::Unknown));
        }
        self.note_arguments(item, "", args);
        let name = item.name(self.db).clone();
        let values = self.arguments(&name, &head.params, node, args);
        let result = head.result.clone().unwrap_or(Ty::Unknown);
        (ExprKind::Call(item, values), result)
    }

    fn call_case(
        &mut self,
        variant: ItemId,
        index: u32,
        case: &CaseHead,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
    ) -> (ExprKind, Ty) {
        if self.is_said_to_nobody(variant, &case.name, node) {
            return (ExprKind::Poison, Ty::Unknown);
        }
        self.note_arguments(variant, &case.name, args);
        let values = self.arguments(&case.name, &case.params, node, args);
        (ExprKind::Case(variant, index, values), Ty::Named(variant))
    }

    /// The arguments in the order of the parameters; `None` where the default is taken.
    fn arguments(
        &mut self,
        name: &str,
        params: &[ParamHead],
        node: Node<'db>,
        args: &[ast::Arg<'db>],
    ) -> Vec<Option<Expr>> {
        let mut values: Vec<Option<Expr>> = vec![None; params.len()];
        let mut wrong = false;
        let mut surplus = false;
        for (position, arg) in args.iter().enumerate() {
            let index = match arg.name() {
                Some(given) => params.iter().position(|p| p.name.as_ref() == given.text()),
                None => (position < params.len()).then_some(position),
            };
            let slot = index.and_then(|i| Some((params.get(i)?, values.get_mut(i)?)));
            match slot {
                Some((param, slot)) => {
                    if slot.is_some() {
                        let message = format!("`{}` is given twice", param.name);
                        self.error("E0209", arg.node(), message);
                        continue;
                    }
                    let purpose = format!("`{}` of `{name}`", param.name);
                    *slot = Some(self.for_purpose(purpose, |c| c.check(arg.value(), &param.ty)));
                }
                None => {
                    wrong = true;
                    if arg.name().is_some() || !surplus {
                        self.bad_argument(name, params, args.len(), *arg);
                    }
                    surplus |= arg.name().is_none();
                    self.infer_unwanted(arg.value());
                }
            }
        }
        if wrong {
            return values
                .into_iter()
                .map(|v| v.or_else(|| Some(Expr::poison(node.range().into()))))
                .collect();
        }
        let missing: Vec<&ParamHead> = params
            .iter()
            .zip(&values)
            .filter(|(p, v)| v.is_none() && p.default.is_none() && !self.is_optional(&p.ty))
            .map(|(p, _)| p)
            .collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|p| format!("`{}`", p.name)).collect();
            let message = format!("`{name}` needs its {}", names.join(", "));
            self.error("E0307", node, message);
            return values
                .into_iter()
                .map(|v| v.or_else(|| Some(Expr::poison(node.range().into()))))
                .collect();
        }
        values
    }

    fn bad_argument(&mut self, name: &str, params: &[ParamHead], given: usize, arg: ast::Arg<'_>) {
        match arg.name() {
            Some(given) => {
                let spot = self.spot(given.node());
                let text = given.text();
                let names: Vec<&str> = params.iter().map(|p| p.name.as_ref()).collect();
                let mut diag = Diag::error("E0213", spot, format!("`{name}` has no `{text}`"))
                    .suggest(text, spot, &names);
                if !names.is_empty()
                    && crate::suggest::nearest(text, names.iter().copied()).is_none()
                {
                    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
                    diag = diag.note(format!("it takes {}", list.join(", ")));
                }
                self.diags.push(diag);
            }
            None => {
                let takes = count(params.len(), "value");
                let message = format!("`{name}` takes {takes}, not {given}");
                self.error("E0307", arg.node(), message);
            }
        }
    }

    /// `in(prod, e)`: the value in another environment.
    fn in_environment(
        &mut self,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let [env, value] = args else {
            self.error("E0307", node, "`in` takes an environment and a value");
            return (ExprKind::Poison, Ty::Unknown);
        };
        let env = self.in_env(*env);
        let (value, ty) = self.infer_opt(value.value(), hint);
        (ExprKind::In(Box::new(env), Box::new(value)), ty)
    }

    /// The environment that `in` looks into, as an expression that gives it.
    pub(super) fn in_env(&mut self, env: ast::Arg<'db>) -> Expr {
        let otherwise = "the first value of `in` is the name of an environment";
        let span: crate::diag::Span = env.node().range().into();
        match env.value().and_then(|e| self.named_env(e, otherwise)) {
            // A member of a family is picked key by key.
            Some((item, keys)) => {
                let kind = ExprKind::Env(item);
                keys.into_iter().fold(Expr { kind, span }, |env, key| {
                    let kind = ExprKind::Index(Box::new(env), Box::new(key));
                    Expr { kind, span }
                })
            }
            None => Expr::poison(span),
        }
    }
}
