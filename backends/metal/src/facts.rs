//! What lowering must know of this machine: read before, so that lowering itself is pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use plat_engine::Refusal;
use plat_model::{Data, FieldPath, Graph, Node, NodePath, TargetId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::names;

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The root of the app's package; paths of the source are relative to it.
    pub root: PathBuf,
    /// The digest of the files of each directory that a process runs in, by its absolute path.
    pub sources: BTreeMap<PathBuf, String>,
    /// Which value each secret has: something that changes when the value does. Also for the
    /// passwords of data services.
    pub secrets: BTreeMap<String, String>,
}

/// A directory with more files than this is hardly what a process is made of.
const MOST_FILES: usize = 50_000;
/// Larger files count by size and time of change, not by content.
const LARGE: u64 = 8 * 1024 * 1024;
/// What programs leave beside their source when they run or are prepared.
const LEFT_BEHIND: [&str; 5] = ["__pycache__", "node_modules", "target", "vendor", "venv"];

impl Facts {
    /// A path of the source on this machine.
    pub fn path(&self, path: &str) -> PathBuf {
        let mut full = self.root.clone();
        for part in Path::new(path).components() {
            match part {
                std::path::Component::CurDir => {}
                std::path::Component::ParentDir => {
                    full.pop();
                }
                part => full.push(part),
            }
        }
        full
    }
}

/// Reads the directories that the nodes on `target` name.
///
/// # Errors
/// Each directory that is not there or can't be read, at the field that names it.
pub fn gather(
    root: &Path,
    target: &TargetId,
    graph: &Graph,
    secrets: BTreeMap<String, String>,
) -> Result<Facts, Vec<Refusal>> {
    let mut facts = Facts {
        root: root.to_path_buf(),
        sources: BTreeMap::new(),
        secrets,
    };
    let mut refusals = Vec::new();
    let mut looked_at = BTreeSet::new();
    for (path, node) in graph.nodes.iter().filter(|(_, n)| n.target == *target) {
        for (field, dir, is_source) in dirs_of(node) {
            let full = facts.path(&dir);
            let result = if is_source {
                if !looked_at.insert(full.clone()) {
                    continue;
                }
                digest(&full).map(|digest| {
                    facts.sources.insert(full.clone(), digest);
                })
            } else {
                fs::read_dir(&full).map(|_| ())
            };
            if let Err(e) = result {
                refusals.push(refusal(graph, path, node, field, &dir, &full, &e));
            }
        }
    }
    if refusals.is_empty() {
        Ok(facts)
    } else {
        Err(refusals)
    }
}

/// The directories that a node names: in which field, and whether a process is made of it.
fn dirs_of(node: &Node) -> Vec<(&'static str, String, bool)> {
    let mut dirs = Vec::new();
    if let Some(run) = node.fields.get("run")
        && matches!(&run.data, Data::Variant { case, .. } if case == "process")
        && let Some(dir) = run.get("dir").and_then(|d| d.as_str())
    {
        dirs.push(("run", dir.to_owned(), true));
    }
    if let Some(files) = node.fields.get("files") {
        match &files.data {
            Data::String(dir) => dirs.push(("files", dir.to_string(), false)),
            Data::Map(entries) => {
                dirs.extend(entries.values().filter_map(|file| {
                    let dir = file.get("source")?.as_str()?;
                    Some(("files", dir.to_owned(), false))
                }));
            }
            _ => {}
        }
    }
    dirs
}

fn refusal(
    graph: &Graph,
    path: &NodePath,
    node: &Node,
    field: &str,
    dir: &str,
    full: &Path,
    error: &io::Error,
) -> Refusal {
    let place = node
        .fields
        .get(field)
        .and_then(|v| graph.origins.place(v.origin));
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!(
            "there is no directory \"{dir}\" (looked for {})",
            full.display()
        ),
        io::ErrorKind::NotADirectory => format!("\"{dir}\" is no directory ({})", full.display()),
        _ => format!("\"{dir}\" can't be read: {error}"),
    };
    Refusal {
        node: Some(path.clone()),
        field: Some(FieldPath::new(field)),
        place: place.cloned(),
        message,
        offers: Vec::new(),
    }
}

/// The digest of all files below `dir` that are source: hidden files, what `.gitignore` names and
/// what programs leave behind are not. Links count as links.
///
/// # Errors
/// When the directory or a file can't be read, or there are too many.
pub fn digest(dir: &Path) -> io::Result<String> {
    if !fs::metadata(dir)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let mut files = Vec::new();
    let walk = WalkBuilder::new(dir)
        .follow_links(false)
        .require_git(false)
        .git_global(false)
        .git_exclude(false)
        .filter_entry(|entry| {
            let name = entry.file_name();
            entry.depth() == 0 || !LEFT_BEHIND.iter().any(|left| name == *left)
        })
        .build();
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            // Removed while we looked.
            Err(e)
                if e.io_error()
                    .is_some_and(|e| e.kind() == io::ErrorKind::NotFound) =>
            {
                continue;
            }
            Err(e) => {
                return Err(e
                    .into_io_error()
                    .unwrap_or_else(|| io::Error::other("a wrong .gitignore")));
            }
        };
        if entry
            .file_type()
            .is_some_and(|t| t.is_file() || t.is_symlink())
        {
            files.push(entry.into_path());
        }
        if files.len() > MOST_FILES {
            return Err(io::Error::other(format!(
                "it holds more than {MOST_FILES} files; name what is not source in a .gitignore"
            )));
        }
    }
    files.sort();
    let mut all = Sha256::new();
    for file in files {
        let name = file.strip_prefix(dir).unwrap_or(&file);
        let Some(content) = content(&file)? else {
            continue;
        };
        let name = name.to_string_lossy();
        all.update((name.len() as u64).to_le_bytes());
        all.update(name.as_bytes());
        all.update(content);
    }
    Ok(names::hex(&all.finalize()))
}

/// What stands for a file's content: 32 bytes and its kind; `None` where it is just gone.
fn content(file: &Path) -> io::Result<Option<Vec<u8>>> {
    use std::os::unix::fs::MetadataExt as _;
    let read = || -> io::Result<Vec<u8>> {
        let meta = fs::symlink_metadata(file)?;
        let mut hash = Sha256::new();
        let kind = if meta.is_symlink() {
            hash.update(fs::read_link(file)?.as_os_str().as_encoded_bytes());
            b'l'
        } else if meta.len() > LARGE {
            hash.update(meta.len().to_le_bytes());
            hash.update(meta.mtime().to_le_bytes());
            hash.update(meta.mtime_nsec().to_le_bytes());
            b'b'
        } else {
            io::copy(&mut fs::File::open(file)?, &mut hash)?;
            // Whether it may be run.
            if meta.mode() & 0o111 == 0 { b'f' } else { b'x' }
        };
        let mut bytes = hash.finalize().to_vec();
        bytes.push(kind);
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io::Error::new(e.kind(), format!("{}: {e}", file.display()))),
    }
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
    fn source_counts_and_nothing_else() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path();
        write(dir, "api.py", "1");
        write(dir, ".gitignore", "*.log\n");
        let first = digest(dir).unwrap();
        for name in [
            ".deps/x",
            "__pycache__/api.pyc",
            "a.log",
            "node_modules/x.js",
            ".hidden",
        ] {
            write(dir, name, "x");
            assert_eq!(digest(dir).unwrap(), first, "{name}");
        }
        write(dir, "api.py", "2");
        let second = digest(dir).unwrap();
        assert_ne!(second, first);
        write(dir, "sub/b.py", "");
        assert_ne!(digest(dir).unwrap(), second);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let tmp = tempfile::tempdir().unwrap();
        assert!(digest(&tmp.path().join("no")).is_err());
        write(tmp.path(), "f", "");
        assert!(digest(&tmp.path().join("f")).is_err());
    }

    #[test]
    fn paths_are_relative_to_the_package() {
        let facts = Facts {
            root: "/shop".into(),
            ..Facts::default()
        };
        assert_eq!(facts.path("./app"), Path::new("/shop/app"));
        assert_eq!(facts.path("."), Path::new("/shop"));
        assert_eq!(facts.path("../other"), Path::new("/other"));
        assert_eq!(facts.path("/srv"), Path::new("/srv"));
    }
}
