//! Layers of images, made of directories of the package.
//!
//! The same files give the same bytes, on every machine: entries are sorted, and nothing but a
//! file's name, its content and whether it may be run goes into them.

mod prepare;
pub(crate) mod push;
pub(crate) mod shim;

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ignore::WalkBuilder;
use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

/// A directory with more files than this is hardly what an image is made of.
const MOST_FILES: usize = 50_000;
/// What programs leave beside their source when they run: never the same bytes twice.
const LEFT_BEHIND: &str = "__pycache__";
/// What is installed beside a source for the machine that it lies on.
const INSTALLED: [&str; 2] = [".venv", "venv"];

/// Which files of a directory become a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The source: neither hidden files, nor what `.gitignore` names, nor what is installed beside it.
    Source,
    /// All that there is: of a copy in which there is nothing else.
    All,
}

/// Writes the files below `dir` to `out` as the tar archive of a layer in which they are at `at`.
/// What programs leave beside their source when they run is left out of both.
///
/// # Errors
/// The directory or a file of it can't be read, it holds what no layer can, or `out` takes no more.
pub fn write_layer(dir: &Path, at: &str, which: Which, out: impl Write) -> io::Result<()> {
    if !fs::metadata(dir)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mut archive = tar::Builder::new(out);
    let at = at.trim_matches('/');
    let mut above = PathBuf::new();
    for part in Path::new(at) {
        above.push(part);
        directory(&mut archive, &above)?;
    }
    for path in files(dir, which)? {
        let name = Path::new(at).join(path.strip_prefix(dir).unwrap_or(&path));
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            directory(&mut archive, &name)?;
        } else if meta.is_symlink() {
            let mut header = header(EntryType::Symlink, 0o777, 0);
            archive.append_link(&mut header, &name, fs::read_link(&path)?)?;
        } else if meta.is_file() {
            let mode = if meta.mode() & 0o111 == 0 {
                0o644
            } else {
                0o755
            };
            let content = fs::read(&path).map_err(|e| with_path(&path, &e))?;
            let mut header = header(EntryType::Regular, mode, content.len() as u64);
            archive.append_data(&mut header, &name, content.as_slice())?;
        }
    }
    archive.into_inner()?.flush()
}

/// The digest of the layer that [`write_layer`] writes of the source: `sha256:` and hexadecimal
/// digits.
///
/// # Errors
/// As [`write_layer`].
pub fn source_digest(dir: &Path, at: &str) -> io::Result<String> {
    let mut hash = Hash(Sha256::new());
    write_layer(dir, at, Which::Source, &mut hash)?;
    Ok(written(hash.0))
}

/// Runs what keeps a thread busy on one of its own: the others go on meanwhile. A thread can't be
/// dropped as a future is: `work` reads and writes through [`Wanted::only`], and ends soon after
/// nobody waits for it any more.
///
/// # Errors
/// Those of `work`, and that it came to no end.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&Wanted) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let theirs = Wanted(Arc::clone(&wanted.0));
    let _no_more = NoMore(wanted);
    let ended = tokio::task::spawn_blocking(move || work(&theirs)).await;
    ended.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Whether somebody waits for what a thread does.
pub(crate) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// A way in or out that ends when nobody waits any more.
    pub(crate) fn only<T>(&self, inner: T) -> Only<'_, T> {
        Only {
            wanted: &self.0,
            inner,
        }
    }
}

/// Dropped with the future of who waits.
struct NoMore(Wanted);

impl Drop for NoMore {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// See [`Wanted::only`].
pub(crate) struct Only<'a, T> {
    wanted: &'a AtomicBool,
    inner: T,
}

impl<T> Only<'_, T> {
    fn go_on(&self) -> io::Result<()> {
        if self.wanted.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Not `Interrupted`, after which whoever reads or writes tries again.
        Err(io::Error::other("nobody waits for it any more"))
    }
}

impl<T: Read> Read for Only<'_, T> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.go_on()?;
        self.inner.read(into)
    }
}

impl<T: Write> Write for Only<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.go_on()?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The digest of something that is kept in a registry.
pub(crate) fn digest(bytes: &[u8]) -> String {
    written(Sha256::new_with_prefix(bytes))
}

fn written(hash: Sha256) -> String {
    let mut text = String::from("sha256:");
    for byte in hash.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn directory<W: Write>(archive: &mut tar::Builder<W>, name: &Path) -> io::Result<()> {
    let mut header = header(EntryType::Directory, 0o755, 0);
    archive.append_data(&mut header, name, io::empty())
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

fn files(dir: &Path, which: Which) -> io::Result<Vec<PathBuf>> {
    let mut walk = WalkBuilder::new(dir);
    if which == Which::All {
        walk.standard_filters(false);
    }
    let walk = walk
        .follow_links(false)
        .require_git(false)
        .git_global(false)
        .git_exclude(false)
        // What is above the package is no part of it.
        .parents(false)
        .filter_entry(move |entry| {
            let name = entry.file_name();
            let installed = which == Which::Source && INSTALLED.iter().any(|one| name == *one);
            entry.depth() == 0 || !(name == LEFT_BEHIND || installed)
        })
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.map_err(|e| {
            let text = e.to_string();
            e.into_io_error().unwrap_or_else(|| io::Error::other(text))
        })?;
        if entry.depth() > 0 {
            files.push(entry.into_path());
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other(format!(
                "it holds more than {MOST_FILES} files; name what does not belong into an image in a .gitignore"
            )));
        }
    }
    files.sort();
    Ok(files)
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, text: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_same_files_give_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["b.py", "a/x.txt", "a/y.txt"] {
            write(one.path(), name, name);
        }
        for name in ["a/y.txt", "a/x.txt", "b.py"] {
            write(two.path(), name, name);
        }
        let digest = source_digest(one.path(), "/app").unwrap();
        assert_eq!(digest, source_digest(two.path(), "/app").unwrap());
        assert_ne!(digest, source_digest(one.path(), "/srv").unwrap());
        write(two.path(), "b.py", "changed");
        assert_ne!(digest, source_digest(two.path(), "/app").unwrap());
    }

    #[test]
    fn a_layer_holds_the_source_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "api.py", "1");
        write(dir.path(), ".gitignore", "*.log\n");
        write(dir.path(), "a.log", "x");
        write(dir.path(), ".env", "x");
        write(dir.path(), "__pycache__/api.pyc", "x");
        write(dir.path(), "venv/bin/python", "x");
        let names = names(dir.path(), Which::Source);
        assert_eq!(names, ["srv", "srv/app", "srv/app/api.py"]);
    }

    #[test]
    fn a_layer_of_all_holds_what_was_installed_too() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["api.py", ".venv/bin/python", "venv/bin/python"] {
            write(dir.path(), name, "x");
        }
        write(dir.path(), "venv/__pycache__/api.pyc", "x");
        let mut names = names(dir.path(), Which::All);
        names.retain(|name| name.contains('.') || name.contains("venv"));
        let expected = [
            "srv/app/.venv",
            "srv/app/.venv/bin",
            "srv/app/.venv/bin/python",
            "srv/app/api.py",
            "srv/app/venv",
            "srv/app/venv/bin",
            "srv/app/venv/bin/python",
        ];
        assert_eq!(names, expected);
    }

    fn names(dir: &Path, which: Which) -> Vec<String> {
        let mut bytes = Vec::new();
        write_layer(dir, "/srv/app", which, &mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap();
        let name = |e: tar::Entry<'_, _>| e.path().unwrap().display().to_string();
        entries.map(|e| name(e.unwrap())).collect()
    }

    #[tokio::test]
    async fn a_thread_ends_when_nobody_waits_for_it_any_more() {
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (ended, has_ended) = tokio::sync::oneshot::channel();
        let waits = tokio::spawn(blocking(move |wanted| {
            begun.send(()).unwrap();
            // It would never come to an end.
            let why = io::copy(&mut wanted.only(io::repeat(1)), &mut io::sink()).unwrap_err();
            ended.send(why.to_string()).unwrap();
            Ok(())
        }));
        has_begun.await.unwrap();
        waits.abort();
        assert_eq!(has_ended.await.unwrap(), "nobody waits for it any more");
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(source_digest(&dir.path().join("no"), "/app").is_err());
    }
}
