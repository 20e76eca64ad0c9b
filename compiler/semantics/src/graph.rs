//! From an evaluated world to the graph: nodes, links, targets, origins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_model::{
    Data as ModelData, Environment, Existing, FieldPath, Graph, Hole, Link, Moved, Node, NodeKind,
    NodePath, OriginId, OriginTable, Package, Piece as ModelPiece, Quantity, Target, TargetId,
    Value,
};
use plat_syntax::ast::Item;
use salsa::plumbing::AsId as _;

use crate::app::app;
use crate::check::lower;
use crate::db::{ItemId, main_package};
use crate::diag::Diag;
use crate::eval::{
    Cx, Data, Entries, Eval, InstId, Kind, LinkVal, Origin, OutRef, Piece, SiteKey, Val,
    quantity_text,
};
use crate::ir::Place;
use crate::types::{Ty, kind_head};

/// The only field of a kind that the language itself gives a meaning: what it waits for.
const AFTER: &str = "after";

/// The links of a world whose fields are all evaluated, in the order of the declarations.
pub fn link_vals(eval: &mut Eval<'_>, world: usize) -> Vec<LinkVal> {
    let mut links = Vec::new();
    for inst in nodes(eval, world) {
        for (name, value) in fields_of(eval, world, inst) {
            let mut found = Vec::new();
            refers(&value, &name, &mut found);
            for (field, refers, origin) in found {
                for (to, out, grant) in targets_of(eval, world, refers) {
                    links.push(LinkVal {
                        from: inst,
                        field: field.clone(),
                        to,
                        out,
                        grant,
                        origin: origin.clone(),
                    });
                }
            }
        }
    }
    links
}

/// What a value refers to.
#[derive(Clone, Copy)]
enum Refers<'a> {
    Node(InstId),
    Out(&'a OutRef),
}

fn refers<'a>(value: &'a Val<'_>, path: &str, out: &mut Vec<(String, Refers<'a>, Origin)>) {
    let below = |name: &str| format!("{path}.{name}");
    match &value.data {
        Data::Node(inst) => out.push((path.to_owned(), Refers::Node(*inst), value.origin.clone())),
        Data::Out(hole) => out.push((path.to_owned(), Refers::Out(hole), value.origin.clone())),
        Data::Pieces(pieces) => {
            for piece in pieces.iter() {
                if let Piece::Hole(hole, _, origin) = piece {
                    out.push((path.to_owned(), Refers::Out(hole), origin.clone()));
                }
            }
        }
        Data::Map(entries) | Data::Case(_, _, entries) => {
            for (name, value) in entries.iter() {
                refers(value, &below(name), out);
            }
        }
        Data::List(values) => {
            for (i, value) in values.iter().enumerate() {
                refers(value, &below(&i.to_string()), out);
            }
        }
        _ => {}
    }
}

/// The declarations that a reference means: those inside, for one of a kind made of others.
fn targets_of(
    eval: &Eval<'_>,
    world: usize,
    refers: Refers<'_>,
) -> Vec<(InstId, Arc<str>, Option<Arc<str>>)> {
    match refers {
        Refers::Out(out) => vec![(out.inst, out.path.clone(), out.grant.clone())],
        Refers::Node(inst) => within(eval, world, inst)
            .into_iter()
            .map(|id| (id, Arc::from(""), None))
            .collect(),
    }
}

/// A declaration that a backend makes real, or those inside of it that are.
fn within(eval: &Eval<'_>, world: usize, inst: InstId) -> Vec<InstId> {
    let Some(w) = eval.world(world) else {
        return Vec::new();
    };
    let is_inside = |mut id: InstId| loop {
        if id == inst {
            return true;
        }
        match w.instance(id).and_then(|i| i.parent) {
            Some(parent) => id = parent,
            None => return false,
        }
    };
    if eval
        .kind_of(inst)
        .is_some_and(|k| kind_head(eval.db, k).external)
    {
        return vec![inst];
    }
    nodes(eval, world)
        .into_iter()
        .filter(|id| is_inside(*id))
        .collect()
}

/// The declarations that backends make real.
fn nodes(eval: &Eval<'_>, world: usize) -> Vec<InstId> {
    let Some(w) = eval.world(world) else {
        return Vec::new();
    };
    w.ids()
        .filter(|id| {
            w.instance(*id)
                .is_some_and(|i| kind_head(eval.db, i.kind).external)
        })
        .collect()
}

fn fields_of<'db>(eval: &mut Eval<'db>, world: usize, inst: InstId) -> Vec<(Arc<str>, Val<'db>)> {
    let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
        return Vec::new();
    };
    let cx = Cx {
        world,
        item: instance.item,
        inst: instance.parent,
        kind: Kind::Declared,
    };
    kind_head(eval.db, instance.kind)
        .fields
        .iter()
        .map(|f| {
            let value = eval.field(&cx, instance.decl.name_span, inst, &f.name);
            (f.name.clone(), value)
        })
        .collect()
}

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
    fn origin(&mut self, sites: Vec<SiteKey>) -> OriginId {
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

    fn declared(&mut self, item: ItemId, span: crate::diag::Span) -> OriginId {
        self.origin(vec![SiteKey {
            item,
            span,
            kind: Kind::Declared,
        }])
    }

    fn graph(&mut self, eval: &mut Eval<'_>) -> Option<Graph> {
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
    fn check_support(
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

    fn environment(&mut self, eval: &mut Eval<'_>) -> Option<Environment> {
        let db = eval.db;
        let world = eval.world(self.world)?;
        let (env, name, chain) = (world.env, world.name.clone(), world.chain.clone());
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
            extends: chain
                .iter()
                .skip(1)
                .map(|e| e.name(db).to_string())
                .collect(),
            fields,
            origin: self.declared(env, spot.range),
        })
    }

    fn target(
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

    fn node(
        &mut self,
        eval: &mut Eval<'_>,
        inst: InstId,
        places: &BTreeMap<String, (Option<TargetId>, Option<Existing>)>,
    ) -> Option<Node> {
        let db = eval.db;
        let instance = eval.world(self.world)?.instance(inst)?.clone();
        let head = kind_head(db, instance.kind);
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
            around.push(NodePath::new(parent.path.clone()));
            at = parent.parent;
        }
        around.reverse();
        let place = places.get(&instance.path).cloned().unwrap_or_default();
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
            target: place.0.unwrap_or_else(TargetId::main),
            existing: place.1,
            doc: instance.decl.doc.as_deref().map(str::to_owned),
            origin: self.declared(instance.item, instance.decl.name_span),
            within: around,
            fields,
            changes,
        })
    }

    fn value(&mut self, eval: &Eval<'_>, value: &Val<'_>) -> Value {
        let origin = self.origin(value.origin.sites());
        let data = match &value.data {
            Data::Bool(b) => ModelData::Bool(*b),
            Data::Int(n) => ModelData::Int(*n),
            Data::Decimal(n) => ModelData::Decimal(*n),
            Data::Quantity(amount, dim, text) => ModelData::Quantity(Quantity {
                dimension: dim.to_string(),
                amount: *amount,
                text: match text {
                    Some(text) => text.to_string(),
                    None => quantity_text(eval.db, *amount, dim),
                },
            }),
            Data::Text(text) => ModelData::String(text.to_string()),
            Data::Pieces(pieces) => ModelData::Text(
                pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Literal(text) => ModelPiece::Literal(text.to_string()),
                        Piece::Hole(out, encoders, _) => {
                            ModelPiece::Hole(self.hole(eval, out, encoders))
                        }
                    })
                    .collect(),
            ),
            Data::Range(ends) => ModelData::Range(
                Box::new(self.value(eval, &ends.0)),
                Box::new(self.value(eval, &ends.1)),
            ),
            Data::List(values) => {
                let mut out = Vec::new();
                for v in values.iter() {
                    match v.data {
                        Data::Node(inst) => out.extend(self.nodes_value(eval, inst, v)),
                        _ => out.push(self.value(eval, v)),
                    }
                }
                ModelData::List(out)
            }
            Data::Map(entries) => ModelData::Map(self.entries(eval, entries)),
            Data::Case(_, case, parts) => ModelData::Variant {
                case: case.to_string(),
                fields: self.entries(eval, parts),
            },
            Data::Node(inst) => ModelData::Node(NodePath::new(eval.path_of(*inst))),
            Data::Out(out) => {
                if is_scalar(&out.ty.plain(eval.db).1) {
                    ModelData::Text(vec![ModelPiece::Hole(self.hole(eval, out, &[]))])
                } else {
                    ModelData::Out {
                        node: NodePath::new(eval.path_of(out.inst)),
                        out: out.path.to_string(),
                    }
                }
            }
            Data::Poison
            | Data::None
            | Data::Family(..)
            | Data::Closure(_)
            | Data::Env(_)
            | Data::Here(_)
            | Data::Link(..)
            | Data::Target(..) => ModelData::None,
        };
        Value::new(data, origin)
    }

    fn nodes_value(&mut self, eval: &Eval<'_>, inst: InstId, value: &Val<'_>) -> Vec<Value> {
        let origin = self.origin(value.origin.sites());
        within(eval, self.world, inst)
            .into_iter()
            .map(|id| {
                let path = NodePath::new(eval.path_of(id));
                Value::new(ModelData::Node(path), origin)
            })
            .collect()
    }

    fn entries(&mut self, eval: &Eval<'_>, entries: &Entries<'_>) -> BTreeMap<String, Value> {
        entries
            .iter()
            .map(|(name, value)| (name.to_string(), self.value(eval, value)))
            .collect()
    }

    fn hole(&self, eval: &Eval<'_>, out: &OutRef, encoders: &[&'static str]) -> Hole {
        Hole {
            producer: NodePath::new(eval.path_of(out.inst)),
            out: out.path.to_string(),
            encoders: encoders.iter().map(|e| (*e).to_owned()).collect(),
            secret: out.labels.secret,
            later: out.labels.later,
        }
    }

    fn links(&mut self, eval: &mut Eval<'_>) -> Vec<Link> {
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
    fn is_later(&self, eval: &Eval<'_>, link: &LinkVal) -> bool {
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

    fn moved(&mut self, eval: &Eval<'_>) -> Vec<Moved> {
        let mut moved = Vec::new();
        for item in &app(eval.db).moved {
            let Some(tree) = crate::db::tree(eval.db, *item) else {
                continue;
            };
            if let Item::Moved(ast) = tree.item()
                && let (Some(from), Some(to)) = (ast.from(), ast.to())
            {
                let path = |p: plat_syntax::ast::Path<'_>| {
                    NodePath::new(p.node().text().replace("[\"", "[").replace("\"]", "]"))
                };
                let span = tree.root().range().into();
                moved.push(Moved {
                    from: path(from),
                    to: path(to),
                    origin: self.declared(*item, span),
                });
            }
        }
        moved
    }

    /// Where single declarations are put, the nearest environment first.
    fn places(
        &mut self,
        eval: &mut Eval<'_>,
        targets: &mut BTreeMap<TargetId, Target>,
    ) -> BTreeMap<String, (Option<TargetId>, Option<Existing>)> {
        let db = eval.db;
        let mut places: BTreeMap<String, (Option<TargetId>, Option<Existing>)> = BTreeMap::new();
        let Some(world) = eval.world(self.world) else {
            return places;
        };
        let (env, chain, keys) = (world.env, world.chain.clone(), world.locals.clone());
        for item in chain {
            let Some(body) = lower(db, item).env.as_ref() else {
                continue;
            };
            let cx = Cx {
                world: self.world,
                item,
                inst: None,
                kind: Kind::Set,
            };
            let locals = if item == env { keys.clone() } else { None };
            for entry in &body.place {
                let Some(path) = eval.decl_path(entry.root, &entry.path, &cx, &locals) else {
                    continue;
                };
                if !eval
                    .world(self.world)
                    .is_some_and(|w| w.paths.contains_key(&path))
                {
                    let message = format!("there is no `{path}` in this environment to place");
                    let spot = eval.spot(&cx, entry.span);
                    eval.error(&cx, Diag::error("E0606", spot, message));
                    continue;
                }
                let place = places.entry(path).or_default();
                if place.0.is_some() || place.1.is_some() {
                    continue;
                }
                match &entry.place {
                    Place::Target(expr) => {
                        let value = eval.eval(expr, &cx, &locals);
                        if let Data::Target(kind, fields) = &value.data {
                            let target = self.target(eval, *kind, fields, &value);
                            place.0 = Some(intern_target(targets, target));
                        }
                    }
                    Place::On(host) => {
                        let value = eval.eval(host, &cx, &locals);
                        if let Some(main) = targets.get(&TargetId::main()).cloned() {
                            let mut target = main;
                            target
                                .fields
                                .insert("on".to_owned(), self.value(eval, &value));
                            place.0 = Some(intern_target(targets, target));
                        }
                    }
                    Place::Existing(fields) => {
                        let mut out = BTreeMap::new();
                        for (name, expr) in fields {
                            let value = eval.eval(expr, &cx, &locals);
                            out.insert(name.to_string(), self.value(eval, &value));
                        }
                        place.1 = Some(Existing { fields: out });
                    }
                }
            }
        }
        places
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

/// Two declarations of one kind may not have one external name.
fn names_collide(eval: &mut Eval<'_>, world: usize) {
    let mut seen: BTreeMap<(u64, Arc<str>), InstId> = BTreeMap::new();
    for inst in nodes(eval, world) {
        let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
            continue;
        };
        let cx = Cx {
            world,
            item: instance.item,
            inst: instance.parent,
            kind: Kind::Declared,
        };
        let span = instance.decl.name_span;
        let value = eval.field(&cx, span, inst, &Arc::from("name"));
        let Some(name) = value.text() else { continue };
        let spot = eval.spot(&cx, span);
        if name.is_empty() {
            let message = format!("the external name of `{}` is empty", instance.path);
            eval.error(&cx, Diag::error("E0507", spot, message));
            continue;
        }
        let key = (instance.kind.as_id().as_bits(), name.clone());
        match seen.get(&key) {
            Some(first) => {
                let other = eval.world(world).and_then(|w| w.instance(*first)).cloned();
                let other_path = other.as_ref().map_or("", |o| o.path.as_str()).to_owned();
                let message = format!(
                    "`{}` and `{other_path}` have the same external name, `{name}`",
                    instance.path
                );
                let mut diag = Diag::error("E0507", spot, message)
                    .help("give one of them another: `name = \"…\"`");
                if let Some(other) = other {
                    let there = crate::diag::Spot {
                        item: other.item,
                        range: other.decl.name_span,
                    };
                    diag = diag.related(there, "the other one");
                }
                eval.error(&cx, diag);
            }
            None => {
                seen.insert(key, inst);
            }
        }
    }
}

/// What a target refuses: the path, why, and what it offers instead.
fn refusals(
    eval: &mut Eval<'_>,
    world: usize,
    target: ItemId,
) -> Vec<(Arc<str>, Arc<str>, Option<Arc<str>>)> {
    let Some(support) = lower(eval.db, target).lets.get("support") else {
        return Vec::new();
    };
    let cx = Cx {
        world,
        item: target,
        inst: None,
        kind: Kind::Default,
    };
    let list = eval.eval(&support.expr, &cx, &None);
    let Data::List(entries) = &list.data else {
        return Vec::new();
    };
    let refusal = |entry: &Val<'_>| match &entry.data {
        Data::Case(_, case, parts) if case.as_ref() == "refuses" => {
            let text = |name: &str| parts.get(name).and_then(Val::text);
            Some((text("what")?, text("why")?, text("instead")))
        }
        _ => None,
    };
    entries.iter().filter_map(refusal).collect()
}

/// Is what a declaration asks for something that its target refuses?
fn supported(
    eval: &mut Eval<'_>,
    world: usize,
    inst: InstId,
    target: ItemId,
    refused: &[(Arc<str>, Arc<str>, Option<Arc<str>>)],
) {
    let db = eval.db;
    let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
        return;
    };
    let head = kind_head(db, instance.kind);
    let own: Vec<Arc<str>> = std::iter::once(instance.kind)
        .chain(head.parents.iter().copied())
        .map(|k| k.name(db).clone())
        .collect();
    let cx = Cx {
        world,
        item: instance.item,
        inst: instance.parent,
        kind: Kind::Declared,
    };
    for (what, why, instead) in refused {
        let mut path = what.split('.');
        if !path
            .next()
            .is_some_and(|k| own.iter().any(|o| o.as_ref() == k))
        {
            continue;
        }
        let span = instance.decl.name_span;
        let asked = match path.next() {
            None => Some(eval.spot(&cx, span)),
            Some(field) => {
                let value = eval.field(&cx, span, inst, &Arc::from(field));
                asked_at(&value, path.next())
            }
        };
        let Some(spot) = asked else { continue };
        let message = format!("the target `{}` has no `{what}`: {why}", target.name(db));
        let mut diag =
            Diag::error("E0610", spot, message).label(format!("asked for by `{}`", instance.path));
        if let Some(instead) = instead {
            diag = diag.help(format!("it offers {instead}"));
        }
        eval.error(&cx, diag);
    }
}

/// What waits for each other never begins: an order that goes in a circle is an error.
fn ordered(eval: &mut Eval<'_>, world: usize, links: &[LinkVal], before: &[bool]) {
    let mut waits: BTreeMap<InstId, Vec<usize>> = BTreeMap::new();
    let mut waited: BTreeMap<InstId, Vec<InstId>> = BTreeMap::new();
    for (index, (link, before)) in links.iter().zip(before).enumerate() {
        if *before {
            waits.entry(link.from).or_default().push(index);
            waited.entry(link.to).or_default().push(link.from);
        }
    }
    // Take away, again and again, what waits for nothing: what is left goes in circles.
    let mut open: BTreeMap<InstId, usize> = waits.iter().map(|(id, l)| (*id, l.len())).collect();
    let mut free: Vec<InstId> = waited
        .keys()
        .filter(|id| !open.contains_key(id))
        .copied()
        .collect();
    while let Some(id) = free.pop() {
        for from in waited.get(&id).into_iter().flatten() {
            if let Some(left) = open.get_mut(from) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    open.remove(from);
                    free.push(*from);
                }
            }
        }
    }
    let Some(mut at) = open.keys().next().copied() else {
        return;
    };
    let mut way: Vec<(InstId, usize)> = Vec::new();
    while !way.iter().any(|(id, _)| *id == at) {
        let next = waits
            .get(&at)
            .into_iter()
            .flatten()
            .copied()
            .find(|i| links.get(*i).is_some_and(|l| open.contains_key(&l.to)));
        let Some((index, link)) = next.and_then(|i| Some((i, links.get(i)?))) else {
            return;
        };
        way.push((at, index));
        at = link.to;
    }
    let start = way.iter().position(|(id, _)| *id == at).unwrap_or(0);
    let circle = way.get(start..).unwrap_or(&[]);
    let mut names: Vec<String> = circle
        .iter()
        .map(|(id, _)| format!("`{}`", eval.path_of(*id)))
        .collect();
    names.push(format!("`{}`", eval.path_of(at)));
    let Some(site) = circle
        .first()
        .and_then(|(_, i)| links.get(*i))
        .map(|l| l.origin.0.site)
    else {
        return;
    };
    let cx = Cx {
        world,
        item: site.item,
        inst: None,
        kind: Kind::Declared,
    };
    let message = match circle {
        [_] => format!("`{}` waits for itself", eval.path_of(at)),
        _ => "these wait for each other, so none of them can begin".to_owned(),
    };
    let mut diag = Diag::error("E0514", eval.spot(&cx, site.span), message);
    if circle.len() > 1 {
        diag = diag.note(names.join(" → "));
    }
    eval.error(&cx, diag);
}

/// Where a field asks for something beyond its default, or for one case of its variant.
fn asked_at(value: &Val<'_>, case: Option<&str>) -> Option<crate::diag::Spot> {
    let site = value.origin.0.site;
    let asked = match (case, &value.data) {
        (Some(case), Data::Case(_, own, _)) => own.as_ref() == case,
        (Some(_), _) => false,
        (None, Data::None) => false,
        (None, _) => site.kind != Kind::Default,
    };
    asked.then_some(crate::diag::Spot {
        item: site.item,
        range: site.span,
    })
}
