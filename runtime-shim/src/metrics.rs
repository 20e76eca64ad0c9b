//! What the workload uses and how it fares, as OpenMetrics text.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use crate::probe::Prober;
use crate::{sys, tree};

/// The media type of [`Metrics::finish`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds with their fraction. (Formatting an `f64` would cost 15 KB of program.)
pub struct Seconds(pub Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// Metric families, written one after the other.
pub struct Metrics(String);

impl Metrics {
    pub fn new(name: &str) -> Metrics {
        let mut out = String::with_capacity(3072);
        let name = name
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        out.push_str("# TYPE plat_workload info\n# HELP plat_workload Which workload this is.\n");
        // Writing to a String can't fail, here and below.
        let _ = writeln!(out, "plat_workload_info{{name=\"{name}\"}} 1");
        Metrics(out)
    }

    fn head(&mut self, kind: &str, name: &str, unit: &str, help: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    /// `unit` is the last word of `name`, or empty.
    pub fn gauge(&mut self, name: &str, unit: &str, help: &str, value: impl Display) {
        self.head("gauge", name, unit, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// As [`Metrics::gauge`]; the sample is called `name` with `_total`.
    pub fn counter(&mut self, name: &str, unit: &str, help: &str, value: impl Display) {
        self.head("counter", name, unit, help);
        let _ = writeln!(self.0, "{name}_total {value}");
    }

    /// How long the probes took and how many failed.
    pub fn probes<'a>(&mut self, probers: impl Iterator<Item = &'a Prober> + Clone) {
        if probers.clone().next().is_none() {
            return;
        }
        let name = "plat_probe_duration_seconds";
        self.head("summary", name, "seconds", "How long the probes took.");
        for Prober {
            name: probe,
            counts,
            ..
        } in probers.clone()
        {
            let _ = writeln!(self.0, "{name}_count{{probe=\"{probe}\"}} {}", counts.made);
            let _ = writeln!(
                self.0,
                "{name}_sum{{probe=\"{probe}\"}} {}",
                Seconds(counts.took)
            );
        }
        let name = "plat_probe_failures";
        self.head("counter", name, "", "How many probes failed.");
        for Prober {
            name: probe,
            counts,
            ..
        } in probers
        {
            let _ = writeln!(
                self.0,
                "{name}_total{{probe=\"{probe}\"}} {}",
                counts.failed
            );
        }
    }

    /// What the processes below the shim use; `child` is counted in any case.
    pub fn usage(&mut self, child: Option<i32>) {
        let mut pids = tree::below_us();
        pids.extend(child.filter(|child| !pids.contains(child)));
        let (ticks_a_second, page) = sys::units();
        let (mut processes, mut threads, mut pages, mut ticks) = (0_u64, 0, 0, 0);
        let mut descriptors = None;
        for usage in pids.into_iter().filter_map(tree::usage) {
            processes += 1;
            threads += usage.threads;
            pages += usage.pages;
            ticks += usage.ticks;
            if let Some(open) = usage.descriptors {
                descriptors = Some(descriptors.unwrap_or(0) + open);
            }
        }
        let live = Duration::from_millis(ticks.saturating_mul(1000) / ticks_a_second);
        let cpu = Seconds(live.saturating_add(sys::waited_cpu()));
        self.counter(
            "plat_cpu_seconds",
            "seconds",
            "Processor time of all its processes.",
            cpu,
        );
        let help = "Resident memory of all its processes; shared pages count in each.";
        self.gauge("plat_memory_resident_bytes", "bytes", help, pages * page);
        self.gauge("plat_processes", "", "Its processes.", processes);
        self.gauge("plat_threads", "", "Threads of all its processes.", threads);
        if let Some(open) = descriptors {
            let help = "Open file descriptors of all its processes.";
            self.gauge("plat_open_fds", "", help, open);
        }
    }

    pub fn finish(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}
