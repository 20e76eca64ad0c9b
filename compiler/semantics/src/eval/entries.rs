//! The entries of records, maps and cases: most are few, and there are very many of them.

use std::collections::{BTreeMap, btree_map};
use std::rc::Rc;
use std::sync::Arc;

use super::Val;

/// Up to so many entries stand in one sorted block: a B-tree takes room for eleven at once, which
/// is most of the memory of an evaluation where most records have two or three.
const FEW: usize = 32;

/// Values by name, in the order of names. A copy is cheap, and a change of the only holder's
/// happens in place.
#[derive(Clone, Debug)]
pub struct Entries<'db>(Rc<Store<'db>>);

#[derive(Clone, Debug)]
enum Store<'db> {
    Few(Vec<(Arc<str>, Val<'db>)>),
    Many(BTreeMap<Arc<str>, Val<'db>>),
}

impl<'db> Entries<'db> {
    /// Those of a list that is sorted already, each name once.
    fn sorted(mut entries: Vec<(Arc<str>, Val<'db>)>) -> Self {
        entries.shrink_to_fit();
        if entries.len() <= FEW {
            Self(Rc::new(Store::Few(entries)))
        } else {
            Self(Rc::new(Store::Many(entries.into_iter().collect())))
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Val<'db>> {
        match &*self.0 {
            Store::Few(entries) => {
                let at = entries.binary_search_by(|(key, _)| key.as_ref().cmp(name));
                Some(&entries.get(at.ok()?)?.1)
            }
            Store::Many(entries) => entries.get(name),
        }
    }

    /// The value of a name, to be changed: of these entries alone, not of their copies.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Val<'db>> {
        match Rc::make_mut(&mut self.0) {
            Store::Few(entries) => {
                let at = entries.binary_search_by(|(key, _)| key.as_ref().cmp(name));
                Some(&mut entries.get_mut(at.ok()?)?.1)
            }
            Store::Many(entries) => entries.get_mut(name),
        }
    }

    /// Is there an entry of that name?
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Would a change have to copy them first?
    pub fn is_shared(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }

    /// Adds an entry, or takes the place of the one of that name.
    pub fn insert(&mut self, name: Arc<str>, value: Val<'db>) {
        let store = Rc::make_mut(&mut self.0);
        match store {
            Store::Few(entries) => match entries.binary_search_by(|(key, _)| key.cmp(&name)) {
                Ok(at) => {
                    if let Some(entry) = entries.get_mut(at) {
                        entry.1 = value;
                    }
                }
                Err(at) => {
                    entries.insert(at, (name, value));
                    if entries.len() > FEW {
                        *store = Store::Many(std::mem::take(entries).into_iter().collect());
                    }
                }
            },
            Store::Many(entries) => {
                entries.insert(name, value);
            }
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &str) {
        if !self.contains_key(name) {
            return;
        }
        match Rc::make_mut(&mut self.0) {
            Store::Few(entries) => entries.retain(|(key, _)| key.as_ref() != name),
            Store::Many(entries) => {
                entries.remove(name);
            }
        }
    }

    /// Are they one block, of which neither has been changed?
    pub fn is_same_block(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match &*self.0 {
            Store::Few(entries) => entries.len(),
            Store::Many(entries) => entries.len(),
        }
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> Iter<'_, 'db> {
        match &*self.0 {
            Store::Few(entries) => Iter::Few(entries.iter()),
            Store::Many(entries) => Iter::Many(entries.iter()),
        }
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Val<'db>> {
        self.iter().map(|(_, value)| value)
    }
}

impl Default for Entries<'_> {
    fn default() -> Self {
        Self::sorted(Vec::new())
    }
}

/// A later entry takes the place of an earlier one of its name.
impl<'db> FromIterator<(Arc<str>, Val<'db>)> for Entries<'db> {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Val<'db>)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            // The sort is stable: of those of one name the last comes to stand first.
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        Self::sorted(entries)
    }
}

/// Goes over [`Entries`].
pub enum Iter<'a, 'db> {
    /// A sorted block.
    Few(std::slice::Iter<'a, (Arc<str>, Val<'db>)>),
    /// A tree.
    Many(btree_map::Iter<'a, Arc<str>, Val<'db>>),
}

impl<'a, 'db> Iterator for Iter<'a, 'db> {
    type Item = (&'a Arc<str>, &'a Val<'db>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Few(entries) => entries.next().map(|(name, value)| (name, value)),
            Self::Many(entries) => entries.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Few(entries) => entries.size_hint(),
            Self::Many(entries) => entries.size_hint(),
        }
    }
}

impl<'a, 'db> IntoIterator for &'a Entries<'db> {
    type Item = (&'a Arc<str>, &'a Val<'db>);
    type IntoIter = Iter<'a, 'db>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
