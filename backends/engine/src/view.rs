//! A plan as it is shown: the one versioned form that the terminal, JSON and everything else
//! are made from.

use std::collections::BTreeSet;

use plat_model::{Cases, Digester, FieldPath, Graph, NodePath, Place};
use serde::{Deserialize, Serialize};

use crate::backend::{Note, Problem};
use crate::plan::{
    Action, Blocked, Conflict, DataFate, Drift, Goal, NodeAction, NodeChange, OpId, Operation,
    Plan, PolicyResult, SpecChange,
};
use crate::planner;

/// What a plan shows. `platc plan --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    /// The version of this format: [`PlanView::FORMAT`].
    pub format: u32,
    /// The app.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// What the plan is for.
    pub goal: Goal,
    /// What is compared, where it is no plan: nothing of a target stands in it then.
    pub compares: Option<Compared>,
    /// The targets in use, as each describes itself.
    pub targets: Vec<String>,
    /// Whether there is nothing to do.
    pub nothing_to_do: bool,
    /// How many declarations change, and how.
    pub counts: Counts,
    /// What changes: destroys and replacements first, then in the order of the source.
    pub changes: Vec<ChangeView>,
    /// Where the world differs from what was last applied.
    pub drift: Vec<Drift>,
    /// What others hold of what the source says.
    pub conflicts: Vec<Conflict>,
    /// What could not be read, and what waits for it.
    pub blocked: Vec<Blocked>,
    /// What people should know.
    pub notes: Vec<Note>,
    /// What is sure to go wrong, or good to know, before anything is changed.
    pub problems: Vec<Problem>,
    /// What came of the policies that hold in the environment.
    pub policies: Vec<PolicyResult>,
    /// The environment's cost limit. It is not checked: no target gives prices.
    pub budget: Option<String>,
    /// The release that it goes back to.
    pub returns_to: Option<u64>,
    /// The secrets that get back a value they had.
    pub secrets: Vec<SecretView>,
    /// The plan's digest in full.
    pub digest: String,
    /// As people type it: `platc apply 7f3c9a`.
    pub id: String,
}

/// Two programs that are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The one before, as it was asked for: `main`, `dev`.
    pub from: String,
    /// The one after.
    pub to: String,
}

/// A secret that gets back a value it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// When it was given that value, in milliseconds since 1970.
    pub since: u64,
}

/// Numbers of declarations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Made.
    pub create: usize,
    /// Changed.
    pub change: usize,
    /// Made anew.
    pub replace: usize,
    /// Taken away.
    pub destroy: usize,
    /// Put back as they were.
    pub heal: usize,
    /// Given a new name.
    pub rename: usize,
    /// As they should be.
    pub unchanged: usize,
}

/// What changes about one declaration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeView {
    /// The declaration; `None` for what several share.
    pub node: Option<NodePath>,
    /// Its kind; for what several share what it is.
    pub kind: String,
    /// What happens to it.
    pub what: NodeAction,
    /// Its path before a `moved`.
    pub moved_from: Option<NodePath>,
    /// Where it is declared.
    pub place: Option<Place>,
    /// Its fields that change; for a new one those that the app itself sets.
    pub fields: Vec<FieldView>,
    /// The operations that this takes.
    pub operations: Vec<OperationView>,
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldView {
    /// Which field.
    pub field: FieldPath,
    /// Its value before, as people write it.
    pub old: Option<String>,
    /// Its value after.
    pub new: Option<String>,
    /// Where it is set.
    pub place: Option<Place>,
    /// The environment that sets it.
    pub set_by: Option<String>,
    /// It makes the thing anew.
    pub replaces: bool,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationView {
    /// Its place in the plan.
    pub id: OpId,
    /// What is done.
    pub action: Action,
    /// To which object.
    pub object: String,
    /// What that is, for people.
    pub label: String,
    /// How it goes.
    pub how: Option<String>,
    /// What becomes of its data.
    pub data: DataFate,
    /// What its data is.
    pub holds: Option<String>,
    /// The parts of its spec that change.
    pub changes: Vec<SpecChange>,
    /// The operations it waits for.
    pub after: Vec<OpId>,
}

impl PlanView {
    /// The version of the format this crate writes.
    pub const FORMAT: u32 = 1;

    /// What changes from one graph to another; `from` and `to` say which they are. No target is
    /// asked, so there are no operations in it. `cases` says how values are written.
    pub fn comparing(old: &Graph, new: &Graph, from: &str, to: &str, cases: &Cases) -> Self {
        let changes = planner::compare(old, new, cases);
        let changes: Vec<ChangeView> = changes.iter().map(|c| change(None, c)).collect();
        let (changes, mut counts) = counted(changes);
        let touched: BTreeSet<&NodePath> = changes.iter().filter_map(|c| c.node.as_ref()).collect();
        let paths = new.nodes.keys();
        counts.unchanged = paths.filter(|path| !touched.contains(path)).count();
        let mut digest = Digester::new("plat.comparison");
        digest
            .text(old.digest().as_str())
            .text(new.digest().as_str());
        let digest = digest.finish();
        let environment = if old.environment.name == new.environment.name {
            new.environment.name.clone()
        } else {
            format!("{}..{}", old.environment.name, new.environment.name)
        };
        Self {
            format: Self::FORMAT,
            app: new.app.clone(),
            environment,
            goal: Goal::Apply,
            compares: Some(Compared {
                from: from.to_owned(),
                to: to.to_owned(),
            }),
            targets: new.targets.values().map(|t| t.kind.clone()).collect(),
            nothing_to_do: changes.is_empty(),
            counts,
            changes,
            drift: Vec::new(),
            conflicts: Vec::new(),
            blocked: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
            policies: Vec::new(),
            budget: None,
            returns_to: None,
            secrets: Vec::new(),
            id: digest.short().to_owned(),
            digest: digest.to_string(),
        }
    }

    /// What a plan shows.
    pub fn of(plan: &Plan) -> Self {
        let changes = plan.changes.iter().map(|c| change(Some(plan), c)).collect();
        let (changes, mut counts) = counted(changes);
        let changed = plan.changes.iter().filter_map(|c| c.node.as_ref());
        let blocked = plan.blocked.iter().filter_map(|b| b.node.as_ref());
        let touched: BTreeSet<&NodePath> = changed.chain(blocked).collect();
        counts.unchanged = plan.graph.as_ref().map_or(plan.unchanged, |graph| {
            let paths = graph.nodes.keys();
            paths.filter(|path| !touched.contains(path)).count()
        });
        Self {
            format: Self::FORMAT,
            app: plan.scope.app.clone(),
            environment: plan.scope.environment.clone(),
            goal: plan.goal,
            compares: None,
            targets: plan.targets.values().cloned().collect(),
            nothing_to_do: plan.is_empty(),
            counts,
            changes,
            drift: plan.drift.clone(),
            conflicts: plan.conflicts.clone(),
            blocked: plan.blocked.clone(),
            notes: plan.notes.clone(),
            problems: plan.problems.clone(),
            policies: plan.policies.clone(),
            budget: plan.budget.clone(),
            returns_to: plan.returns_to,
            secrets: plan
                .secrets
                .iter()
                .map(|secret| SecretView {
                    name: secret.name.clone(),
                    since: secret.since,
                })
                .collect(),
            digest: plan.digest.to_string(),
            id: plan.digest.short().to_owned(),
        }
    }
}

impl PlanView {
    /// The notes that are worth telling: what changes is worth its notes, of the rest they were
    /// told before.
    pub(crate) fn told_notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(|note| {
            !self.nothing_to_do
                && (note.node.is_none() || self.changes.iter().any(|c| c.node == note.node))
        })
    }
}

/// Changes in the order in which they are shown, counted.
fn counted(mut changes: Vec<ChangeView>) -> (Vec<ChangeView>, Counts) {
    changes.sort_by_key(|c| (rank(c.what), c.node.is_none(), c.place.clone()));
    let mut counts = Counts::default();
    for change in &changes {
        let count = match change.what {
            NodeAction::Create => &mut counts.create,
            NodeAction::Change => &mut counts.change,
            NodeAction::Replace => &mut counts.replace,
            NodeAction::Destroy => &mut counts.destroy,
            NodeAction::Heal => &mut counts.heal,
            NodeAction::Move => &mut counts.rename,
        };
        *count += 1;
    }
    (changes, counts)
}

const fn rank(what: NodeAction) -> u8 {
    match what {
        NodeAction::Destroy => 0,
        NodeAction::Replace => 1,
        _ => 2,
    }
}

fn change(plan: Option<&Plan>, change: &NodeChange) -> ChangeView {
    ChangeView {
        node: change.node.clone(),
        kind: change.kind.clone(),
        what: change.what,
        moved_from: change.moved_from.clone(),
        place: change.place.clone(),
        fields: change
            .fields
            .iter()
            .map(|f| FieldView {
                field: f.field.clone(),
                old: f.old.clone(),
                new: f.new.clone(),
                place: f.place.clone(),
                set_by: f.set_by.clone(),
                replaces: f.replaces,
            })
            .collect(),
        operations: change
            .operations
            .iter()
            .filter_map(|id| plan?.operation(*id))
            .map(operation)
            .collect(),
    }
}

fn operation(operation: &Operation) -> OperationView {
    let object = operation.previous.as_ref().or(operation.desired.as_ref());
    OperationView {
        id: operation.id,
        action: operation.action,
        object: operation.object.to_string(),
        label: operation.label.clone(),
        how: operation.how.clone(),
        data: operation.data,
        holds: object
            .and_then(|o| o.holds_data.as_ref())
            .map(|held| held.what.clone()),
        changes: operation.changes.clone(),
        after: operation.after.clone(),
    }
}
