//! `waive POLICY for X { reason, until }`.

use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};
use plat_syntax::ast::{self, Segment};

use super::{Checker, written};
use crate::db::{ItemId, Space};
use crate::diag::{Diag, Span};
use crate::ir::{ExprKind, Subject, WaiveBody};
use crate::names::path_names;
use crate::types::Ty;

impl<'db> Checker<'db> {
    pub(super) fn waive(&mut self, waive: ast::Waive<'db>) {
        let policy = self.waived_policy(waive);
        let target = self.waived_thing(waive, policy);
        let mut given: Vec<&str> = Vec::new();
        let mut until = None;
        let mut until_span = Span::from(waive.node().range());
        for field in waive.fields() {
            let Some(name) = self.own_field(field, &mut given, "waiver") else {
                continue;
            };
            match name.text() {
                "reason" => self.reason(field),
                "until" => {
                    until = self.until(field);
                    until_span = field
                        .value()
                        .map_or(until_span, |v| v.node().range().into());
                }
                text => {
                    let spot = self.spot(name.node());
                    let message = format!("a waiver has no field `{text}`");
                    let names = ["reason", "until"];
                    let diag = Diag::error("E0207", spot, message).suggest(text, spot, &names);
                    self.diags.push(diag);
                    self.infer_opt(field.value(), None);
                }
            }
        }
        let near = |g: &&str| crate::suggest::nearest(g, ["reason"]).is_some();
        if !given.contains(&"reason") && !given.iter().any(near) {
            let node = waive.policy().map_or(waive.node(), |p| p.node());
            let message = "a waiver says why: `reason = \"…\"`";
            self.error("E0305", node, message);
        }
        if let (Some(policy), Some(target)) = (policy, target) {
            self.out.waive = Some(WaiveBody {
                policy,
                target,
                until,
                until_span,
            });
        }
    }

    fn waived_policy(&mut self, waive: ast::Waive<'db>) -> Option<ItemId> {
        let path = waive.policy()?;
        let names = path_names(Some(path));
        let text = names.join(".");
        let found = self.names.policies(&names).ok();
        let found = found.and_then(|found| match found.as_slice() {
            [one] => Some(*one),
            _ => None,
        });
        if let (Some(policy), Some(name)) = (found, path.names().last()) {
            self.note(name.node(), |_| Some(super::notes::Symbol::Item(policy)));
        }
        if found.is_none() {
            let spot = self.spot(path.node());
            let seen = self.names.like(Space::Policy, &text);
            let diag = Diag::error("E0702", spot, format!("there is no policy `{text}`"))
                .misses(Space::Policy, &text)
                .suggest(&text, spot, &seen);
            self.diags.push(diag);
        }
        found
    }

    /// What the policy is waived for: a declaration, or for a policy that speaks of environments one
    /// of those.
    fn waived_thing(&mut self, waive: ast::Waive<'db>, policy: Option<ItemId>) -> Option<Arc<str>> {
        let path = waive.target()?;
        let speaks = policy.and_then(|p| super::lower(self.db, p).policy.as_ref());
        let of_environment = speaks.is_some_and(|body| match body.params.as_slice() {
            [] => true,
            [(_, subject)] => *subject == Subject::Environment,
            _ => false,
        });
        if of_environment {
            let name = path.node().text();
            if self.names.env(name).is_none() {
                let spot = self.spot(path.node());
                let message = format!("there is no environment `{name}`");
                let seen = self.names.like(Space::Env, name);
                let diag = Diag::error("E0211", spot, message)
                    .misses(Space::Env, name)
                    .suggest(name, spot, &seen);
                self.diags.push(diag);
                return None;
            }
            return Some(Arc::from(name));
        }
        let Some(text) = written(path) else {
            let message = "a waiver names its keys as they are: `[\"KEY\"]`";
            self.error("E0705", path.node(), message);
            return None;
        };
        let segments: Vec<Segment<'db>> = path.segments().collect();
        self.decl_path(&segments, path.node())?;
        Some(Arc::from(text))
    }

    fn reason(&mut self, field: ast::Field<'db>) {
        let purpose = "the reason".to_owned();
        let value = self.for_purpose(purpose, |c| c.check(field.value(), &Ty::String));
        if let ExprKind::Text(text) = &value.kind
            && text.trim().is_empty()
        {
            let spot = self.spot_of(value.span);
            self.diags.push(Diag::error(
                "E0705",
                spot,
                "an empty reason is none: say why the policy need not hold here",
            ));
        }
    }

    fn until(&mut self, field: ast::Field<'db>) -> Option<(i32, u32, u32)> {
        let purpose = "the last day of a waiver".to_owned();
        let value = self.for_purpose(purpose, |c| c.check(field.value(), &Ty::String));
        let text = match &value.kind {
            ExprKind::Text(text) => text.clone(),
            ExprKind::Poison => return None,
            _ => {
                let spot = self.spot_of(value.span);
                let message = "the last day of a waiver is written out: `until = \"2026-12-31\"`";
                self.diags.push(Diag::error("E0705", spot, message));
                return None;
            }
        };
        // The four digits of the year and so on: `NaiveDate` alone takes `26-1-1` too.
        let shape = text.len() == 10 && text.is_char_boundary(4);
        let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok();
        match date.filter(|_| shape) {
            Some(date) => Some((date.year(), date.month(), date.day())),
            None => {
                let spot = self.spot_of(value.span);
                let message = format!("`{text}` is no day");
                let diag = Diag::error("E0705", spot, message)
                    .help("write year, month and day: `until = \"2026-12-31\"`");
                self.diags.push(diag);
                None
            }
        }
    }
}
