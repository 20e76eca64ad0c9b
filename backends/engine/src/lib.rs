//! Plan, journal, lease, state and apply: what every backend of plat shares.
//!
//! Architecture invariants:
//! - The engine knows no backend: it sees a target only through [`Backend`].
//! - It never holds the value of a secret: plans, journal and state carry references and keyed
//!   digests.
//! - Planning is pure: graph, state and observation in, [`Plan`] out, the same bytes each time.
//! - Only `apply` writes the world, only under the lease, and each write is in the journal
//!   before it is begun.
//!
//! Start reading at [`Object`], then [`Backend`], then [`Plan`], then [`Engine`].

mod apply;
mod backend;
mod engine;
mod error;
mod file;
mod interrupt;
mod journal;
mod lease;
mod ledger;
mod object;
mod plan;
mod planner;
mod recover;
mod render;
mod sealed;
mod specdiff;
mod state;
mod store;
mod view;

pub use apply::{ApplyEvent, ApplyOptions, Outcome};
pub use backend::{
    Backend, BackendError, Done, Facts, Health, Inspect, LogLine, LogQuery, Lowered, Made,
    NodeStatus, Note, NoteKind, Observation, Observed, OpContext, OpError, OpErrorKind, Present,
    Problem, Progress, ProgressSink, Refusal, RunState, SecretInfo, SecretStore, SecretValue,
};
pub use engine::Engine;
pub use error::{EngineError, StateError};
pub use file::{plan_from_bytes, plan_to_bytes};
pub use interrupt::Interrupts;
pub use journal::Damaged;
pub use lease::{Alive, Holder, Host, Lease, ThisMachine};
pub use ledger::Ledger;
pub use object::{HeldData, Object, ObjectId, OnChange, Scope, spec_digest};
pub use plan::{
    Action, Blocked, DataFate, DataWord, Drift, DriftKind, FieldChange, Goal, MadeFrom, NodeAction,
    NodeChange, OpId, Operation, Plan, Precondition, SpecChange, Token, Words,
};
pub use render::{Style, render_text};
pub use sealed::SealError;
pub use state::{KeptData, Recorded, Release, ReleaseHead, State};
pub use store::{Blob, DirStore, Expect, Store, StoreError};
pub use view::{ChangeView, Counts, FieldView, OperationView, PlanView};
