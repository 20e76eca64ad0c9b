//! Waiting until a thing works, and finding out why it does not.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};
use kube::api::{ListParams, LogParams};
use plat_engine::{Health, ProgressSink};
use serde_json::Value as Json;
use tokio::time::{Instant, sleep_until};

use super::live::health;
use super::{ApiError, CLUSTER, Cluster, Kind};

/// How often whoever waits looks for himself; a watch tells sooner what can be heard.
const LOOK: Duration = Duration::from_secs(1);
/// How much later that is for each who waits, for whatever: all together ask so often and no more.
const SHARE: Duration = Duration::from_millis(20);
/// At every which of these looks he asks for pods and events too: they are lists, which the API server
/// does not have at hand as it has one object.
const CLOSER: u32 = 5;
/// How long a pod may be in a state that hardly ends by itself before it is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many lines of a log are shown.
const LINES: i64 = 40;
/// States of a container that hardly end by themselves.
const STUCK: [&str; 8] = [
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// How a wait ended.
pub(crate) enum Waited {
    /// It works.
    Works(Json),
    /// It does not: why, and the last lines it wrote.
    Not { why: String, log: Vec<String> },
    /// It is not there any more.
    Gone,
}

/// Waits until an object works, as it was `made` or as it is by then: at most for `within`. `labels` are
/// some that it has, and that others have which are waited for.
///
/// # Errors
/// The cluster gives no answer.
pub(crate) async fn wait(
    cluster: &Cluster,
    kind: &Kind,
    made: &Json,
    labels: &str,
    within: Duration,
    progress: &ProgressSink,
) -> Result<Waited, ApiError> {
    let end = Instant::now() + within;
    let name = super::text(made, "/metadata/name").unwrap_or_default();
    let mut ear = cluster.hear(kind, labels, name).await?;
    let mut stuck_since: Option<Instant> = None;
    let mut told = String::new();
    // What changed before it was listened for is not heard.
    let mut seen = cluster.get(kind, name).await?;
    let pause = || {
        let share = u32::try_from(cluster.watches.waited_for()).unwrap_or(u32::MAX);
        LOOK.max(SHARE.saturating_mul(share))
    };
    let mut look = Instant::now() + pause();
    let mut looks: u32 = 0;
    loop {
        let Some(live) = seen else {
            return Ok(Waited::Gone);
        };
        let why = match health(&live) {
            Health::Well => return Ok(Waited::Works(live)),
            Health::Stopped { why } => {
                let trouble = trouble(cluster, kind, &live).await?;
                return Ok(Waited::Not {
                    why: trouble.why.unwrap_or(why),
                    log: trouble.log,
                });
            }
            Health::Stale { why } | Health::Ailing { why } => why,
        };
        if why != told {
            progress.say(why.clone());
            told.clone_from(&why);
        }
        let now = Instant::now();
        let looked = now >= look;
        if now >= end || (looked && looks.is_multiple_of(CLOSER)) {
            let trouble = trouble(cluster, kind, &live).await?;
            stuck_since = trouble.stuck.then(|| stuck_since.unwrap_or(now));
            let stuck = stuck_since.is_some_and(|since| now - since >= PATIENCE);
            if stuck || now >= end {
                return Ok(Waited::Not {
                    why: trouble.why.map_or(why.clone(), |t| format!("{why}: {t}")),
                    log: trouble.log,
                });
            }
        }
        if looked {
            looks = looks.saturating_add(1);
            look = Instant::now() + pause();
        }
        seen = tokio::select! {
            heard = ear.hears() => match heard.filter(|heard| is_of(heard, made)) {
                Some(heard) => Some(heard),
                None => cluster.get(kind, name).await?,
            },
            () = sleep_until(look.min(end)) => cluster.get(kind, name).await?,
        };
    }
}

/// Whether what is heard of an object is of what was made, and not of what was there before.
fn is_of(heard: &Json, made: &Json) -> bool {
    let generation = |of: &Json| of.pointer("/metadata/generation").and_then(Json::as_i64);
    let uid = |of: &Json| super::text(of, "/metadata/uid").map(str::to_owned);
    generation(heard) >= generation(made) && uid(heard) == uid(made)
}

/// What is wrong with the pods of an object.
#[derive(Default)]
struct Trouble {
    stuck: bool,
    why: Option<String>,
    log: Vec<String>,
}

async fn trouble(cluster: &Cluster, kind: &Kind, live: &Json) -> Result<Trouble, ApiError> {
    // Pods that were refused (a quota, a policy of the namespace) are not there to be asked.
    if let Some(conditions) = live.pointer("/status/conditions").and_then(Json::as_array)
        && let Some(refused) = conditions
            .iter()
            .find(|c| c["type"] == "ReplicaFailure" && c["status"] == "True")
    {
        let why = refused.get("message").and_then(Json::as_str);
        return Ok(Trouble {
            stuck: true,
            why: why.map(str::to_owned),
            log: Vec::new(),
        });
    }
    let selector = match &*kind.name {
        "Job" => {
            let name = super::text(live, "/metadata/name").unwrap_or_default();
            format!("batch.kubernetes.io/job-name={name}")
        }
        "Deployment" | "StatefulSet" | "DaemonSet" => labels(live),
        CLUSTER if kind.is(CLUSTER) => {
            let name = super::text(live, "/metadata/name").unwrap_or_default();
            format!("cnpg.io/cluster={name}")
        }
        _ => return Ok(Trouble::default()),
    };
    let api = cluster.typed::<Pod>().await?;
    let pods = api.list(&ListParams::default().labels(&selector)).await;
    let mut pods = pods.map_err(|e| ApiError::of(&e))?.items;
    // The newest first: old copies say nothing about the new ones.
    pods.sort_by(|a, b| {
        let time = |pod: &Pod| pod.metadata.creation_timestamp.clone().map(|t| t.0);
        time(b).cmp(&time(a))
    });
    let Some(pod) = pods.iter().find(|pod| !is_ready(pod) && !is_done(pod)) else {
        return Ok(Trouble::default());
    };
    let name = pod.metadata.name.clone().unwrap_or_default();
    let mut trouble = of_pod(pod);
    if trouble.why.is_none() {
        trouble.why = warning(cluster, &name).await;
    }
    if trouble.stuck || kind.name == "Job" {
        trouble.log = last_lines(cluster, pod, &name).await;
    }
    Ok(trouble)
}

fn labels(live: &Json) -> String {
    let labels: BTreeMap<String, String> = live
        .pointer("/spec/selector/matchLabels")
        .and_then(|l| serde_json::from_value(l.clone()).ok())
        .unwrap_or_default();
    let all: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    all.join(",")
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|c| c.type_ == "Ready" && c.status == "True")
}

/// Whether it did what it was for.
fn is_done(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    phase == Some("Succeeded")
}

/// The containers of which there is something to tell: those that only begin, unless they have done
/// it, and the others.
fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|s| s.init_container_statuses.as_ref());
    let main = status.and_then(|s| s.container_statuses.as_ref());
    let done = |container: &&ContainerStatus| {
        let ended = container.state.as_ref().and_then(|s| s.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code == 0)
    };
    let init = init.into_iter().flatten().filter(move |c| !done(c));
    init.chain(main.into_iter().flatten())
}

/// Why a pod hardly starts by itself; `None` while it may.
pub(crate) fn pod_trouble(pod: &Pod) -> Option<String> {
    let trouble = of_pod(pod);
    trouble.why.filter(|_| trouble.stuck)
}

/// What there is to tell of a pod that is not ready.
pub(crate) fn pod_says(pod: &Pod) -> Option<String> {
    of_pod(pod).why
}

/// How often the containers of a pod were started anew.
pub(crate) fn pod_restarts(pod: &Pod) -> u64 {
    let status = pod.status.as_ref();
    let all = status.and_then(|s| s.container_statuses.as_ref());
    let counts = all.into_iter().flatten().map(|c| c.restart_count);
    counts.filter_map(|count| u64::try_from(count).ok()).sum()
}

fn of_pod(pod: &Pod) -> Trouble {
    for container in containers(pod) {
        let Some(state) = &container.state else {
            continue;
        };
        let ended = state
            .terminated
            .as_ref()
            .or_else(|| container.last_state.as_ref()?.terminated.as_ref());
        let exit = ended.map(|ended| {
            let reason = ended.reason.as_deref().filter(|r| *r != "Error");
            match reason {
                Some(reason) if reason != "Completed" => {
                    format!("it ended with code {} ({reason})", ended.exit_code)
                }
                _ => format!("it ended with code {}", ended.exit_code),
            }
        });
        if let Some(waiting) = &state.waiting
            && let Some(reason) = &waiting.reason
            && STUCK.contains(&reason.as_str())
        {
            let message = waiting.message.clone().unwrap_or_default();
            let why = match (reason.as_str(), exit) {
                ("CrashLoopBackOff", Some(exit)) => {
                    format!("{exit}, {} times", container.restart_count.max(1))
                }
                _ => format!("{reason}: {message}"),
            };
            return Trouble {
                stuck: true,
                why: Some(why),
                log: Vec::new(),
            };
        }
        if exit.is_some() && state.running.is_none() {
            return Trouble {
                stuck: false,
                why: exit,
                log: Vec::new(),
            };
        }
    }
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let unscheduled = conditions
        .into_iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    Trouble {
        stuck: false,
        why: unscheduled.and_then(|c| c.message.clone()),
        log: Vec::new(),
    }
}

/// The last warning about a pod. It only tells more: where it can't be read there is none.
async fn warning(cluster: &Cluster, pod: &str) -> Option<String> {
    let api = cluster.typed::<Event>().await.ok()?;
    let about = format!("involvedObject.name={pod},type=Warning");
    let events = api.list(&ListParams::default().fields(&about)).await.ok()?;
    let last = events.items.into_iter().max_by_key(|event| {
        let time = event.last_timestamp.clone().map(|t| t.0);
        time.or_else(|| event.metadata.creation_timestamp.clone().map(|t| t.0))
    })?;
    last.message
}

/// The last lines that a pod wrote, those of its last run where it is not running.
async fn last_lines(cluster: &Cluster, pod: &Pod, name: &str) -> Vec<String> {
    let Ok(api) = cluster.typed::<Pod>().await else {
        return Vec::new();
    };
    let waiting = containers(pod).any(|c| {
        let state = c.state.as_ref();
        c.restart_count > 0 && state.is_some_and(|s| s.waiting.is_some())
    });
    let params = LogParams {
        tail_lines: Some(LINES),
        previous: waiting,
        ..LogParams::default()
    };
    match api.logs(name, &params).await {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(begins: Json, runs: Json) -> Pod {
        let container = |name: &str, state: Json| {
            json!({
                "name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 2,
                "state": state, "lastState": { "terminated": { "exitCode": 3 } },
            })
        };
        let pod = json!({ "status": {
            "initContainerStatuses": [container("shim", begins)],
            "containerStatuses": [container("api", runs)],
        }});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn what_was_there_before_is_not_heard() {
        let at = |uid: &str, generation: i64| json!({ "metadata": { "uid": uid, "generation": generation } });
        assert!(is_of(&at("a", 2), &at("a", 2)));
        assert!(is_of(&at("a", 3), &at("a", 2)));
        assert!(!is_of(&at("a", 1), &at("a", 2)));
        assert!(!is_of(&at("b", 2), &at("a", 2)));
    }

    #[test]
    fn a_container_that_did_what_it_is_for_says_nothing() {
        let done = json!({ "terminated": { "exitCode": 0, "reason": "Completed" } });
        let crashes = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let why = pod_trouble(&pod(done, crashes.clone()));
        assert_eq!(why.as_deref(), Some("it ended with code 3, 2 times"));
        let pulls =
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such tag" } });
        let waits = json!({ "waiting": { "reason": "PodInitializing" } });
        let why = pod_trouble(&pod(pulls, waits));
        assert_eq!(why.as_deref(), Some("ImagePullBackOff: no such tag"));
    }
}
