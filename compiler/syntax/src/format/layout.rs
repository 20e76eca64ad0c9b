//! What the formatter must know of the tree: where elements begin and end, which `<` is a bracket, which `-` a sign.

use super::align::{Line, Shape};
use super::pieces::Piece;
use crate::Parse;
use crate::brackets::Balanced;
use crate::kind::SyntaxKind as K;
use crate::lexer::Token;
use crate::tree::Node;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of the commas in a bracket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Commas {
    /// One after each element that ends its line.
    Each,
    /// None at the end of a line: the line break is enough.
    BetweenOnly,
    /// None before the closing bracket.
    NotLast,
}

/// A place that may be padded.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// The line that begins here has the shape of this number.
    Shape(usize),
    /// Here a column of that shape ends.
    Point(usize),
}

/// What is known of the tokens, by the offset at which they begin in the file.
#[derive(Default)]
pub(super) struct Layout {
    /// Where items, fields, elements, arguments, parameters and arms begin.
    begins: BTreeSet<u32>,
    /// Where elements end that may be followed by a comma.
    pub(super) ends: BTreeSet<u32>,
    /// Where something ends that a comma belongs to whatever bracket it stands in: `k` in `for k, v in m`.
    pub(super) kept: BTreeSet<u32>,
    /// The `else` between two blocks.
    pub(super) joined: BTreeSet<u32>,
    /// Opening brackets, and what becomes of the commas in them; [`Commas::NotLast`] if not here.
    commas: BTreeMap<u32, Commas>,
    /// `(` and `[` that belong to what stands before them.
    pub(super) tight: BTreeSet<u32>,
    /// `{` without blanks inside.
    pub(super) narrow: BTreeSet<u32>,
    /// The `}` of those.
    narrow_ends: BTreeSet<u32>,
    /// `<` and the `|` before parameters: no blank after.
    pub(super) opening: BTreeSet<u32>,
    /// `>` and the `|` after parameters: no blank before. (And `<`.)
    pub(super) closing: BTreeSet<u32>,
    /// `-` as a sign.
    pub(super) signs: BTreeSet<u32>,
    marks: BTreeMap<u32, Vec<Mark>>,
    shapes: Vec<Shape>,
}

impl Layout {
    pub(super) fn new(balanced: &Balanced, parsed: &Parse) -> Self {
        let mut layout = Layout::default();
        let source = Source { balanced };
        for item in &parsed.items {
            for node in item.tree.nodes() {
                layout.look(node, item.offset, &source);
            }
        }
        layout
    }

    /// Does something begin at this token, so that its line is not the continuation of another?
    pub(super) fn begins(&self, start: u32) -> bool {
        self.begins.contains(&start) || self.joined.contains(&start)
    }

    pub(super) fn commas_in(&self, open: Option<u32>) -> Commas {
        match open {
            Some(open) => self.commas.get(&open).copied().unwrap_or(Commas::NotLast),
            None => Commas::BetweenOnly,
        }
    }

    /// Does this closing brace belong to a bracket without blanks inside, or to an empty one?
    pub(super) fn narrow_group(&self, before: &Piece, close: &Piece) -> bool {
        before.kind == K::LBrace || self.narrow_ends.contains(&close.range.start)
    }

    /// Notes on the line what the token that is being written, in the bracket of this number, means for its columns.
    /// `padded`: it is where the author has put it by blanks.
    pub(super) fn shape_at(&self, start: u32, group: usize, padded: bool, line: &mut Line) {
        for mark in self.marks.get(&start).into_iter().flatten() {
            match *mark {
                Mark::Shape(number) if line.text.is_empty() => {
                    line.shape = self.shapes.get(number).cloned().unwrap_or_default();
                    line.shape_number = Some(number);
                }
                // A second field on the line: such a line has no columns.
                Mark::Shape(_) if group == line.group => line.shape = Shape::Other,
                Mark::Point(number) if line.shape_number == Some(number) => {
                    line.points.push(line.text.len());
                    line.padded |= padded;
                }
                _ => {}
            }
        }
    }

    fn mark(&mut self, start: u32, mark: Mark) {
        self.marks.entry(start).or_default().push(mark);
    }

    fn shape(&mut self, start: u32, shape: Shape, points: impl IntoIterator<Item = u32>) {
        let number = self.shapes.len();
        self.shapes.push(shape);
        self.mark(start, Mark::Shape(number));
        for point in points {
            self.mark(point, Mark::Point(number));
        }
    }

    fn look(&mut self, node: Node<'_>, offset: u32, source: &Source<'_>) {
        let range = node.range().shifted(offset);
        let kind = node.kind();
        if kind.is_item()
            || matches!(
                kind,
                K::Entry
                    | K::Arg
                    | K::Param
                    | K::MatchArm
                    | K::TypeField
                    | K::UseItem
                    | K::PatArg
                    | K::CompFor
                    | K::CompIf
            )
        {
            // The first token after the documentation. An expression that could not be read is an item too, but
            // then nothing is formatted.
            let start = node
                .child(K::Docs)
                .map_or(range.start, |d| d.range().shifted(offset).end);
            self.begins.insert(source.element_from(start).start);
        }
        let first = source.token_from(range.start);
        if matches!(kind, K::For | K::CompFor | K::TypeApp)
            || (kind == K::Params && first.kind == K::Pipe)
        {
            let parts = node
                .children()
                .filter(|c| c.kind().is_type() || matches!(c.kind(), K::Name | K::Param));
            self.kept
                .extend(parts.map(|c| c.range().shifted(offset).end));
        }
        match kind {
            K::List | K::ListComp | K::MapComp => {
                for child in node
                    .children()
                    .filter(|c| c.kind().is_expr() || c.kind() == K::Entry)
                {
                    let child = child.range().shifted(offset);
                    self.begins.insert(child.start);
                    if kind == K::List {
                        self.ends.insert(child.end);
                    }
                }
                if kind == K::List {
                    self.commas.insert(first.start, Commas::Each);
                }
                if kind == K::MapComp {
                    self.narrow.insert(first.start);
                    self.narrow_ends
                        .insert(source.token_before(range.end).start);
                }
            }
            K::Paren => {
                let inner = source.token_from(first.end);
                self.begins.insert(inner.start);
            }
            K::Record | K::Body | K::TypeRecord => {
                self.commas.insert(first.start, Commas::BetweenOnly);
            }
            K::Match => {
                if let Some(open) = node
                    .children()
                    .next()
                    .map(|s| source.token_from(s.range().shifted(offset).end))
                {
                    self.commas.insert(open.start, Commas::BetweenOnly);
                }
            }
            K::Use => self.look_use(node, offset, source),
            K::Call | K::PatCase => {
                let Some(callee) = node.children().next() else {
                    return;
                };
                let open = source.token_from(callee.range().shifted(offset).end);
                self.arguments(node, open, offset);
            }
            K::Params => {
                if first.kind == K::Pipe {
                    self.opening.insert(first.start);
                    self.closing.insert(source.token_before(range.end).start);
                } else {
                    self.arguments(node, first, offset);
                }
            }
            K::Index => {
                self.tight.insert(first.start);
                self.begins.insert(source.token_from(first.end).start);
            }
            K::TypeList => {
                self.begins.insert(source.token_from(first.end).start);
            }
            K::TypeApp => {
                let Some(name) = node.children().next() else {
                    return;
                };
                let open = source.token_from(name.range().shifted(offset).end);
                self.opening.insert(open.start);
                self.closing.insert(open.start);
                self.closing.insert(source.token_before(range.end).start);
            }
            K::Unary if first.kind == K::Minus => {
                self.signs.insert(first.start);
            }
            K::If => self.look_if(node, offset, source),
            K::Field | K::Entry => {
                let Some(path) = node.child(K::Path) else {
                    return;
                };
                let path = path.range().shifted(offset);
                self.shape(
                    path.start,
                    Shape::Field,
                    [source.token_from(path.end).start],
                );
            }
            K::Decl => self.look_decl(node, offset, source),
            _ => {}
        }
        if kind == K::List {
            self.look_rows(node, offset, source);
        }
    }

    fn arguments(&mut self, node: Node<'_>, open: Token, offset: u32) {
        self.tight.insert(open.start);
        self.commas.insert(open.start, Commas::Each);
        for child in node
            .children()
            .filter(|c| matches!(c.kind(), K::Arg | K::Param | K::PatArg))
        {
            self.ends.insert(child.range().shifted(offset).end);
        }
    }

    fn look_use(&mut self, node: Node<'_>, offset: u32, source: &Source<'_>) {
        let Some(path) = node.child(K::Path) else {
            return;
        };
        // The dot, then perhaps a brace.
        let dot = source.token_from(path.range().shifted(offset).end);
        let open = source.token_from(dot.end);
        if open.kind == K::LBrace {
            self.narrow.insert(open.start);
            self.narrow_ends
                .insert(source.token_before(node.range().shifted(offset).end).start);
            self.commas.insert(open.start, Commas::BetweenOnly);
        } else {
            // `use a.b`: the item goes on the path's line.
            self.begins.remove(&open.start);
        }
    }

    fn look_if(&mut self, node: Node<'_>, offset: u32, source: &Source<'_>) {
        let Some(body) = node.child(K::Body) else {
            return;
        };
        let next = source.token_from(body.range().shifted(offset).end);
        if next.kind == K::ElseKw {
            self.joined.insert(next.start);
        }
    }

    /// `secret a { … }` below `secret b { … }`: their braces stand below each other.
    fn look_decl(&mut self, node: Node<'_>, offset: u32, source: &Source<'_>) {
        let (Some(kind), Some(body)) = (node.child(K::Path), node.child(K::Body)) else {
            return;
        };
        let start = source.token_from(kind.range().shifted(offset).start);
        let open = source.token_from(body.range().shifted(offset).start);
        if source.on_one_line(open, node.range().shifted(offset).end) {
            self.shape(
                start.start,
                Shape::Decl(kind.text().to_owned()),
                [open.start],
            );
        }
    }

    /// Records with the same keys, one below the other in a list, are a table.
    fn look_rows(&mut self, list: Node<'_>, offset: u32, source: &Source<'_>) {
        for record in list.children().filter(|c| c.kind() == K::Record) {
            let range = record.range().shifted(offset);
            let open = source.token_from(range.start);
            let entries: Vec<Node<'_>> =
                record.children().filter(|c| c.kind() == K::Entry).collect();
            if entries.is_empty() || !source.on_one_line(open, range.end) {
                continue;
            }
            let keys = entries
                .iter()
                .filter_map(|e| e.child(K::Path))
                .map(|p| p.text().to_owned());
            let later = entries
                .iter()
                .skip(1)
                .map(|e| e.range().shifted(offset).start);
            let points = later.chain([source.token_before(range.end).start]);
            self.shape(open.start, Shape::Row(keys.collect()), points);
        }
    }
}

/// The tokens, to be found by offset.
struct Source<'a> {
    balanced: &'a Balanced,
}

impl Source<'_> {
    /// The first token that begins at or after this offset.
    fn token_from(&self, offset: u32) -> Token {
        self.at(self.balanced.tokens.partition_point(|t| t.start < offset))
    }

    /// The same, but no comma: one may stand between an element and its documentation.
    fn element_from(&self, offset: u32) -> Token {
        let first = self.balanced.tokens.partition_point(|t| t.start < offset);
        let after = self.balanced.tokens.get(first..).unwrap_or(&[]);
        let found = after.iter().find(|t| t.kind != K::Comma);
        found.copied().unwrap_or(Token::END)
    }

    /// The last token that ends at or before this offset.
    fn token_before(&self, offset: u32) -> Token {
        // The end of the file is empty, and ends where the last token does if no line break stands between.
        let tokens = &self.balanced.tokens;
        let after = tokens.partition_point(|t| t.end <= offset && t.kind != K::Eof);
        self.at(after.saturating_sub(1))
    }

    /// Are all tokens after this one, up to the offset, on its line?
    fn on_one_line(&self, first: Token, end: u32) -> bool {
        let from = self
            .balanced
            .tokens
            .partition_point(|t| t.start <= first.start);
        let after = self.balanced.tokens.get(from..).unwrap_or(&[]);
        after
            .iter()
            .take_while(|t| t.end <= end)
            .all(|t| !t.newline && !first_of_block(t))
    }

    fn at(&self, index: usize) -> Token {
        let tokens = &self.balanced.tokens;
        tokens
            .get(index)
            .or(tokens.last())
            .copied()
            .unwrap_or(Token::END)
    }
}

/// A block string may go on over lines.
fn first_of_block(token: &Token) -> bool {
    token.kind == K::BlockStart
}
