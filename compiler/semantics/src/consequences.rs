//! One mistake is told once: what follows from it in other places is left out.
//!
//! Inside of an item the checker sees to that itself: what is wrong has the type `Unknown`. Here is
//! what crosses items. A name that stands in a text that could not be read, or that a `use` failed
//! to bring, is not missed elsewhere; and what several environments share is told once for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::{Diagnostic, Label, TextRange};

use crate::db::{Db, SourceFile, display_path, parsed};
use crate::names::uses;

/// The codes that miss a name, each at that name.
const MISSES: &[&str] = &[
    "E0201", "E0203", "E0205", "E0207", "E0208", "E0210", "E0211", "E0212", "E0213", "E0215",
    "E0302", "E0320", "E0601", "E0702",
];

/// What of the sources could not be read.
#[derive(Default)]
pub struct Unread {
    /// The words in items that have a mistake in their text.
    words: BTreeSet<String>,
    /// Those items.
    items: Vec<(Arc<str>, TextRange)>,
    /// By file, the names that its `use`s failed to bring.
    unused: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Unread {
    /// Adds what could not be read of a file.
    pub fn add(&mut self, db: &dyn Db, file: SourceFile) {
        let missing = &uses(db, file).missing;
        let parse = &parsed(db, file).parse;
        // Of many files, most are as they should be.
        if missing.is_empty() && parse.diagnostics.is_empty() {
            return;
        }
        let shown = display_path(db, file);
        if !missing.is_empty() {
            self.unused.insert(shown.clone(), missing.clone());
        }
        let text = file.text(db);
        let starts: Vec<u32> = parse.items.iter().map(|i| i.offset).collect();
        for diagnostic in &parse.diagnostics {
            let at = diagnostic.primary.range.start;
            let next = starts.partition_point(|start| *start <= at);
            let start = next.checked_sub(1).and_then(|i| starts.get(i)).copied();
            let end = starts.get(next).copied();
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            let range = TextRange::new(start.unwrap_or(0), end.unwrap_or(length));
            if self.items.last().is_none_or(|(_, last)| *last != range) {
                self.add_words(range.slice(text));
                self.items.push((shown.clone(), range));
            }
        }
    }

    fn add_words(&mut self, text: &str) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        self.words
            .extend(text.split(|c| !is_word(c)).map(str::to_owned));
        // `shop-api` is a slip for `shop_api`.
        let dashed = text.split(|c| !is_word(c) && c != '-');
        self.words.extend(dashed.map(|w| w.replace('-', "_")));
        self.words.remove("");
    }

    /// Whether a diagnostic only follows from what could not be read.
    pub fn explains(&self, diagnostic: &Diagnostic, text: &str) -> bool {
        if self.items.is_empty() && self.unused.is_empty() {
            return false;
        }
        let code = diagnostic.code;
        if diagnostic.related.iter().any(|label| self.holds(label)) && !code.starts_with("E01") {
            return true;
        }
        let unread = |word: &str| self.words.contains(word);
        match code {
            // The app or the environment may be what could not be read.
            "E0612" => return unread("env"),
            "E0613" => return unread("app"),
            _ if !MISSES.contains(&code) => return false,
            _ => {}
        }
        let unused = self.unused.get(&diagnostic.primary.file);
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let named = diagnostic.primary.range.slice(text);
        // What is missed is the last word: `acme.web_app`, `background[defualt]`.
        let mut words = named.split(|c| !is_word(c)).filter(|w| !w.is_empty());
        words.next_back().is_some_and(|word| {
            unread(word) || code != "E0203" && unused.is_some_and(|names| names.contains(word))
        })
    }

    fn holds(&self, label: &Label) -> bool {
        self.items
            .iter()
            .any(|(file, range)| *file == label.file && range.contains(label.range.start))
    }
}

/// What is wrong in the environments, what they share told once.
#[derive(Default)]
pub struct Shared {
    /// What was told, by code, place and the other place that matters; and where in `told`.
    known: BTreeMap<(&'static str, Label, Option<Label>), usize>,
    told: Vec<Diagnostic>,
}

impl Shared {
    /// Takes in what is wrong in one environment. Bases come before those that extend them;
    /// `bases` are the names of its own.
    pub fn add(&mut self, env: &str, bases: &[String], found: Vec<Diagnostic>) {
        let before = self.told.len();
        for diagnostic in grouped(found) {
            let place = Label {
                text: None,
                ..diagnostic.primary.clone()
            };
            let key = (diagnostic.code, place, diagnostic.related.first().cloned());
            if self.inherited(&diagnostic, bases) {
                continue;
            }
            match self.known.get(&key) {
                Some(first) if *first < before => {
                    let said = self.told.get_mut(*first);
                    if let Some(said) = said.filter(|said| said.message != diagnostic.message) {
                        said.notes.push(format!("also in the environment `{env}`"));
                    }
                }
                _ => {
                    self.known.insert(key, self.told.len());
                    self.told.push(diagnostic);
                }
            }
        }
    }

    /// An input that already a base leaves without a value is told there.
    fn inherited(&self, diagnostic: &Diagnostic, bases: &[String]) -> bool {
        diagnostic.code == "E0608"
            && self.told.iter().any(|told| {
                let of_base = |base: &String| {
                    let label = told.primary.text.as_deref().unwrap_or_default();
                    label.contains(&format!("`{base}`"))
                };
                told.code == "E0608"
                    && told.message == diagnostic.message
                    && bases.iter().any(of_base)
            })
    }

    /// All of it.
    pub fn told(self) -> Vec<Diagnostic> {
        self.told
    }
}

/// Uses of one thing that is left out are one mistake: the first with the others beside it.
fn grouped(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|a, b| a.order().cmp(&b.order()));
    found.dedup_by(|a, b| a.order() == b.order());
    let mut out: Vec<Diagnostic> = Vec::new();
    for diagnostic in found {
        let first = out.iter_mut().find(|d| {
            diagnostic.code == "E0607" && d.code == "E0607" && d.message == diagnostic.message
        });
        match first {
            Some(first) => first.related.push(Label {
                text: Some("and here".to_owned()),
                ..diagnostic.primary
            }),
            None => out.push(diagnostic),
        }
    }
    out
}
