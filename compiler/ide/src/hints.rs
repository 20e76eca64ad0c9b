//! What is written beside the text, and which texts lead to files.

pub use plat_semantics::Hint;
use plat_semantics::{Database, FileId};
use plat_syntax::TextRange;

/// The hints of a piece of a file, in its order.
pub fn hints(db: &Database, file: FileId, range: TextRange) -> Vec<Hint> {
    db.hints(file, range)
}

/// The texts of a file that name files or directories of its package, and the paths from the
/// package's root.
pub fn links(db: &Database, file: FileId) -> Vec<(TextRange, String)> {
    db.paths_in(file)
}
