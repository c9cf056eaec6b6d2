//! `rolling`.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fields::Fields;
use super::hook;
use super::scalar::{any_scalar, duration, number, some_share};
use super::versions::Versions;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Entry, Node, Span};
use crate::model::{Backends, Batch, Endpoint, Hook, Rolling, Share, Version, code};

/// Reads `rolling`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Rolling> {
    let fields = Fields::of(notes, node, "`rolling`", &["batch", "pause", "drain", "upgrade", "until"])?;
    let batch = fields.need(notes, "batch", "25%").and_then(|node| batch(notes, node));
    let pause = fields.get("pause").map(|node| duration(notes, node, "`pause`"));
    let drain = fields.get("drain").map(|node| duration(notes, node, "`drain`"));
    let upgrade = fields.get("upgrade").map(|node| upgrade(notes, node));
    let until = fields.get("until").map(|node| some_share(notes, node, "`until`"));
    Some(Rolling {
        batch: batch?,
        pause: pause.unwrap_or(Some(Duration::ZERO))?,
        drain: drain.unwrap_or(Some(Rolling::DRAIN))?,
        upgrade: upgrade.map_or(Some(None), |hook| hook.map(Some))?,
        until: until.unwrap_or(Some(Share::FULL))?,
    })
}

/// A share, or a bare number, whose unit is endpoints.
fn batch(notes: &mut Notes, node: &Node) -> Option<Batch> {
    let scalar = any_scalar(notes, node, "`batch`")?;
    if scalar.text.bytes().all(|b| b.is_ascii_digit()) {
        return number(notes, node, "`batch`", 1..=100_000).map(Batch::Count);
    }
    some_share(notes, node, "`batch`").map(Batch::Share)
}

fn upgrade(notes: &mut Notes, node: &Node) -> Option<Hook> {
    let fields = Fields::of(notes, node, "`upgrade`", &["hook"])?;
    let hook = fields.need(notes, "hook", "https://deployer.internal/upgrade")?;
    hook::read(notes, hook)
}

/// Refuses versions that waves cannot go over: endpoints that are not known here, and in place others than those there are.
pub(super) fn refuse_unrollable(notes: &mut Notes, versions: &Versions, entry: &Entry, rolling: &Rolling, names: [&str; 2]) {
    let [Some(stable), Some(candidate)] = names.map(|name| versions.read_as(name)) else { return };
    let resolved = [stable, candidate].into_iter().find(|(version, _)| matches!(version.backends, Backends::Dns { .. }));
    if let Some(resolved) = resolved {
        refuse_resolved(notes, entry, resolved);
    } else if rolling.upgrade.is_some() && endpoints(stable.0) != endpoints(candidate.0) {
        let upgrade = entry.value.entry("upgrade").unwrap_or(entry);
        let title = format!("{} and {} have different endpoints", quoted(&stable.0.name), quoted(&candidate.0.name));
        notes
            .error(code::NOT_IN_PLACE, &upgrade.key.span, title)
            .label("an upgrade in place turns endpoints of one version into those of the other")
            .also(stable.1, "these")
            .also(candidate.1, "and these")
            .help("list the same endpoints under both; or take `upgrade` out, and each version has endpoints of its own");
    }
}

fn refuse_resolved(notes: &mut Notes, entry: &Entry, (version, at): (&Version, &Span)) {
    let title = format!("{} cannot be rolled endpoint by endpoint", quoted(&version.name));
    notes
        .error(code::ROLLING_OVER_DNS, &entry.key.span, title)
        .label("waves go over endpoints")
        .also(at, "which each Envoy resolves for itself here")
        .help("list its endpoints, or name a `file` of them; or release it by `canary` or `blue_green`");
}

fn endpoints(version: &Version) -> BTreeSet<Endpoint> {
    version.backends.endpoints().unwrap_or_default().iter().copied().collect()
}
