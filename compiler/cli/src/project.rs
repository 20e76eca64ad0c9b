//! Finding a package on the disk and reading it.
//!
//! A package is a tree with a `plat.toml` at its root. Its program is every `.plat` file in it; what
//! is hidden, what is built (`target`, `node_modules`) and packages inside it are no part of it.
//! Links that lead out of the package are not followed.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plat_syntax::Diagnostic;

use crate::failure::{self, Failure};

/// The name of a package's manifest.
pub const MANIFEST: &str = "plat.toml";

/// Larger files are not programs; the compiler counts bytes in 31 bits.
const LARGEST_FILE: u64 = i32::MAX as u64;

/// Directories that hold what was built or fetched.
const SKIPPED: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// The root of the package that `dir` (or the current directory) is in.
///
/// # Errors
/// The directory is not there, or no package is.
pub fn find(dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let start = dir.unwrap_or(Path::new("."));
    let absolute = start.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(format!("there is no directory {}", start.display()))
        }
        _ => failure::io(format!("looking at {}", start.display()), &error),
    })?;
    let first = if absolute.is_file() {
        absolute.parent().unwrap_or(&absolute)
    } else {
        &absolute
    };
    first
        .ancestors()
        .find(|dir| dir.join(MANIFEST).is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| {
            Failure::new(format!(
                "no app here: there is no {MANIFEST} in {} or in a directory above it",
                first.display()
            ))
            .next("go to where your app is, or name it: `platc -C DIR …`")
            .next("`platc new NAME` makes a new one")
        })
}

/// The files of a package as they are on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The package's directory.
    pub root: PathBuf,
    /// The `.plat` files, with `/`, relative to the root, sorted.
    pub programs: Vec<String>,
    /// The other files likewise, and the empty directories, each with a `/` at its end.
    pub others: Vec<String>,
}

/// Looks what files of the package at `root` there are: those of a package below it are its own.
///
/// # Errors
/// A directory can't be read: what is in it could be a part of the program.
pub fn list(root: &Path) -> Result<Files, Failure> {
    below(root, |dir| !dir.join(MANIFEST).is_file())
}

/// Looks what files there are below `root`, whatever package they belong to.
///
/// # Errors
/// A directory can't be read.
pub fn list_all(root: &Path) -> Result<Files, Failure> {
    below(root, |_| true)
}

/// The roots of the packages in `dir` and below it, whatever they belong to: the nearest first, then by
/// name. What is hidden or built is left out, as in a package, and what can't be read. At most `most`
/// directories are looked into; whether that was all of them is said too.
pub fn packages(dir: &Path, most: usize) -> (Vec<PathBuf>, bool) {
    let mut found = Vec::new();
    let mut looked = 0;
    let mut to_read = VecDeque::from([dir.to_path_buf()]);
    while let Some(dir) = to_read.pop_front() {
        if looked == most {
            return (found, false);
        }
        looked += 1;
        if dir.join(MANIFEST).is_file() {
            found.push(dir.clone());
        }
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // Links are not followed.
            entry.file_type().is_ok_and(|kind| kind.is_dir())
                && !name.starts_with('.')
                && !SKIPPED.contains(&&*name)
        });
        let mut dirs: Vec<PathBuf> = dirs.map(|entry| entry.path()).collect();
        dirs.sort();
        to_read.extend(dirs);
    }
    (found, true)
}

fn below(root: &Path, enter: impl Fn(&Path) -> bool) -> Result<Files, Failure> {
    let mut files = Files {
        root: root.to_path_buf(),
        programs: Vec::new(),
        others: Vec::new(),
    };
    let mut to_read = vec![(root.to_path_buf(), String::new())];
    while let Some((dir, prefix)) = to_read.pop() {
        let mut empty = !prefix.is_empty();
        let failed = |error: io::Error| {
            failure::io(format!("reading the directory {}", dir.display()), &error)
        };
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                if entry.path().extension().is_some_and(|e| e == "plat") {
                    return Err(not_utf8(&entry.path()));
                }
                continue;
            };
            if name.starts_with('.') || SKIPPED.contains(&name) {
                continue;
            }
            empty = false;
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                if enter(&entry.path()) {
                    to_read.push((entry.path(), format!("{path}/")));
                }
            } else if name.ends_with(".plat") {
                if kind.is_symlink() {
                    stays_inside(root, &entry.path())?;
                }
                if entry.path().is_file() {
                    files.programs.push(path);
                }
            } else {
                files.others.push(path);
            }
        }
        if empty {
            files.others.push(prefix);
        }
    }
    files.programs.sort();
    files.others.sort();
    Ok(files)
}

fn not_utf8(path: &Path) -> Failure {
    Failure::new(format!("the name of {} is not UTF-8", path.display())).next("rename the file")
}

fn stays_inside(root: &Path, link: &Path) -> Result<(), Failure> {
    let target = link
        .canonicalize()
        .map_err(|error| failure::io(format!("following the link {}", link.display()), &error))?;
    let root = root
        .canonicalize()
        .map_err(|error| failure::io(format!("looking at {}", root.display()), &error))?;
    if target.starts_with(&root) {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{} is a link to {}, which is outside of the package",
            link.display(),
            target.display()
        ))
        .next("put the file into the package, or make what it holds a package of its own and depend on it"))
    }
}

/// Reads a file as text. What is not UTF-8 is a diagnostic, under the name `shown`.
///
/// # Errors
/// It can't be read, or is no text of ours by its size.
pub fn read(path: &Path, shown: &str) -> Result<Result<String, ReadError>, Failure> {
    let failed = |error: io::Error| failure::io(format!("reading {}", path.display()), &error);
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST_FILE {
        return Err(Failure::new(format!(
            "{} has {size} bytes; at most {LARGEST_FILE} are read",
            path.display()
        )));
    }
    let bytes = fs::read(path).map_err(failed)?;
    Ok(text(bytes, shown))
}

/// Files that a program reads as values are larger than this by mistake.
const LARGEST_DATA: u64 = 16 * 1024 * 1024;

/// Reads a file that the program of the package at `root` names as a value; or why it can't be.
pub fn read_data(root: &Path, path: &str) -> Result<String, String> {
    let at = root.join(path);
    let failed = |error: io::Error| failure::reason(&error);
    let real = at.canonicalize().map_err(failed)?;
    if !real.starts_with(root.canonicalize().map_err(failed)?) {
        return Err(format!(
            "it is a link to {}, which is outside of the package",
            real.display()
        ));
    }
    let size = fs::metadata(&real).map_err(failed)?.len();
    if size > LARGEST_DATA {
        return Err(format!(
            "it has {size} bytes, and at most {LARGEST_DATA} are read"
        ));
    }
    let bytes = fs::read(&real).map_err(failed)?;
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// A file that is not UTF-8.
#[derive(Debug)]
pub struct ReadError {
    /// What to tell.
    pub diagnostic: Box<Diagnostic>,
    /// The text as far as it can be shown.
    pub shown: String,
}

/// Bytes as text.
pub fn text(bytes: Vec<u8>, shown: &str) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let file: Arc<str> = Arc::from(shown);
        let diagnostic = match plat_syntax::decode(&file, bytes) {
            Err(diagnostic) => diagnostic,
            // It was not UTF-8 a moment ago, and the same rules decide.
            Ok(_) => Box::new(Diagnostic::error(
                "E0101",
                &file,
                Default::default(),
                "not UTF-8 text",
            )),
        };
        ReadError {
            diagnostic,
            shown: String::from_utf8_lossy(bytes).into_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        dir
    }

    #[test]
    fn a_package_is_found_from_below_and_not_from_above() {
        let dir = package(&["a/plat.toml", "a/b/c/x.plat"]);
        let root = dir.path().canonicalize().unwrap().join("a");
        assert_eq!(find(Some(&dir.path().join("a/b/c"))).unwrap(), root);
        assert_eq!(find(Some(&dir.path().join("a/b/c/x.plat"))).unwrap(), root);
        let above = find(Some(dir.path())).unwrap_err();
        assert!(above.message.contains("no plat.toml"), "{}", above.message);
        let nowhere = find(Some(&dir.path().join("nowhere"))).unwrap_err();
        assert!(
            nowhere.message.contains("no directory"),
            "{}",
            nowhere.message
        );
    }

    #[test]
    fn what_is_hidden_built_or_another_package_is_left_out() {
        let dir = package(&[
            "plat.toml",
            "b.plat",
            "a/a.plat",
            "a/page.html",
            ".git/x.plat",
            "target/x.plat",
            "node_modules/y/x.plat",
            "other/plat.toml",
            "other/x.plat",
        ]);
        fs::create_dir_all(dir.path().join("none/in/it")).unwrap();
        let files = list(dir.path()).unwrap();
        assert_eq!(files.programs, ["a/a.plat", "b.plat"]);
        assert_eq!(files.others, ["a/page.html", "none/in/it/", "plat.toml"]);
    }

    #[test]
    fn packages_are_found_below_a_directory_the_nearest_first() {
        let dir = package(&[
            "b/plat.toml",
            "a/deep/er/plat.toml",
            "b/in/it/plat.toml",
            "target/plat.toml",
            ".hidden/plat.toml",
        ]);
        let (found, all) = packages(dir.path(), 100);
        let inside = found
            .iter()
            .map(|root| root.strip_prefix(dir.path()).unwrap());
        let inside: Vec<&str> = inside.map(|root| root.to_str().unwrap()).collect();
        assert_eq!(inside, ["b", "a/deep/er", "b/in/it"]);
        assert!(all);
        let (found, all) = packages(dir.path(), 3);
        assert_eq!((found.len(), all), (1, false));
    }

    #[test]
    fn a_link_out_of_the_package_is_refused_and_one_inside_is_read() {
        let outside = package(&["secret.plat"]);
        let dir = package(&["plat.toml", "a/a.plat"]);
        std::os::unix::fs::symlink("a/a.plat", dir.path().join("b.plat")).unwrap();
        std::os::unix::fs::symlink("..", dir.path().join("a/up")).unwrap();
        assert_eq!(list(dir.path()).unwrap().programs, ["a/a.plat", "b.plat"]);
        std::os::unix::fs::symlink(
            outside.path().join("secret.plat"),
            dir.path().join("c.plat"),
        )
        .unwrap();
        let refused = list(dir.path()).unwrap_err();
        assert!(
            refused.message.contains("outside of the package"),
            "{}",
            refused.message
        );
    }
}
