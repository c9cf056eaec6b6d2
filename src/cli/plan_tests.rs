//! What is told of small directories, for each kind of change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::control::{Comparison, Served, compare};
use crate::diag::SourceFile;
use crate::forecast::forecast;
use crate::model;
use crate::rollout::{Actor, Answer, Command, Facts, Fleet, State, Verb, command, edit, reconcile};
use crate::sources::{DirectoryState, Generation};

const HEAD: &str = "service: checkout
hosts: [checkout.example.com]
versions: {v41: [\"127.0.1.11:80\", \"127.0.1.12:80\"], v42: [\"127.0.1.21:80\"], v43: [\"127.0.1.31:80\"]}
";
const STEADY: &str = "stable: v41\n";
const CANARY: &str = "stable: v41\ncandidate: v42\ncanary: {steps: [5% for 10m, 25% until approved, 50% for 1h]}\n";

/// A Friday.
fn start() -> Timestamp {
    "2026-11-27T15:00:00Z".parse().unwrap()
}

fn after(minutes: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minutes)
}

fn file(tail: &str) -> Vec<(String, String)> {
    vec![("checkout.yaml".to_owned(), format!("{HEAD}{tail}"))]
}

fn generation(files: &[(String, String)]) -> Generation {
    let file = |(path, text): &(String, String)| (path.clone(), Arc::new(SourceFile { path: path.clone(), text: text.clone() }));
    Generation {
        files: files.iter().map(file).collect(),
        unreadable: BTreeMap::new(),
        config: files.iter().any(|(path, _)| path == "tidegate.yaml").then(|| "tidegate.yaml".to_owned()),
        extra: BTreeSet::new(),
        directory: DirectoryState::Present,
    }
}

fn release(tail: &str) -> model::Release {
    let file = Arc::new(SourceFile { path: "checkout.yaml".into(), text: format!("{HEAD}{tail}") });
    let document = model::read_release(&file, &|_| None);
    document.value.unwrap_or_else(|| panic!("{:?}", document.problems))
}

/// A service in mid-release, so many minutes after its candidate was named; a person ends waits at the minutes given.
fn running(tail: &str, minutes: i64, promoted: &[i64]) -> State {
    let release = release(tail);
    let fleet = Fleet { nodes: 3, acked: 3, ..Fleet::default() };
    let mut state = edit(&release, &State::default(), start()).unwrap().state;
    for minute in 0..=minutes {
        for _ in 0..5 {
            state = reconcile(&release, &state, &facts(&release, &state, &fleet), after(minute)).state;
        }
        if promoted.contains(&minute) {
            let by = Actor { name: "ann".into(), claimed: true };
            let said = Command { verb: Verb::Promote { full: false }, by, reason: None, revision: None };
            state = command(&release, &state, &said, after(minute)).unwrap().state;
        }
    }
    state
}

/// Every call is answered with a go.
fn facts(release: &model::Release, state: &State, fleet: &Fleet) -> Facts {
    let call = crate::rollout::calls(release, state);
    let answers = call.into_iter().map(|call| (call.calling.token, (call.calling.attempt, Answer::Go)));
    Facts { fleet: fleet.clone(), answers: answers.collect(), ..Facts::default() }
}

fn served(files: Vec<(String, String)>, state: Option<State>) -> Served {
    let states = state.map(|state| ("checkout".to_owned(), serde_json::to_string(&state).unwrap()));
    let config = files.iter().any(|(path, _)| path == "tidegate.yaml").then(|| "tidegate.yaml".to_owned());
    Served { files, config, states: states.into_iter().collect() }
}

fn compared(before: &Served, files: &[(String, String)], now: Timestamp) -> Comparison {
    compare(before, &generation(files), now).unwrap()
}

/// What is told of it at that minute.
fn told(before: &Served, files: &[(String, String)], minute: i64) -> String {
    let look = Look { color: false, width: None, now: after(minute) };
    text(&forecast(&compared(before, files, after(minute)), None, after(minute)), false, &look)
}

/// The same, of what is served of one file, without the resources.
fn told_of(before: &str, state: Option<State>, new: &str, minute: i64) -> String {
    let told = told(&served(file(before), state), &file(new), minute);
    told.split("\n\nEnvoy's").next().unwrap().to_owned()
}

#[test]
fn where_nothing_is_served_everything_is_new() {
    let told = told(&Served::default(), &file(CANARY), 0);
    insta::assert_snapshot!(told);
}

#[test]
fn a_candidate_is_named() {
    let told = told(&served(file(STEADY), None), &file(CANARY), 0);
    insta::assert_snapshot!(told);
}

#[test]
fn a_comment_changes_nothing() {
    let state = running(CANARY, 5, &[]);
    assert_eq!(told_of(CANARY, Some(state), &format!("# no\n{CANARY}"), 5), "nothing would change (1 service)");
}

#[test]
fn steps_to_come_are_taken_over_and_only_what_is_left_counts() {
    let new = "stable: v41\ncandidate: v42\ncanary: {steps: [5% for 10m, 60% for 30m]}\n";
    let told = told_of(CANARY, Some(running(CANARY, 4, &[])), new, 4);
    insta::assert_snapshot!(told);
}

#[test]
fn the_step_under_way_is_not_to_be_changed() {
    let new = "stable: v41\ncandidate: v42\ncanary: {steps: [7% for 10m, 60% for 30m]}\n";
    let told = told_of(CANARY, Some(running(CANARY, 4, &[])), new, 4);
    insta::assert_snapshot!(told);
}

#[test]
fn another_candidate_supersedes_or_waits() {
    let new = CANARY.replace("candidate: v42", "candidate: v43");
    let superseded = told_of(CANARY, Some(running(CANARY, 4, &[])), &new, 4);
    insta::assert_snapshot!(superseded);
    let waits = told_of(CANARY, Some(running(CANARY, 4, &[])), &format!("{new}on_new_candidate: queue\n"), 4);
    assert!(waits.contains("\n  rollout     v43 waits for the end of v42\n"), "{waits}");
    assert!(waits.contains("\n  split       v41 95%, v42 5%\n"), "{waits}");
}

#[test]
fn other_endpoints_do_not_disturb_a_release() {
    let state = running(CANARY, 12, &[]);
    let mut files = file(CANARY);
    files[0].1 = files[0].1.replace("\"127.0.1.12:80\"", "\"127.0.1.13:80\"");
    let told = told(&served(file(CANARY), Some(state)), &files, 12);
    assert!(told.contains("checkout changes (checkout.yaml): versions\n"), "{told}");
    assert!(told.contains("\n  rollout     the release of v42 goes on at step 2 of 4\n"), "{told}");
    assert!(told.contains("\n  until full  1h and 1 approval\n"), "{told}");
    assert!(told.ends_with("get them: 1 changed\n  ~ EDS  checkout/v41"), "{told}");
}

#[test]
fn a_finished_candidate_becomes_stable_and_nothing_moves() {
    let state = running(CANARY, 80, &[12]);
    let told = told(&served(file(CANARY), Some(state)), &file("stable: v42\n"), 80);
    insta::assert_snapshot!(told);
}

#[test]
fn a_candidate_taken_out_returns_everything() {
    let told = told_of(CANARY, Some(running(CANARY, 4, &[])), STEADY, 4);
    insta::assert_snapshot!(told);
}

#[test]
fn everything_that_a_cutover_waits_for_is_told() {
    let new = "stable: v41
candidate: v42
blue_green:
  preview: {host: preview.example.com}
  before: [healthy: 100% for 1m, mirror: 10% for 15m, hook: \"http://127.0.0.1:9/smoke\", approval: {from: [oncall], count: 2}]
  cutover: over 2m
  after: {watch: 15m, keep_stable: 2h}
checks: {success: {min: 99%}}
windows: {only: Mon-Thu 09:00-16:00 Europe/Berlin}
hold: true
";
    let told = told(&served(file(STEADY), None), &file(new), 0);
    insta::assert_snapshot!(told);
}

#[test]
fn waves_in_place_go_back_in_waves() {
    let new = "stable: v41
candidate: v42
rolling: {batch: 1, pause: 5m, drain: 30s, upgrade: {hook: \"http://127.0.0.1:9/upgrade\"}}
";
    let same = |files: Vec<(String, String)>| -> Vec<(String, String)> {
        let swap = |(path, text): (String, String)| {
            (path, text.replace("v42: [\"127.0.1.21:80\"]", "v42: [\"127.0.1.11:80\", \"127.0.1.12:80\"]"))
        };
        files.into_iter().map(swap).collect()
    };
    let told = told(&served(same(file(STEADY)), None), &same(file(new)), 0);
    insta::assert_snapshot!(told);
}

#[test]
fn services_come_and_go_and_fleets_are_counted() {
    let config = ("tidegate.yaml".to_owned(), "fleets: {edge: {node_cluster: edge}, core: {node_cluster: core}}\n".to_owned());
    let other = |name: &str| {
        let text = format!(
            "service: {name}\nfleets: [edge]\nhosts: [{name}.example.com]\nversions: {{v1: [\"127.0.1.1:80\"]}}\nstable: v1\n"
        );
        (format!("{name}.yaml"), text)
    };
    let before = served(vec![config.clone(), other("cart"), file(CANARY).remove(0)], Some(running(CANARY, 4, &[])));
    let compared = compared(&before, &[config, other("cart"), other("mail")], after(4));
    let nodes = [&["edge"][..], &["edge"], &["core"]].map(|fleets| fleets.iter().map(|fleet| (*fleet).to_owned()).collect());
    let look = Look { color: false, width: None, now: after(4) };
    insta::assert_snapshot!(text(&forecast(&compared, Some(&nodes), after(4)), false, &look));
}

#[test]
fn a_broken_file_leaves_what_is_served() {
    let told = told_of(CANARY, Some(running(CANARY, 4, &[])), "stabel: v41\n", 4);
    insta::assert_snapshot!(told);
}

#[test]
fn who_was_there_first_keeps_a_host() {
    let thief = (
        "a.yaml".to_owned(),
        "service: a\nhosts: [checkout.example.com]\nversions: {v1: [\"127.0.1.1:80\"]}\nstable: v1\n".to_owned(),
    );
    let compared = compared(&served(file(STEADY), None), &[thief, file(STEADY).remove(0)], start());
    let forecast = forecast(&compared, None, start());
    let names: Vec<&str> = forecast.services.iter().map(|outlook| outlook.service.as_str()).collect();
    assert_eq!((names, forecast.resources.len()), (vec!["a"], 0));
    assert!(matches!(forecast.services[0].change, Change::Refused { .. }), "{forecast:?}");
}

#[test]
fn a_difference_shows_what_is_other_in_a_resource() {
    let compared = compared(&served(file("stable: v41\n"), None), &file("stable: v42\n"), start());
    let look = Look { color: false, width: None, now: start() };
    let told = text(&forecast(&compared, None, start()), true, &look);
    let (_, diff) = told.split_once("\n\n--- RDS tidegate (as served)\n+++ RDS tidegate (as it would be)\n").expect(&told);
    assert!(diff.contains("\n-      cluster: checkout/v41\n+      cluster: checkout/v42\n"), "{diff}");
}

#[test]
fn programs_are_told_the_same() {
    let compared = compared(&served(file(STEADY), None), &file(CANARY), start());
    let told = super::super::plan_json::json(&forecast(&compared, None, start()), false);
    let service = &told["services"][0];
    assert_eq!(
        (&told["changes"], &service["change"], &service["after"]["candidate"]),
        (&true.into(), &"changed".into(), &"v42".into())
    );
    assert_eq!((&service["until_full"]["time_ms"], &service["until_full"]["approvals"]), (&4_200_000.into(), &1.into()));
    assert_eq!(
        (&service["way_back"]["by"], &service["way_back"]["waves"]),
        (&"tidegate abort checkout".into(), &serde_json::Value::Null)
    );
    assert_eq!(
        service["after"]["steps"][1],
        serde_json::json!({
            "text": "25% until approved", "share": {"thousandths": 25_000, "text": "25%"}, "state": "to_come",
        })
    );
}

#[test]
fn a_state_of_another_version_is_not_guessed_at() {
    let mut served = served(file(STEADY), None);
    served.states.push(("checkout".into(), "{\"revision\": true}".into()));
    let error = compare(&served, &generation(&file(STEADY)), start()).unwrap_err().to_string();
    assert!(error.starts_with("how far `checkout` is cannot be read"), "{error}");
}
