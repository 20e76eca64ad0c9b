#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
//! Diagnostics as plain text, with their source, for snapshots.

use plat_syntax::{Diagnostic, LineIndex, Parse, TextRange};
use std::fmt::Write;
use std::sync::Arc;

pub fn parse(text: &str) -> Parse {
    let file: Arc<str> = "shop.plat".into();
    plat_syntax::parse(&file, text)
}

/// The source, then each diagnostic with its places, then the source as the fixes leave it.
pub fn render(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let cut: String = line.chars().take(100).collect();
        writeln!(out, "  | {cut}{}", if cut == line { "" } else { "…" }).unwrap();
    }
    writeln!(out).unwrap();
    for told in diagnostics {
        writeln!(out, "{}: {}", told.code, told.message).unwrap();
        place(
            &mut out,
            text,
            told.primary.range,
            told.primary.text.as_deref(),
            '^',
        );
        for label in &told.related {
            place(&mut out, text, label.range, label.text.as_deref(), '-');
        }
        for note in &told.notes {
            writeln!(out, "  note: {note}").unwrap();
        }
        if let Some(help) = &told.help {
            writeln!(out, "  help: {help}").unwrap();
        }
        if let Some(fix) = &told.fix {
            writeln!(out, "  fix: {}", fix.title).unwrap();
        }
    }
    let fixed = fixed(text, diagnostics);
    if fixed != text {
        writeln!(out, "fixed:").unwrap();
        for line in fixed.lines() {
            writeln!(out, "  | {line}").unwrap();
        }
    }
    out
}

fn place(out: &mut String, text: &str, range: TextRange, label: Option<&str>, mark: char) {
    let index = LineIndex::new(text);
    let (line, column) = index.line_column(text, range.start);
    let source: String = text
        .lines()
        .nth(line as usize - 1)
        .unwrap_or("")
        .chars()
        .take(100)
        .collect();
    let first = range.slice(text).lines().next().unwrap_or("");
    let marks: String = std::iter::repeat_n(mark, first.chars().count().max(1)).collect();
    let number = line.to_string();
    writeln!(out, "  {number} | {source}").unwrap();
    let pad = " ".repeat(number.len() + 2 + column as usize - 1);
    writeln!(
        out,
        "{}",
        format!("  {pad} {marks} {}", label.unwrap_or("")).trim_end()
    )
    .unwrap();
}

/// The text with every fix applied.
pub fn fixed(text: &str, diagnostics: &[Diagnostic]) -> String {
    let mut edits: Vec<_> = diagnostics
        .iter()
        .filter_map(|d| d.fix.as_ref())
        .flat_map(|f| &f.edits)
        .collect();
    edits.sort_by_key(|e| e.range);
    let mut fixed = text.to_owned();
    for edit in edits.iter().rev() {
        fixed.replace_range(
            edit.range.start as usize..edit.range.end as usize,
            &edit.new_text,
        );
    }
    fixed
}
