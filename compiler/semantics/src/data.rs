//! Files that a program reads as values: `import_json`, `import_yaml`, `read_text`.
//!
//! A document becomes a literal of the language, and is checked like one: what it may hold, how near names are
//! suggested and what flows into what is all as in the source. A map from the literal back to the file gives
//! each mistake its place there. So a document has an [`ItemId`] of its own, in [`Space::Data`].

mod json;
mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use plat_syntax::ast::{self, Expr, Item};
use plat_syntax::{TextRange, Tree};

use crate::db::{Db, ItemId, SourceFile, Space, Workspace, items, tree};
use crate::diag::Spot;

/// How deep documents may nest: as deep as the language itself allows, and some room around.
const MAX_DEPTH: usize = 60;

/// The longest literal that a document may become: YAML's aliases can multiply.
const MAX_LITERAL: usize = 64 * 1024 * 1024;

/// How a file is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reader {
    /// `import_json`
    Json,
    /// `import_yaml`
    Yaml,
    /// `read_text`
    Text,
}

impl Reader {
    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "import_json" => Some(Self::Json),
            "import_yaml" => Some(Self::Yaml),
            "read_text" => Some(Self::Text),
            _ => None,
        }
    }

    /// Its name in the language.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "import_json",
            Self::Yaml => "import_yaml",
            Self::Text => "read_text",
        }
    }
}

/// The functions that read files, for suggestions.
pub const READERS: [&str; 3] = ["import_json", "import_yaml", "read_text"];

/// A document as a literal of the language.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct Document {
    /// `let data = …`; none where it can't be read.
    pub tree: Option<Tree>,
    /// Tokens of the literal and what they are in the file, in their order.
    map: Vec<Piece>,
    /// Why it can't be read.
    pub problem: Option<String>,
}

/// A token of the literal and its place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, salsa::SalsaValue)]
struct Piece {
    at: u32,
    end: u32,
    source: (u32, u32),
}

impl Document {
    /// The range in the file that a range of the literal was made from.
    pub fn source_range(&self, range: TextRange) -> TextRange {
        let first = self.map.partition_point(|p| p.end <= range.start);
        let past = self.map.partition_point(|p| p.at < range.end);
        let start = self.map.get(first).or(self.map.last());
        let end = past.checked_sub(1).and_then(|i| self.map.get(i));
        match (start, end.filter(|_| past > first).or(start)) {
            (Some(start), Some(end)) => TextRange::new(start.source.0, end.source.1),
            _ => TextRange::default(),
        }
    }
}

/// Why a document can't be read, and where.
struct Problem {
    message: String,
    at: (usize, usize),
}

/// A literal that is being written.
#[derive(Default)]
struct Literal {
    text: String,
    map: Vec<Piece>,
    depth: usize,
}

impl Literal {
    /// Writes a token that stands for a range of the file.
    fn token(&mut self, text: &str, source: (usize, usize)) -> Result<(), Problem> {
        if self.text.len() + text.len() > MAX_LITERAL {
            return Err(Problem {
                message: "this document is larger than 64 MiB once its aliases are written out"
                    .to_owned(),
                at: source,
            });
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = number(self.text.len());
        self.text.push_str(text);
        self.map.push(Piece {
            at,
            end: number(self.text.len()),
            source: (number(source.0), number(source.1)),
        });
        Ok(())
    }

    /// Opens a bracket.
    fn open(&mut self, bracket: &str, source: (usize, usize)) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem {
                message: format!("this nests deeper than {MAX_DEPTH}"),
                at: source,
            });
        }
        self.token(bracket, source)
    }

    /// Closes one.
    fn close(&mut self, bracket: &str, source: (usize, usize)) -> Result<(), Problem> {
        self.depth = self.depth.saturating_sub(1);
        self.token(bracket, source)
    }

    /// A text as the language writes it.
    fn string(&mut self, text: &str, source: (usize, usize)) -> Result<(), Problem> {
        let mut quoted = String::with_capacity(text.len() + 2);
        quoted.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' | '$' => quoted.extend(['\\', c]),
                '\n' => quoted.push_str("\\n"),
                '\t' => quoted.push_str("\\t"),
                '\r' => quoted.push_str("\\r"),
                c if c.is_control() || c == '\u{feff}' => {
                    quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
                }
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        self.token(&quoted, source)
    }

    /// A number as JSON and YAML write it; the language has no exponents.
    fn number(&mut self, text: &str, source: (usize, usize)) -> Result<(), Problem> {
        match plain_number(text) {
            Some(plain) => self.token(&plain, source),
            None => Err(Problem {
                message: format!("the number {text} has more than 38 digits"),
                at: source,
            }),
        }
    }
}

/// `1.5e3` as `1500`, `-2E-1` as `-0.2`.
fn plain_number(text: &str) -> Option<String> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    if digits.len() > 38 || exponent.abs() > 38 {
        return None;
    }
    if exponent == 0 {
        let whole = if whole.is_empty() { "0" } else { whole };
        return Some(match part {
            "" => format!("{sign}{whole}"),
            part => format!("{sign}{whole}.{part}"),
        });
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let (whole, part) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => {
            let zeros = "0".repeat(point - digits.len());
            (format!("{digits}{zeros}"), String::new())
        }
        Ok(point) if point > 0 => {
            let (whole, part) = digits.split_at_checked(point)?;
            (whole.to_owned(), part.to_owned())
        }
        _ => {
            let zeros = "0".repeat(usize::try_from(-point).ok()?);
            ("0".to_owned(), format!("{zeros}{digits}"))
        }
    };
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    Some(match part.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part}"),
    })
}

/// The document of an item of [`Space::Data`].
#[salsa::tracked]
pub fn document(db: &dyn Db, item: ItemId) -> Document {
    let text = item.file(db).text(db);
    let mut literal = Literal::default();
    literal.text.push_str("let data = ");
    let read = if item.name(db).as_ref() == Reader::Yaml.name() {
        yaml::read(text, &mut literal)
    } else {
        json::read(text, &mut literal)
    };
    if let Err(problem) = read {
        return broken(problem);
    }
    let parse = plat_syntax::parse(&Arc::from("data"), &literal.text);
    let document = Document {
        tree: None,
        map: literal.map,
        problem: None,
    };
    match (parse.items.first(), parse.diagnostics.first()) {
        (Some(item), None) => Document {
            tree: Some(item.tree.clone()),
            ..document
        },
        (_, told) => {
            let range = told.map(|d| d.primary.range).unwrap_or_default();
            let range = document.source_range(range);
            let message = told.map_or_else(String::new, |d| d.message.clone());
            let at = (range.start as usize, range.end as usize);
            broken(Problem { message, at })
        }
    }
}

/// A document that can't be read: its place is what its first byte stands for.
fn broken(problem: Problem) -> Document {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Document {
        tree: None,
        map: vec![Piece {
            at: 0,
            end: 1,
            source: (number(problem.at.0), number(problem.at.1)),
        }],
        problem: Some(problem.message),
    }
}

/// Where a document can't be read.
pub fn problem_spot(item: ItemId) -> Spot {
    Spot::new(item, TextRange::new(0, 1))
}

/// The item that a document is, read in one way.
pub fn data_item(db: &dyn Db, file: SourceFile, reader: Reader) -> ItemId {
    ItemId::new(db, file, Space::Data, Arc::<str>::from(reader.name()), 0)
}

/// The literal that a document is.
pub fn literal<'db>(db: &'db dyn Db, item: ItemId) -> Option<Expr<'db>> {
    match document(db, item).tree.as_ref()?.item() {
        Item::Let(ast) => ast.value(),
        _ => None,
    }
}

/// The files that were read for the program, by package and path.
#[salsa::tracked]
pub fn data_files(db: &dyn Db) -> BTreeMap<(Arc<str>, Arc<str>), SourceFile> {
    let workspace = Workspace::try_get(db);
    workspace
        .map(|w| w.data(db).as_slice())
        .unwrap_or_default()
        .iter()
        .map(|file| ((file.package(db).clone(), file.path(db).clone()), *file))
        .collect()
}

/// The files that a source file names in calls of the readers: paths from the package's root. Those that
/// lead out of it are left out, as are those that are no literals; the checker tells of them.
#[salsa::tracked]
pub fn named_in(db: &dyn Db, file: SourceFile) -> Vec<Arc<str>> {
    let mut found = Vec::new();
    let text = file.text(db);
    if !READERS.iter().any(|name| text.contains(name)) {
        return found;
    }
    for item in items(db, file) {
        let Some(tree) = tree(db, *item) else {
            continue;
        };
        for node in tree.nodes() {
            if let Some(Expr::Call(call)) = Expr::cast(node)
                && let Some(Expr::NameRef(name)) = call.callee()
                && Reader::named(name.text()).is_some()
                && let Some(Expr::StringLit(path)) = call.args().next().and_then(ast::Arg::value)
                && let Some(path) = path.plain()
                && let Ok(path) = package_path(db, file, &path)
            {
                found.push(Arc::from(path));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// A path from the package's root, as the file's directory sees it.
///
/// # Errors
/// It leads out of the package.
pub fn package_path(db: &dyn Db, file: SourceFile, text: &str) -> Result<String, ()> {
    let own = file.path(db);
    let dir = own.rsplit_once('/').map_or("", |(dir, _)| dir);
    let mut parts: Vec<&str> = if text.starts_with('/') {
        return Err(());
    } else {
        dir.split('/').filter(|p| !p.is_empty()).collect()
    };
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(())?;
            }
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::plain_number;

    #[test]
    fn numbers_are_written_without_exponents() {
        for (given, plain) in [
            ("0", "0"),
            ("-12", "-12"),
            ("1.50", "1.50"),
            ("1.5e3", "1500"),
            ("-2E-1", "-0.2"),
            ("12e-4", "0.0012"),
            ("1.25e1", "12.5"),
            ("0e5", "0"),
            ("+7", "7"),
            (".5", "0.5"),
        ] {
            assert_eq!(plain_number(given).as_deref(), Some(plain), "{given}");
        }
        assert_eq!(plain_number("1e99"), None);
        assert_eq!(plain_number(&"9".repeat(39)), None);
    }
}
