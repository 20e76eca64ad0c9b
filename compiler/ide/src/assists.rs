//! Changes that an editor offers where nothing is wrong, or where what is wrong is that something
//! is missing.

use plat_semantics::{Database, FileId, Symbol};
use plat_syntax::{Node, SyntaxKind, TextRange};

use crate::{FileEdit, extract_kind, inline};

/// A change that can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assist {
    /// What it does, in a few words.
    pub title: String,
    /// What it is for.
    pub kind: AssistKind,
    /// The edits.
    pub edits: Vec<FileEdit>,
}

/// What a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssistKind {
    /// It repairs something that is wrong.
    Repair,
    /// It gives a part a name of its own.
    Extract,
    /// It puts what a name stands for in its place.
    Inline,
    /// It writes the same in another way.
    Rewrite,
}

/// The changes that can be had at a range of a file.
pub fn assists(db: &Database, file: FileId, range: TextRange) -> Vec<Assist> {
    let mut all = Vec::new();
    all.extend(add_fields(db, file, range));
    all.extend(extract_let(db, file, range));
    all.extend(extract_kind::extract_kind(db, file, range));
    all.extend(inline::inline_let(db, file, range));
    all.extend(other_units(db, file, range));
    all
}

/// How many other units are offered for one number.
const UNITS: usize = 4;

/// The same amount in another unit.
fn other_units(db: &Database, file: FileId, range: TextRange) -> Vec<Assist> {
    let Some((number, others)) = db.same_amount(file, range.start) else {
        return Vec::new();
    };
    let others = others.into_iter().take(UNITS);
    others
        .map(|text| Assist {
            title: format!("write it as `{text}`"),
            kind: AssistKind::Rewrite,
            edits: vec![FileEdit {
                file,
                range: number,
                text,
            }],
        })
        .collect()
}

/// Writes the fields that a declaration must have and has not, each with a value of its type.
fn add_fields(db: &Database, file: FileId, range: TextRange) -> Option<Assist> {
    let missing = db.missing_fields(file, range.start)?;
    let text = db.text(file);
    let before = text.get(..missing.at as usize)?;
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let start = before.get(line..)?;
    let indent: String = start.chars().take_while(|c| *c == ' ').collect();
    let lines: String = missing
        .fields
        .iter()
        .map(|(name, value)| format!("{indent}    {name} = {value}\n"))
        .collect();
    let new = if !missing.braces {
        format!(" {{\n{lines}{indent}}}")
    } else if start.trim().is_empty() {
        // The closing brace stands alone on its line, behind this indentation.
        lines.strip_prefix(&indent).unwrap_or(&lines).to_owned() + &indent
    } else if before.ends_with('{') {
        format!("\n{lines}{indent}")
    } else {
        let fields: Vec<String> = missing
            .fields
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let space = if before.ends_with(' ') { "" } else { " " };
        let comma = if before.trim_end().ends_with('{') {
            ""
        } else {
            ","
        };
        let trimmed = u32::try_from(before.trim_end().len()).ok()?;
        return Some(Assist {
            title: title(&missing.fields),
            kind: AssistKind::Repair,
            edits: vec![FileEdit {
                file,
                range: TextRange::new(trimmed, missing.at),
                text: format!(
                    "{comma} {}{}",
                    fields.join(", "),
                    if space.is_empty() { " " } else { space }
                ),
            }],
        });
    };
    Some(Assist {
        title: title(&missing.fields),
        kind: AssistKind::Repair,
        edits: vec![FileEdit {
            file,
            range: TextRange::empty(missing.at),
            text: new,
        }],
    })
}

fn title(fields: &[(std::sync::Arc<str>, String)]) -> String {
    match fields {
        [(one, _)] => format!("add the field `{one}`"),
        _ => "add the missing fields".to_owned(),
    }
}

/// Makes a `let` of the expression that is selected.
fn extract_let(db: &Database, file: FileId, range: TextRange) -> Option<Assist> {
    if range.is_empty() {
        return None;
    }
    let text = db.text(file);
    let selected = range.slice(text);
    let start = range.start + u32::try_from(selected.len() - selected.trim_start().len()).ok()?;
    let wanted = TextRange::new(start, start + u32::try_from(selected.trim().len()).ok()?);
    let items = &db.parse(file).items;
    let item = items
        .iter()
        .rev()
        .find(|item| item.offset <= wanted.start)?;
    let tree = &item.tree;
    let mut around: Vec<Node<'_>> = Vec::new();
    let mut found = None;
    for node in tree.nodes() {
        let at = node.range().shifted(item.offset);
        if at == wanted && node.kind().is_expr() && node.kind() != SyntaxKind::Error {
            found = Some(node);
            break;
        }
        if at.start <= wanted.start && wanted.end <= at.end {
            around.push(node);
        }
    }
    found?;
    // Inside of a type or of a `let` alone there is nothing gained.
    let field = around.iter().rev().find(|n| {
        matches!(
            n.kind(),
            SyntaxKind::Field | SyntaxKind::Entry | SyntaxKind::Arg
        )
    });
    // What is only known there can't be named outside.
    let bound = db.names_of(file).into_iter().any(|name| {
        let inside = wanted.start <= name.range.start && name.range.end <= wanted.end;
        let local = match &name.symbol {
            Symbol::Local(..) | Symbol::Part(..) | Symbol::Inner(..) => true,
            Symbol::Field(..) => tree.root().kind() == SyntaxKind::Kind,
            _ => false,
        };
        inside && local
    });
    if bound {
        return None;
    }
    let base = field
        .and_then(|field| field.children().next())
        .map(|path| path.text().trim_matches('"').to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .unwrap_or_else(|| "value".to_owned());
    let taken = |name: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|w| w == name)
    };
    let mut name = base.clone();
    let mut number = 2;
    while taken(&name) {
        name = format!("{base}_{number}");
        number += 1;
    }
    Some(Assist {
        title: format!("make it `let {name}`"),
        kind: AssistKind::Extract,
        edits: vec![
            FileEdit {
                file,
                range: TextRange::empty(item.offset),
                text: format!("let {name} = {}\n\n", wanted.slice(text)),
            },
            FileEdit {
                file,
                range: wanted,
                text: name,
            },
        ],
    })
}
