//! What is told to those who want to be where something runs, or to run a job by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plat_engine::Scope;
use plat_model::NodePath;

use super::instance::Role;
use super::protocol::{Copy, Failure, Launch};
use super::{Agent, Progress};
use crate::names;
use crate::spec::Spec;
use crate::time;

impl Agent {
    /// The copies of a declaration that run, by number; of a copy that is there twice, while one
    /// takes the other's place, the later one.
    ///
    /// # Errors
    /// There is no such declaration.
    pub(super) fn copies(&self, scope: &Scope, node: &NodePath) -> Result<Vec<Copy>, Failure> {
        let record = self.record_of(scope, node, "finding")?;
        let dir = match record.spec() {
            Ok(Spec::Workload(workload)) => Some(workload.process.dir),
            _ => None,
        };
        let mut instances = self.instances(&record);
        instances.retain(|seen| !seen.gone);
        instances.sort_by_key(|seen| seen.instance.generation);
        let copies: BTreeMap<u32, Copy> = instances
            .into_iter()
            .filter_map(|seen| {
                let ready = seen.ready();
                let status = seen.status?;
                let copy = Copy {
                    number: seen.instance.copy,
                    pid: status.child_pid?,
                    started: status.child_started,
                    ready,
                    dir: dir.clone(),
                    ports: seen.instance.ports,
                };
                Some((copy.number, copy))
            })
            .collect();
        Ok(copies.into_values().collect())
    }

    /// What somebody starts who runs a job by hand.
    ///
    /// # Errors
    /// It is no job, its directory can't be prepared, or a value that it is given is not to be had.
    pub(super) async fn by_hand(
        self: &Arc<Self>,
        scope: &Scope,
        node: &NodePath,
        arguments: Vec<String>,
        progress: &Progress,
    ) -> Result<Launch, Failure> {
        let record = self.record_of(scope, node, "running")?;
        let Ok(Spec::Job(job)) = record.spec() else {
            return Err(Failure::new(format!("running `{node}`"), "it is no job"));
        };
        self.prepare(&record, &job.process, progress).await?;
        let mut instance = self.instance(&record, Role::Run, 0, record.generation);
        // A run of its own, beside those of applies.
        let now = time::now().to_string();
        let number = self.by_hand.fetch_add(1, Ordering::Relaxed);
        instance.id = names::short_id(&[&instance.id, "by hand", &now, &number.to_string()]);
        let spec = self.process_spec(&record, &job.process, &instance)?;
        let mut command = spec.argv;
        command.extend(arguments);
        let files = spec.secrets.map(|secrets| {
            let dir = secrets.dir;
            let files = secrets.files.into_iter();
            files.map(|(name, text)| (dir.join(name), text)).collect()
        });
        Ok(Launch {
            command,
            dir: spec.cwd,
            env: spec.env,
            files: files.unwrap_or_default(),
        })
    }

    fn record_of(
        &self,
        scope: &Scope,
        node: &NodePath,
        what: &str,
    ) -> Result<super::store::Record, Failure> {
        self.store.of_node(scope, node).ok_or_else(|| {
            Failure::new(
                format!("{what} `{node}`"),
                format!("nothing of it is there in {}", scope.environment),
            )
            .next("platc status shows what is there")
        })
    }
}
