//! What is remembered between two applies.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Digest, Digester, Graph, NodePath, TargetId};
use serde::{Deserialize, Serialize};

use crate::backend::{Done, Facts, Made, OpError, OpErrorKind};
use crate::object::{Object, ObjectId, Scope};
use crate::plan::{DataFate, Operation};
use crate::sabotage::{self, Flaw};
use crate::shared::Shared;

/// The state of one scope. Small: the things themselves are on the target, and what is lost of
/// this is found again by their ownership label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whose it is.
    pub scope: Scope,
    /// Grows by one with each write.
    pub generation: u64,
    /// The fencing token of its last writer.
    pub fence: u64,
    /// The journal's records up to this number are in it.
    pub journaled: u64,
    /// What was applied and is there, as far as we know.
    pub inventory: BTreeMap<ObjectId, Recorded>,
    /// Data that was kept when its object was taken away.
    pub kept: BTreeMap<ObjectId, KeptData>,
    /// Operations of which nobody knows what came: begun, and cut off.
    pub pending: Vec<Pending>,
    /// How often each object was changed: part of a token, so that making a thing, removing it
    /// and making it again are three operations, and repeating a step that was cut off is one.
    pub changed: BTreeMap<ObjectId, u64>,
    /// The releases that are kept, oldest first.
    pub releases: Vec<ReleaseHead>,
}

/// An object as it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// It, with its spec.
    pub object: Shared<Object>,
    /// The digest of its spec.
    pub digest: Digest,
    /// Which thing it is on the target.
    pub uid: String,
    /// What others may read of it. No secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outs: BTreeMap<String, serde_json::Value>,
    /// Whether it was seen to work since it was last changed.
    pub settled: bool,
    /// The data that it stands on and that was made anew since: it is to be gone over again, as long
    /// as the source lets it stand on that.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub anew: BTreeSet<ObjectId>,
    /// Whether the source says that it must not go; stands here after the source is gone.
    #[serde(default)]
    pub protect: bool,
}

/// An operation that was begun, and of which no result was heard. Its target may be at work on
/// it still: it is looked after by some more applies before it is given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// It.
    pub operation: Operation,
    /// How many applies ended since without a sign of it.
    pub looked: u32,
}

/// How many applies look for what an operation may still have made.
const LOOKS: u32 = 3;

/// Data that outlived its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptData {
    /// The object it belonged to.
    pub object: Shared<Object>,
    /// Where it is: a path, a snapshot's name.
    pub at: String,
}

/// What the state itself holds of a release; its graph is in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseHead {
    /// Its number, from 1.
    pub number: u64,
    /// When it was applied, in milliseconds since 1970.
    pub at: u64,
    /// The plan that made it.
    pub plan: Digest,
    /// Its graph; `None` for a destroy.
    pub graph: Option<Digest>,
    /// Whether all of the plan was done.
    pub complete: bool,
    /// Who applied it, as whoever did said: `anna@laptop`.
    #[serde(default)]
    pub by: String,
    /// The command that did: `platc up dev`.
    #[serde(default)]
    pub command: String,
    /// The release that it went back to.
    #[serde(default)]
    pub returned_to: Option<u64>,
}

/// A release with its graph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// What the state holds of it.
    pub head: ReleaseHead,
    /// What was to be; `None` for a destroy.
    pub graph: Option<Shared<Graph>>,
    /// What lowering knew of the outside: digests of images and sources, versions of secrets.
    #[serde(default)]
    pub facts: BTreeMap<TargetId, Facts>,
}

impl Release {
    /// The version of the format this crate writes.
    pub(crate) const FORMAT: u32 = 1;
}

impl State {
    /// The version of the format this crate writes.
    pub const FORMAT: u32 = 1;

    /// The state of a scope of which nothing was ever applied.
    pub const fn new(scope: Scope) -> Self {
        Self {
            scope,
            generation: 0,
            fence: 0,
            journaled: 0,
            inventory: BTreeMap::new(),
            kept: BTreeMap::new(),
            pending: Vec::new(),
            changed: BTreeMap::new(),
            releases: Vec::new(),
        }
    }

    /// The digest of what a plan depends on: not of who wrote it when.
    ///
    /// Of an object that is its specs' digest, and what each apply may change of it; all else that
    /// is recorded of it changes only with [`State::changed`], or with a release.
    pub fn digest(&self) -> Digest {
        let mut d = Digester::new("plat.state");
        d.number(self.inventory.len() as u64);
        for (id, recorded) in &self.inventory {
            d.text(id.as_str()).text(recorded.digest.as_str());
            d.text(&recorded.uid);
            d.text(match (recorded.settled, recorded.protect) {
                (true, true) => "settled protected",
                (true, false) => "settled",
                (false, true) => "protected",
                (false, false) => "",
            });
            for id in &recorded.anew {
                d.text("anew").text(id.as_str());
            }
        }
        let rest = (&self.kept, &self.pending, &self.releases);
        // Plain data with string keys: it has a JSON form.
        d.text(&serde_json::to_string(&rest).unwrap_or_default());
        for (id, times) in &self.changed {
            d.text(id.as_str()).number(*times);
        }
        d.finish()
    }

    /// The last release of which all was done.
    pub fn last_complete(&self) -> Option<&ReleaseHead> {
        self.releases.iter().rev().find(|r| r.complete)
    }

    /// The last release, complete or not.
    pub fn last_release(&self) -> Option<&ReleaseHead> {
        self.releases.last()
    }

    /// The release that one goes back to where none is named: the last one of which all was done
    /// before the one that stands. Going back again goes further back, but a way back of which not
    /// all was done leads to where it was going.
    pub fn before_this(&self) -> Option<&ReleaseHead> {
        let last = self.releases.last()?;
        if !last.complete {
            return match last.returned_to {
                Some(number) => self.releases.iter().find(|r| r.number == number),
                None => self.last_complete().filter(|r| r.graph.is_some()),
            };
        }
        let from = last.returned_to.unwrap_or(last.number);
        self.releases
            .iter()
            .rev()
            .find(|r| r.complete && r.graph.is_some() && r.returned_to.is_none() && r.number < from)
    }

    /// The nodes that something is recorded of.
    pub fn nodes(&self) -> Vec<&NodePath> {
        let mut nodes: Vec<_> = self
            .inventory
            .values()
            .filter_map(|r| r.object.node.as_ref())
            .collect();
        nodes.sort();
        nodes.dedup();
        nodes
    }

    /// What the objects that are there give to others. No secrets.
    pub(crate) fn outs(&self) -> BTreeMap<ObjectId, BTreeMap<String, serde_json::Value>> {
        let all = self.inventory.iter();
        all.filter(|(_, recorded)| !recorded.outs.is_empty())
            .map(|(id, recorded)| (id.clone(), recorded.outs.clone()))
            .collect()
    }

    /// Takes in that an operation was done.
    pub(crate) fn did(&mut self, operation: &Operation, done: &Done) {
        // Whatever was begun on it before is past.
        self.pending
            .retain(|p| p.operation.object != operation.object);
        *self.changed.entry(operation.object.clone()).or_default() += 1;
        match done {
            Done::There(made) => self.put(operation, made, true),
            Done::Gone { data_kept_at } => {
                self.inventory.remove(&operation.object);
                match (operation.data, data_kept_at, &operation.previous) {
                    (DataFate::Kept, at, Some(object)) => {
                        let at = at.clone().unwrap_or_else(|| "its target".to_owned());
                        let object = object.clone();
                        self.kept
                            .insert(operation.object.clone(), KeptData { object, at });
                    }
                    (DataFate::Destroyed, ..) => {
                        self.kept.remove(&operation.object);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Takes in that an operation failed: what is there all the same is recorded, and where
    /// nothing is known the operation is kept until somebody has looked. One that was ended before
    /// it changed anything leaves it at what is known of earlier ones under its token.
    pub(crate) fn failed(&mut self, operation: &Operation, error: &OpError) {
        if error.kind == OpErrorKind::Interrupted {
            return;
        }
        self.drop_pending(operation);
        match &error.made {
            _ if error.back => {}
            Some(made) => self.put(operation, made, false),
            None => self.pend(operation),
        }
    }

    /// Keeps an operation until it is known what came of it.
    pub(crate) fn pend(&mut self, operation: &Operation) {
        self.drop_pending(operation);
        self.pending.push(Pending {
            operation: operation.clone(),
            looked: 0,
        });
    }

    /// An apply ended: what it had no sign of is looked for a few times more.
    pub(crate) fn looked(&mut self) {
        for pending in &mut self.pending {
            pending.looked += 1;
        }
        let looks = if sabotage::has(Flaw::LateGivenUp) {
            0
        } else {
            LOOKS
        };
        self.pending.retain(|p| p.looked <= looks);
    }

    /// Takes in that an object is there as an operation wanted it.
    pub(crate) fn put(&mut self, operation: &Operation, made: &Made, settled: bool) {
        let Some(object) = operation.desired.clone() else {
            return;
        };
        if operation.empties() {
            // Until they have been gone over again, which a crash may put off.
            let stands_on_it =
                |recorded: &&mut Recorded| recorded.object.after.contains(&operation.object);
            for recorded in self.inventory.values_mut().filter(stands_on_it) {
                recorded.anew.insert(operation.object.clone());
            }
        }
        // Its data was taken up again, or was to be destroyed.
        self.kept.remove(&operation.object);
        // What was protected stays it until the source as a whole is applied.
        let before = self.inventory.get(&operation.object);
        let protect = operation.protect || before.is_some_and(|r| r.protect);
        self.inventory.insert(
            operation.object.clone(),
            Recorded {
                digest: object.digest(),
                object,
                uid: made.uid.clone(),
                outs: made.outs.clone(),
                settled,
                anew: BTreeSet::new(),
                protect,
            },
        );
    }

    /// Takes in that what came of an operation is known.
    pub(crate) fn drop_pending(&mut self, operation: &Operation) {
        self.pending
            .retain(|p| p.operation.token != operation.token);
    }

    /// Takes an object on record as it is there.
    pub(crate) fn adopt(&mut self, operation: &Operation, uid: &str, version: &str) {
        let made = Made {
            uid: uid.to_owned(),
            version: version.to_owned(),
            outs: BTreeMap::new(),
        };
        self.drop_pending(operation);
        *self.changed.entry(operation.object.clone()).or_default() += 1;
        self.put(operation, &made, true);
    }

    /// Takes an object off the record.
    pub(crate) fn forget(&mut self, operation: &Operation) {
        self.inventory.remove(&operation.object);
        *self.changed.entry(operation.object.clone()).or_default() += 1;
    }
}
