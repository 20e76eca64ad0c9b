//! The flat tree: one per top-level item.
//!
//! Nodes stand in pre-order, each with the size of its subtree, so that a tree is one slice: comparing
//! two trees is comparing two slices, and walking one follows the memory. Ranges are relative to the
//! item, so that moving an item in its file changes nothing in its tree.

use crate::kind::SyntaxKind;
use serde::Serialize;
use std::sync::Arc;

/// A range of bytes, `start..end`, in a file or in an item (the place says which).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize)]
pub struct TextRange {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl TextRange {
    /// The range from `start` up to and without `end`.
    pub fn new(start: u32, end: u32) -> Self {
        TextRange {
            start,
            end: end.max(start),
        }
    }

    /// The empty range at `offset`.
    pub fn empty(offset: u32) -> Self {
        TextRange {
            start: offset,
            end: offset,
        }
    }

    /// Its length in bytes.
    pub fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Is it empty?
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The same range, `offset` bytes further on: from a place in an item to a place in its file.
    pub fn shifted(self, offset: u32) -> Self {
        TextRange {
            start: self.start.saturating_add(offset),
            end: self.end.saturating_add(offset),
        }
    }

    /// The smallest range that holds both.
    pub fn cover(self, other: TextRange) -> Self {
        TextRange {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// Does it hold this byte?
    pub fn contains(self, offset: u32) -> bool {
        self.start <= offset && offset < self.end
    }

    /// The text of this range, or nothing where it lies outside `text`.
    pub fn slice(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize)
            .unwrap_or("")
    }
}

/// One node as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct RawNode {
    pub(crate) kind: SyntaxKind,
    /// How many nodes the subtree has, this one counted.
    pub(crate) size: u32,
    /// Relative to the item.
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The place of a node in its tree. Means nothing in another tree, nor after an edit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// The tree of one top-level item, with the item's text (from its documentation to its last token).
///
/// Cheap to clone. Equal exactly when the text and the nodes are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tree {
    nodes: Arc<[RawNode]>,
    text: Arc<str>,
}

impl Tree {
    pub(crate) fn new(nodes: Vec<RawNode>, text: &str) -> Self {
        Tree {
            nodes: nodes.into(),
            text: text.into(),
        }
    }

    /// The item itself.
    pub fn root(&self) -> Node<'_> {
        self.node(NodeId(0))
    }

    /// The node with this id.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        Node { tree: self, id }
    }

    /// The item's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many nodes it has.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Has it no node? (No parse gives such a tree.)
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every node, in pre-order.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.nodes.len()).map(|i| self.node(NodeId(u32::try_from(i).unwrap_or(u32::MAX))))
    }

    /// The innermost node that holds this byte of the item, for a cursor.
    pub fn node_at(&self, offset: u32) -> Node<'_> {
        let mut node = self.root();
        while let Some(inner) = node.children().find(|c| c.range().contains(offset)) {
            node = inner;
        }
        node
    }

    fn raw(&self, id: NodeId) -> RawNode {
        self.nodes.get(id.0 as usize).copied().unwrap_or(RawNode {
            kind: SyntaxKind::Error,
            size: 1,
            start: 0,
            len: 0,
        })
    }
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // By hand with a stack of ends, so that a deep tree does not recurse.
        let mut ends: Vec<u32> = Vec::new();
        for node in self.nodes() {
            while ends.last().is_some_and(|end| *end <= node.id.0) {
                ends.pop();
            }
            let raw = self.raw(node.id);
            write!(f, "{:indent$}{:?}", "", raw.kind, indent = ends.len() * 2)?;
            if raw.size == 1 {
                write!(f, " {:?}", node.text())?;
            }
            writeln!(f)?;
            ends.push(node.id.0 + raw.size);
        }
        Ok(())
    }
}

/// A node of a tree: what the typed view of [`crate::ast`] is made of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node<'t> {
    tree: &'t Tree,
    id: NodeId,
}

impl<'t> Node<'t> {
    /// Its place in the tree.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The tree it belongs to.
    pub fn tree(self) -> &'t Tree {
        self.tree
    }

    /// What it is.
    pub fn kind(self) -> SyntaxKind {
        self.tree.raw(self.id).kind
    }

    /// Where it is, relative to the item. Add the item's offset ([`TextRange::shifted`]) for the file.
    pub fn range(self) -> TextRange {
        let raw = self.tree.raw(self.id);
        TextRange {
            start: raw.start,
            end: raw.start.saturating_add(raw.len),
        }
    }

    /// Its text, as written.
    pub fn text(self) -> &'t str {
        self.range().slice(&self.tree.text)
    }

    /// Its children, in the order of the source.
    pub fn children(self) -> Children<'t> {
        let size = self.tree.raw(self.id).size;
        Children {
            tree: self.tree,
            next: self.id.0 + 1,
            end: self.id.0 + size,
        }
    }

    /// Its first child of this kind.
    pub fn child(self, kind: SyntaxKind) -> Option<Node<'t>> {
        self.children().find(|c| c.kind() == kind)
    }

    /// How many nodes its subtree has, itself counted: those with the ids from its own on.
    pub fn size(self) -> u32 {
        self.tree.raw(self.id).size
    }

    /// Every node below it and itself, in pre-order.
    pub fn descendants(self) -> impl Iterator<Item = Node<'t>> {
        let tree = self.tree;
        (self.id.0..self.id.0 + tree.raw(self.id).size).map(move |i| tree.node(NodeId(i)))
    }
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}@{}", self.kind(), self.id.0)
    }
}

/// The children of a node.
#[derive(Clone)]
pub struct Children<'t> {
    tree: &'t Tree,
    next: u32,
    end: u32,
}

impl<'t> Iterator for Children<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        if self.next >= self.end {
            return None;
        }
        let node = self.tree.node(NodeId(self.next));
        self.next += self.tree.raw(node.id).size.max(1);
        Some(node)
    }
}
