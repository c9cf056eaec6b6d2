//! What `tidegate plan` prints for people.

use std::time::Duration;

use super::look::{Look, Tone, clean};
use crate::forecast::{Back, Change, Changed, Forecast, Length, Outlook, Position, Waves, What, Window};
use crate::model::{Share, Split, duration_text};

/// Wide enough for the longest of what stands before a line.
const LABEL: usize = 12;

/// What would change; with `diff`, with what is other in each resource.
pub fn text(forecast: &Forecast, diff: bool, look: &Look) -> String {
    let mut parts = vec![summary(forecast)];
    parts.extend(forecast.services.iter().map(|outlook| service(outlook, forecast.nodes, look)));
    if !forecast.config.is_empty() {
        parts.push(format!("{}: {}", look.paint(Tone::Strong, "the configuration changes"), forecast.config.join(", ")));
    }
    parts.extend(resources(&forecast.resources, look));
    if diff {
        parts.extend(forecast.resources.iter().map(|changed| painted(&changed.diff(), look)));
    }
    parts.join("\n\n")
}

fn summary(forecast: &Forecast) -> String {
    if forecast.is_empty() {
        return format!("nothing would change ({})", counted(forecast.unchanged, "service"));
    }
    let count = |is: fn(&Change) -> bool| forecast.services.iter().filter(|outlook| is(&outlook.change)).count();
    let counts = [
        (count(|change| *change == Change::New), "new"),
        (count(|change| *change == Change::Changed), "changed"),
        (count(|change| *change == Change::Gone), "gone"),
        (count(|change| matches!(change, Change::Refused { .. })), "refused"),
        (forecast.unchanged, "as before"),
    ];
    let told: Vec<String> = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    if told.is_empty() { "services: none".to_owned() } else { format!("services: {}", told.join(", ")) }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn service(outlook: &Outlook, connected: Option<usize>, look: &Look) -> String {
    let (word, tone) = match &outlook.change {
        Change::New => ("is new", Tone::Good),
        Change::Changed => ("changes", Tone::Caution),
        Change::Gone => ("is gone", Tone::Bad),
        Change::Refused { .. } => ("is refused", Tone::Bad),
    };
    let parts = if outlook.parts.is_empty() { String::new() } else { format!(": {}", outlook.parts.join(", ")) };
    let title =
        format!("{} {} ({}){parts}", look.paint(Tone::Strong, &clean(&outlook.service)), look.paint(tone, word), outlook.file);
    let lines = lines(outlook, connected).into_iter().map(|(label, text)| {
        let label = look.paint(Tone::Dim, &format!("{label:LABEL$}"));
        format!("\n  {label}{}", clean(&text))
    });
    title + &lines.collect::<String>()
}

type Line = (&'static str, String);

fn lines(outlook: &Outlook, connected: Option<usize>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    if let Change::Refused { why, help } = &outlook.change {
        lines.push(("because", why.clone()));
        lines.extend(help.iter().map(|help| ("way out", help.clone())));
        let stays = if outlook.before.is_some() { "what is served of it stays" } else { "it is not served" };
        lines.push(("until then", stays.to_owned()));
    }
    lines.extend(outlook.rollout.iter().map(|text| ("rollout", text.clone())));
    let (before, after) = (outlook.before.as_ref(), outlook.after.as_ref());
    lines.extend(moved(before, after));
    lines.extend(steps(before, after));
    lines.extend(outlook.length.iter().flat_map(length));
    lines.extend(outlook.back.iter().map(|back| ("way back", way_back(back))));
    lines.push(("goes to", goes_to(outlook, connected)));
    lines
}

/// What the service is at, and what it was at where that is something else.
fn moved(before: Option<&Position>, after: Option<&Position>) -> Vec<Line> {
    let of = |tell: fn(&Position) -> String| (before.map(tell), after.map(tell));
    let parts = [
        ("split", of(|at| split(&at.split))),
        ("stable", of(|at| at.stable.clone())),
        ("candidate", of(|at| at.candidate.clone().unwrap_or_else(|| "none".to_owned()))),
    ];
    let line = |(label, sides): (&'static str, (Option<String>, Option<String>))| match sides {
        (Some(before), Some(after)) if before != after => Some((label, format!("{before} → {after}"))),
        // What stays as it is is worth a line where traffic is concerned.
        (_, Some(after)) if label == "split" => Some((label, after)),
        (Some(before), None) if label == "split" => Some((label, format!("{before} → nothing"))),
        _ => None,
    };
    parts.into_iter().filter_map(line).collect()
}

/// Versions without a share are left out, as long as one has some.
fn split(split: &Split) -> String {
    let some = split.shares().iter().filter(|(_, share)| *share > Share::ZERO);
    some.map(|(version, share)| format!("{version} {share}")).collect::<Vec<_>>().join(", ")
}

/// The steps where they are other ones, a line each.
fn steps(before: Option<&Position>, after: Option<&Position>) -> Vec<Line> {
    let sentences = |at: Option<&Position>| {
        let steps = at.map(|at| at.steps.as_slice()).unwrap_or_default();
        steps.iter().enumerate().map(|(index, step)| format!("{}. {}", index + 1, step.text)).collect::<Vec<_>>()
    };
    let (old, new) = (sentences(before), sentences(after));
    if old == new {
        return Vec::new();
    }
    let label = if new.is_empty() { "no more" } else { "instead of" };
    [("steps", new), (label, old)].into_iter().flat_map(|(label, steps)| labelled(label, steps)).collect()
}

/// Lines of which the first has the label.
fn labelled(label: &'static str, lines: Vec<String>) -> impl Iterator<Item = Line> {
    lines.into_iter().enumerate().map(move |(index, line)| (if index == 0 { label } else { "" }, line))
}

fn length(length: &Length) -> Vec<Line> {
    let mut needs = Vec::new();
    if length.time > Duration::ZERO {
        needs.push(rounded(length.time));
    }
    if length.approvals > 0 {
        needs.push(counted(length.approvals as usize, "approval"));
    }
    needs.extend(length.hooks.iter().map(|url| format!("a go from {url}")));
    needs.extend(length.waves.iter().map(waves));
    let full = match needs.split_last() {
        None => "at once".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    };
    let checks = if length.checks { ", as long as checks are good" } else { "" };
    let mut lines = vec![("until full", full + checks)];
    lines.extend(length.watched.map(|time| ("then", format!("checks are watched for {}", rounded(time)))));
    lines.extend(length.kept.map(|time| ("then", format!("the old version is to be kept for {}", rounded(time)))));
    lines.extend(length.window.iter().map(|at| ("windows", window(at))));
    if length.held {
        lines.push(("held", "no step is taken before `hold` is taken out".to_owned()));
    }
    lines
}

fn waves(waves: &Waves) -> String {
    let drain = format!("each of them drains for up to {}", rounded(waves.drain));
    let upgrade = waves.upgrade.as_ref().map(|url| format!(", then is upgraded by {url}")).unwrap_or_default();
    format!("{} ({drain}{upgrade})", counted(waves.count as usize, "wave"))
}

fn window(window: &Window) -> String {
    let word = if window.open { "open now, until" } else { "closed now, until" };
    match window.until {
        Some(until) => format!("{word} {until}; steps are taken only while one is open"),
        None if window.open => "open now, and for ever".to_owned(),
        None => "closed now, and for ever: no step is taken".to_owned(),
    }
}

fn way_back(back: &Back) -> String {
    match back {
        Back::Push { by } => format!("one push: {by}"),
        Back::Waves { by, waves: there } => format!("up to {}: {by}", waves(there)),
    }
}

/// To the second, where there are some.
fn rounded(time: Duration) -> String {
    if time < Duration::from_secs(1) { duration_text(time) } else { duration_text(Duration::from_secs(time.as_secs())) }
}

fn goes_to(outlook: &Outlook, connected: Option<usize>) -> String {
    let whom = match outlook.fleets.as_slice() {
        [] => "every node".to_owned(),
        [one] => format!("fleet {one}"),
        more => format!("fleets {}", more.join(", ")),
    };
    match (outlook.nodes, connected) {
        (Some(count), Some(all)) => format!("{whom}: {count} of {}", counted(all, "connected node")),
        _ => whom,
    }
}

/// The resources by their names; nothing if none is another one.
fn resources(resources: &[Changed], look: &Look) -> Option<String> {
    let count = |word: &str| resources.iter().filter(|changed| changed.what.as_str() == word).count();
    let counts = ["added", "changed", "removed"].map(|word| (count(word), word));
    let counts: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let line = |changed: &Changed| {
        let (sign, tone) = match changed.what {
            What::Added(_) => ("+", Tone::Good),
            What::Removed(_) => ("-", Tone::Bad),
            What::Other(..) => ("~", Tone::Caution),
        };
        let note = if changed.on_request { " (on request)" } else { "" };
        format!("\n  {} {:4} {}{note}", look.paint(tone, sign), changed.kind.short(), clean(&changed.name))
    };
    let title = look.paint(Tone::Strong, "Envoy's resources, as all fleets together get them");
    (!resources.is_empty()).then(|| format!("{title}: {}{}", counts.join(", "), resources.iter().map(line).collect::<String>()))
}

/// A difference in the usual colours.
fn painted(diff: &str, look: &Look) -> String {
    let line = |line: &str| match line.chars().next() {
        Some('+') => look.paint(Tone::Good, line),
        Some('-') => look.paint(Tone::Bad, line),
        Some('@') => look.paint(Tone::Dim, line),
        _ => line.to_owned(),
    };
    diff.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
