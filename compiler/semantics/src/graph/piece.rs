//! What can be wrong with the graph of an environment, told of a piece of its declarations: what is
//! wrong with each of them, and what they have that may clash with what others have.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Build;
use super::checks::{claims, names};
use super::hosts::{Addresses, addresses};
use super::links::nodes;
use crate::db::ItemId;
use crate::eval::{Data, Eval, InstId, LinkVal, Val};

/// What a piece has.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Found {
    /// The external names of declarations, with their kinds.
    pub names: Vec<(ItemId, Arc<str>)>,
    /// What declarations claim for themselves, with their kinds.
    pub claims: Vec<(ItemId, Arc<str>)>,
    /// Who waits for whom, by their paths.
    waits: Vec<(Arc<str>, Arc<str>)>,
    /// What they are known as, and which addresses they write out.
    addresses: Addresses,
    /// The paths of what is put elsewhere.
    pub placed: BTreeSet<String>,
}

/// Looks at a piece: as [`super::inspect`] does at a whole environment.
pub fn inspect_piece(eval: &mut Eval<'_>, world: usize) -> Found {
    // What could not even be begun has been reported.
    look(eval, world).unwrap_or_default()
}

fn look(eval: &mut Eval<'_>, world: usize) -> Option<Found> {
    let mut build = Build::new(world);
    let ground = build.ground(eval)?;
    let all = nodes(eval, world);
    for inst in &all {
        let _ = build.name(eval, *inst);
    }
    let names = names(eval, world)
        .into_iter()
        .map(|(_, kind, name)| (kind, name))
        .collect();
    let claims = claims(eval, world)
        .into_iter()
        .map(|(_, kind, claim)| (kind, claim))
        .collect();
    build.check_support(eval, &ground);
    reach(eval, &all);
    let links = super::links::link_vals(eval, world);
    let before = build.before(eval, &links);
    let waits = links.iter().zip(before).filter(|(_, before)| *before);
    let waits = waits
        .map(|(link, _)| (path(eval, link.from), path(eval, link.to)))
        .collect();
    let addresses = addresses(eval, world, &all, &links);
    if let Some(known) = eval.links_of(world) {
        *known = links;
    }
    if eval.looks_once() {
        let _ = build.environment(eval);
    }
    Some(Found {
        names,
        claims,
        waits,
        addresses,
        placed: ground.places.into_keys().collect(),
    })
}

/// Finds all that stands in the declarations that these refer to: a reference to one that is made of
/// others means those.
fn reach(eval: &mut Eval<'_>, all: &[InstId]) {
    let mut waiting: Vec<InstId> = Vec::new();
    for inst in all {
        let count = eval.head_of(*inst).map_or(0, |head| head.fields.len());
        for number in (0u32..).take(count) {
            let world = eval.world(inst.world);
            if let Some(value) = world.and_then(|w| w.value(*inst, number)) {
                nodes_in(value, &mut waiting);
            }
        }
    }
    let mut seen: FxHashSet<InstId> = FxHashSet::default();
    while let Some(inst) = waiting.pop() {
        if !seen.insert(inst) || eval.is_own(inst) {
            continue;
        }
        let external = eval.head_of(inst).is_none_or(|head| head.external);
        if let Some(kind) = eval.kind_of(inst).filter(|_| !external) {
            eval.expand(inst.world, Some(inst), kind);
            let world = eval.world(inst.world);
            waiting.extend(world.map(|w| w.directly_inside(inst)).unwrap_or_default());
        }
    }
}

fn nodes_in(value: &Val<'_>, out: &mut Vec<InstId>) {
    match &value.data {
        Data::Node(inst) => out.push(*inst),
        Data::Map(entries) | Data::Case(_, entries) => {
            entries.values().for_each(|value| nodes_in(value, out));
        }
        Data::List(values) => values.iter().for_each(|value| nodes_in(value, out)),
        _ => {}
    }
}

impl Found {
    /// Is no address that is written out in one of these that of a declaration which is not referred
    /// to there?
    pub fn no_address_is_others(all: &[&Self]) -> bool {
        if all.iter().all(|found| found.addresses.asked.is_empty()) {
            return true;
        }
        let mut known: FxHashMap<&str, Vec<&Arc<str>>> = FxHashMap::default();
        for (host, path) in all.iter().flat_map(|found| &found.addresses.known) {
            known.entry(host).or_default().push(path);
        }
        let mut asked = all.iter().flat_map(|found| &found.addresses.asked);
        asked.all(|asked| {
            let mut of = known.get(asked.host.as_str()).into_iter().flatten();
            of.all(|path| asked.permitted.contains(*path))
        })
    }

    /// Can all that wait for each other be put in an order?
    pub fn is_ordered(all: &[&Self]) -> bool {
        let mut open: FxHashMap<&str, usize> = FxHashMap::default();
        let mut waited: FxHashMap<&str, Vec<&str>> = FxHashMap::default();
        for (from, to) in all.iter().flat_map(|found| &found.waits) {
            *open.entry(from).or_default() += 1;
            open.entry(to).or_default();
            waited.entry(to).or_default().push(from);
        }
        // Take away, again and again, what waits for nothing: what is left goes in circles.
        let mut free: Vec<&str> = Vec::new();
        free.extend(
            open.iter()
                .filter(|(_, count)| **count == 0)
                .map(|(path, _)| *path),
        );
        let mut left = open.len();
        while let Some(path) = free.pop() {
            left -= 1;
            for from in waited.get(path).into_iter().flatten() {
                if let Some(count) = open.get_mut(from) {
                    *count -= 1;
                    if *count == 0 {
                        free.push(from);
                    }
                }
            }
        }
        left == 0
    }
}

/// The path of a declaration, shared with it.
pub(super) fn path(eval: &Eval<'_>, inst: InstId) -> Arc<str> {
    let instance = eval.world(inst.world).and_then(|w| w.instance(inst));
    instance.map_or_else(|| Arc::from(""), |i| Arc::clone(&i.path))
}

/// Whom each of these declarations refers to.
pub(super) fn reached(links: &[LinkVal]) -> FxHashMap<InstId, Vec<InstId>> {
    let mut reached: FxHashMap<InstId, Vec<InstId>> = FxHashMap::default();
    for link in links {
        reached.entry(link.from).or_default().push(link.to);
    }
    reached
}
