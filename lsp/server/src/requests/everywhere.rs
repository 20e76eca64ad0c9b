//! What is asked in every package that has the file: what one defines stands in those, too, that
//! build on it, and they are no part of it.

use std::collections::BTreeSet;

use gen_lsp_types::{DocumentChange, Edit, Location, TextDocumentEdit, TextEdit, WorkspaceEdit};

use super::{Asked, Here, Refusal};

/// Answers of every package, its own first; what several give once. `key` says what is the same.
pub fn gather<T, K: Ord>(
    asked: &Asked,
    of: impl Fn(&Here<'_>) -> Vec<T>,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let mut known: BTreeSet<K> = BTreeSet::new();
    let mut out: Vec<T> = Vec::new();
    for here in asked.everywhere() {
        let found = of(&here).into_iter();
        out.extend(found.filter(|found| known.insert(key(found))));
    }
    out
}

/// What makes two places the same.
pub fn place(location: &Location) -> (String, [u32; 4]) {
    let (start, end) = (location.range.start, location.range.end);
    let range = [start.line, start.character, end.line, end.character];
    (location.uri.0.clone(), range)
}

/// The edits of every package, as one.
///
/// # Errors
/// As `of` says of one of them: it is done everywhere, or not at all.
pub fn edits(
    asked: &Asked,
    of: impl Fn(&Here<'_>) -> Result<Option<WorkspaceEdit>, Refusal>,
) -> Result<Option<WorkspaceEdit>, Refusal> {
    let mut all: Option<WorkspaceEdit> = None;
    for here in asked.everywhere() {
        let Some(edit) = of(&here)? else {
            continue;
        };
        match &mut all {
            None => all = Some(edit),
            Some(all) => join(all, edit),
        }
    }
    Ok(all)
}

/// Adds what another package changes, but for what is changed already: the files that both have.
fn join(all: &mut WorkspaceEdit, other: WorkspaceEdit) {
    for (uri, edits) in other.changes.into_iter().flatten() {
        let known = all.changes.get_or_insert_default().entry(uri).or_default();
        add(known, edits);
    }
    for change in other.document_changes.into_iter().flatten() {
        let known = all.document_changes.get_or_insert_default();
        match change {
            DocumentChange::TextDocumentEdit(edit) => match document(known, &edit) {
                Some(same) => add_edits(&mut same.edits, edit.edits),
                None => known.push(DocumentChange::TextDocumentEdit(edit)),
            },
            change => add(known, vec![change]),
        }
    }
    if let Some(annotations) = other.change_annotations {
        let known = all.change_annotations.get_or_insert_default();
        known.extend(annotations);
    }
}

/// The edits of the same document.
fn document<'a>(
    all: &'a mut [DocumentChange],
    edit: &TextDocumentEdit,
) -> Option<&'a mut TextDocumentEdit> {
    all.iter_mut().find_map(|change| match change {
        DocumentChange::TextDocumentEdit(known) if known.text_document == edit.text_document => {
            Some(known)
        }
        _ => None,
    })
}

/// Adds edits of a document. Of one that several packages make, that stays which says what it means:
/// what is deployed is known to the app, and not to the packages that it builds on.
fn add_edits(known: &mut Vec<Edit>, more: Vec<Edit>) {
    for edit in more {
        let same = known
            .iter_mut()
            .find(|one| what(one).is_some() && what(one) == what(&edit));
        match same {
            Some(one) if matches!(edit, Edit::AnnotatedTextEdit(_)) => *one = edit,
            Some(_) => {}
            None => known.push(edit),
        }
    }
}

/// What an edit changes, whatever is said with it.
fn what(edit: &Edit) -> Option<&TextEdit> {
    match edit {
        Edit::TextEdit(edit) => Some(edit),
        Edit::AnnotatedTextEdit(edit) => Some(&edit.text_edit),
        Edit::SnippetTextEdit(_) => None,
    }
}

fn add<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use gen_lsp_types::{AnnotatedTextEdit, Position, Range};

    use super::*;

    #[test]
    fn an_edit_that_several_packages_make_is_made_once_and_says_what_it_means() {
        let text_edit = |line| {
            let at = |character| Position { line, character };
            let (start, end) = (at(0), at(3));
            TextEdit {
                range: Range { start, end },
                new_text: "a".to_owned(),
            }
        };
        let plain = Edit::TextEdit(text_edit(1));
        let told = Edit::AnnotatedTextEdit(AnnotatedTextEdit {
            annotation_id: "deployed".to_owned(),
            text_edit: text_edit(1),
        });
        let other = Edit::TextEdit(text_edit(2));
        for (first, second) in [(&plain, &told), (&told, &plain)] {
            let mut all = vec![first.clone()];
            add_edits(&mut all, vec![second.clone(), other.clone()]);
            assert_eq!(all, [told.clone(), other.clone()]);
        }
    }
}
