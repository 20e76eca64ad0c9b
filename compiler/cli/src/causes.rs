//! What the engine and the targets say, as failures.

use plat_engine::{BackendError, EngineError, Refusal, StateError};

use crate::failure::Failure;
use crate::suggest::count;
use crate::terminal::harmless;

/// What the engine says, as a failure.
pub fn engine_failure(error: &EngineError) -> Failure {
    match error {
        EngineError::Refused(refusals) => refused(refusals),
        EngineError::Problems(problems) => {
            let mut failure = Failure::new("this plan would fail, so nothing was changed");
            failure.notes = problems
                .iter()
                .map(|p| harmless(&p.to_string()).into_owned())
                .collect();
            failure
        }
        EngineError::Stale { plan, moved, now } => stale(plan, moved, now),
        EngineError::State(error) => state_failure(error),
        EngineError::Backend(error) => backend_failure(error),
        other => {
            let failure = Failure::new(harmless(&other.to_string()));
            match other.next() {
                Some(next) => failure.next(next),
                None => failure,
            }
        }
    }
}

/// A plan whose world has moved: what moved, and how the plan would differ by now.
fn stale(plan: &str, moved: &[String], now: &[String]) -> Failure {
    let mut failure = Failure::new(format!("plan {plan} is stale, so nothing was changed:"));
    failure.notes = some(moved);
    if now.is_empty() {
        failure = failure.note("made now, it would do the same");
    } else {
        failure = failure.note("made now, it would differ:");
        failure.notes.extend(some(now));
    }
    failure.next("plan again, and look at it again")
}

/// Of many lines the first ones, which say enough: what to do next is the same.
fn some(lines: &[String]) -> Vec<String> {
    const SHOWN: usize = 20;
    let line = |line: &String| format!("  {}", harmless(line));
    let mut some: Vec<String> = lines.iter().take(SHOWN).map(line).collect();
    if lines.len() > SHOWN {
        some.push(format!("  and {} more", lines.len() - SHOWN));
    }
    some
}

/// What a target refuses, as a failure.
pub fn refused(refusals: &[Refusal]) -> Failure {
    if let [only] = refusals {
        let mut told = only.clone();
        let offers = std::mem::take(&mut told.offers);
        let mut failure = Failure::new(harmless(&told.to_string()));
        failure.next = offers.iter().map(|o| harmless(o).into_owned()).collect();
        return failure;
    }
    let mut failure = Failure::new(format!(
        "{} can't be done on this target",
        count(refusals.len(), "thing", "things")
    ));
    failure.notes = refusals
        .iter()
        .map(|r| harmless(&r.to_string()).into_owned())
        .collect();
    failure
}

/// What a state says, as a failure.
pub fn state_failure(error: &StateError) -> Failure {
    let failure = Failure::new(harmless(&error.to_string()));
    match error.next() {
        Some(next) => failure.next(next),
        None => failure,
    }
}

/// What a target says, as a failure.
pub fn backend_failure(error: &BackendError) -> Failure {
    let failure = Failure::new(harmless(&error.to_string()));
    match &error.next {
        Some(next) => failure.next(harmless(next)),
        None => failure,
    }
}
