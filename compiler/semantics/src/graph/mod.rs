//! From an evaluated world to the graph: nodes, links, targets, origins.

mod checks;
mod links;
mod place;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_model::{
    Environment, FieldPath, Graph, Link, Moved, Node, NodeKind, NodePath, OriginId, OriginTable,
    Package, Target, TargetId,
};
use salsa::plumbing::AsId as _;

use crate::app::app;
use crate::check::{final_name, lower, renames};
use crate::db::{ItemId, main_package};
use crate::diag::Diag;
use crate::eval::{Cx, Entries, Eval, InstId, Kind, LinkVal, SiteKey, Val};
use crate::types::Ty;
use checks::{names_collide, refusals, supported};
pub use links::link_vals;
use links::{fields_of, nodes, ordered};
use place::Placed;

/// The only field of a kind that the language itself gives a meaning: what it waits for.
const AFTER: &str = "after";

/// The graph of a world, and who set what. No graph where something is wrong.
pub fn assemble(eval: &mut Eval<'_>, world: usize) -> (Option<Graph>, Vec<Vec<SiteKey>>) {
    let mut build = Build {
        sites: Vec::new(),
        ids: BTreeMap::new(),
        world,
    };
    let graph = build.graph(eval);
    let good = !eval.diags.iter().any(Diag::is_error);
    (graph.filter(|_| good), build.sites)
}

struct Build {
    sites: Vec<Vec<SiteKey>>,
    ids: BTreeMap<Vec<(u64, crate::diag::Span, u8)>, OriginId>,
    world: usize,
}

impl Build {
    pub(super) fn origin(&mut self, sites: Vec<SiteKey>) -> OriginId {
        let key = sites
            .iter()
            .map(|s| (s.item.as_id().as_bits(), s.span, s.kind as u8))
            .collect();
        *self.ids.entry(key).or_insert_with(|| {
            let id = OriginId(u32::try_from(self.sites.len()).unwrap_or(u32::MAX));
            self.sites.push(sites);
            id
        })
    }

    pub(super) fn declared(&mut self, item: ItemId, span: crate::diag::Span) -> OriginId {
        self.origin(vec![SiteKey {
            item,
            span,
            kind: Kind::Declared,
        }])
    }

    pub(super) fn graph(&mut self, eval: &mut Eval<'_>) -> Option<Graph> {
        let db = eval.db;
        let main = main_package(db)?;
        let (target_kind, target_fields, target_value) = eval.target(self.world)?;
        let main_target = self.target(eval, target_kind, &target_fields, &target_value);
        let mut targets = BTreeMap::from([(TargetId::main(), main_target)]);
        let places = self.places(eval, &mut targets);
        let mut all = BTreeMap::new();
        for inst in nodes(eval, self.world) {
            let path = NodePath::new(eval.path_of(inst));
            let node = self.node(eval, inst, &places)?;
            all.insert(path, node);
        }
        names_collide(eval, self.world);
        self.check_support(eval, &all, &targets, target_kind);
        let links = self.links(eval);
        let environment = self.environment(eval)?;
        let moved = self.moved(eval);
        Some(Graph {
            format: Graph::FORMAT,
            app: app(db).name.as_deref().unwrap_or_default().to_owned(),
            package: Package {
                name: main.name.to_string(),
                version: main.version.to_string(),
            },
            environment,
            targets,
            nodes: all,
            links,
            moved,
            origins: OriginTable::default(),
        })
    }

    /// Asks of each declaration whether its target refuses it.
    pub(super) fn check_support(
        &self,
        eval: &mut Eval<'_>,
        all: &BTreeMap<NodePath, Node>,
        targets: &BTreeMap<TargetId, Target>,
        main: ItemId,
    ) {
        let mut refused = BTreeMap::new();
        for inst in nodes(eval, self.world) {
            let path = NodePath::new(eval.path_of(inst));
            let Some(node) = all.get(&path) else { continue };
            let kind = targets.get(&node.target).map_or("", |t| t.kind.as_str());
            let kind = match crate::names::prelude(eval.db).kinds.get(kind) {
                Some(def) if node.target != TargetId::main() => def.what,
                _ => main,
            };
            let refused = refused
                .entry(kind.as_id().as_bits())
                .or_insert_with(|| refusals(eval, self.world, kind));
            supported(eval, self.world, inst, kind, refused);
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
        let mut fields = BTreeMap::new();
        for name in names {
            if let Some(value) = eval.env_field(self.world, &name) {
                fields.insert(name.to_string(), self.value(eval, &value));
            }
        }
        let spot = crate::types::name_spot(db, env);
        Some(Environment {
            name,
            extends,
            fields,
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
                .map(|(name, value)| (name.to_string(), self.value(eval, value)))
                .collect(),
            origin: self.origin(value.origin.sites()),
        }
    }

    pub(super) fn node(
        &mut self,
        eval: &mut Eval<'_>,
        inst: InstId,
        places: &BTreeMap<String, Placed>,
    ) -> Option<Node> {
        let db = eval.db;
        let instance = eval.world(self.world)?.instance(inst)?.clone();
        let head = instance.head;
        let mut fields = BTreeMap::new();
        let mut name = None;
        for (field, value) in fields_of(eval, self.world, inst) {
            if field.as_ref() == "name" {
                name = value.text();
                if name.is_none() && !value.is_poison() {
                    let cx = Cx {
                        world: self.world,
                        item: instance.item,
                        inst: instance.parent,
                        kind: Kind::Declared,
                    };
                    eval.not_known(&value, &cx, instance.decl.name_span, "a name");
                }
                continue;
            }
            fields.insert(field.to_string(), self.value(eval, &value));
        }
        let changes = head
            .fields
            .iter()
            .filter_map(|f| Some((FieldPath::new(f.name.as_ref()), f.changes?)))
            .collect();
        let mut around = Vec::new();
        let mut at = instance.parent;
        while let Some(parent) = at.and_then(|id| eval.world(self.world)?.instance(id)) {
            around.push(NodePath::new(parent.path.as_ref()));
            at = parent.parent;
        }
        around.reverse();
        let place = self.place_of(eval, inst, places);
        Some(Node {
            kind: NodeKind {
                package: instance.kind.file(db).package(db).to_string(),
                name: instance.kind.name(db).to_string(),
                is: head
                    .parents
                    .iter()
                    .map(|p| p.name(db).to_string())
                    .collect(),
            },
            name: name.as_deref().unwrap_or_default().to_owned(),
            target: place.target.unwrap_or_else(TargetId::main),
            existing: place.existing,
            doc: instance.decl.doc.as_deref().map(str::to_owned),
            origin: self.declared(instance.item, instance.decl.name_span),
            within: around,
            fields,
            changes,
        })
    }

    pub(super) fn links(&mut self, eval: &mut Eval<'_>) -> Vec<Link> {
        eval.need_links(self.world);
        let vals = eval
            .world(self.world)
            .map(|w| w.links.clone())
            .unwrap_or_default();
        let before: Vec<bool> = vals
            .iter()
            .map(|link| self.is_later(eval, link) || link.field.split('.').next() == Some(AFTER))
            .collect();
        ordered(eval, self.world, &vals, &before);
        let mut links: Vec<Link> = vals
            .into_iter()
            .zip(before)
            .map(|(link, before)| Link {
                from: NodePath::new(eval.path_of(link.from)),
                before,
                field: FieldPath::new(link.field),
                to: NodePath::new(eval.path_of(link.to)),
                out: link.out.to_string(),
                grant: link.grant.as_deref().map(str::to_owned),
                origin: self.origin(link.origin.sites()),
            })
            .collect();
        links.sort();
        links.dedup_by(|a, b| {
            (&a.from, &a.field, &a.to, &a.out) == (&b.from, &b.field, &b.to, &b.out)
        });
        links
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
    pub(super) fn moved(&mut self, eval: &mut Eval<'_>) -> Vec<Moved> {
        let db = eval.db;
        let renames = renames(db);
        let mut moved = Vec::new();
        for rename in renames {
            let to = final_name(renames, &rename.to);
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
            if there(&rename.from) {
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
            let range = crate::db::tree(db, rename.item)
                .as_ref()
                .map(|tree| tree.root().range())
                .unwrap_or_default();
            moved.push(Moved {
                from: NodePath::new(rename.from.as_ref()),
                to: NodePath::new(to.as_ref()),
                origin: self.declared(rename.item, range.into()),
            });
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
