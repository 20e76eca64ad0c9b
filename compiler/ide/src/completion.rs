//! What could be written at a place, as an editor inserts it.

use plat_semantics::{Candidate, CandidateKind, Database, FileId, Insert, Symbol};
use plat_syntax::{SyntaxKind, TextRange};

use crate::hover;

/// Something that can be inserted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// How it is called.
    pub label: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Its type.
    pub detail: String,
    /// What it stands for: its documentation is asked for by [`documentation`].
    pub symbol: Option<Symbol>,
    /// Must it be given?
    pub required: bool,
    /// Does it fit what is wanted?
    pub fits: bool,
    /// What is inserted, with `$1`, `$2`, … and `$0` where one goes on writing, as snippets have it;
    /// other `$`, `}` and `\` are escaped.
    pub snippet: String,
    /// The same without places to go to.
    pub plain: String,
    /// What else is inserted, elsewhere in the file: the `use` that it needs.
    pub also: Option<(TextRange, String)>,
}

/// What could be written at a byte of a file: the bytes that it takes the place of, and each thing,
/// the best first.
pub fn completions(db: &Database, file: FileId, offset: u32) -> (TextRange, Vec<Completion>) {
    let found = db.candidates(file, offset);
    let text = db.text(file);
    let after = text.get(found.range.end as usize..).unwrap_or_default();
    let completions = found.all.into_iter();
    let completions = completions.map(|candidate| completion(db, file, candidate, after));
    (found.range, completions.collect())
}

fn completion(db: &Database, file: FileId, candidate: Candidate, after: &str) -> Completion {
    let name = candidate.name.clone();
    let rest = after.trim_start_matches([' ', '\t']);
    let (snippet, plain) = match &candidate.insert {
        Some(Insert::Field) if !rest.starts_with(['=', '.', '[']) => {
            (format!("{name} = $0"), format!("{name} = "))
        }
        Some(Insert::Argument) if !rest.starts_with(':') => {
            (format!("{name}: $0"), format!("{name}: "))
        }
        Some(Insert::Call(parts)) if !rest.starts_with('(') => {
            let mut snippet = format!("{name}(");
            for (number, part) in (1..).zip(parts) {
                if number > 1 {
                    snippet.push_str(", ");
                    snippet.push_str(part);
                    snippet.push_str(": ");
                }
                snippet.push_str(&format!("${{{number}:{part}}}"));
            }
            if parts.is_empty() {
                snippet.push_str("$1");
            }
            snippet.push_str(")$0");
            (snippet, name.clone())
        }
        Some(Insert::Braces) if !rest.starts_with('{') => (
            format!("{name} {{$0}}").replace('}', "\\}"),
            format!("{name} {{}}"),
        ),
        Some(Insert::Text(text)) => (escaped(text), text.clone()),
        _ => (escaped(&name), name.clone()),
    };
    let also = candidate.import.as_ref();
    let also = also.map(|module| import(db, file, module, &name));
    Completion {
        label: name,
        kind: candidate.kind,
        detail: candidate.detail,
        symbol: candidate.symbol,
        required: candidate.required,
        fits: candidate.fits,
        snippet,
        plain,
        also,
    }
}

/// A text as snippets have it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '$' | '}' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The `use` that brings a name: behind the last one of the file, else behind its `app`, else before
/// everything.
fn import(db: &Database, file: FileId, module: &str, name: &str) -> (TextRange, String) {
    let items = &db.parse(file).items;
    let end_of = |kind: SyntaxKind| {
        let found = items
            .iter()
            .rev()
            .find(|item| item.tree.root().kind() == kind);
        found.map(|item| item.tree.root().range().shifted(item.offset).end)
    };
    let line = format!("use {module}.{name}");
    match end_of(SyntaxKind::Use) {
        Some(end) => (TextRange::empty(end), format!("\n{line}")),
        None => {
            let first = items.first().map_or(0, |item| item.offset);
            (TextRange::empty(first), format!("{line}\n\n"))
        }
    }
}

/// What there is to say of a completion.
pub fn documentation(db: &Database, symbol: &Symbol) -> String {
    hover::describe(&db.about(symbol))
}
