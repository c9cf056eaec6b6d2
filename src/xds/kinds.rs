//! A set of kinds.

use crate::snapshot::Kind;

/// A set of kinds, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    /// All of them.
    pub fn all() -> Kinds {
        Kinds(u16::MAX)
    }

    pub fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u16;
    }

    pub fn remove(&mut self, kind: Kind) {
        self.0 &= !(1 << kind as u16);
    }

    pub fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    /// In the order in which types are sent.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}
