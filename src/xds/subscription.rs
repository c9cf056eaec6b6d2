//! What a client asks for, of one type.

use std::collections::BTreeSet;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::snapshot::Names;

/// A resource name.
pub type Name = Arc<str>;

/// The names a client subscribes to, and whether it wants everything.
///
/// The rules are those of "How the client specifies what resources to return" in the xDS protocol specification: a first request
/// without names is a wildcard for LDS and CDS alone; `*` is the explicit wildcard; and once names were given, an empty list means
/// nothing, never everything again.
#[derive(Debug, Default)]
pub struct Subscription {
    /// Most clients subscribe to what most others do: the set is shared with them.
    names: Names,
    wildcard: Wildcard,
    /// Of the list that was asked for last in SotW, to know it again.
    list: u128,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    /// No request has come yet.
    #[default]
    Unasked,
    /// By a first request without names.
    Legacy,
    /// By the name `*`.
    Explicit,
    /// Names only.
    Never,
}

/// How a request changed the subscription.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Names that are new, and must be answered. In delta also those asked for again.
    pub added: Vec<Name>,
    /// Names that were dropped.
    pub dropped: Vec<Name>,
    /// Everything is wanted now, and was not before.
    pub wildcard_gained: bool,
    /// Everything was wanted before, and is no more.
    pub wildcard_lost: bool,
}

impl Subscription {
    /// Whether everything is wanted.
    pub fn is_wildcard(&self) -> bool {
        matches!(self.wildcard, Wildcard::Legacy | Wildcard::Explicit)
    }

    /// Whether this name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.is_wildcard() || self.names.contains(name)
    }

    /// The names asked for one by one.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.is_wildcard()
    }

    /// A SotW request: the list replaces what was asked before. `may_wildcard` is true for LDS and CDS. A set that is equal to
    /// `known` is shared with it.
    pub fn replace(&mut self, names: &[String], may_wildcard: bool, known: &Names) -> Change {
        let before = self.is_wildcard();
        let star = may_wildcard && names.iter().any(|name| name == "*");
        let legacy = may_wildcard && names.is_empty() && matches!(self.wildcard, Wildcard::Unasked | Wildcard::Legacy);
        self.wildcard = match (star, legacy) {
            (true, _) => Wildcard::Explicit,
            (_, true) => Wildcard::Legacy,
            _ => Wildcard::Never,
        };
        // Every ACK repeats the list, and most clients begin with the names of all there is.
        let list = digest(names);
        if std::mem::replace(&mut self.list, list) == list || are(names, &self.names) {
            return self.change(before, Vec::new(), Vec::new());
        }
        if self.names.is_empty() && are(names, known) {
            self.names = known.clone();
            return self.change(before, known.iter().cloned().collect(), Vec::new());
        }
        let wanted: BTreeSet<&str> = names.iter().map(String::as_str).filter(|name| !(may_wildcard && *name == "*")).collect();
        let dropped: Vec<Name> = self.names.iter().filter(|name| !wanted.contains(name.as_ref())).cloned().collect();
        let added: Vec<Name> = wanted.iter().filter(|name| !self.names.contains(**name)).map(|name| Name::from(*name)).collect();
        if !(dropped.is_empty() && added.is_empty()) {
            let own = Arc::make_mut(&mut self.names);
            own.retain(|name| wanted.contains(name.as_ref()));
            own.extend(added.iter().cloned());
            self.share(known);
        }
        self.change(before, added, dropped)
    }

    fn share(&mut self, known: &Names) {
        if self.names == *known {
            self.names = known.clone();
        }
    }

    /// A delta request: first what is subscribed to, then what is dropped. `first` says that it is the first of its type. A set that
    /// is equal to `known` is shared with it.
    pub fn amend(
        &mut self,
        subscribe: &[String],
        unsubscribe: &[String],
        may_wildcard: bool,
        first: bool,
        known: &Names,
    ) -> Change {
        let before = self.is_wildcard();
        if first {
            let legacy = may_wildcard && subscribe.is_empty();
            self.wildcard = if legacy { Wildcard::Legacy } else { Wildcard::Never };
        }
        if self.names.is_empty() && unsubscribe.is_empty() && are(subscribe, known) {
            self.names = known.clone();
            return self.change(before, known.iter().cloned().collect(), Vec::new());
        }
        let mut added = Vec::new();
        for name in subscribe {
            if may_wildcard && name == "*" {
                self.wildcard = Wildcard::Explicit;
                continue;
            }
            let name = known.get(name.as_str()).cloned().unwrap_or_else(|| Name::from(name.as_str()));
            if !self.names.contains(&name) {
                Arc::make_mut(&mut self.names).insert(name.clone());
            }
            added.push(name);
        }
        let mut dropped = Vec::new();
        for name in unsubscribe {
            if may_wildcard && name == "*" {
                self.wildcard = Wildcard::Never;
            } else if self.names.contains(name.as_str()) {
                let own = Arc::make_mut(&mut self.names);
                if let Some(name) = own.take(name.as_str()) {
                    added.retain(|other| *other != name);
                    dropped.push(name);
                }
            }
        }
        if !(added.is_empty() && dropped.is_empty()) {
            self.share(known);
        }
        self.change(before, added, dropped)
    }

    fn change(&self, before: bool, added: Vec<Name>, dropped: Vec<Name>) -> Change {
        let now = self.is_wildcard();
        Change { added, dropped, wildcard_gained: now && !before, wildcard_lost: before && !now }
    }
}

/// Whether a list names just this set. Clients have orders of their own.
fn are(list: &[String], set: &Names) -> bool {
    let in_order = |list: &mut dyn Iterator<Item = &str>| list.eq(set.iter().map(Name::as_ref));
    if list.len() != set.len() {
        return false;
    }
    in_order(&mut list.iter().map(String::as_str)) || {
        let mut sorted: Vec<&str> = list.iter().map(String::as_str).collect();
        sorted.sort();
        in_order(&mut sorted.into_iter())
    }
}

/// A digest of a list, in its order; 0 is of the empty list.
fn digest(list: &[String]) -> u128 {
    list.iter().fold(0, |digest, name| xxh3_128_with_seed(name.as_bytes(), digest as u64).wrapping_add(digest >> 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn sotw_goes_from_wildcard_to_names_to_nothing_and_never_back() {
        let mut sub = Subscription::default();
        assert!(sub.replace(&[], true, &Names::default()).wildcard_gained);
        assert!(!sub.replace(&[], true, &Names::default()).wildcard_gained, "still the same wildcard");
        assert!(sub.is_wildcard());
        let change = sub.replace(&list(&["*", "A"]), true, &Names::default());
        assert_eq!((sub.is_wildcard(), change.added.len()), (true, 1));
        let change = sub.replace(&list(&["A"]), true, &Names::default());
        assert!(change.wildcard_lost && sub.wants("A") && !sub.wants("B"));
        assert_eq!(sub.replace(&[], true, &Names::default()).dropped, vec![Name::from("A")]);
        assert!(sub.is_empty());
        sub.replace(&[], true, &Names::default());
        assert!(sub.is_empty(), "no names after names is nothing");
    }

    #[test]
    fn types_without_wildcard_take_a_first_empty_list_as_nothing() {
        let mut sub = Subscription::default();
        sub.replace(&[], false, &Names::default());
        assert!(sub.is_empty());
        sub.replace(&list(&["*"]), false, &Names::default());
        assert!(!sub.is_wildcard(), "a star is a name like any other here");
    }

    #[test]
    fn who_subscribes_to_what_there_is_shares_its_names() {
        let known: Names = Arc::new(["A", "B"].map(Name::from).into());
        let (mut sotw, mut delta) = (Subscription::default(), Subscription::default());
        sotw.replace(&list(&["B", "A"]), false, &known);
        delta.amend(&list(&["A"]), &[], false, true, &known);
        assert!(Arc::ptr_eq(sotw.names(), &known) && !Arc::ptr_eq(delta.names(), &known));
        delta.amend(&list(&["B"]), &[], false, false, &known);
        assert!(Arc::ptr_eq(delta.names(), &known));
        delta.amend(&[], &list(&["B"]), false, false, &known);
        assert!(!delta.wants("B") && known.contains("B"), "what one drops the others keep");
    }

    #[test]
    fn delta_subscribes_first_and_unsubscribes_then() {
        let mut sub = Subscription::default();
        let change = sub.amend(&list(&["*"]), &list(&["*"]), true, true, &Names::default());
        assert!(sub.is_empty() && !change.wildcard_gained && !change.wildcard_lost);
    }

    #[test]
    fn delta_legacy_wildcard_survives_names_and_ends_by_star() {
        let mut sub = Subscription::default();
        assert!(sub.amend(&[], &[], true, true, &Names::default()).wildcard_gained);
        sub.amend(&list(&["A"]), &[], true, false, &Names::default());
        assert!(sub.is_wildcard());
        assert!(sub.amend(&[], &list(&["*"]), true, false, &Names::default()).wildcard_lost);
        assert!(sub.wants("A") && !sub.wants("B"));
        sub.amend(&[], &list(&["A", "never-asked"]), true, false, &Names::default());
        assert!(sub.is_empty());
    }
}
