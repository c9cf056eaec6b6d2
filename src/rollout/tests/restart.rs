//! A server that is started anew knows what was written down, and nothing else.

use super::world::*;
use crate::rollout::*;

/// Nobody has connected yet, nothing is known.
fn nothing() -> Facts {
    Facts::default()
}

#[test]
fn a_restart_takes_no_step_of_its_own() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 50% for 10m]}\n"));
    world.pass(minutes(5));
    let events = world.events.len();
    let release = world.release.clone();
    world.edit(release.clone()).unwrap();
    let outcome = reconcile(&release, &world.state, &nothing(), world.now);
    assert_eq!((outcome.state, outcome.events), (world.state.clone(), vec![]));
    assert_eq!(outcome.wake_at, Some(world.begin + secs(602)), "the time that had passed counts");
    world.pass(secs(290));
    assert_eq!((world.events.len(), world.share("v2").as_str()), (events, "5%"));
}

#[test]
fn after_a_long_while_away_the_fleet_has_to_be_there_before_the_next_step() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 50% for 10m]}\n"));
    world.pass(minutes(5));
    let later = world.now + minutes(60 * 24);
    let outcome = reconcile(&world.release, &world.state, &nothing(), later);
    assert_eq!((outcome.wait, outcome.events), (Some(Wait::NoNodes), vec![]));
    let fleet = Fleet { nodes: 3, acked: 2, ..Fleet::default() };
    let outcome = reconcile(&world.release, &world.state, &Facts { fleet, ..nothing() }, later);
    assert_eq!(outcome.events, vec![]);
    let fleet = Fleet { nodes: 3, acked: 3, ..Fleet::default() };
    let outcome = reconcile(&world.release, &world.state, &Facts { fleet, ..nothing() }, later);
    assert_eq!(outcome.state.rollout.unwrap().at().unwrap().index, 1, "one step, and not two");
}

#[test]
fn a_hook_that_was_not_answered_is_asked_again_by_the_same_name() {
    let mut world = World::new(service("candidate: v2\nblue_green: {before: [hook: \"https://ci.example.com/x\"]}\n"));
    world.script = [None].into();
    world.pass(secs(5));
    let outcome = reconcile(&world.release, &world.state, &nothing(), world.now);
    let call = calls(&world.release, &outcome.state).expect("a call");
    assert_eq!(call.calling, world.calls[0].calling);
}

#[test]
fn with_the_state_gone_everything_starts_from_stable() {
    let release = service("candidate: v2\ncanary: {steps: [5% for 10m, 50% for 10m]}\n");
    let outcome = edit(&release, &State::default(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(outcome.events[0].what, Happened::Started);
    assert_eq!(traffic(&release, &outcome.state).split.share_of("v1"), percent("100%"));
}

#[test]
fn a_state_without_what_came_later_is_read() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m]}\n"));
    world.pass(secs(5));
    let mut text = serde_json::to_value(&world.state).unwrap();
    let at = &mut text["rollout"]["phase"]["Step"];
    at.as_object_mut().unwrap().remove("overruled");
    assert_eq!(serde_json::from_value::<State>(text).unwrap(), world.state);
}
