//! The world of a scenario: it sees what the engine asks for, and gives the facts of each moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::scenario::{Kind, Scenario};
use crate::model::{Endpoint, Release, Share, Traffic};
use crate::rollout::{self, Answer, Facts, Fleet, Idle, Judgement, Lagging, Phase, State};

/// A call under way.
#[derive(Debug, Clone)]
struct Call {
    token: String,
    attempt: u32,
    answered: Timestamp,
    answer: Answer,
}

/// The world: what it was asked, and when it answers.
#[derive(Debug, Clone)]
pub(super) struct World {
    scenario: Scenario,
    traffic: Traffic,
    /// Nodes are connected from then on.
    connected: Timestamp,
    /// When the last push is acknowledged.
    acked: Timestamp,
    /// One node rejects the last push.
    rejects: bool,
    /// When each endpoint that is asked how it is has answered.
    healthy: BTreeMap<Endpoint, Timestamp>,
    /// When each endpoint that is leaving has no more requests in flight.
    empty: BTreeMap<Endpoint, Timestamp>,
    /// When the version that serves no more has none.
    idle: Option<(String, Timestamp)>,
    call: Option<Call>,
    /// When the checks turn bad.
    bad: Option<Timestamp>,
}

impl World {
    /// A fleet that is served what there is before anything happens.
    pub fn new(scenario: &Scenario, release: &Release, now: Timestamp) -> World {
        World {
            scenario: scenario.clone(),
            traffic: Traffic::at_rest(release),
            connected: now,
            acked: now,
            rejects: false,
            healthy: BTreeMap::new(),
            empty: BTreeMap::new(),
            idle: None,
            call: None,
            bad: None,
        }
    }

    /// The same, with nothing going wrong in it that people cannot mend by going back.
    pub fn calm(&self) -> World {
        let kind = if self.scenario.kind == Kind::Nobody { Kind::Nobody } else { Kind::Healthy };
        World { scenario: Scenario { kind, ..self.scenario.clone() }, ..self.clone() }
    }

    /// The server was killed: what it had been told it does not know any more.
    pub fn killed(&mut self, now: Timestamp) {
        self.connected = after(now, self.scenario.pace.reconnect);
        self.acked = after(self.connected, self.scenario.pace.ack);
        self.healthy.clear();
        self.empty.clear();
        (self.idle, self.call) = (None, None);
    }

    /// Sees what a state asks of it.
    pub fn see(&mut self, release: &Release, state: &State, now: Timestamp) {
        self.push(release, state, now);
        self.probe(release, state, now);
        self.drain(release, state, now);
        self.be_called(release, state, now);
        self.judge(release, state, now);
    }

    fn push(&mut self, release: &Release, state: &State, now: Timestamp) {
        let traffic = rollout::traffic(release, state);
        if traffic == self.traffic {
            return;
        }
        self.traffic = traffic;
        self.acked = after(self.connected.max(now), self.scenario.pace.ack);
        self.rejects = self.scenario.kind == Kind::Nack && is_second(state);
    }

    fn probe(&mut self, release: &Release, state: &State, now: Timestamp) {
        let asked: BTreeSet<Endpoint> = rollout::probed(release, state).into_iter().collect();
        self.healthy.retain(|endpoint, _| asked.contains(endpoint));
        for endpoint in asked {
            self.healthy.entry(endpoint).or_insert_with(|| after(now, self.scenario.pace.health));
        }
    }

    fn drain(&mut self, release: &Release, state: &State, now: Timestamp) {
        // Nothing ends before every node knows that no more requests are to come.
        let end = after(now.max(self.acked), self.in_flight());
        let (leaving, _) = rollout::draining(release, state).map_or_else(Default::default, |(version, out)| (out, version));
        self.empty.retain(|endpoint, _| leaving.contains(endpoint));
        for endpoint in leaving {
            self.empty.entry(endpoint).or_insert(end);
        }
        let quiet = state.rollout.as_ref().and_then(|rollout| match &rollout.phase {
            Phase::Done { drained: None, .. } => Some(rollout.stable.clone()),
            Phase::Off(off) if !off.returning && off.drained.is_none() => Some(rollout.candidate.clone()),
            _ => None,
        });
        let known = self.idle.take();
        self.idle = quiet.map(|version| known.filter(|(known, _)| *known == version).unwrap_or((version, end)));
    }

    fn in_flight(&self) -> Duration {
        if self.scenario.kind == Kind::NoTraffic { Duration::ZERO } else { self.scenario.pace.drain }
    }

    fn be_called(&mut self, release: &Release, state: &State, now: Timestamp) {
        let Some(asked) = rollout::calls(release, state) else {
            self.call = None;
            return;
        };
        let (token, attempt) = (asked.calling.token, asked.calling.attempt);
        if self.call.as_ref().is_some_and(|call| call.token == token && call.attempt == attempt) {
            return;
        }
        let upgrades = asked.body["kind"] == "upgrade";
        let takes = if upgrades { self.scenario.pace.upgrade } else { self.scenario.pace.hook };
        let returns = state.rollout.as_ref().is_some_and(|rollout| matches!(rollout.phase, Phase::Off(_)));
        let answer = if takes > asked.hook.timeout {
            Answer::Again(format!("no answer within {}", crate::model::duration_text(asked.hook.timeout)))
        } else {
            self.answer(attempt, returns)
        };
        let answered = after(now.max(asked.calling.due), takes.min(asked.hook.timeout));
        self.call = Some(Call { token, attempt, answered, answer });
    }

    fn answer(&self, attempt: u32, returns: bool) -> Answer {
        match self.scenario.kind {
            Kind::HookStops if !returns => Answer::Stop("409 Conflict".to_owned()),
            Kind::HookFlaky if attempt < 3 => Answer::Again("503 Service Unavailable".to_owned()),
            _ => Answer::Go,
        }
    }

    fn judge(&mut self, release: &Release, state: &State, now: Timestamp) {
        let Kind::FailingAt(limit) = self.scenario.kind else { return };
        let share = state.rollout.as_ref().map_or(Share::ZERO, |rollout| rollout::share_now(release, rollout));
        let bad = after(now, self.scenario.pace.verdict);
        self.bad = (share >= limit).then(|| self.bad.unwrap_or(bad));
    }

    /// The facts of that moment.
    pub fn facts(&self, release: &Release, now: Timestamp) -> Facts {
        let known = |at: &Timestamp| *at <= now;
        let nodes = self.nodes(now);
        let word = if nodes == 1 { "node" } else { "nodes" };
        let reports = format!("no requests in flight, by the reports of {nodes} {word}");
        let idle = self.idle.iter().filter(|(_, at)| nodes > 0 && known(at));
        let answer = self.call.iter().filter(|call| known(&call.answered));
        Facts {
            fleet: self.fleet(now),
            health: self.healthy.iter().filter(|(_, at)| known(at)).map(|(endpoint, _)| (*endpoint, true)).collect(),
            empty: self.empty.iter().filter(|(_, at)| known(at)).map(|(endpoint, _)| *endpoint).collect(),
            idle: idle.map(|(version, _)| (version.clone(), Idle { evidence: reports.clone() })).collect(),
            answers: answer.map(|call| (call.token.clone(), (call.attempt, call.answer.clone()))).collect(),
            judgement: self.judgement(release, now),
        }
    }

    fn nodes(&self, now: Timestamp) -> u32 {
        if self.scenario.kind == Kind::Nobody || now < self.connected { 0 } else { self.scenario.pace.nodes }
    }

    fn fleet(&self, now: Timestamp) -> Fleet {
        let nodes = self.nodes(now);
        let lagging = |number: u32, why: &str| Lagging { node: format!("edge-{number}"), why: why.to_owned() };
        if nodes == 0 || now < self.acked {
            let waiting = (1..=nodes).map(|number| lagging(number, "sent, not answered yet")).collect();
            return Fleet { nodes, acked: 0, waiting, ..Fleet::default() };
        }
        if self.rejects {
            let rejecting = vec![lagging(nodes, "as the scenario says")];
            return Fleet { nodes, acked: nodes - 1, rejecting, ..Fleet::default() };
        }
        Fleet { nodes, acked: nodes, ..Fleet::default() }
    }

    fn judgement(&self, release: &Release, now: Timestamp) -> Judgement {
        let deciding = release.plan.iter().filter_map(|plan| plan.checks.as_ref()).flat_map(|checks| &checks.checks);
        let first = deciding.filter(|check| !check.dry_run).map(|check| check.name.as_str()).next();
        match (self.scenario.kind, first) {
            (Kind::NoData | Kind::NoTraffic, _) => Judgement::NoData,
            _ if self.nodes(now) == 0 => Judgement::NoData,
            (Kind::FailingAt(_), Some(name)) if self.bad.is_some_and(|bad| bad <= now) => {
                Judgement::Bad(format!("`{name}` is bad"))
            }
            _ => Judgement::Good,
        }
    }

    /// The next moment at which a fact changes by itself.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let fleet = [self.connected, self.acked].into_iter().filter(|_| self.scenario.kind != Kind::Nobody);
        let endpoints = self.healthy.values().chain(self.empty.values()).copied();
        let others = self.idle.iter().map(|(_, at)| *at).chain(self.call.iter().map(|call| call.answered)).chain(self.bad);
        fleet.chain(endpoints).chain(others).filter(|at| *at > now).min()
    }

    /// Whether every node has what it was sent last.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.fleet(now).has_it()
    }
}

/// The second step, or the second wave, or one behind it.
fn is_second(state: &State) -> bool {
    let Some(rollout) = &state.rollout else { return false };
    let step = rollout.at().map_or(0, |at| rollout.program.number(at.index));
    let wave = rollout.roll.as_ref().map_or(0, |roll| roll.wave);
    rollout.at().is_some() && step.max(wave) >= 2
}

/// A moment after another one.
pub(super) fn after(at: Timestamp, time: Duration) -> Timestamp {
    at.checked_add(time).unwrap_or(Timestamp::MAX)
}
