//! The copies of a service: which one gets the next request, and who still has some.

use super::config::{self, Config};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a copy that could not be reached is passed over, the first time and at most.
const OUT_FIRST: Duration = Duration::from_millis(250);
const OUT_MOST: Duration = Duration::from_secs(5);

/// One copy, as long as anybody uses it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    in_flight: AtomicUsize,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    out_until: Option<Instant>,
}

impl Endpoint {
    fn new(wanted: &config::Endpoint) -> Arc<Self> {
        Arc::new(Self {
            name: wanted.name.clone(),
            address: wanted.address,
            in_flight: AtomicUsize::new(0),
            health: Mutex::default(),
        })
    }

    /// It could not be reached: others are asked for a while.
    pub(super) fn failed(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let out = OUT_FIRST * 2u32.saturating_pow(health.failures.min(8));
        health.failures += 1;
        health.out_until = Some(Instant::now() + out.min(OUT_MOST));
    }

    /// It answered.
    pub(super) fn worked(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = Health::default();
    }

    fn is_out(&self) -> bool {
        let health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.out_until.is_some_and(|until| until > Instant::now())
    }
}

/// A request that a copy works on; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Taken(pub(super) Arc<Endpoint>);

impl Taken {
    fn new(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(endpoint))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The services and their copies, and those taken out that still work on something.
#[derive(Debug, Default)]
pub(super) struct Services {
    known: BTreeMap<String, Vec<(Arc<Endpoint>, bool)>>,
    leaving: Vec<(String, Arc<Endpoint>)>,
    turn: AtomicU64,
}

impl Services {
    /// What a new configuration makes of these: copies that stay keep their counts.
    pub(super) fn updated(&self, config: &Config) -> Self {
        let old = |service: &str, wanted: &config::Endpoint| {
            let same = |e: &Arc<Endpoint>| e.name == wanted.name && e.address == wanted.address;
            let known = self
                .known
                .get(service)
                .into_iter()
                .flatten()
                .map(|(e, _)| e);
            let leaving = self
                .leaving
                .iter()
                .filter(|(s, _)| s == service)
                .map(|(_, e)| e);
            known.chain(leaving).find(|e| same(e)).cloned()
        };
        // One that becomes ready is believed to be reachable.
        let was_ready = |endpoint: &Arc<Endpoint>| {
            let all = self.known.values().flatten();
            all.into_iter()
                .any(|(e, ready)| *ready && Arc::ptr_eq(e, endpoint))
        };
        let found = |service: &str, wanted: &config::Endpoint| {
            let endpoint = old(service, wanted).unwrap_or_else(|| Endpoint::new(wanted));
            if wanted.ready && !was_ready(&endpoint) {
                endpoint.worked();
            }
            (endpoint, wanted.ready)
        };
        let known: BTreeMap<String, Vec<(Arc<Endpoint>, bool)>> = config
            .services
            .iter()
            .map(|(name, service)| {
                let endpoints = service
                    .endpoints
                    .iter()
                    .map(|wanted| found(name, wanted))
                    .collect();
                (name.clone(), endpoints)
            })
            .collect();
        let mut leaving: Vec<(String, Arc<Endpoint>)> = self.leaving.clone();
        for (name, endpoints) in &self.known {
            leaving.extend(endpoints.iter().map(|(e, _)| (name.clone(), Arc::clone(e))));
        }
        leaving.retain(|(service, endpoint)| {
            let stays = known
                .get(service)
                .into_iter()
                .flatten()
                .any(|(e, _)| Arc::ptr_eq(e, endpoint));
            !stays && endpoint.in_flight.load(Ordering::Acquire) > 0
        });
        Self {
            known,
            leaving,
            turn: AtomicU64::new(self.turn.load(Ordering::Relaxed)),
        }
    }

    /// The copy that has the least to do of those that are ready and not in `tried`; in turn where
    /// several have. One that could not be reached only if there is no other. `None` if there is
    /// none.
    pub(super) fn take(&self, service: &str, tried: &[SocketAddr]) -> Option<Taken> {
        let ready = || {
            let all = self.known.get(service).into_iter().flatten();
            all.filter(|(e, ready)| *ready && !tried.contains(&e.address))
                .map(|(endpoint, _)| endpoint)
        };
        let mut able: Vec<&Arc<Endpoint>> = ready().filter(|e| !e.is_out()).collect();
        if able.is_empty() {
            // Rather one that may be back already than none.
            able = ready().collect();
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let start = usize::try_from(turn % able.len().max(1) as u64).unwrap_or(0);
        let (before, after) = able.split_at_checked(start)?;
        after
            .iter()
            .chain(before)
            .min_by_key(|endpoint| endpoint.in_flight.load(Ordering::Acquire))
            .map(|endpoint| Taken::new(endpoint))
    }

    /// Why [`Services::take`] finds none, for who reads the error.
    pub(super) fn why_none(&self, service: &str) -> String {
        match self.known.get(service).map(Vec::as_slice) {
            None | Some([]) => "none of its copies is running".to_owned(),
            Some(endpoints) => {
                let ready = endpoints.iter().filter(|(_, ready)| *ready).count();
                match (ready, endpoints.len()) {
                    (0, 1) => "its one copy is not ready".to_owned(),
                    (0, all) => format!("none of its {all} copies is ready"),
                    (1, _) => "its one ready copy does not accept connections".to_owned(),
                    (n, _) => format!("none of its {n} ready copies accepts connections"),
                }
            }
        }
    }

    /// Each copy and what it has to do.
    pub(super) fn status(&self) -> BTreeMap<String, Vec<EndpointStatus>> {
        let mut all: BTreeMap<String, Vec<EndpointStatus>> = BTreeMap::new();
        for (service, endpoints) in &self.known {
            let list = all.entry(service.clone()).or_default();
            list.extend(endpoints.iter().map(|(e, ready)| status(e, *ready, false)));
        }
        for (service, endpoint) in &self.leaving {
            if endpoint.in_flight.load(Ordering::Acquire) > 0 {
                all.entry(service.clone())
                    .or_default()
                    .push(status(endpoint, false, true));
            }
        }
        all
    }
}

/// What the control socket says about one copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether the configuration says that it may be given requests.
    pub ready: bool,
    /// Whether it is passed over for now, because it could not be reached.
    pub unreachable: bool,
    /// Requests, and open WebSockets, that it works on.
    pub in_flight: usize,
    /// Whether the configuration no longer has it: it only finishes what it works on.
    pub leaving: bool,
}

fn status(endpoint: &Endpoint, ready: bool, leaving: bool) -> EndpointStatus {
    EndpointStatus {
        name: endpoint.name.clone(),
        address: endpoint.address,
        ready,
        unreachable: endpoint.is_out(),
        in_flight: endpoint.in_flight.load(Ordering::Acquire),
        leaving,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoints: &[(&str, u16, bool)]) -> Config {
        let endpoints = endpoints
            .iter()
            .map(|(name, port, ready)| config::Endpoint {
                name: (*name).to_owned(),
                address: ([127, 0, 0, 1], *port).into(),
                ready: *ready,
            })
            .collect();
        Config {
            services: BTreeMap::from([("api".to_owned(), config::Service { endpoints })]),
            ..Config::default()
        }
    }

    fn names(services: &Services, tried: &[SocketAddr]) -> Option<String> {
        services
            .take("api", tried)
            .map(|taken| taken.0.name.clone())
    }

    #[test]
    fn the_least_busy_ready_copy_in_turn() {
        let services = Services::default().updated(&config(&[
            ("a", 1, true),
            ("b", 2, true),
            ("c", 3, false),
        ]));
        let mut got: Vec<String> = (0..4).filter_map(|_| names(&services, &[])).collect();
        got.sort();
        assert_eq!(got, ["a", "a", "b", "b"]);
        let held: Vec<Taken> = (0..2).filter_map(|_| services.take("api", &[])).collect();
        let mut busy: Vec<&str> = held.iter().map(|t| t.0.name.as_str()).collect();
        busy.sort_unstable();
        assert_eq!(busy, ["a", "b"]);
        let a = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!(names(&services, &[a]).as_deref(), Some("b"));
    }

    #[test]
    fn a_copy_that_failed_is_passed_over() {
        let services = Services::default().updated(&config(&[("a", 1, true), ("b", 2, true)]));
        let failed = services.take("api", &[]).unwrap();
        failed.0.failed();
        for _ in 0..4 {
            assert_ne!(names(&services, &[]).unwrap(), failed.0.name);
        }
        // Alone, it is tried all the same: it may be back.
        let other = services.known["api"]
            .iter()
            .find(|(e, _)| e.name != failed.0.name)
            .unwrap();
        assert_eq!(names(&services, &[other.0.address]).unwrap(), failed.0.name);
        failed.0.worked();
        let other = services.take("api", &[]).unwrap();
        assert_ne!(other.0.name, failed.0.name);
    }

    #[test]
    fn a_copy_taken_out_is_shown_until_it_has_finished() {
        let before = Services::default().updated(&config(&[("a", 1, true)]));
        let taken = before.take("api", &[]).unwrap();
        let after = before.updated(&config(&[("b", 2, true)]));
        assert_eq!(names(&after, &[]).as_deref(), Some("b"));
        let leaving = |s: &Services| -> Vec<String> {
            s.status()["api"]
                .iter()
                .filter(|e| e.leaving)
                .map(|e| format!("{} {}", e.name, e.in_flight))
                .collect()
        };
        assert_eq!(leaving(&after), ["a 1"]);
        // It comes back while it still works: one and the same copy.
        let back = after.updated(&config(&[("a", 1, true)]));
        assert_eq!(back.status()["api"][0].in_flight, 1);
        drop(taken);
        assert!(leaving(&after).is_empty());
        assert_eq!(back.status()["api"][0].in_flight, 0);
        assert_eq!(
            Services::default().why_none("api"),
            "none of its copies is running"
        );
    }
}
