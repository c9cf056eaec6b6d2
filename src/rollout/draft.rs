//! A state while something happens to it.

use jiff::Timestamp;

use super::event::{Actor, Event, Happened};
use super::program::Program;
use super::split::{share_now, split, split_before, stable_of};
use super::state::{At, Off, Phase, Rollout, Stage, State};
use super::wait::Wait;
use crate::model::{Release, Split};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The state now.
    pub state: State,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// What is waited for.
    pub wait: Option<Wait>,
    /// When to look again although nothing happens.
    pub wake_at: Option<Timestamp>,
    /// The state asks something new of the fleet: the facts it came from are of before. To be looked at again with new ones.
    pub again: bool,
}

/// A state while something happens to it, and what has happened so far.
pub(super) struct Draft<'a> {
    pub release: &'a Release,
    pub state: State,
    pub now: Timestamp,
    events: Vec<Event>,
    split: Split,
    /// Whatever else is waited for, something is due then.
    pub look_again: Option<Timestamp>,
}

impl<'a> Draft<'a> {
    pub fn new(release: &'a Release, state: &State, now: Timestamp) -> Draft<'a> {
        Draft { release, state: state.clone(), now, events: Vec::new(), split: split(release, state), look_again: None }
    }

    /// The same at an edit: of what was served before, the file may have forgotten the version.
    pub fn edited(release: &'a Release, state: &State, now: Timestamp) -> Draft<'a> {
        Draft { split: split_before(release, state), ..Draft::new(release, state, now) }
    }

    /// Endpoints that are listed no more are not waited for.
    pub fn follow(&mut self) {
        let release = self.release;
        let Some(rollout) = self.state.rollout.as_mut() else { return };
        let (stable, candidate) = (stable_of(release, rollout).to_owned(), rollout.candidate.clone());
        let returning = matches!(&rollout.phase, Phase::Off(off) if off.returning);
        if let Some(roll) = &mut rollout.roll {
            roll.follow(release, (&stable, &candidate), returning);
        }
    }

    /// The rollout is over, and nothing is left to be done for it. What is told of it is still told of this rollout.
    pub fn end(&mut self, what: Happened, text: String) {
        let ended = self.state.rollout.take();
        self.tell(what, text, None);
        if let (Some(event), Some(ended)) = (self.events.last_mut(), ended) {
            (event.rollout, event.candidate) = (ended.id, Some(ended.candidate));
        }
    }

    /// The rollout, which there is.
    pub fn rollout(&self) -> Option<&Rollout> {
        self.state.rollout.as_ref()
    }

    /// The step under way, to be changed.
    pub fn at_mut(&mut self) -> Option<&mut At> {
        match &mut self.state.rollout.as_mut()?.phase {
            Phase::Step(at) => Some(at),
            _ => None,
        }
    }

    pub fn stage(&mut self, stage: Stage) {
        if let Some(at) = self.at_mut() {
            at.stage = stage;
        }
    }

    /// Something happened that people can see.
    pub fn tell(&mut self, what: Happened, text: impl Into<String>, by: Option<(&Actor, Option<&str>)>) {
        self.state.revision += 1;
        let after = split(self.release, &self.state);
        let rollout = self.state.rollout.as_ref();
        let step = rollout.and_then(|rollout| Some((rollout.program.number(rollout.at()?.index), rollout.program.count())));
        let event = Event {
            what,
            at: self.now,
            rollout: rollout.map_or(0, |rollout| rollout.id),
            candidate: rollout.map(|rollout| rollout.candidate.clone()),
            revision: self.state.revision,
            step,
            text: text.into(),
            by: by.map(|(actor, _)| actor.clone()),
            reason: by.and_then(|(_, reason)| reason.map(str::to_owned)),
            before: std::mem::replace(&mut self.split, after.clone()),
            after,
        };
        self.events.push(event);
    }

    /// A candidate's rollout begins to be known.
    pub fn begin(&mut self, candidate: &str, program: Program) {
        self.state.rollouts += 1;
        let rollout = Rollout {
            id: self.state.rollouts,
            stable: self.release.stable.clone(),
            candidate: candidate.to_owned(),
            program,
            started: self.now,
            phase: Phase::Pending,
            paused: None,
            roll: None,
            hurried: false,
            round: 1,
        };
        self.state.rollout = Some(rollout);
        let text = format!("{candidate} is to be released; {} has everything", self.release.stable);
        self.tell(Happened::Started, text, None);
    }

    /// The rollout is called off: the candidate gets nothing, or what it must until its endpoints are back.
    pub fn off(&mut self, what: Happened, why: &str, by: Option<(&Actor, Option<&str>)>) {
        let (now, release) = (self.now, self.release);
        let Some(rollout) = self.state.rollout.as_mut() else { return };
        let index = match &rollout.phase {
            Phase::Pending => None,
            Phase::Step(at) => Some(at.index),
            Phase::Done { .. } => Some(rollout.program.steps.len()),
            Phase::Off(off) => off.index,
        };
        let share = share_now(release, rollout);
        let returning = rollout.turn_back(release, now);
        let by_whom = by.map(|(actor, _)| actor.clone());
        rollout.phase = Phase::Off(Off { at: now, why: why.to_owned(), by: by_whom, index, drained: None, returning, share });
        rollout.paused = None;
        let text = format!("back to {}: {why}", rollout.stable);
        self.tell(what, text, by);
    }

    /// What came of it, if nothing is waited for.
    pub fn done(self) -> Outcome {
        Outcome { state: self.state, events: self.events, wait: None, wake_at: None, again: true }
    }

    /// What came of it, with what is waited for.
    pub fn waiting(self, wait: Option<Wait>, again: bool) -> Outcome {
        let now = self.now;
        // What was due and did not happen waits for facts: looking again and again would not bring them.
        let wake_at = [wait.as_ref().and_then(Wait::until), self.look_again].into_iter().flatten().filter(|at| *at > now).min();
        Outcome { state: self.state, events: self.events, wait, wake_at, again }
    }
}
