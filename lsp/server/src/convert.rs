//! From the answers of `plat-ide` to the words of the protocol.

use std::collections::BTreeMap;
use std::path::Path;

use gen_lsp_types::{
    AnnotatedTextEdit, BaseSymbolInformation, ChangeAnnotation, Code, Diagnostic,
    DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, DocumentChange,
    DocumentSymbol, Edit, FoldingRange, FoldingRangeKind, Location, Message,
    OptionalVersionedTextDocumentIdentifier, SemanticToken, SymbolInformation, SymbolKind,
    TextDocumentEdit, TextDocumentIdentifier, TextEdit, Uri, WorkspaceEdit,
};
use plat_ide::folding::{Fold, FoldKind};
use plat_ide::rename::Renaming;
use plat_ide::search::Match;
use plat_ide::symbols::{self, Symbol};
use plat_ide::tokens::{Token, TokenKind};
use plat_ide::{FileEdit, FileId, Label, Severity, TextRange};

use crate::capabilities::Client;
use crate::package::Snapshot;
use crate::paths;
use crate::position::{Encoding, Lines};

/// The types of semantic tokens, by number: [`token_type`] is the place in this list.
pub const TOKEN_TYPES: [&str; 15] = [
    "keyword",
    "comment",
    "string",
    "number",
    "operator",
    "namespace",
    "class",
    "type",
    "enumMember",
    "property",
    "parameter",
    "function",
    "variable",
    "interface",
    "event",
];

/// Their modifiers, by bit.
pub const TOKEN_MODIFIERS: [&str; 2] = ["declaration", "documentation"];

/// The type of a token, as a place in [`TOKEN_TYPES`].
fn token_type(kind: TokenKind) -> u32 {
    match kind {
        TokenKind::Keyword => 0,
        TokenKind::Comment => 1,
        TokenKind::Text => 2,
        TokenKind::Number => 3,
        TokenKind::Operator => 4,
        TokenKind::Module => 5,
        TokenKind::Kind => 6,
        TokenKind::Type => 7,
        TokenKind::Case => 8,
        TokenKind::Field => 9,
        TokenKind::Parameter => 10,
        TokenKind::Function => 11,
        TokenKind::Value => 12,
        TokenKind::Environment => 13,
        TokenKind::Rule => 14,
    }
}

/// Tokens, each relative to the one before.
pub fn tokens(
    tokens: &[Token],
    text: &str,
    lines: &Lines<'_>,
    encoding: Encoding,
) -> Vec<SemanticToken> {
    let mut out = Vec::with_capacity(tokens.len());
    let (mut line, mut start) = (0, 0);
    for token in tokens {
        let at = lines.position(token.range.start);
        let delta_line = at.line - line;
        out.push(SemanticToken {
            delta_line,
            delta_start: if delta_line == 0 {
                at.character - start
            } else {
                at.character
            },
            length: encoding.length(token.range.slice(text)),
            token_type: token_type(token.kind),
            token_modifiers_bitset: u32::from(token.declares) | u32::from(token.docs) << 1,
        });
        (line, start) = (at.line, at.character);
    }
    out
}

/// A symbol of the outline.
#[expect(
    deprecated,
    reason = "the protocol's struct has a field that it no longer wants"
)]
pub fn symbol(symbol: Symbol, lines: &Lines<'_>) -> DocumentSymbol {
    let children = symbol
        .children
        .into_iter()
        .map(|child| self::symbol(child, lines));
    DocumentSymbol {
        name: symbol.name,
        detail: symbol.detail,
        kind: symbol_kind(symbol.kind),
        tags: None,
        deprecated: None,
        range: lines.range(symbol.range.cover(symbol.name_range)),
        selection_range: lines.range(symbol.name_range),
        children: Some(children.collect()),
    }
}

/// The protocol's word for what a symbol is: each kind of ours has one of its own, so that editors
/// give them different pictures.
pub fn symbol_kind(kind: symbols::SymbolKind) -> SymbolKind {
    use symbols::SymbolKind as K;
    match kind {
        K::App => SymbolKind::Module,
        K::Kind => SymbolKind::Class,
        K::Type => SymbolKind::Struct,
        K::Case => SymbolKind::EnumMember,
        K::Unit => SymbolKind::Number,
        K::Function => SymbolKind::Function,
        K::Let => SymbolKind::Constant,
        K::Declaration => SymbolKind::Object,
        K::Environment => SymbolKind::Namespace,
        K::Policy => SymbolKind::Interface,
        K::Test => SymbolKind::Event,
        K::Field => SymbolKind::Field,
        K::Out => SymbolKind::Property,
    }
}

/// A fold, by its lines.
pub fn fold(fold: Fold, lines: &Lines<'_>) -> FoldingRange {
    let range = lines.range(fold.range);
    let closes = fold.kind == FoldKind::Code;
    FoldingRange {
        start_line: range.start.line,
        start_character: None,
        // The closing bracket stays to be seen.
        end_line: range
            .end
            .line
            .saturating_sub(u32::from(closes))
            .max(range.start.line),
        end_character: None,
        kind: match fold.kind {
            FoldKind::Code => None,
            FoldKind::Comment => Some(FoldingRangeKind::Comment),
            FoldKind::Imports => Some(FoldingRangeKind::Imports),
        },
        collapsed_text: None,
    }
}

/// A replacement.
pub fn text_edit((range, new_text): (TextRange, String), lines: &Lines<'_>) -> TextEdit {
    TextEdit {
        range: lines.range(range),
        new_text,
    }
}

impl Snapshot {
    /// The address of a file, if it can be opened.
    pub fn uri(&self, file: FileId) -> Option<Uri> {
        Some(self.uri_of(self.files.path(file)?))
    }

    /// The address of a path: as the client writes it, if that is open.
    fn uri_of(&self, path: &Path) -> Uri {
        if let Some(uri) = self.uris.get(path) {
            return uri.clone();
        }
        // A document that is no file is called by its address.
        match path.to_str() {
            Some(uri) if self.alone && !uri.starts_with('/') => Uri::from(uri),
            _ => paths::to_uri(path),
        }
    }

    /// The address of what a diagnostic calls by this name, and its text.
    pub fn shown(&self, shown: &str) -> Option<(Uri, &str)> {
        let uri = self.uri_of(self.files.path_of_shown(shown)?);
        let text = self.db.source(shown);
        let text = text.or_else(|| self.files.text_of_shown(shown));
        Some((uri, text.unwrap_or_default()))
    }

    /// A range of a file.
    pub fn location(&self, file: FileId, range: TextRange, encoding: Encoding) -> Option<Location> {
        let lines = Lines::new(self.db.text(file), encoding);
        Some(Location {
            uri: self.uri(file)?,
            range: lines.range(range),
        })
    }

    /// A renaming: what it means for what is deployed is said to the user with the edits that it is
    /// about, where the client shows that.
    pub fn renaming(&self, renaming: Renaming, client: &Client) -> Option<WorkspaceEdit> {
        let shown = renaming.means.filter(|_| client.shows_annotations());
        let Some(means) = shown else {
            let mut edits = renaming.names;
            edits.extend(renaming.beside);
            return self.workspace_edit(edits, client);
        };
        // What nothing can keep is lost by the new name itself.
        let (plain, told) = if means.loses {
            (renaming.beside, renaming.names)
        } else {
            (renaming.names, renaming.beside)
        };
        let mut edit = self.workspace_edit(plain, client)?;
        let annotated = self.workspace_edit(told, client)?;
        let of_documents = |change: DocumentChange| match change {
            DocumentChange::TextDocumentEdit(edit) => Some(edit),
            _ => None,
        };
        let changes = edit.document_changes.get_or_insert_default();
        let told = annotated.document_changes.into_iter().flatten();
        for mut document in told.filter_map(of_documents) {
            for edit in &mut document.edits {
                if let Edit::TextEdit(text_edit) = edit {
                    *edit = Edit::AnnotatedTextEdit(AnnotatedTextEdit {
                        annotation_id: DEPLOYED.to_owned(),
                        text_edit: text_edit.clone(),
                    });
                }
            }
            let same = changes.iter_mut().find_map(|change| match change {
                DocumentChange::TextDocumentEdit(known)
                    if known.text_document == document.text_document =>
                {
                    Some(known)
                }
                _ => None,
            });
            match same {
                Some(known) => known.edits.extend(document.edits),
                None => changes.push(DocumentChange::TextDocumentEdit(document)),
            }
        }
        let label = if means.loses {
            "Leave behind what is deployed"
        } else {
            "Keep what is deployed"
        };
        let annotation = ChangeAnnotation {
            label: label.to_owned(),
            needs_confirmation: Some(means.loses),
            description: Some(means.text),
        };
        edit.change_annotations = Some([(DEPLOYED.to_owned(), annotation)].into_iter().collect());
        Some(edit)
    }

    /// Edits of several files, as one; in the order of the files' addresses.
    pub fn workspace_edit(&self, edits: Vec<FileEdit>, client: &Client) -> Option<WorkspaceEdit> {
        let mut files: BTreeMap<String, Vec<TextEdit>> = BTreeMap::new();
        for edit in edits {
            let lines = Lines::new(self.db.text(edit.file), client.encoding);
            let uri = self.uri(edit.file)?;
            let edit = text_edit((edit.range, edit.text), &lines);
            files.entry(uri.0).or_default().push(edit);
        }
        let files = files.into_iter().map(|(uri, edits)| (Uri(uri), edits));
        if !client.document_changes {
            return Some(WorkspaceEdit {
                changes: Some(files.collect()),
                ..WorkspaceEdit::default()
            });
        }
        let changes = files.map(|(uri, edits)| {
            let id = TextDocumentIdentifier { uri };
            DocumentChange::TextDocumentEdit(TextDocumentEdit {
                text_document: OptionalVersionedTextDocumentIdentifier {
                    version: None,
                    text_document_identifier: id,
                },
                edits: edits.into_iter().map(Edit::TextEdit).collect(),
            })
        });
        Some(WorkspaceEdit {
            document_changes: Some(changes.collect()),
            ..WorkspaceEdit::default()
        })
    }

    /// A diagnostic, at its place in the file that it is about.
    pub fn diagnostic(
        &self,
        diagnostic: &plat_ide::Diagnostic,
        lines: &Lines<'_>,
        encoding: Encoding,
    ) -> Diagnostic {
        let related = |label: &Label| {
            let (uri, text) = self.shown(&label.file)?;
            let lines = Lines::new(text, encoding);
            Some(DiagnosticRelatedInformation {
                location: Location {
                    uri,
                    range: lines.range(label.range),
                },
                message: label.text.clone().unwrap_or_else(|| "here".to_owned()),
            })
        };
        let related: Vec<DiagnosticRelatedInformation> =
            diagnostic.related.iter().filter_map(related).collect();
        Diagnostic {
            range: lines.range(diagnostic.primary.range),
            severity: Some(match diagnostic.severity {
                Severity::Error => DiagnosticSeverity::Error,
                Severity::Warning => DiagnosticSeverity::Warning,
            }),
            code: Some(Code::String(diagnostic.code.to_owned())),
            code_description: None,
            source: Some("plat".to_owned()),
            message: Message::String(message(diagnostic)),
            tags: UNUSED
                .contains(&diagnostic.code)
                .then(|| vec![DiagnosticTag::Unnecessary]),
            related_information: (!related.is_empty()).then_some(related),
            data: None,
        }
    }
}

/// What the edits are called that are about what is deployed.
const DEPLOYED: &str = "deployed";

/// A symbol of the whole program.
pub fn symbol_information(found: Match, location: Location) -> SymbolInformation {
    #[expect(
        deprecated,
        reason = "the protocol's struct has a field that it no longer wants"
    )]
    SymbolInformation {
        location,
        deprecated: None,
        base_symbol_information: BaseSymbolInformation {
            name: found.symbol.name,
            kind: symbol_kind(found.symbol.kind),
            tags: None,
            container_name: found.within.or(found.symbol.detail),
        },
    }
}

/// The codes that speak of something nobody uses: editors grey it.
const UNUSED: &[&str] = &["W0302"];

/// All that a diagnostic says, below each other.
fn message(diagnostic: &plat_ide::Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    let label = diagnostic.primary.text.iter().cloned();
    let notes = diagnostic.notes.iter().cloned();
    let help = diagnostic.help.iter().map(|help| format!("help: {help}"));
    for line in label.chain(notes).chain(help) {
        text.push('\n');
        text.push_str(&line);
    }
    text
}
