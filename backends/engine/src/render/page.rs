//! Lines on a terminal: a column of places at the right, folded or shortened to the width.

use std::fmt::Write as _;

use plat_model::Place;

use super::Style;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Plain,
    Strong,
    Dim,
    Add,
    Change,
    Remove,
}

impl Role {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Dim => "2",
            Self::Add => "32",
            Self::Change => "33",
            Self::Remove => "31",
        }
    }
}

/// A line: pieces of text, and what stands in the column of places.
#[derive(Default)]
pub(super) struct Line {
    pieces: Vec<(Role, String)>,
    pub place: String,
    /// A message is folded at the width; anything else is shortened.
    folds: bool,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn push(mut self, role: Role, text: impl Into<String>) -> Self {
        self.pieces.push((role, text.into()));
        self
    }

    pub(super) fn at(mut self, place: Option<&Place>, set_by: Option<&str>) -> Self {
        if let Some(place) = place {
            self.place = match set_by {
                Some(env) => format!("{place}  ({env})"),
                None => place.to_string(),
            };
        }
        self
    }

    pub(super) fn folding(mut self) -> Self {
        self.folds = true;
        self
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(|(_, text)| columns(text)).sum()
    }
}

pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Lines, one below the other.
pub(super) struct Page {
    pub style: Style,
    lines: Vec<Line>,
}

impl Page {
    pub(super) const fn new(style: Style) -> Self {
        Self {
            style,
            lines: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// An empty line, if the last one is not.
    pub(super) fn gap(&mut self) {
        if self.lines.last().is_some_and(|l| !l.pieces.is_empty()) {
            self.add(Line::new());
        }
    }

    pub(super) fn text(&self) -> String {
        let width = self.style.width.max(40);
        let places = self
            .lines
            .iter()
            .map(|l| columns(&l.place))
            .max()
            .unwrap_or(0);
        let widest = self
            .lines
            .iter()
            .filter(|l| !l.place.is_empty())
            .map(Line::len)
            .max()
            .unwrap_or(0);
        // The column begins where the widest line leaves room, and never so far to the right
        // that a place is cut.
        let room = width.saturating_sub(places);
        let column = (widest + 3).clamp(30, room.max(30));
        let mut out = String::new();
        for line in &self.lines {
            if line.pieces.is_empty() {
                out.push('\n');
                continue;
            }
            let limit = if line.place.is_empty() {
                width
            } else {
                column.saturating_sub(2)
            };
            if line.folds && line.len() > limit {
                self.folded(line, limit, column, &mut out);
            } else {
                self.single(line, limit, column, &mut out);
            }
        }
        out
    }

    fn single(&self, line: &Line, limit: usize, column: usize, out: &mut String) {
        let mut used = 0;
        for (role, text) in &line.pieces {
            let left = limit.saturating_sub(used);
            let text = clipped(text, left);
            used += columns(&text);
            self.paint(*role, &text, out);
        }
        self.place(line, used, column, out);
    }

    fn place(&self, line: &Line, used: usize, column: usize, out: &mut String) {
        if !line.place.is_empty() {
            let gap = column.saturating_sub(used).max(2);
            let _ = write!(out, "{:gap$}", "");
            self.paint(Role::Dim, &line.place, out);
        }
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
    }

    /// Folds between words; what follows the first line stands a little further in.
    fn folded(&self, line: &Line, limit: usize, column: usize, out: &mut String) {
        let text: String = line.pieces.iter().map(|(_, text)| text.as_str()).collect();
        let indent = text.len() - text.trim_start().len();
        let role = line.pieces.first().map_or(Role::Plain, |(role, _)| *role);
        let mut rows: Vec<String> = Vec::new();
        let mut row = " ".repeat(indent);
        let mut empty = true;
        for word in text.split_whitespace() {
            if !empty && columns(&row) + 1 + columns(word) > limit {
                rows.push(std::mem::replace(&mut row, " ".repeat(indent + 2)));
                empty = true;
            }
            if !empty {
                row.push(' ');
            }
            row.push_str(word);
            empty = false;
        }
        rows.push(row);
        for (i, row) in rows.iter().enumerate() {
            self.paint(role, row, out);
            if i == 0 {
                self.place(line, columns(row), column, out);
            } else {
                out.push('\n');
            }
        }
    }

    fn paint(&self, role: Role, text: &str, out: &mut String) {
        if self.style.color && role != Role::Plain && !text.trim().is_empty() {
            let _ = write!(out, "\x1b[{}m{text}\x1b[0m", role.code());
        } else {
            out.push_str(text);
        }
    }
}

fn clipped(text: &str, most: usize) -> String {
    let length = columns(text);
    if length <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    if most > 0 {
        out.push('…');
    }
    out
}
