//! From an evaluated world to the graph: nodes, links, targets, origins.

mod checks;
mod foreign;
mod hosts;
mod links;
mod part;
mod piece;
mod place;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use plat_model::{
    Environment, FieldPath, Graph, Node, NodeKind, NodePath, OriginId, Target, TargetId,
};
use rustc_hash::FxHashMap;
use salsa::plumbing::AsId as _;

use crate::check::{destinations, lower, renames};
use crate::db::{Db, ItemId};
use crate::diag::Diag;
use crate::eval::{
    Cx, Entries, Eval, Held, InstId, Interned, Kind, LinkVal, Origin, SiteKey, Sites, Val,
};
use crate::types::{KindHead, Ty, kind_head};
use checks::{Refusal, claims_collide, names_collide, refusals, supported};
pub use links::link_vals;
pub use links::within;
use links::{field_of, nodes, ordered};
pub use part::{Part, Renamed, part_of_piece, put_together};
pub use piece::{Found, inspect_piece};
use place::Placed;

/// The only field of a kind that the language itself gives a meaning: what it waits for.
const AFTER: &str = "after";

/// The graph of a world that has been looked at, and who set what, by the ids of the graph's
/// origins. No graph where something is wrong. The values of each declaration are let go once they
/// are in the graph, as both together are the most memory that a compilation holds: whatever else is
/// to be asked of the world is asked before.
pub fn assemble(eval: &mut Eval<'_>, world: usize) -> (Option<Graph>, Sites) {
    let wrong = |eval: &Eval<'_>| eval.diags.iter().any(Diag::is_error);
    if wrong(eval) {
        return (None, Sites::default());
    }
    eval.need_links(world);
    let renames = Build::new(world).moved(eval);
    let part = Build::new(world).part(eval);
    let made = part.and_then(|part| put_together(eval.db, vec![part], renames));
    match made.filter(|_| !wrong(eval)) {
        Some((graph, sites)) => (Some(graph), sites),
        None => (None, Sites::default()),
    }
}

/// All that can be wrong with the graph of a world, without making it: a graph is the largest
/// thing of a compilation, and who checks a program has no use for it. What the world uses of other
/// environments.
pub fn inspect(eval: &mut Eval<'_>, world: usize) -> Vec<Held> {
    let mut build = Build::new(world);
    // What could not even be begun has been reported.
    let _ = build.inspect(eval);
    build.holds
}

/// What is the same for the graph and for the look at it.
struct Ground {
    target: ItemId,
    targets: BTreeMap<TargetId, Target>,
    places: BTreeMap<String, Placed>,
}

struct Build {
    sites: Interned,
    world: usize,
    /// The declarations of other environments that this one speaks of.
    foreign: BTreeMap<NodePath, InstId>,
    /// The worlds whose places are being looked at.
    placing: Vec<usize>,
    holds: Vec<Held>,
    kinds: FxHashMap<u64, Arc<NodeKind>>,
}

impl Build {
    /// The number of a chain of sites: one for all that are equal.
    pub(super) fn origin(&mut self, origin: &Origin) -> OriginId {
        if origin.0.next.is_none() {
            return self.single(origin.0.site);
        }
        let sites: Vec<SiteKey> = origin.sites().collect();
        OriginId(self.sites.number(&sites))
    }

    fn single(&mut self, site: SiteKey) -> OriginId {
        OriginId(self.sites.number(&[site]))
    }

    pub(super) fn declared(&mut self, item: ItemId, span: crate::diag::Span) -> OriginId {
        self.single(SiteKey {
            item,
            span,
            kind: Kind::Declared,
        })
    }

    fn new(world: usize) -> Self {
        Self {
            sites: Interned::default(),
            world,
            foreign: BTreeMap::new(),
            placing: Vec::new(),
            holds: Vec::new(),
            kinds: FxHashMap::default(),
        }
    }

    fn ground(&mut self, eval: &mut Eval<'_>) -> Option<Ground> {
        let (target, target_fields, target_value) = eval.target(self.world)?;
        let main_target = self.target(eval, target, &target_fields, &target_value);
        let mut targets = BTreeMap::from([(TargetId::main(), main_target.clone())]);
        let places = self.places(eval, self.world, &main_target, &mut targets);
        Some(Ground {
            target,
            targets,
            places,
        })
    }

    fn inspect(&mut self, eval: &mut Eval<'_>) -> Option<()> {
        let ground = self.ground(eval)?;
        for inst in nodes(eval, self.world) {
            let _ = self.name(eval, inst);
            let path = self.written(eval, inst);
            let placed = self.place_of(eval, inst, &ground.places);
            self.hold_placed(eval, &path, &placed);
        }
        names_collide(eval, self.world);
        claims_collide(eval, self.world);
        self.check_support(eval, &ground);
        eval.need_links(self.world);
        let links = std::mem::take(eval.links_of(self.world)?);
        let before = self.before(eval, &links);
        ordered(eval, self.world, &links, &before);
        for link in &links {
            self.hold_linked(eval, link);
        }
        *eval.links_of(self.world)? = links;
        hosts::literal_hosts(eval, self.world);
        let _ = self.environment(eval);
        let _ = self.moved(eval);
        Some(())
    }

    /// Asks of each declaration whether its target refuses it.
    fn check_support(&self, eval: &mut Eval<'_>, ground: &Ground) {
        let mut refused = FxHashMap::default();
        let mut of_kind: FxHashMap<(u64, u64), Rc<[Rc<Refusal>]>> = FxHashMap::default();
        for inst in nodes(eval, self.world) {
            // Where it is put, unless that is where all are.
            let place = self.place_of(eval, inst, &ground.places).target;
            let place = place.filter(|id| *id != TargetId::main());
            let elsewhere = place.and_then(|id| {
                let kind = ground.targets.get(&id)?.kind.as_str();
                crate::names::prelude(eval.db).kinds.get(kind)
            });
            let kind = elsewhere.map_or(ground.target, |def| def.what);
            let Some(own) = eval.kind_of(inst) else {
                continue;
            };
            let key = (kind.as_id().as_bits(), own.as_id().as_bits());
            let of_kind = of_kind.entry(key).or_insert_with(|| {
                let all: &mut Vec<Rc<Refusal>> = refused.entry(key.0).or_insert_with(|| {
                    let all = refusals(eval, self.world, kind);
                    all.into_iter().map(Rc::new).collect()
                });
                let all = all.iter().filter(|r| r.speaks_of(eval.db, own));
                all.cloned().collect()
            });
            if !of_kind.is_empty() {
                supported(eval, self.world, inst, kind, of_kind);
            }
        }
    }

    pub(super) fn environment(&mut self, eval: &mut Eval<'_>) -> Option<Environment> {
        let db = eval.db;
        let world = eval.world(self.world)?;
        let (env, name, chain) = (world.env, world.name.clone(), world.chain.clone());
        let bases = world.members.iter().skip(1);
        let extends = bases.map(|(name, _)| name.clone()).collect();
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        for item in &chain {
            if let Some(body) = &lower(db, *item).env {
                names.extend(body.fields.iter().map(|(n, _)| n.clone()));
            }
        }
        names.remove("target");
        let mut fields = Vec::new();
        for name in names {
            if let Some(value) = eval.env_field(self.world, &name) {
                fields.push((name, self.value(eval, &value)));
            }
        }
        let spot = crate::types::name_spot(db, env);
        Some(Environment {
            name,
            extends,
            fields: fields.into_iter().collect(),
            origin: self.declared(env, spot.range),
        })
    }

    pub(super) fn target(
        &mut self,
        eval: &Eval<'_>,
        kind: ItemId,
        fields: &Entries<'_>,
        value: &Val<'_>,
    ) -> Target {
        Target {
            kind: kind.name(eval.db).to_string(),
            fields: fields
                .iter()
                .map(|(name, value)| (name, self.value(eval, value)))
                .collect(),
            origin: self.origin(&value.origin),
        }
    }

    pub(super) fn node(
        &mut self,
        eval: &mut Eval<'_>,
        inst: InstId,
        place: Placed,
    ) -> Option<Node> {
        let db = eval.db;
        let instance = eval.world(inst.world)?.instance(inst)?.clone();
        let head = instance.head;
        let name = self.name(eval, inst);
        let mut fields = Vec::with_capacity(head.fields.len());
        for (number, field) in (0u32..).zip(&head.fields) {
            if field.name.as_ref() == "name" {
                continue;
            }
            let known = eval.world(inst.world).and_then(|w| w.value(inst, number));
            let value = match known {
                Some(value) => self.value(eval, value),
                None => {
                    let value = field_of(eval, &instance, inst, number);
                    self.value(eval, &value)
                }
            };
            fields.push((&field.name, value));
        }
        let changes = head
            .fields
            .iter()
            .filter_map(|f| Some((FieldPath::new(f.name.as_ref()), f.changes?)))
            .collect();
        let mut around = Vec::new();
        let mut at = instance.parent;
        while let Some((id, parent)) =
            at.and_then(|id| Some((id, eval.world(id.world)?.instance(id)?)))
        {
            around.push(self.written(eval, id));
            at = parent.parent;
        }
        around.reverse();
        Some(Node {
            kind: self.kind(db, instance.kind, head),
            name: name.as_deref().unwrap_or_default().to_owned(),
            target: place.target.unwrap_or_else(TargetId::main),
            existing: place.existing,
            doc: instance.decl.doc.as_deref().map(str::to_owned),
            origin: self.declared(instance.item, instance.decl.name_span),
            within: around,
            fields: fields.into_iter().collect(),
            changes,
            leave: self.left(eval, inst),
        })
    }

    /// What a declaration of a kind is.
    fn kind(&mut self, db: &dyn Db, kind: ItemId, head: &KindHead) -> Arc<NodeKind> {
        let name = |kind: &ItemId| kind.name(db).to_string();
        let made = || NodeKind {
            package: kind.file(db).package(db).to_string(),
            name: name(&kind),
            is: head.parents.iter().map(name).collect(),
        };
        let known = self.kinds.entry(kind.as_id().as_bits());
        known.or_insert_with(|| Arc::new(made())).clone()
    }

    /// The fields of a declaration that its environment leaves to somebody else.
    fn left(&mut self, eval: &Eval<'_>, inst: InstId) -> BTreeMap<FieldPath, OriginId> {
        let path = eval.path(inst);
        let world = eval.world(inst.world);
        let mut left = BTreeMap::new();
        for entry in world
            .and_then(|w| w.overrides.left.get(path))
            .into_iter()
            .flatten()
        {
            // The nearest environment is the one that is spoken of.
            left.entry(FieldPath::new(&entry.field)).or_insert_with(|| {
                self.single(SiteKey {
                    item: entry.env,
                    span: entry.span,
                    kind: Kind::Set,
                })
            });
        }
        left
    }

    /// The external name of a declaration, which must be known.
    fn name(&self, eval: &mut Eval<'_>, inst: InstId) -> Option<Arc<str>> {
        let instance = eval.world(inst.world)?.instance(inst)?.clone();
        let number = instance.head.number("name")?;
        let cx = Cx {
            world: inst.world,
            item: instance.item,
            inst: instance.parent,
            kind: Kind::Declared,
        };
        let value = eval.field_at(&cx, instance.decl.name_span, inst, number);
        let name = value.text();
        if name.is_none() && !value.is_poison() {
            eval.not_known(&value, &cx, instance.decl.name_span, "a name");
        }
        name
    }

    /// Which links put their ends in an order.
    fn before(&self, eval: &Eval<'_>, links: &[LinkVal]) -> Vec<bool> {
        let later = |link| self.is_later(eval, link);
        let waits = |link: &LinkVal| link.field.split('.').next() == Some(AFTER);
        links
            .iter()
            .map(|link| waits(link) || later(link))
            .collect()
    }

    /// Is what a link reads known only after the other was applied?
    pub(super) fn is_later(&self, eval: &Eval<'_>, link: &LinkVal) -> bool {
        let Some(kind) = eval.kind_of(link.to) else {
            return false;
        };
        let mut names = link.out.split('.');
        let first = names.next().unwrap_or_default();
        let Some(mut ty) = crate::check::out_type(eval.db, kind, first) else {
            return false;
        };
        let mut later = ty.plain(eval.db).0.later;
        for name in names {
            ty = match ty.plain(eval.db).1 {
                Ty::Map(inner) => (*inner).clone(),
                Ty::Record(fields) => match fields.iter().find(|f| f.name.as_ref() == name) {
                    Some(field) => field.ty.clone(),
                    None => break,
                },
                _ => break,
            };
            later |= ty.plain(eval.db).0.later;
        }
        later
    }

    /// The renames that mean something in this environment, each with where it leads to in the
    /// end: what was renamed twice may be deployed under either of its old names.
    pub(super) fn moved(&self, eval: &mut Eval<'_>) -> Vec<Renamed> {
        let db = eval.db;
        let renames = renames(db);
        let mut moved = Vec::new();
        for rename in renames {
            let to = destinations(db).get(&rename.from);
            let to = to.unwrap_or(&rename.to).clone();
            let Some(world) = eval.world(self.world) else {
                continue;
            };
            let there = |path: &str| {
                let family = format!("{path}[");
                world.paths.contains_key(path)
                    || world
                        .paths
                        .range(Arc::from(family.as_str())..)
                        .next()
                        .is_some_and(|(found, _)| found.starts_with(&family))
            };
            if !there(&to) {
                continue;
            }
            // What was by itself and is a part of its own now: the kind around it runs nowhere.
            let part = to.strip_prefix(rename.from.as_ref());
            let around = world.paths.get(&rename.from);
            let around = around.and_then(|inst| world.instance(*inst));
            let into_itself = part.is_some_and(|part| part.starts_with('.'))
                && around.is_some_and(|around| !kind_head(db, around.kind).external);
            if there(&rename.from) && !into_itself {
                let message = format!(
                    "`{}` is still there in the environment `{}`: it cannot be `{to}` now",
                    rename.from, world.name
                );
                let cx = Cx {
                    world: self.world,
                    item: rename.item,
                    inst: None,
                    kind: Kind::Declared,
                };
                eval.error(&cx, Diag::error("E0615", rename.from_spot, message));
                continue;
            }
            moved.push(Renamed::new(db, rename.item, &rename.from, &to));
        }
        moved
    }
}

/// The id of a target: one for each that differs.
fn intern_target(targets: &mut BTreeMap<TargetId, Target>, target: Target) -> TargetId {
    let same = |known: &Target| {
        known.kind == target.kind
            && known.fields.len() == target.fields.len()
            && known
                .fields
                .iter()
                .zip(&target.fields)
                .all(|((a, x), (b, y))| a == b && x.data == y.data)
    };
    if let Some((id, _)) = targets.iter().find(|(_, known)| same(known)) {
        return id.clone();
    }
    let mut id = TargetId(target.kind.clone());
    let mut n = 2;
    while targets.contains_key(&id) {
        id = TargetId(format!("{}-{n}", target.kind));
        n += 1;
    }
    targets.insert(id.clone(), target);
    id
}

fn is_scalar(ty: &Ty) -> bool {
    match ty {
        Ty::Optional(inner) => is_scalar(inner),
        Ty::Bool
        | Ty::Int
        | Ty::Decimal
        | Ty::String
        | Ty::Text
        | Ty::Word(_)
        | Ty::Words(_)
        | Ty::Quantity(_) => true,
        _ => false,
    }
}
