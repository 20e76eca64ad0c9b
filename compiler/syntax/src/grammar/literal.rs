//! Numbers and strings.

use super::basics::*;
use super::{Ref, Rule};
use crate::kind::SyntaxKind as K;
use crate::mistake::Mistake;
use chumsky::prelude::{choice, custom};

const A_VALUE: &str = "a value";

pub(super) fn number<'t>() -> impl Rule<'t> {
    choice((
        leaf(K::Int, K::NumberLit),
        leaf(K::Decimal, K::NumberLit),
        leaf(K::Quantity, K::NumberLit),
    ))
}

/// A number or a plain string: what patterns and types may be made of.
pub(super) fn literal<'t>(place: &'static str) -> impl Rule<'t> {
    choice((number(), plain_string(place)))
}

/// A string whose holes are read by this rule.
pub(super) fn string<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let hole = bracketed(K::InterpStart, "}", must_or(expr, A_VALUE, K::Error));
    custom(move |inp: &mut Ref<'t, '_>| {
        string_with(inp, |inp| {
            tried(inp, &hole);
        })
    })
}

/// A string that may have no holes; `place` says where it stands.
pub(super) fn plain_string<'t>(place: &'static str) -> impl Rule<'t> {
    let hole = bracketed(K::InterpStart, "}", skip_rest());
    custom(move |inp: &mut Ref<'t, '_>| {
        string_with(inp, |inp| {
            let range = peek(inp, 0).range();
            complain(inp.state(), Mistake::HoleInPlain { range, place });
            tried(inp, &hole);
        })
    })
}

fn skip_rest<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        while !closes(peek(inp, 0).kind) {
            skip_element(inp);
            if peek(inp, 0).kind == K::Comma {
                bump(inp);
            }
        }
        Ok(())
    })
}

fn string_with<'t>(inp: &mut Ref<'t, '_>, mut hole: impl FnMut(&mut Ref<'t, '_>)) -> Done {
    let token = peek(inp, 0);
    if !matches!(token.kind, K::StringStart | K::BlockStart) {
        return no();
    }
    let mark = mark(inp);
    bump(inp);
    loop {
        match peek(inp, 0).kind {
            K::StringText => bump_leaf(inp, K::StringText),
            K::InterpStart => hole(inp),
            K::StringEnd => {
                bump(inp);
                break;
            }
            _ => break,
        }
    }
    finish(inp, K::StringLit, mark, token.start);
    Ok(())
}
