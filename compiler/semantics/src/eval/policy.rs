//! Policies and `require`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use salsa::plumbing::AsId as _;

use super::value::Kind;
use super::{Cx, Data, Eval, InstId, Val, World, bind};
use crate::app::{policies, waived};
use crate::check::lower;
use crate::db::{Db, ItemId};
use crate::diag::Diag;
use crate::ir::{Expr, ExprKind, PolicyBody, Require, Subject};
use crate::types::{kind_head, name_spot};

/// What each policy is waived for, by the policy's number.
#[salsa::tracked]
fn waivers(db: &dyn Db) -> BTreeMap<u64, BTreeSet<Arc<str>>> {
    let mut waivers: BTreeMap<u64, BTreeSet<Arc<str>>> = BTreeMap::new();
    let bodies = waived(db)
        .iter()
        .filter_map(|item| lower(db, *item).waive.as_ref());
    for waive in bodies {
        let targets = waivers.entry(waive.policy.as_id().as_bits()).or_default();
        targets.insert(waive.target.clone());
    }
    waivers
}

/// How often a policy was asked in an environment, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct PolicyRun {
    /// The policy.
    pub policy: ItemId,
    /// Of how many things; those that its `when` leaves out do not count.
    pub asked: usize,
    /// How many of them broke it and have a waiver.
    pub waived: usize,
    /// How many broke it.
    pub broken: usize,
    /// What is said of those.
    pub diags: Vec<Diag>,
}

impl PolicyRun {
    fn count(&mut self, asked: Asked) {
        match asked {
            Asked::Nothing => return,
            Asked::Holds => {}
            Asked::Waived => self.waived += 1,
            Asked::Broken => self.broken += 1,
        }
        self.asked += 1;
    }
}

/// What came of asking a policy of one thing.
#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Holds,
    Waived,
    Broken,
}

/// `require`s, each with the kind that says it and its number there.
type Requires<'db> = Rc<[(ItemId, usize, &'db Require)]>;

/// What a kind's declarations must meet: what it requires, and what those require that it takes over.
fn requires_of(db: &dyn Db, kind: ItemId) -> Requires<'_> {
    let parents = kind_head(db, kind).parents.iter().copied();
    let all = std::iter::once(kind).chain(parents).flat_map(|owner| {
        let requires = lower(db, owner).requires.iter().enumerate();
        requires.map(move |(number, require)| (owner, number, require))
    });
    all.collect()
}

impl<'db> Eval<'db> {
    /// The `require`s of kinds.
    pub(super) fn check_requires(&mut self, world: usize) {
        let ids: Vec<InstId> = self.world(world).map(World::ids).unwrap_or_default();
        let mut of_kind: FxHashMap<ItemId, Requires<'db>> = FxHashMap::default();
        for inst in ids {
            let Some(kind) = self.kind_of(inst) else {
                continue;
            };
            let requires = of_kind
                .entry(kind)
                .or_insert_with(|| requires_of(self.db, kind))
                .clone();
            for (owner, number, require) in requires.iter().copied() {
                let cx = Cx {
                    world,
                    item: owner,
                    inst: Some(inst),
                    kind: Kind::Declared,
                };
                self.check_require(cx, inst, kind, number, require);
            }
        }
    }

    /// One `require` of one declaration: the one of that number in the kind that `cx` is in.
    fn check_require(
        &mut self,
        cx: Cx,
        inst: InstId,
        kind: ItemId,
        number: usize,
        require: &'db Require,
    ) {
        let ungiven = self.reads_ungiven(&cx, inst, number, &require.condition);
        if ungiven && self.is_met((kind, cx.item, number), cx, &require.condition) {
            return;
        }
        if let Some((false, _)) = self.condition(&require.condition, &cx, &None) {
            let said = require.message.as_ref().map(|m| {
                let value = self.eval(m, &cx, &None);
                self.show_plain(&value)
            });
            let text = self.source(cx.item, require.condition.span);
            let message =
                said.unwrap_or_else(|| format!("`{}` requires `{text}`", kind.name(self.db)));
            self.not_met(&cx, inst, &require.condition, message);
        }
    }

    /// Does a `require` read nothing that this declaration gives? Then it holds of all such
    /// declarations or of none.
    fn reads_ungiven(
        &mut self,
        cx: &Cx,
        inst: InstId,
        number: usize,
        condition: &'db Expr,
    ) -> bool {
        let Some(w) = self.worlds.get_mut(cx.world) else {
            return false;
        };
        let reads = w.requires.entry((cx.item, number));
        let reads = reads.or_insert_with(|| Rc::new(condition.reads())).clone();
        !reads.more
            && reads
                .inputs
                .iter()
                .all(|name| self.is_same_default(cx, condition.span, inst, name))
    }

    /// Is it known that a `require` holds where nothing is given of what it reads? It is asked
    /// once; where it does not hold, each declaration is told so.
    fn is_met(&mut self, key: (ItemId, ItemId, usize), cx: Cx, condition: &'db Expr) -> bool {
        if self.world(cx.world).is_some_and(|w| w.met.contains(&key)) {
            return true;
        }
        let told = self.diags.len();
        let holds = matches!(self.condition(condition, &cx, &None), Some((true, _)));
        let met = holds && told == self.diags.len();
        if met && let Some(w) = self.worlds.get_mut(cx.world) {
            w.met.insert(key);
        }
        met
    }

    /// What a kind requires does not hold: told at the first of the inputs that it reads which was
    /// given, as that is what can be changed; else at the declaration.
    fn not_met(&mut self, cx: &Cx, inst: InstId, condition: &Expr, message: String) {
        let spot = self.spot(cx, condition.span);
        let diag = Diag::error("E0513", spot, message);
        let mut inputs: Vec<Arc<str>> = Vec::new();
        condition.walk(&mut |inner| {
            if let ExprKind::Input(name) = &inner.kind {
                inputs.push(name.clone());
            }
        });
        let Some(instance) = self.world(cx.world).and_then(|w| w.instance(inst)).cloned() else {
            return;
        };
        let outside = Cx {
            item: instance.item,
            inst: instance.parent,
            ..*cx
        };
        let given = inputs.iter().find_map(|name| {
            let value = self.field(&outside, instance.decl.name_span, inst, name);
            let site = value.origin.0.site;
            let given = !matches!(site.kind, Kind::Default | Kind::Derived);
            given.then_some(crate::diag::Spot {
                item: site.item,
                range: site.span,
            })
        });
        match given {
            // Inside of another kind it is that one's use that is to be changed.
            Some(given) if instance.parent.is_none() => {
                let diag = diag.moved_to(given).related(spot, "here, in the kind");
                self.error(&outside, diag);
            }
            _ => self.error(cx, diag),
        }
    }

    /// The policies of the app in a world, and those of other packages that its environment names,
    /// each with of how many things it was asked and what came of it.
    pub(super) fn check_policies(&mut self, world: usize) -> Vec<PolicyRun> {
        let mut runs = Vec::new();
        for policy in self.policies(world) {
            let Some(body) = lower(self.db, policy).policy.as_deref() else {
                continue;
            };
            let mut run = PolicyRun {
                policy,
                asked: 0,
                waived: 0,
                broken: 0,
                diags: Vec::new(),
            };
            let before = self.diags.len();
            match body.params.as_slice() {
                [] if self.looks_once() => run.count(self.hold(world, policy, body, None)),
                [(local, subject)] => {
                    for value in self.subjects(world, subject, policy) {
                        run.count(self.hold(world, policy, body, Some(&(*local, value))));
                    }
                }
                // It is asked elsewhere, or speaks of several, which has been reported.
                _ => {}
            }
            run.diags.extend(self.diags.iter().skip(before).cloned());
            runs.push(run);
        }
        runs
    }

    /// The policies that hold in a world.
    pub(super) fn policies(&self, world: usize) -> Vec<ItemId> {
        let mut all = policies(self.db).clone();
        let bodies = self.world(world).into_iter().flat_map(|w| &w.bodies);
        for policy in bodies.flatten().flat_map(|body| &body.policies) {
            if !all.contains(policy) {
                all.push(*policy);
            }
        }
        all
    }

    /// Is a policy waived for a declaration or what it stands in, or for this environment?
    fn is_waived(&self, world: usize, policy: ItemId, path: Option<&str>) -> bool {
        let Some(targets) = waivers(self.db).get(&policy.as_id().as_bits()) else {
            return false;
        };
        match path {
            Some(path) => {
                let ends = path.match_indices(['.', '[']).map(|(end, _)| end);
                let mut around = ends.chain([path.len()]).filter_map(|end| path.get(..end));
                around.any(|path| targets.contains(path))
            }
            None => self.world(world).is_some_and(|w| {
                w.chain
                    .iter()
                    .any(|env| targets.contains(env.name(self.db)))
            }),
        }
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
            Subject::Environment if self.looks_once() => {
                vec![Val::new(Data::Here(world), origin)]
            }
            Subject::Environment => Vec::new(),
            Subject::Link => {
                self.need_links(world);
                let count = self.world(world).map_or(0, |w| w.links.len());
                (0..count)
                    .map(|i| Val::new(Data::Link(world, i), origin.clone()))
                    .collect()
            }
            Subject::Any => self
                .world(world)
                .map(|w| w.ids().into_iter().map(node).collect())
                .unwrap_or_default(),
            Subject::Kind(kind) => {
                let Some(w) = self.world(world) else {
                    return Vec::new();
                };
                w.ids()
                    .into_iter()
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
    ) -> Asked {
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
                _ => return Asked::Nothing,
            }
        }
        let Some(require) = &body.require else {
            return Asked::Nothing;
        };
        let Some((false, _)) = self.condition(require, &cx, &locals) else {
            return Asked::Holds;
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
            return Asked::Waived;
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
        Asked::Broken
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
