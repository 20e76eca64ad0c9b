//! Finding out what came of operations that were cut off.

use crate::backend::{Made, Observation, Observed, Present};
use crate::journal::{Event, Record};
use crate::plan::{Action, DataFate, Operation};
use crate::sabotage::{self, Flaw};
use crate::state::{KeptData, State};

/// Takes the journal's records into the state that was written before them. What was begun and
/// has no result stands in [`State::pending`].
pub(crate) fn replay(state: &mut State, records: &[Record]) {
    let mut begun: Vec<&Operation> = Vec::new();
    let known = state.journaled;
    for record in records.iter().filter(|r| r.seq > known) {
        match &record.event {
            Event::Took { .. } => {}
            Event::Intent { operation } => {
                // One that was begun again under its token is the same one. What came of the first
                // time stays open where the second one ends before it changed anything.
                if let Some(at) = begun.iter().position(|o| o.token == operation.token) {
                    state.pend(begun.remove(at));
                }
                begun.push(operation);
            }
            Event::Result { token, done } => {
                if let Some(at) = begun.iter().position(|o| o.token == *token) {
                    let operation = begun.remove(at);
                    begun.retain(|o| o.object != operation.object);
                    state.did(operation, done);
                }
            }
            Event::Failed { token, error } => {
                if let Some(at) = begun.iter().position(|o| o.token == *token) {
                    state.failed(begun.remove(at), error);
                }
            }
        }
    }
    for operation in begun {
        state.pend(operation);
    }
    if let Some(last) = records.last() {
        state.journaled = state.journaled.max(last.seq);
    }
}

/// Decides each pending operation by what is really there. What can't be read stays pending, and
/// so does what made nothing yet: its target may be at work on it still.
pub(crate) fn settle(state: &mut State, seen: &Observation) {
    if sabotage::has(Flaw::PendingUnlooked) {
        return;
    }
    for pending in state.pending.clone() {
        let operation = pending.operation;
        let Some(found) = seen.objects.get(&operation.object) else {
            continue;
        };
        match (operation.action, found) {
            (_, Observed::Unknown { .. } | Observed::Others(_)) => {}
            (Action::Delete | Action::Forget, Observed::Absent) => gone(state, &operation),
            (Action::Delete | Action::Forget, Observed::Present(_)) => {
                state.drop_pending(&operation);
            }
            (_, Observed::Present(present)) => there(state, &operation, present),
            (Action::Replace, Observed::Absent) => {
                // Cut off between its two halves.
                if state.inventory.remove(&operation.object).is_some() {
                    *state.changed.entry(operation.object.clone()).or_default() += 1;
                }
            }
            (_, Observed::Absent) => {}
        }
    }
}

fn gone(state: &mut State, operation: &Operation) {
    state.drop_pending(operation);
    *state.changed.entry(operation.object.clone()).or_default() += 1;
    state.inventory.remove(&operation.object);
    match (operation.data, &operation.previous) {
        (DataFate::Kept, Some(object)) => {
            let kept = KeptData {
                object: object.clone(),
                at: "its target".to_owned(),
            };
            state.kept.insert(operation.object.clone(), kept);
        }
        (DataFate::Destroyed, _) => {
            state.kept.remove(&operation.object);
        }
        _ => {}
    }
}

/// The thing is there: it is what the operation made when it carries its token, or when it can't
/// carry one and the state has no other thing of that name.
fn there(state: &mut State, operation: &Operation, present: &Present) {
    let ours = match &present.token {
        Some(token) => *token == operation.token,
        None => {
            let recorded = state.inventory.get(&operation.object);
            recorded.is_none_or(|r| r.uid != present.uid)
                || operation
                    .desired
                    .as_ref()
                    .is_some_and(|o| o.digest() == present.spec)
        }
    };
    if ours {
        state.drop_pending(operation);
        let made = Made {
            uid: present.uid.clone(),
            version: present.version.clone(),
            outs: Default::default(),
        };
        *state.changed.entry(operation.object.clone()).or_default() += 1;
        // Not yet seen to work: the next plan makes sure of it.
        state.put(operation, &made, false);
    }
}
