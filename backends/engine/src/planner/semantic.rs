//! What changes, in the app's own words: the graph against that of the release before.

use std::collections::{BTreeMap, BTreeSet};

use plat_model::{
    Cases, Change, Data, FieldPath, Graph, Node, NodePath, OriginId, Place, SiteKind, Str, Value,
};

use super::Inputs;
use super::objects::heals;
use crate::backend::{Note, NoteKind, Refusal};
use crate::plan::{Action, DataFate, FieldChange, NodeAction, NodeChange, OpId, Operation};

/// The nodes of two graphs, matched by what is deployed: a node that moved is the one it was.
pub(super) struct Nodes<'a> {
    graph: Option<&'a Graph>,
    previous: Option<&'a Graph>,
    /// How values are written.
    cases: &'a Cases,
    /// By the new path, the old one, where they differ.
    moved: BTreeMap<NodePath, NodePath>,
}

impl<'a> Nodes<'a> {
    pub(super) fn new(
        graph: Option<&'a Graph>,
        previous: Option<&'a Graph>,
        cases: &'a Cases,
    ) -> Self {
        let mut moved = BTreeMap::new();
        if let (Some(graph), Some(previous)) = (graph, previous)
            && !std::ptr::eq(graph, previous)
        {
            for path in graph.nodes.keys() {
                if previous.nodes.contains_key(path) {
                    continue;
                }
                let from = graph.moved.iter().find_map(|m| {
                    let rest = path.as_str().strip_prefix(m.to.as_str())?;
                    let whole = rest.is_empty() || rest.starts_with(['.', '[']);
                    let from = NodePath::new(format!("{}{rest}", m.from));
                    let was = previous.nodes.contains_key(&from);
                    (whole && was && !graph.nodes.contains_key(&from)).then_some(from)
                });
                if let Some(from) = from {
                    moved.insert(path.clone(), from);
                }
            }
        }
        Self {
            graph,
            previous,
            cases,
            moved,
        }
    }

    /// Whether the source is that of the release before.
    fn is_the_same_again(&self) -> bool {
        let both = self.graph.zip(self.previous);
        both.is_some_and(|(graph, previous)| std::ptr::eq(graph, previous))
    }

    fn old_path<'p>(&'p self, path: &'p NodePath) -> &'p NodePath {
        self.moved.get(path).unwrap_or(path)
    }

    fn old(&self, path: &NodePath) -> Option<&'a Node> {
        self.previous?.nodes.get(self.old_path(path))
    }

    /// Where a node of the release before is now, when it moved.
    pub(super) fn moved_to(&self, old: &NodePath) -> Option<NodePath> {
        let (to, _) = self.moved.iter().find(|(_, from)| *from == old)?;
        Some(to.clone())
    }

    /// The fields of a node that change, and whose change makes it anew.
    pub(super) fn replacing(&self, path: &NodePath) -> Vec<FieldPath> {
        let Some(node) = self.graph.and_then(|g| g.nodes.get(path)) else {
            return Vec::new();
        };
        let Some(old) = self.old(path) else {
            return Vec::new();
        };
        node.changes
            .iter()
            .filter(|(field, change)| **change == Change::Replace && !is_left(node, field))
            .filter(|(field, _)| !same(at(old, field), at(node, field)))
            .map(|(field, _)| field.clone())
            .collect()
    }

    /// Refuses fields that may only grow, and shrink.
    pub(super) fn refuse_shrinking(&self, refusals: &mut Vec<Refusal>) {
        let Some(graph) = self.graph.filter(|_| !self.is_the_same_again()) else {
            return;
        };
        for (path, node) in &graph.nodes {
            let Some(old) = self.old(path) else {
                continue;
            };
            let growing = node
                .changes
                .iter()
                .filter(|(field, c)| **c == Change::GrowOnly && !is_left(node, field));
            for (field, _) in growing {
                let (Some(was), Some(is)) = (at(old, field), at(node, field)) else {
                    continue;
                };
                if shrinks(was, is) {
                    refusals.push(Refusal {
                        node: Some(path.clone()),
                        field: Some(field.clone()),
                        place: graph.origins.place(is.origin).cloned(),
                        message: format!("it can only grow, and {is} is less than {was}"),
                        offers: vec![format!("Leave it at {was}, or make it more")],
                    });
                }
            }
        }
    }
}

fn shrinks(was: &Value, is: &Value) -> bool {
    match (&was.data, &is.data) {
        (Data::Quantity(a), Data::Quantity(b)) => a.dimension == b.dimension && b.amount < a.amount,
        (Data::Int(a), Data::Int(b)) => b < a,
        (Data::Decimal(a), Data::Decimal(b)) => b < a,
        _ => false,
    }
}

fn at<'a>(node: &'a Node, field: &FieldPath) -> Option<&'a Value> {
    let (name, rest) = field
        .as_str()
        .split_once('.')
        .unwrap_or((field.as_str(), ""));
    node.fields.get(name)?.at(&FieldPath::new(rest))
}

/// Whether two values are the same, wherever they came from.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is_same(b),
        (None, None) => true,
        (Some(v), None) | (None, Some(v)) => v.is_none(),
    }
}

/// All that changes, by node.
pub(super) fn changes(
    nodes: &Nodes<'_>,
    operations: &[Operation],
    inputs: &Inputs<'_>,
    partial: bool,
) -> Vec<NodeChange> {
    let mut by_node: BTreeMap<Option<&NodePath>, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        by_node
            .entry(operation.node.as_ref())
            .or_default()
            .push(operation);
    }
    let mut out = Vec::new();
    for operation in by_node.remove(&None).unwrap_or_default() {
        out.push(NodeChange {
            node: None,
            kind: operation.label.clone(),
            what: action(&[operation], false, false),
            moved_from: None,
            place: operation.place.clone(),
            fields: Vec::new(),
            operations: vec![operation.id],
        });
    }
    let mut paths: BTreeSet<&NodePath> = by_node.keys().copied().flatten().collect();
    // A destroy tells of what it takes away: the rest of the release before is nothing to it.
    // Of the same graph as before only that changes which something is done about.
    if let Some(graph) = inputs.graph.filter(|_| !nodes.is_the_same_again()) {
        paths.extend(graph.nodes.keys());
        let stays =
            |path: &NodePath| graph.nodes.contains_key(path) || nodes.moved_to(path).is_some();
        let gone = nodes.previous.into_iter().flat_map(|p| p.nodes.keys());
        paths.extend(gone.filter(|path| !stays(path)));
    }
    let mut runs = BTreeSet::new();
    if inputs.returns {
        let all = inputs.desired.values().filter(|object| object.is_run);
        runs.extend(all.filter_map(|object| object.node.as_ref()));
    }
    // Its state was lost and rebuilt: no release tells what of it is new.
    let rebuilt = nodes.previous.is_none() && !inputs.state.inventory.is_empty();
    for path in paths {
        let operations = by_node.remove(&Some(path)).unwrap_or_default();
        if rebuilt && operations.is_empty() {
            continue;
        }
        if let Some(change) = node_change(nodes, path, &operations) {
            // What an apply that stopped half-way did is done, though no release says so; and what
            // ran stays on the way back, whatever the release says of it.
            let ran = runs.contains(path);
            let settled = (partial || ran) && change.operations.is_empty();
            if !settled {
                out.push(change);
            }
        }
    }
    out
}

fn action(operations: &[&Operation], new: bool, fields: bool) -> NodeAction {
    let any = |action| operations.iter().any(|o| o.action == action);
    if any(Action::Replace) {
        NodeAction::Replace
    } else if !operations.is_empty() && operations.iter().all(|o| o.action == Action::Delete) {
        NodeAction::Destroy
    } else if !fields && !operations.is_empty() && operations.iter().all(|o| heals(o)) {
        NodeAction::Heal
    } else if new || (!fields && operations.iter().all(|o| o.action == Action::Create)) {
        NodeAction::Create
    } else {
        NodeAction::Change
    }
}

fn node_change(
    nodes: &Nodes<'_>,
    path: &NodePath,
    operations: &[&Operation],
) -> Option<NodeChange> {
    let ids: Vec<OpId> = operations.iter().map(|o| o.id).collect();
    let new = nodes.graph.and_then(|g| g.nodes.get(path));
    let (Some(graph), Some(node)) = (nodes.graph, new) else {
        let old = nodes.previous.and_then(|g| Some((g, g.nodes.get(path)?)));
        return Some(NodeChange {
            node: Some(path.clone()),
            kind: old.map_or_else(String::new, |(_, node)| node.kind.name.clone()),
            what: NodeAction::Destroy,
            moved_from: None,
            place: match old {
                Some((graph, node)) => graph.origins.place(node.origin).cloned(),
                None => operations.iter().find_map(|o| o.place.clone()),
            },
            fields: Vec::new(),
            operations: ids,
        });
    };
    let moved_from = nodes.moved.get(path).cloned();
    let old = nodes.previous.zip(nodes.old(path));
    let mut fields = match old {
        // The same graph as before.
        Some((_, old)) if std::ptr::eq(old, node) => Vec::new(),
        Some((previous, old)) => {
            let mut fields = changed_fields((graph, node), (previous, old), nodes.cases);
            fields.retain(|change| !is_left(node, &change.field));
            fields
        }
        None if nodes.previous.is_some() || !operations.is_empty() => {
            set_fields(graph, node, nodes.cases)
        }
        None => Vec::new(),
    };
    let replacing = nodes.replacing(path);
    for field in &mut fields {
        field.replaces = replacing
            .iter()
            .any(|r| r == &field.field || within(&field.field, r));
    }
    let changed = old.is_some() && !fields.is_empty();
    let is_new = old.is_none() && operations.iter().any(|o| o.action == Action::Create);
    let what = if operations.is_empty() {
        match (&moved_from, changed, old.is_some()) {
            (_, true, _) => NodeAction::Change,
            (Some(_), false, _) => NodeAction::Move,
            (None, false, true) => return None,
            // Nothing on a target stands for it: `external`.
            (None, false, false) if nodes.previous.is_some() => NodeAction::Create,
            (None, false, false) => NodeAction::Create,
        }
    } else {
        action(operations, is_new, changed)
    };
    if what == NodeAction::Heal {
        fields.clear();
    }
    Some(NodeChange {
        node: Some(path.clone()),
        kind: node.kind.name.clone(),
        what,
        moved_from,
        place: graph.origins.place(node.origin).cloned(),
        fields,
        operations: ids,
    })
}

/// Whether a field is left to somebody else, so that what the source says of it is nothing to it.
fn is_left(node: &Node, field: &FieldPath) -> bool {
    let mut left = node.leave.keys();
    left.any(|left| left == field || within(field, left))
}

fn within(inner: &FieldPath, outer: &FieldPath) -> bool {
    inner
        .as_str()
        .strip_prefix(outer.as_str())
        .is_some_and(|rest| rest.starts_with('.'))
}

/// The fields of a new node that the app itself sets.
fn set_fields(graph: &Graph, node: &Node, cases: &Cases) -> Vec<FieldChange> {
    let mut out = Vec::new();
    for (name, value) in &node.fields {
        let winner = graph
            .origins
            .get(value.origin)
            .and_then(|o| o.chain.first());
        let own =
            winner.is_some_and(|site| !matches!(site.kind, SiteKind::Default | SiteKind::Derived));
        if own && !value.is_none() {
            let field = FieldPath::new(name.as_str());
            out.push(change(field, None, Some((value, graph)), cases));
        }
    }
    out
}

fn changed_fields(
    (graph, node): (&Graph, &Node),
    (previous, old): (&Graph, &Node),
    cases: &Cases,
) -> Vec<FieldChange> {
    let names: BTreeSet<&Str> = node.fields.keys().chain(old.fields.keys()).collect();
    let mut out = Vec::new();
    for name in names {
        let old = old.fields.get(name).map(|v| (v, previous));
        let new = node.fields.get(name).map(|v| (v, graph));
        walk(FieldPath::new(name.as_str()), old, new, cases, &mut out);
    }
    out
}

type Of<'a> = Option<(&'a Value, &'a Graph)>;

/// Goes down as long as both sides have the same shape, so that one key of `env` is one line.
fn walk(path: FieldPath, old: Of<'_>, new: Of<'_>, cases: &Cases, out: &mut Vec<FieldChange>) {
    if same(old.map(|(v, _)| v), new.map(|(v, _)| v)) {
        return;
    }
    if let (Some((old, previous)), Some((new, graph))) = (old, new) {
        let parts = match (&old.data, &new.data) {
            (Data::Map(a), Data::Map(b)) => Some((a, b, false)),
            (Data::Variant { case: x, fields: a }, Data::Variant { case: y, fields: b })
                if x == y =>
            {
                let given = a.iter().chain(b).filter(|(_, v)| !v.is_none());
                let names: BTreeSet<_> = given.map(|(name, _)| name).collect();
                // `fixed(count: 2)` is written `2`: its one part goes by the field's own name.
                Some((a, b, names.len() == 1))
            }
            _ => None,
        };
        if let Some((a, b, alone)) = parts {
            let keys: BTreeSet<&Str> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let old = a.get(key).map(|v| (v, previous));
                let new = b.get(key).map(|v| (v, graph));
                let path = if alone { path.clone() } else { path.join(key) };
                walk(path, old, new, cases, out);
            }
            return;
        }
    }
    out.push(change(path, old, new, cases));
}

fn change(field: FieldPath, old: Of<'_>, new: Of<'_>, cases: &Cases) -> FieldChange {
    let shown = |of: Of<'_>| {
        of.filter(|(value, _)| !value.is_none())
            .map(|(value, graph)| cases.write(graph, value))
    };
    let (value, graph) = match new.or(old) {
        Some((value, graph)) => (Some(value.origin), Some(graph)),
        None => (None, None),
    };
    let set = value.zip(graph).and_then(|(id, graph)| winner(graph, id));
    FieldChange {
        field,
        old: shown(old),
        new: shown(new),
        place: set.as_ref().map(|(place, _)| place.clone()),
        set_by: set.and_then(|(_, env)| env),
        replaces: false,
    }
}

/// Where the value is set, and by which environment when one sets it.
fn winner(graph: &Graph, id: OriginId) -> Option<(Place, Option<String>)> {
    let site = graph.origins.get(id)?.chain.first()?;
    let env = matches!(site.kind, SiteKind::Set | SiteKind::Each).then(|| {
        let path = site.path.strip_prefix("env ").unwrap_or(&site.path);
        path.split(['.', ' ']).next().unwrap_or(path).to_owned()
    });
    Some((site.place.clone(), env))
}

/// What changes from one graph to another, whatever runs of either.
pub(crate) fn compare(old: &Graph, new: &Graph, cases: &Cases) -> Vec<NodeChange> {
    let nodes = Nodes::new(Some(new), Some(old), cases);
    let mut paths: BTreeSet<&NodePath> = new.nodes.keys().collect();
    let stays = |path: &NodePath| new.nodes.contains_key(path) || nodes.moved_to(path).is_some();
    paths.extend(old.nodes.keys().filter(|path| !stays(path)));
    let mut out = Vec::new();
    for path in paths {
        if let Some(mut change) = node_change(&nodes, path, &[]) {
            if change.fields.iter().any(|field| field.replaces) {
                change.what = NodeAction::Replace;
            }
            out.push(change);
        }
    }
    out
}

/// What looks like a rename that nobody told of: of one kind that holds data, one declaration
/// goes and one comes.
pub(super) fn renames(
    changes: &[NodeChange],
    operations: &[Operation],
    inputs: &Inputs<'_>,
) -> Vec<Note> {
    let only = |kind: &str, what: NodeAction| {
        let mut all = changes
            .iter()
            .filter(|change| change.kind == kind && change.what == what)
            .filter(|change| concerns_data(change, operations));
        match (all.next(), all.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    };
    let kinds: BTreeSet<&str> = changes.iter().map(|c| c.kind.as_str()).collect();
    let mut notes = Vec::new();
    for kind in kinds {
        let gone = only(kind, NodeAction::Destroy);
        let come = only(kind, NodeAction::Create);
        let (Some(gone), Some(come)) = (gone, come) else {
            continue;
        };
        let (Some(from), Some(to)) = (&gone.node, &come.node) else {
            continue;
        };
        let mut makes = come.operations.iter().filter_map(|id| operations.get(id.0));
        if makes.any(|operation| inputs.state.kept.contains_key(&operation.object)) {
            // It is neither new nor empty: it takes up what was kept of it.
            continue;
        }
        let target = inputs.graph.and_then(|g| Some(&g.nodes.get(to)?.target));
        let message = if target.is_some_and(|target| inputs.by_name.contains(target)) {
            let was = inputs.previous.and_then(|graph| graph.nodes.get(from));
            let name = was.map_or_else(|| from.external_name(), |node| node.name.clone());
            format!(
                "it is new and empty. If it is `{from}` under another name, write `moved {from} \
                 to {to}`, and `name = \"{name}\"` in `{to}`"
            )
        } else {
            format!(
                "it is new and empty, also if it is `{from}` under another name: what `{from}` \
                 holds is kept for when `{from}` is made again"
            )
        };
        notes.push(Note {
            kind: NoteKind::Info,
            node: Some(to.clone()),
            field: None,
            place: come.place.clone(),
            message,
        });
    }
    notes
}

/// Whether one comes with room for data, or goes and leaves its data.
fn concerns_data(change: &NodeChange, operations: &[Operation]) -> bool {
    let mut own = change
        .operations
        .iter()
        .filter_map(|id| operations.get(id.0));
    own.any(|operation| {
        let comes = operation.desired.as_ref();
        operation.data == DataFate::Kept || comes.is_some_and(|o| o.holds_data.is_some())
    })
}
