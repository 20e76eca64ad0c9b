//! All objects of a target, made side by side.
//!
//! Declarations are lowered apart from each other, on as many threads as there are, and each object is
//! finished, as who asked wants it, as soon as nothing changes it any more: the manifests of ten
//! thousand services are never there all at once. What several declarations share comes after.

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::fields::Told;
use plat_engine::{Note, Refusal};
use plat_model::{Data, Graph, Node, NodePath, TargetId};
use rayon::prelude::*;

use super::network::Network;
use super::shim::Count;
use super::{Ground, Lowering, Made};
use crate::facts::Facts;
use crate::json::{Map, json};
use crate::lower::settings::Settings;
use crate::names;

/// How many declarations a thread takes at a time.
const AT_ONCE: usize = 32;

/// An object that nothing changes any more.
struct Done<T> {
    id: String,
    label: String,
    made: T,
}

/// An object, and whether it is as it will be.
enum Settled<T> {
    Done(Done<T>),
    Open(Box<Made>),
}

/// What some of the declarations became.
struct Part<'a, T> {
    done: Vec<Done<T>>,
    /// The objects that patches are laid over yet.
    open: BTreeMap<String, Made>,
    told: Told,
    network: Network<'a>,
    root: bool,
    shims: Count,
}

/// All objects for those nodes of the graph that are on `target`, each as `finish` gives it back,
/// sorted by id; and what there is to tell of them.
///
/// # Errors
/// Everything this target can't do, each at its field.
pub(crate) fn all<T: Send>(
    target: &TargetId,
    graph: &Graph,
    facts: &Facts,
    finish: impl Fn(Made) -> T + Sync,
) -> Result<(Vec<T>, Vec<Note>), Vec<Refusal>> {
    let ground = Ground::new(target, graph, facts);
    let nodes = graph.nodes.iter().filter(|(_, n)| n.target == *target);
    // What is said in the words of Kubernetes must not be what something else becomes.
    let (raw, own): (Vec<_>, Vec<_>) = nodes.partition(|(_, n)| n.kind.name == "raw_object");
    let parts: Vec<Part<'_, T>> = own
        .par_chunks(AT_ONCE)
        .map(|nodes| part(&ground, nodes, &finish))
        .collect();
    let mut shared = Lowering::new(&ground);
    let mut done = Vec::new();
    for part in parts {
        done.extend(part.done);
        shared.objects.extend(part.open);
        shared.told.add(part.told);
        shared.network.add(part.network);
        shared.root |= part.root;
        shared.shims.add(part.shims);
    }
    shared.queues();
    let policies = shared.policies();
    let policies: Vec<Settled<T>> = policies
        .into_par_iter()
        .map(|policy| settled(graph, shared.policy(&policy), &finish))
        .collect();
    for policy in policies {
        match policy {
            Settled::Done(policy) => done.push(policy),
            Settled::Open(open) => {
                shared.objects.insert(open.id.clone(), *open);
            }
        }
    }
    if !raw.is_empty() {
        let others = done.iter().map(|o| (o.id.clone(), o.label.clone()));
        shared.others = others.collect();
        for (path, node) in raw {
            shared.node(path, node);
        }
    }
    shared.patches();
    shared.namespace();
    shared.unpinned();
    shared.unshimmed();
    let Told {
        mut notes,
        mut refusals,
    } = shared.told;
    if !refusals.is_empty() {
        refusals.sort();
        refusals.dedup();
        return Err(refusals);
    }
    notes.sort();
    notes.dedup();
    let rest = shared.objects.into_values();
    done.extend(rest.map(|made| finished(made, &finish)));
    // Of two of one id the later counts.
    done.reverse();
    done.par_sort_by(|a, b| a.id.cmp(&b.id));
    done.dedup_by(|a, b| a.id == b.id);
    Ok((done.into_iter().map(|done| done.made).collect(), notes))
}

fn part<'a, T>(
    ground: &'a Ground<'a>,
    nodes: &[(&'a NodePath, &'a Node)],
    finish: &impl Fn(Made) -> T,
) -> Part<'a, T> {
    let mut lowering = Lowering::new(ground);
    let mut done = Vec::new();
    let mut open = BTreeMap::new();
    for (path, node) in nodes {
        lowering.node(path, node);
        for (id, made) in std::mem::take(&mut lowering.objects) {
            match settled(ground.graph, made, finish) {
                Settled::Done(object) => done.push(object),
                Settled::Open(made) => {
                    open.insert(id, *made);
                }
            }
        }
    }
    Part {
        done,
        open,
        told: lowering.told,
        network: lowering.network,
        root: lowering.root,
        shims: lowering.shims,
    }
}

/// The object, finished; unless its declaration says something to Kubernetes in its own words, which
/// is laid over it when all others are there.
fn settled<T>(graph: &Graph, made: Made, finish: &impl Fn(Made) -> T) -> Settled<T> {
    let node = made.node.as_ref().and_then(|path| graph.nodes.get(path));
    let raw = node.and_then(|node| node.fields.get("raw"));
    match raw.map(|raw| &raw.data) {
        Some(Data::List(said)) if !said.is_empty() => Settled::Open(Box::new(made)),
        _ => Settled::Done(finished(made, finish)),
    }
}

fn finished<T>(made: Made, finish: &impl Fn(Made) -> T) -> Done<T> {
    Done {
        id: made.id.clone(),
        label: made.label.clone(),
        made: finish(made),
    }
}

impl<'a> Ground<'a> {
    fn new(target: &'a TargetId, graph: &'a Graph, facts: &'a Facts) -> Self {
        let settings = Settings::of(target, graph);
        let prefix = &settings.prefix;
        let nodes = graph.nodes.values();
        let taken: BTreeSet<String> = nodes
            .map(|node| names::name(&format!("{prefix}{}", node.name)))
            .collect();
        let operated = super::cnpg::operated(target, graph, &settings);
        let part_of = names::label(&graph.app);
        let environment = names::label(&graph.environment.name);
        let ownership = Map::of(vec![
            (names::APP.into(), json!(part_of)),
            (names::ENV.into(), json!(environment)),
        ]);
        Self {
            target,
            graph,
            facts,
            settings,
            taken,
            operated,
            ownership,
            part_of: part_of.into(),
        }
    }
}
