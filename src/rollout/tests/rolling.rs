//! Waves.

use super::world::*;
use crate::model::{Release, Traffic};
use crate::rollout::*;

const HEAD: &str = "service: shop\nhosts: [shop.example.com]\nstable: v1\ncandidate: v2\n";

fn swap(rest: &str) -> Release {
    let versions =
        "versions:\n  v1: [127.0.1.1:80, 127.0.1.2:80, 127.0.1.3:80, 127.0.1.4:80]\n  v2: [127.0.2.1:80, 127.0.2.2:80]\n";
    release(&format!("{HEAD}{versions}rolling: {{batch: 50%, pause: 5m, drain: 30s}}\n{rest}"))
}

fn in_place(batch: &str, rest: &str) -> Release {
    let endpoints = "[127.0.1.1:80, 127.0.1.2:80, 127.0.1.3:80, 127.0.1.4:80]";
    let rolling = format!("rolling: {{batch: {batch}, pause: 5m, drain: 30s, upgrade: {{hook: \"https://ci.example.com/up\"}}}}\n");
    release(&format!("{HEAD}versions:\n  v1: {endpoints}\n  v2: {endpoints}\n{rolling}{rest}"))
}

/// Where the endpoints of a version are: the last number of each, those that drain in brackets.
fn placed(served: &Traffic, version: &str) -> String {
    let Some(placed) = served.placed.get(version) else { return "all".into() };
    let number = |address: std::net::SocketAddr| address.ip().to_string().rsplit('.').next().unwrap().to_owned();
    let one = |placed: &crate::model::Placed| {
        let number = number(placed.endpoint.address);
        if placed.draining { format!("({number})") } else { number }
    };
    placed.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn both(world: &World) -> String {
    let served = world.traffic();
    format!("v1: {} | v2: {} | {}", placed(&served, "v1"), placed(&served, "v2"), served.split.share_of("v2"))
}

#[test]
fn a_wave_swaps_endpoints_of_one_for_those_of_the_other() {
    let mut world = World::new(swap(""));
    world.pass(secs(2));
    assert_eq!(both(&world), "v1: 3 4 (1) (2) | v2: 1 | 33.333%");
    world.pass(minutes(20));
    assert_eq!(both(&world), "v1: all | v2: all | 100%");
    assert_eq!(
        world.story(),
        "\
0s Started 0%: v2 is to be released; v1 has everything
0s waits for: 2 of 3 nodes have acknowledged it (n1: late)
1s Step 0%: waves over all endpoints
2s Wave 0%: wave 1 of 2: 127.0.2.1:80 comes
2s Wave 33.333%: v2 has 33.333% of the endpoints in service
4s waits for: the pause between waves
5m3s Wave 33.333%: wave 2 of 2: 127.0.2.2:80 comes
5m3s Wave 100%: v2 has 100% of the endpoints in service
5m3s waits for: 2 of 3 nodes have acknowledged it (n1: late)
5m5s Step 100%: v2 gets everything
5m6s Finished 100%: v2 has everything; v1 gets nothing
5m6s waits for: the file to say `stable: v2` and to take `candidate` out"
    );
}

#[test]
fn whoever_comes_is_well_first_and_is_held_like_a_step() {
    let mut world = World::new(swap(""));
    world.unhealthy.insert(endpoint("127.0.2.1:80"));
    world.pass(minutes(10));
    assert_eq!(both(&world), "v1: 1 2 3 4 | v2:  | 0%");
    assert_eq!(world.waits(), "0 of 1 endpoints are known to be healthy, and 100% of them must be");
    world.tell(Verb::Pause, "ann").unwrap();
    world.unhealthy.clear();
    world.pass(minutes(10));
    assert_eq!(world.share("v2"), "0%", "it would be more for the candidate");
    world.tell(Verb::Resume, "ann").unwrap();
    assert_eq!(world.share("v2"), "33.333%");
}

#[test]
fn of_one_it_is_said_that_it_is_one() {
    let mut world = World::new(in_place("1", ""));
    (world.busy, world.nodes) = (true, 1);
    world.look();
    assert_eq!(world.waits(), "0 of 1 node has acknowledged it (n1: late)");
    world.pass(secs(10));
    assert_eq!(world.waits(), "requests in flight at 1 endpoint that leaves");
    assert!(world.story().contains("wave 1 of 4: 127.0.1.1:80 leaves to be upgraded"), "{:?}", world.events);
}

#[test]
fn requests_in_flight_are_waited_for_but_not_for_ever() {
    let mut world = World::new(swap(""));
    world.busy = true;
    world.pass(secs(20));
    assert_eq!(world.waits(), "requests in flight at 2 endpoints that leave");
    assert_eq!(draining(&world.release, &world.state).unwrap().1, ["127.0.1.1:80", "127.0.1.2:80"].map(endpoint));
    world.pass(secs(20));
    assert_eq!(both(&world), "v1: 3 4 | v2: 1 | 33.333%");
}

#[test]
fn rules_lead_to_whoever_is_in_service() {
    let rules = "rules:\n  - {name: new, when: {header: {x-v: \"2\"}}, send: v2}\n  - {name: old, when: {header: {x-v: \"1\"}}, send: v1}\n";
    let mut world = World::new(swap(rules));
    let sent = |world: &World| {
        let rules = world.traffic().rules;
        (rules[0].send.share_of("v2").to_string(), rules[1].send.share_of("v1").to_string())
    };
    world.pass(secs(1));
    assert_eq!((both(&world).as_str(), sent(&world)), ("v1: 1 2 3 4 | v2:  | 0%", ("0%".into(), "100%".into())));
    world.pass(minutes(5) + secs(2));
    assert_eq!(
        (both(&world).as_str(), sent(&world)),
        ("v1:  (3) (4) | v2: 1 2 | 100%".replace(":  (", ": (").as_str(), ("100%".into(), "0%".into()))
    );
}

#[test]
fn endpoints_are_upgraded_where_they_are() {
    let mut world = World::new(in_place("2", ""));
    world.script = [None].into();
    world.pass(secs(10));
    assert_eq!(both(&world), "v1: 3 4 (1) (2) | v2:  | 0%");
    let body = &world.calls[0].body;
    assert_eq!(
        (&body["kind"], &body["version"], &body["endpoints"]),
        (&"upgrade".into(), &"v2".into(), &serde_json::json!(["127.0.1.1:80", "127.0.1.2:80"]))
    );
    world.answer(Answer::Go);
    world.pass(secs(10));
    assert_eq!(both(&world), "v1: 3 4 | v2: 1 2 | 50%");
    world.pass(minutes(6));
    assert_eq!(both(&world), "v1: all | v2: all | 100%");
    assert_eq!(world.calls.len(), 2);
    assert_eq!(world.view().phase, "done");
}

#[test]
fn one_endpoint_always_serves() {
    let mut world = World::new(in_place("100%", ""));
    world.script = [None].into();
    world.pass(secs(10));
    assert_eq!(both(&world), "v1: 4 (1) (2) (3) | v2:  | 0%");
    let one = release(&format!(
        "{HEAD}versions: {{v1: [127.0.1.1:80], v2: [127.0.1.1:80]}}\nrolling: {{batch: 1, upgrade: {{hook: \"https://ci.example.com/up\"}}}}\n"
    ));
    let mut world = World::new(one);
    world.pass(secs(10));
    assert_eq!(world.view().why.as_deref(), Some("one endpoint alone cannot be upgraded where it is without losing requests"));
}

#[test]
fn endpoints_that_were_upgraded_go_back_in_waves() {
    let mut world = World::new(in_place("1", ""));
    world.pass(minutes(12));
    assert_eq!(both(&world), "v1: 4 | v2: 1 2 3 | 75%");
    world.story();
    world.tell(Verb::Abort, "ann").unwrap();
    let mut shares = vec![world.share("v2")];
    for _ in 0..20 {
        world.pass(secs(1));
        shares.push(world.share("v2"));
    }
    shares.dedup();
    assert_eq!(shares, ["66.666%", "50%", "33.333%", "0%"], "never more, and nothing once stable can bear it");
    assert_eq!((world.view().phase, both(&world).as_str()), ("off", "v1: all | v2: all | 0%"));
    let back: Vec<_> = world.calls[3..].iter().map(|call| (call.body["version"].clone(), call.body["endpoints"].clone())).collect();
    assert_eq!(back.len(), 3);
    assert_eq!(back[0], ("v1".into(), serde_json::json!(["127.0.1.1:80"])));
}

#[test]
fn whoever_was_asked_to_upgrade_is_asked_to_go_back() {
    let mut world = World::new(in_place("1", ""));
    world.script = [None, Some(Answer::Stop("no".into())), Some(Answer::Go)].into();
    world.pass(secs(10));
    world.tell(Verb::Abort, "ann").unwrap();
    assert_eq!((both(&world).as_str(), world.view().phase), ("v1: 2 3 4 | v2: (1) | 0%", "returning"));
    assert_eq!(refused(world.tell(Verb::Retry, "ann")), "endpoints are on their way back to stable; wait for the last of them");
    assert!(world.wait.as_ref().is_some_and(Wait::is_for_people), "nobody else would look: {:?}", world.wait);
    let next = "the rest of the endpoints go back to v1; then `retry`, or another candidate";
    assert_eq!(world.view().next, next);
    world.pass(secs(30));
    assert_eq!(world.view().phase, "returning", "there is nowhere else to go");
    world.pass(secs(60));
    assert_eq!(world.view().phase, "off");
    let told: Vec<&str> = world.events.iter().filter(|it| it.what == Happened::Stuck).map(|it| it.text.as_str()).collect();
    assert_eq!(told, ["127.0.1.1:80 cannot go back to stable; the hook is asked until it says yes: no"], "once a wave");
    assert_eq!(world.calls.iter().map(|call| call.body["version"].as_str().unwrap()).collect::<Vec<_>>(), ["v2", "v1", "v1"]);
}

#[test]
fn a_wave_that_has_begun_comes_back_although_it_is_paused() {
    let mut world = World::new(in_place("1", ""));
    world.script = [None].into();
    world.pass(secs(10));
    world.tell(Verb::Pause, "ann").unwrap();
    world.answer(Answer::Go);
    world.pass(minutes(20));
    assert_eq!(both(&world), "v1: 2 3 4 | v2: 1 | 25%", "capacity is not held, and no other wave begins");
}

#[test]
fn an_upgrade_that_failed_is_asked_for_again_as_another_question() {
    let mut world = World::new(in_place("1", "on_failure: hold\n"));
    world.script = [Some(Answer::Stop("disk full".into()))].into();
    world.pass(secs(10));
    assert_eq!((world.view().phase, both(&world).as_str()), ("stuck", "v1: 2 3 4 (1) | v2:  | 0%"));
    assert_eq!(refused(world.tell(Verb::Promote { full: false }, "ann")), "the waves are stuck: `retry` tries again what failed");
    assert_eq!(refused(world.tell(Verb::Promote { full: true }, "ann")), "the waves are stuck: `retry` tries again what failed");
    world.tell(Verb::Retry, "ann").unwrap();
    world.pass(secs(10));
    assert_eq!(both(&world), "v1: 2 3 4 | v2: 1 | 25%");
    assert_ne!(world.calls[0].calling.token, world.calls[1].calling.token);
}

#[test]
fn a_service_that_was_deleted_and_written_anew_asks_by_other_tokens() {
    let tokens = |later| {
        let mut world = World::new(in_place("1", ""));
        world.now += later;
        world.state = State::default();
        world.edit(world.release.clone()).unwrap();
        world.script = [None].into();
        world.pass(secs(10));
        world.tell(Verb::Abort, "ann").unwrap();
        world.calls.iter().map(|call| call.calling.token.clone()).collect::<Vec<_>>()
    };
    assert_eq!(tokens(secs(0)), ["shop/1.1@1780315200/1/wave1", "shop/1.1@1780315200/end/back1"]);
    assert_eq!(tokens(secs(1)), ["shop/1.1@1780315201/1/wave1", "shop/1.1@1780315201/end/back1"]);
}

#[test]
fn promote_ends_a_pause_and_fully_all_of_them() {
    let mut world = World::new(in_place("1", ""));
    world.pass(minutes(1));
    assert_eq!(world.share("v2"), "25%");
    world.tell(Verb::Promote { full: false }, "ann").unwrap();
    world.pass(minutes(1));
    assert_eq!(world.share("v2"), "50%");
    world.tell(Verb::Promote { full: true }, "ann").unwrap();
    world.pass(minutes(1));
    assert_eq!((world.share("v2").as_str(), world.calls.len()), ("100%", 4));

    let mut world = World::new(swap(""));
    world.pass(minutes(1));
    world.tell(Verb::Promote { full: true }, "ann").unwrap();
    assert_eq!(both(&world), "v1: all | v2: all | 100%", "where each has its own there is nothing to wait for");
}

#[test]
fn undo_takes_endpoints_back_when_all_have_been_upgraded() {
    let mut world = World::new(in_place("2", ""));
    world.pass(minutes(20));
    assert_eq!(world.view().phase, "done");
    world.tell(Verb::Undo, "ann").unwrap();
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("returning", "100%"), "all of them run it still");
    world.pass(minutes(1));
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("off", "0%"));
}

#[test]
fn endpoints_that_come_and_go_in_mid_wave_are_followed() {
    let list = |numbers: &[u8]| numbers.iter().map(|n| endpoint(&format!("127.0.1.{n}:80"))).collect::<Vec<_>>();
    let with = |world: &World, numbers: &[u8]| {
        let mut release = world.release.clone();
        for version in &mut release.versions {
            version.backends = crate::model::Backends::Listed(list(numbers));
        }
        release
    };
    let mut world = World::new(in_place("1", ""));
    world.pass(minutes(1));
    world.edit(with(&world, &[1, 2, 3, 4, 5, 6])).unwrap();
    assert_eq!(both(&world), "v1: 2 3 4 5 6 | v2: 1 | 16.666%");
    world.edit(with(&world, &[2, 3])).unwrap();
    assert_eq!(both(&world), "v1: 2 3 | v2:  | 0%");
    world.pass(minutes(30));
    assert_eq!((world.view().phase, world.share("v2").as_str()), ("done", "100%"));
}

#[test]
fn waves_do_not_take_the_last_of_stable_while_nobody_has_come() {
    let mut release = swap("");
    release.versions[1].backends = crate::model::Backends::Listed(vec![]);
    let mut world = World::new(release);
    world.pass(minutes(60));
    assert_eq!(both(&world), "v1: 1 2 3 4 | v2:  | 0%");
    assert_eq!(world.waits(), "0 of 0 endpoints are known to be healthy, and 100% of them must be");
}
