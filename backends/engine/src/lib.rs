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
//! # The rules, where each is held, and which tests hold it there
//!
//! Tests are those of `tests/it/`, by module and name.
//!
//! 1. *The plan is the program that apply runs.* [`Plan`] holds the whole DAG; [`Engine::apply`]
//!    takes nothing else and never plans. As a file: [`plan_to_bytes`], sealed with a digest
//!    (`sealed.rs`), and signed where a key is given (`sign.rs`). Tests:
//!    `plans::a_plan_file_is_read_back_and_an_edited_one_is_not`, `sealed::tests`, `sign::tests`.
//! 2. *Each operation carries its live precondition*: [`Precondition`], looked at again for the
//!    whole plan before anything is begun (`apply.rs`, [`EngineError::Stale`]), and by the target
//!    with each operation. Test: `runs::a_stale_plan_is_refused_and_says_what_moved`.
//! 3. *Write-ahead journal*: `journal.rs`, and `recover.rs`, which finds out what came of what was
//!    cut off. A step keeps its [`Token`] however often it is planned (`planner/order.rs`).
//! 4. *Lease, fencing, compare-and-swap*: `lease.rs`, `ledger.rs`, and [`Store`], whose conditional
//!    writes are all that fencing needs. The token of the lease goes to the target in
//!    [`OpContext::fence`]. What window remains is the backend's to say.
//! 5. *Later values and stages*: outs are recorded and handed on in [`OpContext::outs`]. Not yet:
//!    plans of several stages, which need a target whose outs are known only after apply.
//! 6. *Secrets by reference*: a graph has holes, [`SecretStore`] gives names and keyed digests,
//!    and [`SecretValue`] goes one way.
//! 7. *Ownership is explicit*: [`Scope`] and the label that [`Backend::observe`] goes by. Not yet:
//!    conflicts over single fields, which only a target with several writers has.
//! 8. *A failed read is unknown*: [`Observed::Unknown`] blocks an object and all that waits for
//!    it ([`Blocked`]). Tests: `plans::what_cannot_be_read_is_neither_absent_nor_unchanged`,
//!    `releases::what_can_not_be_read_is_not_adopted`.
//! 9. *Deleting is careful*: `planner/objects.rs`. Inventory, label and uid agree, or it stays;
//!    `protect` stands in the state ([`Recorded::protect`]); data has its own word, and so has a
//!    plan that takes most of an environment away: its number ([`Words`]). A rename is followed
//!    (`moved`), or offered where one looks like one. Tests:
//!    `releases::most_of_an_environment_goes_only_with_its_number`,
//!    `shown::what_looks_like_a_rename_is_asked_about`,
//!    `releases::what_takes_up_kept_data_is_not_called_new`.
//! 10. *One versioned form of output*: [`PlanView`], documented in `docs/plan.schema.json`;
//!     [`render_text`], [`render_markdown`] and [`render_sarif`] are made from it and from nothing
//!     else. Tests: `schema`, `markdown`, `shown`.
//! 11. *Reads in bulk, writes in parallel*: `engine.rs` and `run.rs`; as many at once as the
//!     target bears (`pace.rs`), and what begins or ends together shares one write of the journal.
//!     Test: `runs::as_many_run_at_once_as_the_target_bears`.
//! 12. *Interrupts*: [`Interrupts`]. Tests: `runs::the_first_interrupt_lets_what_runs_end`,
//!     `runs::the_second_interrupt_leaves_it_to_the_next_apply`, and of the commands themselves
//!     `tests/tests/interrupts.rs`.
//! 13. *Readiness, then next*: what [`Backend::execute`] promises; the reason and the last lines of
//!     the log are in [`OpError`].
//! 14. *Releases*: each apply is one ([`Release`], with its graph and what lowering knew: images,
//!     versions of secrets). [`Engine::plan_return`] goes back to one; jobs stay as they are. What
//!     does not become ready goes back by itself where its object says so
//!     ([`Object::goes_back`]): the way back is the `previous` of the operation, so nothing is
//!     planned anew, and it is in the journal like any other. A target that goes back by itself
//!     says so ([`OpError::back`]). Tests: `releases`.
//! 15. *Identity is (app, environment, path)*: [`Scope`], [`ObjectId`]; what changing a field does
//!     comes with the graph (`planner/semantic.rs`), and from the backend for its own specs
//!     ([`OnChange`]).
//! 16. *Adoption leaves alone what the source doesn't say*: [`Action::Adopt`] changes the record
//!     and nothing else; the backend's digest of an observed spec covers only what a spec says.
//!     A lost state is rebuilt from what the target remembers ([`Engine::plan_adopt`]). Test:
//!     `releases::a_lost_state_is_rebuilt_and_nothing_is_orphaned`. Not yet: `leave`.
//! 17. *Jobs run again only when what they are made of changed*: their spec is that, and they come
//!     `after` like anything else. When data they stand on is made anew they are gone over again
//!     (`planner/objects.rs`). Tests: `releases::a_rollback_brings_back_what_was_known_and_no_job_runs`,
//!     `plans::what_stands_on_data_that_is_made_anew_is_gone_over_again`.
//!
//! Start reading at [`Object`], then [`Backend`], then [`Plan`], then [`Engine`].

mod apply;
mod backend;
mod engine;
mod error;
pub mod fields;
mod file;
mod interrupt;
mod journal;
mod lease;
mod ledger;
mod object;
mod pace;
mod plan;
mod planner;
mod recover;
mod render;
mod run;
#[cfg_attr(
    not(feature = "sabotage"),
    expect(dead_code, reason = "only the tests break anything")
)]
mod sabotage;
mod sealed;
mod sign;
mod specdiff;
mod state;
mod store;
mod time;
mod view;

pub use apply::{ApplyEvent, ApplyOptions, Outcome};
pub use backend::{
    Backend, BackendError, Changed, Done, Facts, Health, Inspect, LogLine, LogQuery, Lowered, Made,
    NodeStatus, Note, NoteKind, Observation, Observed, OpContext, OpError, OpErrorKind, Present,
    Problem, Progress, ProgressSink, Recalled, Refusal, RunState, SecretInfo, SecretReturn,
    SecretStore, SecretValue,
};
pub use engine::Engine;
pub use error::{EngineError, StateError};
pub use file::{PlanFile, SignatureError, plan_from_bytes, plan_to_bytes, plan_to_signed_bytes};
pub use interrupt::Interrupts;
pub use journal::Damaged;
pub use lease::{Alive, Holder, Host, Lease, ThisMachine};
pub use ledger::Ledger;
pub use object::{HeldData, Object, ObjectId, OnChange, Scope, spec_digest};
pub use plan::{
    Action, Blocked, DataFate, DataWord, Drift, DriftKind, FieldChange, Goal, MadeFrom, NodeAction,
    NodeChange, OpId, Operation, Plan, Precondition, SpecChange, Token, Words,
};
pub use render::{Markdown, Style, marker, render_markdown, render_sarif, render_text};
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub use sabotage::{Flaw, sabotage};
pub use sealed::SealError;
pub use sign::{KeyError, SigningKey, VerifyingKey};
pub use state::{KeptData, Pending, Recorded, Release, ReleaseHead, State};
pub use store::{Blob, BucketStore, DirStore, Expect, S3, Store, StoreError};
pub use time::utc;
pub use view::{ChangeView, Compared, Counts, FieldView, OperationView, PlanView, SecretView};
