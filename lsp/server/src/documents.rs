//! The documents that are open in the editor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gen_lsp_types::{TextDocumentContentChangeEvent, Uri};

use crate::position::{Encoding, Lines};

/// A document that is open.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its address, as the client writes it.
    pub uri: Uri,
    /// Its file, if it is one.
    pub path: Option<PathBuf>,
    /// Its version, as the client counts.
    pub version: i32,
    /// Its text.
    pub text: Arc<str>,
}

/// The documents that are open, by address.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    open: BTreeMap<String, Document>,
    /// The addresses of those that are files: as the client writes them, whatever links they go
    /// through.
    uris: Arc<BTreeMap<PathBuf, Uri>>,
}

impl Documents {
    /// Takes in a document that was opened.
    pub fn open(&mut self, uri: Uri, path: Option<PathBuf>, version: i32, text: String) {
        let document = Document {
            path,
            version,
            text: Arc::from(text),
            uri,
        };
        self.open.insert(document.uri.0.clone(), document);
        self.note_uris();
    }

    fn note_uris(&mut self) {
        let files = self.open.values();
        let files = files.filter_map(|d| Some((d.path.clone()?, d.uri.clone())));
        self.uris = Arc::new(files.collect());
    }

    /// The addresses of the files that are open, by path.
    pub fn uris(&self) -> Arc<BTreeMap<PathBuf, Uri>> {
        Arc::clone(&self.uris)
    }

    /// Changes a document; `None` if it is not open.
    pub fn change(
        &mut self,
        uri: &Uri,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) -> Option<&Document> {
        let document = self.open.get_mut(&uri.0)?;
        document.version = version;
        let mut text = document.text.to_string();
        for change in changes {
            apply(&mut text, change, encoding);
        }
        document.text = Arc::from(text);
        Some(document)
    }

    /// Forgets a document.
    pub fn close(&mut self, uri: &Uri) -> Option<Document> {
        let closed = self.open.remove(&uri.0);
        self.note_uris();
        closed
    }

    /// A document by its address.
    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(&uri.0)
    }

    /// The document of a file.
    pub fn of_path(&self, path: &Path) -> Option<&Document> {
        let mut all = self.open.values();
        all.find(|document| document.path.as_deref() == Some(path))
    }

    /// Every document, in the order of the addresses.
    pub fn all(&self) -> impl Iterator<Item = &Document> {
        self.open.values()
    }
}

/// Applies one change: each speaks of the text as those before it have left it.
fn apply(text: &mut String, change: TextDocumentContentChangeEvent, encoding: Encoding) {
    use TextDocumentContentChangeEvent as Change;
    match change {
        Change::TextDocumentContentChangePartial(change) => {
            let range = Lines::new(text, encoding).text_range(change.range);
            text.replace_range(range.start as usize..range.end as usize, &change.text);
        }
        Change::TextDocumentContentChangeWholeDocument(change) => *text = change.text,
    }
}

#[cfg(test)]
mod tests {
    use gen_lsp_types::{
        Position, Range, TextDocumentContentChangePartial, TextDocumentContentChangeWholeDocument,
    };

    use super::*;

    #[expect(
        deprecated,
        reason = "the protocol's struct has a field that it no longer wants"
    )]
    fn part(from: (u32, u32), to: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let at = |(line, character)| Position { line, character };
        TextDocumentContentChangeEvent::TextDocumentContentChangePartial(
            TextDocumentContentChangePartial {
                range: Range {
                    start: at(from),
                    end: at(to),
                },
                range_length: None,
                text: text.to_owned(),
            },
        )
    }

    #[test]
    fn changes_follow_each_other() {
        let uri = Uri::from("file:///a.plat");
        let mut documents = Documents::default();
        documents.open(uri.clone(), None, 1, "eins\nzwö\ndrei\n".to_owned());
        let changes = vec![
            part((1, 2), (1, 3), "ei"),
            part((0, 0), (1, 0), ""),
            part((0, 4), (0, 4), "!"),
        ];
        let document = documents.change(&uri, 2, changes, Encoding::Utf16).unwrap();
        assert_eq!(&*document.text, "zwei!\ndrei\n");
        let whole = TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(
            TextDocumentContentChangeWholeDocument {
                text: "neu".to_owned(),
            },
        );
        let document = documents
            .change(
                &uri,
                3,
                vec![whole, part((0, 3), (9, 9), "\n")],
                Encoding::Utf8,
            )
            .unwrap();
        assert_eq!((&*document.text, document.version), ("neu\n", 3));
    }

    #[test]
    fn a_change_that_ends_before_it_begins_replaces_nothing() {
        let uri = Uri::from("untitled:1");
        let mut documents = Documents::default();
        documents.open(uri.clone(), None, 1, "ab".to_owned());
        let changes = vec![part((0, 2), (0, 0), "c")];
        let document = documents.change(&uri, 2, changes, Encoding::Utf16).unwrap();
        assert_eq!(&*document.text, "abc");
    }
}
