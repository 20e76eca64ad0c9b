//! The least rights that planning and applying an environment need.
//!
//! Two Roles in its namespace: one that reads, for `plan`, `status` and `diff`, and one for
//! `apply`, which has all of that too. What the namespace itself needs is the cluster's to give.
//! They follow from what the source becomes: a source that becomes something else needs others.
//! `tests/tests/cluster.rs` plans and applies with exactly these.

use std::collections::{BTreeMap, BTreeSet};

use plat_engine::{Lowered, Scope};
use serde_json::{Value as Json, json};

use crate::cluster::{ApiError, CLUSTER, Cluster, DATABASE, read_kind};
use crate::inspect::{ROUTES, SHOWN};
use crate::names;
use crate::place::Place;

/// What reads.
const READ: [&str; 2] = ["get", "list"];
/// What an apply does to objects: server-side apply is `patch`, and `create` where there is none.
const WRITE: [&str; 3] = ["create", "delete", "patch"];
/// The kinds that do not work as soon as they are there.
const WAITED: [&str; 6] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    CLUSTER,
    DATABASE,
];
/// Its own RBAC API.
const API: &str = "rbac.authorization.k8s.io";

/// Who gets the rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A user, by the name that the cluster knows.
    User(String),
    /// A group of users.
    Group(String),
    /// A ServiceAccount, by its namespace and its name.
    Account(String, String),
}

impl Subject {
    fn manifest(&self) -> Json {
        match self {
            Self::User(name) => json!({ "kind": "User", "name": name, "apiGroup": API }),
            Self::Group(name) => json!({ "kind": "Group", "name": name, "apiGroup": API }),
            Self::Account(namespace, name) => {
                json!({ "kind": "ServiceAccount", "namespace": namespace, "name": name })
            }
        }
    }
}

/// The roles, and where somebody is to have them their bindings too. `apply` says which of the
/// rights he gets. Only where the source holds objects of kinds that are not known here the cluster
/// is asked, for how it calls them.
///
/// # Errors
/// The cluster can't be asked, or has no such kind.
pub async fn rights(
    place: &Place,
    scope: &Scope,
    lowered: &Lowered,
    subject: Option<&Subject>,
    apply: bool,
) -> Result<Vec<Json>, ApiError> {
    let cluster = Cluster::new(&place.context, &place.namespace);
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut namespaced = BTreeSet::new();
    for object in &lowered.objects {
        let written = object.id.as_str().split('/').next().unwrap_or_default();
        namespaced.insert(written);
    }
    namespaced.remove("Namespace");
    for written in namespaced {
        let (name, group) = read_kind(written);
        let plural = match crate::cluster::kind(name).filter(|known| known.group() == group) {
            Some(known) => known.plural.to_string(),
            None => match cluster.find(name, group).await? {
                Some(kind) => kind.plural.to_string(),
                None => return Err(ApiError::other(crate::backend::no_kind(name, group))),
            },
        };
        kinds.entry(group.to_owned()).or_default().insert(plural);
    }
    // The state is kept in Secrets, whether the app has some or not.
    kinds
        .entry(String::new())
        .or_default()
        .insert("secrets".to_owned());

    let base = names::name(&format!("plat-{}-{}", scope.app, scope.environment));
    let (reads, writes) = (format!("{base}-plan"), format!("{base}-apply"));
    let namespace = &place.namespace;
    let mut all = vec![
        role(namespace, &reads, &reading(&kinds)),
        role(namespace, &writes, &applying(&kinds)),
    ];
    // Its name is the whole cluster's.
    let wide = names::name(&format!("{base}-{namespace}"));
    let named = |verbs: &[&str]| {
        json!({
            "apiGroups": [""], "resources": ["namespaces"], "verbs": verbs,
            "resourceNames": [namespace],
        })
    };
    all.push(cluster_role(&format!("{wide}-plan"), &[named(&["get"])]));
    all.push(cluster_role(
        &format!("{wide}-apply"),
        &[
            named(&["get", "patch"]),
            // What is not there has no name yet that a right could be bound to.
            json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["create"] }),
        ],
    ));
    if let Some(subject) = subject {
        let which = if apply { "apply" } else { "plan" };
        let own = if apply { &writes } else { &reads };
        all.push(binding(
            "RoleBinding",
            Some(namespace),
            own,
            "Role",
            own,
            subject,
        ));
        let wide = format!("{wide}-{which}");
        all.push(binding(
            "ClusterRoleBinding",
            None,
            &wide,
            "ClusterRole",
            &wide,
            subject,
        ));
    }
    Ok(all)
}

fn rule(group: &str, resources: impl IntoIterator<Item = String>, verbs: &[&str]) -> Json {
    let resources: Vec<String> = resources.into_iter().collect();
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

/// What `plan`, `status` and `logs` ask for.
fn reading(kinds: &BTreeMap<String, BTreeSet<String>>) -> Vec<Json> {
    let mut rules: Vec<Json> = kinds
        .iter()
        .map(|(group, plurals)| rule(group, plurals.iter().cloned(), &READ))
        .collect();
    rules.push(rule("coordination.k8s.io", ["leases".into()], &["get"]));
    // What there is of an earlier version is shown too.
    let mut shown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let all = SHOWN.iter().chain(&ROUTES);
    for known in all.filter_map(|name| crate::cluster::kind(name)) {
        let of = shown.entry(known.group()).or_default();
        of.push(known.plural.to_string());
    }
    rules.extend(
        shown
            .into_iter()
            .map(|(group, of)| rule(group, of, &["list"])),
    );
    // Why something is not well is said by its pods.
    rules.push(rule("", ["pods".into()], &READ));
    rules.push(rule("", ["pods/log".into()], &["get"]));
    rules.push(rule("", ["events".into()], &["list"]));
    rules
}

fn applying(kinds: &BTreeMap<String, BTreeSet<String>>) -> Vec<Json> {
    let mut rules = reading(kinds);
    rules.extend(
        kinds
            .iter()
            .map(|(group, plurals)| rule(group, plurals.iter().cloned(), &WRITE)),
    );
    // What is waited for tells itself how far it is.
    rules.extend(kinds.iter().filter_map(|(group, plurals)| {
        let waited = WAITED.iter().filter_map(|name| crate::cluster::kind(name));
        let of = waited.filter(|kind| kind.group() == group && plurals.contains(&*kind.plural));
        let of: Vec<String> = of.map(|kind| kind.plural.to_string()).collect();
        (!of.is_empty()).then(|| rule(group, of, &["watch"]))
    }));
    // The state is written over as a whole.
    rules.push(rule("", ["secrets".into()], &["update"]));
    let lease = ["create", "delete", "update"];
    rules.push(rule("coordination.k8s.io", ["leases".into()], &lease));
    rules
}

fn role(namespace: &str, name: &str, rules: &[Json]) -> Json {
    json!({
        "apiVersion": format!("{API}/v1"),
        "kind": "Role",
        "metadata": { "name": name, "namespace": namespace },
        "rules": rules,
    })
}

fn cluster_role(name: &str, rules: &[Json]) -> Json {
    json!({
        "apiVersion": format!("{API}/v1"),
        "kind": "ClusterRole",
        "metadata": { "name": name },
        "rules": rules,
    })
}

fn binding(
    kind: &str,
    namespace: Option<&str>,
    name: &str,
    role_kind: &str,
    role: &str,
    subject: &Subject,
) -> Json {
    let mut metadata = serde_json::Map::new();
    metadata.insert("name".into(), name.into());
    if let Some(namespace) = namespace {
        metadata.insert("namespace".into(), namespace.into());
    }
    json!({
        "apiVersion": format!("{API}/v1"),
        "kind": kind,
        "metadata": metadata,
        "roleRef": { "apiGroup": API, "kind": role_kind, "name": role },
        "subjects": [subject.manifest()],
    })
}
