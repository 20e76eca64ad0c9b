//! What a plan is: the program that apply runs, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plat_model::{Digest, FieldPath, Graph, NodePath, Place, TargetId};
use serde::{Deserialize, Serialize};

use crate::backend::{Facts, Note, Problem, SecretReturn};
use crate::object::{Object, ObjectId, Scope};
use crate::shared::Shared;

/// Everything an apply will do, in which order, and under which conditions. Apply runs exactly
/// this and never plans again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of this format: [`Plan::FORMAT`].
    pub format: u32,
    /// Whose things it is about.
    pub scope: Scope,
    /// What it is for.
    pub goal: Goal,
    /// The targets in use, each as its backend describes it: `local`.
    pub targets: BTreeMap<TargetId, String>,
    /// What is to be; the release that apply records holds it. `None` where nothing is to be.
    pub graph: Option<Shared<Graph>>,
    /// What lowering knew of the outside, by target; the release holds it too.
    #[serde(default)]
    pub facts: BTreeMap<TargetId, Facts>,
    /// The release that it goes back to.
    #[serde(default)]
    pub returns_to: Option<u64>,
    /// The secrets that get back the value they had then, before the first operation.
    #[serde(default)]
    pub secrets: Vec<SecretReturn>,
    /// The digests of what it was made from.
    pub made_from: MadeFrom,
    /// All objects that are to be, those that stay as they are too: the state takes from here
    /// what changed of them beside their specs.
    pub desired: BTreeMap<ObjectId, Shared<Object>>,
    /// The operations. An [`OpId`] is an index into it; each stands after those it waits for.
    pub operations: Vec<Operation>,
    /// How many objects are as they should be.
    pub unchanged: usize,
    /// What can't be planned because it could not be read, or waits for such a thing.
    pub blocked: Vec<Blocked>,
    /// Where the world differs from what was last applied, apart from what the source asks for.
    pub drift: Vec<Drift>,
    /// What others hold of what the source says.
    #[serde(default)]
    pub conflicts: Vec<Conflict>,
    /// What changes, in the app's own words.
    pub changes: Vec<NodeChange>,
    /// What people should know.
    pub notes: Vec<Note>,
    /// What [`Backend::check`](crate::Backend::check) found. One that stops keeps apply from
    /// beginning.
    pub problems: Vec<Problem>,
    /// What came of the policies that hold in the environment.
    #[serde(default)]
    pub policies: Vec<PolicyResult>,
    /// A cost limit of the environment that nobody can check: the target gives no prices.
    pub budget: Option<String>,
    /// The digest that it goes by: over all of the above but [`Plan::graph`] and [`Plan::desired`].
    /// They are by far the most of a plan of which little is to be done, and follow from what is
    /// under the digest: that of the graph and the facts.
    pub digest: Digest,
}

impl Plan {
    /// The version of the format this crate writes, and the only one it applies. It grows with
    /// the meaning of what a plan says, too: since 2 the digest of the state is made another way.
    pub const FORMAT: u32 = 2;

    /// Whether there is nothing to do: the target and the record are as the source says.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
            && self.blocked.is_empty()
            && self.changes.is_empty()
            && self.secrets.is_empty()
    }

    /// The same with the digest that its content has.
    #[must_use]
    pub(crate) fn sealed(mut self) -> Self {
        self.digest = Digest::of(b"");
        let graph = self.graph.take();
        let desired = std::mem::take(&mut self.desired);
        // Plain data with string keys: it has a JSON form.
        if let Ok(digest) = Digest::of_written(|to| serde_json::to_writer(to, &self)) {
            self.digest = digest;
        }
        self.graph = graph;
        self.desired = desired;
        self
    }

    /// The operation of that id.
    pub fn operation(&self, id: OpId) -> Option<&Operation> {
        self.operations.get(id.0)
    }

    /// The operations on a target.
    pub fn operations_on<'a>(
        &'a self,
        target: &'a TargetId,
    ) -> impl Iterator<Item = &'a Operation> {
        self.operations.iter().filter(move |o| o.target == *target)
    }

    /// The problems that keep it from being applied.
    pub fn stoppers(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|p| p.stops)
    }
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// To make the world what the graph says.
    Apply,
    /// To take everything away.
    Destroy,
    /// To take on record what carries the label of the environment and is not on it.
    Adopt,
}

/// The digests of what a plan was made from. When one has moved, the plan is stale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFrom {
    /// Of the graph; `None` for a destroy.
    pub graph: Option<Digest>,
    /// Of the state: inventory and releases, with what the journal adds.
    pub state: Digest,
    /// Of what was observed.
    pub observation: Digest,
    /// The release it goes on from.
    pub release: Option<u64>,
}

/// The place of an operation in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub usize);

/// Makes an operation idempotent: a target that has done it under this token does nothing more.
/// No two different operations have the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One step of a plan: a change of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its place in the plan.
    pub id: OpId,
    /// What is done.
    pub action: Action,
    /// To which object.
    pub object: ObjectId,
    /// On which target.
    pub target: TargetId,
    /// Whose it is.
    pub node: Option<NodePath>,
    /// What the object is, for people.
    pub label: String,
    /// What is to be; `None` for [`Action::Delete`] and [`Action::Forget`].
    pub desired: Option<Shared<Object>>,
    /// What was last applied; `None` where the state knows nothing of it.
    pub previous: Option<Shared<Object>>,
    /// What must hold just before it is done.
    pub precondition: Precondition,
    /// The operations that must be done before it is begun.
    pub after: Vec<OpId>,
    /// See [`Token`].
    pub token: Token,
    /// It is gone over again though its spec is the same, because data it stands on is made anew:
    /// a workload starts anew with what it is told then, a job runs.
    #[serde(default)]
    pub again: bool,
    /// Whether the source says of the object that it must not go: known from the moment it is
    /// made, also to whoever finds no more than the intent of it.
    #[serde(default)]
    pub protect: bool,
    /// The parts of the spec that are taken over from whoever holds them; no others are. An empty one
    /// is the object as a whole, which somebody else made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub take: Vec<String>,
    /// What becomes of the data that the object holds.
    pub data: DataFate,
    /// Which parts of the spec change, by path, sorted.
    pub changes: Vec<SpecChange>,
    /// How it goes, for people: `rolling, no downtime`; what forces a replacement; why a delete.
    pub how: Option<String>,
    /// Where the object is declared.
    pub place: Option<Place>,
}

impl Operation {
    /// Whether it makes room for data anew, empty, where there was some.
    pub(crate) fn empties(&self) -> bool {
        let held = self
            .desired
            .as_ref()
            .is_some_and(|o| o.holds_data.is_some());
        let again = self.action == Action::Create && self.previous.is_some();
        held && (self.action == Action::Replace || again)
    }

    /// The way back from it, where it leads somewhere: the object as it was before, from the thing
    /// as the attempt left it. It is a part of this operation, so that nothing is planned anew,
    /// and a step of its own to the journal and to the target. What was taken over as a whole has
    /// none: before, it was somebody else's, and would be neither his nor ours.
    pub(crate) fn way_back(&self, left: &Precondition) -> Option<Self> {
        let goes_back = self.desired.as_ref().is_some_and(|o| o.goes_back);
        let previous = self.previous.clone()?;
        if self.action != Action::Update || !goes_back || self.again || self.takes_whole() {
            return None;
        }
        let token = Digest::of(format!("back {}", self.token).as_bytes());
        Some(Self {
            desired: Some(previous),
            previous: self.desired.clone(),
            precondition: left.clone(),
            token: Token(token.as_str().chars().take(32).collect()),
            how: Some("goes back to what it was".to_owned()),
            ..self.clone()
        })
    }

    /// Whether it takes the object as a whole over from who made it.
    pub fn takes_whole(&self) -> bool {
        self.take.iter().any(String::is_empty)
    }

    /// Whether it changes the record and nothing else: no backend is asked to execute it.
    pub fn on_record_alone(&self) -> bool {
        matches!(self.action, Action::Adopt | Action::Forget)
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes the object.
    Create,
    /// Gives it its new spec; it stays itself.
    Update,
    /// Takes it away and makes it anew under the same name.
    Replace,
    /// Takes it away.
    Delete,
    /// Takes on record an object that carries the ownership label, is as it should be, and that
    /// the state does not know. The backend is not asked: what runs is left alone.
    Adopt,
    /// Starts what stopped, or goes on waiting for what was not ready; its spec is unchanged.
    Resume,
    /// Takes it off the record: somebody else removed it. The backend is not asked.
    Forget,
}

impl Action {
    /// What is being done, as an error of it begins: "making", "removing".
    pub const fn doing(self) -> &'static str {
        match self {
            Self::Create => "making",
            Self::Update => "changing",
            Self::Replace => "replacing",
            Self::Delete => "removing",
            Self::Adopt => "taking over",
            Self::Resume => "starting",
            Self::Forget => "forgetting",
        }
    }
}

/// What must hold of an object just before an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "must", rename_all = "snake_case")]
pub enum Precondition {
    /// There is nothing of that name.
    BeAbsent,
    /// It is this very thing in this version.
    Be {
        /// See [`Present::uid`](crate::Present::uid).
        uid: String,
        /// See [`Present::version`](crate::Present::version).
        version: String,
    },
}

/// What becomes of the data an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFate {
    /// The object holds none, or stays.
    Untouched,
    /// The object goes; its data stays and is taken up again when it is made anew.
    Kept,
    /// The data goes: somebody gave the word for it.
    Destroyed,
}

/// A part of a spec that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpecChange {
    /// Where in the spec.
    pub path: String,
    /// What it was; `None` where there was nothing.
    pub old: Option<serde_json::Value>,
    /// What it is to be; `None` where there will be nothing.
    pub new: Option<serde_json::Value>,
}

/// An object about which nothing is done because too little is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Which object.
    pub object: ObjectId,
    /// Whose it is.
    pub node: Option<NodePath>,
    /// What it is, for people.
    pub label: String,
    /// Why: it could not be read, or waits for one that could not be.
    pub why: String,
}

/// A part of a spec that the source says and another manager holds with another value. It is
/// taken over by its own word only, else nothing of the plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Which object.
    pub object: ObjectId,
    /// Whose it is.
    pub node: Option<NodePath>,
    /// What it is, for people.
    pub label: String,
    /// Which part of its spec; empty where all of it is somebody else's, who made it.
    pub path: String,
    /// Who holds it.
    pub by: String,
    /// What it is there. Of a whole object what changes of it: by path, what they say.
    pub theirs: Option<serde_json::Value>,
    /// What the source says. Of a whole object by path too; what has none goes.
    pub ours: serde_json::Value,
    /// Whether the word for it was given: then it is taken over.
    pub taken: bool,
}

impl Conflict {
    /// Whether all of the object is somebody else's.
    pub fn is_whole(&self) -> bool {
        self.path.is_empty()
    }

    /// The word by which it is taken over: `api:spec.replicas`; `api:Service/api` for a whole object.
    pub fn word(&self) -> String {
        let whose = self
            .node
            .as_ref()
            .map_or(self.object.as_str(), NodePath::as_str);
        let what = if self.is_whole() {
            self.object.as_str()
        } else {
            &self.path
        };
        format!("{whose}:{what}")
    }
}

/// What came of a policy. What breaks one that does not merely warn is an error of the program, and
/// there is no plan then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyResult {
    /// Its name; of another package, with that before it.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Of how many things it was asked.
    pub asked: usize,
    /// How many of them break it and have a waiver.
    pub waived: usize,
    /// How many of them break it without one.
    pub broken: usize,
    /// What it says of those.
    pub warnings: Vec<PolicyWarning>,
}

/// What a policy says of a thing that breaks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyWarning {
    /// What it says.
    pub message: String,
    /// The field that breaks it.
    pub place: Option<Place>,
}

/// A difference between the world and what was last applied to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Which object.
    pub object: ObjectId,
    /// Whose it is.
    pub node: Option<NodePath>,
    /// What it is, for people.
    pub label: String,
    /// What happened.
    pub what: DriftKind,
    /// More about it: why it stopped, what it says of itself.
    pub detail: Option<String>,
    /// Who did it, where the target knows.
    #[serde(default)]
    pub by: Option<String>,
    /// When, in milliseconds since 1970, where the target knows.
    #[serde(default)]
    pub at: Option<u64>,
}

/// What happened to an object since it was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// It is gone.
    Gone,
    /// Another thing stands in its place.
    Replaced,
    /// Somebody changed it.
    Changed,
    /// It stopped.
    Stopped,
    /// It runs with something that is another by now.
    Stale,
    /// It is not well, and its target is at work on it.
    Ailing,
    /// It carries our label, and the state knows nothing of it.
    Unrecorded,
}

/// What changes about one declaration, in the app's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeChange {
    /// The declaration; `None` for what several share.
    pub node: Option<NodePath>,
    /// Its kind: `service`; for shared things what it is, for people.
    pub kind: String,
    /// What happens to it.
    pub what: NodeAction,
    /// Its path before a `moved`.
    pub moved_from: Option<NodePath>,
    /// Where it is declared; for one that goes, where it was.
    pub place: Option<Place>,
    /// Its fields that change; for a new one those that the app itself sets.
    pub fields: Vec<FieldChange>,
    /// The operations that this takes.
    pub operations: Vec<OpId>,
}

/// What happens to a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeAction {
    /// It goes, and so does data with it or not, as its operations say.
    Destroy,
    /// It is made anew.
    Replace,
    /// It is new.
    Create,
    /// It changes.
    Change,
    /// The source asks for nothing new: it is put back as it was.
    Heal,
    /// It only takes its new name.
    Move,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Which field.
    pub field: FieldPath,
    /// Its value before, as people write it; `None` where there was none.
    pub old: Option<String>,
    /// Its value after; `None` where there will be none.
    pub new: Option<String>,
    /// Where the new value is set; for one that goes, where the old one was.
    pub place: Option<Place>,
    /// The environment whose `set` or `each` gives the new value: `prod`.
    pub set_by: Option<String>,
    /// It makes the thing anew.
    pub replaces: bool,
}

/// What the person who plans allows beyond the ordinary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Whose data may be lost.
    pub data: DataWord,
    /// How many declarations may go, where it is most of the environment.
    pub deletes: Option<usize>,
    /// What is taken over from others, each by its [`Conflict::word`].
    pub take: BTreeSet<String>,
}

/// The word for losing data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DataWord {
    /// None may be lost.
    #[default]
    None,
    /// That of these nodes (or objects, by id) and of no other.
    Of(BTreeSet<String>),
    /// That of everything this plan takes away.
    All,
}

impl DataWord {
    /// Whether the data of that object may be lost.
    pub fn allows(&self, node: Option<&NodePath>, object: &ObjectId) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Of(names) => {
                names.contains(object.as_str()) || node.is_some_and(|n| names.contains(n.as_str()))
            }
        }
    }
}
