//! Files by their id.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use plat_syntax::{Diagnostic, Parse};
use salsa::{Durability, Setter as _};

use crate::api::{Database, FILES_ALONE, STACK};
use crate::db::{SourceFile, Workspace, display_path, package_info, parsed};
use crate::mistakes::each_place;

/// A `.plat` file that the database knows. Stays the same as long as the file is part of the
/// project, whatever its text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId(pub(crate) SourceFile);

/// Does something with a database, unless it is interrupted: somebody waits to change an input, for
/// which every other handle of the database must be gone. `None` then; the work is to be thrown
/// away, or done again on the changed database.
pub fn interruptible<T>(work: impl FnOnce() -> T) -> Option<T> {
    // What is left half done is thrown away with the handle.
    salsa::Cancelled::catch(AssertUnwindSafe(work)).ok()
}

/// Ends what is being asked of some handles of a database, each by itself: see [`interruptible`].
#[derive(Clone, Default)]
pub struct Canceller {
    tokens: Vec<salsa::CancellationToken>,
    cancelled: Arc<AtomicBool>,
}

impl Canceller {
    /// For what is asked of these handles.
    pub fn of<'a>(handles: impl Iterator<Item = &'a Database>) -> Self {
        Self {
            tokens: handles.map(salsa::Database::cancellation_token).collect(),
            cancelled: Arc::default(),
        }
    }

    /// Ends it, at the next question to the database.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        for token in &self.tokens {
            token.cancel();
        }
    }

    /// Was it to be ended?
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Database {
    /// Every file: those of the program's packages, those of `std` last.
    pub fn files(&self) -> Vec<FileId> {
        let files = Workspace::get(self).files(self).iter();
        files.map(|file| FileId(*file)).collect()
    }

    /// A file by its package's name and its path from the package's root.
    pub fn file(&self, package: &str, path: &str) -> Option<FileId> {
        self.files().into_iter().find(|file| {
            file.0.package(self).as_ref() == package && file.0.path(self).as_ref() == path
        })
    }

    /// The name of a file's package, and its path from that package's root.
    pub fn file_name(&self, file: FileId) -> (&str, &str) {
        (file.0.package(self), file.0.path(self))
    }

    /// How diagnostics name a file: `shop.plat`, `std:units.plat`.
    pub fn shown_name(&self, file: FileId) -> Arc<str> {
        display_path(self, file.0)
    }

    /// Is it a file of a package of this source tree, and not of one that was fetched or of `std`?
    pub fn is_own(&self, file: FileId) -> bool {
        package_info(self, file.0.package(self)).is_some_and(|package| package.own)
    }

    /// The text of a file.
    pub fn text(&self, file: FileId) -> &str {
        file.0.text(self)
    }

    /// Changes the text of a file. Waits until no other handle of the database is left, and
    /// interrupts what they do: see [`interruptible`].
    pub fn set_text(&mut self, file: FileId, text: &str) {
        if file.0.text(self).as_ref() != text {
            self.put_text(file, Arc::from(text));
        }
    }

    /// Interrupts whatever is asked of other handles of the database, and waits until they are gone:
    /// see [`interruptible`].
    pub fn interrupt(&mut self) {
        salsa::Database::trigger_cancellation(self);
    }

    /// Lets go of what was computed of former texts and is read by nobody any more: else the next change
    /// does, and somebody waits for that. Waits as [`Self::set_text`] does.
    pub fn release(&mut self) {
        // What salsa calls eviction is that; how many values are kept is limited of no query here.
        salsa::Database::trigger_lru_eviction(self);
    }

    /// Says that a file is about to be typed into: the first change of a file looks at everything
    /// again, as no file was thought to change; now that is done before somebody waits for it. Waits
    /// as [`Self::set_text`] does.
    pub fn expect_changes(&mut self, file: FileId) {
        let text = file.0.text(self).clone();
        self.put_text(file, text);
    }

    /// What is typed into changes; whatever depends on no such file is not looked at again.
    fn put_text(&mut self, file: FileId, text: Arc<str>) {
        let setter = file.0.set_text(self);
        setter.with_durability(Durability::LOW).to(text);
    }

    /// The trees of a file and what is wrong with its text.
    pub fn parse(&self, file: FileId) -> &Parse {
        &parsed(self, file.0).parse
    }

    /// Reads all files and the names that they give, on as many threads as the machine has: what one
    /// file's names mean depends on those of all. Nothing has to be read beforehand; who asks about
    /// one file of many that are new waits shorter then.
    pub fn read_names(&self) {
        self.each(&self.own_files(), FILES_ALONE, |db, file| {
            crate::names::shapes(db, file);
        });
    }

    /// What is wrong in one file before anything is evaluated: its text, its names, its types.
    /// Sorted. [`Database::diagnostics`] tells the same of all files, and what comes after.
    pub fn source_diagnostics_of(&self, file: FileId) -> Vec<Diagnostic> {
        stacker::grow(STACK, || {
            let mut found = self.found_in(file.0);
            self.without_consequences(&mut found);
            each_place(found)
        })
    }
}
