//! The end of a run: what was not done, and what is true now.

use std::collections::{BTreeMap, BTreeSet};

use super::Run;
use super::beat::{ANSWER, in_time};
use crate::apply::ApplyEvent;
use crate::error::StateError;
use crate::ledger::RELEASES;
use crate::plan::{Goal, OpId, Operation};
use crate::state::{Release, ReleaseHead};

impl Run<'_> {
    /// What was under way when somebody asked twice to stop is looked after by the next apply.
    pub(super) fn leave(&mut self, under_way: &BTreeSet<OpId>) {
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

    pub(super) fn skip_the_rest(&mut self) {
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

    pub(super) fn skip(&mut self, operation: OpId, because: String) {
        (self.on_event)(ApplyEvent::Skipped {
            operation,
            because: because.clone(),
        });
        self.outcome.skipped.push((operation, because));
    }

    /// Writes what is true now: the state, and the release.
    pub(super) async fn record(&mut self) {
        if self.outcome.trouble == Some(StateError::LeaseLost) {
            return;
        }
        self.state.looked();
        let place = self.held.place();
        if self.plan.goal == Goal::Adopt {
            // Nothing was applied: what is on record now is what others applied before.
            let commit = self.held.commit(&self.state);
            if let Err(error) = in_time(ANSWER, &place, commit).await {
                self.trouble(error);
            }
            self.give_back(&place).await;
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
            in_time(ANSWER, &place, self.held.keep_release(&release)).await?;
            let heads = &mut self.state.releases;
            heads.push(release.head.clone());
            let old = heads.len().saturating_sub(RELEASES);
            let old: Vec<u64> = heads.drain(..old).map(|head| head.number).collect();
            in_time(ANSWER, &place, self.held.commit(&self.state)).await?;
            self.held.drop_releases(&old).await;
            Ok(())
        };
        match written.await {
            Ok(()) => self.outcome.release = Some(number),
            Err(error) => self.trouble(error),
        }
        self.give_back(&place).await;
    }

    /// Gives the lease back.
    async fn give_back(&mut self, place: &str) {
        let release = self.held.release(&*self.engine.host);
        if let Err(error) = in_time(ANSWER, place, release).await {
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
