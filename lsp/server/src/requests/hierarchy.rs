//! Who uses whom, and which kind takes over which.

use gen_lsp_types::{SymbolKind, TextDocumentPositionParams};
use plat_ide::hierarchy::{self, Entry};
use plat_ide::{Database, FileId, Place, Symbol};
use serde_json::{Value, json};

use super::{Asked, Here, Refusal, everywhere, read};

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
    if asked.here().is_none() {
        return Ok(Value::Null);
    }
    let in_package = |here: &Here<'_>| {
        let db = &here.snapshot.db;
        let stands = db.name_at(here.file, here.offset(position));
        let found = stands.map(|stands| match key {
            "from" => hierarchy::incoming(db, &stands.symbol),
            _ => hierarchy::outgoing(db, &stands.symbol),
        });
        let calls = found.into_iter().flatten().filter_map(|(entry, places)| {
            let ranges = places.into_iter().filter_map(|place| {
                let location = here
                    .snapshot
                    .location(place.file, place.range, here.encoding)?;
                Some(location.range)
            });
            let ranges: Vec<_> = ranges.collect();
            Some(json!({ key: item(here, &entry, SymbolKind::Object)?, "fromRanges": ranges }))
        });
        calls.collect()
    };
    let all = everywhere::gather(asked, in_package, |call| place(call.get(key)));
    Ok(Value::Array(all))
}

/// What makes two items the same: where their names stand.
fn place(item: Option<&Value>) -> String {
    let at = |path: &str| item.and_then(|item| item.pointer(path));
    format!("{:?} {:?}", at("/uri"), at("/selectionRange"))
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
    if asked.here().is_none() {
        return Ok(Value::Null);
    }
    let in_package = |here: &Here<'_>| {
        let db = &here.snapshot.db;
        let stands = db.name_at(here.file, here.offset(position));
        let found = stands.map(|stands| of(db, &stands.symbol));
        let found = found.iter().flatten();
        let items = found.filter_map(|entry| item(here, entry, SymbolKind::Class));
        items.collect()
    };
    let all = everywhere::gather(asked, in_package, |item| place(Some(item)));
    Ok(Value::Array(all))
}
