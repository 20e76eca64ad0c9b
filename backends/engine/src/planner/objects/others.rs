//! What somebody else has of what is to be: a whole object that he made, or fields of ours.

use serde_json::{Map, Value as Json};

use super::{Decider, is_left};
use crate::backend::{Observed, Others};
use crate::object::{Object, ObjectId};
use crate::plan::Conflict;
use crate::shared::Shared;
use crate::specdiff;
use crate::state::Recorded;

impl Decider<'_, '_> {
    /// An object that is there and that somebody else made: it is left, or taken over as a whole.
    pub(super) fn of_others(&mut self, id: &ObjectId, object: &Shared<Object>, others: &Others) {
        let present = &others.present;
        let was = present
            .object
            .clone()
            .unwrap_or_else(|| Object::new(id.as_str(), object.target.clone(), Json::Null).into());
        let mut conflict = Conflict {
            object: id.clone(),
            node: object.node.clone(),
            label: object.label.clone(),
            path: String::new(),
            by: others.by.clone(),
            theirs: None,
            ours: Json::Null,
            taken: false,
        };
        conflict.taken = self.inputs.words.take.contains(&conflict.word());
        let (mut theirs, mut ours) = (Map::new(), Map::new());
        for change in specdiff::changes(&was.spec, &object.spec) {
            if is_left(object, &change.path) {
                continue;
            }
            if let Some(old) = change.old {
                if let Some(new) = change.new {
                    ours.insert(change.path.clone(), new);
                }
                theirs.insert(change.path, old);
            }
        }
        conflict.theirs = (!theirs.is_empty()).then(|| theirs.into());
        conflict.ours = ours.into();
        if conflict.taken {
            self.changed(object, (&was, false), present, object.digest());
            if let Some(draft) = self.out.drafts.get_mut(id) {
                draft.take.push(String::new());
                let from = format!("taken over from {}", others.by);
                draft.how = Some(match draft.how.take() {
                    Some(how) if !draft.changes.is_empty() => format!("{from}; {how}"),
                    _ => from,
                });
            }
        }
        self.out.conflicts.push(conflict);
    }

    /// What others hold of it, where the source says something else.
    pub(super) fn held_by_others(
        &mut self,
        id: &ObjectId,
        object: &Object,
        recorded: Option<&Recorded>,
        seen: &Observed,
    ) {
        let present = match seen {
            Observed::Present(present) => present,
            Observed::Others(others) => &others.present,
            Observed::Absent | Observed::Unknown { .. } => return,
        };
        let Some(changed) = &present.changed else {
            return;
        };
        for held in &changed.held {
            // What is gone, or goes, holds nothing any more.
            let lent_to = recorded.and_then(|r| r.object.lent.get(&held.path));
            if lent_to.is_some_and(|lent_to| !self.inputs.desired.contains_key(lent_to)) {
                if let Some(draft) = self.out.drafts.get_mut(id) {
                    draft.take.push(held.path.clone());
                }
                continue;
            }
            let left = is_left(object, &held.path);
            let Some(ours) = specdiff::part(&object.spec, &held.path).filter(|_| !left) else {
                // What the source does not say is nobody's business.
                continue;
            };
            if held.value.as_ref() == Some(ours) {
                continue;
            }
            let mut conflict = Conflict {
                object: id.clone(),
                node: object.node.clone(),
                label: object.label.clone(),
                path: held.path.clone(),
                by: held.by.clone(),
                theirs: held.value.clone(),
                ours: ours.clone(),
                taken: false,
            };
            conflict.taken = self.inputs.words.take.contains(&conflict.word());
            if let Some(draft) = self.out.drafts.get_mut(id).filter(|_| conflict.taken) {
                draft.take.push(held.path.clone());
            }
            self.out.conflicts.push(conflict);
        }
    }
}
