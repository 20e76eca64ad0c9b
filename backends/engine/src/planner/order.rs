//! Operations in the order they can be done.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Digester, NodePath};

use super::Inputs;
use super::objects::Draft;
use crate::backend::Refusal;
use crate::object::ObjectId;
use crate::plan::{Action, Blocked, OpId, Operation, Precondition, Token};
use crate::sabotage::{self, Flaw};

pub(super) struct Ordered {
    pub operations: Vec<Operation>,
    pub blocked: Vec<Blocked>,
}

pub(super) fn order(
    inputs: &Inputs<'_>,
    drafts: BTreeMap<ObjectId, Draft>,
    mut blocked: BTreeMap<ObjectId, String>,
    refusals: &mut Vec<Refusal>,
) -> Ordered {
    let waits = Waits::new(inputs, &drafts, &blocked);
    let mut before: BTreeMap<ObjectId, BTreeSet<ObjectId>> = drafts
        .iter()
        .map(|(id, draft)| (id.clone(), waits.of(draft)))
        .collect();
    let (order, stuck) = sorted(&before);
    if !stuck.is_empty() {
        refusals.push(Refusal {
            node: None,
            field: None,
            place: None,
            message: format!("these wait for each other: {}", stuck.join(", ")),
            offers: Vec::new(),
        });
    }

    let mut drafts = drafts;
    let mut ids: BTreeMap<ObjectId, OpId> = BTreeMap::new();
    let mut operations = Vec::new();
    for id in order {
        let (Some(draft), Some(before)) = (drafts.remove(&id), before.remove(&id)) else {
            continue;
        };
        if let Some(cause) = before.iter().find(|b| blocked.contains_key(b)) {
            blocked.insert(id, format!("it waits for {}", label(inputs, cause)));
            continue;
        }
        let op = OpId(operations.len());
        let mut after: Vec<OpId> = before.iter().filter_map(|b| ids.get(b).copied()).collect();
        if sabotage::has(Flaw::Unordered) {
            after.clear();
        }
        ids.insert(id, op);
        operations.push(operation(inputs, draft, op, after));
    }
    let blocked = blocked
        .into_iter()
        .map(|(object, why)| Blocked {
            node: known(inputs, &object).and_then(|o| o.node.clone()),
            label: label(inputs, &object),
            object,
            why,
        })
        .collect();
    Ordered {
        operations,
        blocked,
    }
}

/// The ids so that each stands after those it waits for, else by name; and those for which there
/// is no such order.
fn sorted(before: &BTreeMap<ObjectId, BTreeSet<ObjectId>>) -> (Vec<ObjectId>, Vec<String>) {
    let mut followers: BTreeMap<&ObjectId, Vec<&ObjectId>> = BTreeMap::new();
    let mut missing: BTreeMap<&ObjectId, usize> = BTreeMap::new();
    let mut ready: BTreeSet<&ObjectId> = BTreeSet::new();
    for (id, waits_for) in before {
        let others: Vec<_> = waits_for
            .iter()
            .filter(|other| before.contains_key(other))
            .collect();
        if others.is_empty() {
            ready.insert(id);
        } else {
            missing.insert(id, others.len());
        }
        for other in others {
            followers.entry(other).or_default().push(id);
        }
    }
    let mut order = Vec::new();
    while let Some(id) = ready.pop_first() {
        order.push(id.clone());
        for follower in followers.remove(id).unwrap_or_default() {
            let Some(count) = missing.get_mut(follower) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                missing.remove(follower);
                ready.insert(follower);
            }
        }
    }
    (order, missing.keys().map(ToString::to_string).collect())
}

fn known<'a>(inputs: &'a Inputs<'_>, id: &ObjectId) -> Option<&'a crate::object::Object> {
    let recorded = inputs.state.inventory.get(id).map(|r| &r.object);
    inputs.desired.get(id).or(recorded).map(|object| &**object)
}

fn label(inputs: &Inputs<'_>, id: &ObjectId) -> String {
    known(inputs, id).map_or_else(|| id.to_string(), |o| o.label.clone())
}

fn operation(inputs: &Inputs<'_>, draft: Draft, id: OpId, mut after: Vec<OpId>) -> Operation {
    after.sort();
    let object = draft.object();
    let token = token(inputs, &draft);
    let node = object.and_then(|o| o.node.as_ref());
    let protect = node.zip(inputs.graph);
    Operation {
        protect: protect.is_some_and(|(node, graph)| graph.protects(node))
            && !sabotage::has(Flaw::ProtectedLate),
        id,
        action: draft.action,
        target: object.map_or_else(plat_model::TargetId::main, |o| o.target.clone()),
        node: object.and_then(|o| o.node.clone()),
        label: object.map_or_else(|| draft.id.to_string(), |o| o.label.clone()),
        place: object.and_then(|o| o.place.clone()),
        object: draft.id,
        desired: draft.desired,
        previous: draft.previous,
        precondition: draft.precondition,
        after,
        token,
        again: draft.again,
        take: draft.take,
        data: draft.data,
        changes: draft.changes,
        how: draft.how,
    }
}

/// The same step gets the same token however often it is planned, until something was done to
/// its object.
fn token(inputs: &Inputs<'_>, draft: &Draft) -> Token {
    let mut d = Digester::new("plat.operation");
    d.text(&inputs.scope.app).text(&inputs.scope.environment);
    d.text(draft.id.as_str()).text(match draft.action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Resume => "resume",
        Action::Forget => "forget",
    });
    match (&draft.digest, &draft.desired) {
        (Some(digest), _) => _ = d.text(digest.as_str()),
        (None, Some(object)) => _ = d.text(object.digest().as_str()),
        (None, None) => {}
    }
    match &draft.precondition {
        Precondition::BeAbsent => d.text("absent"),
        Precondition::Be { uid, version } => d.text(uid).text(version),
    };
    let changed = inputs.state.changed.get(&draft.id).copied();
    d.text(&changed.unwrap_or_default().to_string());
    if sabotage::has(Flaw::TokenAnew) {
        d.text(&inputs.state.generation.to_string());
    }
    let digest = d.finish();
    Token(digest.as_str().chars().take(32).collect())
}

/// Who waits for whom.
struct Waits<'a> {
    inputs: &'a Inputs<'a>,
    drafts: &'a BTreeMap<ObjectId, Draft>,
    blocked: &'a BTreeMap<ObjectId, String>,
    /// What needed an object when it was last applied.
    needed_by: BTreeMap<&'a ObjectId, Vec<&'a ObjectId>>,
    /// What is made for a node.
    made_for: BTreeMap<&'a NodePath, Vec<&'a ObjectId>>,
    /// What decided a part of something that stays.
    decided: BTreeSet<&'a ObjectId>,
}

impl<'a> Waits<'a> {
    fn new(
        inputs: &'a Inputs<'a>,
        drafts: &'a BTreeMap<ObjectId, Draft>,
        blocked: &'a BTreeMap<ObjectId, String>,
    ) -> Self {
        let mut needed_by: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut made_for: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut decided = BTreeSet::new();
        // Only what goes waits for these.
        if drafts.values().any(Draft::goes) {
            for (id, recorded) in &inputs.state.inventory {
                for needed in &recorded.object.after {
                    needed_by.entry(needed).or_default().push(id);
                }
            }
            for (id, draft) in drafts.iter().filter(|(_, draft)| !draft.goes()) {
                if let Some(node) = draft.object().and_then(|o| o.node.as_ref()) {
                    made_for.entry(node).or_default().push(id);
                }
                let recorded = inputs.state.inventory.get(id).into_iter();
                decided.extend(recorded.flat_map(|r| r.object.lent.values()));
            }
        }
        Self {
            inputs,
            drafts,
            blocked,
            needed_by,
            made_for,
            decided,
        }
    }

    /// The objects whose operations must be done before this one: those it is made after, or,
    /// when it goes, those that needed it and those that replace it. What has no operation is
    /// looked through.
    fn of(&self, draft: &Draft) -> BTreeSet<ObjectId> {
        if draft.action == Action::Forget {
            return BTreeSet::new();
        }
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut queue: Vec<&ObjectId> = self.next(&draft.id, draft.goes());
        while let Some(id) = queue.pop() {
            if *id == draft.id || !seen.insert(id) {
                continue;
            }
            let operation = self.drafts.get(id);
            // A making never waits for a going: what stands in the way of a name is replaced.
            let counts = operation.is_some_and(|o| draft.goes() || !o.goes());
            if counts || self.blocked.contains_key(id) {
                found.insert(id.clone());
            } else {
                queue.extend(self.next(id, draft.goes()));
            }
        }
        if !draft.goes() {
            // Who decided a part of it until now would else decide it once more. One that can't be read
            // may still be there.
            let is_left_over = |id: &ObjectId| {
                self.drafts.get(id).is_some_and(Draft::goes)
                    || self.blocked.contains_key(id) && !self.inputs.desired.contains_key(id)
            };
            let deciders = self.deciders(&draft.id);
            found.extend(deciders.filter(|id| is_left_over(id)).cloned());
        } else if !self.decided.contains(&draft.id) {
            let node = draft.object().and_then(|o| o.node.as_ref());
            let replacing = node.and_then(|node| self.made_for.get(node));
            found.extend(replacing.into_iter().flatten().map(|id| (*id).clone()));
        }
        found
    }

    /// The objects that decided parts of this one until now.
    fn deciders(&self, id: &ObjectId) -> impl Iterator<Item = &'a ObjectId> + use<'a> {
        let recorded = self.inputs.state.inventory.get(id);
        recorded.into_iter().flat_map(|r| r.object.lent.values())
    }

    fn next(&self, id: &ObjectId, going: bool) -> Vec<&'a ObjectId> {
        if going {
            self.needed_by.get(id).cloned().unwrap_or_default()
        } else {
            let desired = self.inputs.desired.get(id);
            desired.into_iter().flat_map(|o| &o.after).collect()
        }
    }
}
