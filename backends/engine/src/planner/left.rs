//! Data that a declaration leaves behind.

use crate::backend::{Note, NoteKind};
use crate::object::HeldData;
use crate::plan::{Action, DataFate, Operation};
use crate::state::State;

/// Where one declaration's data stays with an object that goes and another object takes its place: what
/// is there now is not what programs find then, and nobody else says so. Both are of one declaration, so
/// that it looks like a change of it.
pub(super) fn left_behind(operations: &[Operation], state: &State) -> Vec<Note> {
    let goes = |operation: &&Operation| {
        operation.action == Action::Delete && operation.data == DataFate::Kept
    };
    let mut notes = Vec::new();
    for old in operations.iter().filter(goes) {
        let before = old.previous.as_ref().and_then(|o| o.holds_data.as_ref());
        let takes_its_place = |new: &&Operation| {
            let now = new.desired.as_ref().and_then(|o| o.holds_data.as_ref());
            new.action == Action::Create
                && new.node.is_some()
                && new.node == old.node
                && now.is_some_and(|now| before.is_none_or(|before| is_same(before, now)))
        };
        let Some(new) = operations.iter().find(takes_its_place) else {
            continue;
        };
        let what = before.map_or("what it held", |before| before.what.as_str());
        let begins = match state.kept.contains_key(&new.object) {
            true => format!(
                "it takes up what `{}` was left with, and not what was written since",
                new.object
            ),
            false => "it begins empty".to_owned(),
        };
        notes.push(Note {
            kind: NoteKind::Info,
            node: new.node.clone(),
            field: None,
            place: new.place.clone(),
            message: format!(
                "{begins}; `{}`, which nothing reads any more, keeps {what}. To carry that over, copy \
                 it out before this is applied and in again after it (of PostgreSQL: `pg_dump`, \
                 then `psql`)",
                old.object
            ),
        });
    }
    notes
}

/// Whether two objects hold the same for people, as the database and not its copies.
fn is_same(before: &HeldData, now: &HeldData) -> bool {
    before.what == now.what
}
