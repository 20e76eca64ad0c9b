//! Plan, journal, lease, state and apply: what every backend of plat shares.
//!
//! Architecture invariants:
//! - The engine knows no backend: it sees a target only through [`Backend`].
//! - It never holds the value of a secret: plans, journal and state carry references and keyed
//!   digests.
//! - Planning is pure: graph, state and observation in, [`Plan`] out, the same bytes each time.
//!
//! Start reading at [`Object`], then [`Backend`], then [`Plan`].

mod backend;
mod object;
mod plan;
mod store;

pub use backend::{
    Backend, BackendError, Done, Facts, Health, Inspect, LogLine, LogQuery, Lowered, Made,
    NodeStatus, Note, NoteKind, Observation, Observed, OpContext, OpError, OpErrorKind, Present,
    Problem, Progress, ProgressSink, Refusal, RunState, SecretInfo, SecretStore, SecretValue,
};
pub use object::{HeldData, Object, ObjectId, OnChange, Scope, spec_digest};
pub use plan::{
    Action, Blocked, DataFate, DataWord, Drift, DriftKind, FieldChange, Goal, MadeFrom, NodeAction,
    NodeChange, OpId, Operation, Plan, Precondition, SpecChange, Token, Words,
};
pub use store::{Blob, Expect, Store, StoreError};
