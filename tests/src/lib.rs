//! Whole-system tests: they start `platc` as a user does and look at what is really running.
//!
//! Each test has a [`Home`] of its own (state, data, sockets and agent apart from every other
//! test's and from the user's), a free port for its routes, and leaves nothing behind, also when
//! it fails.
//!
//! Architecture invariants:
//! - Nothing here links the code under test: `platc` is a process, its workloads are processes.
//! - No test sleeps for luck. [`eventually`] asks for a condition until a deadline, and says what
//!   it last saw when that passes.
//!
//! Start reading at [`Home`], then at `tests/tests/`.

mod app;
mod cluster;
mod cut;
mod http;
mod life;
mod permissions;
mod process;
mod registry;
mod relay;
mod services;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use app::{answers, apps, edit, gated_and_changed, install, pids};
pub use cluster::{Cluster, cluster, unhindered_cluster};
pub use cut::Way;
pub use http::{Reply, ask, get, request};
pub use life::{Example, Here, Place, There};
pub use permissions::{PERMISSIONS, permissions};
pub use process::{environment_of, is_alive, kill, processes_holding, processes_naming};
pub use registry::Registry;
pub use relay::{RELAY, relay};
pub use services::{Operators, Services, operators, services};

/// How long a whole-system test waits for something that should be quick. Generous, since test
/// machines are slow; nothing waits this long unless it fails.
pub const SOON: Duration = Duration::from_secs(60);

/// The `platc` under test, built once if it is older than its source.
///
/// # Panics
/// Where it does not build.
#[expect(clippy::panic, reason = "a test helper fails its test")]
pub fn platc() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        // Cargo sets these for a test, and the build script of `ring` is run anew where they differ:
        // it and all that needs it would be built once more for each crate's tests.
        let told = |name: &OsString| {
            let name = name.to_string_lossy();
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        };
        for name in env::vars_os().map(|(name, _)| name).filter(told) {
            cargo.env_remove(name);
        }
        let build = cargo
            .args([
                "build",
                "--quiet",
                "--package",
                "platc",
                "--message-format=json",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output();
        let executable = build.ok().filter(|b| b.status.success()).and_then(|build| {
            String::from_utf8_lossy(&build.stdout)
                .lines()
                .rev()
                .find_map(|line| {
                    let message: serde_json::Value = serde_json::from_str(line).ok()?;
                    Some(PathBuf::from(message.get("executable")?.as_str()?))
                })
        });
        executable.unwrap_or_else(|| panic!("`cargo build --package platc` made no binary"))
    })
}

/// A user's place of their own: everything `platc` keeps is below it, and when it is dropped
/// everything that was started for it is ended.
#[derive(Debug)]
pub struct Home {
    dir: tempfile::TempDir,
    /// Sockets and secrets: on a tmpfs, and with a path short enough for a socket.
    runtime: tempfile::TempDir,
    port: u16,
    environment: BTreeMap<String, PathBuf>,
}

/// What a call of `platc` gave.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Home {
    /// A new, empty one.
    ///
    /// # Panics
    /// Where no directory can be made.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let shared = Path::new("/dev/shm");
        let runtime = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        let make = |within: &Path| {
            let dir = tempfile::Builder::new().prefix("plat-t").tempdir_in(within);
            let dir = dir.expect("a directory");
            // Data services run as another user where we are root: they must get through.
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755))
                .expect("a directory others may pass");
            dir
        };
        Self {
            dir: make(&std::env::temp_dir()),
            runtime: make(&runtime),
            port: free_port(),
            environment: BTreeMap::new(),
        }
    }

    /// Gives each call of `platc` a variable that names a file.
    pub fn set(&mut self, variable: &str, file: PathBuf) {
        self.environment.insert(variable.to_owned(), file);
    }

    /// Its directory: apps are written here.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The port its routes listen on, free when the home was made.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Where `platc` keeps what is this home's.
    pub fn plat_home(&self) -> PathBuf {
        self.dir.path().join("plat")
    }

    /// Writes a file of an app; `PORT` in it stands for this home's port.
    ///
    /// # Panics
    /// Where it can't be written.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn write(&self, file: &str, text: &str) {
        let path = self.dir.path().join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a directory");
        }
        std::fs::write(path, text.replace("PORT", &self.port.to_string())).expect("a file");
    }

    /// A call of `platc` that is not started yet, in this home's directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(platc());
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("PLAT_HOME", self.plat_home())
            .env("PLAT_CACHE", cache())
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env_remove("CI")
            .env("NO_COLOR", "1")
            .envs(&self.environment)
            .stdin(Stdio::null());
        command
    }

    /// Calls `platc` and waits for it.
    ///
    /// # Panics
    /// Where it can't be started.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn platc(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().expect("platc starts");
        Ran::from(&output)
    }

    /// Calls `platc` and fails the test if that fails.
    ///
    /// # Panics
    /// Where its exit code is not 0.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.platc(arguments);
        assert_eq!(
            ran.code,
            0,
            "platc {}\n--- stdout\n{}\n--- stderr\n{}",
            arguments.join(" "),
            ran.stdout,
            ran.stderr
        );
        ran
    }

    /// Calls `platc` with `--json` and reads what it says.
    ///
    /// # Panics
    /// Where it fails, or says something that is not JSON.
    #[expect(clippy::panic, reason = "a test helper fails its test")]
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut arguments = arguments.to_vec();
        arguments.push("--json");
        let ran = self.ok(&arguments);
        serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("platc {}: {e}\n{}", arguments.join(" "), ran.stdout))
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The agent first, so that it brings nothing back; then whatever names this home or writes in it.
        let here = [self.dir.path(), self.runtime.path()];
        for _ in 0..50 {
            let mut left: Vec<_> = here
                .iter()
                .flat_map(|dir| {
                    let mut left = processes_naming(&dir.to_string_lossy());
                    left.extend(processes_holding(dir));
                    left
                })
                .collect();
            if left.is_empty() {
                return;
            }
            left.sort_by_key(|(_, command)| !command.contains("internal agent"));
            for (pid, _) in left {
                kill(pid, "KILL");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl From<&Output> for Ran {
    fn from(output: &Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let status = output.status;
        Self {
            code: status
                .code()
                .or_else(|| status.signal().map(|s| 128 + s))
                .unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Where fetched tools are kept: with the user's own, since they are pinned and checked, so that
/// they are fetched once and not by each test.
fn cache() -> PathBuf {
    let named = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    named("PLAT_CACHE").unwrap_or_else(|| {
        if rustix::process::geteuid().is_root() {
            return "/var/cache/plat".into();
        }
        named("XDG_CACHE_HOME")
            .or_else(|| Some(named("HOME")?.join(".cache")))
            .map_or_else(
                || std::env::temp_dir().join("plat-cache"),
                |cache| cache.join("plat"),
            )
    })
}

/// Asks again and again while something is done: how often it asked, and of what it failed. It asks
/// no more once that is over, also where it panics.
///
/// # Panics
/// Where the asking does.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn meanwhile(
    ask: impl Fn() -> Result<(), String> + Sync,
    what: impl FnOnce(),
) -> (usize, Vec<String>) {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut asked, mut failed) = (0, Vec::new());
            while !over.load(Ordering::Relaxed) {
                asked += 1;
                failed.extend(ask().err());
            }
            (asked, failed)
        });
        let end = Over(&over);
        what();
        drop(end);
        asking.join().expect("who asked")
    })
}

/// Asks `question` until it answers, and fails the test with what it last complained of when
/// `within` has passed.
///
/// # Panics
/// When the time is over.
#[expect(clippy::panic, reason = "a test helper fails its test")]
pub fn eventually<T>(
    what: &str,
    within: Duration,
    mut question: impl FnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + within;
    loop {
        match question() {
            Ok(answer) => return answer,
            Err(last) if Instant::now() >= end => {
                panic!("waited {} s for {what}; at last: {last}", within.as_secs())
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A port that nobody listened on a moment ago.
///
/// # Panics
/// Where loopback has none.
#[expect(clippy::expect_used, reason = "a test helper fails its test")]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
