//! A set of kinds.

use crate::snapshot::Kind;

/// A set of kinds, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u16;
    }

    pub fn remove(&mut self, kind: Kind) {
        self.0 &= !(1 << kind as u16);
    }

    pub fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    pub fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    /// In the order in which types are sent.
    pub fn iter(mut self) -> impl Iterator<Item = Kind> {
        std::iter::from_fn(move || {
            let kind = *Kind::ALL.get(self.0.trailing_zeros() as usize)?;
            self.remove(kind);
            Some(kind)
        })
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(all: I) -> Kinds {
        let mut kinds = Kinds::default();
        all.into_iter().for_each(|kind| kinds.insert(kind));
        kinds
    }
}
