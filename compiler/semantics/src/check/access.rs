//! `a.b`, `a?.b`, `a[b]`.

use std::sync::Arc;

use plat_syntax::ast;

use super::{Checker, lower, out_type};
use crate::db::ItemId;
use crate::diag::{Cause, Diag, Spot};
use crate::ir::{Expr, ExprKind};
use crate::types::{Ty, kind_head, type_def};

impl<'db> Checker<'db> {
    pub(super) fn field_access(&mut self, access: ast::FieldAccess<'db>) -> (ExprKind, Ty) {
        let (base, ty) = self.infer_opt(access.base(), None);
        match access.name() {
            Some(name) => self.field_of(&base, &ty, name),
            None => (ExprKind::Poison, Ty::Unknown),
        }
    }

    pub(super) fn safe_access(&mut self, access: ast::SafeAccess<'db>) -> (ExprKind, Ty) {
        let (base, ty) = self.infer_opt(access.base(), None);
        let Some(name) = access.name() else {
            return (ExprKind::Poison, Ty::Unknown);
        };
        let inner = ty.without_none(self.db);
        if !ty.is_unknown() && !self.is_optional(&ty) && !matches!(ty, Ty::None) {
            let spot = self.spot(access.node());
            let message = format!("`{}` is never `none`", ty.show(self.db));
            self.diags
                .push(Diag::warning("W0301", spot, message).help("`.` is enough"));
        }
        let local = self.bind("", inner.clone());
        self.locals.pop();
        let span = base.span;
        let here = Expr {
            kind: ExprKind::Local(local),
            span,
        };
        let (kind, ty) = self.field_of(&here, &inner, name);
        let span = crate::diag::Span::from(access.node().range());
        let body = Box::new(Expr { kind, span });
        (ExprKind::Safe(Box::new(base), local, body), ty.optional())
    }

    /// The field `name` of a value.
    fn field_of(&mut self, base: &Expr, ty: &Ty, name: ast::Name<'_>) -> (ExprKind, Ty) {
        let text = name.text();
        let (labels, plain) = ty.plain(self.db);
        if plain.is_unknown() {
            return (ExprKind::Poison, Ty::Unknown);
        }
        let field = || ExprKind::Field(Box::new(base.clone()), Arc::from(text));
        self.note(name.node(), |c| match &plain {
            Ty::Instance(kind) => c.read_symbol(*kind, text),
            Ty::Named(item) => Some(super::notes::Symbol::Inner(*item, Arc::from(text))),
            _ => c.below_symbol(ty, text),
        });
        let found = match &plain {
            Ty::Record(fields) => fields
                .iter()
                .find(|f| f.name.as_ref() == text)
                .map(|f| (field(), f.ty.clone())),
            Ty::Map(value) => Some((field(), (**value).clone())),
            Ty::Range(inner) if text == "min" || text == "max" => {
                Some((field(), (**inner).clone()))
            }
            Ty::Instance(kind) => self.field_of_kind(*kind, text).map(|ty| (field(), ty)),
            Ty::Environment if text == "name" => Some((field(), Ty::String)),
            Ty::AnyInstance if matches!(text, "name" | "kind") => Some((field(), Ty::String)),
            Ty::Link => link_field(text).map(|ty| (field(), ty)),
            Ty::Named(item) => self.member(*item, text).map(|ty| {
                let kind = ExprKind::Member(Box::new(base.clone()), *item, Arc::from(text));
                (kind, ty)
            }),
            _ => None,
        };
        match found {
            Some((kind, ty)) => (kind, ty.labelled(labels)),
            None => {
                self.no_such_field(&plain, name);
                (ExprKind::Poison, Ty::Unknown)
            }
        }
    }

    /// What others may read of a declaration: its outs, then its inputs.
    fn field_of_kind(&self, kind: ItemId, name: &str) -> Option<Ty> {
        if let Some(ty) = out_type(self.db, kind, name) {
            return Some(ty);
        }
        let head = kind_head(self.db, kind);
        head.field(name).map(|f| f.ty.clone())
    }

    /// The type of a member that a type computes.
    fn member(&self, item: ItemId, name: &str) -> Option<Ty> {
        let def = type_def(self.db, item);
        if !def.members.iter().any(|m| m.as_ref() == name) {
            return None;
        }
        if item == self.item {
            return self.out.lets.get(name).map(|v| v.ty.clone());
        }
        let value = lower(self.db, item).lets.get(name);
        Some(value.map_or(Ty::Unknown, |v| v.ty.clone()))
    }

    fn no_such_field(&mut self, ty: &Ty, name: ast::Name<'_>) {
        let db = self.db;
        let text = name.text();
        let spot = self.spot(name.node());
        let shown = ty.show(db);
        if let Ty::Optional(inner) = ty {
            let message = format!("this may be `none`, and then it has no `{text}`");
            let diag = Diag::error("E0308", spot, message)
                .label(format!("`{}` or `none`", inner.show(db)))
                .help(format!("write `?.{text}`, or test it with `is some(x)`"));
            self.diags.push(diag);
            return;
        }
        if let Ty::Family(_) = ty {
            let message = format!("this is a family: pick one by its key before `.{text}`");
            let diag =
                Diag::error("E0208", spot, message).help(format!("write `[\"KEY\"].{text}`"));
            self.diags.push(diag);
            return;
        }
        let names: Vec<Arc<str>> = match ty {
            Ty::Record(fields) => fields.iter().map(|f| f.name.clone()).collect(),
            Ty::Instance(kind) => {
                let head = kind_head(db, *kind);
                let outs = head.outs.iter().map(|o| o.name.clone());
                outs.chain(head.fields.iter().map(|f| f.name.clone()))
                    .collect()
            }
            Ty::Named(item) => type_def(db, *item).members.clone(),
            Ty::Range(_) => vec![Arc::from("min"), Arc::from("max")],
            Ty::Environment => vec![Arc::from("name")],
            Ty::AnyInstance => vec![Arc::from("name"), Arc::from("kind")],
            Ty::Link => LINK_FIELDS.iter().map(|n| Arc::from(*n)).collect(),
            _ => Vec::new(),
        };
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        let mut diag = Diag::error("E0208", spot, format!("`{shown}` has no `{text}`"));
        if let Ty::Instance(kind) = ty {
            diag = diag.because(Cause::Member(*kind, Arc::from(text)));
        } else if names.is_empty() {
            diag = diag.because(Cause::Partless(Arc::from(shown.as_str())));
        }
        diag = diag.suggest(text, spot, &names);
        if !names.is_empty() && crate::suggest::nearest(text, names.iter().copied()).is_none() {
            let list: Vec<String> = names.iter().take(12).map(|n| format!("`{n}`")).collect();
            diag = diag.note(format!("it has {}", list.join(", ")));
        }
        if let Ty::Instance(kind) = ty
            && crate::names::decls(db, *kind)
                .iter()
                .any(|d| d.name.as_ref() == text)
        {
            diag = diag.help(format!(
                "`{text}` is inside of `{shown}`: an `out` of the kind makes known what may be asked of it"
            ));
        }
        self.diags.push(diag);
    }

    pub(super) fn index(&mut self, index: ast::IndexExpr<'db>) -> (ExprKind, Ty) {
        if let Some(ast::Expr::List(list)) = index.base() {
            let spot = self.spot(index.node());
            let end = plat_syntax::TextRange::empty(list.node().range().end);
            let message = "nothing is picked from a list that is written out";
            let diag = Diag::error("E0208", spot, message)
                .help("a comma is missing between two lists: `[a], [b]`")
                .fix("put the comma in", Spot::new(self.item, end), ",");
            self.diags.push(diag);
            return (ExprKind::Poison, Ty::Unknown);
        }
        let (base, ty) = self.infer_opt(index.base(), None);
        let (labels, plain) = ty.plain(self.db);
        let (wanted, found) = match &plain {
            Ty::List(inner) => (Ty::Int, (**inner).clone()),
            Ty::Map(inner) | Ty::Family(inner) => (Ty::String, (**inner).clone()),
            Ty::Unknown => (Ty::Unknown, Ty::Unknown),
            Ty::Record(_) => {
                let message = "the fields of a record are read with `.`";
                self.error("E0208", index.node(), message);
                (Ty::Unknown, Ty::Unknown)
            }
            other => {
                let message = format!("`{}` has no elements to pick by `[…]`", other.show(self.db));
                self.error("E0208", index.node(), message);
                (Ty::Unknown, Ty::Unknown)
            }
        };
        let purpose = "the key in `[…]`".to_owned();
        let key = self.for_purpose(purpose, |c| c.check(index.index(), &wanted));
        if found.is_unknown() {
            return (ExprKind::Poison, Ty::Unknown);
        }
        (
            ExprKind::Index(Box::new(base), Box::new(key)),
            found.labelled(labels),
        )
    }
}

const LINK_FIELDS: &[&str] = &["from", "to", "out", "grant", "field"];

fn link_field(name: &str) -> Option<Ty> {
    match name {
        "from" | "to" => Some(Ty::AnyInstance),
        "out" | "field" => Some(Ty::String),
        "grant" => Some(Ty::String.optional()),
        _ => None,
    }
}

/// The type at a name below a value, for `with`, `set` and dotted fields.
pub(super) enum Below {
    /// It is there.
    There(Ty),
    /// It is not; the names there are.
    Not(Vec<Arc<str>>),
    /// There is nothing below such a value.
    Leaf,
}

impl Checker<'_> {
    /// What `name` is below a value of type `ty`. In a variant, it is a part of any of its cases.
    pub(super) fn below(&self, ty: &Ty, name: &str) -> Below {
        let (_, plain) = ty.without_none(self.db).plain(self.db);
        match &plain {
            Ty::Unknown => Below::There(Ty::Unknown),
            Ty::Record(fields) => match fields.iter().find(|f| f.name.as_ref() == name) {
                Some(field) => Below::There(field.ty.clone()),
                None => Below::Not(fields.iter().map(|f| f.name.clone()).collect()),
            },
            Ty::Map(inner) => Below::There((**inner).clone().optional()),
            Ty::Named(item) => {
                let crate::types::TypeBody::Variant(cases) = &type_def(self.db, *item).body else {
                    return Below::Leaf;
                };
                let mut names = Vec::new();
                for param in cases.iter().flat_map(|c| &c.params) {
                    if param.name.as_ref() == name {
                        return Below::There(param.ty.clone());
                    }
                    // An implicit record case is looked through: `resources.memory`.
                    names.push(param.name.clone());
                }
                for case in cases.iter().filter(|c| c.implicit) {
                    if let Some(first) = case.params.first()
                        && matches!(first.ty.plain(self.db).1, Ty::Record(_))
                    {
                        return self.below(&first.ty, name);
                    }
                }
                Below::Not(names)
            }
            _ => Below::Leaf,
        }
    }
}
