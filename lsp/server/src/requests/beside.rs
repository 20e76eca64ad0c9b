//! What stands beside and above the text: hints, lenses, links, signatures.

use gen_lsp_types::{
    CodeLens, CodeLensParams, Command, DocumentLink, InlayHint, InlayHintKind, InlayHintParams,
    Label, TextDocumentPositionParams,
};
use plat_ide::lenses::{self, LensKind};
use plat_ide::{hints as ide_hints, signature as ide_signature};
use serde_json::{Value, json};

use super::navigate::references_at;
use super::{Asked, Refusal, read, write};
use crate::paths;

/// Runs a test: its document's address, its name.
const RUN_TEST: &str = "plat.runTest";

/// Shows the plan of an environment: its document's address, its name.
const PLAN: &str = "plat.planEnvironment";

/// Shows where the values of a declaration come from: its document's address, its path.
const WHY: &str = "plat.why";

/// Shows places: the address of where they are asked for, the position there, the places.
const REFERENCES: &str = "plat.showReferences";

/// `textDocument/inlayHint`
pub fn hints(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: InlayHintParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let range = here.range(params.range);
    let hints = ide_hints::hints(&here.snapshot.db, here.file, range).into_iter();
    let hints = hints.map(|hint| InlayHint {
        position: here.lines.position(hint.offset),
        label: Label::String(hint.text),
        kind: hint.is_type.then_some(InlayHintKind::Type),
        text_edits: None,
        tooltip: None,
        padding_left: Some(!hint.is_type),
        padding_right: None,
        data: None,
    });
    write(hints.collect::<Vec<_>>())
}

/// `textDocument/documentLink`
pub fn links(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let (package, _) = here.snapshot.db.file_name(here.file);
    let Some(dir) = here.snapshot.files.dir(package) else {
        return Ok(json!([]));
    };
    let links = ide_hints::links(&here.snapshot.db, here.file).into_iter();
    let links = links.map(|(range, path)| DocumentLink {
        range: here.lines.range(range),
        target: Some(paths::to_uri(&dir.join(path))),
        tooltip: None,
        data: None,
    });
    write(links.collect::<Vec<_>>())
}

/// `textDocument/signatureHelp`
pub fn signature(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: TextDocumentPositionParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let offset = here.offset(params.position);
    let Some(found) = ide_signature::signature(&here.snapshot.db, here.file, offset) else {
        return Ok(Value::Null);
    };
    let place = |byte: usize| {
        here.encoding
            .length(found.label.get(..byte).unwrap_or_default())
    };
    let params = found.params.iter();
    let params: Vec<Value> = params
        .map(|(start, end)| json!({ "label": [place(*start), place(*end)] }))
        .collect();
    let doc = found
        .doc
        .map(|doc| json!({ "kind": "markdown", "value": doc }));
    Ok(json!({
        "signatures": [{
            "label": found.label,
            "documentation": doc,
            "parameters": params,
            "activeParameter": found.active,
        }],
        "activeSignature": 0,
        "activeParameter": found.active,
    }))
}

/// `textDocument/codeLens`
pub fn lenses(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: CodeLensParams = read(params)?;
    let uri = params.text_document.uri;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let mut out: Vec<CodeLens> = Vec::new();
    for lens in lenses::lenses(&here.snapshot.db, here.file) {
        let name = match lens.kind {
            LensKind::RunTest => RUN_TEST,
            LensKind::Plan => PLAN,
            LensKind::References => REFERENCES,
            LensKind::Why => WHY,
        };
        if !asked.client.commands.iter().any(|known| known == name) {
            continue;
        }
        let range = here.lines.range(lens.range);
        let to = || vec![json!(uri), json!(lens.name)];
        let (command, data) = match lens.kind {
            LensKind::RunTest => (Some(command("Run test", name, to())), None),
            LensKind::Plan => (Some(command("Plan", name, to())), None),
            LensKind::Why => (Some(command("Why", name, to())), None),
            // Counted when it is seen.
            LensKind::References => {
                let document = json!({ "uri": uri });
                let data = json!({ "textDocument": document, "position": range.start });
                (None, Some(data))
            }
        };
        out.push(CodeLens {
            range,
            command,
            data,
        });
    }
    write(out)
}

fn command(title: &str, command: &str, arguments: Vec<Value>) -> Command {
    Command {
        title: title.to_owned(),
        tooltip: None,
        command: command.to_owned(),
        arguments: Some(arguments),
    }
}

/// `codeLens/resolve`: counts the references.
pub fn lens(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let lens: CodeLens = read(params)?;
    let position = lens.range.start;
    let places = references_at(asked, position, false);
    let uri = asked.here().map(|here| here.snapshot.uri(here.file));
    let title = match places.len() {
        1 => "1 reference".to_owned(),
        count => format!("{count} references"),
    };
    let arguments = vec![json!(uri.flatten()), json!(position), json!(places)];
    write(CodeLens {
        command: Some(command(&title, REFERENCES, arguments)),
        ..lens
    })
}
