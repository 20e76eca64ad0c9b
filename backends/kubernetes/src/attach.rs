//! Being where a pod is: commands beside a workload, jobs by hand, connections.

use std::time::Duration;

use async_trait::async_trait;
use futures::io::AsyncReadExt as _;
use futures::{FutureExt as _, SinkExt as _};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod};
use kube::api::{
    Api, AttachParams, AttachedProcess, ListParams, LogParams, TerminalSize as KubeSize,
};
use plat_engine::{
    Attach, Attached, BackendError, Connection, Scope, Size, There, Wanted, main_first,
};
use plat_model::NodePath;
use rand::Rng as _;
use serde_json::{Map, Value as Json, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::backend::{Kubernetes, owned};
use crate::cluster::{ApiError, backend_error, kind, pod_trouble};
use crate::lower::plain;
use crate::names;

/// How often a pod is asked how far it is.
const POLL: Duration = Duration::from_millis(300);
/// How long a job's pod may take until its program runs.
const START: Duration = Duration::from_secs(300);
/// For how long a run that was asked for by hand can be looked at, in seconds.
const KEPT: u32 = 86_400;
/// How much of what a job writes waits for its reader.
const BUFFER: usize = 16 << 10;

/// What of a pod's words is on its way, for an error.
fn failed(what: &str, error: &kube::Error) -> BackendError {
    backend_error(what, ApiError::of(error))
}

fn label(node: &NodePath) -> String {
    format!("{}={}", names::PATH, names::label(node.as_str()))
}

/// The container that is the declaration's own: others may be patched in.
fn main_container(pod: &Pod) -> Option<&k8s_openapi::api::core::v1::Container> {
    pod.spec.as_ref()?.containers.first()
}

fn runs(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|s| s.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|c| c.type_ == "Ready" && c.status == "True")
}

/// How the declaration's own container of a pod ended.
fn ended(pod: &Pod) -> Option<&ContainerStateTerminated> {
    let name = &main_container(pod)?.name;
    let all = pod.status.as_ref()?.container_statuses.as_ref()?;
    let status = all.iter().find(|status| status.name == *name)?;
    status.state.as_ref()?.terminated.as_ref()
}

impl Kubernetes {
    async fn pods(&self, what: &str) -> Result<Api<Pod>, BackendError> {
        let api = self.cluster.typed::<Pod>().await;
        api.map_err(|e| backend_error(what, e))
    }

    /// The pods of a declaration that run, by name.
    async fn copies(
        &self,
        scope: &Scope,
        node: &NodePath,
        what: &str,
    ) -> Result<Vec<Pod>, BackendError> {
        let of = format!("{},{}", owned(scope), label(node));
        let all = self
            .pods(what)
            .await?
            .list(&ListParams::default().labels(&of))
            .await;
        let mut pods = all.map_err(|e| failed(what, &e))?.items;
        pods.retain(runs);
        pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        if pods.is_empty() {
            return Err(BackendError::new(what, format!("no pod of {node} runs"))
                .next("platc status shows what runs"));
        }
        Ok(pods)
    }

    /// Makes a run of a job that runs on demand; gives the name of its Job.
    async fn begin(
        &self,
        scope: &Scope,
        node: &NodePath,
        arguments: &[String],
        interactive: bool,
        what: &str,
    ) -> Result<String, BackendError> {
        let error = |e| backend_error(what, e);
        let (Some(cron), Some(job)) = (kind("CronJob"), kind("Job")) else {
            return Err(BackendError::new(what, "there are no jobs"));
        };
        let of = format!("{},{}", owned(scope), label(node));
        let all = self.cluster.list(cron, &of).await.map_err(error)?;
        let template = all
            .iter()
            .find(|live| live.pointer("/spec/suspend") == Some(&true.into()));
        let Some(template) = template else {
            return Err(BackendError::new(
                what,
                format!("{node} is no job that runs on demand, or was not applied yet"),
            )
            .next("say it in the source: runs = on_demand"));
        };
        let text = |pointer: &str| template.pointer(pointer).and_then(Json::as_str);
        let name = text("/metadata/name").unwrap_or_default();
        let number: u32 = rand::rng().random();
        let name = names::apart(name, &format!("run {name} {number}"));
        let mut spec = template
            .pointer("/spec/jobTemplate/spec")
            .cloned()
            .unwrap_or_default();
        attended(&mut spec, arguments, interactive);
        let mut labels = Map::new();
        if let Some(Json::Object(own)) = template.pointer("/metadata/labels") {
            labels.extend(own.clone());
        }
        let manifest = json!({
            "apiVersion": &*job.version,
            "kind": &*job.name,
            "metadata": {
                "name": name,
                "namespace": self.cluster.namespace,
                "labels": labels,
                // With what it is a run of it goes too.
                "ownerReferences": [{
                    "apiVersion": &*cron.version,
                    "kind": &*cron.name,
                    "name": text("/metadata/name"),
                    "uid": text("/metadata/uid"),
                }],
            },
            "spec": spec,
        });
        self.cluster.create(job, &manifest).await.map_err(error)?;
        Ok(name)
    }

    /// The pod of a Job, once its program runs or has run.
    async fn begun(&self, job: &str, what: &str) -> Result<Pod, BackendError> {
        let api = self.pods(what).await?;
        let of = format!("batch.kubernetes.io/job-name={job}");
        let of = ListParams::default().labels(&of);
        let end = Instant::now() + START;
        loop {
            let pods = api.list(&of).await.map_err(|e| failed(what, &e))?.items;
            let pod = pods.into_iter().next();
            if let Some(pod) = &pod {
                if runs(pod) || ended(pod).is_some() {
                    return Ok(pod.clone());
                }
                if let Some(why) = pod_trouble(pod) {
                    return Err(BackendError::new(what, why));
                }
            }
            if Instant::now() >= end {
                let why = format!("its pod does not start within {} s", START.as_secs());
                return Err(BackendError::new(what, why)
                    .next(format!("kubectl describe job {job} shows why")));
            }
            sleep(POLL).await;
        }
    }
}

/// A job's spec as somebody attends its run: once, with his arguments, and with a terminal where he
/// has one.
fn attended(spec: &mut Json, arguments: &[String], interactive: bool) {
    let Json::Object(job) = spec else {
        return;
    };
    job.insert("backoffLimit".into(), 0.into());
    job.insert("ttlSecondsAfterFinished".into(), KEPT.into());
    let container = spec.pointer_mut("/template/spec/containers/0");
    let Some(Json::Object(container)) = container else {
        return;
    };
    if !arguments.is_empty() {
        let args = container
            .entry("args")
            .or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(args) = args {
            args.extend(arguments.iter().map(|a| Json::from(plain(a))));
        }
    }
    if interactive {
        for name in ["stdin", "stdinOnce", "tty"] {
            container.insert(name.into(), true.into());
        }
    }
}

/// The streams of a process that the API server attached us to. Its exit code is what `code` says
/// once the streams ended.
fn there(
    mut process: AttachedProcess,
    terminal: Option<Size>,
    what: &'static str,
    code: impl Future<Output = Result<i32, BackendError>> + Send + 'static,
) -> There {
    let sizes = process.terminal_size().map(|mut to| {
        let (sizes, mut changes) = mpsc::channel::<Size>(4);
        tokio::spawn(async move {
            let mut next = terminal;
            while let Some((width, height)) = next {
                if to.send(KubeSize { width, height }).await.is_err() {
                    return;
                }
                next = changes.recv().await;
            }
        });
        sizes
    });
    let input = process.stdin();
    let output = process.stdout();
    let errors = process.stderr();
    let status = process.take_status();
    There {
        input: input.map(|input| Box::new(input) as _),
        output: match output {
            Some(output) => Box::new(output),
            None => Box::new(tokio::io::empty()),
        },
        errors: errors.map(|errors| Box::new(errors) as _),
        sizes,
        end: async move {
            let status = match status {
                Some(status) => status.await,
                None => None,
            };
            // The connection lives until the process ended.
            drop(process);
            match status {
                Some(status) if status.reason.as_deref() == Some("NonZeroExitCode") => {
                    let causes = status.details.and_then(|d| d.causes).unwrap_or_default();
                    let said = |reason: Option<&str>| reason == Some("ExitCode");
                    let code = causes.iter().find(|c| said(c.reason.as_deref()));
                    let code = code.and_then(|c| c.message.as_deref()?.parse().ok());
                    Ok(code.unwrap_or(1))
                }
                Some(status) if status.status.as_deref() == Some("Failure") => {
                    let why = status.message.unwrap_or_default();
                    Err(BackendError::new(what, why))
                }
                _ => code.await,
            }
        }
        .boxed(),
    }
}

/// The exit code of a pod's program, once it ended.
async fn exit_code(api: Api<Pod>, name: String, what: &'static str) -> Result<i32, BackendError> {
    loop {
        let pod = api.get_opt(&name).await.map_err(|e| failed(what, &e))?;
        let Some(pod) = pod else {
            return Err(BackendError::new(what, "somebody removed its pod"));
        };
        if let Some(ended) = ended(&pod) {
            return Ok(ended.exit_code);
        }
        sleep(POLL).await;
    }
}

/// What a pod writes until it ended, and its exit code then.
async fn followed(
    api: Api<Pod>,
    name: String,
    container: Option<String>,
    what: &'static str,
) -> Result<There, BackendError> {
    let params = LogParams {
        container,
        follow: true,
        ..LogParams::default()
    };
    let stream = api.log_stream(&name, &params).await;
    let stream = stream.map_err(|e| failed(what, &e))?;
    let (output, mut to) = tokio::io::simplex(BUFFER);
    let (tell, end) = oneshot::channel();
    tokio::spawn(async move {
        let mut stream = std::pin::pin!(stream);
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            let read = buffer.get(..count).unwrap_or_default();
            if to.write_all(read).await.is_err() {
                return;
            }
        }
        // Dropping this half alone is no end for the other.
        let _ = to.shutdown().await;
        let _ = tell.send(exit_code(api, name, what).await);
    });
    Ok(There {
        input: None,
        output: Box::new(output),
        errors: None,
        sizes: None,
        end: end
            .map(move |code| {
                code.unwrap_or_else(|_| Err(BackendError::new(what, "nobody waited for its end")))
            })
            .boxed(),
    })
}

#[async_trait]
impl Attach for Kubernetes {
    async fn attach(
        &self,
        scope: &Scope,
        node: &NodePath,
        wanted: &Wanted,
        terminal: Option<Size>,
    ) -> Result<Attached, BackendError> {
        match wanted {
            Wanted::Command { copy, command } => {
                let what = "running a command in a pod";
                let pods = self.copies(scope, node, what).await?;
                let most = pods.len();
                let pod = usize::try_from(*copy).ok().and_then(|n| pods.get(n));
                let Some(pod) = pod else {
                    let why = format!("there is no copy {copy} of {node}: it has {most}");
                    return Err(BackendError::new(what, why));
                };
                let name = pod.metadata.name.clone().unwrap_or_default();
                let params = AttachParams {
                    container: main_container(pod).map(|c| c.name.clone()),
                    stdin: true,
                    stdout: true,
                    stderr: terminal.is_none(),
                    tty: terminal.is_some(),
                    ..AttachParams::default()
                };
                let api = self.pods(what).await?;
                let process = api.exec(&name, command.clone(), &params).await;
                let process = process.map_err(|e| failed(what, &e))?;
                let well = async { Ok(0) };
                Ok(Attached::There(there(process, terminal, what, well)))
            }
            Wanted::Job { arguments } => {
                let what = "running a job";
                let job = self
                    .begin(scope, node, arguments, terminal.is_some(), what)
                    .await?;
                let pod = self.begun(&job, what).await?;
                let api = self.pods(what).await?;
                let name = pod.metadata.name.clone().unwrap_or_default();
                let container = main_container(&pod).map(|c| c.name.clone());
                if terminal.is_none() || ended(&pod).is_some() {
                    let there = followed(api, name, container, what).await?;
                    return Ok(Attached::There(there));
                }
                let params = AttachParams {
                    container,
                    stdin: true,
                    stdout: true,
                    stderr: false,
                    tty: true,
                    ..AttachParams::default()
                };
                let process = api.attach(&name, &params).await;
                let process = process.map_err(|e| failed(what, &e))?;
                let code = exit_code(api, name, what);
                Ok(Attached::There(there(process, terminal, what, code)))
            }
        }
    }

    async fn ports(
        &self,
        scope: &Scope,
        node: &NodePath,
    ) -> Result<Vec<(String, u16)>, BackendError> {
        let what = "reaching a pod";
        let pods = self.copies(scope, node, what).await?;
        let container = pods.first().and_then(main_container);
        let ports = container.and_then(|c| c.ports.as_ref());
        let ports = ports
            .into_iter()
            .flatten()
            .filter(|port| port.protocol.as_deref() != Some("UDP"))
            .filter_map(|port| {
                let number = u16::try_from(port.container_port).ok()?;
                Some((port.name.clone().unwrap_or_default(), number))
            });
        main_first(node, what, ports)
    }

    async fn connect(
        &self,
        scope: &Scope,
        node: &NodePath,
        port: u16,
    ) -> Result<Box<dyn Connection>, BackendError> {
        let what = "reaching a pod";
        let pods = self.copies(scope, node, what).await?;
        let pod = pods.iter().find(|pod| is_ready(pod)).or(pods.first());
        let name = pod
            .and_then(|p| p.metadata.name.clone())
            .unwrap_or_default();
        let forward = self.pods(what).await?.portforward(&name, &[port]).await;
        let mut forward = forward.map_err(|e| failed(what, &e))?;
        let Some(stream) = forward.take_stream(port) else {
            return Err(BackendError::new(
                what,
                format!("nobody answers at port {port}"),
            ));
        };
        Ok(Box::new(stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_is_attended_has_its_arguments_behind_those_of_the_job() {
        let mut spec = json!({
            "backoffLimit": 3,
            "template": { "spec": { "containers": [{ "name": "job", "args": ["once"] }] } },
        });
        attended(&mut spec, &["--all".into(), "$(HOME)".into()], true);
        assert_eq!(
            spec,
            json!({
                "backoffLimit": 0,
                "ttlSecondsAfterFinished": 86_400,
                "template": { "spec": { "containers": [{
                    "name": "job", "args": ["once", "--all", "$$(HOME)"],
                    "stdin": true, "stdinOnce": true, "tty": true,
                }]}},
            })
        );
    }
}
