//! Services, workers, jobs, crons and sites.

use std::collections::BTreeSet;

use plat_engine::OnChange;
use plat_model::{Data, Value};

use super::Lowering;
use crate::spec::{Cron, Job, Mount, Runs, Site, Spec, Workload};
use plat_engine::fields::Fields;

/// How long a copy may take to become ready beyond what its probe allows, in milliseconds.
const MARGIN: u64 = 5_000;

impl<'a> Lowering<'a> {
    pub(super) fn workload(&mut self, fields: &mut Fields<'a>) {
        let copies = copies(fields);
        let rollout = fields.word("rollout").unwrap_or("auto").to_owned();
        if rollout == "canary" || rollout == "blue_green" {
            fields.weaken(
                "rollout",
                "new copies start beside the old ones and take their place at once",
            );
        }
        let Some((process, producers)) = self.process(fields) else {
            return;
        };
        let is_service = fields.node.kind.name == "service";
        let writes_alone = process.files.iter().any(|(path, mount)| match mount {
            Mount::Volume(node) => {
                let shared = self
                    .graph
                    .nodes
                    .get(node)
                    .and_then(|n| n.fields.get("shared"));
                fields.get(&format!("writable.{path}")).is_some()
                    && shared.and_then(Value::as_bool) != Some(true)
            }
            _ => false,
        });
        let stop_first = rollout == "stop_first" || (rollout == "auto" && writes_alone);
        let addresses = self
            .addresses
            .get(fields.path)
            .filter(|_| is_service)
            .map(|ports| ports.iter().cloned().collect())
            .unwrap_or_default();
        let start = process.ready.as_ref().map_or(30_000, |p| p.start);
        let after = self.needs(fields, &producers);
        let how = if stop_first {
            "the old copies stop first"
        } else if is_service {
            "rolling, no downtime"
        } else {
            "new copies start, then the old ones stop"
        };
        let spec = Spec::Workload(Workload {
            process,
            copies,
            stop_first,
            addresses,
            within: start + MARGIN,
        });
        let label = format!("process {}", fields.path);
        let change = OnChange::Restart { how: how.into() };
        self.add(fields, &spec, label, &after, &[("process", change)]);
        let mut left = left_env(fields);
        if fields.leaves("scale") {
            left.push("copies".into());
        }
        self.leave(fields, &spec, left);
    }

    pub(super) fn job(&mut self, fields: &mut Fields<'a>) {
        let runs = match fields.word("runs") {
            Some("once") => Runs::Once,
            Some("on_demand") => Runs::OnDemand,
            Some("always") => {
                fields.not_built("runs", "running a job at each release");
                return;
            }
            _ => Runs::OnChange,
        };
        let Some((process, producers)) = self.process(fields) else {
            return;
        };
        let after = self.needs(fields, &producers);
        let spec = Spec::Job(Job {
            process,
            runs,
            timeout: fields.millis("timeout"),
            retries: fields.number("retries").unwrap_or(0),
        });
        let label = format!("job {}", fields.path);
        let how = match runs {
            Runs::OnDemand => "its next run is the new one",
            Runs::Once => "it ran once and does not run again",
            Runs::OnChange | Runs::Always => "it runs again",
        };
        let change = OnChange::Restart { how: how.into() };
        self.add(fields, &spec, label, &after, &[("process", change)]);
        let left = left_env(fields);
        self.leave(fields, &spec, left);
    }

    pub(super) fn cron(&mut self, fields: &mut Fields<'a>) {
        let schedule = fields.text("schedule").unwrap_or_default().to_owned();
        if let Err(why) = crate::agent::check_schedule(&schedule) {
            fields.refuse(
                "schedule",
                format!("\"{schedule}\" is no schedule: {why}"),
                vec![
                    "minute, hour, day of the month, month, day of the week: \"*/5 * * * *\""
                        .into(),
                ],
            );
        }
        if fields.text("zone").is_some_and(|zone| zone != "UTC") {
            fields.not_built("zone", "a time zone other than UTC");
        }
        if fields.word("overlap").is_some_and(|o| o != "skip") {
            fields.not_built("overlap", "starting a run while another goes on");
        }
        if fields.number::<u32>("retries").is_some_and(|n| n > 0) {
            fields.not_built(
                "retries",
                "trying a failed run again before the next is due",
            );
        }
        let Some((process, producers)) = self.process(fields) else {
            return;
        };
        let after = self.needs(fields, &producers);
        let spec = Spec::Cron(Cron {
            process,
            schedule,
            timeout: fields.millis("timeout"),
        });
        let label = format!("cron {}", fields.path);
        let change = OnChange::Restart {
            how: "its next run is the new one".into(),
        };
        self.add(fields, &spec, label, &after, &[("process", change)]);
        let left = left_env(fields);
        self.leave(fields, &spec, left);
    }

    pub(super) fn site(&mut self, fields: &mut Fields<'a>) {
        let dir = fields.text("files").unwrap_or(".");
        let spec = Spec::Site(Site {
            dir: self.facts.path(dir),
            fallback: fields.yes("single_page").then(|| "index.html".into()),
        });
        let label = format!("files of {}", fields.path);
        self.add(fields, &spec, label, &BTreeSet::new(), &[]);
    }
}

/// The parts of a process that are left to others: its environment, or some of it.
fn left_env(fields: &mut Fields<'_>) -> Vec<String> {
    let part = |name: &str| match name {
        "" => "process.env".to_owned(),
        name => format!("process.env.{name}"),
    };
    fields.leaves_of("env").into_iter().map(part).collect()
}

/// How many copies run.
fn copies(fields: &mut Fields<'_>) -> u32 {
    let Some(scale) = fields.get("scale") else {
        return 1;
    };
    let number = |value: &Value| value.as_int().and_then(|n| u32::try_from(n).ok());
    let range = scale.get("range").unwrap_or(scale);
    if let Data::Range(least, most) = &range.data {
        // With none there would be nobody to take what comes.
        let copies = number(least).unwrap_or(1).max(1);
        if number(most) != Some(copies) {
            let copies_run = if copies == 1 {
                "1 copy runs"
            } else {
                "as many as at least run"
            };
            let message =
                format!("{copies_run}: the number does not follow the load on this machine");
            fields.weaken("scale", &message);
        }
        return copies;
    }
    scale
        .get("count")
        .map_or_else(|| number(scale), number)
        .unwrap_or(1)
}
