//! The tokens of a text with its comments, for those who colour it.

use crate::kind::SyntaxKind;
use crate::lexer;
use crate::tree::TextRange;

/// A piece of a text that is no blank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lexeme {
    /// What it is.
    pub kind: LexemeKind,
    /// Where it stands; never empty.
    pub range: TextRange,
}

/// What a piece of a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LexemeKind {
    /// A token. Words that are keywords only in their place are [`SyntaxKind::Ident`]: they are
    /// keywords where the tree has no name at their range.
    Token(SyntaxKind),
    /// A run of `///` lines.
    Docs,
    /// `// …`
    Comment,
}

/// The pieces of a text in its order: every byte of it stands in one of them, or is a blank.
pub fn lexemes(text: &str) -> Vec<Lexeme> {
    let lexed = lexer::lex(text);
    let tokens = lexed.tokens.iter().map(|token| Lexeme {
        kind: LexemeKind::Token(token.kind),
        range: TextRange::new(token.start, token.end),
    });
    let comments = lexed.comments.iter().map(|comment| Lexeme {
        kind: if comment.docs {
            LexemeKind::Docs
        } else {
            LexemeKind::Comment
        },
        range: comment.range,
    });
    let mut all: Vec<Lexeme> = tokens.chain(comments).collect();
    // What was put in where something is missing is no text.
    all.retain(|lexeme| !lexeme.range.is_empty());
    all.sort_by_key(|lexeme| lexeme.range);
    all
}
