//! The engine of one scope: reads, plans, and hands plans to apply.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use plat_model::{Cases, Digest, Graph, Hold, TargetId};

use crate::backend::{
    Backend, Facts, Note, Observation, Observed, Recalled, Refusal, SecretReturn,
};
use crate::error::{EngineError, StateError};
use crate::lease::Host;
use crate::ledger::Ledger;
use crate::object::{Object, ObjectId, Scope};
use crate::plan::{Goal, Operation, Plan, PolicyResult, Words};
use crate::planner::{self, InStep, Inputs};
use crate::recover;
use crate::shared::Shared;
use crate::state::State;
use crate::store::Store;

/// Plans and applies for one scope, on the backends it was given.
pub struct Engine {
    pub(crate) scope: Scope,
    pub(crate) backends: BTreeMap<TargetId, Arc<dyn Backend>>,
    pub(crate) ledger: Ledger,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) cases: Cases,
    policies: Vec<PolicyResult>,
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
            cases: Cases::default(),
            policies: Vec::new(),
        }
    }

    /// With the cases of the program's variants, so that plans show values as people write them.
    #[must_use]
    pub fn writing(self, cases: Cases) -> Self {
        Self { cases, ..self }
    }

    /// With what came of the program's policies, which plans of it tell.
    #[must_use]
    pub fn judged(self, policies: Vec<PolicyResult>) -> Self {
        Self { policies, ..self }
    }

    /// The state, releases and recent plans of the scope.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Plans to make the world what the graph says. Changes nothing and takes no lease.
    ///
    /// # Errors
    /// What is refused, or what can't be read.
    pub async fn plan(&self, graph: &Shared<Graph>, words: &Words) -> Result<Plan, EngineError> {
        let mut wanted = self.lower(graph, None).await?;
        wanted.held.clone_from(&graph.held);
        self.make(Goal::Apply, Some(graph), wanted, words).await
    }

    /// Plans to make the world what a release said: its graph, its images, the values that its
    /// secrets had. Jobs are left as they are: they ran already, and undoing is not theirs to do.
    /// Without a number it is the last complete release before the one that stands.
    ///
    /// # Errors
    /// There is no such release, what is refused, or what can't be read.
    pub async fn plan_return(
        &self,
        number: Option<u64>,
        words: &Words,
    ) -> Result<Plan, EngineError> {
        let state = self.ledger.load().await?;
        let number = match number {
            Some(number) => number,
            None => state.before_this().map(|head| head.number).ok_or_else(|| {
                let why = "there is no release to go back to: none before this one was done whole";
                EngineError::NoRelease {
                    why: why.to_owned(),
                }
            })?,
        };
        let release = self.ledger.release(number).await?;
        let release = release.ok_or_else(|| EngineError::NoRelease {
            why: format!("there is no release {number}, or it is no longer kept"),
        })?;
        let graph = release
            .graph
            .as_ref()
            .ok_or_else(|| EngineError::NoRelease {
                why: format!("release {number} took everything away: there is nothing in it"),
            })?;
        let mut wanted = self.lower(graph, Some(&release.facts)).await?;
        wanted.returns_to = Some(number);
        leave_runs(&mut wanted, &state);
        self.make(Goal::Apply, Some(graph), wanted, words).await
    }

    /// Plans to take everything away, but data that `words` don't name, and nothing where other
    /// environments hold a part of it.
    ///
    /// # Errors
    /// What is refused, or what can't be read.
    pub async fn plan_destroy(&self, words: &Words, held: &[Hold]) -> Result<Plan, EngineError> {
        let wanted = Wanted {
            held: held.to_vec(),
            ..Wanted::default()
        };
        self.make(Goal::Destroy, None, wanted, words).await
    }

    /// Plans to take on record what carries the label of this environment and is not on it: what
    /// a lost state is rebuilt by. What runs is left alone.
    ///
    /// # Errors
    /// What can't be read.
    pub async fn plan_adopt(&self) -> Result<Plan, EngineError> {
        let mut state = self.ledger.load().await?;
        let made_from = state.digest();
        // Nothing of that name is anywhere: whether it is known to be absent says whether the
        // target can be asked at all.
        let probes = self.backends.keys().map(|target| {
            let probe = Object::new(planner::PROBE, target.clone(), serde_json::Value::Null);
            (probe.id.clone(), Shared::from(probe))
        });
        let seen = self.observe(&state, &probes.collect()).await;
        recover::settle(&mut state, &seen);
        let targets = self.described(None);
        Ok(planner::adopt(&self.scope, targets, &state, made_from, &seen).sealed())
    }

    async fn make(
        &self,
        goal: Goal,
        graph: Option<&Shared<Graph>>,
        wanted: Wanted,
        words: &Words,
    ) -> Result<Plan, EngineError> {
        let desired = wanted.objects;
        let digest = graph.map(|graph| graph.digest());
        let mut state = self.ledger.load().await?;
        let made_from = state.digest();
        let seen = self.observe(&state, &desired).await;
        recover::settle(&mut state, &seen);
        let previous = self.previous(&state, graph, digest.as_ref()).await?;
        let previous = previous.as_deref();
        let source = graph;
        let graph = graph.map(|graph| &**graph);
        let mut plan = planner::plan(Inputs {
            scope: &self.scope,
            goal,
            targets: self.described(graph.or(previous)),
            by_name: self.by_name(),
            graph,
            digest,
            desired: &desired,
            previous,
            state: &state,
            made_from,
            seen: &seen,
            words,
            cases: &self.cases,
            notes: wanted.notes,
            held: &wanted.held,
            returns: wanted.returns_to.is_some(),
        })
        .map_err(EngineError::Refused)?;
        plan.graph = source.cloned();
        plan.desired = desired;
        plan.facts = wanted.facts;
        // A release that is gone back to is not the program that was asked.
        if goal == Goal::Apply && wanted.returns_to.is_none() {
            plan.policies.clone_from(&self.policies);
        }
        plan.returns_to = wanted.returns_to;
        plan.secrets = wanted.secrets;
        plan.problems = self.check(&plan).await;
        let conflicting: Vec<_> = conflicting(&plan).collect();
        plan.problems.extend(conflicting);
        plan.problems.sort();
        Ok(plan.sealed())
    }

    /// The graph of the last whole release, which may be this one of this digest.
    pub(crate) async fn previous(
        &self,
        state: &State,
        graph: Option<&Shared<Graph>>,
        digest: Option<&Digest>,
    ) -> Result<Option<Shared<Graph>>, StateError> {
        Ok(match (state.last_complete(), graph) {
            // The same again: it need not be read.
            (Some(head), Some(graph)) if head.graph.as_ref() == digest => Some(graph.clone()),
            (Some(head), _) => {
                let release = self.ledger.release(head.number).await?;
                release.and_then(|release| release.graph)
            }
            (None, _) => None,
        })
    }

    /// The targets whose ids come from names.
    pub(crate) fn by_name(&self) -> BTreeSet<TargetId> {
        let by_name = self.backends.iter().filter(|(_, b)| b.ids_from_names());
        by_name.map(|(id, _)| id.clone()).collect()
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

    /// The objects of a graph, as of now, or with what was known when a release was applied.
    async fn lower(
        &self,
        graph: &Graph,
        then: Option<&BTreeMap<TargetId, Facts>>,
    ) -> Result<Wanted, EngineError> {
        let mut wanted = Wanted::default();
        let mut refusals = Vec::new();
        let used: BTreeSet<&TargetId> = graph.nodes.values().map(|n| &n.target).collect();
        for target in used {
            let backend = self.backend(target)?;
            let then = then.map(|facts| facts.get(target).cloned().unwrap_or_default());
            let known = match &then {
                Some(then) => backend.recall(target, graph, then).await,
                None => backend.gather(target, graph).await.map(|facts| Recalled {
                    facts,
                    ..Recalled::default()
                }),
            };
            let lowered = known.and_then(|known| {
                let lowered = backend.lower(target, graph, &known.facts)?;
                Ok((known, lowered))
            });
            let (known, lowered) = match lowered {
                Ok(lowered) => lowered,
                Err(refused) => {
                    refusals.extend(refused);
                    continue;
                }
            };
            wanted.facts.insert(target.clone(), known.facts);
            wanted.secrets.extend(known.secrets);
            wanted.notes.extend(known.notes);
            wanted.notes.extend(lowered.notes);
            let objects = &mut wanted.objects;
            for object in lowered.objects {
                let id = object.id.clone();
                if let Some(other) = objects.insert(id.clone(), object.into()) {
                    let other = other.into_inner();
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
        let there: HashSet<&ObjectId> = wanted.objects.keys().collect();
        for object in wanted.objects.values() {
            let missing = |needed: &&ObjectId| !there.contains(needed);
            for needed in object.after.iter().filter(missing) {
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
            wanted.secrets.sort();
            Ok(wanted)
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
        desired: &BTreeMap<ObjectId, Shared<Object>>,
    ) -> Observation {
        let mut asked: BTreeMap<&TargetId, Vec<&ObjectId>> = BTreeMap::new();
        for target in self.backends.keys() {
            asked.entry(target).or_default();
        }
        let recorded = state.inventory.values().map(|r| &r.object);
        let kept = state.kept.values().map(|k| &k.object);
        for object in desired.values().chain(recorded).chain(kept) {
            asked.entry(&object.target).or_default().push(&object.id);
        }
        for pending in &state.pending {
            let Operation { target, object, .. } = &pending.operation;
            asked.entry(target).or_default().push(object);
        }
        let asked: Vec<(&TargetId, BTreeSet<ObjectId>)> = asked
            .into_iter()
            .map(|(target, ids)| (target, ids.into_iter().cloned().collect()))
            .collect();
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
        let mut unasked = Vec::new();
        for (mut answer, (_, ids)) in answers.into_iter().zip(asked) {
            let mut asked = ids.iter().peekable();
            unasked.extend(answer.objects.extract_if(.., |id, _| {
                while asked.next_if(|asked| *asked < id).is_some() {}
                asked.peek() != Some(&id)
            }));
            let mut answered = InStep::through(&answer.objects);
            let missing = ids.iter().filter(|id| answered.at(id).is_none());
            let missing: Vec<ObjectId> = missing.cloned().collect();
            let unknown = missing.into_iter().map(|id| (id, Observed::unanswered()));
            answer.objects.extend(unknown);
            // Several targets rarely: the first one's answer is taken as it is.
            seen.objects.append(&mut answer.objects);
        }
        for (id, observed) in unasked {
            if !matches!(observed, Observed::Absent) {
                seen.objects.entry(id).or_insert(observed);
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

/// What others hold keeps a plan from being applied until each field has its word.
fn conflicting(plan: &Plan) -> impl Iterator<Item = crate::Problem> {
    plan.conflicts
        .iter()
        .filter(|c| !c.taken)
        .map(|conflict| crate::Problem {
            stops: true,
            node: conflict.node.clone(),
            place: plan
                .desired
                .get(&conflict.object)
                .and_then(|o| o.place.clone()),
            message: if conflict.is_whole() {
                format!(
                    "{} is there already: {} made it",
                    conflict.label, conflict.by
                )
            } else {
                format!(
                    "`{}` of {} is held by {}, with another value than the source says",
                    conflict.path, conflict.label, conflict.by
                )
            },
            next: Some(format!(
                "take over this one {}: `--take {}`",
                if conflict.is_whole() {
                    "object"
                } else {
                    "field"
                },
                conflict.word()
            )),
        })
}

/// What is to be, lowered.
#[derive(Default)]
struct Wanted {
    objects: BTreeMap<ObjectId, Shared<Object>>,
    notes: Vec<Note>,
    /// What lowering knew, by target.
    facts: BTreeMap<TargetId, Facts>,
    returns_to: Option<u64>,
    secrets: Vec<SecretReturn>,
    /// What other environments use of it.
    held: Vec<Hold>,
}

/// On the way back what ran stays as it ran: it is neither made again nor taken away.
fn leave_runs(wanted: &mut Wanted, state: &State) {
    wanted
        .objects
        .retain(|id, object| !object.is_run || state.inventory.contains_key(id));
    for (id, recorded) in &state.inventory {
        if recorded.object.is_run {
            wanted.objects.insert(id.clone(), recorded.object.clone());
        }
    }
    let there: BTreeSet<ObjectId> = wanted.objects.keys().cloned().collect();
    for object in wanted.objects.values_mut() {
        if !object.after.iter().all(|needed| there.contains(needed)) {
            let after = &mut object.to_mut().after;
            after.retain(|needed| there.contains(needed));
        }
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
