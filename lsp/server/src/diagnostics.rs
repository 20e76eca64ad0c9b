//! Looking for what is wrong, and telling what has changed of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use crossbeam_channel::Sender;
use gen_lsp_types::{Diagnostic, PublishDiagnosticsParams, Uri};
use plat_ide::{Diagnostic as Wrong, FileId, Severity, Step, interruptible};

use crate::package::Snapshot;
use crate::position::{Encoding, Lines};
use crate::server::Task;

/// What was found in one package.
#[derive(Debug)]
pub struct Found {
    /// The package.
    pub root: PathBuf,
    /// The number of the state that it was in.
    pub state: u64,
    /// By address. What is not here has nothing new; in the whole, it has nothing.
    pub files: Vec<(Uri, InFile)>,
    /// Is it all that there is to find, and not only what the open files' sources show?
    pub whole: bool,
}

/// What was found in one file.
#[derive(Debug, Clone, Default)]
pub struct InFile {
    /// What its text, its names and its types show.
    pub source: Vec<Diagnostic>,
    /// What evaluating the environments shows: `None` while they are not.
    pub evaluated: Option<Vec<Diagnostic>>,
    /// Whether the sources are good enough to be evaluated, as far as this file shows.
    pub good: bool,
}

/// Looks for what is wrong in a package: first in the files that are open, then in all, in every
/// environment. Ends early when somebody wants to change something.
pub fn look(snapshot: &Snapshot, open: &[FileId], encoding: Encoding, found: &Sender<Task>) {
    let _ = interruptible(|| {
        let tell = |files, whole| {
            let found_here = Found {
                root: snapshot.root.clone(),
                state: snapshot.state,
                files,
                whole,
            };
            // Nobody listens once the server ends.
            let _ = found.send(Task::Diagnostics(found_here));
        };
        if !snapshot.only_texts() && snapshot.unread.load(Ordering::Relaxed) {
            snapshot.db.read_names();
            snapshot.unread.store(false, Ordering::Relaxed);
        }
        let files = open
            .iter()
            .filter_map(|file| Some((snapshot.uri(*file)?, source(snapshot, *file, encoding))));
        tell(files.collect(), false);
        if snapshot.alone {
            return;
        }
        let state = snapshot.state;
        let step = |step| {
            let _ = found.send(Task::Step(state, words(step)));
        };
        tell(whole(snapshot, open, encoding, &step), true);
    });
}

/// What is wrong with a file that its text shows, and what that means.
pub fn of_source(snapshot: &Snapshot, file: FileId) -> Vec<Wrong> {
    if snapshot.only_texts() {
        snapshot.db.parse(file).diagnostics.clone()
    } else {
        snapshot.db.source_diagnostics_of(file)
    }
}

/// All that is wrong with a package, in the order of its files.
pub fn of_package(snapshot: &Snapshot, step: &(dyn Fn(Step) + Sync)) -> Vec<Wrong> {
    if !snapshot.only_texts() {
        return snapshot.db.diagnostics_telling(step);
    }
    let mut all = snapshot.unreadable.to_vec();
    for file in snapshot.db.files() {
        if snapshot.db.is_own(file) {
            all.extend(snapshot.db.parse(file).diagnostics.iter().cloned());
        }
    }
    all.sort_by(|a, b| a.order().cmp(&b.order()));
    all
}

fn source(snapshot: &Snapshot, file: FileId, encoding: Encoding) -> InFile {
    let lines = Lines::new(snapshot.db.text(file), encoding);
    let found = of_source(snapshot, file);
    let good = found.iter().all(|d| d.severity != Severity::Error);
    InFile {
        source: found
            .iter()
            .map(|d| snapshot.diagnostic(d, &lines, encoding))
            .collect(),
        evaluated: None,
        good,
    }
}

/// How far it is, as people read it.
fn words(step: Step) -> String {
    match step {
        Step::Files { done, all } => format!("{done} of {all} files"),
        Step::Environments { done, all } => format!("{done} of {all} environments"),
    }
}

fn whole(
    snapshot: &Snapshot,
    open: &[FileId],
    encoding: Encoding,
    step: &(dyn Fn(Step) + Sync),
) -> Vec<(Uri, InFile)> {
    let all = of_package(snapshot, step);
    let mut sources: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for file in open {
        let found = of_source(snapshot, *file);
        let keys = found
            .iter()
            .map(|d| (d.code, d.primary.range, d.message.clone()));
        sources.insert(snapshot.db.shown_name(*file).to_string(), keys.collect());
    }
    let mut files: BTreeMap<String, (Uri, InFile)> = BTreeMap::new();
    // Those of one file stand next to each other.
    let mut rest = all.as_slice();
    while let Some(first) = rest.first() {
        let shown = &first.primary.file;
        let count = rest.iter().take_while(|d| d.primary.file == *shown).count();
        let (here, others) = rest.split_at(count);
        rest = others;
        let Some((uri, text)) = snapshot.shown(shown) else {
            continue;
        };
        let lines = Lines::new(text, encoding);
        let mut in_file = InFile {
            good: true,
            ..InFile::default()
        };
        let known = sources.get(&**shown);
        let mut evaluated = Vec::new();
        for diagnostic in here {
            let converted = snapshot.diagnostic(diagnostic, &lines, encoding);
            let key = (
                diagnostic.code,
                diagnostic.primary.range,
                diagnostic.message.clone(),
            );
            if known.is_some_and(|known| !known.contains(&key)) {
                evaluated.push(converted);
            } else {
                in_file.source.push(converted);
            }
        }
        in_file.evaluated = Some(evaluated);
        files.insert(uri.0.clone(), (uri, in_file));
    }
    files.into_values().collect()
}

/// What the client has been told, and what there is to tell it.
#[derive(Debug, Default)]
pub struct Told {
    /// By address, then by the package that it was found in: several may have a file in common.
    found: BTreeMap<String, BTreeMap<PathBuf, InFile>>,
    /// By address: what the client shows.
    told: BTreeMap<String, Vec<Diagnostic>>,
}

impl Told {
    /// Takes in what was found, and gives what the client is to be told.
    pub fn take(&mut self, found: Found) -> Vec<PublishDiagnosticsParams> {
        let mut touched: BTreeSet<String> = BTreeSet::new();
        if found.whole {
            for (uri, packages) in &mut self.found {
                if packages.remove(&found.root).is_some() {
                    touched.insert(uri.clone());
                }
            }
        }
        for (uri, mut in_file) in found.files {
            let packages = self.found.entry(uri.0.clone()).or_default();
            // What evaluation told stays until it has been done again, so that nothing flickers;
            // but not beside errors that keep it from being done.
            if in_file.evaluated.is_none()
                && in_file.good
                && let Some(before) = packages.get(&found.root)
            {
                in_file.evaluated.clone_from(&before.evaluated);
            }
            packages.insert(found.root.clone(), in_file);
            touched.insert(uri.0);
        }
        self.tell(touched)
    }

    /// Forgets a package.
    pub fn forget(&mut self, root: &PathBuf) -> Vec<PublishDiagnosticsParams> {
        let mut touched: BTreeSet<String> = BTreeSet::new();
        for (uri, packages) in &mut self.found {
            if packages.remove(root).is_some() {
                touched.insert(uri.clone());
            }
        }
        self.tell(touched)
    }

    fn tell(&mut self, touched: BTreeSet<String>) -> Vec<PublishDiagnosticsParams> {
        let mut out = Vec::new();
        for uri in touched {
            let packages = self.found.get(&uri).into_iter().flat_map(BTreeMap::values);
            let mut now: Vec<Diagnostic> = Vec::new();
            for in_file in packages {
                let evaluated = in_file.evaluated.iter().flatten();
                for diagnostic in in_file.source.iter().chain(evaluated) {
                    if !now.contains(diagnostic) {
                        now.push(diagnostic.clone());
                    }
                }
            }
            let before = self.told.get(&uri).map_or(&[][..], Vec::as_slice);
            if before == now.as_slice() {
                continue;
            }
            if now.is_empty() {
                self.told.remove(&uri);
            } else {
                self.told.insert(uri.clone(), now.clone());
            }
            out.push(PublishDiagnosticsParams {
                uri: Uri(uri),
                version: None,
                diagnostics: now,
            });
        }
        self.found.retain(|_, packages| !packages.is_empty());
        out
    }
}
