//! What all requests share: the configuration in force, the connections, the counts.

use super::balance::Services;
use super::config::Config;
use super::forward::Clients;
use super::limit::Limiter;
use super::metrics::Metrics;
use super::table::{Rule, Table};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio_util::task::TaskTracker;

/// How many requests may wait for services of which no copy can take them.
const IN_LINE: usize = 1024;

pub(super) struct Shared {
    current: RwLock<Arc<Current>>,
    changed: watch::Sender<u64>,
    line: Semaphore,
    pub(super) clients: Clients,
    pub(super) metrics: Metrics,
    /// Connections and tunnels, so that a stop can wait for them.
    pub(super) tasks: TaskTracker,
}

/// A configuration in force.
pub(super) struct Current {
    /// Counts up with each change.
    pub(super) generation: u64,
    pub(super) config: Config,
    pub(super) table: Table,
    pub(super) services: Services,
    limiters: BTreeMap<(String, String), Arc<Limiter>>,
}

impl Current {
    pub(super) fn limiter(&self, rule: &Rule) -> Option<&Arc<Limiter>> {
        rule.rule.limit?;
        self.limiters
            .get(&(rule.route.clone(), rule.rule.path.clone()))
    }
}

impl Shared {
    /// # Errors
    /// The configuration can't be used; says why.
    pub(super) fn new(config: Config) -> Result<Self, String> {
        let nothing = Current {
            generation: 0,
            config: Config::default(),
            table: Table::default(),
            services: Services::default(),
            limiters: BTreeMap::new(),
        };
        let shared = Self {
            current: RwLock::new(Arc::new(nothing)),
            changed: watch::Sender::new(0),
            line: Semaphore::new(IN_LINE),
            clients: Clients::new(),
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
        };
        shared.apply(config)?;
        Ok(shared)
    }

    /// The configuration in force. Requests take it once for their rule, and anew for each attempt.
    pub(super) fn current(&self) -> Arc<Current> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// Told of each change.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        let mut changes = self.changed.subscribe();
        changes.mark_unchanged();
        changes
    }

    /// A place among those who wait; `None` if there are too many.
    pub(super) fn wait_in_line(&self) -> Option<SemaphorePermit<'_>> {
        self.line.try_acquire().ok()
    }

    /// Puts a configuration in force, for every attempt that begins after this.
    ///
    /// # Errors
    /// It can't be used; says why, and the old one stays.
    pub(super) fn apply(&self, config: Config) -> Result<u64, String> {
        let table = Table::new(&config)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let limiters = table
            .rules()
            .filter_map(|rule| {
                let limit = rule.rule.limit?;
                let key = (rule.route.clone(), rule.rule.path.clone());
                let same = current.limiters.get(&key).filter(|old| old.limit == limit);
                let limiter = same.map_or_else(|| Arc::new(Limiter::new(limit)), Arc::clone);
                Some((key, limiter))
            })
            .collect();
        let generation = current.generation + 1;
        *current = Arc::new(Current {
            generation,
            services: current.services.updated(&config),
            config,
            table,
            limiters,
        });
        drop(current);
        self.changed.send_replace(generation);
        Ok(generation)
    }
}
