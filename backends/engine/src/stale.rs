//! A plan whose world has moved: what moved, and what the plan would be if it were made now.
//!
//! It is never applied in its new form: whoever approved the old one has not seen the new one.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::Hold;

use crate::backend::{Changed, Observation, Observed, Present};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::object::ObjectId;
use crate::plan::{Action, DataFate, DataWord, Goal, Operation, Plan, Precondition, Words};
use crate::planner;
use crate::recover;
use crate::render::{conflict_text, drift_text, spec_changes};
use crate::sabotage::{self, Flaw};
use crate::state::State;
use crate::time::utc;

impl Engine {
    /// The error of a plan whose world has moved, with what it would be now.
    pub(crate) async fn stale(
        &self,
        plan: &Plan,
        moved: Vec<String>,
        state: &State,
        seen: &Observation,
    ) -> EngineError {
        EngineError::Stale {
            plan: plan.digest.short().to_owned(),
            moved,
            now: self.made_now(plan, state, seen).await,
        }
    }

    /// How the plan would differ if it were made now, each difference a line.
    async fn made_now(&self, plan: &Plan, state: &State, seen: &Observation) -> Vec<String> {
        let made_from = state.digest();
        let mut state = state.clone();
        recover::settle(&mut state, seen);
        let targets = plan.targets.clone();
        if plan.goal == Goal::Adopt {
            let now = planner::adopt(&self.scope, targets, &state, made_from, seen);
            return differences(plan, &now);
        }
        let graph = plan.graph.as_ref();
        // Only what would be done is compared: that the last release can't be read takes nothing
        // from it.
        let digest = plan.made_from.graph.clone();
        let previous = self.previous(&state, graph, digest.as_ref());
        let previous = previous.await.ok().flatten();
        let held: &[Hold] = graph.map_or(&[], |graph| &graph.held);
        let words = words_of(plan);
        let now = planner::plan(planner::Inputs {
            scope: &self.scope,
            goal: plan.goal,
            targets,
            by_name: self.by_name(),
            graph: graph.map(|graph| &**graph),
            digest,
            desired: &plan.desired,
            previous: previous.as_deref(),
            state: &state,
            made_from,
            seen,
            words: &words,
            cases: &self.cases,
            notes: Vec::new(),
            held,
            returns: plan.returns_to.is_some(),
        });
        match now {
            Ok(now) => differences(plan, &now),
            Err(refusals) => refusals
                .iter()
                .map(|refusal| format!("it would be refused: {refusal}"))
                .collect(),
        }
    }
}

/// What of its world is no longer as a plan says, each one line.
pub(crate) fn moved(plan: &Plan, state: &State, seen: &Observation) -> Vec<String> {
    let mut moved = Vec::new();
    if state.digest() != plan.made_from.state {
        let now = state.last_release().map(|r| r.number);
        moved.push(match (plan.made_from.release, now) {
            (was, Some(now)) if was != Some(now) => {
                format!("release {now} was applied since")
            }
            _ => "another apply changed the state since".to_owned(),
        });
    }
    for operation in &plan.operations {
        let label = &operation.label;
        match (&operation.precondition, &*seen.look(&operation.object)) {
            (_, Observed::Unknown { why }) if !sabotage::has(Flaw::UnknownIsAbsent) => {
                moved.push(format!("{label}: it can't be read now: {why}"));
            }
            (Precondition::BeAbsent, Observed::Absent | Observed::Unknown { .. }) => {}
            // An earlier apply began this very step and was cut off, and its target did it since.
            (_, Observed::Present(present)) if present.token.as_ref() == Some(&operation.token) => {
            }
            (Precondition::Be { .. }, Observed::Absent) if operation.action == Action::Delete => {}
            (Precondition::BeAbsent, Observed::Present(present)) => {
                moved.push(format!("{label}: it is there now{}", by(present)));
            }
            (Precondition::Be { .. }, Observed::Absent | Observed::Unknown { .. }) => {
                moved.push(format!("{label}: it is gone"));
            }
            (Precondition::Be { uid, version }, Observed::Others(others))
                if others.present.uid == *uid && others.present.version == *version => {}
            (_, Observed::Others(others)) => {
                moved.push(format!(
                    "{label}: {} made it{}",
                    others.by,
                    by(&others.present)
                ));
            }
            (Precondition::Be { uid, version }, Observed::Present(present)) => {
                if present.uid != *uid {
                    moved.push(format!(
                        "{label}: another thing stands in its place{}",
                        by(present)
                    ));
                } else if present.version != *version {
                    moved.push(format!("{label}: it was changed{}", by(present)));
                }
            }
        }
    }
    moved
}

/// Who touched it last and when, where its target knows.
fn by(present: &Present) -> String {
    let Some(Changed { by, at, .. }) = present.changed.as_deref() else {
        return String::new();
    };
    let by = by.as_ref().map(|by| format!(" by {by}"));
    let at = at.map(|at| format!(" at {}", utc(at)));
    by.unwrap_or_default() + &at.unwrap_or_default()
}

/// The words that a plan was made with, as far as it needed them: what was approved, and no more.
fn words_of(plan: &Plan) -> Words {
    let lost = plan
        .operations
        .iter()
        .filter(|o| o.data == DataFate::Destroyed)
        .map(|o| o.object.to_string());
    Words {
        data: DataWord::Of(lost.collect()),
        deletes: Some(planner::going(&plan.changes)),
        take: plan
            .conflicts
            .iter()
            .filter(|conflict| conflict.taken)
            .map(|conflict| conflict.word())
            .collect(),
    }
}

/// What one plan does and the other does not, object by object in the order of the first.
fn differences(plan: &Plan, now: &Plan) -> Vec<String> {
    let (before, after) = (by_object(plan), by_object(now));
    let blocked: BTreeSet<&ObjectId> = now.blocked.iter().map(|b| &b.object).collect();
    let mut lines = Vec::new();
    for operation in &plan.operations {
        match after.get(&operation.object) {
            Some(again) => lines.extend(difference(operation, again)),
            // Why is told as what moved.
            None if blocked.contains(&operation.object) => lines.push(format!(
                "{}: what is to be done with it is not known",
                operation.label
            )),
            None => lines.push(format!(
                "{}: there is nothing to do about it any more",
                operation.label
            )),
        }
    }
    let new = now.operations.iter();
    let new = new.filter(|o| !before.contains_key(&o.object));
    lines.extend(new.map(|operation| format!("{} too", done(operation))));
    let known: BTreeSet<_> = plan.drift.iter().map(|d| (&d.object, d.what)).collect();
    let drift = now.drift.iter();
    let drift = drift.filter(|d| !known.contains(&(&d.object, d.what)));
    lines.extend(drift.map(drift_text));
    let known: BTreeSet<_> = plan
        .conflicts
        .iter()
        .map(|c| (&c.object, &c.path))
        .collect();
    let conflicts = now.conflicts.iter();
    let conflicts = conflicts.filter(|c| !known.contains(&(&c.object, &c.path)));
    lines.extend(conflicts.map(conflict_text));
    lines
}

fn by_object(plan: &Plan) -> BTreeMap<&ObjectId, &Operation> {
    let operations = plan.operations.iter();
    operations.map(|o| (&o.object, o)).collect()
}

/// How what is done to one object differs.
fn difference(was: &Operation, now: &Operation) -> Option<String> {
    if was.action != now.action {
        let before = was.action.doing();
        return Some(format!("{}, instead of {before} it", done(now)));
    }
    if was.data != now.data {
        let what = match now.data {
            DataFate::Untouched => "stay as they are",
            DataFate::Kept => "be kept",
            DataFate::Destroyed => "be lost",
        };
        return Some(format!("{}: its data would {what}", now.label));
    }
    (was.changes != now.changes).then(|| done(now))
}

/// What an operation does, as part of a sentence.
fn done(operation: &Operation) -> String {
    let changes = spec_changes(&operation.changes);
    let changes = if changes.is_empty() {
        changes
    } else {
        format!(" ({changes})")
    };
    format!(
        "{}: {} it{changes}",
        operation.label,
        operation.action.doing()
    )
}
