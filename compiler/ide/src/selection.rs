//! What a selection grows to.

use plat_semantics::{Database, FileId};
use plat_syntax::{Node, TextRange};

/// The ranges around a place, the innermost first, each within the next: its token, the node it
/// stands in, and so on up to the whole file.
pub fn selections(db: &Database, file: FileId, offset: u32) -> Vec<TextRange> {
    let text = db.text(file);
    let mut ranges: Vec<TextRange> = Vec::new();
    let items = &db.parse(file).items;
    let found = items.iter().find(|item| {
        let range = item.tree.root().range().shifted(item.offset);
        range.start <= offset && offset <= range.end
    });
    if let Some(item) = found {
        let inside = offset - item.offset;
        let mut node = item.tree.root();
        ranges.push(node.range().shifted(item.offset));
        while let Some(inner) = child_at(node, inside) {
            ranges.push(inner.range().shifted(item.offset));
            node = inner;
        }
    }
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    ranges.reverse();
    ranges.push(TextRange::new(0, length));
    ranges.dedup();
    ranges
}

/// The child that a place stands in; of two that meet there, the one behind it.
fn child_at(node: Node<'_>, offset: u32) -> Option<Node<'_>> {
    let touched = |child: &Node<'_>| {
        let range = child.range();
        range.start <= offset && offset <= range.end && !range.is_empty()
    };
    node.children().filter(touched).last()
}
