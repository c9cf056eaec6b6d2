//! Each edit in each phase: what happens is a table of the documents, and this test keeps it.

use std::time::Duration;

use super::world::*;
use crate::model::*;
use crate::rollout::{Happened, Phase, Verb};

/// The phases a rollout can be in when the file is edited.
const PHASES: [&str; 10] = ["pending", "settling", "holding", "gate", "wave", "stuck", "done", "off", "returning", "queued"];

fn canary() -> Strategy {
    let step = |share| Step { share: percent(share), until: Hold::For(minutes(10)) };
    Strategy::Canary(Canary { steps: ["5%", "25%", "50%"].map(step).to_vec() })
}

fn blue_green() -> Strategy {
    let gate = |within| Gate::Approval { from: vec![], count: 1, within };
    let before = vec![gate(None), gate(Some(minutes(600)))];
    Strategy::BlueGreen(BlueGreen { preview: None, before, cutover: Cutover::AtOnce, watch: None, keep_stable: None })
}

fn waves() -> Strategy {
    let upgrade = Some(Hook::new("https://ci.example.com/up".into()));
    Strategy::Rolling(Rolling { batch: Batch::Count(1), pause: minutes(5), drain: secs(30), upgrade, until: percent("50%") })
}

fn start(strategy: Strategy, change: impl FnOnce(&mut Release)) -> World {
    let mut release = service("candidate: v2\ncanary: {steps: [5% for 10m]}\nchecks: {success: {min: 99%}}\n");
    let plan = release.plan.as_mut().expect("a plan");
    if matches!(strategy, Strategy::Rolling(_)) {
        plan.then = vec![canary()];
    }
    plan.strategy = strategy;
    change(&mut release);
    World::new(release)
}

fn in_place(release: &mut Release) {
    let same = Backends::Listed((1..=4).map(|n| endpoint(&format!("127.0.1.{n}:80"))).collect());
    (release.versions[1].backends, release.versions[2].backends) = (same.clone(), same);
}

/// A rollout in that phase, at its second step where it is at one.
fn world(phase: &str) -> World {
    let at_canary = |time: Duration| {
        let mut world = start(canary(), |_| {});
        world.pass(time);
        world
    };
    match phase {
        "pending" => start(canary(), |_| {}),
        "settling" => {
            let mut world = at_canary(minutes(10));
            world.lag = minutes(100);
            world.pass(minutes(1));
            world
        }
        "gate" => {
            let mut world = start(blue_green(), |_| {});
            world.pass(minutes(1));
            world.tell(Verb::Approve, "ann").unwrap();
            world
        }
        "wave" | "returning" => {
            let mut world = start(waves(), in_place);
            world.script = [Some(crate::rollout::Answer::Go), None, None].into();
            world.pass(minutes(1));
            if phase == "returning" {
                world.tell(Verb::Abort, "ann").unwrap();
                world.pass(secs(5));
            }
            world
        }
        "stuck" => {
            let mut world = start(canary(), |release| release.plan.as_mut().unwrap().on_failure = OnFailure::Hold);
            world.pass(minutes(15));
            world.judgement = crate::rollout::Judgement::Bad("slow".into());
            world.look();
            world
        }
        "done" => at_canary(minutes(60)),
        "off" => {
            let mut world = at_canary(minutes(15));
            world.tell(Verb::Abort, "ann").unwrap();
            world
        }
        "queued" => {
            let mut world = at_canary(minutes(15));
            let mut release = world.release.clone();
            let plan = release.plan.as_mut().unwrap();
            (plan.candidate, plan.on_new_candidate) = (Some("v3".into()), OnNewCandidate::Queue);
            world.edit(release).unwrap();
            world
        }
        _ => at_canary(minutes(15)),
    }
}

type Edit = (&'static str, fn(&World) -> Option<Release>);

/// The file with something else in its plan.
fn plan(world: &World, change: impl FnOnce(&mut Plan)) -> Option<Release> {
    let mut release = world.release.clone();
    change(release.plan.as_mut()?);
    Some(release)
}

fn candidate(world: &World, policy: OnNewCandidate) -> Option<Release> {
    plan(world, |plan| (plan.candidate, plan.on_new_candidate) = (Some("v0".into()), policy))
}

/// The file with another step; none if it has no such step.
fn step(world: &World, index: Option<usize>) -> Option<Release> {
    let index = index?;
    let mut done = false;
    let release = plan(world, |plan| {
        let mut index = index;
        for strategy in std::iter::once(&mut plan.strategy).chain(&mut plan.then) {
            let count = match strategy {
                Strategy::Canary(canary) => {
                    if let Some(step) = canary.steps.get_mut(index) {
                        (step.until, done) = (Hold::For(minutes(99)), true);
                    }
                    canary.steps.len()
                }
                Strategy::BlueGreen(blue_green) => {
                    match blue_green.before.get_mut(index) {
                        Some(gate) => *gate = Gate::Approval { from: vec![], count: 3, within: None },
                        None => blue_green.watch = Some(minutes(1)),
                    }
                    done = true;
                    return;
                }
                Strategy::Rolling(rolling) => {
                    (rolling.pause, done) = (minutes(7), done || index == 0);
                    if index > 0 {
                        rolling.pause = minutes(5);
                    }
                    1
                }
                Strategy::AbTest(_) => 0,
            };
            match index.checked_sub(count) {
                Some(rest) if !done => index = rest,
                _ => return,
            }
        }
    });
    release.filter(|_| done)
}

fn under_way(world: &World) -> Option<usize> {
    world.rollout().at().map(|at| at.index)
}

fn stable(world: &World, stable: &str, candidate: Option<&str>) -> Option<Release> {
    Some(plan(world, |plan| plan.candidate = candidate.map(str::to_owned))?.stable_is(stable))
}

const EDITS: [Edit; 15] = [
    ("another `candidate`, `on_new_candidate: supersede`", |world| candidate(world, OnNewCandidate::Supersede)),
    ("another `candidate`, `on_new_candidate: queue`", |world| candidate(world, OnNewCandidate::Queue)),
    ("another `candidate`, `on_new_candidate: refuse`", |world| candidate(world, OnNewCandidate::Refuse)),
    ("`candidate` taken out", |world| plan(world, |plan| plan.candidate = None)),
    ("`candidate` and its version taken out, as `git revert` does", |world| {
        let mut release = plan(world, |plan| plan.candidate = None)?;
        release.versions.retain(|version| version.name != "v2");
        Some(release)
    }),
    ("a step to come", |world| step(world, Some(under_way(world).map_or(0, |index| index + 1)))),
    ("the step under way", |world| step(world, under_way(world))),
    ("a step that is over", |world| step(world, under_way(world)?.checked_sub(1))),
    ("another strategy", |world| {
        plan(world, |plan| {
            let blue_green = blue_green();
            (plan.strategy, plan.then) = (if plan.strategy == blue_green { canary() } else { blue_green }, vec![]);
        })
    }),
    ("endpoints of the candidate", |world| {
        let mut release = world.release.clone();
        let Backends::Listed(endpoints) = &mut release.versions[2].backends else { return None };
        endpoints.push(endpoint("127.0.2.9:80"));
        Some(release)
    }),
    ("`stable` becomes the candidate, which is taken out", |world| stable(world, "v2", None)),
    ("`stable` becomes the candidate, and another `candidate` is named", |world| stable(world, "v2", Some("v3"))),
    ("`stable` becomes a third version", |world| Some(world.release.stable_is("v0"))),
    ("`hold: true`", |world| plan(world, |plan| plan.hold = true)),
    ("`approvers`, `checks`, `windows`", |world| plan(world, |plan| (plan.approvers, plan.checks) = (vec!["ann".into()], None))),
];

/// What comes of an edit, in words.
fn outcome(phase: &str, (_, edit): &Edit) -> String {
    let mut world = world(phase);
    let Some(release) = edit(&world) else { return "has none".into() };
    let (count, served) = (world.events.len(), world.traffic());
    let done = matches!(world.rollout().phase, Phase::Done { .. });
    let named = |release: &Release| release.plan.as_ref().and_then(|plan| plan.candidate.clone());
    let of_another = named(&release).is_some() && named(&release) != named(&world.release);
    let taken = world.edit(release);
    if let Err(refused) = taken {
        assert!(!refused.title.is_empty() && !refused.help.is_empty());
        return "refused".into();
    }
    let happened: Vec<Happened> = world.events[count..].iter().map(|event| event.what).collect();
    let moves = world.traffic() != served;
    let words = match happened.as_slice() {
        [] if of_another => "taken in; it begins when this one has ended",
        [] if moves => "served at once",
        [] => "taken in",
        [Happened::Edited] if moves => "taken in; the other `stable` serves at once",
        [Happened::Edited] => "taken in",
        [Happened::Withdrawn] if moves => "the candidate gets nothing, at once",
        [Happened::Withdrawn] => "the rollout is forgotten; nothing moves",
        [Happened::RolledBack] if of_another => "its endpoints go back in waves, and then the new one begins",
        [Happened::RolledBack] => "its endpoints go back in waves",
        [Happened::Withdrawn, Happened::Started] => "the candidate gets nothing, at once, and the new one begins",
        [Happened::Collapsed] if done && !moves => "the release is over; nothing moves",
        [Happened::Collapsed] => "the release is over; the new `stable` gets everything at once",
        [Happened::Collapsed, Happened::Started] if done && !moves => "the release is over, and the next begins; nothing moves",
        [Happened::Collapsed, Happened::Started] => {
            "the release is over, the new `stable` gets everything at once, and the next begins"
        }
        other => panic!("{phase}: {other:?}"),
    };
    words.to_owned()
}

/// A row: what happens, and in which phases.
fn row(edit: &Edit) -> String {
    let mut outcomes: Vec<(String, Vec<&str>)> = Vec::new();
    for phase in PHASES {
        let words = outcome(phase, edit);
        match outcomes.iter_mut().find(|(other, _)| *other == words) {
            Some((_, phases)) => phases.push(phase),
            None => outcomes.push((words, vec![phase])),
        }
    }
    outcomes.retain(|(words, _)| words != "has none");
    let all = |phases: &[&str]| if phases.len() == PHASES.len() { "always".to_owned() } else { phases.join(", ") };
    let parts: Vec<String> = outcomes.iter().map(|(words, phases)| format!("**{words}**: {}", all(phases))).collect();
    format!("| {} | {} |\n", edit.0, parts.join("<br>"))
}

#[test]
fn each_edit_in_each_phase_is_as_the_documents_have_it() {
    let table: String = EDITS.iter().map(row).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rollouts.md");
    let text = std::fs::read_to_string(path).expect("docs/rollouts.md");
    let head = "| edit | what happens, and in which phases |\n|---|---|\n";
    let (before, rest) = text.split_once(head).expect("the table's head");
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    let written = &rest[..end];
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(path, format!("{before}{head}{table}{}", &rest[end..])).expect("it can be written");
        return;
    }
    assert_eq!(written, table, "`TIDEGATE_BLESS=1 cargo test --lib rollout::tests::edits` writes it anew");
}

#[test]
fn phases_are_what_they_are_called() {
    let phases = PHASES.map(|phase| world(phase).view().phase);
    let want = ["pending", "running", "running", "running", "running", "stuck", "done", "off", "returning", "running"];
    assert_eq!(phases, want);
    assert_eq!(world("settling").waits(), "2 of 3 nodes have acknowledged it (n1: late)");
    assert_eq!(world("gate").waits(), "an approval");
    let wave = world("wave");
    assert!(wave.rollout().roll.as_ref().is_some_and(|roll| roll.new.len() == 1), "{:?}", wave.rollout().roll);
}

#[test]
fn a_refusal_says_the_way_out() {
    let holding = world("holding");
    let release = step(&holding, Some(1)).unwrap();
    let refused = world("holding").edit(release).unwrap_err();
    assert_eq!(refused.key, "canary.steps[1]");
    assert_eq!(refused.title, "step 2 of v2 is under way, and cannot be changed");
    assert_eq!(
        refused.help,
        "it was: 25% for 10m. Change the steps after it, or `tidegate promote shop` to end it, or `tidegate abort shop`"
    );
}

#[test]
fn a_queued_candidate_begins_when_the_one_before_has_ended() {
    let mut world = world("queued");
    world.tell(Verb::Abort, "ann").unwrap();
    assert_eq!((world.rollout().candidate.as_str(), world.rollout().id), ("v3", 2));
    let mut world = super::edits::world("queued");
    world.pass(minutes(60));
    assert_eq!(world.waits(), "the file to say `stable: v2` and to take `candidate` out");
    world.edit(world.release.clone()).expect("after a restart the file is as good as before");
    world.edit(world.release.stable_is("v2")).unwrap();
    world.pass(secs(5));
    assert_eq!(
        (world.rollout().candidate.as_str(), world.rollout().stable.as_str(), world.share("v3").as_str()),
        ("v3", "v2", "5%")
    );
}

#[test]
fn a_candidate_that_an_edit_ends_is_told_with_its_share() {
    let ended = |change: &dyn Fn(&mut Release), forgets: bool| {
        let mut world = world("holding");
        let mut release = world.release.clone();
        change(&mut release);
        if forgets {
            release.versions.retain(|version| version.name != "v2");
        }
        world.edit(release).unwrap();
        let event = world.events.iter().rfind(|event| event.what == Happened::Withdrawn).unwrap().clone();
        let share = |split: &Split| split.share_of("v2").to_string();
        (event.candidate.unwrap(), share(&event.before), share(&event.after), event.text)
    };
    let candidate = |name: Option<&str>| {
        let name = name.map(str::to_owned);
        move |release: &mut Release| release.plan.as_mut().unwrap().candidate = name.clone()
    };
    for forgets in [false, true] {
        let told = |text: &str| ("v2".to_owned(), "25%".to_owned(), "0%".to_owned(), text.to_owned());
        let withdrawn = ended(&candidate(None), forgets);
        assert_eq!(withdrawn, told("no file names the candidate any more: v2 gets nothing"));
        assert_eq!(ended(&candidate(Some("v3")), forgets), told("the file names v3 instead of v2"));
    }
}

#[test]
fn taken_out_in_mid_wave_it_is_forgotten_when_its_endpoints_are_back() {
    let mut world = world("wave");
    world.edit(plan(&world, |plan| plan.candidate = None).unwrap()).unwrap();
    world.edit(world.release.clone()).expect("a restart on the way");
    assert_eq!(world.view().phase, "returning");
    world.script.clear();
    world.pass(minutes(5));
    assert_eq!(world.state.rollout, None);
    assert_eq!(world.traffic(), Traffic::at_rest(&world.release));
}

#[test]
fn a_version_that_is_forgotten_in_mid_wave_loses_no_endpoint() {
    let mut world = world("wave");
    let mut release = plan(&world, |plan| plan.candidate = None).unwrap();
    release.versions.retain(|version| version.name != "v2");
    world.edit(release).unwrap();
    let serving = |world: &World| world.traffic().placed["v1"].iter().filter(|placed| !placed.draining).count();
    assert_eq!((serving(&world), world.share("v1").as_str()), (4, "100%"), "one of them runs v2 still");
    world.script = [None].into();
    world.pass(secs(10));
    assert_eq!((serving(&world), world.calls.last().unwrap().body["version"].as_str()), (3, Some("v1")));
    world.answer(crate::rollout::Answer::Go);
    world.pass(minutes(5));
    assert_eq!((world.state.rollout.clone(), world.traffic()), (None, Traffic::at_rest(&world.release)));
}

#[test]
fn superseded_in_mid_wave_its_endpoints_go_back_first() {
    let mut world = world("wave");
    world.edit(candidate(&world, OnNewCandidate::Supersede).unwrap()).unwrap();
    world.edit(world.release.clone()).expect("a restart on the way");
    assert_eq!((world.view().phase, world.rollout().candidate.as_str()), ("returning", "v2"));
    world.script.clear();
    world.pass(secs(30));
    assert_eq!((world.rollout().candidate.as_str(), world.rollout().id), ("v0", 2));
}

#[test]
fn what_was_undone_keeps_its_version() {
    let mut world = World::new(service(""));
    world.edit(service("").stable_is("v2")).unwrap();
    world.tell(Verb::Undo, "ann").unwrap();
    let mut release = world.release.clone();
    release.versions.retain(|version| version.name != "v1");
    assert_eq!(world.edit(release).unwrap_err().key, "versions");
    let next = service("candidate: v3\ncanary: {steps: [5% for 10m]}\n").stable_is("v2");
    assert_eq!(world.edit(next).unwrap_err().key, "candidate");
}
