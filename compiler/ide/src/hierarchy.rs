//! Who uses whom: declarations, as callers and called.

use plat_semantics::{About, Database, FileId, Place, Symbol};

use crate::navigate::references_of;

/// Something in the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub symbol: Symbol,
    /// Its name.
    pub name: String,
    /// What there is to say of it.
    pub about: About,
    /// All of it.
    pub body: Place,
    /// Its name's place.
    pub at: Place,
}

/// What stands at a byte of a file, as the root of a hierarchy.
pub fn entry(db: &Database, file: FileId, offset: u32) -> Option<Entry> {
    let stands = db.name_at(file, offset)?;
    match stands.symbol {
        Symbol::Decl(_) | Symbol::Item(_) => of(db, stands.symbol),
        _ => None,
    }
}

fn of(db: &Database, symbol: Symbol) -> Option<Entry> {
    Some(Entry {
        name: db.symbol_name(&symbol),
        about: db.about(&symbol),
        body: db.definition_body(&symbol)?,
        at: db.definition(&symbol)?,
        symbol,
    })
}

/// Who names it, and where: in the order in which they are found.
pub fn incoming(db: &Database, symbol: &Symbol) -> Vec<(Entry, Vec<Place>)> {
    let mut found: Vec<(Symbol, Vec<Place>)> = Vec::new();
    for reference in references_of(db, symbol)
        .into_iter()
        .filter(|r| !r.definition)
    {
        let place = reference.place;
        if let Some(by) = db.enclosing(place.file, place.range.start) {
            add(&mut found, by, place);
        }
    }
    entries(db, found)
}

/// Whom it names, and where.
pub fn outgoing(db: &Database, symbol: &Symbol) -> Vec<(Entry, Vec<Place>)> {
    let mut found: Vec<(Symbol, Vec<Place>)> = Vec::new();
    for (named, place) in db.named_in(symbol) {
        add(&mut found, named, place);
    }
    entries(db, found)
}

fn add(found: &mut Vec<(Symbol, Vec<Place>)>, symbol: Symbol, place: Place) {
    match found.iter_mut().find(|(known, _)| *known == symbol) {
        Some((_, places)) => places.push(place),
        None => found.push((symbol, vec![place])),
    }
}

fn entries(db: &Database, found: Vec<(Symbol, Vec<Place>)>) -> Vec<(Entry, Vec<Place>)> {
    let entries = found.into_iter();
    entries
        .filter_map(|(symbol, places)| Some((of(db, symbol)?, places)))
        .collect()
}
