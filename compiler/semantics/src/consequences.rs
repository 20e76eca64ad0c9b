//! One mistake is told once: what follows from it in other places is left out.
//!
//! Inside of an item the checker sees to that itself: what is wrong has the type `Unknown`. Here is
//! what crosses items. A name that stands in a text that could not be read, or that a `use` failed
//! to bring, is not missed elsewhere; and what several environments share is told once for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::ast::Item;
use plat_syntax::{Diagnostic, Label, ParsedItem, TextRange};

use crate::app::app;
use crate::db::{Db, SourceFile, Space, display_path, parsed};
use crate::diag::Cause;
use crate::mistakes::Found;
use crate::names::uses;

/// The codes that miss a name, each at that name.
const MISSES: &[&str] = &[
    "E0201", "E0203", "E0205", "E0207", "E0208", "E0210", "E0211", "E0212", "E0213", "E0215",
    "E0302", "E0320", "E0601", "E0702",
];

/// What of the sources could not be read.
pub struct Unread {
    /// The words in items that have a mistake in their text.
    words: BTreeSet<String>,
    /// Those items.
    items: Vec<(Arc<str>, TextRange)>,
    /// By file, the names that its `use`s failed to bring.
    unused: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// How many definitions have no name, or have lost it with the line that they began with.
    nameless: usize,
    /// The files in which something stands outside of what it belongs to.
    headless: BTreeSet<Arc<str>>,
    /// Are there declarations, but no app that they belong to? Its inputs may be missed.
    appless: bool,
}

impl Unread {
    /// What could be read of no file yet.
    pub fn new(db: &dyn Db) -> Self {
        let app = app(db);
        Self {
            words: BTreeSet::new(),
            items: Vec::new(),
            unused: BTreeMap::new(),
            nameless: 0,
            headless: BTreeSet::new(),
            appless: app.heads.is_empty() && !app.homeless.is_empty(),
        }
    }

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
        self.nameless += parse.items.iter().filter(|i| is_nameless(i)).count();
        let misplaced = parse.diagnostics.iter().filter(|d| d.code == MISPLACED);
        let misplaced = misplaced.count();
        if misplaced > 0 {
            self.nameless += misplaced;
            self.headless.insert(shown.clone());
            // Told of the first alone, what follows it stood there too.
            for item in parse.items.iter().filter(|i| is_misplaced(i)) {
                self.add_words(item.tree.text());
            }
        }
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

    /// Leaves out what only follows from something else that is wrong. `texts` are those of the files.
    pub fn leave_out(&self, found: &mut Vec<Found>, texts: &BTreeMap<Arc<str>, &str>) {
        let misnamed: BTreeSet<Arc<str>> = found
            .iter()
            .filter_map(|found| match &found.cause {
                Some(Cause::Misnamed(right)) => Some(right.clone()),
                _ => None,
            })
            .collect();
        found.retain(|found| {
            let shown = &found.shown;
            let text = texts.get(&shown.primary.file).copied();
            let named_rightly = || found.missed().is_some_and(|name| misnamed.contains(name));
            let value = matches!(found.cause, Some(Cause::Name(Space::Value, _)));
            let of_the_app = self.appless && value;
            // The inputs, those that are not written too, and that there is something to belong to.
            let of_a_head =
                (value || shown.code == "E0613") && self.headless.contains(&shown.primary.file);
            !(of_the_app
                || of_a_head
                || named_rightly()
                || self.explains(shown, text.unwrap_or_default()))
        });
        // A definition without its name is missed wherever it is used: by no more names than there
        // are such definitions.
        let is_missed = |found: &Found| matches!(found.cause, Some(Cause::Name(..)));
        let missed = found.iter().filter(|found| is_missed(found));
        let missed: BTreeSet<_> = missed.filter_map(Found::missed).cloned().collect();
        let because = |found: &&Found| matches!(found.cause, Some(Cause::Nameless));
        if missed.len() <= self.nameless + found.iter().filter(because).count() {
            found.retain(|found| !is_missed(found));
        }
    }

    /// Whether a diagnostic only follows from what could not be read.
    fn explains(&self, diagnostic: &Diagnostic, text: &str) -> bool {
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

/// What can't stand where it does, as the text says: it belongs into something that has lost its head.
const MISPLACED: &str = "E0120";

/// Whether an item is none: a field or an input that stands by itself.
fn is_misplaced(item: &ParsedItem) -> bool {
    !matches!(
        item.tree.item(),
        Item::Kind(_)
            | Item::TypeDef(_)
            | Item::UnitDef(_)
            | Item::FnDef(_)
            | Item::Let(_)
            | Item::Decl(_)
            | Item::Env(_)
            | Item::Policy(_)
            | Item::App(_)
            | Item::Use(_)
            | Item::Test(_)
            | Item::Waive(_)
            | Item::Moved(_)
            | Item::If(_)
            | Item::For(_)
    )
}

/// Whether an item that others use by its name has none.
fn is_nameless(item: &ParsedItem) -> bool {
    match item.tree.item() {
        Item::Kind(_)
        | Item::TypeDef(_)
        | Item::UnitDef(_)
        | Item::FnDef(_)
        | Item::Let(_)
        | Item::Decl(_)
        | Item::Env(_)
        | Item::Policy(_) => item.tree.item().name().is_none(),
        _ => false,
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
