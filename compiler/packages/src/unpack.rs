//! Tar archives into a directory: files and directories, and nothing else.

use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::error::{Error, io};

/// More files than a package has.
const MOST_FILES: usize = 20_000;
/// More bytes than a package has.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Unpacks an archive into an empty directory.
pub(crate) fn unpack(archive: impl Read, into: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::new(format!("reading the archive: {error}"));
    let mut archive = Archive::new(archive);
    let mut files = 0;
    let mut bytes = 0u64;
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let kind = entry.header().entry_type();
        // What git writes the commit's name into.
        if matches!(kind, EntryType::XGlobalHeader) {
            continue;
        }
        let path = entry.path().map_err(failed)?.into_owned();
        let to = inside(into, &path)?;
        match kind {
            EntryType::Directory => {
                fs::create_dir_all(&to).map_err(|error| io("making the directory", &to, &error))?;
            }
            EntryType::Regular | EntryType::Continuous => {
                files += 1;
                bytes = bytes.saturating_add(entry.size());
                if files > MOST_FILES || bytes > MOST_BYTES {
                    return Err(Error::new(format!(
                        "the archive is no package: it has more than {MOST_FILES} files or {} MiB",
                        MOST_BYTES >> 20
                    )));
                }
                if let Some(above) = to.parent() {
                    fs::create_dir_all(above)
                        .map_err(|error| io("making the directory", above, &error))?;
                }
                let mut file = fs::File::create_new(&to)
                    .map_err(|error| io("making the file", &to, &error))?;
                std::io::copy(&mut entry, &mut file).map_err(|error| io("writing", &to, &error))?;
            }
            _ => {
                return Err(Error::new(format!(
                    "a package is files and directories, and {} is neither",
                    path.display()
                ))
                .next("replace the link by what it leads to"));
            }
        }
    }
    Ok(())
}

/// The place of an entry; an error where it would lie outside.
fn inside(root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let mut to = root.to_path_buf();
    for part in path.components() {
        match part {
            Component::Normal(name) => to.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Error::new(format!(
                    "the archive has a path that leads out of it: {}",
                    path.display()
                )));
            }
        }
    }
    Ok(to)
}
