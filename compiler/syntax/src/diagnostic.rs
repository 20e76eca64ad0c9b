//! The one type of diagnostic, for the terminal, the editor, JSON and SARIF.

use crate::tree::TextRange;
use serde::Serialize;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can be made of this program.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// A place in a file, with what is to be said of it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
pub struct Label {
    /// The file, as it is shown: relative to the package.
    pub file: Arc<str>,
    /// The bytes in the file.
    pub range: TextRange,
    /// A few words shown at the place. None just marks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A replacement of some text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
pub struct TextEdit {
    /// The file, as in [`Label::file`].
    pub file: Arc<str>,
    /// The bytes to replace; empty to insert.
    pub range: TextRange,
    /// What comes instead.
    pub new_text: String,
}

/// Edits that repair what the diagnostic speaks of; an editor offers them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize)]
pub struct Fix {
    /// What it does, in a few words: "write `=`".
    pub title: String,
    /// Not overlapping.
    pub edits: Vec<TextEdit>,
}

/// Something to tell about the source.
///
/// The fields are public: build one with [`Diagnostic::error`] or [`Diagnostic::warning`] and the `with_…`
/// methods. It is a value: whoever finds it returns it, and only the edge of the program shows it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct Diagnostic {
    /// `E0312` or `W0601`: phase and number, never reused. `platc explain` tells more.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence in the user's terms, without a full stop.
    pub message: String,
    /// The place it is about.
    pub primary: Label,
    /// Other places that matter, in the order to show them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Label>,
    /// The other places where the same mistake shows: all that miss one definition. In the order of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Label>,
    /// What the actual values are, and other facts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Edits that repair it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// An error with this code and message at this place.
    pub fn error(
        code: &'static str,
        file: &Arc<str>,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label {
                file: file.clone(),
                range,
                text: None,
            },
            related: Vec::new(),
            also: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// A warning with this code and message at this place.
    pub fn warning(
        code: &'static str,
        file: &Arc<str>,
        range: TextRange,
        message: impl Into<String>,
    ) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, file, range, message)
        }
    }

    /// Says something at the primary place.
    #[must_use]
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = Some(text.into());
        self
    }

    /// Adds another place.
    #[must_use]
    pub fn with_related(
        mut self,
        file: &Arc<str>,
        range: TextRange,
        text: impl Into<String>,
    ) -> Self {
        self.related.push(Label {
            file: file.clone(),
            range,
            text: Some(text.into()),
        });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Offers one replacement, in the file of the primary place.
    #[must_use]
    pub fn with_fix(
        mut self,
        title: impl Into<String>,
        range: TextRange,
        new_text: impl Into<String>,
    ) -> Self {
        let edit = TextEdit {
            file: self.primary.file.clone(),
            range,
            new_text: new_text.into(),
        };
        match &mut self.fix {
            Some(fix) => fix.edits.push(edit),
            None => {
                self.fix = Some(Fix {
                    title: title.into(),
                    edits: vec![edit],
                })
            }
        }
        self
    }

    /// Every place that it speaks of, its own first.
    pub fn labels(&self) -> impl Iterator<Item = &Label> + Clone {
        std::iter::once(&self.primary)
            .chain(&self.related)
            .chain(&self.also)
    }

    /// The order in which diagnostics are shown: by file, place, code, message.
    pub fn order(&self) -> (&str, TextRange, &'static str, &str) {
        (
            &self.primary.file,
            self.primary.range,
            self.code,
            &self.message,
        )
    }
}

/// A code at length, for `platc explain`. Each phase keeps its own list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// `E0101`.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Markdown: what it means, an example that fails, the same example repaired.
    pub text: &'static str,
}
