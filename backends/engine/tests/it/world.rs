//! A target in memory: its world outlives the engine, loses answers, fails, is changed by others,
//! and stops the engine at any call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use plat_engine::{
    Action, Backend, BackendError, Changed, DataFate, Done, Facts, Health, HeldData, Lowered, Made,
    Note, NoteKind, Object, ObjectId, Observation, Observed, OnChange, OpContext, OpError,
    OpErrorKind, Operation, Others, Precondition, Present, Problem, ProgressSink, Refusal, Scope,
    SecretInfo, SecretStore, SecretValue, Shared, Store, Token,
};
use plat_model::{Data, FieldPath, Graph, TargetId, Value};
use serde_json::json;
use tokio::sync::Notify;

/// Stops the engine for good at the n-th call that passes it.
#[derive(Default)]
pub struct Crash {
    pub passed: AtomicU64,
    at: AtomicU64,
    /// After how many more calls the target does what it was asked when the engine stopped;
    /// 0 for never.
    pub lands: u64,
    pub tripped: Notify,
    /// Lets an engine go on by one call at a time.
    gate: Option<Arc<Gate>>,
}

/// What an engine passes at each of its calls: it waits there until it may go on.
#[derive(Default)]
pub struct Gate {
    allowed: AtomicU64,
    passed: AtomicU64,
    /// Who waits at it.
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    /// One more call may pass.
    pub fn open(&self) {
        self.allowed.fetch_add(1, Ordering::SeqCst);
        for waker in self.waiting.lock().unwrap().drain(..) {
            waker.wake();
        }
    }

    /// Whether somebody waits at it.
    pub fn is_waited_at(&self) -> bool {
        !self.waiting.lock().unwrap().is_empty()
    }

    async fn pass(&self) {
        std::future::poll_fn(|context| {
            if self.passed.load(Ordering::SeqCst) < self.allowed.load(Ordering::SeqCst) {
                self.passed.fetch_add(1, Ordering::SeqCst);
                Poll::Ready(())
            } else {
                self.waiting.lock().unwrap().push(context.waker().clone());
                Poll::Pending
            }
        })
        .await;
    }
}

impl Crash {
    /// The engine stops at the call of that number, from 1.
    pub fn at(n: u64) -> Arc<Self> {
        Self::landing(n, 0)
    }

    /// The same, and the target, when it was asked for something, does it a little later.
    pub fn landing(n: u64, lands: u64) -> Arc<Self> {
        let crash = Self {
            lands,
            ..Self::default()
        };
        crash.at.store(n, Ordering::SeqCst);
        Arc::new(crash)
    }

    pub fn never() -> Arc<Self> {
        Self::at(0)
    }

    /// The engine goes on as the gate lets it.
    pub fn gated(gate: &Arc<Gate>) -> Arc<Self> {
        Arc::new(Self {
            gate: Some(Arc::clone(gate)),
            ..Self::default()
        })
    }

    /// Whether the next call is the one.
    pub fn is_next(&self) -> bool {
        self.passed.load(Ordering::SeqCst) + 1 == self.at.load(Ordering::SeqCst)
    }

    pub async fn point(&self) {
        let next = self.is_next();
        self.passed.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        if next {
            self.tripped.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// What goes wrong with one call of execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the answer is lost.
    LosesAnswer,
    /// It is not done now, and may be tried again.
    Passes,
    /// It is not done now: the target asks to be called less.
    Throttles,
    /// Somebody else changed the thing just before.
    Conflicts,
    /// It takes so many milliseconds.
    Takes(u16),
    /// It is made, and works when so many things are there: from when it is made it only waits.
    WaitsFor(usize),
    /// It gets ready, and has changed nothing yet, until it is asked to stop.
    GetsReady,
    /// It fails for good.
    Fails,
    /// It is made and doesn't work.
    NotReady,
    /// It doesn't work, and the target itself keeps what was there.
    KeepsOld,
}

/// What somebody else does to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meddling {
    /// Changes nothing that a spec says.
    Touch,
    /// Changes what its spec says.
    Edit,
    /// Stops it.
    Stop,
    /// Takes it away, if it holds no data.
    Remove,
    /// Puts a thing of their own in its place, if it holds no data.
    Replace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub uid: String,
    pub version: u64,
    pub spec: serde_json::Value,
    pub token: Option<Token>,
    pub holds: Option<HeldData>,
    /// Which data it holds; each is made once.
    pub data: Option<u64>,
    pub stopped: bool,
    /// What it was asked to be, whoever changed it since.
    pub asked: Option<Shared<Object>>,
}

/// By object, what others may read of it.
pub type Outs = BTreeMap<ObjectId, BTreeMap<String, serde_json::Value>>;

#[derive(Debug, Default, Clone)]
pub struct World {
    pub things: BTreeMap<ObjectId, Thing>,
    pub kept: BTreeMap<ObjectId, u64>,
    /// By name of the object, the data that was destroyed.
    pub destroyed: Vec<(ObjectId, u64)>,
    /// What was done to it, in order.
    pub log: Vec<String>,
    /// What must never happen.
    pub violations: Vec<String>,
    pub faults: BTreeMap<ObjectId, Vec<Fault>>,
    pub unreadable: BTreeSet<ObjectId>,
    /// What runs with something that is another by now, and why.
    pub stale: BTreeMap<ObjectId, String>,
    pub problems: Vec<Problem>,
    /// How long it takes to get what operations need.
    pub prepares: Duration,
    /// Who changed a thing, where this target knows.
    pub touched: BTreeMap<ObjectId, Changed>,
    /// What somebody else made, and who.
    pub others: BTreeMap<ObjectId, String>,
    /// What others may read of a thing once it is there.
    pub outs: Outs,
    /// What a thing was told of those it needs, when it was made or changed.
    pub told: Vec<(ObjectId, Outs)>,
    /// What the image `latest` is now.
    pub image: u64,
    pub fence: u64,
    pub running: usize,
    pub most_running: usize,
    /// With more than so many at once, it throttles.
    pub bears: Option<usize>,
    /// How often it throttled because of that.
    pub complained: usize,
    /// What others do, and at which call of the target.
    pub meddling: Vec<(u64, ObjectId, Meddling)>,
    /// How often the target was called.
    pub calls: u64,
    /// What must stay.
    pub protected: BTreeSet<ObjectId>,
    /// What must stay from when it is made.
    pub protecting: BTreeSet<ObjectId>,
    /// All data that was ever made, by the name of its object.
    pub data_made: Vec<(ObjectId, u64)>,
    /// What the target was asked for by an engine that is gone, and when it does it.
    pub under_way: Vec<(Operation, u64)>,
    /// On what it did something late: others may find their conditions moved.
    pub late: BTreeSet<ObjectId>,
    /// The next operation waits for it.
    pub gate: Option<Arc<Notify>>,
    /// A secret that never gets its former value back, and who hears that it was to.
    pub held_secret: Option<(String, Arc<Notify>)>,
    made: u64,
}

/// A backend whose world is shared with the test.
#[derive(Clone)]
pub struct Fake {
    pub world: Arc<Mutex<World>>,
    pub crash: Arc<Crash>,
    /// Whether it remembers the token of each operation in its things.
    pub tokens: bool,
    /// Whether the data of what is deleted can be kept.
    pub keeps_data: bool,
    /// Whether it refuses the token of a lease that is over.
    pub fences: bool,
}

impl Fake {
    pub fn new() -> Self {
        Self {
            world: Arc::default(),
            crash: Crash::never(),
            tokens: true,
            keeps_data: true,
            fences: true,
        }
    }

    /// The same world, seen by an engine that stops at that point.
    pub fn crashing(&self, crash: &Arc<Crash>) -> Self {
        Self {
            crash: Arc::clone(crash),
            ..self.clone()
        }
    }

    pub fn with<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        f(&mut self.world.lock().unwrap())
    }

    /// The things by name with their specs.
    pub fn things(&self) -> BTreeMap<String, serde_json::Value> {
        self.with(|w| {
            let named = w
                .things
                .iter()
                .map(|(id, t)| (id.to_string(), t.spec.clone()));
            named.collect()
        })
    }

    pub fn log(&self) -> Vec<String> {
        self.with(|w| std::mem::take(&mut w.log))
    }
}

fn int(value: Option<&Value>) -> Option<i64> {
    i64::try_from(value?.as_int()?).ok()
}

#[async_trait]
impl Backend for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn describe(&self, _: &Graph) -> String {
        "fake".into()
    }

    fn ids_from_names(&self) -> bool {
        true
    }

    async fn gather(&self, _: &TargetId, _: &Graph) -> Result<Facts, Vec<Refusal>> {
        Ok(Facts(json!({ "image": self.with(|w| w.image) })))
    }

    fn lower(
        &self,
        target: &TargetId,
        graph: &Graph,
        facts: &Facts,
    ) -> Result<Lowered, Vec<Refusal>> {
        let mut lowered = Lowered::default();
        let mut refusals = Vec::new();
        let mut hub = false;
        for (path, node) in &graph.nodes {
            if node.kind.name == "external" {
                continue;
            }
            if node.kind.name == "vm" {
                refusals.push(Refusal {
                    node: Some(path.clone()),
                    field: None,
                    place: graph.origins.place(node.origin).cloned(),
                    message: "virtual machines are not built yet on this target".into(),
                    offers: Vec::new(),
                });
                continue;
            }
            let id = |path: &str, name: &str| format!("{path}/{name}");
            let mut spec = serde_json::Map::new();
            let mut after = Vec::new();
            for (name, value) in &node.fields {
                match &value.data {
                    Data::List(items) => {
                        for item in items {
                            let Data::Node(needed) = &item.data else {
                                continue;
                            };
                            if needed.as_str() == "hub" {
                                hub = true;
                                after.push(ObjectId::from("hub"));
                            } else if let Some(other) = graph.nodes.get(needed) {
                                after.push(ObjectId::new(id(&other.kind.name, &other.name)));
                            }
                        }
                    }
                    Data::Map(entries) => {
                        let entries: serde_json::Map<_, _> = entries
                            .iter()
                            .map(|(k, v)| (k.to_string(), json!(v.to_string())))
                            .collect();
                        spec.insert(name.to_string(), entries.into());
                    }
                    _ if ["protect", "name", "back", "lent", "by", "guard"]
                        .contains(&name.as_str()) => {}
                    _ => {
                        let text = match int(Some(value)) {
                            Some(n) => json!(n),
                            None => json!(value.as_str().unwrap_or(&value.to_string())),
                        };
                        spec.insert(name.to_string(), text);
                    }
                }
            }
            // What the source calls its image is looked up when it is lowered.
            if spec.get("image") == Some(&json!("latest")) {
                let known = facts.0.get("image").cloned();
                spec.insert("image".into(), known.unwrap_or_default());
            }
            let mut object =
                Object::new(id(&node.kind.name, &node.name), target.clone(), spec.into());
            object.node = Some(path.clone());
            object.is_run = node.kind.name == "job";
            object.goes_back = node.fields.contains_key("back");
            object.leave = node.leave.keys().map(ToString::to_string).collect();
            if node.fields.contains_key("guard") {
                let id = format!("guard/{}", node.name);
                let mut guard = Object::new(id, target.clone(), json!({ "of": node.name }));
                guard.node = Some(path.clone());
                guard.after = vec![object.id.clone()];
                lowered.objects.push(guard);
            }
            // What another object of the node decides.
            if let Some(part) = node.fields.get("lent").and_then(Value::as_str) {
                let by = node.fields.get("by").and_then(Value::as_str);
                let id = format!("{}/{}", by.unwrap_or("scaler"), node.name);
                let mut scaler =
                    Object::new(id.as_str(), target.clone(), json!({ "of": node.name }));
                scaler.node = Some(path.clone());
                scaler.after = vec![object.id.clone()];
                lowered.objects.push(scaler);
                object.leave.push(part.to_owned());
                object.lent.insert(part.to_owned(), ObjectId::new(id));
            }
            object.label = format!("{} {path}", node.kind.name);
            object.after = after;
            object.place = graph.origins.place(node.origin).cloned();
            object.on_change.insert(
                "env".into(),
                OnChange::Restart {
                    how: "rolling, no downtime".into(),
                },
            );
            object.on_change.insert("disk".into(), OnChange::Replace);
            object.on_change.insert(
                "engine".into(),
                OnChange::Refuse {
                    reason: "dump it, and restore it under a new name".into(),
                },
            );
            if node.kind.name == "store" {
                object.holds_data = Some(HeldData {
                    what: format!("the database {path} and all its rows"),
                    kept_on_delete: self.keeps_data,
                });
            }
            if node.fields.contains_key("memory") {
                lowered.notes.push(Note {
                    kind: NoteKind::Weakened,
                    node: Some(path.clone()),
                    field: Some(FieldPath::new("memory")),
                    place: node
                        .fields
                        .get("memory")
                        .and_then(|v| graph.origins.place(v.origin).cloned()),
                    message: "it is a wish here: no cgroup may be made".into(),
                });
            }
            lowered.objects.push(object);
        }
        if hub {
            let mut object = Object::new("hub", target.clone(), json!({"port": 1}));
            object.label = "the hub of all queues".into();
            lowered.objects.push(object);
        }
        lowered.objects.sort_by(|a, b| a.id.cmp(&b.id));
        if refusals.is_empty() {
            Ok(lowered)
        } else {
            Err(refusals)
        }
    }

    async fn observe(&self, _: &Scope, asked: &BTreeSet<ObjectId>) -> Observation {
        self.crash.point().await;
        self.with(|w| w.tick(self.tokens));
        self.with(|world| {
            let mut seen = Observation::default();
            let ids = asked.iter().chain(world.things.keys());
            for id in ids {
                let observed = match world.things.get(id) {
                    _ if world.unreadable.contains(id) => Observed::Unknown {
                        why: "the target timed out".into(),
                    },
                    None => Observed::Absent,
                    Some(thing) => Observed::Present(Present {
                        uid: thing.uid.clone(),
                        version: thing.version.to_string(),
                        spec: match &thing.asked {
                            Some(asked) => asked.digest_of(&thing.spec),
                            None => plat_engine::spec_digest(&thing.spec),
                        },
                        token: thing.token.clone(),
                        health: if let Some(why) = world.stale.get(id) {
                            Health::Stale { why: why.clone() }
                        } else if thing.stopped {
                            Health::Stopped {
                                why: "killed by signal 9".into(),
                            }
                        } else {
                            Health::Well
                        },
                        summary: format!("version {}", thing.version),
                        holds_data: thing.holds.clone(),
                        object: thing.asked.clone(),
                        changed: world.touched.get(id).cloned().map(Box::new),
                    }),
                };
                let observed = match (world.others.get(id), observed) {
                    (Some(by), Observed::Present(present)) => Observed::Others(Box::new(Others {
                        by: by.clone(),
                        why: format!("{by} made it"),
                        present,
                    })),
                    (_, observed) => observed,
                };
                seen.objects.insert(id.clone(), observed);
            }
            seen
        })
    }

    async fn check(&self, _: &Scope, _: &[&Operation]) -> Vec<Problem> {
        self.with(|w| w.problems.clone())
    }

    async fn prepare(
        &self,
        _: &Scope,
        _: &Facts,
        _: &[&Operation],
        _: ProgressSink,
    ) -> Vec<Problem> {
        let takes = self.with(|w| w.prepares);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        Vec::new()
    }

    async fn execute(&self, op: &Operation, context: &OpContext) -> Result<Done, OpError> {
        self.with(|w| {
            w.running += 1;
            w.most_running = w.most_running.max(w.running);
        });
        let refused = self.with(|w| {
            let many = w.bears.is_some_and(|most| w.running > most);
            w.complained += usize::from(many);
            many
        });
        let done = if refused {
            tokio::task::yield_now().await;
            let kind = OpErrorKind::Throttled { after: None };
            Err(OpError::new(kind, op.label.clone(), "asked to wait"))
        } else {
            self.do_it(op, context).await
        };
        self.with(|w| w.running -= 1);
        done
    }

    fn secrets(&self) -> &dyn SecretStore {
        self
    }

    fn state(&self, _: &Scope) -> Result<Arc<dyn Store>, BackendError> {
        unimplemented!("tests bring their own")
    }
}

#[async_trait]
impl SecretStore for Fake {
    async fn list(&self, _: &Scope) -> Result<Vec<SecretInfo>, BackendError> {
        unimplemented!("no test of the engine asks for it")
    }

    async fn set(&self, _: &Scope, _: &str, _: SecretValue) -> Result<(), BackendError> {
        unimplemented!("no test of the engine asks for it")
    }

    async fn remove(&self, _: &Scope, _: &str) -> Result<bool, BackendError> {
        unimplemented!("no test of the engine asks for it")
    }

    async fn rotate(&self, _: &Scope, _: &str) -> Result<(), BackendError> {
        unimplemented!("no test of the engine asks for it")
    }

    async fn bring_back(&self, _: &Scope, name: &str, _: &str) -> Result<(), BackendError> {
        if let Some(held) = self.with(|w| w.held_secret.clone().filter(|(held, _)| held == name)) {
            held.1.notify_one();
            std::future::pending::<()>().await;
        }
        self.with(|w| w.log.push(format!("bring back {name}")));
        Ok(())
    }
}

impl Fake {
    async fn do_it(&self, op: &Operation, context: &OpContext) -> Result<Done, OpError> {
        if self.crash.is_next() && self.crash.lands > 0 {
            self.with(|w| {
                w.in_order(op);
                w.under_way.push((op.clone(), self.crash.lands));
            });
        }
        self.crash.point().await;
        tokio::task::yield_now().await;
        self.with(|w| w.tick(self.tokens));
        if let Some(gate) = self.with(|w| w.gate.take()) {
            gate.notified().await;
        }
        let fault = self.with(|w| {
            let faults = w.faults.get_mut(&op.object)?;
            (!faults.is_empty()).then(|| faults.remove(0))
        });
        let error = |kind, why: &str| Err(OpError::new(kind, op.label.clone(), why));
        match fault {
            Some(Fault::Passes) => {
                return error(OpErrorKind::Transient, "the connection was refused");
            }
            Some(Fault::Throttles) => {
                let kind = OpErrorKind::Throttled { after: Some(50) };
                return error(kind, "asked to wait");
            }
            Some(Fault::Takes(time)) => {
                tokio::time::sleep(Duration::from_millis(time.into())).await;
            }
            Some(Fault::GetsReady) => {
                context.stop.beyond(0).await;
                return error(OpErrorKind::Interrupted, "somebody asked to stop");
            }
            Some(Fault::Conflicts) => self.with(|w| w.meddle(&op.object, Meddling::Touch)),
            Some(Fault::Fails) => return error(OpErrorKind::Fatal, "no room on the disk"),
            Some(Fault::KeepsOld) => {
                let mut error = OpError::new(OpErrorKind::NotReady, op.label.clone(), "it ended");
                error.back = true;
                return Err(error);
            }
            _ => {}
        }
        let fence = if self.fences { context.fence } else { u64::MAX };
        if self.with(|w| w.begin(op, fence))? {
            // A replacement is two calls, and may be cut between them.
            if op.action == Action::Replace {
                self.with(|w| w.take_away(op));
                self.crash.point().await;
            }
            self.with(|w| {
                w.in_order(op);
                w.put(op, self.tokens);
                if op.take.iter().any(String::is_empty) {
                    w.others.remove(&op.object);
                }
            });
        }
        if let Some(object) = &op.desired {
            let needed = |(id, _): &(&ObjectId, &_)| object.after.contains(id);
            let outs = context.outs.iter().filter(needed);
            let told = outs.map(|(id, outs)| (id.clone(), outs.clone())).collect();
            self.with(|w| w.told.push((op.object.clone(), told)));
        }
        self.crash.point().await;
        if fault == Some(Fault::LosesAnswer) {
            return error(OpErrorKind::Transient, "the connection was closed");
        }
        if let Some(Fault::WaitsFor(all)) = fault {
            context.turn.give_on();
            while self.with(|w| w.things.len()) < all {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let made = self.with(|w| {
            let thing = w.things.get(&op.object)?;
            Some(Made {
                uid: thing.uid.clone(),
                version: thing.version.to_string(),
                outs: w.outs.get(&op.object).cloned().unwrap_or_default(),
            })
        });
        if fault == Some(Fault::NotReady) {
            let mut error = OpError::new(
                OpErrorKind::NotReady,
                format!("starting {}", op.label),
                "it exited with code 1 three times within 2 s",
            );
            error.log = vec!["Traceback".into(), "KeyError: 'DATABASE_URL'".into()];
            error.made = made.map(Box::new);
            return Err(error);
        }
        Ok(match made {
            Some(made) if op.action != Action::Delete => Done::There(made),
            _ => Done::Gone {
                data_kept_at: (op.data == DataFate::Kept).then(|| "/kept".to_owned()),
            },
        })
    }
}

impl World {
    /// Whether there is anything left to do.
    fn begin(&mut self, op: &Operation, fence: u64) -> Result<bool, OpError> {
        let conflict =
            |why: String| Err(OpError::new(OpErrorKind::Conflict, op.label.clone(), why));
        if fence < self.fence {
            return conflict(format!("{fence} is older than {}", self.fence));
        }
        self.fence = fence;
        let there = self.things.get(&op.object);
        if there.is_some_and(|t| t.token.as_ref() == Some(&op.token) && !t.stopped) {
            return Ok(false);
        }
        match (&op.precondition, there) {
            (Precondition::BeAbsent, None) => Ok(true),
            (Precondition::BeAbsent, Some(thing)) => {
                // Without tokens nobody can know that it is the same operation: it is refused.
                if thing.token.is_some() && !self.late.contains(&op.object) {
                    self.violations.push(format!("{}: made twice", op.object));
                }
                conflict("it is there".into())
            }
            (Precondition::Be { .. }, None) if op.action == Action::Delete => Ok(false),
            (Precondition::Be { .. }, None) => conflict("it is gone".into()),
            (Precondition::Be { uid, version }, Some(t)) => {
                if t.uid == *uid && t.version.to_string() == *version {
                    Ok(true)
                } else {
                    conflict(format!("it is {} {}", t.uid, t.version))
                }
            }
        }
    }

    /// Somebody else does something.
    pub fn meddle(&mut self, id: &ObjectId, what: Meddling) {
        self.made += 1;
        let n = self.made;
        let Some(thing) = self.things.get_mut(id) else {
            return;
        };
        let holds = thing.data.is_some();
        match what {
            Meddling::Touch => thing.version = n,
            Meddling::Edit => {
                thing.version = n;
                thing.spec = json!({"scale": 99});
            }
            Meddling::Stop => {
                thing.version = n;
                thing.stopped = true;
            }
            Meddling::Remove if !holds => {
                self.things.remove(id);
            }
            Meddling::Replace if !holds => {
                thing.uid = format!("u{n}");
                thing.version = n;
                thing.token = None;
            }
            Meddling::Remove | Meddling::Replace => {}
        }
        self.late.insert(id.clone());
    }

    /// A call passed: what is under way comes nearer.
    fn tick(&mut self, tokens: bool) {
        self.calls += 1;
        let now = self.calls;
        let due = |(at, ..): &(u64, ObjectId, Meddling)| *at <= now;
        for (_, id, what) in self.meddling.extract_if(.., |m| due(m)).collect::<Vec<_>>() {
            self.meddle(&id, what);
        }
        for (_, left) in &mut self.under_way {
            *left -= 1;
        }
        let due = self.under_way.iter().position(|(_, left)| *left == 0);
        let Some((op, _)) = due.map(|at| self.under_way.remove(at)) else {
            return;
        };
        self.late.insert(op.object.clone());
        if self.begin(&op, self.fence) == Ok(true) {
            if op.action == Action::Replace {
                self.take_away(&op);
            }
            self.put(&op, tokens);
        }
    }

    fn take_away(&mut self, op: &Operation) {
        if self.protected.contains(&op.object) {
            let what = format!("{}: taken away, though it is protected", op.object);
            self.violations.push(what);
        }
        let thing = self.things.remove(&op.object);
        let data = match thing {
            Some(thing) => thing.data,
            None => self.kept.remove(&op.object),
        };
        let Some(data) = data else {
            return;
        };
        match op.data {
            DataFate::Destroyed => self.destroyed.push((op.object.clone(), data)),
            DataFate::Kept => {
                self.kept.insert(op.object.clone(), data);
            }
            DataFate::Untouched => {
                self.violations
                    .push(format!("{}: data lost without a word", op.object));
            }
        }
    }

    /// What something needs is there when the target is asked for it. When a call lands late that
    /// may have changed, and is no fault of whoever made the call.
    fn in_order(&mut self, op: &Operation) {
        let (Action::Create | Action::Replace, Some(object)) = (op.action, &op.desired) else {
            return;
        };
        for needed in &object.after {
            if !self.things.contains_key(needed) && !self.late.contains(needed) {
                let what = format!("{}: made before {needed}, which it needs", op.object);
                self.violations.push(what);
            }
        }
    }

    fn put(&mut self, op: &Operation, tokens: bool) {
        let name = format!("{:?} {}", op.action, op.object).to_lowercase();
        self.log.push(name);
        let token = tokens.then(|| op.token.clone());
        self.made += 1;
        let n = self.made;
        match (op.action, &op.desired) {
            (Action::Delete, _) => self.take_away(op),
            (Action::Create | Action::Replace, Some(object)) => {
                if self.protecting.contains(&op.object) {
                    self.protected.insert(op.object.clone());
                }
                let data = object.holds_data.is_some().then(|| {
                    self.kept.remove(&op.object).unwrap_or_else(|| {
                        self.data_made.push((op.object.clone(), n));
                        n
                    })
                });
                self.things.insert(
                    op.object.clone(),
                    Thing {
                        uid: format!("u{n}"),
                        version: n,
                        spec: object.spec.clone(),
                        token,
                        holds: object.holds_data.clone(),
                        data,
                        stopped: false,
                        asked: Some(object.clone()),
                    },
                );
            }
            (_, Some(object)) => {
                if let Some(thing) = self.things.get_mut(&op.object) {
                    thing.version = n;
                    thing.spec = object.spec_over(&thing.spec);
                    thing.asked = Some(object.clone());
                    thing.token = token;
                    thing.stopped = false;
                    self.stale.remove(&op.object);
                }
            }
            (action, None) => self.violations.push(format!("{action:?} of nothing")),
        }
    }
}
