//! What a release does with its candidate, as a list of steps: every strategy, and what follows it, in one form.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{BlueGreen, Cutover, Gate, Hold, Plan, Rolling, Share, Strategy};

/// The steps of a release, in order. Written down with the state, so that an edit can be compared with what is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Never empty for a plan that can run; all of the traffic at the end.
    pub steps: Vec<Step>,
    /// How long the old version is to be kept warm after it.
    pub keep_stable: Option<Duration>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A share, for a time or until somebody approves.
    Share {
        /// The candidate's.
        share: Share,
        /// When it is over.
        until: Hold,
    },
    /// Something to be passed, the share being what it was.
    Gate(Gate),
    /// One of the small steps of a cutover over a time.
    Ramp {
        /// The candidate's share.
        share: Share,
        /// For so long.
        hold: Duration,
    },
    /// Waves over the endpoints.
    Roll(Rolling),
    /// All of the traffic.
    Full,
    /// All of the traffic, and checks are watched.
    Watch {
        /// For so long.
        hold: Duration,
    },
}

impl Step {
    /// Whether endpoints are upgraded where they are.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Step::Roll(rolling) if rolling.upgrade.is_some())
    }
}

/// The most small steps of a cutover over a time, and the least time that one takes.
const RAMP_STEPS: u32 = 20;
const RAMP_STEP: Duration = Duration::from_secs(1);

impl Program {
    /// The steps of a plan.
    pub fn of(plan: &Plan) -> Program {
        let mut program = Program::default();
        for strategy in std::iter::once(&plan.strategy).chain(&plan.then) {
            program.add(strategy);
        }
        program.go_over_the_rest();
        let ends_full = program.steps.iter().any(|step| matches!(step, Step::Full));
        if !ends_full && !program.steps.is_empty() {
            program.steps.push(Step::Full);
        }
        program
    }

    /// Endpoints that are upgraded where they are must all have been before the candidate gets everything: what waves that end earlier
    /// leave is gone over then.
    fn go_over_the_rest(&mut self) {
        let in_part = |step: &Step| match step {
            Step::Roll(rolling) if rolling.upgrade.is_some() && rolling.until < Share::FULL => Some(rolling.clone()),
            _ => None,
        };
        if let Some(rolling) = self.steps.iter().find_map(in_part) {
            self.steps.insert(self.full(), Step::Roll(Rolling { until: Share::FULL, ..rolling }));
        }
    }

    fn add(&mut self, strategy: &Strategy) {
        match strategy {
            Strategy::Canary(canary) => {
                self.steps.extend(canary.steps.iter().map(|step| Step::Share { share: step.share, until: step.until }));
            }
            Strategy::BlueGreen(blue_green) => self.add_blue_green(blue_green),
            Strategy::Rolling(rolling) => self.steps.push(Step::Roll(rolling.clone())),
            Strategy::AbTest(_) => {}
        }
    }

    fn add_blue_green(&mut self, blue_green: &BlueGreen) {
        self.steps.extend(blue_green.before.iter().cloned().map(Step::Gate));
        if let Cutover::Over(time) = blue_green.cutover {
            self.steps.extend(ramp(self.share_before(self.steps.len()), time));
        }
        self.steps.push(Step::Full);
        self.steps.extend(blue_green.watch.map(|hold| Step::Watch { hold }));
        self.keep_stable = blue_green.keep_stable;
    }

    /// The candidate's share in a step; of waves, that at their end.
    pub fn share_at(&self, index: usize) -> Share {
        match self.steps.get(index) {
            Some(Step::Share { share, .. } | Step::Ramp { share, .. }) => *share,
            Some(Step::Full | Step::Watch { .. }) => Share::FULL,
            Some(Step::Roll(rolling)) => rolling.until,
            Some(Step::Gate(_)) => self.share_before(index),
            None => Share::FULL,
        }
    }

    /// The candidate's share before a step.
    pub fn share_before(&self, index: usize) -> Share {
        index.checked_sub(1).map_or(Share::ZERO, |before| self.share_at(before))
    }

    /// The copies of requests that a step sends to the candidate.
    pub fn mirror_at(&self, index: usize) -> Option<(Share, &[String])> {
        match self.steps.get(index)? {
            Step::Gate(Gate::Mirror { share, methods, .. }) => Some((*share, methods)),
            _ => None,
        }
    }

    /// The step with all of the traffic.
    pub fn full(&self) -> usize {
        self.steps.iter().position(|step| matches!(step, Step::Full)).unwrap_or(self.steps.len())
    }

    /// Steps as people count them: a cutover over a time is one.
    pub fn count(&self) -> u32 {
        self.number(self.steps.len())
    }

    /// The number, from 1, under which people know the step; of the end, that of the last step.
    pub fn number(&self, index: usize) -> u32 {
        let mut number = 0;
        for at in 0..=index.min(self.steps.len().saturating_sub(1)) {
            let goes_on = at > 0 && self.is_ramp(at) && self.is_ramp(at - 1);
            number += u32::from(!goes_on);
        }
        number
    }

    fn is_ramp(&self, index: usize) -> bool {
        matches!(self.steps.get(index), Some(Step::Ramp { .. }))
    }
}

/// Small steps of a cutover over so long.
pub(super) fn ramp_steps(over: Duration) -> u32 {
    u32::try_from(over.as_millis() / RAMP_STEP.as_millis()).unwrap_or(RAMP_STEPS).clamp(1, RAMP_STEPS)
}

/// From a share to all, in equal steps.
fn ramp(from: Share, over: Duration) -> impl Iterator<Item = Step> {
    let steps = ramp_steps(over);
    let rest = Share::FULL.saturating_sub(from).thousandths();
    let hold = over / steps;
    (1..=steps).map(move |step| {
        let part = u64::from(rest) * u64::from(step) / u64::from(steps + 1);
        let share = from.thousandths() + u32::try_from(part).unwrap_or(rest);
        Step::Ramp { share: Share::from_thousandths(share).unwrap_or(Share::FULL), hold }
    })
}
