//! Showing people what runs: how each declaration is, and what its pods write.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use plat_engine::{BackendError, Health, Inspect, LogLine, LogQuery, NodeStatus, RunState, Scope};
use plat_model::NodePath;
use serde_json::Value as Json;

use crate::backend::{Kubernetes, owned};
use crate::cluster::{annotation, backend_error, health, kind};
use crate::names;

/// The kinds whose state is a declaration's, each before those that say less.
pub(crate) const SHOWN: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"];
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
        "DaemonSet" => (
            number(live, "/status/numberReady"),
            number(live, "/status/desiredNumberScheduled"),
        ),
        _ => (0, 0),
    };
    let (state, failure) = match (kind, health(live)) {
        ("CronJob", _) => (RunState::Idle, None),
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
        since: None,
        urls: Vec::new(),
        last_failure: failure,
    })
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
            let mut found = self.cluster.list(kind, &labels).await.map_err(failed)?;
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
            for live in self.cluster.list(kind, &labels).await.map_err(failed)? {
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
