//! What people say.

use super::world::*;
use crate::rollout::*;

const PROMOTE: Verb = Verb::Promote { full: false };
const FULLY: Verb = Verb::Promote { full: true };

fn canary() -> World {
    World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 25% until approved, 50% for 1h]}\napprovers: [ann, eve]\n"))
}

#[test]
fn promote_ends_the_wait_and_no_more() {
    let mut world = canary();
    world.pass(secs(5));
    world.tell(PROMOTE, "bob").unwrap();
    assert_eq!(world.step(), 2);
    assert_eq!(refused(world.tell(PROMOTE, "bob")), "bob may not approve this; ann, eve may (--actor says who you are)");
    world.tell(PROMOTE, "ann").unwrap();
    assert_eq!(world.step(), 2, "the fleet is waited for");
    assert_eq!(
        refused(world.tell(PROMOTE, "ann")),
        "that is said already, and what every step needs is still waited for; `tidegate status shop` says what it waits for"
    );
    world.pass(secs(1));
    assert_eq!(world.step(), 3);
}

#[test]
fn promote_fully_leaves_out_what_is_between() {
    let mut world = canary();
    world.pass(secs(5));
    assert!(refused(world.tell(FULLY, "bob")).starts_with("bob may not approve"), "there is an approval on the way");
    world.tell(FULLY, "ann").unwrap();
    assert_eq!((world.share("v2").as_str(), world.step()), ("100%", 4));
    assert_eq!(
        refused(world.tell(FULLY, "ann")),
        "the candidate has everything already, and only the fleet is waited for; `abort` takes everything back"
    );
    world.pass(secs(2));
    assert_eq!(world.view().phase, "done");
    let kinds = world.kinds();
    assert_eq!(kinds, [Happened::Started, Happened::Step, Happened::Promoted, Happened::Step, Happened::Finished]);
}

#[test]
fn promote_fully_waits_for_what_every_step_needs() {
    let mut world = canary();
    world.nodes = 0;
    world.pass(secs(5));
    world.tell(FULLY, "ann").unwrap();
    assert_eq!((world.share("v2").as_str(), world.wait.clone()), ("0%", Some(Wait::NoNodes)));
    world.nodes = 1;
    world.pass(secs(5));
    assert_eq!(world.share("v2"), "100%");
}

#[test]
fn approvals_are_of_different_people_who_may() {
    let gates = "blue_green: {before: [{approval: {from: [ann, bob], count: 2, within: 1h}}]}\n";
    let mut world = World::new(service(&format!("candidate: v2\n{gates}approvers: [eve]\n")));
    assert!(refused(world.tell(Verb::Approve, "ann")).starts_with("nothing waits for an approval: v2 has not begun yet"));
    world.pass(secs(5));
    assert_eq!(refused(world.tell(Verb::Approve, "eve")), "eve may not approve this; ann, bob may (--actor says who you are)");
    world.tell(Verb::Approve, "ann").unwrap();
    assert_eq!(world.waits(), "approvals from ann, bob, 1 of 2 so far");
    assert_eq!(
        refused(world.tell(Verb::Approve, "ann")),
        "ann has approved of this step already; `tidegate status shop` says what it waits for"
    );
    world.tell(Verb::Approve, "bob").unwrap();
    assert_eq!(world.share("v2"), "100%");
}

#[test]
fn pause_keeps_the_share_and_resume_goes_on() {
    let mut world = canary();
    world.pass(secs(5));
    world.tell(Verb::Pause, "bob").unwrap();
    assert_eq!(refused(world.tell(Verb::Pause, "ann")), "bob has paused it already; `resume` lets it go on");
    world.pass(minutes(60));
    assert_eq!((world.share("v2").as_str(), world.waits().as_str()), ("5%", "bob, who paused it: because"));
    world.tell(Verb::Resume, "ann").unwrap();
    assert_eq!(world.step(), 2, "its time had passed long ago");
    assert_eq!(refused(world.tell(Verb::Resume, "ann")), "nobody has paused it; `tidegate status shop` says what it waits for");
}

#[test]
fn a_step_that_has_not_begun_cannot_be_ended() {
    let mut world = canary();
    let why = "no step has begun yet; `tidegate status shop` says what it waits for";
    assert_eq!(refused(world.tell(PROMOTE, "ann")), why);
    assert_eq!(refused(world.tell(Verb::Skip, "ann")), why);
    assert_eq!(world.events.len(), 1);
    world.tell(Verb::Pause, "bob").unwrap();
    assert_eq!(refused(world.tell(PROMOTE, "ann")), "no step has begun yet: bob has paused it; `resume` lets it go on");
    let mut held = World::new(service("candidate: v2\nhold: true\ncanary: {steps: [5% for 10m]}\n"));
    assert_eq!(refused(held.tell(PROMOTE, "ann")), "no step has begun yet: the file says `hold: true`; take it out");
}

#[test]
fn abort_is_at_once_and_retry_begins_again() {
    let mut world = canary();
    world.pass(minutes(11));
    world.tell(Verb::Approve, "ann").unwrap();
    world.pass(minutes(5));
    assert_eq!(world.share("v2"), "50%");
    world.tell(Verb::Abort, "bob").unwrap();
    assert_eq!((world.share("v2").as_str(), world.view().phase), ("0%", "off"));
    assert_eq!(
        refused(world.tell(Verb::Abort, "bob")),
        "no rollout is under way: v2 was called off: because; `retry` begins it again"
    );
    assert_eq!(refused(world.tell(Verb::Undo, "bob")), "it is undone: v2 was called off: because; `retry` begins it again");
    world.pass(minutes(600));
    assert_eq!(world.share("v2"), "0%");
    world.tell(Verb::Retry, "bob").unwrap();
    assert_eq!((world.step(), world.rollout().round), (1, 2));
    world.pass(minutes(60));
    assert_eq!((world.step(), world.rollout().at().unwrap().approvals.len()), (2, 0), "what was approved before is not now");
}

#[test]
fn aborted_before_it_began_it_was_at_no_step() {
    let mut world = canary();
    world.tell(Verb::Abort, "bob").unwrap();
    let view = world.view();
    assert_eq!((view.phase, view.step), ("off", (0, 4)));
    assert!(view.ladder.iter().all(|rung| rung.state == RungState::ToCome));
}

#[test]
fn skip_passes_over_a_test() {
    let mut world = World::new(service("candidate: v2\nblue_green: {before: [hook: \"https://ci.example.com/x\"]}\n"));
    world.script = [None].into();
    world.pass(secs(5));
    assert!(refused(world.tell(PROMOTE, "ann")).starts_with("this step is a test"));
    world.tell(Verb::Skip, "ann").unwrap();
    assert_eq!((world.share("v2").as_str(), world.calls.len()), ("100%", 1));
    assert_eq!(
        refused(world.tell(Verb::Skip, "ann")),
        "the candidate has everything already, and only the fleet is waited for; `abort` takes everything back"
    );
}

#[test]
fn skip_waits_for_the_fleet() {
    let mut world = World::new(service("candidate: v2\nblue_green: {before: [hook: \"https://ci.example.com/x\"]}\n"));
    world.script = [None].into();
    world.pass(secs(5));
    world.nodes = 0;
    world.tell(Verb::Skip, "ann").unwrap();
    assert_eq!((world.share("v2").as_str(), world.wait.clone()), ("0%", Some(Wait::NoNodes)));
    assert_eq!(calls(&world.release, &world.state), None, "and nobody is asked meanwhile");
}

#[test]
fn a_stuck_step_is_retried_or_passed_over() {
    let text = "candidate: v2\non_failure: hold\nchecks: {success: {min: 99%}}\ncanary: {steps: [5% for 10m, 50% for 10m]}\n";
    let stuck = || {
        let mut world = World::new(service(text));
        world.pass(secs(5));
        world.judgement = Judgement::Bad("slow".into());
        world.look();
        assert_eq!(world.view().phase, "stuck");
        world
    };
    let mut world = stuck();
    world.tell(Verb::Retry, "ann").unwrap();
    assert_eq!(world.view().phase, "stuck", "it is as bad as before");
    world.judgement = Judgement::Good;
    world.tell(Verb::Retry, "ann").unwrap();
    assert_eq!((world.view().phase, world.step()), ("running", 1));
    for verb in [PROMOTE, Verb::Skip] {
        let mut world = stuck();
        let facts = Facts { judgement: Judgement::Bad("slow".into()), ..world.facts() };
        world.judgement = Judgement::Good;
        world.tell(verb, "ann").unwrap();
        assert_eq!(world.step(), 2, "{}", verb.as_str());
        let outcome = reconcile(&world.release, &world.state, &facts, world.now);
        assert!(outcome.events.iter().any(|event| event.what == Happened::Stuck), "the next step is judged anew");
    }
}

#[test]
fn undo_when_it_is_done_and_when_it_is_long_over() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m]}\n"));
    world.pass(minutes(20));
    assert_eq!(world.view().phase, "done");
    let done = "v2 has everything; `undo` goes back to v1";
    assert_eq!(refused(world.tell(Verb::Abort, "ann")), format!("no rollout is under way: {done}"));
    assert_eq!(refused(world.tell(Verb::Retry, "ann")), format!("there is nothing to try again: {done}"));
    world.tell(Verb::Undo, "ann").unwrap();
    assert_eq!((world.share("v1").as_str(), world.view().phase), ("100%", "off"));
    assert_eq!(world.view().by.unwrap().name, "ann");

    let mut world = World::new(service(""));
    assert_eq!(
        refused(world.tell(Verb::Undo, "ann")),
        "no version before this one is known and still in the file; say `stable` of the one that is to serve"
    );
    let v2 = service("rules: [{name: qa, when: {header: {x-qa: \"1\"}}, send: v2}]\n").stable_is("v2");
    world.edit(v2.clone()).unwrap();
    assert_eq!(world.share("v2"), "100%");
    assert_eq!(
        refused(world.tell(Verb::Abort, "ann")),
        "no rollout is under way: v2 has everything, and nothing is being released; `undo` goes back to v1, and a `candidate` in the file is released"
    );
    world.tell(Verb::Undo, "ann").unwrap();
    assert_eq!((world.share("v1").as_str(), world.traffic().rules[0].send.share_of("v2").to_string().as_str()), ("100%", "0%"));
    assert_eq!(refused(world.tell(Verb::Undo, "ann")), "v1 serves already instead of v2; `retry` lets v2 serve again");
    world.tell(Verb::Retry, "ann").unwrap();
    assert_eq!(world.share("v2"), "100%");
    world.tell(Verb::Undo, "ann").unwrap();
    world.edit(v2.stable_is("v1")).unwrap();
    assert_eq!((world.share("v1").as_str(), &world.state.instead), ("100%", &None), "the file agrees, and nothing moves");
}

#[test]
fn what_was_meant_for_something_else_is_refused() {
    let mut world = canary();
    world.pass(secs(5));
    let seen = world.state.revision;
    world.tell(Verb::Pause, "bob").unwrap();
    let text = refused(world.tell_of(Verb::Abort, "ann", Some(seen)));
    assert_eq!(
        text,
        "things have changed (v2 is at step 1 of 4, with 5%) since revision 2, and now it is revision 3; look again, and say it for what there is now"
    );
    world.tell_of(Verb::Abort, "ann", None).unwrap();
    assert_eq!(world.view().phase, "off");
}

#[test]
fn who_and_why_are_kept() {
    let mut world = canary();
    world.pass(secs(5));
    world.tell(Verb::Abort, "bob").unwrap();
    let event = world.events.last().unwrap();
    assert_eq!((event.by.clone(), event.reason.as_deref()), (Some(Actor { name: "bob".into(), claimed: true }), Some("because")));
    assert_eq!((event.before.share_of("v2"), event.after.share_of("v2")), (percent("5%"), percent("0%")));
}
