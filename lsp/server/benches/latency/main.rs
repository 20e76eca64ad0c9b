//! From a keystroke to its diagnostics: what an editor waits for, on programs of any size, and what
//! the server holds meanwhile.
//!
//! ```text
//! cargo bench -p plat-lsp                          # everything, as the tables of docs/editors.md
//! cargo bench -p plat-lsp -- 1000                  # for 1,000 services
//! PLATC=/usr/bin/platc cargo bench -p plat-lsp     # with that server, not the one built here
//! ```
//!
//! The server is a process of its own, and each size has a new one. What is said goes through pipes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark, which stops where something is not as it should be"
)]

mod client;
mod host;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use client::Client;
use serde_json::json;

// The one that `platc` has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each is measured.
const TIMES: usize = 100;
/// How often a start is: of so few, the middle one counts.
const STARTS: usize = 5;
/// How long nothing is said, to see that nothing is done.
const IDLE: Duration = Duration::from_secs(2);

const PART: &str = "services/part000.plat";
const KIND: &str = "platform/web.plat";

/// The 50th and the 99th percentile, by nearest rank: of a hundred, the slowest but for one.
fn shares(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1].as_secs_f64();
    format!("{:.1} ms | {:.1} ms", at(50) * 1e3, at(99) * 1e3)
}

/// The line and the first character of the first place of a text.
fn find(text: &str, what: &str) -> (u32, u32) {
    let at = text.find(what).unwrap();
    let line = text[..at].matches('\n').count();
    let start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    (
        u32::try_from(line).unwrap(),
        u32::try_from(at - start).unwrap(),
    )
}

/// A fleet on disk, until it is dropped.
struct Disk {
    root: PathBuf,
    part: String,
    kind: String,
}

impl Disk {
    fn new(services: usize) -> Self {
        let name = format!("plat-latency-{}-{services}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let files = plat_bench::fleet(services);
        let manifest = [("plat.toml".to_owned(), plat_bench::MANIFEST.to_owned())];
        for (path, text) in files.iter().chain(&manifest) {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let text = |path: &str| files.iter().find(|(p, _)| p == path).unwrap().1.clone();
        Self {
            part: text(PART),
            kind: text(KIND),
            root,
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The server to measure, as a command line.
fn server(root: &Path) -> Vec<OsString> {
    match std::env::var_os("PLATC") {
        Some(platc) => vec![platc, "lsp".into()],
        None => vec![
            std::env::current_exe().unwrap().into_os_string(),
            "serve".into(),
            root.as_os_str().to_owned(),
        ],
    }
}

fn measure(services: usize) {
    let disk = Disk::new(services);
    let server = server(&disk.root);
    let row =
        |what: &str, times: Vec<Duration>| println!("| {services} | {what} | {} |", shares(times));
    // With a mistake, so that there is something to tell.
    let wrong = disk.part.replacen("gold", "golx", 1);
    let starts = (0..STARTS).map(|_| {
        let mut client = Client::start(&server, &disk.root);
        client.open(PART, &wrong);
        client.told(PART);
        let first = client.begun.elapsed();
        client.shutdown();
        first
    });
    row(
        "from the start of the server until the open file's diagnostics",
        starts.collect(),
    );
    let starts = (0..STARTS).map(|_| {
        let mut client = Client::start(&server, &disk.root);
        client.open(PART, &disk.part);
        client.settle();
        let all = client.begun.elapsed();
        client.shutdown();
        all
    });
    row(
        "the same, until all files and environments are checked",
        starts.collect(),
    );
    let mut client = Client::start(&server, &disk.root);
    client.open(PART, &disk.part);
    client.open(KIND, &disk.kind);
    client.settle();
    let mut memory = vec![("everything is checked", client.memory("VmRSS"))];
    // A mistake comes and goes, so that each edit has something to tell.
    let (part, kind) = (&disk.part, &disk.kind);
    let edits = [
        ("a body", TIMES, PART, find(part, "gold"), "golx", "gold"),
        (
            "a kind that all use",
            TIMES / 10,
            KIND,
            find(kind, "Tier\n    scale"),
            "Tirr",
            "Tier",
        ),
        (
            "an import",
            TIMES / 10,
            PART,
            find(part, "web}"),
            "wep",
            "web",
        ),
    ];
    for (what, times, path, (line, at), wrong, right) in edits {
        let (mut first, mut all) = (Vec::new(), Vec::new());
        for time in 0..times {
            let new = if time % 2 == 0 { wrong } else { right };
            let end = at + u32::try_from(right.len()).unwrap();
            let (told, whole) = client.edit(path, line, [at, end], new);
            first.push(told);
            all.push(whole);
        }
        row(
            &format!("an edit in {what}, until the open file's diagnostics"),
            first,
        );
        row(
            "the same, until all files and environments are checked",
            all,
        );
    }
    let (line, at) = find(part, "scale  =");
    let (mut hovers, mut completions) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let params = json!({
            "textDocument": { "uri": client.uri(PART) },
            "position": { "line": line, "character": at + 2 },
        });
        hovers.push(client.ask("textDocument/hover", params.clone()));
        completions.push(client.ask("textDocument/completion", params));
    }
    row("a hover with the value in each environment", hovers);
    row("a completion of a field", completions);
    memory.push(("after the edits", client.memory("VmRSS")));
    let before = client.processor();
    std::thread::sleep(IDLE);
    let idle = client.processor() - before;
    client.close(PART);
    client.close(KIND);
    client.ask("workspace/symbol", json!({ "query": "svc00007" }));
    memory.push((
        "with every file closed and the folder open",
        client.memory("VmRSS"),
    ));
    memory.push(("the most there ever was", client.memory("VmHWM")));
    for (when, megabytes) in memory {
        println!("| {services} | memory, {when} | {megabytes:.0} MB | |");
    }
    println!(
        "| {services} | processor, in {} s without a word | {} ms | |",
        IDLE.as_secs(),
        idle * 10
    );
    client.shutdown();
}

fn main() {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [serve, root] = arguments.as_slice()
        && serve == "serve"
    {
        let host = Arc::new(host::Fleet(PathBuf::from(root)));
        assert!(plat_lsp::serve_stdio(host).unwrap());
        return;
    }
    let said = arguments.iter().find_map(|arg| arg.to_str()?.parse().ok());
    println!("| services | | p50 | p99 |\n|---:|---|---:|---:|");
    match said {
        Some(services) => measure(services),
        None => [10, 1000, 10_000].into_iter().for_each(measure),
    }
}
