//! What follows from a view of one kind: worked out when first asked for, once for all streams that are served it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytes::Bytes;
use imbl::ordmap::DiffItem;

use super::{Resource, TypeView, Version};

/// Older views whose differences are remembered. Streams fall behind by a few generations, not by many different ones.
const OLDER: usize = 8;
/// Encoded responses that are remembered. Streams that are served the same are mostly also at the same point.
const BODIES: usize = 32;

/// Names, as one set that many may share.
pub type Names = Arc<BTreeSet<Arc<str>>>;

/// Names whose content is not what it was before.
pub type Changes = Arc<[Arc<str>]>;

/// By name, the names of what refers to it.
type Referrers = Arc<BTreeMap<Arc<str>, Vec<Arc<str>>>>;

/// What follows from a view.
#[derive(Debug, Default)]
pub(super) struct Derived {
    names: OnceLock<Names>,
    referrers: OnceLock<Referrers>,
    changes: Mutex<Vec<(Version, Changes)>>,
    /// By what they are made for. They are few, and the one that is sought is mostly the first.
    bodies: Mutex<Vec<(u128, Body)>>,
}

impl Derived {
    /// What holds of the next view, too, if that has the same names, and the same in each that these refer to.
    pub fn after(&self, same_names: bool, same_refs: bool) -> Derived {
        let names = if same_names { self.names.clone() } else { OnceLock::new() };
        let referrers = if same_refs { self.referrers.clone() } else { OnceLock::new() };
        Derived { names, referrers, ..Derived::default() }
    }
}

impl PartialEq for Derived {
    /// It follows from the rest.
    fn eq(&self, _: &Derived) -> bool {
        true
    }
}

impl Eq for Derived {}

impl TypeView {
    /// The names in it. Whoever subscribes to just these may share the set.
    pub fn names(&self) -> &Names {
        self.derived().names.get_or_init(|| Arc::new(self.iter().map(|(name, _)| name.clone()).collect()))
    }

    /// The resources in it that refer to a name, by their names.
    pub fn referrers(&self, name: &str) -> &[Arc<str>] {
        let all = self.derived().referrers.get_or_init(|| {
            let mut all: BTreeMap<Arc<str>, Vec<Arc<str>>> = BTreeMap::new();
            for (name, resource) in self.iter() {
                resource.refs.iter().for_each(|to| all.entry(to.clone()).or_default().push(name.clone()));
            }
            Arc::new(all)
        });
        all.get(name).map_or(&[], Vec::as_slice)
    }

    /// Names whose content is not what it was in another view, sorted: those that are new, those that are gone, and those that changed.
    pub fn changes_since(&self, before: &TypeView) -> Changes {
        let mut remembered = locked(&self.derived().changes);
        if let Some((_, changes)) = remembered.iter().find(|(version, _)| version == before.version()) {
            return changes.clone();
        }
        // What both share is passed over whole, so this costs what changed.
        let changes: Changes = before.resources().diff(self.resources()).filter_map(changed).cloned().collect();
        if remembered.len() == OLDER {
            remembered.remove(0);
        }
        remembered.push((before.version().clone(), changes.clone()));
        changes
    }

    /// A serial number for a response made of this view: the same for all streams that send the same. `what` must tell one response
    /// from another.
    pub fn serial(&self, what: u128) -> Serial {
        let mut bodies = locked(&self.derived().bodies);
        if let Some(body) = find(&bodies, what) {
            return body.serial;
        }
        if bodies.len() == BODIES {
            bodies.clear();
        }
        let serial = Serial::next();
        bodies.push((what, Body { serial, bytes: Arc::default() }));
        serial
    }

    /// A response made of this view, encoded: made by the first stream that sends it, and shared by all others that send it under the
    /// same serial number.
    pub fn body(&self, what: u128, serial: Serial, make: impl FnOnce() -> Bytes) -> Bytes {
        let bytes = find(&locked(&self.derived().bodies), what).filter(|body| body.serial == serial).map(|body| body.bytes.clone());
        match bytes {
            Some(bytes) => bytes.get_or_init(make).clone(),
            None => make(),
        }
    }
}

/// The name in a difference, if the content is other.
fn changed<'a>(item: DiffItem<'a, 'a, Arc<str>, Arc<Resource>>) -> Option<&'a Arc<str>> {
    match item {
        DiffItem::Add(name, _) | DiffItem::Remove(name, _) => Some(name),
        DiffItem::Update { old: (_, old), new: (name, new) } => (old.version != new.version).then_some(name),
    }
}

fn find(bodies: &[(u128, Body)], what: u128) -> Option<&Body> {
    bodies.iter().find(|(of, _)| *of == what).map(|(_, body)| body)
}

/// An encoded response that streams share.
#[derive(Debug)]
struct Body {
    serial: Serial,
    bytes: Arc<OnceLock<Bytes>>,
}

/// A number that was never given before in this process, and is larger than those that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Serial(pub u64);

impl Serial {
    /// The next one.
    pub fn next() -> Serial {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Serial(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{Kind, Object};

    fn view(entries: &[(&str, &str, &[&str])]) -> TypeView {
        let resource = |(name, content, refs): &(&str, &str, &[&str])| {
            let refs = refs.iter().map(|name| (*name).to_owned()).collect();
            let object = Object { kind: Kind::Route, name: (*name).to_owned(), bytes: content.as_bytes().to_vec(), refs };
            (Arc::from(*name), Arc::new(Resource::new(&object)))
        };
        TypeView::new(entries.iter().map(resource).collect())
    }

    #[test]
    fn changes_are_what_is_new_what_is_gone_and_what_is_other() {
        let before = view(&[("a", "1", &[]), ("b", "1", &[]), ("c", "1", &[])]);
        let after = view(&[("b", "1", &[]), ("c", "2", &[]), ("d", "1", &[])]);
        for _ in 0..2 {
            assert_eq!(after.changes_since(&before).iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["a", "c", "d"]);
            assert_eq!(before.changes_since(&before).len(), 0);
        }
    }

    #[test]
    fn referrers_are_found_from_the_other_end() {
        let routes = view(&[("r", "1", &["x", "y"]), ("s", "1", &["y"])]);
        assert_eq!(routes.referrers("y"), [Arc::from("r"), Arc::from("s")]);
        assert_eq!(routes.referrers("z"), Vec::<Arc<str>>::new());
    }

    #[test]
    fn a_body_is_made_once_for_all_that_send_it_under_its_number() {
        let (routes, mut made) = (view(&[]), 0);
        let mut send = |what, serial| {
            routes.body(what, serial, || {
                made += 1;
                Bytes::new()
            });
            made
        };
        let (one, two) = (routes.serial(1), routes.serial(2));
        assert!(one < two && routes.serial(1) == one);
        assert_eq!([send(1, one), send(2, two), send(1, one)], [1, 2, 2]);
        assert_eq!(send(1, Serial::next()), 3, "another number is another response");
    }
}
