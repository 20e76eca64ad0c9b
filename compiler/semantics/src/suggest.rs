//! Names that were nearly right.

use std::collections::BTreeSet;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHasher};

/// The name nearest to `wrong`, if one is near: a letter missing, too many, changed or swapped
/// for each three that there are.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_lowercase().chars().collect();
    let limit = (wrong.len() / 3).clamp(1, 4);
    let mut rows = Rows::default();
    let mut letters = Vec::new();
    names
        .into_iter()
        .filter_map(|name| {
            letters.clear();
            letters.extend(name.chars().flat_map(char::to_lowercase));
            let distance = rows.distance(&wrong, &letters, limit)?;
            // Of those equally near, two letters that changed places are likelier than one lost.
            let lengths = wrong.len().abs_diff(letters.len());
            (distance < wrong.len().max(1)).then_some((distance, lengths, name))
        })
        .min()
        .map(|(.., name)| name)
}

/// Whether `wrong` is nearly `name`.
pub fn is_near(wrong: &str, name: &str) -> bool {
    nearest(wrong, [name]).is_some()
}

/// A key that `key` may have been meant for: one letter more, less or other, two swapped, or written
/// with other capitals or `-` for `_`. Short keys are too near to each other by nature, and those that
/// differ in a digit or in a plural are meant to.
pub fn nearly_equal<'a>(key: &str, keys: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters =
        |text: &str| -> Vec<char> { text.replace('-', "_").to_lowercase().chars().collect() };
    let wanted = letters(key);
    let digits = |letters: &[char]| -> Vec<char> {
        letters
            .iter()
            .copied()
            .filter(char::is_ascii_digit)
            .collect()
    };
    if wanted.len() < 5 {
        return None;
    }
    let plural = |one: &[char], many: &[char]| many.strip_suffix(&['s']) == Some(one);
    let mut rows = Rows::default();
    keys.into_iter().find(|other| {
        other.len().abs_diff(key.len()) <= 1 && {
            let other = letters(other);
            rows.distance(&wanted, &other, 1).is_some()
                && digits(&wanted) == digits(&other)
                && !plural(&wanted, &other)
                && !plural(&other, &wanted)
        }
    })
}

/// Keys by what is left of each without one of its letters: two that differ by a slip have one of those in
/// common, so that a key is compared with few others, however many there are (the "symmetric delete" of
/// W. Garbe's SymSpell, 2012).
#[derive(Default)]
pub struct NearKeys {
    keys: Vec<Arc<str>>,
    holed: FxHashMap<u64, Vec<usize>>,
}

impl NearKeys {
    /// Is there none yet?
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a key.
    pub fn add(&mut self, key: &Arc<str>) {
        for hole in holed(key) {
            self.holed.entry(hole).or_default().push(self.keys.len());
        }
        self.keys.push(key.clone());
    }

    /// Of the keys, what [`nearly_equal`] finds.
    pub fn nearly_equal(&self, key: &str) -> Option<&str> {
        let holes = holed(key).into_iter();
        let numbers = holes.filter_map(|hole| self.holed.get(&hole)).flatten();
        let near: BTreeSet<&str> = numbers
            .filter_map(|number| self.keys.get(*number))
            .map(AsRef::as_ref)
            .collect();
        nearly_equal(key, near)
    }
}

/// What is left of a key as it is, and without each of its letters.
fn holed(key: &str) -> Vec<u64> {
    let key: Vec<char> = key.replace('-', "_").to_lowercase().chars().collect();
    let left = |without: usize| {
        let letters = key.iter().enumerate().filter(|(at, _)| *at != without);
        let mut hasher = FxHasher::default();
        letters.for_each(|(_, letter)| letter.hash(&mut hasher));
        hasher.finish()
    };
    (0..=key.len()).map(left).collect()
}

/// Room for [`Rows::distance`], used again for every name.
#[derive(Default)]
struct Rows {
    before: Vec<usize>,
    row: Vec<usize>,
    next: Vec<usize>,
}

impl Rows {
    /// How many letters to insert, remove, change or swap with their neighbour, if at most
    /// `limit`. A program with a thousand wrong names compares each with all that there are, so
    /// only the cells within `limit` of the diagonal are computed, and none after a row that is
    /// all beyond it (Ukkonen, "Algorithms for approximate string matching", 1985).
    fn distance(&mut self, a: &[char], b: &[char], limit: usize) -> Option<usize> {
        if a.len().abs_diff(b.len()) > limit {
            return None;
        }
        let far = limit + 1;
        let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(far);
        self.row.clear();
        self.row.extend((0..=b.len()).map(|j| j.min(far)));
        self.before.clear();
        for (i, x) in a.iter().enumerate() {
            let first = i.saturating_sub(limit);
            let last = (i + limit + 1).min(b.len());
            self.next.clear();
            self.next.resize(b.len() + 1, far);
            if let Some(start) = self.next.first_mut() {
                *start = (i + 1).min(far);
            }
            let mut least = at(&self.next, 0);
            for (j, y) in b.iter().enumerate().take(last).skip(first) {
                let mut best = (at(&self.row, j + 1) + 1)
                    .min(at(&self.next, j) + 1)
                    .min(at(&self.row, j) + usize::from(x != y));
                if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                    best = best.min(at(&self.before, j - 1) + 1);
                }
                best = best.min(far);
                least = least.min(best);
                if let Some(cell) = self.next.get_mut(j + 1) {
                    *cell = best;
                }
            }
            if least > limit {
                return None;
            }
            std::mem::swap(&mut self.before, &mut self.row);
            std::mem::swap(&mut self.row, &mut self.next);
        }
        let distance = at(&self.row, b.len());
        (distance <= limit).then_some(distance)
    }
}

#[cfg(test)]
mod tests {
    use super::{NearKeys, nearest, nearly_equal};

    #[test]
    fn keys_that_differ_by_a_slip_are_nearly_equal() {
        let keys = ["LOG_LEVEL", "HOST", "QUEUE_1", "db-url"];
        let mut many = NearKeys::default();
        keys.iter().for_each(|key| many.add(&(*key).into()));
        for key in [
            "LOG_LEVLE",
            "LOG_LEVE",
            "LOG_LEVELL",
            "Log-Lavel",
            "DB_URL",
            "HOTS",
            "x",
        ] {
            assert_eq!(many.nearly_equal(key), nearly_equal(key, keys), "{key}");
        }
        assert_eq!(nearly_equal("LOG_LEVLE", keys), Some("LOG_LEVEL"));
        assert_eq!(nearly_equal("Log_Level", keys), Some("LOG_LEVEL"));
        assert_eq!(nearly_equal("DB_URL", keys), Some("db-url"));
        assert_eq!(nearly_equal("POST", keys), None);
        assert_eq!(nearly_equal("QUEUE_2", keys), None);
        assert_eq!(nearly_equal("db_urls", keys), None);
        assert_eq!(nearly_equal("LOG_FORMAT", keys), None);
    }

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["database", "memory", "service_port", "scale"];
        assert_eq!(nearest("databaes", names), Some("database"));
        assert_eq!(nearest("Memory", names), Some("memory"));
        assert_eq!(nearest("scal", names), Some("scale"));
        assert_eq!(nearest("kafka", names), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("prot", ["port", "ports"]), Some("port"));
        assert_eq!(
            nearest("weekly_reprot", ["weekly_report"]),
            Some("weekly_report")
        );
        assert_eq!(nearest("abcdefghi", ["defghiabc"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}
