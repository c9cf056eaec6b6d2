//! What is known of endpoints.

use std::collections::BTreeMap;

use crate::model::Endpoint;

/// The health of each endpoint that is known, from what is known by each way in which it is asked: it is healthy if it is by all of
/// them, and unhealthy if it is by one.
pub(super) fn facts(known: impl IntoIterator<Item = (Endpoint, Option<bool>)>) -> BTreeMap<Endpoint, bool> {
    let mut facts = BTreeMap::new();
    for (endpoint, healthy) in known {
        let fact = facts.entry(endpoint).or_insert(Some(true));
        *fact = match (*fact, healthy) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            (Some(true), Some(true)) => Some(true),
        };
    }
    facts.into_iter().filter_map(|(endpoint, fact)| Some((endpoint, fact?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_must_agree_that_it_is_well() {
        let endpoint = |port| Endpoint { address: ([127, 0, 9, 1], port).into() };
        let known = [
            (1, Some(true)),
            (2, Some(true)),
            (2, Some(true)),
            (3, Some(true)),
            (3, Some(false)),
            (4, None),
            (4, Some(true)),
            (5, Some(false)),
            (5, None),
        ];
        let found = facts(known.map(|(port, healthy)| (endpoint(port), healthy)));
        let want = [(1, true), (2, true), (3, false), (5, false)];
        assert_eq!(found, want.map(|(port, healthy)| (endpoint(port), healthy)).into());
    }
}
