//! Files and directories that a service's user owns and nobody else reads.

use super::User;
use rustix::fs::{CWD, Mode, OFlags, fchmod, openat};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown};
use std::path::Path;

/// Makes `dir` (and what is missing above it, passable to others) private to `owner`.
pub(crate) fn make_dir(dir: &Path, owner: Option<&User>) -> io::Result<()> {
    if let Some(parent) = dir.parent()
        && !parent.is_dir()
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    // One that was there may have been anybody's; a link is not followed.
    let opened = openat(
        CWD,
        dir,
        OFlags::DIRECTORY | OFlags::NOFOLLOW,
        Mode::empty(),
    )?;
    if let Some(user) = owner {
        fchown(&opened, Some(user.uid), Some(user.gid))?;
    }
    fchmod(&opened, Mode::RWXU)?;
    Ok(())
}

/// Writes `content` to `path` so that a reader sees the old file or the new one, never half of
/// either, and so that `owner` alone can read it.
pub(crate) fn write_private(path: &Path, content: &[u8], owner: Option<&User>) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = (|| {
        // The directory may be the service's own: what lies there under our name is not trusted.
        match fs::remove_file(&fresh) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(content)?;
        if let Some(user) = owner {
            fchown(&file, Some(user.uid), Some(user.gid))?;
        }
        file.sync_all()?;
        fs::rename(&fresh, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written
}

/// SHA-256 of the parts in hex, each part's length counted in so that parts can't run together.
#[must_use]
pub fn digest<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{:x}", hash.finalize())
}
