//! What the clock starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron as Pattern;
use croner::parser::CronParser;
use plat_engine::Scope;

use super::Agent;
use super::instance::Role;
use crate::spec::{Cron, Spec};
use crate::time;

/// The clock may be set: it is looked at anew at least so often while something is to come.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Reads a schedule of five fields.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(schedule: &str) -> Result<Pattern, String> {
    CronParser::builder()
        .seconds(croner::parser::Seconds::Disallowed)
        .build()
        .parse(schedule)
        .map_err(|e| e.to_string())
}

/// The first time after `now` (milliseconds since 1970) at which `schedule` is due, in UTC.
pub(crate) fn next(schedule: &str, now: u64) -> Option<u64> {
    let pattern = parse(schedule).ok()?;
    let due = pattern.find_next_occurrence(&time::utc(now), false).ok()?;
    u64::try_from(due.timestamp_millis()).ok()
}

impl Agent {
    /// Starts what is due, for ever.
    pub(super) async fn keep_crons(self: Arc<Self>) {
        // What was due while nobody was here is not made up for.
        let mut due: BTreeMap<(Scope, String), (String, u64)> = BTreeMap::new();
        loop {
            let now = time::now();
            let crons = self.crons();
            due.retain(|key, (schedule, _)| {
                crons.get(key).is_some_and(|c| c.schedule == *schedule)
            });
            for (key, cron) in &crons {
                if !due.contains_key(key)
                    && let Some(at) = next(&cron.schedule, now)
                {
                    due.insert(key.clone(), (cron.schedule.clone(), at));
                }
            }
            for (key, (schedule, at)) in &mut due {
                if *at <= now
                    && let Some(cron) = crons.get(key)
                {
                    let (agent, key, cron) = (Arc::clone(&self), key.clone(), cron.clone());
                    tokio::spawn(async move { agent.run_cron(&key.0, &key.1, &cron).await });
                    *at = next(schedule, now).unwrap_or(u64::MAX);
                }
            }
            let wait = due
                .values()
                .map(|(_, at)| Duration::from_millis(at.saturating_sub(now)))
                .min();
            tokio::select! {
                () = self.crons_changed.notified() => {}
                () = sleep(wait.map(|w| w.min(LONGEST_SLEEP))) => {}
            }
        }
    }

    fn crons(&self) -> BTreeMap<(Scope, String), Cron> {
        self.store
            .all()
            .into_iter()
            .filter_map(|record| match record.spec() {
                Ok(Spec::Cron(cron)) if record.done => Some(((record.scope, record.id), cron)),
                _ => None,
            })
            .collect()
    }

    async fn run_cron(self: &Arc<Self>, scope: &Scope, id: &str, cron: &Cron) {
        let guard = self.lock_object(scope, id).await;
        let running = self
            .supervisor
            .of(&scope.app, &scope.environment, id)
            .into_iter()
            .any(|s| s.instance.role == Role::Run && !s.gone);
        if running {
            self.log.warn(format!(
                "{scope}: {id} is due, but its last run is not over; left out"
            ));
            return;
        }
        let Some(mut record) = self.store.get(scope, id) else {
            return;
        };
        record.generation += 1;
        // The version that the engine knows does not change by a run: only this number does.
        let started = async {
            self.keep(record.clone())?;
            self.prepare(&record, &cron.process, &super::Progress::none())
                .await?;
            self.start_run(&record, &cron.process).await
        }
        .await;
        drop(guard);
        let ended = match started {
            Ok(run) => {
                let limit = cron.timeout.map(Duration::from_millis);
                self.await_run(&run, limit).await.0
            }
            Err(failure) => {
                self.log.warn(failure.to_string());
                super::store::Ended {
                    at: time::now(),
                    well: false,
                    how: failure.to_string(),
                }
            }
        };
        self.log.info(format!("{scope}: {id} ran: {}", ended.how));
        let noted = self.store.change(scope, id, |record| {
            record.failure = (!ended.well).then(|| ended.how.clone());
            record.last_run = Some(ended);
        });
        if let Err(e) = noted {
            self.log
                .warn(format!("cannot write down how {id} ended: {e}"));
        }
    }
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &str, now: &str, due: &str) {
        let at = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
            u64::try_from(time.timestamp_millis()).unwrap()
        };
        let found = next(schedule, at(now)).map(time::rfc3339);
        assert_eq!(found.as_deref(), Some(time::rfc3339(at(due)).as_str()));
    }

    #[test]
    fn due_times() {
        check(
            "*/5 * * * *",
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:05:00Z",
        );
        check(
            "*/5 * * * *",
            "2026-01-31T12:04:59Z",
            "2026-01-31T12:05:00Z",
        );
        check(
            "0 6 * * MON",
            "2026-01-31T12:00:00Z",
            "2026-02-02T06:00:00Z",
        );
        check("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z");
    }

    #[test]
    fn a_wrong_schedule_is_an_error() {
        for schedule in ["", "* * * *", "61 * * * *", "* * * * * *", "a b c d e"] {
            assert!(parse(schedule).is_err(), "{schedule}");
        }
    }
}
