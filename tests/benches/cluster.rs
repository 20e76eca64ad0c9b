//! What a plan and an apply of 10,000 objects cost on a real API server, beside what reading and
//! writing them costs alone.
//!
//! ```text
//! cargo build --release -p platc
//! cargo bench -p plat-tests --features cluster             # 10,000 objects
//! cargo bench -p plat-tests --features cluster -- 1000     # another number of them
//! ```
//!
//! It starts a cluster of its own as the tests do, and needs what they need. The workloads have no
//! copies, so that what is measured is the API and not pods that start; and the cluster's controllers ask
//! as often as they like, so that it is not how often they may ask: as they come they take up five
//! Deployments a second, whoever applies them.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use plat_tests::{Cluster, unhindered_cluster};
use serde_json::Value;

/// What a service becomes that refers to another one.
const KINDS: [(&str, &str, &str); 4] = [
    ("apps", "v1", "Deployment"),
    ("", "v1", "Service"),
    ("", "v1", "ServiceAccount"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
];
/// How many objects one page of a list has, as `kubectl` asks for them.
const PAGE: u32 = 500;
/// How many requests the bare loop has under way; the most that an apply has.
const AT_ONCE: usize = 16;
/// Where the bare loop makes its objects.
const BARE: &str = "bare";
const RUNS: usize = 3;

struct Bench {
    cluster: &'static Cluster,
    platc: PathBuf,
    home: tempfile::TempDir,
}

/// A process that ended.
struct Cost {
    wall: Duration,
    /// The most memory that it had, in megabytes.
    memory: u64,
    said: String,
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let objects: usize = numbers.next_back().unwrap_or(10_000);
    let bench = Bench {
        cluster: unhindered_cluster(),
        platc: platc(),
        home: tempfile::tempdir().expect("a directory"),
    };
    let count = bench.write("bench", objects / KINDS.len());
    println!("{count} objects\n");

    let first = bench.platc(&["plan", "prod"], 0);
    row("plan, of which nothing is there", &first);
    let apply = bench.platc(&["apply", "prod", "--yes"], 0);
    row("apply all", &apply);
    let lists: Vec<Duration> = (0..RUNS).map(|_| bench.lists("bench")).collect();
    let list = lists.iter().min().copied().unwrap_or_default();
    time("one paged LIST of each kind, side by side", list);
    let plans = (0..RUNS).map(|_| bench.platc(&["plan", "prod", "--detailed-exitcode"], 0));
    let plan = plans.min_by_key(|cost| cost.wall).expect("a run");
    row("plan, with nothing to do", &plan);
    let again = bench.platc(&["apply", "prod", "--yes"], 0);
    row("apply, with nothing to do", &again);

    let manifests = bench.platc(&["render", "prod"], 0).said;
    let (patched, taken_up) = bench.patches(&manifests);
    time(
        "a bare loop of server-side applies of the same objects",
        patched,
    );
    time("the same, until each Deployment is taken up", taken_up);
    let file = bench.home.path().join("all.yaml");
    std::fs::write(&file, &manifests).expect("a file");
    let began = Instant::now();
    let arguments = ["diff", "--server-side", "--force-conflicts", "-f"];
    let file = file.to_string_lossy().into_owned();
    let arguments: Vec<&str> = arguments.into_iter().chain([file.as_str()]).collect();
    // It ends with 1 where something differs.
    let _ = bench.cluster.try_kubectl(&arguments);
    let diff = began.elapsed();
    time("kubectl diff --server-side of the same objects", diff);

    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!("\nplan / LIST            {:.1}", ratio(plan.wall, list));
    println!("kubectl diff / plan    {:.0}", ratio(diff, plan.wall));
    println!("apply / bare loop      {:.1}", ratio(apply.wall, patched));
    println!("apply / that, taken up {:.1}", ratio(apply.wall, taken_up));
}

fn row(what: &str, cost: &Cost) {
    println!(
        "{what:58} {:8.2} s  {:5} MB",
        cost.wall.as_secs_f64(),
        cost.memory
    );
}

fn time(what: &str, wall: Duration) {
    println!("{what:58} {:8.2} s", wall.as_secs_f64());
}

/// The program, built for release beside this one.
fn platc() -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let built = own
        .parent()
        .and_then(Path::parent)
        .map(|dir| dir.join("platc"));
    let built = built.expect("a directory");
    assert!(
        built.exists(),
        "{} is missing: cargo build --release -p platc",
        built.display()
    );
    built
}

impl Bench {
    /// Writes an app of so many services, and says how many objects they become.
    fn write(&self, namespace: &str, services: usize) -> usize {
        let dir = self.home.path().join("app");
        std::fs::create_dir_all(&dir).expect("a directory");
        let manifest = "[package]\nname = \"bench\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
        std::fs::write(dir.join("plat.toml"), manifest).expect("a manifest");
        let mut text = format!(
            "app bench\n\nenv prod {{ target = kubernetes {{ context = \"test\", namespace = \"{namespace}\" }} }}\n"
        );
        for n in 0..services {
            let other = (n + 1) % services;
            let _ = write!(
                text,
                "\nservice web{n} {{\n    run   = image(\"localhost/app:1\")\n    port  = 8080\n    scale = 0\n    ready = http(\"/healthz\")\n    env   = {{ LOG_LEVEL = \"info\", NEXT = web{other}.url }}\n}}\n"
            );
        }
        std::fs::write(dir.join("bench.plat"), text).expect("a program");
        services * KINDS.len()
    }

    fn platc(&self, arguments: &[&str], wanted: i32) -> Cost {
        let output = self.home.path().join("output");
        let file = std::fs::File::create(&output).expect("a file");
        let errors = self.home.path().join("errors");
        let began = Instant::now();
        let mut child = Command::new(&self.platc)
            .arg("-C")
            .arg(self.home.path().join("app"))
            .args(arguments)
            .env("HOME", self.home.path())
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(std::fs::File::create(&errors).expect("a file"))
            .spawn()
            .expect("platc starts");
        let memory = watch(child.id());
        let status = child.wait().expect("it ends");
        let wall = began.elapsed();
        let said = std::fs::read_to_string(&output).unwrap_or_default();
        if status.code() != Some(wanted) {
            let errors = std::fs::read_to_string(&errors).unwrap_or_default();
            let end: Vec<&str> = errors.lines().rev().take(20).collect();
            panic!("platc {arguments:?} ended with {status}: {end:#?}");
        }
        let memory = memory.join().expect("who watches");
        Cost { wall, memory, said }
    }

    /// Reads all objects, page by page, and throws them away.
    fn lists(&self, namespace: &str) -> Duration {
        run(async {
            let client = self.client().await;
            let began = Instant::now();
            let lists = KINDS.map(|kind| {
                let api = api(&client, namespace, kind);
                async move {
                    let mut params = ListParams::default().limit(PAGE);
                    loop {
                        let page = api.list(&params).await.expect("a page");
                        match page.metadata.continue_.filter(|token| !token.is_empty()) {
                            Some(token) => params = params.continue_token(&token),
                            None => return,
                        }
                    }
                }
            });
            futures::future::join_all(lists).await;
            began.elapsed()
        })
    }

    /// Applies the objects in a namespace of their own: how long that takes where nothing is waited for,
    /// and how long until their controller has taken up all Deployments, as an apply waits for it.
    fn patches(&self, manifests: &str) -> (Duration, Duration) {
        let all: Vec<Value> = serde_saphyr::from_multiple(manifests).expect("manifests");
        self.cluster.kubectl(&["create", "namespace", BARE]);
        run(async {
            let client = self.client().await;
            let began = Instant::now();
            let applied = stream::iter(all).map(|mut object| {
                let client = client.clone();
                async move {
                    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
                    let Some(kind) = KINDS.into_iter().find(|(_, _, name)| *name == kind) else {
                        return;
                    };
                    object["metadata"]["namespace"] = BARE.into();
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    let params = PatchParams::apply("bare");
                    let api = api(&client, BARE, kind);
                    let made = api.patch(name, &params, &Patch::Apply(&object)).await;
                    made.expect("it is applied");
                }
            });
            applied.buffer_unordered(AT_ONCE).collect::<()>().await;
            let patched = began.elapsed();
            let deployments = api(&client, BARE, KINDS[0]);
            while !all_taken_up(&deployments).await {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            (patched, began.elapsed())
        })
    }

    async fn client(&self) -> Client {
        let config = Kubeconfig::read_from(self.cluster.kubeconfig()).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await;
        Client::try_from(config.expect("a cluster")).expect("a client")
    }
}

fn api(client: &Client, namespace: &str, kind: (&str, &str, &str)) -> Api<DynamicObject> {
    let (group, version, name) = kind;
    let kind = GroupVersionKind::gvk(group, version, name);
    let resource = ApiResource::from_gvk(&kind);
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Whether the controller has seen the newest of each.
async fn all_taken_up(deployments: &Api<DynamicObject>) -> bool {
    let all = deployments.list(&ListParams::default()).await;
    all.expect("a list").items.iter().all(|object| {
        let seen = object.data["status"]["observedGeneration"].as_i64();
        seen >= object.metadata.generation
    })
}

fn run<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(what)
}

/// Looks, until the process ends, at the most memory that it had: in megabytes.
fn watch(process: u32) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) {
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            // A process that ended has no memory any more.
            let Some(kilobytes) = line.and_then(|l| l.split_whitespace().next()?.parse().ok())
            else {
                break;
            };
            most = most.max(kilobytes);
            std::thread::sleep(Duration::from_millis(10));
        }
        most / 1024
    })
}
