//! Who uses whom: declarations, as callers and called. What takes over what: kinds.

use plat_semantics::{About, Database, FileId, Place, Symbol, SymbolClass};

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

/// The kind at a byte of a file, as the root of a hierarchy of kinds; of a declaration its kind.
pub fn kind(db: &Database, file: FileId, offset: u32) -> Option<Entry> {
    let named = db.name_at(file, offset).map(|stands| stands.symbol);
    let is_kind = |symbol: &Symbol| db.class_of(symbol) == SymbolClass::Kind;
    let named = named.filter(is_kind);
    let symbol = named.or_else(|| db.type_symbol_at(file, offset))?;
    if is_kind(&symbol) {
        of(db, symbol)
    } else {
        None
    }
}

/// The kinds that a kind says that it takes over.
pub fn parents(db: &Database, kind: &Symbol) -> Vec<Entry> {
    let parents = db.parents_of(kind).into_iter();
    parents.filter_map(|parent| of(db, parent)).collect()
}

/// The kinds that say that they take it over.
pub fn children(db: &Database, kind: &Symbol) -> Vec<Entry> {
    let all = db.kinds_of(kind).into_iter();
    all.filter(|child| db.parents_of(child).contains(kind))
        .filter_map(|child| of(db, child))
        .collect()
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
