//! Declarations that are put elsewhere.

use std::collections::BTreeMap;

use plat_model::{Existing, Target, TargetId};

use super::{Build, intern_target};
use crate::check::lower;
use crate::diag::Diag;
use crate::eval::{Cx, Data, Eval, Kind};
use crate::ir::Place;

impl Build {
    /// Where single declarations are put, the nearest environment first.
    pub(super) fn places(
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
                    .is_some_and(|w| w.paths.contains_key(path.as_str()))
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
