//! Being where something of this machine runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use async_trait::async_trait;
use plat_engine::{
    Attach, Attached, BackendError, Connection, Here, Scope, Size, Wanted, main_first,
};
use plat_model::NodePath;
use tokio::net::TcpStream;

use crate::agent::protocol::{Copy, Reply, Request};
use crate::backend::Local;

impl Local {
    /// The copies of a declaration that run.
    async fn copies(
        &self,
        scope: &Scope,
        node: &NodePath,
        what: &str,
    ) -> Result<Vec<Copy>, BackendError> {
        let request = Request::Copies {
            scope: scope.clone(),
            node: node.clone(),
        };
        match self.client.ask(&request, |_, _| {}).await {
            Ok(Reply::Copies { copies }) if copies.is_empty() => {
                Err(BackendError::new(what, format!("nothing of {node} runs"))
                    .next("platc status shows what runs"))
            }
            Ok(Reply::Copies { copies }) => Ok(copies),
            Ok(other) => Err(refused(what, other)),
            Err(e) => Err(BackendError::new(what, e.to_string())),
        }
    }
}

fn refused(what: &str, reply: Reply) -> BackendError {
    match reply {
        Reply::Failed(failure) => {
            let reason = failure.into_reason();
            let error = BackendError::new(reason.what, reason.why);
            match reason.next {
                Some(next) => error.next(next),
                None => error,
            }
        }
        _ => BackendError::new(what, "the agent answered something else"),
    }
}

/// The environment that a process was started with.
fn environment(copy: &Copy) -> io::Result<BTreeMap<String, String>> {
    let text = fs::read(format!("/proc/{}/environ", copy.pid))?;
    // The number may be another process's by now.
    if copy.started.is_some() && crate::agent::started(copy.pid) != copy.started {
        return Err(io::Error::other("it ended meanwhile"));
    }
    let entries = text.split(|byte| *byte == 0).filter_map(|entry| {
        let entry = std::str::from_utf8(entry).ok()?;
        let (name, value) = entry.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    Ok(entries.collect())
}

#[async_trait]
impl Attach for Local {
    async fn attach(
        &self,
        scope: &Scope,
        node: &NodePath,
        wanted: &Wanted,
        _terminal: Option<Size>,
    ) -> Result<Attached, BackendError> {
        match wanted {
            Wanted::Command { copy, command } => {
                let what = format!("running a command beside {node}");
                let copies = self.copies(scope, node, &what).await?;
                let most = copies.len();
                let Some(copy) = copies.into_iter().find(|c| c.number == *copy) else {
                    let why = format!("there is no copy {copy} of {node}: {most} run");
                    return Err(BackendError::new(what, why));
                };
                let Some(dir) = copy.dir.clone() else {
                    return Err(BackendError::new(
                        what,
                        format!("{node} is a data service, and has no place for commands"),
                    )
                    .next(format!(
                        "platc forward {node} leads to it; a service that uses it has its credentials"
                    )));
                };
                let env = environment(&copy).map_err(|e| BackendError::new(what, e.to_string()))?;
                Ok(Attached::Here(Here {
                    command: command.clone(),
                    dir,
                    env,
                    files: BTreeMap::new(),
                }))
            }
            Wanted::Job { arguments } => {
                let what = format!("running {node}");
                let request = Request::ByHand {
                    scope: scope.clone(),
                    node: node.clone(),
                    arguments: arguments.clone(),
                };
                match self.client.ask(&request, |_, _| {}).await {
                    Ok(Reply::ByHand(launch)) => Ok(Attached::Here(Here {
                        command: launch.command,
                        dir: launch.dir,
                        env: launch.env,
                        files: launch.files,
                    })),
                    Ok(other) => Err(refused(&what, other)),
                    Err(e) => Err(BackendError::new(what, e.to_string())),
                }
            }
        }
    }

    async fn ports(
        &self,
        scope: &Scope,
        node: &NodePath,
    ) -> Result<Vec<(String, u16)>, BackendError> {
        let what = format!("reaching {node}");
        let copies = self.copies(scope, node, &what).await?;
        let ports = copies.first().map(|copy| copy.ports.clone());
        main_first(node, &what, ports.unwrap_or_default())
    }

    async fn connect(
        &self,
        scope: &Scope,
        node: &NodePath,
        port: u16,
    ) -> Result<Box<dyn Connection>, BackendError> {
        let what = format!("reaching {node}");
        let copies = self.copies(scope, node, &what).await?;
        // Each copy has ports of its own, and a new one others: the name is what stays.
        let name = copies.iter().find_map(|copy| {
            let mut ports = copy.ports.iter();
            ports
                .find(|(_, number)| **number == port)
                .map(|(name, _)| name)
        });
        let ready = copies.iter().find(|copy| copy.ready).or(copies.first());
        let now = name
            .and_then(|name| ready?.ports.get(name).copied())
            .unwrap_or(port);
        let stream = TcpStream::connect(("127.0.0.1", now)).await;
        let stream = stream.map_err(|e| BackendError::new(what, e.to_string()))?;
        Ok(Box::new(stream))
    }
}
