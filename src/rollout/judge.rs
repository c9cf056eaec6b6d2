//! What the checks say of the step under way.

use jiff::Timestamp;

use super::advance::clock;
use super::draft::Draft;
use super::facts::{Facts, Judgement};
use super::split::share_now;
use super::state::{Rollout, Stage};
use super::wait::Wait;
use super::wave;
use crate::model::{Checks, NoData, Share};

/// What the checks say, with what the file says about their having no data.
enum Judged {
    Good,
    /// Nothing yet; to be asked again then.
    Wait(Timestamp),
    /// Nothing yet, and from then on that is bad.
    Until(Timestamp),
    Bad(String),
}

/// Why the step under way is bad, if it is. Where a lack of data is to become bad, that moment is looked at.
///
/// It counts as soon as the candidate gets requests: a node that is behind must not keep a bad version in service on all the others.
pub(super) fn bad(draft: &mut Draft<'_>, facts: &Facts) -> Option<String> {
    match judged(draft, facts)? {
        Judged::Bad(why) => Some(why),
        Judged::Until(end) => {
            draft.look_again = Some(end);
            None
        }
        Judged::Good | Judged::Wait(_) => None,
    }
}

/// The checks have said nothing yet, and are to be waited for.
pub(super) fn no_data(draft: &Draft<'_>, facts: &Facts) -> Option<Wait> {
    match judged(draft, facts)? {
        Judged::Wait(until) | Judged::Until(until) => Some(Wait::Data(until)),
        Judged::Good | Judged::Bad(_) => None,
    }
}

/// What the checks say; nothing where there are none, or where the candidate gets no requests that they could judge.
fn judged(draft: &Draft<'_>, facts: &Facts) -> Option<Judged> {
    let checks = draft.release.plan.as_ref()?.checks.as_ref()?;
    let rollout = draft.rollout()?;
    let at = rollout.at()?;
    let stuck = matches!(at.stage, Stage::Stuck { .. });
    let tried = share_now(draft.release, rollout) > Share::ZERO || rollout.program.mirror_at(at.index).is_some();
    (tried && !stuck && !at.overruled).then(|| of(checks, &facts.judgement, draft.now, watched_since(rollout)))
}

fn of(checks: &Checks, judgement: &Judgement, now: Timestamp, since: Option<Timestamp>) -> Judged {
    let later = now.checked_add(checks.every).unwrap_or(Timestamp::MAX);
    match (judgement, checks.no_data) {
        (Judgement::Good, _) | (Judgement::NoData, NoData::Pass) => Judged::Good,
        (Judgement::Bad(why), _) => Judged::Bad(why.clone()),
        (Judgement::NoData, NoData::Wait) => Judged::Wait(later),
        (Judgement::NoData, NoData::Fail) => {
            let samples = checks.every.saturating_mul(checks.fail_after.bad);
            match since.map(|since| clock(now, since, samples)) {
                Some(None) => {
                    Judged::Bad(format!("{} samples of the checks had no data, and `no_data` says fail", checks.fail_after.bad))
                }
                Some(Some(wait)) => Judged::Until(wait.until().unwrap_or(later)),
                None => Judged::Wait(later),
            }
        }
    }
}

/// Since when there should be data: every node has what the step asks for, and time passes.
fn watched_since(rollout: &Rollout) -> Option<Timestamp> {
    match &rollout.at()?.stage {
        Stage::Holding { since } => Some(*since),
        Stage::Rolling => rollout.roll.as_ref().and_then(wave::paused_since),
        _ => None,
    }
}
