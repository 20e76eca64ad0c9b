//! Showing people what runs: how each declaration is, and what its pods write.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use plat_engine::{BackendError, Health, Inspect, LogLine, LogQuery, NodeStatus, RunState, Scope};
use plat_model::NodePath;
use serde_json::Value as Json;

use crate::backend::{Kubernetes, owned};
use crate::cluster::{
    ApiError, CLUSTER, annotation, backend_error, health, kind, pod_restarts, pod_says,
};
use crate::lower::{MAIN, SERVER};
use crate::names;

/// The kinds whose state is a declaration's, each before those that say less.
pub(crate) const SHOWN: [&str; 6] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    CLUSTER,
    "CronJob",
    "Job",
];
/// Those of them whose pods are to go on running.
const LASTS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", CLUSTER];
/// The kinds that say where something is reached.
pub(crate) const ROUTES: [&str; 2] = ["Ingress", "HTTPRoute"];

fn number(live: &Json, pointer: &str) -> u32 {
    let number = live.pointer(pointer).and_then(Json::as_i64);
    number.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
}

fn text<'a>(live: &'a Json, pointer: &str) -> &'a str {
    live.pointer(pointer)
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Whose an object is: its declaration, if it is of one.
pub(crate) fn node_of(live: &Json) -> Option<NodePath> {
    let label = || live.pointer("/metadata/labels")?.get(names::PATH)?.as_str();
    annotation(live, names::PATH)
        .or_else(label)
        .map(NodePath::from)
}

fn status(kind: &str, live: &Json) -> Option<NodeStatus> {
    let node = node_of(live)?;
    let (ready, wanted) = match kind {
        "Deployment" | "StatefulSet" => {
            let wanted = live
                .pointer("/spec/replicas")
                .map_or(1, |_| number(live, "/spec/replicas"));
            (number(live, "/status/readyReplicas"), wanted)
        }
        CLUSTER => {
            let wanted = number(live, "/spec/instances");
            (number(live, "/status/readyInstances"), wanted)
        }
        "DaemonSet" => (
            number(live, "/status/numberReady"),
            number(live, "/status/desiredNumberScheduled"),
        ),
        _ => (0, 0),
    };
    let (state, failure) = match (kind, health(live)) {
        ("CronJob", _) => last_run(live),
        ("Job", Health::Well) => (RunState::Done, None),
        (_, Health::Well) if wanted == 0 => (RunState::Idle, None),
        (_, Health::Well) => (RunState::Running, None),
        (_, Health::Stopped { why }) => (RunState::Failed, Some(why)),
        (_, Health::Stale { why }) => (RunState::Running, Some(why)),
        ("Job", Health::Ailing { .. }) => (RunState::Running, None),
        (_, Health::Ailing { why }) if ready > 0 => (RunState::Degraded, Some(why)),
        (_, Health::Ailing { why }) => (RunState::Starting, Some(why)),
    };
    Some(NodeStatus {
        node,
        kind: kind.to_owned(),
        state,
        ready,
        wanted,
        restarts: 0,
        since: seconds(text(live, "/status/lastScheduleTime")),
        urls: Vec::new(),
        last_failure: failure,
    })
}

/// A point in time, in seconds since 1970.
fn seconds(time: &str) -> Option<u64> {
    let time = chrono::DateTime::parse_from_rfc3339(time).ok()?;
    u64::try_from(time.timestamp()).ok()
}

/// How a cron is: as its last run ended. One that was never due is idle, as is one that runs on demand.
fn last_run(live: &Json) -> (RunState, Option<String>) {
    let runs = live.pointer("/status/active").and_then(Json::as_array);
    if runs.is_some_and(|runs| !runs.is_empty()) {
        return (RunState::Running, None);
    }
    let at = text(live, "/status/lastScheduleTime");
    let well = seconds(text(live, "/status/lastSuccessfulTime"));
    match seconds(at) {
        Some(due) if well.is_none_or(|well| well < due) => (
            RunState::Failed,
            Some(format!("its run of {at} did not succeed")),
        ),
        _ => (RunState::Idle, None),
    }
}

/// What the pods of a declaration tell of it.
#[derive(Default)]
struct Pods {
    restarts: u64,
    /// When one of them last became ready, or ceased to be.
    since: Option<u64>,
    /// Those with which something is wrong.
    troubles: Vec<String>,
}

impl Pods {
    fn add(&mut self, pod: &Pod) {
        self.restarts += pod_restarts(pod);
        let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        let ready = conditions.find(|c| c.type_ == "Ready");
        let moved = ready.and_then(|c| c.last_transition_time.as_ref());
        let moved = moved.and_then(|time| u64::try_from(time.0.as_second()).ok());
        self.since = self.since.max(moved);
        if ready.is_none_or(|c| c.status != "True")
            && let Some(why) = pod_says(pod)
        {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            self.troubles.push(format!("{name}: {why}"));
        }
    }
}

/// How many pods are told of by name.
const NAMED: usize = 3;

impl Kubernetes {
    /// What pods that are to go on running tell, by the label of their declaration.
    async fn pods_by_label(&self, labels: &str) -> Result<BTreeMap<String, Pods>, ApiError> {
        let api = self.cluster.typed::<Pod>().await?;
        let list = api.list(&ListParams::default().labels(labels)).await;
        let mut by_label: BTreeMap<String, Pods> = BTreeMap::new();
        for pod in list.map_err(|e| ApiError::of(&e))?.items {
            let label = |name: &str| pod.metadata.labels.as_ref()?.get(name).cloned();
            let lasts = matches!(label(names::PART).as_deref(), Some(MAIN | SERVER));
            if let Some(path) = label(names::PATH).filter(|_| lasts) {
                by_label.entry(path).or_default().add(&pod);
            }
        }
        Ok(by_label)
    }
}

#[async_trait]
impl Inspect for Kubernetes {
    async fn status(&self, scope: &Scope) -> Result<Vec<NodeStatus>, BackendError> {
        let failed = |e| backend_error("asking how things are", e);
        let labels = owned(scope);
        let mut all: BTreeMap<NodePath, NodeStatus> = BTreeMap::new();
        for shown in SHOWN {
            let Some(kind) = kind(shown) else {
                continue;
            };
            let found = self.cluster.list_if_any(kind, &labels).await;
            let mut found = found.map_err(failed)?;
            // Of several runs of a job the newest counts.
            found.sort_by_key(|live| {
                std::cmp::Reverse(text(live, "/metadata/creationTimestamp").to_owned())
            });
            for one in found.iter().filter_map(|live| status(shown, live)) {
                all.entry(one.node.clone()).or_insert(one);
            }
        }
        for shown in ROUTES {
            let Some(kind) = kind(shown) else {
                continue;
            };
            let found = self.cluster.list_if_any(kind, &labels).await;
            for live in found.map_err(failed)? {
                let Some(node) = node_of(&live) else {
                    continue;
                };
                let urls = urls(&live);
                all.insert(
                    node.clone(),
                    NodeStatus {
                        node,
                        kind: shown.to_owned(),
                        state: RunState::Running,
                        ready: 0,
                        wanted: 0,
                        restarts: 0,
                        since: None,
                        urls,
                        last_failure: None,
                    },
                );
            }
        }
        let pods = self.pods_by_label(&labels).await.map_err(failed)?;
        for one in all.values_mut().filter(|one| LASTS.contains(&&*one.kind)) {
            let Some(pods) = pods.get(&names::label(one.node.as_str())) else {
                continue;
            };
            one.restarts = pods.restarts;
            one.since = pods.since;
            if let Some(failure) = &mut one.last_failure {
                for trouble in pods.troubles.iter().take(NAMED) {
                    failure.push_str(&format!("; {trouble}"));
                }
            }
        }
        Ok(all.into_values().collect())
    }

    async fn logs(
        &self,
        scope: &Scope,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, BackendError>>, BackendError> {
        let api = self
            .cluster
            .typed::<Pod>()
            .await
            .map_err(|e| backend_error("reading logs", e))?;
        crate::logs::lines(api, owned(scope), query).await
    }
}

fn urls(live: &Json) -> Vec<String> {
    let scheme =
        if live.pointer("/spec/tls").is_some() || live.pointer("/spec/parentRefs").is_some() {
            "https"
        } else {
            "http"
        };
    let rules = live.pointer("/spec/rules").and_then(Json::as_array);
    let named = live.pointer("/spec/hostnames").and_then(Json::as_array);
    let hosts = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| rule.get("host")?.as_str())
        .chain(named.into_iter().flatten().filter_map(Json::as_str));
    hosts.map(|host| format!("{scheme}://{host}")).collect()
}
