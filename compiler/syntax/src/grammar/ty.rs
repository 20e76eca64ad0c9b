//! Types, and parameters.

use super::basics::*;
use super::expr::in_head;
use super::literal::literal;
use super::{Ref, Rule};
use crate::kind::SyntaxKind as K;
use crate::lexer::Word;
use chumsky::prelude::{Parser, choice, custom, recursive};

pub(super) const A_TYPE: &str = "a type";
const A_VALUE: &str = "a value";

/// A type, with its alternatives and its `where`.
pub(super) fn ty<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    recursive(move |ty| {
        let ty = ty.boxed();
        let single = choice((
            labelled(ty.clone()).boxed(),
            variant_case(ty.clone(), expr.clone()).boxed(),
            function(ty.clone()).boxed(),
            node(
                K::TypeList,
                bracketed(K::LBracket, "]", must_or(ty.clone(), A_TYPE, K::TypeError)),
            )
            .boxed(),
            record(ty.clone(), expr.clone()).boxed(),
            parenthesised(ty.clone()),
            node(K::TypeLiteral, literal("a type")).boxed(),
            named(ty).boxed(),
            leaf(K::Skipped, K::TypeError),
            leaf(K::Unknown, K::TypeError),
        ))
        .boxed();
        let condition = in_head(expr.clone()).boxed();
        custom(move |inp: &mut Ref<'t, '_>| {
            deeper(inp, |inp| alternatives(inp, &single, &condition))
        })
    })
}

fn alternatives<'t>(
    inp: &mut Ref<'t, '_>,
    single: &impl Rule<'t>,
    condition: &impl Rule<'t>,
) -> Done {
    let (first, start) = (mark(inp), peek(inp, 0).start);
    // A `|` may stand before the first case too, for those that stand below each other.
    if peek(inp, 0).kind == K::Pipe {
        further(inp, single);
    } else {
        let opening = peek(inp, 0).kind;
        inp.parse(single)?;
        optional(inp, opening, first, start);
    }
    if goes_on_with(inp, K::Pipe) {
        bare_case(inp, first);
        while goes_on_with(inp, K::Pipe) {
            further(inp, single);
        }
        finish(inp, K::TypeUnion, first, start);
    }
    let token = peek(inp, 0);
    if !inp.state().type_arguments
        && goes_on_with(inp, K::Ident)
        && token.word == Word::Where
        && !names_member(inp)
    {
        bump(inp);
        if !attempt(inp, condition, "a range or a condition") {
            push_error(inp, K::Error);
        }
        finish(inp, K::TypeRefined, first, start);
        let at = here(inp);
        inp.state().refined = at;
    }
    Ok(())
}

/// Does this token stand here, and no condition before it? A condition ends its type, also where that is in another.
fn goes_on_with(inp: &mut Ref<'_, '_>, kind: K) -> bool {
    let at = here(inp);
    peek(inp, 0).kind == kind && inp.state().refined != at
}

/// `| case`, with the documentation before the `|`.
fn further<'t>(inp: &mut Ref<'t, '_>, single: &impl Rule<'t>) {
    let at = here(inp);
    let docs = inp.state().docs_before(at);
    bump(inp);
    let (first, start, opening) = (mark(inp), peek(inp, 0).start, peek(inp, 0).kind);
    if !attempt(inp, single, A_TYPE) {
        push_error(inp, K::TypeError);
        return;
    }
    optional(inp, opening, first, start);
    bare_case(inp, first);
    let state = inp.state();
    if let Some(docs) = docs
        && state.nodes.last().is_some_and(|n| n.kind == K::VariantCase)
    {
        // The case again, with one child more.
        let case = state.nodes.pop();
        state.push_leaf(K::Docs, docs);
        if let Some(leaf) = state.nodes.pop() {
            state.nodes.insert(first, leaf);
        }
        let end = case.map_or(docs.end, |c| c.end);
        state.finish(K::VariantCase, first, docs.start, end);
    }
}

/// The `?` after a type: one, since none is none. Of what ends in a type that one has it.
fn optional(inp: &mut Ref<'_, '_>, opening: K, first: usize, start: u32) {
    let last = inp.state().nodes.last().map(|n| n.kind);
    let ends_in_type = matches!(last, Some(K::TypeLabelled | K::TypeFn)) && opening != K::LParen;
    if goes_on_with(inp, K::Question) && !ends_in_type {
        bump(inp);
        finish(inp, K::TypeOptional, first, start);
    }
}

/// In a union, a bare name in small letters is a case without parts.
fn bare_case(inp: &mut Ref<'_, '_>, first: usize) {
    let at = here(inp).saturating_sub(1);
    let state = inp.state();
    let name = state.token(at);
    // Name, Path, TypeName: one step, just pushed.
    let bare =
        state.nodes.len() == first + 3 && state.nodes.last().is_some_and(|n| n.kind == K::TypeName);
    if bare && name.small {
        state.nodes.truncate(first);
        let range = name.range();
        if let Some(docs) = state.docs_before(at) {
            state.push_leaf(K::Docs, docs);
        }
        state.push_leaf(K::Name, range);
        state.finish(K::VariantCase, first, range.start, range.end);
    }
}

/// These words go on after a type: none begins one.
fn ends_type(word: Word) -> bool {
    matches!(
        word,
        Word::Where | Word::Grants | Word::Changes | Word::Open
    )
}

/// `secret later Url`
fn labelled<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    let labels = custom(|inp: &mut Ref<'t, '_>| {
        let mut any = false;
        loop {
            let kind = match peek(inp, 0).word {
                Word::Secret => K::SecretKw,
                Word::Later => K::LaterKw,
                Word::Live => K::LiveKw,
                _ => break,
            };
            // A label only before a type: `x: secret` is the kind of that name.
            let next = peek(inp, 1);
            let open = peek(inp, 2);
            let case = open.kind == K::LParen && !open.newline && next.word != Word::Where;
            let word = next.kind == K::Ident && (case || !ends_type(next.word));
            let begins_type = word
                || matches!(
                    next.kind,
                    K::LBracket
                        | K::LBrace
                        | K::LParen
                        | K::StringStart
                        | K::BlockStart
                        | K::Int
                        | K::Decimal
                        | K::Quantity
                );
            if next.newline || !begins_type {
                break;
            }
            bump_leaf(inp, kind);
            any = true;
        }
        if any { Ok(()) } else { no() }
    });
    // The label covers one type and its `?`, not the alternatives after it.
    let inner = custom(move |inp: &mut Ref<'t, '_>| {
        if !attempt(inp, &ty, A_TYPE) {
            push_error(inp, K::TypeError);
        }
        Ok(())
    });
    node(K::TypeLabelled, seq!(labels, inner))
}

/// `implicit auto(range: Range<Int>, cpu: Percent = 80%)`
fn variant_case<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    let begins = custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if first.word == Word::Implicit && second.kind == K::Ident && !second.newline {
            bump_leaf(inp, K::ImplicitKw);
        } else if first.kind != K::Ident
            || matches!(first.word, Word::Fn | Word::Where)
            || second.kind != K::LParen
            || second.newline
        {
            return no();
        }
        bump_leaf(inp, K::Name);
        Ok(())
    });
    documented(K::VariantCase, seq!(begins, opt(params(ty, expr))))
}

/// `(a: Int, b: String = "x")`
pub(super) fn params<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    let list = separated(param(ty, expr), "a parameter, as in `size: Int`");
    let group = bracketed(K::LParen, ")", list);
    node(K::Params, on_line(group))
}

/// `a: Int where 1..5 = 3`
pub(super) fn param<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    let default = opt(seq!(token(K::Eq), must_or(expr, A_VALUE, K::Error)));
    documented(K::Param, seq!(param_name(), typed(ty), default))
}

/// In the type of a function: `Int`, `a: Int`.
fn type_param<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    let named = seq!(param_name(), typed(ty.clone()));
    documented(K::Param, choice((named, ty)))
}

/// The type after a `:`.
pub(super) fn typed<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    must_or(joined(ty, names_member), A_TYPE, K::TypeError)
}

fn param_name<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if !first.kind.is_word() || second.kind != K::Colon {
            return no();
        }
        bump_leaf(inp, K::Name);
        bump(inp);
        Ok(())
    })
}

/// `fn(Int, String): Bool`
fn function<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    let begins = custom(|inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).word != Word::Fn || peek(inp, 1).kind != K::LParen {
            return no();
        }
        bump(inp);
        Ok(())
    });
    let result = seq!(
        must(token(K::Colon), "`:` and the type of the result"),
        typed(ty.clone())
    );
    let list = separated(type_param(ty), "a type");
    let params = node(K::Params, on_line(bracketed(K::LParen, ")", list)));
    node(
        K::TypeFn,
        seq!(begins, must(params, "the parameters"), result),
    )
}

/// `{ a: Int, b: String? }`
fn record<'t>(ty: impl Rule<'t>, expr: impl Rule<'t>) -> impl Rule<'t> {
    let field = seq!(
        any_name(),
        must(token(K::Colon), "`:` and a type"),
        typed(ty),
        opt(grants()),
        opt(seq!(token(K::Eq), must_or(expr, A_VALUE, K::Error))),
        opt(grants()),
    );
    node(
        K::TypeRecord,
        bracketed(
            K::LBrace,
            "}",
            separated(documented(K::TypeField, field), "`NAME: Type`"),
        ),
    )
}

/// `grants read_write`
pub(super) fn grants<'t>() -> impl Rule<'t> {
    node(
        K::Grants,
        seq!(
            word(Word::Grants),
            must(head_name(), "the name of a permission")
        ),
    )
}

/// `("gold" | "silver")`: only groups, so it is no node.
fn parenthesised<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    bracketed(K::LParen, ")", must_or(ty, A_TYPE, K::TypeError))
}

/// `Int`, `acme.Tier`, `Range<Int>`
fn named<'t>(ty: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let first = peek(inp, 0);
        let at = here(inp);
        // After `|` nothing else than a type can be meant; and `Int where` is no declaration.
        let after_bar = inp.state().before(at).kind == K::Pipe;
        let goes_on = ends_type(peek(inp, 1).word);
        let member = begins_member(inp) && !after_bar && !goes_on;
        if first.kind != K::Ident || ends_type(first.word) || first.word == Word::Implicit || member
        {
            return no();
        }
        let mark = mark(inp);
        bump_leaf(inp, K::Name);
        while peek(inp, 0).kind == K::Dot && !peek(inp, 0).newline {
            bump(inp);
            attempt(inp, &member_name(), "a name");
        }
        finish(inp, K::Path, mark, first.start);
        let angle = peek(inp, 0);
        if angle.kind != K::Lt || angle.newline {
            finish(inp, K::TypeName, mark, first.start);
            return Ok(());
        }
        bump(inp);
        let outer = std::mem::replace(&mut inp.state().type_arguments, true);
        loop {
            if !attempt(inp, &ty, A_TYPE) {
                push_error(inp, K::TypeError);
                break;
            }
            if peek(inp, 0).kind != K::Comma {
                break;
            }
            bump(inp);
        }
        inp.state().type_arguments = outer;
        attempt(inp, &token(K::Gt), "`>`");
        finish(inp, K::TypeApp, mark, first.start);
        Ok(())
    })
}
