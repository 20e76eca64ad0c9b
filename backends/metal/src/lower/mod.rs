//! From the graph to what the agent is asked for: pure, one file for each family of kinds.
//!
//! What a field says is kept, kept in part (a note, which the plan shows) or refused at the
//! field. `stdlib/targets/local.plat` says the same as data; a test holds this to it.

mod edges;
mod resources;
mod run;
mod texts;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::{HeldData, Lowered, Object, OnChange, Refusal};
use plat_model::{Graph, Node, NodePath, TargetId};

use crate::facts::Facts;
use crate::spec::Spec;
use plat_engine::fields::{Fields, Told};
pub(crate) use texts::FIRST;

/// The object that all queues of an environment share.
const NATS: &str = "nats";
/// The object that all buckets of an environment share.
const S3: &str = "s3";

/// The objects for those nodes of the graph that are on `target`, sorted by id.
///
/// # Errors
/// Everything this target can't do, each at its field.
pub fn lower(target: &TargetId, graph: &Graph, facts: &Facts) -> Result<Lowered, Vec<Refusal>> {
    let mut lowering = Lowering {
        target,
        graph,
        facts,
        told: Told::default(),
        objects: BTreeMap::new(),
        addresses: texts::addresses(graph),
    };
    for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
        lowering.node(path, node);
    }
    let Told {
        mut notes,
        mut refusals,
    } = lowering.told;
    if !refusals.is_empty() {
        refusals.sort();
        return Err(refusals);
    }
    notes.sort();
    notes.dedup();
    Ok(Lowered {
        objects: lowering.objects.into_values().collect(),
        notes,
    })
}

struct Lowering<'a> {
    target: &'a TargetId,
    graph: &'a Graph,
    facts: &'a Facts,
    told: Told,
    objects: BTreeMap<String, Object>,
    /// The ports of each service that others were told.
    addresses: BTreeMap<NodePath, BTreeSet<String>>,
}

impl<'a> Lowering<'a> {
    fn node(&mut self, path: &'a NodePath, node: &'a Node) {
        let mut fields = Fields::new(self.graph, path, node, "on this machine");
        if node.existing.is_some() {
            fields.refuse(
                "",
                "what exists elsewhere can't be used on this target yet".into(),
                vec!["leave it to this target in a local environment".into()],
            );
        } else {
            match node.kind.name.as_str() {
                "service" | "worker" => self.workload(&mut fields),
                "job" => self.job(&mut fields),
                "cron" => self.cron(&mut fields),
                "site" => self.site(&mut fields),
                "postgres" => self.postgres(&mut fields),
                "redis" => self.redis(&mut fields),
                "queue" => self.queue(&mut fields),
                "bucket" => self.bucket(&mut fields),
                "volume" => self.volume(&mut fields),
                "secret" => self.secret(&mut fields),
                "route" => self.route(&mut fields),
                // Others read what these say; nothing runs. A raw object is another target's.
                "external" | "config" | "raw_object" => {}
                kind => fields.refuse(
                    "",
                    format!("a `{kind}` is not built yet on this machine"),
                    vec![format!("leave it out in this environment: omit = [{path}]")],
                ),
            }
        }
        fields.refuse_left();
        self.told.add(fields.told);
    }

    /// Adds the object of a node.
    fn add(
        &mut self,
        fields: &Fields<'a>,
        spec: &Spec,
        label: String,
        after: &BTreeSet<String>,
        on_change: &[(&str, OnChange)],
    ) {
        let id = object_id(spec, fields.path);
        let mut object = self.object(&id, spec);
        object.node = Some(fields.path.clone());
        object.label = label;
        object.after = after.iter().map(|id| id.as_str().into()).collect();
        object.place = self.graph.origins.place(fields.node.origin).cloned();
        of_its_form(&mut object, spec);
        object.holds_data = holds(spec, fields.path).map(|what| HeldData {
            what,
            kept_on_delete: true,
        });
        for (path, change) in on_change {
            object.on_change.insert((*path).to_owned(), change.clone());
        }
        self.objects.insert(id, object);
    }

    /// Leaves parts of a spec to others.
    fn leave(&mut self, fields: &Fields<'a>, spec: &Spec, left: Vec<String>) {
        if let Some(object) = self.objects.get_mut(&object_id(spec, fields.path)) {
            object.leave = left;
        }
    }

    /// Adds an object that several nodes share.
    fn share(&mut self, id: &str, spec: &Spec, label: &str) {
        let mut object = self.object(id, spec);
        label.clone_into(&mut object.label);
        self.objects.insert(id.to_owned(), object);
    }

    fn object(&self, id: &str, spec: &Spec) -> Object {
        // A spec is strings, numbers, lists and maps with string keys: that is JSON.
        let json = serde_json::to_value(spec).unwrap_or_default();
        Object::new(id, self.target.clone(), json)
    }

    /// The objects that must be there before what reads `texts` or waits for `after` is begun.
    fn needs(&self, fields: &mut Fields<'a>, producers: &BTreeSet<NodePath>) -> BTreeSet<String> {
        let mut after: BTreeSet<String> = producers
            .iter()
            .filter_map(|p| self.waited_for(p, true))
            .collect();
        for path in fields.nodes("after") {
            after.extend(self.waited_for(&path, false));
        }
        after.remove(&format!("process/{}", fields.path));
        after
    }

    /// The id of a node's object, where one waits for it. Workloads that only read each other's
    /// addresses don't: those are known before they run.
    fn waited_for(&self, path: &NodePath, only_read: bool) -> Option<String> {
        let node = self.graph.nodes.get(path)?;
        if node.target != *self.target {
            return None;
        }
        Some(match node.kind.name.as_str() {
            "service" | "worker" if only_read => return None,
            "service" | "worker" => format!("process/{path}"),
            "external" | "config" | "route" | "raw_object" => return None,
            kind => format!("{kind}/{path}"),
        })
    }
}

/// What an object is by the form of its spec.
pub(crate) fn of_its_form(object: &mut Object, spec: &Spec) {
    object.is_run = matches!(spec, Spec::Job(_));
    object.goes_back = matches!(spec, Spec::Workload(_));
}

/// The id of a node's object.
pub fn object_id(spec: &Spec, path: &NodePath) -> String {
    format!("{}/{path}", spec.form())
}

/// What would be lost with the data of a node, in human words.
pub fn holds(spec: &Spec, path: &NodePath) -> Option<String> {
    Some(match spec {
        Spec::Postgres(_) => format!("the database {path} and all its rows"),
        Spec::Redis(redis) if redis.keep => format!("what the redis {path} holds"),
        Spec::Queue(_) => format!("the queue {path} and the messages that wait in it"),
        Spec::Bucket(_) => format!("the bucket {path} and all its objects"),
        Spec::Volume(_) => format!("the volume {path} and all its files"),
        _ => return None,
    })
}
