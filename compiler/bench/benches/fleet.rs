//! How long the compiler takes, and how much memory, for fleets of services of growing size.
//!
//! ```text
//! cargo bench -p plat-bench                # everything, as the tables of docs/benchmarks.md
//! cargo bench -p plat-bench -- 1000        # for 1,000 services
//! cargo bench -p plat-bench -- child graph 1000    # one measurement, for a profiler
//! cargo bench -p plat-bench -- alone graph 1000    # the same without a clock, which valgrind has not
//! ```
//!
//! Every measurement is made in a process of its own, which knows its own processor time and the
//! most memory that it ever held; the best of several counts, as what disturbs only ever adds.
//! Instructions are counted by valgrind, of one run on one thread, without those of a run that only
//! writes the program: so they are the same each time, whatever else the machine does.

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
use std::process::{Command, Stdio};
use std::time::Instant;

use plat_kubernetes::facts::Facts;
use plat_kubernetes::render::render;
use plat_model::TargetId;
use plat_semantics::{Database, PackageInput, Project, parse_manifest};
use rustix::time::{ClockId, clock_gettime};

// The one that `platc` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is measured: its name, that of its row, and what it does beside, which is not counted.
const JOBS: &[(&str, &str, &str)] = &[
    ("check", "check", "nothing"),
    ("graph", "graph", "nothing"),
    ("json", "graph --json", "nothing"),
    ("render", "render", "nothing"),
    ("edit", "check after an edit", "open"),
    ("set", "check after an edit of `set`", "open-set"),
];
const SIZES: &[usize] = &[10, 100, 1_000, 10_000];
/// For how many services instructions are counted: that takes fifty times as long.
const COUNTED: usize = 1_000;
/// How many edits are made in one process, and in one whose instructions are counted.
const EDITS: usize = 50;
const COUNTED_EDITS: usize = 1;

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
        ["child", job, size] => child(job, number(size), true),
        ["alone", job, size] => child(job, number(size), false),
        [] => tables(SIZES),
        sizes => {
            let sizes: Vec<usize> = sizes.iter().map(|s| number(s)).collect();
            tables(&sizes);
        }
    }
}

fn number(of_services: &str) -> usize {
    of_services.parse().expect("a number of services")
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
    let counts = has_valgrind();
    if !counts {
        println!("There is no valgrind here, so instructions are not counted.\n");
    }
    println!("| services | lines | | time | processor | instructions | memory | time for one |");
    println!("|---:|---:|---|---:|---:|---:|---:|---:|");
    for size in sizes {
        for (job, name, beside) in JOBS {
            let found = best(job, *size);
            let instructions = match counts && *size <= COUNTED {
                true => millions(instructions(job, *size) - instructions(beside, *size)),
                false => String::new(),
            };
            #[expect(clippy::cast_precision_loss, reason = "sizes are small")]
            let each = found["wall"] / *size as f64;
            let each = match found.get("worst") {
                Some(_) => String::new(),
                None => format!("{each:.1} µs"),
            };
            println!(
                "| {size} | {} | {name} | {} | {} | {instructions} | {} | {each} |",
                found["lines"],
                milliseconds(found["wall"]),
                milliseconds(found["cpu"]),
                megabytes(found["memory"]),
            );
            if let Some(worst) = found.get("worst") {
                println!(
                    "| | | the slowest of {EDITS} edits | {} | | | | |",
                    milliseconds(*worst)
                );
            }
        }
    }
}

fn has_valgrind() -> bool {
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--version").stdout(Stdio::null());
    valgrind.status().is_ok_and(|status| status.success())
}

/// How many instructions a process executes that does a job and nothing else, the writing of the
/// program included.
fn instructions(job: &str, size: usize) -> f64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .arg("--cachegrind-out-file=/dev/null")
        .arg(program)
        .args(["alone", job, &size.to_string()])
        // What threads do while they wait for each other differs each time.
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("valgrind starts");
    assert!(
        output.status.success(),
        "{job} {size} under valgrind failed"
    );
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find_map(|line| line.split_once("refs:"));
    let (_, count) = line.expect("cachegrind tells how many instructions there were");
    let digits: String = count.chars().filter(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
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
    let output = Command::new(program)
        .args(["child", job, &size.to_string()])
        .stderr(Stdio::inherit())
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

/// One measurement: `name value` lines, times in microseconds, memory in kilobytes. Without a clock,
/// nothing is measured.
fn child(job: &str, size: usize, clock: bool) {
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
    let files = &project.packages[0].files;
    let last = files.last().cloned().expect("a file");
    let environment = files.iter().find(|(_, text)| text.contains("\nenv prod"));
    let environment = environment.cloned().unwrap_or_default();
    if job == "nothing" {
        return;
    }
    let watch = Watch::start(clock);
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
            // As `platc render` does: the manifests take the room of what the graph was made with.
            drop(db);
            let target = TargetId::main();
            let rendered = render(&target, &graph, &Facts::default(), |_| true).expect("manifests");
            watch.stop();
            assert!(rendered.files.len() > 4 * size);
            let bytes: usize = rendered.files.values().map(String::len).sum();
            println!("bytes {bytes}\nobjects {}", rendered.files.len());
        }
        "edit" | "open" | "set" | "open-set" => {
            assert_eq!(db.diagnostics(), Vec::new());
            let rounds = match job {
                "open" | "open-set" => 0,
                _ if clock => EDITS,
                _ => COUNTED_EDITS,
            };
            let (file, place) = match job {
                "edit" | "open" => (&last, "port   = "),
                _ => (&environment, ".."),
            };
            edits(&mut db, file, place, rounds, clock);
        }
        other => panic!("there is no measurement {other}"),
    }
    println!("memory {}", peak());
    // What has been made is left to the system, as `platc` leaves it.
    std::process::exit(0);
}

/// Edits the number at a place again and again, and asks for everything that is wrong after each.
fn edits(
    db: &mut Database,
    (path, text): &(String, String),
    place: &str,
    rounds: usize,
    clock: bool,
) {
    let file = db.file("fleet", path).expect("a file");
    // As an editor does with a file that is opened.
    db.expect_changes(file);
    assert_eq!(db.diagnostics(), Vec::new());
    let mut times: Vec<(f64, f64)> = Vec::new();
    for round in 0..rounds {
        let new = text.replacen(place, &format!("{place}{}", 1 + round % 3), 1);
        assert_ne!(new, *text);
        let watch = Watch::start(clock);
        db.set_text(file, &new);
        let found = db.diagnostics();
        times.extend(watch.read());
        assert_eq!(found, Vec::new());
    }
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some((wall, cpu)), Some((worst, _))) = (times.get(times.len() / 2), times.last()) {
        println!("wall {wall}\ncpu {cpu}\nworst {worst}");
    }
}

/// What has passed since it was started; nothing where there is no clock.
struct Watch(Option<(Instant, f64)>);

impl Watch {
    fn start(clock: bool) -> Self {
        Self(clock.then(|| (Instant::now(), processor())))
    }

    /// Time and processor time, in microseconds.
    fn read(&self) -> Option<(f64, f64)> {
        let (wall, cpu) = self.0.as_ref()?;
        Some((wall.elapsed().as_secs_f64() * 1e6, processor() - cpu))
    }

    fn stop(&self) {
        if let Some((wall, cpu)) = self.read() {
            println!("wall {wall}\ncpu {cpu}");
        }
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

fn millions(instructions: f64) -> String {
    format!("{:.0} M", instructions / 1e6)
}

fn megabytes(kilobytes: f64) -> String {
    format!("{:.0} MB", kilobytes / 1024.0)
}
