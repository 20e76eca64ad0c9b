//! Punctuation that is missing, too much, or of another language.

use plat_syntax::SyntaxKind as K;

use super::program::At;
use super::{Kind, Plants};

pub const KINDS: &[Kind] = &[
    ("missing }", &["E0104"], missing_brace),
    (
        "missing {",
        &["E0105", "E0113", "E0122", "E0104", "E0120"],
        missing_opening_brace,
    ),
    ("missing ]", &["E0104"], missing_bracket),
    ("missing )", &["E0104"], missing_paren),
    (
        "missing closing quote",
        &["E0103", "E0113", "E0115", "E0107"],
        missing_quote,
    ),
    (
        "missing opening quote",
        &["E0103", "E0104", "E0113", "E0107", "E0119", "E0115"],
        missing_opening_quote,
    ),
    ("missing comma", &["E0113", "E0115", "E0208"], missing_comma),
    ("missing =", &["E0113", "E0120"], missing_equals),
    ("missing value", &["E0113"], missing_value),
    (": for =", &["E0114"], colon),
    ("= for :", &["E0114"], equals),
    ("; at the end of a line", &["E0111"], semicolon),
    ("two commas", &["E0113", "E0115"], two_commas),
    ("&& for and", &["E0111"], foreign_operator),
    ("' for \"", &["E0109"], single_quotes),
    ("- in a name", &["E0108"], dash),
    ("# for //", &["E0110"], hash),
    ("a blank in a quantity", &["E0116"], blank),
    ("an escape that is none", &["E0112"], escape),
    ("no else", &["E0118"], no_else),
    ("no in", &["E0113"], no_in),
    ("=> as =", &["E0114", "E0113"], arrow),
    ("a } too many", &["E0105"], brace_too_many),
    ("a string for a name", &["E0108", "E0113"], quoted_name),
];

/// The last byte of a body whose closing brace has its line for itself.
fn missing_brace(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if at.kind() == K::Body && at.text()[start..end].contains('\n') {
        plants
            .replace(at, (end - 1, end), "")
            .told_at((start, start + 1));
    }
}

fn missing_opening_brace(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    let many = at.text()[start..end].contains('\n');
    if at.kind() == K::Body && many && at.above(1) == Some(K::Decl) {
        plants
            .replace(at, (start, start + 1), "")
            .told_at((start.saturating_sub(1), end));
    }
}

fn missing_bracket(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if at.kind() == K::List {
        plants
            .replace(at, (end - 1, end), "")
            .told_at(at.lines((start, end)));
    }
}

fn missing_paren(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if at.kind() == K::Call {
        plants
            .replace(at, (end - 1, end), "")
            .told_at(at.lines((start, end)));
    }
}

/// A string without holes, alone on its line after a `=`.
fn plain_string(at: &At<'_>) -> bool {
    at.kind() == K::StringLit && !at.node.text().contains(['$', '\n'])
}

fn missing_quote(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if plain_string(at) {
        plants
            .replace(at, (end - 1, end), "")
            .told_at(at.lines((start, end)));
    }
}

fn missing_opening_quote(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if plain_string(at) && at.above(1) == Some(K::Field) {
        plants
            .replace(at, (start, start + 1), "")
            .told_at(at.lines((start, end)));
    }
}

fn missing_comma(at: &At<'_>, plants: &mut Plants) {
    let list = matches!(at.above(1), Some(K::List | K::Call | K::Record));
    let (_, end) = at.range();
    if list && at.text()[end..].starts_with(", ") {
        let told = plants.replace(at, (end, end + 1), "");
        told.told_at(at.lines((end, end)));
    }
}

fn two_commas(at: &At<'_>, plants: &mut Plants) {
    let list = matches!(at.above(1), Some(K::List | K::Call | K::Record));
    let (_, end) = at.range();
    if list && at.text()[end..].starts_with(", ") {
        plants.replace(at, (end, end), ",");
    }
}

/// Where the `=` or `:` after a path or a name is.
fn after(at: &At<'_>, sign: char) -> Option<usize> {
    let (_, end) = at.range();
    let rest = &at.text()[end..];
    let gap = rest.len() - rest.trim_start_matches(' ').len();
    let twice = rest[gap..].starts_with("==");
    (rest[gap..].starts_with(sign) && !twice).then_some(end + gap)
}

/// Is it the path of a field or an entry on a line of its own?
fn is_key(at: &At<'_>) -> bool {
    at.kind() == K::Path && matches!(at.above(1), Some(K::Field | K::Entry))
}

fn missing_equals(at: &At<'_>, plants: &mut Plants) {
    // What a test asserts may begin with what a key may go on with.
    if is_key(at)
        && at.node.text() != "assert"
        && let Some(sign) = after(at, '=')
    {
        plants
            .replace(at, (sign, sign + 2), "")
            .told_at(at.lines((sign, sign)));
    }
}

fn missing_value(at: &At<'_>, plants: &mut Plants) {
    let field = matches!(at.above(1), Some(K::Field | K::Entry));
    if at.kind().is_expr() && field {
        let (start, end) = at.range();
        plants
            .replace(at, (start, end), "")
            .told_at(at.lines((start - 2, end)));
    }
}

fn colon(at: &At<'_>, plants: &mut Plants) {
    if is_key(at)
        && let Some(sign) = after(at, '=')
    {
        plants.replace(at, (sign, sign + 1), ":");
    }
}

fn equals(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name
        && at.above(1) == Some(K::Arg)
        && let Some(sign) = after(at, ':')
    {
        plants.replace(at, (sign, sign + 1), " =");
    }
}

fn semicolon(at: &At<'_>, plants: &mut Plants) {
    let (_, end) = at.range();
    if matches!(at.kind(), K::Field | K::Let) && at.text()[end..].starts_with('\n') {
        plants.replace(at, (end, end), ";");
    }
}

fn foreign_operator(at: &At<'_>, plants: &mut Plants) {
    let written = match at.kind() {
        K::AndKw => "&&",
        K::NotKw => "!",
        K::OrKw => "||",
        _ => return,
    };
    plants.replace(at, at.range(), written);
}

fn single_quotes(at: &At<'_>, plants: &mut Plants) {
    if plain_string(at) {
        let text = at.node.text();
        plants.replace(at, at.range(), format!("'{}'", &text[1..text.len() - 1]));
    }
}

fn dash(at: &At<'_>, plants: &mut Plants) {
    let decl = at.above(1) == Some(K::Decl);
    if at.kind() == K::Name && decl && at.node.text().contains('_') {
        plants.replace(at, at.range(), at.node.text().replace('_', "-"));
    }
}

fn hash(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Decl && at.up(1).is_none() {
        let (start, _) = at.range();
        plants.replace(at, (start, start), "# Here it begins.\n");
    }
}

fn blank(at: &At<'_>, plants: &mut Plants) {
    let text = at.node.text();
    let digits = text
        .trim_end_matches(|c: char| c.is_ascii_alphabetic())
        .len();
    if at.kind() == K::NumberLit && digits < text.len() {
        let (start, end) = at.range();
        let told = plants.replace(at, (start + digits, start + digits), " ");
        told.told_at((start, end));
    }
}

fn escape(at: &At<'_>, plants: &mut Plants) {
    if plain_string(at) && at.node.text().len() > 2 {
        let (start, end) = at.range();
        plants
            .replace(at, (start + 1, start + 1), "\\d")
            .told_at((start, end));
    }
}

fn no_else(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::IfExpr {
        let (start, end) = at.range();
        if let Some(from) = at.text()[start..end].find(" else ") {
            plants
                .replace(at, (start + from, end), "")
                .told_at((start, end));
        }
    }
}

fn no_in(at: &At<'_>, plants: &mut Plants) {
    if matches!(at.kind(), K::For | K::CompFor) {
        let (start, end) = at.range();
        if let Some(from) = at.text()[start..end].find(" in ") {
            let from = start + from;
            plants
                .replace(at, (from, from + 3), "")
                .told_at((from, from + 6));
        }
    }
}

/// `"gold" => 3..30` with the sign of a field.
fn arrow(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::MatchArm {
        let (start, end) = at.range();
        if let Some(from) = at.text()[start..end].find("=>") {
            let from = start + from;
            plants.replace(at, (from, from + 2), "=");
        }
    }
}

fn brace_too_many(at: &At<'_>, plants: &mut Plants) {
    let (start, end) = at.range();
    if at.kind() == K::Decl && at.text()[start..end].ends_with("\n}") {
        let told = plants.replace(at, (end, end), "\n}");
        told.told_at((end, end + 2));
    }
}

fn quoted_name(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Name && at.above(1) == Some(K::Decl) {
        plants.replace(at, at.range(), format!("{:?}", at.node.text()));
    }
}
