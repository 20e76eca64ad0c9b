//! Values of another type, and parts that are missing or too many.

use plat_syntax::{Node, SyntaxKind as K};

use super::program::{At, field_name};
use super::{Kind, Plants};

pub const KINDS: &[Kind] = &[
    ("a text for a number", &["E0301", "E0302"], text_for_number),
    ("a number for a text", &["E0301"], number_for_text),
    ("a list for a text", &["E0301"], list_for_text),
    (
        "a text for a list",
        &["E0301", "E0315", "E0318"],
        text_for_list,
    ),
    ("a text for a truth value", &["E0301"], text_for_truth),
    ("a record for a call", &["E0301", "E0305"], record_for_call),
    (
        "a unit of another dimension",
        &["E0301", "E0304"],
        other_unit,
    ),
    (
        "a number without its unit",
        &["E0301", "E0304"],
        without_unit,
    ),
    ("a missing required field", &["E0305"], missing_required),
    ("a field that the kind has not", &["E0207"], extra_field),
    ("a field given twice", &["E0209"], field_twice),
    ("an argument too many", &["E0307"], argument_too_many),
    ("an argument too few", &["E0307"], argument_too_few),
    (
        "an argument given twice",
        &["E0307", "E0209"],
        argument_twice,
    ),
    (
        "a word that the type has not",
        &["E0301", "E0302"],
        other_word,
    ),
    ("a case left out", &["E0319"], case_left_out),
    ("what may be none", &["E0308"], may_be_none),
    (
        "a declaration that does not go there",
        &["E0301", "E0317"],
        other_declaration,
    ),
    (
        "a family without its key",
        &["E0301", "E0317", "E0309", "E0208"],
        family_without_key,
    ),
    ("texts added", &["E0304"], texts_added),
    (
        "a declaration in a `for` without a key",
        &["E0321"],
        without_key,
    ),
    ("a missing target", &["E0603"], missing_target),
    (
        "a constructor as a value",
        &["E0301", "E0201", "E0317"],
        kind_as_value,
    ),
    (
        "a comparison of different types",
        &["E0302", "E0304"],
        other_comparison,
    ),
];

/// Is it the whole value of a field of a declaration whose kind says its type?
fn is_value(at: &At<'_>) -> bool {
    at.above(1) == Some(K::Field) && at.above(3) == Some(K::Decl)
}

fn text_for_number(at: &At<'_>, plants: &mut Plants) {
    // What an environment variable takes, and what is within other things, may be a text.
    if at.kind() == K::NumberLit && is_value(at) {
        plants.replace(at, at.range(), "\"many\"");
    }
}

fn number_for_text(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::StringLit && is_value(at) {
        plants.replace(at, at.range(), "7");
    }
}

fn list_for_text(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::StringLit && is_value(at) {
        plants.replace(at, at.range(), "[true]");
    }
}

fn text_for_list(at: &At<'_>, plants: &mut Plants) {
    let empty = at.node.children().next().is_none();
    // What a `let` without a type becomes is seen where it is used, wherever that is.
    let inferred = at.above(1) == Some(K::Let);
    if at.kind() == K::List && !empty && !inferred && !at.under("assert") {
        plants.replace(at, at.range(), "\"one\"");
    }
}

fn text_for_truth(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::BoolLit {
        plants.replace(at, at.range(), "\"yes\"");
    }
}

fn record_for_call(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Call && is_value(at) {
        plants.replace(at, at.range(), "{ image = 3 }");
    }
}

/// The number of a quantity, and its unit.
fn quantity<'t>(node: Node<'t>) -> Option<(&'t str, &'t str)> {
    let text = node.text();
    let digits = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let (number, unit) = text.split_at(digits);
    (node.kind() == K::NumberLit && !unit.is_empty()).then_some((number, unit))
}

fn other_unit(at: &At<'_>, plants: &mut Plants) {
    if let Some((number, unit)) = quantity(at.node) {
        let other = if matches!(unit, "s" | "min" | "h" | "d" | "month") {
            "MiB"
        } else {
            "min"
        };
        plants
            .replace(at, at.range(), format!("{number}{other}"))
            .told_at(around(at));
    }
}

fn without_unit(at: &At<'_>, plants: &mut Plants) {
    if let Some((number, _)) = quantity(at.node) {
        plants.replace(at, at.range(), number).told_at(around(at));
    }
}

/// The whole expression that it is a part of: `20req / 1min`.
fn around(at: &At<'_>) -> (usize, usize) {
    let binary = (1..4)
        .map_while(|n| at.up(n))
        .take_while(|n| n.kind() == K::Binary);
    at.range_of(binary.last().unwrap_or(at.node))
}

fn missing_required(at: &At<'_>, plants: &mut Plants) {
    let name = field_name(at.node);
    let required = matches!(
        name,
        Some("run" | "schedule" | "files" | "tier" | "team" | "cpu")
    );
    let kind = at
        .up(2)
        .and_then(|d| d.children().find(|n| n.kind() == K::Path));
    // A `files` that has a default, and a tier.
    let kind = kind.map_or("", |k| k.text());
    let has = match name {
        Some("files") => kind == "site",
        Some("tier") => kind == "web",
        _ => true,
    };
    if at.kind() == K::Field && required && has && at.above(2) == Some(K::Decl) && at.alone() {
        let whole = at.up(2).map_or((0, 0), |d| at.range_of(d));
        plants.replace(at, at.lines(at.range()), "").told_at(whole);
    }
}

/// The beginning of the inside of a declaration that is broken over lines.
fn inside(at: &At<'_>) -> Option<usize> {
    let body = at.node.child(K::Body)?;
    let (start, end) = at.range_of(body);
    let text = &at.text()[start..end];
    (at.kind() == K::Decl && text.starts_with("{\n")).then_some(start + 2)
}

fn extra_field(at: &At<'_>, plants: &mut Plants) {
    if let Some(start) = inside(at) {
        let text = "    colour = \"red\"\n";
        plants
            .replace(at, (start, start), text)
            .told_at((start, start));
    }
}

fn field_twice(at: &At<'_>, plants: &mut Plants) {
    let place = at.above(2) == Some(K::Decl) && field_name(at.node).is_some();
    if at.kind() == K::Field && place && at.alone() {
        let (_, end) = at.lines(at.range());
        plants.replace(at, (end, end), format!("{}\n", at.node.text()));
    }
}

fn argument_too_many(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Call {
        let callee = at.node.children().next().map_or("", |c| c.text());
        // Of those that have no more parts.
        let full = matches!(
            callee,
            "rails" | "random" | "key" | "url_encode" | "dir" | "holders" | "in" | "existing"
        );
        if full {
            let (start, end) = at.range();
            plants
                .replace(at, (end - 1, end - 1), ", 7")
                .told_at((start, end));
        }
    }
}

fn argument_too_few(at: &At<'_>, plants: &mut Plants) {
    let args: Vec<Node<'_>> = at.node.children().filter(|n| n.kind() == K::Arg).collect();
    let callee = at.node.children().next().map_or("", |c| c.text());
    let needs = matches!(
        callee,
        "image" | "rails" | "url_encode" | "redirect" | "key" | "dir" | "on" | "holders"
    );
    if at.kind() == K::Call
        && needs
        && let ([first, ..], Some(last)) = (args.as_slice(), args.last())
    {
        let range = (at.range_of(*first).0, at.range_of(*last).1);
        let whole = at.range();
        plants.replace(at, range, "").told_at(whole);
    }
}

fn argument_twice(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Arg && at.node.child(K::Name).is_some() {
        let (_, end) = at.range();
        plants.replace(at, (end, end), format!(", {}", at.node.text()));
    }
}

fn other_word(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(1).and_then(field_name);
    if at.kind() == K::StringLit && matches!(field, Some("evict" | "tier")) {
        plants.replace(at, at.range(), "\"purple\"").told_anywhere();
    }
}

fn case_left_out(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::MatchArm {
        let whole = at.up(1).map_or((0, 0), |m| at.range_of(m));
        let (start, end) = at.range();
        let comma = at.text()[end..].starts_with(", ");
        let end = if comma { end + 2 } else { end };
        let start = match comma {
            true => start,
            false => at.text()[..start].trim_end().trim_end_matches(',').len(),
        };
        plants.replace(at, (start, end), "").told_at(whole);
    }
}

fn may_be_none(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::SafeAccess {
        let whole = at.range();
        plants
            .replace(at, whole, at.node.text().replace("?.", "."))
            .told_at(whole);
    }
}

fn other_declaration(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(3).and_then(field_name);
    if at.kind() == K::NameRef && at.above(1) == Some(K::Entry) && field == Some("paths") {
        plants.replace(at, at.range(), "environment");
    }
}

fn family_without_key(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::IndexExpr {
        let base = at.node.children().next().map_or("", |n| n.text());
        plants
            .replace(at, at.range(), base)
            .told_at(at.up(1).map_or((0, 0), |n| at.range_of(n)));
    }
}

fn texts_added(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::StringLit && is_value(at) {
        let (start, end) = at.range();
        plants
            .replace(at, (end, end), " + \"more\"")
            .told_at((start, end));
    }
}

fn without_key(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Index && at.above(1) == Some(K::Decl) {
        let whole = at.up(1).map_or((0, 0), |n| at.range_of(n));
        plants.replace(at, at.range(), "").told_at(whole);
    }
}

fn missing_target(at: &At<'_>, plants: &mut Plants) {
    if field_name(at.node) == Some("target") && at.above(2) == Some(K::Env) {
        let env = at.up(2).map_or((0, 0), |n| at.range_of(n));
        let extends = at
            .up(1)
            .is_some_and(|b| b.children().any(|f| field_name(f) == Some("extends")));
        if !extends {
            plants.replace(at, at.range(), "").told_at(env);
        }
    }
}

fn kind_as_value(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Call && is_value(at) {
        plants
            .replace(at, at.range(), "service")
            .told_at(at.range());
    }
}

fn other_comparison(at: &At<'_>, plants: &mut Plants) {
    let compares = at.kind() == K::Binary
        && at
            .node
            .children()
            .any(|n| matches!(n.kind(), K::GtEq | K::Gt | K::EqEq));
    // Where it is known what there is to compare with.
    let left = at.node.children().next().map_or("", |n| n.text());
    let compares = compares && !left.contains("grant");
    if compares && let Some(right) = at.node.children().last() {
        let whole = at.range();
        plants
            .replace(at, at.range_of(right), "\"three\"")
            .told_at(whole);
    }
}
