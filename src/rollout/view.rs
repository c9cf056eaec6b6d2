//! What there is to say of a rollout.

use jiff::Timestamp;

use super::begin::words;
use super::event::Actor;
use super::program::Step;
use super::split::share_now;
use super::state::{Drained, Instead, Paused, Phase, Stage, State};
use super::wait::Wait;
use crate::model::{Release, Share};

/// What there is to say of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Counts the service's rollouts.
    pub id: u64,
    /// What a command is to be meant for.
    pub revision: u64,
    /// Where it returns to.
    pub stable: String,
    /// What is released.
    pub candidate: String,
    /// `pending`, `running`, `stuck`, `done`, `off`, `returning`.
    pub phase: &'static str,
    /// When the file named it.
    pub started: Timestamp,
    /// Since when it is where it is.
    pub since: Timestamp,
    /// The step under way, from 1, and how many there are.
    pub step: (u32, u32),
    /// The steps, in order.
    pub ladder: Vec<Rung>,
    /// The candidate's share, as asked for.
    pub share: Share,
    /// What is waited for.
    pub wait: Option<Wait>,
    /// What happens next, in words.
    pub next: String,
    /// A person holds it.
    pub paused: Option<Paused>,
    /// Why it was called off, or is stuck.
    pub why: Option<String>,
    /// Who called it off; nobody if it was a verdict, or is not.
    pub by: Option<Actor>,
    /// The version that serves no more has no requests in flight.
    pub drained: Option<Drained>,
    /// Until when the old version is to be kept warm.
    pub keep_until: Option<Timestamp>,
    /// Waves, the one under way and all.
    pub waves: Option<(u32, u32)>,
}

/// One step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// As a sentence.
    pub text: String,
    /// The candidate's share in it.
    pub share: Share,
    /// Whether it is over, under way, or to come.
    pub state: RungState,
}

/// Where a rollout is, as seen from one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RungState {
    /// The step is over.
    Over,
    /// It is under way.
    UnderWay,
    /// It is to come.
    ToCome,
}

impl View {
    /// What there is to say of a rollout that waits for this; `None` if there is none.
    pub fn new(release: &Release, state: &State, wait: Option<Wait>) -> Option<View> {
        let rollout = state.rollout.as_ref()?;
        let program = &rollout.program;
        let index = match &rollout.phase {
            Phase::Pending => None,
            Phase::Step(at) => Some(at.index),
            Phase::Done { .. } => Some(program.steps.len()),
            Phase::Off(off) => off.index,
        };
        let (phase, since) = match &rollout.phase {
            Phase::Pending => ("pending", rollout.started),
            Phase::Step(at) => match &at.stage {
                Stage::Stuck { since, .. } => ("stuck", *since),
                _ => ("running", at.since),
            },
            Phase::Done { at, .. } => ("done", *at),
            Phase::Off(off) if off.returning => ("returning", off.at),
            Phase::Off(off) => ("off", off.at),
        };
        let (drained, keep_until) = match &rollout.phase {
            Phase::Done { at, drained } => (drained.clone(), program.keep_stable.and_then(|keep| at.checked_add(keep).ok())),
            Phase::Off(off) => (off.drained.clone(), None),
            _ => (None, None),
        };
        let roll = rollout.roll.as_ref();
        Some(View {
            id: rollout.id,
            revision: state.revision,
            stable: rollout.stable.clone(),
            candidate: rollout.candidate.clone(),
            phase,
            started: rollout.started,
            since,
            step: (index.map_or(0, |index| program.number(index)), program.count()),
            ladder: ladder(program.steps.as_slice(), index, &rollout.candidate, |at| program.share_at(at)),
            share: share_now(release, rollout),
            next: next(rollout.phase.clone(), &program.steps, &rollout.candidate, &rollout.stable),
            paused: rollout.paused.clone(),
            why: match &rollout.phase {
                Phase::Off(off) => Some(off.why.clone()),
                Phase::Step(at) => match &at.stage {
                    Stage::Stuck { why, .. } => Some(why.clone()),
                    _ => None,
                },
                _ => None,
            },
            by: match &rollout.phase {
                Phase::Off(off) => off.by.clone(),
                _ => None,
            },
            drained,
            keep_until,
            waves: roll.map(|roll| (roll.wave, roll.waves().max(roll.wave))),
            wait,
        })
    }
}

/// The steps as people count them.
fn ladder(steps: &[Step], index: Option<usize>, candidate: &str, share: impl Fn(usize) -> Share) -> Vec<Rung> {
    let mut rungs: Vec<Rung> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let state = match index {
            Some(index) if at < index => RungState::Over,
            Some(index) if at == index => RungState::UnderWay,
            _ => RungState::ToCome,
        };
        let ramp = matches!(step, Step::Ramp { .. });
        let goes_on = ramp && at > 0 && matches!(steps[at - 1], Step::Ramp { .. });
        match rungs.last_mut().filter(|_| goes_on) {
            Some(rung) => {
                rung.share = share(at);
                if state != rung.state {
                    rung.state = RungState::UnderWay;
                }
            }
            None => {
                rungs.push(Rung { text: if ramp { cutover(steps, at) } else { words(step, candidate) }, share: share(at), state })
            }
        }
    }
    rungs
}

/// The small steps of a cutover, in one sentence.
fn cutover(steps: &[Step], from: usize) -> String {
    let holds = steps[from..].iter().map_while(|step| match step {
        Step::Ramp { hold, .. } => Some(*hold),
        _ => None,
    });
    format!("cutover over {}", crate::model::duration_text(holds.sum()))
}

fn next(phase: Phase, steps: &[Step], candidate: &str, stable: &str) -> String {
    let begin = |index: usize| steps.get(index).map(|step| words(step, candidate));
    match phase {
        Phase::Pending => begin(0).unwrap_or_default(),
        Phase::Step(at) => begin(at.index + 1).unwrap_or_else(|| "the release is done".to_owned()),
        Phase::Done { .. } => format!("say `stable: {candidate}` in the file and take `candidate` out"),
        Phase::Off(off) if off.returning => {
            format!("the rest of the endpoints go back to {stable}; then `retry`, or another candidate")
        }
        Phase::Off(_) => format!("`retry`, or another candidate; {stable} has everything until then"),
    }
}

/// Where a service is, in a few words.
pub(super) fn position(release: &Release, state: &State) -> String {
    if let Some(Instead { version, .. }) = &state.instead {
        return format!("{version} serves instead of {}", release.stable);
    }
    match View::new(release, state, None) {
        None => format!("{} has everything, and nothing is being released", release.stable),
        Some(view) => match view.phase {
            "pending" => format!("{} has not begun yet", view.candidate),
            "done" => format!("{} has everything", view.candidate),
            "off" | "returning" => format!("{} was called off: {}", view.candidate, view.why.unwrap_or_default()),
            _ => format!("{} is at step {} of {}, with {}", view.candidate, view.step.0, view.step.1, view.share),
        },
    }
}
