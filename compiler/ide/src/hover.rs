//! What is shown of a name when the pointer rests on it.

use std::fmt::Write as _;

use plat_semantics::{About, Database, Effective, FileId, How, Support, Symbol, Taken};
use plat_syntax::TextRange;

/// More values than this are not shown of one thing.
const MOST_VALUES: usize = 12;

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    /// Of what.
    pub range: TextRange,
    /// As Markdown.
    pub markdown: String,
}

/// What to show of the name, or the expression, at a byte of a file. None where there is nothing to
/// be said.
pub fn hover(db: &Database, file: FileId, offset: u32) -> Option<Hover> {
    let Some(stands) = db.name_at(file, offset) else {
        return entry_of_map(db, file, offset).or_else(|| {
            let (range, ty) = db.type_at(file, offset)?;
            let markdown = code(&ty);
            Some(Hover { range, markdown })
        });
    };
    let about = db.about(&stands.symbol);
    let mut markdown = describe(&about);
    for taken in db.taken(&stands.symbol) {
        markdown.push_str("\n\n");
        markdown.push_str(&on(&taken));
    }
    let values = db.effective_at(file, offset);
    if !values.is_empty() {
        markdown.push_str("\n\n");
        markdown.push_str(&effective(&values));
    }
    Some(Hover {
        range: stands.range,
        markdown,
    })
}

/// An entry of a map, as of `env`: its key is no name of anything, but each environment has its value.
fn entry_of_map(db: &Database, file: FileId, offset: u32) -> Option<Hover> {
    let (range, path) = db.entry_at(file, offset)?;
    let values = db.effective_at(file, offset);
    if values.is_empty() {
        return None;
    }
    let markdown = format!("{}\n\n{}", code(&path), effective(&values));
    Some(Hover { range, markdown })
}

/// A symbol's declaration, documentation and default, as Markdown: as hover and completion show it.
pub fn describe(about: &About) -> String {
    let mut text = code(&about.signature);
    let mut facts: Vec<String> = Vec::new();
    if let Some(within) = &about.within {
        facts.push(format!("of `{within}`"));
    }
    if let Some(default) = &about.default
        && !about.signature.contains(&format!("= {default}"))
    {
        facts.push(format!("`{default}` when not given"));
    }
    if let Some(changes) = &about.changes {
        facts.push(match changes.as_str() {
            "replace" => "changing it makes the thing anew".to_owned(),
            "grow_only" => "it may only grow".to_owned(),
            _ => "it is changed in place".to_owned(),
        });
    }
    if let Some(grants) = &about.grants {
        facts.push(format!("reading it grants `{grants}`"));
    }
    if !facts.is_empty() {
        text.push('\n');
        text.push_str(&facts.join(" · "));
    }
    if let Some(doc) = &about.doc {
        text.push_str("\n\n---\n\n");
        text.push_str(doc);
    }
    text
}

/// What a target makes of it, one entry after the other.
fn on(taken: &Taken) -> String {
    let mut entries: Vec<String> = taken.support.iter().map(entry).collect();
    // A case that fields of several kinds have is taken alike.
    entries.dedup();
    format!(
        "On `{}` ({}): {}",
        taken.target,
        taken.environments.join(", "),
        entries.join("; ")
    )
}

fn entry(support: &Support) -> String {
    // Of a case of what is shown, its name.
    let case = support.what.split('.').nth(2);
    let of = case.map_or_else(String::new, |case| format!("`{case}` "));
    match &support.how {
        How::Keeps(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("{of}{}", words.join(", "))
        }
        How::Weakens(why) => format!("{of}kept in part, {why}"),
        How::Refuses(why, None) => format!("{of}refused, {why}"),
        How::Refuses(why, Some(instead)) => format!("{of}refused, {why}; it offers {instead}"),
        How::Lacks => format!("{of}not there yet"),
    }
}

/// The value in each environment and who set it; environments that agree stand together.
fn effective(values: &[Effective]) -> String {
    let mut rows: Vec<(Vec<&str>, String)> = Vec::new();
    for value in values {
        let text = match value.chain.first() {
            Some(site) => format!("`{}` — {}, {}", value.text, site_words(site), site.place),
            None => format!("`{}`", value.text),
        };
        match rows.iter_mut().find(|(_, known)| *known == text) {
            Some((environments, _)) => environments.push(&value.environment),
            None => rows.push((vec![&value.environment], text)),
        }
    }
    let mut out = String::new();
    let hidden = rows.len().saturating_sub(MOST_VALUES);
    for (environments, text) in rows.iter().take(MOST_VALUES) {
        let _ = writeln!(out, "- **{}**: {text}", environments.join(", "));
    }
    if hidden > 0 {
        let _ = writeln!(out, "- and {hidden} more");
    }
    out
}

fn site_words(site: &plat_model::Site) -> String {
    use plat_model::SiteKind as K;
    match site.kind {
        K::Declared => "here".to_owned(),
        K::Default => format!("default of {}", site.path),
        K::Set => format!("set by {}", site.path),
        K::Each => format!("each of {}", site.path),
        K::With => format!("with, in {}", site.path),
        K::Derived => "by plat".to_owned(),
    }
}

fn code(text: &str) -> String {
    format!("```plat\n{text}\n```")
}

/// One line for a list of things: what a symbol is.
pub fn detail(db: &Database, symbol: &Symbol) -> String {
    db.about(symbol).signature
}
