//! Functions that call themselves, straight or through others. Nothing in the language does: so
//! everything ends.

use std::collections::BTreeMap;

use salsa::plumbing::AsId as _;

use super::lower;
use crate::db::{Db, ItemId, Space, Workspace, items};
use crate::diag::{Diag, Span, Spot};
use crate::ir::ExprKind;
use crate::names::is_read_on_demand;

/// The functions that a function or a `let` calls, and where.
#[salsa::tracked]
fn calls(db: &dyn Db, item: ItemId) -> Vec<(ItemId, Span)> {
    let mut found = Vec::new();
    if let Some(value) = &lower(db, item).value {
        value.expr.walk(&mut |expr| {
            if let ExprKind::Call(callee, _) = &expr.kind {
                found.push((*callee, expr.span));
            }
        });
    }
    found
}

/// The calls that lead back to the function they stand in, one for each circle.
#[salsa::tracked]
pub fn recursive_calls(db: &dyn Db) -> Vec<Diag> {
    let mut diags = Vec::new();
    // Done, or on the way at this position: each function and each call is looked at once.
    let mut state: BTreeMap<u64, Option<usize>> = BTreeMap::new();
    let Some(workspace) = Workspace::try_get(db) else {
        return diags;
    };
    let files = workspace.files(db).iter();
    for file in files.filter(|file| !is_read_on_demand(db, **file)) {
        for item in items(db, *file) {
            if item.space(db) == Space::Value {
                follow(db, *item, &mut state, &mut diags);
            }
        }
    }
    diags
}

fn follow(
    db: &dyn Db,
    start: ItemId,
    state: &mut BTreeMap<u64, Option<usize>>,
    diags: &mut Vec<Diag>,
) {
    if state.contains_key(&start.as_id().as_bits()) {
        return;
    }
    let mut way: Vec<(ItemId, usize)> = vec![(start, 0)];
    state.insert(start.as_id().as_bits(), Some(0));
    while let Some((at, next)) = way.last().copied() {
        let Some((callee, span)) = calls(db, at).get(next).copied() else {
            state.insert(at.as_id().as_bits(), None);
            way.pop();
            continue;
        };
        if let Some(last) = way.last_mut() {
            last.1 += 1;
        }
        match state.get(&callee.as_id().as_bits()).copied() {
            Some(Some(position)) => {
                let circle: Vec<ItemId> = way.iter().skip(position).map(|(f, _)| *f).collect();
                diags.push(report(db, at, span, &circle));
            }
            Some(None) => {}
            None => {
                state.insert(callee.as_id().as_bits(), Some(way.len()));
                way.push((callee, 0));
            }
        }
    }
}

fn report(db: &dyn Db, at: ItemId, span: Span, circle: &[ItemId]) -> Diag {
    let spot = Spot {
        item: at,
        range: span,
    };
    let first = circle.first().copied().unwrap_or(at);
    let message = format!("`{}` calls itself", first.name(db));
    let diag = Diag::error("E0505", spot, message)
        .help("functions may not be recursive: go over a list with a comprehension");
    if circle.len() < 2 {
        return diag;
    }
    let mut names: Vec<String> = circle.iter().map(|f| format!("`{}`", f.name(db))).collect();
    names.push(format!("`{}`", first.name(db)));
    diag.note(names.join(" → "))
}
