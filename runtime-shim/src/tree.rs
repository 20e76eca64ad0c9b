//! The processes below the shim, as `/proc` shows them.

use std::fs;

/// What a process uses.
#[derive(Default)]
pub struct Usage {
    /// Processor time in clock ticks, with that of the children it waited for.
    pub ticks: u64,
    pub threads: u64,
    pub pages: u64,
    /// `None` where we may not look.
    pub descriptors: Option<u64>,
}

/// All processes below the shim. Empty where the kernel has no `/proc/PID/task/TID/children`.
pub fn below_us() -> Vec<i32> {
    let mut found = Vec::new();
    children_of("self", &mut found);
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let pid = pid.to_string();
        children_of(&pid, &mut found);
        next += 1;
    }
    found
}

fn children_of(pid: &str, found: &mut Vec<i32>) {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return;
    };
    for thread in threads.flatten() {
        let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children
            .split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
        {
            // A process that moved between two reads is there twice.
            if !found.contains(&child) {
                found.push(child);
            }
        }
    }
}

/// Fields of `/proc/PID/stat` after the command's name, of which the first has number 3.
fn stat(pid: i32) -> Option<Vec<u64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, `)` included.
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(
        fields
            .split_ascii_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect(),
    )
}

/// When a process was started, in clock ticks since boot.
pub fn started(pid: i32) -> Option<u64> {
    stat(pid)?.get(22 - 3).copied()
}

/// What a process uses; `None` if it is gone.
pub fn usage(pid: i32) -> Option<Usage> {
    let stat = stat(pid)?;
    let field = |number: usize| stat.get(number - 3).copied().unwrap_or(0);
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok();
    Some(Usage {
        // User and system time, its own and its children's.
        ticks: (14..=17).map(field).sum(),
        threads: field(20),
        pages: field(24),
        descriptors: descriptors.map(|entries| entries.count() as u64),
    })
}
