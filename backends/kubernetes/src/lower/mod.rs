//! From the graph to Kubernetes objects: pure, one file for each family.
//!
//! What a field says is kept, kept in part (a note, which the plan shows) or refused at the
//! field. `stdlib/targets/kubernetes.plat` says the same as data; a test holds this to it.
//!
//! An [`Object`]'s spec is the manifest itself. Its id is `Kind/name`; a `Job`, whose template
//! can't change, has a name with a hash of it and keeps its id.

mod all;
mod bucket;
mod cnpg;
mod edges;
mod env;
mod jobs;
mod labels;
mod mounts;
mod namespace;
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
mod shim;
mod site;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use plat_engine::{HeldData, Lowered, Note, NoteKind, Object, ObjectId, OnChange, Refusal};
use plat_model::{Graph, Node, NodePath, Place, TargetId};

use crate::facts::Facts;
use crate::json::{Json, Map, Text, json};
use crate::names;
pub(crate) use all::all;
pub use jobs::ONCE;
pub use namespace::ENFORCE;
use plat_engine::fields::{Fields, Told};
pub use pods::APP_DIR;
pub(crate) use pods::MAIN;
pub(crate) use pods::plain;
pub use postgres::ADMINISTRATOR;
pub use resources::KEYS;
pub(crate) use resources::SERVER;
use settings::Settings;
pub use settings::{namespace, setting, shim_image, shim_is_off, site_base};
pub use site::FILES as SITE_FILES;

/// The objects for those nodes of the graph that are on `target`, sorted by id.
///
/// # Errors
/// Everything this target can't do, each at its field.
pub fn lower(target: &TargetId, graph: &Graph, facts: &Facts) -> Result<Lowered, Vec<Refusal>> {
    let (mut objects, notes) = all::all(target, graph, facts, |made| made.object(target))?;
    let ids: BTreeSet<ObjectId> = objects.iter().map(|o| o.id.clone()).collect();
    for object in &mut objects {
        object.after.retain(|id| ids.contains(id));
        object.after.sort();
        object.after.dedup();
    }
    Ok(Lowered { objects, notes })
}

/// What all lowering of a target reads.
struct Ground<'a> {
    target: &'a TargetId,
    graph: &'a Graph,
    facts: &'a Facts,
    settings: Settings,
    /// The names of declarations: what we add of our own steps aside.
    taken: BTreeSet<String>,
    /// The databases that are CloudNativePG's, by the names of their `Cluster`s.
    operated: BTreeMap<String, &'a NodePath>,
    /// The labels of all that is of this app and environment.
    ownership: Map,
    /// The labels that say of which app a thing is, for people and their tools.
    part_of: Text,
}

/// What is made of some of the declarations.
struct Lowering<'a> {
    ground: &'a Ground<'a>,
    told: Told,
    objects: BTreeMap<String, Made>,
    network: network::Network<'a>,
    /// Whether something asked to run as root.
    root: bool,
    /// Which programs run without the shim.
    shims: shim::Count,
    /// What else is made, by id, and what each is: for those whose own id is not theirs to choose.
    others: BTreeMap<String, String>,
}

impl<'a> Deref for Lowering<'a> {
    type Target = Ground<'a>;

    fn deref(&self) -> &Ground<'a> {
        self.ground
    }
}

/// An object as it was lowered.
pub(crate) struct Made {
    /// Its id: `Deployment/api`.
    pub(crate) id: String,
    /// Its declaration; none for what several share.
    pub(crate) node: Option<NodePath>,
    /// The manifest.
    pub(crate) spec: Json,
    /// What it is, for people.
    label: String,
    after: Vec<String>,
    on_change: Vec<(&'static str, OnChange)>,
    /// Which parts of it are somebody else's once it is made.
    pub(crate) leave: Vec<&'static str>,
    lent: Option<(&'static str, String)>,
    holds: Option<HeldData>,
    place: Option<Place>,
    goes_back: bool,
    is_run: bool,
}

impl Made {
    /// As the engine takes it.
    fn object(self, target: &TargetId) -> Object {
        let mut object = Object::new(self.id, target.clone(), (&self.spec).into());
        object.node = self.node;
        object.label = self.label;
        object.after = self.after.into_iter().map(ObjectId::new).collect();
        object.place = self.place;
        object.holds_data = self.holds;
        // What runs the app: a bad version gives way to the one before it.
        object.goes_back = self.goes_back;
        object.is_run = self.is_run;
        object.leave = self.leave.into_iter().map(str::to_owned).collect();
        let lent = self.lent.into_iter();
        object.lent = lent
            .map(|(part, to)| (part.to_owned(), ObjectId::new(to)))
            .collect();
        let on_change = self.on_change.into_iter();
        object.on_change = on_change.map(|(part, c)| (part.to_owned(), c)).collect();
        object
    }
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
    annotations: Map,
    /// Labels beside those that all have.
    marks: Vec<(&'static str, &'static str)>,
    /// What it is, for people.
    label: String,
    after: Vec<String>,
    on_change: Vec<(&'static str, OnChange)>,
    /// Which parts of it are somebody else's once it is made.
    leave: Vec<&'static str>,
    /// Which of these another object of ours decides, and which.
    lent: Option<(&'static str, String)>,
    holds: Option<HeldData>,
    /// It is a job of the app, which no way back runs again.
    is_run: bool,
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
            marks: Vec::new(),
            label: format!("{kind} {name}"),
            after: Vec::new(),
            on_change: Vec::new(),
            leave: Vec::new(),
            lent: None,
            holds: None,
            is_run: false,
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

    fn leave(mut self, parts: &[&'static str]) -> Self {
        self.leave.extend(parts);
        self
    }

    fn lend(mut self, part: &'static str, to: Option<String>) -> Self {
        self.lent = to.map(|to| (part, to));
        self
    }

    fn mark(mut self, label: &'static str, value: &'static str) -> Self {
        self.marks.push((label, value));
        self
    }

    fn annotate(mut self, name: &'static str, value: String) -> Self {
        self.annotations.insert(name.into(), value.into());
        self
    }
}

impl<'a> Lowering<'a> {
    fn new(ground: &'a Ground<'a>) -> Self {
        Self {
            ground,
            told: Told::default(),
            objects: BTreeMap::new(),
            network: network::Network::default(),
            root: false,
            shims: shim::Count::default(),
            others: BTreeMap::new(),
        }
    }

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
                "bucket" => self.bucket(&mut fields),
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

    fn ownership(&self) -> Map {
        self.ground.ownership.clone()
    }

    /// The labels of an object of a declaration, or of one that several share.
    fn labels(&self, node: Option<(&NodePath, &Node)>, name: &str) -> Map {
        let own = node.map_or(name, |(_, node)| node.name.as_str());
        let mut labels = vec![
            ("app.kubernetes.io/name".into(), names::label(own).into()),
            ("app.kubernetes.io/part-of".into(), json!(self.part_of)),
            (names::MANAGED_BY.into(), json!(names::MANAGER)),
        ];
        labels.extend(self.ownership());
        if let Some((path, _)) = node {
            labels.push((names::PATH.into(), names::label(path.as_str()).into()));
        }
        Map::of(labels)
    }

    fn put(&mut self, put: Put<'a>) {
        let kind = put.kind_in_id.as_deref().unwrap_or(put.kind);
        self.refuse_beside(kind, &put.name, put.node.as_ref());
        let made = self.made(put);
        self.objects.insert(made.id.clone(), made);
    }

    fn made(&self, put: Put<'a>) -> Made {
        let mut annotations = put.annotations;
        // A label can't hold every path: then its exact form stands beside it.
        if let Some((path, _)) = put.node
            && names::label(path.as_str()) != path.as_str()
        {
            annotations.insert(names::PATH.into(), path.as_str().into());
        }
        let name = Text::from(put.name);
        let namespaced = put.kind != "Namespace";
        let mut meta = vec![("name".into(), json!(name))];
        if namespaced {
            meta.push(("namespace".into(), json!(self.settings.namespace)));
        }
        let mut labels = self.labels(put.node, &name);
        for (label, value) in put.marks {
            labels.insert(label.into(), value.into());
        }
        meta.push(("labels".into(), labels.into()));
        if !annotations.is_empty() {
            annotations.sort_keys();
            meta.push(("annotations".into(), annotations.into()));
        }
        let mut manifest = Map::of(vec![
            ("apiVersion".into(), json!(put.version)),
            ("kind".into(), json!(put.kind)),
            ("metadata".into(), Map::of(meta).into()),
        ]);
        if let Json::Object(body) = put.body {
            manifest.extend(body);
        }
        let mut spec = Json::Object(manifest);
        spec.without_null();
        let kind_in_id = put.kind_in_id.as_deref().unwrap_or(put.kind);
        let id = object_id(kind_in_id, put.id.as_deref().unwrap_or(&name));
        let mut after = put.after;
        after.retain(|after| *after != id);
        if namespaced {
            after.push(object_id("Namespace", &self.settings.namespace));
        }
        let origin = put.node.map(|(_, node)| node.origin);
        Made {
            id,
            node: put.node.map(|(path, _)| path.clone()),
            spec,
            label: put.label,
            after,
            on_change: put.on_change,
            leave: put.leave,
            lent: put.lent,
            holds: put.holds,
            place: origin.and_then(|origin| self.graph.origins.place(origin).cloned()),
            goes_back: put.node.is_some() && matches!(put.kind, "Deployment" | "DaemonSet"),
            is_run: put.is_run,
        }
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
            "postgres" if self.is_operated() => self.operated_is_there(node),
            "postgres" => vec![object_id("Job", &self.helper(node, "setup"))],
            "redis" | "bucket" => vec![object_id("StatefulSet", &name)],
            "queue" => vec![object_id("Job", &self.helper(node, "setup"))],
            _ => Vec::new(),
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
