//! A package as it was in a revision of its git repository.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::failure::{self, Failure};
use crate::project::MANIFEST;
use crate::terminal::harmless;

/// The files of a revision, in a directory of their own that goes with this.
pub struct Revision {
    // Held for its end.
    _dir: tempfile::TempDir,
    package: PathBuf,
}

impl Revision {
    /// The revision of the repository that the package at `root` is in. Only git is asked, which
    /// writes neither to the repository nor to its working tree.
    ///
    /// # Errors
    /// There is no repository, or no such revision, or it can't be written.
    pub fn of(root: &Path, said: &str) -> Result<Self, Failure> {
        let top = git(root, &["rev-parse", "--show-toplevel"], None)?;
        let prefix = git(root, &["rev-parse", "--show-prefix"], None)?;
        let commit = commit(root, said)?;
        let dir = tempfile::Builder::new()
            .prefix("plat-revision")
            .tempdir()
            .map_err(|error| failure::io("making a directory for a revision", &error))?;
        let index = dir.path().join("index");
        let tree = dir.path().join("tree");
        let top = Path::new(&top);
        git(top, &["read-tree", &commit], Some(&index))?;
        let into = format!("--prefix={}/", tree.display());
        git(top, &["checkout-index", "--all", &into], Some(&index))?;
        let package = tree.join(prefix);
        if !package.is_dir() {
            return Err(Failure::new(format!(
                "the package is not in the revision `{}`",
                harmless(said)
            )));
        }
        Ok(Self { _dir: dir, package })
    }

    /// Whether there is a revision of that name in the repository that the package is in.
    pub fn is_there(root: &Path, said: &str) -> bool {
        commit(root, said).is_ok()
    }

    /// The package's directory in it.
    pub fn package(&self) -> &Path {
        &self.package
    }
}

fn commit(root: &Path, said: &str) -> Result<String, Failure> {
    let wanted = format!("{said}^{{commit}}");
    let asked = ["rev-parse", "--verify", "--quiet", wanted.as_str()];
    let found = if said.starts_with('-') {
        None
    } else {
        git(root, &asked, None).ok()
    };
    found.ok_or_else(|| {
        Failure::new(format!("there is no revision `{}`", harmless(said)))
            .next("`git log --oneline` and `git branch --all` list what there is")
            .next("in a shallow clone of a build machine, fetch it: `git fetch --unshallow`")
    })
}

/// The texts that the last commit has of the package at `root`, by their paths there: of its files of
/// plat that are not as they were, and of `also`. What it does not have is left out, and so is what
/// is not UTF-8. Writes nothing, not even what git remembers of the working tree.
///
/// # Errors
/// There is no repository, it has no commit, or git is not installed.
pub fn committed(root: &Path, also: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let arguments = [
        "diff",
        "--name-only",
        "--relative",
        "-z",
        "HEAD",
        "--",
        "*.plat",
    ];
    let changed = said(&mut asking(root, &arguments), "diff", &[])?;
    let changed = String::from_utf8_lossy(&changed);
    let own = |path: &&str| !path.is_empty() && !path.contains('\n') && is_own(root, path);
    let mut paths: BTreeSet<&str> = changed.split('\0').filter(own).collect();
    paths.extend(also.iter().map(String::as_str).filter(own));
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let asked: String = paths
        .iter()
        .map(|path| format!("HEAD:./{path}\n"))
        .collect();
    let mut command = asking(root, &["cat-file", "--batch"]);
    let texts = said(&mut command, "cat-file", asked.as_bytes())?;
    let mut rest = texts.as_slice();
    let mut out = Vec::new();
    for path in paths {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            break;
        };
        let (head, after) = rest.split_at(end);
        let after = after.get(1..).unwrap_or_default();
        let head = String::from_utf8_lossy(head);
        // `NAME blob SIZE`; of what is not there, `NAME missing`.
        let mut words = head.rsplit(' ');
        let size = words.next().and_then(|size| size.parse::<usize>().ok());
        let Some(size) = size.filter(|_| words.next() == Some("blob")) else {
            rest = after;
            continue;
        };
        if let Some(text) = after.get(..size)
            && let Ok(text) = std::str::from_utf8(text)
        {
            out.push((path.to_owned(), text.to_owned()));
        }
        rest = after.get(size + 1..).unwrap_or_default();
    }
    Ok(out)
}

/// Is a file of the package, and not of one below it?
fn is_own(root: &Path, path: &str) -> bool {
    let below = Path::new(path).ancestors().skip(1);
    let mut below = below.filter(|dir| !dir.as_os_str().is_empty());
    below.all(|dir| !root.join(dir).join(MANIFEST).is_file())
}

fn git(dir: &Path, arguments: &[&str], index: Option<&Path>) -> Result<String, Failure> {
    let mut command = asking(dir, arguments);
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let what = arguments.first().copied().unwrap_or_default();
    let output = said(&mut command, what, &[])?;
    Ok(String::from_utf8_lossy(&output).trim_end().to_owned())
}

fn asking(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(arguments);
    // A git that calls platc (a hook) leaves these set, for its own repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    // Who only asks takes no lock that another git would wait for.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    command
}

/// What git says, having been told something.
fn said(command: &mut Command, what: &str, told: &[u8]) -> Result<Vec<u8>, Failure> {
    let starting = |error| failure::io("starting git, which keeps the revisions", &error);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().map_err(starting)?;
    let told = told.to_vec();
    let writing = process.stdin.take().map(|mut to| {
        // It answers while it listens. One that has heard enough is gone: it says why itself.
        std::thread::spawn(move || to.write_all(&told))
    });
    let output: Output = process.wait_with_output().map_err(starting)?;
    if let Some(writing) = writing {
        let _ = writing.join();
    }
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it says nothing").to_owned();
    Err(Failure::new(format!("git {what}: {}", harmless(&said))))
}
