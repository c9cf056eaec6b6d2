//! What is said once of each type on a stream, and not again.

use xxhash_rust::xxh3::xxh3_64;

use crate::snapshot::Kind;
use crate::xds::kinds::Kinds;

/// Types that are not served and that one stream may ask for, each of which is told of. An Envoy knows fewer than these; who asks for
/// more makes them up.
const UNKNOWN: usize = 16;

/// What was said of a stream's types.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Types that are not served, by a hash of their name, as a name may be long.
    unknown: Vec<u64>,
    large: Kinds,
}

impl Noted {
    /// Whether to say that this type is not served.
    pub fn unknown(&mut self, type_url: &str) -> bool {
        let hash = xxh3_64(type_url.as_bytes());
        if self.unknown.len() == UNKNOWN || self.unknown.contains(&hash) {
            return false;
        }
        self.unknown.push(hash);
        true
    }

    /// Whether to say that responses of this type are large.
    pub fn large(&mut self, kind: Kind) -> bool {
        let new = !self.large.contains(kind);
        self.large.insert(kind);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n1_each_unknown_type_is_told_of_once_and_no_more_than_a_few_are() {
        let mut noted = Noted::default();
        assert_eq!(["a", "b", "a", "b", "c"].map(|name| noted.unknown(name)), [true, true, false, false, true]);
        let told = (0..1000).filter(|turn| noted.unknown(&turn.to_string())).count();
        assert_eq!(told, UNKNOWN - 3);
        assert!(!noted.unknown("a"));
    }

    #[test]
    fn m4_each_type_is_told_of_once() {
        let mut noted = Noted::default();
        let kinds = [Kind::Cluster, Kind::Cluster, Kind::Route, Kind::Cluster];
        assert_eq!(kinds.map(|kind| noted.large(kind)), [true, false, true, false]);
    }
}
