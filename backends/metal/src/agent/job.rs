//! Jobs: processes that run to their end, each change once.

use std::sync::Arc;
use std::time::Duration;

use plat_shim::status::{State, Status};
use tokio::time::Instant;

use super::Agent;
use super::apply::{Task, digest_of};
use super::instance::{Instance, Role};
use super::protocol::Failure;
use super::status::how_it_ended;
use super::store::{Ended, Record};
use crate::spec::{Job, Process, Runs};
use crate::time;

impl Agent {
    /// Runs a job if it is time for it, and waits for its success.
    pub(super) async fn run_job(
        self: &Arc<Self>,
        job: &Job,
        task: Task<'_>,
    ) -> Result<Record, Failure> {
        let Task {
            mut record,
            old,
            within,
            progress,
            ..
        } = task;
        let ran_well = record.last_run.as_ref().is_some_and(|r| r.well);
        let due = match job.runs {
            Runs::OnDemand => false,
            Runs::Once => !ran_well,
            Runs::OnChange | Runs::Always => true,
        };
        if !due {
            return Ok(record);
        }
        self.prepare(&record, &job.process, progress).await?;
        // A run that an earlier try of this operation began is waited for, not repeated.
        let resumed = old
            .as_ref()
            .filter(|old| !old.done && old.spec == record.spec)
            .and_then(|old| {
                if old
                    .last_run
                    .as_ref()
                    .is_some_and(|r| r.well && r.at >= old.since)
                {
                    return Some(None);
                }
                let id = self.instance(old, Role::Run, 0, old.generation).id;
                self.supervisor.get(&id).map(|_| Some(id))
            });
        if let Some(None) = resumed {
            record.last_run = old.and_then(|old| old.last_run);
            return Ok(record);
        }
        let limit = job
            .timeout
            .map_or(within, Duration::from_millis)
            .min(within);
        let mut tries = 0;
        let mut running = resumed.flatten();
        loop {
            let id = match running.take() {
                Some(id) => id,
                None => {
                    record.generation += 1;
                    record.since = time::now();
                    self.keep(record.clone())?;
                    progress.say(if tries == 0 {
                        "runs".to_owned()
                    } else {
                        format!("runs again, try {}", tries + 1)
                    });
                    self.start_run(&record, &job.process).await?
                }
            };
            let (ended, lines) = self.await_run(&id, Some(limit)).await;
            record.last_run = Some(ended.clone());
            if ended.well {
                return Ok(record);
            }
            record.failure = Some(ended.how.clone());
            self.keep(record.clone())?;
            tries += 1;
            if tries > job.retries {
                let name = record
                    .node
                    .as_ref()
                    .map_or(record.id.as_str(), |n| n.as_str());
                return Err(Failure::new(format!("job `{name}` failed"), ended.how)
                    .log(lines)
                    .not_ready());
            }
        }
    }

    /// Starts one run; returns its id.
    pub(super) async fn start_run(
        self: &Arc<Self>,
        record: &Record,
        process: &Process,
    ) -> Result<String, Failure> {
        let mut instance = self.instance(record, Role::Run, 0, record.generation);
        instance.digest = digest_of(process);
        let id = instance.id.clone();
        let mut spec = self.process_spec(record, process, &instance)?;
        spec.listens = None;
        spec.ready = None;
        spec.alive = None;
        self.supervisor
            .start(instance, spec)
            .await
            .map_err(|e| Failure::new(format!("cannot run `{}`", record.id), e))?;
        Ok(id)
    }

    /// Waits for the end of a run and says how it was, with the last lines that it wrote.
    pub(super) async fn await_run(
        &self,
        id: &str,
        limit: Option<Duration>,
    ) -> (Ended, Vec<String>) {
        let deadline = limit.map(|limit| Instant::now() + limit);
        let seen = self.supervisor.wait(id, deadline, |_| false).await;
        let run = seen.as_ref().map(|s| s.instance.clone());
        let ended = match seen {
            Some(seen) if seen.gone => ended(seen.status.as_ref()),
            Some(_) => {
                self.supervisor.stop(id, Duration::from_secs(60)).await;
                let seconds = limit.unwrap_or_default().as_secs();
                failed(format!("took longer than the {seconds} s that it may take"))
            }
            None => failed("was never started".into()),
        };
        self.supervisor.forget(id);
        (ended, run.map(|run| run.tail(20)).unwrap_or_default())
    }

    /// Writes down how a run ended that nobody waited for.
    pub(super) fn note_run(&self, instance: &Instance, status: Option<&Status>) {
        let scope = plat_engine::Scope {
            app: instance.app.clone(),
            environment: instance.environment.clone(),
        };
        let ended = ended(status);
        let noted = self.store.change(&scope, &instance.object, |record| {
            if record.generation == instance.generation {
                record.failure = (!ended.well).then(|| ended.how.clone());
                record.last_run = Some(ended);
            }
        });
        if let Err(e) = noted {
            self.log.warn(format!(
                "cannot write down how {} ended: {e}",
                instance.label()
            ));
        }
    }
}

fn ended(status: Option<&Status>) -> Ended {
    match status {
        Some(status) if status.state == State::Exited => Ended {
            at: time::now(),
            well: status.exit_code == Some(0),
            how: how_it_ended(status),
        },
        _ => failed("was killed together with its shim".into()),
    }
}

fn failed(how: String) -> Ended {
    Ended {
        at: time::now(),
        well: false,
        how,
    }
}
