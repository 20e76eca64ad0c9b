//! Columns: fields, declarations and rows that stand below each other, where their author began one.

/// What a line is, as far as it may share columns with its neighbours.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Shape {
    /// It shares none.
    #[default]
    Other,
    /// A comment: those around it may share columns.
    Comment,
    /// `name = value`: one column, the `=`.
    Field,
    /// A declaration of this kind on one line: one column, its `{`.
    Decl(String),
    /// A record of these keys in a list: a column for each entry, and the `}`.
    Row(Vec<String>),
}

/// A line that is being written.
#[derive(Default, Debug)]
pub(super) struct Line {
    pub(super) indent: usize,
    pub(super) text: String,
    pub(super) blank_before: bool,
    pub(super) shape: Shape,
    /// Which of the layout's shapes it is.
    pub(super) shape_number: Option<usize>,
    /// Where in `text` a column ends: there blanks may be put in.
    pub(super) points: Vec<usize>,
    /// The author has padded one of them.
    pub(super) padded: bool,
    /// The bracket it stands in.
    pub(super) group: usize,
}

impl Line {
    /// How many columns it shares.
    fn columns(&self) -> usize {
        match &self.shape {
            Shape::Other | Shape::Comment => 0,
            Shape::Field | Shape::Decl(_) => 1,
            Shape::Row(keys) => keys.len(),
        }
    }

    fn goes_with(&self, other: &Line) -> bool {
        self.shape == other.shape && self.group == other.group && self.columns() > 0
    }
}

/// The lines as one text, their columns below each other.
pub(super) fn join(mut lines: Vec<Line>) -> String {
    lines.retain(|line| !line.text.is_empty());
    let mut first = 0;
    while first < lines.len() {
        let run = run_from(&lines, first);
        pad(&mut lines, &run);
        first = run.last().map_or(first, |last| *last) + 1;
    }
    let mut text = String::new();
    for (n, line) in lines.iter().enumerate() {
        if line.blank_before && n > 0 {
            text.push('\n');
        }
        text.extend(std::iter::repeat_n(' ', line.indent));
        text.push_str(line.text.trim_end());
        text.push('\n');
    }
    text
}

/// The lines that may share columns with this one: those right below it, comments between them not counted.
fn run_from(lines: &[Line], first: usize) -> Vec<usize> {
    let mut run = vec![first];
    let Some(head) = lines.get(first) else {
        return run;
    };
    if head.columns() == 0 {
        return run;
    }
    for (n, line) in lines.iter().enumerate().skip(first + 1) {
        if line.blank_before {
            break;
        }
        if line.shape == Shape::Comment && line.group == head.group {
            continue;
        }
        if !line.goes_with(head) {
            break;
        }
        run.push(n);
    }
    run
}

fn pad(lines: &mut [Line], run: &[usize]) {
    let columns = run
        .first()
        .and_then(|n| lines.get(*n))
        .map_or(0, Line::columns);
    let padded = |n: &usize| lines.get(*n).is_some_and(|line| line.padded);
    if run.len() < 2 || !run.iter().any(padded) {
        return;
    }
    for column in 0..columns {
        let width = |line: &Line| {
            let end = line.points.get(column).copied().unwrap_or(0);
            line.text.get(..end).unwrap_or("").chars().count()
        };
        let widest = run
            .iter()
            .filter_map(|n| lines.get(*n))
            .map(width)
            .max()
            .unwrap_or(0);
        for n in run {
            let Some(line) = lines.get_mut(*n) else {
                continue;
            };
            let missing = widest - width(line);
            let Some(at) = line.points.get(column).copied() else {
                continue;
            };
            line.text.insert_str(at, &" ".repeat(missing));
            for point in line.points.iter_mut().skip(column) {
                *point += missing;
            }
        }
    }
}
