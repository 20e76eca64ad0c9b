//! Where a blank stands between two pieces of a line.

use super::layout::Layout;
use super::pieces::{Piece, What};
use crate::kind::SyntaxKind as K;

/// Does a blank stand between these two?
pub(super) fn blank_between(before: &Piece, after: &Piece, layout: &Layout) -> bool {
    // A closure without parameters; `||` would be another token.
    let no_parameters = before.kind == K::Pipe && after.kind == K::Pipe;
    if after.what == What::Comment || no_parameters {
        return true;
    }
    let (left, right) = (before.range.start, after.range.start);
    match after.kind {
        K::Comma | K::Colon | K::RParen | K::RBracket | K::InterpEnd => return false,
        K::Dot | K::QuestionDot | K::DotDot | K::Question => return false,
        K::StringText | K::InterpStart | K::StringEnd => return false,
        K::LParen | K::LBracket if layout.tight.contains(&right) => return false,
        K::Lt | K::Gt | K::Pipe if layout.closing.contains(&right) => return false,
        K::RBrace => return !layout.narrow_group(before, after),
        _ => {}
    }
    match before.kind {
        K::LParen
        | K::LBracket
        | K::InterpStart
        | K::StringStart
        | K::BlockStart
        | K::StringText => false,
        K::InterpEnd | K::Dot | K::QuestionDot | K::DotDot => false,
        K::LBrace => !layout.narrow.contains(&left),
        K::Minus => !layout.signs.contains(&left),
        K::Lt | K::Pipe => !layout.opening.contains(&left),
        _ => true,
    }
}
