//! A `let` goes, and its value stands wherever it was named.

use plat_semantics::{Database, FileId, Place, Symbol};
use plat_syntax::ast::{Item, Let};
use plat_syntax::{ParsedItem, SyntaxKind, TextRange};

use crate::FileEdit;
use crate::assists::{Assist, AssistKind};
use crate::navigate::references_of;

/// Puts the value of the `let` that is named at a range in the place of its name, everywhere, and
/// takes the `let` away. Not offered where that could mean something else: where others may name it
/// (`pub`, or named in a `use`), where its type is written, and where a name of its value would stand
/// for something else.
pub fn inline_let(db: &Database, file: FileId, range: TextRange) -> Option<Assist> {
    let symbol = db.name_at(file, range.start)?.symbol;
    if !matches!(symbol, Symbol::Item(_)) || !db.is_own_symbol(&symbol) {
        return None;
    }
    let at = db.definition(&symbol)?;
    let item = item_at(db, at)?;
    let Item::Let(def) = item.tree.item() else {
        return None;
    };
    if def.is_pub() || Let::ty(def).is_some() {
        return None;
    }
    let value = Let::value(def)?.node();
    let stands = value.range().shifted(item.offset);
    let inside: Vec<&str> = db
        .names_of(at.file)
        .iter()
        .filter(|name| stands.start <= name.range.start && name.range.end <= stands.end)
        .map(|name| name.range.slice(db.text(at.file)))
        .collect();
    let text = value.text();
    let text = if binds_loosely(value.kind()) {
        format!("({text})")
    } else {
        text.to_owned()
    };
    let mut edits = Vec::new();
    for reference in references_of(db, &symbol) {
        if reference.definition {
            continue;
        }
        let place = reference.place;
        // Each file has names of its own by its `use`.
        let elsewhere = place.file != at.file && !inside.is_empty();
        if elsewhere || !fits(db, place, &inside, &text) {
            return None;
        }
        edits.push(FileEdit {
            file: place.file,
            range: place.range,
            text: text.clone(),
        });
    }
    if edits.is_empty() {
        return None;
    }
    edits.push(FileEdit {
        file: at.file,
        range: with_its_line(db, db.definition_body(&symbol)?),
        text: String::new(),
    });
    Some(Assist {
        title: format!(
            "put its value in the place of `{}`",
            db.symbol_name(&symbol)
        ),
        kind: AssistKind::Inline,
        edits,
    })
}

/// Does an expression of this kind need parentheses where a name needed none?
fn binds_loosely(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::Binary
            | SyntaxKind::Unary
            | SyntaxKind::Range
            | SyntaxKind::IfExpr
            | SyntaxKind::IsExpr
            | SyntaxKind::Match
            | SyntaxKind::Closure
            | SyntaxKind::WithExpr
    )
}

/// Does a value with these names mean the same at a place?
fn fits(db: &Database, place: Place, names: &[&str], text: &str) -> bool {
    let Some(item) = item_at(db, place) else {
        return false;
    };
    let root = item.tree.root();
    let within = |kind: SyntaxKind| {
        let holds =
            |range: TextRange| range.start <= place.range.start && place.range.end <= range.end;
        let mut nodes = item.tree.nodes();
        nodes.any(|node| node.kind() == kind && holds(node.range().shifted(item.offset)))
    };
    if root.kind() == SyntaxKind::Use || text.contains(['"', '\n']) && within(SyntaxKind::StringLit)
    {
        return false;
    }
    // In a kind and in a function names may be fields and parameters; elsewhere, of a closure or a
    // comprehension.
    let own = matches!(root.kind(), SyntaxKind::Kind | SyntaxKind::FnDef);
    let locals = db.names_of(place.file).into_iter().any(|name| {
        let here = root.range().shifted(item.offset);
        let inside = here.start <= name.range.start && name.range.end <= here.end;
        inside
            && matches!(name.symbol, Symbol::Local(..))
            && names.contains(&name.range.slice(db.text(place.file)))
    });
    names.is_empty() || !own && !locals
}

/// The item of a file that a place is in.
fn item_at(db: &Database, place: Place) -> Option<&ParsedItem> {
    let items = &db.parse(place.file).items;
    items
        .iter()
        .rev()
        .find(|item| item.offset <= place.range.start)
}

/// All of an item, with the end of its line and the empty line behind it.
fn with_its_line(db: &Database, body: Place) -> TextRange {
    let after = db
        .text(body.file)
        .get(body.range.end as usize..)
        .unwrap_or_default();
    let ends = after.chars().take_while(|c| *c == '\n').take(2).count();
    // One is left of two declarations that stood close together.
    let ends = u32::try_from(ends).unwrap_or_default();
    TextRange::new(body.range.start, body.range.end + ends)
}
