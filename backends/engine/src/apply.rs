//! Applying a plan: what is looked at before anything is begun, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::{Observation, OpError, Problem, Progress, ProgressSink};
use crate::engine::{Engine, by_target};
use crate::error::{EngineError, StateError};
use crate::interrupt::Interrupts;
use crate::lease::Holder;
use crate::ledger::Held;
use crate::object::ObjectId;
use crate::plan::{OpId, Plan};
use crate::recover;
use crate::run::{Beat, Run};
use crate::stale::moved;
use crate::state::State;

/// How a plan is applied.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// What this is, for whoever finds the lease taken: `platc up dev`.
    pub command: String,
    /// Waits for another apply instead of giving up.
    pub wait: bool,
    /// How many operations run at once.
    pub parallel: usize,
    /// How long one operation may take until its thing works.
    pub deadline: Duration,
    /// Who applies, for the list of releases: `anna@laptop`.
    pub by: String,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            command: "platc apply".to_owned(),
            wait: false,
            parallel: 16,
            deadline: Duration::from_secs(600),
            by: String::new(),
        }
    }
}

/// What happens while a plan is applied.
#[derive(Debug, Clone)]
pub enum ApplyEvent {
    /// Another apply is under way; this one waits for it.
    Waiting {
        /// Who.
        holder: Holder,
    },
    /// What the operations need is being got, before the first of them begins.
    Preparing {
        /// What, for people.
        progress: Progress,
    },
    /// An operation begins.
    Started {
        /// Which.
        operation: OpId,
    },
    /// An operation tells how far it is.
    Progress {
        /// Which.
        operation: OpId,
        /// How far.
        progress: Progress,
    },
    /// An operation failed and is tried again.
    Retrying {
        /// Which.
        operation: OpId,
        /// Why it failed.
        error: OpError,
        /// When it is tried again.
        after: Duration,
    },
    /// An operation is done.
    Done {
        /// Which.
        operation: OpId,
    },
    /// An operation failed.
    Failed {
        /// Which.
        operation: OpId,
        /// How.
        error: OpError,
    },
    /// An operation failed and goes back to what it was.
    Returning {
        /// Which.
        operation: OpId,
    },
    /// An operation that failed went back, or could not.
    Returned {
        /// Which.
        operation: OpId,
        /// Why it could not.
        error: Option<OpError>,
    },
    /// An operation is not begun.
    Skipped {
        /// Which.
        operation: OpId,
        /// Why, for people.
        because: String,
    },
}

/// What came of a plan.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The number of the release, when one was recorded.
    pub release: Option<u64>,
    /// What was done.
    pub done: Vec<OpId>,
    /// What failed.
    pub failed: Vec<(OpId, OpError)>,
    /// What failed and went back to what it was.
    pub returned: Vec<OpId>,
    /// What failed and could not go back, and why.
    pub not_returned: Vec<(OpId, OpError)>,
    /// What was not begun, and why.
    pub skipped: Vec<(OpId, String)>,
    /// What was begun and left, after a second interrupt: the next apply finds out.
    pub left: Vec<OpId>,
    /// Secrets that were to get a former value back and may not have it: somebody asked twice to
    /// stop.
    pub secrets_left: Vec<String>,
    /// How many objects could not be planned because they could not be read.
    pub blocked: usize,
    /// Where data was kept of what was taken away.
    pub data_kept: Vec<(ObjectId, String)>,
    /// Whether somebody asked to stop.
    pub interrupted: bool,
    /// Somebody asked to stop before anything was begun: nothing was changed, and there is no
    /// release.
    pub not_begun: bool,
    /// The state could not be written: what was done is done, and the next apply finds out.
    pub trouble: Option<StateError>,
}

impl Outcome {
    /// Whether all of the plan was done, and is on record.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
            && self.skipped.is_empty()
            && self.left.is_empty()
            && self.secrets_left.is_empty()
            && self.blocked == 0
            && self.trouble.is_none()
            && !self.not_begun
    }

    /// That of a plan of which nothing was begun, because somebody asked to stop.
    fn not_begun(plan: &Plan) -> Self {
        let all = plan.operations.iter();
        Self {
            skipped: all.map(|o| (o.id, ASKED_TO_STOP.to_owned())).collect(),
            blocked: plan.blocked.len(),
            interrupted: true,
            not_begun: true,
            ..Self::default()
        }
    }
}

/// Why something is not begun after an interrupt, for people.
pub(crate) const ASKED_TO_STOP: &str = "somebody asked to stop";

/// What was found before the first operation.
enum Begun {
    /// How many secrets have their values back. What follows is on record, however soon it ends.
    Ready(State, usize),
    /// What moved, and what was seen.
    Stale(Vec<String>, Box<(State, Observation)>),
    Interrupted,
}

pub(crate) type OnEvent = Arc<dyn Fn(ApplyEvent) + Send + Sync>;

impl Engine {
    /// Runs exactly this plan. It is never planned again: when what it was made from has moved,
    /// nothing is begun.
    ///
    /// # Errors
    /// It could not be begun: it is stale, it is sure to fail, another apply is under way, the
    /// state can't be used. What goes wrong later is in the [`Outcome`].
    pub async fn apply(
        &self,
        plan: &Plan,
        options: &ApplyOptions,
        interrupts: &Interrupts,
        on_event: impl Fn(ApplyEvent) + Send + Sync + 'static,
    ) -> Result<Outcome, EngineError> {
        let on_event: OnEvent = Arc::new(on_event);
        if plan.scope != self.scope {
            return Err(EngineError::OtherScope {
                found: plan.scope.clone(),
                wanted: self.scope.clone(),
            });
        }
        for operation in &plan.operations {
            self.backend(&operation.target)?;
        }
        if plan.is_empty() {
            return Ok(Outcome::default());
        }
        let Some(mut held) = self.take(options, interrupts, &on_event).await? else {
            return Ok(Outcome::not_begun(plan));
        };
        let mut beat = Beat::new();
        let looking = async {
            let mut state = self.ledger.load().await?;
            let seen = self.observe(&state, &plan.desired).await;
            let moved = moved(plan, &state, &seen);
            if !moved.is_empty() {
                return Ok(Begun::Stale(moved, Box::new((state, seen))));
            }
            recover::settle(&mut state, &seen);
            let problems = self.check(plan).await;
            if problems.iter().any(|p| p.stops) {
                return Err(EngineError::Problems(problems));
            }
            let prepared = self.prepare(plan, &on_event).await;
            if !prepared.is_empty() {
                return Err(EngineError::Problems(prepared));
            }
            Ok(Begun::Ready(state, 0))
        };
        let beginning = async {
            // Nothing is changed yet: the first interrupt ends it, whatever it waits for.
            let mut begun = tokio::select! {
                biased;
                () = interrupts.beyond(0) => return Ok(Begun::Interrupted),
                begun = looking => begun?,
            };
            if let Begun::Ready(_, brought) = &mut begun {
                tokio::select! {
                    biased;
                    all = self.bring_back(plan, brought) => all?,
                    // Some may have their former values: the run ends before its first operation,
                    // and records that this way back was begun.
                    () = interrupts.beyond(1) => {}
                }
            }
            Ok(begun)
        };
        let mut beginning = Box::pin(beginning);
        // What is got before the first operation may take minutes, and so may reading what is there.
        let begun = loop {
            tokio::select! {
                begun = &mut beginning => break begun,
                () = beat.due() => {
                    if let Err(error) = beat.give(&mut held, &*self.host).await {
                        break Err(error.into());
                    }
                }
            }
        };
        drop(beginning);
        let (state, brought) = match begun {
            Ok(Begun::Ready(state, brought)) => (state, brought),
            Ok(Begun::Stale(moved, then)) => {
                // Given back first: what is told needs more reading, and others need not wait.
                let _ = held.release(&*self.host).await;
                let (state, seen) = *then;
                return Err(self.stale(plan, moved, &state, &seen).await);
            }
            Ok(Begun::Interrupted) => {
                // A second interrupt does not wait for a slow store: the lease of who is gone ends.
                tokio::select! {
                    biased;
                    released = held.release(&*self.host) => released?,
                    () = interrupts.beyond(1) => {}
                }
                return Ok(Outcome::not_begun(plan));
            }
            Err(error) => {
                // The first error is the one worth telling.
                let _ = held.release(&*self.host).await;
                return Err(error);
            }
        };
        let run = Run {
            engine: self,
            plan,
            options,
            interrupts,
            on_event,
            held,
            beat,
            outs: Arc::new(state.outs()),
            state,
            outcome: Outcome {
                secrets_left: plan
                    .secrets
                    .iter()
                    .skip(brought)
                    .map(|secret| secret.name.clone())
                    .collect(),
                blocked: plan.blocked.len(),
                ..Outcome::default()
            },
            stop: None,
        };
        Ok(run.run().await)
    }

    /// Gives secrets the values back that the plan says, and counts those that have them. Not in the journal: doing it again
    /// changes nothing, and until the operations are done the next plan sees what stands on them.
    async fn bring_back(&self, plan: &Plan, brought: &mut usize) -> Result<(), EngineError> {
        for secret in &plan.secrets {
            self.backend(&secret.target)?
                .secrets()
                .bring_back(&self.scope, &secret.name, &secret.version)
                .await?;
            *brought += 1;
        }
        Ok(())
    }

    async fn prepare(&self, plan: &Plan, on_event: &OnEvent) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (target, operations) in by_target(plan) {
            if let Some(backend) = self.backends.get(target) {
                let on_event = Arc::clone(on_event);
                let tell = ProgressSink::new(move |progress| {
                    on_event(ApplyEvent::Preparing { progress });
                });
                let facts = plan.facts.get(target).cloned().unwrap_or_default();
                let found = backend.prepare(&self.scope, &facts, &operations, tell);
                problems.extend(found.await);
            }
        }
        problems
    }

    /// Waits until no other apply is under way, so that what is planned then is not stale at
    /// once; returns early when somebody asks to stop. `waiting` is told once whom it waits for.
    ///
    /// # Errors
    /// The state can't be read.
    pub async fn wait_for_others(
        &self,
        interrupts: &Interrupts,
        waiting: impl FnOnce(&Holder) + Send,
    ) -> Result<(), EngineError> {
        let mut waiting = Some(waiting);
        while interrupts.count() == 0 {
            let Some(holder) = self.ledger.holder(&*self.host).await? else {
                break;
            };
            if let Some(tell) = waiting.take() {
                tell(&holder);
            }
            pause(interrupts).await;
        }
        Ok(())
    }

    /// The lease; `None` where somebody asked to stop while another apply was waited for.
    async fn take(
        &self,
        options: &ApplyOptions,
        interrupts: &Interrupts,
        on_event: &OnEvent,
    ) -> Result<Option<Held>, EngineError> {
        let mut told = false;
        loop {
            match self.ledger.take(&*self.host, &options.command).await {
                Err(StateError::Busy { holder, .. }) if options.wait => {
                    if interrupts.count() > 0 {
                        return Ok(None);
                    }
                    if !told {
                        told = true;
                        on_event(ApplyEvent::Waiting { holder: *holder });
                    }
                }
                other => return Ok(Some(other?)),
            }
            pause(interrupts).await;
        }
    }
}

/// A moment before one looks again.
async fn pause(interrupts: &Interrupts) {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(200)) => {}
        () = interrupts.beyond(0) => {}
    }
}
