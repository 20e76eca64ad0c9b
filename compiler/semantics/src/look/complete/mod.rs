//! What could be written at a place.
//!
//! The word at the place is replaced by one that nothing is called by, and the text is read and
//! checked with that: so the parser says what stands there, and the checker what is wanted there.
//! What could be written is then what these two know, never a guess from the text. The database
//! itself is not changed: the item is checked from a tree of its own.

mod call;
mod elsewhere;
mod imports;
mod names;
mod places;
mod raw;
mod values;

pub use call::CallShape;
use plat_syntax::{LexemeKind, Node, Parse, SyntaxKind, TextRange, Tree, lexemes};

use super::FileId;
use crate::api::{Database, STACK};
use crate::check::notes::{Notes, Symbol, notes_at};
use crate::db::{ItemId, Space, parsed};
use crate::names::Names;
use crate::types::Ty;

/// The word that nothing is called by.
const WORD: &str = "plat_0_completed_here";

/// The same as a type would be called: where only those may stand, another word is no name.
const TYPE: &str = "Plat0CompletedHere";

/// Something that could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// How it is called.
    pub name: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Its type, or a few words on it.
    pub detail: String,
    /// What it stands for, if it is a name.
    pub symbol: Option<Symbol>,
    /// Must it be given, and is it not yet?
    pub required: bool,
    /// Does its type fit what is wanted, where that is known?
    pub fits: bool,
    /// The module from which a `use` has to bring it: `acme.targets`.
    pub import: Option<String>,
    /// What is written in place of the name, if it is another text.
    pub insert: Option<Insert>,
}

/// What is written for a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Insert {
    /// `name = `: and then a value.
    Field,
    /// `name: `, in a call.
    Argument,
    /// `name(…)`, of so many parts that must be given.
    Call(Vec<String>),
    /// `name { … }`
    Braces,
    /// This text.
    Text(String),
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// A field, or an argument of a call.
    Field,
    /// What a declaration gives.
    Out,
    /// A case of a variant.
    Case,
    /// A word of a union, `true`, `none`.
    Word,
    /// A variable.
    Variable,
    /// A `let`.
    Value,
    /// A declaration.
    Declaration,
    /// A function.
    Function,
    /// A unit.
    Unit,
    /// A file or a directory.
    File,
    /// An environment.
    Environment,
    /// A target.
    Target,
    /// A kind.
    Kind,
    /// A type.
    Type,
    /// A policy.
    Policy,
    /// A package or a module.
    Module,
    /// A word of the language.
    Keyword,
}

/// What could be written at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// The bytes that a candidate takes the place of.
    pub range: TextRange,
    /// Sorted: those that must be given first, then those that fit, then by kind and name.
    pub all: Vec<Candidate>,
}

impl Candidate {
    fn new(name: &str, kind: CandidateKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            detail: String::new(),
            symbol: None,
            required: false,
            fits: false,
            import: None,
            insert: None,
        }
    }

    fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    fn symbol(mut self, symbol: Option<Symbol>) -> Self {
        self.symbol = symbol;
        self
    }

    fn insert(mut self, insert: Insert) -> Self {
        self.insert = Some(insert);
        self
    }

    fn fits(mut self, fits: bool) -> Self {
        self.fits = fits;
        self
    }
}

/// A place in a text, and all that is known of it.
pub(super) struct Here<'a> {
    pub db: &'a Database,
    pub file: FileId,
    pub names: Names<'a>,
    /// The item that it is in, or another one of the file.
    pub item: Option<ItemId>,
    /// The tree with the word in it, and where the word stands in it.
    pub tree: &'a Tree,
    pub at: u32,
    pub notes: &'a Notes,
    pub out: Vec<Candidate>,
}

impl Database {
    /// What could be written at a byte of a file.
    pub fn candidates(&self, file: FileId, offset: u32) -> Candidates {
        stacker::grow(STACK, || self.candidates_inner(file, offset))
    }

    /// What is wanted where a number stands.
    fn wanted_of_number(&self, file: FileId, offset: u32) -> Option<Ty> {
        let (item, at) = self.item_at(file, offset)?;
        let tree = crate::db::tree(self, item).as_ref()?;
        let number = tree.nodes().find(|node| {
            let range = node.range();
            node.kind() == plat_syntax::SyntaxKind::NumberLit
                && range.start <= at
                && at <= range.end
        })?;
        crate::check::notes::notes(self, item)
            .wanted
            .get(&number.range().into())
            .cloned()
    }

    fn candidates_inner(&self, file: FileId, offset: u32) -> Candidates {
        let text = self.text(file);
        let range = word_at(text, offset);
        let mut found = match within(text, range, offset) {
            Within::Nothing => Candidates::default(),
            Within::Number(unit) => Candidates {
                range: unit,
                all: values::units(self, file, self.wanted_of_number(file, offset).as_ref()),
            },
            Within::Text(range) => Candidates {
                range,
                all: self.completed(file, text, offset),
            },
            Within::Code => {
                let complete = |word| {
                    let with = with_word(text, range, word);
                    self.completed(file, &with, range.start)
                };
                let mut all = complete(WORD);
                if all.is_empty() {
                    all = complete(TYPE);
                }
                Candidates { range, all }
            }
        };
        found.all.sort_by(|a, b| {
            let rank = |c: &Candidate| (!c.required, !c.fits, c.import.is_some(), c.kind);
            (rank(a), &a.name).cmp(&(rank(b), &b.name))
        });
        found
            .all
            .dedup_by(|a, b| a.name == b.name && a.kind == b.kind);
        found
    }

    /// The innermost call that a byte of a file is in.
    pub fn call_at(&self, file: FileId, offset: u32) -> Option<CallShape> {
        stacker::grow(STACK, || {
            let text = self.text(file);
            let word = word_at(text, offset);
            let with = with_word(text, word, WORD);
            match within(text, word, offset) {
                Within::Nothing => None,
                Within::Code => self.looked_at(file, &with, word.start, |here| here.call())?,
                // A text or a number that is given stays as it is.
                _ => self.looked_at(file, text, offset, |here| here.call())?,
            }
        })
    }

    /// What could be written at a byte of a text that the file could have.
    fn completed(&self, file: FileId, text: &str, offset: u32) -> Vec<Candidate> {
        let found = self.looked_at(file, text, offset, |here| {
            here.complete();
            std::mem::take(&mut here.out)
        });
        found.unwrap_or_default()
    }

    /// Looks at a byte of a text that the file could have.
    fn looked_at<T>(
        &self,
        file: FileId,
        text: &str,
        offset: u32,
        look: impl FnOnce(&mut Here<'_>) -> T,
    ) -> Option<T> {
        let parse = plat_syntax::parse(&self.shown_name(file), text);
        let (position, item) = item_at(&parse, offset)?;
        let tree = &item.tree;
        let at = offset - item.offset;
        let id = self.same_item(file, &parse, position);
        let noted = id
            .map(|id| notes_at(self, id, tree, at))
            .unwrap_or_default();
        let mut here = Here {
            db: self,
            file,
            names: Names {
                db: self,
                file: file.0,
            },
            item: id,
            tree,
            at,
            notes: &noted,
            out: Vec::new(),
        };
        Some(look(&mut here))
    }

    /// The item of the database that an item of a text with one more word is; else the one in its
    /// place, so that names are looked up from the right file.
    fn same_item(&self, file: FileId, parse: &Parse, position: usize) -> Option<ItemId> {
        let known = parsed(self, file.0);
        let wanted = parse.items.get(position)?;
        let name = |item: &plat_syntax::ParsedItem| {
            let name = item.tree.item().name();
            (item.tree.root().kind(), name.map(|n| n.text().to_owned()))
        };
        let same = |(_, item): &(&ItemId, &plat_syntax::ParsedItem)| name(item) == name(wanted);
        let mut pairs = known.ids.iter().zip(&known.parse.items);
        let found = pairs.find(same).map(|(id, _)| *id);
        found
            .or_else(|| known.ids.get(position).copied())
            .or_else(|| known.ids.last().copied())
            .or_else(|| {
                let name = std::sync::Arc::from("error");
                Some(ItemId::new(self, file.0, Space::Broken, name, 0))
            })
    }
}

/// A text in which another word stands in a range.
fn with_word(text: &str, range: TextRange, word: &str) -> String {
    let mut with = String::with_capacity(text.len() + word.len());
    with.push_str(text.get(..range.start as usize).unwrap_or_default());
    with.push_str(word);
    with.push_str(text.get(range.end as usize..).unwrap_or_default());
    with
}

/// The word that a byte stands in or at the end of.
fn word_at(text: &str, offset: u32) -> TextRange {
    let mut offset = (offset as usize).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let before = text.get(..offset).unwrap_or_default();
    let after = text.get(offset..).unwrap_or_default();
    let start = before.trim_end_matches(is_word).len();
    let end = offset + after.len() - after.trim_start_matches(is_word).len();
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    TextRange::new(byte(start), byte(end))
}

enum Within {
    /// A comment.
    Nothing,
    /// A number: where its unit stands.
    Number(TextRange),
    /// A text that is written out: where it stands, without its quotes.
    Text(TextRange),
    Code,
}

fn within(text: &str, word: TextRange, offset: u32) -> Within {
    let digits = word.slice(text);
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        let unit = digits.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        let start = word.end - u32::try_from(unit.len()).unwrap_or(0);
        // Among its digits nothing is to be chosen.
        return if offset < start {
            Within::Nothing
        } else {
            Within::Number(TextRange::new(start, word.end))
        };
    }
    let mut start: Option<u32> = None;
    for lexeme in lexemes(text) {
        let range = lexeme.range;
        match lexeme.kind {
            LexemeKind::Comment | LexemeKind::Docs => {
                // A comment goes on behind its last letter.
                let line_end = text
                    .get(range.end as usize..)
                    .is_none_or(|t| !t.starts_with('\r'));
                if range.start < offset && offset <= range.end && line_end {
                    return Within::Nothing;
                }
            }
            LexemeKind::Token(SyntaxKind::StringStart | SyntaxKind::BlockStart) => {
                start = Some(range.end);
            }
            LexemeKind::Token(SyntaxKind::StringText) => {
                if range.start <= offset && offset <= range.end {
                    return Within::Text(range);
                }
            }
            LexemeKind::Token(SyntaxKind::StringEnd) => {
                // Between two quotes with nothing in between.
                if start == Some(offset) && range.start == offset {
                    return Within::Text(TextRange::empty(offset));
                }
            }
            LexemeKind::Token(_) => {}
        }
        if range.start > offset {
            break;
        }
    }
    Within::Code
}

fn item_at(parse: &Parse, offset: u32) -> Option<(usize, &plat_syntax::ParsedItem)> {
    let next = parse.items.partition_point(|item| item.offset <= offset);
    let position = next.checked_sub(1)?;
    Some((position, parse.items.get(position)?))
}

impl<'a> Here<'a> {
    /// The nodes around the place, the innermost first.
    pub fn around(&self) -> Vec<Node<'a>> {
        let mut node = self.tree.root();
        let mut all = vec![node];
        let holds = |node: &Node<'_>| {
            let range = node.range();
            range.start <= self.at && self.at <= range.end && !range.is_empty()
        };
        // Of two that meet at the place, the word is the one behind it.
        while let Some(inner) = node.children().filter(holds).last() {
            all.push(inner);
            node = inner;
        }
        all.reverse();
        all
    }

    pub fn add(&mut self, candidate: Candidate) {
        self.out.push(candidate);
    }

    pub fn wanted(&self, node: Node<'_>) -> Option<&Ty> {
        self.notes.wanted.get(&node.range().into())
    }

    pub fn show(&self, ty: &Ty) -> String {
        ty.show(self.db)
    }
}
