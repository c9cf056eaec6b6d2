//! Blue-green.

use super::world::*;
use crate::rollout::*;

const HOOK: &str = "candidate: v2\nblue_green: {before: [hook: \"https://ci.example.com/smoke\"]}\n";

#[test]
fn from_start_to_end() {
    let text = "candidate: v2
blue_green:
  preview: {host: preview.example.com, header: {x-preview: \"1\"}}
  before:
    - healthy: 100% for 1m
    - mirror: 10% for 15m
    - hook: https://ci.example.com/smoke
    - approval: {from: [ann]}
  after: {watch: 15m, keep_stable: 2h}
";
    let mut world = World::new(service(text));
    world.script = [Some(Answer::Again("503".into())), Some(Answer::Go)].into();
    let served = world.traffic();
    assert_eq!(served.preview.unwrap().version, "v2", "it can be tried from the first moment");
    assert_eq!((served.rules[0].name.as_str(), served.rules[0].send.share_of("v2")), ("preview", percent("100%")));
    world.pass(minutes(10));
    assert_eq!(world.traffic().mirror.unwrap().share, percent("10%"));
    world.pass(minutes(10));
    assert_eq!(world.traffic().mirror, None);
    world.tell(Verb::Approve, "ann").unwrap();
    world.pass(minutes(20));
    assert_eq!(
        world.story(),
        "\
0s Started 0%: v2 is to be released; v1 has everything
0s waits for: 2 of 3 nodes have acknowledged it (n1: late)
1s Step 0%: 100% of v2 healthy for 1m
1s waits for: 2 of 2 endpoints are healthy, and must stay so
1m1s Passed 0%: 2 of 2 endpoints of v2 are healthy
1m1s Step 0%: 10% mirrored to v2 for 15m
1m1s waits for: 2 of 3 nodes have acknowledged it (n1: late)
1m2s waits for: the step's time
16m2s Step 0%: hook https://ci.example.com/smoke
16m2s waits for: 2 of 3 nodes have acknowledged it (n1: late)
16m3s waits for: the answer of https://ci.example.com/smoke (try 1)
16m3s waits for: the answer of https://ci.example.com/smoke (try 2, after: 503)
16m4s Passed 0%: https://ci.example.com/smoke says go
16m4s Step 0%: an approval
16m4s Waiting 0%: an approval: waits for an approval from ann
16m4s waits for: an approval from ann
20m Approved 0%: ann approved, 1 so far
20m Passed 0%: 1 approved
20m Step 100%: v2 gets everything
20m waits for: 2 of 3 nodes have acknowledged it (n1: late)
20m1s Step 100%: watched for 15m
20m1s waits for: the step's time
35m1s Finished 100%: v2 has everything; v1 gets nothing
35m1s waits for: the file to say `stable: v2` and to take `candidate` out"
    );
    let view = world.view();
    assert_eq!(view.keep_until.unwrap().duration_since(world.begin).as_secs(), 35 * 60 + 1 + 7200);
    assert_eq!((world.traffic().preview, world.traffic().rules.len()), (None, 0), "there is no other way to it any more");
}

#[test]
fn a_call_says_what_it_is_about() {
    let mut world = World::new(service(HOOK));
    world.pass(secs(5));
    let call = &world.calls[0];
    let want = serde_json::json!({
        "token": "shop/1.1@1780315200/1/hook", "attempt": 1, "service": "shop", "rollout": 1, "stable": "v1", "candidate": "v2", "step": 1, "steps": 2,
        "share": "0%", "kind": "gate", "from": "v1", "version": "v2", "wave": null, "endpoints": null,
    });
    assert_eq!(call.body, want);
}

#[test]
fn a_hook_that_says_stop_stops() {
    let mut world = World::new(service(HOOK));
    world.script = [Some(Answer::Stop("409: tests failed".into()))].into();
    world.pass(secs(5));
    assert_eq!(world.view().why.as_deref(), Some("hook https://ci.example.com/smoke: 409: tests failed"));
    assert_eq!(world.traffic().preview, None);
    world.pass(minutes(100));
    assert_eq!(world.calls.len(), 1);
    world.tell(Verb::Retry, "ann").unwrap();
    world.pass(secs(5));
    assert_eq!(world.calls.len(), 2, "another try is another question");
    assert_ne!(world.calls[0].calling.token, world.calls[1].calling.token);
    assert_eq!(world.share("v2"), "100%");
}

#[test]
fn a_hook_is_asked_until_its_tries_are_used_up_with_growing_pauses() {
    let mut world = World::new(service(HOOK));
    world.script = std::iter::repeat_n(Some(Answer::Again("503".into())), 10).collect();
    world.pass(minutes(20));
    assert_eq!(world.view().phase, "off");
    assert!(world.view().why.unwrap().ends_with("no answer that counts in 10 tries, the last: 503"));
    let times: Vec<i64> = world.calls.iter().map(|call| call.calling.due.duration_since(world.begin).as_secs()).collect();
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(world.calls.iter().all(|call| call.calling.token == world.calls[0].calling.token), "one question all the time");
}

#[test]
fn an_answer_that_reads_like_go_is_none() {
    let mut world = World::new(service(HOOK));
    world.script = [Some(Answer::Again("go".into())), None].into();
    world.pass(secs(10));
    assert_eq!((world.share("v2").as_str(), world.calls.len()), ("0%", 2));
}

#[test]
fn what_was_answered_while_it_was_paused_is_not_asked_again() {
    let mut world = World::new(service(HOOK));
    world.script = [None].into();
    world.pass(secs(5));
    world.tell(Verb::Pause, "bob").unwrap();
    world.answer(Answer::Go);
    world.pass(minutes(5));
    assert_eq!((world.share("v2").as_str(), calls(&world.release, &world.state)), ("0%", None));
    world.tell(Verb::Resume, "bob").unwrap();
    assert_eq!((world.share("v2").as_str(), world.calls.len()), ("100%", 1));
}

#[test]
fn an_approval_that_does_not_come_in_time_fails() {
    let text = "candidate: v2\nblue_green: {before: [approval: {count: 2, within: 8h}]}\n";
    let mut world = World::new(service(text));
    world.pass(minutes(10));
    world.tell(Verb::Approve, "ann").unwrap();
    world.pass(minutes(8 * 60));
    assert_eq!(world.view().why.as_deref(), Some("1 of 2 approved in time"));
    assert_eq!(world.events.last().unwrap().at.duration_since(world.begin).as_secs(), 8 * 3600 + 1);
}

#[test]
fn health_is_without_interruption() {
    let mut world = World::new(service("candidate: v2\nblue_green: {before: [healthy: 50% for 1m]}\n"));
    let ill: Vec<_> = ["127.0.2.1:80", "127.0.2.2:80"].map(endpoint).to_vec();
    world.unhealthy.insert(ill[0]);
    world.pass(secs(50));
    assert_eq!(world.waits(), "1 of 2 endpoints are healthy, and must stay so");
    assert_eq!(probed(&world.release, &world.state), ill, "both are asked");
    world.unhealthy.insert(ill[1]);
    world.look();
    assert_eq!(world.waits(), "0 of 2 endpoints are known to be healthy, and 50% of them must be");
    world.unhealthy.clear();
    world.pass(secs(59));
    assert_eq!(world.share("v2"), "0%", "it is a minute from when they were well again");
    world.pass(secs(1));
    assert_eq!(world.share("v2"), "100%");
}

#[test]
fn a_cutover_over_a_time_goes_in_small_steps_that_count_as_one() {
    let mut world = World::new(service("candidate: v2\nblue_green: {cutover: over 20s}\n"));
    world.lag = secs(0);
    world.pass(secs(1));
    let mut shares = vec![world.share("v2")];
    for _ in 0..20 {
        world.pass(secs(1));
        shares.push(world.share("v2"));
    }
    assert_eq!((shares[0].as_str(), shares[9].as_str(), shares[20].as_str()), ("4.761%", "47.619%", "100%"));
    assert_eq!(world.rollout().program.count(), 2);
    let view = world.view();
    assert_eq!(view.ladder[0].text, "cutover over 20s");
    assert_eq!(view.ladder.len(), 2);
}

#[test]
fn bad_in_the_watch_is_back_to_blue() {
    let text = "candidate: v2\nblue_green: {after: {watch: 15m}}\nchecks: {success: {min: 99%}}\n";
    let mut world = World::new(service(text));
    world.pass(minutes(5));
    assert_eq!(world.share("v2"), "100%");
    world.judgement = Judgement::Bad("slow".into());
    world.look();
    assert_eq!((world.share("v1").as_str(), world.view().phase), ("100%", "off"));
}

#[test]
fn copies_are_judged_and_a_gate_fails_like_a_step() {
    let text = "candidate: v2\nblue_green: {before: [mirror: 10% for 15m]}\nchecks: {success: {min: 99%}}\n";
    let mut world = World::new(service(text));
    world.pass(minutes(5));
    world.judgement = Judgement::Bad("slow".into());
    world.look();
    assert_eq!((world.view().phase, world.traffic().mirror), ("off", None));
}
