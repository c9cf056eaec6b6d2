//! A timeline for people.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::timeline::{Ended, Entry, Rollback, Timeline, Waiting};
use super::world::after;
use crate::model::{Share, duration_text};
use crate::rollout::Happened;

/// Cells of a bar.
const CELLS: u32 = 10;
/// The widest text beside which waits are aligned.
const WIDEST: usize = 56;
/// Shorter waits are not shown.
const SHORT: Duration = Duration::from_secs(1);
/// Beyond this a moment is told by the calendar too.
const DAY: Duration = Duration::from_secs(12 * 3600);
/// More entries of a kind are folded, but for the first and the last ones.
const MOST_ALIKE: usize = 16;
const FIRST: usize = 3;
const LAST: usize = 2;

/// A timeline for people: what is released and how, a line for each thing that happens, and what it comes to.
pub fn to_text(timeline: &Timeline) -> String {
    let entries = without_repeats(&timeline.entries);
    let lines: Vec<Line> = folded(&entries).iter().flat_map(|part| part.lines(timeline.start)).collect();
    let width = lines.iter().map(|line| line.text.chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let when = lines.iter().map(|line| line.when.chars().count()).max().unwrap_or(0);
    let body: Vec<String> = lines.iter().map(|line| line.draw(when, width)).collect();
    [header(timeline), body, vec![String::new()], summary(timeline)].concat().join("\n") + "\n"
}

fn header(timeline: &Timeline) -> Vec<String> {
    let (nodes, ack) = timeline.fleet;
    let (scenario, words) = &timeline.scenario;
    let mut header =
        vec![format!("{}: {} → {}, {}", timeline.service, timeline.stable, timeline.candidate, timeline.strategy), String::new()];
    let steps = timeline.steps.iter().enumerate();
    header.extend(steps.map(|(index, step)| format!("  {}. {}", index + 1, step.text)));
    header.push(String::new());
    header.push(format!("scenario {scenario}: {words}"));
    if let Some(why) = &timeline.no_matter {
        header.push(format!("it makes no difference here: {why}"));
    }
    header.push(match nodes {
        0 => format!("from {}", moment(timeline.start)),
        _ => format!("from {}, with {nodes} nodes that acknowledge within {}", moment(timeline.start), duration_text(ack)),
    });
    header.push(String::new());
    header
}

/// That somebody is waited for is told beside what began the wait; and what is waited for at the end, once.
fn without_repeats(entries: &[Entry]) -> Vec<Entry> {
    let mut told: Vec<Entry> = Vec::new();
    for entry in entries {
        match told.last_mut().filter(|last| entry.what == Some(Happened::Waiting) && last.step == entry.step) {
            Some(last) => last.waits.extend(entry.waits.iter().cloned()),
            None => {
                let waits = |entry: &Entry| entry.waits.first().map(|wait| wait.text.clone());
                if let Some(last) =
                    told.last_mut().filter(|last| entry.what == Some(Happened::Drained) && waits(last) == waits(entry))
                {
                    last.waits.clear();
                }
                told.push(entry.clone());
            }
        }
    }
    told
}

/// Entries as they are shown.
enum Part<'a> {
    One(&'a Entry),
    /// So many that are left out, and since when the first of them.
    Left(usize, &'a Entry),
}

/// Long rows of entries of a kind, cut down to their ends.
fn folded(entries: &[Entry]) -> Vec<Part<'_>> {
    let alike = |a: &Entry, b: &Entry| a.step.is_some() && a.step == b.step && is_one_of_many(a) && is_one_of_many(b);
    let mut parts = Vec::new();
    for row in entries.chunk_by(alike) {
        if row.len() <= MOST_ALIKE {
            parts.extend(row.iter().map(Part::One));
            continue;
        }
        let left = row.len() - FIRST - LAST;
        parts.extend(row[..FIRST].iter().map(Part::One));
        parts.push(Part::Left(left, &row[FIRST]));
        parts.extend(row[FIRST + left..].iter().map(Part::One));
    }
    parts
}

fn is_one_of_many(entry: &Entry) -> bool {
    matches!(entry.what, None | Some(Happened::Step | Happened::Wave))
}

impl Part<'_> {
    fn lines(&self, start: Timestamp) -> Vec<Line> {
        match self {
            Part::One(entry) => lines(start, entry),
            Part::Left(count, first) => {
                vec![Line {
                    when: clock(first.offset),
                    share: None,
                    text: format!("… {count} more like these …"),
                    waits: String::new(),
                }]
            }
        }
    }
}

struct Line {
    when: String,
    share: Option<Share>,
    text: String,
    waits: String,
}

impl Line {
    fn draw(&self, when: usize, width: usize) -> String {
        let share = self.share.map(|share| format!("{} {:>7}", bar(share), share.to_string())).unwrap_or_default();
        let line = format!("{:>when$}  {share:18}  {:width$}  {}", self.when, self.text, self.waits);
        line.trim_end().to_owned()
    }
}

/// An entry, with a further line for each further thing that was waited for.
fn lines(start: Timestamp, entry: &Entry) -> Vec<Line> {
    let mut waits = entry.waits.iter().filter(|wait| wait.lasted.is_none_or(|lasted| lasted >= SHORT));
    let by = entry.by.as_ref().filter(|by| !entry.text.contains(by.as_str())).map(|by| format!(" ({by})")).unwrap_or_default();
    let step = match (entry.what, entry.step) {
        (Some(Happened::Step), Some((step, steps))) => format!("step {step} of {steps}: "),
        _ => String::new(),
    };
    let first = Line {
        when: clock(entry.offset),
        share: Some(entry.share),
        text: format!("{step}{}{by}", entry.text),
        waits: waits.next().map(|wait| waiting(start, wait)).unwrap_or_default(),
    };
    let further = waits.map(|wait| Line {
        when: clock(wait.from),
        share: Some(entry.share),
        text: String::new(),
        waits: waiting(start, wait),
    });
    std::iter::once(first).chain(further).collect()
}

fn waiting(start: Timestamp, wait: &Waiting) -> String {
    match wait.until {
        Some(until) if until.saturating_sub(wait.from) >= DAY => {
            format!("waits until {} ({}): {}", clock(until), moment(after(start, until)), wait.text)
        }
        Some(until) => format!("waits until {}: {}", clock(until), wait.text),
        None => format!("waits: {}", wait.text),
    }
}

/// A bar that is full at 100 % alone.
fn bar(share: Share) -> String {
    let full = u64::from(share.thousandths()) * u64::from(CELLS) / u64::from(Share::FULL.thousandths());
    let full = usize::try_from(full).unwrap_or_default();
    format!("{}{}", "█".repeat(full), "░".repeat((CELLS as usize).saturating_sub(full)))
}

/// `1:05:00`, `2d 01:05:00`; parts of a second are left out.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}d {hours:02}:{minutes:02}:{:02}", seconds % 60),
    }
}

fn moment(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string()
}

/// To the second.
fn length(time: Duration) -> String {
    if time < Duration::from_secs(1) { duration_text(time) } else { duration_text(Duration::from_secs(time.as_secs())) }
}

fn summary(timeline: &Timeline) -> Vec<String> {
    let (summary, stable, candidate) = (&timeline.summary, &timeline.stable, &timeline.candidate);
    let full = match summary.full {
        Some(full) => format!("full      after {}, {}", length(full), moment(after(timeline.start, full))),
        None => "full      never".to_owned(),
    };
    let total = format!("in all    {}", length(summary.total));
    let back = format!("rollback  {}", rollback(summary.rollback.as_ref(), timeline.fleet.1));
    let ended = format!(
        "ended     {}",
        match &summary.ended {
            Ended::Done => format!("done: {candidate} has everything{}", kept(timeline)),
            Ended::Off(why) => format!("off: {stable} has everything again, because {why}"),
            Ended::Waits(what) => format!("not at all: waits for ever: {what}"),
            Ended::Round => "not at all: it goes back and begins again, for ever".to_owned(),
            Ended::Limit(what) => format!("not within the time that was looked at: {what}"),
        }
    );
    vec![full, total, back, ended]
}

fn kept(timeline: &Timeline) -> String {
    let keep = timeline.summary.keep_stable;
    keep.map(|keep| format!("; {} is to be kept for {} after it", timeline.stable, length(keep))).unwrap_or_default()
}

fn rollback(way: Option<&Rollback>, ack: Duration) -> String {
    match way {
        None => "nothing to go back from: the candidate never had anything".to_owned(),
        Some(Rollback { takes: None, .. }) => "is acknowledged by nobody here".to_owned(),
        Some(Rollback { takes: Some(takes), in_waves: true, at }) => {
            format!("up to {}, from {}: endpoints go back in waves, each drained and upgraded again", length(*takes), clock(*at))
        }
        Some(Rollback { .. }) => {
            format!("an abort is one push: as long as the fleet takes to acknowledge; {} here", duration_text(ack))
        }
    }
}
