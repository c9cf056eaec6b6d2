//! Where the endpoints are while waves go over them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::split::stable_of;
use super::state::{Calling, Rollout};
use crate::model::{Batch, Endpoint, Placed, Release, Rolling, Share};

/// Waves over the endpoints, and where these are. What is in service as stable follows from the release and from what is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Roll {
    /// How waves are taken.
    pub spec: Rolling,
    /// Endpoints that they go over: stable's, as the file lists them now.
    pub total: u32,
    /// Counts the waves, from 1; 0 before the first.
    pub wave: u32,
    /// On their way out: they get no new requests.
    pub out: Vec<Endpoint>,
    /// Stable's that have left, where the candidate has endpoints of its own.
    pub gone: Vec<Endpoint>,
    /// In service as the candidate.
    pub new: Vec<Endpoint>,
    /// Where the wave stands.
    pub stage: WaveStage,
}

/// Where a wave stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum WaveStage {
    /// The next one is to begin.
    Next,
    /// These are asked whether they are well, before they are given requests.
    Checking(Vec<Endpoint>),
    /// Requests in flight are waited for; since every node knows that no new ones are to come.
    Draining(Option<Timestamp>),
    /// Somebody is asked to upgrade those on their way out.
    Calling(Calling),
    /// Time passes, and checks are watched.
    Pausing(Timestamp),
}

impl Roll {
    /// Before the first wave.
    pub(super) fn new(spec: Rolling, release: &Release, rollout: &Rollout) -> Roll {
        let total = u32::try_from(listed(release, stable_of(release, rollout)).len()).unwrap_or(u32::MAX);
        Roll { spec, total, wave: 0, out: Vec::new(), gone: Vec::new(), new: Vec::new(), stage: WaveStage::Next }
    }

    /// Whether endpoints are upgraded where they are.
    pub fn in_place(&self) -> bool {
        self.spec.upgrade.is_some()
    }

    /// Endpoints a wave takes. One is left to serve if endpoints are upgraded where they are.
    pub fn batch(&self) -> usize {
        let of_all = match self.spec.batch {
            Batch::Count(count) => count,
            Batch::Share(share) => part(self.total, share),
        };
        let most = if self.in_place() { self.total.saturating_sub(1) } else { self.total };
        usize::try_from(of_all.max(1).min(most)).unwrap_or(usize::MAX)
    }

    /// Waves in all, as far as it can be told.
    pub fn waves(&self) -> u32 {
        let all = self.goal().div_ceil(self.batch().max(1));
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Stable's endpoints that are gone when the waves are over.
    fn goal(&self) -> usize {
        let goal = u64::from(self.total) * u64::from(self.spec.until.thousandths());
        usize::try_from(goal.div_ceil(u64::from(Share::FULL.thousandths()))).unwrap_or(usize::MAX)
    }

    /// How many of stable's leave with the next wave.
    pub(super) fn leaving(&self) -> usize {
        let gone = if self.in_place() { self.new.len() } else { self.gone.len() };
        self.batch().min(self.goal().saturating_sub(gone))
    }

    /// Stable's endpoints in service.
    pub fn old(&self, release: &Release, rollout: &Rollout) -> Vec<Endpoint> {
        let taken = |endpoint: &Endpoint| {
            self.out.contains(endpoint) || self.gone.contains(endpoint) || (self.in_place() && self.new.contains(endpoint))
        };
        listed(release, stable_of(release, rollout)).iter().filter(|endpoint| !taken(endpoint)).copied().collect()
    }

    /// The candidate's endpoints that are not in service yet, where it has its own.
    pub(super) fn spare(&self, release: &Release, rollout: &Rollout) -> Vec<Endpoint> {
        listed(release, &rollout.candidate).iter().filter(|endpoint| !self.new.contains(endpoint)).copied().collect()
    }

    /// The candidate's share: that of its endpoints among those in service.
    pub fn share(&self, release: &Release, rollout: &Rollout) -> Share {
        let (new, old) = (self.new.len() as u64, self.old(release, rollout).len() as u64);
        if new == 0 {
            return Share::ZERO;
        }
        let share = new * u64::from(Share::FULL.thousandths()) / (new + old);
        u32::try_from(share).ok().and_then(Share::from_thousandths).unwrap_or(Share::FULL)
    }

    /// The candidate's share while its endpoints go back: nothing, if stable's can bear what a wave leaves them with.
    pub fn share_returning(&self, release: &Release, rollout: &Rollout) -> Share {
        let enough = (self.total as usize).saturating_sub(self.batch()).max(1);
        if self.old(release, rollout).len() >= enough { Share::ZERO } else { self.share(release, rollout) }
    }

    /// Whether the waves have come to where they end.
    pub(super) fn is_over(&self, release: &Release, rollout: &Rollout) -> bool {
        self.out.is_empty() && (self.leaving() == 0 || self.old(release, rollout).is_empty()) && !self.new.is_empty()
    }

    /// What is in service of stable and of the candidate. Those on their way out are of stable, or of the candidate if they go back.
    pub(super) fn placed(&self, release: &Release, rollout: &Rollout, returning: bool) -> [(String, Vec<Placed>); 2] {
        let serving = |endpoint: Endpoint| Placed { endpoint, draining: false };
        let leaving = || self.out.iter().map(|endpoint| Placed { endpoint: *endpoint, draining: true });
        let mut old: Vec<Placed> = self.old(release, rollout).into_iter().map(serving).collect();
        let mut new: Vec<Placed> = self.new.iter().copied().map(serving).collect();
        if returning {
            new.extend(leaving())
        } else {
            old.extend(leaving())
        }
        if release.version(&rollout.candidate).is_none() {
            // The file has forgotten the version: until they are back, its endpoints serve as what they will be.
            old.append(&mut new);
        }
        [(stable_of(release, rollout).to_owned(), old), (rollout.candidate.clone(), new)]
    }

    /// Forgets endpoints that the release does not list any more.
    pub(super) fn follow(&mut self, release: &Release, (stable, candidate): (&str, &str), returning: bool) {
        let (of_stable, of_candidate) = (listed(release, stable), listed(release, candidate));
        let in_place = self.in_place();
        let listed_somewhere = |endpoint: &Endpoint| of_stable.contains(endpoint) || of_candidate.contains(endpoint);
        let is_new = |endpoint: &Endpoint| of_candidate.contains(endpoint) || in_place && of_stable.contains(endpoint);
        self.new.retain(is_new);
        self.gone.retain(|endpoint| of_stable.contains(endpoint));
        self.out.retain(listed_somewhere);
        if let WaveStage::Checking(coming) = &mut self.stage {
            coming.retain(is_new);
        }
        self.keep_serving(of_stable, returning);
        let beside = self.new.iter().chain(&self.out).filter(|endpoint| in_place && !of_stable.contains(endpoint)).count();
        self.total = u32::try_from(of_stable.len() + beside).unwrap_or(u32::MAX);
    }

    /// If the file takes away all that serve, those that had left or were to leave come back, as far as they are still what they were.
    fn keep_serving(&mut self, of_stable: &[Endpoint], returning: bool) {
        let is_in = |endpoint: &Endpoint| !self.out.contains(endpoint) && !self.gone.contains(endpoint);
        let nobody_left = self.out.is_empty() && self.gone.is_empty();
        if nobody_left || !self.new.is_empty() || of_stable.iter().any(is_in) {
            return;
        }
        let asked = matches!(self.stage, WaveStage::Calling(_) | WaveStage::Checking(_)) && self.in_place();
        if !asked {
            self.gone.clear();
            let out = std::mem::take(&mut self.out);
            if returning {
                self.new = out;
            }
            self.stage = WaveStage::Next;
        }
    }

    /// Whether endpoints run something else than stable, or may: they have to go back before the rollout can be forgotten.
    pub(super) fn owes(&self) -> bool {
        let asked = matches!(self.stage, WaveStage::Calling(_) | WaveStage::Checking(_));
        self.in_place() && (!self.new.is_empty() || asked && !self.out.is_empty())
    }

    /// A call that was answered is made again, as another one; time between waves begins anew.
    pub(super) fn again(&mut self, token: String, now: Timestamp) {
        match &mut self.stage {
            WaveStage::Calling(calling) => *calling = Calling::new(token, now),
            WaveStage::Pausing(since) => *since = now,
            _ => {}
        }
    }
}

/// The endpoints of a version; none if it has a name for Envoys to resolve.
pub(super) fn listed<'a>(release: &'a Release, version: &str) -> &'a [Endpoint] {
    release.version(version).and_then(|version| version.backends.endpoints()).unwrap_or_default()
}

/// A share of a number of endpoints, rounded to the nearest.
fn part(total: u32, share: Share) -> u32 {
    let full = u64::from(Share::FULL.thousandths());
    u32::try_from((u64::from(total) * u64::from(share.thousandths()) + full / 2) / full).unwrap_or(total)
}
