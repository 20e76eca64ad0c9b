//! Patterns.

use std::sync::Arc;

use plat_syntax::ast;

use super::Checker;
use super::notes::Symbol;
use crate::db::Space;
use crate::diag::Diag;
use crate::ir::{Expr, Pattern};
use crate::types::{Ty, TypeBody, Word, type_def};

impl<'db> Checker<'db> {
    /// A pattern for a value of type `ty`; the names it binds come into sight.
    pub(super) fn pattern(&mut self, pattern: ast::Pattern<'db>, ty: &Ty) -> Pattern {
        match pattern {
            ast::Pattern::PatWild(_) | ast::Pattern::Error(_) => Pattern::Any,
            ast::Pattern::PatAlt(alternatives) => Pattern::Or(
                alternatives
                    .alternatives()
                    .map(|p| self.pattern(p, ty))
                    .collect(),
            ),
            ast::Pattern::PatLiteral(literal) => self.literal_pattern(literal, ty),
            ast::Pattern::PatName(name) => self.name_pattern(name, ty),
            ast::Pattern::PatCase(case) => self.case_pattern(case, ty),
        }
    }

    /// A pattern inside of another. One that asks something of the part may not ask it of a secret;
    /// of the whole, that has been seen where it stands.
    fn part(&mut self, pattern: ast::Pattern<'db>, ty: &Ty) -> Pattern {
        let part = self.pattern(pattern, ty);
        if asks(&part) {
            self.no_structure(ty, pattern.node(), "a choice");
        }
        part
    }

    fn literal_pattern(&mut self, literal: ast::PatLiteral<'db>, ty: &Ty) -> Pattern {
        let inner = ty.without_none(self.db);
        match literal.literal() {
            Some(ast::Expr::NoneLit(none)) => {
                if !self.is_optional(ty) && !ty.is_unknown() {
                    let message = format!("`{}` is never `none`", ty.show(self.db));
                    self.error("E0320", none.node(), message);
                }
                Pattern::None
            }
            Some(range @ ast::Expr::Range(_)) => {
                let ends = match inner.plain(self.db).1 {
                    // Between two of the numbers that it may be there can be others.
                    Ty::Word(Word::Number(_)) => Ty::Int,
                    Ty::Words(words) if words.iter().all(|w| matches!(w, Word::Number(_))) => {
                        Ty::Int
                    }
                    plain => plain,
                };
                Pattern::Within(self.pattern_value(range, &Ty::Range(Arc::new(ends))))
            }
            Some(value) => Pattern::Equal(self.pattern_value(value, &inner)),
            None => Pattern::Any,
        }
    }

    fn pattern_value(&mut self, value: ast::Expr<'db>, wanted: &Ty) -> Expr {
        // A condition is no part of what is compared: `Port` is compared as an `Int`.
        let (_, plain) = wanted.plain(self.db);
        self.for_purpose("what is compared here".to_owned(), |c| {
            c.check(Some(value), &plain)
        })
    }

    fn name_pattern(&mut self, name: ast::PatName<'db>, ty: &Ty) -> Pattern {
        let Some(name) = name.name() else {
            return Pattern::Any;
        };
        let text = name.text();
        let (_, plain) = ty.without_none(self.db).plain(self.db);
        match &plain {
            Ty::Named(_) => {
                if let Some((of, _, case)) = self.case_of(ty, text) {
                    self.note(name.node(), |_| Some(Symbol::Case(of, case.name.clone())));
                    return Pattern::Case(case.name, Vec::new());
                }
            }
            Ty::Environment => {
                return match self.names.env(text) {
                    Some(env) => {
                        self.note(name.node(), |_| Some(Symbol::Item(env)));
                        Pattern::Env(env)
                    }
                    None => {
                        let spot = self.spot(name.node());
                        let message = format!("there is no environment `{text}`");
                        let names = self.names.like(Space::Env, text);
                        let diag = Diag::error("E0211", spot, message)
                            .misses(Space::Env, text)
                            .suggest(text, spot, &names);
                        self.diags.push(diag);
                        Pattern::Any
                    }
                };
            }
            Ty::Instance(_) | Ty::AnyInstance => {
                // One of a kind that is known has nothing to be asked: a name is a new one.
                let open = match plain {
                    Ty::Instance(kind) => crate::types::kind_head(self.db, kind).abstract_,
                    _ => true,
                };
                return match self.names.kind_named(text) {
                    Some(kind) => {
                        self.note(name.node(), |_| Some(Symbol::Item(kind)));
                        Pattern::Kind(kind)
                    }
                    None if !open => {
                        let id = self.bind(text, ty.clone());
                        self.note_local(Some(name), id, ty);
                        Pattern::Bind(id)
                    }
                    None => {
                        let spot = self.spot(name.node());
                        let message = format!("there is no kind `{text}`");
                        let names = self.names.like(Space::Kind, text);
                        let diag = Diag::error("E0201", spot, message)
                            .misses(Space::Kind, text)
                            .suggest(text, spot, &names);
                        self.diags.push(diag);
                        Pattern::Any
                    }
                };
            }
            _ => {}
        }
        let id = self.bind(text, ty.clone());
        self.note_local(Some(name), id, ty);
        Pattern::Bind(id)
    }

    fn case_pattern(&mut self, pattern: ast::PatCase<'db>, ty: &Ty) -> Pattern {
        let Some(name) = pattern.name() else {
            return Pattern::Any;
        };
        let args: Vec<ast::PatArg<'db>> = pattern.args().collect();
        if name.text() == "some" {
            if !self.is_optional(ty) && !ty.is_unknown() {
                let message = format!(
                    "`{}` is never `none`: there is nothing to test",
                    ty.show(self.db)
                );
                self.error("E0320", name.node(), message);
            }
            let inner = ty.without_none(self.db);
            let part = match args.first().and_then(|a| a.pattern()) {
                Some(part) => self.part(part, &inner),
                None => Pattern::Any,
            };
            return Pattern::Some(Box::new(part));
        }
        let Some((of, _, case)) = self.case_of(ty, name.text()) else {
            if !ty.is_unknown() {
                self.no_such_case(name, ty);
            }
            for part in args.iter().filter_map(|a| a.pattern()) {
                self.pattern(part, &Ty::Unknown);
            }
            return Pattern::Any;
        };
        self.note(name.node(), |_| Some(Symbol::Case(of, case.name.clone())));
        let mut parts = Vec::new();
        for (position, arg) in args.iter().enumerate() {
            let param = match arg.name() {
                Some(name) => case.params.iter().find(|p| p.name.as_ref() == name.text()),
                None => case.params.get(position),
            };
            let Some(param) = param else {
                let names: Vec<&str> = case.params.iter().map(|p| p.name.as_ref()).collect();
                let message = format!(
                    "`{}` has {} parts: {}",
                    case.name,
                    names.len(),
                    names.join(", ")
                );
                self.error("E0307", arg.node(), message);
                continue;
            };
            if let Some(part) = arg.pattern() {
                let part = self.part(part, &param.ty);
                parts.push((param.name.clone(), part));
            }
        }
        Pattern::Case(case.name, parts)
    }

    fn no_such_case(&mut self, name: ast::Name<'_>, ty: &Ty) {
        let text = name.text();
        let spot = self.spot(name.node());
        let shown = ty.show(self.db);
        let names: Vec<Arc<str>> = match ty.without_none(self.db).plain(self.db).1 {
            Ty::Named(item) => match &type_def(self.db, item).body {
                TypeBody::Variant(cases) => cases.iter().map(|c| c.name.clone()).collect(),
                TypeBody::Alias(_) => Vec::new(),
            },
            _ => Vec::new(),
        };
        let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        if self.is_optional(ty) {
            names.push("some");
        }
        let message = format!("`{shown}` has no case `{text}`");
        self.diags
            .push(Diag::error("E0320", spot, message).suggest(text, spot, &names));
    }
}

/// Does it hold for some values only?
fn asks(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Any | Pattern::Bind(_) => false,
        Pattern::Or(list) => list.iter().all(asks),
        _ => true,
    }
}
