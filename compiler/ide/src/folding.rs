//! What can be folded away.

use plat_semantics::{Database, FileId};
use plat_syntax::{LexemeKind, SyntaxKind, TextRange, lexemes};

/// What a fold hides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoldKind {
    /// The inside of brackets.
    Code,
    /// Comments below each other, or documentation.
    Comment,
    /// `use`s below each other.
    Imports,
}

/// A piece of text that can be folded away: from the end of its first line on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// What it hides.
    pub kind: FoldKind,
    /// The text, with its brackets. It goes over several lines.
    pub range: TextRange,
}

/// What can be folded of a file, in its order.
pub fn folds(db: &Database, file: FileId) -> Vec<Fold> {
    let text = db.text(file);
    let mut folds = Vec::new();
    let mut add = |kind, range: TextRange| {
        if range.slice(text).contains('\n') {
            folds.push(Fold { kind, range });
        }
    };
    let mut open: Vec<(SyntaxKind, u32)> = Vec::new();
    // The comments since the last token.
    let mut comments: Option<TextRange> = None;
    for lexeme in lexemes(text) {
        match lexeme.kind {
            LexemeKind::Comment | LexemeKind::Docs => {
                comments = Some(match comments {
                    Some(run) if adjacent(text, run, lexeme.range) => run.cover(lexeme.range),
                    Some(run) => {
                        add(FoldKind::Comment, run);
                        lexeme.range
                    }
                    None => lexeme.range,
                });
                continue;
            }
            LexemeKind::Token(kind) => match partner(kind, lexeme.range) {
                Partner::Opens => open.push((kind, lexeme.range.start)),
                Partner::Closes(opening) => {
                    // What was left open inside of it has no end.
                    if let Some(at) = open.iter().rposition(|(kind, _)| *kind == opening) {
                        let start = open.get(at).map_or(0, |(_, start)| *start);
                        open.truncate(at);
                        add(FoldKind::Code, TextRange::new(start, lexeme.range.end));
                    }
                }
                Partner::Neither => {}
            },
        }
        if let Some(run) = comments.take() {
            add(FoldKind::Comment, run);
        }
    }
    if let Some(run) = comments {
        add(FoldKind::Comment, run);
    }
    let mut imports: Option<TextRange> = None;
    for item in &db.parse(file).items {
        let node = item.tree.root();
        if node.kind() == SyntaxKind::Use {
            let range = node.range().shifted(item.offset);
            imports = Some(imports.map_or(range, |run| run.cover(range)));
        } else if let Some(run) = imports.take() {
            add(FoldKind::Imports, run);
        }
    }
    if let Some(run) = imports {
        add(FoldKind::Imports, run);
    }
    folds.sort_by_key(|fold| (fold.range.start, std::cmp::Reverse(fold.range.end)));
    folds
}

/// Does nothing but one line break stand between them?
fn adjacent(text: &str, before: TextRange, after: TextRange) -> bool {
    let gap = TextRange::new(before.end, after.start).slice(text);
    gap.trim().is_empty() && gap.matches('\n').count() <= 1
}

enum Partner {
    Opens,
    Closes(SyntaxKind),
    Neither,
}

fn partner(kind: SyntaxKind, range: TextRange) -> Partner {
    use SyntaxKind as K;
    match kind {
        K::LBrace | K::LBracket | K::LParen | K::BlockStart => Partner::Opens,
        K::RBrace => Partner::Closes(K::LBrace),
        K::RBracket => Partner::Closes(K::LBracket),
        K::RParen => Partner::Closes(K::LParen),
        // The three quotes of a block; one ends a text that stands on one line.
        K::StringEnd if range.len() == 3 => Partner::Closes(K::BlockStart),
        _ => Partner::Neither,
    }
}
