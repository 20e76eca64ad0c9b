//! Makes the brackets of a token list balanced, before anyone parses it.
//!
//! The grammar then never meets a missing or a superfluous bracket, and can step over a bracketed group
//! without looking into it. A missing bracket is put in (an empty token), a superfluous one taken out, a
//! group that is nested too deeply becomes one [`SyntaxKind::Skipped`]; each with its mistake.
//!
//! In a file whose brackets match, nothing happens. Where they don't, the layout tells which one is
//! missing: a word at the beginning of a line ends everything open, and a closing bracket that begins its
//! line closes the block whose first line is indented as it is.

use crate::kind::SyntaxKind as K;
use crate::lexer::Token;
use crate::mistake::Mistake;
use crate::tree::TextRange;
use std::collections::BTreeSet;

/// How deep brackets may nest, those of `${…}` included.
pub(crate) const MAX_BRACKETS: usize = 64;

fn closer(open: K) -> Option<K> {
    Some(match open {
        K::LBrace => K::RBrace,
        K::LBracket => K::RBracket,
        K::LParen => K::RParen,
        K::InterpStart => K::InterpEnd,
        _ => return None,
    })
}

fn is_closer(kind: K) -> bool {
    matches!(kind, K::RBrace | K::RBracket | K::RParen | K::InterpEnd)
}

/// Balanced tokens; for an opening bracket, `partner` holds the index of the closing one.
pub(crate) struct Balanced {
    pub(crate) tokens: Vec<Token>,
    pub(crate) partner: Vec<u32>,
}

/// Do the brackets match as they are, and nowhere too deep?
fn matches_as_it_is(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        if let Some(close) = closer(token.kind) {
            open.push(close);
            if open.len() > MAX_BRACKETS {
                return false;
            }
        } else if is_closer(token.kind) && open.pop() != Some(token.kind) {
            return false;
        }
    }
    open.is_empty()
}

/// Balances the tokens.
pub(crate) fn balance(tokens: Vec<Token>, mistakes: &mut Vec<Mistake>) -> Balanced {
    let tokens = if matches_as_it_is(&tokens) {
        tokens
    } else {
        Repair::new(mistakes).run(&tokens)
    };
    let mut partner = vec![0; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        if closer(token.kind).is_some() {
            open.push(i);
        } else if is_closer(token.kind)
            && let Some(slot) = open.pop().and_then(|o| partner.get_mut(o))
        {
            *slot = u32::try_from(i).unwrap_or(u32::MAX);
        }
    }
    Balanced { tokens, partner }
}

struct Open {
    close: K,
    token: Token,
    /// The indentation of the line it stands on, in bytes.
    indentation: u16,
    /// That of the first line within it.
    inner: Option<u16>,
}

struct Repair<'a> {
    mistakes: &'a mut Vec<Mistake>,
    /// Places where text was cut off: what is missing there has been reported.
    cut: BTreeSet<u32>,
    out: Vec<Token>,
    open: Vec<Open>,
    /// The group that is too deep: its opening, and how many brackets are open in it.
    deep: Option<(Token, Vec<K>)>,
    indentation: u16,
    /// Brackets of this item that were closed before their closing one: it may still come.
    given_up: Vec<(K, u16)>,
    /// How many more braces are closed than opened.
    excess: usize,
}

impl<'a> Repair<'a> {
    fn new(mistakes: &'a mut Vec<Mistake>) -> Self {
        let cut = mistakes
            .iter()
            .filter_map(|m| match m {
                Mistake::OpenString { range, .. } | Mistake::OpenHole { range } => {
                    Some(range.start)
                }
                _ => None,
            })
            .collect();
        Repair {
            mistakes,
            cut,
            out: Vec::new(),
            open: Vec::new(),
            deep: None,
            indentation: 0,
            given_up: Vec::new(),
            excess: 0,
        }
    }

    fn run(mut self, tokens: &[Token]) -> Vec<Token> {
        let count = |kind| tokens.iter().filter(|t| t.kind == kind).count();
        self.excess = count(K::RBrace).saturating_sub(count(K::LBrace));
        for (i, token) in tokens.iter().enumerate() {
            let next = tokens.get(i + 1);
            if token.newline && token.kind != K::Eof {
                self.indentation = token.column;
            }
            // A word at column 0 begins an item. (A name and `=` there may be a field of a careless block.)
            let begins_item = token.column_zero
                && token.kind.is_word()
                && next.is_some_and(|n| n.kind != K::Eq && n.kind != K::Colon && !n.newline);
            if token.kind == K::Eof || begins_item {
                self.end_deep();
                self.close_down_to(0, token.start);
                self.given_up.clear();
            } else if token.newline
                && token.kind == K::Ident
                && next.is_some_and(|n| n.kind == K::Eq || (n.kind == K::Ident && !n.newline))
            {
                // A field or a declaration stands in braces alone: `(` and `[` were to be closed before it.
                let block = self
                    .open
                    .iter()
                    .rposition(|o| o.close == K::RBrace)
                    .map_or(0, |b| b + 1);
                self.close_down_to(block, token.start);
            }
            if self.step_deep(token) {
                continue;
            }
            if token.newline && !is_closer(token.kind) {
                self.end_outdented(token);
            }
            if let Some(close) = closer(token.kind) {
                if self.open.len() >= MAX_BRACKETS {
                    self.mistakes.push(Mistake::TooDeep {
                        range: token.range(),
                        brackets: true,
                    });
                    self.deep = Some((*token, vec![close]));
                    continue;
                }
                self.open.push(Open {
                    close,
                    token: *token,
                    indentation: self.indentation,
                    inner: None,
                });
                self.out.push(*token);
            } else if is_closer(token.kind) {
                self.close(token);
            } else {
                self.out.push(*token);
            }
        }
        self.out
    }

    /// A line that is indented no further than the line of a bracket stands after it, if the lines in it were indented.
    fn end_outdented(&mut self, token: &Token) {
        let after =
            |o: &Open| o.inner.is_some_and(|i| i > o.indentation) && token.column <= o.indentation;
        if let Some(ended) = self.open.iter().position(after) {
            self.close_down_to(ended, token.start);
        }
        if let Some(open) = self.open.last_mut() {
            open.inner.get_or_insert(token.column);
        }
    }

    /// Steps over what is too deep. Gives whether the token was taken.
    fn step_deep(&mut self, token: &Token) -> bool {
        let Some((opening, stack)) = &mut self.deep else {
            return false;
        };
        // It ends where its last token does: documentation after that is of the next item.
        opening.end = opening.end.max(token.end);
        if let Some(close) = closer(token.kind) {
            stack.push(close);
        } else if is_closer(token.kind) {
            // Whatever closes: what is in there is not looked at again.
            stack.pop();
            if stack.is_empty() {
                let group = Token {
                    kind: K::Skipped,
                    end: token.end,
                    ..*opening
                };
                self.out.push(group);
                self.deep = None;
            }
        }
        true
    }

    fn end_deep(&mut self) {
        if let Some((opening, _)) = self.deep.take() {
            self.out.push(Token {
                kind: K::Skipped,
                ..opening
            });
            // Those around it are open too, for the same reason.
            self.cut.insert(opening.start);
        }
    }

    fn close(&mut self, token: &Token) {
        let fits = |o: &Open| o.close == token.kind;
        // A hole's end only ever closes its hole: the lexer knows which.
        let by_layout = (token.newline && token.kind != K::InterpEnd)
            .then(|| {
                self.open
                    .iter()
                    .rposition(|o| fits(o) && o.indentation == self.indentation)
            })
            .flatten();
        let hole = self
            .open
            .iter()
            .rposition(|o| o.close == K::InterpEnd)
            .map_or(0, |h| h + 1);
        let innermost = self
            .open
            .iter()
            .rposition(fits)
            .filter(|at| token.kind == K::InterpEnd || *at >= hole);
        let by_layout = by_layout.filter(|at| *at >= hole);
        // One `}` too many: the one that is indented further than the line of what it would close.
        let deeper = self
            .open
            .last()
            .is_some_and(|o| fits(o) && self.indentation > o.indentation);
        if token.kind == K::RBrace
            && self.excess > 0
            && token.newline
            && by_layout.is_none()
            && deeper
        {
            self.excess -= 1;
            self.mistakes.push(Mistake::StrayCloser {
                range: token.range(),
            });
            return;
        }
        match by_layout.or(innermost) {
            Some(at) => {
                // Where an end was put in for a string that was cut off, all has been said.
                if token.start == token.end {
                    self.cut.insert(token.start);
                }
                self.close_down_to(at + 1, token.start);
                self.open.pop();
                self.out.push(*token);
            }
            None if matches!(token.kind, K::RParen | K::RBracket)
                && self
                    .open
                    .last()
                    .is_some_and(|o| matches!(o.close, K::RParen | K::RBracket)) =>
            {
                if let Some(open) = self.open.pop() {
                    self.mistakes.push(Mistake::WrongCloser {
                        open: open.token.range(),
                        range: token.range(),
                    });
                    self.out.push(Token {
                        kind: open.close,
                        ..*token
                    });
                }
            }
            None => {
                let late = (token.kind, self.indentation);
                let given_up = self
                    .given_up
                    .iter()
                    .rposition(|g| token.newline && *g == late);
                if let Some(at) = given_up {
                    self.given_up.remove(at);
                } else if token.start != token.end {
                    self.mistakes.push(Mistake::StrayCloser {
                        range: token.range(),
                    });
                }
            }
        }
    }

    /// Puts in what is missing, innermost first.
    fn close_down_to(&mut self, keep: usize, before: u32) {
        let mut reported = false;
        while self.open.len() > keep {
            let Some(open) = self.open.pop() else { break };
            let at = self.out.last().map_or(before, |t| t.end);
            let excused = self
                .cut
                .range(open.token.start..=before.max(open.token.start))
                .next()
                .is_some();
            // Several that end at one place are most often one that is missing: the innermost.
            if !excused && !reported && open.close != K::InterpEnd {
                self.mistakes.push(Mistake::OpenBracket {
                    open: open.token.range(),
                    end: TextRange::empty(at),
                });
                reported = true;
            }
            self.given_up.push((open.close, open.indentation));
            self.out.push(Token {
                kind: open.close,
                word: crate::lexer::Word::Other,
                newline: false,
                column_zero: false,
                docs: false,
                small: false,
                column: 0,
                start: at,
                end: at,
            });
        }
    }
}
