//! What the server needs of the program that starts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plat_ide::{CaseShape, Diagnostic, Graph, Project};

/// The program around the server: it finds and reads packages as all its commands do, and knows the
/// targets. The server itself reads no file.
pub trait Host: Send + Sync + 'static {
    /// The version that the client is told.
    fn version(&self) -> &str;

    /// A path without links and `..`, as [`Self::load`] has the directories of packages; the path
    /// itself, where there is nothing.
    fn real_path(&self, path: &Path) -> PathBuf;

    /// The root of the package that a file or a directory is in.
    fn root_of(&self, path: &Path) -> Option<PathBuf>;

    /// The packages in a directory and below it.
    fn packages_below(&self, dir: &Path) -> Below;

    /// Reads the package at `root` and those that it builds on. `open` has the texts that are open
    /// in the editor, by path: they are taken instead of what the files hold.
    ///
    /// # Errors
    /// It can't be read at all; a sentence for the user.
    fn load(&self, root: &Path, open: &dyn Fn(&Path) -> Option<Arc<str>>)
    -> Result<Loaded, String>;

    /// Reads a file of a package that the program names as a value; or why it can't be.
    ///
    /// # Errors
    /// The reason, as a part of a sentence.
    fn read_data(&self, package: &Path, path: &str) -> Result<String, String>;

    /// The plan of a graph of the package at `root`: against what was recorded by the last apply, if
    /// that record is on this machine, else against nothing. Asks no target.
    ///
    /// # Errors
    /// It can't be planned; a sentence.
    fn plan(&self, root: &Path, graph: &Graph, cases: &[CaseShape]) -> Result<Planned, String>;

    /// The texts that the last commit has of the package at `root`, by their paths there: of its
    /// files of plat that are not as they were, and of `open`. Nothing where there is no version
    /// control, or where it can't be asked.
    fn committed(&self, root: &Path, open: &[String]) -> Vec<(String, String)>;

    /// What was last applied of an environment on this machine's target, whose app is that of the
    /// package at `root`; `None` where that is not on record on this machine. Asks no target.
    fn applied(&self, root: &Path, app: &str, environment: &str) -> Option<Graph>;

    /// Has what runs on targets of this kind manifests?
    fn has_manifests(&self, target: &str) -> bool;

    /// The manifests of one declaration of a graph of the package at `root`, as YAML; those of what
    /// is inside of it too.
    ///
    /// # Errors
    /// The target has none, or they can't be made; a sentence.
    fn becomes(&self, root: &Path, graph: &Graph, declaration: &str) -> Result<String, String>;

    /// A directory with the sources of `std` as files, so that an editor can show them. Makes it,
    /// if need be; cheap if called again. `None` if it can't be made.
    fn library(&self) -> Option<PathBuf>;
}

/// The packages below a directory.
#[derive(Debug, Default)]
pub struct Below {
    /// Their roots, the nearest first.
    pub roots: Vec<PathBuf>,
    /// Are these all? A directory may be too large to look through.
    pub all: bool,
}

/// A plan.
#[derive(Debug, Default)]
pub struct Planned {
    /// Is it against what was recorded? Else against nothing.
    pub recorded: bool,
    /// As people read it.
    pub text: String,
    /// As programs read it.
    pub plan: serde_json::Value,
}

/// What reading a package gave.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The package and those that it builds on: as much as could be read of them.
    pub project: Project,
    /// Their directories, by their names.
    pub dirs: BTreeMap<String, PathBuf>,
    /// What could not be read, as diagnostics.
    pub unreadable: Vec<Diagnostic>,
    /// The texts that these speak of and the project does not have, by the names that they use.
    pub texts: BTreeMap<String, String>,
}
