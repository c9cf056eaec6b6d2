//! Whole rollouts, as they are told by `tidegate simulate`: hours and days of them, exact to the second.
//!
//! Each case is a release file in `tests/simulations`, a scenario and a start; what is told of it is the text file of its name there.
//! `TIDEGATE_BLESS=1 cargo test --test simulate` writes them anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use similar::TextDiff;
use tidegate::diag::{SourceFile, render};
use tidegate::model::{Release, read_release};
use tidegate::rollout::Happened;
use tidegate::simulation::{Ended, Kind, Scenario, Timeline, run, to_json, to_text};

/// A Friday evening.
const START: &str = "2026-11-27T15:00:00Z";
const LIMIT: Duration = Duration::from_secs(90 * 24 * 3600);
/// The text, the release file and the scenario.
const CASES: &[(&str, &str, &str)] = &[
    ("canary", "canary", "healthy"),
    ("canary-failing", "canary", "failing-at=25%"),
    ("canary-nack", "canary", "nack"),
    ("canary-restart", "canary", "restart"),
    ("canary-no-data", "canary", "no-data"),
    ("canary-unapproved", "canary", "unapproved"),
    ("canary-nobody", "canary", "nobody"),
    ("canary-hook-stops", "canary", "hook-stops"),
    ("blue-green", "blue-green", "healthy"),
    ("blue-green-restart", "blue-green", "restart"),
    ("blue-green-hook-flaky", "blue-green", "hook-flaky"),
    ("blue-green-unapproved", "blue-green", "unapproved"),
    ("rolling-swap", "rolling-swap", "healthy"),
    ("rolling-in-place", "rolling-in-place", "healthy"),
    ("rolling-in-place-restart", "rolling-in-place", "restart"),
    ("rolling-in-place-hook-stops", "rolling-in-place", "hook-stops"),
    ("windows", "windows", "healthy"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulations")
}

fn source(name: &str) -> Option<Arc<SourceFile>> {
    let text = fs::read_to_string(folder().join(name)).ok()?;
    Some(Arc::new(SourceFile { path: name.to_owned(), text }))
}

fn read(file: &Arc<SourceFile>) -> Release {
    let document = read_release(file, &|path| source(path));
    document.value.unwrap_or_else(|| panic!("{}", render(&document.problems, false)))
}

fn release(name: &str) -> Release {
    read(&source(&format!("{name}.yaml")).expect("a file"))
}

fn played(release: &Release, scenario: &str) -> Timeline {
    let scenario = Scenario::new(scenario.parse::<Kind>().expect("a scenario"));
    run(release, &scenario, START.parse().expect("a moment"), LIMIT).expect("something to play")
}

#[test]
fn timelines_are_exact_to_the_second() {
    let mut wrong = Vec::new();
    for (name, file, scenario) in CASES {
        let told = to_text(&played(&release(file), scenario));
        let path = folder().join(format!("{name}.txt"));
        if env::var_os("TIDEGATE_BLESS").is_some() {
            fs::write(&path, &told).expect("a file");
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        if known != told {
            wrong.push(format!("{name}:\n{}", TextDiff::from_lines(&known, &told).unified_diff()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What happened, without when.
fn events(timeline: &Timeline) -> Vec<(Happened, &str, String)> {
    let event = |entry: &'_ tidegate::simulation::Entry| Some((entry.what?, entry.share.to_string()));
    timeline.entries.iter().filter_map(|entry| event(entry).map(|(what, share)| (what, entry.text.as_str(), share))).collect()
}

#[test]
fn a_server_that_is_killed_in_every_step_does_the_same_and_nothing_earlier() {
    for file in ["canary", "blue-green", "rolling-swap", "rolling-in-place", "windows"] {
        let release = release(file);
        let (healthy, killed) = (played(&release, "healthy"), played(&release, "restart"));
        assert_eq!(events(&healthy), events(&killed), "{file}");
        let kills = killed.entries.iter().filter(|entry| entry.what.is_none()).count();
        assert!(kills >= healthy.steps.len(), "{file}: killed {kills} times");
        let moved = killed.entries.iter().filter(|entry| entry.what.is_some());
        assert!(healthy.entries.iter().zip(moved).all(|(healthy, killed)| healthy.offset <= killed.offset), "{file}");
    }
}

/// The canary with other lines.
fn canary_with(edit: impl Fn(String) -> String) -> Release {
    let file = source("canary.yaml").expect("a file");
    read(&Arc::new(SourceFile { path: file.path.clone(), text: edit(file.text.clone()) }))
}

#[test]
fn what_goes_round_for_ever_is_told_so() {
    let release = canary_with(|text| text + "on_failure: step_back\n");
    let timeline = played(&release, "failing-at=50%");
    assert_eq!(timeline.summary.ended, Ended::Round, "{}", to_text(&timeline));
    assert_eq!(timeline.summary.full, None);
}

#[test]
fn what_takes_longer_than_the_limit_is_told_so() {
    let scenario = Scenario::new(Kind::Healthy);
    let timeline = run(&release("windows"), &scenario, START.parse().unwrap(), Duration::from_secs(24 * 3600)).unwrap();
    assert_eq!(timeline.summary.ended, Ended::Limit("the window to open".to_owned()));
}

#[test]
fn checks_without_data_end_it_where_the_file_says_so() {
    let release = canary_with(|text| text.replace("checks:\n", "checks:\n  no_data: fail\n  every: 1m\n  fail_after: 3 of 5\n"));
    let timeline = played(&release, "no-data");
    let Ended::Off(why) = &timeline.summary.ended else { panic!("{}", to_text(&timeline)) };
    assert!(why.contains("no data"), "{why}");
}

#[test]
fn a_scenario_that_changes_nothing_says_why() {
    let without_checks = canary_with(|text| text.replace("checks:\n  success: {min: 99.5%}\n", ""));
    for (release, scenario, why) in [
        (&without_checks, "failing-at=25%", Some("the file has no `checks`")),
        (&without_checks, "no-traffic", None),
        (&release("rolling-swap"), "unapproved", Some("nothing waits for an approval")),
        (&release("canary"), "hook-flaky", Some("no hook is called")),
        (&release("canary"), "failing-at=25%", None),
    ] {
        assert_eq!(played(release, scenario).no_matter.as_deref(), why, "{scenario}");
    }
}

#[test]
fn without_a_candidate_there_is_nothing_to_play() {
    let release = canary_with(|text| text.replace("candidate: v42\n", ""));
    let refused = run(&release, &Scenario::new(Kind::Healthy), START.parse().unwrap(), LIMIT).unwrap_err().to_string();
    assert!(refused.contains("v41 has everything") && refused.contains("add `candidate:`"), "{refused}");
}

#[test]
fn scenarios_are_read_as_they_are_told() {
    for name in [
        "healthy",
        "failing-at=0.5%",
        "no-data",
        "no-traffic",
        "nack",
        "nobody",
        "restart",
        "hook-stops",
        "hook-flaky",
        "unapproved",
    ] {
        assert_eq!(name.parse::<Kind>().map(|kind| kind.to_string()).as_deref(), Ok(name));
    }
    for (wrong, said) in
        [("helthy", "hook-flaky"), ("failing-at", "failing-at=25%"), ("failing-at=0%", "above zero"), ("nack=1", "no scenario")]
    {
        let refused = wrong.parse::<Kind>().unwrap_err().to_string();
        assert!(refused.contains(said), "{refused}");
    }
}

#[test]
fn programs_are_told_the_same_as_people() {
    let timeline = played(&release("canary"), "failing-at=25%");
    let json = to_json(&timeline);
    let entries = json["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), timeline.entries.len());
    let back = entries.iter().find(|entry| entry["event"] == "rolled_back").expect("a way back");
    assert_eq!((&back["at"], &back["share"]), (&"2026-11-27T15:40:30.04Z".into(), &"0%".into()));
    assert_eq!((&json["summary"]["ended"], &json["summary"]["full_ms"]), (&"off".into(), &serde_json::Value::Null));
    assert_eq!(json["summary"]["rollback"]["takes_ms"], 20);
}
