//! Policies and tests.

use std::sync::Arc;

use plat_syntax::ast;

use super::Checker;
use crate::db::Space;
use crate::diag::Diag;
use crate::ir::{EnvBody, PolicyBody, Subject};
use crate::names::NoPolicy;
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
        if let Some(second) = policy.params().nth(1) {
            let message = "a policy speaks of one thing, and this is a second one";
            self.error("E0701", second.node(), message);
        }
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
            let id = self.bind(param.name().map_or("", ast::Name::text), ty.clone());
            self.note_local(param.name(), id, &ty);
            body.params.extend(subject.map(|s| (id, s)));
        }
        let mut given: Vec<&str> = Vec::new();
        for field in policy.fields() {
            let Some(name) = self.own_field(field, &mut given, "policy") else {
                continue;
            };
            match name.text() {
                "when" => body.when = Some(self.condition(field.value()).0),
                "require" => body.require = Some(self.condition(field.value()).0),
                "message" => {
                    self.in_message = true;
                    let purpose = "a message".to_owned();
                    let message =
                        self.for_purpose(purpose, |c| c.check(field.value(), &Ty::String));
                    body.message = Some(message);
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
        self.out.policy = Some(Box::new(body));
    }

    pub(super) fn test(&mut self, test: ast::Test<'db>) {
        self.in_test = true;
        for field in test.fields() {
            let Some(name) = self.own_field(field, &mut Vec::new(), "test") else {
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
        if test.fields().next().is_none() {
            let node = test.name().map_or(test.node(), |n| n.node());
            let spot = self.spot(node);
            let diag =
                Diag::error("E0701", spot, "this test asserts nothing").help("write `assert = …`");
            self.diags.push(diag);
        }
    }

    /// The name of a field of a policy, a test or a waiver; each is given once, but for `assert`.
    pub(super) fn own_field(
        &mut self,
        field: ast::Field<'db>,
        given: &mut Vec<&'db str>,
        what: &str,
    ) -> Option<ast::Name<'db>> {
        let path = field.path()?;
        let Some(name) = path.as_name() else {
            let message = format!("a field of a {what} has one name");
            self.error("E0207", path.node(), message);
            self.infer_opt(field.value(), None);
            return None;
        };
        if given.contains(&name.text()) {
            let message = format!("`{}` is given twice", name.text());
            self.error("E0209", name.node(), message);
        }
        given.push(name.text());
        Some(name)
    }

    /// The policies of other packages that hold in an environment: each by its name, or all that a
    /// package or a directory makes public.
    pub(super) fn policies(&mut self, field: ast::Field<'db>, body: &mut EnvBody) {
        let list = match field.value() {
            Some(ast::Expr::List(list)) => list,
            Some(other) => {
                let message =
                    "`policies` takes a list of policies or packages: `policies = [acme]`";
                self.error("E0315", other.node(), message);
                return;
            }
            None => return,
        };
        for element in list.elements() {
            let Some(path) = dotted(element) else {
                self.error("E0702", element.node(), "this names no policy");
                continue;
            };
            match self.names.policies(&path) {
                Ok(found) => {
                    if let [one] = found.as_slice() {
                        let symbol = super::notes::Symbol::Item(*one);
                        self.note(element.node(), |_| Some(symbol));
                    }
                    body.policies.extend(found);
                }
                Err(diag) => {
                    let spot = self.spot(element.node());
                    let diag = match diag {
                        NoPolicy::NotPublic(package) => {
                            let text = path.join(".");
                            let message =
                                format!("`{text}` of the package `{package}` is not `pub`");
                            Diag::error("E0204", spot, message)
                                .misses(Space::Policy, &text)
                                .help("only what is `pub` can be used by other packages")
                        }
                        NoPolicy::None(module) => {
                            let message = format!("`{module}` makes no policy public");
                            Diag::error("E0702", spot, message)
                        }
                        NoPolicy::Unknown(names) => {
                            let text = path.join(".");
                            let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
                            let message = format!("there is no policy `{text}`");
                            Diag::error("E0702", spot, message)
                                .misses(Space::Policy, &text)
                                .suggest(&text, spot, &names)
                        }
                    };
                    self.diags.push(diag);
                }
            }
        }
    }
}

/// `acme.policies.backups` as names.
fn dotted(expr: ast::Expr<'_>) -> Option<Vec<Arc<str>>> {
    let mut names = Vec::new();
    let mut at = expr;
    while let ast::Expr::FieldAccess(access) = at {
        names.push(Arc::from(access.name()?.text()));
        at = access.base()?;
    }
    let ast::Expr::NameRef(first) = at else {
        return None;
    };
    names.push(Arc::from(first.text()));
    names.reverse();
    Some(names)
}
