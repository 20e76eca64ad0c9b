//! What runs and ends: jobs and crons.

use crate::json::{Json, json};
use plat_engine::OnChange;

use super::pods::{MAIN, Pod};
use super::{Lowering, Put};
use crate::names;
use plat_engine::fields::Fields;

/// How many runs of a cron are kept to be looked at, good or bad.
const HISTORY: u32 = 3;
/// How late a run may begin, in seconds: what was missed for longer waits for the next time.
const LATE: u32 = 300;

/// The annotation of a Job that never runs again.
pub const ONCE: &str = "plat/once";

impl<'a> Lowering<'a> {
    pub(super) fn job(&mut self, fields: &mut Fields<'a>) {
        let runs = fields.word("runs").unwrap_or("on_change").to_owned();
        if runs == "always" {
            fields.not_built("runs", "running a job at each release");
            return;
        }
        let Some(pod) = self.pod(fields, "Never") else {
            return;
        };
        let name = self.name(fields.node);
        let spec = self.run_to_end(fields, &pod);
        if runs == "on_demand" {
            // `kubectl create job --from=cronjob/NAME`: the template stands ready, and never runs
            // by itself.
            let body = json!({ "spec": {
                "schedule": "0 0 1 1 *",
                "suspend": true,
                "jobTemplate": { "spec": spec },
            }});
            let how = "its next run is the new one".to_owned();
            self.put(
                Put::new("CronJob", "batch/v1", &name, body)
                    .of(fields)
                    .label(format!("job {}", fields.path))
                    .after(pod.after)
                    .on_change("spec", OnChange::Restart { how }),
            );
            return;
        }
        let once = runs == "once";
        let how = if once {
            "it ran once and does not run again"
        } else {
            "it runs again"
        };
        let label = format!("job {}", fields.path);
        let mut put = self
            .run_now(&name, spec, once)
            .of(fields)
            .label(label)
            .after(pod.after);
        put.on_change = vec![("", OnChange::Restart { how: how.into() })];
        put.is_run = true;
        self.put(put);
    }

    pub(super) fn cron(&mut self, fields: &mut Fields<'a>) {
        let schedule = fields.text("schedule").unwrap_or_default().to_owned();
        if schedule.split_whitespace().count() != 5 {
            fields.refuse(
                "schedule",
                format!("\"{schedule}\" has another number of fields than 5"),
                vec![
                    "minute, hour, day of the month, month, day of the week: \"*/5 * * * *\""
                        .into(),
                ],
            );
        }
        let overlap = match fields.word("overlap") {
            Some("allow") => "Allow",
            Some("replace") => "Replace",
            _ => "Forbid",
        };
        let Some(pod) = self.pod(fields, "Never") else {
            return;
        };
        let name = self.name(fields.node);
        let body = json!({ "spec": {
            "schedule": schedule,
            "timeZone": fields.text("zone").unwrap_or("UTC"),
            "concurrencyPolicy": overlap,
            "startingDeadlineSeconds": LATE,
            "successfulJobsHistoryLimit": HISTORY,
            "failedJobsHistoryLimit": HISTORY,
            "jobTemplate": { "spec": self.run_to_end(fields, &pod) },
        }});
        let how = "its next run is the new one".to_owned();
        self.put(
            Put::new("CronJob", "batch/v1", &name, body)
                .of(fields)
                .label(format!("cron {}", fields.path))
                .after(pod.after)
                .on_change("spec", OnChange::Restart { how }),
        );
    }

    fn run_to_end(&self, fields: &Fields<'a>, pod: &Pod) -> Json {
        let timeout = fields.millis("timeout").unwrap_or(3_600_000);
        json!({
            "backoffLimit": fields.number::<u32>("retries").unwrap_or(0),
            "activeDeadlineSeconds": timeout.div_ceil(1000).max(1),
            "template": self.template(fields, MAIN, pod),
        })
    }

    /// A Job that runs when it is made. Its template can't change, so another template is another
    /// Job, named by a hash of it; with `once` it keeps its name, and so never runs again.
    pub(super) fn run_now(&self, name: &str, spec: Json, once: bool) -> Put<'a> {
        let mut spec = spec;
        spec.without_null();
        let full = if once {
            name.to_owned()
        } else {
            format!("{name}-{}", names::hash(&spec.to_string()))
        };
        let mut put = Put::new("Job", "batch/v1", &full, json!({ "spec": spec }));
        put.id = Some(name.to_owned());
        if once {
            put = put.annotate(ONCE, "true".to_owned());
        }
        put
    }
}
