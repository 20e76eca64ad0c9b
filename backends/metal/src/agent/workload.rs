//! Services and workers: starting copies, and putting new ones in the place of old ones.

use std::sync::Arc;
use std::time::Duration;

use plat_engine::Scope;
use plat_shim::status::State;
use tokio::time::Instant;

use super::apply::{Task, digest_of};
use super::instance::Role;
use super::protocol::Failure;
use super::status::how_it_ended;
use super::store::Record;
use super::supervise::Seen;
use super::{Agent, Progress};
use crate::spec::{Spec, Workload};
use crate::time;

/// A new copy that died so often never becomes ready.
const DEATHS: u64 = 2;
/// What has lived so long, and can't be asked, is taken to work.
const SETTLED: Duration = Duration::from_secs(1);
/// How long requests may go on in a copy that is to end.
const DRAIN: Duration = Duration::from_secs(30);

impl Agent {
    /// Brings a workload to what is asked for: the same process only gains or loses copies,
    /// another one takes the old one's place.
    pub(super) async fn roll_out(
        self: &Arc<Self>,
        workload: &Workload,
        task: Task<'_>,
    ) -> Result<Record, Failure> {
        let Task {
            mut record,
            old,
            again,
            within,
            progress,
        } = task;
        self.prepare(&record, &workload.process, progress).await?;
        for port in &workload.addresses {
            self.port_of(&record, port)?;
        }
        let same = !again
            && old
                .as_ref()
                .is_some_and(|old| template(old) == Some(template_of(workload)));
        if !same {
            record.generation += 1;
        }
        let within = within.min(Duration::from_millis(workload.within));
        let instances = self.instances(&record);
        let (mine, others): (Vec<_>, Vec<_>) = instances
            .into_iter()
            .partition(|s| s.instance.generation == record.generation);
        if !same {
            // Left by an attempt that was cut short: another attempt begins anew.
            for seen in mine {
                self.supervisor
                    .stop(&seen.instance.id, grace(workload))
                    .await;
            }
            if workload.stop_first {
                // From here on the new one is what is to be, finished or not.
                self.keep(record.clone())?;
                progress.say("stops the old copies");
                self.part_with(others.clone(), workload).await;
            }
        }
        let started = self.start_copies(&record, workload, within, progress).await;
        if let Err(mut failure) = started {
            if !same {
                failure.back = old.is_some();
                for seen in self.instances(&record) {
                    if seen.instance.generation == record.generation {
                        self.supervisor
                            .stop(&seen.instance.id, grace(workload))
                            .await;
                    }
                }
                if let Some(old) = old
                    && workload.stop_first
                {
                    progress.say("starts the old copies again");
                    self.keep(old.clone())?;
                    let agent = Arc::clone(self);
                    tokio::spawn(async move { agent.converge(&old.scope, &old.id).await });
                }
            }
            return Err(failure);
        }
        // The new ones answer: from here on they are what is to be.
        record.done = true;
        record.since = time::now();
        self.keep(record.clone())?;
        let surplus = self
            .instances(&record)
            .into_iter()
            .filter(|s| {
                s.instance.generation != record.generation || s.instance.copy >= workload.copies
            })
            .collect::<Vec<_>>();
        if !surplus.is_empty() {
            progress.say(if workload.process.ports.is_empty() {
                "lets the old copies end"
            } else {
                "lets the old copies finish their requests"
            });
            self.part_with(surplus, workload).await;
        }
        self.route_now()
            .await
            .map_err(|e| Failure::new(format!("cannot lead requests to `{}`", record.id), e))?;
        Ok(record)
    }

    /// The running copies of an object.
    pub(super) fn instances(&self, record: &Record) -> Vec<Seen> {
        self.supervisor
            .of(&record.scope.app, &record.scope.environment, &record.id)
            .into_iter()
            .filter(|s| s.instance.role == Role::Copy)
            .collect()
    }

    /// Starts those of the copies that do not run, and waits until all can take work.
    async fn start_copies(
        self: &Arc<Self>,
        record: &Record,
        workload: &Workload,
        within: Duration,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let running = self
            .instances(record)
            .iter()
            .filter(|s| s.instance.generation == record.generation && !s.gone)
            .count();
        match (workload.copies as usize).saturating_sub(running) {
            0 => {}
            1 => progress.say("starts a copy"),
            more => progress.say(format!("starts {more} copies")),
        }
        let mut ids = Vec::new();
        for copy in 0..workload.copies {
            ids.push(self.start_copy(record, workload, copy).await?);
        }
        if !ids.is_empty() {
            progress.say("waits until it is ready");
        }
        let deadline = Instant::now() + within;
        let waits = ids.iter().map(|id| self.await_ready(record, id, deadline));
        futures::future::try_join_all(waits).await?;
        if workload.process.ready.is_none() && workload.process.ports.is_empty() {
            let lives = ids.iter().map(|id| self.lives_on(record, id, deadline));
            futures::future::try_join_all(lives).await?;
        }
        Ok(())
    }

    /// Where nobody can be asked whether a copy works, what lives on for a while is taken to.
    async fn lives_on(&self, record: &Record, id: &str, deadline: Instant) -> Result<(), Failure> {
        let restarts = |seen: &Seen| seen.status.as_ref().map_or(0, |s| s.restarts);
        loop {
            let before = self.supervisor.get(id).map_or(0, |seen| restarts(&seen));
            let until = Instant::now() + SETTLED;
            let seen = self
                .supervisor
                .wait(id, Some(until), |seen| {
                    !seen.ready() || restarts(seen) != before
                })
                .await;
            let lived = seen.is_some_and(|seen| seen.ready() && restarts(&seen) == before);
            if lived || Instant::now() >= deadline {
                return self.await_ready(record, id, deadline).await;
            }
            self.await_ready(record, id, deadline).await?;
        }
    }

    /// Starts one copy unless it runs; returns its id.
    pub(super) async fn start_copy(
        self: &Arc<Self>,
        record: &Record,
        workload: &Workload,
        copy: u32,
    ) -> Result<String, Failure> {
        let mut instance = self.instance(record, Role::Copy, copy, record.generation);
        let id = instance.id.clone();
        let before = self.supervisor.get(&id);
        if before.as_ref().is_some_and(|s| !s.gone) {
            return Ok(id);
        }
        let process = &workload.process;
        instance.digest = template_of(workload);
        for name in process.ports.keys() {
            let preferred = before
                .as_ref()
                .and_then(|s| s.instance.ports.get(name).copied());
            let mut ports = self.ports();
            if let Some(port) = preferred {
                ports.give_back(port);
            }
            let port = ports
                .lend(&format!("{id}#{name}"), preferred)
                .map_err(|e| Failure::new(format!("cannot start `{}`", record.id), e))?;
            instance.ports.insert(name.clone(), port);
        }
        let lent: Vec<u16> = instance.ports.values().copied().collect();
        let started = async {
            let spec = self.process_spec(record, process, &instance)?;
            self.supervisor
                .start(instance, spec)
                .await
                .map_err(|e| Failure::new(format!("cannot start `{}`", record.id), e))
        }
        .await;
        if started.is_err() {
            for port in lent {
                self.ports().give_back(port);
            }
        }
        started.map(|()| id)
    }

    /// Waits until a copy can take work.
    pub(super) async fn await_ready(
        &self,
        record: &Record,
        id: &str,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let seen = self
            .supervisor
            .wait(id, Some(deadline), |seen| {
                seen.ready()
                    || seen
                        .status
                        .as_ref()
                        .is_some_and(|s| s.restarts >= DEATHS && s.state != State::Ready)
            })
            .await;
        let Some(seen) = seen else {
            return Err(
                Failure::new(format!("cannot start `{}`", record.id), "it is gone").not_ready(),
            );
        };
        if seen.ready() {
            return Ok(());
        }
        // The state file tells of transitions; why a probe fails now, the shim itself.
        let status = self.supervisor.ask(id).await.or(seen.status);
        let why = match &status {
            Some(status) if status.restarts >= DEATHS => format!(
                "it {} {} times right after its start",
                how_it_ended(status),
                status.restarts
            ),
            Some(status) => match &status.probe_failure {
                Some(probe) => format!("it did not become ready in time: {probe}"),
                None => format!("it did not become ready in time; it is {}", status.state),
            },
            None => "its shim says nothing of it".to_owned(),
        };
        Err(
            Failure::new(format!("{} does not work", seen.instance.label()), why)
                .log(seen.instance.tail(20))
                .not_ready(),
        )
    }

    /// Takes copies out of the proxies, waits until their requests are answered, and stops them.
    async fn part_with(self: &Arc<Self>, surplus: Vec<Seen>, workload: &Workload) {
        let ids: Vec<String> = surplus.iter().map(|s| s.instance.id.clone()).collect();
        self.leaving().extend(ids.iter().cloned());
        // Where the proxy can't be told, they are stopped all the same: it goes round them.
        if let Err(e) = self.route_now().await {
            self.log.warn(format!("cannot tell the proxy: {e}"));
        }
        self.drained(&surplus, DRAIN).await;
        let stops = surplus.iter().map(|seen| async {
            self.supervisor
                .stop(&seen.instance.id, grace(workload))
                .await;
            for port in seen.instance.ports.values() {
                self.ports().give_back(*port);
            }
        });
        futures::future::join_all(stops).await;
        let mut leaving = self.leaving();
        for id in ids {
            leaving.remove(&id);
        }
    }

    /// Stops everything that runs for an object.
    pub(super) async fn stop_all(self: &Arc<Self>, record: &Record) {
        let Scope { app, environment } = &record.scope;
        let all = self.supervisor.of(app, environment, &record.id);
        let workload = match record.spec() {
            Ok(Spec::Workload(workload)) => Some(workload),
            _ => None,
        };
        match workload {
            Some(workload) => self.part_with(all, &workload).await,
            None => {
                let stops = all.iter().map(|seen| {
                    self.supervisor
                        .stop(&seen.instance.id, Duration::from_secs(60))
                });
                futures::future::join_all(stops).await;
            }
        }
    }

    /// Brings the copies of a workload back to what is kept: starts those that are missing, stops
    /// what an interrupted roll-out left.
    pub(super) async fn converge_workload(
        self: &Arc<Self>,
        record: &Record,
        workload: &Workload,
    ) -> Result<(), Failure> {
        let surplus: Vec<_> = self
            .instances(record)
            .into_iter()
            .filter(|s| {
                s.instance.generation != record.generation || s.instance.copy >= workload.copies
            })
            .collect();
        self.prepare(record, &workload.process, &Progress::none())
            .await?;
        for copy in 0..workload.copies {
            self.start_copy(record, workload, copy).await?;
        }
        if !surplus.is_empty() {
            self.part_with(surplus, workload).await;
        }
        Ok(())
    }
}

/// What is the same as long as only the number of copies changes.
fn template_of(workload: &Workload) -> String {
    digest_of(&workload.process)
}

fn template(record: &Record) -> Option<String> {
    match record.spec() {
        Ok(Spec::Workload(workload)) => Some(template_of(&workload)),
        _ => None,
    }
}

/// How long a copy may take to stop in all before its shim is killed.
fn grace(workload: &Workload) -> Duration {
    Duration::from_millis(workload.process.grace) + Duration::from_secs(10)
}
