//! What can be known to go wrong before anything is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use plat_engine::{Action, Operation, Problem, ProgressSink, Scope};
use serde::Deserialize as _;

use crate::agent::protocol::{ANOTHER_HOST, Reply, Request};
use crate::backend::Local;
use crate::proxy;
use crate::spec::{Process, Route, Spec};
use crate::tools::{Resolved, Tool};

/// Everything that is known to go wrong, and what will be fetched.
pub(crate) async fn check(local: &Local, scope: &Scope, operations: &[&Operation]) -> Vec<Problem> {
    let mut checks = Checks {
        local,
        scope,
        problems: BTreeSet::new(),
    };
    let mut routes: Vec<(Route, &Operation)> = Vec::new();
    for operation in operations {
        if matches!(operation.action, Action::Delete | Action::Forget) {
            continue;
        }
        let Some(object) = &operation.desired else {
            continue;
        };
        let Ok(spec) = Spec::deserialize(&object.spec) else {
            continue;
        };
        match spec {
            Spec::Workload(workload) => checks.process(operation, &workload.process),
            Spec::Job(job) => checks.process(operation, &job.process),
            Spec::Cron(cron) => checks.process(operation, &cron.process),
            Spec::Secret(secret) if secret.generate.is_none() && !secret.optional => {
                checks.secret(operation);
            }
            Spec::Route(route) => routes.push((route, operation)),
            _ => {}
        }
    }
    for (tool, operation) in tools(operations) {
        checks.tool(tool, operation);
    }
    checks.routes(&routes).await;
    checks.problems.into_iter().collect()
}

/// Fetches the programs that these operations need and that are not here.
pub(crate) async fn fetch(
    local: &Local,
    operations: &[&Operation],
    tell: &ProgressSink,
) -> Vec<Problem> {
    let fetches = tools(operations).into_iter().map(|(tool, operation)| {
        let told = |p: crate::tools::Progress<'_>| {
            tell.amount(format!("fetching {}", p.what), p.done, Some(p.total));
        };
        async move {
            let error = local.tools.ensure(tool, &told).await.err()?;
            let object = operation.desired.as_ref();
            Some(Problem {
                stops: true,
                node: object.and_then(|o| o.node.clone()),
                place: object.and_then(|o| o.place.clone()),
                message: error.to_string(),
                next: None,
            })
        }
    });
    let failed = futures::future::join_all(fetches).await;
    failed.into_iter().flatten().collect()
}

/// The programs that operations need, each once, and the first operation that needs it.
fn tools<'a>(operations: &[&'a Operation]) -> Vec<(Tool, &'a Operation)> {
    let mut tools: BTreeMap<String, (Tool, &Operation)> = BTreeMap::new();
    for operation in operations {
        if matches!(operation.action, Action::Delete | Action::Forget) {
            continue;
        }
        let spec = operation
            .desired
            .as_ref()
            .map(|o| Spec::deserialize(&o.spec));
        let tool = match spec {
            Some(Ok(Spec::Postgres(postgres))) => Tool::Postgres {
                major: postgres.version,
            },
            Some(Ok(Spec::Redis(_))) => Tool::Redis,
            Some(Ok(Spec::Nats(_))) => Tool::Nats,
            _ => continue,
        };
        tools.entry(tool.to_string()).or_insert((tool, operation));
    }
    tools.into_values().collect()
}

struct Checks<'a> {
    local: &'a Local,
    scope: &'a Scope,
    problems: BTreeSet<Problem>,
}

impl Checks<'_> {
    fn tell(&mut self, stops: bool, operation: &Operation, message: String, next: Option<String>) {
        self.problems.insert(Problem {
            stops,
            node: operation.node.clone(),
            place: operation.place.clone(),
            message,
            next,
        });
    }

    fn process(&mut self, operation: &Operation, process: &Process) {
        let path = std::env::var("PATH").unwrap_or_default();
        for command in [&process.command, &process.prepare] {
            let Some(program) = command.first() else {
                continue;
            };
            // What `prepare` makes is not there before.
            let is_made = command == &process.command && !process.prepare.is_empty();
            if is_made && program.contains('/') && Path::new(program).is_relative() {
                continue;
            }
            if find(program, &process.dir, &path).is_some() {
                continue;
            }
            let (message, next) = if program.contains('/') {
                (
                    format!(
                        "the command `{program}` is not there, or may not be run (looked for {})",
                        process.dir.join(program).display()
                    ),
                    format!(
                        "chmod +x it if it is there, or correct `run` of `{}`",
                        operation.label
                    ),
                )
            } else {
                (
                    format!("the command `{program}` is in no directory of PATH"),
                    "install it, or write its path".to_owned(),
                )
            };
            self.tell(true, operation, message, Some(next));
        }
    }

    fn secret(&mut self, operation: &Operation) {
        let Some(node) = &operation.node else { return };
        match self.local.secrets_of(self.scope).digest_of(node.as_str()) {
            Ok(Some(_)) => {}
            Ok(None) => self.tell(
                true,
                operation,
                format!(
                    "the secret `{node}` is not set in {}",
                    self.scope.environment
                ),
                Some(format!(
                    "platc secret set {node} --env {}",
                    self.scope.environment
                )),
            ),
            Err(e) => self.tell(true, operation, e.to_string(), None),
        }
    }

    fn tool(&mut self, tool: Tool, operation: &Operation) {
        match self.local.tools.resolve(tool) {
            Ok(Resolved::Have(_)) => {}
            Ok(Resolved::Fetch(fetch)) => {
                self.tell(false, operation, format!("fetches {fetch}, once"), None);
            }
            Err(e) => self.tell(true, operation, e.to_string(), None),
        }
    }

    /// Whether what routes listen on, and the hosts they answer for, are free.
    async fn routes(&mut self, wanted: &[(Route, &Operation)]) {
        if wanted.is_empty() {
            return;
        }
        let ours = match self.local.client.ask_running(&Request::Routes).await {
            Ok(Some(Reply::Routes { routes })) => routes,
            _ => Vec::new(),
        };
        // Those of this environment are what the plan is about.
        let others = ours.iter().filter(|other| other.scope != *self.scope);
        for other in others {
            for (route, operation) in wanted {
                if let Some(clash) = other.clash(route) {
                    self.tell(true, operation, clash, Some(ANOTHER_HOST.to_owned()));
                }
            }
        }
        let mut seen: BTreeSet<u16> = ours.iter().map(|other| other.route.port).collect();
        for (route, operation) in wanted {
            if seen.insert(route.port) && !crate::ports::is_free(route.port) {
                self.port_in_use(route.port, operation);
            }
        }
    }

    fn port_in_use(&mut self, port: u16, operation: &Operation) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let who = proxy::holder(address).map_or_else(
            || "another process".to_owned(),
            |h| format!("{} (process {})", h.name, h.pid),
        );
        self.tell(
            true,
            operation,
            format!("port {port} is in use: {who} listens there"),
            Some(format!(
                "stop it, or choose another port: target = local {{ port = {} }}",
                port.checked_add(1).unwrap_or(8080)
            )),
        );
    }
}

/// Where a command is, if it may be run.
fn find(program: &str, dir: &Path, path: &str) -> Option<PathBuf> {
    let may_run = |file: &Path| {
        file.metadata()
            .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let file = dir.join(program);
        return may_run(&file).then_some(file);
    }
    std::env::split_paths(path)
        .map(|place| place.join(program))
        .find(|file| may_run(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_as_the_shim_finds_them() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("plain"), "").unwrap();
        assert!(find("sh", tmp.path(), "/nowhere:/bin").is_some());
        assert!(find("sh", tmp.path(), "/nowhere").is_none());
        assert!(
            find("./plain", tmp.path(), "/bin").is_none(),
            "not executable"
        );
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(tmp.path().join("plain"), mode).unwrap();
        assert!(find("./plain", tmp.path(), "").is_some());
    }
}
