//! `moved a to b`.

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

/// Where a rename leads to in the end: what was renamed twice is where the second one says.
pub(crate) fn final_name(renames: &[Rename], to: &Arc<str>) -> Arc<str> {
    let mut at = to.clone();
    // A circle of them has been reported.
    for _ in 0..renames.len() {
        match renames.iter().find(|r| r.from == at) {
            Some(next) => at = next.to.clone(),
            None => break,
        }
    }
    at
}

/// Renames that contradict each other.
#[salsa::tracked]
pub fn rename_conflicts(db: &dyn Db) -> Vec<Diag> {
    let renames = renames(db);
    let mut diags = Vec::new();
    for (at, rename) in renames.iter().enumerate() {
        let before = renames.get(..at).unwrap_or(&[]);
        if let Some(other) = before.iter().find(|r| r.from == rename.from) {
            let message = format!("`{}` is moved twice", rename.from);
            let diag = Diag::error("E0615", rename.from_spot, message)
                .related(other.from_spot, format!("first to `{}`", other.to));
            diags.push(diag);
        } else if let Some(other) = before.iter().find(|r| r.to == rename.to) {
            let message = format!("two declarations are moved to `{}`", rename.to);
            let diag = Diag::error("E0615", rename.to_spot, message)
                .related(other.to_spot, format!("`{}` is too", other.from));
            diags.push(diag);
        } else if let Some(way) = way_back(renames, rename) {
            // Told at the last one of the circle.
            let last = way.iter().all(|other| *other <= at);
            if last {
                let message = if way.len() == 1 {
                    format!("`{}` is moved to itself", rename.from)
                } else {
                    "these renames go in a circle".to_owned()
                };
                diags.push(Diag::error("E0615", rename.to_spot, message));
            }
        }
    }
    diags
}

/// The renames that lead from one back to where it began.
fn way_back(renames: &[Rename], start: &Rename) -> Option<Vec<usize>> {
    let mut way = Vec::new();
    let mut at = &start.from;
    while way.len() <= renames.len() {
        let next = renames.iter().position(|r| r.from == *at)?;
        way.push(next);
        at = &renames.get(next)?.to;
        if *at == start.from {
            return Some(way);
        }
    }
    None
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
        let goes_on = written(to).is_some_and(|to| {
            let renames = renames(self.db);
            renames.iter().any(|r| *r.from == *to)
        });
        if !goes_on {
            let segments: Vec<Segment<'db>> = to.segments().collect();
            self.decl_path(&segments, to.node());
        }
    }
}
