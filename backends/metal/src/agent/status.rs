//! How the things that are kept are.

use plat_engine::{Health, RunState, Scope};
use plat_shim::status::{State, Status};

use super::Agent;
use super::instance::Role;
use super::protocol::Seen;
use super::store::Record;
use super::supervise;
use crate::spec::{Runs, Spec};
use crate::time;

/// How a process ended, as a clause: `exited with code 1`.
pub(super) fn how_it_ended(status: &Status) -> String {
    let how = match (status.exit_code, &status.exit_signal) {
        (_, Some(signal)) => format!("was ended by SIG{signal}"),
        (Some(code), None) => format!("exited with code {code}"),
        (None, None) => "ended".to_owned(),
    };
    match &status.reason {
        Some(reason) => format!("{how} ({reason})"),
        None => how,
    }
}

impl Agent {
    /// Everything that is kept for a scope, sorted by id.
    pub(super) fn observe(&self, scope: &Scope) -> Vec<Seen> {
        self.store.of(scope).iter().map(|r| self.seen(r)).collect()
    }

    fn seen(&self, record: &Record) -> Seen {
        let spec = record.spec().ok();
        let mut seen = Seen {
            id: record.id.clone(),
            node: record.node.clone(),
            form: spec.as_ref().map_or("unknown", Spec::form).to_owned(),
            uid: record.uid.clone(),
            token: record.token.clone(),
            version: record.version(),
            spec: record.done.then(|| record.spec.clone()),
            after: record.after.clone(),
            leave: record.leave.clone(),
            health: Health::Well,
            state: RunState::Running,
            summary: String::new(),
            ready: 0,
            wanted: 0,
            restarts: 0,
            since: Some(record.since),
            urls: Vec::new(),
            failure: record.failure.clone(),
        };
        match &spec {
            Some(Spec::Workload(workload)) => {
                self.see_copies(record, workload.copies, &mut seen);
                for port in &workload.addresses {
                    if let Ok(port) = self.port_of(record, port) {
                        seen.urls.push(format!("http://127.0.0.1:{port}"));
                    }
                }
            }
            Some(Spec::Postgres(_) | Spec::Redis(_) | Spec::Nats(_) | Spec::ObjectStore(_)) => {
                self.see_copies(record, 1, &mut seen);
            }
            Some(Spec::Queue(_)) => self.see_server(&record.scope, "nats", &mut seen),
            Some(Spec::Bucket(_)) => self.see_server(&record.scope, "s3", &mut seen),
            Some(Spec::Job(job)) => self.see_runs(record, job.runs == Runs::OnDemand, &mut seen),
            Some(Spec::Cron(cron)) => {
                self.see_runs(record, true, &mut seen);
                if let Some(at) = super::cron::next(&cron.schedule, time::now()) {
                    seen.summary
                        .push_str(&format!(", next {}", time::rfc3339(at)));
                }
            }
            Some(Spec::Route(route)) => {
                seen.urls = self.urls_of(record, route);
                seen.summary = seen.urls.first().cloned().unwrap_or_default();
                if !self.proxy_is_up(route.port) {
                    seen.state = RunState::Starting;
                    let why = format!("its proxy at port {} does not answer", route.port);
                    seen.health = Health::Ailing { why };
                }
            }
            Some(Spec::Site(site)) => seen.summary = site.dir.display().to_string(),
            Some(Spec::Volume(_)) => seen.summary = "there".into(),
            Some(Spec::Secret(_)) => seen.summary = "has a value".into(),
            None => {
                seen.state = RunState::Failed;
                seen.summary = "written by another version of plat".into();
            }
        }
        seen
    }

    fn see_copies(&self, record: &Record, wanted: u32, seen: &mut Seen) {
        let copies: Vec<supervise::Seen> = self
            .instances(record)
            .into_iter()
            .filter(|s| s.instance.copy < wanted)
            .collect();
        seen.wanted = wanted;
        // During a roll-out a copy is there twice: it counts once.
        let mut ready: Vec<u32> = copies
            .iter()
            .filter(|s| s.ready())
            .map(|s| s.instance.copy)
            .collect();
        ready.sort_unstable();
        ready.dedup();
        seen.ready = u32::try_from(ready.len()).unwrap_or(u32::MAX);
        let statuses: Vec<&Status> = copies.iter().filter_map(|s| s.status.as_ref()).collect();
        seen.restarts = statuses.iter().map(|s| s.restarts).sum();
        if let Some(since) = statuses.iter().map(|s| s.since).max() {
            seen.since = Some(since);
        }
        let ailing = statuses
            .iter()
            .find(|s| s.state != State::Ready)
            .map(|s| match s.state {
                State::Backoff => format!("it {}", how_it_ended(s)),
                state => s
                    .probe_failure
                    .clone()
                    .unwrap_or_else(|| format!("a copy is {state}")),
            });
        if seen.ready >= wanted {
            seen.failure = None;
        } else if let Some(why) = &ailing {
            seen.failure = Some(why.clone());
        }
        seen.summary = if wanted == 1 && seen.ready == 1 {
            "runs".into()
        } else {
            format!("{} of {wanted} copies", seen.ready)
        };
        let dying = statuses.iter().any(|s| s.state == State::Backoff);
        seen.state = match seen.ready {
            0 if wanted == 0 => RunState::Idle,
            n if n >= wanted => RunState::Running,
            0 if dying => RunState::Failed,
            0 if statuses.is_empty() => RunState::Stopped,
            0 => RunState::Starting,
            _ => RunState::Degraded,
        };
        if seen.ready < wanted {
            // The shims and this agent are at work on it.
            seen.health = Health::Ailing {
                why: ailing.unwrap_or_else(|| seen.summary.clone()),
            };
        }
    }

    fn see_server(&self, scope: &Scope, id: &str, seen: &mut Seen) {
        let Some(server) = self.store.get(scope, id) else {
            seen.state = RunState::Stopped;
            seen.health = Health::Stopped {
                why: "its server is gone".into(),
            };
            return;
        };
        let of_server = self.seen(&server);
        seen.state = of_server.state;
        seen.ready = of_server.ready;
        seen.wanted = of_server.wanted;
        seen.summary = of_server.summary;
        seen.health = of_server.health;
        seen.failure = of_server.failure;
    }

    fn see_runs(&self, record: &Record, waits: bool, seen: &mut Seen) {
        let scope = &record.scope;
        let running = self
            .supervisor
            .of(&scope.app, &scope.environment, &record.id)
            .iter()
            .any(|s| s.instance.role == Role::Run && !s.gone);
        if running {
            seen.state = RunState::Running;
            seen.summary = "runs".into();
            return;
        }
        (seen.state, seen.summary) = match &record.last_run {
            Some(run) if run.well => {
                seen.since = Some(run.at);
                let state = if waits {
                    RunState::Idle
                } else {
                    RunState::Done
                };
                (state, "last run ended well".to_owned())
            }
            Some(run) => {
                seen.since = Some(run.at);
                seen.failure = Some(run.how.clone());
                (RunState::Failed, format!("its last run {}", run.how))
            }
            None => (RunState::Idle, "has not run".to_owned()),
        };
    }
}
