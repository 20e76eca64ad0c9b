//! `textDocument/completion`

use gen_lsp_types::{CompletionItemKind, MarkupContent, MarkupKind, TextDocumentPositionParams};
use plat_ide::CandidateKind;
use plat_ide::completion::{self, Completion};
use serde_json::{Map, Value, json};

use super::{Asked, Here, Refusal, read, write};
use crate::convert;

/// More than this nobody reads: those that are typed further are asked for again.
const MOST: usize = 400;

/// So many have their documentation right away; the others are the worse ones.
const DOCUMENTED: usize = 80;

/// `textDocument/completion`
pub fn completion(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: TextDocumentPositionParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let offset = here.offset(params.position);
    let (range, mut found) = completion::completions(&here.snapshot.db, here.file, offset);
    // Only what begins so, or has these letters, is of use: the client would leave out the rest.
    let typed = plat_ide::TextRange::new(range.start, offset);
    let word = typed.slice(here.text).to_lowercase();
    found.retain(|item| has_letters(&item.label.to_lowercase(), &word));
    let all = found.len();
    found.truncate(MOST);
    let items = found.into_iter().enumerate();
    let items: Result<Vec<Value>, Refusal> = items
        .map(|(number, found)| item(asked, &here, number, found, range))
        .collect();
    Ok(json!({ "isIncomplete": all > MOST, "items": items? }))
}

fn has_letters(name: &str, wanted: &str) -> bool {
    let mut rest = name.chars();
    wanted.chars().all(|c| rest.any(|l| l == c))
}

fn item(
    asked: &Asked,
    here: &Here<'_>,
    number: usize,
    found: Completion,
    range: plat_ide::TextRange,
) -> Result<Value, Refusal> {
    let mut item = Map::new();
    let text = if asked.client.snippets {
        found.snippet
    } else {
        found.plain
    };
    item.insert("kind".to_owned(), write(kind(found.kind))?);
    // The order is ours: what must be given first, then what fits.
    item.insert("sortText".to_owned(), json!(format!("{number:05}")));
    item.insert(
        "insertTextFormat".to_owned(),
        json!(if asked.client.snippets { 2 } else { 1 }),
    );
    let edit = convert::text_edit((range, text), &here.lines);
    item.insert("textEdit".to_owned(), write(edit)?);
    if !found.detail.is_empty() {
        item.insert("detail".to_owned(), json!(found.detail));
    }
    if found.required {
        let details = json!({ "description": "required" });
        item.insert("labelDetails".to_owned(), details);
    }
    if number == 0 && (found.required || found.fits) {
        item.insert("preselect".to_owned(), json!(true));
    }
    if let Some(symbol) = found.symbol.filter(|_| number < DOCUMENTED) {
        let documentation = MarkupContent {
            kind: MarkupKind::Markdown,
            value: completion::documentation(&here.snapshot.db, &symbol),
        };
        item.insert("documentation".to_owned(), write(documentation)?);
    }
    if let Some(also) = found.also {
        let edit = convert::text_edit(also, &here.lines);
        item.insert("additionalTextEdits".to_owned(), write([edit])?);
    }
    item.insert("label".to_owned(), json!(found.label));
    Ok(Value::Object(item))
}

fn kind(kind: CandidateKind) -> CompletionItemKind {
    use CandidateKind as K;
    match kind {
        K::Field => CompletionItemKind::Field,
        K::Out => CompletionItemKind::Property,
        K::Case => CompletionItemKind::EnumMember,
        K::Word => CompletionItemKind::Value,
        K::Variable => CompletionItemKind::Variable,
        K::Value => CompletionItemKind::Constant,
        K::Declaration => CompletionItemKind::Reference,
        K::Function => CompletionItemKind::Function,
        K::Unit => CompletionItemKind::Unit,
        K::File => CompletionItemKind::File,
        K::Environment => CompletionItemKind::Module,
        K::Target | K::Kind => CompletionItemKind::Class,
        K::Type => CompletionItemKind::Struct,
        K::Policy => CompletionItemKind::Interface,
        K::Module => CompletionItemKind::Module,
        K::Keyword => CompletionItemKind::Keyword,
    }
}
