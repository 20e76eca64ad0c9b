//! From a name to where it is defined and where else it stands.

use plat_semantics::{Database, FileId, Place, Symbol};
use plat_syntax::TextRange;

/// Where to go to from a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name one comes from.
    pub from: TextRange,
    /// All of what it leads to.
    pub body: Place,
    /// The name there.
    pub name: Place,
}

/// Where the name at a byte of a file is defined.
pub fn definition(db: &Database, file: FileId, offset: u32) -> Option<Target> {
    let stands = db.name_at(file, offset)?;
    target(db, stands.range, &stands.symbol)
}

/// Where the type of what stands at a byte of a file is defined: the kind of a declaration.
pub fn type_definition(db: &Database, file: FileId, offset: u32) -> Option<Target> {
    let from = db.name_at(file, offset).map(|stands| stands.range);
    let from = from.or_else(|| db.type_at(file, offset).map(|(range, _)| range))?;
    target(db, from, &db.type_symbol_at(file, offset)?)
}

fn target(db: &Database, from: TextRange, symbol: &Symbol) -> Option<Target> {
    Some(Target {
        from,
        body: db.definition_body(symbol)?,
        name: db.definition(symbol)?,
    })
}

/// The kinds that take over the kind at a byte of a file, and so stand where it is asked for.
pub fn implementations(db: &Database, file: FileId, offset: u32) -> Vec<Place> {
    let Some(stands) = db.name_at(file, offset) else {
        return Vec::new();
    };
    let kinds = db.kinds_of(&stands.symbol);
    kinds
        .iter()
        .filter_map(|kind| db.definition(kind))
        .collect()
}

/// A place where something is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// The name.
    pub place: Place,
    /// Is it where the name is given?
    pub definition: bool,
}

/// Every place where what stands at a byte of a file is named, in the order of the files.
pub fn references(db: &Database, file: FileId, offset: u32) -> Vec<Reference> {
    match db.name_at(file, offset) {
        Some(stands) => references_of(db, &stands.symbol),
        None => Vec::new(),
    }
}

/// Every place where a symbol is named.
pub fn references_of(db: &Database, symbol: &Symbol) -> Vec<Reference> {
    let definition = db.definition(symbol);
    let mut places = db.references(symbol);
    // What `std` defines is not looked for there.
    if let Some(place) = definition
        && !places.contains(&place)
    {
        places.push(place);
    }
    let as_reference = |place| Reference {
        place,
        definition: definition == Some(place),
    };
    places.into_iter().map(as_reference).collect()
}

/// Where in its own file what stands at a byte is named.
pub fn highlights(db: &Database, file: FileId, offset: u32) -> Vec<(TextRange, bool)> {
    let Some(stands) = db.name_at(file, offset) else {
        return Vec::new();
    };
    let definition = db.definition(&stands.symbol);
    let names = db.names_of(file).into_iter();
    let same = names.filter(|name| name.symbol == stands.symbol);
    same.map(|name| {
        let place = Place {
            file,
            range: name.range,
        };
        (name.range, definition == Some(place))
    })
    .collect()
}
