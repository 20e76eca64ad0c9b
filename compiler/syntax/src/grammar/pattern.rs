//! Patterns: after `is`, and in the arms of `match`.

use super::basics::*;
use super::literal::literal;
use super::{Ref, Rule};
use crate::kind::SyntaxKind as K;
use crate::lexer::Word;
use crate::tree::TextRange;
use chumsky::prelude::{Parser, choice, custom, recursive};

const A_PATTERN: &str = "a pattern";

/// A pattern, with its alternatives.
pub(super) fn pattern<'t>() -> impl Rule<'t> {
    recursive(|pattern| {
        let single = single(pattern.boxed()).boxed();
        custom(move |inp: &mut Ref<'t, '_>| deeper(inp, |inp| alternatives(inp, &single, false)))
    })
}

/// A pattern after `is`: there a `|` that begins a line begins a closure.
pub(super) fn tested<'t>() -> impl Rule<'t> {
    let single = single(pattern().boxed()).boxed();
    custom(move |inp: &mut Ref<'t, '_>| deeper(inp, |inp| alternatives(inp, &single, true)))
}

fn single<'t>(pattern: impl Rule<'t>) -> impl Rule<'t> {
    let any = choice((
        wild(),
        case(pattern).boxed(),
        node(K::PatName, leaf(K::Ident, K::Name)),
        literal_pattern().boxed(),
        leaf(K::Skipped, K::PatError),
        leaf(K::Unknown, K::PatError),
    ))
    .boxed();
    custom(move |inp: &mut Ref<'t, '_>| {
        if begins_member(inp) {
            return no();
        }
        inp.parse(&any)
    })
}

fn alternatives<'t>(inp: &mut Ref<'t, '_>, single: &impl Rule<'t>, one_line: bool) -> Done {
    let (first, start) = (mark(inp), peek(inp, 0).start);
    inp.parse(single)?;
    let mut several = false;
    loop {
        let bar = peek(inp, 0);
        if bar.kind != K::Pipe || (one_line && bar.newline) {
            break;
        }
        several = true;
        bump(inp);
        if !attempt(inp, single, A_PATTERN) {
            push_error(inp, K::PatError);
        }
    }
    if several {
        finish(inp, K::PatAlt, first, start);
    }
    Ok(())
}

fn wild<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).word != Word::Underscore {
            return no();
        }
        bump_leaf(inp, K::PatWild);
        Ok(())
    })
}

/// `some(size)`, `http(path: p)`
fn case<'t>(pattern: impl Rule<'t>) -> impl Rule<'t> {
    let name = custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if first.kind != K::Ident || second.kind != K::LParen || second.newline {
            return no();
        }
        bump_leaf(inp, K::Name);
        Ok(())
    });
    let part_name = custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if !first.kind.is_word() || second.kind != K::Colon {
            return no();
        }
        bump_leaf(inp, K::Name);
        bump(inp);
        Ok(())
    });
    let part = node(
        K::PatArg,
        choice((
            seq!(part_name, must_or(pattern.clone(), A_PATTERN, K::PatError)),
            pattern,
        )),
    );
    node(
        K::PatCase,
        seq!(name, bracketed(K::LParen, ")", separated(part, A_PATTERN))),
    )
}

/// `"gold"`, `-3`, `1..5`, `true`, `none`
fn literal_pattern<'t>() -> impl Rule<'t> {
    let value = choice((
        signed(),
        leaf(K::TrueKw, K::BoolLit),
        leaf(K::FalseKw, K::BoolLit),
        leaf(K::NoneKw, K::NoneLit),
    ))
    .boxed();
    let range = custom(move |inp: &mut Ref<'t, '_>| {
        let (first, start) = (mark(inp), peek(inp, 0).start);
        inp.parse(&value)?;
        if peek(inp, 0).kind == K::DotDot {
            bump(inp);
            if !attempt(inp, &value, "a value") {
                push_error(inp, K::Error);
            }
            finish(inp, K::Range, first, start);
        }
        Ok(())
    });
    node(K::PatLiteral, range)
}

fn signed<'t>() -> impl Rule<'t> {
    let literal = literal("a pattern").boxed();
    custom(move |inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        let negative = token.kind == K::Minus;
        let mark = mark(inp);
        if negative {
            inp.state()
                .push_leaf(K::Minus, TextRange::new(token.start, token.end));
            bump(inp);
        }
        inp.parse(&literal)?;
        if negative {
            finish(inp, K::Unary, mark, token.start);
        }
        Ok(())
    })
}
