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
        EngineError::State(error) => state_failure(error),
        EngineError::Backend(error) => backend_failure(error),
        other => {
            let mut failure = Failure::new(harmless(&other.message()));
            let details = other.details().into_iter();
            failure.notes = details.map(|line| harmless(&line).into_owned()).collect();
            match other.next() {
                Some(next) => failure.next(next),
                None => failure,
            }
        }
    }
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
