//! How long the compiler takes, and how much memory, for fleets of services of growing size.
//!
//! ```text
//! cargo bench -p plat-bench                # everything, as the tables of docs/benchmarks.md
//! cargo bench -p plat-bench -- 1000        # for 1,000 services
//! cargo bench -p plat-bench -- child graph 1000    # one measurement, for a profiler
//! ```
//!
//! Every measurement is made in a process of its own, which knows its own processor time and the
//! most memory that it ever held; the best of several counts, as what disturbs only ever adds.

#![expect(
    clippy::print_stdout,
    reason = "what a benchmark prints is what it is for"
)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a benchmark that cannot measure stops, as a test does"
)]

use std::collections::BTreeMap;
use std::time::Instant;

use plat_kubernetes::facts::Facts;
use plat_kubernetes::render::render;
use plat_model::TargetId;
use plat_semantics::{Database, PackageInput, Project, parse_manifest};
use rustix::time::{ClockId, clock_gettime};

// The one that `platc` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured, and how its column is called.
const JOBS: &[(&str, &str)] = &[
    ("check", "check"),
    ("graph", "graph"),
    ("json", "graph --json"),
    ("render", "render"),
    ("edit", "check after an edit"),
];
const SIZES: &[usize] = &[10, 100, 1_000, 10_000];
/// How many edits are made in one process.
const EDITS: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["child", job, size] => child(job, size.parse().expect("a number of services")),
        [] => tables(SIZES),
        sizes => {
            let sizes: Vec<usize> = sizes
                .iter()
                .map(|s| s.parse().expect("a number of services"))
                .collect();
            tables(&sizes);
        }
    }
}

/// Measures all and prints it as Markdown.
fn tables(sizes: &[usize]) {
    let small = best("start", 1);
    println!(
        "A file of ten lines, from nothing: {} ({} of the processor), {}.\n",
        milliseconds(small["wall"]),
        milliseconds(small["cpu"]),
        megabytes(small["memory"])
    );
    println!("| services | lines | | time | processor | memory | time for one |");
    println!("|---:|---:|---|---:|---:|---:|---:|");
    for size in sizes {
        for (job, name) in JOBS {
            let found = best(job, *size);
            #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
            let each = found["wall"] / *size as f64;
            println!(
                "| {size} | {} | {name} | {} | {} | {} | {} |",
                found["lines"],
                milliseconds(found["wall"]),
                milliseconds(found["cpu"]),
                megabytes(found["memory"]),
                if *job == "edit" {
                    String::new()
                } else {
                    format!("{each:.1} µs")
                },
            );
            if *job == "edit" {
                println!(
                    "| | | the slowest of {EDITS} edits | {} | | | |",
                    milliseconds(found["worst"])
                );
            }
        }
    }
}

/// The best of several runs.
fn best(job: &str, size: usize) -> BTreeMap<String, f64> {
    let runs = if size >= 10_000 { 3 } else { 7 };
    let mut all: Vec<BTreeMap<String, f64>> = (0..runs).map(|_| spawn(job, size)).collect();
    all.sort_by(|a, b| a["wall"].total_cmp(&b["wall"]));
    all.swap_remove(0)
}

fn spawn(job: &str, size: usize) -> BTreeMap<String, f64> {
    let program = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(program)
        .args(["child", job, &size.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("this program starts");
    assert!(output.status.success(), "{job} {size} failed");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// One measurement: `name value` lines, times in microseconds, memory in kilobytes.
fn child(job: &str, size: usize) {
    let files = if job == "start" {
        ten_lines()
    } else {
        plat_bench::fleet(size)
    };
    let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
    println!("lines {lines}");
    let project = Project {
        packages: vec![PackageInput {
            manifest: parse_manifest(plat_bench::MANIFEST).expect("a manifest"),
            root: String::new(),
            files,
            listing: Vec::new(),
            ..PackageInput::default()
        }],
    };
    let (part, text) = project.packages[0].files.last().cloned().expect("a file");
    let watch = Watch::start();
    let mut db = Database::default();
    db.set_project(project);
    match job {
        "check" | "start" => {
            assert_eq!(db.diagnostics(), Vec::new());
            watch.stop();
        }
        "graph" => {
            let graph = db.graph("prod").expect("a graph");
            watch.stop();
            assert_eq!(graph.nodes.len(), size);
        }
        "json" => {
            let graph = db.graph("prod").expect("a graph");
            let json = serde_json::to_vec(&graph).expect("JSON");
            watch.stop();
            println!("bytes {}", json.len());
        }
        "render" => {
            let graph = db.graph("prod").expect("a graph");
            let target = TargetId::main();
            let rendered = render(&target, &graph, &Facts::default(), |_| true).expect("manifests");
            watch.stop();
            assert!(rendered.files.len() > 4 * size);
            let bytes: usize = rendered.files.values().map(String::len).sum();
            println!("bytes {bytes}\nobjects {}", rendered.files.len());
        }
        "edit" => {
            assert_eq!(db.diagnostics(), Vec::new());
            edits(&mut db, &part, &text);
        }
        other => panic!("there is no measurement {other}"),
    }
    println!("memory {}", peak());
    // What has been made is left to the system, as `platc` leaves it.
    std::process::exit(0);
}

/// Edits a body again and again, and asks for everything that is wrong after each.
fn edits(db: &mut Database, part: &str, text: &str) {
    let mut times: Vec<(f64, f64)> = Vec::new();
    for round in 0..EDITS {
        let new = text.replacen("port   = 8", &format!("port   = {}8", 1 + round % 5), 1);
        assert_ne!(new, text);
        let watch = Watch::start();
        assert!(db.set_file("fleet", part, &new));
        let found = db.diagnostics();
        times.push(watch.read());
        assert_eq!(found, Vec::new());
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (wall, cpu) = times[times.len() / 2];
    println!("wall {wall}\ncpu {cpu}\nworst {}", times[times.len() - 1].0);
}

struct Watch {
    wall: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: processor(),
        }
    }

    /// Time and processor time, in microseconds.
    fn read(&self) -> (f64, f64) {
        (
            self.wall.elapsed().as_secs_f64() * 1e6,
            processor() - self.cpu,
        )
    }

    fn stop(&self) {
        let (wall, cpu) = self.read();
        println!("wall {wall}\ncpu {cpu}");
    }
}

/// What the threads of this process have had of the processors, in microseconds.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "it is far from 2^52")]
    let (seconds, rest) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds * 1e6 + rest / 1e3
}

/// The most memory that this process has held, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .expect("VmHWM")
}

fn ten_lines() -> Vec<(String, String)> {
    let text = "app shop\n\npostgres db { version = 17 }\n\nservice api {\n    \
                run = image(\"ghcr.io/acme/api:1.0.0\")\n    env = { DATABASE_URL = db.url }\n}\n\n\
                env dev { target = local {} }\n";
    vec![("main.plat".to_owned(), text.to_owned())]
}

fn milliseconds(microseconds: f64) -> String {
    format!("{:.1} ms", microseconds / 1e3)
}

fn megabytes(kilobytes: f64) -> String {
    format!("{:.0} MB", kilobytes / 1024.0)
}
