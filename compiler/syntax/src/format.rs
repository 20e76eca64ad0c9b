//! Tokens to text, in the one layout.
//!
//! The author decides what stands on a line of its own: a line break that is there stays, and none is put
//! between two fields. So it is with columns: where one `=` of the fields below each other is padded, all of them
//! are, to one column; where none is, none will be. All else is decided here: indentation, blanks, commas, at most
//! one blank line. A bracket with a line break directly in it has one after its opening
//! and one before its closing.
//!
//! In three steps: [`layout`] reads from the tree what tokens alone don't tell; [`pieces`] puts tokens, commas
//! and comments in one row, with the line breaks between them; here they are written, and [`align`] pads them.
//! The comments are popped from their sorted list between the tokens that they stand between: none is lost, and
//! none changes its neighbours.

mod align;
mod layout;
mod pieces;
mod spacing;

use crate::brackets;
use crate::diagnostic::Diagnostic;
use crate::kind::SyntaxKind as K;
use crate::lexer;
use crate::tree::TextRange;
use crate::{Parse, parse};
use align::{Line, Shape};
use layout::Layout;
use pieces::{Piece, What};
use std::sync::Arc;

/// How far the inside of a bracket is indented.
const STEP: usize = 4;

/// The text in the one layout. Formatting it again changes nothing.
///
/// # Errors
/// The diagnostics of [`parse`], if there are any: such a text is left alone. So is one that would read
/// differently afterwards, with `E0121`; that would be a mistake of the formatter.
pub fn format(file: &Arc<str>, text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(file, text);
    if !parsed.diagnostics.is_empty() {
        return Err(parsed.diagnostics);
    }
    let lexed = lexer::lex(text);
    let balanced = brackets::balance(lexed.tokens, &mut Vec::new());
    let layout = Layout::new(&balanced, &parsed);
    let pieces = pieces::pieces(text, &balanced.tokens, &lexed.comments, &layout);
    let formatted = align::join(write(text, &pieces, &layout));
    if !same(&parsed, &parse(file, &formatted)) {
        let told = Diagnostic::error(
            "E0121",
            file,
            TextRange::default(),
            "this file can't be formatted without changing its meaning, so it was left alone",
        );
        return Err(vec![told.with_help(
            "this is a mistake of the formatter: please report it with the file",
        )]);
    }
    Ok(formatted)
}

/// Do two parses say the same: the same nodes, with the same words in them?
fn same(a: &Parse, b: &Parse) -> bool {
    let words = |parse: &Parse| {
        let nodes = parse.items.iter().flat_map(|item| item.tree.nodes());
        let words = nodes.map(|node| {
            // Blanks between tokens don't count, but those in strings do.
            let verbatim = matches!(node.kind(), K::StringText | K::NumberLit);
            let leaf = node.children().next().is_none();
            let text = match (leaf, verbatim) {
                (true, true) => node.text().to_owned(),
                (true, false) => node.text().split_whitespace().collect(),
                (false, _) => String::new(),
            };
            (node.kind(), text)
        });
        words.collect::<Vec<_>>()
    };
    b.diagnostics.is_empty() && words(a) == words(b)
}

/// A bracket that is open while writing.
struct Group {
    /// The indentation of the line that it was opened on.
    indent: usize,
    /// Every group has its number.
    number: usize,
}

/// Writes the pieces on their lines.
fn write(text: &str, pieces: &[Piece], layout: &Layout) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut line = Line::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut opened = 0;
    // The next piece that is no comment.
    let mut code = 0;
    let mut before: Option<&Piece> = None;
    // Nothing has been written since a bracket was opened, but perhaps a comment on its line.
    let mut just_opened = true;
    for (n, piece) in pieces.iter().enumerate() {
        let inner = groups.last().map_or(0, |g| g.indent + STEP);
        let number = groups.last().map_or(0, |g| g.number);
        if piece.breaks || before.is_none() {
            let indent = match piece.what {
                What::Close => groups.last().map_or(0, |g| g.indent),
                What::Comment => comment_indent(pieces, n, &mut code, layout, inner),
                _ if layout.begins(piece.range.start) => inner,
                _ => inner + STEP,
            };
            let closes = piece.what == What::Close;
            let blank_before = piece.blank && !just_opened && !closes && indent <= inner;
            lines.push(std::mem::take(&mut line));
            line = Line {
                indent,
                blank_before,
                group: number,
                ..Line::default()
            };
        } else if before.is_some_and(|b| spacing::blank_between(b, piece, layout)) {
            line.text.push(' ');
        }
        let source = piece.range.slice(text);
        match piece.what {
            What::Comment if piece.breaks || before.is_none() => {
                line.shape = Shape::Comment;
                comment_lines(&mut lines, &mut line, source);
            }
            What::Comment => line.text.push_str(source.trim_end()),
            What::Comma => line.text.push(','),
            _ => {
                let padded = padded(text, piece.range.start);
                layout.shape_at(piece.range.start, number, padded, &mut line);
                line.text.push_str(source);
            }
        }
        match piece.what {
            What::Open => {
                opened += 1;
                groups.push(Group {
                    indent: line.indent,
                    number: opened,
                });
            }
            What::Close => {
                groups.pop();
            }
            _ => {}
        }
        just_opened = piece.what == What::Open
            || (just_opened && piece.what == What::Comment && !piece.breaks);
        before = Some(piece);
    }
    lines.push(line);
    lines
}

/// Has the author put more than one blank before this, on its line?
fn padded(text: &str, start: u32) -> bool {
    let before = TextRange::new(0, start).slice(text);
    // Only the blanks are looked at: a line may be a megabyte long.
    let stands_before = before.trim_end_matches([' ', '\t']).chars().next_back();
    before.ends_with("  ") && stands_before.is_some_and(|c| c != '\n')
}

/// A comment is indented as what it stands before. `code` is what was found for the one before: of a thousand comments
/// in a row each is looked at once.
fn comment_indent(
    pieces: &[Piece],
    at: usize,
    code: &mut usize,
    layout: &Layout,
    inner: usize,
) -> usize {
    if at == 0 || *code < at {
        let rest = pieces.iter().skip(at);
        *code = at + rest.take_while(|p| p.what == What::Comment).count();
    }
    match pieces.get(*code) {
        Some(next) if next.what != What::Close && !layout.begins(next.range.start) => inner + STEP,
        _ => inner,
    }
}

/// The lines of documentation are indented alike.
fn comment_lines(lines: &mut Vec<Line>, line: &mut Line, source: &str) {
    for (n, part) in source.lines().enumerate() {
        if n > 0 {
            let next = Line {
                indent: line.indent,
                group: line.group,
                shape: Shape::Comment,
                ..Line::default()
            };
            lines.push(std::mem::replace(line, next));
        }
        line.text.push_str(part.trim());
    }
}
