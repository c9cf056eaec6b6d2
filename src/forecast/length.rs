//! How long a candidate's way to all of the traffic is.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Gate, Hold, Release, Rolling};
use crate::rollout::{At, Phase, Roll, Rollout, Stage, Step, WaveStage};

/// What lies between now and the moment at which the candidate has everything. That each step waits for the fleet to acknowledge the one
/// before comes to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Length {
    /// By the clock.
    pub time: Duration,
    /// People's.
    pub approvals: u32,
    /// Answers of these, by URL.
    pub hooks: Vec<String>,
    /// Waves over endpoints.
    pub waves: Option<Waves>,
    /// For so long checks are watched when it has everything.
    pub watched: Option<Duration>,
    /// For so long the old version is to be kept after it.
    pub kept: Option<Duration>,
    /// Steps are taken only then.
    pub window: Option<Window>,
    /// Steps need good checks.
    pub checks: bool,
    /// No step is taken: the file says `hold: true`.
    pub held: bool,
}

/// Waves over endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Waves {
    /// How many are left.
    pub count: u32,
    /// The longest that each waits for requests in flight.
    pub drain: Duration,
    /// Called in each, to upgrade endpoints where they are.
    pub upgrade: Option<String>,
}

/// Where the clock stands as to the windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// One is open.
    pub open: bool,
    /// When that changes; never, if there is no time.
    pub until: Option<Timestamp>,
}

/// How long it is until the candidate has everything; `None` if it is not on its way there.
pub(super) fn length(release: &Release, rollout: &Rollout, now: Timestamp) -> Option<Length> {
    let begin = match &rollout.phase {
        Phase::Pending => 0,
        Phase::Step(at) => at.index,
        Phase::Done { .. } | Phase::Off(_) => return None,
    };
    let full = rollout.program.full();
    let mut length = Length { kept: rollout.program.keep_stable, ..around(release, now) };
    for (index, step) in rollout.program.steps.iter().enumerate().skip(begin) {
        match step {
            Step::Watch { hold } => length.watched = Some(*hold),
            Step::Full => {}
            _ if index < full => length.add(step, release, rollout, rollout.at().filter(|at| at.index == index), now),
            _ => {}
        }
    }
    Some(length)
}

/// What holds for every step.
fn around(release: &Release, now: Timestamp) -> Length {
    let Some(plan) = &release.plan else { return Length::default() };
    let window = (plan.windows != Default::default())
        .then(|| Window { open: plan.windows.is_open(now), until: plan.windows.next_change(now) });
    Length { window, checks: plan.checks.is_some(), held: plan.hold, ..Length::default() }
}

impl Length {
    /// One step; `at` says how far it is, if it is under way.
    fn add(&mut self, step: &Step, release: &Release, rollout: &Rollout, at: Option<&At>, now: Timestamp) {
        if at.is_some_and(|at| at.promoted) && !matches!(step, Step::Roll(_)) {
            return;
        }
        match step {
            Step::Share { until: Hold::For(hold), .. } | Step::Ramp { hold, .. } => self.time += left(*hold, at, now),
            Step::Gate(Gate::Healthy { hold, .. } | Gate::Mirror { hold, .. }) => self.time += left(*hold, at, now),
            Step::Share { until: Hold::Approval, .. } => self.approvals += given_of(1, at),
            Step::Gate(Gate::Approval { count, .. }) => self.approvals += given_of(*count, at),
            Step::Gate(Gate::Hook(hook)) => self.hooks.push(hook.url.clone()),
            Step::Roll(rolling) => self.roll(waves(rolling, release, rollout, at), rolling),
            Step::Full | Step::Watch { .. } => {}
        }
    }

    fn roll(&mut self, waves: Waves, rolling: &Rolling) {
        self.time += rolling.pause.saturating_mul(waves.count.saturating_sub(1));
        self.waves = Some(waves);
    }
}

/// What is left of a step's time.
fn left(hold: Duration, at: Option<&At>, now: Timestamp) -> Duration {
    let since = at.and_then(|at| match &at.stage {
        Stage::Holding { since } => Some(*since),
        Stage::Testing { since } => *since,
        _ => None,
    });
    let gone = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok());
    hold.saturating_sub(gone.unwrap_or_default())
}

fn given_of(count: u32, at: Option<&At>) -> u32 {
    let given = at.map_or(0, |at| at.approvals.len());
    count.saturating_sub(u32::try_from(given).unwrap_or(u32::MAX))
}

/// The waves of a rollout, from the first to the last; `None` if it has none.
pub(super) fn all_waves(release: &Release, rollout: &Rollout) -> Option<Waves> {
    let rolling = rollout.program.steps.iter().find_map(|step| match step {
        Step::Roll(rolling) => Some(rolling),
        _ => None,
    })?;
    Some(waves(rolling, release, rollout, None))
}

/// Those that are left, the one under way among them.
fn waves(rolling: &Rolling, release: &Release, rollout: &Rollout, at: Option<&At>) -> Waves {
    let of_stable = release.version(&rollout.stable).and_then(|version| version.backends.endpoints()).unwrap_or_default();
    let total = u32::try_from(of_stable.len()).unwrap_or(u32::MAX);
    let (out, gone, new) = Default::default();
    let fresh = Roll { spec: rolling.clone(), total, wave: 0, out, gone, new, stage: WaveStage::Next };
    let roll = rollout.roll.as_ref().filter(|_| at.is_some()).unwrap_or(&fresh);
    let under_way = !matches!(roll.stage, WaveStage::Next | WaveStage::Pausing(_));
    let over = roll.wave.saturating_sub(u32::from(under_way));
    Waves {
        count: roll.waves().saturating_sub(over),
        drain: rolling.drain,
        upgrade: rolling.upgrade.as_ref().map(|hook| hook.url.clone()),
    }
}
