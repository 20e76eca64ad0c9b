//! What is open in the editor: its folders, its documents, and the packages that these are in.
//!
//! Which packages there are, and which one a document belongs to, follows from the folders, the
//! documents and the files alone, whatever happened before: [`Workspace::arrange`] decides it anew
//! after everything that may change it. A server that has run for a week knows what one knows that
//! has just begun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types::{DidChangeTextDocumentParams, TextDocumentItem, Uri};

use crate::documents::{Document, Documents};
use crate::host::Host;
use crate::package::{MANIFEST, Package, Snapshot};
use crate::paths;
use crate::position::Encoding;

/// So many packages of a folder are read before one looks at them: each takes a megabyte or more.
const MOST_PACKAGES: usize = 64;

/// What came of something that the client said.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// A package came, or is another than before: what is wrong with it is to be looked for.
    Changed(PathBuf),
    /// A package is not there any more.
    Forgotten(PathBuf),
    /// Something for the log.
    Log(String),
    /// Something that the user has to know.
    Complaint(String),
}

/// The folders, the documents and the packages.
pub struct Workspace {
    host: Arc<dyn Host>,
    watched: bool,
    documents: Documents,
    folders: Vec<PathBuf>,
    /// The roots of the packages that the folders are in, and that are in them.
    roots: BTreeSet<PathBuf>,
    /// By root. A document that is no part of a package is one by itself.
    packages: BTreeMap<PathBuf, Package>,
    /// Of each open document, by its address, the root of its package.
    homes: BTreeMap<String, PathBuf>,
    /// Packages that can't be read, and why: the user is told once.
    failed: BTreeMap<PathBuf, String>,
    /// Counts the states of packages.
    states: u64,
    news: Vec<News>,
}

impl Workspace {
    /// Nothing is open. `watched` is whether the client tells of files that change outside of it.
    pub fn new(host: Arc<dyn Host>, watched: bool) -> Self {
        Self {
            host,
            watched,
            documents: Documents::default(),
            folders: Vec::new(),
            roots: BTreeSet::new(),
            packages: BTreeMap::new(),
            homes: BTreeMap::new(),
            failed: BTreeMap::new(),
            states: 0,
            news: Vec::new(),
        }
    }

    /// What has happened since this was asked last, in that order.
    pub fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// A package, by its root.
    pub fn package(&self, root: &Path) -> Option<&Package> {
        self.packages.get(root)
    }

    /// Ends what is being asked of a package, and waits until it has ended.
    pub fn interrupt(&mut self, root: &Path) {
        if let Some(package) = self.packages.get_mut(root) {
            package.db.interrupt();
        }
    }

    /// Ends what is being asked of every package.
    pub fn interrupt_all(&mut self) {
        for package in self.packages.values_mut() {
            package.db.interrupt();
        }
    }

    /// Lets go of what was computed of former texts.
    pub fn release(&mut self) {
        for package in self.packages.values_mut() {
            package.db.release();
        }
    }

    /// The documents that are open.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// The path of an address, if it is a file's.
    pub fn path_of(&self, uri: &Uri) -> Option<PathBuf> {
        match self.documents.get(uri) {
            Some(document) => document.path.clone(),
            None => Some(self.host.real_path(&paths::to_path(uri)?)),
        }
    }

    /// What questions about a document are answered from: its own package first, then the others
    /// that have its file.
    pub fn about(&self, uri: &Uri, path: &Path) -> Vec<Snapshot> {
        let home = self.homes.get(&uri.0).cloned();
        let Some(home) = home.or_else(|| self.closed_home(path)) else {
            return Vec::new();
        };
        let own = self.packages.get(&home);
        let alone = own.is_some_and(|package| package.alone);
        let others = self.packages.iter().filter(|(root, package)| {
            **root != home && !alone && !package.alone && package.knows(path)
        });
        let all = own.into_iter().chain(others.map(|(_, package)| package));
        all.map(|package| package.snapshot(&self.documents))
            .collect()
    }

    /// The package of a file that is not open.
    fn closed_home(&self, path: &Path) -> Option<PathBuf> {
        let have = self.packages.iter();
        let have =
            have.filter(|(root, package)| package.knows(path) || root.join(MANIFEST) == path);
        let nearest = have.max_by_key(|(root, _)| {
            let around = path.starts_with(root);
            (around, if around { root.as_os_str().len() } else { 0 })
        });
        nearest.map(|(root, _)| root.clone())
    }

    /// What questions about no document are answered from: every package.
    pub fn all(&self) -> Vec<Snapshot> {
        let packages = self.packages.values().filter(|package| !package.alone);
        packages
            .map(|package| package.snapshot(&self.documents))
            .collect()
    }

    // ---- what the client says

    /// Folders were opened or closed.
    pub fn folders_changed(&mut self, removed: &[Uri], added: &[Uri]) {
        let paths = |uris: &[Uri]| -> Vec<PathBuf> {
            let paths = uris.iter().filter_map(paths::to_path);
            paths.map(|path| self.host.real_path(&path)).collect()
        };
        let (removed, added) = (paths(removed), paths(added));
        self.folders.retain(|folder| !removed.contains(folder));
        self.folders.extend(added);
        self.find_roots();
        self.arrange();
    }

    /// A document was opened.
    pub fn open(&mut self, document: TextDocumentItem) {
        let uri = document.uri.clone();
        let path = paths::to_path(&uri).map(|path| self.host.real_path(&path));
        self.documents
            .open(document.uri, path.clone(), document.version, document.text);
        if let Some(path) = path {
            if is_manifest(&path) {
                self.read_again(&[path]);
                self.arrange();
                return;
            }
            // One that was made a moment ago, before the editor told of it; and what else has
            // changed, where it does not tell.
            let root = self.host.root_of(&path);
            let stale = |root: &PathBuf| {
                let package = self.packages.get(root);
                package.is_some_and(|package| !self.watched || !package.knows(&path))
            };
            if let Some(root) = root.filter(stale) {
                self.reload(&root);
            }
        }
        self.arrange();
        self.put(&uri);
    }

    /// A document was typed into.
    pub fn change(&mut self, params: DidChangeTextDocumentParams, encoding: Encoding) {
        let id = params.text_document;
        let uri = id.text_document_identifier.uri;
        self.documents
            .change(&uri, id.version, params.content_changes, encoding);
        match self.path_of(&uri).filter(|path| is_manifest(path)) {
            // It says what belongs to the package.
            Some(manifest) => {
                self.read_again(&[manifest]);
                self.arrange();
            }
            None => self.put(&uri),
        }
    }

    /// A document was closed: what its file holds counts again, in every package that has it.
    pub fn close(&mut self, uri: &Uri) {
        let Some(document) = self.documents.close(uri) else {
            return;
        };
        self.read_again(document.path.as_slice());
        self.arrange();
    }

    /// Files came, went, or are others than before.
    pub fn files_changed(&mut self, changed: &[PathBuf]) {
        self.read_again(changed);
        // One that came makes a package of documents that had none, and the other way.
        if changed.iter().any(|path| is_manifest(path)) {
            self.find_roots();
        }
        self.arrange();
    }

    /// Reads the packages again that have one of these files, or may have.
    fn read_again(&mut self, changed: &[PathBuf]) {
        let touched = |root: &PathBuf, package: &Package| {
            let below = |path: &PathBuf| path.starts_with(root) || package.holds(path);
            // One that builds on a package that was not there.
            let lacks = |path: &PathBuf| is_manifest(path) && !package.unreadable.is_empty();
            changed.iter().any(|path| below(path) || lacks(path))
        };
        let packages = self.packages.iter();
        let touched = packages.filter(|(root, package)| touched(root, package));
        let roots: Vec<PathBuf> = touched.map(|(root, _)| root.clone()).collect();
        for root in roots {
            self.reload(&root);
        }
    }

    // ---- packages

    /// Looks for the packages that the folders of the editor are in, and that are in them.
    fn find_roots(&mut self) {
        let mut roots = BTreeSet::new();
        for folder in &self.folders {
            roots.extend(self.host.root_of(folder));
            let below = self.host.packages_below(folder);
            if !below.all || below.roots.len() > MOST_PACKAGES {
                self.news.push(News::Log(format!(
                    "{}: so much is in it that {} packages are read now, and the others when a file of \
                     theirs is opened",
                    folder.display(),
                    below.roots.len().min(MOST_PACKAGES),
                )));
            }
            roots.extend(below.roots.into_iter().take(MOST_PACKAGES));
        }
        self.roots = roots;
    }

    /// Sees to it that there are the packages that the folders and the open documents are in, and
    /// no others, and that each document is in the right one.
    fn arrange(&mut self) {
        let documents: Vec<Document> = self.documents.all().cloned().collect();
        let root_of = |document: &Document| self.host.root_of(document.path.as_deref()?);
        let documents: Vec<(Document, Option<PathBuf>)> = documents
            .into_iter()
            .map(|document| {
                let root = root_of(&document);
                (document, root)
            })
            .collect();
        let mut wanted = self.roots.clone();
        wanted.extend(documents.iter().filter_map(|(_, root)| root.clone()));
        let packages = self.packages.iter();
        let unwanted = packages.filter(|(root, package)| !package.alone && !wanted.contains(*root));
        let unwanted: Vec<PathBuf> = unwanted.map(|(root, _)| root.clone()).collect();
        for root in unwanted {
            self.forget(&root);
        }
        self.failed.retain(|root, _| wanted.contains(root));
        for root in &wanted {
            self.load(root);
        }
        self.homes = BTreeMap::new();
        for (document, root) in &documents {
            if let Some(home) = self.home(document, root.as_deref()) {
                self.homes.insert(document.uri.0.clone(), home);
            }
        }
        let homes: BTreeSet<&PathBuf> = self.homes.values().collect();
        let packages = self.packages.iter();
        let left = packages.filter(|(root, package)| package.alone && !homes.contains(root));
        let left: Vec<PathBuf> = left.map(|(root, _)| root.clone()).collect();
        for root in left {
            self.forget(&root);
        }
    }

    /// The package of an open document, whose file is below `root`. One that belongs to none
    /// becomes one by itself.
    fn home(&mut self, document: &Document, root: Option<&Path>) -> Option<PathBuf> {
        if let Some(path) = &document.path {
            let package = root.and_then(|root| self.packages.get(root));
            if let Some(package) = package
                && (package.knows(path) || is_manifest(path))
            {
                return Some(package.root.clone());
            }
            // A file of `std`, or of a package in the cache.
            let mut packages = self.packages.values();
            let has = packages.find(|package| !package.alone && package.knows(path));
            if let Some(package) = has {
                return Some(package.root.clone());
            }
            // It is no program.
            if is_manifest(path) {
                return None;
            }
        }
        let package = Package::alone(document);
        let root = package.root.clone();
        if !self.packages.contains_key(&root) {
            self.packages.insert(root.clone(), package);
            self.changed(&root);
        }
        Some(root)
    }

    /// Reads the package at `root`, if it is not there yet.
    fn load(&mut self, root: &Path) {
        if self.packages.contains_key(root) {
            return;
        }
        match Package::load(&*self.host, root, &self.documents) {
            Ok(mut package) => {
                let files = package.db.files().len();
                let text = format!("{}: {files} files of plat", root.display());
                self.news.push(News::Log(text));
                package.expect_changes(&self.documents);
                self.packages.insert(root.to_path_buf(), package);
                self.failed.remove(root);
                self.changed(root);
            }
            Err(reason) => {
                if self.failed.get(root) != Some(&reason) {
                    self.news.push(News::Complaint(reason.clone()));
                    self.failed.insert(root.to_path_buf(), reason);
                }
            }
        }
    }

    fn reload(&mut self, root: &Path) {
        let Some(package) = self.packages.get_mut(root) else {
            return;
        };
        if package.alone {
            return;
        }
        match package.reload(&*self.host, &self.documents) {
            Ok(()) => {
                package.expect_changes(&self.documents);
                self.changed(root);
            }
            Err(reason) => self.news.push(News::Log(reason)),
        }
    }

    /// A package is in another state.
    fn changed(&mut self, root: &Path) {
        if let Some(package) = self.packages.get_mut(root) {
            self.states += 1;
            package.state = self.states;
            self.news.push(News::Changed(root.to_path_buf()));
        }
    }

    fn forget(&mut self, root: &Path) {
        self.packages.remove(root);
        self.news.push(News::Forgotten(root.to_path_buf()));
    }

    /// Puts the text of a document into every package that has its file; into its own last, which
    /// then is the one that changed last.
    fn put(&mut self, uri: &Uri) {
        let Some(document) = self.documents.get(uri) else {
            return;
        };
        let home = self.homes.get(&uri.0).cloned();
        let mut changed = Vec::new();
        for (root, package) in &mut self.packages {
            let own = home.as_ref() == Some(root);
            let file = match &document.path {
                Some(path) => package.files.file(path),
                None if own => package.files.file(root),
                None => None,
            };
            // A document by itself is in no other package.
            let Some(file) = file.filter(|_| own || !package.alone) else {
                continue;
            };
            // What is shown of `std` and of what was fetched is not what is compiled.
            if !package.db.is_own(file) {
                continue;
            }
            if package.db.text(file) != &*document.text {
                package.set_text(&*self.host, file, &document.text);
            } else {
                package.open(file);
            }
            changed.push(root.clone());
        }
        changed.sort_by_key(|root| home.as_ref() == Some(root));
        for root in changed {
            self.changed(&root);
        }
    }
}

fn is_manifest(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == MANIFEST)
}
