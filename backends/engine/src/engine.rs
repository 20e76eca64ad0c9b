//! The engine of one scope: reads, plans, and hands plans to apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_model::{Graph, TargetId};

use crate::backend::{Backend, Note, Observation, Observed, Refusal};
use crate::error::EngineError;
use crate::lease::Host;
use crate::ledger::Ledger;
use crate::object::{Object, ObjectId, Scope};
use crate::plan::{Goal, Operation, Plan, Words};
use crate::planner::{self, Inputs};
use crate::recover;
use crate::state::State;
use crate::store::Store;

/// Plans and applies for one scope, on the backends it was given.
pub struct Engine {
    pub(crate) scope: Scope,
    pub(crate) backends: BTreeMap<TargetId, Arc<dyn Backend>>,
    pub(crate) ledger: Ledger,
    pub(crate) host: Arc<dyn Host>,
}

impl Engine {
    /// An engine. `backends` has one for each target of the graph, and of what was applied
    /// before, that can be reached.
    pub fn new(
        scope: Scope,
        backends: BTreeMap<TargetId, Arc<dyn Backend>>,
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
    ) -> Self {
        Self {
            ledger: Ledger::new(store, scope.clone()),
            scope,
            backends,
            host,
        }
    }

    /// The state, releases and recent plans of the scope.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Plans to make the world what the graph says. Changes nothing and takes no lease.
    ///
    /// # Errors
    /// What is refused, or what can't be read.
    pub async fn plan(&self, graph: &Graph, words: &Words) -> Result<Plan, EngineError> {
        let (desired, notes) = self.lower(graph).await?;
        self.make(Goal::Apply, Some(graph), desired, notes, words)
            .await
    }

    /// Plans to take everything away, but data that `words` don't name.
    ///
    /// # Errors
    /// What is refused, or what can't be read.
    pub async fn plan_destroy(&self, words: &Words) -> Result<Plan, EngineError> {
        self.make(Goal::Destroy, None, BTreeMap::new(), Vec::new(), words)
            .await
    }

    async fn make(
        &self,
        goal: Goal,
        graph: Option<&Graph>,
        desired: BTreeMap<ObjectId, Object>,
        notes: Vec<Note>,
        words: &Words,
    ) -> Result<Plan, EngineError> {
        let mut state = self.ledger.load().await?;
        let made_from = state.digest();
        let seen = self.observe(&state, &desired).await;
        recover::settle(&mut state, &seen);
        let previous = match state.last_complete() {
            Some(head) => self.ledger.release(head.number).await?,
            None => None,
        };
        let previous = previous.and_then(|release| release.graph);
        let mut plan = planner::plan(Inputs {
            scope: &self.scope,
            goal,
            targets: self.described(graph.or(previous.as_ref())),
            by_name: self
                .backends
                .iter()
                .filter(|(_, backend)| backend.ids_from_names())
                .map(|(id, _)| id.clone())
                .collect(),
            graph,
            desired: &desired,
            previous: previous.as_ref(),
            state: &state,
            made_from,
            seen: &seen,
            words,
            notes,
        })
        .map_err(EngineError::Refused)?;
        plan.problems = self.check(&plan).await;
        Ok(plan.sealed())
    }

    fn described(&self, graph: Option<&Graph>) -> BTreeMap<TargetId, String> {
        self.backends
            .iter()
            .map(|(id, backend)| {
                let text = graph.map_or_else(
                    || backend.name().to_owned(),
                    |graph| backend.describe(graph),
                );
                (id.clone(), text)
            })
            .collect()
    }

    async fn lower(
        &self,
        graph: &Graph,
    ) -> Result<(BTreeMap<ObjectId, Object>, Vec<Note>), EngineError> {
        let mut objects: BTreeMap<ObjectId, Object> = BTreeMap::new();
        let (mut notes, mut refusals) = (Vec::new(), Vec::new());
        let used: BTreeSet<&TargetId> = graph.nodes.values().map(|n| &n.target).collect();
        for target in used {
            let backend = self.backend(target)?;
            let lowered = match backend.gather(target, graph).await {
                Ok(facts) => backend.lower(target, graph, &facts),
                Err(refused) => Err(refused),
            };
            let lowered = match lowered {
                Ok(lowered) => lowered,
                Err(refused) => {
                    refusals.extend(refused);
                    continue;
                }
            };
            notes.extend(lowered.notes);
            for object in lowered.objects {
                let id = object.id.clone();
                if let Some(other) = objects.insert(id.clone(), object) {
                    refusals.push(Refusal {
                        node: other.node,
                        field: None,
                        place: other.place,
                        message: format!("two things have the name `{id}`"),
                        offers: vec!["Give one of them another `name`".to_owned()],
                    });
                }
            }
        }
        for object in objects.values() {
            for needed in object.after.iter().filter(|n| !objects.contains_key(n)) {
                refusals.push(Refusal {
                    node: object.node.clone(),
                    field: None,
                    place: object.place.clone(),
                    message: format!("`{}` waits for `{needed}`, which is not made", object.id),
                    offers: Vec::new(),
                });
            }
        }
        if refusals.is_empty() {
            Ok((objects, notes))
        } else {
            refusals.sort();
            Err(EngineError::Refused(refusals))
        }
    }

    pub(crate) fn backend(&self, target: &TargetId) -> Result<&Arc<dyn Backend>, EngineError> {
        self.backends
            .get(target)
            .ok_or_else(|| EngineError::NoBackend {
                target: target.0.clone(),
            })
    }

    /// What is there of all that is desired, recorded, kept or pending: each asked of its own
    /// target, all targets at once.
    pub(crate) async fn observe(
        &self,
        state: &State,
        desired: &BTreeMap<ObjectId, Object>,
    ) -> Observation {
        let mut asked: BTreeMap<&TargetId, BTreeSet<ObjectId>> = BTreeMap::new();
        for target in self.backends.keys() {
            asked.entry(target).or_default();
        }
        let recorded = state.inventory.values().map(|r| &r.object);
        let kept = state.kept.values().map(|k| &k.object);
        for object in desired.values().chain(recorded).chain(kept) {
            asked
                .entry(&object.target)
                .or_default()
                .insert(object.id.clone());
        }
        for pending in &state.pending {
            let operation = &pending.operation;
            asked
                .entry(&operation.target)
                .or_default()
                .insert(operation.object.clone());
        }
        let answers = asked.iter().map(|(target, ids)| async move {
            match self.backends.get(*target) {
                Some(backend) => backend.observe(&self.scope, ids).await,
                None => {
                    let why = format!("the target `{}` can't be reached", target.0);
                    Observation::unknown(ids, &why)
                }
            }
        });
        let answers = futures::future::join_all(answers).await;
        let mut seen = Observation::default();
        for (answer, ids) in answers.into_iter().zip(asked.values()) {
            for id in ids {
                seen.objects.insert(id.clone(), answer.of(id));
            }
            for (id, observed) in answer.objects {
                if matches!(observed, Observed::Present(_)) {
                    seen.objects.entry(id).or_insert(observed);
                }
            }
        }
        seen
    }

    pub(crate) async fn check(&self, plan: &Plan) -> Vec<crate::Problem> {
        let by_target = by_target(plan);
        let checks = by_target.iter().map(|(target, operations)| async move {
            match self.backends.get(*target) {
                Some(backend) => backend.check(&self.scope, operations).await,
                None => Vec::new(),
            }
        });
        let mut problems = futures::future::join_all(checks).await.concat();
        problems.sort();
        problems.dedup();
        problems
    }
}

/// The operations that ask something of a target, by target.
pub(crate) fn by_target(plan: &Plan) -> BTreeMap<&TargetId, Vec<&Operation>> {
    let mut by_target: BTreeMap<&TargetId, Vec<&Operation>> = BTreeMap::new();
    for operation in plan.operations.iter().filter(|o| !o.on_record_alone()) {
        by_target
            .entry(&operation.target)
            .or_default()
            .push(operation);
    }
    by_target
}
