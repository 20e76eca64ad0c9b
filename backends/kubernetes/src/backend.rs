//! A cluster as the engine sees it.
//!
//! What window remains without a fence of the API server's own: each write carries the version
//! that was compared just before, so that of two writers of one object one is refused; a writer
//! that lost its lease can still finish the one write it is in.

mod change;
mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use plat_engine::{
    Action, Backend, BackendError, Done, Facts, Health, HeldData, Lowered, Object, ObjectId,
    Observation, Observed, OpContext, OpError, OpErrorKind, Operation, Present, Problem,
    ProgressSink, Refusal, Scope, SecretStore, Store, Token,
};
use plat_model::{Graph, NodePath, TargetId};
use serde::Deserialize as _;
use serde_json::Value as Json;

use crate::cluster::{
    self, ApiError, CLUSTER, Cluster, KINDS, Kind, Secrets, StateStore, annotation, applied,
    changed, health, kind, read_kind, summary, written,
};
use crate::cluster::{ID, LEAVE, TOKEN, used};
use crate::facts::Namespace;
use crate::image::push::{self, Logins, PushError};
use crate::image::shim;
use crate::lower::{ENFORCE, ONCE};
use crate::names;
use crate::place::Place;

/// How many objects are read at once.
const READS: usize = 16;
/// From how many objects of a kind on a list of the names that there are costs less than asking for each.
const MANY: usize = 50;

/// The target `kubernetes { … }`: one namespace of one cluster.
pub struct Kubernetes {
    pub(crate) cluster: Arc<Cluster>,
    secrets: Secrets,
    root: PathBuf,
    local: PathBuf,
    logins: Logins,
    shim: Option<&'static [u8]>,
}

impl Kubernetes {
    /// That place, for the app whose package's root is `root`. Plans that are only looked at are
    /// kept in `local`, so that to plan is to read. `logins` says who we are at registries, `shim` is
    /// the program that programs run below: a static one, for this machine's architecture.
    pub fn new(
        place: &Place,
        root: &Path,
        local: PathBuf,
        logins: Logins,
        shim: Option<&'static [u8]>,
    ) -> Self {
        let cluster = Arc::new(Cluster::new(&place.context, &place.namespace));
        Self {
            secrets: Secrets::new(Arc::clone(&cluster), &place.prefix),
            cluster,
            root: root.to_path_buf(),
            local,
            logins,
            shim,
        }
    }
}

/// The labels that all objects of a scope have.
pub(crate) fn owned(scope: &Scope) -> String {
    format!(
        "{}={},{}={}",
        names::APP,
        names::label(&scope.app),
        names::ENV,
        names::label(&scope.environment)
    )
}

fn is_owned(live: &Json, scope: &Scope) -> bool {
    let labels = live.pointer("/metadata/labels");
    let has = |name: &str, value: &str| {
        labels.and_then(|l| l.get(name)?.as_str()) == Some(names::label(value).as_str())
    };
    has(names::APP, &scope.app) && has(names::ENV, &scope.environment)
}

/// The kind and the name of an id, as they are written.
fn parts(id: &ObjectId) -> (&str, &str) {
    id.as_str().split_once('/').unwrap_or(("", id.as_str()))
}

fn text<'a>(live: &'a Json, pointer: &str) -> &'a str {
    live.pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

fn present(live: &Json) -> Present {
    let object = remembered(live, applied(live).unwrap_or_default());
    let digest = object.digest_of(&object.spec);
    let kind = written(text(live, "/kind"), text(live, "/apiVersion"));
    let name = text(live, "/metadata/name");
    Present {
        uid: text(live, "/metadata/uid").to_owned(),
        // What is ours: a status that moves on is no other version of what was compared.
        version: digest.as_str().to_owned(),
        spec: digest,
        token: annotation(live, TOKEN).map(|t| Token(t.to_owned())),
        health: health(live),
        summary: summary(live),
        holds_data: holds(&kind, name),
        changed: changed(live).map(Box::new),
        object: Some(object.into()),
    }
}

/// What goes with an object that nobody can make again, by its kind as an id names it: of another group
/// a `Cluster` is something else.
fn holds(kind: &str, name: &str) -> Option<HeldData> {
    let what = match kind {
        "PersistentVolumeClaim" => format!("the volume {name} and all its files"),
        CLUSTER => format!("the database {name} and all its rows"),
        _ => return None,
    };
    Some(HeldData {
        what,
        kept_on_delete: true,
    })
}

/// What a live object was last asked to be, as far as it tells itself: what a lost state is
/// rebuilt from. Its order and what replaces it come back with the next apply.
fn remembered(live: &Json, spec: Json) -> Object {
    let kind = written(text(live, "/kind"), text(live, "/apiVersion"));
    let name = text(live, "/metadata/name");
    let id = annotation(live, ID).map_or_else(|| format!("{kind}/{name}"), str::to_owned);
    let path = annotation(live, names::PATH).or_else(|| {
        let labels = live.pointer("/metadata/labels")?;
        labels.get(names::PATH)?.as_str()
    });
    let leave = annotation(live, LEAVE).and_then(|text| serde_json::from_str(text).ok());
    Object {
        node: path.map(NodePath::from),
        label: format!("{kind} {name}"),
        leave: leave.unwrap_or_default(),
        ..Object::new(id, TargetId::main(), spec)
    }
}

#[async_trait]
impl Backend for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn describe(&self, graph: &Graph) -> String {
        Place::of(&TargetId::main(), graph).to_string()
    }

    fn ids_from_names(&self) -> bool {
        true
    }

    async fn gather(&self, target: &TargetId, graph: &Graph) -> Result<Facts, Vec<Refusal>> {
        let mut facts = crate::facts::gather(&self.root, target, graph, self.shim)?;
        // Where the cluster does not answer, who asks it for more says so.
        if let Some(kind) = kind("Namespace")
            && let Ok(Some(live)) = self.cluster.get(kind, &self.cluster.namespace).await
        {
            facts.namespace = Some(found_namespace(&live));
        }
        Ok(Facts(serde_json::to_value(facts).unwrap_or_default()))
    }

    fn lower(
        &self,
        target: &TargetId,
        graph: &Graph,
        facts: &Facts,
    ) -> Result<Lowered, Vec<Refusal>> {
        // What `gather` wrote; of anything else there is none.
        let facts = crate::facts::Facts::deserialize(&facts.0).unwrap_or_default();
        crate::lower::lower(target, graph, &facts)
    }

    async fn observe(&self, scope: &Scope, asked: &BTreeSet<ObjectId>) -> Observation {
        let labels = owned(scope);
        let labels = labels.as_str();
        // Those that declarations become, and those that were asked for.
        let mut names: BTreeSet<String> = KINDS.iter().map(|k| k.name.to_string()).collect();
        names.extend(asked.iter().map(|id| parts(id).0.to_owned()));
        names.remove("Namespace");
        let lists = names.iter().map(|name| async move {
            let list = self.list(name, labels).await;
            (name.as_str(), list)
        });
        let mut objects: BTreeMap<ObjectId, Observed> = BTreeMap::new();
        let mut unread: BTreeMap<&str, String> = BTreeMap::new();
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        kinds.extend(kind("Namespace").map(|kind| ("Namespace", kind.clone())));
        let lists = join_all(lists).await;
        let secrets: BTreeMap<String, Json> = lists
            .iter()
            .filter(|(name, _)| *name == "Secret")
            .filter_map(|(_, list)| list.as_ref().ok()?.as_ref())
            .flat_map(|(_, all)| all)
            .map(|live| (text(live, "/metadata/name").to_owned(), live.clone()))
            .collect();
        for (name, list) in lists {
            match list {
                Ok(Some((kind, all))) => {
                    for live in newest(all) {
                        let id = id_of(&kind, &live);
                        // A claim that was kept, or a secret that was only set, is not applied yet.
                        if applied(&live).is_some() {
                            let mut present = present(&live);
                            if let Some(why) = stale(&live, &present.health, &secrets) {
                                present.health = Health::Stale { why };
                            }
                            objects.insert(id, Observed::Present(present));
                        }
                    }
                    kinds.insert(name, kind);
                }
                // Of a kind that there is not, there is nothing.
                Ok(None) => {}
                Err(e) => {
                    unread.insert(name, e.why);
                }
            }
        }
        // No list holds the namespace itself: whoever has things in it has it too.
        let here = ObjectId::new(format!("Namespace/{}", self.cluster.namespace));
        if let Some(kind) =
            kind("Namespace").filter(|_| !asked.contains(&here) && !objects.is_empty())
            && let seen @ Observed::Present(_) =
                self.one(kind, &self.cluster.namespace, scope).await
        {
            objects.insert(here, seen);
        }
        // What is not ours may be there under the name all the same.
        let missing: Vec<ObjectId> = asked
            .iter()
            .filter(|id| !objects.contains_key(*id))
            .cloned()
            .collect();
        let there = self.names_there(&missing, &kinds).await;
        let (unread, kinds, there) = (&unread, &kinds, &there);
        let others: Vec<(ObjectId, Observed)> = stream::iter(missing)
            .map(|id| async move {
                let (kind, name) = parts(&id);
                let is_there = there.get(kind).is_none_or(|names| names.contains(name));
                let seen = match (unread.get(kind), kinds.get(kind)) {
                    (Some(why), _) => Observed::Unknown {
                        why: why.to_owned(),
                    },
                    (None, None) => Observed::Absent,
                    (None, Some(_)) if !is_there => Observed::Absent,
                    (None, Some(kind)) => self.one(kind, name, scope).await,
                };
                (id, seen)
            })
            .buffer_unordered(READS)
            .collect()
            .await;
        objects.extend(others);
        Observation { objects }
    }

    async fn check(&self, scope: &Scope, operations: &[&Operation]) -> Vec<Problem> {
        let mut problems = self.unknown_kinds(operations).await;
        problems.extend(self.not_as_described(operations).await);
        let Some(secret) = kind("Secret") else {
            return problems;
        };
        for operation in operations {
            let Some(object) = &operation.desired else {
                continue;
            };
            let keys = annotation(&object.spec, crate::lower::KEYS);
            if !keys.is_some_and(|keys| keys.contains("\"set\"")) {
                continue;
            }
            let name = text(&object.spec, "/metadata/name");
            let there = self.cluster.get(secret, name).await;
            let set = matches!(&there, Ok(Some(live)) if live.pointer("/data/value").is_some());
            if !set && there.is_ok() {
                let node = object.node.as_ref().map(ToString::to_string);
                let node = node.unwrap_or_else(|| name.to_owned());
                problems.push(Problem {
                    stops: true,
                    node: object.node.clone(),
                    place: object.place.clone(),
                    message: format!("the secret `{node}` has no value"),
                    next: Some(format!(
                        "platc secret set {node} --env {}",
                        scope.environment
                    )),
                });
            }
        }
        problems
    }

    async fn prepare(
        &self,
        _scope: &Scope,
        facts: &Facts,
        operations: &[&Operation],
        tell: ProgressSink,
    ) -> Vec<Problem> {
        let facts = crate::facts::Facts::deserialize(&facts.0).unwrap_or_default();
        let mut problems = Vec::new();
        if let Some(shim) = facts.shim.filter(|shim| shim.architecture.is_some())
            && let Some(operation) = operations.iter().find(|o| runs_below(o, &shim.image))
            && let Err(error) = shim::ensure(
                &shim.image,
                self.shim.unwrap_or_default(),
                &self.logins,
                &tell,
            )
            .await
        {
            problems.push(problem(operation, &error));
        }
        let mut seen = BTreeSet::new();
        for (node, image) in &facts.images {
            let mut of = operations.iter().filter(|o| o.desired.is_some());
            let operation = of.find(|o| o.node.as_ref().is_some_and(|n| n.as_str() == node));
            let (Some(operation), Some(made)) = (operation, facts.made.get(image)) else {
                continue;
            };
            if !seen.insert(image) {
                continue;
            }
            let dir = crate::facts::resolved(&self.root, &made.dir);
            let source = push::Source { made, dir: &dir };
            if let Err(error) = push::ensure(image, source, &self.logins, &tell).await {
                problems.push(problem(operation, &error));
            }
        }
        problems
    }

    async fn execute(&self, operation: &Operation, context: &OpContext) -> Result<Done, OpError> {
        let what = format!("{} {}", operation.action.doing(), operation.label);
        let failed = |e: ApiError| OpError {
            next: e.next.clone(),
            ..OpError::new(e.kind(), what.clone(), e.why)
        };
        let (kind, name) = parts(&operation.object);
        let (found, group) = read_kind(kind);
        let Some(kind) = self.cluster.find(found, group).await.map_err(failed)? else {
            if operation.desired.is_none() {
                // With its kind all of it went.
                return Ok(Done::Gone { data_kept_at: None });
            }
            let why = no_kind(found, group);
            return Err(OpError::new(OpErrorKind::Fatal, what, why));
        };
        // Each is asked for in the version that it is written in.
        let version = operation.desired.as_ref();
        let version = version.map(|object| text(&object.spec, "/apiVersion"));
        let kind = &version.map_or_else(|| kind.clone(), |version| kind.at(version));
        match (operation.action, &operation.desired) {
            (Action::Delete | Action::Forget, _) | (_, None) => {
                self.remove(kind, name, operation, context, &what).await
            }
            (action, Some(desired)) => {
                if action == Action::Replace {
                    self.remove(kind, name, operation, context, &what).await?;
                }
                let made = self.bring(kind, desired, operation, context, &what).await?;
                if kind.name == "Secret" {
                    cluster::fill(&self.cluster, &made).await.map_err(failed)?;
                }
                self.until_it_works(kind, &made, context, &what).await
            }
        }
    }

    fn secrets(&self) -> &dyn SecretStore {
        &self.secrets
    }

    fn state(&self, scope: &Scope) -> Result<Arc<dyn Store>, BackendError> {
        let cluster = Arc::clone(&self.cluster);
        let local = self
            .local
            .join(names::label(self.cluster.context()))
            .join(&self.cluster.namespace)
            .join(names::label(&scope.app))
            .join(names::label(&scope.environment));
        Ok(Arc::new(StateStore::new(cluster, scope.clone(), local)))
    }
}

/// Why an object of a kind can't be made.
pub(crate) fn no_kind(name: &str, group: &str) -> String {
    format!("the cluster has no `{name}` of {group}: what brings that kind is not installed there")
}

impl Kubernetes {
    /// All objects of a kind, as an id names it, with these labels; `None` where the cluster has no
    /// such kind.
    async fn list(&self, name: &str, labels: &str) -> Result<Option<(Kind, Vec<Json>)>, ApiError> {
        let (name, group) = read_kind(name);
        // That it is not there is known from the list as well.
        let kind = match kind(name).filter(|kind| kind.group() == group) {
            Some(kind) => kind.clone(),
            None => match self.cluster.find(name, group).await? {
                Some(kind) => kind,
                None => return Ok(None),
            },
        };
        if !kind.namespaced {
            return Ok(Some((kind, Vec::new())));
        }
        let mut all = Vec::new();
        for live in self.cluster.list(&kind, labels).await? {
            all.push(self.cluster.as_applied(&kind, live).await?);
        }
        Ok(Some((kind, all)))
    }

    /// The names of all objects of the kinds of which many are asked for, whoever has them. A kind
    /// whose names can't be read is left out: each of its objects is asked for by itself.
    async fn names_there(
        &self,
        asked: &[ObjectId],
        kinds: &BTreeMap<&str, Kind>,
    ) -> BTreeMap<String, BTreeSet<String>> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for id in asked {
            *counts.entry(parts(id).0).or_default() += 1;
        }
        let many = counts.into_iter().filter(|(_, count)| *count >= MANY);
        let lists = many.filter_map(|(name, _)| {
            let kind = kinds.get(name).filter(|kind| kind.namespaced)?;
            Some(async move {
                let names = self.cluster.names(kind, "").await.ok()?;
                let names = names.into_iter().map(|(name, _)| name).collect();
                Some((name.to_owned(), names))
            })
        });
        join_all(lists).await.into_iter().flatten().collect()
    }

    /// What is to be made of a kind that the cluster does not have, or has outside of namespaces.
    async fn unknown_kinds(&self, operations: &[&Operation]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for operation in operations {
            let Some(object) = &operation.desired else {
                continue;
            };
            let (name, group) = read_kind(parts(&operation.object).0);
            if name == "Namespace" {
                continue;
            }
            let message = match self.cluster.find(name, group).await {
                Ok(Some(kind)) if kind.namespaced => continue,
                Ok(Some(_)) => of_the_cluster(name),
                Ok(None) => no_kind(name, group),
                // Then it is not known; the operation tells.
                Err(_) => continue,
            };
            problems.push(Problem {
                stops: true,
                node: object.node.clone(),
                place: object.place.clone(),
                message,
                next: None,
            });
        }
        problems
    }

    /// What is to be made and is not as the cluster's own API describes it.
    async fn not_as_described(&self, operations: &[&Operation]) -> Vec<Problem> {
        let desired = || operations.iter().filter_map(|o| o.desired.as_ref());
        let versions: BTreeSet<&str> = desired().map(|o| text(&o.spec, "/apiVersion")).collect();
        if versions.is_empty() {
            return Vec::new();
        }
        // Where it does not describe itself, or not to us, the operations tell.
        let Ok(schemas) = self.cluster.schemas(versions).await else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        for object in desired() {
            for mistake in schemas.mistakes(&object.spec) {
                let kind = text(&object.spec, "/kind").to_lowercase();
                problems.push(Problem {
                    stops: !mistake.is_missing,
                    node: object.node.clone(),
                    place: object.place.clone(),
                    message: format!("{} on this cluster: {}", object.label, mistake.what),
                    next: Some(format!(
                        "kubectl --context {} explain {kind} --recursive",
                        self.cluster.context()
                    )),
                });
            }
        }
        problems
    }

    /// An object that carries no label of the scope, or is not there.
    async fn one(&self, kind: &Kind, name: &str, scope: &Scope) -> Observed {
        match self.cluster.get(kind, name).await {
            Ok(None) => Observed::Absent,
            Err(e) => Observed::Unknown { why: e.why },
            Ok(Some(live)) if kind.name == "Namespace" => match applied(&live) {
                Some(_) => Observed::Present(present(&live)),
                // It is there, and nothing of ours is: what we say of it is still to be said.
                None => Observed::Absent,
            },
            // Kept for us by an earlier destroy, or set before the first apply.
            Ok(Some(live)) if is_owned(&live, scope) || is_kept(&live, scope) => Observed::Absent,
            Ok(Some(live)) => {
                let why = format!(
                    "there is a {} `{name}` already, which belongs to {}: give this environment a `namespace` or a `prefix` of its own",
                    kind.name,
                    whose(&live)
                );
                others::others(kind, &live, why)
            }
        }
    }
}

/// What a namespace that is there has to do with us.
fn found_namespace(live: &Json) -> Namespace {
    let labels = live.pointer("/metadata/labels");
    let label = |name: &str| labels.and_then(|l| l.get(name)?.as_str());
    Namespace {
        is_ours: applied(live).is_some() || label(names::MANAGED_BY) == Some(names::MANAGER),
        enforced: label(ENFORCE).map(str::to_owned),
    }
}

/// Why an app has no object of that kind.
pub(crate) fn of_the_cluster(kind: &str) -> String {
    format!(
        "a `{kind}` is the whole cluster's: an app's objects are in the namespace of its environment"
    )
}

/// The label of what was kept when its environment was taken away.
const KEPT: &str = "plat/kept";

fn is_kept(live: &Json, scope: &Scope) -> bool {
    let label = names::label(&format!("{}.{}", scope.app, scope.environment));
    live.pointer("/metadata/labels")
        .and_then(|l| l.get(KEPT)?.as_str())
        == Some(label.as_str())
}

/// Whose an object is, for people.
fn whose(live: &Json) -> String {
    let labels = live.pointer("/metadata/labels");
    let label = |name: &str| labels.and_then(|l| l.get(name)?.as_str());
    match (label(names::APP), label(names::ENV)) {
        (Some(app), Some(env)) => format!("{app} → {env}"),
        _ => match label(names::MANAGED_BY) {
            Some(by) => format!("somebody else ({by})"),
            None => "somebody else".to_owned(),
        },
    }
}

/// Why something has to be started anew though nobody changed what it is: a secret that it is given
/// has another value by now. `secrets` are those of the environment; where they could not be read it
/// is not known.
fn stale(live: &Json, health: &Health, secrets: &BTreeMap<String, Json>) -> Option<String> {
    let started = used::marked(live)?;
    let once = annotation(live, ONCE).is_some();
    let at_work = text(live, "/kind") == "Job" && *health != Health::Well;
    if once || at_work || matches!(health, Health::Stopped { .. }) {
        return None;
    }
    let names = used::secrets(live);
    if !names.iter().any(|name| secrets.contains_key(name)) {
        return None;
    }
    let now = used::digest(live, secrets)?;
    (now != started).then(|| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("it has former values of its secrets ({})", names.join(", "))
    })
}

/// Whether an operation's programs run below the shim of that image.
fn runs_below(operation: &Operation, image: &str) -> bool {
    let spec = operation.desired.as_ref().map(|object| &object.spec);
    let templates = [
        "/spec/template/spec/initContainers/0/image",
        "/spec/jobTemplate/spec/template/spec/initContainers/0/image",
    ];
    let mut held = templates
        .iter()
        .filter_map(|at| spec?.pointer(at)?.as_str());
    held.any(|held| held == image)
}

/// An image that an operation needs and that could not be made.
fn problem(operation: &Operation, error: &PushError) -> Problem {
    Problem {
        stops: true,
        node: operation.node.clone(),
        place: operation.place.clone(),
        message: error.to_string(),
        next: error.next.clone(),
    }
}

fn id_of(kind: &Kind, live: &Json) -> ObjectId {
    let by_name = || {
        let kind = written(&kind.name, &kind.version);
        format!("{kind}/{}", text(live, "/metadata/name"))
    };
    ObjectId::new(annotation(live, ID).map_or_else(by_name, str::to_owned))
}

/// Of several runs of a job the newest.
fn newest(mut all: Vec<Json>) -> Vec<Json> {
    all.sort_by_key(|live| text(live, "/metadata/creationTimestamp").to_owned());
    all
}
