//! What must hold of a whole graph: names that differ, and a target that takes what is asked.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::links::nodes;
use crate::check::lower;
use crate::db::{Db, ItemId};
use crate::diag::Diag;
use crate::eval::{Cx, Data, Eval, InstId, Instance, Kind, Val, World};
use crate::types::kind_head;

/// A declaration, and where it is declared.
fn declared<'db>(eval: &Eval<'db>, inst: InstId) -> Option<(Rc<Instance<'db>>, Cx)> {
    let instance = eval.world(inst.world)?.instance(inst)?.clone();
    let cx = Cx {
        world: inst.world,
        item: instance.item,
        inst: instance.parent,
        kind: Kind::Declared,
    };
    Some((instance, cx))
}

/// Two declarations of one kind may not have one external name.
pub(super) fn names_collide(eval: &mut Eval<'_>, world: usize) {
    let mut seen: FxHashMap<(ItemId, Arc<str>), InstId> = FxHashMap::default();
    for (inst, kind, name) in names(eval, world) {
        let Some(first) = seen.get(&(kind, name.clone())).copied() else {
            seen.insert((kind, name), inst);
            continue;
        };
        let Some((instance, cx)) = declared(eval, inst) else {
            continue;
        };
        let other = eval.world(world).and_then(|w| w.instance(first)).cloned();
        let other_path = other.as_ref().map_or("", |o| o.path.as_ref()).to_owned();
        let message = format!(
            "`{}` and `{other_path}` have the same external name, `{name}`",
            instance.path
        );
        let spot = eval.spot(&cx, instance.decl.name_span);
        let mut diag =
            Diag::error("E0507", spot, message).help("give one of them another: `name = \"…\"`");
        if let Some(other) = other {
            let there = crate::diag::Spot {
                item: other.item,
                range: other.decl.name_span,
            };
            diag = diag.related(there, "the other one");
        }
        eval.error(&cx, diag);
    }
}

/// The declarations with an external name, their kinds and these. What has an empty one is told.
pub(super) fn names(eval: &mut Eval<'_>, world: usize) -> Vec<(InstId, ItemId, Arc<str>)> {
    let mut all = Vec::new();
    let field = Arc::from("name");
    for inst in nodes(eval, world) {
        let Some((instance, cx)) = declared(eval, inst) else {
            continue;
        };
        let span = instance.decl.name_span;
        let value = eval.field(&cx, span, inst, &field);
        let Some(name) = value.text() else { continue };
        let spot = eval.spot(&cx, span);
        if name.is_empty() {
            let message = format!("the external name of `{}` is empty", instance.path);
            eval.error(&cx, Diag::error("E0507", spot, message));
            continue;
        }
        all.push((inst, instance.kind, name));
    }
    all
}

/// The `let` of a kind that lists what one declaration has for itself alone: of two declarations of
/// an environment that claim the same, neither could be told apart.
const CLAIMS: &str = "claims";

/// No two declarations may claim the same.
pub(super) fn claims_collide(eval: &mut Eval<'_>, world: usize) {
    let mut seen: FxHashMap<(ItemId, Arc<str>), InstId> = FxHashMap::default();
    for (inst, kind, claim) in claims(eval, world) {
        let Some(first) = seen.insert((kind, claim.clone()), inst) else {
            continue;
        };
        let instance = |inst| eval.world(world).and_then(|w| w.instance(inst)).cloned();
        let (Some(instance), Some(other)) = (instance(inst), instance(first)) else {
            continue;
        };
        let cx = Cx {
            world,
            item: instance.item,
            inst: instance.parent,
            kind: Kind::Declared,
        };
        let message = if first == inst {
            format!("`{}` has `{claim}` twice", instance.path)
        } else {
            format!(
                "`{claim}` is that of two `{}`s: `{}` and `{}`",
                kind.name(eval.db),
                other.path,
                instance.path
            )
        };
        let there = crate::diag::Spot {
            item: other.item,
            range: other.decl.name_span,
        };
        let spot = eval.spot(&cx, instance.decl.name_span);
        let diag = Diag::error("E0516", spot, message);
        let diag = if first == inst {
            diag
        } else {
            diag.related(there, "the other one")
        };
        eval.error(&cx, diag);
    }
}

/// What declarations claim, with their kinds, in their order.
pub(super) fn claims(eval: &mut Eval<'_>, world: usize) -> Vec<(InstId, ItemId, Arc<str>)> {
    let mut all = Vec::new();
    let claims_of = Arc::from(CLAIMS);
    for inst in eval.world(world).map(World::ids).unwrap_or_default() {
        let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
            continue;
        };
        if !lower(eval.db, instance.kind).lets.contains_key(CLAIMS) {
            continue;
        }
        let within = Cx {
            world,
            item: instance.item,
            inst: Some(inst),
            kind: Kind::Declared,
        };
        let claims = eval.kind_let(&claims_of, &within, instance.decl.name_span);
        let Data::List(claims) = claims.data else {
            continue;
        };
        let claims = claims.iter().filter_map(Val::text);
        all.extend(claims.map(|claim| (inst, instance.kind, claim)));
    }
    all
}

/// What a target refuses, why, and what it offers instead.
pub(super) struct Refusal {
    what: Arc<str>,
    /// The field that it speaks of, and the case of that.
    field: Option<Arc<str>>,
    case: Option<Arc<str>>,
    why: Arc<str>,
    instead: Option<Arc<str>>,
}

impl Refusal {
    /// Does it speak of declarations of a kind, or of one that the kind takes over?
    pub(super) fn speaks_of(&self, db: &dyn Db, kind: ItemId) -> bool {
        let named = self.what.split('.').next().unwrap_or_default();
        let parents = kind_head(db, kind).parents.iter().copied();
        std::iter::once(kind)
            .chain(parents)
            .any(|kind| kind.name(db).as_ref() == named)
    }
}

/// What a target refuses: the path, why, and what it offers instead.
pub(super) fn refusals(eval: &mut Eval<'_>, world: usize, target: ItemId) -> Vec<Refusal> {
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
        Data::Case(case, parts) if case.name.as_ref() == "refuses" => {
            let text = |name: &str| parts.get(name).and_then(Val::text);
            let what = text("what")?;
            let mut path = what.split('.').skip(1).map(Arc::from);
            Some(Refusal {
                field: path.next(),
                case: path.next(),
                what,
                why: text("why")?,
                instead: text("instead"),
            })
        }
        _ => None,
    };
    entries.iter().filter_map(refusal).collect()
}

/// Is what a declaration asks for something that its target refuses? `refused` is what the target
/// refuses of its kind.
pub(super) fn supported(
    eval: &mut Eval<'_>,
    world: usize,
    inst: InstId,
    target: ItemId,
    refused: &[Rc<Refusal>],
) {
    let db = eval.db;
    let Some(instance) = eval.world(world).and_then(|w| w.instance(inst)).cloned() else {
        return;
    };
    let cx = Cx {
        world,
        item: instance.item,
        inst: instance.parent,
        kind: Kind::Declared,
    };
    for refusal in refused {
        let Refusal {
            what, why, instead, ..
        } = &**refusal;
        let span = instance.decl.name_span;
        let asked = match &refusal.field {
            None => Some(eval.spot(&cx, span)),
            Some(field) => {
                let value = eval.field(&cx, span, inst, field);
                asked_at(&value, refusal.case.as_deref())
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

/// Where a field asks for something beyond its default, or for one case of its variant.
pub(super) fn asked_at(value: &Val<'_>, case: Option<&str>) -> Option<crate::diag::Spot> {
    let site = value.origin.0.site;
    let asked = match (case, &value.data) {
        (Some(case), Data::Case(own, _)) => own.name.as_ref() == case,
        (Some(_), _) => false,
        (None, Data::None) => false,
        (None, _) => site.kind != Kind::Default,
    };
    asked.then_some(crate::diag::Spot {
        item: site.item,
        range: site.span,
    })
}
