//! The semantic tokens that each document was last told of, so that an editor that asks again is told
//! the difference: of a long file that is a few numbers, not tens of thousands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gen_lsp_types::{SemanticToken, SemanticTokensEdit};

/// How many numbers a token is.
const NUMBERS: usize = 5;

/// What was told. Questions are answered side by side.
#[derive(Debug, Default)]
pub struct Given(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    /// Counts what was told.
    number: u64,
    /// By document, the number of what it was told last, and that.
    of: BTreeMap<PathBuf, (u64, Vec<SemanticToken>)>,
}

impl Given {
    /// Keeps what a document is told. Returns the id by which the editor names it when it asks
    /// again, and what changes of what it names now; `None` where that is not known any more.
    pub fn keep(
        &self,
        path: &Path,
        tokens: Vec<SemanticToken>,
        named: Option<&str>,
    ) -> (String, Option<Vec<SemanticTokensEdit>>) {
        let mut last = self.last();
        let known = last.of.get(path);
        let known = known.filter(|(number, _)| named == Some(number.to_string().as_str()));
        let edits = known.map(|(_, before)| difference(before, &tokens));
        last.number += 1;
        let number = last.number;
        last.of.insert(path.to_path_buf(), (number, tokens));
        (number.to_string(), edits)
    }

    /// A document is closed: nobody asks for it again.
    pub fn forget(&self, path: &Path) {
        self.last().of.remove(path);
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // It is put there whole, or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What makes the one list of tokens the other: who types changes one place, so that one edit says
/// it, between what both begin with and what both end with.
fn difference(before: &[SemanticToken], now: &[SemanticToken]) -> Vec<SemanticTokensEdit> {
    let same = |(a, b): &(&SemanticToken, &SemanticToken)| a == b;
    let head = before.iter().zip(now).take_while(same).count();
    let (before, now) = (before.get(head..), now.get(head..));
    let (before, now) = (before.unwrap_or_default(), now.unwrap_or_default());
    let tail = before.iter().rev().zip(now.iter().rev());
    let tail = tail.take_while(same).count();
    let gone = before.len() - tail;
    let new = now.get(..now.len() - tail).unwrap_or_default();
    if gone == 0 && new.is_empty() {
        return Vec::new();
    }
    let number = |tokens: usize| u32::try_from(tokens * NUMBERS).unwrap_or(u32::MAX);
    vec![SemanticTokensEdit {
        start: number(head),
        delete_count: number(gone),
        data: Some(new.iter().flat_map(numbers).collect()),
    }]
}

fn numbers(token: &SemanticToken) -> [u32; NUMBERS] {
    [
        token.delta_line,
        token.delta_start,
        token.length,
        token.token_type,
        token.token_modifiers_bitset,
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(lengths: &[u32]) -> Vec<SemanticToken> {
        let token = |length: &u32| SemanticToken {
            delta_line: 1,
            delta_start: 0,
            length: *length,
            token_type: 2,
            token_modifiers_bitset: 0,
        };
        lengths.iter().map(token).collect()
    }

    /// As an editor does it.
    fn edited(before: &[SemanticToken], edits: &[SemanticTokensEdit]) -> Vec<u32> {
        let mut data: Vec<u32> = before.iter().flat_map(numbers).collect();
        for edit in edits.iter().rev() {
            let (start, count) = (edit.start as usize, edit.delete_count as usize);
            data.splice(start..start + count, edit.data.clone().unwrap_or_default());
        }
        data
    }

    proptest! {
        #[test]
        fn what_is_told_before_and_what_changes_give_what_is_there(
            before in proptest::collection::vec(0..4_u32, 0..12),
            now in proptest::collection::vec(0..4_u32, 0..12),
        ) {
            let (before, now) = (tokens(&before), tokens(&now));
            let edits = difference(&before, &now);
            let whole: Vec<u32> = now.iter().flat_map(numbers).collect();
            prop_assert_eq!(edited(&before, &edits), whole);
            prop_assert_eq!(edits.is_empty(), before == now);
        }
    }

    #[test]
    fn a_word_more_is_one_token_more() {
        let edits = difference(&tokens(&[3, 4, 5, 6]), &tokens(&[3, 4, 9, 5, 6]));
        let edit = SemanticTokensEdit::new(10, 0, Some(vec![1, 0, 9, 2, 0]));
        assert_eq!(edits, [edit]);
    }

    #[test]
    fn who_names_what_is_not_known_any_more_is_told_all() {
        let (given, path) = (Given::default(), Path::new("a.plat"));
        let (first, _) = given.keep(path, tokens(&[1]), None);
        let (second, edits) = given.keep(path, tokens(&[1, 2]), Some(&first));
        assert_eq!(edits.map(|edits| edits.len()), Some(1));
        assert_eq!(given.keep(path, tokens(&[1]), Some(&first)).1, None);
        given.forget(path);
        assert_eq!(given.keep(path, tokens(&[1]), Some(&second)).1, None);
    }
}
