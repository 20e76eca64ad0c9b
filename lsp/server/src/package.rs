//! A package and those it builds on, as the server holds them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use gen_lsp_types::Uri;
use plat_ide::{Database, Diagnostic, FileId, Manifest, PackageInput, Project};

use crate::documents::{Document, Documents};
use crate::host::{Host, Loaded};

/// The manifest of a package.
pub const MANIFEST: &str = "plat.toml";

/// A package that is open in the editor, with a database of its own.
pub struct Package {
    /// Its directory; of a document that belongs to no package, its path or address.
    pub root: PathBuf,
    /// The compiler's state.
    pub db: Database,
    /// Where its files are.
    pub files: Arc<Files>,
    /// What could not be read of it.
    pub unreadable: Arc<[Diagnostic]>,
    /// Is it one document by itself, without a `plat.toml`?
    pub alone: bool,
    /// The number of the state that it is in: no two states of any package have the same.
    pub state: u64,
    /// The directories of its packages, by name.
    dirs: BTreeMap<String, PathBuf>,
    /// The files that the program names as values, by package and path.
    data: Vec<(String, String)>,
    /// The files that may be typed into.
    opened: HashSet<FileId>,
    /// Were files taken in that nobody has looked at yet?
    unread: Arc<AtomicBool>,
    /// The texts of the last commit, once somebody has asked.
    committed: Committed,
}

/// The texts of the last commit: read when first asked for, and again after the files were read
/// again.
pub type Committed = Arc<OnceLock<Vec<(String, String)>>>;

/// Where the files of a package are.
#[derive(Debug, Default)]
pub struct Files {
    by_path: HashMap<PathBuf, FileId>,
    paths: HashMap<FileId, PathBuf>,
    shown: HashMap<String, PathBuf>,
    /// The directories of the packages, by name.
    dirs: BTreeMap<String, PathBuf>,
    /// The texts of files that are no programs, by the names that diagnostics use.
    texts: BTreeMap<String, String>,
}

impl Files {
    /// A file by its path.
    pub fn file(&self, path: &Path) -> Option<FileId> {
        self.by_path.get(path).copied()
    }

    /// The path of a file.
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.paths.get(&file).map(PathBuf::as_path)
    }

    /// The directory of a package.
    pub fn dir(&self, package: &str) -> Option<&Path> {
        self.dirs.get(package).map(PathBuf::as_path)
    }

    /// The path of what a diagnostic calls by this name.
    pub fn path_of_shown(&self, shown: &str) -> Option<&Path> {
        self.shown.get(shown).map(PathBuf::as_path)
    }

    /// The text of a manifest, or of another file that is no program, as diagnostics call it.
    pub fn text_of_shown(&self, shown: &str) -> Option<&str> {
        self.texts.get(shown).map(String::as_str)
    }
}

impl Package {
    /// Reads the package at `root`.
    ///
    /// # Errors
    /// It can't be read at all; a sentence for the user.
    pub fn load(host: &dyn Host, root: &Path, documents: &Documents) -> Result<Self, String> {
        let mut package = Self {
            root: root.to_path_buf(),
            db: Database::default(),
            files: Arc::default(),
            unreadable: Arc::default(),
            alone: false,
            state: 0,
            dirs: BTreeMap::new(),
            data: Vec::new(),
            opened: HashSet::new(),
            unread: Arc::default(),
            committed: Arc::default(),
        };
        package.reload(host, documents)?;
        Ok(package)
    }

    /// A document that belongs to no package, as a program of its own.
    pub fn alone(document: &Document) -> Self {
        let path = document.path.clone();
        let root = path.unwrap_or_else(|| PathBuf::from(&document.uri.0));
        let mut package = Self {
            db: Database::default(),
            files: Arc::default(),
            unreadable: Arc::default(),
            alone: true,
            state: 0,
            dirs: BTreeMap::new(),
            data: Vec::new(),
            opened: HashSet::new(),
            unread: Arc::default(),
            committed: Arc::default(),
            root,
        };
        package.db.set_project(Project {
            packages: vec![PackageInput {
                manifest: Manifest {
                    name: "app".to_owned(),
                    version: "0.0.0".to_owned(),
                    edition: String::new(),
                    dependencies: BTreeMap::new(),
                },
                files: vec![("main.plat".to_owned(), document.text.to_string())],
                ..PackageInput::default()
            }],
        });
        let mut files = Files::default();
        for file in package.db.files() {
            if package.db.is_own(file) {
                files.by_path.insert(package.root.clone(), file);
                files.paths.insert(file, package.root.clone());
                files.shown.insert(
                    package.db.shown_name(file).to_string(),
                    package.root.clone(),
                );
            }
        }
        package.files = Arc::new(files);
        package
    }

    /// Reads the package again: files may have come, gone or changed. What is as it was is not
    /// computed again.
    ///
    /// # Errors
    /// As [`Self::load`]; then everything stays as it was.
    pub fn reload(&mut self, host: &dyn Host, documents: &Documents) -> Result<(), String> {
        let open = |path: &Path| documents.of_path(path).map(|d| Arc::clone(&d.text));
        let loaded = host.load(&self.root, &open)?;
        self.take(host, loaded);
        Ok(())
    }

    fn take(&mut self, host: &dyn Host, loaded: Loaded) {
        self.db.set_project(loaded.project);
        self.unread = Arc::new(AtomicBool::new(true));
        self.committed = Arc::default();
        self.dirs = loaded.dirs;
        self.unreadable = loaded.unreadable.into();
        self.data.clear();
        self.read_data(host);
        let library = host.library();
        let mut files = Files {
            texts: loaded.texts,
            dirs: self.dirs.clone(),
            ..Files::default()
        };
        for file in self.db.files() {
            let (package, path) = self.db.file_name(file);
            let dir = self.dirs.get(package).or(match package {
                "std" => library.as_ref(),
                _ => None,
            });
            let Some(at) = dir.map(|dir| dir.join(path)) else {
                continue;
            };
            let shown = self.db.shown_name(file).to_string();
            files.by_path.insert(at.clone(), file);
            files.shown.insert(shown, at.clone());
            files.paths.insert(file, at);
        }
        for (package, dir) in &self.dirs {
            let shown = if *dir == self.root {
                MANIFEST.to_owned()
            } else {
                format!("{package}:{MANIFEST}")
            };
            files.shown.insert(shown, dir.join(MANIFEST));
        }
        // Nothing else is known of a package whose manifest can't be read.
        files
            .shown
            .entry(MANIFEST.to_owned())
            .or_insert_with(|| self.root.join(MANIFEST));
        self.files = Arc::new(files);
    }

    /// Changes the text of one of its files.
    pub fn set_text(&mut self, host: &dyn Host, file: FileId, text: &str) {
        self.note_opened(file);
        let named = self.db.data_named(file).to_vec();
        self.db.set_text(file, text);
        // To ask all files what they name would take the longer the more there are.
        if self.db.data_named(file) != named {
            self.read_data(host);
        }
    }

    /// Says of each of its files that is open that it may be typed into.
    pub fn expect_changes(&mut self, documents: &Documents) {
        let open = documents.all().filter_map(|d| d.path.as_deref());
        let open: Vec<FileId> = open.filter_map(|path| self.files.file(path)).collect();
        for file in open {
            if self.db.is_own(file) {
                self.open(file);
            }
        }
    }

    /// Says that one of its files, whose text is known, was opened.
    pub fn open(&mut self, file: FileId) {
        if self.note_opened(file) {
            self.db.expect_changes(file);
        }
    }

    /// Says whether it was not open before.
    fn note_opened(&mut self, file: FileId) -> bool {
        let new = self.opened.insert(file);
        if new {
            // What the last commit has of it was of no interest until now.
            self.committed = Arc::default();
        }
        new
    }

    /// Reads the files that the program names as values, unless they are the same as before.
    fn read_data(&mut self, host: &dyn Host) {
        let wanted = self.db.data_wanted();
        if wanted == self.data {
            return;
        }
        self.data.clone_from(&wanted);
        let wanted = wanted.into_iter();
        let read = wanted.filter_map(|(package, path)| {
            let text = host.read_data(self.dirs.get(&package)?, &path);
            Some((package, path, text))
        });
        let read: Vec<(String, String, Result<String, String>)> = read.collect();
        self.db.set_data(read);
    }

    /// Has it, or a package that it builds on, a program file of this path?
    pub fn knows(&self, path: &Path) -> bool {
        self.files.file(path).is_some()
    }

    /// Does a file lie in a directory of one of its packages?
    pub fn holds(&self, path: &Path) -> bool {
        self.dirs.values().any(|dir| path.starts_with(dir))
    }

    /// A snapshot to answer from, on any thread.
    pub fn snapshot(&self, documents: &Documents) -> Snapshot {
        Snapshot {
            uris: documents.uris(),
            root: self.root.clone(),
            state: self.state,
            db: self.db.clone(),
            files: Arc::clone(&self.files),
            unreadable: Arc::clone(&self.unreadable),
            alone: self.alone,
            unread: Arc::clone(&self.unread),
            committed: Arc::clone(&self.committed),
        }
    }
}

impl Snapshot {
    /// Is only the text of its files judged? While something of a package can't be read, what its
    /// names mean is not known well enough to call anything wrong.
    pub fn only_texts(&self) -> bool {
        self.alone || !self.unreadable.is_empty()
    }
}

/// A package as it is at one moment. Whoever holds one keeps the server from taking in a change:
/// questions to the database end early then.
#[derive(Clone)]
pub struct Snapshot {
    /// The package's directory.
    pub root: PathBuf,
    /// The number of the package's state.
    pub state: u64,
    /// The compiler's state.
    pub db: Database,
    /// Where its files are.
    pub files: Arc<Files>,
    /// What could not be read of it.
    pub unreadable: Arc<[Diagnostic]>,
    /// Is it one document by itself?
    pub alone: bool,
    /// Were files taken in that nobody has read yet, all together?
    pub unread: Arc<AtomicBool>,
    /// The texts of the last commit.
    committed: Committed,
    /// The addresses of the files that are open, as the client writes them.
    pub uris: Arc<BTreeMap<PathBuf, Uri>>,
}

impl Snapshot {
    /// The texts that the last commit has of files that are not as they were, and of those that are
    /// open, by their paths in the package.
    pub fn committed(&self, host: &dyn Host) -> &[(String, String)] {
        self.committed.get_or_init(|| {
            let open = self.uris.keys().filter_map(|path| {
                let file = self.files.file(path)?;
                let (package, path) = self.db.file_name(file);
                (self.files.dir(package)? == self.root).then(|| path.to_owned())
            });
            host.committed(&self.root, &open.collect::<Vec<_>>())
        })
    }
}
