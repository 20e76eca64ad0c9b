//! Expressions.

use super::basics::*;
use super::{Ref, Rule, pattern};
use crate::kind::SyntaxKind as K;
use crate::lexer::Word;
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
        let record = braces(expr.clone()).boxed();
        let operand = choice((
            construct(record.clone()).boxed(),
            leaf(K::Ident, K::NameRef),
            number(),
            choice((
                leaf(K::TrueKw, K::BoolLit),
                leaf(K::FalseKw, K::BoolLit),
                leaf(K::NoneKw, K::NoneLit),
            )),
            string(expr.clone()).boxed(),
            record.clone(),
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
            pattern: pattern::pattern().boxed(),
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
        if first.kind != K::InKw || second.kind != K::LParen {
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
        match peek(inp, 0).kind {
            _ if begins_member(inp) => return no(),
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
                self.postfix(inp, first, start);
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
        loop {
            let token = peek(inp, 0);
            let Some(infix) = Infix::of(token.kind) else {
                return;
            };
            // On a new line `-` begins something of its own, and `in = 1` or `with: X` is a field.
            let after = peek(inp, 1).kind;
            let other = token.kind == K::Minus
                || (token.kind.is_word() && matches!(after, K::Eq | K::Colon));
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

fn number<'t>() -> impl Rule<'t> {
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
        while peek(inp, length).kind == K::Dot && peek(inp, length + 1).kind == K::Ident {
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

/// `{ a = 1 }` or `{for k, v in m: "${k}" = v}`
fn braces<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
    let entry = entry(expr.clone()).boxed();
    let record = node(
        K::Record,
        bracketed(K::LBrace, "}", separated(entry.clone(), "`NAME = value`")),
    );
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
fn brackets<'t>(expr: impl Rule<'t>) -> impl Rule<'t> {
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
        let is_for =
            peek(inp, 1).kind == K::ForKw && !matches!(peek(inp, 2).kind, K::Eq | K::Colon);
        if is_for {
            inp.parse(&comprehension)
        } else {
            inp.parse(&other)
        }
    })
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
        must(name(), "a name for each element"),
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
    node(
        K::Path,
        seq!(first, choice((dotted, indexed)).repeated().ignored()),
    )
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
    let condition = seq!(
        token(K::IfKw),
        must_or(in_head(expr.clone()), "a condition", K::Error)
    );
    let branches = custom(move |inp: &mut Ref<'t, '_>| {
        let at = here(inp);
        let opening = inp.state().before(at);
        if attempt(inp, &token(K::ThenKw), "`then` and a value") && !attempt(inp, &expr, A_VALUE) {
            push_error(inp, K::Error);
        }
        else_branch(inp, &expr, opening);
        Ok(())
    });
    node(K::IfExpr, seq!(condition, branches))
}

fn else_branch<'t>(inp: &mut Ref<'t, '_>, expr: &impl Rule<'t>, condition: Found) {
    let at = here(inp);
    let state = inp.state();
    let end = state.end_before(at);
    let last_is_missing = state.nodes.last().is_some_and(|n| n.kind == K::Error);
    if tried(inp, &token(K::ElseKw)) {
        if !attempt(inp, expr, A_VALUE) {
            push_error(inp, K::Error);
        }
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
}

/// An expression in the head of something with a body: a `{` after it begins the body.
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
    let arms = bracketed(K::LBrace, "}", separated(arm.boxed(), "a pattern"));
    node(
        K::Match,
        seq!(
            token(K::MatchKw),
            must_or(in_head(expr), A_VALUE, K::Error),
            must(arms, "`{` and the cases"),
        ),
    )
}

/// `_` is a word of its own in patterns; everything else that is a word may name something.
pub(super) fn is_wild(inp: &mut Ref<'_, '_>) -> bool {
    peek(inp, 0).word == Word::Underscore
}
