//! Looking things up in the order of their names.

use std::collections::BTreeMap;
use std::collections::btree_map::Iter;
use std::iter::Peekable;

/// Goes through a map beside something else that is sorted by the same keys. Where thousands are
/// looked up one after the other, each is but a step from the one before.
pub(crate) struct InStep<'a, K, V>(Peekable<Iter<'a, K, V>>);

impl<'a, K: Ord, V> InStep<'a, K, V> {
    pub(crate) fn through(map: &'a BTreeMap<K, V>) -> Self {
        Self(map.iter().peekable())
    }

    /// The value of a key, which must not be less than the one asked for before.
    pub(crate) fn at(&mut self, key: &K) -> Option<&'a V> {
        while self.0.next_if(|(there, _)| *there < key).is_some() {}
        let (there, value) = self.0.peek()?;
        (*there == key).then_some(*value)
    }
}
