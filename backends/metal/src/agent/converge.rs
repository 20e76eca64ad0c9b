//! Keeping what is to be kept: after a start of the agent, and whenever something ends that
//! should not.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use plat_engine::Scope;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::instance::{Instance, Role};
use super::protocol::Failure;
use super::store::Record;
use super::supervise::Event;
use super::{Agent, AgentError, Progress, io_error};
use crate::spec::Spec;

/// The wait before the second start in a row; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// How long what needs data waits for it after a start of the agent.
const DATA_FIRST: Duration = Duration::from_secs(20);
/// What ran so long begins anew.
const CALM: Duration = Duration::from_secs(60);

/// How often something had to be started again lately.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deaths {
    count: u32,
    last: Instant,
}

impl Deaths {
    /// How long to wait after one more.
    fn next(before: Option<Self>, now: Instant) -> (Self, Duration) {
        let count = match before {
            Some(d) if now.duration_since(d.last) < CALM => d.count + 1,
            _ => 0,
        };
        let wait = match count {
            0 => Duration::ZERO,
            n => FIRST.saturating_mul(1 << (n - 1).min(20)).min(LONGEST),
        };
        (Self { count, last: now }, wait)
    }
}

impl Agent {
    /// Takes up what still runs; what ended meanwhile is written down.
    pub(super) async fn take_up(self: &Arc<Self>) -> Result<(), AgentError> {
        let lost = self
            .supervisor
            .take_up()
            .await
            .map_err(io_error("read which processes it started"))?;
        for (instance, status) in lost {
            if instance.role == Role::Run {
                self.note_run(&instance, status.as_ref());
            }
            Instance::forget(&self.dirs, &instance.id);
        }
        for seen in self.supervisor.all() {
            for port in seen.instance.ports.values() {
                self.ports().mark(*port);
            }
            if seen.instance.role == Role::Run {
                let agent = Arc::clone(self);
                tokio::spawn(async move {
                    let id = &seen.instance.id;
                    if let Some(last) = agent.supervisor.wait(id, None, |_| false).await {
                        agent.note_run(&last.instance, last.status.as_ref());
                        agent.supervisor.forget(id);
                    }
                });
            }
        }
        Ok(())
    }

    /// Brings everything back, data first: what needs it starts once it had its time.
    pub(super) async fn converge_all(self: Arc<Self>) {
        let (data, rest): (Vec<Record>, Vec<Record>) =
            self.store.all().into_iter().partition(|r| {
                matches!(
                    r.spec(),
                    Ok(Spec::Postgres(_) | Spec::Redis(_) | Spec::Nats(_) | Spec::ObjectStore(_))
                )
            });
        let begin = |records: Vec<Record>| -> Vec<_> {
            records
                .into_iter()
                .map(|record| {
                    let agent = Arc::clone(&self);
                    tokio::spawn(async move { agent.converge(&record.scope, &record.id).await })
                })
                .collect()
        };
        let data = futures::future::join_all(begin(data));
        // One that does not come up keeps trying; the others are not to wait for it.
        let _ = tokio::time::timeout(DATA_FIRST, data).await;
        begin(rest);
        self.routes_changed.notify_one();
        self.remove_strays().await;
    }

    /// Ends what belongs to nothing that is kept: left by an operation that was cut short.
    async fn remove_strays(self: &Arc<Self>) {
        for seen in self.supervisor.all() {
            let Instance {
                app,
                environment,
                object,
                role,
                ..
            } = &seen.instance;
            if !matches!(role, Role::Copy) {
                continue;
            }
            let scope = Scope {
                app: app.clone(),
                environment: environment.clone(),
            };
            let _guard = self.lock_object(&scope, object).await;
            if self.store.get(&scope, object).is_none() {
                self.log.info(format!(
                    "{} belongs to nothing; stopping it",
                    seen.instance.label()
                ));
                self.supervisor
                    .stop(&seen.instance.id, Duration::from_secs(60))
                    .await;
                self.calmer.notify_one();
            }
        }
    }

    /// Hears of everything that changes, for ever.
    pub(super) async fn hear(self: Arc<Self>, mut events: mpsc::UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            match event {
                Event::Changed(instance) => {
                    if instance.role == Role::Copy {
                        self.routes_changed.notify_one();
                    }
                }
                Event::Gone(instance) => {
                    self.routes_changed.notify_one();
                    self.calmer.notify_one();
                    if instance.role == Role::Copy {
                        let agent = Arc::clone(&self);
                        tokio::spawn(async move { agent.after_end(instance).await });
                    }
                }
            }
        }
    }

    /// Starts again what ended and should not have, the later the oftener it did.
    async fn after_end(self: Arc<Self>, instance: Instance) {
        let scope = Scope {
            app: instance.app.clone(),
            environment: instance.environment.clone(),
        };
        let wanted = |agent: &Self| {
            // Whoever stopped it has let go of it.
            agent.supervisor.get(&instance.id).is_some_and(|s| s.gone)
                && agent.store.get(&scope, &instance.object).is_some()
        };
        if self.leaving().contains(&instance.id) || !wanted(&self) {
            return;
        }
        let wait = {
            let mut deaths = self.deaths.lock().unwrap_or_else(PoisonError::into_inner);
            let before = deaths.get(&instance.id).copied();
            let (now, wait) = Deaths::next(before, Instant::now());
            deaths.insert(instance.id.clone(), now);
            wait
        };
        tokio::time::sleep(wait).await;
        if wanted(&self) {
            self.log.warn(format!(
                "{}: its shim ended; starting it again",
                instance.label()
            ));
            self.converge(&scope, &instance.object).await;
        }
    }

    /// Brings one object back to what is kept of it; tries again later where that fails.
    pub(super) async fn converge(self: &Arc<Self>, scope: &Scope, id: &str) {
        let mut wait = Duration::from_secs(1);
        loop {
            let guard = self.lock_object(scope, id).await;
            let Some(record) = self.store.get(scope, id) else {
                return;
            };
            let result = self.converge_locked(&record).await;
            drop(guard);
            let Err(failure) = result else { return };
            self.log.warn(format!(
                "{scope}: cannot keep {id} as it should be: {failure}"
            ));
            let noted = self
                .store
                .change(scope, id, |r| r.failure = Some(failure.why.clone()));
            if let Err(e) = noted {
                self.log.warn(format!("cannot write that down: {e}"));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(60));
        }
    }

    async fn converge_locked(self: &Arc<Self>, record: &Record) -> Result<(), Failure> {
        let spec = record
            .spec()
            .map_err(|e| Failure::new(format!("cannot read the record of `{}`", record.id), e))?;
        match &spec {
            Spec::Workload(workload) => self.converge_workload(record, workload).await,
            Spec::Postgres(_) | Spec::Redis(_) | Spec::Nats(_) | Spec::ObjectStore(_) => {
                self.serve(record, &spec, &Progress::none()).await
            }
            // What is inside a server comes back with it; what runs to its end is not run again.
            Spec::Queue(_)
            | Spec::Bucket(_)
            | Spec::Job(_)
            | Spec::Cron(_)
            | Spec::Site(_)
            | Spec::Volume(_)
            | Spec::Secret(_)
            | Spec::Route(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_when_it_is_calm() {
        let start = Instant::now();
        let mut deaths = None;
        let mut waits = Vec::new();
        for i in 0..12 {
            let (now, wait) = Deaths::next(deaths, start + Duration::from_secs(i));
            deaths = Some(now);
            waits.push(wait.as_millis());
        }
        assert_eq!(waits[..5], [0, 100, 200, 400, 800]);
        assert_eq!(waits[11], 30_000);
        let (_, wait) = Deaths::next(deaths, start + Duration::from_secs(200));
        assert_eq!(wait, Duration::ZERO);
    }
}
