//! Giving something another name, wherever it is named.

use plat_semantics::{Database, FileId, Symbol};
use plat_syntax::{LexemeKind, SyntaxKind, TextRange, lexemes};

use crate::FileEdit;
use crate::navigate::references_of;

/// What can be renamed at a byte of a file: its range and its name.
///
/// # Errors
/// Why it can't be, as a sentence.
pub fn prepare(db: &Database, file: FileId, offset: u32) -> Result<(TextRange, String), String> {
    let stands = db.name_at(file, offset).ok_or("no name stands here")?;
    let name = db.symbol_name(&stands.symbol);
    if db.definition(&stands.symbol).is_none() {
        return Err(format!("`{name}` is a word of the language"));
    }
    if !db.is_own_symbol(&stands.symbol) {
        return Err(format!(
            "`{name}` is not defined in this source tree: it has the name that its package gives it"
        ));
    }
    Ok((stands.range, name))
}

/// A renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renaming {
    /// The names that change.
    pub names: Vec<FileEdit>,
    /// What is written beside, so that what is deployed under the old name is not made anew; and
    /// what that means, as a sentence.
    pub moved: Option<(FileEdit, String)>,
}

/// The edits that give what stands at a byte of a file another name.
///
/// # Errors
/// Why it can't have that name, as a sentence.
pub fn rename(db: &Database, file: FileId, offset: u32, new: &str) -> Result<Renaming, String> {
    let (_, old) = prepare(db, file, offset)?;
    let stands = db.name_at(file, offset).ok_or("no name stands here")?;
    if !is_name(new) {
        return Err(format!("`{new}` is no name"));
    }
    if old != new && db.is_taken(&stands.symbol, new) {
        return Err(format!("there is a `{new}` already"));
    }
    let mut names = Vec::new();
    for reference in references_of(db, &stands.symbol) {
        let place = reference.place;
        // Where it goes by another name (`use a.b as c`), it keeps that.
        if place.range.slice(db.text(place.file)) != old {
            continue;
        }
        if !db.is_own(place.file) {
            return Err(format!(
                "`{old}` is named in a package that is not of this source tree"
            ));
        }
        names.push(FileEdit {
            file: place.file,
            range: place.range,
            text: new.to_owned(),
        });
    }
    let moved = match &stands.symbol {
        Symbol::Decl(_) if old != new && db.is_deployed(&stands.symbol) => {
            moved(db, &stands.symbol, &old, new)
        }
        _ => None,
    };
    Ok(Renaming { names, moved })
}

/// `moved old to new`, behind the declaration.
fn moved(db: &Database, symbol: &Symbol, old: &str, new: &str) -> Option<(FileEdit, String)> {
    let place = db.definition_body(symbol)?;
    let text = db.text(place.file);
    let rest = text.get(place.range.end as usize..).unwrap_or_default();
    let line = rest.find('\n').map_or(rest.len(), |at| at + 1);
    let at = place.range.end + u32::try_from(line).unwrap_or(0);
    let ends = text.get(..at as usize).is_some_and(|t| t.ends_with('\n'));
    let before = if ends { "" } else { "\n" };
    let external = (
        plat_model::NodePath::from(old).external_name(),
        plat_model::NodePath::from(new).external_name(),
    );
    let what = format!(
        "What is deployed as `{}` becomes `{}` and is not made anew",
        external.0, external.1
    );
    Some((
        FileEdit {
            file: place.file,
            range: TextRange::empty(at),
            text: format!("{before}\nmoved {old} to {new}\n"),
        },
        what,
    ))
}

/// Is it one word that is no keyword?
fn is_name(text: &str) -> bool {
    match lexemes(text).as_slice() {
        [one] => {
            one.kind == LexemeKind::Token(SyntaxKind::Ident)
                && one.range.len() as usize == text.len()
                && text != "_"
        }
        _ => false,
    }
}
