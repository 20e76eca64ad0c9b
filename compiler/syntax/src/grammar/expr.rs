//! Expressions.

use super::basics::*;
use super::collection::{braces, brackets, record};
use super::literal::{number, string};
use super::{Ref, Rule, pattern};
use crate::kind::SyntaxKind as K;
use crate::mistake::{Found, Mistake};
use crate::tree::TextRange;
use chumsky::prelude::{Parser, choice, custom, recursive};

const A_VALUE: &str = "a value";

/// How tightly an operator binds; a higher number binds tighter.
mod power {
    pub(super) const ANY: u8 = 0;
    pub(super) const OR: u8 = 1;
    pub(super) const AND: u8 = 2;
    pub(super) const NOT: u8 = 3;
    pub(super) const COMPARE: u8 = 4;
    pub(super) const WITH: u8 = 5;
    pub(super) const OR_ELSE: u8 = 6;
    pub(super) const RANGE: u8 = 7;
    pub(super) const ADD: u8 = 8;
    pub(super) const MULTIPLY: u8 = 9;
    pub(super) const UNARY: u8 = 10;
}

/// What stands after an operand.
#[derive(Clone, Copy)]
enum Infix {
    Binary(u8),
    Range,
    Is,
    With,
}

impl Infix {
    fn of(kind: K) -> Option<Infix> {
        Some(match kind {
            K::OrKw => Infix::Binary(power::OR),
            K::AndKw => Infix::Binary(power::AND),
            K::EqEq | K::NotEq | K::Lt | K::LtEq | K::Gt | K::GtEq | K::InKw => {
                Infix::Binary(power::COMPARE)
            }
            K::QuestionQuestion => Infix::Binary(power::OR_ELSE),
            K::Plus | K::Minus => Infix::Binary(power::ADD),
            K::Star | K::Slash => Infix::Binary(power::MULTIPLY),
            K::DotDot => Infix::Range,
            K::IsKw => Infix::Is,
            K::WithKw => Infix::With,
            _ => return None,
        })
    }

    fn power(self) -> u8 {
        match self {
            Infix::Binary(power) => power,
            Infix::Range => power::RANGE,
            Infix::Is => power::COMPARE,
            Infix::With => power::WITH,
        }
    }

    /// Of these, only one may stand in a chain.
    fn is_single(self) -> bool {
        matches!(self.power(), power::COMPARE | power::RANGE)
    }
}

/// An expression.
pub(super) fn expr<'t>() -> impl Rule<'t> {
    recursive(|expr| {
        let expr = expr.boxed();
        let fields = record(expr.clone()).boxed();
        let record = braces(expr.clone(), fields.clone()).boxed();
        let operand = choice((
            construct(fields).boxed(),
            leaf(K::Ident, K::NameRef),
            number(),
            choice((
                leaf(K::TrueKw, K::BoolLit),
                leaf(K::FalseKw, K::BoolLit),
                leaf(K::NoneKw, K::NoneLit),
            )),
            string(expr.clone()).boxed(),
            outside_of_heads(record.clone()),
            brackets(expr.clone()).boxed(),
            node(
                K::Paren,
                bracketed(K::LParen, ")", must_or(expr.clone(), A_VALUE, K::Error)),
            )
            .boxed(),
            if_expr(expr.clone()).boxed(),
            match_expr(expr.clone()).boxed(),
            closure(expr.clone()).boxed(),
            // `in(prod, x)` is a call; as an operand `in` can mean nothing else.
            in_call(),
            leaf(K::Skipped, K::Error),
            leaf(K::Unknown, K::Error),
        ))
        .boxed();
        let climb = Climb {
            operand,
            arguments: bracketed(
                K::LParen,
                ")",
                separated(argument(expr.clone()), "an argument"),
            )
            .boxed(),
            index: index(expr.clone()).boxed(),
            changes: record,
            pattern: pattern::tested().boxed(),
        };
        custom(move |inp: &mut Ref<'t, '_>| deeper(inp, |inp| climb.expression(inp, power::ANY)))
    })
}

/// `[…]` in a path or after an operand.
pub(super) fn index<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    node(
        K::Index,
        bracketed(K::LBracket, "]", must_or(expr, A_VALUE, K::Error)),
    )
}

fn in_call<'t>() -> impl Rule<'t> {
    custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if first.kind != K::InKw || second.kind != K::LParen || second.newline {
            return no();
        }
        bump_leaf(inp, K::NameRef);
        Ok(())
    })
}

/// Operands with operators, by climbing their precedence: a loop for what stands in a row, recursion only for
/// what binds tighter.
#[derive(Clone)]
struct Climb<O, A, I, R, P> {
    operand: O,
    arguments: A,
    index: I,
    changes: R,
    pattern: P,
}

impl<'t, O: Rule<'t>, A: Rule<'t>, I: Rule<'t>, R: Rule<'t>, P: Rule<'t>> Climb<O, A, I, R, P> {
    fn expression(&self, inp: &mut Ref<'t, '_>, least: u8) -> Done {
        let (first, start) = (mark(inp), peek(inp, 0).start);
        let (kind, range) = (peek(inp, 0).kind, peek(inp, 0).range());
        let reaches_on = match kind {
            K::IfKw | K::Pipe => least > power::ANY,
            K::NotKw => least > power::NOT,
            _ => false,
        };
        if reaches_on {
            // As an operand it would take what was meant to stand after it.
            complain(inp.state(), Mistake::Operand { range });
        }
        match kind {
            _ if begins_member(inp) || begins_entry(inp) => return no(),
            kind @ (K::NotKw | K::Minus) => {
                bump_leaf(inp, kind);
                let power = if kind == K::NotKw {
                    power::NOT
                } else {
                    power::UNARY
                };
                self.right(inp, power);
                finish(inp, K::Unary, first, start);
            }
            _ => {
                inp.parse(&self.operand)?;
                // What reaches as far as it can has left nothing for itself.
                let last = inp.state().nodes.last().map(|n| n.kind);
                if !matches!(last, Some(K::IfExpr | K::Closure)) {
                    self.postfix(inp, first, start);
                }
            }
        }
        self.infix(inp, least, first, start);
        Ok(())
    }

    /// The right side of an operator.
    fn right(&self, inp: &mut Ref<'t, '_>, least: u8) {
        let before = inp.save();
        if deeper(inp, |inp| self.expression(inp, least)).is_err() {
            inp.rewind(before);
            expected(inp, A_VALUE);
            push_error(inp, K::Error);
        }
    }

    fn postfix(&self, inp: &mut Ref<'t, '_>, first: usize, start: u32) {
        loop {
            let token = peek(inp, 0);
            match token.kind {
                K::LParen if !token.newline => {
                    tried(inp, &self.arguments);
                    finish(inp, K::Call, first, start);
                }
                K::LBracket if !token.newline => {
                    tried(inp, &self.index);
                    finish(inp, K::IndexExpr, first, start);
                }
                K::Dot | K::QuestionDot => {
                    bump(inp);
                    attempt(inp, &member_name(), "a name");
                    let kind = if token.kind == K::Dot {
                        K::FieldAccess
                    } else {
                        K::SafeAccess
                    };
                    finish(inp, kind, first, start);
                }
                _ => return,
            }
        }
    }

    fn infix(&self, inp: &mut Ref<'t, '_>, least: u8, first: usize, start: u32) {
        let mut single: Option<(u8, TextRange)> = None;
        // What stands after `is` and `with` is no operand: nothing binds tighter to it than they do.
        let mut closed: Option<(u8, TextRange)> = None;
        loop {
            let token = peek(inp, 0);
            let Some(infix) = Infix::of(token.kind) else {
                return;
            };
            // On a new line `-` begins something of its own, and `in = 1` or `with: X` is a field.
            let other = token.kind == K::Minus || names_member(inp);
            let power = infix.power();
            if power < least || (token.newline && other) {
                return;
            }
            if infix.is_single() {
                match single {
                    Some((before, place)) if before == power => {
                        let mistake = Mistake::Chained {
                            first: place,
                            second: token.range(),
                        };
                        complain(inp.state(), mistake);
                    }
                    _ => single = Some((power, token.range())),
                }
            }
            if let Some((before, place)) = closed.filter(|(before, _)| power > *before) {
                let mistake = Mistake::Unparenthesised {
                    first: place,
                    second: token.range(),
                };
                complain(inp.state(), mistake);
                closed = Some((before, place));
            }
            if matches!(infix, Infix::Is | Infix::With) {
                closed = Some((power, token.range()));
            }
            self.apply(inp, infix, token.kind);
            let kind = match infix {
                Infix::Binary(_) => K::Binary,
                Infix::Range => K::Range,
                Infix::Is => K::IsExpr,
                Infix::With => K::WithExpr,
            };
            finish(inp, kind, first, start);
        }
    }

    fn apply(&self, inp: &mut Ref<'t, '_>, infix: Infix, kind: K) {
        match infix {
            Infix::Binary(power) => {
                bump_leaf(inp, kind);
                self.right(inp, power + 1);
            }
            Infix::Range => {
                bump(inp);
                self.right(inp, power::RANGE + 1);
            }
            Infix::Is => {
                bump(inp);
                if !attempt(inp, &self.pattern, "a pattern") {
                    push_error(inp, K::PatError);
                }
            }
            Infix::With => {
                bump(inp);
                if !attempt(inp, &self.changes, "`{ … }` with what is to be changed") {
                    push_error(inp, K::Error);
                }
            }
        }
    }
}

/// `0..5`, `backlog: emails`
fn argument<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let named = custom(|inp: &mut Ref<'t, '_>| {
        let (first, second) = (peek(inp, 0), peek(inp, 1));
        if !first.kind.is_word() || !matches!(second.kind, K::Colon | K::Eq) {
            return no();
        }
        bump_leaf(inp, K::Name);
        if second.kind == K::Eq {
            complain(
                inp.state(),
                Mistake::EqualsForColon {
                    range: second.range(),
                },
            );
        }
        bump(inp);
        Ok(())
    });
    let by_name = seq!(named, must_or(expr.clone(), A_VALUE, K::Error));
    node(K::Arg, choice((by_name, expr)))
}

/// `kubernetes { … }`: not in a head, and only on one line.
fn construct<'t>(record: impl Rule<'t>) -> impl Rule<'t> {
    let path = custom(|inp: &mut Ref<'t, '_>| {
        if inp.state().head || peek(inp, 0).kind != K::Ident {
            return no();
        }
        let mut length = 1;
        while peek(inp, length).kind == K::Dot
            && peek(inp, length + 1).kind == K::Ident
            && !peek(inp, length + 1).newline
        {
            length += 2;
        }
        let brace = peek(inp, length);
        if brace.kind != K::LBrace || brace.newline {
            return no();
        }
        for step in 0..length {
            if step % 2 == 0 {
                bump_leaf(inp, K::Name)
            } else {
                bump(inp)
            }
        }
        Ok(())
    });
    node(K::Construct, seq!(node(K::Path, path), record))
}

/// `|x, y| x + y`
fn closure<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let params = custom(|inp: &mut Ref<'t, '_>| {
        let (start, mark) = (peek(inp, 0).start, mark(inp));
        if peek(inp, 0).kind != K::Pipe {
            return no();
        }
        bump(inp);
        while peek(inp, 0).kind == K::Ident {
            tried(inp, &node(K::Param, name()));
            if peek(inp, 0).kind != K::Comma {
                break;
            }
            bump(inp);
        }
        attempt(inp, &token(K::Pipe), "`|` after the parameters");
        finish(inp, K::Params, mark, start);
        Ok(())
    });
    node(K::Closure, seq!(params, must_or(expr, A_VALUE, K::Error)))
}

/// `if a then b else c`
fn if_expr<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let condition = must_or(in_head(expr.clone()), "a condition", K::Error).boxed();
    custom(move |inp: &mut Ref<'t, '_>| {
        if peek(inp, 0).kind != K::IfKw {
            return no();
        }
        // A loop, so that a chain of `else if` may be long.
        let mut open = Vec::new();
        while peek(inp, 0).kind == K::IfKw {
            open.push((mark(inp), peek(inp, 0).start));
            bump(inp);
            inp.parse(&condition)?;
            let at = here(inp);
            let opening = inp.state().before(at);
            if attempt(inp, &token(K::ThenKw), "`then` and a value")
                && !attempt(inp, &expr, A_VALUE)
            {
                push_error(inp, K::Error);
            }
            if !else_branch(inp, &expr, opening) {
                break;
            }
        }
        for (mark, start) in open.into_iter().rev() {
            finish(inp, K::IfExpr, mark, start);
        }
        Ok(())
    })
}

/// `else` and its value. Gives whether that is another `if`, which is not read yet.
fn else_branch<'t>(inp: &mut Ref<'t, '_>, expr: &impl Rule<'t>, condition: Found) -> bool {
    let at = here(inp);
    let state = inp.state();
    let end = state.end_before(at);
    let last_is_missing = state.nodes.last().is_some_and(|n| n.kind == K::Error);
    if tried(inp, &token(K::ElseKw)) {
        if peek(inp, 0).kind == K::IfKw {
            return true;
        }
        if !attempt(inp, expr, A_VALUE) {
            push_error(inp, K::Error);
        }
    } else if is_spaced_quantity(inp) {
        // `if a then 30 d else 7d`: that is what is to be told.
        expected(inp, "`else`");
        push_error(inp, K::Error);
    } else if !last_is_missing {
        let range = condition.range;
        complain(
            inp.state(),
            Mistake::NoElse {
                range,
                end: TextRange::empty(end),
            },
        );
        push_error(inp, K::Error);
    }
    false
}

/// What begins with `{`: in a head that begins the body.
fn outside_of_heads<'t>(rule: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        if inp.state().head {
            return no();
        }
        inp.parse(&rule)
    })
}

/// An expression in the head of something with a body: a `{` after it begins the body, and so does one in its place.
pub(super) fn in_head<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    custom(move |inp: &mut Ref<'t, '_>| {
        let head = std::mem::replace(&mut inp.state().head, true);
        let found = tried(inp, &expr);
        inp.state().head = head;
        if found { Ok(()) } else { no() }
    })
}

/// `match tier { "gold" => 3..30, "silver" => 1..5 }`
fn match_expr<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let arm = node(
        K::MatchArm,
        seq!(
            pattern::pattern().boxed(),
            must(token(K::FatArrow), "`=>` and a value"),
            must_or(expr.clone(), A_VALUE, K::Error),
        ),
    );
    let arms = bracketed(K::LBrace, "}", separated(arm.boxed(), "a pattern")).boxed();
    let arms = custom(move |inp: &mut Ref<'t, '_>| {
        brace_on_line(inp);
        inp.parse(&arms)
    });
    node(
        K::Match,
        seq!(
            token(K::MatchKw),
            must_or(in_head(expr), A_VALUE, K::Error),
            must(arms, "`{` and the cases"),
        ),
    )
}
