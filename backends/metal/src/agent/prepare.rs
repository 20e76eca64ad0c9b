//! What runs in a directory before its processes start, once for each state of its files.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use plat_shim::status::State;
use tokio::time::Instant;

use super::instance::Role;
use super::protocol::Failure;
use super::store::Record;
use super::{Agent, Progress};
use crate::dirs;
use crate::names;
use crate::spec::Process;

/// How long a preparation may take: it may have to fetch much.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// How long one that is stopped may take to end, before it is killed.
const GRACE: Duration = Duration::from_secs(5);

impl Agent {
    /// Runs the process's `prepare` unless it ran to its end with these files before. Several
    /// workloads of one directory share one run.
    ///
    /// Nothing of the workload was changed yet: where whoever asked for it wants it to stop, it is
    /// ended, and what it has made in the directory stays for the next time.
    ///
    /// # Errors
    /// When it fails, with the end of what it printed, or is to stop.
    pub(super) async fn prepare(
        self: &Arc<Self>,
        record: &Record,
        process: &Process,
        progress: &Progress,
    ) -> Result<(), Failure> {
        if process.prepare.is_empty() {
            return Ok(());
        }
        let scope = &record.scope;
        let whom = record
            .node
            .as_ref()
            .map_or(record.id.as_str(), |n| n.as_str());
        let what = format!("cannot prepare {} for `{whom}`", process.dir.display());
        let io_failed = |e: &dyn std::fmt::Display| Failure::new(&what, e);
        let mut parts: Vec<&str> = process.prepare.iter().map(String::as_str).collect();
        let dir = process.dir.to_string_lossy();
        parts.push(&dir);
        let key = names::short_id(&parts);
        let marks = self
            .dirs
            .scope(&scope.app, &scope.environment)
            .join("prepared");
        let mark = marks.join(&key);
        let stopped = || Failure::new(&what, "somebody asked to stop").interrupted();
        let turn = format!("prepare/{key}");
        let _guard = tokio::select! {
            // All who wait for this turn are told to stop at once: none of them takes it then.
            biased;
            () = progress.stopped() => return Err(stopped()),
            guard = self.lock_object(scope, &turn) => guard,
        };
        if fs::read_to_string(&mark).is_ok_and(|done| done == process.source) {
            return Ok(());
        }
        progress.say(format!("prepares {}", process.dir.display()));
        // The same run whoever asks for it: an agent that comes back finds it.
        let mut instance = self.instance(record, Role::Prepare, 0, 0);
        instance.id = names::short_id(&[&scope.app, &scope.environment, "prepare", &key]);
        instance.digest.clone_from(&process.source);
        let id = instance.id.clone();
        let running = self
            .supervisor
            .get(&id)
            .is_some_and(|seen| !seen.gone && seen.instance.digest == process.source);
        if !running {
            self.supervisor.stop(&id, GRACE).await;
            let mut alone = process.clone();
            alone.command.clone_from(&process.prepare);
            alone.ready = None;
            alone.alive = None;
            alone.env.clear();
            alone.files.clear();
            let mut spec = self.process_spec(record, &alone, &instance)?;
            spec.listens = None;
            if progress.is_stopped() {
                return Err(stopped());
            }
            self.supervisor
                .start(instance, spec)
                .await
                .map_err(|e| io_failed(&e))?;
        }
        let deadline = Instant::now() + LIMIT;
        let seen = tokio::select! {
            seen = self.supervisor.wait(&id, Some(deadline), |_| false) => seen,
            () = progress.stopped() => {
                self.supervisor.stop(&id, GRACE).await;
                self.supervisor.forget(&id);
                return Err(stopped());
            }
        };
        let lines = seen
            .as_ref()
            .map(|s| s.instance.tail(20))
            .unwrap_or_default();
        let ended = seen.filter(|s| s.gone).and_then(|s| s.status);
        if ended.is_none() {
            self.supervisor.stop(&id, GRACE).await;
        }
        self.supervisor.forget(&id);
        match ended {
            Some(status) if status.state == State::Exited && status.exit_code == Some(0) => {
                dirs::own_dir(&marks, 0o700).map_err(|e| io_failed(&e))?;
                dirs::write_atomic(&mark, process.source.as_bytes()).map_err(|e| io_failed(&e))
            }
            Some(status) => Err(Failure::new(
                &what,
                format!(
                    "`{}` {}",
                    process.prepare.join(" "),
                    super::status::how_it_ended(&status)
                ),
            )
            .log(lines)),
            None => Err(Failure::new(
                &what,
                format!(
                    "`{}` took longer than 15 minutes",
                    process.prepare.join(" ")
                ),
            )
            .log(lines)),
        }
    }
}
