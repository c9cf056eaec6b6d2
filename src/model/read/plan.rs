//! The strategy, and everything that goes with one.

use super::ab_test::{self, identity};
use super::fields::{Fields, each, items};
use super::scalar::{boolean, name, word};
use super::then::{self, Link};
use super::versions::Versions;
use super::{blue_green, canary, checks, rolling, windows};
use crate::model::notes::Notes;
use crate::model::words::{quoted, shown};
use crate::model::yaml::Entry;
use crate::model::{OnFailure, OnNewCandidate, Plan, Rolling, Strategy, Windows, code};

/// Keys of which a file has one at most.
const STRATEGIES: [&str; 5] = ["split", "canary", "blue_green", "rolling", "ab_test"];
/// Keys that say something about a strategy, and nothing without one.
const BESIDE: [&str; 8] = ["then", "sticky", "approvers", "checks", "on_failure", "on_new_candidate", "windows", "hold"];
const ON_FAILURE: [(&str, OnFailure); 3] =
    [("rollback", OnFailure::Rollback), ("step_back", OnFailure::StepBack), ("hold", OnFailure::Hold)];
const ON_NEW_CANDIDATE: [(&str, OnNewCandidate); 3] =
    [("supersede", OnNewCandidate::Supersede), ("queue", OnNewCandidate::Queue), ("refuse", OnNewCandidate::Refuse)];

/// Reads the plan of a release; `Some(None)` where the file has none.
pub(super) fn read(notes: &mut Notes, release: &Fields<'_>, versions: &Versions, stable: Option<&str>) -> Option<Option<Plan>> {
    let written = release.entries().iter().filter(|entry| STRATEGIES.contains(&entry.key.text.as_str()));
    let mut written = written.collect::<Vec<&Entry>>().into_iter();
    let first = written.next();
    for other in written {
        two_strategies(notes, first, other);
    }
    let candidate = candidate(notes, release, versions, stable, first);
    // All of it is looked at, whatever is missing beside it.
    let strategies: Vec<Link<'_>> = STRATEGIES[1..]
        .iter()
        .filter_map(|key| release.entry(key))
        .map(|entry| (entry, strategy(notes, versions, entry)))
        .collect();
    let then = release.entry("then").map(|entry| then::read(notes, versions, strategies.first(), entry));
    let beside = beside(notes, release);
    refuse_beside_nothing(notes, release, first);
    let Some((entry, strategy)) = strategies.into_iter().next() else { return candidate.zip(beside).map(|_| None) };
    if let Some(Strategy::Rolling(rolling)) = &strategy {
        let names = stable.zip(candidate.as_ref().and_then(Option::as_deref));
        waves(notes, versions, entry, rolling, names.map(<[&str; 2]>::from), then.is_none());
    }
    Some(Some(beside?(candidate?, strategy?, then.unwrap_or(Some(Vec::new()))?)))
}

/// What waves ask of the versions that they go over, and of what comes behind them.
fn waves(notes: &mut Notes, versions: &Versions, entry: &Entry, rolling: &Rolling, names: Option<[&str; 2]>, last: bool) {
    if let Some(names) = names {
        rolling::refuse_unrollable(notes, versions, entry, rolling, names);
    }
    if last {
        then::refuse_half(notes, entry, rolling);
    }
}

/// Notes what is read and not served yet. Called only for a file that is right in all else.
pub(super) fn refuse_unserved(notes: &mut Notes, release: &Fields<'_>) {
    let Some(entry) = ["ab_test", "sticky"].iter().find_map(|key| release.entry(key)) else { return };
    notes
        .error(code::NOT_SERVED_YET, &entry.key.span, format!("{} is not served yet", quoted(&entry.key.text)))
        .label("read and found right, but nothing runs it so far")
        .help(if entry.key.text == "sticky" {
            "take it out: until it is served, each request is shared for itself"
        } else {
            "until then share the traffic by `split`, or send some of it by `rules`"
        });
}

fn two_strategies(notes: &mut Notes, first: Option<&Entry>, other: &Entry) {
    let Some(first) = first else { return };
    let title = format!("{} and {} exclude each other", quoted(&first.key.text), quoted(&other.key.text));
    notes
        .error(code::TWO_STRATEGIES, &other.key.span, title)
        .label("a second strategy")
        .also(&first.key.span, "the first")
        .help("a file has one of `split`, `canary`, `blue_green`, `rolling`, `ab_test`, or none");
}

/// The strategy under its key.
pub(super) fn strategy(notes: &mut Notes, versions: &Versions, entry: &Entry) -> Option<Strategy> {
    match entry.key.text.as_str() {
        "canary" => canary::read(notes, &entry.value).map(Strategy::Canary),
        "blue_green" => blue_green::read(notes, &entry.value).map(Strategy::BlueGreen),
        "rolling" => rolling::read(notes, &entry.value).map(Strategy::Rolling),
        _ => ab_test::read(notes, versions, &entry.value).map(Strategy::AbTest),
    }
}

/// The candidate; `Some(None)` where the file names none.
fn candidate(
    notes: &mut Notes,
    release: &Fields<'_>,
    versions: &Versions,
    stable: Option<&str>,
    strategy: Option<&Entry>,
) -> Option<Option<String>> {
    let Some(entry) = release.entry("candidate") else {
        warn_of_idle(notes, versions, stable, strategy);
        return Some(None);
    };
    let known = versions.known(notes, &entry.value, "`candidate`");
    let takes_one = match strategy.map(|strategy| (strategy.key.text.as_str(), strategy)) {
        Some(("split" | "ab_test", strategy)) => {
            let title = format!("`candidate` does not go with {}", quoted(&strategy.key.text));
            notes
                .error(code::NO_STRATEGY, &entry.key.span, title)
                .also(&strategy.key.span, "this names its versions itself")
                .help("take `candidate` out");
            false
        }
        Some(_) => true,
        None => {
            notes
                .error(code::NO_STRATEGY, &entry.key.span, "a candidate, and no word on how it is released")
                .help("add `canary`, `blue_green` or `rolling`; or take `candidate` out and share the traffic by `split`");
            false
        }
    };
    let known = known?;
    if stable == Some(known.as_str()) {
        notes
            .error(code::CANDIDATE_IS_STABLE, &entry.value.span, format!("{} is stable already", quoted(&known)))
            .help("when a release is done, `stable` names its version and `candidate` is taken out");
        return None;
    }
    takes_one.then_some(Some(known))
}

/// A strategy without a candidate is how a release is called off, or over; but it may also be a candidate forgotten.
fn warn_of_idle(notes: &mut Notes, versions: &Versions, stable: Option<&str>, strategy: Option<&Entry>) {
    let waiting = strategy.filter(|entry| !matches!(entry.key.text.as_str(), "split" | "ab_test"));
    let Some(entry) = waiting.filter(|_| versions.len() > 1) else { return };
    // Whoever writes a version to be released writes it behind the others.
    let Some(newest) = versions.names().rfind(|name| Some(*name) != stable) else { return };
    notes
        .warning(code::NO_CANDIDATE, &entry.key.span, format!("{} has no candidate", quoted(&entry.key.text)))
        .label("nothing is being released: stable has all the traffic")
        .help(format!("name the version to be released: `candidate: {}`", shown(newest)));
}

/// What stands beside a strategy, as a function from candidate, strategy and what follows it to the plan.
fn beside(notes: &mut Notes, release: &Fields<'_>) -> Option<impl FnOnce(Option<String>, Strategy, Vec<Strategy>) -> Plan + use<>> {
    let sticky = release.get("sticky").map(|node| identity(notes, node, "`sticky`"));
    let approvers = release.get("approvers").map(|node| {
        let items = items(notes, node, "`approvers`")?;
        each(items, |item| name(notes, item, "an approver").map(str::to_owned))
    });
    let checks = release.get("checks").map(|node| checks::read(notes, node));
    let on_failure = release.get("on_failure").map(|node| word(notes, node, "`on_failure`", &ON_FAILURE));
    let on_new = release.get("on_new_candidate").map(|node| word(notes, node, "`on_new_candidate`", &ON_NEW_CANDIDATE));
    let windows = release.get("windows").map(|node| windows::read(notes, node));
    let hold = release.get("hold").map(|node| boolean(notes, node, "`hold`"));
    let sticky = sticky.map_or(Some(None), |sticky| sticky.map(Some))?;
    let approvers = approvers.unwrap_or(Some(Vec::new()))?;
    let checks = checks.map_or(Some(None), |checks| checks.map(Some))?;
    let on_failure = on_failure.unwrap_or(Some(OnFailure::default()))?;
    let on_new_candidate = on_new.unwrap_or(Some(OnNewCandidate::default()))?;
    let windows = windows.unwrap_or(Some(Windows::default()))?;
    let hold = hold.unwrap_or(Some(false))?;
    Some(move |candidate, strategy, then| Plan {
        candidate,
        strategy,
        then,
        sticky,
        approvers,
        checks,
        on_failure,
        on_new_candidate,
        windows,
        hold,
    })
}

fn refuse_beside_nothing(notes: &mut Notes, release: &Fields<'_>, strategy: Option<&Entry>) {
    let by_hand = strategy.is_some_and(|entry| entry.key.text == "split");
    if strategy.is_some() && !by_hand {
        return;
    }
    for entry in BESIDE.iter().filter_map(|key| release.entry(key)).filter(|entry| !(by_hand && entry.key.text == "sticky")) {
        notes
            .error(code::NO_STRATEGY, &entry.key.span, format!("{} says nothing without a strategy", quoted(&entry.key.text)))
            .help("add `canary`, `blue_green`, `rolling` or `ab_test`, or take it out");
    }
}
