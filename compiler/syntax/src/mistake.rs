//! What can be wrong with a text, and how it is told.
//!
//! The lexer, the bracket pass and the grammar only note what they met and where; the words are made here,
//! once, with the text at hand.

mod tell;

use crate::diagnostic::Diagnostic;
use crate::kind::SyntaxKind as K;
use crate::tree::TextRange;
use std::sync::Arc;

/// A token as a mistake speaks of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    pub(crate) kind: K,
    pub(crate) range: TextRange,
    /// Does it begin a line?
    pub(crate) newline: bool,
}

/// Where an item stands that may not stand there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Context {
    File,
    /// An `if` or `for` over declarations outside of any kind.
    FileBlock,
    App,
    Kind,
    /// An `if` or `for` over declarations in a kind.
    KindBlock,
    /// The fields of a declaration, of `each`, `policy`, `waive`, `test`: nothing but fields.
    Fields,
    Env,
    /// The computed members of a type.
    Members,
}

/// One mistake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mistake {
    OpenString {
        range: TextRange,
        block: bool,
    },
    OpenHole {
        range: TextRange,
    },
    OpenBracket {
        open: TextRange,
        end: TextRange,
    },
    StrayCloser {
        range: TextRange,
    },
    WrongCloser {
        open: TextRange,
        range: TextRange,
    },
    TooDeep {
        range: TextRange,
        brackets: bool,
    },
    UnknownText {
        range: TextRange,
    },
    ForeignBlank {
        range: TextRange,
        c: char,
    },
    ForeignName {
        range: TextRange,
    },
    ForeignString {
        range: TextRange,
        open_len: u32,
        close_len: u32,
    },
    ForeignComment {
        range: TextRange,
        opening: TextRange,
    },
    ForeignOperator {
        range: TextRange,
        ours: &'static str,
    },
    UnknownEscape {
        range: TextRange,
    },
    /// Something is missing between two tokens.
    Expected {
        what: &'static str,
        before: Found,
        found: Found,
    },
    /// No element begins with this.
    Unexpected {
        what: &'static str,
        found: Found,
    },
    /// An element ended, and something else than a comma or a new line follows.
    Unseparated {
        before: Found,
        found: Found,
    },
    /// A bracket should close here.
    Unclosed {
        bracket: &'static str,
        before: Found,
        found: Found,
    },
    ColonForEquals {
        range: TextRange,
    },
    EqualsForColon {
        range: TextRange,
    },
    DoubleEquals {
        range: TextRange,
    },
    /// `require a, "message"`
    CommaForElse {
        range: TextRange,
    },
    /// A `{`, a name or a type that begins a line; what it belongs to ended at `end`.
    OnItsOwn {
        range: TextRange,
        end: u32,
    },
    Misplaced {
        kind: K,
        context: Context,
        range: TextRange,
    },
    /// A word such as `pub` before something that it does not belong to.
    MisplacedWord {
        range: TextRange,
    },
    Chained {
        first: TextRange,
        second: TextRange,
    },
    /// `if`, `not` or a closure, which reach as far as they can, after an operator.
    Operand {
        range: TextRange,
    },
    /// An operator after `is` or `with` that binds tighter than they do.
    Unparenthesised {
        first: TextRange,
        second: TextRange,
    },
    NoElse {
        range: TextRange,
        end: TextRange,
    },
    HoleInPlain {
        range: TextRange,
        place: &'static str,
    },
}

impl Mistake {
    /// The place it is about; mistakes are told in this order.
    pub(crate) fn range(&self) -> TextRange {
        match *self {
            Mistake::OpenString { range, .. }
            | Mistake::OpenHole { range }
            | Mistake::StrayCloser { range }
            | Mistake::TooDeep { range, .. }
            | Mistake::WrongCloser { range, .. }
            | Mistake::UnknownText { range }
            | Mistake::ForeignBlank { range, .. }
            | Mistake::ForeignName { range }
            | Mistake::ForeignString { range, .. }
            | Mistake::ForeignComment { range, .. }
            | Mistake::ForeignOperator { range, .. }
            | Mistake::UnknownEscape { range }
            | Mistake::ColonForEquals { range }
            | Mistake::EqualsForColon { range }
            | Mistake::DoubleEquals { range }
            | Mistake::CommaForElse { range }
            | Mistake::OnItsOwn { range, .. }
            | Mistake::Misplaced { range, .. }
            | Mistake::MisplacedWord { range }
            | Mistake::Operand { range }
            | Mistake::HoleInPlain { range, .. }
            | Mistake::NoElse { range, .. } => range,
            Mistake::OpenBracket { open, .. } => open,
            Mistake::Unexpected { found, .. } => found.range,
            Mistake::Chained { second, .. } | Mistake::Unparenthesised { second, .. } => second,
            Mistake::Expected { before, found, .. }
            | Mistake::Unseparated { before, found }
            | Mistake::Unclosed { before, found, .. } => place(before, found),
        }
    }

    /// Is it about how the parts of the text belong together, so that one may follow from another?
    pub(crate) fn is_structural(&self) -> bool {
        matches!(
            self,
            Mistake::OpenString { .. }
                | Mistake::OpenHole { .. }
                | Mistake::OpenBracket { .. }
                | Mistake::StrayCloser { .. }
                | Mistake::UnknownText { .. }
                | Mistake::ForeignString { .. }
                | Mistake::WrongCloser { .. }
                | Mistake::Expected { .. }
                | Mistake::Unexpected { .. }
                | Mistake::Unseparated { .. }
                | Mistake::Unclosed { .. }
                | Mistake::Misplaced { .. }
                | Mistake::NoElse { .. }
        )
    }

    /// In words.
    pub(crate) fn diagnostic(self, file: &Arc<str>, text: &str) -> Diagnostic {
        tell::Teller { file, text }.tell(self)
    }
}

/// Where something is missing: at the token that stands there instead, or at the end of the line.
fn place(before: Found, found: Found) -> TextRange {
    if found.newline || found.kind == K::Eof || found.range.is_empty() {
        TextRange::empty(before.range.end)
    } else {
        found.range
    }
}
