//! Policies, waivers and tests.

use std::sync::Arc;

use plat_syntax::ast;

use super::Checker;
use crate::db::Space;
use crate::diag::Diag;
use crate::ir::{PolicyBody, Subject};
use crate::names::path_names;
use crate::types::{Ty, TypeReader};

impl<'db> Checker<'db> {
    pub(super) fn policy(&mut self, policy: ast::Policy<'db>) {
        let mut body = PolicyBody {
            params: Vec::new(),
            when: None,
            require: None,
            message: None,
            warning: false,
        };
        for param in policy.params() {
            let mut reader = TypeReader::new(self.db, self.item);
            let ty = reader.read_or_unknown(param.ty());
            self.diags.append(&mut reader.diags);
            let subject = match &ty {
                Ty::Instance(kind) => Some(Subject::Kind(*kind)),
                Ty::AnyInstance => Some(Subject::Any),
                Ty::Link => Some(Subject::Link),
                Ty::Environment => Some(Subject::Environment),
                Ty::Unknown => None,
                other => {
                    let message = format!(
                        "a policy speaks of a kind, a `link`, a `declaration` or the `environment`, not of `{}`",
                        other.show(self.db)
                    );
                    self.error("E0701", param.node(), message);
                    None
                }
            };
            let id = self.bind(param.name().map_or("", ast::Name::text), ty);
            body.params.extend(subject.map(|s| (id, s)));
        }
        for field in policy.fields() {
            let Some(name) = field.path().and_then(ast::Path::as_name) else {
                continue;
            };
            match name.text() {
                "when" => body.when = Some(self.condition(field.value()).0),
                "require" => body.require = Some(self.condition(field.value()).0),
                "message" => {
                    self.in_message = true;
                    body.message = Some(self.check(field.value(), &Ty::String));
                    self.in_message = false;
                }
                "severity" => {
                    let words = [Arc::from("error"), Arc::from("warning")];
                    let words: Vec<_> = words.into_iter().map(crate::types::Word::Text).collect();
                    let purpose = "the severity".to_owned();
                    let wanted = Ty::Words(words.into());
                    let value = self.for_purpose(purpose, |c| c.check(field.value(), &wanted));
                    body.warning = matches!(&value.kind, crate::ir::ExprKind::Text(t) if t.as_ref() == "warning");
                }
                text => {
                    let spot = self.spot(name.node());
                    let names = ["when", "require", "message", "severity"];
                    let message = format!("a policy has no field `{text}`");
                    let diag = Diag::error("E0207", spot, message).suggest(text, spot, &names);
                    self.diags.push(diag);
                }
            }
        }
        if body.require.is_none() {
            let node = policy.name().map_or(policy.node(), |n| n.node());
            self.error(
                "E0701",
                node,
                "a policy says what it requires: `require = …`",
            );
        }
        self.out.policy = Some(body);
    }

    pub(super) fn test(&mut self, test: ast::Test<'db>) {
        for field in test.fields() {
            let Some(name) = field.path().and_then(ast::Path::as_name) else {
                continue;
            };
            if name.text() != "assert" {
                let spot = self.spot(name.node());
                let message = format!("a test has no field `{}`", name.text());
                let diag =
                    Diag::error("E0207", spot, message).suggest(name.text(), spot, &["assert"]);
                self.diags.push(diag);
                continue;
            }
            let (value, _) = self.scoped(|c| c.condition(field.value()));
            self.out.asserts.push(value);
        }
    }

    pub(super) fn waive(&mut self, waive: ast::Waive<'db>) {
        if let Some(path) = waive.policy() {
            let names = path_names(Some(path));
            let text = names.join(".");
            if self.names.policy(&text).is_none() {
                let spot = self.spot(path.node());
                let seen = self.names.seen(Space::Policy);
                let diag = Diag::error("E0702", spot, format!("there is no policy `{text}`"))
                    .suggest(&text, spot, &seen);
                self.diags.push(diag);
            }
        }
        if let Some(path) = waive.target() {
            let first = path.names().next().map_or("", ast::Name::text);
            if self.names.value(first).is_none() {
                let spot = self.spot(path.node());
                let seen = self.names.seen(Space::Value);
                let diag = Diag::error("E0215", spot, format!("the app has no `{first}`"))
                    .suggest(first, spot, &seen);
                self.diags.push(diag);
            }
        }
    }
}
