//! What planning costs beside what the target's reads cost, and what the journal costs beside the
//! disk it is synced to.
//!
//! ```text
//! cargo bench -p plat-engine                  # the tables of docs/benchmarks.md
//! cargo bench -p plat-engine -- plan 10000    # one size, for a profiler
//! ```
//!
//! Planning is measured in processor time, which other programs disturb least; of several runs the
//! best counts, as what disturbs only ever adds. The journal is measured in real time.

#![expect(
    clippy::print_stdout,
    reason = "what a benchmark prints is what it is for"
)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unimplemented,
    reason = "a benchmark that cannot measure stops, as a test does"
)]

#[path = "../tests/it/app.rs"]
mod app;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/memory.rs"]
mod memory;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use plat_engine::{
    ApplyOptions, Backend, BackendError, Blob, DirStore, Done, Engine, Expect, Facts, Interrupts,
    Lowered, ObjectId, Observation, OpContext, OpError, Operation, Plan, Problem, Refusal, Scope,
    SecretStore, Store, StoreError, Words,
};
use plat_model::{Graph, TargetId};
use rustix::time::{ClockId, clock_gettime};

use crate::app::graph;
use crate::memory::{Machine, Memory};
use crate::world::Fake;

// The one that `platc` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: &[usize] = &[100, 1_000, 10_000];
const RUNS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match words.as_slice() {
            [] => {
                plans(SIZES).await;
                journal().await;
            }
            ["plan", sizes @ ..] => {
                let sizes: Vec<usize> = sizes.iter().map(|n| n.parse().unwrap()).collect();
                plans(&sizes).await;
            }
            ["journal"] => journal().await,
            other => panic!("what is {other:?}?"),
        }
    });
}

/// The processor time of this process so far.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.try_into().unwrap())
}

/// A target, and the time that was spent in it.
struct Timed {
    fake: Fake,
    reading: Mutex<Duration>,
    lowering: Mutex<Duration>,
}

#[async_trait]
impl Backend for Timed {
    fn name(&self) -> &'static str {
        self.fake.name()
    }
    fn describe(&self, graph: &Graph) -> String {
        self.fake.describe(graph)
    }
    fn ids_from_names(&self) -> bool {
        self.fake.ids_from_names()
    }
    async fn gather(&self, target: &TargetId, graph: &Graph) -> Result<Facts, Vec<Refusal>> {
        self.fake.gather(target, graph).await
    }
    fn lower(
        &self,
        target: &TargetId,
        graph: &Graph,
        facts: &Facts,
    ) -> Result<Lowered, Vec<Refusal>> {
        let begun = processor();
        let lowered = self.fake.lower(target, graph, facts);
        *self.lowering.lock().unwrap() += processor() - begun;
        lowered
    }
    async fn observe(&self, scope: &Scope, asked: &BTreeSet<ObjectId>) -> Observation {
        let begun = processor();
        let seen = self.fake.observe(scope, asked).await;
        *self.reading.lock().unwrap() += processor() - begun;
        seen
    }
    async fn check(&self, scope: &Scope, operations: &[&Operation]) -> Vec<Problem> {
        self.fake.check(scope, operations).await
    }
    async fn execute(&self, operation: &Operation, context: &OpContext) -> Result<Done, OpError> {
        self.fake.execute(operation, context).await
    }
    fn secrets(&self) -> &dyn SecretStore {
        self.fake.secrets()
    }
    fn state(&self, scope: &Scope) -> Result<Arc<dyn Store>, BackendError> {
        self.fake.state(scope)
    }
}

fn scope() -> Scope {
    Scope {
        app: "shop".into(),
        environment: "dev".into(),
    }
}

fn engine(backend: Arc<dyn Backend>, store: Arc<dyn Store>) -> Engine {
    let backends = BTreeMap::from([(TargetId::main(), backend)]);
    Engine::new(scope(), backends, store, Arc::new(Machine::new(1)))
}

/// A tenth are stores, each needs up to three others, all have an environment of their own.
fn fleet(n: usize, level: &str) -> String {
    let line = |i: usize| {
        let kind = if i.is_multiple_of(10) {
            "store"
        } else {
            "thing"
        };
        let mut needs: Vec<String> = [i / 2, i / 3, i / 7]
            .into_iter()
            .filter(|j| *j != i)
            .map(|j| format!("n{j:05}"))
            .collect();
        needs.dedup();
        format!(
            "{kind} n{i:05} scale=2 image=registry.example/n{i}:1.4.2 memory=512 cpu=250 \
             region=r1 env.LOG={level} env.PORT=8080 env.SELF=n{i} needs={}\n",
            needs.join(",")
        )
    };
    (0..n).map(line).collect()
}

async fn apply(engine: &Engine, plan: &Plan, parallel: usize) {
    let options = ApplyOptions {
        parallel,
        ..ApplyOptions::default()
    };
    let never = Interrupts::default();
    let outcome = engine.apply(plan, &options, &never, |_| {}).await.unwrap();
    assert!(outcome.is_complete());
}

async fn plans(sizes: &[usize]) {
    println!(
        "Planning, in ms: all of it without the target's reads and its lowering (in brackets)"
    );
    println!(
        "{:>8} {:>22} {:>22} {:>22} {:>22} {:>22}",
        "objects", "create all", "nothing to do", "change one", "change all", "destroy"
    );
    for n in sizes {
        let backend = Arc::new(Timed {
            fake: Fake::new(),
            reading: Mutex::default(),
            lowering: Mutex::default(),
        });
        let engine = engine(
            Arc::clone(&backend) as Arc<dyn Backend>,
            Arc::new(Memory::new()),
        );
        let first = graph(&fleet(*n, "info"));
        let one = graph(&fleet(*n, "info").replacen("LOG=info", "LOG=debug", 1));
        let all = graph(&fleet(*n, "debug"));
        let words = Words::default();
        let mut row = vec![best(&backend, || engine.plan(&first, &words)).await];
        let plan = engine.plan(&first, &words).await.unwrap();
        assert_eq!(plan.operations.len(), *n);
        apply(&engine, &plan, 16).await;
        row.push(best(&backend, || engine.plan(&first, &words)).await);
        row.push(best(&backend, || engine.plan(&one, &words)).await);
        row.push(best(&backend, || engine.plan(&all, &words)).await);
        row.push(best(&backend, || engine.plan_destroy(&words, &[])).await);
        print!("{n:>8}");
        for (rest, reading, lowering) in row {
            let cell = format!("{:.1} (+{:.1}, {:.1})", ms(rest), ms(reading), ms(lowering));
            print!(" {cell:>22}");
        }
        println!();
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

async fn best<F>(backend: &Timed, plan: impl Fn() -> F) -> (Duration, Duration, Duration)
where
    F: Future<Output = Result<Plan, plat_engine::EngineError>>,
{
    let mut times = Vec::new();
    for _ in 0..RUNS {
        *backend.reading.lock().unwrap() = Duration::ZERO;
        *backend.lowering.lock().unwrap() = Duration::ZERO;
        let begun = processor();
        let plan = plan().await.unwrap();
        let all = processor() - begun;
        drop(plan);
        let reading = *backend.reading.lock().unwrap();
        let lowering = *backend.lowering.lock().unwrap();
        times.push((all.saturating_sub(reading + lowering), reading, lowering));
    }
    times.into_iter().min().unwrap()
}

/// A store that notes what is added to the journal.
struct Noting {
    store: DirStore,
    added: Mutex<Vec<Vec<u8>>>,
}

#[async_trait]
impl Store for Noting {
    fn place(&self) -> String {
        self.store.place()
    }
    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError> {
        self.store.read(name).await
    }
    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError> {
        self.store.write(name, bytes, expect).await
    }
    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.added.lock().unwrap().push(bytes.to_vec());
        self.store.append(name, at, last, bytes).await
    }
    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.store.remove(name).await
    }
    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.store.list(folder).await
    }
}

/// A whole apply whose operations take no time, beside a loop that writes and syncs the same bytes
/// to the same disk and does nothing else.
async fn journal() {
    // Under the build directory: a disk, where /tmp may be memory.
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    println!();
    println!(
        "An apply of 500 operations that take no time, beside writing and syncing its journal's bytes alone"
    );
    println!(
        "{:>10} {:>10} {:>10} {:>12} {:>12} {:>8}",
        "at once", "writes", "bytes", "bare ms", "apply ms", "ratio"
    );
    for parallel in [1, 16] {
        let mut rows = Vec::new();
        for _ in 0..RUNS {
            let dir = tempfile::tempdir_in(root).unwrap();
            let store = Arc::new(Noting {
                store: DirStore::new(dir.path().join("state")),
                added: Mutex::default(),
            });
            let engine = engine(Arc::new(Fake::new()), Arc::clone(&store) as Arc<dyn Store>);
            let text: String = (0..500)
                .map(|i| format!("thing n{i:03} scale=2 env.LOG=info\n"))
                .collect();
            let plan = engine.plan(&graph(&text), &Words::default()).await.unwrap();
            let begun = Instant::now();
            apply(&engine, &plan, parallel).await;
            let whole = begun.elapsed();
            let added = store.added.lock().unwrap().clone();
            let mut file = OpenOptions::new()
                .create_new(true)
                .append(true)
                .open(dir.path().join("bare"))
                .unwrap();
            let begun = Instant::now();
            for bytes in &added {
                file.write_all(bytes).unwrap();
                file.sync_data().unwrap();
            }
            let bare = begun.elapsed();
            let bytes: usize = added.iter().map(Vec::len).sum();
            rows.push((whole, bare, added.len(), bytes));
        }
        // What a disk takes varies more than anything else: the middle of the ratios counts.
        let ratio =
            |row: &(Duration, Duration, usize, usize)| row.0.as_secs_f64() / row.1.as_secs_f64();
        rows.sort_by(|a, b| ratio(a).total_cmp(&ratio(b)));
        let (whole, bare, writes, bytes) = rows.swap_remove(RUNS / 2);
        println!(
            "{parallel:>10} {writes:>10} {bytes:>10} {:>12.1} {:>12.1} {:>8.2}",
            ms(bare),
            ms(whole),
            whole.as_secs_f64() / bare.as_secs_f64()
        );
    }
}
