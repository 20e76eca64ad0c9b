//! What is one mistake, though it shows in many places.
//!
//! A definition that is lost, misspelt or of another type is missed wherever it is used. Each of those
//! places is found by itself, so that an editor can mark them all; who counts mistakes gets the first of
//! them, with the others as [`Diagnostic::also`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plat_syntax::{Diagnostic, Label};
use salsa::plumbing::AsId as _;

use crate::db::{Db, ItemId, Space};
use crate::diag::{Cause, Diag, Spot};
use crate::names::{Names, STD};

/// Something wrong, at one place.
#[derive(Clone, Debug)]
pub struct Found {
    /// As it is shown.
    pub shown: Diagnostic,
    /// What it has in common with others of the same mistake.
    pub cause: Option<Cause>,
    /// The item that it is told of; none where the text could not be read.
    pub item: Option<ItemId>,
}

impl Found {
    /// With places in files.
    pub fn resolved(db: &dyn Db, diag: &Diag) -> Self {
        Self {
            shown: diag.resolve(db),
            cause: diag.cause().cloned(),
            item: Some(diag.spot().item),
        }
    }

    /// The name that it misses, wherever that should have come from.
    pub fn missed(&self) -> Option<&Arc<str>> {
        match &self.cause {
            Some(Cause::Name(_, name) | Cause::Member(_, name)) => Some(name),
            _ => None,
        }
    }
}

impl From<Diagnostic> for Found {
    fn from(shown: Diagnostic) -> Self {
        Self {
            shown,
            cause: None,
            item: None,
        }
    }
}

/// What those of one mistake share. An item is known by its number, which is never shown.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Name(Arc<str>),
    Member(u64, Arc<str>),
    Value(u64, String),
    Partless(Arc<str>),
    Word(&'static str, String),
}

/// Every place by itself: sorted, none twice.
pub fn each_place(found: Vec<Found>) -> Vec<Diagnostic> {
    let found = in_order(found).into_iter();
    found.map(|found| found.shown).collect()
}

/// Every mistake once, at the first of its places, with the others beside it: sorted.
pub fn each_mistake(db: &dyn Db, found: Vec<Found>) -> Vec<Diagnostic> {
    let found = in_order(found);
    let members: BTreeSet<Key> = found
        .iter()
        .filter(|found| matches!(found.cause, Some(Cause::Member(..))))
        .filter_map(|found| key(db, found, &BTreeSet::new()))
        .collect();
    let mut first: BTreeMap<Key, usize> = BTreeMap::new();
    let mut told: Vec<Found> = Vec::new();
    for found in found {
        let Some(key) = key(db, &found, &members) else {
            told.push(found);
            continue;
        };
        match first.get(&key).and_then(|at| told.get_mut(*at)) {
            Some(first) => join(&mut first.shown, found.shown),
            None => {
                first.insert(key, told.len());
                told.push(found);
            }
        }
    }
    for found in &mut told {
        if !found.shown.also.is_empty()
            && let Some(defined) = likely(db, found)
        {
            found.shown.related.push(defined);
        }
    }
    told.into_iter().map(|found| found.shown).collect()
}

fn in_order(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| a.shown.order().cmp(&b.shown.order()));
    found.dedup_by(|a, b| a.shown.order() == b.shown.order());
    found
}

fn key(db: &dyn Db, found: &Found, members: &BTreeSet<Key>) -> Option<Key> {
    let said = &found.shown;
    Some(match found.cause.as_ref()? {
        Cause::Name(space, name) => {
            // A field that its kind lost is missed as a name inside of the kind.
            let kind = found.item.filter(|item| item.space(db) == Space::Kind);
            let kind = kind.filter(|_| *space == Space::Value);
            let member = kind.map(|kind| Key::Member(kind.as_id().as_bits(), name.clone()));
            member
                .filter(|member| members.contains(member))
                .unwrap_or_else(|| Key::Name(name.clone()))
        }
        Cause::Member(kind, name) => Key::Member(kind.as_id().as_bits(), name.clone()),
        Cause::Value(item) => Key::Value(item.as_id().as_bits(), said.message.clone()),
        Cause::Word => Key::Word(said.code, said.message.clone()),
        Cause::Partless(ty) => Key::Partless(ty.clone()),
        Cause::Misnamed(_) | Cause::Nameless => return None,
    })
}

/// Adds another place of the same mistake. What repairs it there too is one repair with the first's.
fn join(first: &mut Diagnostic, other: Diagnostic) {
    first.also.push(Label {
        text: None,
        ..other.primary
    });
    first.fix = match (first.fix.take(), other.fix) {
        (Some(mut fix), Some(more)) if fix.title == more.title => {
            fix.edits.extend(more.edits);
            Some(fix)
        }
        _ => None,
    };
}

/// The definition that those who miss a name are likely to mean: that of the name that is proposed.
fn likely(db: &dyn Db, found: &Found) -> Option<Label> {
    let Some(Cause::Name(space, name)) = &found.cause else {
        return None;
    };
    let item = found.item?;
    let names = Names {
        db,
        file: item.file(db),
    };
    let (near, spot) = names.near_definition(*space, name, Some(item))?;
    let proposed = found.shown.help.as_ref()?.contains(&format!("`{near}`"));
    if !proposed || spot.item.file(db).package(db).as_ref() == STD {
        return None;
    }
    let (file, range) = Spot::resolve(spot, db);
    Some(Label {
        file,
        range,
        text: Some(format!("`{near}` is defined here")),
    })
}
