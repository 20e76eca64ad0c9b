//! The pieces that rules are made of.

use super::{Builder, MAX_RULES, Ref, Rule, Sibling};
use crate::kind::SyntaxKind as K;
use crate::lexer::{Token, Word};
use crate::mistake::Mistake;
use crate::tree::TextRange;
use chumsky::error::EmptyErr;
use chumsky::prelude::{Parser, custom};

pub(super) type Done = Result<(), EmptyErr>;

/// The rule does not begin here.
pub(super) fn no() -> Done {
    Err(EmptyErr::default())
}

/// One rule after the other.
macro_rules! seq {
    ($first:expr $(, $next:expr)+ $(,)?) => {
        $first $(.ignore_then($next))+
    };
}
pub(super) use seq;

// ---- looking

/// The index of the next token.
pub(super) fn here(inp: &Ref<'_, '_>) -> usize {
    *inp.cursor().inner()
}

/// A path of more tokens than this before its `=` is not looked through.
const LONGEST_KEY: usize = 16;

/// The token `ahead` tokens after the next.
pub(super) fn peek(inp: &mut Ref<'_, '_>, ahead: usize) -> Token {
    let at = here(inp);
    inp.state().token(at + ahead)
}

/// Does this token end every element: a closing bracket, the end of the file?
pub(super) fn closes(kind: K) -> bool {
    matches!(
        kind,
        K::RBrace | K::RBracket | K::RParen | K::InterpEnd | K::Eof
    )
}

/// Does a new item or field begin at this token: a word that begins a line, with `=` or another name after
/// it? Then it is no operand of what stands before.
pub(super) fn begins_member(inp: &mut Ref<'_, '_>) -> bool {
    let (first, second) = (peek(inp, 0), peek(inp, 1));
    first.newline
        && first.kind == K::Ident
        && (second.kind == K::Eq || (second.kind == K::Ident && !second.newline))
}

/// Does the path of an entry begin at this token: one that begins a line, with `=` after it? Then a
/// value was forgotten before it.
pub(super) fn begins_entry(inp: &mut Ref<'_, '_>) -> bool {
    let first = peek(inp, 0);
    if !first.newline || !matches!(first.kind, K::Ident | K::StringStart) {
        return false;
    }
    let mut open = 0_u32;
    for ahead in 1..LONGEST_KEY {
        let next = peek(inp, ahead);
        match next.kind {
            K::Eq => return open == 0,
            _ if next.newline => return false,
            K::StringStart | K::StringText | K::StringEnd | K::Ident | K::Dot => {}
            K::LBracket => open += 1,
            K::RBracket if open > 0 => open -= 1,
            _ => return false,
        }
    }
    false
}

/// Does a number stand before the next token, which is a name on its line: `30 d`?
pub(super) fn is_spaced_quantity(inp: &mut Ref<'_, '_>) -> bool {
    let (at, next) = (here(inp), peek(inp, 0));
    let before = inp.state().before(at);
    matches!(before.kind, K::Int | K::Decimal) && next.kind == K::Ident && !next.newline
}

// ---- stepping

/// Takes the next token. The last one, [`K::Eof`], is never taken.
pub(super) fn bump(inp: &mut Ref<'_, '_>) {
    if peek(inp, 0).kind != K::Eof {
        inp.skip();
    }
}

/// Takes the next token as a leaf.
pub(super) fn bump_leaf(inp: &mut Ref<'_, '_>, kind: K) {
    let range = peek(inp, 0).range();
    inp.state().push_leaf(kind, range);
    bump(inp);
}

/// Takes tokens up to this index.
fn bump_to(inp: &mut Ref<'_, '_>, index: usize) {
    while here(inp) < index && peek(inp, 0).kind != K::Eof {
        inp.skip();
    }
}

/// Takes tokens, whole brackets at once, up to what ends an element: a comma, a closing bracket, or a line
/// that begins with a word or a string.
pub(super) fn skip_element(inp: &mut Ref<'_, '_>) {
    let mut first = true;
    loop {
        let token = peek(inp, 0);
        let begins = token.kind.is_word() || matches!(token.kind, K::StringStart | K::BlockStart);
        if closes(token.kind) || token.kind == K::Comma || (token.newline && begins && !first) {
            return;
        }
        skip_one(inp);
        first = false;
    }
}

/// Takes one token, or a whole bracket.
fn skip_one(inp: &mut Ref<'_, '_>) {
    let at = here(inp);
    let partner = inp.state().partner.get(at).copied().unwrap_or(0) as usize;
    bump_to(inp, (at + 1).max(partner + 1));
}

// ---- building

/// How many nodes there are: what is pushed from here on may become children.
pub(super) fn mark(inp: &mut Ref<'_, '_>) -> usize {
    inp.state().nodes.len()
}

/// Makes the nodes since `mark` children of a new one, which ends with the last token taken.
pub(super) fn finish(inp: &mut Ref<'_, '_>, kind: K, mark: usize, start: u32) {
    let at = here(inp);
    let end = inp.state().end_before(at);
    // Where no token was taken, it is an empty node after the last one.
    inp.state().finish(kind, mark, start.min(end), end);
}

/// A node of what the rule pushes.
pub(super) fn node<'t>(kind: K, rule: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let (start, mark) = (peek(inp, 0).start, mark(inp));
        inp.parse(&rule)?;
        finish(inp, kind, mark, start);
        Ok(())
    })
}

/// A node that may have documentation before it.
pub(super) fn documented<'t>(kind: K, rule: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let mark = mark(inp);
        let start = push_docs(inp);
        inp.parse(&rule)?;
        finish(inp, kind, mark, start);
        Ok(())
    })
}

/// Pushes the documentation before the next token, if there is any. Gives where the node then begins.
pub(super) fn push_docs(inp: &mut Ref<'_, '_>) -> u32 {
    let at = here(inp);
    let start = peek(inp, 0).start;
    match inp.state().docs_before(at) {
        Some(docs) => {
            inp.state().push_leaf(K::Docs, docs);
            docs.start
        }
        None => start,
    }
}

/// An empty error node, after the last token.
pub(super) fn push_error(inp: &mut Ref<'_, '_>, kind: K) {
    let at = here(inp);
    let end = inp.state().end_before(at);
    inp.state().push_leaf(kind, TextRange::empty(end));
}

// ---- complaining

/// Notes that something is missing before the next token.
pub(super) fn expected(inp: &mut Ref<'_, '_>, what: &'static str) {
    let at = here(inp);
    let state = inp.state();
    let mistake = Mistake::Expected {
        what,
        before: state.before(at),
        found: state.found(at),
    };
    complain(state, mistake);
}

/// Notes a mistake, unless it follows from one that has been told: of the same element, of characters that mean
/// nothing, of a bracket that was never closed.
pub(super) fn complain(state: &mut Builder<'_>, mistake: Mistake) {
    let consequence = match mistake {
        Mistake::Expected { before, found, .. }
        | Mistake::Unseparated { before, found }
        | Mistake::Unclosed { before, found, .. } => {
            let put_in = closes(found.kind) && found.kind != K::Eof && found.range.is_empty();
            state.told
                || (closes(before.kind) && before.range.is_empty())
                || put_in
                || before.kind == K::Unknown
                || matches!(found.kind, K::Unknown | K::Skipped)
        }
        Mistake::Unexpected { found, .. } => {
            state.told || matches!(found.kind, K::Unknown | K::Skipped)
        }
        Mistake::NoElse { .. }
        | Mistake::Chained { .. }
        | Mistake::Unparenthesised { .. }
        | Mistake::Operand { .. }
        | Mistake::MisplacedWord { .. } => state.told,
        Mistake::Misplaced { .. } => state.told || state.told_around,
        _ => false,
    };
    state.told = true;
    if !consequence && !state.muted {
        state.mistakes.push(mistake);
    }
}

/// Runs what parses one element; of each element one thing is told.
fn element<'t>(inp: &mut Ref<'t, '_>, parse: impl FnOnce(&mut Ref<'t, '_>)) {
    let column = peek(inp, 0).column;
    let before = inp.state().sibling;
    inp.state().follows = false;
    inp.state().unexpected = false;
    let around = inp.state().told_around;
    let outer = std::mem::replace(&mut inp.state().told, false);
    inp.state().told_around |= outer;
    parse(inp);
    let state = inp.state();
    let bare = state.nodes.last().is_some_and(|n| n.kind == K::Decl)
        && state
            .nodes
            .iter()
            .nth_back(1)
            .is_some_and(|n| n.kind != K::Body);
    // What follows from the element before belongs to it, and so does what follows in turn.
    let follows = std::mem::take(&mut state.follows);
    let column = if follows { before.column } else { column };
    let unexpected = std::mem::take(&mut state.unexpected);
    state.sibling = Sibling {
        told: state.told,
        column,
        bare,
        unexpected,
    };
    state.told = outer;
    state.told_around = around;
}

/// The rule, or a note that `what` is missing.
pub(super) fn must<'t>(rule: impl Rule<'t>, what: &'static str) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        attempt(inp, &rule, what);
        Ok(())
    })
}

/// The rule, or a note that `what` is missing and an empty error node.
pub(super) fn must_or<'t>(rule: impl Rule<'t>, what: &'static str, error: K) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if !attempt(inp, &rule, what) {
            push_error(inp, error);
        }
        Ok(())
    })
}

/// Tries the rule; notes that `what` is missing if it does not begin here.
pub(super) fn attempt<'t>(inp: &mut Ref<'t, '_>, rule: &impl Rule<'t>, what: &'static str) -> bool {
    let found = tried(inp, rule);
    if !found {
        expected(inp, what);
    }
    found
}

/// Tries the rule.
pub(super) fn tried<'t>(inp: &mut Ref<'t, '_>, rule: &impl Rule<'t>) -> bool {
    let before = inp.save();
    if inp.parse(rule).is_ok() {
        return true;
    }
    inp.rewind(before);
    false
}

// ---- small rules

/// This token.
pub(super) fn token<'t>(kind: K) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != kind {
            return no();
        }
        bump(inp);
        Ok(())
    })
}

/// This token, on the line of the one before.
pub(super) fn same_line<'t>(kind: K) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        if token.kind != kind || token.newline {
            return no();
        }
        bump(inp);
        Ok(())
    })
}

/// This word, on the line of the one before.
pub(super) fn word<'t>(word: Word) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        if token.word != word || token.newline {
            return no();
        }
        bump(inp);
        Ok(())
    })
}

/// This token as a leaf.
pub(super) fn leaf<'t>(token: K, kind: K) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != token {
            return no();
        }
        bump_leaf(inp, kind);
        Ok(())
    })
}

/// A name that is being given: any word that is not a keyword everywhere, not at the beginning of what looks like a
/// new item.
pub(super) fn name<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != K::Ident || begins_member(inp) {
            return no();
        }
        bump_leaf(inp, K::Name);
        Ok(())
    })
}

/// A name in the head of something, on the line of what stands before.
pub(super) fn head_name<'t>() -> impl Rule<'t> {
    joined(name(), |_| false)
}

/// The rule, on the line of what stands before. A word that begins a line and
/// nothing of its own (and isn't `other`) is taken, and told.
pub(super) fn joined<'t>(
    rule: impl Rule<'t>,
    other: fn(&mut Ref<'_, '_>) -> bool,
) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let token = peek(inp, 0);
        if token.newline {
            if token.kind != K::Ident || begins_member(inp) || other(inp) {
                return no();
            }
            let at = here(inp);
            let end = inp.state().end_before(at);
            let range = token.range();
            complain(inp.state(), Mistake::OnItsOwn { range, end });
        }
        inp.parse(&rule)
    })
}

/// Does the word that begins a line name a field or an input? Then it is no operator.
pub(super) fn names_member(inp: &mut Ref<'_, '_>) -> bool {
    let (first, second) = (peek(inp, 0), peek(inp, 1));
    first.newline && first.kind.is_word() && matches!(second.kind, K::Eq | K::Colon | K::Dot)
}

/// `else`, unless it names a field.
pub(super) fn else_word<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != K::ElseKw || names_member(inp) {
            return no();
        }
        bump(inp);
        Ok(())
    })
}

/// A comma and a text where `else` and a text should be.
pub(super) fn comma_for_else<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        let (comma, text) = (peek(inp, 0), peek(inp, 1));
        let meant = comma.kind == K::Comma && text.kind == K::StringStart;
        if !meant || comma.newline || text.newline {
            return no();
        }
        let range = comma.range();
        complain(inp.state(), Mistake::CommaForElse { range });
        bump(inp);
        Ok(())
    })
}

/// A name where every word may stand: before `=` or `:`.
pub(super) fn any_name<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        if !peek(inp, 0).kind.is_word() || begins_member(inp) {
            return no();
        }
        bump_leaf(inp, K::Name);
        Ok(())
    })
}

/// The rule, but only on the line of what stands before.
pub(super) fn on_line<'t>(rule: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).newline {
            no()
        } else {
            inp.parse(&rule)
        }
    })
}

/// The name after a dot: any word, on the dot's line.
pub(super) fn member_name<'t>() -> impl Rule<'t> {
    on_line(any_name())
}

/// The rule, or nothing.
pub(super) fn opt<'t>(rule: impl Rule<'t>) -> impl Rule<'t> {
    rule.or_not().ignored()
}

/// Runs the rule one step deeper; too deep, gives an error node instead.
pub(super) fn deeper<'t>(
    inp: &mut Ref<'t, '_>,
    rule: impl FnOnce(&mut Ref<'t, '_>) -> Done,
) -> Done {
    if inp.state().depth >= MAX_RULES {
        let range = peek(inp, 0).range();
        inp.state().too_deep(range);
        skip_element(inp);
        push_error(inp, K::Error);
        return Ok(());
    }
    inp.state().depth += 1;
    let done = rule(inp);
    inp.state().depth -= 1;
    done
}

// ---- brackets

/// A bracketed group. What the inner rule leaves over is noted and skipped; the closing bracket is always
/// there, because the tokens are balanced.
///
/// Nothing is told of what stands in a bracket that is never closed: it was most likely meant to stand elsewhere.
pub(super) fn bracketed<'t>(open: K, close: &'static str, inner: impl Rule<'t>) -> impl Rule<'t> {
    group(open, close, inner, true)
}

/// Notes that the `{` that stands here begins a line; it can only belong to what stands before.
pub(super) fn brace_on_line(inp: &mut Ref<'_, '_>) {
    let at = here(inp);
    let token = peek(inp, 0);
    if token.kind == K::LBrace && token.newline {
        let end = inp.state().end_before(at);
        complain(
            inp.state(),
            Mistake::OnItsOwn {
                range: token.range(),
                end,
            },
        );
    }
}

/// The same for `{ … }` with items: of these all is told, closed or not.
pub(super) fn block<'t>(inner: impl Rule<'t>) -> impl Rule<'t> {
    group(K::LBrace, "}", inner, false)
}

fn group<'t>(
    open: K,
    close: &'static str,
    inner: impl Rule<'t>,
    mute_unclosed: bool,
) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != open {
            return no();
        }
        let at = here(inp);
        let partner = inp.state().partner.get(at).copied().unwrap_or(0) as usize;
        let closing = inp.state().token(partner);
        bump(inp);
        let unclosed = closing.start == closing.end && mute_unclosed;
        let muted = inp.state().muted;
        inp.state().muted |= unclosed;
        let head = std::mem::replace(&mut inp.state().head, false);
        let arguments = std::mem::replace(&mut inp.state().type_arguments, false);
        let found = tried(inp, &inner);
        inp.state().head = head;
        inp.state().type_arguments = arguments;
        if here(inp) < partner {
            let at = here(inp);
            let state = inp.state();
            let (before, next) = (state.before(at), state.found(at));
            let mistake = if found {
                Mistake::Unclosed {
                    bracket: close,
                    before,
                    found: next,
                }
            } else {
                Mistake::Expected {
                    what: "something else",
                    before,
                    found: next,
                }
            };
            complain(state, mistake);
        }
        inp.state().muted = muted;
        bump_to(inp, partner + 1);
        Ok(())
    })
}

/// Elements, separated by commas or new lines, up to a closing bracket or the end of the file. `what` names an element.
pub(super) fn separated<'t>(element_rule: impl Rule<'t>, what: &'static str) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let outer = std::mem::take(&mut inp.state().sibling);
        loop {
            if closes(peek(inp, 0).kind) {
                inp.state().sibling = outer;
                return Ok(());
            }
            let at = here(inp);
            element(inp, |inp| {
                let found = tried(inp, &element_rule);
                if !found {
                    let token = peek(inp, 0);
                    let state = inp.state();
                    let sibling = state.sibling;
                    let inner = sibling.told && token.newline && token.column > sibling.column;
                    if inner || sibling.unexpected {
                        state.follows = true;
                        state.told = true;
                    }
                    state.unexpected = true;
                    let found = state.found(at);
                    complain(state, Mistake::Unexpected { what, found });
                }
                if !found || here(inp) == at {
                    skip_element(inp);
                    if here(inp) == at && peek(inp, 0).kind != K::Comma {
                        skip_one(inp);
                    }
                }
                let token = peek(inp, 0);
                if token.kind == K::Comma || closes(token.kind) || token.newline {
                    return;
                }
                let at = here(inp);
                let state = inp.state();
                let mistake = Mistake::Unseparated {
                    before: state.before(at),
                    found: state.found(at),
                };
                complain(state, mistake);
                skip_element(inp);
            });
            if peek(inp, 0).kind == K::Comma {
                bump(inp);
            }
        }
    })
}
