//! One mistake is told once: what follows from it is left out.
//!
//! The grammar holds back what follows within one element. Here is what takes a look at several: a bracket that was
//! forgotten at its opening is missed there, and its closing one is then one too many.

use crate::lexer::Token;
use crate::mistake::Mistake;

/// The mistakes to tell, in the order of the text.
pub(crate) fn without(text: &str, tokens: &[Token], mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    mistakes.sort_by_key(Mistake::range);
    let mut items = tokens
        .iter()
        .filter(|t| t.column_zero && t.kind.is_word())
        .map(|t| t.start)
        .peekable();
    let mut told: Vec<Mistake> = Vec::with_capacity(mistakes.len());
    // Where in `told` the mistakes of this item and of this line begin.
    let (mut item, mut line) = (0, 0);
    let mut last = 0;
    for mistake in mistakes {
        let start = mistake.range().start;
        while items.next_if(|i| *i <= start).is_some() {
            item = told.len();
        }
        if text
            .as_bytes()
            .get(last..start as usize)
            .is_some_and(|gap| gap.contains(&b'\n'))
        {
            line = told.len();
        }
        last = start as usize;
        let structural = |m: &Mistake| m.is_structural();
        if closes_a_block(text, &mistake) && told.iter().skip(item).any(structural) {
            // The `{` was missed at the first of them; all that was misplaced since stood in its block.
            let mut n = 0;
            told.retain(|m| {
                n += 1;
                n <= item + 1 || !matches!(m, Mistake::Misplaced { .. })
            });
            line = line.min(told.len());
            continue;
        }
        let closer = matches!(
            mistake,
            Mistake::StrayCloser { .. } | Mistake::WrongCloser { .. }
        );
        if closer && told.len() > line {
            told.truncate(line + 1);
            continue;
        }
        if mistake.is_structural() && told.iter().skip(line).any(structural) {
            continue;
        }
        told.push(mistake);
    }
    told
}

/// A closing brace, or another closing bracket at the beginning of its line.
fn closes_a_block(text: &str, mistake: &Mistake) -> bool {
    let Mistake::StrayCloser { range } = mistake else {
        return false;
    };
    let before = text.get(..range.start as usize).unwrap_or("");
    let begins_line = before.trim_end_matches([' ', '\t']).ends_with('\n');
    range.slice(text) == "}" || begins_line
}
