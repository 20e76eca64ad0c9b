//! This machine as the engine sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use plat_engine::{
    Action, Backend, BackendError, DataFate, DirStore, Done, Facts, HeldData, Inspect, LogLine,
    LogQuery, Lowered, Made, NodeStatus, Object, ObjectId, Observation, Observed, OpContext,
    OpError, OpErrorKind, Operation, Present, Problem, ProgressSink, Recalled, Refusal, RunState,
    Scope, SecretStore, Store, Token,
};
use plat_model::{Graph, TargetId};
use serde::Deserialize as _;
use tokio::sync::mpsc;

use crate::agent::protocol::{Apply, Call, Delete, Failure, Reply, Request, Seen};
use crate::check;
use crate::client::{Client, ClientError};
use crate::dirs::Dirs;
use crate::facts;
use crate::logs;
use crate::recall;
use crate::secrets::Secrets;
use crate::spec::Spec;
use crate::tools::{self, Tools};
use crate::vault::Vault;

/// The target `local {}`: this machine, for this user.
pub struct Local {
    pub(crate) dirs: Dirs,
    pub(crate) client: Client,
    pub(crate) tools: Tools,
    root: PathBuf,
    vault: Vault,
}

impl Local {
    /// This machine, with everything in `dirs`, for the app whose package's root is `root`.
    /// `program` is this program: it is run as the agent, by `internal agent`.
    pub fn new(dirs: Dirs, program: PathBuf, root: &Path) -> Self {
        Self {
            client: Client::new(dirs.clone(), program),
            tools: Tools::new(dirs.cache.clone(), tools::Config::from_env()),
            vault: Vault::new(dirs.clone()),
            root: root.to_path_buf(),
            dirs,
        }
    }

    pub(crate) fn secrets_of(&self, scope: &Scope) -> Secrets {
        Secrets::at(&self.dirs.scope(&scope.app, &scope.environment))
    }

    async fn seen(&self, scope: &Scope) -> Result<Vec<Seen>, String> {
        let request = Request::Observe {
            scope: scope.clone(),
        };
        // Where nothing was ever made there is nobody to ask, and nothing to start one for.
        let objects = self
            .dirs
            .scope(&scope.app, &scope.environment)
            .join("objects");
        match objects.try_exists() {
            Ok(true) => {}
            Ok(false) => return Ok(Vec::new()),
            // What can't be looked at is not known to be absent.
            Err(e) => return Err(format!("looking for {}: {e}", objects.display())),
        }
        match self.client.ask(&request, |_, _| {}).await {
            Ok(Reply::Observed { objects }) => Ok(objects),
            Ok(other) => Err(unexpected(other)),
            Err(e) => Err(e.to_string()),
        }
    }

    fn call(operation: &Operation, context: &OpContext) -> Call {
        Call {
            scope: context.scope.clone(),
            id: operation.object.to_string(),
            token: operation.token.to_string(),
            fence: context.fence,
            precondition: operation.precondition.clone(),
            within: u64::try_from(context.deadline.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

#[async_trait]
impl Backend for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn describe(&self, _graph: &Graph) -> String {
        "local".to_owned()
    }

    async fn gather(&self, target: &TargetId, graph: &Graph) -> Result<Facts, Vec<Refusal>> {
        let refused = |message: String| {
            vec![Refusal {
                node: None,
                field: None,
                place: None,
                message,
                offers: Vec::new(),
            }]
        };
        let secrets = self
            .secrets_of(&Scope::of(graph))
            .versions()
            .map_err(|e| refused(e.to_string()))?;
        let facts = facts::gather(&self.root, target, graph, secrets)?;
        serde_json::to_value(facts)
            .map(Facts)
            .map_err(|e| refused(e.to_string()))
    }

    fn lower(
        &self,
        target: &TargetId,
        graph: &Graph,
        facts: &Facts,
    ) -> Result<Lowered, Vec<Refusal>> {
        let facts = facts::Facts::deserialize(&facts.0).map_err(|e| {
            vec![Refusal {
                node: None,
                field: None,
                place: None,
                message: format!("what was read of this machine is not understood: {e}"),
                offers: Vec::new(),
            }]
        })?;
        crate::lower::lower(target, graph, &facts)
    }

    async fn recall(
        &self,
        target: &TargetId,
        graph: &Graph,
        then: &Facts,
    ) -> Result<Recalled, Vec<Refusal>> {
        recall::recall(self, target, graph, then).await
    }

    async fn observe(&self, scope: &Scope, asked: &BTreeSet<ObjectId>) -> Observation {
        let seen = match self.seen(scope).await {
            Ok(seen) => seen,
            Err(why) => return Observation::unknown(asked, &why),
        };
        let mut objects: BTreeMap<ObjectId, Observed> = asked
            .iter()
            .map(|id| (id.clone(), Observed::Absent))
            .collect();
        for one in seen {
            objects.insert(
                ObjectId::new(one.id.clone()),
                Observed::Present(present(one)),
            );
        }
        Observation { objects }
    }

    async fn check(&self, scope: &Scope, operations: &[&Operation]) -> Vec<Problem> {
        check::check(self, scope, operations).await
    }

    async fn prepare(
        &self,
        _scope: &Scope,
        _facts: &Facts,
        operations: &[&Operation],
        tell: ProgressSink,
    ) -> Vec<Problem> {
        check::fetch(self, operations, &tell).await
    }

    async fn execute(&self, operation: &Operation, context: &OpContext) -> Result<Done, OpError> {
        let call = Self::call(operation, context);
        let delete = |call: Call| Delete {
            call,
            data: operation.data == DataFate::Destroyed,
        };
        let request = match (operation.action, &operation.desired) {
            (Action::Delete | Action::Forget, _) | (_, None) => {
                Request::Delete(Box::new(delete(call)))
            }
            (action, Some(object)) => Request::Apply(Box::new(Apply {
                node: object.node.clone(),
                spec: object.spec.clone(),
                after: object.after.iter().map(ToString::to_string).collect(),
                leave: object.leave.clone(),
                replace: (action == Action::Replace).then(|| delete(call.clone())),
                again: operation.again,
                path: std::env::var("PATH").unwrap_or_default(),
                call,
            })),
        };
        let progress = context.progress.clone();
        let reply = self
            .client
            .ask_until(
                &request,
                context.stop.beyond(0),
                move |text, amount| match amount {
                    Some((done, total)) => progress.amount(text, done, Some(total)),
                    None => progress.say(text),
                },
            )
            .await;
        let what = || format!("{} {}", operation.action.doing(), operation.label);
        match reply {
            Ok(Reply::Done { uid, version }) => Ok(Done::There(Made {
                uid,
                version,
                outs: BTreeMap::new(),
            })),
            Ok(Reply::Gone { kept }) => Ok(Done::Gone { data_kept_at: kept }),
            Ok(Reply::Failed(failure)) => Err(op_error(failure)),
            Ok(other) => Err(OpError::new(OpErrorKind::Fatal, what(), unexpected(other))),
            Err(e @ ClientError::Io { .. }) => {
                Err(OpError::new(OpErrorKind::Transient, what(), e.to_string()))
            }
            Err(e) => Err(OpError::new(OpErrorKind::Fatal, what(), e.to_string())),
        }
    }

    fn secrets(&self) -> &dyn SecretStore {
        &self.vault
    }

    fn state(&self, scope: &Scope) -> Result<Arc<dyn Store>, BackendError> {
        let dir = self
            .dirs
            .scope(&scope.app, &scope.environment)
            .join("engine");
        Ok(Arc::new(DirStore::new(dir)))
    }
}

#[async_trait]
impl Inspect for Local {
    async fn status(&self, scope: &Scope) -> Result<Vec<NodeStatus>, BackendError> {
        let seen = self
            .seen(scope)
            .await
            .map_err(|why| BackendError::new("asking how things are", why))?;
        let mut all: Vec<NodeStatus> = seen.into_iter().filter_map(node_status).collect();
        all.sort_by(|a, b| a.node.cmp(&b.node));
        Ok(all)
    }

    async fn logs(
        &self,
        scope: &Scope,
        query: &LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine, BackendError>>, BackendError> {
        let dir = self.dirs.logs(&scope.app, &scope.environment);
        if let Some(node) = query.nodes.iter().find(|n| !logs::has_any(&dir, n)) {
            return Err(BackendError::new(
                format!("reading the logs of {node}"),
                format!("it has written none in {}", scope.environment),
            )
            .next("platc status shows what runs"));
        }
        let (sender, mut receiver) = mpsc::channel(256);
        let query = query.clone();
        tokio::task::spawn_blocking(move || logs::read(&dir, &query, &sender));
        let lines = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(lines
            .map(|line| line.map_err(|e| BackendError::new("reading logs", e.to_string())))
            .boxed())
    }
}

fn present(seen: Seen) -> Present {
    let held = seen
        .spec
        .as_ref()
        .and_then(|spec| Spec::deserialize(spec).ok())
        .and_then(|spec| holds(&spec, &seen));
    let asked = seen.spec.as_ref().map(|json| {
        let mut object = Object::new(seen.id.clone(), TargetId::main(), json.clone());
        object.node.clone_from(&seen.node);
        object.after = seen
            .after
            .iter()
            .map(|id| ObjectId::new(id.as_str()))
            .collect();
        object.leave.clone_from(&seen.leave);
        object.holds_data.clone_from(&held);
        if let Ok(spec) = Spec::deserialize(json) {
            crate::lower::of_its_form(&mut object, &spec);
        }
        object
    });
    let spec = match &asked {
        Some(object) => object.digest(),
        // What an operation left unfinished is like nothing that anybody asked for.
        None => plat_model::Digest::of(b"unfinished"),
    };
    Present {
        uid: seen.uid,
        version: seen.version,
        spec,
        token: Some(Token(seen.token)),
        health: seen.health,
        summary: seen.summary,
        holds_data: held,
        changed: None,
        object: asked.map(Into::into),
    }
}

fn holds(spec: &Spec, seen: &Seen) -> Option<HeldData> {
    let node = seen.node.as_ref()?;
    crate::lower::holds(spec, node).map(|what| HeldData {
        what,
        kept_on_delete: true,
    })
}

fn node_status(seen: Seen) -> Option<NodeStatus> {
    let node = seen.node?;
    Some(NodeStatus {
        node,
        kind: match seen.form.as_str() {
            "process" => "process".to_owned(),
            form => form.to_owned(),
        },
        state: if seen.spec.is_none() && seen.state == RunState::Running {
            RunState::Degraded
        } else {
            seen.state
        },
        ready: seen.ready,
        wanted: seen.wanted,
        restarts: seen.restarts,
        since: seen.since.map(|ms| ms / 1000),
        urls: seen.urls,
        last_failure: seen.failure,
    })
}

fn op_error(failure: Failure) -> OpError {
    let reason = failure.into_reason();
    OpError {
        kind: reason.kind,
        what: reason.what,
        why: reason.why,
        next: reason.next,
        log: reason.log,
        back: reason.back,
        made: reason.made.map(|(uid, version)| {
            Box::new(Made {
                uid,
                version,
                outs: BTreeMap::new(),
            })
        }),
    }
}

pub(crate) fn unexpected(reply: Reply) -> String {
    match reply {
        Reply::Failed(failure) => failure.to_string(),
        _ => "the agent's answer is not one to this question".to_owned(),
    }
}
