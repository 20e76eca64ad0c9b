//! The run of a plan that has begun: the loop that starts operations, hears how they end, and
//! writes what is true.

mod beat;
mod calls;
mod end;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::StreamExt as _;
use tokio::time::Instant;

pub(crate) use self::beat::Beat;
use self::calls::{Calls, Ended, Trying};
use self::queue::Queue;
use crate::apply::{ASKED_TO_STOP, ApplyEvent, ApplyOptions, OnEvent, Outcome};
use crate::backend::{Done, OpContext, OpError, OpErrorKind, ProgressSink, Turn};
use crate::engine::Engine;
use crate::error::StateError;
use crate::interrupt::Interrupts;
use crate::journal::Event as Journalled;
use crate::ledger::Held;
use crate::object::ObjectId;
use crate::plan::{Action, OpId, Operation, Plan, Precondition};
use crate::sabotage::{self, Flaw};
use crate::state::State;

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

impl<'a> Run<'a> {
    /// Runs the plan to its end.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut queue = Queue::new(self.plan);
        let mut calls = Calls::new(self.options.parallel);
        let mut heeded = 0;
        loop {
            // While what ends meets a journal that is written, nothing below comes to wait: a sign
            // of life that is due does not wait for that.
            if self.beat.due().now_or_never().is_some() {
                self.give_sign_of_life().await;
            }
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
            self.go_on(&mut queue, &mut calls, heeded).await;
            if calls.trying.is_empty() && self.interrupts.count() == heeded {
                break;
            }
            if !calls.over.is_empty() {
                continue;
            }
            tokio::select! {
                Some(ended) = calls.running.next() => calls.over.push(ended),
                Some(id) = calls.resting.next() => calls.rested.push_back(id),
                () = self.beat.due() => self.give_sign_of_life().await,
                Some(id) = calls.waiting.recv() => calls.pace.waits(id),
                () = self.interrupts.beyond(heeded) => {}
            }
        }
        // What ended by now is not left, though nobody waits for the others: it is written with the
        // state.
        calls.look();
        let over = self.ended(&mut calls);
        self.results(&over);
        self.take_in(over);
        let under_way: BTreeSet<OpId> = calls.trying.keys().copied().collect();
        drop(calls);
        self.leave(&under_way);
        self.skip_the_rest();
        self.record().await;
        self.outcome
    }

    async fn give_sign_of_life(&mut self) {
        if let Err(error) = self.beat.give(&mut self.held, &*self.engine.host).await {
            self.trouble(error);
        }
    }

    /// Takes in what ended, and begins the ways back from what did not become ready and what the pace
    /// and the order allow by then. How the ones ended and that the others are going to begin is one
    /// write of the journal, in this order, and nothing is begun before it is there.
    async fn go_on(&mut self, queue: &mut Queue, calls: &mut Calls, heeded: u8) {
        calls.look();
        let over = self.ended(calls);
        let mut records = self.results(&over);
        for (operation, result) in &over {
            if result.is_ok() && !self.is_way_back(operation) {
                queue.done(operation.id);
            }
        }
        let back = self.ways_back(&over);
        let begun = self.what_may_begin(queue, calls, heeded);
        let intents = back.iter().chain(begun.iter().copied());
        if !sabotage::has(Flaw::IntentUnwritten) {
            records.extend(intents.map(|operation| Journalled::Intent {
                operation: Box::new(operation.clone()),
            }));
        }
        let written = self.write(records, calls).await;
        self.take_in(over);
        if !written {
            return;
        }
        // The write may have taken long. What is not begun now is on record as such at the end: what
        // the journal says of it is older.
        for operation in back {
            if self.may_go_back() {
                (self.on_event)(ApplyEvent::Returning {
                    operation: operation.id,
                });
                self.first_call(operation, calls);
            }
        }
        for operation in begun {
            if self.may_begin(heeded) {
                (self.on_event)(ApplyEvent::Started {
                    operation: operation.id,
                });
                self.first_call(operation.clone(), calls);
            }
        }
    }

    /// Whether anything more may be begun.
    fn may_begin(&self, heeded: u8) -> bool {
        self.stop.is_none() && self.interrupts.count() == heeded
    }

    /// Whether ways back may be begun. They belong to what was begun, so that the first interrupt
    /// waits for them; after a second one what is there is left, and without the state nothing is
    /// begun.
    fn may_go_back(&self) -> bool {
        self.interrupts.count() <= 1 && self.outcome.trouble.is_none()
    }

    /// Writes to the journal; whether it is there.
    async fn write(&mut self, records: Vec<Journalled>, calls: &mut Calls) -> bool {
        if records.is_empty() {
            return true;
        }
        match calls.write(&mut self.held, records).await {
            Ok(()) => true,
            Err(error) => {
                self.trouble(error);
                false
            }
        }
    }

    /// What the pace and the order allow to begin. What rested is called again: its intent is written.
    fn what_may_begin(
        &mut self,
        queue: &mut Queue,
        calls: &mut Calls,
        heeded: u8,
    ) -> Vec<&'a Operation> {
        let mut begun: Vec<&'a Operation> = Vec::new();
        while self.may_begin(heeded) && begun.len() < calls.pace.room() {
            if let Some(id) = calls.rested.pop_front() {
                if let Some(trying) = calls.trying.get(&id) {
                    calls.pace.begin(id);
                    let call = self.call(trying.operation.clone(), calls.turn(id));
                    calls.running.push(call);
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
        begun
    }

    /// Whether it is no operation of the plan, but the way back from one.
    fn is_way_back(&self, operation: &Operation) -> bool {
        let planned = self.plan.operation(operation.id).map(|o| &o.token);
        planned != Some(&operation.token)
    }

    /// Calls the target for an operation whose intent is written.
    fn first_call(&self, operation: Operation, calls: &mut Calls) {
        let id = operation.id;
        calls.pace.begin(id);
        let call = self.call(operation.clone(), calls.turn(id));
        calls.running.push(call);
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
    fn call(&self, operation: Operation, turn: Turn) -> BoxFuture<'static, Ended> {
        let id = operation.id;
        let sink = Arc::clone(&self.on_event);
        let context = OpContext {
            scope: self.plan.scope.clone(),
            fence: self.held.fence(),
            deadline: self.options.deadline,
            outs: Arc::clone(&self.outs),
            // A way back belongs to what was begun: it goes its whole way.
            stop: if self.is_way_back(&operation) {
                Interrupts::default()
            } else {
                self.interrupts.clone()
            },
            turn,
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

    /// The operations that are over, of the calls that ended.
    fn ended(&self, calls: &mut Calls) -> Vec<Over> {
        let mut over = Vec::new();
        for (id, result) in std::mem::take(&mut calls.over) {
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
        over
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
        let records = self.results(&over);
        self.write(records, calls).await;
        self.take_in(over);
    }

    /// How operations ended, for the state and for the journal.
    fn results(&mut self, over: &[Over]) -> Vec<Journalled> {
        let mut records = Vec::new();
        for (operation, result) in over {
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
        records
    }

    /// Tells how operations ended.
    fn take_in(&mut self, over: Vec<Over>) {
        for (operation, result) in over {
            let id = operation.id;
            let is_way_back = self.is_way_back(&operation);
            match result {
                Ok(end) => {
                    self.heard(id, end);
                    if is_way_back {
                        self.outcome.returned.push(id);
                        self.returned(id, None);
                    } else {
                        self.outcome.done.push(id);
                        (self.on_event)(ApplyEvent::Done { operation: id });
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
                    if error.back {
                        // The target did it already.
                        self.outcome.returned.push(id);
                        self.returned(id, None);
                    }
                }
            }
        }
    }

    fn returned(&self, operation: OpId, error: Option<OpError>) {
        (self.on_event)(ApplyEvent::Returned { operation, error });
    }

    /// The ways back of operations that did not become ready, where there are some.
    fn ways_back(&self, over: &[Over]) -> Vec<Operation> {
        if !self.may_go_back() {
            return Vec::new();
        }
        let way_back = |(operation, result): &Over| {
            let error = result.as_ref().err()?;
            let made = error.made.as_ref()?;
            if error.kind != OpErrorKind::NotReady || error.back || self.is_way_back(operation) {
                return None;
            }
            operation.way_back(&Precondition::Be {
                uid: made.uid.clone(),
                version: made.version.clone(),
            })
        };
        over.iter().filter_map(way_back).collect()
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
}

/// How often a target is called for an operation that fails for a reason that may pass.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
