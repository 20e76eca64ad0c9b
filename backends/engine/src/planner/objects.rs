//! What is to be done with each object, for itself.

mod others;

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Digest, Hold, NodePath, Place};

use super::semantic::Nodes;
use super::{InStep, Inputs};
use crate::backend::{Health, Note, NoteKind, Observed, Present, Refusal};
use crate::object::{HeldData, Object, ObjectId, OnChange};
use crate::plan::{
    Action, Conflict, DataFate, Drift, DriftKind, Goal, Operation, Precondition, SpecChange,
};
use crate::sabotage::{self, Flaw};
use crate::shared::Shared;
use crate::specdiff;
use crate::state::Recorded;

/// An operation that has no place in the order yet.
pub(super) struct Draft {
    pub action: Action,
    pub id: ObjectId,
    pub desired: Option<Shared<Object>>,
    /// The digest of what it is to be, where that was asked for already.
    pub digest: Option<Digest>,
    pub previous: Option<Shared<Object>>,
    pub precondition: Precondition,
    pub data: DataFate,
    pub again: bool,
    pub take: Vec<String>,
    pub changes: Vec<SpecChange>,
    pub how: Option<String>,
}

impl Draft {
    /// What it is about: the object as it is to be, else as it was.
    pub(super) fn object(&self) -> Option<&Object> {
        self.desired.as_deref().or(self.previous.as_deref())
    }

    pub(super) fn goes(&self) -> bool {
        matches!(self.action, Action::Delete | Action::Forget)
    }
}

pub(super) struct Decided {
    pub drafts: BTreeMap<ObjectId, Draft>,
    /// What could not be read, and why.
    pub blocked: BTreeMap<ObjectId, String>,
    pub unchanged: usize,
    pub drift: Vec<Drift>,
    pub conflicts: Vec<Conflict>,
    pub notes: Vec<Note>,
}

pub(super) fn decide(
    inputs: &Inputs<'_>,
    nodes: &Nodes<'_>,
    refusals: &mut Vec<Refusal>,
) -> Decided {
    let mut decider = Decider {
        inputs,
        nodes,
        refusals,
        out: Decided {
            drafts: BTreeMap::new(),
            blocked: BTreeMap::new(),
            unchanged: 0,
            drift: Vec::new(),
            conflicts: Vec::new(),
            notes: Vec::new(),
        },
    };
    let mut recorded = InStep::through(&inputs.state.inventory);
    let mut seen = InStep::through(&inputs.seen.objects);
    let unanswered = Observed::unanswered();
    for (id, object) in inputs.desired {
        let seen = seen.at(id).unwrap_or(&unanswered);
        decider.wanted(id, object, recorded.at(id), seen);
        decider.held_by_others(id, object, recorded.at(id), seen);
    }
    decider.on_new_ground();
    let staying = decider.staying();
    let mut desired = InStep::through(inputs.desired);
    for (id, recorded) in &inputs.state.inventory {
        if desired.at(id).is_some() {
            continue;
        }
        if staying.contains(id) {
            decider.out.unchanged += 1;
        } else {
            decider.unwanted(id, recorded);
        }
    }
    decider.kept_data();
    decider.unrecorded();
    decider.out
}

struct Decider<'a, 'b> {
    inputs: &'a Inputs<'a>,
    nodes: &'a Nodes<'a>,
    refusals: &'b mut Vec<Refusal>,
    out: Decided,
}

fn be(present: &Present) -> Precondition {
    Precondition::Be {
        uid: present.uid.clone(),
        version: present.version.clone(),
    }
}

impl Decider<'_, '_> {
    /// An object that is to be.
    fn wanted(
        &mut self,
        id: &ObjectId,
        object: &Shared<Object>,
        recorded: Option<&Recorded>,
        seen: &Observed,
    ) {
        let present = match seen {
            Observed::Unknown { why } if !sabotage::has(Flaw::UnknownIsAbsent) => {
                self.out.blocked.insert(id.clone(), why.clone());
                return;
            }
            Observed::Absent | Observed::Unknown { .. } => {
                if recorded.is_some() {
                    self.drifted(object, DriftKind::Gone, None);
                }
                let how = self
                    .inputs
                    .state
                    .kept
                    .get(id)
                    .map(|kept| format!("takes up its data again, kept at {}", kept.at));
                self.draft(
                    Action::Create,
                    object,
                    recorded,
                    Precondition::BeAbsent,
                    how,
                    None,
                );
                return;
            }
            Observed::Others(others) => {
                self.of_others(id, object, others);
                return;
            }
            Observed::Present(present) => present,
        };
        let digest = object.digest();
        let Some(recorded) = recorded else {
            self.drifted(object, DriftKind::Unrecorded, Some(present.summary.clone()));
            let action = if present.spec != digest {
                Action::Update
            } else if matches!(
                present.health,
                Health::Stopped { .. } | Health::Stale { .. }
            ) {
                Action::Resume
            } else {
                Action::Adopt
            };
            self.draft(action, object, None, be(present), None, Some(digest));
            return;
        };
        self.drift_of(object, recorded, present);
        let stopped = matches!(present.health, Health::Stopped { .. });
        let stale = match &present.health {
            Health::Stale { why } => Some(format!("started anew: {why}")),
            _ => None,
        };
        // A record that was made anew from what runs knows nothing of who decides.
        let lent = &recorded.object.lent;
        let decided = !lent.is_empty() && *lent != object.lent;
        let anew = recorded.anew.iter().any(|id| object.after.contains(id));
        if present.spec != digest {
            let before = (&recorded.object, recorded.protect);
            self.changed(object, before, present, digest);
        } else if decided || anew {
            let how = match decided {
                true => "what decides a part of it is another",
                false => "gone over again: what it stands on was made anew",
            };
            self.draft(
                Action::Update,
                object,
                Some(recorded),
                be(present),
                Some(how.to_owned()),
                Some(digest),
            );
            if anew {
                self.again(object);
            }
        } else if stopped || stale.is_some() || !recorded.settled {
            let sure = || (!stopped).then(|| "makes sure that it works".to_owned());
            let how = stale.or_else(sure);
            let be = be(present);
            self.draft(
                Action::Resume,
                object,
                Some(recorded),
                be,
                how,
                Some(digest),
            );
        } else if recorded.digest != digest || recorded.uid != present.uid {
            let be = be(present);
            self.draft(
                Action::Adopt,
                object,
                Some(recorded),
                be,
                None,
                Some(digest),
            );
        } else {
            self.out.unchanged += 1;
        }
    }

    fn drift_of(&mut self, object: &Object, recorded: &Recorded, present: &Present) {
        if recorded.uid != present.uid {
            self.drifted(object, DriftKind::Replaced, Some(present.summary.clone()));
            self.drifted_by(present);
        } else if recorded.settled && present.spec != recorded.digest {
            self.drifted(object, DriftKind::Changed, None);
            self.drifted_by(present);
        }
        match &present.health {
            Health::Well => {}
            Health::Stopped { why } => {
                self.drifted(object, DriftKind::Stopped, Some(why.clone()));
            }
            Health::Stale { why } => self.drifted(object, DriftKind::Stale, Some(why.clone())),
            Health::Ailing { why } => self.drifted(object, DriftKind::Ailing, Some(why.clone())),
        }
    }

    fn drifted(&mut self, object: &Object, what: DriftKind, detail: Option<String>) {
        self.out.drift.push(Drift {
            object: object.id.clone(),
            node: object.node.clone(),
            label: object.label.clone(),
            what,
            detail,
            by: None,
            at: None,
        });
    }

    /// Who did what was just told.
    fn drifted_by(&mut self, present: &Present) {
        if let (Some(drift), Some(changed)) = (self.out.drift.last_mut(), &present.changed) {
            drift.by.clone_from(&changed.by);
            drift.at = changed.at;
        }
    }

    fn draft(
        &mut self,
        action: Action,
        object: &Shared<Object>,
        recorded: Option<&Recorded>,
        precondition: Precondition,
        how: Option<String>,
        digest: Option<Digest>,
    ) {
        self.out.drafts.insert(
            object.id.clone(),
            Draft {
                action,
                id: object.id.clone(),
                desired: Some(object.clone()),
                digest,
                previous: recorded.map(|r| r.object.clone()),
                precondition,
                data: DataFate::Untouched,
                again: false,
                take: Vec::new(),
                changes: Vec::new(),
                how,
            },
        );
    }

    fn again(&mut self, object: &Object) {
        if let Some(draft) = self.out.drafts.get_mut(&object.id) {
            draft.again = true;
        }
    }

    /// An object whose spec is not the one the thing has.
    fn changed(
        &mut self,
        object: &Shared<Object>,
        (before, protect): (&Shared<Object>, bool),
        present: &Present,
        digest: Digest,
    ) {
        let mut changes = specdiff::changes(&before.spec, &object.spec);
        changes.retain(|change| !is_left(object, &change.path));
        let mut replaced_by = Vec::new();
        let mut restart = None;
        for change in &changes {
            match specdiff::effect(&object.on_change, &change.path) {
                OnChange::InPlace => {}
                OnChange::Restart { how } => restart = Some(how.clone()),
                OnChange::Replace => replaced_by.push(change.path.clone()),
                OnChange::Refuse { reason } => {
                    let message = format!("{} can't change: {reason}", change.path);
                    self.refuse(object, message, Vec::new());
                    return;
                }
            }
        }
        if let Some(node) = object.node.as_ref().filter(|_| !changes.is_empty()) {
            let fields = self.nodes.replacing(node);
            replaced_by.extend(fields.iter().map(|f| f.as_str().to_owned()));
        }
        let mut draft = Draft {
            action: Action::Update,
            id: object.id.clone(),
            desired: Some(object.clone()),
            digest: Some(digest),
            previous: Some(before.clone()),
            precondition: be(present),
            data: DataFate::Untouched,
            again: false,
            take: Vec::new(),
            how: restart,
            changes,
        };
        if draft.changes.is_empty() {
            draft.how = Some(if before.leave == object.leave {
                "put back as it was".to_owned()
            } else {
                "what is left to others changes".to_owned()
            });
        }
        if !replaced_by.is_empty() {
            replaced_by.sort();
            replaced_by.dedup();
            draft.action = Action::Replace;
            draft.how = Some(format!(
                "`{}` can't change in place",
                replaced_by.join("`, `")
            ));
            if protect {
                self.refuse_protected(before, "made anew");
                return;
            }
            let held = present.holds_data.as_ref().or(before.holds_data.as_ref());
            if let Some(held) = held {
                if !self.word_for(object) {
                    let message = format!(
                        "changing `{}` makes it anew, and {} would be lost",
                        replaced_by.join("`, `"),
                        held.what
                    );
                    self.refuse(object, message, vec![say_the_word(object)]);
                    return;
                }
                draft.data = DataFate::Destroyed;
            }
        }
        self.out.drafts.insert(object.id.clone(), draft);
    }

    /// What stands directly on data that is made anew, empty, is gone over again, though its spec
    /// is the same: the job that sets up the tables runs, and who waits for it waits.
    fn on_new_ground(&mut self) {
        let anew = |draft: &Draft| {
            let held = draft
                .desired
                .as_ref()
                .is_some_and(|o| o.holds_data.is_some());
            let again = draft.action == Action::Create && draft.previous.is_some();
            held && (draft.action == Action::Replace || again)
        };
        let ground: BTreeMap<ObjectId, String> = self
            .out
            .drafts
            .iter()
            .filter(|(_, draft)| anew(draft))
            .filter_map(|(id, draft)| Some((id.clone(), draft.object()?.label.clone())))
            .collect();
        if ground.is_empty() {
            return;
        }
        let inputs = self.inputs;
        for (id, object) in inputs.desired {
            let Some(label) = object.after.iter().find_map(|needed| ground.get(needed)) else {
                continue;
            };
            let settled = !self.out.drafts.contains_key(id) && !self.out.blocked.contains_key(id);
            if let (true, Observed::Present(present)) = (settled, &*inputs.seen.look(id)) {
                let how = format!("gone over again: {label} is made anew");
                let recorded = inputs.state.inventory.get(id);
                self.draft(
                    Action::Update,
                    object,
                    recorded,
                    be(present),
                    Some(how),
                    None,
                );
                self.again(object);
                self.out.unchanged = self.out.unchanged.saturating_sub(1);
            }
        }
    }

    /// An object that is on record, and is not to be.
    fn unwanted(&mut self, id: &ObjectId, recorded: &Recorded) {
        let object = &recorded.object;
        let mut draft = Draft {
            action: Action::Delete,
            id: id.clone(),
            desired: None,
            digest: None,
            previous: Some(object.clone()),
            precondition: Precondition::BeAbsent,
            data: DataFate::Untouched,
            again: false,
            take: Vec::new(),
            changes: Vec::new(),
            how: None,
        };
        let seen = self.inputs.seen.look(id);
        let present = match &*seen {
            Observed::Unknown { why } => {
                self.out.blocked.insert(id.clone(), why.clone());
                return;
            }
            Observed::Others(others) => {
                self.out.blocked.insert(id.clone(), others.why.clone());
                return;
            }
            Observed::Absent => {
                self.drifted(object, DriftKind::Gone, None);
                draft.action = Action::Forget;
                draft.how = Some("it is gone already".to_owned());
                self.out.drafts.insert(id.clone(), draft);
                return;
            }
            Observed::Present(present) => present,
        };
        if present.uid != recorded.uid {
            self.drifted(object, DriftKind::Replaced, Some(present.summary.clone()));
            draft.action = Action::Forget;
            draft.how = Some("what stands there now is another's: it stays".to_owned());
            draft.precondition = be(present);
            self.out.drafts.insert(id.clone(), draft);
            return;
        }
        if recorded.protect {
            self.refuse_protected(object, "removed");
            return;
        }
        if let Some(hold) = self.hold_on(object) {
            let message = format!(
                "`{}` of the environment {} uses it: it can't be removed",
                hold.by, hold.environment
            );
            let offer = format!(
                "Take that use away there and apply {0}, or destroy {0} first",
                hold.environment
            );
            self.refuse(object, message, vec![offer]);
            return;
        }
        if let Some(new) = self.moved_with_data(object, present) {
            let what = held(object, present).map_or("its data", |h| h.what.as_str());
            let message = format!(
                "it moved to `{new}`, and this target can't give it its new name: {what} would \
                 stay behind"
            );
            let old = object.node.as_ref().map_or("", NodePath::as_str);
            let offers = if self.inputs.by_name.contains(&object.target) {
                let name = object.node.as_ref().map(NodePath::external_name);
                let name = name.unwrap_or_default();
                vec![format!(
                    "Keep the name where its data is: `name = \"{name}\"` in `{new}`"
                )]
            } else {
                vec![
                    format!("Let it be `{old}` as before"),
                    format!(
                        "Or leave the `moved` out: then `{new}` begins empty, and what `{old}` \
                         holds is kept for when it is made again"
                    ),
                ]
            };
            self.refuse(object, message, offers);
            return;
        }
        draft.precondition = be(present);
        if let Some(held) = held(object, present) {
            if self.word_for(object) {
                draft.data = DataFate::Destroyed;
            } else if held.kept_on_delete {
                draft.data = DataFate::Kept;
            } else {
                let message = format!("removing it would lose {}", held.what);
                self.refuse(object, message, vec![say_the_word(object)]);
                return;
            }
        }
        self.out.drafts.insert(id.clone(), draft);
    }

    /// Who else uses what an object is made for.
    fn hold_on(&self, object: &Object) -> Option<&Hold> {
        let node = object.node.as_ref()?;
        let mut holds = self.inputs.held.iter();
        holds.find(|hold| hold.node == *node)
    }

    /// The node that an object's node moved to, when the object holds data that would stay
    /// behind because its own name changes too.
    fn moved_with_data(&self, object: &Object, present: &Present) -> Option<NodePath> {
        held(object, present)?;
        self.nodes.moved_to(object.node.as_ref()?)
    }

    /// What a destroy leaves: that which holds data that can't be kept otherwise, without its
    /// word, and all that it needs.
    fn staying(&self) -> BTreeSet<ObjectId> {
        let mut staying = BTreeSet::new();
        if self.inputs.goal != Goal::Destroy {
            return staying;
        }
        let inventory = &self.inputs.state.inventory;
        let mut queue: Vec<&ObjectId> = inventory
            .iter()
            .filter(|(id, recorded)| {
                let lost = match &*self.inputs.seen.look(id) {
                    Observed::Present(present) => {
                        held(&recorded.object, present).is_some_and(|held| !held.kept_on_delete)
                    }
                    _ => false,
                };
                lost && !self.word_for(&recorded.object)
            })
            .map(|(id, _)| id)
            .collect();
        while let Some(id) = queue.pop() {
            if staying.insert(id.clone())
                && let Some(recorded) = inventory.get(id)
            {
                queue.extend(&recorded.object.after);
            }
        }
        staying
    }

    /// Data of objects that went before: it goes when the word for it is given and nobody wants
    /// it any more.
    fn kept_data(&mut self) {
        for (id, kept) in &self.inputs.state.kept {
            let in_use = self.inputs.desired.contains_key(id)
                || self.inputs.state.inventory.contains_key(id);
            if in_use || !self.word_for(&kept.object) {
                continue;
            }
            match &*self.inputs.seen.look(id) {
                Observed::Unknown { why } => {
                    self.out.blocked.insert(id.clone(), why.clone());
                }
                Observed::Present(_) | Observed::Others(_) => {}
                Observed::Absent => {
                    let draft = Draft {
                        action: Action::Delete,
                        id: id.clone(),
                        desired: None,
                        digest: None,
                        previous: Some(kept.object.clone()),
                        precondition: Precondition::BeAbsent,
                        data: DataFate::Destroyed,
                        again: false,
                        take: Vec::new(),
                        changes: Vec::new(),
                        how: Some(format!("its data, kept at {}", kept.at)),
                    };
                    self.out.drafts.insert(id.clone(), draft);
                }
            }
        }
    }

    /// Things that carry our label, and that neither the source nor the state knows: they are
    /// told of, and left.
    fn unrecorded(&mut self) {
        let mut desired = InStep::through(self.inputs.desired);
        let mut recorded = InStep::through(&self.inputs.state.inventory);
        for (id, observed) in &self.inputs.seen.objects {
            let Observed::Present(present) = observed else {
                continue;
            };
            if desired.at(id).is_some() || recorded.at(id).is_some() {
                continue;
            }
            self.out.drift.push(Drift {
                object: id.clone(),
                node: None,
                label: id.to_string(),
                what: DriftKind::Unrecorded,
                detail: Some(present.summary.clone()),
                by: present.changed.as_ref().and_then(|c| c.by.clone()),
                at: present.changed.as_ref().and_then(|c| c.at),
            });
            self.out.notes.push(Note {
                kind: NoteKind::Info,
                node: None,
                field: None,
                place: None,
                message: format!(
                    "`{id}` carries the label of this environment, and the state knows nothing \
                     of it: it is left alone"
                ),
            });
        }
    }

    fn word_for(&self, object: &Object) -> bool {
        if sabotage::has(Flaw::WordUnasked) {
            return true;
        }
        let words = &self.inputs.words.data;
        words.allows(object.node.as_ref(), &object.id)
    }

    fn refuse_protected(&mut self, object: &Object, what: &str) {
        let offer = "If it may go, set `protect = false` on it and apply that first".to_owned();
        let message = format!("it is protected and can't be {what}");
        self.refuse(object, message, vec![offer]);
    }

    fn refuse(&mut self, object: &Object, message: String, offers: Vec<String>) {
        let place: Option<Place> = object.place.clone();
        self.refusals.push(Refusal {
            node: object.node.clone(),
            field: None,
            place,
            message,
            offers,
        });
    }
}

/// Whether a part of its spec is left to others.
fn is_left(object: &Object, path: &str) -> bool {
    object.leave.iter().any(|left| specdiff::holds(left, path))
}

fn held<'a>(object: &'a Object, present: &'a Present) -> Option<&'a HeldData> {
    present.holds_data.as_ref().or(object.holds_data.as_ref())
}

fn say_the_word(object: &Object) -> String {
    let name = object
        .node
        .as_ref()
        .map_or(object.id.as_str(), NodePath::as_str);
    format!("If it may be lost, say so: `--data {name}`")
}

/// Whether an operation only puts back what was there already.
pub(super) fn heals(operation: &Operation) -> bool {
    match operation.action {
        Action::Resume | Action::Adopt | Action::Forget => true,
        Action::Create | Action::Update => {
            operation.changes.is_empty()
                && match (&operation.previous, &operation.desired) {
                    (Some(old), Some(new)) => old.digest() == new.digest(),
                    _ => false,
                }
        }
        Action::Replace | Action::Delete => false,
    }
}
