//! How diagnostics are shown on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use ariadne::{Color, Config, IndexType, Label as Drawn, Report, ReportKind, Source};
use plat_syntax::{Diagnostic, Label, LineIndex, Severity, TextEdit, TextRange};
use serde_json::{Value, json};

use crate::suggest::count;
use crate::terminal::{Terminal, harmless, is_bidi};

/// More than this are counted, not shown: whoever has twenty errors repairs the first ones first.
const MOST_SHOWN: usize = 20;

/// Longer lines are shown in part, without ariadne, which shows lines whole.
const LONGEST_LINE: usize = 400;

/// How many other places of one mistake are shown, before they are counted.
const PLACES_SHOWN: usize = 3;

/// The texts that diagnostics speak of, by the file name they use.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    texts: BTreeMap<String, String>,
}

impl Sources {
    /// Adds a file under the name that diagnostics use.
    ///
    /// What could drive a terminal becomes `?`, byte for byte, so that places stay right.
    pub fn add(&mut self, file: &str, text: &str) {
        self.texts.insert(file.to_owned(), tame(text));
    }

    /// The text of a file, empty where there is none.
    pub fn text(&self, file: &str) -> &str {
        self.texts.get(file).map_or("", String::as_str)
    }
}

fn tame(text: &str) -> String {
    // The last two would be ends of lines to ariadne, and to nobody else.
    let bad = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || is_bidi(c)
            || matches!(c, '\u{2028}' | '\u{2029}')
    };
    if !text.contains(bad) {
        return text.to_owned();
    }
    let mut tamed = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\r' && chars.peek() == Some(&'\n') {
            tamed.push(c);
        } else if bad(c) {
            tamed.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            tamed.push(c);
        }
    }
    tamed
}

/// How many of each severity there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
}

impl Counts {
    /// Counts them.
    pub fn of(diagnostics: &[Diagnostic]) -> Self {
        let errors = diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        Self {
            errors,
            warnings: diagnostics.len() - errors,
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let errors = count(self.errors, "error", "errors");
        let warnings = count(self.warnings, "warning", "warnings");
        match (self.errors, self.warnings) {
            (_, 0) => f.write_str(&errors),
            (0, _) => f.write_str(&warnings),
            _ => write!(f, "{errors}, {warnings}"),
        }
    }
}

/// Shows diagnostics on stderr: sorted, errors before warnings, the first of them in full, then
/// how many there are.
pub fn show(diagnostics: &[Diagnostic], sources: &Sources, terminal: &Terminal) {
    if diagnostics.is_empty() {
        return;
    }
    let paint = terminal.err();
    let mut text = render(diagnostics, sources, paint.is_on());
    let counts = Counts::of(diagnostics);
    let summary = counts.to_string();
    let summary = if counts.errors > 0 {
        paint.error(summary)
    } else {
        paint.warning(summary)
    };
    let first = diagnostics.iter().map(|d| (d.severity, d.order())).min();
    let code = first.map(|(_, (_, _, code, _))| code).unwrap_or_default();
    text.push_str(&summary);
    text.push_str(&paint.dim(format!(" · `platc explain {code}` tells more")));
    terminal.tell(text);
}

/// The diagnostics as text, each ended by an empty line.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, color: bool) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|a, b| (a.severity, a.order()).cmp(&(b.severity, b.order())));
    let mut text = String::new();
    let mut cache = Cache::new(sources);
    for diagnostic in sorted.iter().take(MOST_SHOWN) {
        text.push_str(&render_one(diagnostic, sources, &mut cache, color));
        text.push('\n');
    }
    let rest: Vec<Diagnostic> = sorted
        .iter()
        .skip(MOST_SHOWN)
        .map(|d| (*d).clone())
        .collect();
    if !rest.is_empty() {
        let _ = writeln!(text, "and {} more\n", Counts::of(&rest));
    }
    text
}

/// The texts, each divided into lines once.
struct Cache<'a> {
    sources: &'a Sources,
    divided: BTreeMap<String, Source<&'a str>>,
}

impl<'a> Cache<'a> {
    const fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            divided: BTreeMap::new(),
        }
    }
}

impl<'a> ariadne::Cache<String> for Cache<'a> {
    type Storage = &'a str;

    fn fetch(&mut self, file: &String) -> Result<&Source<&'a str>, impl std::fmt::Debug> {
        let sources = self.sources;
        Ok::<_, std::convert::Infallible>(
            &*self
                .divided
                .entry(file.clone())
                .or_insert_with(|| Source::from(sources.text(file))),
        )
    }

    fn display<'b>(&self, file: &'b String) -> Option<impl std::fmt::Display + 'b> {
        Some(harmless(file))
    }
}

type Span = (String, Range<usize>);

fn render_one(
    diagnostic: &Diagnostic,
    sources: &Sources,
    cache: &mut Cache<'_>,
    color: bool,
) -> String {
    let labels = shown_labels(diagnostic);
    let drawable = |l: &&Label| drawable(sources.text(&l.file), l.range);
    if !labels.iter().map(|(_, l)| l).all(drawable) {
        return render_plainly(diagnostic, sources);
    }
    let (kind, main) = match diagnostic.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
    };
    // Counted in characters: ariadne takes the head of another file's part for that, whatever it is told.
    let span = |label: &Label| -> Span {
        let text = sources.text(&label.file);
        let bytes = within(text, label.range);
        let chars = |text: Option<&str>| text.unwrap_or_default().chars().count();
        let start = chars(text.get(..bytes.start));
        (
            label.file.to_string(),
            start..start + chars(text.get(bytes)),
        )
    };
    let config = Config::new()
        .with_color(color)
        .with_index_type(IndexType::Char)
        .with_cross_gap(false);
    let mut report = Report::build(kind, span(&diagnostic.primary))
        .with_config(config)
        .with_code(diagnostic.code)
        .with_message(harmless(&diagnostic.message));
    for (order, (role, label)) in labels.into_iter().enumerate() {
        let mut drawn = Drawn::new(span(label))
            .with_color(if role == Role::Related {
                Color::Cyan
            } else {
                main
            })
            .with_order(i32::try_from(order).unwrap_or(i32::MAX))
            .with_priority(i32::from(role == Role::Primary));
        // Without a message ariadne marks nothing.
        match (&label.text, role) {
            (Some(text), _) => drawn = drawn.with_message(harmless(text)),
            (None, Role::Primary) => drawn = drawn.with_message("here"),
            (None, Role::Also) => drawn = drawn.with_message("and here"),
            (None, Role::Related) => {}
        }
        report = report.with_label(drawn);
    }
    for note in diagnostic.notes.iter().chain(&more_places(diagnostic)) {
        report = report.with_note(harmless(note));
    }
    if let Some(help) = &diagnostic.help {
        report = report.with_help(harmless(help));
    }
    if let Some(fix) = fixed_line(diagnostic, sources) {
        report = report.with_help(fix);
    }
    let mut drawn = Vec::new();
    match report.finish().write(&mut *cache, &mut drawn) {
        Ok(()) => trim_ends(&String::from_utf8_lossy(&drawn)),
        Err(_) => render_plainly(diagnostic, sources),
    }
}

/// What a label is to its diagnostic.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Primary,
    Related,
    Also,
}

/// The labels to show. Those of one file stand together in the order of its lines, and the file of the
/// primary one is first: ariadne begins another part with a head of its own where a line is not below
/// the last one, and heads all of them in that file with the primary place.
fn shown_labels(diagnostic: &Diagnostic) -> Vec<(Role, &Label)> {
    let related = diagnostic.related.iter().map(|l| (Role::Related, l));
    let also = diagnostic.also.iter().take(PLACES_SHOWN);
    let mut labels = vec![(Role::Primary, &diagnostic.primary)];
    labels.extend(related.chain(also.map(|l| (Role::Also, l))));
    let mut files: Vec<&str> = Vec::new();
    for (_, label) in &labels {
        if !files.contains(&&*label.file) {
            files.push(&label.file);
        }
    }
    labels.sort_by_key(|(_, label)| {
        let file = files.iter().position(|file| *file == &*label.file);
        (file, label.range.end)
    });
    labels
}

/// How many places of the mistake are not shown, as a note.
fn more_places(diagnostic: &Diagnostic) -> Option<String> {
    let more = diagnostic.also.len().saturating_sub(PLACES_SHOWN);
    (more > 0).then(|| format!("and in {}", count(more, "more place", "more places")))
}

/// Lines end where their text ends.
fn trim_ends(text: &str) -> String {
    let mut trimmed = String::with_capacity(text.len());
    for line in text.lines() {
        trimmed.push_str(line.trim_end());
        trimmed.push('\n');
    }
    trimmed
}

/// Whether ariadne shows this well: the text is there, and the lines at both ends are of a length
/// that people read.
fn drawable(text: &str, range: TextRange) -> bool {
    let range = within(text, range);
    let short = |at: usize| line_at(text, at).len() <= LONGEST_LINE;
    !text.is_empty() && short(range.start) && short(range.end)
}

/// The range, moved to whole characters of the text.
fn within(text: &str, range: TextRange) -> Range<usize> {
    let start = text.floor_char_boundary((range.start as usize).min(text.len()));
    let end = text.ceil_char_boundary((range.end as usize).min(text.len()));
    start..end.max(start)
}

/// The line that holds that byte, without its end.
fn line_at(text: &str, at: usize) -> &str {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |i| i + 1);
    let end = after.find('\n').map_or(text.len(), |i| at + i);
    text.get(start..end).unwrap_or_default()
}

/// What the line looks like once the fix was made, where the fix is one edit within a line.
fn fixed_line(diagnostic: &Diagnostic, sources: &Sources) -> Option<String> {
    let fix = diagnostic.fix.as_ref()?;
    let title = harmless(&fix.title).into_owned();
    // What the help says already is not said twice.
    let help = diagnostic.help.as_deref().unwrap_or_default();
    let said = |edit: &TextEdit| {
        let written = edit.new_text.trim();
        !written.is_empty() && help.contains(written)
    };
    if fix.edits.iter().all(said) {
        return None;
    }
    let [edit] = fix.edits.as_slice() else {
        return Some(title);
    };
    let text = sources.text(&edit.file);
    let range = within(text, edit.range);
    let replaced = text.get(range.clone()).unwrap_or_default();
    let before = text
        .get(..range.start)
        .unwrap_or_default()
        .rsplit('\n')
        .next()
        .unwrap_or_default();
    let after = text
        .get(range.end..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    let line = format!("{before}{}{after}", edit.new_text);
    if replaced.contains('\n') || line.contains('\n') || line.len() > LONGEST_LINE {
        return Some(title);
    }
    Some(format!("{title}: {}", harmless(line.trim())))
}

/// Without drawing: for lines that are too long, and places without text.
fn render_plainly(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let word = match diagnostic.severity {
        Severity::Error => "Error",
        Severity::Warning => "Warning",
    };
    let mut text = format!(
        "[{}] {word}: {}\n",
        diagnostic.code,
        harmless(&diagnostic.message)
    );
    let mut labels = shown_labels(diagnostic);
    labels.sort_by_key(|(role, _)| *role != Role::Primary);
    for (_, label) in labels {
        let source = sources.text(&label.file);
        let said = label
            .text
            .as_deref()
            .map(|t| format!("  {}", harmless(t)))
            .unwrap_or_default();
        if source.is_empty() {
            let _ = writeln!(text, "  at {}{said}", label.file);
            continue;
        }
        let range = within(source, label.range);
        let before = source.get(..range.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        let _ = writeln!(text, "  at {}:{line}:{column}{said}", label.file);
        let from = source.floor_char_boundary(range.start.saturating_sub(40));
        let to = source.ceil_char_boundary((range.start + 80).min(source.len()));
        let piece = source.get(from..to).unwrap_or_default();
        let left = piece
            .get(..range.start - from)
            .unwrap_or_default()
            .rsplit('\n')
            .next()
            .unwrap_or_default();
        let right = piece
            .get(range.start - from..)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
        let _ = writeln!(text, "    … {left}{right} …");
    }
    for note in diagnostic.notes.iter().chain(&more_places(diagnostic)) {
        let _ = writeln!(text, "  Note: {}", harmless(note));
    }
    let fix = fixed_line(diagnostic, sources);
    for help in diagnostic.help.iter().chain(&fix) {
        let _ = writeln!(text, "  Help: {}", harmless(help));
    }
    text
}

/// The diagnostics for a program: as they are, with lines and columns (from 1) beside the bytes.
pub fn to_json(diagnostics: &[Diagnostic], sources: &Sources) -> Value {
    let mut lines: BTreeMap<String, LineIndex> = BTreeMap::new();
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by(|a, b| (a.severity, a.order()).cmp(&(b.severity, b.order())));
    let shown: Vec<Value> = sorted
        .into_iter()
        .map(|diagnostic| {
            let mut value = json!(diagnostic);
            let primary = value.get_mut("primary").into_iter();
            for label in primary {
                add_place(label, sources, &mut lines);
            }
            for others in ["related", "also"] {
                let labels = value.get_mut(others).and_then(Value::as_array_mut);
                for label in labels.into_iter().flatten() {
                    add_place(label, sources, &mut lines);
                }
            }
            value
        })
        .collect();
    let counts = Counts::of(diagnostics);
    json!({
        "format": 1,
        "errors": counts.errors,
        "warnings": counts.warnings,
        "diagnostics": shown,
    })
}

fn add_place(label: &mut Value, sources: &Sources, lines: &mut BTreeMap<String, LineIndex>) {
    let Some(label) = label.as_object_mut() else {
        return;
    };
    let file = label
        .get("file")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let text = sources.text(&file);
    let index = lines.entry(file).or_insert_with(|| LineIndex::new(text));
    let at = |end: &str| {
        let offset = label
            .get("range")
            .and_then(|range| range.get(end))
            .and_then(Value::as_u64);
        let (line, column) =
            index.line_column(text, u32::try_from(offset.unwrap_or(0)).unwrap_or(u32::MAX));
        json!({ "line": line, "column": column })
    };
    let (start, end) = (at("start"), at("end"));
    label.insert("start".to_owned(), start);
    label.insert("end".to_owned(), end);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NASTY: &str = "app ä\r\n\tlet x = \"日本\u{2028}\"\r// e\u{301}\x1b[2J\n\n{";

    fn at(start: usize, end: usize) -> TextRange {
        let byte = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        TextRange::new(byte(start), byte(end))
    }

    /// A place may be wrong by a bug of ours, in the middle of a character or behind the end:
    /// what is shown may then be odd, and nothing more.
    #[test]
    fn any_place_in_any_text_is_shown() {
        let file: Arc<str> = Arc::from("a.plat");
        let mut sources = Sources::default();
        sources.add(&file, NASTY);
        let end = NASTY.len() + 2;
        for start in 0..end {
            for end in start..end {
                let diagnostic = Diagnostic::error("E0101", &file, at(start, end), "wrong")
                    .with_label("here")
                    .with_related(&file, at(end / 2, end), "and here")
                    .with_fix("repair it", at(start, end), "x");
                let text = render(&[diagnostic], &sources, false);
                assert!(text.contains("a.plat:"), "{start}..{end}: {text}");
                assert!(!text.contains('\x1b'), "{start}..{end}: {text}");
            }
        }
    }

    #[test]
    fn a_text_that_is_not_there_is_named() {
        let file: Arc<str> = Arc::from("gone.plat");
        let diagnostic = Diagnostic::warning("W0601", &file, at(3, 4), "odd").with_help("look");
        let text = render(&[diagnostic], &Sources::default(), false);
        assert_eq!(
            text,
            "[W0601] Warning: odd\n  at gone.plat\n  Help: look\n\n"
        );
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let file: Arc<str> = Arc::from("a.plat");
        let mut sources = Sources::default();
        sources.add(&file, &"x".repeat(100_000));
        let diagnostic = Diagnostic::error("E0101", &file, at(50_000, 50_001), "wrong");
        let text = render(&[diagnostic], &sources, false);
        assert!(
            text.contains("a.plat:1:50001") && text.len() < 400,
            "{text}"
        );
    }
}
