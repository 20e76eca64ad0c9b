//! Tokens, commas and comments in one row, with the line breaks between them.

use super::layout::{Commas, Layout};
use crate::kind::SyntaxKind as K;
use crate::lexer::{Comment, Token};
use crate::tree::TextRange;

/// What a piece is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    Token,
    Open,
    Close,
    Comma,
    Comment,
}

/// A piece of the text, in the order in which it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) what: What,
    pub(super) kind: K,
    pub(super) range: TextRange,
    /// It begins a line.
    pub(super) breaks: bool,
    /// And there was a blank line before it.
    pub(super) blank: bool,
}

/// The row of pieces, with line breaks and commas as they shall be.
pub(super) fn pieces(
    text: &str,
    tokens: &[Token],
    comments: &[Comment],
    layout: &Layout,
) -> Vec<Piece> {
    let mut pieces = row(text, tokens, comments);
    join_else(&mut pieces, layout);
    let multi = break_brackets(&mut pieces);
    settle_commas(&pieces, &multi, layout)
}

/// Tokens and comments as they are in the source; but a comma stands right after the token before it, even
/// if there was a comment between.
fn row(text: &str, tokens: &[Token], comments: &[Comment]) -> Vec<Piece> {
    let mut row: Vec<Piece> = Vec::with_capacity(tokens.len() + comments.len());
    let mut comments = comments.iter().peekable();
    let mut written = 0;
    let mut broken = true;
    for (i, token) in tokens.iter().enumerate() {
        if token.kind == K::Comma {
            broken |= token.newline;
            written = written.max(token.end);
            continue;
        }
        while let Some(comment) = comments.next_if(|c| c.range.start < token.start) {
            row.push(Piece {
                what: What::Comment,
                kind: K::Docs,
                range: comment.range,
                breaks: !comment.trailing,
                blank: is_blank(text, written, comment.range.start),
            });
            written = written.max(comment.range.end);
            broken = true;
        }
        if token.kind == K::Eof {
            break;
        }
        row.push(Piece {
            what: match token.kind {
                K::LBrace | K::LBracket | K::LParen | K::InterpStart => What::Open,
                K::RBrace | K::RBracket | K::RParen | K::InterpEnd => What::Close,
                _ => What::Token,
            },
            kind: token.kind,
            range: token.range(),
            breaks: token.newline || broken,
            blank: is_blank(text, written, token.start),
        });
        written = token.end;
        broken = false;
        if let Some(comma) = tokens.get(i + 1).filter(|t| t.kind == K::Comma) {
            row.push(Piece {
                what: What::Comma,
                kind: K::Comma,
                range: comma.range(),
                breaks: false,
                blank: false,
            });
        }
    }
    row
}

fn is_blank(text: &str, from: u32, to: u32) -> bool {
    let gap = TextRange::new(from, to).slice(text);
    gap.bytes().filter(|b| *b == b'\n').count() > 1
}

/// `else` stands on the line of the `}` before it.
fn join_else(row: &mut [Piece], layout: &Layout) {
    let mut after_comment = false;
    for piece in row {
        if piece.what != What::Comment
            && !after_comment
            && layout.joined.contains(&piece.range.start)
        {
            piece.breaks = false;
        }
        after_comment = piece.what == What::Comment;
    }
}

/// A bracket with a line break directly in it gets one at each of its ends. Gives, for each opening piece,
/// whether it is one.
fn break_brackets(row: &mut [Piece]) -> Vec<bool> {
    let mut multi = vec![false; row.len()];
    let mut open: Vec<usize> = Vec::new();
    for (i, piece) in row.iter().enumerate() {
        if piece.breaks
            && let Some(slot) = open.last().and_then(|o| multi.get_mut(*o))
        {
            *slot = true;
        }
        // A comment on the line of the bracket breaks it as well; so does what comes after the comment.
        match piece.what {
            What::Open => open.push(i),
            What::Close => {
                open.pop();
            }
            _ => {}
        }
    }
    let mut opened: Option<bool> = None;
    for (i, piece) in row.iter_mut().enumerate() {
        if opened == Some(true) && piece.what != What::Comment {
            piece.breaks = true;
        }
        opened = None;
        let is_multi = multi.get(i).copied().unwrap_or(false);
        match piece.what {
            What::Open => {
                open.push(i);
                opened = Some(is_multi);
            }
            What::Close => {
                let of = open.pop();
                if of.is_some_and(|o| multi.get(o).copied().unwrap_or(false)) {
                    piece.breaks = true;
                }
            }
            _ => {}
        }
    }
    multi
}

/// Leaves commas out and puts commas in.
fn settle_commas(row: &[Piece], multi: &[bool], layout: &Layout) -> Vec<Piece> {
    let mut settled = Vec::with_capacity(row.len());
    let mut open: Vec<usize> = Vec::new();
    for (i, piece) in row.iter().enumerate() {
        match piece.what {
            What::Comma => continue,
            What::Open => open.push(i),
            What::Close => {
                open.pop();
            }
            _ => {}
        }
        settled.push(*piece);
        if piece.what == What::Comment || piece.what == What::Open {
            continue;
        }
        let has = row.get(i + 1).is_some_and(|n| n.what == What::Comma);
        let next = row
            .iter()
            .skip(i + 1)
            .find(|n| !matches!(n.what, What::Comma | What::Comment));
        let ends_line = next.is_none_or(|n| n.breaks);
        let last = next.is_none_or(|n| n.what == What::Close);
        let is_multi = open
            .last()
            .is_some_and(|o| multi.get(*o).copied().unwrap_or(false));
        let bracket = open.last().and_then(|o| row.get(*o)).map(|o| o.range.start);
        let wanted = match layout.commas_in(bracket) {
            _ if layout.kept.contains(&piece.range.end) => has,
            Commas::Each if last => is_multi && layout.ends.contains(&piece.range.end),
            Commas::Each if ends_line => has || layout.ends.contains(&piece.range.end),
            Commas::BetweenOnly if last || ends_line => false,
            Commas::NotLast if last => false,
            _ => has,
        };
        if wanted {
            let range = TextRange::empty(piece.range.end);
            settled.push(Piece {
                what: What::Comma,
                kind: K::Comma,
                range,
                breaks: false,
                blank: false,
            });
        }
    }
    settled
}
