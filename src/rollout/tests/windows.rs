//! Windows, and clocks that go wrong.

use super::world::*;
use crate::rollout::*;

/// It is Monday noon; open from 13:00 to 13:30 on Mondays and Tuesdays.
fn world() -> World {
    let windows = "windows: {only: \"Mon,Tue 13:00-13:30 UTC\"}\n";
    World::new(service(&format!("candidate: v2\ncanary: {{steps: [5% for 20m, 50% for 20m]}}\n{windows}")))
}

fn clock(world: &World) -> String {
    world.now.to_string()
}

#[test]
fn steps_are_taken_while_one_is_open_and_it_is_known_when_that_is() {
    let mut world = world();
    world.pass(minutes(30));
    assert_eq!((world.view().phase, world.waits().as_str()), ("pending", "the window to open"));
    assert_eq!(world.wake_at.unwrap().to_string(), "2026-06-01T13:00:00Z");
    world.pass(minutes(55));
    assert_eq!((clock(&world).as_str(), world.share("v2").as_str()), ("2026-06-01T13:25:00Z", "50%"));
    world.pass(minutes(30));
    assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("50%", "the window to open"), "one that closes holds");
    world.pass(minutes(24 * 60));
    assert_eq!(world.view().phase, "done");
    assert_eq!(world.events.last().unwrap().at.to_string(), "2026-06-02T13:00:01Z");
}

#[test]
fn going_back_does_not_wait_for_a_window() {
    let mut world = world();
    world.pass(minutes(120));
    assert_eq!(world.share("v2"), "50%");
    world.tell(Verb::Abort, "ann").unwrap();
    assert_eq!(world.share("v2"), "0%");
}

#[test]
fn people_do_not_open_windows() {
    let mut world = world();
    world.pass(minutes(120));
    world.tell(Verb::Promote { full: true }, "ann").unwrap();
    assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("50%", "the window to open"));
    let mut release = world.release.clone();
    release.plan.as_mut().unwrap().windows = Default::default();
    world.edit(release).unwrap();
    world.look();
    assert_eq!(world.share("v2"), "100%", "the file does");
}

#[test]
fn a_clock_that_is_set_back_costs_what_had_passed_and_no_more() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 50% for 10m]}\n"));
    world.pass(minutes(5));
    world.now -= minutes(24 * 60);
    world.there_already();
    world.pass(minutes(9));
    assert_eq!(world.share("v2"), "5%");
    world.pass(minutes(2));
    assert_eq!(world.share("v2"), "50%");
}

#[test]
fn a_clock_that_is_set_forward_ends_one_step_and_not_the_next() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 50% for 10m]}\n"));
    world.pass(minutes(5));
    world.now += minutes(24 * 60);
    world.look();
    assert_eq!(world.share("v2"), "50%");
    world.pass(minutes(9));
    assert_eq!(world.share("v2"), "50%");
}

#[test]
fn a_call_that_was_put_off_is_made_although_the_clock_is_set_back() {
    let mut world = World::new(service("candidate: v2\nblue_green: {before: [hook: \"https://ci.example.com/x\"]}\n"));
    world.script = [Some(Answer::Again("503".into()))].into();
    world.pass(secs(1));
    let wait = calls(&world.release, &world.state).unwrap().calling.due;
    world.now -= minutes(60);
    world.there_already();
    assert!(wait > world.now + minutes(59));
    world.pass(minutes(2));
    assert_eq!(world.share("v2"), "100%");
}
