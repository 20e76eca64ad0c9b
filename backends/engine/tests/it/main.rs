//! The engine through its public door, on a target in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unimplemented,
    reason = "a test that fails may panic"
)]

mod app;
mod bucket;
mod crash;
mod flaws;
mod held;
mod markdown;
mod memory;
mod model;
mod narrow;
mod plans;
mod releases;
mod rules;
mod runs;
mod schema;
mod shown;
mod stale;
mod states;
mod story;
mod two;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use plat_engine::{
    ApplyEvent, ApplyOptions, Engine, EngineError, Interrupts, Outcome, Plan, Scope, Words,
};
use plat_model::TargetId;

use crate::memory::{Machine, Memory};
use crate::world::{Crash, Fake};

/// A world, a store and a machine: what stays when an engine is gone.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) fake: Fake,
    pub(crate) memory: Memory,
    pub(crate) machine: Machine,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            fake: Fake::new(),
            memory: Memory::new(),
            machine: Machine::new(1),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(
            Scope {
                app: "shop".into(),
                environment: "dev".into(),
            },
            BTreeMap::from([(
                TargetId::main(),
                Arc::new(self.fake.clone()) as Arc<dyn plat_engine::Backend>,
            )]),
            Arc::new(self.memory.clone()),
            Arc::new(self.machine.clone()),
        )
    }

    /// A bench of its own that is as this one is now.
    pub(crate) fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.fake.world = Arc::new(Mutex::new(self.fake.with(|w| w.clone())));
        let files = self.memory.files.lock().unwrap().clone();
        copy.memory.files = Arc::new(Mutex::new(files));
        let ended = self.machine.ended.lock().unwrap().clone();
        copy.machine.ended = Arc::new(Mutex::new(ended));
        copy
    }

    /// The same bench for an engine that stops at that call.
    pub(crate) fn crashing(&self, crash: &Arc<Crash>) -> Self {
        Self {
            fake: self.fake.crashing(crash),
            memory: self.memory.crashing(crash),
            machine: self.machine.clone(),
        }
    }

    pub(crate) async fn plan(&self, text: &str) -> Result<Plan, EngineError> {
        self.engine()
            .plan(&app::graph(text), &Words::default())
            .await
    }

    pub(crate) async fn apply(&self, plan: &Plan) -> Result<Outcome, EngineError> {
        self.apply_with(plan, |_| {}).await
    }

    pub(crate) async fn apply_with(
        &self,
        plan: &Plan,
        on_event: impl Fn(ApplyEvent) + Send + Sync + 'static,
    ) -> Result<Outcome, EngineError> {
        self.engine()
            .apply(
                plan,
                &ApplyOptions::default(),
                &Interrupts::default(),
                on_event,
            )
            .await
    }

    /// Plans and applies, and is done.
    pub(crate) async fn up(&self, text: &str) -> Plan {
        let plan = self.plan(text).await.unwrap();
        let outcome = self.apply(&plan).await.unwrap();
        assert!(outcome.is_complete(), "{outcome:#?}");
        plan
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.fake.log()
    }
}

/// What came of a policy that warns.
pub(crate) fn judged() -> plat_engine::PolicyResult {
    let place = |file: &str, line| plat_model::Place {
        file: file.into(),
        line,
        column: 1,
    };
    plat_engine::PolicyResult {
        name: "two_copies".into(),
        place: place("policies.plat", 3),
        asked: 3,
        waived: 1,
        broken: 1,
        warnings: vec![plat_engine::PolicyWarning {
            message: "one copy is no copy".into(),
            place: Some(place("shop.plat", 2)),
        }],
    }
}

/// Runs a future with a clock that never makes a test wait.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}
