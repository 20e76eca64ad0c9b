//! One mistake where something is defined shows wherever that is used, and is one all the same.

use plat_syntax::SyntaxKind as K;

use super::program::At;
use super::{Kind, Plants};

/// Those that miss a name.
const MISSED: &[&str] = &[
    "E0201", "E0203", "E0205", "E0207", "E0208", "E0210", "E0211", "E0212", "E0213", "E0215",
    "E0302", "E0305", "E0320", "E0503", "E0504", "E0606", "E0608", "E0702",
];

pub const KINDS: &[Kind] = &[
    ("definition: a typo of its name", MISSED, name),
    ("definition: a capital in its name", &["E0216"], capital),
    (
        "definition: its name is gone",
        &["E0113", "E0120", "E0207"],
        nameless,
    ),
    ("definition: an app is gone", &["E0613", "E0201"], app),
    (
        "definition: an app's first line is gone",
        &["E0120"],
        first_line_of_app,
    ),
    (
        "definition: a kind's first line is gone",
        &["E0120"],
        first_line_of_kind,
    ),
    ("definition: a kind is gone", MISSED, kind_gone),
    ("definition: a declaration is gone", MISSED, gone),
    ("definition: a field is gone", MISSED, field),
    ("definition: an out is gone", MISSED, out),
    (
        "definition: a value of another type",
        &["E0208", "E0301", "E0302"],
        value,
    ),
];

fn defines(kind: Option<K>) -> bool {
    matches!(
        kind,
        Some(K::Decl | K::Let | K::FnDef | K::Kind | K::TypeDef | K::Env | K::Policy)
    )
}

/// Is it the name of something that is defined?
fn is_name(at: &At<'_>) -> bool {
    let named = at.up(1).and_then(|item| item.child(K::Name));
    at.kind() == K::Name && defines(at.above(1)) && named == Some(at.node)
}

/// As a hand does that slips: another letter at its end. Nobody may use the name.
fn name(at: &At<'_>, plants: &mut Plants) {
    let of_member = matches!(at.above(1), Some(K::FieldDecl | K::Out | K::Param));
    if is_name(at) || at.kind() == K::Name && of_member {
        let text = format!("{}x", at.node.text());
        plants
            .replace(at, at.range(), text)
            .told_at_the_use_of(at.node.text())
            .may_be_right();
    }
}

fn capital(at: &At<'_>, plants: &mut Plants) {
    if !is_name(at) || at.above(1) == Some(K::TypeDef) {
        return;
    }
    let (first, rest) = at.node.text().split_at(1);
    plants.replace(at, at.range(), first.to_uppercase() + rest);
}

fn nameless(at: &At<'_>, plants: &mut Plants) {
    if is_name(at) {
        plants
            .replace(at, at.range(), "")
            .told_at(at.lines(at.range()));
    }
}

/// The item, deleted.
fn deleted(at: &At<'_>, plants: &mut Plants, kind: K) {
    if at.kind() == kind && at.alone() {
        let lines = at.lines(at.range());
        plants.replace(at, lines, "").told_anywhere().may_be_right();
    }
}

/// The first line of an item of several, deleted.
fn first_line(at: &At<'_>, plants: &mut Plants, kind: K) {
    let text = at.node.text();
    if at.kind() != kind || !text.trim_end().ends_with('}') || !text.contains('\n') {
        return;
    }
    let docs = at
        .node
        .child(K::Docs)
        .map_or(0, |d| d.range().len() as usize);
    let (start, end) = at.range();
    let head = text[docs..].len() - text[docs..].trim_start().len() + docs;
    let (from, to) = at.lines((start + head, start + head));
    plants.replace(at, (from, to), "").told_at((from, end));
}

fn app(at: &At<'_>, plants: &mut Plants) {
    deleted(at, plants, K::App);
}

fn first_line_of_app(at: &At<'_>, plants: &mut Plants) {
    first_line(at, plants, K::App);
}

fn first_line_of_kind(at: &At<'_>, plants: &mut Plants) {
    first_line(at, plants, K::Kind);
}

fn kind_gone(at: &At<'_>, plants: &mut Plants) {
    deleted(at, plants, K::Kind);
}

fn gone(at: &At<'_>, plants: &mut Plants) {
    if at.up(1).is_none() {
        deleted(at, plants, K::Decl);
        deleted(at, plants, K::FnDef);
        deleted(at, plants, K::Let);
    }
}

fn field(at: &At<'_>, plants: &mut Plants) {
    deleted(at, plants, K::FieldDecl);
}

fn out(at: &At<'_>, plants: &mut Plants) {
    deleted(at, plants, K::Out);
}

/// A `let`'s value in brackets: a list of it.
fn value(at: &At<'_>, plants: &mut Plants) {
    let last = at.up(1).and_then(|item| item.children().last()) == Some(at.node);
    if at.above(1) == Some(K::Let) && at.up(2).is_none() && last {
        let text = format!("[{}]", at.node.text());
        plants
            .replace(at, at.range(), text)
            .told_anywhere()
            .may_be_right();
    }
}
