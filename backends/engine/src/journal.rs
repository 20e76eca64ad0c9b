//! The write-ahead journal: what is going to be done, before it is done, and what came of it.
//!
//! One record a line: the first 16 digits of the digest of the rest, a space, JSON. A record is
//! on disk before what it announces is begun. A line that a crash cut short is recognised and
//! dropped; a bad line with good ones after it is damage, and an error.

use plat_model::Digest;
use serde::{Deserialize, Serialize};

use crate::backend::{Done, OpError};
use crate::lease::Holder;
use crate::plan::{Operation, Token};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number: one more than that of the record before, over the life of the state.
    pub seq: u64,
    /// The fencing token of the lease it was written under.
    pub fence: u64,
    /// What it tells.
    pub event: Event,
}

/// What a record tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Somebody took the lease.
    Took {
        /// Who.
        holder: Holder,
    },
    /// An operation is about to be done.
    Intent {
        /// It, with its token and precondition.
        operation: Box<Operation>,
    },
    /// An operation was done.
    Result {
        /// Which.
        token: Token,
        /// How it ended.
        done: Done,
    },
    /// An operation failed, as far as its target told.
    Failed {
        /// Which.
        token: Token,
        /// How.
        error: Box<OpError>,
    },
}

/// The journal as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// Its whole records.
    pub records: Vec<Record>,
    /// How many bytes of the file they take.
    pub valid: usize,
}

/// A journal that can't be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is damaged, and records stand after it")]
pub struct Damaged {
    /// Which line, from 1.
    pub line: usize,
}

const MARK: usize = 16;

/// The line of a record, with its end.
pub(crate) fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_string(record)?;
    Ok(format!("{} {json}\n", mark(&json)).into_bytes())
}

fn mark(json: &str) -> String {
    Digest::of(json.as_bytes())
        .as_str()
        .chars()
        .take(MARK)
        .collect()
}

fn decode(line: &[u8]) -> Option<Record> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (found, json) = line.split_once(' ')?;
    (found == mark(json)).then(|| serde_json::from_str(json).ok())?
}

/// Reads a journal, dropping a record that was cut short at its end.
pub(crate) fn parse(bytes: &[u8]) -> Result<Journal, Damaged> {
    let mut journal = Journal::default();
    let mut bad = None;
    for (i, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        match (decode(line), bad) {
            (Some(record), None) => {
                journal.records.push(record);
                journal.valid += line.len();
            }
            (Some(_), Some(line)) => return Err(Damaged { line }),
            (None, None) => bad = Some(i + 1),
            (None, Some(_)) => {}
        }
    }
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use super::{Damaged, Event, Record, encode, parse};
    use crate::backend::Done;
    use crate::plan::Token;

    fn records(n: u64) -> Vec<Record> {
        (1..=n)
            .map(|seq| Record {
                seq,
                fence: 1,
                event: Event::Result {
                    token: Token(format!("t{seq}")),
                    done: Done::Gone { data_kept_at: None },
                },
            })
            .collect()
    }

    fn bytes(records: &[Record]) -> Vec<u8> {
        records.iter().flat_map(|r| encode(r).unwrap()).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_gives_its_whole_records() {
        let all = records(3);
        let whole = bytes(&all);
        for len in 0..=whole.len() {
            let journal = parse(&whole[..len]).unwrap();
            let lines = whole[..len].iter().filter(|b| **b == b'\n').count();
            assert_eq!(journal.records, all[..lines], "cut at {len}");
            assert_eq!(journal.valid, bytes(&all[..lines]).len());
        }
    }

    #[test]
    fn a_tail_of_zeroes_is_dropped() {
        let all = records(2);
        let mut torn = bytes(&all);
        torn.extend([0; 512]);
        assert_eq!(parse(&torn).unwrap().records, all);
    }

    #[test]
    fn damage_in_the_middle_is_an_error() {
        let mut damaged = bytes(&records(3));
        damaged[30] ^= 1;
        assert_eq!(parse(&damaged), Err(Damaged { line: 1 }));
    }
}
