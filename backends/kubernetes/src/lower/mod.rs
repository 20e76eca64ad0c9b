//! From the graph to Kubernetes objects: pure, one file for each family.
//!
//! What a field says is kept, kept in part (a note, which the plan shows) or refused at the
//! field. `stdlib/targets/kubernetes.plat` says the same as data; a test holds this to it.
//!
//! An [`Object`]'s spec is the manifest itself. Its id is `Kind/name`; a `Job`, whose template
//! can't change, has a name with a hash of it and keeps its id.

mod edges;
mod env;
mod jobs;
mod network;
mod outs;
mod pins;
mod pods;
mod postgres;
mod probes;
mod raw;
mod resources;
mod scale;
mod settings;
mod site;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::{HeldData, Lowered, Note, NoteKind, Object, ObjectId, OnChange, Refusal};
use plat_model::{Graph, Node, NodePath, TargetId};
use serde_json::{Map, Value as Json, json};

use crate::facts::Facts;
use crate::names;
pub use jobs::ONCE;
use plat_engine::fields::{Fields, Told};
pub use pods::APP_DIR;
pub use postgres::ADMINISTRATOR;
pub use resources::KEYS;
use settings::Settings;
pub use settings::{namespace, setting, site_base};
pub use site::FILES as SITE_FILES;

/// The objects for those nodes of the graph that are on `target`, sorted by id.
///
/// # Errors
/// Everything this target can't do, each at its field.
pub fn lower(target: &TargetId, graph: &Graph, facts: &Facts) -> Result<Lowered, Vec<Refusal>> {
    let settings = Settings::of(target, graph);
    let taken = graph
        .nodes
        .values()
        .map(|node| names::name(&format!("{}{}", settings.prefix, node.name)))
        .collect();
    let mut lowering = Lowering {
        target,
        graph,
        facts,
        settings,
        taken,
        told: Told::default(),
        objects: BTreeMap::new(),
        network: network::Network::default(),
        root: false,
    };
    for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
        lowering.node(path, node);
    }
    lowering.queues();
    lowering.policies();
    lowering.patches();
    lowering.namespace();
    lowering.unpinned();
    let Told {
        mut notes,
        mut refusals,
    } = lowering.told;
    if !refusals.is_empty() {
        refusals.sort();
        refusals.dedup();
        return Err(refusals);
    }
    notes.sort();
    notes.dedup();
    let mut objects = lowering.objects;
    let ids: BTreeSet<ObjectId> = objects.values().map(|o| o.id.clone()).collect();
    for object in objects.values_mut() {
        object.after.retain(|id| ids.contains(id));
        object.after.sort();
        object.after.dedup();
    }
    Ok(Lowered {
        objects: objects.into_values().collect(),
        notes,
    })
}

struct Lowering<'a> {
    target: &'a TargetId,
    graph: &'a Graph,
    facts: &'a Facts,
    settings: Settings,
    /// The names of declarations: what we add of our own steps aside.
    taken: BTreeSet<String>,
    told: Told,
    objects: BTreeMap<String, Object>,
    network: network::Network,
    /// Whether something asked to run as root.
    root: bool,
}

/// An object that is being added.
struct Put<'a> {
    /// `Deployment`, …
    kind: &'a str,
    /// `apps/v1`, …
    version: &'a str,
    /// Its name, which is that of its id too unless `id` says another.
    name: String,
    /// The name in its id.
    id: Option<String>,
    /// How its id names its kind, where the name alone does not tell.
    kind_in_id: Option<String>,
    /// Its declaration; none for what several share.
    node: Option<(&'a NodePath, &'a Node)>,
    /// Everything beside `apiVersion`, `kind` and `metadata`.
    body: Json,
    annotations: Map<String, Json>,
    /// What it is, for people.
    label: String,
    after: Vec<String>,
    on_change: Vec<(&'static str, OnChange)>,
    holds: Option<HeldData>,
}

impl<'a> Put<'a> {
    fn new(kind: &'a str, version: &'a str, name: &str, body: Json) -> Self {
        Self {
            kind,
            version,
            name: name.to_owned(),
            id: None,
            kind_in_id: None,
            node: None,
            body,
            annotations: Map::new(),
            label: format!("{kind} {name}"),
            after: Vec::new(),
            on_change: Vec::new(),
            holds: None,
        }
    }

    fn of(mut self, fields: &Fields<'a>) -> Self {
        self.node = Some((fields.path, fields.node));
        self
    }

    fn label(mut self, label: String) -> Self {
        self.label = label;
        self
    }

    fn after(mut self, ids: impl IntoIterator<Item = String>) -> Self {
        self.after.extend(ids);
        self
    }

    fn on_change(mut self, part: &'static str, change: OnChange) -> Self {
        self.on_change.push((part, change));
        self
    }

    fn annotate(mut self, name: &str, value: String) -> Self {
        self.annotations.insert(name.to_owned(), value.into());
        self
    }
}

impl<'a> Lowering<'a> {
    fn node(&mut self, path: &'a NodePath, node: &'a Node) {
        let mut fields = Fields::new(self.graph, path, node, "on Kubernetes");
        if node.existing.is_some() {
            fields.refuse(
                "",
                "what exists elsewhere can't be used on this target yet".into(),
                vec!["leave it to this target in this environment".into()],
            );
        } else {
            match node.kind.name.as_str() {
                "service" | "worker" => self.workload(&mut fields),
                "daemon" => self.daemon(&mut fields),
                "job" => self.job(&mut fields),
                "cron" => self.cron(&mut fields),
                "site" => self.site(&mut fields),
                "postgres" => self.postgres(&mut fields),
                "redis" => self.redis(&mut fields),
                "queue" => self.queue(&mut fields),
                "volume" => self.volume(&mut fields),
                "secret" => self.secret(&mut fields),
                "route" => self.route(&mut fields),
                "external" => self.external(&mut fields),
                "raw_object" => self.raw_object(&mut fields),
                // Others read what it says.
                "config" => {}
                kind => fields.refuse(
                    "",
                    format!("a `{kind}` is not built yet on Kubernetes"),
                    vec![format!("leave it out in this environment: omit = [{path}]")],
                ),
            }
        }
        fields.refuse_left();
        self.told.add(fields.told);
    }

    /// The name of a declaration's objects.
    fn name(&self, node: &Node) -> String {
        names::name(&format!("{}{}", self.settings.prefix, node.name))
    }

    /// The name of something that we add to a declaration.
    fn helper(&self, node: &Node, what: &str) -> String {
        self.own(&format!("{}-{what}", node.name))
    }

    /// The name of something of ours. It steps aside for a declaration of that name.
    fn own(&self, what: &str) -> String {
        let full = format!("{}{what}", self.settings.prefix);
        let name = names::name(&full);
        if self.taken.contains(&name) {
            names::apart(&name, &format!("own {full}"))
        } else {
            name
        }
    }

    /// What tells the pods of one part of a declaration from all others of the cluster's.
    fn selector(&self, path: Option<&NodePath>, part: &str) -> Json {
        let mut labels = self.ownership();
        if let Some(path) = path {
            labels.insert(names::PATH.into(), names::label(path.as_str()).into());
        }
        labels.insert(names::PART.into(), part.into());
        labels.into()
    }

    fn ownership(&self) -> Map<String, Json> {
        let mut labels = Map::new();
        labels.insert(names::APP.into(), names::label(&self.graph.app).into());
        let environment = &self.graph.environment.name;
        labels.insert(names::ENV.into(), names::label(environment).into());
        labels
    }

    /// The labels of an object of a declaration, or of one that several share.
    fn labels(&self, node: Option<(&NodePath, &Node)>, name: &str) -> Map<String, Json> {
        let mut labels = Map::new();
        let own = node.map_or(name, |(_, node)| node.name.as_str());
        let mut add = |key: &str, value: &str| {
            labels.insert(key.to_owned(), names::label(value).into());
        };
        add("app.kubernetes.io/name", own);
        add("app.kubernetes.io/part-of", &self.graph.app);
        add("app.kubernetes.io/managed-by", names::MANAGER);
        labels.extend(self.ownership());
        if let Some((path, _)) = node {
            labels.insert(names::PATH.into(), names::label(path.as_str()).into());
        }
        labels
    }

    fn put(&mut self, put: Put<'a>) {
        let mut annotations = put.annotations;
        // A label can't hold every path: then its exact form stands beside it.
        if let Some((path, _)) = put.node
            && names::label(path.as_str()) != path.as_str()
        {
            annotations.insert(names::PATH.into(), path.as_str().into());
        }
        let mut meta = Map::new();
        meta.insert("name".into(), put.name.clone().into());
        if put.kind != "Namespace" {
            meta.insert("namespace".into(), self.settings.namespace.clone().into());
        }
        meta.insert("labels".into(), self.labels(put.node, &put.name).into());
        if !annotations.is_empty() {
            annotations.sort_keys();
            meta.insert("annotations".into(), annotations.into());
        }
        let mut manifest = Map::new();
        manifest.insert("apiVersion".into(), put.version.into());
        manifest.insert("kind".into(), put.kind.into());
        manifest.insert("metadata".into(), meta.into());
        if let Json::Object(body) = put.body {
            manifest.extend(body);
        }
        let mut spec = Json::Object(manifest);
        without_null(&mut spec);
        let kind_in_id = put.kind_in_id.as_deref().unwrap_or(put.kind);
        let id = object_id(kind_in_id, put.id.as_deref().unwrap_or(&put.name));
        let mut object = Object::new(id.clone(), self.target.clone(), spec);
        object.node = put.node.map(|(path, _)| path.clone());
        object.label = put.label;
        object.after = put
            .after
            .iter()
            .filter(|after| **after != id)
            .map(|after| after.as_str().into())
            .collect();
        if put.kind != "Namespace" {
            let namespace = object_id("Namespace", &self.settings.namespace);
            object.after.push(namespace.as_str().into());
        }
        object.place = put
            .node
            .and_then(|(_, node)| self.graph.origins.place(node.origin).cloned());
        object.holds_data = put.holds;
        // What runs the app: a bad version gives way to the one before it.
        object.goes_back = put.node.is_some() && matches!(put.kind, "Deployment" | "DaemonSet");
        object.on_change = put
            .on_change
            .into_iter()
            .map(|(part, change)| (part.to_owned(), change))
            .collect();
        self.objects.insert(id, object);
    }

    /// The ids of the objects that must be there before what reads `path` is begun. Workloads
    /// that only read each other's addresses don't wait: those are known before they run.
    fn waited_for(&self, path: &NodePath, only_read: bool) -> Vec<String> {
        let Some(node) = self.graph.nodes.get(path) else {
            return Vec::new();
        };
        let name = self.name(node);
        match node.kind.name.as_str() {
            "service" | "worker" if !only_read => vec![object_id("Deployment", &name)],
            "daemon" if !only_read => vec![object_id("DaemonSet", &name)],
            "job" => vec![object_id("Job", &name)],
            "secret" => vec![object_id("Secret", &name)],
            "volume" => vec![object_id("PersistentVolumeClaim", &name)],
            "postgres" => vec![object_id("Job", &self.helper(node, "setup"))],
            "redis" => vec![object_id("StatefulSet", &name)],
            "queue" => vec![object_id("Job", &self.helper(node, "setup"))],
            _ => Vec::new(),
        }
    }

    /// Where everything is. Pods that could take over their node are kept out of it.
    fn namespace(&mut self) {
        let name = self.settings.namespace.clone();
        let level = if self.root { "baseline" } else { "restricted" };
        let mut put = Put::new("Namespace", "v1", &name, json!({}));
        put.label = format!("namespace {name}");
        self.put(put);
        let id = object_id("Namespace", &name);
        if let Some(object) = self.objects.get_mut(&id)
            && let Some(labels) = object.spec.pointer_mut("/metadata/labels")
        {
            // Several apps may share it: it is nobody's own.
            *labels = json!({
                "app.kubernetes.io/managed-by": names::MANAGER,
                "pod-security.kubernetes.io/enforce": level,
            });
        }
    }

    fn note(&mut self, node: &NodePath, field: Option<&str>, message: String) {
        self.told.notes.push(Note {
            kind: NoteKind::Weakened,
            node: Some(node.clone()),
            field: field.map(plat_model::FieldPath::new),
            place: None,
            message,
        });
    }
}

/// The id of an object.
fn object_id(kind: &str, name: &str) -> String {
    format!("{kind}/{name}")
}

/// A field that is null or an empty list says nothing, and the API server keeps neither.
fn without_null(value: &mut Json) {
    match value {
        Json::Object(map) => {
            let empty = |value: &Json| value.as_array().is_some_and(Vec::is_empty);
            map.retain(|_, value| !value.is_null() && !empty(value));
            map.values_mut().for_each(without_null);
        }
        Json::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}
