//! What the client can do, and what the server offers it.

use std::time::Duration;

use gen_lsp_types::InitializeParams;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::convert::{TOKEN_MODIFIERS, TOKEN_TYPES};
use crate::position::Encoding;

/// The `initializationOptions`: what the user set. See `lsp/README.md`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Options {
    /// Who begins when there are diagnostics to tell.
    pub diagnostics: Option<Diagnostics>,
    /// The commands of lenses that the client can run: a lens that it can't is not sent.
    pub commands: Vec<String>,
    /// Is the client to be told when all that was said is taken in and checked (`plat/status`)?
    pub status: bool,
    /// After how many milliseconds of work the client is told of it, if it shows progress.
    pub progress_after: Option<u32>,
}

/// After so many milliseconds something takes longer than a moment.
const A_MOMENT: u32 = 500;

/// Who begins when there are diagnostics to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Diagnostics {
    /// The server, as soon as it knows.
    Push,
    /// The client asks.
    Pull,
}

/// What of the client the server minds.
#[derive(Debug, Clone)]
pub struct Client {
    /// How it counts characters.
    pub encoding: Encoding,
    /// Who begins with diagnostics.
    pub diagnostics: Diagnostics,
    /// Does it want to know when everything is checked?
    pub status: bool,
    /// After how long it is told how far something is; `None` if it can't show that.
    pub progress: Option<Duration>,
    /// The commands of lenses that it can run.
    pub commands: Vec<String>,
    /// Can it be asked to watch files?
    pub watches: bool,
    /// Can it be asked to ask for diagnostics again?
    pub refreshes: bool,
    /// Does it take edits of several documents in an order?
    pub document_changes: bool,
    /// Does it take snippets in completions?
    pub snippets: bool,
    /// Does it show why an edit is made?
    pub annotations: bool,
    /// Does it take links, which say where they come from, in place of mere places?
    pub links: bool,
}

impl Client {
    /// Does it show what is said of single edits of a change?
    pub fn shows_annotations(&self) -> bool {
        self.document_changes && self.annotations
    }

    /// What a client says of itself.
    pub fn of(params: &InitializeParams) -> Self {
        // As JSON: each of these may be missing at any depth.
        let all = serde_json::to_value(&params.capabilities).unwrap_or_default();
        let can = |path: &str| all.pointer(path).and_then(Value::as_bool).unwrap_or(false);
        let offered = params.capabilities.general.as_ref();
        let offered = offered.and_then(|general| general.position_encodings.as_deref());
        let options = params.initialization_options.clone().unwrap_or_default();
        // Options of a form that is not ours are as none: a client must not fail by them.
        let options: Options = serde_json::from_value(options).unwrap_or_default();
        let has = |path: &str| all.pointer(path).is_some_and(Value::is_object);
        let pulls = has("/textDocument/diagnostic") && !has("/textDocument/publishDiagnostics");
        Self {
            encoding: Encoding::negotiate(offered.unwrap_or_default()),
            // Both at once would tell everything twice.
            diagnostics: options.diagnostics.unwrap_or(if pulls {
                Diagnostics::Pull
            } else {
                Diagnostics::Push
            }),
            status: options.status,
            progress: can("/window/workDoneProgress").then(|| {
                let after = options.progress_after.unwrap_or(A_MOMENT);
                Duration::from_millis(u64::from(after))
            }),
            commands: options.commands,
            watches: can("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            refreshes: can("/workspace/diagnostics/refreshSupport"),
            document_changes: can("/workspace/workspaceEdit/documentChanges"),
            snippets: can("/textDocument/completion/completionItem/snippetSupport"),
            annotations: has("/workspace/workspaceEdit/changeAnnotationSupport"),
            links: can("/textDocument/definition/linkSupport"),
        }
    }
}

/// The answer to `initialize`.
pub fn server(client: &Client, version: &str) -> Value {
    let mut capabilities = json!({
        "positionEncoding": client.encoding.kind(),
        "textDocumentSync": {
            "openClose": true,
            // Incremental.
            "change": 2,
            "save": { "includeText": false },
        },
        "completionProvider": { "triggerCharacters": [".", "\"", "/", "=", ":"] },
        "signatureHelpProvider": { "triggerCharacters": ["(", ","] },
        "inlayHintProvider": true,
        "documentLinkProvider": {},
        "codeLensProvider": { "resolveProvider": true },
        "callHierarchyProvider": true,
        "typeHierarchyProvider": true,
        "hoverProvider": true,
        "definitionProvider": true,
        "declarationProvider": true,
        "typeDefinitionProvider": true,
        "implementationProvider": true,
        "referencesProvider": true,
        "documentHighlightProvider": true,
        "renameProvider": { "prepareProvider": true },
        "workspaceSymbolProvider": true,
        "documentSymbolProvider": true,
        "foldingRangeProvider": true,
        "selectionRangeProvider": true,
        "documentFormattingProvider": true,
        "documentRangeFormattingProvider": true,
        "documentOnTypeFormattingProvider": {
            "firstTriggerCharacter": "}",
            "moreTriggerCharacter": ["\n"],
        },
        "codeActionProvider": { "codeActionKinds": [
            "quickfix", "refactor.extract", "refactor.inline", "refactor.rewrite",
        ] },
        "semanticTokensProvider": {
            "legend": { "tokenTypes": TOKEN_TYPES, "tokenModifiers": TOKEN_MODIFIERS },
            "full": { "delta": true },
            "range": true,
        },
        "workspace": {
            "workspaceFolders": { "supported": true, "changeNotifications": true },
        },
    });
    if let (Diagnostics::Pull, Some(all)) = (client.diagnostics, capabilities.as_object_mut()) {
        let offer = json!({
            "identifier": "plat",
            "interFileDependencies": true,
            "workspaceDiagnostics": true,
        });
        all.insert("diagnosticProvider".to_owned(), offer);
    }
    json!({
        "capabilities": capabilities,
        "serverInfo": { "name": "plat", "version": version },
    })
}
