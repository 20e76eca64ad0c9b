//! What the pods of an environment write, by declaration and copy.
//!
//! Followed logs go on through restarts of containers and take in pods that come later: a list of
//! the pods, a second apart, says who is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use futures::io::AsyncBufReadExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, LogParams};
use plat_engine::{BackendError, LogLine, LogQuery};
use plat_model::NodePath;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cluster::ApiError;
use crate::inspect::node_of;

/// How often it is asked which pods there are, while they are followed.
const LOOK: Duration = Duration::from_secs(1);
/// How many lines may wait to be shown before those who write them wait.
const WAITING: usize = 1000;

/// Lines, or why there are no more.
pub(crate) type Lines = BoxStream<'static, Result<LogLine, BackendError>>;

/// The pods of an environment.
struct Pods {
    api: Api<Pod>,
    /// The labels that they have.
    labels: String,
    query: LogQuery,
}

/// A pod that writes.
#[derive(Clone)]
struct Writer {
    node: NodePath,
    copy: u32,
    pod: String,
    /// The container that is the declaration's own: others may be patched in.
    container: String,
}

fn failed(error: &kube::Error) -> BackendError {
    BackendError::new("reading logs", ApiError::of(error).why)
}

/// What the pods with these labels write.
///
/// # Errors
/// The cluster can't be asked.
pub(crate) async fn lines(
    api: Api<Pod>,
    labels: String,
    query: &LogQuery,
) -> Result<Lines, BackendError> {
    let pods = Pods {
        api,
        labels,
        query: query.clone(),
    };
    if query.follow {
        // Those that are there are known before anything is promised.
        let mut copies = Copies::default();
        let now = pods.writers(&mut copies).await?;
        return Ok(followed(pods, copies, now));
    }
    let mut lines = Vec::new();
    for writer in pods.writers(&mut Copies::default()).await? {
        // A container that never ran has written nothing.
        let Ok(mut text) = pods
            .api
            .log_stream(&writer.pod, &pods.first(&writer))
            .await
            .map(|reader| reader.lines())
        else {
            continue;
        };
        while let Some(line) = text.next().await {
            let line = line.map_err(|e| BackendError::new("reading logs", e.to_string()))?;
            lines.push(parsed(&writer, &line).1);
        }
    }
    lines.sort_by_key(|line| line.at);
    let skip = query.tail.map_or(0, |n| lines.len().saturating_sub(n));
    Ok(stream::iter(lines.into_iter().skip(skip).map(Ok)).boxed())
}

/// Which copy of its declaration a pod is: the lowest number that no other has, for as long as it
/// is there.
#[derive(Default)]
struct Copies {
    of: BTreeMap<String, (NodePath, u32)>,
}

impl Copies {
    fn number(&mut self, pod: &str, node: &NodePath) -> u32 {
        if let Some((_, number)) = self.of.get(pod) {
            return *number;
        }
        let taken = |n: &u32| self.of.values().any(|(other, t)| other == node && t == n);
        let number = (0..).find(|n| !taken(n)).unwrap_or(0);
        self.of.insert(pod.to_owned(), (node.clone(), number));
        number
    }
}

impl Pods {
    /// The pods that are there, by name.
    async fn writers(&self, copies: &mut Copies) -> Result<Vec<Writer>, BackendError> {
        let params = ListParams::default().labels(&self.labels);
        let mut pods = self.api.list(&params).await.map_err(|e| failed(&e))?.items;
        pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let there = |pod: &String| {
            let names = pods.iter().map(|p| p.metadata.name.as_ref());
            names.into_iter().any(|name| name == Some(pod))
        };
        copies.of.retain(|pod, _| there(pod));
        let mut writers = Vec::new();
        for pod in &pods {
            let live = serde_json::to_value(pod)
                .map_err(|e| BackendError::new("reading logs", e.to_string()))?;
            let containers = pod.spec.as_ref().map(|spec| &spec.containers);
            let first = containers.and_then(|all| all.first());
            let (Some(node), Some(name), Some(first)) = (node_of(&live), &pod.metadata.name, first)
            else {
                continue;
            };
            if self.query.nodes.is_empty() || self.query.nodes.contains(&node) {
                writers.push(Writer {
                    copy: copies.number(name, &node),
                    node,
                    pod: name.clone(),
                    container: first.name.clone(),
                });
            }
        }
        Ok(writers)
    }

    /// What is asked of a pod that was there when logs were asked for.
    fn first(&self, writer: &Writer) -> LogParams {
        LogParams {
            tail_lines: self.query.tail.and_then(|n| i64::try_from(n).ok()),
            since_seconds: self.query.since.map(since),
            ..self.all(writer)
        }
    }

    fn all(&self, writer: &Writer) -> LogParams {
        LogParams {
            container: Some(writer.container.clone()),
            follow: self.query.follow,
            timestamps: true,
            ..LogParams::default()
        }
    }
}

/// Lines of the pods that are there and of those that come. All of it ends with the stream.
fn followed(pods: Pods, copies: Copies, now: Vec<Writer>) -> Lines {
    let (to, lines) = mpsc::channel(WAITING);
    let mut all = JoinSet::new();
    all.spawn(find(Arc::new(pods), copies, now, to));
    let state = (lines, all);
    stream::unfold(state, |(mut lines, all)| async move {
        let line = lines.recv().await?;
        Some((line, (lines, all)))
    })
    .boxed()
}

type Sender = mpsc::Sender<Result<LogLine, BackendError>>;

/// Reads each pod from when it is first seen.
async fn find(pods: Arc<Pods>, mut copies: Copies, now: Vec<Writer>, to: Sender) {
    let mut readers = JoinSet::new();
    let mut read: Vec<String> = Vec::new();
    let mut first = true;
    let mut writers = now;
    loop {
        read.retain(|pod| copies.of.contains_key(pod));
        for writer in writers {
            if read.contains(&writer.pod) {
                continue;
            }
            read.push(writer.pod.clone());
            let params = if first {
                pods.first(&writer)
            } else {
                pods.all(&writer)
            };
            readers.spawn(follow(Arc::clone(&pods), writer, params, to.clone()));
        }
        first = false;
        sleep(LOOK).await;
        // Those that are done leave nothing behind.
        while readers.try_join_next().is_some() {}
        // An API server that is away for a moment is no end: those that are read go on.
        writers = pods.writers(&mut copies).await.unwrap_or_default();
        if to.is_closed() {
            return;
        }
    }
}

/// Reads a pod until it is gone or done, over restarts of its container.
async fn follow(pods: Arc<Pods>, writer: Writer, mut params: LogParams, to: Sender) {
    let mut last: Option<DateTime<FixedOffset>> = None;
    loop {
        // A container that did not start yet has no log: it is asked again.
        if let Ok(reader) = pods.api.log_stream(&writer.pod, &params).await {
            let mut text = reader.lines();
            while let Some(Ok(line)) = text.next().await {
                let (time, line) = parsed(&writer, &line);
                if time.is_some() && time <= last {
                    continue;
                }
                last = time.or(last);
                if to.send(Ok(line)).await.is_err() {
                    return;
                }
            }
            // What was read is passed over by its times, which the API server has in seconds.
            params = pods.all(&writer);
            params.since_time = last.and_then(|time| time.to_rfc3339().parse().ok());
        }
        let phase = match pods.api.get_opt(&writer.pod).await {
            Ok(None) => return,
            Ok(Some(pod)) => pod.status.and_then(|status| status.phase),
            Err(_) => None,
        };
        if matches!(phase.as_deref(), Some("Succeeded" | "Failed")) {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Milliseconds since 1970 as seconds ago.
fn since(at: u64) -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    i64::try_from(now.saturating_sub(at).div_ceil(1000))
        .unwrap_or(i64::MAX)
        .max(1)
}

/// `2026-01-31T12:00:00.000000000Z text`: its exact time, and the line.
fn parsed(writer: &Writer, line: &str) -> (Option<DateTime<FixedOffset>>, LogLine) {
    let (time, text) = line.split_once(' ').unwrap_or((line, ""));
    let time = DateTime::parse_from_rfc3339(time).ok();
    let line = LogLine {
        node: writer.node.clone(),
        copy: writer.copy,
        at: time.and_then(|t| u64::try_from(t.timestamp_millis()).ok()),
        error: false,
        text: if time.is_some() { text } else { line }.to_owned(),
    };
    (time, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_its_number_and_a_new_one_takes_the_lowest_that_is_free() {
        let mut copies = Copies::default();
        let (web, api) = (NodePath::from("web"), NodePath::from("api"));
        assert_eq!(copies.number("web-a", &web), 0);
        assert_eq!(copies.number("web-b", &web), 1);
        assert_eq!(copies.number("api-a", &api), 0);
        copies.of.remove("web-a");
        assert_eq!(copies.number("web-b", &web), 1);
        assert_eq!(copies.number("web-c", &web), 0);
    }

    #[test]
    fn a_line_has_its_time_before_it() {
        let writer = Writer {
            node: NodePath::from("web"),
            copy: 1,
            pod: "web-a".into(),
            container: "web".into(),
        };
        let (time, line) = parsed(&writer, "2026-01-31T12:00:00.25Z serving on 8080");
        assert!(time.is_some());
        assert_eq!(line.text, "serving on 8080");
        assert_eq!(line.at, Some(1_769_860_800_250));
        let (time, line) = parsed(&writer, "2026-01-31T12:00:00Z");
        assert!(time.is_some());
        assert_eq!(line.text, "");
        let (time, line) = parsed(&writer, "unable to retrieve logs");
        assert_eq!(
            (time, line.text.as_str()),
            (None, "unable to retrieve logs")
        );
    }
}
