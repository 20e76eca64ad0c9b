//! The run of a plan that has begun: the loop that starts operations, hears how they end, and
//! writes what is true.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};

use tokio::time::Instant;

use crate::apply::{ASKED_TO_STOP, ApplyEvent, ApplyOptions, OnEvent, Outcome};
use crate::backend::{Done, OpContext, OpError, OpErrorKind, ProgressSink};
use crate::engine::Engine;
use crate::error::StateError;
use crate::interrupt::Interrupts;
use crate::journal::Event as Journalled;
use crate::lease::Host;
use crate::ledger::{Held, RELEASES, TTL};
use crate::object::ObjectId;
use crate::pace::Pace;
use crate::plan::{Action, Goal, OpId, Operation, Plan, Precondition};
use crate::sabotage::{self, Flaw};
use crate::state::{Release, ReleaseHead, State};

type Running = FuturesUnordered<BoxFuture<'static, (OpId, Result<Done, OpError>)>>;

/// An operation that is over, and how it ended.
type Over = (Operation, Result<Done, OpError>);

pub(crate) struct Run<'a> {
    pub engine: &'a Engine,
    pub plan: &'a Plan,
    pub options: &'a ApplyOptions,
    pub interrupts: &'a Interrupts,
    pub on_event: OnEvent,
    pub held: Held,
    pub beat: Beat,
    pub state: State,
    /// What the objects that are there give to others.
    pub outs: Arc<BTreeMap<ObjectId, BTreeMap<String, serde_json::Value>>>,
    pub outcome: Outcome,
    /// Why nothing more is begun.
    pub stop: Option<String>,
}

/// An operation that is under way: begun, and not ended.
struct Trying {
    /// It: as planned, or the way back from it.
    operation: Operation,
    /// How often its target was called for it.
    calls: u32,
    /// How long it rests before its target is called again.
    pause: Duration,
    /// When nobody waits for it any more.
    until: Instant,
    /// How its last call failed.
    error: Option<OpError>,
}

/// What is under way.
struct Calls {
    pace: Pace,
    trying: BTreeMap<OpId, Trying>,
    running: Running,
    /// Those that are tried again when their time has come.
    resting: FuturesUnordered<BoxFuture<'static, OpId>>,
    /// Those whose time has come.
    rested: VecDeque<OpId>,
}

impl<'a> Run<'a> {
    /// Runs the plan to its end.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut queue = Queue::new(self.plan);
        let mut calls = Calls {
            pace: Pace::new(self.options.parallel),
            trying: BTreeMap::new(),
            running: FuturesUnordered::new(),
            resting: FuturesUnordered::new(),
            rested: VecDeque::new(),
        };
        let mut heeded = 0;
        loop {
            let asked = self.interrupts.count();
            if asked > heeded {
                heeded = asked;
                self.outcome.interrupted = true;
                self.stop.get_or_insert_with(|| ASKED_TO_STOP.to_owned());
            }
            if heeded > 1 {
                break;
            }
            if self.stop.is_some() {
                self.give_up_waiting(&mut calls).await;
            }
            self.begin_what_may(&mut queue, &mut calls, heeded).await;
            if calls.trying.is_empty() && self.interrupts.count() == heeded {
                break;
            }
            tokio::select! {
                Some(first) = calls.running.next() => {
                    // All that ended by now share one write of the journal.
                    let mut ended = vec![first];
                    while let Some(Some(next)) = calls.running.next().now_or_never() {
                        ended.push(next);
                    }
                    for done in self.ended(ended, &mut calls).await {
                        queue.done(done);
                    }
                }
                Some(id) = calls.resting.next() => calls.rested.push_back(id),
                () = self.beat.due() => {
                    if let Err(error) = self.beat.give(&mut self.held, &*self.engine.host).await {
                        self.trouble(error);
                    }
                }
                () = self.interrupts.beyond(heeded) => {}
            }
        }
        let under_way: BTreeSet<OpId> = calls.trying.keys().copied().collect();
        drop(calls);
        self.leave(&under_way);
        self.skip_the_rest();
        self.record().await;
        self.outcome
    }

    /// Begins what the pace and the order allow. The intents of all of them are written at once,
    /// and all before the first is begun.
    async fn begin_what_may(&mut self, queue: &mut Queue, calls: &mut Calls, heeded: u8) {
        let mut begun: Vec<&'a Operation> = Vec::new();
        while self.stop.is_none()
            && begun.len() < calls.pace.room()
            && self.interrupts.count() == heeded
        {
            if let Some(id) = calls.rested.pop_front() {
                if let Some(trying) = calls.trying.get(&id) {
                    calls.pace.begin(id);
                    calls.running.push(self.call(trying.operation.clone()));
                }
                continue;
            }
            let Some(operation) = queue.next().and_then(|id| self.plan.operation(id)) else {
                break;
            };
            if operation.on_record_alone() {
                self.on_record(operation);
                queue.done(operation.id);
            } else {
                begun.push(operation);
            }
        }
        if begun.is_empty() {
            return;
        }
        let intents = begun.iter().map(|operation| Journalled::Intent {
            operation: Box::new((*operation).clone()),
        });
        let mut intents: Vec<Journalled> = intents.collect();
        if sabotage::has(Flaw::IntentUnwritten) {
            intents.clear();
        }
        if let Err(error) = self.held.record(intents).await {
            self.trouble(error);
            return;
        }
        for operation in begun {
            (self.on_event)(ApplyEvent::Started {
                operation: operation.id,
            });
            self.first_call(operation.clone(), calls);
        }
    }

    /// Calls the target for an operation whose intent is written.
    fn first_call(&self, operation: Operation, calls: &mut Calls) {
        let id = operation.id;
        calls.pace.begin(id);
        calls.running.push(self.call(operation.clone()));
        let trying = Trying {
            operation,
            calls: 0,
            pause: FIRST_PAUSE,
            until: Instant::now() + self.options.deadline,
            error: None,
        };
        calls.trying.insert(id, trying);
    }

    /// Nothing on a target changes: cut off here, it is planned again.
    fn on_record(&mut self, operation: &Operation) {
        match (operation.action, &operation.precondition) {
            (Action::Adopt, Precondition::Be { uid, version }) => {
                self.state.adopt(operation, uid, version);
            }
            _ => self.state.forget(operation),
        }
        let operation = operation.id;
        self.outcome.done.push(operation);
        (self.on_event)(ApplyEvent::Started { operation });
        (self.on_event)(ApplyEvent::Done { operation });
    }

    /// One call of the target for an operation.
    fn call(&self, operation: Operation) -> BoxFuture<'static, (OpId, Result<Done, OpError>)> {
        let id = operation.id;
        let planned = self.plan.operation(id).map(|o| &o.token);
        let sink = Arc::clone(&self.on_event);
        let context = OpContext {
            scope: self.plan.scope.clone(),
            fence: self.held.fence(),
            deadline: self.options.deadline,
            outs: Arc::clone(&self.outs),
            // A way back belongs to what was begun: it goes its whole way.
            stop: if planned == Some(&operation.token) {
                self.interrupts.clone()
            } else {
                Interrupts::default()
            },
            progress: ProgressSink::new(move |progress| {
                sink(ApplyEvent::Progress {
                    operation: id,
                    progress,
                });
            }),
        };
        let backend = self.engine.backends.get(&operation.target).cloned();
        Box::pin(async move {
            let Some(backend) = backend else {
                let what = format!("reaching the target of {}", operation.label);
                let error = OpError::new(OpErrorKind::Fatal, what, "there is no backend for it");
                return (id, Err(error));
            };
            let patience = context.deadline + Duration::from_secs(10);
            let doing = backend.execute(&operation, &context);
            let Ok(result) = tokio::time::timeout(patience, doing).await else {
                let why = format!("the target gave no answer for {} s", patience.as_secs());
                let error = OpError::new(OpErrorKind::NotReady, operation.label.clone(), why);
                return (id, Err(error));
            };
            (id, result)
        })
    }

    /// Takes in how calls ended; the operations that are done, so that what waits for them may
    /// begin.
    async fn ended(
        &mut self,
        results: Vec<(OpId, Result<Done, OpError>)>,
        calls: &mut Calls,
    ) -> Vec<OpId> {
        let mut over = Vec::new();
        for (id, result) in results {
            match &result {
                Err(error) if matches!(error.kind, OpErrorKind::Throttled { .. }) => {
                    calls.pace.throttled(id);
                }
                _ => calls.pace.ended(id),
            }
            match result {
                Err(error) if self.again(id, &error, calls) => {}
                result => {
                    if let Some(trying) = calls.trying.remove(&id) {
                        let result = match (result, trying.error) {
                            // This call changed nothing; of the one before that is not known.
                            (Err(error), Some(before))
                                if error.kind == OpErrorKind::Interrupted =>
                            {
                                Err(before)
                            }
                            (result, _) => result,
                        };
                        over.push((trying.operation, result));
                    }
                }
            }
        }
        self.take_in(over, calls).await
    }

    /// Whether a call that failed is made again; then it rests for a while.
    fn again(&self, id: OpId, error: &OpError, calls: &mut Calls) -> bool {
        let Some(trying) = calls.trying.get_mut(&id) else {
            return false;
        };
        trying.calls += 1;
        let pause = match error.kind {
            OpErrorKind::Transient if trying.calls < ATTEMPTS => trying.pause,
            OpErrorKind::Throttled { after } => {
                let asked = Duration::from_millis(after.unwrap_or_default().into());
                trying.pause.max(asked)
            }
            _ => return false,
        };
        if self.stop.is_some()
            || self.interrupts.count() > 0
            || Instant::now() + pause > trying.until
        {
            return false;
        }
        trying.error = Some(error.clone());
        trying.pause = (trying.pause * 2).min(LONGEST_PAUSE);
        (self.on_event)(ApplyEvent::Retrying {
            operation: id,
            error: error.clone(),
            after: pause,
        });
        calls.resting.push(Box::pin(async move {
            tokio::time::sleep(pause).await;
            id
        }));
        true
    }

    /// Nothing more is begun: what rests has failed as it last did.
    async fn give_up_waiting(&mut self, calls: &mut Calls) {
        calls.resting.clear();
        calls.rested.clear();
        let waiting: Vec<OpId> = calls
            .trying
            .keys()
            .filter(|id| !calls.pace.is_under_way(**id))
            .copied()
            .collect();
        let mut over = Vec::new();
        for id in waiting {
            if let Some(trying) = calls.trying.remove(&id)
                && let Some(error) = trying.error
            {
                over.push((trying.operation, Err(error)));
            }
        }
        self.take_in(over, calls).await;
    }

    /// Writes how operations ended, all at once; those that are done. What did not become ready
    /// begins its way back, where there is one.
    async fn take_in(&mut self, over: Vec<Over>, calls: &mut Calls) -> Vec<OpId> {
        let mut records = Vec::new();
        for (operation, result) in &over {
            let token = operation.token.clone();
            records.push(match result {
                Ok(done) => {
                    self.state.did(operation, done);
                    let done = done.clone();
                    Journalled::Result { token, done }
                }
                Err(error) => {
                    self.state.failed(operation, error);
                    let error = Box::new(error.clone());
                    Journalled::Failed { token, error }
                }
            });
        }
        if records.is_empty() {
            return Vec::new();
        }
        if let Err(error) = self.held.record(records).await {
            self.trouble(error);
        }
        let (mut done, mut back) = (Vec::new(), Vec::new());
        for (operation, result) in over {
            let id = operation.id;
            let planned = self.plan.operation(id).map(|o| &o.token);
            let is_way_back = planned != Some(&operation.token);
            match result {
                Ok(end) => {
                    self.heard(id, end);
                    if is_way_back {
                        self.outcome.returned.push(id);
                        self.returned(id, None);
                    } else {
                        self.outcome.done.push(id);
                        (self.on_event)(ApplyEvent::Done { operation: id });
                        done.push(id);
                    }
                }
                Err(error) if is_way_back => {
                    self.outcome.not_returned.push((id, error.clone()));
                    self.returned(id, Some(error));
                }
                Err(error)
                    if error.kind == OpErrorKind::Interrupted && self.interrupts.count() > 0 =>
                {
                    self.skip(id, ASKED_TO_STOP.to_owned());
                }
                Err(error) => {
                    self.outcome.failed.push((id, error.clone()));
                    (self.on_event)(ApplyEvent::Failed {
                        operation: id,
                        error: error.clone(),
                    });
                    back.extend(self.back(&operation, &error));
                }
            }
        }
        self.go_back(back, calls).await;
        done
    }

    fn returned(&self, operation: OpId, error: Option<OpError>) {
        (self.on_event)(ApplyEvent::Returned { operation, error });
    }

    /// The way back of an operation that did not become ready, where there is one.
    fn back(&mut self, operation: &Operation, error: &OpError) -> Option<Operation> {
        if error.back {
            // The target did it already.
            self.outcome.returned.push(operation.id);
            self.returned(operation.id, None);
            return None;
        }
        let left = match (&error.kind, &error.made) {
            (OpErrorKind::NotReady, Some(made)) => Precondition::Be {
                uid: made.uid.clone(),
                version: made.version.clone(),
            },
            _ => return None,
        };
        // After a second interrupt what is there is left; without the state nothing is begun.
        if self.interrupts.count() > 1 || self.outcome.trouble.is_some() {
            return None;
        }
        operation.way_back(&left)
    }

    /// Begins ways back. They belong to what was begun, so that the first interrupt waits for them.
    async fn go_back(&mut self, back: Vec<Operation>, calls: &mut Calls) {
        if back.is_empty() {
            return;
        }
        let intents = back.iter().map(|operation| Journalled::Intent {
            operation: Box::new(operation.clone()),
        });
        if let Err(error) = self.held.record(intents.collect()).await {
            self.trouble(error);
            return;
        }
        for operation in back {
            (self.on_event)(ApplyEvent::Returning {
                operation: operation.id,
            });
            self.first_call(operation, calls);
        }
    }

    /// What others read of an operation that is done, and where it left data.
    fn heard(&mut self, id: OpId, done: Done) {
        let Some(operation) = self.plan.operation(id) else {
            return;
        };
        let object = &operation.object;
        match done {
            Done::There(made) if made.outs.is_empty() => {
                if self.outs.contains_key(object) {
                    Arc::make_mut(&mut self.outs).remove(object);
                }
            }
            Done::There(made) => {
                Arc::make_mut(&mut self.outs).insert(object.clone(), made.outs);
            }
            Done::Gone { data_kept_at } => {
                if let Some(at) = data_kept_at {
                    self.outcome.data_kept.push((object.clone(), at));
                }
                if self.outs.contains_key(object) {
                    Arc::make_mut(&mut self.outs).remove(object);
                }
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
            let failed = self
                .outcome
                .failed
                .iter()
                .any(|(id, _)| *id == operation.id);
            // A way back that is left is on record as the attempt that failed, not yet settled.
            if !failed {
                self.state.pend(operation);
                self.outcome.left.push(operation.id);
            }
        }
    }

    fn skip_the_rest(&mut self) {
        let mut begun: BTreeSet<OpId> = self.outcome.done.iter().copied().collect();
        begun.extend(self.outcome.left.iter().copied());
        begun.extend(self.outcome.skipped.iter().map(|(id, _)| *id));
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
            self.skip(operation.id, because);
        }
    }

    fn skip(&mut self, operation: OpId, because: String) {
        (self.on_event)(ApplyEvent::Skipped {
            operation,
            because: because.clone(),
        });
        self.outcome.skipped.push((operation, because));
    }

    /// Writes what is true now: the state, and the release.
    async fn record(&mut self) {
        if self.outcome.trouble == Some(StateError::LeaseLost) {
            return;
        }
        self.state.looked();
        if self.plan.goal == Goal::Adopt {
            // Nothing was applied: what is on record now is what others applied before.
            if let Err(error) = self.held.commit(&self.state).await {
                self.trouble(error);
            }
            if let Err(error) = self.held.release(&*self.engine.host).await {
                self.trouble(error);
            }
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
            by: self.options.by.clone(),
            command: self.options.command.clone(),
            returned_to: self.plan.returns_to,
        };
        let release = Release {
            head,
            graph: self.plan.graph.clone(),
            facts: self.plan.facts.clone(),
        };
        let written = async {
            self.held.keep_release(&release).await?;
            let heads = &mut self.state.releases;
            heads.push(release.head.clone());
            let old = heads.len().saturating_sub(RELEASES);
            let old: Vec<u64> = heads.drain(..old).map(|head| head.number).collect();
            self.held.commit(&self.state).await?;
            self.held.drop_releases(&old).await;
            Ok(())
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
                recorded.anew.retain(|id| object.after.contains(id));
            }
            let graph = self.plan.graph.as_ref();
            let node = graph.zip(object.node.as_ref());
            recorded.protect = node.is_some_and(|(graph, path)| graph.protects(path));
        }
    }
}

/// How often a target is called for an operation that fails for a reason that may pass.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a sign of life is given: some may be lost before the lease counts as given up.
const BEAT: Duration = Duration::from_millis(TTL / 6);

/// The signs of life of whoever holds a lease, for as long as what it does takes.
pub(crate) struct Beat {
    ticks: tokio::time::Interval,
    renewed: Instant,
}

impl Beat {
    /// That of a lease that was taken just now.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let mut ticks = tokio::time::interval_at(now + BEAT, BEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Self {
            ticks,
            renewed: now,
        }
    }

    /// Waits until the next sign is due. Safe to drop.
    pub(crate) async fn due(&mut self) {
        self.ticks.tick().await;
    }

    /// Gives a sign of life. One that fails is given again, as long as the last one counts.
    ///
    /// # Errors
    /// Another has the lease, or may have it by now.
    pub(crate) async fn give(
        &mut self,
        held: &mut Held,
        host: &dyn Host,
    ) -> Result<(), StateError> {
        match held.renew(host).await {
            Ok(()) => self.renewed = Instant::now(),
            Err(error)
                if error != StateError::LeaseLost
                    && self.renewed.elapsed() + BEAT < Duration::from_millis(TTL) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The operations that may begin, in the plan's order.
struct Queue {
    ready: BTreeSet<OpId>,
    missing: BTreeMap<OpId, usize>,
    followers: BTreeMap<OpId, Vec<OpId>>,
}

impl Queue {
    fn new(plan: &Plan) -> Self {
        let mut queue = Self {
            ready: BTreeSet::new(),
            missing: BTreeMap::new(),
            followers: BTreeMap::new(),
        };
        for operation in &plan.operations {
            if operation.after.is_empty() {
                queue.ready.insert(operation.id);
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
        self.ready.pop_first()
    }

    fn done(&mut self, id: OpId) {
        for follower in self.followers.remove(&id).unwrap_or_default() {
            if let Some(missing) = self.missing.get_mut(&follower) {
                *missing -= 1;
                if *missing == 0 {
                    self.ready.insert(follower);
                }
            }
        }
    }
}
