//! The repairs that diagnostics offer.

use plat_semantics::{Database, Diagnostic, FileId};

use crate::FileEdit;

/// The edits of a diagnostic's fix, if it has one: its title, and what it changes. None where a
/// file that it names is not known, or is not part of the program's own source.
pub fn fix(db: &Database, diagnostic: &Diagnostic) -> Option<(String, Vec<FileEdit>)> {
    let fix = diagnostic.fix.as_ref()?;
    let files = db.files();
    let edits: Option<Vec<FileEdit>> = fix
        .edits
        .iter()
        .map(|edit| {
            let named = |file: &&FileId| db.shown_name(**file) == edit.file;
            let file = *files.iter().find(named).filter(|file| db.is_own(**file))?;
            Some(FileEdit {
                file,
                range: edit.range,
                text: edit.new_text.clone(),
            })
        })
        .collect();
    Some((fix.title.clone(), edits?))
}
