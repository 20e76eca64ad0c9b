//! What is asked about a name: what it is, where it is defined, where else it stands.

use std::cell::RefCell;

use gen_lsp_types::{
    DocumentHighlight, DocumentHighlightKind, Hover, Location, LocationLink, MarkupContent,
    MarkupKind, Position, ReferenceParams, RenameParams, SymbolInformation,
    TextDocumentPositionParams, WorkspaceSymbolParams,
};
use plat_ide::navigate::{self, Target};
use plat_ide::{Place, hover, rename as ide_rename, search};
use serde_json::{Value, json};

use super::{Asked, Here, Refusal, everywhere, read, write};
use crate::convert;

/// So many symbols are enough to choose from.
const MOST_SYMBOLS: usize = 256;

/// The file and the byte that a question is about.
fn here(asked: &Asked, params: Value) -> Result<Option<(Here<'_>, u32)>, Refusal> {
    let params: TextDocumentPositionParams = read(params)?;
    let here = asked.here();
    Ok(here.map(|here| {
        let offset = here.offset(params.position);
        (here, offset)
    }))
}

/// `textDocument/hover`
pub fn hover(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let Some((here, offset)) = here(asked, params)? else {
        return Ok(Value::Null);
    };
    let shown = hover::hover(&here.snapshot.db, here.file, offset);
    write(shown.map(|shown| {
        Hover {
            contents: MarkupContent {
                kind: MarkupKind::Markdown,
                value: shown.markdown,
            }
            .into(),
            range: Some(here.lines.range(shown.range)),
        }
    }))
}

/// `textDocument/definition`
pub fn definition(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let Some((here, offset)) = here(asked, params)? else {
        return Ok(Value::Null);
    };
    let target = navigate::definition(&here.snapshot.db, here.file, offset);
    link(asked, &here, target)
}

/// `textDocument/typeDefinition`
pub fn type_definition(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let Some((here, offset)) = here(asked, params)? else {
        return Ok(Value::Null);
    };
    let target = navigate::type_definition(&here.snapshot.db, here.file, offset);
    link(asked, &here, target)
}

fn link(asked: &Asked, here: &Here<'_>, target: Option<Target>) -> Result<Value, Refusal> {
    let Some(target) = target else {
        return Ok(Value::Null);
    };
    let Some(name) = location(here, target.name) else {
        return Ok(Value::Null);
    };
    if !asked.client.links {
        return write(name);
    }
    let body = location(here, target.body).map_or(name.range, |body| body.range);
    write([LocationLink {
        origin_selection_range: Some(here.lines.range(target.from)),
        target_uri: name.uri,
        target_range: body,
        target_selection_range: name.range,
    }])
}

fn location(here: &Here<'_>, place: Place) -> Option<Location> {
    here.snapshot
        .location(place.file, place.range, here.encoding)
}

/// `textDocument/implementation`
pub fn implementations(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: TextDocumentPositionParams = read(params)?;
    if asked.here().is_none() {
        return Ok(Value::Null);
    }
    let in_package = |here: &Here<'_>| {
        let offset = here.offset(params.position);
        let found = navigate::implementations(&here.snapshot.db, here.file, offset);
        let found = found.into_iter().filter_map(|place| location(here, place));
        found.collect()
    };
    write(everywhere::gather(asked, in_package, everywhere::place))
}

/// `textDocument/references`
pub fn references(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: ReferenceParams = read(params)?;
    let position = params.text_document_position_params.position;
    if asked.here().is_none() {
        return Ok(Value::Null);
    }
    let definition = params.context.include_declaration;
    write(references_at(asked, position, definition))
}

/// Every place where what stands at a position is named, in every package.
pub fn references_at(asked: &Asked, position: Position, definition: bool) -> Vec<Location> {
    let in_package = |here: &Here<'_>| {
        let offset = here.offset(position);
        let found = navigate::references(&here.snapshot.db, here.file, offset).into_iter();
        let found = found.filter(|reference| definition || !reference.definition);
        found.filter_map(|r| location(here, r.place)).collect()
    };
    everywhere::gather(asked, in_package, everywhere::place)
}

/// `textDocument/documentHighlight`
pub fn highlights(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let Some((here, offset)) = here(asked, params)? else {
        return Ok(Value::Null);
    };
    let found = navigate::highlights(&here.snapshot.db, here.file, offset).into_iter();
    let found = found.map(|(range, definition)| DocumentHighlight {
        range: here.lines.range(range),
        kind: Some(if definition {
            DocumentHighlightKind::Write
        } else {
            DocumentHighlightKind::Read
        }),
    });
    write(found.collect::<Vec<_>>())
}

/// `textDocument/prepareRename`
pub fn prepare_rename(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let Some((here, offset)) = here(asked, params)? else {
        return Ok(Value::Null);
    };
    let (range, name) =
        ide_rename::prepare(&here.snapshot.db, here.file, offset).map_err(Refusal::Refused)?;
    write(json!({ "range": here.lines.range(range), "placeholder": name }))
}

/// `textDocument/rename`
pub fn rename(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: RenameParams = read(params)?;
    let position = params.text_document_position_params.position;
    let means = RefCell::new(None);
    let edits = everywhere::edits(asked, |here| {
        let (db, offset) = (&here.snapshot.db, here.offset(position));
        let renaming = ide_rename::rename(db, here.file, offset, &params.new_name);
        let renaming = renaming.map_err(Refusal::Refused)?;
        if let Some(told) = &renaming.means {
            means.borrow_mut().get_or_insert_with(|| told.clone());
        }
        Ok(here.snapshot.renaming(renaming, &asked.client))
    })?;
    // Who shows no annotations of edits is told beside them.
    if let Some(means) = means
        .into_inner()
        .filter(|_| !asked.client.shows_annotations())
    {
        asked.say(means.text);
    }
    write(edits)
}

/// `workspace/symbol`
pub fn symbols(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: WorkspaceSymbolParams = read(params)?;
    let encoding = asked.client.encoding;
    let mut out: Vec<SymbolInformation> = Vec::new();
    for snapshot in &asked.packages {
        for found in search::search(&snapshot.db, &params.query, MOST_SYMBOLS) {
            let range = found.symbol.name_range;
            let Some(location) = snapshot.location(found.file, range, encoding) else {
                continue;
            };
            let known = |known: &SymbolInformation| known.location == location;
            // A package that two others build on is in both.
            if out.iter().any(known) {
                continue;
            }
            out.push(convert::symbol_information(found, location));
        }
    }
    write(out)
}
