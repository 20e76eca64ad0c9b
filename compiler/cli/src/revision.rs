//! A package as it was in a revision of its git repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::failure::{self, Failure};
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

fn git(dir: &Path, arguments: &[&str], index: Option<&Path>) -> Result<String, Failure> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(arguments);
    // A git that calls platc (a hook) leaves these set, for its own repository.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    if let Some(index) = index {
        command.env("GIT_INDEX_FILE", index);
    }
    let output: Output = command
        .output()
        .map_err(|error| failure::io("starting git, which keeps the revisions", &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().next().unwrap_or("it says nothing").to_owned();
    Err(Failure::new(format!(
        "git {}: {}",
        arguments.first().copied().unwrap_or_default(),
        harmless(&said)
    )))
}
