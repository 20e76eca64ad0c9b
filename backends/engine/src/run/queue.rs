//! What of a plan may begin.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{OpId, Plan};

/// The operations that may begin, in the plan's order.
pub(super) struct Queue {
    ready: BTreeSet<OpId>,
    missing: BTreeMap<OpId, usize>,
    followers: BTreeMap<OpId, Vec<OpId>>,
}

impl Queue {
    pub(super) fn new(plan: &Plan) -> Self {
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

    /// The next one that may begin.
    pub(super) fn next(&mut self) -> Option<OpId> {
        self.ready.pop_first()
    }

    /// One is done: what waited for it alone may begin.
    pub(super) fn done(&mut self, id: OpId) {
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
