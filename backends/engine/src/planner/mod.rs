//! From a graph, the state and what was observed to a plan. Pure: no I/O, no clock.
//!
//! First each object is decided for itself ([`objects`]), then the operations are put in order
//! ([`order`]), then it is all told in the app's words ([`semantic`]).

mod adopt;
mod left;
mod objects;
mod order;
mod semantic;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{Cases, Decimal, Digest, Graph, Hold, TargetId};

use crate::backend::{Note, Observation, Observed, Refusal};
use crate::object::{Object, ObjectId, Scope};
use crate::plan::{Goal, MadeFrom, NodeAction, NodeChange, Plan, Words};
use crate::shared::Shared;
use crate::state::State;

pub(crate) use adopt::{PROBE, adopt};
pub(crate) use semantic::compare;
pub(crate) use step::InStep;

/// All that a plan is made from.
pub(crate) struct Inputs<'a> {
    pub scope: &'a Scope,
    pub goal: Goal,
    pub targets: BTreeMap<TargetId, String>,
    /// The targets whose ids come from names.
    pub by_name: BTreeSet<TargetId>,
    /// What is to be; `None` for a destroy.
    pub graph: Option<&'a Graph>,
    /// Its digest.
    pub digest: Option<Digest>,
    /// Its objects, of all targets, by id.
    pub desired: &'a BTreeMap<ObjectId, Shared<Object>>,
    /// The graph of the last complete release.
    pub previous: Option<&'a Graph>,
    /// With the journal in it, and settled by what was observed.
    pub state: &'a State,
    /// The digest of the state as it was read, before it was settled.
    pub made_from: Digest,
    pub seen: &'a Observation,
    pub words: &'a Words,
    /// How values are written.
    pub cases: &'a Cases,
    /// What lowering has to say.
    pub notes: Vec<Note>,
    /// What other environments use of this one.
    pub held: &'a [Hold],
    /// It goes back to a release.
    pub returns: bool,
}

/// Makes the plan, not yet sealed, and without what is taken over as it is: the graph, the objects
/// that are to be, what lowering knew, what a way back brings.
pub(crate) fn plan(mut inputs: Inputs<'_>) -> Result<Plan, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let nodes = semantic::Nodes::new(inputs.graph, inputs.previous, inputs.cases);
    nodes.refuse_shrinking(&mut refusals);
    let decided = objects::decide(&inputs, &nodes, &mut refusals);
    let ordered = order::order(&inputs, decided.drafts, decided.blocked, &mut refusals);
    if !refusals.is_empty() {
        refusals.sort();
        refusals.dedup();
        return Err(refusals);
    }
    let partial = inputs.state.last_release().is_some_and(|r| !r.complete);
    let changes = semantic::changes(&nodes, &ordered.operations, &inputs, partial);
    refuse_most_going(&inputs, &changes)?;
    let mut notes = std::mem::take(&mut inputs.notes);
    notes.extend(decided.notes);
    notes.extend(semantic::renames(&changes, &ordered.operations, &inputs));
    notes.extend(left::left_behind(&ordered.operations, inputs.state));
    notes.sort();
    notes.dedup();
    Ok(Plan {
        format: Plan::FORMAT,
        scope: inputs.scope.clone(),
        goal: inputs.goal,
        targets: inputs.targets,
        graph: None,
        facts: BTreeMap::new(),
        returns_to: None,
        secrets: Vec::new(),
        made_from: MadeFrom {
            graph: inputs.digest,
            state: inputs.made_from,
            observation: digest_of(inputs.seen),
            release: inputs.state.last_release().map(|r| r.number),
        },
        desired: BTreeMap::new(),
        operations: ordered.operations,
        unchanged: decided.unchanged,
        blocked: ordered.blocked,
        drift: decided.drift,
        conflicts: decided.conflicts,
        changes,
        notes,
        problems: Vec::new(),
        policies: Vec::new(),
        budget: inputs.graph.and_then(budget),
        digest: Digest::of(b""),
    })
}

/// From how many on it is asked whether so many are to go, where the environment says nothing.
const MANY: usize = 10;

/// The share of its declarations that the environment lets one plan take away, where it says so.
fn share(graph: Option<&Graph>) -> Option<Decimal> {
    graph?.environment.fields.get("deletes")?.as_amount()
}

/// How many declarations go, and something with them.
pub(crate) fn going(changes: &[NodeChange]) -> usize {
    let goes = |c: &&NodeChange| c.what == NodeAction::Destroy && !c.operations.is_empty();
    changes.iter().filter(goes).count()
}

/// A plan that takes most of an environment away is more often a mistake than meant: an empty
/// file, a wrong branch. It needs the number as its word. How much that is the environment says
/// (`deletes = 20%`); else it is more than half, and no fewer than ten.
fn refuse_most_going(inputs: &Inputs<'_>, changes: &[NodeChange]) -> Result<(), Vec<Refusal>> {
    let going = going(changes);
    if inputs.goal != Goal::Apply || going == 0 {
        return Ok(());
    }
    let all = inputs.state.nodes().len();
    let many = match share(inputs.graph) {
        Some(share) => {
            let most = share.checked_mul(Decimal::int(i128::try_from(all).unwrap_or(i128::MAX)));
            most.is_some_and(|most| Decimal::int(i128::try_from(going).unwrap_or(0)) > most)
        }
        None => going >= MANY && going * 2 > all,
    };
    let said = inputs.words.deletes == Some(going);
    if !many || said {
        return Ok(());
    }
    Err(vec![Refusal {
        node: None,
        field: None,
        place: None,
        message: format!("{going} of the {all} declarations of this environment would go"),
        offers: vec![
            "Look whether this is the program and the environment you mean".to_owned(),
            format!("If they are all to go, say how many: `--deletes {going}`"),
        ],
    }])
}

fn budget(graph: &Graph) -> Option<String> {
    let budget = graph.environment.fields.get("budget")?;
    (!budget.is_none()).then(|| budget.to_string())
}

/// The digest of an observation: of what things are, not of what they say of themselves.
pub(crate) fn digest_of(seen: &Observation) -> Digest {
    let mut d = plat_model::Digester::new("plat.observation");
    for (id, observed) in &seen.objects {
        d.text(id.as_str());
        match observed {
            Observed::Absent => d.text("absent"),
            Observed::Unknown { why } => d.text("unknown").text(why),
            Observed::Others(others) => {
                let crate::Present { uid, version, .. } = &others.present;
                d.text("others").text(&others.by).text(uid).text(version)
            }
            Observed::Present(p) => {
                let health = match p.health {
                    crate::Health::Well => "well",
                    crate::Health::Stopped { .. } => "stopped",
                    crate::Health::Stale { .. } => "stale",
                    crate::Health::Ailing { .. } => "ailing",
                };
                d.text("present").text(&p.uid).text(&p.version);
                d.text(p.spec.as_str()).text(health)
            }
        };
    }
    d.finish()
}
