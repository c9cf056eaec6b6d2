//! The history as a text.

use super::look::{Look, Tone, clean};
use super::rollout_text::actor;
use super::time::{age, moment};
use crate::admin::pb;

/// The narrowest terminal, in characters, on which what happened has room beside when, where and who.
const TABLE: u16 = 120;

/// What happened, a row an entry; two lines an entry where rows have no room. `service` is the one that was asked for, or `""`: then each row says whose it is.
pub fn history_text(entries: &[pb::HistoryEntry], service: &str, look: &Look) -> String {
    if entries.is_empty() {
        return "Nothing has happened yet.\n".to_owned();
    }
    if look.width.is_some_and(|width| width < TABLE) {
        return entries.iter().map(|entry| paragraph(entry, service, look)).collect();
    }
    let all = service.is_empty();
    let titles = ["WHEN", "SERVICE", "EVENT", "STEP", "SPLIT", "WHO", "WHAT"];
    let titles: Vec<&str> = titles.into_iter().filter(|title| all || *title != "SERVICE").collect();
    let mut table = look.table(&titles, &["SERVICE", "SPLIT", "WHO", "WHAT"]);
    for entry in entries {
        let mut row = vec![look.cell(Tone::Dim, when(entry))];
        row.extend(all.then(|| look.cell(Tone::Plain, clean(&entry.service))));
        row.push(look.cell(tone(&entry.event), clean(&entry.event)));
        row.extend([step(entry), moved(entry), who(entry), what(entry)].map(|text| look.cell(Tone::Plain, text)));
        table.add_row(row);
    }
    table.trim_fmt() + "\n"
}

/// An entry in two lines: when, of what and by whom; and what.
fn paragraph(entry: &pb::HistoryEntry, service: &str, look: &Look) -> String {
    let whose = if service.is_empty() { clean(&entry.service) } else { String::new() };
    let event = look.paint(tone(&entry.event), &clean(&entry.event));
    let head = [look.paint(Tone::Dim, &when(entry)), whose, event, step(entry), moved(entry), who(entry)];
    let head: Vec<String> = head.into_iter().filter(|text| !text.is_empty()).collect();
    format!("{}\n  {}\n", head.join("  "), what(entry))
}

/// The newest entries in a line each, oldest first, for those who look at the status.
pub fn newest(entries: &[pb::HistoryEntry], look: &Look) -> Option<String> {
    if entries.is_empty() {
        return None;
    }
    let line = |entry: &pb::HistoryEntry| {
        let ago = moment(entry.at).map(|at| format!("{} ago", age(look.now, at))).unwrap_or_default();
        let who = Some(who(entry)).filter(|who| !who.is_empty()).map(|who| format!(", by {who}")).unwrap_or_default();
        format!("  {ago:>8}  {:<12} {}{who}", clean(&entry.event), what(entry))
    };
    let lines: Vec<String> = entries.iter().rev().map(line).collect();
    Some(format!("{}\n{}", look.paint(Tone::Strong, "History:"), lines.join("\n")))
}

fn when(entry: &pb::HistoryEntry) -> String {
    moment(entry.at).map(|at| format!("{at:.0}")).unwrap_or_default()
}

fn step(entry: &pb::HistoryEntry) -> String {
    if entry.steps == 0 { String::new() } else { format!("{}/{}", entry.step, entry.steps) }
}

fn who(entry: &pb::HistoryEntry) -> String {
    if entry.actor.is_empty() { String::new() } else { actor(&entry.actor, entry.claimed) }
}

fn what(entry: &pb::HistoryEntry) -> String {
    let text = clean(&entry.text);
    // An abort is told with its reason.
    if entry.reason.is_empty() || entry.text.contains(&entry.reason) { text } else { format!("{text}: {}", clean(&entry.reason)) }
}

/// The candidate's share before and after, where it moved; of all versions, if there is no candidate.
fn moved(entry: &pb::HistoryEntry) -> String {
    let share = |split: &[pb::SplitPart], version: &str| {
        let part = split.iter().find(|part| part.version == version);
        part.and_then(|part| part.share.as_ref()).map_or_else(|| "0%".to_owned(), |share| share.text.clone())
    };
    let told = |part: &pb::SplitPart| {
        let (before, after) = (share(&entry.before, &part.version), share(&entry.after, &part.version));
        let concerns = entry.candidate.is_empty() || entry.candidate == part.version;
        (before != after && concerns).then(|| format!("{} {before} → {after}", clean(&part.version)))
    };
    // A version that the file has forgotten is in the split before alone.
    let gone = entry.before.iter().filter(|part| entry.after.iter().all(|other| other.version != part.version));
    entry.after.iter().chain(gone).filter_map(told).collect::<Vec<_>>().join(", ")
}

fn tone(event: &str) -> Tone {
    match event {
        "rolled_back" | "stuck" => Tone::Bad,
        "waiting" | "paused" | "undone" | "withdrawn" => Tone::Caution,
        "finished" | "passed" | "drained" => Tone::Good,
        _ => Tone::Strong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(candidate: &str, shares: &[(&str, &str, &str)]) -> pb::HistoryEntry {
        let part = |version: &str, text: &str| pb::SplitPart {
            version: version.into(),
            share: Some(pb::Share { text: text.into(), ..pb::Share::default() }),
        };
        let before = shares.iter().map(|(version, before, _)| part(version, before)).collect();
        let after = shares.iter().map(|(version, _, after)| part(version, after)).collect();
        pb::HistoryEntry { candidate: candidate.into(), before, after, ..pb::HistoryEntry::default() }
    }

    #[test]
    fn of_a_candidate_its_own_share_is_told_and_else_every_share_that_moved() {
        let shares = [("v41", "95%", "50%"), ("v42", "5%", "50%"), ("v40", "0%", "0%")];
        assert_eq!(moved(&entry("v42", &shares)), "v42 5% → 50%");
        assert_eq!(moved(&entry("", &shares)), "v41 95% → 50%, v42 5% → 50%");
        assert_eq!(moved(&entry("v40", &shares)), "");
        let forgotten = pb::HistoryEntry { after: vec![], ..entry("v42", &[("v42", "5%", "")]) };
        assert_eq!(moved(&forgotten), "v42 5% → 0%");
    }

    #[test]
    fn on_a_usual_terminal_what_happened_has_a_line_of_its_own() {
        let text = |width| {
            let step = pb::HistoryEntry {
                service: "checkout".into(),
                event: "step".into(),
                text: "25% until approved".into(),
                step: 2,
                steps: 4,
                ..entry("v42", &[("v42", "5%", "25%")])
            };
            history_text(&[step], "", &Look { color: false, width, now: jiff::Timestamp::UNIX_EPOCH })
        };
        assert!(text(Some(80)).ends_with("checkout  step  2/4  v42 5% → 25%\n  25% until approved\n"), "{}", text(Some(80)));
        for wide in [Some(160), None] {
            assert!(text(wide).starts_with("WHEN") && text(wide).ends_with("25% until approved\n"), "{}", text(wide));
        }
    }

    #[test]
    fn a_reason_is_told_once() {
        let told = |text: &str, reason: &str| {
            what(&pb::HistoryEntry { text: text.into(), reason: reason.into(), ..pb::HistoryEntry::default() })
        };
        assert_eq!(told("no more steps are taken", "lunch"), "no more steps are taken: lunch");
        assert_eq!(told("back to v41: too slow", "too slow"), "back to v41: too slow");
        assert_eq!(told("a\u{1b}[2J", "b\n"), "a [2J: b");
    }
}
