//! The programs this machine already has.

use super::{Found, Origin, Tool, is_executable};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest major versions that our configuration files and rights are right for.
const OLDEST_POSTGRES: u32 = 14;
const OLDEST_REDIS: u32 = 6;
const OLDEST_NATS: (u32, u32) = (2, 9);

/// `PATH`, where root's programs are, and where distributions hide PostgreSQL's.
pub(super) fn usual_places(path: &OsStr) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = std::env::split_paths(path)
        .filter(|dir| dir.is_absolute())
        .collect();
    places.extend(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from));
    for versions in ["/usr/lib/postgresql", "/usr"] {
        let Ok(entries) = fs::read_dir(versions) else {
            continue;
        };
        let mut found: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| {
                versions != "/usr" || entry.file_name().as_encoded_bytes().starts_with(b"pgsql-")
            })
            .map(|entry| entry.path().join("bin"))
            .collect();
        found.sort();
        places.extend(found);
    }
    places
}

/// The best suitable program in `places`: for PostgreSQL the newest, for the others the first.
pub(super) fn find(tool: Tool, places: &[PathBuf]) -> Option<Found> {
    let names: &[&str] = match tool {
        Tool::Postgres { .. } => &["postgres"],
        Tool::Redis => &["redis-server", "valkey-server"],
        Tool::Nats => &["nats-server"],
    };
    let mut seen = BTreeSet::new();
    let mut candidates = places
        .iter()
        .flat_map(|dir| names.iter().map(move |name| dir.join(name)))
        .filter(|path| is_executable(path))
        // One program under two names is asked once, by its first: Debian's `redis-server` is a
        // link to a program that looks at what it was called.
        .filter(|path| path.canonicalize().is_ok_and(|real| seen.insert(real)))
        .filter_map(|path| suitable(tool, &path));
    match tool {
        Tool::Postgres { .. } => candidates.max_by_key(Found::major),
        _ => candidates.next(),
    }
}

fn suitable(tool: Tool, program: &Path) -> Option<Found> {
    if matches!(tool, Tool::Postgres { .. }) && !is_executable(&program.with_file_name("initdb")) {
        return None;
    }
    let version = version_of(program)?;
    let number = major(&version);
    let fits = match tool {
        Tool::Postgres { major: Some(asked) } => number == asked && number >= OLDEST_POSTGRES,
        Tool::Postgres { major: None } => number >= OLDEST_POSTGRES,
        Tool::Redis => number >= OLDEST_REDIS,
        Tool::Nats => (number, minor(&version)) >= OLDEST_NATS,
    };
    fits.then(|| Found {
        tool,
        program: program.to_owned(),
        version,
        origin: Origin::Machine,
    })
}

fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

/// The first thing that looks like a version in what `--version` printed, as in
/// `postgres (PostgreSQL) 15.18 (Debian …)`, `Redis server v=7.0.15 sha=…`, `nats-server: v2.9.10`.
fn version_in(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| {
        let number = word.trim_start_matches("v=").trim_start_matches('v');
        let end = number
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(number.len());
        let number = number.get(..end)?.trim_end_matches('.');
        (number.starts_with(|c: char| c.is_ascii_digit()) && number.len() > 1)
            .then(|| number.to_owned())
    })
}

/// The first number of a version; 0 if there is none.
pub(super) fn major(version: &str) -> u32 {
    version
        .split('.')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

fn minor(version: &str) -> u32 {
    version
        .split('.')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_the_programs_print_them() {
        let check = |text, version: &str| assert_eq!(version_in(text).as_deref(), Some(version));
        check(
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
            "15.18",
        );
        check("postgres (PostgreSQL) 18beta1", "18");
        check(
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0",
            "7.0.15",
        );
        check("nats-server: v2.9.10", "2.9.10");
        assert_eq!(version_in("no numbers here"), None);
    }
}
