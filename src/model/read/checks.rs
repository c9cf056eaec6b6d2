//! `checks`.

use super::fields::{Fields, some_entries};
use super::scalar::{any_scalar, boolean, decimal, duration, is_name, number, share, some_share, text, word};
use crate::model::notes::Notes;
use crate::model::words::{listed, nearest, quoted};
use crate::model::yaml::{Entry, Node};
use crate::model::{Check, Checks, FailAfter, Limit, Metric, NoData, Share, code};

const SETTINGS: [&str; 4] = ["every", "min_requests", "fail_after", "no_data"];
const METRICS: [&str; 4] = ["success", "p50", "p95", "p99"];
const NO_DATA: [(&str, NoData); 3] = [("wait", NoData::Wait), ("pass", NoData::Pass), ("fail", NoData::Fail)];

/// Reads `checks`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Checks> {
    let entries = some_entries(notes, node, "`checks`")?;
    let of = |key: &str| entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value);
    let every = of("every").map(|node| duration(notes, node, "`every`"));
    let min_requests = of("min_requests").map(|node| number(notes, node, "`min_requests`", 0..=u32::MAX));
    let fail_after = of("fail_after").map(|node| fail_after(notes, node));
    let no_data = of("no_data").map(|node| word(notes, node, "`no_data`", &NO_DATA));
    let metrics = entries.iter().filter(|entry| !SETTINGS.contains(&entry.key.text.as_str()));
    let read: Vec<Option<Check>> = metrics.map(|entry| check(notes, entry)).collect();
    if read.is_empty() {
        let help = format!("name what is watched: {}", listed(&METRICS));
        notes.error(code::NOTHING_IN_IT, &node.anchor, "`checks` checks nothing").help(help);
        return None;
    }
    Some(Checks {
        every: every.unwrap_or(Some(Checks::EVERY))?,
        min_requests: min_requests.unwrap_or(Some(Checks::MIN_REQUESTS))?,
        checks: read.into_iter().collect::<Option<_>>()?,
        fail_after: fail_after.unwrap_or(Some(FailAfter::default()))?,
        no_data: no_data.unwrap_or(Some(NoData::default()))?,
    })
}

/// `3 of 5`.
fn fail_after(notes: &mut Notes, node: &Node) -> Option<FailAfter> {
    let text = &any_scalar(notes, node, "`fail_after`")?.text;
    let words: Vec<&str> = text.split_whitespace().collect();
    let read = match words.as_slice() {
        [bad, "of", of] => bad.parse().ok().zip(of.parse().ok()).map(|(bad, of)| FailAfter { bad, of }),
        _ => None,
    };
    let sound = read.filter(|read| 1 <= read.bad && read.bad <= read.of && read.of <= 1000);
    if sound.is_none() {
        let title = format!("`fail_after` cannot be {}", quoted(text));
        notes.error(code::NOT_A_NUMBER, &node.span, title).help("write `3 of 5`: so many bad samples of the last so many");
    }
    sound
}

fn check(notes: &mut Notes, entry: &Entry) -> Option<Check> {
    let name = entry.key.text.as_str();
    let query = entry.value.get("prometheus").is_some();
    if !METRICS.contains(&name) && !query {
        unknown(notes, entry);
        return None;
    }
    let named = is_name(notes, name, &entry.key.span, "the check's name");
    let keys: &[&str] = match name {
        _ if query => &["prometheus", "min", "max", "worse_than_stable", "dry_run"],
        "success" => &["min", "worse_than_stable", "dry_run"],
        _ => &["max", "worse_than_stable", "dry_run"],
    };
    let fields = Fields::of(notes, &entry.value, "a check", keys)?;
    let metric = metric(notes, name, fields.get("prometheus"));
    let limit = limit(notes, &fields, name, query);
    let worse = fields.get("worse_than_stable").map(|node| some_share(notes, node, "`worse_than_stable`"));
    let dry_run = fields.get("dry_run").map(|node| boolean(notes, node, "`dry_run`"));
    if fields.get("min").or(fields.get("max")).or(fields.get("worse_than_stable")).is_none() {
        let help = if name == "success" {
            "give it `min: 99.5%` or `worse_than_stable: 0.3%`"
        } else {
            "give it `max` or `worse_than_stable`"
        };
        notes.error(code::NO_LIMIT, &entry.key.span, format!("check {} has no limit", quoted(name))).help(help);
        return None;
    }
    Some(Check {
        name: named.then(|| name.to_owned())?,
        metric: metric?,
        limit: limit?,
        worse_than_stable: worse.map_or(Some(None), |share| share.map(Some))?,
        dry_run: dry_run.unwrap_or(Some(false))?,
    })
}

fn unknown(notes: &mut Notes, entry: &Entry) {
    let help = match nearest(&entry.key.text, METRICS.into_iter().chain(SETTINGS)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("known here: {}, {}; a check with a name of its own needs `prometheus`", listed(&SETTINGS), listed(&METRICS))
        }
    };
    let title = format!("unknown key {} in `checks`", quoted(&entry.key.text));
    notes.error(code::UNKNOWN_KEY, &entry.key.span, title).help(help);
}

fn metric(notes: &mut Notes, name: &str, query: Option<&Node>) -> Option<Metric> {
    if let Some(query) = query {
        return text(notes, query, "`prometheus`").map(|query| Metric::Prometheus(query.to_owned()));
    }
    let percentile = |thousandths| Share::from_thousandths(thousandths).map(Metric::Latency);
    match name {
        "p50" => percentile(50_000),
        "p95" => percentile(95_000),
        "p99" => percentile(99_000),
        _ => Some(Metric::Success),
    }
}

/// The absolute limit; `Some(None)` where there is none.
fn limit(notes: &mut Notes, fields: &Fields<'_>, name: &str, query: bool) -> Option<Option<Limit>> {
    let (min, max) = (fields.entry("min"), fields.entry("max"));
    match (min, max) {
        (Some(min), Some(max)) if query => {
            notes
                .error(code::EXCLUDES, &max.key.span, "`min` and `max` exclude each other")
                .also(&min.key.span, "the check's limit is this")
                .help("write two checks");
            None
        }
        (Some(min), _) if query => decimal(notes, &min.value, "`min`").map(Limit::MinNumber).map(Some),
        (_, Some(max)) if query => decimal(notes, &max.value, "`max`").map(Limit::MaxNumber).map(Some),
        (Some(min), _) if name == "success" => share(notes, &min.value, "`min`").map(Limit::MinShare).map(Some),
        (_, Some(max)) if name != "success" => duration(notes, &max.value, "`max`").map(Limit::MaxDuration).map(Some),
        _ => Some(None),
    }
}
