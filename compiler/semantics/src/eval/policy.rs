//! Policies, tests, `require`, and what they may ask of the graph.

use std::sync::Arc;

use super::value::Kind;
use super::{Cx, Data, Eval, InstId, Origin, Val, bind};
use crate::app::app;
use crate::check::lower;
use crate::db::{Db, ItemId};
use crate::diag::{Diag, Span};
use crate::ir::{PolicyBody, Subject};
use crate::library::Builtin;
use crate::types::{kind_head, name_spot};

/// A link, as policies see it.
#[derive(Clone, Debug)]
pub struct LinkVal {
    /// Who refers.
    pub from: InstId,
    /// In which field.
    pub field: String,
    /// To whom.
    pub to: InstId,
    /// Reading which out.
    pub out: Arc<str>,
    /// What that grants.
    pub grant: Option<Arc<str>>,
    /// The reference.
    pub origin: Origin,
}

/// Runs the tests of the app.
#[salsa::tracked]
pub fn check_tests(db: &dyn Db) -> Vec<Diag> {
    let mut eval = Eval::new(db);
    let app = app(db);
    // A test stands outside of every environment; the first one is where bare names are looked up.
    let first = app.envs.iter().find(|env| {
        lower(db, **env)
            .env
            .as_ref()
            .is_some_and(|e| e.params.is_empty())
    });
    let Some(world) = first.and_then(|env| eval.open(*env, &[])) else {
        return Vec::new();
    };
    for test in &app.tests {
        for assert in &lower(db, *test).asserts {
            let cx = Cx {
                world,
                item: *test,
                inst: None,
                kind: Kind::Declared,
            };
            eval.need_links(world);
            if let Some((false, _)) = eval.condition(assert, &cx, &None) {
                let message = format!("the test `{}` fails", test.name(db));
                let mut diag = Diag::error("E0703", eval.spot(&cx, assert.span), message);
                if let crate::ir::ExprKind::Binary(_, left, right) = &assert.kind {
                    let left = eval.eval(left, &cx, &None);
                    let right = eval.eval(right, &cx, &None);
                    diag = diag
                        .note(format!("left is {}", eval.show(&left)))
                        .note(format!("right is {}", eval.show(&right)));
                }
                eval.error(&cx, diag);
            }
        }
    }
    // What is wrong with an environment is said when that environment is checked.
    eval.diags
        .into_iter()
        .filter(|d| app.tests.contains(&d.spot().item))
        .collect()
}

impl<'db> Eval<'db> {
    /// Makes sure that the links of a world are known.
    pub fn need_links(&mut self, world: usize) {
        if self.world(world).is_none_or(|w| w.linked) {
            return;
        }
        self.fill(world);
        let links = crate::graph::link_vals(self, world);
        if let Some(w) = self.worlds.get_mut(world) {
            w.links = links;
            w.linked = true;
        }
    }

    /// The `require`s of kinds.
    pub(super) fn check_requires(&mut self, world: usize) {
        let ids: Vec<InstId> = self
            .world(world)
            .map(|w| w.ids().collect())
            .unwrap_or_default();
        for inst in ids {
            let Some(kind) = self.kind_of(inst) else {
                continue;
            };
            let own = std::iter::once(kind);
            let parents = kind_head(self.db, kind).parents.iter().copied();
            for owner in own.chain(parents) {
                for require in &lower(self.db, owner).requires {
                    let cx = Cx {
                        world,
                        item: owner,
                        inst: Some(inst),
                        kind: Kind::Declared,
                    };
                    if let Some((false, _)) = self.condition(&require.condition, &cx, &None) {
                        let said = require.message.as_ref().map(|m| {
                            let value = self.eval(m, &cx, &None);
                            self.show_plain(&value)
                        });
                        let text = self.source(owner, require.condition.span);
                        let message = said.unwrap_or_else(|| {
                            format!("`{}` requires `{text}`", kind.name(self.db))
                        });
                        let spot = self.spot(&cx, require.condition.span);
                        self.error(&cx, Diag::error("E0513", spot, message));
                    }
                }
            }
        }
    }

    /// The policies of the app in a world, and those of other packages that its environment names.
    pub(super) fn check_policies(&mut self, world: usize) {
        let app = app(self.db);
        let mut policies = app.policies.clone();
        for env in self
            .world(world)
            .map(|w| w.chain.clone())
            .into_iter()
            .flatten()
        {
            for policy in lower(self.db, env).env.iter().flat_map(|e| &e.policies) {
                if !policies.contains(policy) {
                    policies.push(*policy);
                }
            }
        }
        for policy in policies {
            let Some(body) = lower(self.db, policy).policy.as_ref() else {
                continue;
            };
            match body.params.as_slice() {
                [] => self.hold(world, policy, body, None),
                [(local, subject)] => {
                    for value in self.subjects(world, subject, policy) {
                        self.hold(world, policy, body, Some(&(*local, value)));
                    }
                }
                // That it speaks of several has been reported.
                _ => {}
            }
        }
    }

    /// Is a policy waived for a declaration or what it stands in, or for this environment?
    fn is_waived(&self, world: usize, policy: ItemId, path: Option<&str>) -> bool {
        let waivers = app(self.db).waived.iter();
        let mut bodies = waivers.filter_map(|item| lower(self.db, *item).waive.as_ref());
        bodies.any(|waive| {
            if waive.policy != policy {
                return false;
            }
            match path {
                Some(path) => path
                    .strip_prefix(waive.target.as_ref())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])),
                None => self
                    .world(world)
                    .is_some_and(|w| w.chain.iter().any(|env| *env.name(self.db) == waive.target)),
            }
        })
    }

    fn subjects(&mut self, world: usize, subject: &Subject, policy: ItemId) -> Vec<Val<'db>> {
        let cx = Cx {
            world,
            item: policy,
            inst: None,
            kind: Kind::Declared,
        };
        let origin = cx.origin(name_spot(self.db, policy).range);
        let node = |id| Val::new(Data::Node(id), origin.clone());
        match subject {
            Subject::Environment => vec![Val::new(Data::Here(world), origin)],
            Subject::Link => {
                self.need_links(world);
                let count = self.world(world).map_or(0, |w| w.links.len());
                (0..count)
                    .map(|i| Val::new(Data::Link(world, i), origin.clone()))
                    .collect()
            }
            Subject::Any => self
                .world(world)
                .map(|w| w.ids().map(node).collect())
                .unwrap_or_default(),
            Subject::Kind(kind) => {
                let Some(w) = self.world(world) else {
                    return Vec::new();
                };
                w.ids()
                    .filter(|id| {
                        w.instance(*id).is_some_and(|i| {
                            i.kind == *kind || kind_head(self.db, i.kind).parents.contains(kind)
                        })
                    })
                    .map(node)
                    .collect()
            }
        }
    }

    fn hold(
        &mut self,
        world: usize,
        policy: ItemId,
        body: &'db PolicyBody,
        subject: Option<&(crate::ir::LocalId, Val<'db>)>,
    ) {
        let cx = Cx {
            world,
            item: policy,
            inst: None,
            kind: Kind::Declared,
        };
        let locals = match subject {
            Some((id, value)) => bind(&None, *id, value.clone()),
            None => None,
        };
        if let Some(when) = &body.when {
            match self.condition(when, &cx, &locals) {
                Some((true, _)) => {}
                _ => return,
            }
        }
        let Some(require) = &body.require else { return };
        let Some((false, _)) = self.condition(require, &cx, &locals) else {
            return;
        };
        let name = policy.name(self.db).to_string();
        let whose = match subject.map(|(_, v)| &v.data) {
            Some(Data::Node(inst)) => Some(*inst),
            Some(Data::Link(_, i)) => self
                .world(world)
                .and_then(|w| w.links.get(*i))
                .map(|l| l.from),
            _ => None,
        };
        let path = whose.map(|inst| self.path_of(inst));
        if self.is_waived(world, policy, path.as_deref()) {
            return;
        }
        let message = match &body.message {
            Some(message) => {
                let value = self.eval(message, &cx, &locals);
                self.show_plain(&value)
            }
            None => format!("the policy `{name}` does not hold"),
        };
        let spot = self.breaking_field(world, require, whose, subject.map(|(_, v)| v));
        let place = spot.unwrap_or_else(|| name_spot(self.db, policy));
        let diag = if body.warning {
            Diag::warning("W0701", place, message)
        } else {
            Diag::error("E0704", place, message)
        };
        let env = self
            .world(world)
            .map_or_else(String::new, |w| w.name.clone());
        let diag = diag
            .related(name_spot(self.db, policy), "the policy")
            .note(format!("in the environment `{env}`"));
        self.error(&cx, diag);
    }

    /// The field that breaks a policy: the first that its condition reads of its subject.
    fn breaking_field(
        &mut self,
        world: usize,
        require: &crate::ir::Expr,
        whose: Option<InstId>,
        subject: Option<&Val<'db>>,
    ) -> Option<crate::diag::Spot> {
        if let Some(Data::Link(_, i)) = subject.map(|s| &s.data) {
            let site = self.world(world)?.links.get(*i)?.origin.0.site;
            return Some(crate::diag::Spot {
                item: site.item,
                range: site.span,
            });
        }
        let inst = whose?;
        let instance = self.world(world)?.instance(inst)?.clone();
        let head = kind_head(self.db, instance.kind);
        let mut fields = Vec::new();
        fields_read(require, &mut fields);
        let field = fields.into_iter().find(|f| head.field(f).is_some());
        let user = |site: super::SiteKey| {
            let own = site.item.file(self.db).package(self.db).as_ref() != crate::names::STD;
            own.then_some(crate::diag::Spot {
                item: site.item,
                range: site.span,
            })
        };
        let declared = crate::diag::Spot {
            item: instance.item,
            range: instance.decl.name_span,
        };
        let found = field.and_then(|name| {
            let cx = Cx {
                world,
                item: instance.item,
                inst: instance.parent,
                kind: Kind::Declared,
            };
            let value = self.field(&cx, instance.decl.name_span, inst, &name);
            user(value.origin.0.site)
        });
        Some(found.unwrap_or(declared))
    }

    pub(super) fn link_field(
        &mut self,
        world: usize,
        index: usize,
        name: &str,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let Some(link) = self.world(world).and_then(|w| w.links.get(index)).cloned() else {
            return Self::poison(cx, span);
        };
        let data = match name {
            "from" => Data::Node(link.from),
            "to" => Data::Node(link.to),
            "out" => Data::Text(link.out),
            "field" => Data::Text(link.field.into()),
            _ => link.grant.map_or(Data::None, Data::Text),
        };
        Val::new(data, cx.origin(span))
    }

    /// `links(x)`, `holders(x)`, `grants(a, b)`.
    pub(crate) fn graph_call(
        &mut self,
        builtin: Builtin,
        first: &Val<'db>,
        second: Option<&Val<'db>>,
        cx: &Cx,
        span: Span,
    ) -> Val<'db> {
        let poison = Self::poison(cx, span);
        let Data::Node(inst) = first.data else {
            return poison;
        };
        self.need_links(inst.world);
        let Some(world) = self.world(inst.world) else {
            return poison;
        };
        let new = |data| Val::new(data, cx.origin(span));
        let values: Vec<Val<'db>> = match builtin {
            Builtin::Links => world
                .links
                .iter()
                .enumerate()
                .filter(|(_, l)| l.from == inst)
                .map(|(i, _)| new(Data::Link(inst.world, i)))
                .collect(),
            Builtin::Holders => {
                let holders = world.links.iter().filter(|l| l.to == inst).map(|l| l.from);
                let unique: std::collections::BTreeSet<InstId> = holders.collect();
                unique.into_iter().map(|id| new(Data::Node(id))).collect()
            }
            _ => {
                let Some(Data::Node(to)) = second.map(|s| &s.data) else {
                    return poison;
                };
                let grants = world.links.iter().filter(|l| l.from == inst && l.to == *to);
                let unique: std::collections::BTreeSet<Arc<str>> =
                    grants.filter_map(|l| l.grant.clone()).collect();
                unique.into_iter().map(|g| new(Data::Text(g))).collect()
            }
        };
        new(Data::list(values))
    }
}

/// The names of the fields that a condition reads.
fn fields_read(expr: &crate::ir::Expr, out: &mut Vec<Arc<str>>) {
    use crate::ir::ExprKind as E;
    match &expr.kind {
        E::Field(base, name) => {
            fields_read(base, out);
            out.push(name.clone());
        }
        E::Member(base, ..) | E::Unary(_, base) | E::Coerce(base, _) | E::Is(base, _) => {
            fields_read(base, out);
        }
        E::Binary(_, a, b) | E::Index(a, b) | E::Range(a, b) => {
            fields_read(a, out);
            fields_read(b, out);
        }
        E::Safe(base, _, body) => {
            fields_read(base, out);
            fields_read(body, out);
        }
        E::Builtin(_, args) => args.iter().for_each(|a| fields_read(a, out)),
        _ => {}
    }
}
