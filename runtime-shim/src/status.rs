//! What a shim says of its workload: the body of `GET /status` and the state file.

use std::fmt::{self, Write as _};

/// Where the workload is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum State {
    /// Started, and not ready yet.
    Starting,
    /// It can take work.
    Ready,
    /// It was ready and isn't, or it is being restarted.
    Unready,
    /// It ended, and is started again after a wait.
    Backoff,
    /// It is being stopped for good.
    Stopping,
    /// It ended for good, and the shim with it (or is about to).
    Exited,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Starting => "starting",
            State::Ready => "ready",
            State::Unready => "unready",
            State::Backoff => "backoff",
            State::Stopping => "stopping",
            State::Exited => "exited",
        })
    }
}

/// All a shim says. As JSON: one flat object, these names, `null` for what isn't there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
pub struct Status {
    /// The spec's name.
    pub name: String,
    /// Where it is in its life.
    pub state: State,
    /// Since when, in milliseconds since 1970.
    pub since: u64,
    /// The shim's own process.
    pub shim_pid: u32,
    /// When the shim was started, in clock ticks since boot (field 22 of `/proc/PID/stat`): the
    /// pair with `shim_pid` names one process for ever, a number alone doesn't.
    pub shim_started: Option<u64>,
    /// The child, while there is one. Also its process group.
    pub child_pid: Option<u32>,
    /// When the child was started, as `shim_started`.
    pub child_started: Option<u64>,
    /// How often the child was started again.
    pub restarts: u64,
    /// What the child that ended last exited with. 127: the command doesn't exist; 126: it can't
    /// be run.
    pub exit_code: Option<i32>,
    /// The signal that ended it, e.g. `KILL`.
    pub exit_signal: Option<String>,
    /// In state `backoff`: milliseconds until it is started again.
    pub restart_in: Option<u64>,
    /// Why the last failed probe failed; `null` once one succeeds.
    pub probe_failure: Option<String>,
    /// Why the child could not be started, or was restarted or killed by the shim.
    pub reason: Option<String>,
}

impl Status {
    /// The JSON, ending in a newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(512);
        out.push('{');
        string(&mut out, "name", Some(&self.name));
        string(&mut out, "state", Some(&self.state.to_string()));
        number(&mut out, "since", Some(self.since));
        number(&mut out, "shim_pid", Some(self.shim_pid));
        number(&mut out, "shim_started", self.shim_started);
        number(&mut out, "child_pid", self.child_pid);
        number(&mut out, "child_started", self.child_started);
        number(&mut out, "restarts", Some(self.restarts));
        number(&mut out, "exit_code", self.exit_code);
        string(&mut out, "exit_signal", self.exit_signal.as_deref());
        number(&mut out, "restart_in", self.restart_in);
        string(&mut out, "probe_failure", self.probe_failure.as_deref());
        string(&mut out, "reason", self.reason.as_deref());
        out.push_str("}\n");
        out
    }
}

fn key(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
}

fn number<N: fmt::Display>(out: &mut String, name: &str, value: Option<N>) {
    key(out, name);
    // Writing to a String can't fail.
    let _ = match value {
        Some(value) => write!(out, "{value}"),
        None => write!(out, "null"),
    };
}

fn string(out: &mut String, name: &str, value: Option<&str>) {
    key(out, name);
    let Some(value) = value else {
        out.push_str("null");
        return;
    };
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
