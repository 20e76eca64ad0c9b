//! The types of the library's functions.

use std::sync::Arc;

use plat_syntax::Node;
use plat_syntax::ast;

use super::Checker;
use super::compound::count;
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, Failing};
use crate::library::Builtin;
use crate::types::{Labels, RecordField, Ty, Word, join};

impl<'db> Checker<'db> {
    pub(super) fn call_builtin(
        &mut self,
        builtin: Builtin,
        receiver: Option<ast::Expr<'db>>,
        node: Node<'db>,
        args: &[ast::Arg<'db>],
        hint: Option<&Ty>,
    ) -> (ExprKind, Ty) {
        let mut values: Vec<ast::Expr<'db>> = receiver.into_iter().collect();
        for arg in args {
            if let Some(name) = arg.name() {
                let message = format!("`{}` takes no names before its values", builtin.name());
                self.error("E0213", name.node(), message);
            }
            values.extend(arg.value());
        }
        let wanted = arity(builtin);
        if !wanted.contains(&values.len()) {
            let message = format!(
                "`{}` takes {}, not {}",
                builtin.name(),
                count(*wanted.end(), "value"),
                values.len()
            );
            self.error("E0307", node, message);
            return (ExprKind::Poison, Ty::Unknown);
        }
        if builtin == Builtin::Fails {
            return self.fails(&values, node);
        }
        let purpose = format!("`{}`", builtin.name());
        let (args, ty) = self.for_purpose(purpose, |c| c.builtin(builtin, &values, node, hint));
        if args.iter().any(|a| a.kind == ExprKind::Poison) && ty.is_unknown() {
            return (ExprKind::Poison, Ty::Unknown);
        }
        (ExprKind::Builtin(builtin, args), ty)
    }

    fn builtin(
        &mut self,
        builtin: Builtin,
        values: &[ast::Expr<'db>],
        node: Node<'db>,
        hint: Option<&Ty>,
    ) -> (Vec<Expr>, Ty) {
        use Builtin as B;
        let text = Ty::String;
        match builtin {
            B::Lower | B::Upper | B::Trim => (self.all(values, std::slice::from_ref(&text)), text),
            B::Replace => {
                let params = [text.clone(), text.clone(), text.clone()];
                (self.all(values, &params), text)
            }
            B::CidrSubnet => (self.all(values, &[text.clone(), Ty::Int, Ty::Int]), text),
            B::Split => {
                let args = self.all(values, &[text.clone(), text.clone()]);
                (args, Ty::List(Arc::new(text)))
            }
            B::Join => self.join_call(values),
            B::StartsWith | B::EndsWith | B::Matches => {
                (self.all(values, &[text.clone(), text]), Ty::Bool)
            }
            B::Contains => self.contains_call(values, node),
            B::Length => self.length_call(values, node),
            B::Map | B::Filter | B::SortBy | B::Any | B::All => {
                self.over_list(builtin, values, node, hint)
            }
            B::Sort | B::Unique | B::Reverse | B::First | B::Last | B::Flatten | B::Sum => {
                self.of_list(builtin, values, node)
            }
            B::Min | B::Max => self.extreme(values, node),
            B::Abs => {
                let (value, ty) = self.infer_opt(values.first().copied(), None);
                self.no_structure(&ty, node, "a calculation");
                (vec![value], ty)
            }
            B::Floor | B::Round => (self.all(values, &[Ty::Decimal]), Ty::Int),
            B::Keys | B::Values => self.of_map(builtin, values, node),
            B::Json | B::Yaml | B::Toml => {
                let (value, ty) = self.infer_opt(values.first().copied(), None);
                let labels = self.labels_written(&ty);
                (vec![value], Ty::String.labelled(labels))
            }
            B::Base64 | B::UrlEncode => {
                let (value, ty) = self.infer_opt(values.first().copied(), None);
                let all = Labels {
                    secret: true,
                    later: true,
                };
                let (labels, _) = self.text_labels(&ty);
                let value = self.coerce(value, &ty, &Ty::Text.labelled(all));
                (vec![value], Ty::String.labelled(labels))
            }
            B::Sha256 => (self.all(values, std::slice::from_ref(&text)), text),
            B::Text => (self.all(values, &[Ty::Text]), text),
            B::Dir => (self.all(values, &[Ty::Dir]), Ty::Dir),
            B::Links => (
                self.all(values, &[Ty::AnyInstance]),
                Ty::List(Arc::new(Ty::Link)),
            ),
            B::Holders => (
                self.all(values, &[Ty::AnyInstance]),
                Ty::List(Arc::new(Ty::AnyInstance)),
            ),
            B::Grants => (
                self.all(values, &[Ty::AnyInstance, Ty::AnyInstance]),
                Ty::List(Arc::new(Ty::String)),
            ),
            B::Origin => (
                vec![self.infer_opt(values.first().copied(), None).0],
                origin_type(),
            ),
            B::Fails | B::Merge | B::WithoutNone => (Vec::new(), Ty::Unknown),
        }
    }

    /// `fails(e, "E0511")`: in a test, whether an expression is an error. What the checker has
    /// against it is none of the test's.
    fn fails(&mut self, values: &[ast::Expr<'db>], node: Node<'db>) -> (ExprKind, Ty) {
        let poison = (ExprKind::Poison, Ty::Unknown);
        let [inner, code] = values else { return poison };
        if !self.in_test {
            let spot = self.spot(node);
            let diag = Diag::error("E0212", spot, "`fails` is there only in tests");
            self.diags.push(diag);
            return poison;
        }
        let spot = self.spot(code.node());
        let text = match code {
            ast::Expr::StringLit(text) => text.plain(),
            _ => None,
        };
        let Some(text) = text.filter(|t| crate::diagnostics::explain(t).is_some()) else {
            let known: Vec<&str> = crate::diagnostics::explanations().map(|e| e.code).collect();
            let message = "`fails` names the code of an error: `fails(…, \"E0511\")`";
            let written = code.node().text().trim_matches('"');
            let mut diag = Diag::error("E0302", spot, message);
            if let Some(near) = crate::suggest::nearest(written, known) {
                diag = diag.help(format!("did you mean `{near}`?"));
            }
            self.diags.push(diag);
            return poison;
        };
        let before = self.diags.len();
        let (value, _) = self.infer(*inner, None);
        let found = self.diags.split_off(before);
        let codes = found.iter().filter(|d| d.is_error());
        let failing = Failing {
            code: text.into(),
            found: codes.map(|d| Arc::from(d.code())).collect(),
        };
        (
            ExprKind::Fails(Box::new(value), Box::new(failing)),
            Ty::Bool,
        )
    }

    fn all(&mut self, values: &[ast::Expr<'db>], types: &[Ty]) -> Vec<Expr> {
        values
            .iter()
            .zip(types)
            .map(|(value, ty)| self.check(Some(*value), ty))
            .collect()
    }

    /// A list and the type of its elements.
    fn list_arg(&mut self, value: Option<ast::Expr<'db>>, node: Node<'db>) -> (Expr, Ty) {
        let (expr, ty) = self.infer_opt(value, None);
        self.no_structure(&ty, node, "what is gone through");
        match ty.plain(self.db).1 {
            Ty::List(inner) => (expr, (*inner).clone()),
            Ty::Unknown => (expr, Ty::Unknown),
            other => {
                let message = format!("a list is wanted here, not `{}`", other.show(self.db));
                self.error("E0301", value.map_or(node, |v| v.node()), message);
                (Self::poisoned(node), Ty::Unknown)
            }
        }
    }

    fn join_call(&mut self, values: &[ast::Expr<'db>]) -> (Vec<Expr>, Ty) {
        let all = Labels {
            secret: true,
            later: true,
        };
        let (list, ty) = self.infer_opt(values.first().copied(), None);
        let labels = self.labels_written(&ty);
        let list = self.coerce(list, &ty, &Ty::List(Arc::new(Ty::Text.labelled(all))));
        let between = match values.get(1) {
            Some(value) => self.check(Some(*value), &Ty::String),
            None => Expr {
                kind: ExprKind::Text(Arc::from("")),
                span: list.span,
            },
        };
        (vec![list, between], Ty::String.labelled(labels))
    }

    fn contains_call(&mut self, values: &[ast::Expr<'db>], node: Node<'db>) -> (Vec<Expr>, Ty) {
        let (first, ty) = self.infer_opt(values.first().copied(), None);
        self.nothing_labelled(&ty, node, "a comparison");
        let wanted = match ty.plain(self.db).1 {
            // What is looked for may be another literal than those that are there.
            Ty::List(inner) => inner.widened(),
            _ => Ty::String,
        };
        let second = self.check(values.get(1).copied(), &wanted);
        (vec![first, second], Ty::Bool)
    }

    fn length_call(&mut self, values: &[ast::Expr<'db>], node: Node<'db>) -> (Vec<Expr>, Ty) {
        let (value, ty) = self.infer_opt(values.first().copied(), None);
        self.no_structure(&ty, node, "a length");
        let plain = ty.plain(self.db).1;
        if !matches!(
            plain,
            Ty::List(_) | Ty::Map(_) | Ty::String | Ty::Word(_) | Ty::Words(_) | Ty::Unknown
        ) {
            let message = format!("`{}` has no length", ty.show(self.db));
            self.error("E0301", node, message);
        }
        (vec![value], Ty::Int)
    }

    fn over_list(
        &mut self,
        builtin: Builtin,
        values: &[ast::Expr<'db>],
        node: Node<'db>,
        hint: Option<&Ty>,
    ) -> (Vec<Expr>, Ty) {
        let (list, element) = self.list_arg(values.first().copied(), node);
        let result = match builtin {
            Builtin::Map => match hint.map(|h| h.plain(self.db).1) {
                Some(Ty::List(inner)) => (*inner).clone(),
                _ => Ty::Unknown,
            },
            Builtin::SortBy => Ty::Unknown,
            _ => Ty::Bool,
        };
        let wanted = Ty::Fn(vec![element.clone()].into(), Arc::new(result));
        let (function, ty) = self.infer_opt(values.get(1).copied(), Some(&wanted));
        let given = match ty.plain(self.db).1 {
            Ty::Fn(_, result) => {
                if builtin != Builtin::Map {
                    self.nothing_labelled(&result, node, "what is picked");
                }
                (*result).clone()
            }
            Ty::Unknown => Ty::Unknown,
            other => {
                let message = format!("a function is wanted here, not `{}`", other.show(self.db));
                self.error("E0301", values.get(1).map_or(node, |v| v.node()), message);
                Ty::Unknown
            }
        };
        let ty = match builtin {
            Builtin::Map => Ty::List(Arc::new(given)),
            Builtin::Filter | Builtin::SortBy => Ty::List(Arc::new(element)),
            _ => Ty::Bool,
        };
        (vec![list, function], ty)
    }

    fn of_list(
        &mut self,
        builtin: Builtin,
        values: &[ast::Expr<'db>],
        node: Node<'db>,
    ) -> (Vec<Expr>, Ty) {
        let (list, element) = self.list_arg(values.first().copied(), node);
        match builtin {
            Builtin::Sort | Builtin::Unique => {
                self.nothing_labelled(&element, node, "a comparison");
            }
            Builtin::Sum => self.no_structure(&element, node, "a calculation"),
            Builtin::Flatten => self.no_structure(&element, node, "what is gone through"),
            _ => {}
        }
        let ty = match builtin {
            Builtin::First | Builtin::Last => element.optional(),
            Builtin::Sum => {
                let plain = element.plain(self.db).1;
                if !matches!(plain, Ty::Int | Ty::Decimal | Ty::Quantity(_) | Ty::Unknown) {
                    let message = format!("`{}` cannot be added up", element.show(self.db));
                    self.error("E0301", node, message);
                }
                plain
            }
            Builtin::Flatten => match element.plain(self.db).1 {
                inner @ Ty::List(_) => inner,
                Ty::Unknown => Ty::Unknown,
                other => {
                    let message = format!(
                        "a list of lists is wanted here, not of `{}`",
                        other.show(self.db)
                    );
                    self.error("E0301", node, message);
                    Ty::Unknown
                }
            },
            _ => Ty::List(Arc::new(element)),
        };
        (vec![list], ty)
    }

    /// `min(list)` or `min(a, b)`.
    fn extreme(&mut self, values: &[ast::Expr<'db>], node: Node<'db>) -> (Vec<Expr>, Ty) {
        if values.len() == 1 {
            let (list, element) = self.list_arg(values.first().copied(), node);
            self.no_structure(&element, node, "a comparison");
            return (vec![list], element.optional());
        }
        let mut args = Vec::new();
        let mut ty = Ty::Unknown;
        for value in values {
            let (arg, found) = self.infer(*value, None);
            self.no_structure(&found, node, "a comparison");
            match join(self.db, &ty, &found) {
                Some(joined) => ty = joined,
                None => self.error("E0303", value.node(), "these are of different types"),
            }
            args.push(arg);
        }
        (args, ty)
    }

    fn of_map(
        &mut self,
        builtin: Builtin,
        values: &[ast::Expr<'db>],
        node: Node<'db>,
    ) -> (Vec<Expr>, Ty) {
        let (map, ty) = self.infer_opt(values.first().copied(), None);
        self.no_structure(&ty, node, "what is gone through");
        let inner = match ty.plain(self.db).1 {
            Ty::Map(inner) => (*inner).clone(),
            Ty::Record(fields) => fields
                .iter()
                .try_fold(Ty::Unknown, |ty, f| join(self.db, &ty, &f.ty))
                .unwrap_or(Ty::Unknown),
            Ty::Unknown => Ty::Unknown,
            other => {
                let message = format!("a map is wanted here, not `{}`", other.show(self.db));
                self.error("E0301", node, message);
                Ty::Unknown
            }
        };
        let element = if builtin == Builtin::Keys {
            Ty::String
        } else {
            inner
        };
        (vec![map], Ty::List(Arc::new(element)))
    }
}

/// What `origin(x)` gives.
fn origin_type() -> Ty {
    let kinds = ["declared", "default", "derived", "each", "set", "with"];
    let kinds: Vec<Word> = kinds.iter().map(|k| Word::Text(Arc::from(*k))).collect();
    let field = |name: &str, ty| RecordField {
        name: Arc::from(name),
        ty,
        default: None,
        grants: None,
    };
    Ty::Record(
        [
            field("kind", Ty::Words(kinds.into())),
            field("path", Ty::String),
            field("text", Ty::String),
        ]
        .into(),
    )
}

fn arity(builtin: Builtin) -> std::ops::RangeInclusive<usize> {
    use Builtin as B;
    match builtin {
        B::Replace | B::CidrSubnet => 3..=3,
        B::Split
        | B::StartsWith
        | B::EndsWith
        | B::Contains
        | B::Matches
        | B::Map
        | B::Filter
        | B::SortBy
        | B::Any
        | B::All
        | B::Fails
        | B::Grants => 2..=2,
        B::Join => 1..=2,
        B::Min | B::Max => 1..=16,
        _ => 1..=1,
    }
}
