//! How the targets of a program take what stands in it: what they make of a field in their own words,
//! what they keep in part or not at all.

use crate::api::{Database, STACK};
use crate::app::app;
use crate::check::lower;
use crate::check::notes::Symbol;
use crate::db::{ItemId, Space, items};
use crate::eval::target_name;
use crate::ir::{Expr, ExprKind};
use crate::types::{Ty, TypeBody, kind_head, type_def};

/// How a target takes something: one entry of what `stdlib/targets` says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Support {
    /// What it takes: a kind, a field or a case of a field's type, as `service.rollout.canary`.
    pub what: String,
    /// How.
    pub how: How,
}

/// How a target takes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// As it is; what it becomes, in the target's words.
    Keeps(Vec<String>),
    /// In part; why.
    Weakens(String),
    /// Never; why, and what there is instead.
    Refuses(String, Option<String>),
    /// Not yet.
    Lacks,
}

/// What a target of the program makes of something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The target's kind: `kubernetes`.
    pub target: String,
    /// The program's environments that are on such a target.
    pub environments: Vec<String>,
    /// What is said of it, and of its cases.
    pub support: Vec<Support>,
}

impl Database {
    /// All that a target of `std` says of how it takes what the kinds offer, in its order. None where
    /// there is no such target.
    pub fn support(&self, target: &str) -> Vec<Support> {
        stacker::grow(STACK, || {
            let files = self.std_files().iter();
            let mut all = files.flat_map(|file| items(self, *file));
            let found = all
                .find(|item| item.space(self) == Space::Kind && item.name(self).as_ref() == target);
            found.map_or_else(Vec::new, |kind| self.support_of(*kind))
        })
    }

    /// What the targets of the program's environments make of a kind, of a field or of a case, as far
    /// as they say it; in the order of the environments.
    pub fn taken(&self, symbol: &Symbol) -> Vec<Taken> {
        stacker::grow(STACK, || {
            let mut out: Vec<Taken> = Vec::new();
            for env in &app(self).envs {
                let Some(target) = target_name(self, *env) else {
                    continue;
                };
                let name = env.name(self).to_string();
                if let Some(known) = out.iter_mut().find(|t| *t.target == *target) {
                    known.environments.push(name);
                    continue;
                }
                let mut support = self.support(&target);
                support.retain(|entry| self.speaks_of(entry, symbol));
                out.push(Taken {
                    target: target.to_string(),
                    environments: vec![name],
                    support,
                });
            }
            out.retain(|taken| !taken.support.is_empty());
            out
        })
    }

    fn support_of(&self, target: ItemId) -> Vec<Support> {
        let Some(support) = lower(self, target).lets.get("support") else {
            return Vec::new();
        };
        let ExprKind::List(entries) = &plain(&support.expr).kind else {
            return Vec::new();
        };
        let entries = entries.iter().filter_map(|entry| self.entry(plain(entry)));
        entries.collect()
    }

    /// One entry: a case with texts as they are written.
    fn entry(&self, entry: &Expr) -> Option<Support> {
        let ExprKind::Case(of, case, parts) = &entry.kind else {
            return None;
        };
        let TypeBody::Variant(cases) = &type_def(self, *of).body else {
            return None;
        };
        let part = |at: usize| text(parts.get(at)?.as_ref()?);
        let how = match cases.get(*case as usize)?.name.as_ref() {
            "keeps" => {
                let ExprKind::List(words) = &plain(parts.get(1)?.as_ref()?).kind else {
                    return None;
                };
                How::Keeps(words.iter().filter_map(text).collect())
            }
            "weakens" => How::Weakens(part(1)?),
            "refuses" => How::Refuses(part(1)?, part(2)),
            "lacks" => How::Lacks,
            _ => return None,
        };
        let what = part(0)?;
        Some(Support { what, how })
    }

    fn speaks_of(&self, entry: &Support, symbol: &Symbol) -> bool {
        let mut path = entry.what.split('.');
        let (kind, field, case) = (path.next(), path.next(), path.next());
        match symbol {
            Symbol::Item(item) => {
                item.space(self) == Space::Kind
                    && field.is_none()
                    && kind == Some(item.name(self).as_ref())
            }
            Symbol::Field(item, name) => {
                item.space(self) == Space::Kind
                    && field == Some(name.as_ref())
                    && kind == Some(item.name(self).as_ref())
            }
            Symbol::Case(of, name) => {
                case == Some(name.as_ref()) && self.is_case_of(kind, field, *of)
            }
            _ => false,
        }
    }

    /// Is the type of a field of a kind of `std` this variant?
    fn is_case_of(&self, kind: Option<&str>, field: Option<&str>, variant: ItemId) -> bool {
        let files = self.std_files().iter();
        let mut all = files.flat_map(|file| items(self, *file));
        let kind = all
            .find(|item| item.space(self) == Space::Kind && kind == Some(item.name(self).as_ref()));
        let Some(kind) = kind else { return false };
        let fields = &kind_head(self, *kind).fields;
        let found = fields.iter().find(|f| field == Some(f.name.as_ref()));
        found.is_some_and(|field| is_of(&field.ty, variant))
    }
}

fn is_of(ty: &Ty, variant: ItemId) -> bool {
    match ty {
        Ty::Named(item) => *item == variant,
        Ty::Optional(inner) => is_of(inner, variant),
        _ => false,
    }
}

/// What is made into something else, as it is written.
fn plain(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Coerce(inner, _) => plain(inner),
        _ => expr,
    }
}

fn text(expr: &Expr) -> Option<String> {
    match &plain(expr).kind {
        ExprKind::Text(text) => Some(text.to_string()),
        _ => None,
    }
}
