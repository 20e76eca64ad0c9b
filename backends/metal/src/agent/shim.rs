//! One shim: started as `plat_shim::spec` says, held by its pidfd.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use plat_shim::spec::Spec;
use plat_shim::status::Status;
use tokio::io::unix::AsyncFd;

/// Waits for `fd` to become readable.
pub(super) fn readable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd gives the same open descriptor for as long as it lives, and nothing
    // takes it out of the AsyncFd.
    unsafe { AsyncFd::register_with_interest(fd, tokio::io::Interest::READABLE) }
        .map_err(io::Error::from)
}

/// What a shim's state file says.
pub(super) fn read_status(path: &Path) -> Option<Status> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Starts a shim and waits until it stands, as `plat_shim::spec` says.
pub(super) fn spawn(shim: &Path, spec: &Spec) -> io::Result<()> {
    let mut child = Command::new(shim)
        .args(["run", "--session", "-"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("the shim {} can't be run: {e}", shim.display()),
            )
        })?;
    let written = match child.stdin.take() {
        Some(mut stdin) => stdin.write_all(spec.to_text().as_bytes()),
        None => Ok(()),
    };
    let mut reason = String::new();
    if let Some(stderr) = child.stderr.take() {
        // Bounded: a sentence is expected.
        stderr.take(64 * 1024).read_to_string(&mut reason)?;
    }
    let reason = reason.trim();
    if !reason.is_empty() {
        let _ = child.wait();
        return Err(io::Error::other(reason.to_owned()));
    }
    written
}
