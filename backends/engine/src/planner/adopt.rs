//! Rebuilding a lost state from what the target itself remembers.

use std::collections::BTreeMap;

use plat_model::{Digest, Digester, TargetId};

use super::digest_of;
use crate::backend::{Note, NoteKind, Observation, Observed};
use crate::object::{Object, Scope};
use crate::plan::{
    Action, Blocked, DataFate, Goal, MadeFrom, NodeAction, NodeChange, OpId, Operation, Plan,
    Precondition, Token,
};
use crate::shared::Shared;
use crate::state::State;

/// What nothing is called: asked for to see whether a target answers.
pub(crate) const PROBE: &str = "plat/probe";

/// Takes on record what is there and is not on it. Nothing on a target changes.
pub(crate) fn adopt(
    scope: &Scope,
    targets: BTreeMap<TargetId, String>,
    state: &State,
    made_from: Digest,
    seen: &Observation,
) -> Plan {
    let mut plan = Plan {
        format: Plan::FORMAT,
        scope: scope.clone(),
        goal: Goal::Adopt,
        targets,
        graph: None,
        facts: BTreeMap::new(),
        returns_to: None,
        secrets: Vec::new(),
        made_from: MadeFrom {
            graph: None,
            state: made_from,
            observation: digest_of(seen),
            release: state.last_release().map(|r| r.number),
        },
        desired: BTreeMap::new(),
        operations: Vec::new(),
        unchanged: state.inventory.len(),
        blocked: Vec::new(),
        drift: Vec::new(),
        conflicts: Vec::new(),
        changes: Vec::new(),
        notes: Vec::new(),
        problems: Vec::new(),
        policies: Vec::new(),
        budget: None,
        digest: Digest::of(b""),
    };
    for (id, observed) in &seen.objects {
        let present = match observed {
            Observed::Absent | Observed::Others(_) => continue,
            Observed::Unknown { why } => {
                let known = state.inventory.get(id).map(|r| &r.object);
                plan.blocked.push(Blocked {
                    object: id.clone(),
                    node: known.and_then(|o| o.node.clone()),
                    label: match known {
                        Some(object) => object.label.clone(),
                        None if id.as_str() == PROBE => "what is on the target".to_owned(),
                        None => id.to_string(),
                    },
                    why: why.clone(),
                });
                continue;
            }
            Observed::Present(present) => present,
        };
        if state.inventory.contains_key(id) {
            continue;
        }
        let Some(object) = &present.object else {
            plan.notes.push(Note {
                kind: NoteKind::Info,
                node: None,
                field: None,
                place: None,
                message: format!(
                    "`{id}` carries the label of this environment, and its target does not keep \
                     what it was asked to be: only a plan that has it in its source takes it over"
                ),
            });
            continue;
        };
        let precondition = Precondition::Be {
            uid: present.uid.clone(),
            version: present.version.clone(),
        };
        add(&mut plan, object, precondition);
    }
    plan
}

fn add(plan: &mut Plan, object: &Shared<Object>, precondition: Precondition) {
    let id = OpId(plan.operations.len());
    let mut d = Digester::new("plat.adopt");
    d.text(&plan.scope.app).text(&plan.scope.environment);
    d.text(object.id.as_str());
    if let Precondition::Be { uid, version } = &precondition {
        d.text(uid).text(version);
    }
    let token = d.finish();
    plan.operations.push(Operation {
        id,
        action: Action::Adopt,
        object: object.id.clone(),
        target: object.target.clone(),
        node: object.node.clone(),
        label: object.label.clone(),
        desired: Some(object.clone()),
        previous: None,
        precondition,
        after: Vec::new(),
        token: Token(token.as_str().chars().take(32).collect()),
        again: false,
        take: Vec::new(),
        protect: false,
        data: DataFate::Untouched,
        changes: Vec::new(),
        how: None,
        place: object.place.clone(),
    });
    plan.desired.insert(object.id.clone(), object.clone());
    plan.changes.push(NodeChange {
        node: None,
        kind: object.label.clone(),
        what: NodeAction::Heal,
        moved_from: None,
        place: object.place.clone(),
        fields: Vec::new(),
        operations: vec![id],
    });
}
