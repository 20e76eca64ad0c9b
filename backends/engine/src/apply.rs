//! Running a plan: exactly its operations, each journalled, as parallel as their order allows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};

use crate::backend::{
    Done, Observation, Observed, OpContext, OpError, OpErrorKind, Progress, ProgressSink,
};
use crate::engine::Engine;
use crate::error::{EngineError, StateError};
use crate::interrupt::Interrupts;
use crate::journal::Event as Journalled;
use crate::lease::Holder;
use crate::ledger::{Held, TTL};
use crate::object::ObjectId;
use crate::plan::{Action, OpId, Operation, Plan, Precondition};
use crate::recover;
use crate::state::{Release, ReleaseHead, State};

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
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            command: "platc apply".to_owned(),
            wait: false,
            parallel: 16,
            deadline: Duration::from_secs(600),
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
    /// What was not begun, and why.
    pub skipped: Vec<(OpId, String)>,
    /// What was begun and left, after a second interrupt: the next apply finds out.
    pub left: Vec<OpId>,
    /// How many objects could not be planned because they could not be read.
    pub blocked: usize,
    /// Where data was kept of what was taken away.
    pub data_kept: Vec<(ObjectId, String)>,
    /// Whether somebody asked to stop.
    pub interrupted: bool,
    /// The state could not be written: what was done is done, and the next apply finds out.
    pub trouble: Option<StateError>,
}

impl Outcome {
    /// Whether all of the plan was done, and is on record.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
            && self.skipped.is_empty()
            && self.left.is_empty()
            && self.blocked == 0
            && self.trouble.is_none()
    }
}

type OnEvent = Arc<dyn Fn(ApplyEvent) + Send + Sync>;

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
        let mut held = self.take(options, interrupts, &on_event).await?;
        let begun = async {
            let mut state = self.ledger.load().await?;
            let seen = self.observe(&state, &plan.desired).await;
            recover::settle(&mut state, &seen);
            refuse_stale(plan, &state, &seen)?;
            let problems = self.check(plan).await;
            if problems.iter().any(|p| p.stops) {
                return Err(EngineError::Problems(problems));
            }
            Ok(state)
        };
        let state = match begun.await {
            Ok(state) => state,
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
            state,
            outcome: Outcome {
                blocked: plan.blocked.len(),
                ..Outcome::default()
            },
            stop: None,
        };
        Ok(run.run().await)
    }

    async fn take(
        &self,
        options: &ApplyOptions,
        interrupts: &Interrupts,
        on_event: &OnEvent,
    ) -> Result<Held, EngineError> {
        let mut told = false;
        loop {
            match self.ledger.take(&*self.host, &options.command).await {
                Err(StateError::Busy { holder }) if options.wait && interrupts.count() == 0 => {
                    if !told {
                        told = true;
                        on_event(ApplyEvent::Waiting { holder: *holder });
                    }
                }
                // Another was a little faster: look again who it is.
                Err(StateError::LeaseLost) if options.wait && interrupts.count() == 0 => {}
                other => return Ok(other?),
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
                () = interrupts.beyond(0) => {}
            }
        }
    }
}

fn refuse_stale(plan: &Plan, state: &State, seen: &Observation) -> Result<(), EngineError> {
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
        match (&operation.precondition, seen.of(&operation.object)) {
            (_, Observed::Unknown { why }) => {
                moved.push(format!("{label}: it can't be read now: {why}"));
            }
            (Precondition::BeAbsent, Observed::Absent) => {}
            (Precondition::BeAbsent, Observed::Present(_)) => {
                moved.push(format!("{label}: it is there now"));
            }
            (Precondition::Be { .. }, Observed::Absent) => {
                moved.push(format!("{label}: it is gone"));
            }
            (Precondition::Be { uid, version }, Observed::Present(present)) => {
                if present.uid != *uid {
                    moved.push(format!("{label}: another thing stands in its place"));
                } else if present.version != *version {
                    moved.push(format!("{label}: somebody changed it"));
                }
            }
        }
    }
    if moved.is_empty() {
        Ok(())
    } else {
        Err(EngineError::Stale {
            plan: plan.digest.short().to_owned(),
            moved,
        })
    }
}

type Running<'a> = FuturesUnordered<BoxFuture<'a, (OpId, Result<Done, OpError>)>>;

struct Run<'a> {
    engine: &'a Engine,
    plan: &'a Plan,
    options: &'a ApplyOptions,
    interrupts: &'a Interrupts,
    on_event: OnEvent,
    held: Held,
    state: State,
    outcome: Outcome,
    /// Why nothing more is begun.
    stop: Option<String>,
}

impl Run<'_> {
    async fn run(mut self) -> Outcome {
        let mut queue = Queue::new(self.plan);
        let mut under_way: BTreeSet<OpId> = BTreeSet::new();
        let mut running: Running<'_> = FuturesUnordered::new();
        let mut beat = tokio::time::interval(Duration::from_millis(TTL / 3));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The lease is new: the first tick is at once.
        beat.tick().await;
        let parallel = self.options.parallel.max(1);
        let mut heeded = 0;
        loop {
            let asked = self.interrupts.count();
            if asked > heeded {
                heeded = asked;
                self.outcome.interrupted = true;
                let why = "somebody asked to stop".to_owned();
                self.stop.get_or_insert(why);
            }
            if heeded > 1 {
                break;
            }
            while self.stop.is_none()
                && running.len() < parallel
                && self.interrupts.count() == heeded
            {
                let Some(operation) = queue.next().and_then(|id| self.plan.operation(id)) else {
                    break;
                };
                if self.begin(operation).await {
                    under_way.insert(operation.id);
                    running.push(self.execution(operation));
                } else if operation.action == Action::Forget {
                    queue.done(operation.id);
                }
            }
            if running.is_empty() && self.interrupts.count() == heeded {
                break;
            }
            tokio::select! {
                Some((id, result)) = running.next() => {
                    under_way.remove(&id);
                    if self.ended(id, result).await {
                        queue.done(id);
                    }
                }
                _ = beat.tick() => {
                    if let Err(error) = self.held.renew(&*self.engine.host).await {
                        self.trouble(error);
                    }
                }
                () = self.interrupts.beyond(heeded) => {}
            }
        }
        drop(running);
        self.leave(&under_way);
        self.skip_the_rest();
        self.record().await;
        self.outcome
    }

    /// Writes the intent; whether the operation is to be executed.
    async fn begin(&mut self, operation: &Operation) -> bool {
        if operation.action == Action::Forget {
            self.state.forget(operation);
            self.outcome.done.push(operation.id);
            return false;
        }
        let intent = Journalled::Intent {
            operation: Box::new(operation.clone()),
        };
        if let Err(error) = self.held.record(intent).await {
            self.trouble(error);
            return false;
        }
        (self.on_event)(ApplyEvent::Started {
            operation: operation.id,
        });
        true
    }

    fn execution<'f>(
        &self,
        operation: &'f Operation,
    ) -> BoxFuture<'f, (OpId, Result<Done, OpError>)> {
        let id = operation.id;
        let on_event = Arc::clone(&self.on_event);
        let sink = Arc::clone(&self.on_event);
        let context = OpContext {
            scope: self.plan.scope.clone(),
            fence: self.held.fence(),
            deadline: self.options.deadline,
            outs: self
                .state
                .inventory
                .iter()
                .filter(|(_, recorded)| !recorded.outs.is_empty())
                .map(|(id, recorded)| (id.clone(), recorded.outs.clone()))
                .collect(),
            progress: ProgressSink::new(move |progress| {
                sink(ApplyEvent::Progress {
                    operation: id,
                    progress,
                });
            }),
        };
        let interrupts = self.interrupts.clone();
        let backend = self.engine.backends.get(&operation.target).cloned();
        Box::pin(async move {
            let Some(backend) = backend else {
                let what = format!("reaching the target of {}", operation.label);
                let error = OpError::new(OpErrorKind::Fatal, what, "there is no backend for it");
                return (id, Err(error));
            };
            let mut pause = Duration::from_millis(200);
            for attempt in 1.. {
                let patience = context.deadline + Duration::from_secs(10);
                let doing = backend.execute(operation, &context);
                let result = tokio::time::timeout(patience, doing)
                    .await
                    .unwrap_or_else(|_| {
                        Err(OpError::new(
                            OpErrorKind::NotReady,
                            operation.label.clone(),
                            format!("the target gave no answer for {} s", patience.as_secs()),
                        ))
                    });
                match result {
                    Err(error)
                        if error.kind == OpErrorKind::Transient
                            && attempt < ATTEMPTS
                            && interrupts.count() == 0 =>
                    {
                        on_event(ApplyEvent::Retrying {
                            operation: id,
                            error,
                            after: pause,
                        });
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(Duration::from_secs(5));
                    }
                    result => return (id, result),
                }
            }
            let error = OpError::new(OpErrorKind::Fatal, operation.label.clone(), "gave up");
            (id, Err(error))
        })
    }

    /// Takes in how an operation ended; whether what waits for it may begin.
    async fn ended(&mut self, id: OpId, result: Result<Done, OpError>) -> bool {
        let Some(operation) = self.plan.operation(id) else {
            return false;
        };
        let token = operation.token.clone();
        match result {
            Ok(done) => {
                self.state.did(operation, &done);
                if let Done::Gone {
                    data_kept_at: Some(at),
                } = &done
                {
                    let kept = (operation.object.clone(), at.clone());
                    self.outcome.data_kept.push(kept);
                }
                let result = Journalled::Result { token, done };
                if let Err(error) = self.held.record(result).await {
                    self.trouble(error);
                }
                self.outcome.done.push(id);
                (self.on_event)(ApplyEvent::Done { operation: id });
                true
            }
            Err(error) => {
                self.state.failed(operation, &error);
                let failed = Journalled::Failed {
                    token,
                    error: Box::new(error.clone()),
                };
                if let Err(error) = self.held.record(failed).await {
                    self.trouble(error);
                }
                self.outcome.failed.push((id, error.clone()));
                (self.on_event)(ApplyEvent::Failed {
                    operation: id,
                    error,
                });
                false
            }
        }
    }

    /// The state can't be written: nothing more is begun. The first trouble is the one to tell.
    fn trouble(&mut self, error: StateError) {
        self.stop.get_or_insert_with(|| error.to_string());
        self.outcome.trouble.get_or_insert(error);
    }

    /// What was under way when somebody asked twice to stop is looked after by the next apply.
    fn leave(&mut self, under_way: &BTreeSet<OpId>) {
        for operation in under_way.iter().filter_map(|id| self.plan.operation(*id)) {
            self.state.pending.push(operation.clone());
            self.outcome.left.push(operation.id);
        }
    }

    fn skip_the_rest(&mut self) {
        let mut begun: BTreeSet<OpId> = self.outcome.done.iter().copied().collect();
        begun.extend(self.outcome.left.iter().copied());
        let mut failed: BTreeMap<OpId, &Operation> = BTreeMap::new();
        for (id, _) in &self.outcome.failed {
            begun.insert(*id);
            if let Some(operation) = self.plan.operation(*id) {
                failed.insert(*id, operation);
            }
        }
        for operation in &self.plan.operations {
            if begun.contains(&operation.id) {
                continue;
            }
            // What failed comes before what it holds up, so the first cause is handed on.
            let cause = operation
                .after
                .iter()
                .find_map(|id| failed.get(id))
                .copied();
            let because = match (cause, &self.stop) {
                (Some(cause), _) => {
                    failed.insert(operation.id, cause);
                    format!("{} failed", cause.label)
                }
                (None, Some(stop)) => stop.clone(),
                (None, None) => "what it waits for was not done".to_owned(),
            };
            (self.on_event)(ApplyEvent::Skipped {
                operation: operation.id,
                because: because.clone(),
            });
            self.outcome.skipped.push((operation.id, because));
        }
    }

    /// Writes what is true now: the state, and the release.
    async fn record(&mut self) {
        if self.outcome.trouble == Some(StateError::LeaseLost) {
            return;
        }
        self.refresh();
        let number = self.state.last_release().map_or(0, |r| r.number) + 1;
        let head = ReleaseHead {
            number,
            at: self.engine.host.now(),
            plan: self.plan.digest.clone(),
            graph: self.plan.made_from.graph.clone(),
            complete: self.outcome.is_complete(),
        };
        let release = Release {
            head,
            graph: self.plan.graph.clone(),
        };
        let written = async {
            let mut heads = self.state.releases.clone();
            self.held.keep_release(&release, &mut heads).await?;
            self.state.releases = heads;
            self.held.commit(&self.state).await
        };
        match written.await {
            Ok(()) => self.outcome.release = Some(number),
            Err(error) => self.trouble(error),
        }
        if let Err(error) = self.held.release(&*self.engine.host).await {
            self.trouble(error);
        }
    }

    /// What changed of the objects beside their specs: labels, order, whose they are.
    fn refresh(&mut self) {
        for (id, object) in &self.plan.desired {
            let Some(recorded) = self.state.inventory.get_mut(id) else {
                continue;
            };
            if recorded.digest == object.digest() {
                recorded.object = object.clone();
            }
            let graph = self.plan.graph.as_ref();
            let node = graph.zip(object.node.as_ref());
            recorded.protect = node
                .and_then(|(graph, path)| graph.nodes.get(path)?.fields.get("protect")?.as_bool())
                .unwrap_or(false);
        }
    }
}

/// How often an operation is tried.
const ATTEMPTS: u32 = 5;

/// The operations that may begin, in the plan's order.
struct Queue {
    ready: VecDeque<OpId>,
    missing: BTreeMap<OpId, usize>,
    followers: BTreeMap<OpId, Vec<OpId>>,
}

impl Queue {
    fn new(plan: &Plan) -> Self {
        let mut queue = Self {
            ready: VecDeque::new(),
            missing: BTreeMap::new(),
            followers: BTreeMap::new(),
        };
        for operation in &plan.operations {
            if operation.after.is_empty() {
                queue.ready.push_back(operation.id);
            } else {
                queue.missing.insert(operation.id, operation.after.len());
            }
            for before in &operation.after {
                queue
                    .followers
                    .entry(*before)
                    .or_default()
                    .push(operation.id);
            }
        }
        queue
    }

    fn next(&mut self) -> Option<OpId> {
        self.ready.pop_front()
    }

    fn done(&mut self, id: OpId) {
        for follower in self.followers.remove(&id).unwrap_or_default() {
            if let Some(missing) = self.missing.get_mut(&follower) {
                *missing -= 1;
                if *missing == 0 {
                    self.ready.push_back(follower);
                }
            }
        }
    }
}
