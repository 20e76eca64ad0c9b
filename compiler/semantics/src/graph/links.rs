//! Who refers to whom, and whether that can be put in an order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::diag::Diag;
use crate::eval::{
    Cx, Data, Eval, InstId, Instance, Kind, LinkVal, Origin, OutRef, Piece, Val, World,
};

/// The links of a world whose fields are all evaluated, in the order of the declarations.
pub fn link_vals(eval: &mut Eval<'_>, world: usize) -> Vec<LinkVal> {
    let mut links = Vec::new();
    let mut path = String::new();
    for inst in nodes(eval, world) {
        let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
            continue;
        };
        for (number, field) in (0u32..).zip(&instance.head.fields) {
            let known = eval.world(world).and_then(|w| w.value(inst, number));
            let evaluated;
            let value = match known {
                Some(value) if !says_reference(value) => continue,
                Some(value) => value,
                None => {
                    evaluated = field_of(eval, &instance, inst, number);
                    &evaluated
                }
            };
            let mut found = Vec::new();
            path.clear();
            path.push_str(&field.name);
            refers(value, &mut path, &mut found);
            for (field, refers, origin) in found {
                for (to, out, grant) in targets_of(eval, refers) {
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

/// Does a value refer to anything, itself or in it?
fn says_reference(value: &Val<'_>) -> bool {
    match &value.data {
        Data::Node(_) | Data::Out(_) => true,
        Data::Pieces(pieces) => pieces.iter().any(|p| matches!(p, Piece::Hole(..))),
        Data::Map(entries) | Data::Case(_, entries) => {
            entries.iter().any(|(_, value)| says_reference(value))
        }
        Data::List(values) => values.iter().any(says_reference),
        _ => false,
    }
}

/// What a value refers to.
#[derive(Clone, Copy)]
pub(super) enum Refers<'a> {
    Node(InstId),
    Out(&'a OutRef),
}

/// Adds all that a value refers to, each with its path. `path` is that of the value, and is so again
/// afterwards: most values refer to nothing, and make no path.
pub(super) fn refers<'a>(
    value: &'a Val<'_>,
    path: &mut String,
    out: &mut Vec<(String, Refers<'a>, Origin)>,
) {
    let length = path.len();
    match &value.data {
        Data::Node(inst) => out.push((path.clone(), Refers::Node(*inst), value.origin.clone())),
        Data::Out(hole) => out.push((path.clone(), Refers::Out(hole), value.origin.clone())),
        Data::Pieces(pieces) => {
            for piece in pieces.iter() {
                if let Piece::Hole(hole, _, origin) = piece {
                    out.push((path.clone(), Refers::Out(hole), origin.clone()));
                }
            }
        }
        Data::Map(entries) | Data::Case(_, entries) => {
            for (name, value) in entries.iter() {
                path.push('.');
                path.push_str(name);
                refers(value, path, out);
                path.truncate(length);
            }
        }
        Data::List(values) => {
            for (i, value) in values.iter().enumerate() {
                let _ = write!(path, ".{i}");
                refers(value, path, out);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// The declarations that a reference means: those inside, for one of a kind made of others.
pub(super) fn targets_of(
    eval: &Eval<'_>,
    refers: Refers<'_>,
) -> Vec<(InstId, Arc<str>, Option<Arc<str>>)> {
    match refers {
        Refers::Out(out) => vec![(out.inst, out.path.clone(), out.grant.clone())],
        Refers::Node(inst) => within(eval, inst.world, inst)
            .into_iter()
            .map(|id| (id, Arc::from(""), None))
            .collect(),
    }
}

/// A declaration that a backend makes real, or those inside of it that are.
pub fn within(eval: &Eval<'_>, world: usize, inst: InstId) -> Vec<InstId> {
    let Some(w) = eval.world(world) else {
        return Vec::new();
    };
    let external = |id: &InstId| eval.world(id.world).is_some_and(|w| is_external(w, *id));
    if external(&inst) {
        return vec![inst];
    }
    let mut inside = w.inside(inst);
    inside.retain(external);
    inside
}

/// The declarations that backends make real.
pub(super) fn nodes(eval: &Eval<'_>, world: usize) -> Vec<InstId> {
    let Some(w) = eval.world(world) else {
        return Vec::new();
    };
    let mut ids = w.ids();
    ids.retain(|id| is_external(w, *id));
    ids
}

fn is_external(world: &World<'_>, inst: InstId) -> bool {
    world.instance(inst).is_some_and(|i| i.head.external)
}

pub(super) fn field_of<'db>(
    eval: &mut Eval<'db>,
    instance: &Instance<'db>,
    inst: InstId,
    number: u32,
) -> Val<'db> {
    let cx = Cx {
        world: inst.world,
        item: instance.item,
        inst: instance.parent,
        kind: Kind::Declared,
    };
    eval.field_at(&cx, instance.decl.name_span, inst, number)
}

/// What waits for each other never begins: an order that goes in a circle is an error.
pub(super) fn ordered(eval: &mut Eval<'_>, world: usize, links: &[LinkVal], before: &[bool]) {
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
