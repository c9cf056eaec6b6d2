//! The playing itself: from one moment at which something happens to the next.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::recorder::Recorder;
use super::scenario::{Kind, Scenario};
use super::timeline::{Ended, Rollback, Summary, Timeline};
use super::way_back::way_back;
use super::world::{World, after};
use crate::model::{NoData, Release, Share};
use crate::rollout::{
    Actor, Command, Happened, Outcome, Phase, Program, Stage, State, Step, Verb, View, Wait, WaveStage, command, edit, reconcile,
    share_now,
};

/// Looks in all, and looks at one moment, at most: beyond them something goes round in circles.
const MOST: usize = 1_000_000;
const MOST_AT_ONCE: usize = 1000;
/// So often the same way back is shown.
const ROUNDS: usize = 3;
/// Half of what a step is for takes as long as this at least.
const SHORT: Duration = Duration::from_millis(500);

/// Why a release cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToDo {
    /// Nothing is released.
    #[error("{stable} has everything, and nothing is being released: {add}")]
    NoCandidate {
        /// The version that has everything.
        stable: String,
        /// What there is to add to the file.
        add: String,
    },
    /// The engine does not take the file.
    #[error("{0}")]
    Refused(String),
}

/// Plays a release from the moment at which its file names the candidate, until it is over, waits for ever, or has taken `limit`.
///
/// # Errors
/// There is nothing to play.
pub fn run(release: &Release, scenario: &Scenario, start: Timestamp, limit: Duration) -> Result<Timeline, NothingToDo> {
    let mut timeline = play(release, scenario, start, limit)?;
    if scenario.kind != Kind::Healthy {
        let healthy = Scenario { kind: Kind::Healthy, ..scenario.clone() };
        let same = play(release, &healthy, start, limit)?.entries == timeline.entries;
        let program = release.plan.as_ref().map(Program::of).unwrap_or_default();
        timeline.no_matter = same.then(|| scenario.kind.no_matter(release, &program));
    }
    Ok(timeline)
}

fn play(release: &Release, scenario: &Scenario, start: Timestamp, limit: Duration) -> Result<Timeline, NothingToDo> {
    let mut player = Player::new(release, scenario, start, limit)?;
    let steps = View::new(release, &player.state, None).map(|view| view.ladder).unwrap_or_default();
    let ended = player.play();
    let plan = release.plan.as_ref();
    let strategies = plan.iter().flat_map(|plan| std::iter::once(&plan.strategy).chain(&plan.then));
    let strategies: Vec<String> = strategies.map(|strategy| strategy.key().replace('_', "-")).collect();
    let entries = std::mem::take(&mut player.recorder.entries);
    Ok(Timeline {
        service: release.service.clone(),
        stable: release.stable.clone(),
        candidate: plan.and_then(|plan| plan.candidate.clone()).unwrap_or_default(),
        strategy: strategies.join(", then "),
        steps,
        scenario: (scenario.kind.to_string(), scenario.kind.words()),
        no_matter: None,
        fleet: (if scenario.kind == Kind::Nobody { 0 } else { scenario.pace.nodes }, scenario.pace.ack),
        start,
        summary: Summary {
            full: player.full,
            total: player.recorder.offset(player.now),
            rollback: player.rollback,
            keep_stable: player.state.rollout.as_ref().and_then(|rollout| rollout.program.keep_stable),
            ended,
        },
        entries,
    })
}

struct Player<'a> {
    release: &'a Release,
    scenario: &'a Scenario,
    world: World,
    state: State,
    now: Timestamp,
    end: Timestamp,
    recorder: Recorder,
    /// The approval that people are about to give: for which step and after how many others, and when.
    approval: Option<((u32, usize, u32), Timestamp)>,
    /// In the middle of what the server was killed already.
    kills: BTreeSet<(usize, u32)>,
    full: Option<Duration>,
    rollback: Option<Rollback>,
}

impl<'a> Player<'a> {
    fn new(release: &'a Release, scenario: &'a Scenario, now: Timestamp, limit: Duration) -> Result<Player<'a>, NothingToDo> {
        if release.plan.as_ref().is_none_or(|plan| plan.candidate.is_none()) {
            return Err(no_candidate(release));
        }
        let begun = edit(release, &State::default(), now).map_err(|not_now| NothingToDo::Refused(not_now.title))?;
        let mut recorder = Recorder::new(now);
        recorder.events(&begun.events);
        let mut world = World::new(scenario, release, now);
        world.see(release, &begun.state, now);
        let (end, state) = (after(now, limit), begun.state);
        let (approval, kills) = (None, BTreeSet::new());
        Ok(Player { release, scenario, world, state, now, end, recorder, approval, kills, full: None, rollback: None })
    }

    fn play(&mut self) -> Ended {
        let mut at_once = 0;
        for _ in 0..MOST {
            let (outcome, changed) = self.look();
            at_once += 1;
            if outcome.again && changed && at_once < MOST_AT_ONCE {
                continue;
            }
            if self.recorder.count(Happened::SteppedBack) >= ROUNDS {
                self.recorder.close(self.now);
                return Ended::Round;
            }
            let next = match self.next(&outcome) {
                Ok(next) => next,
                Err(ended) => return ended,
            };
            if next > self.end {
                return Ended::Limit(outcome.wait.as_ref().map(Wait::text).unwrap_or_default());
            }
            let middle = self.middle(next);
            self.now = middle.unwrap_or(next);
            at_once = 0;
            if middle.is_some() {
                self.kill();
            }
            self.approve();
        }
        Ended::Round
    }

    /// What is due now happens.
    fn look(&mut self) -> (Outcome, bool) {
        let facts = self.world.facts(self.release, self.now);
        let outcome = reconcile(self.release, &self.state, &facts, self.now);
        let changed = outcome.state != self.state;
        self.state = outcome.state.clone();
        self.recorder.events(&outcome.events);
        // What asks something new of the fleet is looked at again at once, and waits for something else then.
        if !(outcome.again && changed) {
            self.recorder.wait(self.now, outcome.wait.as_ref());
        }
        self.world.see(self.release, &self.state, self.now);
        self.note_full();
        if changed {
            self.measure_way_back();
        }
        self.see_people(outcome.wait.as_ref());
        (outcome, changed)
    }

    fn note_full(&mut self) {
        let Some(rollout) = self.state.rollout.as_ref().filter(|_| self.full.is_none()) else { return };
        // Of waves, the last is over when its endpoints are in service.
        let rolling = rollout.at().is_some_and(|at| at.stage == Stage::Rolling);
        let full = !rolling && share_now(self.release, rollout) == Share::FULL;
        if full && self.world.is_settled(self.now) {
            self.full = Some(self.recorder.offset(self.now));
        }
    }

    fn measure_way_back(&mut self) {
        let at = self.recorder.offset(self.now);
        let Some(way) = way_back(self.release, &self.state, &self.world, self.now, at) else { return };
        let length = |way: &Rollback| way.takes.unwrap_or(Duration::MAX);
        if self.rollback.as_ref().is_none_or(|longest| length(&way) > length(longest)) {
            self.rollback = Some(way);
        }
    }

    /// The next moment at which something happens; how it ends if there is none.
    fn next(&self, outcome: &Outcome) -> Result<Timestamp, Ended> {
        let people = self.approval.map(|(_, at)| at);
        let of_world = self.world.next(self.now).into_iter().chain(people).filter(|at| *at > self.now).min();
        let wake = outcome.wake_at.filter(|at| *at > self.now);
        // Data that does not come by itself is looked for again and again.
        let no_data = self.release.plan.as_ref().and_then(|plan| plan.checks.as_ref()).map(|checks| checks.no_data);
        let in_vain = matches!(outcome.wait, Some(Wait::Data(_))) && no_data == Some(NoData::Wait);
        let next = wake.filter(|_| !in_vain).into_iter().chain(of_world).min();
        match (self.state.rollout.as_ref().map(|rollout| &rollout.phase), next) {
            (_, Some(next)) => Ok(next),
            (Some(Phase::Done { .. }), None) => Err(Ended::Done),
            (Some(Phase::Off(off)), None) if !off.returning => Err(Ended::Off(off.why.clone())),
            (_, None) => Err(Ended::Waits(outcome.wait.as_ref().map(Wait::text).unwrap_or_default())),
        }
    }

    /// People see that they are waited for, and take their time.
    fn see_people(&mut self, wait: Option<&Wait>) {
        let (Some(Wait::Approval { have, .. }), Some(rollout)) = (wait, &self.state.rollout) else {
            self.approval = None;
            return;
        };
        let which = (rollout.round, rollout.at().map_or(0, |at| at.index), *have);
        if self.scenario.kind != Kind::Unapproved && self.approval.is_none_or(|(known, _)| known != which) {
            self.approval = Some((which, after(self.now, self.scenario.approve_after)));
        }
    }

    /// The first who may, and has not, approves when it is time.
    fn approve(&mut self) {
        if self.approval.is_none_or(|(_, at)| at > self.now) {
            return;
        }
        let Some(name) = self.approver() else { return };
        let by = Actor { name, claimed: true };
        let said = Command { verb: Verb::Approve, by, reason: None, revision: Some(self.state.revision) };
        match command(self.release, &self.state, &said, self.now) {
            Ok(outcome) => {
                self.state = outcome.state;
                self.recorder.events(&outcome.events);
            }
            Err(refused) => self.recorder.note(self.now, refused.to_string()),
        }
    }

    fn approver(&self) -> Option<String> {
        let at = self.state.rollout.as_ref()?.at()?;
        let has = |name: &str| at.approvals.iter().any(|approval| approval.by.name == name);
        let outcome = reconcile(self.release, &self.state, &self.world.facts(self.release, self.now), self.now);
        let Some(Wait::Approval { from, .. }) = outcome.wait else { return None };
        if from.is_empty() {
            return Some(format!("person {}", at.approvals.len() + 1));
        }
        from.into_iter().find(|name| !has(name))
    }

    /// The middle of what lasts until then, if the server is to be killed in it: once in each step and wave, while it does what it is for.
    fn middle(&mut self, until: Timestamp) -> Option<Timestamp> {
        let rollout = self.state.rollout.as_ref().filter(|_| self.scenario.kind == Kind::Restart)?;
        let at = rollout.at()?;
        let wave = rollout.roll.as_ref().filter(|_| at.stage == Stage::Rolling);
        let half = Duration::try_from(until.duration_since(self.now)).unwrap_or_default() / 2;
        let at_work = match wave.map(|roll| &roll.stage) {
            Some(WaveStage::Calling(_)) => true,
            Some(WaveStage::Draining(since)) => since.is_some() && wave.is_some_and(|roll| !roll.in_place()),
            Some(_) => false,
            // A step with all of the traffic has nothing to do but to reach every node.
            None => matches!(rollout.step(), Some(Step::Full)) || (at.stage != Stage::Settling && half >= SHORT),
        };
        let fresh = at_work && self.kills.insert((at.index, wave.map_or(0, |roll| roll.wave)));
        fresh.then(|| after(self.now, half))
    }

    /// The server is killed and starts again, from what it has written down.
    fn kill(&mut self) {
        let state = serde_json::to_string(&self.state).ok().and_then(|text| serde_json::from_str(&text).ok());
        self.state = state.unwrap_or_default();
        self.world.killed(self.now);
        self.recorder.note(self.now, "the server is killed, and starts again");
        match edit(self.release, &self.state, self.now) {
            Ok(outcome) => {
                self.state = outcome.state;
                self.recorder.events(&outcome.events);
            }
            Err(not_now) => self.recorder.note(self.now, not_now.title),
        }
    }
}

fn no_candidate(release: &Release) -> NothingToDo {
    let add = match (&release.plan, &release.split) {
        (Some(_), _) => "add `candidate:` with the version to be released",
        (None, Some(_)) => "its `split` is moved by hand; take it out, and add `candidate:` and `canary: {steps: [5% for 10m]}`",
        (None, None) => "add `candidate:` with the version to be released, and how: `canary: {steps: [5% for 10m, 50% for 10m]}`",
    };
    NothingToDo::NoCandidate { stable: release.stable.clone(), add: add.to_owned() }
}
