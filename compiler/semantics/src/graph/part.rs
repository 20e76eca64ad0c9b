//! What some of the declarations of an environment give to its graph, and the graph of all of them.
//!
//! Parts are made apart from each other, on all threads, each with numbers of its own for those who
//! set values. In the graph these are numbered in the order in which one comes upon them who goes over
//! it: the environment, its targets, the declarations by their paths, the links, the renames. So a
//! graph is the same to the byte, of however many parts it was made.

use std::collections::BTreeMap;

use plat_model::{
    Environment, FieldPath, Graph, Link, Moved, Node, NodePath, OriginId, OriginTable, Package,
    Target, TargetId,
};
use rayon::prelude::*;

use super::{Build, nodes};
use crate::app::app;
use crate::db::{Db, ItemId, main_package};
use crate::eval::{Eval, Interned, Kind, LinkVal, SiteKey, Sites};

/// A part of a graph. Its origins are its own, by their numbers in `sites`.
#[derive(Debug, Default)]
pub struct Part {
    /// What there is once, from the part that looks at that.
    head: Option<(Environment, BTreeMap<TargetId, Target>)>,
    /// The declarations, by their paths.
    nodes: Vec<(NodePath, Node)>,
    /// The links that begin at these: sorted, each once.
    links: Vec<Link>,
    sites: Sites,
    /// Its origins in the order in which one comes upon them, each once, and how many of them there
    /// are after the head, after each declaration and after each link.
    order: Vec<u32>,
    ends: Vec<u32>,
}

/// A rename that means something in an environment, and the statement that says it.
#[derive(Debug)]
pub struct Renamed {
    /// The old path.
    pub from: NodePath,
    /// The new path.
    pub to: NodePath,
    /// The statement.
    pub site: SiteKey,
}

impl Renamed {
    /// What an item says.
    pub fn new(db: &dyn Db, item: ItemId, from: &str, to: &str) -> Self {
        let tree = crate::db::tree(db, item).as_ref();
        let range = tree.map(|tree| tree.root().range()).unwrap_or_default();
        Self {
            from: NodePath::new(from),
            to: NodePath::new(to),
            site: SiteKey {
                item,
                span: range.into(),
                kind: Kind::Declared,
            },
        }
    }
}

/// What a piece gives to the graph, once it has been looked at ([`super::inspect_piece`]). `None`
/// where something is wrong, which has been reported.
pub fn part_of_piece(eval: &mut Eval<'_>, world: usize) -> Option<Part> {
    Build::new(world).part(eval)
}

impl Build {
    /// What is looked at, as a part of the graph. The values of each declaration are let go once they
    /// are in it.
    pub(super) fn part(mut self, eval: &mut Eval<'_>) -> Option<Part> {
        let mut ground = self.ground(eval)?;
        let nodes = nodes(eval, self.world);
        eval.release_all_but(self.world, &nodes);
        let mut all = Vec::with_capacity(nodes.len());
        for inst in nodes {
            let path = self.written(eval, inst);
            let placed = self.place_of(eval, inst, &ground.places);
            let node = self.node(eval, inst, placed)?;
            eval.release(inst);
            all.push((path, node));
        }
        let links = self.links(eval);
        if !eval.is_part() {
            let mut named: BTreeMap<NodePath, Node> = all.into_iter().collect();
            self.foreign_nodes(eval, &mut ground.targets, &mut named)?;
            all = named.into_iter().collect();
        }
        let head = match eval.looks_once() {
            true => Some((self.environment(eval)?, ground.targets)),
            false => None,
        };
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut part = Part {
            head,
            nodes: all,
            links,
            sites: self.sites.into_sites(),
            ..Part::default()
        };
        part.put_in_order();
        Some(part)
    }

    fn links(&mut self, eval: &mut Eval<'_>) -> Vec<Link> {
        // They stay: what is asked afterwards, an environment's fields, may ask for them.
        let vals = eval.world(self.world).map(|w| w.links.clone());
        let vals = vals.unwrap_or_default();
        let before = self.before(eval, &vals);
        let mut links: Vec<Link> = vals
            .into_iter()
            .zip(before)
            .map(|(link, before)| self.link(eval, link, before))
            .collect();
        // Of those that differ in where they are said alone, the first counts.
        links.sort_by(|a, b| key(a).cmp(&key(b)));
        links.dedup_by(|a, b| key(a) == key(b));
        links
    }

    fn link(&mut self, eval: &Eval<'_>, link: LinkVal, before: bool) -> Link {
        Link {
            from: self.path(eval, link.from),
            before,
            field: FieldPath::new(link.field),
            to: self.path(eval, link.to),
            out: link.out.to_string(),
            grant: link.grant.as_deref().map(str::to_owned),
            origin: self.origin(&link.origin),
        }
    }
}

/// What tells a link from others.
fn key(link: &Link) -> (&NodePath, &FieldPath, &NodePath, &str) {
    (&link.from, &link.field, &link.to, &link.out)
}

impl Part {
    /// Finds the order in which one comes upon its origins.
    fn put_in_order(&mut self) {
        let mut seen = vec![false; self.sites.len()];
        let order = &mut self.order;
        let mut note = |origin: &mut OriginId| {
            if let Some(seen) = seen.get_mut(origin.0 as usize)
                && !std::mem::replace(seen, true)
            {
                order.push(origin.0);
            }
            u32::try_from(order.len()).unwrap_or(u32::MAX)
        };
        self.ends = Vec::with_capacity(1 + self.nodes.len() + self.links.len());
        let mut end = 0;
        if let Some((environment, targets)) = &mut self.head {
            environment.each_origin(&mut |origin| end = note(origin));
            for target in targets.values_mut() {
                target.each_origin(&mut |origin| end = note(origin));
            }
        }
        self.ends.push(end);
        for (_, node) in &mut self.nodes {
            node.each_origin(&mut |origin| end = note(origin));
            self.ends.push(end);
        }
        for link in &mut self.links {
            end = note(&mut link.origin);
            self.ends.push(end);
        }
    }

    /// Gives all origins the numbers that the graph has for them.
    fn renumber(&mut self, numbers: &[OriginId]) {
        let mut give = |origin: &mut OriginId| {
            *origin = numbers.get(origin.0 as usize).copied().unwrap_or_default();
        };
        if let Some((environment, targets)) = &mut self.head {
            environment.each_origin(&mut give);
            for target in targets.values_mut() {
                target.each_origin(&mut give);
            }
        }
        for (_, node) in &mut self.nodes {
            node.each_origin(&mut give);
        }
        for link in &mut self.links {
            give(&mut link.origin);
        }
        self.sites = Sites::default();
    }
}

/// The numbers that the origins of a part have in the graph, as far as they are given.
struct Numbering<'a> {
    part: &'a Part,
    numbers: Vec<OriginId>,
    /// How many are given.
    given: usize,
    /// How many steps were taken over the head, the declarations and the links.
    steps: usize,
}

impl<'a> Numbering<'a> {
    fn new(part: &'a Part) -> Self {
        Self {
            part,
            numbers: vec![OriginId::default(); part.sites.len()],
            given: 0,
            steps: 0,
        }
    }

    /// Numbers what one comes upon next.
    fn step(&mut self, interned: &mut Interned) {
        let end = self.part.ends.get(self.steps).copied().unwrap_or_default() as usize;
        self.steps += 1;
        let new = self.part.order.get(self.given..end).unwrap_or_default();
        self.given = self.given.max(end);
        for own in new {
            let number = interned.number(self.part.sites.get(*own));
            if let Some(at) = self.numbers.get_mut(*own as usize) {
                *at = OriginId(number);
            }
        }
    }
}

/// The graph of an environment from all its parts, its origins empty: those are in what comes beside
/// it, by their ids. `None` where no part says what there is once.
pub fn put_together(
    db: &dyn Db,
    mut parts: Vec<Part>,
    renames: Vec<Renamed>,
) -> Option<(Graph, Sites)> {
    let main = main_package(db)?;
    let count = parts.iter().map(|part| part.order.len()).sum();
    let mut interned = Interned::with_capacity(count);
    let numbers = numbered(&parts, &mut interned);
    let moved: Vec<Moved> = renames
        .into_iter()
        .map(|renamed| Moved {
            from: renamed.from,
            to: renamed.to,
            origin: OriginId(interned.number(&[renamed.site])),
        })
        .collect();
    parts
        .par_iter_mut()
        .zip(numbers)
        .for_each(|(part, numbers)| part.renumber(&numbers));
    let (environment, targets) = parts.iter_mut().find_map(|part| part.head.take())?;
    let mut nodes = Vec::with_capacity(parts.iter().map(|part| part.nodes.len()).sum());
    let mut links = Vec::with_capacity(parts.iter().map(|part| part.links.len()).sum());
    for part in parts {
        nodes.extend(part.nodes);
        links.extend(part.links);
    }
    // Those of each part are sorted, and most often so are the parts.
    links.sort();
    let graph = Graph {
        format: Graph::FORMAT,
        app: app(db).name.as_deref().unwrap_or_default().to_owned(),
        package: Package {
            name: main.name.to_string(),
            version: main.version.to_string(),
        },
        environment,
        targets,
        nodes: nodes.into_iter().collect(),
        links,
        moved,
        held: Vec::new(),
        pins: BTreeMap::new(),
        origins: OriginTable::default(),
    };
    Some((graph, interned.into_sites()))
}

/// For each part, the numbers of its origins in the graph.
fn numbered(parts: &[Part], interned: &mut Interned) -> Vec<Vec<OriginId>> {
    let mut all: Vec<Numbering<'_>> = parts.iter().map(Numbering::new).collect();
    for numbering in &mut all {
        numbering.step(interned);
    }
    let mut nodes: Vec<(&NodePath, usize)> = Vec::new();
    let mut links: Vec<(&Link, usize)> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        nodes.extend(part.nodes.iter().map(|(path, _)| (path, number)));
        links.extend(part.links.iter().map(|link| (link, number)));
    }
    nodes.sort_by_key(|(path, _)| *path);
    links.sort_by_key(|(link, _)| (&link.from, &link.field, &link.to));
    let steps = nodes.into_iter().map(|(_, number)| number);
    for number in steps.chain(links.into_iter().map(|(_, number)| number)) {
        if let Some(numbering) = all.get_mut(number) {
            numbering.step(interned);
        }
    }
    all.into_iter().map(|numbering| numbering.numbers).collect()
}
