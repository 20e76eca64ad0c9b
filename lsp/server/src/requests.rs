//! What is asked, and who answers it: one function for each method of the protocol.

mod actions;
mod beside;
mod completion;
mod custom;
mod everywhere;
mod hierarchy;
mod navigate;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::Sender;
use gen_lsp_types::{Position, Range};
use plat_ide::{FileId, TextRange, interruptible};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::capabilities::Client;
use crate::host::Host;
use crate::package::Snapshot;
use crate::position::{Encoding, Lines};
use crate::server::Task;
use crate::tokens::Given;

/// Why there is no answer.
#[derive(Debug)]
pub enum Refusal {
    /// Something is about to change, or the client wants no answer any more.
    Interrupted,
    /// What was asked could not be read.
    Asked(String),
    /// It can't be done; a sentence for the user.
    Refused(String),
    /// The server has a bug.
    Bug(String),
}

/// A question: where it was asked, and what there is to answer it from.
pub struct Asked {
    /// The package of the document, then the others that have it; or every package, where the
    /// question is about none.
    pub packages: Vec<Snapshot>,
    /// The path of the document, if it is about one; of one that is no file, its address.
    pub path: Option<PathBuf>,
    /// Who asks.
    pub client: Client,
    /// The program around the server.
    pub host: Arc<dyn Host>,
    /// The tokens that documents were told of.
    pub tokens: Arc<Given>,
    /// Where to say something to the user, beside the answer.
    pub tasks: Sender<Task>,
}

/// Answers a question.
pub type Answer = fn(&Asked, Value) -> Result<Value, Refusal>;

/// Who answers the questions of this name.
pub fn named(method: &str) -> Option<Answer> {
    Some(match method {
        "textDocument/completion" => completion::completion,
        "textDocument/signatureHelp" => beside::signature,
        "textDocument/inlayHint" => beside::hints,
        "textDocument/documentLink" => beside::links,
        "textDocument/codeLens" => beside::lenses,
        "codeLens/resolve" => beside::lens,
        "textDocument/prepareCallHierarchy" => hierarchy::prepare,
        "callHierarchy/incomingCalls" => hierarchy::incoming,
        "callHierarchy/outgoingCalls" => hierarchy::outgoing,
        "textDocument/prepareTypeHierarchy" => hierarchy::prepare_kind,
        "typeHierarchy/supertypes" => hierarchy::parents,
        "typeHierarchy/subtypes" => hierarchy::children,
        "plat/environments" => custom::environments,
        "plat/tests" => custom::tests,
        "plat/graph" => custom::nodes,
        "plat/plan" => custom::plan,
        "plat/becomes" => custom::becomes,
        "textDocument/hover" => navigate::hover,
        "textDocument/definition" | "textDocument/declaration" => navigate::definition,
        "textDocument/typeDefinition" => navigate::type_definition,
        "textDocument/implementation" => navigate::implementations,
        "textDocument/references" => navigate::references,
        "textDocument/documentHighlight" => navigate::highlights,
        "textDocument/prepareRename" => navigate::prepare_rename,
        "textDocument/rename" => navigate::rename,
        "workspace/symbol" => navigate::symbols,
        "textDocument/documentSymbol" => text::symbols,
        "textDocument/foldingRange" => text::folding,
        "textDocument/selectionRange" => text::selection,
        "textDocument/semanticTokens/full" => text::tokens,
        "textDocument/semanticTokens/full/delta" => text::tokens_since,
        "textDocument/semanticTokens/range" => text::tokens_in_range,
        "textDocument/formatting" => text::format,
        "textDocument/rangeFormatting" => text::format_range,
        "textDocument/onTypeFormatting" => text::format_typed,
        "textDocument/codeAction" => actions::actions,
        "textDocument/diagnostic" => actions::of_document,
        "workspace/diagnostic" => actions::of_all,
        _ => return None,
    })
}

/// Answers a question, whatever happens.
///
/// # Errors
/// There is no answer.
pub fn answer(asked: Asked, params: Value, answer: Answer) -> Result<Value, Refusal> {
    let answered = catch_unwind(AssertUnwindSafe(|| {
        interruptible(|| answer(&asked, params))
    }));
    // Who waits to change something waits for this.
    drop(asked);
    match answered {
        Ok(Some(answered)) => answered,
        Ok(None) => Err(Refusal::Interrupted),
        // The hook for panics has told the log.
        Err(_) => Err(Refusal::Bug(
            "the server of plat has a bug; its log tells where".to_owned(),
        )),
    }
}

/// Does something; a panic, which the hook has told, ends only that.
pub fn without_panic(work: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(work));
}

/// Reads what was asked.
///
/// # Errors
/// It is not of the form that the protocol gives it.
pub fn read<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params)
        .map_err(|error| Refusal::Asked(format!("the question could not be read: {error}")))
}

/// An answer.
///
/// # Errors
/// None, but for a bug.
pub fn write(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer)
        .map_err(|error| Refusal::Bug(format!("the answer could not be written: {error}")))
}

/// The file that a question is about.
pub struct Here<'a> {
    /// Its package.
    pub snapshot: &'a Snapshot,
    /// The file.
    pub file: FileId,
    /// Its text.
    pub text: &'a str,
    /// Its lines.
    pub lines: Lines<'a>,
    /// How the client counts.
    pub encoding: Encoding,
}

impl Asked {
    /// The package that it is about: what is asked of a package as a whole may name any file of it,
    /// its `plat.toml` too. `None` if the server does not have it.
    pub fn package(&self) -> Option<&Snapshot> {
        self.packages.first()
    }

    /// Says something to the user, beside the answer.
    pub fn say(&self, text: String) {
        // Nobody listens once the server ends.
        let _ = self.tasks.send(Task::Said(text));
    }

    /// The file that it is about, in its own package; `None` if the server does not have it.
    pub fn here(&self) -> Option<Here<'_>> {
        self.here_in(self.packages.first()?)
    }

    /// The file that it is about, in every package that has it: its own first.
    pub fn everywhere(&self) -> impl Iterator<Item = Here<'_>> {
        let packages = self.packages.iter();
        packages.filter_map(|snapshot| self.here_in(snapshot))
    }

    fn here_in<'a>(&'a self, snapshot: &'a Snapshot) -> Option<Here<'a>> {
        let file = snapshot.files.file(self.path.as_ref()?)?;
        let text = snapshot.db.text(file);
        let encoding = self.client.encoding;
        Some(Here {
            snapshot,
            file,
            text,
            lines: Lines::new(text, encoding),
            encoding,
        })
    }
}

impl Here<'_> {
    /// The byte of a place.
    pub fn offset(&self, position: Position) -> u32 {
        self.lines.offset(position)
    }

    /// The bytes of a range.
    pub fn range(&self, range: Range) -> TextRange {
        self.lines.text_range(range)
    }
}
