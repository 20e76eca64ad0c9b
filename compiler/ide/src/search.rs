//! Symbols of a whole program, by a part of their names.

use plat_semantics::{Database, FileId};

use crate::symbols::{Symbol, symbols};

/// A symbol somewhere in a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The file.
    pub file: FileId,
    /// The symbol, without what stands in it.
    pub symbol: Symbol,
    /// The name of what it stands in.
    pub within: Option<String>,
}

/// The symbols of the program's own files whose names have the letters of `query` in their order,
/// whatever their case: at most `most`, those that begin so first.
pub fn search(db: &Database, query: &str, most: usize) -> Vec<Match> {
    let wanted: Vec<char> = query.chars().flat_map(char::to_lowercase).collect();
    let mut found: Vec<(u8, Match)> = Vec::new();
    for file in db.files() {
        if !db.is_own(file) {
            continue;
        }
        for symbol in symbols(db, file) {
            add(file, symbol, None, &wanted, &mut found);
        }
    }
    found.sort_by(|(a, x), (b, y)| {
        let key = |rank: &u8, found: &Match| (*rank, found.symbol.name.len());
        key(a, x).cmp(&key(b, y))
    });
    found
        .into_iter()
        .map(|(_, found)| found)
        .take(most)
        .collect()
}

fn add(
    file: FileId,
    mut symbol: Symbol,
    within: Option<&str>,
    wanted: &[char],
    found: &mut Vec<(u8, Match)>,
) {
    let children = std::mem::take(&mut symbol.children);
    let name = symbol.name.clone();
    if let Some(rank) = rank(&name, wanted) {
        let within = within.map(str::to_owned);
        found.push((
            rank,
            Match {
                file,
                symbol,
                within,
            },
        ));
    }
    for child in children {
        add(file, child, Some(&name), wanted, found);
    }
}

/// How well a name fits; less is better.
fn rank(name: &str, wanted: &[char]) -> Option<u8> {
    let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    if letters == wanted {
        return Some(0);
    }
    if letters.starts_with(wanted) {
        return Some(1);
    }
    if letters
        .windows(wanted.len().max(1))
        .any(|part| part == wanted)
    {
        return Some(2);
    }
    let mut rest = letters.iter();
    wanted.iter().all(|c| rest.any(|l| l == c)).then_some(3)
}
