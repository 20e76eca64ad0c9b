//! What an environment uses of others: `in(prod_eu, db)`.
//!
//! In the graph it is a node of its own, `in(prod_eu, db)`, or the node that is placed there; either
//! way it exists already, and has an owner. Who owns it learns of it by [`plat_model::Hold`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use plat_model::{Existing, Node, NodePath, Owner, Target, TargetId};

use super::place::Placed;
use super::{Build, intern_target};
use crate::diag::{Diag, Spot};
use crate::eval::{Eval, Held, InstId, LinkVal};

impl Build {
    /// The path of a declaration in the graph, which from now on has it.
    pub(super) fn path(&mut self, eval: &Eval<'_>, inst: InstId) -> NodePath {
        let path = self.written(eval, inst);
        if inst.world != self.world {
            self.foreign.insert(path.clone(), inst);
        }
        path
    }

    /// The path of a declaration as the graph writes it: those of other environments say whose.
    pub(super) fn written(&self, eval: &Eval<'_>, inst: InstId) -> NodePath {
        let instance = eval.world(inst.world).and_then(|w| w.instance(inst));
        let path = instance.map_or_else(|| Arc::from(""), |i| i.path.clone());
        if inst.world == self.world {
            return NodePath::new(path);
        }
        let environment = eval.world(inst.world).map_or("", |w| w.name.as_str());
        NodePath::new(format!("in({environment}, {path})"))
    }

    /// Adds the declarations of other environments that nodes speak of, and those that these speak
    /// of in turn.
    pub(super) fn foreign_nodes(
        &mut self,
        eval: &mut Eval<'_>,
        targets: &mut BTreeMap<TargetId, Target>,
        all: &mut BTreeMap<NodePath, Node>,
    ) -> Option<()> {
        let mut places: BTreeMap<usize, (TargetId, BTreeMap<String, Placed>)> = BTreeMap::new();
        loop {
            let next = self
                .foreign
                .iter()
                .find(|(path, _)| !all.contains_key(path));
            let Some((path, inst)) = next.map(|(path, inst)| (path.clone(), *inst)) else {
                return Some(());
            };
            let (main, found) = match places.entry(inst.world) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let (kind, fields, value) = eval.target(inst.world)?;
                    let main = self.target(eval, kind, &fields, &value);
                    let found = self.places(eval, inst.world, &main, targets);
                    new.insert((intern_target(targets, main), found))
                }
            };
            let mut placed = self.place_of(eval, inst, found);
            placed.target.get_or_insert_with(|| main.clone());
            let owner = owner(eval, inst)?;
            let existing = placed.existing.get_or_insert_with(|| Existing {
                fields: plat_model::Fields::default(),
                owner: None,
            });
            // What is there already in the other environment is nobody's to destroy.
            if existing.fields.is_empty() {
                existing.owner.get_or_insert(owner);
            }
            let node = self.node(eval, inst, placed)?;
            all.insert(path, node);
        }
    }

    /// Notes that a declaration is another environment's, and that this one is there.
    pub(super) fn hold_placed(&mut self, eval: &mut Eval<'_>, path: &NodePath, placed: &Placed) {
        let owner = placed.existing.as_ref().and_then(|e| e.owner.as_ref());
        let (Some(owner), Some(spot)) = (owner, placed.spot) else {
            return;
        };
        let world = eval.worlds.iter().position(|w| w.name == owner.environment);
        let there = world.and_then(|world| eval.find(world, owner.node.as_str()));
        if there.is_none() {
            let message = format!(
                "there is no `{}` in the environment `{}`",
                owner.node, owner.environment
            );
            eval.diags.push(Diag::error("E0606", spot, message));
            return;
        }
        self.holds.push(Held {
            environment: owner.environment.clone(),
            node: owner.node.to_string(),
            by: path.to_string(),
            spot,
        });
    }

    /// Notes that a link leads to what another environment owns.
    pub(super) fn hold_linked(&mut self, eval: &Eval<'_>, link: &LinkVal) {
        if link.to.world == self.world || link.from.world != self.world {
            return;
        }
        let Some(owner) = owner(eval, link.to) else {
            return;
        };
        let site = link.origin.0.site;
        self.holds.push(Held {
            environment: owner.environment,
            node: owner.node.to_string(),
            by: eval.path_of(link.from),
            spot: Spot {
                item: site.item,
                range: site.span,
            },
        });
    }
}

/// A declaration as its own environment knows it.
pub(super) fn owner(eval: &Eval<'_>, inst: InstId) -> Option<Owner> {
    Some(Owner {
        environment: eval.world(inst.world)?.name.clone(),
        node: NodePath::new(eval.path_of(inst)),
    })
}
