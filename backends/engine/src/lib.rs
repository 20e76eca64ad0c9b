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
//! Tests are those of `tests/it/`, by module and name; `rules.rs` there holds this list to them. Of
//! the commands themselves the same is shown by `tests/tests/` of the whole system.
//!
//! 1. *The plan is the program that apply runs.* [`Plan`] holds the whole DAG; [`Engine::apply`]
//!    takes nothing else and never plans. As a file: [`plan_to_bytes`], sealed with a digest
//!    (`sealed.rs`), and signed where a key is given (`sign.rs`). Tests:
//!    `plans::a_plan_file_is_read_back_and_an_edited_one_is_not`,
//!    `plans::the_same_input_gives_the_same_bytes`,
//!    `runs::what_is_done_is_done_in_the_order_of_the_plan`.
//! 2. *Each operation carries its live precondition*: [`Precondition`], looked at again for the
//!    whole plan before anything is begun (`stale.rs`, [`EngineError::Stale`]: what moved, and how
//!    the plan would differ if it were made now), and by the target with each operation. Tests:
//!    `runs::a_stale_plan_is_refused_and_says_what_moved`,
//!    `stale::what_was_only_touched_would_be_done_the_same`,
//!    `stale::what_a_plan_would_do_by_now_is_told_beside_what_it_says`,
//!    `stale::what_is_gone_would_be_made_again`, `stale::what_would_be_refused_by_now_is_told`,
//!    `stale::what_moves_while_a_plan_is_applied_stops_there`.
//! 3. *Write-ahead journal*: `journal.rs`, and `recover.rs`, which finds out what came of what was
//!    cut off. A step keeps its [`Token`] however often it is planned (`planner/order.rs`). Tests:
//!    `story::every_story_ends_well`,
//!    `narrow::a_step_that_its_target_finishes_meanwhile_is_no_stale_plan`,
//!    `narrow::what_was_adopted_goes_with_its_declaration_wherever_that_was_stopped`,
//!    `narrow::what_comes_late_and_nobody_wants_any_more_goes`,
//!    `crash::an_apply_that_is_stopped_anywhere_is_finished_by_the_next`,
//!    `runs::a_lost_answer_leaves_no_orphan`.
//! 4. *Lease, fencing, compare-and-swap*: `lease.rs`, `ledger.rs`, and [`Store`], whose conditional
//!    writes are all that fencing needs. The token of the lease goes to the target in
//!    [`OpContext::fence`]. What window remains is the backend's to say. `model.rs` of the tests is
//!    the protocol as a model, gone through as a whole; the real code is run along its ways. Tests:
//!    `model::of_two_writers_no_two_win_whatever_the_store_does`,
//!    `model::of_three_writers_no_two_win`, `model::each_condition_is_needed`,
//!    `two::the_real_code_goes_the_ways_of_the_model`, `two::whatever_the_order_no_two_win`,
//!    `crash::a_slow_holder_cannot_write_after_it_lost_the_lease`,
//!    `runs::a_lease_that_does_not_move_is_over_for_who_waits_whatever_its_holders_clock_said`.
//! 5. *Later values and stages*: what is known only after an apply is a hole in a spec. What needs
//!    it waits for what gives it, and the hole is filled when its turn has come
//!    ([`OpContext::outs`]), so that the stages of a plan are those of its DAG, and all of them
//!    were approved: no value that is known later decides which objects there are, since the
//!    language knows it as `later`. Test: `runs::what_is_known_only_after_apply_is_handed_on`.
//! 6. *Secrets by reference*: a graph has holes, [`SecretStore`] gives names and keyed digests,
//!    and [`SecretValue`] goes one way. Test: `schema::no_secret_value_can_be_written`.
//! 7. *Ownership is explicit*: [`Scope`] and the label that [`Backend::observe`] goes by. What
//!    another manager holds is a [`Conflict`], with who holds it; nothing is applied until each
//!    field has its word ([`Words::take`]), and a backend takes over no other ([`Operation::take`]).
//!    A whole thing that others made is taken over in the same way ([`Observed::Others`]).
//!    What other environments use of this one ([`plat_model::Hold`]) stays. Tests:
//!    `plans::what_others_hold_is_taken_over_field_by_field`,
//!    `plans::what_others_made_is_taken_over_by_its_own_word`,
//!    `releases::what_another_environment_uses_stays`.
//! 8. *A failed read is unknown*: [`Observed::Unknown`] blocks an object and all that waits for
//!    it ([`Blocked`]). Tests: `plans::what_cannot_be_read_is_neither_absent_nor_unchanged`,
//!    `releases::what_can_not_be_read_is_not_adopted`.
//! 9. *Deleting is careful*: `planner/objects.rs`. Inventory, label and uid agree, or it stays;
//!    `protect` stands in the state ([`Recorded::protect`]); data has its own word, and so has a
//!    plan that takes more of an environment away than it says (`deletes`): its number ([`Words`]).
//!    A rename is followed (`moved`), or offered where one looks like one. Tests:
//!    `plans::another_thing_under_our_name_is_not_deleted`,
//!    `plans::protection_outlives_the_declaration`,
//!    `narrow::what_is_protected_is_so_from_when_it_is_made`,
//!    `plans::data_is_not_lost_without_its_own_word`,
//!    `releases::most_of_an_environment_goes_only_with_its_number`,
//!    `releases::the_environment_says_how_much_one_plan_may_take_away`,
//!    `shown::what_looks_like_a_rename_is_asked_about`,
//!    `releases::what_takes_up_kept_data_is_not_called_new`.
//! 10. *One versioned form of output*: [`PlanView`], documented in `docs/plan.schema.json`;
//!     [`render_text`], [`render_markdown`] and [`render_sarif`] are made from it and from nothing
//!     else. Tests: `schema::plans_are_as_they_are_documented`,
//!     `schema::every_documented_field_is_one_that_plans_have`,
//!     `markdown::a_comment_fits_however_large_the_plan_is`.
//! 11. *Reads in bulk, writes in parallel*: `engine.rs` and `run.rs`; as many at once as the
//!     target bears (`pace.rs`), where what only waits for its thing to work gives its [`Turn`] on.
//!     What ends while the journal is written, and what may begin then, share the next write of it.
//!     Tests: `plans::what_is_there_is_read_in_one_go`,
//!     `runs::as_many_run_at_once_as_the_target_bears`, `runs::at_most_so_many_run_at_once`,
//!     `runs::what_only_waits_holds_up_nothing_that_is_to_be_sent`,
//!     `runs::what_ends_while_the_journal_is_written_shares_the_next_write`.
//! 12. *Interrupts*: [`Interrupts`]. Before the first operation one interrupt ends whatever is waited
//!     for, and an operation that has changed nothing yet may end by it too
//!     ([`OpErrorKind::Interrupted`]). Tests: `runs::the_first_interrupt_lets_what_runs_end`,
//!     `runs::an_interrupt_before_anything_is_begun_changes_nothing`,
//!     `runs::an_interrupt_while_secrets_get_values_back_is_on_record`,
//!     `runs::what_only_gets_ready_ends_with_the_first_interrupt`,
//!     `runs::what_was_ended_before_it_changed_anything_is_not_looked_for`,
//!     `runs::the_second_interrupt_leaves_it_to_the_next_apply`.
//! 13. *Readiness, then next*: what [`Backend::execute`] promises; the reason and the last lines of
//!     the log are in [`OpError`]. Tests:
//!     `runs::what_is_made_but_not_ready_is_on_record_and_gone_on_with`,
//!     `runs::a_failure_holds_up_what_depends_on_it_and_nothing_else`,
//!     `runs::what_gives_no_answer_in_its_time_has_failed_and_the_next_apply_finds_out`.
//! 14. *Releases*: each apply is one ([`Release`], with its graph and what lowering knew: images,
//!     versions of secrets). [`Engine::plan_return`] goes back to one; jobs stay as they are. What
//!     does not become ready goes back by itself where its object says so
//!     ([`Object::goes_back`]): the way back is the `previous` of the operation, so nothing is
//!     planned anew, and it is in the journal like any other. A target that goes back by itself
//!     says so ([`OpError::back`]). Tests: `releases::what_does_not_become_ready_goes_back_by_itself`,
//!     `releases::stopped_at_any_call_of_a_way_back_the_next_apply_ends_it`.
//! 15. *Identity is (app, environment, path)*: [`Scope`], [`ObjectId`]; what changing a field does
//!     comes with the graph (`planner/semantic.rs`), and from the backend for its own specs
//!     ([`OnChange`]). Tests: `plans::where_a_declaration_stands_is_no_part_of_what_it_is`,
//!     `plans::a_rename_is_a_move`, `plans::a_field_that_may_only_grow_does_not_shrink`,
//!     `states::the_state_of_another_environment_is_refused`.
//! 16. *Adoption leaves alone what the source doesn't say*: [`Action::Adopt`] changes the record
//!     and nothing else; the backend's digest of an observed spec covers only what a spec says. What
//!     is left to somebody else is never written again ([`Object::leave`]). A lost state is rebuilt
//!     from what the target remembers ([`Engine::plan_adopt`]), and the list of releases from their
//!     files. Tests: `releases::a_lost_state_is_rebuilt_and_nothing_is_orphaned`,
//!     `releases::of_a_lost_state_the_releases_are_found_again_and_gone_on_with`,
//!     `plans::what_is_left_to_others_is_never_written`.
//! 17. *Jobs run again only when what they are made of changed*: their spec is that, and they come
//!     `after` like anything else. When data they stand on is made anew they are gone over again
//!     (`planner/objects.rs`). Tests: `releases::a_rollback_brings_back_what_was_known_and_no_job_runs`,
//!     `plans::what_stands_on_data_that_is_made_anew_is_gone_over_again`,
//!     `narrow::what_stands_on_new_data_is_gone_over_after_a_crash_too`.
//!
//! Start reading at [`Object`], then [`Backend`], then [`Plan`], then [`Engine`].

mod apply;
mod attach;
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
mod shared;
mod sign;
mod specdiff;
mod stale;
mod state;
mod store;
mod time;
mod view;

pub use apply::{ApplyEvent, ApplyOptions, Outcome};
pub use attach::{Attach, Attached, Connection, Here, Size, There, Wanted, main_first};
pub use backend::{
    Backend, BackendError, Changed, Done, Facts, Health, HeldField, Inspect, LogLine, LogQuery,
    Lowered, Made, NodeStatus, Note, NoteKind, Observation, Observed, OpContext, OpError,
    OpErrorKind, Others, Present, Problem, Progress, ProgressSink, Recalled, Refusal, RunState,
    SecretInfo, SecretReturn, SecretStore, SecretValue, Turn,
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
    Action, Blocked, Conflict, DataFate, DataWord, Drift, DriftKind, FieldChange, Goal, MadeFrom,
    NodeAction, NodeChange, OpId, Operation, Plan, PolicyResult, PolicyWarning, Precondition,
    SpecChange, Token, Words,
};
pub use render::{Markdown, Style, marker, render_markdown, render_sarif, render_text};
#[cfg(feature = "sabotage")]
#[doc(hidden)]
pub use sabotage::{Flaw, sabotage};
pub use sealed::SealError;
pub use shared::Shared;
pub use sign::{KeyError, SigningKey, VerifyingKey};
pub use state::{KeptData, Pending, Recorded, Release, ReleaseHead, State};
pub use store::{Blob, BucketStore, DirStore, Expect, S3, Store, StoreError};
pub use time::utc;
pub use view::{ChangeView, Compared, Counts, FieldView, OperationView, PlanView, SecretView};
