//! Names that are not quite right.

use plat_syntax::SyntaxKind as K;

use super::program::{At, slip};
use super::{Kind, Plants};

pub const KINDS: &[Kind] = &[
    ("typo of a field", &["E0207"], field),
    ("typo of a field below", &["E0207"], field_below),
    ("typo of a kind", &["E0201"], kind),
    ("typo of an input's type", &["E0205"], type_name),
    ("typo of a unit", &["E0210"], unit),
    ("typo of a value", &["E0201", "E0215"], value),
    ("typo of a function or case", &["E0201", "E0212"], called),
    ("typo of an out", &["E0207", "E0208", "E0503"], member),
    ("typo of an argument", &["E0207", "E0213"], argument),
    ("typo of a target", &["E0601"], target),
    ("typo of a target's field", &["E0207"], target_field),
    ("typo in a path of `set`", &["E0207", "E0215"], set_path),
    ("typo of a key of a family", &["E0503", "E0606"], family_key),
    ("typo in `each`", &["E0201"], each),
    ("typo in `extends`", &["E0211"], extends),
    ("typo in `in(…)`", &["E0211"], in_environment),
    ("typo in `environment is`", &["E0211"], is_environment),
    (
        "typo of a field of an environment",
        &["E0207"],
        environment_field,
    ),
    ("typo in `omit`", &["E0201", "E0215"], omit),
    ("typo in `place`", &["E0215"], place),
    ("typo of a package", &["E0803"], package),
    ("typo of a module", &["E0202"], module),
    ("typo of a used name", &["E0203"], used),
    (
        "typo of a member of a variant",
        &["E0207", "E0208"],
        variant_member,
    ),
    (
        "typo of a pattern's case",
        &["E0320", "E0201"],
        pattern_case,
    ),
    ("use of what is not `pub`", &["E0204"], private),
    ("two of one name", &["E0206"], twice),
];

fn replace_by_slip(at: &At<'_>, plants: &mut Plants) {
    let word = at.node.text();
    if word.len() > 2 {
        plants.replace(at, at.range(), slip(word)).proposes(word);
    }
}

/// The name of a field of a declaration of a kind.
fn field(at: &At<'_>, plants: &mut Plants) {
    let first = at.up(1).and_then(|p| p.children().next()) == Some(at.node);
    let place = [at.above(1), at.above(2), at.above(4)];
    if at.kind() == K::Name && first && place == [Some(K::Path), Some(K::Field), Some(K::Decl)] {
        replace_by_slip(at, plants);
    }
}

/// A field of a record whose type says its fields.
fn field_below(at: &At<'_>, plants: &mut Plants) {
    let path = at.above(1) == Some(K::Path) && at.above(2) == Some(K::Entry);
    if at.kind() == K::Name && path && at.under("resources") {
        replace_by_slip(at, plants);
    }
}

fn kind(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::Path) && at.above(2) == Some(K::Decl) {
        replace_by_slip(at, plants);
    }
}

fn type_name(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::TypeName && at.within(K::FieldDecl) {
        replace_by_slip(at, plants);
    }
}

fn unit(at: &At<'_>, plants: &mut Plants) {
    let text = at.node.text();
    let digits = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    let unit = &text[digits..];
    if at.kind() == K::NumberLit && unit.len() > 2 {
        let (start, end) = at.range();
        let told = plants.replace(at, (end, end), &unit[unit.len() - 1..]);
        told.told_at((start, end)).proposes(text);
    }
}

/// Is it what is called?
fn is_callee(at: &At<'_>) -> bool {
    let first = at.up(1).and_then(|p| p.children().next());
    at.above(1) == Some(K::Call) && first == Some(at.node)
}

fn value(at: &At<'_>, plants: &mut Plants) {
    let word = at.node.text();
    // What a policy is about, what `extends`, `omit`, `place` and `in` speak of: others.
    let special = at.under("extends") || at.under("omit") || word == "environment";
    if at.kind() == K::NameRef && !is_callee(at) && !special && !in_call(at, "in") {
        replace_by_slip(at, plants);
    }
}

fn called(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::NameRef && is_callee(at) {
        replace_by_slip(at, plants);
    }
}

fn member(at: &At<'_>, plants: &mut Plants) {
    let access = matches!(at.above(1), Some(K::FieldAccess | K::SafeAccess));
    let base = at.up(1).and_then(|p| p.children().next());
    let called = at.above(2) == Some(K::Call);
    if at.kind() == K::Name && access && !called {
        // What a role gives has the names of the input `roles`: evaluated, not typed.
        if base.is_some_and(|b| b.text() != "db.roles") {
            replace_by_slip(at, plants);
        }
    }
}

/// `svc.scale.min`: a member that all the cases of a variant have.
fn variant_member(at: &At<'_>, plants: &mut Plants) {
    let min = matches!(at.node.text(), "min" | "max");
    if at.kind() == K::Name && at.above(1) == Some(K::FieldAccess) && min {
        replace_by_slip(at, plants);
    }
}

fn argument(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::Arg) {
        replace_by_slip(at, plants);
    }
}

fn target(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(2) == Some(K::Construct) {
        replace_by_slip(at, plants);
    }
}

fn target_field(at: &At<'_>, plants: &mut Plants) {
    let entry = at.above(1) == Some(K::Path) && at.above(2) == Some(K::Entry);
    if at.kind() == K::Name && entry && at.above(4) == Some(K::Construct) {
        replace_by_slip(at, plants);
    }
}

/// Is it a step of a path in `set`?
fn is_set_step(at: &At<'_>) -> bool {
    let field = at.up(4).and_then(super::program::field_name);
    at.kind() == K::Name && at.above(1) == Some(K::Path) && field == Some("set")
}

fn set_path(at: &At<'_>, plants: &mut Plants) {
    if is_set_step(at) {
        replace_by_slip(at, plants);
    }
}

fn family_key(at: &At<'_>, plants: &mut Plants) {
    let plain = at.kind() == K::StringLit && !at.node.text().contains('$');
    if plain && at.above(1) == Some(K::Index) {
        let word = at.node.text();
        let inner = &word[1..word.len() - 1];
        plants
            .replace(at, at.range(), format!("{:?}", slip(inner)))
            .told_at(at.range());
    }
}

fn each(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::Path) && at.above(2) == Some(K::Each) {
        replace_by_slip(at, plants);
    }
}

fn extends(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(1).and_then(super::program::field_name);
    if at.kind() == K::NameRef && field == Some("extends") {
        replace_by_slip(at, plants);
    }
}

/// Is it an argument of a call of this function?
fn in_call(at: &At<'_>, function: &str) -> bool {
    let callee = at.up(2).and_then(|call| call.children().next());
    at.above(1) == Some(K::Arg) && callee.is_some_and(|c| c.text() == function)
}

fn in_environment(at: &At<'_>, plants: &mut Plants) {
    let first = at.up(2).and_then(|c| c.children().nth(1)) == at.up(1);
    if at.kind() == K::NameRef && in_call(at, "in") && first {
        replace_by_slip(at, plants);
    }
}

fn is_environment(at: &At<'_>, plants: &mut Plants) {
    let subject = at.up(2).filter(|n| n.kind() == K::IsExpr);
    let subject = subject.or_else(|| at.up(1).filter(|n| n.kind() == K::IsExpr));
    let subject = subject.and_then(|n| n.children().next());
    if at.kind() == K::Name && subject.is_some_and(|s| s.text() == "environment") {
        replace_by_slip(at, plants);
    }
}

fn environment_field(at: &At<'_>, plants: &mut Plants) {
    let place = [at.above(1), at.above(2), at.above(4)];
    if at.kind() == K::Name && place == [Some(K::Path), Some(K::Field), Some(K::Env)] {
        replace_by_slip(at, plants);
    }
}

fn omit(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::NameRef && at.under("omit") {
        replace_by_slip(at, plants);
    }
}

fn place(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(4).and_then(super::program::field_name);
    if at.kind() == K::Name && at.above(1) == Some(K::Path) && field == Some("place") {
        // Names of two letters have no near ones.
        replace_by_slip(at, plants);
    }
}

fn package(at: &At<'_>, plants: &mut Plants) {
    let first = at.up(1).and_then(|p| p.children().next()) == Some(at.node);
    let path = at.above(1) == Some(K::Path);
    if at.kind() == K::Name && path && at.above(2) == Some(K::Use) && first {
        replace_by_slip(at, plants);
    }
}

fn module(at: &At<'_>, plants: &mut Plants) {
    let first = at.up(1).and_then(|p| p.children().next()) == Some(at.node);
    if at.kind() == K::Name && at.above(2) == Some(K::Use) && at.above(1) == Some(K::Path) && !first
    {
        replace_by_slip(at, plants);
    }
}

fn used(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::UseItem) {
        replace_by_slip(at, plants);
    }
}

fn pattern_case(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::PatCase) {
        replace_by_slip(at, plants);
    }
}

/// What another package uses loses its `pub`: told where it is used.
fn private(at: &At<'_>, plants: &mut Plants) {
    let foreign = at.file > 0 && at.program.files[at.file].package != at.program.files[0].package;
    if at.kind() != K::PubKw || !foreign || at.above(1) == Some(K::TypeDef) {
        return;
    }
    let name = at
        .up(1)
        .and_then(|i| i.child(K::Name))
        .map_or("", |n| n.text());
    let used = |f: &super::program::File| {
        let uses = f.text.lines().filter(|l| l.starts_with("use "));
        uses.into_iter().any(|l| l.contains(name))
    };
    if at.program.files.iter().any(used) {
        let (start, end) = at.range();
        plants
            .replace(at, (start, end + 1), "")
            .told_at_the_use_of(name);
    }
}

fn twice(at: &At<'_>, plants: &mut Plants) {
    let item = matches!(
        at.kind(),
        K::Decl | K::Let | K::FnDef | K::Env | K::Policy | K::Kind
    );
    if !item || at.up(1).is_some() || at.node.child(K::Index).is_some() {
        return;
    }
    let Some(name) = at.node.child(K::Name) else {
        return;
    };
    let (start, end) = at.range();
    let text = at.node.text();
    let docs = at
        .node
        .child(K::Docs)
        .map_or(0, |d| d.range().len() as usize);
    let again = text[docs..].trim_start();
    let told = plants.replace(at, (end, end), format!("\n\n{again}"));
    told.told_at((start, end + again.len() + 2));
    let _ = name;
}
