//! What the writer sees of the world: the board, the reports, the probes, and the answers to calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use super::away::{Away, Gone};
use super::rollouts::Live;
use crate::model::{Config, Endpoint, Release};
use crate::reports::Loads;
use crate::rollout::{self, Answer, Facts, Fleet, Idle, Judgement, Lagging, Phase};
use crate::snapshot::cluster_name;
use crate::xds::{Board, Nodes, Progress};

/// Where facts come from.
#[derive(Debug, Clone)]
pub struct World {
    /// Which streams there are, and what each has acknowledged.
    pub board: Arc<Board>,
    /// Requests in flight.
    pub loads: Arc<Loads>,
    /// Endpoints that were asked how they are.
    pub health: watch::Receiver<BTreeMap<Endpoint, bool>>,
    /// How long a version is taken to have requests in flight where nobody reports of it.
    pub drain: Duration,
    /// A fleet without a node counts as one that has everything.
    pub may_be_empty: bool,
}

impl Default for World {
    /// A world in which nobody is connected.
    fn default() -> World {
        let (_, health) = watch::channel(BTreeMap::new());
        World { board: Arc::default(), loads: Arc::default(), health, drain: Duration::from_secs(30), may_be_empty: false }
    }
}

/// The world at one moment.
pub(super) struct Sight<'a> {
    world: &'a World,
    nodes: Nodes<'a>,
    away: &'a Away,
    health: BTreeMap<Endpoint, bool>,
    config: &'a Config,
    answers: &'a HashMap<String, (u32, Answer)>,
    now: Timestamp,
    instant: Instant,
}

impl<'a> Sight<'a> {
    /// Looks at these streams, and at what else there is.
    pub fn new(
        world: &'a World,
        nodes: Nodes<'a>,
        away: &'a Away,
        config: &'a Config,
        answers: &'a HashMap<String, (u32, Answer)>,
        now: Timestamp,
    ) -> Sight<'a> {
        let health = world.health.borrow().clone();
        Sight { world, nodes, away, health, config, answers, now, instant: Instant::now() }
    }
}

impl Sight<'_> {
    /// The facts that concern a service.
    pub fn facts(&self, release: &Release, live: &Live) -> Facts {
        let fleet = self.fleet(release, live);
        let settled = fleet.has_it().then(|| live.settled.unwrap_or(self.now));
        Facts {
            health: self.health_of(release, live),
            empty: settled.map(|since| self.empty(release, live, &fleet, since)).unwrap_or_default(),
            idle: settled.map(|since| self.idle(release, live, &fleet, since)).unwrap_or_default(),
            answers: self.answers_to(release, live),
            judgement: Judgement::NoData,
            fleet,
        }
    }

    fn fleet(&self, release: &Release, live: &Live) -> Fleet {
        let concerned = |node: &crate::model::Node| {
            release.fleets.is_empty() || self.config.fleets_of(node).iter().any(|fleet| release.fleets.contains(fleet))
        };
        let own = format!("{}/", release.service);
        let matters = |name: &str| name.starts_with(&own) || is_routes_of(name, release);
        let progress = Progress::of(&self.nodes, live.since, concerned, matters);
        let mut waiting: Vec<Lagging> = progress.waiting.into_iter().map(|one| Lagging { node: one.node, why: one.why }).collect();
        let gone: Vec<&Gone> = self.away.gone().filter(|gone| concerned(&gone.node)).collect();
        let away =
            |gone: &&Gone| Lagging { node: gone.node.id.clone(), why: "has just gone, and may be back in a moment".to_owned() };
        waiting.extend(gone.iter().take(NAMED_MAX.saturating_sub(waiting.len())).map(away));
        Fleet {
            nodes: progress.nodes + u32::try_from(gone.len()).unwrap_or(u32::MAX),
            acked: progress.acked,
            waiting,
            rejecting: progress.rejecting.into_iter().map(|one| Lagging { node: one.node, why: one.message }).collect(),
            returning: self.away.expects(self.instant) && !self.world.may_be_empty,
            may_be_empty: self.world.may_be_empty,
        }
    }

    fn health_of(&self, release: &Release, live: &Live) -> BTreeMap<Endpoint, bool> {
        let wanted = rollout::probed(release, &live.state);
        wanted.into_iter().filter_map(|endpoint| Some((endpoint, *self.health.get(&endpoint)?))).collect()
    }

    /// Endpoints on their way out that have no requests in flight: every report that counts is younger than the acknowledgement.
    fn empty(&self, release: &Release, live: &Live, fleet: &Fleet, since: Timestamp) -> BTreeSet<Endpoint> {
        let Some((version, endpoints)) = rollout::draining(release, &live.state) else { return BTreeSet::new() };
        let cluster = cluster_name(&release.service, &version);
        let is_empty = |endpoint: &Endpoint| {
            let found = self.world.loads.in_progress_at(&cluster, endpoint.address).filter(|found| found.nodes >= all(fleet));
            found.is_some_and(|found| found.requests == 0 && self.is_after(found.oldest, since))
        };
        endpoints.into_iter().filter(is_empty).collect()
    }

    /// The version that serves no more, if it has no requests in flight: by the reports, or where nobody reports by the time that has
    /// passed.
    fn idle(&self, release: &Release, live: &Live, fleet: &Fleet, since: Timestamp) -> BTreeMap<String, Idle> {
        let Some(rollout) = &live.state.rollout else { return BTreeMap::new() };
        let version = match &rollout.phase {
            Phase::Done { .. } => &rollout.stable,
            Phase::Off(_) => &rollout.candidate,
            Phase::Pending | Phase::Step(_) => return BTreeMap::new(),
        };
        let evidence = match self.world.loads.in_progress(&cluster_name(&release.service, version)) {
            Some(found) if found.requests == 0 && found.nodes >= all(fleet) && self.is_after(found.oldest, since) => {
                let word = if found.nodes == 1 { "node" } else { "nodes" };
                Some(format!("no requests in flight, by the reports of {} {word}", found.nodes))
            }
            Some(found) if found.requests > found.unsure => None,
            // Not everybody reports, or there are Envoys that do not tell how requests end.
            _ => self.is_past(since).then(|| format!("no new requests for {}", crate::model::duration_text(self.world.drain))),
        };
        evidence.map(|evidence| (version.clone(), Idle { evidence })).into_iter().collect()
    }

    fn is_past(&self, since: Timestamp) -> bool {
        since.checked_add(self.world.drain).is_ok_and(|end| self.now >= end)
    }

    /// A report that comes right after an acknowledgement may have been made before it; one that comes a second later was not.
    fn is_after(&self, report: Instant, since: Timestamp) -> bool {
        let ago = self.instant.saturating_duration_since(report);
        let Ok(made) = self.now.checked_sub(ago) else { return false };
        made.duration_since(since) >= jiff::SignedDuration::from_millis(REPORT_LAG_MILLIS)
    }

    fn answers_to(&self, release: &Release, live: &Live) -> BTreeMap<String, (u32, Answer)> {
        let Some(call) = rollout::calls(release, &live.state) else { return BTreeMap::new() };
        let answer = self.answers.get(&call.calling.token).cloned();
        answer.map(|answer| (call.calling.token, answer)).into_iter().collect()
    }
}

/// Nodes that are named, at most.
const NAMED_MAX: usize = 20;

/// So many nodes must report, or what they say is not all.
fn all(fleet: &Fleet) -> usize {
    usize::try_from(fleet.nodes).unwrap_or(usize::MAX)
}

/// The longest that an Envoy takes to send a report that it has made.
const REPORT_LAG_MILLIS: i64 = 100;

/// Whether a resource of that name has routes of the service.
fn is_routes_of(name: &str, release: &Release) -> bool {
    let of_host = |host: &String| name.strip_prefix(crate::snapshot::ROUTES).and_then(|rest| rest.strip_prefix('/')) == Some(host);
    name == crate::snapshot::ROUTES || name == release.service || release.hosts.iter().any(of_host)
}
