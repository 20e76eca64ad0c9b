//! Formatting, as edits.

use plat_semantics::{Database, FileId};
use plat_syntax::TextRange;
use similar::{DiffOp, TextDiff};

/// The edits that give a file its one layout: in its order, each of whole lines. None where there
/// is a mistake in the text: then it is left alone.
pub fn format(db: &Database, file: FileId) -> Option<Vec<(TextRange, String)>> {
    let text = db.text(file);
    let formatted = plat_syntax::format(&db.shown_name(file), text).ok()?;
    Some(edits(text, &formatted))
}

/// Of the edits of [`format()`], those that touch a range.
pub fn format_range(
    db: &Database,
    file: FileId,
    range: TextRange,
) -> Option<Vec<(TextRange, String)>> {
    let mut edits = format(db, file)?;
    edits.retain(|(at, _)| at.start <= range.end && range.start <= at.end);
    Some(edits)
}

/// The edits of what was just ended by typing: by `}` those of the declaration that it ends, by a new
/// line those of the lines above it in the same declaration. The line that one goes on writing in is
/// left alone. None where there is a mistake in the declaration.
pub fn format_typed(
    db: &Database,
    file: FileId,
    offset: u32,
    typed: &str,
) -> Option<Vec<(TextRange, String)>> {
    let text = db.text(file);
    let line = text
        .get(..offset as usize)?
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let items = &db.parse(file).items;
    let item = items.iter().rev().find(|item| item.offset < offset)?;
    let declaration = item.tree.root().range().shifted(item.offset);
    let start = declaration.start as usize;
    let mut old = declaration.slice(text).to_owned();
    let mut end = old.len();
    if typed == "\n" {
        // As if it were not there yet: an empty line behind the last field would go.
        end = line.checked_sub(start)?;
        let here = old.get(end..)?;
        let here = here.find('\n').map_or(here.len(), |at| at + 1);
        if !old.get(end..end + here)?.trim().is_empty() {
            return None;
        }
        old.replace_range(end..end + here, "");
    }
    let new = plat_syntax::format(&db.shown_name(file), &old).ok()?;
    let new = if old.ends_with('\n') {
        &new
    } else {
        new.trim_end_matches('\n')
    };
    let edits = edits(&old, new).into_iter();
    let edits = edits.filter(|(at, _)| at.end as usize <= end);
    Some(
        edits
            .map(|(at, new)| (at.shifted(declaration.start), new))
            .collect(),
    )
}

fn edits(old: &str, new: &str) -> Vec<(TextRange, String)> {
    let diff = TextDiff::from_lines(old, new);
    let starts = |lines: &[&str]| -> Vec<u32> {
        let mut at = 0;
        let mut starts = vec![0];
        for line in lines {
            at += u32::try_from(line.len()).unwrap_or(0);
            starts.push(at);
        }
        starts
    };
    let (old_starts, new_starts) = (starts(diff.old_slices()), starts(diff.new_slices()));
    let range = |starts: &[u32], lines: std::ops::Range<usize>| {
        let at = |line: usize| starts.get(line).copied().unwrap_or(0);
        TextRange::new(at(lines.start), at(lines.end))
    };
    let changed = diff
        .ops()
        .iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }));
    changed
        .map(|op| {
            let there = range(&new_starts, op.new_range());
            (
                range(&old_starts, op.old_range()),
                there.slice(new).to_owned(),
            )
        })
        .collect()
}
