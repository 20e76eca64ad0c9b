//! Kinds.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast::{self, Item};

use super::Checker;
use crate::diag::Diag;
use crate::ir::{Require, Stmt, Value};
use crate::types::{Ty, kind_head};

impl<'db> Checker<'db> {
    pub(super) fn kind(&mut self, kind: ast::Kind<'db>) {
        let head = kind_head(self.db, self.item);
        self.diags.extend(head.diags.iter().cloned());
        self.kind = Some(self.item);
        let mut fields = Vec::new();
        for item in kind.items() {
            match item {
                Item::FieldDecl(field) => fields.push(field),
                Item::Let(def) => {
                    if let Some(name) = def.name() {
                        // One defined twice is reported; the first one counts.
                        self.waiting.entry(Arc::from(name.text())).or_insert(def);
                    }
                }
                _ => {}
            }
        }
        self.named_twice(kind, &fields);
        self.field_defaults(&fields, |c, name| {
            kind_head(c.db, c.item).field(name).map(|f| f.ty.clone())
        });
        for field in kind.items().filter_map(|i| match i {
            Item::Field(field) => Some(field),
            _ => None,
        }) {
            let name = field
                .path()
                .and_then(ast::Path::as_name)
                .map_or("", ast::Name::text);
            if let Some(found) = head.field(name) {
                let purpose = format!("the field `{name}`");
                let value = self.for_purpose(purpose, |c| c.check(field.value(), &found.ty));
                self.out.defaults.insert(field.node().id().0, value);
            }
        }
        while let Some(name) = self.waiting.keys().next().cloned() {
            self.kind_let(&name);
        }
        let contents = kind
            .items()
            .filter(|i| matches!(i, Item::Decl(_) | Item::If(_) | Item::For(_)));
        let contents = self.stmts(contents);
        if head.external
            && let Some(Stmt::Decl(first)) = contents.first()
        {
            let spot = self.spot_of(first.name_span);
            let message = "an `extern kind` is made by the backends: it has no contents";
            self.diags.push(Diag::error("E0324", spot, message));
        }
        self.out.contents = contents;
        if let Some(diag) = super::circles::kind_within_itself(self.db, self.item) {
            self.diags.extend(diag);
            self.out.contents.clear();
        }
        for item in kind.items() {
            match item {
                Item::Out(out) => self.out_value(out, head.external),
                Item::Require(require) => {
                    let (condition, message) = self.scoped(|c| {
                        let (condition, _) = c.condition(require.condition());
                        c.in_message = true;
                        let purpose = "a message".to_owned();
                        let message = require.message();
                        let message = message
                            .map(|m| c.for_purpose(purpose, |c| c.check(Some(m), &Ty::String)));
                        c.in_message = false;
                        (condition, message)
                    });
                    self.out.requires.push(Require { condition, message });
                }
                _ => {}
            }
        }
    }

    /// Inputs, `let`s and declarations of a kind share one scope: each name is there once.
    fn named_twice(&mut self, kind: ast::Kind<'db>, fields: &[ast::FieldDecl<'db>]) {
        let mut seen: BTreeMap<&str, ast::Name<'db>> = BTreeMap::new();
        for name in fields.iter().filter_map(|f| f.name()) {
            // Two fields of one name are told with the kind's head.
            seen.entry(name.text()).or_insert(name);
        }
        let mut waiting: Vec<Item<'db>> = kind.items().collect();
        waiting.reverse();
        while let Some(item) = waiting.pop() {
            let name = match item {
                Item::Let(def) => def.name(),
                Item::Decl(decl) => decl.name(),
                Item::If(choice) => {
                    let mut inner: Vec<Item<'db>> = choice.then_items().collect();
                    inner.extend(choice.else_items());
                    waiting.extend(inner.into_iter().rev());
                    None
                }
                Item::For(each) => {
                    let inner: Vec<Item<'db>> = each.items().collect();
                    waiting.extend(inner.into_iter().rev());
                    None
                }
                _ => None,
            };
            let Some(name) = name else { continue };
            match seen.get(name.text()) {
                Some(first) => {
                    let text = name.text();
                    let message = format!("`{text}` is defined twice in this kind");
                    let diag = Diag::error("E0206", self.spot(name.node()), message)
                        .related(self.spot(first.node()), "first here");
                    self.diags.push(diag);
                }
                None => {
                    seen.insert(name.text(), name);
                }
            }
        }
    }

    /// Checks the kind's own `let` of this name, when it is first needed.
    pub(super) fn kind_let(&mut self, name: &str) {
        let Some(def) = self.waiting.remove(name) else {
            return;
        };
        let locals = std::mem::take(&mut self.locals);
        let branch = std::mem::take(&mut self.branch);
        let (expr, ty) = match def.ty() {
            Some(ty) => {
                let ty = self.read_type(ty);
                (self.check(def.value(), &ty), ty)
            }
            None => self.infer_opt(def.value(), None),
        };
        self.locals = locals;
        self.branch = branch;
        self.out.lets.insert(Arc::from(name), Value { expr, ty });
    }

    pub(super) fn out_value(&mut self, out: ast::Out<'db>, external: bool) {
        let Some(name) = out.name() else { return };
        match (out.value(), external) {
            (Some(value), true) => {
                let message =
                    "what an `extern kind` gives comes from the backends: it has no value here";
                self.error("E0324", value.node(), message);
            }
            (None, false) => {
                let message = format!("the out `{}` needs a value", name.text());
                self.error("E0324", out.node(), message);
            }
            (None, true) => {
                if out.ty().is_none() {
                    let message = format!("the out `{}` needs a type", name.text());
                    self.error("E0324", out.node(), message);
                }
            }
            (Some(value), false) => {
                let head = kind_head(self.db, self.item);
                let written = head.out(name.text()).and_then(|o| o.ty.clone());
                let (expr, ty) = match written {
                    Some(ty) => (self.check(Some(value), &ty), ty),
                    None => self.infer(value, None),
                };
                let value = Value { expr, ty };
                self.out.outs.insert(Arc::from(name.text()), value);
            }
        }
    }
}
