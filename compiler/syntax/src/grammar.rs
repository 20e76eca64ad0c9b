//! Tokens to trees: the grammar, in chumsky, over balanced tokens.
//!
//! Rules give no output: they push nodes, children first, onto the [`Builder`], which chumsky takes back when
//! an alternative is left ([`chumsky::inspector::Inspector`]). Every rule decides by one or two tokens whether it begins
//! here. If not, it fails without consequence; if so, it never fails: what is missing is noted with
//! [`basics::must`] in the words of the place ("a value", "the name of the environment") and parsing goes on.
//!
//! That is why chumsky's error type is the empty one: expectations are ours, so that nothing is collected,
//! merged or parsed twice to get a good message, and a file full of errors is read as fast as a good one.

mod basics;
mod collection;
mod expr;
mod item;
mod literal;
mod pattern;
#[cfg(test)]
mod tests;
mod ty;

use crate::brackets::Balanced;
use crate::kind::SyntaxKind as K;
use crate::lexer::Token;
use crate::mistake::{Context, Found, Mistake};
use crate::tree::{RawNode, TextRange, Tree};
use chumsky::Parser;
use chumsky::error::EmptyErr;
use chumsky::extra;
use chumsky::input::{Checkpoint, Cursor};
use chumsky::inspector::Inspector;

/// How deep rules may nest within the brackets' depth (`not not …`), so that no stack overflows.
const MAX_RULES: u32 = 128;
/// How high a tree may be, so that whoever walks it may recurse: what stands in a row (`a + a + …`, `a.b.c`, `else if`)
/// makes it higher without nesting.
const MAX_HEIGHT: u16 = 22_000;

type Tokens<'t> = &'t [Token];
type Extra<'t> = extra::Full<EmptyErr, Builder<'t>, ()>;
type Ref<'t, 'p> = chumsky::input::InputRef<'t, 'p, Tokens<'t>, Extra<'t>>;

/// A rule of the grammar.
trait Rule<'t>: Parser<'t, Tokens<'t>, (), Extra<'t>> + Clone + 't {}
impl<'t, P: Parser<'t, Tokens<'t>, (), Extra<'t>> + Clone + 't> Rule<'t> for P {}

/// A node whose children stand before it.
struct Post {
    kind: K,
    size: u32,
    start: u32,
    end: u32,
    height: u16,
}

/// What the rules build, and what they look at.
struct Builder<'t> {
    tokens: Tokens<'t>,
    partner: &'t [u32],
    /// The runs of `///` lines, in order.
    docs: Vec<TextRange>,
    nodes: Vec<Post>,
    mistakes: Vec<Mistake>,
    /// Something was told of the element that is being read: what follows from it stays untold.
    told: bool,
    /// Of the element before, in the same bracket.
    sibling: Sibling,
    /// What is wrong with this element follows from the one before.
    follows: bool,
    /// No element begins with what stands at this one.
    unexpected: bool,
    /// Something was told of the element around: what it holds may be what is wrong with it.
    told_around: bool,
    /// Nothing is told: what is being read was most likely meant to stand elsewhere.
    muted: bool,
    depth: u32,
    /// In the head of `if`, `for` or `match`: a `{` begins the body, not a constructor's fields.
    head: bool,
    /// Between `<` and `>`: a condition there would take the `>` for a comparison.
    type_arguments: bool,
    /// The token after the last condition of a type: a type has one.
    refined: usize,
    context: Context,
    /// How many tokens were taken, those that were given back counted again.
    #[cfg(test)]
    steps: usize,
    /// The start of the item that was last found to be too deep: said once for each.
    deep_item: Option<u32>,
}

/// The element before.
#[derive(Clone, Copy, Default)]
struct Sibling {
    /// Something was told of it.
    told: bool,
    /// Where on its line it began.
    column: u16,
    /// It is a declaration without a body.
    bare: bool,
    /// No element begins with what stands there.
    unexpected: bool,
}

impl<'t> Inspector<'t, Tokens<'t>> for Builder<'t> {
    type Checkpoint = (usize, usize);

    fn on_token(&mut self, _: &Token) {
        #[cfg(test)]
        {
            self.steps += 1;
        }
    }

    fn on_save<'p>(&self, _: &Cursor<'t, 'p, Tokens<'t>>) -> Self::Checkpoint {
        (self.nodes.len(), self.mistakes.len())
    }

    fn on_rewind<'p>(&mut self, to: &Checkpoint<'t, 'p, Tokens<'t>, Self::Checkpoint>) {
        let (nodes, mistakes) = *to.inspector();
        self.nodes.truncate(nodes);
        self.mistakes.truncate(mistakes);
    }
}

impl<'t> Builder<'t> {
    fn token(&self, at: usize) -> Token {
        self.tokens
            .get(at)
            .or(self.tokens.last())
            .copied()
            .unwrap_or(Token::END)
    }

    fn found(&self, at: usize) -> Found {
        let token = self.token(at);
        Found {
            kind: token.kind,
            range: token.range(),
            newline: token.newline,
        }
    }

    /// The token before; the beginning of the file counts as one.
    fn before(&self, at: usize) -> Found {
        match at.checked_sub(1) {
            Some(before) => self.found(before),
            None => Found {
                kind: K::Eof,
                range: TextRange::default(),
                newline: true,
            },
        }
    }

    /// Where the last token before this one ends.
    fn end_before(&self, at: usize) -> u32 {
        self.before(at).range.end
    }

    /// The documentation right before this token.
    fn docs_before(&self, at: usize) -> Option<TextRange> {
        let token = self.token(at);
        if !token.docs {
            return None;
        }
        let after = self.docs.partition_point(|d| d.end <= token.start);
        self.docs.get(after.checked_sub(1)?).copied()
    }

    fn push_leaf(&mut self, kind: K, range: TextRange) {
        self.nodes.push(Post {
            kind,
            size: 1,
            start: range.start,
            end: range.end,
            height: 1,
        });
    }

    /// Makes the nodes since `mark` the children of a new one.
    fn finish(&mut self, kind: K, mark: usize, start: u32, end: u32) {
        let mut height = 0;
        // Documentation before a first child stands before the first token.
        let mut start = start;
        let mut next = self.nodes.len();
        while next > mark {
            let Some(child) = self.nodes.get(next - 1) else {
                break;
            };
            height = height.max(child.height);
            start = start.min(child.start);
            next -= (child.size as usize).max(1);
        }
        if height >= MAX_HEIGHT {
            self.nodes.truncate(mark);
            self.push_leaf(K::Error, TextRange::new(start, end));
            self.too_deep(TextRange::new(start, end));
            return;
        }
        let size = u32::try_from(self.nodes.len() - mark + 1).unwrap_or(u32::MAX);
        self.nodes.push(Post {
            kind,
            size,
            start,
            end: end.max(start),
            height: height + 1,
        });
    }

    fn too_deep(&mut self, range: TextRange) {
        self.told = true;
        let item = self.deep_item.take();
        // Top-level items come in order: what is too deep again within a few bytes is the same thing.
        if item.is_none_or(|i| range.start > i) {
            self.mistakes.push(Mistake::TooDeep {
                range: TextRange::new(range.start, range.start + 1),
                brackets: false,
            });
        }
        self.deep_item = Some(item.map_or(range.end, |i| i.max(range.end)));
    }
}

/// The trees of the file's items, each with its offset, and what was wrong.
pub(crate) fn parse(
    text: &str,
    balanced: &Balanced,
    docs: Vec<TextRange>,
) -> (Vec<(u32, Tree)>, Vec<Mistake>) {
    let builder = build(balanced, docs);
    (trees(text, &builder.nodes), builder.mistakes)
}

fn build(balanced: &Balanced, docs: Vec<TextRange>) -> Builder<'_> {
    let mut builder = Builder {
        tokens: &balanced.tokens,
        partner: &balanced.partner,
        docs,
        nodes: Vec::with_capacity(balanced.tokens.len()),
        mistakes: Vec::new(),
        told: false,
        sibling: Sibling::default(),
        told_around: false,
        follows: false,
        unexpected: false,
        muted: false,
        depth: 0,
        head: false,
        type_arguments: false,
        refined: 0,
        context: Context::File,
        #[cfg(test)]
        steps: 0,
        deep_item: None,
    };
    let tokens: Tokens<'_> = &balanced.tokens;
    // The rules never fail on a whole file: what they could not read is in the builder.
    let _ = item::file().parse_with_state(tokens, &mut builder);
    builder
}

/// Turns children-first nodes into one pre-order slice for each root.
fn trees(text: &str, nodes: &[Post]) -> Vec<(u32, Tree)> {
    let mut trees = Vec::new();
    let mut end = nodes.len();
    while let Some(root) = end.checked_sub(1).and_then(|r| nodes.get(r)) {
        let begin = end - (root.size as usize).clamp(1, end);
        let part = nodes.get(begin..end).unwrap_or(&[]);
        let text = TextRange::new(root.start, root.end).slice(text);
        trees.push((root.start, Tree::new(pre_order(part, root.start), text)));
        end = begin;
    }
    trees.reverse();
    trees
}

/// Read backwards, children-first nodes are parent-first with the children reversed; so each subtree is
/// placed at the end of the room that its parent has left.
fn pre_order(nodes: &[Post], offset: u32) -> Vec<RawNode> {
    let blank = RawNode {
        kind: K::Error,
        size: 1,
        start: 0,
        len: 0,
    };
    let mut placed = vec![blank; nodes.len()];
    // (first slot of the parent's children, where the room that is left ends)
    let mut rooms: Vec<(usize, usize)> = vec![(0, nodes.len())];
    for node in nodes.iter().rev() {
        while rooms.len() > 1 && rooms.last().is_some_and(|(first, end)| first >= end) {
            rooms.pop();
        }
        let Some((_, end)) = rooms.last_mut() else {
            break;
        };
        let size = node.size as usize;
        let slot = end.saturating_sub(size);
        *end = slot;
        if let Some(place) = placed.get_mut(slot) {
            *place = RawNode {
                kind: node.kind,
                size: node.size,
                start: node.start - offset.min(node.start),
                len: node.end - node.start,
            };
        }
        rooms.push((slot + 1, slot + size));
    }
    placed
}
