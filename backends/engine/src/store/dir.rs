//! A store in a directory: files that this user alone can read, written by rename.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{Blob, Expect, Store, StoreError};

/// A state file larger than this is not ours: it is refused before it is read.
const LARGEST: u64 = 1 << 30;

/// How long another may hold the lock: a write takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(2);

/// A store in a directory of this machine.
///
/// The directory is made (mode 0700) by the first write. Conditions are held under a lock of the
/// file system that is taken for each write alone, so that a killed process leaves none behind.
#[derive(Debug, Clone)]
pub struct DirStore {
    root: PathBuf,
}

impl DirStore {
    /// A store in `root`. Nothing is read or made yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        what: &'static str,
        work: impl FnOnce(&Path, &Path) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let root = self.root.clone();
        let path = root.join(name);
        let shown = path.display().to_string();
        let answer = tokio::task::spawn_blocking(move || work(&root, &path)).await;
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(Trouble::Moved)) => Err(StoreError::Moved { place: shown }),
            Ok(Err(Trouble::Io(error))) => Err(from_io(what, shown, &error)),
            Ok(Err(Trouble::Refused { place, why, next })) => Err(StoreError::Failed {
                what,
                place,
                why,
                next: Some(next),
            }),
            Err(error) => Err(StoreError::Failed {
                what,
                place: shown,
                why: error.to_string(),
                next: None,
            }),
        }
    }
}

enum Trouble {
    Moved,
    Io(std::io::Error),
    Refused {
        place: String,
        why: String,
        next: String,
    },
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Trouble {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

fn from_io(what: &'static str, place: String, error: &std::io::Error) -> StoreError {
    let (why, next) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            "there is no space left".to_owned(),
            Some("free some space there, then run the command again: it goes on where it stopped"),
        ),
        ErrorKind::ReadOnlyFilesystem => (
            "the file system is read-only".to_owned(),
            Some("make it writable, or keep the state elsewhere with PLAT_HOME"),
        ),
        ErrorKind::PermissionDenied => (
            "this user may not do that".to_owned(),
            Some("make it this user's own, or keep the state elsewhere with PLAT_HOME"),
        ),
        _ => (error.to_string(), None),
    };
    StoreError::Failed {
        what,
        place,
        why,
        next: next.map(str::to_owned),
    }
}

/// The directory is there, ours and closed to others.
fn own(dir: &Path) -> Result<(), Trouble> {
    let meta = fs::symlink_metadata(dir)?;
    if !meta.is_dir() {
        return Err(Trouble::Refused {
            place: dir.display().to_string(),
            why: "it is not a directory".to_owned(),
            next: "move it away".to_owned(),
        });
    }
    let me = rustix::process::geteuid().as_raw();
    if meta.uid() != me {
        return Err(Trouble::Refused {
            place: dir.display().to_string(),
            why: format!("it belongs to {}, not to {}", user(meta.uid()), user(me)),
            next: "run the command as that user, or keep the state elsewhere with PLAT_HOME"
                .to_owned(),
        });
    }
    if meta.mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// `the user "anna" (1000)`, or the number where the name is not known.
fn user(uid: u32) -> String {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    match name {
        Some(name) => format!("the user `{name}` ({uid})"),
        None => format!("the user {uid}"),
    }
}

/// Makes the directory that holds `path`, and locks the store; the lock goes with the file.
fn lock(root: &Path, path: &Path) -> Result<File, Trouble> {
    let parent = path.parent().unwrap_or(root);
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    if !root.exists()
        && let Some(above) = root.parent()
    {
        // What lies above is not ours to close: others may have to pass through it.
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(above)?;
        builder.create(root)?;
        File::open(above)?.sync_all()?;
    }
    own(root)?;
    if parent != root && !parent.exists() {
        builder.create(parent)?;
        File::open(root)?.sync_all()?;
    }
    let file = open_private(
        OpenOptions::new().create(true).truncate(false).write(true),
        &root.join(".lock"),
    )?;
    let until = Instant::now() + PATIENCE;
    loop {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                return Err(Trouble::Refused {
                    place: root.display().to_string(),
                    why: "another process has it locked, and does not go on".to_owned(),
                    next: "find it with `fuser -v` on its `.lock`, and let it go on or end it"
                        .to_owned(),
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(file)
}

fn open_private(options: &mut OpenOptions, path: &Path) -> Result<File, Trouble> {
    Ok(options.mode(0o600).open(path)?)
}

fn read(root: &Path, path: &Path) -> Result<Option<Blob>, Trouble> {
    match own(root) {
        Err(Trouble::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > LARGEST {
        return Err(Trouble::Refused {
            place: path.display().to_string(),
            why: "it is not a file that plat wrote".to_owned(),
            next: "move it away".to_owned(),
        });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(Blob { bytes }))
}

fn write(root: &Path, path: &Path, bytes: &[u8], expect: &Expect) -> Result<(), Trouble> {
    let _lock = lock(root, path)?;
    let as_expected = match expect {
        Expect::Anything => true,
        Expect::Absent => read(root, path)?.is_none(),
        Expect::Tag(tag) => read(root, path)?.is_some_and(|blob| blob.tag() == *tag),
    };
    if !as_expected {
        return Err(Trouble::Moved);
    }
    // Under the lock nobody else uses the name, and one left by a crash is written over.
    let temporary = path.with_extension("part");
    let written = (|| -> Result<(), Trouble> {
        let mut file = open_private(
            OpenOptions::new().create(true).truncate(true).write(true),
            &temporary,
        )?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_parent(path)
    })();
    if written.is_err() {
        // The first error is the one worth telling.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn append(root: &Path, path: &Path, at: u64, last: &[u8], bytes: &[u8]) -> Result<(), Trouble> {
    let _lock = lock(root, path)?;
    let new = !path.exists();
    let mut file = open_private(
        OpenOptions::new().read(true).create(true).append(true),
        path,
    )?;
    if file.metadata()?.len() != at {
        return Err(Trouble::Moved);
    }
    let mut end = vec![0; last.len()];
    let Some(before) = at.checked_sub(last.len() as u64) else {
        return Err(Trouble::Moved);
    };
    file.read_exact_at(&mut end, before)?;
    if end != last {
        return Err(Trouble::Moved);
    }
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_data()) {
        // What is there of it must not stand between this record and a later one.
        file.set_len(at)?;
        return Err(error.into());
    }
    if new {
        sync_parent(path)?;
    }
    Ok(())
}

fn remove(root: &Path, path: &Path) -> Result<(), Trouble> {
    if !path.exists() {
        return Ok(());
    }
    let _lock = lock(root, path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}

fn list(root: &Path, path: &Path) -> Result<Vec<String>, Trouble> {
    match own(root) {
        Err(Trouble::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry?.file_name().into_string()
            && !name.starts_with('.')
            && !name.ends_with(".part")
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn sync_parent(path: &Path) -> Result<(), Trouble> {
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[async_trait]
impl Store for DirStore {
    fn place(&self) -> String {
        self.root.display().to_string()
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError> {
        self.blocking(name, "reading", read).await
    }

    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError> {
        let (bytes, expect) = (bytes.to_vec(), expect.clone());
        self.blocking(name, "writing", move |root, path| {
            write(root, path, &bytes, &expect)
        })
        .await
    }

    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let (last, bytes) = (last.to_vec(), bytes.to_vec());
        self.blocking(name, "writing", move |root, path| {
            append(root, path, at, &last, &bytes)
        })
        .await
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.blocking(name, "removing", remove).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.blocking(folder, "reading", list).await
    }
}
