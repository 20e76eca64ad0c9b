//! Processes as the kernel shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The living processes whose command line or environment holds `text`, with their command lines.
/// This process and its parents are not among them.
pub fn processes_naming(text: &str) -> Vec<(i32, String)> {
    processes(|process| {
        let command = words(&process.join("cmdline"));
        let environment = words(&process.join("environ"));
        let mut words = command.iter().chain(&environment);
        words.any(|word| word.contains(text))
    })
}

/// The living processes that have a file below a directory open, with their command lines: a shim
/// names nothing of what it runs, but writes its log. This process is not among them.
pub fn processes_holding(dir: &Path) -> Vec<(i32, String)> {
    processes(|process| {
        let open = fs::read_dir(process.join("fd"));
        open.into_iter().flatten().flatten().any(|descriptor| {
            fs::read_link(descriptor.path()).is_ok_and(|file| file.starts_with(dir))
        })
    })
}

/// The living processes but this one of which something is true, asked of their place in `/proc`.
fn processes(wanted: impl Fn(&Path) -> bool) -> Vec<(i32, String)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        if pid != own && is_alive(pid) && wanted(&entry.path()) {
            found.push((pid, words(&entry.path().join("cmdline")).join(" ")));
        }
    }
    found.sort();
    found
}

/// The environment a process was started with; empty where it is gone or not ours to read.
pub fn environment_of(pid: i32) -> BTreeMap<String, String> {
    words(&format!("/proc/{pid}/environ").into())
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Whether a process is there and is more than a zombie.
pub fn is_alive(pid: i32) -> bool {
    // The state is the first field after the name, which stands in brackets and may hold any text.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(')')
                .map(|(_, rest)| rest.trim_start().to_owned())
        })
        .is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal, named as `kill` names it, to one process.
pub fn kill(pid: i32, signal: &str) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = match signal {
        "INT" => Signal::INT,
        "TERM" => Signal::TERM,
        "STOP" => Signal::STOP,
        "CONT" => Signal::CONT,
        _ => Signal::KILL,
    };
    if let Some(pid) = Pid::from_raw(pid) {
        // It may be gone already, which is what the caller wants.
        let _ = kill_process(pid, signal);
    }
}

fn words(file: &std::path::PathBuf) -> Vec<String> {
    let bytes = fs::read(file).unwrap_or_default();
    bytes
        .split(|b| *b == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}
