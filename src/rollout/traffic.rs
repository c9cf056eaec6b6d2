//! What is served, from a release and how far it is.

use std::collections::BTreeMap;

use super::program::Step;
pub use super::split::share_now;
use super::split::{split, stable_of};
use super::state::{Phase, Rollout, State};
use crate::model::{BlueGreen, Mirror, Placed, Plan, PreviewHost, Release, Rule, Share, Split, Strategy, Traffic};

/// What is served.
pub fn traffic(release: &Release, state: &State) -> Traffic {
    let mut rules = release.rules.clone();
    // Once the candidate has everything it needs no other way to it, and that the file names it `stable` changes nothing any more.
    let open = state.rollout.as_ref().filter(|rollout| rollout.is_running() && state.instead.is_none());
    let preview = open.and_then(|rollout| Some((rollout, preview(release.plan.as_ref()?)?)));
    if let Some((rollout, preview)) = preview.filter(|(_, preview)| !preview.header.is_empty()) {
        let send = all_to(release, &rollout.candidate);
        rules.insert(0, Rule { name: "preview".to_owned(), alternatives: vec![preview.header.clone()], send });
    }
    let host = preview
        .and_then(|(rollout, preview)| Some(PreviewHost { host: preview.host.clone()?, version: rollout.candidate.clone() }));
    let (mut split, placed) = (split(release, state), placed(release, state));
    if let Some((from, to)) = withheld(release, state) {
        rules.iter_mut().for_each(|rule| rule.send = moved(&rule.send, from, to));
    }
    if let Some((from, to)) = out_of_service(&placed) {
        rules.iter_mut().for_each(|rule| rule.send = moved(&rule.send, from, to));
        split = moved(&split, from, to);
    }
    Traffic { split, rules, preview: host, mirror: open.and_then(mirror), placed }
}

impl Traffic {
    /// Whether a version gets requests, or copies of some.
    pub(super) fn sends_to(&self, version: &str) -> bool {
        let splits = self.rules.iter().map(|rule| &rule.send).chain([&self.split]);
        let alone = self.preview.iter().map(|preview| &preview.version).chain(self.mirror.iter().map(|mirror| &mirror.version));
        splits.into_iter().any(|split| split.share_of(version) > Share::ZERO) || alone.into_iter().any(|name| name == version)
    }
}

/// While waves go over endpoints, a version may have none in service, and the other one has all of them: what rules say of the one is
/// then the other's, so that nothing is sent to nobody.
fn out_of_service(placed: &BTreeMap<String, Vec<Placed>>) -> Option<(&str, &str)> {
    let serves = |placed: &Vec<Placed>| placed.iter().any(|placed| !placed.draining);
    let of = |serving: bool| placed.iter().find(|(_, placed)| serves(placed) == serving).map(|(name, _)| name.as_str());
    of(false).zip(of(true))
}

/// A version that gets nothing, whatever rules say, and the one that gets what would be its.
fn withheld<'a>(release: &'a Release, state: &'a State) -> Option<(&'a str, &'a str)> {
    if let Some(instead) = &state.instead {
        return Some((&release.stable, &instead.version));
    }
    let rollout = state.rollout.as_ref()?;
    let off = matches!(&rollout.phase, Phase::Off(_));
    off.then(|| (rollout.candidate.as_str(), stable_of(release, rollout)))
}

fn moved(split: &Split, from: &str, to: &str) -> Split {
    let (gone, mut shares) = (split.share_of(from).thousandths(), split.shares().to_vec());
    for (version, share) in &mut shares {
        let after = match version.as_str() {
            name if name == from => 0,
            name if name == to => share.thousandths() + gone,
            _ => continue,
        };
        *share = Share::from_thousandths(after).unwrap_or(Share::FULL);
    }
    Split::new(shares).unwrap_or_else(|| split.clone())
}

fn all_to(release: &Release, version: &str) -> Split {
    let share = |name: &str| if name == version { Share::FULL } else { Share::ZERO };
    Split::new(release.versions.iter().map(|version| (version.name.clone(), share(&version.name))).collect()).unwrap_or_default()
}

fn preview(plan: &Plan) -> Option<&crate::model::Preview> {
    let blue_green = |strategy| match strategy {
        &Strategy::BlueGreen(BlueGreen { ref preview, .. }) => preview.as_ref(),
        _ => None,
    };
    std::iter::once(&plan.strategy).chain(&plan.then).find_map(blue_green)
}

fn mirror(rollout: &Rollout) -> Option<Mirror> {
    let (share, methods) = rollout.program.mirror_at(rollout.at()?.index)?;
    Some(Mirror { version: rollout.candidate.clone(), share, methods: methods.to_vec() })
}

/// Endpoints that are not simply all in service: while waves go over them, and after waves that were to end before the last, where
/// endpoints are of one version alone.
fn placed(release: &Release, state: &State) -> BTreeMap<String, Vec<Placed>> {
    let of = |rollout: &Rollout| {
        let roll = rollout.roll.as_ref()?;
        let (partly, returning) = match &rollout.phase {
            Phase::Step(_) => (roll.in_place() || matches!(rollout.step(), Some(Step::Roll(_) | Step::Gate(_))), false),
            Phase::Off(off) => (off.returning, off.returning),
            Phase::Pending | Phase::Done { .. } => (false, false),
        };
        let known = |(name, _): &(String, Vec<Placed>)| release.version(name).is_some();
        partly.then(|| roll.placed(release, rollout, returning).into_iter().filter(known).collect())
    };
    state.rollout.as_ref().filter(|_| state.instead.is_none()).and_then(of).unwrap_or_default()
}
