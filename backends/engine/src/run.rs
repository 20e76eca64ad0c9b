//! The run of a plan that has begun: the loop that starts operations, hears how they end, and
//! writes what is true.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};

use crate::apply::{ApplyEvent, ApplyOptions, OnEvent, Outcome};
use crate::backend::{Done, OpContext, OpError, OpErrorKind, ProgressSink};
use crate::engine::Engine;
use crate::error::StateError;
use crate::interrupt::Interrupts;
use crate::journal::Event as Journalled;
use crate::ledger::{Held, TTL};
use crate::plan::{Action, Goal, OpId, Operation, Plan, Precondition};
use crate::state::{Release, ReleaseHead, State};

type Running = FuturesUnordered<BoxFuture<'static, (Operation, Result<Done, OpError>)>>;

pub(crate) struct Run<'a> {
    pub engine: &'a Engine,
    pub plan: &'a Plan,
    pub options: &'a ApplyOptions,
    pub interrupts: &'a Interrupts,
    pub on_event: OnEvent,
    pub held: Held,
    pub state: State,
    pub outcome: Outcome,
    /// Why nothing more is begun.
    pub stop: Option<String>,
}

impl Run<'_> {
    /// Runs the plan to its end.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut queue = Queue::new(self.plan);
        let mut under_way: BTreeSet<OpId> = BTreeSet::new();
        let mut running: Running = FuturesUnordered::new();
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
                    running.push(self.execution(operation.clone()));
                } else if operation.on_record_alone() {
                    queue.done(operation.id);
                }
            }
            if running.is_empty() && self.interrupts.count() == heeded {
                break;
            }
            tokio::select! {
                Some((operation, result)) = running.next() => {
                    let id = operation.id;
                    under_way.remove(&id);
                    match self.ended(operation, result).await {
                        Ended::Done => queue.done(id),
                        Ended::Failed => {}
                        Ended::Back(back) => {
                            // It belongs to what was begun, so the first Ctrl-C waits for it.
                            under_way.insert(id);
                            running.push(self.execution(*back));
                        }
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
        if operation.on_record_alone() {
            // Nothing on a target changes: cut off here, it is planned again.
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

    fn execution(
        &self,
        operation: Operation,
    ) -> BoxFuture<'static, (Operation, Result<Done, OpError>)> {
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
                return (operation, Err(error));
            };
            let mut pause = Duration::from_millis(200);
            for attempt in 1.. {
                let patience = context.deadline + Duration::from_secs(10);
                let doing = backend.execute(&operation, &context);
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
                    result => return (operation, result),
                }
            }
            let error = OpError::new(OpErrorKind::Fatal, operation.label.clone(), "gave up");
            (operation, Err(error))
        })
    }

    /// Takes in how an operation ended.
    async fn ended(&mut self, operation: Operation, result: Result<Done, OpError>) -> Ended {
        let id = operation.id;
        let planned = self.plan.operation(id).map(|o| &o.token);
        let is_way_back = planned != Some(&operation.token);
        let operation = &operation;
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
                if is_way_back {
                    self.outcome.returned.push(id);
                    (self.on_event)(ApplyEvent::Returned {
                        operation: id,
                        error: None,
                    });
                    return Ended::Failed;
                }
                self.outcome.done.push(id);
                (self.on_event)(ApplyEvent::Done { operation: id });
                Ended::Done
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
                if is_way_back {
                    self.outcome.not_returned.push((id, error.clone()));
                    (self.on_event)(ApplyEvent::Returned {
                        operation: id,
                        error: Some(error),
                    });
                    return Ended::Failed;
                }
                self.outcome.failed.push((id, error.clone()));
                (self.on_event)(ApplyEvent::Failed {
                    operation: id,
                    error: error.clone(),
                });
                self.back(operation, &error).await
            }
        }
    }

    /// Begins the way back of an operation that did not become ready, where there is one.
    async fn back(&mut self, operation: &Operation, error: &OpError) -> Ended {
        if error.back {
            // The target did it already.
            self.outcome.returned.push(operation.id);
            (self.on_event)(ApplyEvent::Returned {
                operation: operation.id,
                error: None,
            });
            return Ended::Failed;
        }
        let left = match (&error.kind, &error.made) {
            (OpErrorKind::NotReady, Some(made)) => Precondition::Be {
                uid: made.uid.clone(),
                version: made.version.clone(),
            },
            _ => return Ended::Failed,
        };
        // After a second interrupt what is there is left; without the state nothing is begun.
        if self.interrupts.count() > 1 || self.outcome.trouble.is_some() {
            return Ended::Failed;
        }
        let Some(back) = operation.way_back(&left) else {
            return Ended::Failed;
        };
        let intent = Journalled::Intent {
            operation: Box::new(back.clone()),
        };
        if let Err(error) = self.held.record(intent).await {
            self.trouble(error);
            return Ended::Failed;
        }
        (self.on_event)(ApplyEvent::Returning {
            operation: operation.id,
        });
        Ended::Back(Box::new(back))
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

/// How an operation ended.
enum Ended {
    /// What waits for it may begin.
    Done,
    /// What waits for it is not begun.
    Failed,
    /// As before, and it goes back to what it was by this.
    Back(Box<Operation>),
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
