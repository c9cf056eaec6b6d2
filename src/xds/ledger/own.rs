//! Records by name: mostly none, or one while an update is under way.

use std::collections::BTreeMap;
use std::mem;

use either::Either;

use super::Entry;
use crate::xds::subscription::Name;

/// A record of a name; `None` says that the client does not hold it, although the whole has it.
pub(super) type Record = Option<Box<Entry>>;

/// So many are looked through faster than a tree, and lie in one piece of memory instead of five.
const FEW: usize = 8;

/// Records by name, in order.
#[derive(Debug)]
pub(super) enum Own {
    Few(Vec<(Name, Record)>),
    Many(BTreeMap<Name, Record>),
}

impl Default for Own {
    fn default() -> Own {
        Own::Few(Vec::new())
    }
}

impl Own {
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        match self {
            Own::Few(few) => few.len(),
            Own::Many(many) => many.len(),
        }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn get(&self, name: &str) -> Option<&Record> {
        match self {
            Own::Few(few) => find(few, name).ok().map(|at| &few[at].1),
            Own::Many(many) => many.get(name),
        }
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut Record> {
        match self {
            Own::Few(few) => find(few, name).ok().map(|at| &mut few[at].1),
            Own::Many(many) => many.get_mut(name),
        }
    }

    /// In place of what is there under this name.
    pub fn insert(&mut self, name: Name, record: Record) {
        match self {
            Own::Few(few) => match find(few, &name) {
                Ok(at) => few[at].1 = record,
                Err(at) if few.len() < FEW => few.insert(at, (name, record)),
                Err(_) => {
                    *self = Own::Many(mem::take(few).into_iter().collect());
                    self.insert(name, record);
                }
            },
            Own::Many(many) => drop(many.insert(name, record)),
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<Record> {
        match self {
            Own::Few(few) => find(few, name).ok().map(|at| few.remove(at).1),
            Own::Many(many) => many.remove(name),
        }
    }

    /// Keeps those alone. None keep no room.
    pub fn retain(&mut self, mut keep: impl FnMut(&Name, &Record) -> bool) {
        match self {
            Own::Few(few) => few.retain(|(name, record)| keep(name, record)),
            Own::Many(many) => many.retain(|name, record| keep(name, record)),
        }
        if self.is_empty() {
            *self = Own::default();
        }
    }

    pub fn extend(&mut self, records: impl IntoIterator<Item = (Name, Record)>) {
        records.into_iter().for_each(|(name, record)| self.insert(name, record));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Record)> {
        match self {
            Own::Few(few) => Either::Left(few.iter().map(|(name, record)| (name, record))),
            Own::Many(many) => Either::Right(many.iter()),
        }
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Name, &mut Record)> {
        match self {
            Own::Few(few) => Either::Left(few.iter_mut().map(|(name, record)| (&*name, record))),
            Own::Many(many) => Either::Right(many.iter_mut()),
        }
    }

    /// The records, without names.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.iter().filter_map(|(_, record)| record.as_deref())
    }

    /// The records, without names.
    pub fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.iter_mut().filter_map(|(_, record)| record.as_deref_mut())
    }
}

impl FromIterator<(Name, Record)> for Own {
    fn from_iter<I: IntoIterator<Item = (Name, Record)>>(records: I) -> Own {
        let mut own = Own::default();
        own.extend(records);
        own
    }
}

fn find(few: &[(Name, Record)], name: &str) -> Result<usize, usize> {
    few.binary_search_by(|(known, _)| known.as_ref().cmp(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However few or many there are, they are those of a tree.
        #[test]
        fn few_are_as_many(steps in prop::collection::vec((0u8..4, 0u8..24), 0..80)) {
            let (mut own, mut tree) = (Own::default(), BTreeMap::<Name, bool>::new());
            for (what, which) in steps {
                let name = Name::from(format!("n{which:02}"));
                let entry = || Some(Box::new(Entry::told("1")));
                match what {
                    0 => {
                        tree.insert(name.clone(), false);
                        own.insert(name, None);
                    }
                    1 => {
                        tree.insert(name.clone(), true);
                        own.insert(name, entry());
                    }
                    2 => prop_assert_eq!(own.remove(&name).is_some(), tree.remove(&name).is_some()),
                    _ => {
                        own.retain(|known, _| *known >= name);
                        tree.retain(|known, _| *known >= name);
                    }
                }
                let found: Vec<_> = own.iter().map(|(name, record)| (name.clone(), record.is_some())).collect();
                prop_assert_eq!(&found, &tree.clone().into_iter().collect::<Vec<_>>());
                prop_assert_eq!((own.len(), own.is_empty()), (tree.len(), tree.is_empty()));
                for (name, record) in &tree {
                    prop_assert_eq!(own.get(name).map(Option::is_some), Some(*record));
                    prop_assert_eq!(own.get_mut(name).map(|found| found.is_some()), Some(*record));
                }
                prop_assert_eq!(own.entries().count(), own.entries_mut().count());
            }
        }
    }
}
