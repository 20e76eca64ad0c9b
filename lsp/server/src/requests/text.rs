//! What is asked about the text of one file.

use gen_lsp_types::{
    DocumentFormattingParams, DocumentOnTypeFormattingParams, DocumentRangeFormattingParams,
    SelectionRange, SelectionRangeParams, SemanticTokens, SemanticTokensDelta,
    SemanticTokensDeltaParams, SemanticTokensRangeParams,
};
use plat_ide::{folding, format, selection, symbols, tokens as ide_tokens};
use serde_json::Value;

use super::{Asked, Here, Refusal, read, write};
use crate::convert;

/// `textDocument/documentSymbol`
pub fn symbols(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let symbols = symbols::symbols(&here.snapshot.db, here.file).into_iter();
    let symbols: Vec<_> = symbols.map(|s| convert::symbol(s, &here.lines)).collect();
    write(symbols)
}

/// `textDocument/foldingRange`
pub fn folding(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let folds = folding::folds(&here.snapshot.db, here.file).into_iter();
    let folds: Vec<_> = folds.map(|fold| convert::fold(fold, &here.lines)).collect();
    write(folds)
}

/// `textDocument/selectionRange`
pub fn selection(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: SelectionRangeParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let around = |position| {
        let ranges = selection::selections(&here.snapshot.db, here.file, here.offset(position));
        // From the whole file inwards: each is the parent of the next.
        let mut found: Option<SelectionRange> = None;
        for range in ranges.into_iter().rev() {
            found = Some(SelectionRange {
                range: here.lines.range(range),
                parent: found.map(Box::new),
            });
        }
        found
    };
    let found: Vec<_> = params.positions.into_iter().filter_map(around).collect();
    write(found)
}

/// `textDocument/semanticTokens/full`
pub fn tokens(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let all = ide_tokens::tokens(&here.snapshot.db, here.file);
    let mut told = as_tokens(&here, &all);
    if let Some(path) = &asked.path {
        let (id, _) = asked.tokens.keep(path, told.data.clone(), None);
        told.result_id = Some(id);
    }
    write(told)
}

/// `textDocument/semanticTokens/full/delta`
pub fn tokens_since(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: SemanticTokensDeltaParams = read(params)?;
    let (Some(here), Some(path)) = (asked.here(), &asked.path) else {
        return Ok(Value::Null);
    };
    let all = ide_tokens::tokens(&here.snapshot.db, here.file);
    let mut told = as_tokens(&here, &all);
    let named = Some(params.previous_result_id.as_str());
    let (id, edits) = asked.tokens.keep(path, told.data.clone(), named);
    let result_id = Some(id);
    match edits {
        Some(edits) => write(SemanticTokensDelta { result_id, edits }),
        None => {
            told.result_id = result_id;
            write(told)
        }
    }
}

/// `textDocument/semanticTokens/range`
pub fn tokens_in_range(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: SemanticTokensRangeParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let range = here.range(params.range);
    let mut tokens = ide_tokens::tokens(&here.snapshot.db, here.file);
    tokens.retain(|token| token.range.start < range.end && range.start < token.range.end);
    write(as_tokens(&here, &tokens))
}

fn as_tokens(here: &Here<'_>, tokens: &[ide_tokens::Token]) -> SemanticTokens {
    SemanticTokens {
        result_id: None,
        data: convert::tokens(tokens, here.text, &here.lines, here.encoding),
    }
}

/// `textDocument/formatting`
pub fn format(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let _: DocumentFormattingParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    formatted(&here, format::format(&here.snapshot.db, here.file))
}

/// `textDocument/rangeFormatting`
pub fn format_range(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: DocumentRangeFormattingParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let range = here.range(params.range);
    formatted(
        &here,
        format::format_range(&here.snapshot.db, here.file, range),
    )
}

/// `textDocument/onTypeFormatting`
pub fn format_typed(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: DocumentOnTypeFormattingParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let offset = here.offset(params.position);
    formatted(
        &here,
        format::format_typed(&here.snapshot.db, here.file, offset, &params.ch),
    )
}

fn formatted(
    here: &Here<'_>,
    edits: Option<Vec<(plat_ide::TextRange, String)>>,
) -> Result<Value, Refusal> {
    let edits = edits.map(|edits| {
        let edits = edits.into_iter();
        let edits: Vec<_> = edits.map(|e| convert::text_edit(e, &here.lines)).collect();
        edits
    });
    write(edits)
}
