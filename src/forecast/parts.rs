//! Which parts of a file say something else.

use crate::model::{Config, Plan, Release};

/// Those of a release, by their keys.
pub(super) fn of_release(old: &Release, new: &Release) -> Vec<&'static str> {
    let candidate = |release: &Release| release.plan.as_ref().and_then(|plan| plan.candidate.clone());
    let strategy = |release: &Release| release.plan.clone().map(|plan| Plan { candidate: None, ..plan });
    other(&[
        ("hosts", old.hosts == new.hosts),
        ("path", old.path == new.path),
        ("fleets", old.fleets == new.fleets),
        ("versions", old.versions == new.versions),
        ("stable", old.stable == new.stable),
        ("candidate", candidate(old) == candidate(new)),
        ("split", old.split == new.split),
        ("strategy", strategy(old) == strategy(new)),
        ("rules", old.rules == new.rules),
        ("upstream", old.upstream == new.upstream),
    ])
}

/// Those of the configuration.
pub(super) fn of_config(old: &Config, new: &Config) -> Vec<&'static str> {
    other(&[
        ("listeners", old.listeners == new.listeners),
        ("fleets", old.fleets == new.fleets),
        ("notifications", old.notifications == new.notifications),
        ("xds", old.xds_tls == new.xds_tls),
        ("admin", old.admin_tls == new.admin_tls),
    ])
}

fn other(parts: &[(&'static str, bool)]) -> Vec<&'static str> {
    parts.iter().filter(|(_, same)| !same).map(|(key, _)| *key).collect()
}
