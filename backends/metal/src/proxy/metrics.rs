//! What the proxy counts, as OpenMetrics.

use super::balance::EndpointStatus;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds.
const BOUNDS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

#[derive(Debug, Default)]
pub(super) struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Route, target, status.
    requests: BTreeMap<(String, String, u16), u64>,
    /// Route, target.
    seconds: BTreeMap<(String, String), Latency>,
    retries: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Latency {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Metrics {
    /// One request was answered with `status`, its answer begun after `took`.
    pub(super) fn answered(&self, route: &str, target: &str, status: u16, took: Duration) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (route.to_owned(), target.to_owned());
        *counts
            .requests
            .entry((key.0.clone(), key.1.clone(), status))
            .or_default() += 1;
        let latency = counts.seconds.entry(key).or_default();
        let took = took.as_secs_f64();
        for (bucket, bound) in latency.buckets.iter_mut().zip(BOUNDS) {
            if took <= bound {
                *bucket += 1;
            }
        }
        latency.count += 1;
        latency.sum += took;
    }

    /// One attempt on a copy of `service` failed and is made again.
    pub(super) fn retried(&self, service: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.retries.entry(service.to_owned()).or_default() += 1;
    }

    /// Everything, in order.
    pub(super) fn text(&self, endpoints: &BTreeMap<String, Vec<EndpointStatus>>) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from(
            "# TYPE plat_proxy_requests counter\n# HELP plat_proxy_requests Requests answered.\n",
        );
        for ((route, target, status), count) in &counts.requests {
            let labels = labels(&[
                ("route", route),
                ("to", target),
                ("status", &status.to_string()),
            ]);
            let _ = writeln!(text, "plat_proxy_requests_total{labels} {count}");
        }
        text.push_str("# TYPE plat_proxy_answer_seconds histogram\n# UNIT plat_proxy_answer_seconds seconds\n# HELP plat_proxy_answer_seconds Time until an answer begins.\n");
        for ((route, target), latency) in &counts.seconds {
            for (bucket, bound) in latency.buckets.iter().zip(BOUNDS) {
                let labels =
                    labels(&[("route", route), ("to", target), ("le", &bound.to_string())]);
                let _ = writeln!(text, "plat_proxy_answer_seconds_bucket{labels} {bucket}");
            }
            let infinite = labels(&[("route", route), ("to", target), ("le", "+Inf")]);
            let plain = labels(&[("route", route), ("to", target)]);
            let _ = writeln!(
                text,
                "plat_proxy_answer_seconds_bucket{infinite} {}",
                latency.count
            );
            let _ = writeln!(
                text,
                "plat_proxy_answer_seconds_count{plain} {}",
                latency.count
            );
            let _ = writeln!(text, "plat_proxy_answer_seconds_sum{plain} {}", latency.sum);
        }
        text.push_str("# TYPE plat_proxy_retries counter\n# HELP plat_proxy_retries Attempts that failed and were made again.\n");
        for (service, count) in &counts.retries {
            let labels = labels(&[("service", service)]);
            let _ = writeln!(text, "plat_proxy_retries_total{labels} {count}");
        }
        text.push_str("# TYPE plat_proxy_in_flight gauge\n# HELP plat_proxy_in_flight Requests a copy works on.\n");
        for (service, endpoints) in endpoints {
            for endpoint in endpoints {
                let labels = labels(&[("service", service), ("copy", &endpoint.name)]);
                let _ = writeln!(text, "plat_proxy_in_flight{labels} {}", endpoint.in_flight);
            }
        }
        text.push_str("# EOF\n");
        text
    }
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let value = value
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        })
        .collect();
    format!("{{{}}}", pairs.join(","))
}
