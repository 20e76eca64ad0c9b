//! Chains of those who set values, each once.

use std::hash::{Hash as _, Hasher as _};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

use super::SiteKey;

/// Chains of those who set values, by their numbers; one behind the other in one block, as most
/// are a single site and there is one for each leaf of a graph.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sites {
    all: Vec<SiteKey>,
    ends: Vec<u32>,
}

impl Sites {
    /// Adds a chain, the winner first; its number.
    fn push(&mut self, chain: &[SiteKey]) -> u32 {
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.all.extend_from_slice(chain);
        let end = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.ends.push(end);
        number
    }

    /// How many chains there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The chain of that number; an empty one where there is none.
    pub fn get(&self, number: u32) -> &[SiteKey] {
        self.some(number as usize, 1).next().unwrap_or_default()
    }

    /// So many chains from that number on, in the order of their numbers.
    pub fn some(&self, from: usize, count: usize) -> impl Iterator<Item = &[SiteKey]> {
        let before = from.checked_sub(1).and_then(|last| self.ends.get(last));
        let mut start = before.map_or(0, |end| *end as usize);
        self.ends.iter().skip(from).take(count).map(move |end| {
            let end = *end as usize;
            let chain = self.all.get(start..end).unwrap_or(&[]);
            start = end;
            chain
        })
    }
}

/// The same while chains are added. There are hundreds of thousands: the table that finds them has
/// their numbers alone, and looks at the chains where they stand.
#[derive(Debug, Default)]
pub struct Interned {
    sites: Sites,
    numbers: HashTable<u32>,
}

impl Interned {
    /// None yet, with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        Self {
            sites: Sites {
                all: Vec::with_capacity(count),
                ends: Vec::with_capacity(count),
            },
            numbers: HashTable::with_capacity(count),
        }
    }

    /// The number of a chain: one for all that are equal.
    pub fn number(&mut self, chain: &[SiteKey]) -> u32 {
        let sites = &self.sites;
        let entry = self.numbers.entry(
            hash(chain),
            |number| sites.get(*number) == chain,
            |number| hash(sites.get(*number)),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(known) => *known.get(),
            hashbrown::hash_table::Entry::Vacant(new) => {
                let number = self.sites.push(chain);
                new.insert(number);
                number
            }
        }
    }

    /// The chains, by their numbers.
    pub fn into_sites(self) -> Sites {
        self.sites
    }
}

fn hash(chain: &[SiteKey]) -> u64 {
    let mut hasher = FxHasher::default();
    chain.hash(&mut hasher);
    hasher.finish()
}
