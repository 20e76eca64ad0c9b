//! Text to tokens to tree, and back: lexer, parser, formatter and the diagnostic type of plat.
//!
//! Parsing never fails: [`parse`] gives a tree for any text, with error nodes where it could not be read,
//! and the diagnostics beside it. The tree is flat, one per top-level item, and knows its item's text; see
//! [`tree`]. Nobody reads nodes by hand: [`ast`] is the typed view.
//!
//! Architecture invariant: this crate depends on no other crate of ours, does no I/O, and knows neither
//! salsa nor the language server, neither kinds nor types nor names. It does not say what a program means.
//!
//! Read [`ast`] first, then [`kind`] and [`tree`]; then the way of the text: `lexer.rs` makes tokens, `brackets.rs`
//! balances them, `grammar.rs` makes trees, `mistake.rs` knows what can be wrong and `consequences.rs` what need not
//! be told. `format.rs` goes back.

pub mod ast;
mod brackets;
mod consequences;
pub mod diagnostic;
mod explain;
mod format;
mod grammar;
pub mod kind;
mod lexer;
mod lines;
mod mistake;
mod strings;
mod text;
mod tokens;
pub mod tree;

pub use diagnostic::{Diagnostic, Explanation, Fix, Label, Severity, TextEdit};
pub use explain::{EXPLANATIONS, explain};
pub use format::format;
pub use kind::SyntaxKind;
pub use lines::LineIndex;
pub use text::decode;
pub use tokens::{Lexeme, LexemeKind, lexemes};
pub use tree::{Node, NodeId, TextRange, Tree};

use std::sync::Arc;

/// More mistakes than this in one file are counted, not told.
const MAX_DIAGNOSTICS: usize = 100;

/// What [`parse`] makes of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parse {
    /// The top-level items, in the order of the file.
    pub items: Vec<ParsedItem>,
    /// What is wrong with the text, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// One top-level item: its tree, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsedItem {
    /// The byte of the file at which the tree's text begins: add it to the tree's ranges.
    pub offset: u32,
    /// The tree, which knows nothing of where it stands.
    pub tree: Tree,
}

/// Reads a file. Never fails, never panics, in time linear in the text.
///
/// `file` is the path that diagnostics show. A text of 2 GiB or more is refused with a diagnostic.
pub fn parse(file: &Arc<str>, text: &str) -> Parse {
    if i32::try_from(text.len()).is_err() {
        let told = Diagnostic::error(
            "E0102",
            file,
            TextRange::default(),
            "this file is too large to be read",
        )
        .with_note(format!(
            "it has {} bytes; at most {} are read",
            text.len(),
            i32::MAX
        ));
        return Parse {
            items: Vec::new(),
            diagnostics: vec![told],
        };
    }
    let lexed = lexer::lex(text);
    let docs = lexed
        .comments
        .iter()
        .filter(|c| c.docs)
        .map(|c| c.range)
        .collect();
    let mut mistakes = lexed.mistakes;
    let balanced = brackets::balance(lexed.tokens, &mut mistakes);
    let (trees, more) = grammar::parse(text, &balanced, docs);
    mistakes.extend(more);
    Parse {
        items: trees
            .into_iter()
            .map(|(offset, tree)| ParsedItem { offset, tree })
            .collect(),
        diagnostics: tell(
            file,
            text,
            consequences::without(text, &balanced.tokens, mistakes),
        ),
    }
}

fn tell(file: &Arc<str>, text: &str, mistakes: Vec<mistake::Mistake>) -> Vec<Diagnostic> {
    let untold = mistakes.len().saturating_sub(MAX_DIAGNOSTICS);
    let mut diagnostics: Vec<Diagnostic> = mistakes
        .into_iter()
        .take(MAX_DIAGNOSTICS)
        .map(|m| m.diagnostic(file, text))
        .collect();
    if untold > 0
        && let Some(last) = diagnostics.last_mut()
    {
        last.notes
            .push(format!("{untold} more mistakes in this file are not shown"));
    }
    diagnostics
}
