//! What the engine asks of a target: the traits that every backend implements.
//!
//! [`Backend`] makes things and looks at them, [`Inspect`] shows people what runs, [`SecretStore`]
//! keeps what the engine must never hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use plat_model::{Digest, FieldPath, Graph, NodePath, Place, TargetId};
use serde::{Deserialize, Serialize};

use crate::interrupt::Interrupts;
use crate::object::{HeldData, Object, ObjectId, Scope};
use crate::plan::{Operation, Token};
use crate::shared::Shared;
use crate::store::Store;

/// A target: it lowers a graph to objects, looks at what is there and makes it so.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The constructor it answers to in the source: `local`, `kubernetes`.
    fn name(&self) -> &'static str;

    /// Where this target is, for the head of a plan: `local`, `kubernetes prod-eu/shop`.
    fn describe(&self, graph: &Graph) -> String;

    /// Whether the ids of its objects come from the `name` of their declarations: then one that
    /// moved stays what it was by keeping its `name`. Else they come from its path.
    fn ids_from_names(&self) -> bool {
        false
    }

    /// Reads what lowering needs of the local world (digests of source directories, versions of
    /// tools). It must change nothing and ask no target.
    ///
    /// # Errors
    /// What the source names and is not there.
    async fn gather(&self, target: &TargetId, graph: &Graph) -> Result<Facts, Vec<Refusal>>;

    /// The objects for those nodes of the graph that are on `target`, sorted by id. Pure: no
    /// I/O, no clock, no randomness; the same input gives the same bytes.
    ///
    /// # Errors
    /// What this target can't do, each at its field.
    fn lower(
        &self,
        target: &TargetId,
        graph: &Graph,
        facts: &Facts,
    ) -> Result<Lowered, Vec<Refusal>>;

    /// What can be had again of what was known when a release was applied, for going back to it:
    /// its images, the values that its secrets had. It must change nothing. What can't be had is
    /// told in a note where the release can do without, else refused.
    ///
    /// # Errors
    /// What can't be had, and the release can't be without.
    async fn recall(
        &self,
        _target: &TargetId,
        _graph: &Graph,
        then: &Facts,
    ) -> Result<Recalled, Vec<Refusal>> {
        Ok(Recalled {
            facts: then.clone(),
            ..Recalled::default()
        })
    }

    /// What is really there: each of `asked`, and whatever else carries the scope's ownership
    /// label. In bulk. It changes nothing. What could not be read is [`Observed::Unknown`]; an
    /// id of `asked` that is missing from the answer counts as unknown too, never as absent.
    async fn observe(&self, scope: &Scope, asked: &BTreeSet<ObjectId>) -> Observation;

    /// Everything that can be known to go wrong with these operations (all of this target)
    /// before anything is changed: a secret that is not set, a port in use, a command that does
    /// not exist, a tool that can't be had. It changes nothing.
    async fn check(&self, scope: &Scope, operations: &[&Operation]) -> Vec<Problem>;

    /// Gets what these operations (all of this target) need before the first of them begins,
    /// such as programs to fetch or images to make; `facts` is what lowering knew when they were
    /// planned. What can't be had is told while nothing is changed yet. Safe to
    /// call again, and to drop.
    async fn prepare(
        &self,
        _scope: &Scope,
        _facts: &Facts,
        _operations: &[&Operation],
        _tell: ProgressSink,
    ) -> Vec<Problem> {
        Vec::new()
    }

    /// Does one operation and waits until the thing works, at most until `context.deadline`.
    ///
    /// - Idempotent under `operation.token`: where the thing that is there carries this token
    ///   already (or is gone already, for a delete), nothing more is changed, it is only waited
    ///   for, whatever the precondition says.
    /// - The precondition is checked by the target itself where it can, else just before.
    /// - A `context.fence` lower than the highest one seen for the scope is refused as
    ///   [`OpErrorKind::Conflict`].
    /// - What the object leaves to others ([`Object::leave`]) is not written on what is there, and of
    ///   what another manager holds only [`Operation::take`] is taken over.
    /// - The future may be dropped at any await; calling again later must finish the work.
    ///
    /// # Errors
    /// See [`OpErrorKind`]. What was made all the same goes into [`OpError::made`].
    async fn execute(&self, operation: &Operation, context: &OpContext) -> Result<Done, OpError>;

    /// Where the secrets of this target's environments are kept.
    fn secrets(&self) -> &dyn SecretStore;

    /// Where the state of a scope lives by default. It creates nothing until it is written to.
    ///
    /// # Errors
    /// The place can't be had: it belongs to another user, it is not reachable.
    fn state(&self, scope: &Scope) -> Result<Arc<dyn Store>, BackendError>;
}

/// What [`Backend::gather`] found, in the backend's own format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub serde_json::Value);

/// What [`Backend::recall`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recalled {
    /// What lowering is to know: as then, as far as it can be had.
    pub facts: Facts,
    /// The secrets that must get another value first.
    pub secrets: Vec<SecretReturn>,
    /// What is not as it was then.
    pub notes: Vec<Note>,
}

/// A secret that gets back a value it had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretReturn {
    /// The target that keeps it.
    pub target: TargetId,
    /// Its name.
    pub name: String,
    /// Which value: a name for it that tells nothing of it.
    pub version: String,
    /// When it was given that value, in milliseconds since 1970.
    pub since: u64,
}

/// What lowering made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lowered {
    /// What is to be, sorted by id.
    pub objects: Vec<Object>,
    /// What people should know beside it.
    pub notes: Vec<Note>,
}

/// Something a plan tells people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// What kind of thing it tells.
    pub kind: NoteKind,
    /// Which declaration it is about.
    pub node: Option<NodePath>,
    /// Which of its fields.
    pub field: Option<FieldPath>,
    /// Where that stands.
    pub place: Option<Place>,
    /// What there is to say, one sentence.
    pub message: String,
}

/// The kind of a [`Note`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// A promise of the source that this target keeps only in part.
    Weakened,
    /// A part of the source that has no effect on this target yet.
    NotBuilt,
    /// Good to know.
    Info,
}

/// A part of the source that can't be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// Which declaration.
    pub node: Option<NodePath>,
    /// Which of its fields.
    pub field: Option<FieldPath>,
    /// Where that stands.
    pub place: Option<Place>,
    /// What can't be done and why.
    pub message: String,
    /// What can be done instead, each one sentence.
    pub offers: Vec<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match (&self.node, &self.field) {
            (Some(node), Some(field)) => write!(f, "`{node}.{field}`: ")?,
            (Some(node), None) => write!(f, "`{node}`: ")?,
            _ => {}
        }
        f.write_str(&self.message)?;
        for offer in &self.offers {
            write!(f, "\n  {offer}")?;
        }
        Ok(())
    }
}

/// What [`Backend::observe`] saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// By id: all that was asked for, and all that carries the scope's ownership label.
    pub objects: BTreeMap<ObjectId, Observed>,
}

impl Observation {
    /// Nothing could be read, for one reason.
    pub fn unknown(asked: &BTreeSet<ObjectId>, why: &str) -> Self {
        let unknown = |id: &ObjectId| {
            let why = why.to_owned();
            (id.clone(), Observed::Unknown { why })
        };
        Self {
            objects: asked.iter().map(unknown).collect(),
        }
    }

    /// What is known of `id`; an id that nobody answered for is unknown.
    pub fn of(&self, id: &ObjectId) -> Observed {
        self.look(id).into_owned()
    }

    /// The same, not copied: a thing may carry all that it was asked to be.
    pub(crate) fn look(&self, id: &ObjectId) -> Cow<'_, Observed> {
        let found = self.objects.get(id).map(Cow::Borrowed);
        found.unwrap_or_else(|| Cow::Owned(Observed::unanswered()))
    }
}

/// One thing as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Observed {
    /// It is there.
    Present(Present),
    /// It is certainly not there.
    Absent,
    /// It could not be read.
    Unknown {
        /// Why.
        why: String,
    },
    /// It is there and somebody else made it, whose place may be taken.
    Others(Box<Others>),
}

/// A thing that somebody else made under a name that is asked for. Nothing is done about it until its
/// own word is said ([`Conflict::word`](crate::Conflict::word)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// Who made it, for people: `Helm (release `shop`)`.
    pub by: String,
    /// Why it is not ours, where nobody may take it.
    pub why: String,
    /// It, as it is there. Its `object` is what they asked of it: what of that the source does not say
    /// goes when it is taken over.
    pub present: Present,
}

impl Observed {
    /// What nobody answered for.
    pub(crate) fn unanswered() -> Self {
        Self::Unknown {
            why: "the target gave no answer for it".to_owned(),
        }
    }
}

/// A thing that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present {
    /// Which thing it is: a thing made anew under the same name has another.
    pub uid: String,
    /// Changes whenever anybody changes the thing.
    pub version: String,
    /// The digest of the spec it has now, as what it was last asked to be sees it
    /// ([`Object::digest_of`]; [`Object::digest`] when it is as asked for); a change by somebody
    /// else shows in it.
    pub spec: Digest,
    /// The token of the operation that last made or changed it, where the target keeps it.
    pub token: Option<Token>,
    /// How it is.
    pub health: Health,
    /// One line for people: `2 of 2 copies, up 3 h`.
    pub summary: String,
    /// What would be lost with it.
    pub holds_data: Option<HeldData>,
    /// Who last changed it and when, as far as the target knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Box<Changed>>,
    /// What it was last asked to be, where the target keeps that: what a lost state is rebuilt
    /// from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Shared<Object>>,
}

/// What others did to a thing: who changed it last, when, and what they hold of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Who, as the target names it: a field manager, a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The parts of its spec that others hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldField>,
}

/// A part of a spec that another manager than plat holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldField {
    /// Where in the spec, as in [`Object::on_change`].
    pub path: String,
    /// Who holds it, as the target names it.
    pub by: String,
    /// What it is now; `None` where there is nothing, and where it may be a secret.
    pub value: Option<serde_json::Value>,
}

/// How a thing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Health {
    /// It does what it should.
    Well,
    /// It should run and doesn't, and nobody is going to start it: a plan resumes it.
    Stopped {
        /// Why.
        why: String,
    },
    /// It runs, and with something that is another by now, such as a secret's former value; nobody
    /// is going to start it anew: a plan does.
    Stale {
        /// Why.
        why: String,
    },
    /// It is not well, and its target is at work on it (restarts with backoff): a plan says so
    /// and leaves it.
    Ailing {
        /// Why.
        why: String,
    },
}

/// Something that is known before anything is changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Whether the plan can't be applied because of it.
    pub stops: bool,
    /// Which declaration it is about.
    pub node: Option<NodePath>,
    /// Where that stands.
    pub place: Option<Place>,
    /// What it is.
    pub message: String,
    /// What to do about it: `platc secret set stripe_key`.
    pub next: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(next) = &self.next {
            write!(f, "\n  {next}")?;
        }
        Ok(())
    }
}

/// What an operation is done with.
#[derive(Clone)]
pub struct OpContext {
    /// Whose it is.
    pub scope: Scope,
    /// The fencing token of the lease: it only grows within a scope.
    pub fence: u64,
    /// How long it may take until the thing works.
    pub deadline: Duration,
    /// The outs of the objects that are done, for holes that are filled after apply. No secrets.
    pub outs: Arc<BTreeMap<ObjectId, BTreeMap<String, serde_json::Value>>>,
    /// How often somebody asked to stop. What has changed nothing of its thing yet, because it still
    /// fetches or prepares what it needs, may end then with [`OpErrorKind::Interrupted`]; whatever
    /// has is done to its end.
    pub stop: Interrupts,
    /// Takes what is worth showing while it runs.
    pub progress: ProgressSink,
    /// Its turn among those that ask the target for something at once. It is given on when all is
    /// asked for, and the thing is only waited for until it works.
    pub turn: Turn,
}

/// The turn of an operation; cheap to clone. Only so many have theirs at once: one that is not given on
/// ends with its operation.
#[derive(Clone)]
pub struct Turn(Arc<dyn Fn() + Send + Sync>);

impl Turn {
    /// One that calls `given` when it is given on.
    pub fn new(given: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(given))
    }

    /// One that nobody waits for.
    pub fn none() -> Self {
        Self::new(|| {})
    }

    /// Another may have it: from now on the target is hardly asked for anything.
    pub fn give_on(&self) {
        (self.0)();
    }
}

/// Takes progress of one operation; cheap to clone and to call.
#[derive(Clone)]
pub struct ProgressSink(Arc<dyn Fn(Progress) + Send + Sync>);

impl ProgressSink {
    /// A sink that calls `f`.
    pub fn new(f: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(f))
    }

    /// A sink that drops everything.
    pub fn none() -> Self {
        Self::new(|_| {})
    }

    /// Tells that it now does `message`: `waits until it is ready`.
    pub fn say(&self, message: impl Into<String>) {
        let message = message.into();
        (self.0)(Progress {
            message,
            amount: None,
        });
    }

    /// Tells how far something is, in units of its own (bytes, most often).
    pub fn amount(&self, message: impl Into<String>, done: u64, total: Option<u64>) {
        let message = message.into();
        (self.0)(Progress {
            message,
            amount: Some((done, total)),
        });
    }
}

/// How far an operation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What it does now.
    pub message: String,
    /// How much of it is done, and of how much where that is known.
    pub amount: Option<(u64, Option<u64>)>,
}

/// How an operation ended well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Done {
    /// The thing is there and works.
    There(Made),
    /// The thing is gone.
    Gone {
        /// Where its data is now, when it was kept: a path, a snapshot's name.
        data_kept_at: Option<String>,
    },
}

/// A thing that was made or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// See [`Present::uid`].
    pub uid: String,
    /// See [`Present::version`].
    pub version: String,
    /// What others may read of it that was not known before. No secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outs: BTreeMap<String, serde_json::Value>,
}

/// How an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{what}: {why}")]
pub struct OpError {
    /// What kind of failure it is: decides whether it is tried again.
    pub kind: OpErrorKind,
    /// What was being done, to what: `starting api`.
    pub what: String,
    /// Why it failed: `exited with code 1 three times within 2 s`.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
    /// The last lines the thing wrote, oldest first. Never a secret.
    pub log: Vec<String>,
    /// What is there all the same (made but not ready), so that the state tells the truth.
    pub made: Option<Box<Made>>,
    /// The target has put the thing back to what it was before by itself: nothing was changed in
    /// the end.
    #[serde(default)]
    pub back: bool,
}

impl OpError {
    /// An error with nothing but its kind, what was being done and why it failed.
    pub fn new(kind: OpErrorKind, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            why: why.into(),
            next: None,
            log: Vec::new(),
            made: None,
            back: false,
        }
    }
}

/// The kind of an [`OpError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpErrorKind {
    /// The precondition does not hold: the world has moved since the plan.
    Conflict,
    /// It was made, and does not work within its time.
    NotReady,
    /// It may work when tried again: the engine does, with backoff and the same token.
    Transient,
    /// The target asks to be called less (429, `SlowDown`): the engine calls it with fewer
    /// operations at once, and goes on trying for as long as the operation may take.
    Throttled {
        /// For how long it asked to be left alone, in milliseconds.
        after: Option<u32>,
    },
    /// It won't work by trying again.
    Fatal,
    /// Somebody asked to stop before anything of it was changed: it is not begun.
    Interrupted,
}

/// A failure outside an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct BackendError {
    /// What was being done, to what.
    pub what: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub next: Option<String>,
}

impl BackendError {
    /// An error without advice.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
            next: None,
        }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// Keeps the secrets of a target's environments. It takes values and never gives one back: only
/// who runs the workload (agent and shim, the target's own secret machinery) reads them.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// All secrets it has for a scope, sorted by name.
    ///
    /// # Errors
    /// The store can't be read.
    async fn list(&self, scope: &Scope) -> Result<Vec<SecretInfo>, BackendError>;

    /// Sets a secret, new or not.
    ///
    /// # Errors
    /// The store can't be written.
    async fn set(&self, scope: &Scope, name: &str, value: SecretValue) -> Result<(), BackendError>;

    /// Removes a secret; `false` if there was none.
    ///
    /// # Errors
    /// The store can't be written.
    async fn remove(&self, scope: &Scope, name: &str) -> Result<bool, BackendError>;

    /// Makes a new value for a secret that the store generates.
    ///
    /// # Errors
    /// It is not a generated one, or the store can't be written.
    async fn rotate(&self, scope: &Scope, name: &str) -> Result<(), BackendError>;

    /// Gives a secret a value back that it had ([`Recalled::secrets`]). Where it has that value,
    /// nothing changes.
    ///
    /// # Errors
    /// That value is not kept any more, or the store can't be written.
    async fn bring_back(
        &self,
        scope: &Scope,
        name: &str,
        _version: &str,
    ) -> Result<(), BackendError> {
        Err(BackendError::new(
            format!("bringing back a value of the secret {name} in {scope}"),
            "this store keeps no former values",
        ))
    }
}

/// What may be known of a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretInfo {
    /// Its name: the path of its declaration, or `db.password` for a generated credential.
    pub name: String,
    /// Whether the store made it, and can make it anew.
    pub generated: bool,
    /// A digest of its value keyed with a key of the environment: equal values have equal
    /// digests within it, and nothing else can be told from it.
    pub digest: String,
    /// When it was last set, in seconds since 1970.
    pub since: u64,
}

/// A secret on its way into a store. It shows itself to nobody but its reader.
pub struct SecretValue(Vec<u8>);

impl SecretValue {
    /// Wraps a value.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into())
    }

    /// The value, for the store that keeps it.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// Shows people what runs; the same for every target.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// How each node of a scope is, sorted by path.
    ///
    /// # Errors
    /// The target can't be asked.
    async fn status(&self, scope: &Scope) -> Result<Vec<NodeStatus>, BackendError>;

    /// What the scope's workloads write. The stream ends when everything asked for was given
    /// and `follow` is off.
    ///
    /// # Errors
    /// The target can't be asked, or a node of the query has no logs.
    async fn logs(
        &self,
        scope: &Scope,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, BackendError>>, BackendError>;
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The node.
    pub node: NodePath,
    /// Its kind: `service`, `postgres`.
    pub kind: String,
    /// How it is.
    pub state: RunState,
    /// How many copies answer.
    pub ready: u32,
    /// How many there should be.
    pub wanted: u32,
    /// How often a copy was restarted since it was last asked for.
    pub restarts: u64,
    /// Since when it is in this state, in seconds since 1970.
    pub since: Option<u64>,
    /// Where it is reached: `http://shop.localhost:8088`.
    pub urls: Vec<String>,
    /// Why it last failed.
    pub last_failure: Option<String>,
}

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It works.
    Running,
    /// It is on its way.
    Starting,
    /// Some copies work, or it keeps dying and is being restarted.
    Degraded,
    /// It does not work.
    Failed,
    /// It is not running, and is not meant to: a job between runs, a scale of zero.
    Idle,
    /// It ended as it should: a job.
    Done,
    /// It should run, and nobody runs it.
    Stopped,
}

/// Which logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// Of which nodes; empty means of all.
    pub nodes: BTreeSet<NodePath>,
    /// Only lines from this time on, in milliseconds since 1970.
    pub since: Option<u64>,
    /// At most so many of the last lines, over all nodes; `None` means all.
    pub tail: Option<usize>,
    /// Goes on with what is written from now on.
    pub follow: bool,
}

/// One line that a workload wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Whose it is.
    pub node: NodePath,
    /// Which of its copies, from 0.
    pub copy: u32,
    /// When it was written, in milliseconds since 1970.
    pub at: Option<u64>,
    /// Whether it went to the standard error.
    pub error: bool,
    /// The line without its end.
    pub text: String,
}
