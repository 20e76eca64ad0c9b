//! Declarations that are put elsewhere.

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_model::{Existing, NodePath, Target, TargetId};

use super::{Build, intern_target};
use crate::check::lower;
use crate::diag::{Diag, Spot};
use crate::eval::{Cx, Data, Eval, InstId, Kind, Val};
use crate::ir::Place;

/// The only field of a target that the language itself gives a meaning: what `on` picks from.
const HOSTS: &str = "hosts";

/// Where a declaration is put.
#[derive(Clone, Default)]
pub(super) struct Placed {
    /// On another target than the environment's own.
    pub target: Option<TargetId>,
    /// It exists already.
    pub existing: Option<Existing>,
    /// Where that is said.
    pub spot: Option<Spot>,
}

impl Build {
    /// Where a declaration is put: by its own path, that of its family, or that of what it stands in.
    pub(super) fn place_of(
        &self,
        eval: &Eval<'_>,
        inst: InstId,
        places: &BTreeMap<String, Placed>,
    ) -> Placed {
        if places.is_empty() {
            return Placed::default();
        }
        let mut at = Some(inst);
        let whole = eval.path_of(inst);
        while let Some(instance) = at.and_then(|id| eval.world(id.world)?.instance(id)) {
            let path = instance.path.as_ref();
            let family = path.strip_suffix(']').and_then(|p| p.rsplit_once('['));
            let family = family.and_then(|(family, _)| places.get(family));
            if let Some(found) = places.get(path).or(family) {
                let mut found = found.clone();
                // What a kind is made of has its like in the one that is owned.
                let owner = found.existing.as_mut().and_then(|e| e.owner.as_mut());
                if let (Some(owner), Some(rest)) = (owner, whole.strip_prefix(path)) {
                    owner.node = NodePath::new(format!("{}{rest}", owner.node));
                }
                return found;
            }
            at = instance.parent;
        }
        Placed::default()
    }

    /// Where the declarations of a world are put, the nearest environment first.
    pub(super) fn places(
        &mut self,
        eval: &mut Eval<'_>,
        number: usize,
        main: &Target,
        targets: &mut BTreeMap<TargetId, Target>,
    ) -> BTreeMap<String, Placed> {
        let db = eval.db;
        let mut places: BTreeMap<String, Placed> = BTreeMap::new();
        let Some(world) = eval.world(number) else {
            return places;
        };
        let (env, chain) = (world.env, world.chain.clone());
        for item in chain {
            let Some(body) = lower(db, item).env.as_ref() else {
                continue;
            };
            let cx = Cx {
                world: number,
                item,
                inst: None,
                kind: Kind::Set,
            };
            let locals = eval.world(number).and_then(|w| w.keys_of(item));
            for entry in &body.place {
                let Some(path) = eval.decl_path(entry.root, &entry.path, &cx, &locals) else {
                    continue;
                };
                let there = eval.world(number).is_some_and(|w| {
                    let family = format!("{path}[");
                    let member = w.paths.range(Arc::from(family.as_str())..).next();
                    w.paths.contains_key(path.as_str())
                        || member.is_some_and(|(found, _)| found.starts_with(&family))
                });
                if !there {
                    // What is taken over from others may speak of what is not there here, and what is
                    // not in a part is in another one.
                    if item == env && !eval.is_part() {
                        let left_out = (entry.span, Some(String::new()));
                        eval.not_there(number, &path, left_out, "placed");
                    }
                    continue;
                }
                if places.contains_key(&path) {
                    continue;
                }
                let mut placed = Placed::default();
                match &entry.place {
                    Place::Target(expr) => {
                        let value = eval.eval(expr, &cx, &locals);
                        if let Data::Target(kind, fields) = &value.data {
                            let target = self.target(eval, *kind, fields, &value);
                            placed.target = Some(intern_target(targets, target));
                        }
                    }
                    Place::On(host) => {
                        let host = eval.eval(host, &cx, &locals);
                        if has_host(eval, &cx, main, &host) {
                            let mut target = main.clone();
                            let host = self.value(eval, &host);
                            target.fields.insert("on".into(), host);
                            placed.target = Some(intern_target(targets, target));
                        }
                    }
                    Place::Existing(fields) => {
                        let mut out = Vec::new();
                        for (name, expr) in fields {
                            let value = eval.eval(expr, &cx, &locals);
                            out.push((name, self.value(eval, &value)));
                        }
                        placed.existing = Some(Existing {
                            fields: out.into_iter().collect(),
                            owner: None,
                        });
                    }
                    Place::Owned(env, root, steps) => {
                        let spot = eval.spot(&cx, entry.value_span);
                        let Some(there) = eval.named_world(env, &cx, &locals) else {
                            continue;
                        };
                        let Some(path) = eval.decl_path(*root, steps, &cx, &locals) else {
                            continue;
                        };
                        let owner = (there, path.as_str());
                        let Some(existing) = self.owned(eval, number, owner, spot, targets) else {
                            continue;
                        };
                        placed.existing = Some(existing);
                        placed.spot = Some(spot);
                    }
                }
                places.insert(path, placed);
            }
        }
        places
    }

    /// What another environment owns, or what that one says of it where it is not its own either.
    fn owned(
        &mut self,
        eval: &mut Eval<'_>,
        number: usize,
        (there, path): (usize, &str),
        spot: Spot,
        targets: &mut BTreeMap<TargetId, Target>,
    ) -> Option<Existing> {
        if there == number {
            let message = "this is the environment's own already";
            eval.diags.push(Diag::error("E0614", spot, message));
            return None;
        }
        let Some(inst) = eval.find(there, path) else {
            let name = eval.world(there).map_or("", |w| w.name.as_str());
            let message = format!("there is no `{path}` in the environment `{name}`");
            eval.diags.push(Diag::error("E0606", spot, message));
            return None;
        };
        let owner = super::foreign::owner(eval, inst)?;
        let own = Some(Existing {
            fields: plat_model::Fields::default(),
            owner: Some(owner),
        });
        // Environments that use each other's things in a circle are told as such, once for all.
        if self.placing.contains(&there) {
            return own;
        }
        let (kind, fields, found) = eval.target(there)?;
        let main = self.target(eval, kind, &fields, &found);
        self.placing.push(number);
        let places = self.places(eval, there, &main, targets);
        self.placing.pop();
        let found = self.place_of(eval, inst, &places).existing;
        // What leads back to here has no owner: each on the way has it of the next one.
        let here = eval.world(number).map(|world| world.name.as_str());
        let owner = found.as_ref().and_then(|found| found.owner.as_ref());
        let back = owner.is_some_and(|owner| Some(owner.environment.as_str()) == here);
        found.filter(|_| !back).or(own)
    }
}

/// Is it one of the target's hosts? If not, that is reported.
fn has_host(eval: &mut Eval<'_>, cx: &Cx, target: &Target, host: &Val<'_>) -> bool {
    let Some(name) = host.text() else {
        return false;
    };
    let spot = eval.spot(cx, host.origin.0.site.span);
    let Some(hosts) = target.fields.get(HOSTS) else {
        let message = format!("the target `{}` has no hosts to choose from", target.kind);
        let diag = Diag::error("E0616", spot, message).help("`on` is for a target with `hosts`");
        eval.error(cx, diag);
        return false;
    };
    let plat_model::Data::List(hosts) = &hosts.data else {
        return true;
    };
    let names: Vec<&str> = hosts
        .iter()
        .filter_map(|host| match &host.data {
            plat_model::Data::String(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    if names.contains(&name.as_ref()) {
        return true;
    }
    let message = format!("the target has no host `{name}`");
    let mut diag = Diag::error("E0616", spot, message);
    if let Some(near) = crate::suggest::nearest(&name, names.iter().copied()) {
        diag = diag.help(format!("did you mean `{near}`?"));
    } else {
        let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        diag = diag.note(format!("its hosts are {}", list.join(", ")));
    }
    eval.error(cx, diag);
    false
}
