//! `moved a to b`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::ast::{self, Item, Segment};

use super::Checker;
use crate::app::app;
use crate::db::{Db, ItemId, tree};
use crate::diag::{Diag, Spot};

/// A path as the graph writes it: `portal[north].server`. `None` where a key has to be computed.
pub(crate) fn written(path: ast::Path<'_>) -> Option<String> {
    let mut out = String::new();
    for segment in path.segments() {
        match segment {
            Segment::Name(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name.text());
            }
            Segment::Text(text) | Segment::Index(ast::Expr::StringLit(text)) => {
                out.push_str(&format!("[{}]", text.plain()?));
            }
            Segment::Index(_) => return None,
        }
    }
    Some(out)
}

/// A rename as it stands.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct Rename {
    /// The statement.
    pub item: ItemId,
    /// The old path.
    pub from: Arc<str>,
    /// The new path.
    pub to: Arc<str>,
    /// Where the old path stands.
    pub from_spot: Spot,
    /// Where the new path stands.
    pub to_spot: Spot,
}

/// The renames of the app, in the order of files and text.
#[salsa::tracked]
pub fn renames(db: &dyn Db) -> Vec<Rename> {
    let mut out = Vec::new();
    for item in &app(db).moved {
        if let Some(tree) = tree(db, *item)
            && let Item::Moved(moved) = tree.item()
            && let (Some(from), Some(to)) = (moved.from(), moved.to())
            && let (Some(old), Some(new)) = (written(from), written(to))
        {
            out.push(Rename {
                item: *item,
                from: Arc::from(old),
                to: Arc::from(new),
                from_spot: Spot::new(*item, from.node().range()),
                to_spot: Spot::new(*item, to.node().range()),
            });
        }
    }
    out
}

/// Where each name that is given up leads to in the end: what was renamed twice is where the second
/// rename says. A circle of them, which is told, ends somewhere on it.
#[salsa::tracked]
pub fn destinations(db: &dyn Db) -> BTreeMap<Arc<str>, Arc<str>> {
    let next = firsts(renames(db), |rename| &rename.from);
    let mut ends: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
    for start in next.keys() {
        let mut way: BTreeSet<&Arc<str>> = BTreeSet::new();
        let mut at = *start;
        let end = loop {
            if let Some(end) = ends.get(at) {
                break end.clone();
            }
            match next.get(at) {
                Some((_, rename)) if way.insert(at) => at = &rename.to,
                _ => break at.clone(),
            }
        };
        ends.extend(way.into_iter().map(|name| (name.clone(), end.clone())));
    }
    ends
}

/// The first rename of each name, and which one it is.
fn firsts(
    renames: &[Rename],
    name: impl Fn(&Rename) -> &Arc<str>,
) -> BTreeMap<&Arc<str>, (usize, &Rename)> {
    let mut firsts = BTreeMap::new();
    for (at, rename) in renames.iter().enumerate() {
        firsts.entry(name(rename)).or_insert((at, rename));
    }
    firsts
}

/// Renames that contradict each other.
#[salsa::tracked]
pub fn rename_conflicts(db: &dyn Db) -> Vec<Diag> {
    let renames = renames(db);
    let from = firsts(renames, |rename| &rename.from);
    let to = firsts(renames, |rename| &rename.to);
    let circles = circles(&from);
    let mut diags = Vec::new();
    for (at, rename) in renames.iter().enumerate() {
        let before = |found: Option<&(usize, &'_ Rename)>| {
            found
                .filter(|(first, _)| *first < at)
                .map(|(_, r)| (r.from_spot, r.to_spot, r.from.clone(), r.to.clone()))
        };
        if let Some((first, _, _, other)) = before(from.get(&rename.from)) {
            let message = format!("`{}` is moved twice", rename.from);
            let diag = Diag::error("E0615", rename.from_spot, message)
                .related(first, format!("first to `{other}`"));
            diags.push(diag);
        } else if let Some((_, first, other, _)) = before(to.get(&rename.to)) {
            let message = format!("two declarations are moved to `{}`", rename.to);
            let diag = Diag::error("E0615", rename.to_spot, message)
                .related(first, format!("`{other}` is too"));
            diags.push(diag);
        } else if let Some(length) = circles.get(&at) {
            let message = if *length == 1 {
                format!("`{}` is moved to itself", rename.from)
            } else {
                "these renames go in a circle".to_owned()
            };
            diags.push(Diag::error("E0615", rename.to_spot, message));
        }
    }
    diags
}

/// The circles that renames go in: the last rename of each, where it is told, and how many there are.
fn circles(from: &BTreeMap<&Arc<str>, (usize, &Rename)>) -> BTreeMap<usize, usize> {
    let mut circles = BTreeMap::new();
    let mut seen: BTreeSet<&Arc<str>> = BTreeSet::new();
    for start in from.keys() {
        let mut way: Vec<&Arc<str>> = Vec::new();
        let mut at: &Arc<str> = start;
        while from.contains_key(at) && seen.insert(at) {
            way.push(at);
            match from.get(at) {
                Some((_, rename)) => at = &rename.to,
                None => break,
            }
        }
        // What was seen on another way is no circle of this one's.
        let Some(begins) = way.iter().position(|name| *name == at) else {
            continue;
        };
        let circle = way.get(begins..).unwrap_or_default();
        let numbers = circle.iter().filter_map(|name| Some(from.get(*name)?.0));
        if let Some(last) = numbers.max() {
            circles.insert(last, circle.len());
        }
    }
    circles
}

impl<'db> Checker<'db> {
    pub(super) fn moved(&mut self, moved: ast::Moved<'db>) {
        for path in [moved.from(), moved.to()].into_iter().flatten() {
            if written(path).is_none() {
                let message = "a `moved` names its keys as they are: `[\"KEY\"]`";
                self.error("E0615", path.node(), message);
                return;
            }
        }
        let Some(to) = moved.to() else { return };
        let goes_on = written(to).is_some_and(|to| destinations(self.db).contains_key(to.as_str()));
        if !goes_on {
            let segments: Vec<Segment<'db>> = to.segments().collect();
            self.decl_path(&segments, to.node());
        }
    }
}
