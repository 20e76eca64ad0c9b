//! Records, maps and lists, their comprehensions, and their keys.

use super::basics::*;
use super::expr::index;
use super::literal::string;
use super::{Ref, Rule};
use crate::kind::SyntaxKind as K;
use crate::mistake::Mistake;
use chumsky::prelude::{Parser, choice, custom};

const A_VALUE: &str = "a value";

/// `{ a = 1 }`
pub(super) fn record<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let entries = separated(entry(expr).boxed(), "`NAME = value`");
    node(K::Record, bracketed(K::LBrace, "}", entries))
}

/// `{ a = 1 }` or `{for k, v in m: "${k}" = v}`
pub(super) fn braces<'t>(expr: impl Rule<'t>, record: impl Rule<'t>) -> impl Rule<'t> {
    let entry = entry(expr.clone()).boxed();
    let inner = seq!(
        clauses(expr),
        must(token(K::Colon), "`:` and an entry"),
        must(entry, "`NAME = value`"),
        opt(token(K::Comma))
    );
    let map = node(K::MapComp, bracketed(K::LBrace, "}", inner));
    either_comprehension(K::LBrace, map, record)
}

/// `[a, b]` or `[for q in queues: q.name]`
pub(super) fn brackets<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let list = node(
        K::List,
        bracketed(K::LBracket, "]", separated(expr.clone(), A_VALUE)),
    );
    let inner = seq!(
        clauses(expr.clone()),
        must(token(K::Colon), "`:` and a value"),
        must_or(expr, A_VALUE, K::Error),
        opt(token(K::Comma))
    );
    let comprehension = node(K::ListComp, bracketed(K::LBracket, "]", inner));
    either_comprehension(K::LBracket, comprehension, list)
}

/// `for` after the bracket begins a comprehension; but `for = 1` is an entry.
fn either_comprehension<'t>(
    open: K,
    comprehension: impl Rule<'t>,
    other: impl Rule<'t>,
) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != open {
            return no();
        }
        let is_for = peek(inp, 1).kind == K::ForKw && !names_a_key(peek(inp, 2).kind);
        if is_for {
            inp.parse(&comprehension)
        } else {
            inp.parse(&other)
        }
    })
}

/// After a word, does this token make it a key?
fn names_a_key(next: K) -> bool {
    matches!(next, K::Eq | K::EqEq | K::Colon | K::Dot | K::LBracket)
}

/// `for a in x for b in a.y if b.z`
fn clauses<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let for_clause = node(K::CompFor, for_head(expr.clone()));
    let if_clause = node(
        K::CompIf,
        seq!(token(K::IfKw), must_or(expr, "a condition", K::Error)),
    );
    choice((for_clause, if_clause))
        .repeated()
        .at_least(1)
        .ignored()
}

/// `for k, v in m`, without what follows.
pub(super) fn for_head<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    seq!(
        token(K::ForKw),
        must(head_name(), "a name for each element"),
        opt(seq!(token(K::Comma), must(name(), "a name for the value"))),
        must(token(K::InKw), "`in` and what to go over"),
        must_or(expr, "what to go over", K::Error),
    )
}

/// `a.b["c"] = value`, `"/api" = value`
pub(super) fn entry<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    documented(K::Entry, seq!(path_key(expr.clone()), equals_value(expr)))
}

/// The left side of `=`: a path whose first step is a name or a string.
pub(super) fn path_key<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let first = choice((key_name(), string(expr.clone()).boxed()));
    let dotted = seq!(same_line(K::Dot), must(member_name(), "a name"));
    let indexed = on_line(index(expr));
    let steps = choice((dotted, indexed)).repeated().ignored().boxed();
    let path = custom(move |inp: &mut Ref<'t, '_>| {
        let word = peek(inp, 0).kind;
        inp.parse(&first)?;
        // `if [` begins something else than a key.
        if word.is_word() && word != K::Ident && peek(inp, 0).kind == K::LBracket {
            return Ok(());
        }
        inp.parse(&steps)
    });
    node(K::Path, path)
}

/// As the first step of a key any word will do, keyword or not.
fn key_name<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        if !peek(inp, 0).kind.is_word() {
            return no();
        }
        bump_leaf(inp, K::Name);
        Ok(())
    })
}

/// `= value`, with what is often written instead.
pub(super) fn equals_value<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        match token.kind {
            K::Eq => bump(inp),
            K::Colon => {
                complain(
                    inp.state(),
                    Mistake::ColonForEquals {
                        range: token.range(),
                    },
                );
                bump(inp);
            }
            K::EqEq => {
                complain(
                    inp.state(),
                    Mistake::DoubleEquals {
                        range: token.range(),
                    },
                );
                bump(inp);
            }
            _ => {
                expected(inp, "`=` and a value");
                // `env { … }`, `port 80`: the value is there all the same.
                if token.newline || !tried(inp, &expr) {
                    push_error(inp, K::Error);
                }
                return Ok(());
            }
        }
        if !attempt(inp, &expr, A_VALUE) {
            push_error(inp, K::Error);
        }
        Ok(())
    })
}
