//! The way to what is to be served, where all of it at once would leave requests without an endpoint.

use super::roll::listed;
use crate::model::{Placed, Release, Traffic};

/// What is to be served next, on the way from what is `served` to what is `wanted`. `settled` says that every node has what is served.
///
/// A version that is to have no endpoint in service keeps those it has until no node sends to it any more: a node hears of endpoints
/// before it hears of routes, and a request that it sends in between would find nobody.
pub fn bridge(served: &Traffic, wanted: &Traffic, settled: bool) -> Traffic {
    let mut next = wanted.clone();
    for (version, placed) in &mut next.placed {
        let Some(before) = served.placed.get(version).filter(|before| serves(before)) else { continue };
        if !serves(placed) && (served.sends_to(version) || !settled) {
            placed.clone_from(before);
        }
    }
    next
}

/// What may be served of a release whose rollout is not known to the fleet's end: all endpoints of a version that is to have none in
/// service. From a state that was written down it cannot be told whether nodes had gone all the way to it.
pub fn all_in_service(release: &Release, wanted: &Traffic) -> Traffic {
    let mut served = wanted.clone();
    for (version, placed) in served.placed.iter_mut().filter(|(_, placed)| !placed.is_empty() && !serves(placed)) {
        let there = |placed: &&mut Placed| listed(release, version).contains(&placed.endpoint);
        placed.iter_mut().filter(there).for_each(|placed| placed.draining = false);
    }
    served
}

fn serves(placed: &[Placed]) -> bool {
    placed.iter().any(|placed| !placed.draining)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, Share, Split};

    /// A share in per cent, and of the endpoints of `v1`, `v2` whether each drains.
    fn traffic(v2: u32, v1_drains: &[bool], v2_drains: &[bool]) -> Traffic {
        let share = |percent: u32| Share::from_thousandths(percent * 1000).unwrap();
        let place =
            |draining: &bool| Placed { endpoint: Endpoint { address: "127.0.0.1:1".parse().unwrap() }, draining: *draining };
        let placed = |drains: &[bool]| drains.iter().map(place).collect();
        Traffic {
            split: Split::new(vec![("v1".into(), share(100 - v2)), ("v2".into(), share(v2))]).unwrap(),
            rules: Vec::new(),
            preview: None,
            mirror: None,
            placed: [("v1".into(), placed(v1_drains)), ("v2".into(), placed(v2_drains))].into(),
        }
    }

    #[test]
    fn the_last_endpoints_leave_when_nobody_sends_to_them() {
        let (served, wanted) = (traffic(75, &[false], &[false]), traffic(100, &[true], &[false]));
        let first = bridge(&served, &wanted, true);
        assert_eq!(first, traffic(100, &[false], &[false]));
        assert_eq!(bridge(&first, &wanted, false), first, "a node may not have heard of it");
        assert_eq!(bridge(&first, &wanted, true), wanted);
    }

    #[test]
    fn others_leave_at_once() {
        let (served, wanted) = (traffic(50, &[false, false], &[false]), traffic(75, &[true, false], &[false]));
        assert_eq!(bridge(&served, &wanted, true), wanted);
        let (unused, gone) = (traffic(0, &[false], &[false]), traffic(0, &[false], &[]));
        assert_eq!(bridge(&unused, &gone, true), gone);
    }
}
