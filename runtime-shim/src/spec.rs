//! What a shim is told to run: the contract with the agent.
//!
//! # How to start a shim
//! The agent needs no `unsafe` and no file for it; the shim reads its spec from standard input,
//! makes a session of its own and lets go of the agent:
//!
//! ```no_run
//! # use std::{io::{Read, Write}, process::{Command, Stdio}};
//! # fn start(spec: &plat_shim::spec::Spec) -> std::io::Result<()> {
//! let mut shim = Command::new("/path/to/plat-shim")
//!     .args(["run", "--session", "-"]) // `-`: the spec is on standard input
//!     .env_clear()                     // the shim needs none; the child gets `spec.env` alone
//!     .stdin(Stdio::piped())
//!     .stdout(Stdio::null())
//!     .stderr(Stdio::piped())
//!     .spawn()?;
//! shim.stdin.take().unwrap().write_all(spec.to_text().as_bytes())?; // dropped here: end of file
//! let mut reason = String::new();
//! shim.stderr.take().unwrap().read_to_string(&mut reason)?;
//! // Empty: the shim runs, its socket answers and its state file is there.
//! // Otherwise the one sentence that says why it does not; it has exited with code 64 to 78.
//! # Ok(()) }
//! ```
//!
//! - Standard error is closed by the shim as soon as it stands (a millisecond after the start), so
//!   reading it to its end is how to wait for it. This is so only where [`Spec::log`] is set;
//!   without it the child writes to the shim's own standard output and error, and the shim itself
//!   says there only what it has to complain of.
//! - In a container there is no agent: `plat-shim exec OPTIONS -- COMMAND…` runs the command in the
//!   environment, the directory and as the user that it finds, ends with it, and can tell its metrics
//!   at a port; `plat-shim install PATH` lays the program down for a container whose image lacks it.
//! - `--session` calls `setsid`, so that no signal of a terminal or of the agent's group reaches
//!   it. The shim stays the agent's child: reap it if you live; if you don't, init does.
//! - A spec in a file: `plat-shim run --session --unlink PATH`; `--unlink` removes it once read.
//!   `/dev/fd/3` is a path too.
//! - A signal sent to a shim in the first instant, before its `main`, would end it. Where that
//!   matters (a launcher that forwards signals), block all signals in the launcher between fork and
//!   exec: the shim takes a blocked signal as pending and forwards it; it clears the child's mask.
//!   The agent uses the socket instead, and has no such window.
//! - The socket and the state file must lie in directories that exist. A socket or a
//!   [`Secrets::dir`] left by a killed shim is replaced; a socket that still answers is refused
//!   ("already running"), so two shims never run one workload.
//! - Taking a shim up again after the agent died: connect to [`Spec::control`], `GET /status`. If
//!   nothing answers, [`Spec::state`] says how it ended; if its state isn't `exited` and the process
//!   `shim_pid`, `shim_started` is gone, the shim was killed, and `child_pid` with `child_started`
//!   says whom it may have left behind (with [`Spec::die_with_shim`] the child itself was killed
//!   with it). If that process is there, it is in its last millisecond: look again.
//! - A job's exit code is the shim's; when [`Restart::policy`] is not `never`, the shim ends only
//!   when it is told to stop. An exit code says nothing of the shim's own troubles: those are told
//!   apart by the sentence on standard error.
//!
//! # The text format
//! Lines of ASCII, each a key and its values, one space between them; `%` and two hex digits stand
//! for any byte that isn't a printable ASCII character, and for space, `%` and `"`; an empty value
//! is `""`. The first line is `plat-shim-spec 1`. Unknown and repeated keys are refused, except
//! that `arg`, `env` and `secret` are there to be repeated.
//!
//! ```text
//! plat-shim-spec 1
//! name shop/api
//! arg /usr/bin/python3            one line for each argument, the command first
//! cwd /srv/shop
//! env PATH /usr/bin:/bin          name, value
//! secrets /run/user/1000/plat/api the directory, then one line for each file
//! secret db_password hunter2      name, contents
//! umask 077                       octal
//! user 1000 1000                  uid, gid
//! die_with_shim yes
//! log /…/api.log 10485760 5       path, bytes before rotation, rotated files kept
//! restart always 50 30000 30000   policy, then milliseconds: initial, maximum, reset after
//! stop TERM 0 10000               signal, then milliseconds: drain, grace
//! listens 127.0.0.1:8080
//! ready http 127.0.0.1:8080 /healthz ""         address, path, Host header
//! ready_timing 5000 1000 3 30000  milliseconds every, timeout; failures; milliseconds start
//! alive tcp 127.0.0.1:8080        or: alive exec ARG…
//! alive_timing 5000 1000 3 30000
//! control /…/api.sock
//! state /…/api.json
//! ```
//! (The comments are not part of it.)

mod text;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::signal::Signal;

/// Everything one shim is told. Durations are whole milliseconds.
///
/// It may hold secret values, in [`Spec::env`] and [`Spec::secrets`]: its `Debug` shows their names
/// alone, and [`Spec::to_text`] must reach no log and no disk.
#[derive(Clone, PartialEq, Eq)]
pub struct Spec {
    /// What messages and metrics call the workload, e.g. `shop/api`. Means nothing to the shim.
    pub name: String,
    /// The command and its arguments. A command without `/` is looked for in `PATH` of [`Spec::env`].
    pub argv: Vec<String>,
    /// The working directory; absolute.
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// Secrets to lay down as files.
    pub secrets: Option<Secrets>,
    /// The child's file mode creation mask.
    pub umask: u32,
    /// Run the child as this user. Only root may; supplementary groups are dropped.
    pub user: Option<User>,
    /// The child is killed when the shim dies (`PR_SET_PDEATHSIG`).
    pub die_with_shim: bool,
    /// Where the child's output goes. `None`: to the shim's own standard output and error.
    pub log: Option<Log>,
    /// What happens when the child ends by itself.
    pub restart: Restart,
    /// How the child is stopped.
    pub stop: Stop,
    /// Where the child will listen. Without [`Spec::ready`], the workload is ready once this
    /// accepts a connection; without both, as soon as it is started.
    pub listens: Option<SocketAddr>,
    /// Whether it can take work.
    pub ready: Option<Probe>,
    /// Whether it is still alive; failing this, it is restarted.
    pub alive: Option<Probe>,
    /// The Unix socket the shim answers on (mode 0600); absolute, at most 107 bytes.
    pub control: PathBuf,
    /// The state file, replaced at every transition; absolute. The same JSON as `GET /status`.
    pub state: PathBuf,
}

/// Secret files: [`Secrets::dir`] is made by the shim (0700, on tmpfs, else it refuses to start),
/// holds each file 0400, belongs to [`Spec::user`], and is removed when the shim ends.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// The directory; absolute. Its parent must exist. The shim owns it alone.
    pub dir: PathBuf,
    /// File name (no `/`) to contents.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A user and a group by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// The log: `PATH`, and older `PATH.1` (newest) to `PATH.<keep>`.
///
/// Each line is `2026-01-31T12:00:00.000000Z O text`: a UTC time, the stream (`O` standard output,
/// `E` standard error, `S` the shim itself), the text as bytes. A lower-case stream letter says that
/// the line goes on in that stream's next record (lines over 8 KiB are cut).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file; absolute; its directory must exist. Mode 0600.
    pub path: PathBuf,
    /// A file is rotated before it would grow past this many bytes.
    pub max_bytes: u64,
    /// How many rotated files are kept besides.
    pub keep: u32,
}

/// What to do when the child ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// When to start it again.
    pub policy: Policy,
    /// The wait before the first restart; it doubles with each further death.
    pub initial: Duration,
    /// The longest wait.
    pub maximum: Duration,
    /// A child that ran this long starts anew at [`Restart::initial`].
    pub reset_after: Duration,
}

/// When a child that ended by itself is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Always.
    Always,
    /// Unless it exited with 0.
    OnFailure,
    /// Never: the shim ends with the child's exit code (128 + signal if one ended it).
    Never,
}

/// How the child is stopped: unready, drain, signal, grace, `KILL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The signal that asks it to end, sent to its whole process group.
    pub signal: Signal,
    /// How long it is unready before it is sent the signal, so that nothing new is sent to it.
    pub drain: Duration,
    /// How long it has from the signal until its group is killed.
    pub grace: Duration,
}

/// A probe and its times. Until it first succeeds it is made every 20 ms, then ever less often up
/// to [`Probe::every`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is asked.
    pub check: Check,
    /// The time from one probe's start to the next.
    pub every: Duration,
    /// A probe without an answer after this has failed.
    pub timeout: Duration,
    /// So many failures one after the other make it unready (`ready`) or restart it (`alive`).
    pub failures: u32,
    /// So long after the child's start failures don't count, until the first success.
    pub start: Duration,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `GET path` over HTTP/1.1; 200 to 399 is a success.
    Http {
        /// Where.
        address: SocketAddr,
        /// Path and query; begins with `/`.
        path: String,
        /// The `Host` header; the address itself if `None`.
        host: Option<String>,
    },
    /// A connection is accepted.
    Tcp {
        /// Where.
        address: SocketAddr,
    },
    /// A command exits with 0. It runs as the child does: environment, directory, user.
    Exec {
        /// Command and arguments.
        argv: Vec<String>,
    },
}

impl Spec {
    /// A spec with what has no default; everything else is set: no environment, no secrets, umask
    /// 077, the shim's user, dies with the shim, no log file, restarted always (50 ms doubling to
    /// 30 s, anew after 30 s), stopped with `TERM` and 10 s of grace, no probes.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        argv: Vec<String>,
        cwd: impl Into<PathBuf>,
        control: impl Into<PathBuf>,
        state: impl Into<PathBuf>,
    ) -> Spec {
        Spec {
            name: name.into(),
            argv,
            cwd: cwd.into(),
            env: BTreeMap::new(),
            secrets: None,
            umask: 0o077,
            user: None,
            die_with_shim: true,
            log: None,
            restart: Restart {
                policy: Policy::Always,
                initial: Duration::from_millis(50),
                maximum: Duration::from_secs(30),
                reset_after: Duration::from_secs(30),
            },
            stop: Stop {
                signal: Signal::TERM,
                drain: Duration::ZERO,
                grace: Duration::from_secs(10),
            },
            listens: None,
            ready: None,
            alive: None,
            control: control.into(),
            state: state.into(),
        }
    }

    /// The spec as text; [`Spec::parse`] reads it back. It holds the secrets.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Reads a spec and checks it.
    ///
    /// # Errors
    /// The text isn't a spec, or [`Spec::check`] refuses it. No error holds a value of a secret or
    /// of the environment.
    pub fn parse(text: &[u8]) -> Result<Spec, SpecError> {
        let spec = text::parse(text)?;
        spec.check()?;
        Ok(spec)
    }

    /// Whether a shim can take this spec; what it finds on the machine is not looked at.
    ///
    /// # Errors
    /// The first field that can't be what it is, and why.
    pub fn check(&self) -> Result<(), SpecError> {
        check_argv("the command", &self.argv)?;
        absolute("the working directory", &self.cwd)?;
        absolute("the control socket", &self.control)?;
        absolute("the state file", &self.state)?;
        if self.control.as_os_str().len() > LONGEST_SOCKET_PATH {
            return refuse(format!(
                "the control socket's path {} is longer than the {LONGEST_SOCKET_PATH} bytes a Unix socket may have; choose a shorter directory",
                self.control.display()
            ));
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return refuse(format!(
                    "the environment variable {name:?} has no valid name"
                ));
            }
            if value.contains('\0') {
                return refuse(format!("the environment variable {name} holds a NUL byte"));
            }
        }
        if let Some(secrets) = &self.secrets {
            absolute("the secrets directory", &secrets.dir)?;
            for name in secrets.files.keys() {
                let plain = !name.is_empty() && name != "." && name != "..";
                if !plain || name.contains(['/', '\0']) {
                    return refuse(format!("the secret file {name:?} is not a plain file name"));
                }
            }
        }
        if self.umask > 0o777 {
            return refuse(format!("the umask {:o} is over 777", self.umask));
        }
        if let Some(log) = &self.log {
            absolute("the log", &log.path)?;
            if log.max_bytes < SMALLEST_LOG {
                return refuse(format!(
                    "the log would be rotated every {} bytes; the least is {SMALLEST_LOG}",
                    log.max_bytes
                ));
            }
        }
        for (which, probe) in [("ready", &self.ready), ("alive", &self.alive)] {
            if let Some(probe) = probe {
                probe.check_fields(which)?;
            }
        }
        Ok(())
    }
}

impl Probe {
    /// A probe with the usual times: every 5 s, 1 s to answer, 3 failures, 30 s to start.
    #[must_use]
    pub fn new(check: Check) -> Probe {
        Probe {
            check,
            every: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            failures: 3,
            start: Duration::from_secs(30),
        }
    }

    fn check_fields(&self, which: &str) -> Result<(), SpecError> {
        if self.every.is_zero() || self.timeout.is_zero() || self.failures == 0 {
            return refuse(format!(
                "the {which} probe's interval, timeout and failures must all be more than 0"
            ));
        }
        match &self.check {
            Check::Tcp { .. } => Ok(()),
            Check::Exec { argv } => check_argv(&format!("the {which} probe's command"), argv),
            Check::Http { path, host, .. } => {
                let printable = |text: &str| text.bytes().all(|b| b.is_ascii_graphic());
                if !path.starts_with('/') || !printable(path) {
                    return refuse(format!(
                        "the {which} probe's path {path:?} must begin with / and hold neither spaces nor control characters; percent-encode them"
                    ));
                }
                match host {
                    Some(host) if host.is_empty() || !printable(host) => refuse(format!(
                        "the {which} probe's host {host:?} is not a host name"
                    )),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// What `sun_path` holds, less its final NUL.
const LONGEST_SOCKET_PATH: usize = 107;
/// Any record must fit into an empty log: the longest piece of a line and its prefix.
const SMALLEST_LOG: u64 = 16 * 1024;

fn check_argv(what: &str, argv: &[String]) -> Result<(), SpecError> {
    if argv.first().is_none_or(String::is_empty) {
        return refuse(format!("{what} is empty"));
    }
    if argv.iter().any(|arg| arg.contains('\0')) {
        return refuse(format!("{what} holds a NUL byte"));
    }
    Ok(())
}

fn absolute(what: &str, path: &Path) -> Result<(), SpecError> {
    let bytes: &OsStr = path.as_os_str();
    if !path.is_absolute() || bytes.as_bytes().contains(&0) {
        return refuse(format!("{what} {path:?} is not an absolute path"));
    }
    Ok(())
}

fn refuse<T>(reason: String) -> Result<T, SpecError> {
    Err(SpecError { line: None, reason })
}

/// Why a text is no spec. Shows no value of a secret or of the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    line: Option<usize>,
    reason: String,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of the shim's spec: {}", self.reason),
            None => write!(f, "the shim's spec: {}", self.reason),
        }
    }
}

impl std::error::Error for SpecError {}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("argv", &self.argv)
            .field("cwd", &self.cwd)
            .field("env", &self.env.keys())
            .field("secrets", &self.secrets)
            .field("umask", &self.umask)
            .field("user", &self.user)
            .field("die_with_shim", &self.die_with_shim)
            .field("log", &self.log)
            .field("restart", &self.restart)
            .field("stop", &self.stop)
            .field("listens", &self.listens)
            .field("ready", &self.ready)
            .field("alive", &self.alive)
            .field("control", &self.control)
            .field("state", &self.state)
            .finish()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("dir", &self.dir)
            .field("files", &self.files.keys())
            .finish()
    }
}
