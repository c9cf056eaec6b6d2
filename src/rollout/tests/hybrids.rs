//! One strategy after the other.

use super::world::*;
use crate::model::{Backends, Batch, BlueGreen, Canary, Cutover, Gate, Hold, Hook, Release, Rolling, Share, Step, Strategy};
use crate::rollout::*;

fn canary(shares: &[&str]) -> Strategy {
    let step = |share: &&str| Step { share: percent(share), until: Hold::For(minutes(10)) };
    Strategy::Canary(Canary { steps: shares.iter().map(step).collect() })
}

fn waves(in_place: bool) -> Strategy {
    let upgrade = in_place.then(|| Hook::new("https://ci.example.com/up".into()));
    Strategy::Rolling(Rolling { batch: Batch::Count(1), pause: minutes(1), drain: secs(30), upgrade, until: percent("50%") })
}

/// A service with four endpoints of v1, and four of v2, which are the same if they are upgraded where they are.
fn hybrid(strategy: Strategy, then: Strategy, in_place: bool) -> Release {
    let mut release = service("candidate: v2\ncanary: {steps: [5% for 10m]}\n");
    for (version, of) in [(1, 1), (2, if in_place { 1 } else { 2 })] {
        release.versions[version].backends = Backends::Listed((1..=4).map(|n| endpoint(&format!("127.0.{of}.{n}:80"))).collect());
    }
    let plan = release.plan.as_mut().expect("a plan");
    (plan.strategy, plan.then) = (strategy, vec![then]);
    release
}

fn shares(world: &World) -> Vec<String> {
    let mut shares: Vec<String> = world.events.iter().map(|event| event.after.share_of("v2").to_string()).collect();
    shares.dedup();
    shares
}

#[test]
fn waves_first_and_then_a_canary_of_the_whole() {
    let mut world = World::new(hybrid(waves(false), canary(&["60%", "80%"]), false));
    world.pass(minutes(60));
    assert_eq!(shares(&world), ["0%", "25%", "50%", "60%", "80%", "100%"]);
    assert_eq!(world.view().phase, "done");
    let texts: Vec<String> = world.view().ladder.into_iter().map(|rung| rung.text).collect();
    assert_eq!(texts, ["waves over 50% of the endpoints", "60% for 10m", "80% for 10m", "v2 gets everything"]);
}

#[test]
fn what_waves_in_place_leave_is_upgraded_before_everything_goes_there() {
    let mut world = World::new(hybrid(waves(true), canary(&["60%", "70%"]), true));
    world.pass(minutes(60));
    assert_eq!(world.view().phase, "done");
    assert_eq!(shares(&world), ["0%", "25%", "33.333%", "50%", "60%", "70%", "50%", "66.666%", "75%", "100%"]);
    let upgraded: Vec<_> = world.calls.iter().map(|call| call.body["endpoints"][0].as_str().unwrap().to_owned()).collect();
    assert_eq!(upgraded, ["127.0.1.1:80", "127.0.1.2:80", "127.0.1.3:80", "127.0.1.4:80"]);
    let tokens: std::collections::BTreeSet<_> = world.calls.iter().map(|call| &call.calling.token).collect();
    assert_eq!(tokens.len(), 4);
}

#[test]
fn aborted_in_the_canary_after_waves_in_place_it_never_gets_more() {
    let mut world = World::new(hybrid(waves(true), canary(&["50%", "80%"]), true));
    world.pass(minutes(3));
    assert_eq!((world.step(), world.share("v2").as_str()), (2, "50%"));
    world.tell(Verb::Abort, "ann").unwrap();
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("returning", "33.333%"));
    world.pass(minutes(5));
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("off", "0%"));
}

#[test]
fn a_canary_ends_in_a_blue_green_hold() {
    let gate = Gate::Approval { from: vec![], count: 1, within: None };
    let blue_green = BlueGreen {
        preview: None,
        before: vec![gate],
        cutover: Cutover::Over(secs(10)),
        watch: Some(minutes(5)),
        keep_stable: None,
    };
    let mut release = hybrid(canary(&["10%", "20%"]), Strategy::BlueGreen(blue_green), false);
    release.plan.as_mut().unwrap().checks =
        service("candidate: v2\ncanary: {steps: [5% for 1m]}\nchecks: {success: {min: 99%}}\n").plan.unwrap().checks;
    let start = || {
        let mut world = World::new(release.clone());
        world.lag = secs(0);
        world.pass(minutes(30));
        assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("20%", "an approval"), "the share stays at the gate");
        world
    };
    let mut world = start();
    world.tell(Verb::Approve, "ann").unwrap();
    assert_eq!(world.share("v2"), "27.272%", "and goes on from there");
    world.pass(minutes(1));
    assert_eq!((world.share("v2").as_str(), world.view().phase), ("100%", "running"));
    world.pass(minutes(5));
    assert_eq!(world.view().phase, "done");
    let mut world = start();
    world.judgement = Judgement::Bad("slow".into());
    world.look();
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("off", "0%"), "at a gate it is judged by what it gets");
}

#[test]
fn a_refused_edit_names_the_step_where_the_file_has_it() {
    let mut world = World::new(hybrid(waves(false), canary(&["60%", "80%"]), false));
    world.pass(minutes(5));
    assert_eq!(world.step(), 2);
    let edited = hybrid(waves(false), canary(&["61%", "80%"]), false);
    assert_eq!(world.edit(edited).unwrap_err().key, "then[0].canary.steps[0]");
    let mut release = world.release.clone();
    let Strategy::Rolling(rolling) = &mut release.plan.as_mut().unwrap().strategy else { panic!() };
    rolling.until = Share::FULL;
    let refused = world.edit(release).unwrap_err();
    assert_eq!((refused.key.as_str(), refused.title.as_str()), ("rolling", "step 1 of v2 is over, and cannot be changed"));
}
