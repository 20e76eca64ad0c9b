//! Diagnostics as queries hold them: at places in items, not in files, so that moving an item
//! changes none of them.

use std::sync::Arc;

use plat_syntax::{Diagnostic, Severity, SyntaxKind, TextRange};

use crate::db::{Db, ItemId, Space, display_path, file_range, parsed};

/// A range in an item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct Spot {
    /// The item.
    pub item: ItemId,
    /// Relative to the item.
    pub range: Span,
}

/// A range of bytes, relative to an item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, salsa::SalsaValue)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl From<TextRange> for Span {
    fn from(range: TextRange) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

impl From<Span> for TextRange {
    fn from(span: Span) -> Self {
        TextRange::new(span.start, span.end)
    }
}

impl Spot {
    /// A range of an item.
    pub fn new(item: ItemId, range: TextRange) -> Self {
        Self {
            item,
            range: range.into(),
        }
    }

    /// The file as it is shown, and the range in it.
    pub fn resolve(self, db: &dyn Db) -> (Arc<str>, TextRange) {
        let file = display_path(db, self.item.file(db));
        (file, file_range(db, self.item, self.range.into()))
    }
}

/// What a diagnostic has in common with those of the same mistake: see `mistakes.rs`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub enum Cause {
    /// A name that nothing has, and what was looked for.
    Name(Space, Arc<str>),
    /// A field or an out that a kind does not have.
    Member(ItemId, Arc<str>),
    /// A `let` whose value fits nowhere that it is used.
    Value(ItemId),
    /// A name is written in the wrong way: this is the right one, which others may use already.
    Misnamed(Arc<str>),
    /// A definition lacks its name: whatever it is, others miss it.
    Nameless,
    /// A value of this type, which has no parts, is asked for one.
    Partless(Arc<str>),
    /// A word that is none of those that may stand there.
    Word,
}

/// A diagnostic at places in items.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct Diag {
    code: &'static str,
    warning: bool,
    message: String,
    spot: Spot,
    label: Option<String>,
    related: Vec<(Spot, String)>,
    notes: Vec<String>,
    help: Option<String>,
    fix: Option<(String, Spot, String)>,
    rename: Option<(String, String)>,
    cause: Option<Cause>,
}

impl Diag {
    /// An error.
    pub fn error(code: &'static str, spot: Spot, message: impl Into<String>) -> Self {
        Self {
            code,
            warning: false,
            message: message.into(),
            spot,
            label: None,
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
            rename: None,
            cause: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, spot: Spot, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::error(code, spot, message)
        }
    }

    /// Says something at the place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, spot: Spot, text: impl Into<String>) -> Self {
        self.related.push((spot, text.into()));
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Offers a replacement.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, spot: Spot, text: impl Into<String>) -> Self {
        self.fix = Some((title.into(), spot, text.into()));
        self
    }

    /// Offers to give a name another form wherever it stands in the file.
    #[must_use]
    pub fn rename(mut self, old: impl Into<String>, new: impl Into<String>) -> Self {
        let new = new.into();
        self.cause = Some(Cause::Misnamed(Arc::from(new.as_str())));
        self.rename = Some((old.into(), new));
        self
    }

    /// Says what it has in common with others of the same mistake.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.cause = Some(cause);
        self
    }

    /// It misses this name, the last one of a path.
    #[must_use]
    pub fn misses(self, space: Space, path: &str) -> Self {
        let name = path.rsplit('.').next().unwrap_or(path);
        self.because(Cause::Name(space, Arc::from(name)))
    }

    /// What it has in common with others of the same mistake, if it may be one of several.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Proposes the nearest of the names there are, as a help and as a fix.
    #[must_use]
    pub fn suggest(mut self, wrong: &str, spot: Spot, names: &[&str]) -> Self {
        if !self.warning && self.message.contains(wrong) {
            self.cause.get_or_insert(Cause::Word);
        }
        match crate::suggest::nearest(wrong, names.iter().copied()) {
            Some(near) => {
                let near = near.to_owned();
                self.help(format!("did you mean `{near}`?")).fix(
                    format!("write `{near}`"),
                    spot,
                    near,
                )
            }
            None => self,
        }
    }

    /// Where it is.
    pub fn spot(&self) -> Spot {
        self.spot
    }

    /// Its sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same at another place.
    #[must_use]
    pub fn moved_to(mut self, spot: Spot) -> Self {
        self.spot = spot;
        self.fix = None;
        self
    }

    /// Its code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Whether the program cannot be used.
    pub fn is_error(&self) -> bool {
        !self.warning
    }

    /// The diagnostic as it is shown, with places in files.
    pub fn resolve(&self, db: &dyn Db) -> Diagnostic {
        let (file, range) = self.spot.resolve(db);
        let mut shown = Diagnostic::error(self.code, &file, range, self.message.clone());
        if self.warning {
            shown.severity = Severity::Warning;
        }
        if let Some(label) = &self.label {
            shown = shown.with_label(label);
        }
        for (spot, text) in &self.related {
            let (file, range) = spot.resolve(db);
            shown = shown.with_related(&file, range, text);
        }
        for note in &self.notes {
            shown = shown.with_note(note);
        }
        if let Some(help) = &self.help {
            shown = shown.with_help(help);
        }
        if let Some((title, spot, text)) = &self.fix {
            let (fix_file, range) = spot.resolve(db);
            // A fix is written in the language, not in a document's.
            if fix_file == file && spot.item.space(db) != crate::db::Space::Data {
                shown = shown.with_fix(title, range, text);
            }
        }
        if let Some((old, new)) = &self.rename {
            let item = self.spot.item;
            // Two things of one name would be another mistake.
            if names_in_file(db, item, new).is_empty() {
                for range in names_in_file(db, item, old) {
                    shown = shown.with_fix(format!("write `{new}` in this file"), range, new);
                }
            }
        }
        shown
    }
}

/// Where a name stands in the file of an item.
fn names_in_file(db: &dyn Db, item: ItemId, name: &str) -> Vec<TextRange> {
    let items = &parsed(db, item.file(db)).parse.items;
    let mut ranges = Vec::new();
    for item in items {
        for node in item.tree.nodes() {
            let named = matches!(
                node.kind(),
                SyntaxKind::Name | SyntaxKind::NameRef | SyntaxKind::TypeName
            );
            if named && node.text() == name && node.children().next().is_none() {
                ranges.push(node.range().shifted(item.offset));
            }
        }
    }
    ranges
}
