//! Where things are kept on this machine.
//!
//! | what | for a user | for root | under `PLAT_HOME` |
//! |---|---|---|---|
//! | state: what is to run, secrets, logs | `$XDG_STATE_HOME/plat` | `/var/lib/plat/state` | `state` |
//! | data: databases, buckets, queues | `$XDG_DATA_HOME/plat` | `/var/lib/plat/data` | `data` |
//! | cache: fetched tools, the shim | `$XDG_CACHE_HOME/plat` | `/var/cache/plat` | `cache`, or `PLAT_CACHE` |
//! | runtime: sockets, secrets as files | `/dev/shm/plat-UID` | `/run/plat` | a directory of its own beside those |
//!
//! The runtime directory is on a tmpfs wherever this machine has one, so that no secret is
//! written to a disk: for root `/run` where that is one, else `/dev/shm`; a session's
//! `XDG_RUNTIME_DIR` where neither is.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::names;

/// The directories of one agent and all that it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// What is to run, its secrets and logs, and the engine's own state.
    pub state: PathBuf,
    /// What data services store: the only thing here that can't be made anew.
    pub data: PathBuf,
    /// What can be fetched or made again.
    pub cache: PathBuf,
    /// Sockets and secret files; gone after a reboot.
    pub runtime: PathBuf,
    /// What `PLAT_HOME` says, where all of it is under one directory.
    pub home: Option<PathBuf>,
}

/// A directory that can't be used. Its text names the directory, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DirsError {
    /// No home directory to put anything under.
    #[error(
        "cannot tell where to keep state: neither HOME nor PLAT_HOME is set; set PLAT_HOME to a directory of yours"
    )]
    NoHome,
    /// It belongs to somebody else.
    #[error("refusing to use {}: it belongs to the user with id {owner}, and you are {me}; remove it, or set PLAT_HOME to a directory of yours", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        me: u32,
    },
    /// It could not be made or read.
    #[error("cannot use {}: {why}; make it usable for you, or set PLAT_HOME to another directory", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// The reason the system gives.
        why: io::Error,
    },
}

impl Dirs {
    /// The directories of the user who runs this process, as the environment says.
    ///
    /// # Errors
    /// When neither a home directory nor `PLAT_HOME` is known.
    pub fn of_user() -> Result<Self, DirsError> {
        let var = |name: &str| {
            env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        if let Some(home) = var("PLAT_HOME") {
            let home = std::path::absolute(&home)
                .map_err(|why| DirsError::Unusable { path: home, why })?;
            return Ok(Self::at(&home, var("PLAT_CACHE").as_deref()));
        }
        let root = geteuid().is_root();
        let base = |name: &str, below: &str| {
            // The XDG specification says to ignore what is not absolute.
            var(name)
                .filter(|p| p.is_absolute())
                .or_else(|| Some(var("HOME")?.join(below)))
                .map(|p| p.join("plat"))
                .ok_or(DirsError::NoHome)
        };
        let cache = var("PLAT_CACHE");
        let dirs = if root {
            Self {
                state: "/var/lib/plat/state".into(),
                data: "/var/lib/plat/data".into(),
                cache: cache.unwrap_or_else(|| "/var/cache/plat".into()),
                runtime: runtime_base(),
                home: None,
            }
        } else {
            Self {
                state: base("XDG_STATE_HOME", ".local/state")?,
                data: base("XDG_DATA_HOME", ".local/share")?,
                cache: cache.map_or_else(|| base("XDG_CACHE_HOME", ".cache"), Ok)?,
                runtime: runtime_base(),
                home: None,
            }
        };
        Ok(dirs.with_kept_runtime())
    }

    /// Everything under `home`, as `PLAT_HOME` has it; fetched tools under `cache` if given.
    /// Agents of different homes know nothing of each other.
    pub fn at(home: &Path, cache: Option<&Path>) -> Self {
        // A socket's path may have 107 bytes, and `home` may have more.
        let id = names::short_id(&[&home.to_string_lossy()]);
        let mut runtime = runtime_base().into_os_string();
        runtime.push(format!("-{id}"));
        Self {
            state: home.join("state"),
            data: home.join("data"),
            cache: cache.map_or_else(|| home.join("cache"), Path::to_path_buf),
            runtime: runtime.into(),
            home: Some(home.to_path_buf()),
        }
        .with_kept_runtime()
    }

    /// With the runtime directory that what runs was started with, as long as it is there: the
    /// environment of one shell and the next (a terminal, cron, `su`) may name different ones.
    fn with_kept_runtime(mut self) -> Self {
        let me = geteuid().as_raw();
        let kept = fs::read_to_string(self.runtime_note()).ok();
        if let Some(kept) = kept.map(PathBuf::from).filter(|kept| {
            fs::symlink_metadata(kept).is_ok_and(|meta| meta.is_dir() && meta.uid() == me)
        }) {
            self.runtime = kept;
        }
        self
    }

    /// Where the runtime directory in use is noted.
    fn runtime_note(&self) -> PathBuf {
        self.state.join("runtime")
    }

    /// Makes what is missing and checks that all of it is ours alone.
    ///
    /// # Errors
    /// When a directory belongs to somebody else or can't be made; the error names it.
    pub fn create(&self) -> Result<(), DirsError> {
        // Data services of root run as other users, who must be able to pass through.
        let passable = if geteuid().is_root() { 0o711 } else { 0o700 };
        own_dir(&self.state, 0o700)?;
        own_dir(&self.data, passable)?;
        own_dir(&self.cache, if geteuid().is_root() { 0o755 } else { 0o700 })?;
        own_dir(&self.runtime, passable)?;
        own_dir(&self.runtime.join("i"), 0o700)?;
        own_dir(&self.runtime.join("states"), 0o700)?;
        let (note, runtime) = (
            self.runtime_note(),
            self.runtime.as_os_str().as_encoded_bytes(),
        );
        if fs::read(&note).ok().as_deref() != Some(runtime) {
            write_atomic(&note, runtime).map_err(|why| DirsError::Unusable { path: note, why })?;
        }
        Ok(())
    }

    /// The agent's socket.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("agent.sock")
    }

    /// The file whose lock makes an agent the only one.
    pub fn lock(&self) -> PathBuf {
        self.state.join("agent.lock")
    }

    /// The agent's own log.
    pub fn agent_log(&self) -> PathBuf {
        self.state.join("agent.log")
    }

    /// Where state of one app in one environment is kept: `state/apps/APP/ENV`.
    pub fn scope(&self, app: &str, environment: &str) -> PathBuf {
        self.state
            .join("apps")
            .join(names::file_name(app))
            .join(names::file_name(environment))
    }

    /// Where the logs of one app in one environment are.
    pub fn logs(&self, app: &str, environment: &str) -> PathBuf {
        self.scope(app, environment).join("logs")
    }

    /// Where the data of one app in one environment is.
    pub fn data_of(&self, app: &str, environment: &str) -> PathBuf {
        self.data
            .join(names::file_name(app))
            .join(names::file_name(environment))
    }
}

/// Makes `path` with `mode` where it is missing; refuses it where another user owns it.
pub(crate) fn own_dir(path: &Path, mode: u32) -> Result<(), DirsError> {
    let unusable = |why| DirsError::Unusable {
        path: path.to_path_buf(),
        why,
    };
    if let Some(parent) = path.parent() {
        let passable = if geteuid().is_root() { 0o755 } else { 0o700 };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(passable)
            .create(parent)
            .map_err(unusable)?;
    }
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(unusable)?,
    }
    // A link to somebody else's directory is not ours either: look at the thing itself.
    let meta = fs::symlink_metadata(path).map_err(unusable)?;
    let me = geteuid().as_raw();
    if meta.uid() != me {
        return Err(DirsError::Foreign {
            path: path.to_path_buf(),
            owner: meta.uid(),
            me,
        });
    }
    if meta.is_symlink() {
        let target = fs::metadata(path).map_err(unusable)?;
        if target.uid() != me {
            return Err(DirsError::Foreign {
                path: path.to_path_buf(),
                owner: target.uid(),
                me,
            });
        }
        return Ok(());
    }
    if !meta.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }
    if meta.mode() & 0o777 & !mode != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(unusable)?;
    }
    Ok(())
}

/// The first place for sockets and secrets that is on a tmpfs, else the first at all. What the
/// environment says of a session counts last: a second shell without it, such as one of cron or
/// `su`, must find the same agent, and the session's end takes its directory away.
fn runtime_base() -> PathBuf {
    let uid = geteuid().as_raw();
    let mut places: Vec<(PathBuf, PathBuf)> = Vec::new();
    if uid == 0 {
        places.push(("/run".into(), "/run/plat".into()));
    }
    places.push(("/dev/shm".into(), format!("/dev/shm/plat-{uid}").into()));
    if let Some(dir) = env::var_os("XDG_RUNTIME_DIR").filter(|v| !v.is_empty()) {
        places.push((PathBuf::from(&dir), PathBuf::from(dir).join("plat")));
    }
    let short = |dir: &Path| dir.as_os_str().len() <= 40;
    places
        .iter()
        .find(|(base, dir)| is_tmpfs(base) && short(dir))
        .or_else(|| {
            places
                .iter()
                .find(|(base, dir)| base.is_dir() && short(dir))
        })
        .map_or_else(|| format!("/tmp/plat-{uid}").into(), |(_, dir)| dir.clone())
}

fn is_tmpfs(dir: &Path) -> bool {
    const TMPFS: i128 = 0x0102_1994;
    rustix::fs::statfs(dir).is_ok_and(|s| i128::from(s.f_type) == TMPFS)
}

/// Writes `content` to `path` so that a reader sees the old file or the new one, and so that it
/// is there after a crash once this returned. The file is the owner's alone.
///
/// # Errors
/// What the system says; the old file is then untouched.
pub(crate) fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", unique()));
    let fresh = dir.join(name);
    let written = (|| {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        fs::File::open(dir)?.sync_all()
    })();
    if written.is_err() {
        // What matters is the first error; the rest would only be litter.
        let _ = fs::remove_file(&fresh);
    }
    written
}

/// A text that no other call on this machine gives at this time.
pub(crate) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_of_its_own_has_a_runtime_of_its_own_and_short() {
        let a = Dirs::at(Path::new("/tmp/a"), None);
        let b = Dirs::at(Path::new(&format!("/tmp/{}", "b".repeat(200))), None);
        assert_ne!(a.runtime, b.runtime);
        assert!(
            b.socket().as_os_str().len() < 80,
            "{}",
            b.socket().display()
        );
        assert_eq!(
            a.scope("shop", "dev"),
            Path::new("/tmp/a/state/apps/shop/dev")
        );
    }

    #[test]
    fn the_runtime_directory_in_use_stays_in_use() {
        let tmp = tempfile::tempdir().unwrap();
        let mut dirs = Dirs::at(tmp.path(), None);
        dirs.runtime = tmp.path().join("elsewhere");
        dirs.create().unwrap();
        assert_eq!(Dirs::at(tmp.path(), None).runtime, dirs.runtime);
        // After a reboot it is gone, and the place is chosen anew.
        fs::remove_dir_all(&dirs.runtime).unwrap();
        assert_ne!(Dirs::at(tmp.path(), None).runtime, dirs.runtime);
    }

    #[test]
    fn directories_are_private_and_a_foreign_one_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("x/y");
        own_dir(&dir, 0o700).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        own_dir(&dir, 0o700).unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);

        let file = tmp.path().join("f");
        fs::write(&file, "").unwrap();
        assert!(matches!(
            own_dir(&file, 0o700),
            Err(DirsError::Unusable { .. })
        ));

        // Only root can make a directory that belongs to somebody else.
        if geteuid().is_root() {
            std::os::unix::fs::chown(&dir, Some(12345), None).unwrap();
            let error = own_dir(&dir, 0o700).unwrap_err().to_string();
            assert!(error.contains("12345") && error.contains("x/y"), "{error}");
        }
    }

    #[test]
    fn writes_are_whole_or_not_at_all() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("a");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
        assert!(write_atomic(&tmp.path().join("no/where"), b"").is_err());
    }
}
