//! Canaries.

use super::world::*;
use crate::model::Traffic;
use crate::rollout::*;

fn canary(rest: &str) -> World {
    World::new(service(&format!("candidate: v2\ncanary: {{steps: [5% for 10m, 25% for 10m, 50% for 1h]}}\n{rest}")))
}

const CHECKS: &str = "checks: {every: 1m, success: {min: 99%}}\n";

#[test]
fn from_start_to_end() {
    let steps = "candidate: v2\ncanary: {steps: [5% for 10m, 25% until approved, 50% for 1h]}\napprovers: [ann]\n";
    let mut world = World::new(service(steps));
    world.pass(minutes(30));
    assert_eq!(
        world.story(),
        "\
0s Started 0%: v2 is to be released; v1 has everything
0s waits for: 2 of 3 nodes have acknowledged it (n1: late)
1s Step 5%: 5% for 10m
2s waits for: the step's time
10m2s Step 25%: 25% until approved
10m2s waits for: 2 of 3 nodes have acknowledged it (n1: late)
10m3s Waiting 25%: 25% until approved: waits for an approval from ann
10m3s waits for: an approval from ann"
    );
    world.tell(Verb::Approve, "ann").unwrap();
    world.idle = true;
    world.pass(minutes(70));
    assert_eq!(
        world.story(),
        "\
30m Approved 25%: ann approved, 1 so far
30m Step 50%: 50% for 1h
30m waits for: 2 of 3 nodes have acknowledged it (n1: late)
30m1s waits for: the step's time
1h30m1s Step 100%: v2 gets everything
1h30m1s waits for: 2 of 3 nodes have acknowledged it (n1: late)
1h30m2s Finished 100%: v2 has everything; v1 gets nothing
1h30m2s Drained 100%: v1 is drained: safe to stop (nothing in flight)
1h30m2s waits for: the file to say `stable: v2` and to take `candidate` out"
    );
}

#[test]
fn what_the_file_says_when_it_is_over_changes_nothing_on_the_wire() {
    let mut world = canary("rules: [{name: qa, when: {header: {x-qa: \"1\"}}, send: v2}]\n");
    world.pass(minutes(100));
    let before = world.traffic();
    world.edit(service("rules: [{name: qa, when: {header: {x-qa: \"1\"}}, send: v2}]\n").stable_is("v2")).unwrap();
    assert_eq!(world.traffic(), before);
    assert_eq!(world.state.rollout, None);
    assert_eq!(world.traffic(), Traffic::at_rest(&world.release));
}

#[test]
fn a_bad_verdict_takes_everything_back() {
    let mut world = canary(CHECKS);
    world.pass(minutes(15));
    assert_eq!(world.share("v2"), "25%");
    world.judgement = Judgement::Bad("success 91% is below 99%".into());
    world.look();
    assert_eq!(world.share("v2"), "0%");
    let last = world.events.last().unwrap();
    assert_eq!((last.what, last.text.as_str()), (Happened::RolledBack, "back to v1: success 91% is below 99%"));
    assert_eq!((last.before.share_of("v2"), last.after.share_of("v1")), (percent("25%"), percent("100%")));
    world.judgement = Judgement::Good;
    world.pass(minutes(600));
    assert_eq!(world.share("v2"), "0%", "and there it stays");
}

#[test]
fn a_bad_verdict_counts_while_a_node_is_behind() {
    let mut world = canary(CHECKS);
    world.pass(minutes(5));
    world.lag = minutes(1000);
    world.pass(minutes(6));
    assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("25%", "2 of 3 nodes have acknowledged it (n1: late)"));
    world.judgement = Judgement::Bad("slow".into());
    world.look();
    assert_eq!(world.share("v2"), "0%");
}

#[test]
fn a_bad_verdict_may_hold_or_go_back_by_a_step() {
    let mut world = canary(&format!("{CHECKS}on_failure: hold\n"));
    world.pass(minutes(15));
    world.judgement = Judgement::Bad("slow".into());
    world.pass(minutes(600));
    assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("25%", "a person, because slow"));
    assert_eq!(world.kinds().iter().filter(|kind| **kind == Happened::Stuck).count(), 1);

    let mut world = canary(&format!("{CHECKS}on_failure: step_back\n"));
    world.pass(minutes(15));
    world.judgement = Judgement::Bad("slow".into());
    let round = world.rollout().round;
    let outcome = reconcile(&world.release, &world.state, &world.facts(), world.now);
    world.take(world.release.clone(), &outcome);
    world.judgement = Judgement::Good;
    world.look();
    assert_eq!((world.share("v2").as_str(), world.step(), world.rollout().round), ("5%", 1, round + 1));
    world.pass(minutes(11));
    assert_eq!(world.share("v2"), "25%", "and on again");
}

#[test]
fn at_the_first_step_there_is_none_to_go_back_to() {
    let mut world = canary(&format!("{CHECKS}on_failure: step_back\n"));
    world.pass(minutes(5));
    world.judgement = Judgement::Bad("slow".into());
    world.look();
    assert_eq!(world.view().phase, "off");
}

#[test]
fn no_data_waits_fails_or_passes() {
    let with = |no_data: &str| {
        let mut world = canary(&format!("checks: {{every: 1m, success: {{min: 99%}}, fail_after: 3 of 5, no_data: {no_data}}}\n"));
        world.judgement = Judgement::NoData;
        world.pass(secs(181));
        let early = world.view().phase;
        world.pass(minutes(20));
        (early, world)
    };
    let (_, mut waits) = with("wait");
    assert_eq!((waits.step(), waits.waits().as_str()), (1, "the checks have no data, and `no_data` says wait"));
    waits.judgement = Judgement::Good;
    waits.pass(minutes(1));
    assert_eq!(waits.step(), 2);
    let (early, fails) = with("fail");
    assert_eq!((early, fails.view().phase), ("running", "off"));
    let at = fails.events.last().unwrap().at.duration_since(fails.begin);
    assert_eq!(at.as_secs(), 182, "three samples after every node had it");
    let (_, passes) = with("pass");
    assert_eq!(passes.step(), 3);
}

#[test]
fn nobody_moves_while_a_node_rejects_or_is_behind_or_none_is_there() {
    let mut world = canary("");
    world.pass(minutes(5));
    world.rejecting = Some("bad regex");
    world.pass(minutes(60));
    assert_eq!((world.step(), world.waits().as_str()), (1, "node n1 rejects it: bad regex"));
    world.rejecting = None;
    world.nodes = 0;
    world.pass(minutes(60));
    assert_eq!((world.step(), world.wait.clone()), (1, Some(Wait::NoNodes)));
    world.may_be_empty = true;
    world.look();
    assert_eq!(world.step(), 2, "unless a fleet may be empty");
    world.nodes = 5;
    world.may_be_empty = false;
    world.lag = minutes(600);
    world.asked_now();
    world.pass(minutes(60));
    assert_eq!(world.waits(), "4 of 5 nodes have acknowledged it (n1: late)", "whoever comes back must have it too");
}

#[test]
fn a_fleet_of_nobody_does_not_begin() {
    let mut world = canary("");
    world.nodes = 0;
    world.pass(minutes(600));
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("pending", "0%"));
    assert_eq!(world.waits(), "no node is connected, so nobody would move; it goes on when one is");
}

#[test]
fn hold_in_the_file_holds() {
    let mut world = canary("hold: true\n");
    world.pass(minutes(60));
    assert_eq!((world.view().phase, world.wait.clone()), ("pending", Some(Wait::Held)));
    let mut release = world.release.clone();
    release.plan.as_mut().unwrap().hold = false;
    world.edit(release.clone()).unwrap();
    world.pass(minutes(11));
    assert_eq!(world.step(), 2);
    release.plan.as_mut().unwrap().hold = true;
    world.edit(release).unwrap();
    world.pass(minutes(600));
    assert_eq!((world.step(), world.wait.clone()), (2, Some(Wait::Held)));
}

#[test]
fn what_was_called_off_gets_nothing_from_rules_either() {
    let mut world = canary("rules: [{name: qa, when: {header: {x-qa: \"1\"}}, send: v2}]\n");
    let sent = |world: &World| world.traffic().rules[0].send.share_of("v2").to_string();
    assert_eq!(sent(&world), "100%", "rules are the file's, from the first moment");
    world.pass(minutes(5));
    world.tell(Verb::Abort, "ann").unwrap();
    assert_eq!((sent(&world).as_str(), world.share("v2").as_str()), ("0%", "0%"));
    assert_eq!(world.traffic().rules[0].send.share_of("v1"), percent("100%"));
    world.tell(Verb::Retry, "ann").unwrap();
    assert_eq!(sent(&world), "100%");
}

#[test]
fn stable_is_not_safe_to_stop_while_a_rule_sends_to_it() {
    let mut world = canary("rules: [{name: old, when: {header: {x-old: \"1\"}}, send: v1}]\n");
    world.idle = true;
    world.pass(minutes(100));
    assert_eq!(world.view().phase, "done");
    assert_eq!(world.view().drained, None);
    let mut release = world.release.clone();
    release.rules.clear();
    world.edit(release).unwrap();
    world.pass(secs(5));
    assert!(world.view().drained.is_some());
}
