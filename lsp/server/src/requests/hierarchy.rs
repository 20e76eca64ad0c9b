//! Who uses whom, and which kind takes over which.

use gen_lsp_types::{SymbolKind, TextDocumentPositionParams};
use plat_ide::hierarchy::{self, Entry};
use plat_ide::{Database, FileId, Place, Symbol};
use serde_json::{Value, json};

use super::{Asked, Here, Refusal, read};

/// `textDocument/prepareCallHierarchy`
pub fn prepare(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    prepared(asked, params, hierarchy::entry, SymbolKind::Object)
}

/// `textDocument/prepareTypeHierarchy`
pub fn prepare_kind(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    prepared(asked, params, hierarchy::kind, SymbolKind::Class)
}

/// What a hierarchy begins at: what is found where the cursor stands.
fn prepared(
    asked: &Asked,
    params: Value,
    find: impl Fn(&Database, FileId, u32) -> Option<Entry>,
    kind: SymbolKind,
) -> Result<Value, Refusal> {
    let params: TextDocumentPositionParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let offset = here.offset(params.position);
    let Some(entry) = find(&here.snapshot.db, here.file, offset) else {
        return Ok(Value::Null);
    };
    Ok(json!([item(&here, &entry, kind)]))
}

fn item(here: &Here<'_>, entry: &Entry, kind: SymbolKind) -> Option<Value> {
    let at = |place: Place| {
        here.snapshot
            .location(place.file, place.range, here.encoding)
    };
    let (name, body) = (at(entry.at)?, at(entry.body)?);
    Some(json!({
        "name": entry.name,
        "kind": kind,
        "detail": entry.about.signature,
        "uri": name.uri,
        "range": body.range,
        "selectionRange": name.range,
    }))
}

/// `callHierarchy/incomingCalls`
pub fn incoming(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    calls(asked, params, "from")
}

/// `callHierarchy/outgoingCalls`
pub fn outgoing(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    calls(asked, params, "to")
}

fn calls(asked: &Asked, mut params: Value, key: &str) -> Result<Value, Refusal> {
    let start = params.pointer_mut("/item/selectionRange/start");
    let position = read(start.map(Value::take).unwrap_or_default())?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let db = &here.snapshot.db;
    let Some(stands) = db.name_at(here.file, here.offset(position)) else {
        return Ok(Value::Null);
    };
    let found = match key {
        "from" => hierarchy::incoming(db, &stands.symbol),
        _ => hierarchy::outgoing(db, &stands.symbol),
    };
    let calls = found.into_iter().filter_map(|(entry, places)| {
        let ranges = places.into_iter().filter_map(|place| {
            let location = here
                .snapshot
                .location(place.file, place.range, here.encoding)?;
            Some(location.range)
        });
        let ranges: Vec<_> = ranges.collect();
        Some(json!({ key: item(&here, &entry, SymbolKind::Object)?, "fromRanges": ranges }))
    });
    Ok(Value::Array(calls.collect()))
}

/// `typeHierarchy/supertypes`
pub fn parents(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    kinds(asked, params, hierarchy::parents)
}

/// `typeHierarchy/subtypes`
pub fn children(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    kinds(asked, params, hierarchy::children)
}

fn kinds(
    asked: &Asked,
    mut params: Value,
    of: fn(&Database, &Symbol) -> Vec<Entry>,
) -> Result<Value, Refusal> {
    let start = params.pointer_mut("/item/selectionRange/start");
    let position = read(start.map(Value::take).unwrap_or_default())?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let db = &here.snapshot.db;
    let Some(stands) = db.name_at(here.file, here.offset(position)) else {
        return Ok(Value::Null);
    };
    let found = of(db, &stands.symbol);
    let items = found
        .iter()
        .filter_map(|entry| item(&here, entry, SymbolKind::Class));
    Ok(Value::Array(items.collect()))
}
