//! What holds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::play::Game;
use crate::model::{Endpoint, Gate, Hold, Release, Share, Traffic};
use crate::rollout::*;

type Held = Result<(), TestCaseError>;

/// Of every state.
pub fn always(game: &mut Game) -> Held {
    let served = game.traffic();
    adds_up(&game.release, &served)?;
    nothing_to_nobody(&served)?;
    if let Some(rollout) = &game.state.rollout {
        let (share, asked) = (served.split.share_of(&rollout.candidate), share_now(&game.release, rollout));
        prop_assert!(
            share == asked || !served.placed.is_empty() && (share == Share::ZERO || share == Share::FULL),
            "{share} {asked}"
        );
        nothing_when_off(&game.release, rollout, &served)?;
        one_place_each(game, rollout)?;
    }
    if let Some(call) = calls(&game.release, &game.state) {
        let Calling { token, attempt, .. } = call.calling.clone();
        prop_assert!(!game.answered.contains(&(token.clone(), attempt)), "{token} try {attempt} was answered, and is wanted again");
        prop_assert!(!game.over.contains(&token), "{token} was answered, and is wanted again");
        let about = format!("{} {} {} {}", call.hook.url, call.body["kind"], call.body["wave"], call.body["version"]);
        let first = game.tokens.entry(token.clone()).or_insert_with(|| about.clone());
        prop_assert_eq!(&*first, &about, "{} is of two calls", token);
    }
    Ok(())
}

fn adds_up(release: &Release, served: &Traffic) -> Held {
    for split in served.rules.iter().map(|rule| &rule.send).chain([&served.split]) {
        let sum: u32 = split.shares().iter().map(|(_, share)| share.thousandths()).sum();
        prop_assert_eq!(sum, 100_000, "{:?}", split);
        let names: Vec<&str> = split.shares().iter().map(|(name, _)| name.as_str()).collect();
        let versions: Vec<&str> = release.versions.iter().map(|version| version.name.as_str()).collect();
        prop_assert_eq!(names, versions);
    }
    Ok(())
}

fn nothing_to_nobody(served: &Traffic) -> Held {
    let serves = |name: &str| served.placed.get(name).is_some_and(|placed| placed.iter().any(|placed| !placed.draining));
    let none: Vec<&String> = served.placed.keys().filter(|name| !serves(name)).collect();
    let [empty] = none.as_slice() else { return Ok(()) };
    if none.len() == served.placed.len() {
        // There is nobody at all.
        return Ok(());
    }
    for split in served.rules.iter().map(|rule| &rule.send).chain([&served.split]) {
        prop_assert_eq!(split.share_of(empty), Share::ZERO, "{} has nothing in service, and requests: {:?}", empty, served);
    }
    Ok(())
}

fn nothing_when_off(release: &Release, rollout: &Rollout, served: &Traffic) -> Held {
    let Phase::Off(off) = &rollout.phase else { return Ok(()) };
    prop_assert_eq!(&served.mirror, &None);
    prop_assert_eq!(&served.preview, &None);
    let sent =
        served.rules.iter().map(|rule| &rule.send).chain([&served.split]).map(|split| split.share_of(&rollout.candidate)).max();
    if !off.returning && release.stable != rollout.candidate {
        prop_assert_eq!(sent, Some(Share::ZERO), "{} was called off: {:?}", rollout.candidate, served);
    }
    Ok(())
}

fn one_place_each(game: &Game, rollout: &Rollout) -> Held {
    let Some(roll) = &rollout.roll else { return Ok(()) };
    let distinct = |endpoints: &[Endpoint]| endpoints.iter().collect::<BTreeSet<_>>().len() == endpoints.len();
    prop_assert!(distinct(&roll.new) && distinct(&roll.out) && distinct(&roll.gone), "{:?}", roll);
    if roll.in_place() {
        let old = roll.old(&game.release, rollout);
        let places = old.iter().chain(&roll.out).chain(&roll.new).collect::<Vec<_>>();
        prop_assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "an endpoint in two places: {:?}", roll);
        if !game.endpoints_edited {
            prop_assert!(roll.out.len() <= roll.batch(), "more are out than a wave takes: {:?}", roll);
            prop_assert!(places.len() < 2 || !old.is_empty() || !roll.new.is_empty(), "nothing is in service: {:?}", roll);
            prop_assert_eq!(places.len(), roll.total as usize, "an endpoint is nowhere: {:?}", roll);
        }
    }
    Ok(())
}

/// Of everything that happens: what is told is counted, and what people can see is told.
fn told(game: &Game, outcome: &Outcome, release: &Release) -> Held {
    let revisions: Vec<u64> = outcome.events.iter().map(|event| event.revision).collect();
    let count = outcome.state.revision - game.state.revision;
    prop_assert_eq!(&revisions, &(1..=count).map(|n| game.state.revision + n).collect::<Vec<_>>());
    let (before, after) = (seen(release, &game.state), seen(release, &outcome.state));
    prop_assert!(before == after || count > 0, "nobody is told of it: {before:?} {after:?}");
    Ok(())
}

/// What people can see of a state, in one text.
fn seen(release: &Release, state: &State) -> String {
    let traffic = traffic(release, state);
    let rollout = state.rollout.as_ref().map(|rollout| {
        let place = match &rollout.phase {
            Phase::Pending => "pending".to_owned(),
            Phase::Step(at) => format!("{} {} {}", at.index, matches!(at.stage, Stage::Stuck { .. }), at.approvals.len()),
            Phase::Done { drained, .. } => format!("done {}", drained.is_some()),
            Phase::Off(off) => format!("off {} {}", off.returning, off.drained.is_some()),
        };
        (
            rollout.id,
            rollout.candidate.clone(),
            rollout.stable.clone(),
            place,
            rollout.paused.clone(),
            rollout.roll.as_ref().map(|roll| roll.wave),
        )
    });
    format!("{:?} {:?} {:?} {rollout:?} {:?}", traffic.split, traffic.rules, traffic.mirror, state.instead)
}

pub fn after_look(game: &Game, outcome: &Outcome) -> Held {
    told(game, outcome, &game.release)?;
    prop_assert!(outcome.wake_at.is_none_or(|at| at > game.now), "a wake-up in the past: {:?} {:?}", outcome.wait, outcome.wake_at);
    if let Some(due) = outcome.wait.as_ref().and_then(Wait::until).filter(|due| *due > game.now) {
        prop_assert!(outcome.wake_at.is_some_and(|at| at <= due), "no alarm for {:?}", outcome.wait);
    }
    let entered = |state: &State| state.rollout.as_ref().and_then(|r| Some((r.id, r.at()?.index)));
    let steps = outcome.events.iter().filter(|event| event.what == Happened::Step).count();
    let other = entered(&outcome.state).is_some() && entered(&outcome.state) != entered(&game.state);
    prop_assert_eq!(steps, usize::from(other), "a step is told once: {:?}", outcome.events);
    if let (Some(before), Some(after)) = (&game.state.rollout, &outcome.state.rollout) {
        let same = before.id == after.id;
        prop_assert!(!same || !matches!(before.phase, Phase::Off(_)) || matches!(after.phase, Phase::Off(_)), "off is off");
        if same && share_now(&game.release, after) > share_now(&game.release, before) {
            grows(game, before, after)?;
        }
        if same && other && index(after) > index(before) {
            let own = own_condition(game, before);
            prop_assert!(own, "the step was not over: {:?}", before);
        }
    }
    Ok(())
}

fn index(rollout: &Rollout) -> Option<usize> {
    rollout.at().map(|at| at.index)
}

/// The candidate gets more. Everybody who could hold it does not.
fn grows(game: &Game, before: &Rollout, after: &Rollout) -> Held {
    let plan = game.release.plan.as_ref();
    let fleet = &game.facts.fleet;
    prop_assert!(fleet.has_it() && fleet.nodes > 0, "not every node had it: {:?} {:?}", fleet, after);
    prop_assert!(after.is_running(), "{:?}", after);
    let comes_back = before
        .roll
        .as_ref()
        .is_some_and(|roll| roll.in_place() && matches!(roll.stage, WaveStage::Calling(_) | WaveStage::Checking(_)));
    if !comes_back {
        prop_assert!(before.paused.is_none(), "it was paused: {:?}", before);
        prop_assert!(!plan.is_some_and(|plan| plan.hold), "it was held: {:?}", before);
        prop_assert!(plan.is_none_or(|plan| plan.windows.is_open(game.now)), "no window was open: {:?}", before);
    }
    Ok(())
}

/// Whether the step could be left.
fn own_condition(game: &Game, rollout: &Rollout) -> bool {
    let Some(at) = rollout.at() else { return true };
    if at.promoted || rollout.hurried {
        return true;
    }
    let over = |since, hold| game.now >= since + hold;
    let Some(step) = rollout.step() else { return true };
    match (step, &at.stage) {
        (Step::Share { until: Hold::For(hold), .. } | Step::Ramp { hold, .. } | Step::Watch { hold }, Stage::Holding { since }) => {
            over(*since, *hold)
        }
        (Step::Share { until: Hold::Approval, .. }, Stage::Holding { .. }) => !at.approvals.is_empty(),
        (Step::Gate(Gate::Healthy { hold, .. }), Stage::Testing { since: Some(since) }) => over(*since, *hold),
        (Step::Gate(Gate::Mirror { hold, .. }), Stage::Holding { since }) => over(*since, *hold),
        (Step::Gate(Gate::Hook(_)), Stage::Passed(_)) => true,
        (Step::Gate(Gate::Hook(_)), Stage::Calling(calling)) => {
            game.facts.answers.get(&calling.token) == Some(&(calling.attempt, Answer::Go))
        }
        (Step::Gate(Gate::Approval { count, .. }), Stage::Holding { .. }) => at.approvals.len() >= *count as usize,
        // What was in the way may be settled and over in one look.
        (Step::Gate(Gate::Approval { count, .. }), Stage::Settling) => at.approvals.len() >= *count as usize,
        (Step::Share { until: Hold::Approval, .. }, Stage::Settling) => !at.approvals.is_empty(),
        (Step::Roll(_), Stage::Rolling | Stage::Settling) => rollout.roll.as_ref().is_some_and(|roll| roll.out.is_empty()),
        (Step::Full, _) => true,
        _ => false,
    }
}

pub fn after_command(game: &Game, verb: Verb, stale: bool, outcome: &Outcome) -> Held {
    prop_assert!(!stale || game.state.revision == 0, "a stale command was done");
    told(game, outcome, &game.release)?;
    prop_assert!(outcome.state.revision > game.state.revision, "{} changed nothing", verb.as_str());
    if let (Some(before), Some(after)) = (&game.state.rollout, &outcome.state.rollout) {
        let (before, after) = (share_now(&game.release, before), share_now(&game.release, after));
        prop_assert!(after <= before, "{} moved traffic without asking the fleet", verb.as_str());
    }
    Ok(())
}

pub fn after_edit(game: &Game, release: &Release, outcome: &Outcome) -> Held {
    let count = outcome.state.revision - game.state.revision;
    prop_assert_eq!(outcome.events.len() as u64, count);
    if let (Some(before), Some(after)) = (&game.state.rollout, &outcome.state.rollout) {
        let step = |rollout: &Rollout| rollout.step().cloned();
        if before.id == after.id && after.at().is_some() {
            prop_assert_eq!(step(before), step(after), "the step under way was changed");
        }
        let grew = before.id == after.id
            && index(before) == index(after)
            && !game.endpoints_edited
            && release.versions == game.release.versions;
        if grew {
            prop_assert!(share_now(release, after) <= share_now(&game.release, before), "an edit moved traffic: {:?}", after);
        }
    }
    Ok(())
}

pub fn after_restart(game: &Game, again: &Result<Outcome, NotNow>) -> Held {
    let Ok(outcome) = again else { return Err(TestCaseError::fail(format!("after a restart the file is refused: {again:?}"))) };
    prop_assert_eq!(&outcome.state, &game.state, "a restart changes nothing");
    prop_assert!(outcome.events.is_empty());
    Ok(())
}

/// Whatever is reached can be said to Envoy. It takes long, so now and then is enough.
fn sayable(game: &mut Game) -> Held {
    game.rests += 1;
    if game.rests.is_multiple_of(64) {
        let said = crate::translate::service(&game.release, &game.traffic());
        prop_assert!(said.is_ok(), "{:?}", said.err());
    }
    Ok(())
}

/// A second look at the same world changes nothing.
pub fn at_rest(game: &mut Game) -> Held {
    sayable(game)?;
    let second = reconcile(&game.release, &game.state, &game.facts, game.now);
    prop_assert_eq!(&second.state, &game.state);
    prop_assert!(second.events.is_empty() && !second.again, "{:?}", second.events);
    prop_assert_eq!(second.wake_at, game.wake_at);
    Ok(())
}
