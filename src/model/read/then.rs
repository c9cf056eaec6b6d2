//! `then`: what follows a strategy.

use super::fields::{Fields, some_items};
use super::plan::strategy;
use super::versions::Versions;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Entry, Node, Span, Value};
use crate::model::{Rolling, Share, Strategy, code};

/// Strategies that may follow another.
const FOLLOW: [&str; 2] = ["canary", "blue_green"];
/// Those that may not.
const NEVER: [&str; 3] = ["rolling", "ab_test", "split"];

/// A strategy, as far as it could be read, with the key that it stands under.
pub(super) type Link<'n> = (&'n Entry, Option<Strategy>);

/// Reads `then`: one mapping with a strategy, or a list of them. `first` is what they follow.
pub(super) fn read(notes: &mut Notes, versions: &Versions, first: Option<&Link<'_>>, entry: &Entry) -> Option<Vec<Strategy>> {
    let items = match &entry.value.value {
        Value::Map(_) => std::slice::from_ref(&entry.value),
        _ => some_items(notes, &entry.value, "`then`")?,
    };
    let links: Vec<Option<Link<'_>>> = items.iter().map(|item| link(notes, versions, item)).collect();
    let chain: Vec<&Link<'_>> = first.into_iter().chain(links.iter().flatten()).collect();
    chain.windows(2).for_each(|pair| seam(notes, pair[0], pair[1]));
    links.into_iter().map(|link| link?.1).collect()
}

fn link<'n>(notes: &mut Notes, versions: &Versions, node: &'n Node) -> Option<Link<'n>> {
    if let Some(entry) = NEVER.iter().find_map(|key| node.entry(key)) {
        notes
            .error(code::BAD_SEQUENCE, &entry.key.span, format!("{} cannot follow another strategy", quoted(&entry.key.text)))
            .help("what follows is `canary` or `blue_green`; `rolling` comes first, and `ab_test` and `split` stand alone");
        return None;
    }
    let fields = Fields::of(notes, node, "`then`", &FOLLOW)?;
    match fields.entries() {
        [] => {
            fields.need_one_of(notes, &FOLLOW, "canary: {steps: [75% for 30m]}");
            None
        }
        [one] => FOLLOW.contains(&one.key.text.as_str()).then(|| (one, strategy(notes, versions, one))),
        [first, second, ..] => {
            let title = format!("{} and {} exclude each other", quoted(&first.key.text), quoted(&second.key.text));
            notes
                .error(code::TWO_STRATEGIES, &second.key.span, title)
                .also(&first.key.span, "the first")
                .help("what comes one after the other is a list: write each behind a dash, `- `");
            None
        }
    }
}

/// Refuses what does not go on from where the one before ends.
fn seam(notes: &mut Notes, (before, first): &Link<'_>, (entry, second): &Link<'_>) {
    match first {
        Some(Strategy::BlueGreen(_)) => {
            let help = "make it the last; how long the way back is kept after a cutover is said by `after`";
            refuse_behind(notes, before, entry, "this leaves no traffic to move", help);
        }
        Some(Strategy::AbTest(_)) => {
            refuse_behind(notes, before, entry, "this lasts for as long as it is written", "take `then` out");
        }
        Some(Strategy::Canary(canary)) => {
            let share = canary.steps.last().map_or(Share::ZERO, |step| step.share);
            not_below(notes, (share, steps(before).last().map_or(&before.key.span, |step| &step.span)), entry, second.as_ref());
        }
        Some(Strategy::Rolling(rolling)) => {
            let until = before.value.get("until").map_or(&before.key.span, |until| &until.span);
            not_below(notes, (rolling.until, until), entry, second.as_ref());
        }
        None => {}
    }
}

fn refuse_behind(notes: &mut Notes, before: &Entry, entry: &Entry, reason: &str, help: &str) {
    notes
        .error(code::BAD_SEQUENCE, &entry.key.span, format!("nothing can follow {}", quoted(&before.key.text)))
        .also(&before.key.span, reason)
        .help(help);
}

fn not_below(notes: &mut Notes, (share, at): (Share, &Span), entry: &Entry, strategy: Option<&Strategy>) {
    let Some(Strategy::Canary(canary)) = strategy else { return };
    let (Some(step), Some(node)) = (canary.steps.first(), steps(entry).first()) else { return };
    if step.share < share {
        notes
            .error(code::STEP_BACK, &node.span, format!("a step of {} behind {share}", step.share))
            .also(at, "was more here")
            .help("what follows goes on from where the one before ended: begin with that share or more");
    }
}

fn steps(canary: &Entry) -> &[Node] {
    match canary.value.get("steps").map(|steps| &steps.value) {
        Some(Value::List(steps)) => steps,
        _ => &[],
    }
}

/// Refuses waves that end halfway with nothing behind them.
pub(super) fn refuse_half(notes: &mut Notes, entry: &Entry, rolling: &Rolling) {
    let Some(until) = entry.value.entry("until").filter(|_| rolling.until < Share::FULL) else { return };
    notes
        .error(code::BAD_SEQUENCE, &until.key.span, format!("the waves end at {}, and nothing follows", rolling.until))
        .help("say how it goes on, for example `then: {canary: {steps: [75% for 30m]}}`; or take `until` out");
}
