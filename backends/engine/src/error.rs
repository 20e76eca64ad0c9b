//! What can go wrong, each with what to do next.

use crate::backend::{BackendError, Problem, Refusal};
use crate::journal::Damaged;
use crate::lease::Holder;
use crate::ledger::TTL;
use crate::object::Scope;
use crate::sealed::SealError;
use crate::store::StoreError;

/// The state can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The store failed.
    #[error("{0}")]
    Store(StoreError),
    /// A file of the state is of a newer platc, somebody else's, or damaged.
    #[error("reading {place}: {why}")]
    Unreadable {
        /// Which file.
        place: String,
        /// What it is.
        why: SealError,
    },
    /// A file can't be made.
    #[error("writing {place}: {why}")]
    Unwritable {
        /// Which file.
        place: String,
        /// Why.
        why: String,
    },
    /// The journal is damaged where no crash damages it.
    #[error("reading {place}: {why}")]
    JournalDamaged {
        /// Which file.
        place: String,
        /// Where.
        why: Damaged,
    },
    /// The state is another's.
    #[error("{place} is the state of {found}, not of {wanted}")]
    OtherScope {
        /// Which file.
        place: String,
        /// Whose it is.
        found: Scope,
        /// Whose it should be.
        wanted: Scope,
    },
    /// Somebody else holds the lease.
    #[error("another apply is under way: {holder}")]
    Busy {
        /// Who.
        holder: Box<Holder>,
        /// It is on another machine: nobody here can tell whether it lives.
        elsewhere: bool,
    },
    /// Somebody else took the lease while we held it.
    #[error("another apply took over while this one was not heard of")]
    LeaseLost,
}

impl From<StoreError> for StateError {
    fn from(error: StoreError) -> Self {
        match error {
            // Whoever else writes the state or the journal holds the lease.
            StoreError::Moved { .. } => Self::LeaseLost,
            failed @ StoreError::Failed { .. } => Self::Store(failed),
        }
    }
}

impl StateError {
    /// What to do next.
    pub fn next(&self) -> Option<String> {
        let lost = "Put back a copy of it. Or move it away: then the next plan finds what runs by \
                    its ownership label, and apply takes it on record again";
        match self {
            Self::Store(StoreError::Failed { next, .. }) => next.clone(),
            Self::Store(StoreError::Moved { .. }) | Self::LeaseLost => Some(
                "Nothing more was written. Run the command again when the other is done: it goes \
                 on from what is there"
                    .to_owned(),
            ),
            Self::Unreadable { why, .. } => Some(match why {
                SealError::Newer { .. } => {
                    "A newer platc wrote it: update platc. Nothing was changed".to_owned()
                }
                SealError::Older { .. } => {
                    "Make it again with this platc: `platc plan`. Nothing was changed".to_owned()
                }
                SealError::Foreign { .. } => "Move it away, or keep the state elsewhere".to_owned(),
                SealError::Damaged { .. } => lost.to_owned(),
            }),
            Self::JournalDamaged { .. } => Some(lost.to_owned()),
            Self::Unwritable { .. } => None,
            Self::OtherScope { .. } => {
                Some("Keep each environment's state in its own place".into())
            }
            Self::Busy {
                elsewhere: false, ..
            } => Some("Wait for it with --wait, or end it".to_owned()),
            Self::Busy {
                elsewhere: true, ..
            } => Some(format!(
                "Wait for it with --wait: if it is gone, this one goes on when nothing was heard of \
                 it for {} s",
                TTL / 1000
            )),
        }
    }
}

/// A plan that could not be made, or an apply that could not begin or go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The source asks for what can't be done, or what needs a word.
    #[error("{}", list(.0))]
    Refused(Vec<Refusal>),
    /// The plan is sure to fail.
    #[error("{}", list(.0))]
    Problems(Vec<Problem>),
    /// The plan was made from what no longer is.
    #[error("{}\n{}", stale(.plan), differs(.moved, .now).join("\n"))]
    Stale {
        /// Its short digest.
        plan: String,
        /// What moved since, each one line.
        moved: Vec<String>,
        /// How it would differ if it were made now, each one line.
        now: Vec<String>,
    },
    /// The plan is of another scope.
    #[error("the plan is for {found}, not for {wanted}")]
    OtherScope {
        /// Whose it is.
        found: Scope,
        /// Whose it should be.
        wanted: Scope,
    },
    /// There is no such release to go back to.
    #[error("{why}")]
    NoRelease {
        /// Which, and why not.
        why: String,
    },
    /// No backend was given for a target.
    #[error("the environment uses the target `{target}`, which this platc can't reach")]
    NoBackend {
        /// The target's id.
        target: String,
    },
    /// The state can't be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A target can't be used.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// How many lines are told of what moved, and of how a plan would differ: what to do next is the same.
const SHOWN: usize = 20;

impl EngineError {
    /// What it says in one line, with [`EngineError::details`] below it where there are some.
    pub fn message(&self) -> String {
        match self {
            Self::Stale { plan, .. } => stale(plan),
            other => other.to_string(),
        }
    }

    /// What stands below its message, each one line: of a stale plan what moved, and how it would
    /// differ by now.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::Stale { moved, now, .. } => differs(moved, now),
            _ => Vec::new(),
        }
    }

    /// What to do next, where it is not part of the message.
    pub fn next(&self) -> Option<String> {
        match self {
            Self::State(error) => error.next(),
            Self::Backend(error) => error.next.clone(),
            Self::Stale { .. } => Some("Plan again, and look at it again".to_owned()),
            Self::NoRelease { .. } => Some("`platc releases` lists those that are kept".to_owned()),
            Self::Refused(_)
            | Self::Problems(_)
            | Self::OtherScope { .. }
            | Self::NoBackend { .. } => None,
        }
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let lines: Vec<_> = items.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn stale(plan: &str) -> String {
    format!("plan {plan} is stale, so nothing was changed:")
}

fn differs(moved: &[String], now: &[String]) -> Vec<String> {
    let mut lines = first(moved);
    if now.is_empty() {
        lines.push("made now, it would do the same".to_owned());
    } else {
        lines.push("made now, it would differ:".to_owned());
        lines.extend(first(now));
    }
    lines
}

/// Of many lines the first ones, indented.
fn first(lines: &[String]) -> Vec<String> {
    let shown = lines.iter().take(SHOWN).map(|line| format!("  {line}"));
    let more = lines.len().saturating_sub(SHOWN);
    let rest = (more > 0).then(|| format!("  and {more} more"));
    shown.chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::EngineError;

    #[test]
    fn of_much_that_moved_the_first_is_told_and_how_much_more_there_is() {
        let moved: Vec<String> = (0..23).map(|n| format!("thing {n}: it is gone")).collect();
        let error = EngineError::Stale {
            plan: "7f3c9a".to_owned(),
            now: Vec::new(),
            moved,
        };
        let lines = error.details();
        assert_eq!(lines.len(), 22);
        assert_eq!(
            lines.get(19..),
            Some(
                &[
                    "  thing 19: it is gone".to_owned(),
                    "  and 3 more".to_owned(),
                    "made now, it would do the same".to_owned(),
                ][..]
            )
        );
        assert!(error.to_string().starts_with("plan 7f3c9a is stale"));
    }
}
