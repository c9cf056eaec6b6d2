//! Rollouts as a text.

use super::look::{Look, Tone, clean};
use super::time::{age, left, moment};
use crate::admin::pb;
use crate::admin::pb::Phase;

/// A rollout in a line, for a list of services; `None` for a service of which there is nothing to say.
pub fn line(service: &pb::Service, look: &Look) -> Option<String> {
    if let Some(instead) = &service.instead {
        return Some(look.paint(Tone::Caution, &instead_words(service, instead, look)));
    }
    let rollout = service.rollout.as_ref()?;
    let mut words = vec![look.paint(tone(rollout), &position(rollout))];
    words.extend(paused(rollout, look).map(|paused| format!("paused {paused}")));
    words.extend(rollout.paused.is_none().then(|| waiting(rollout, look)).flatten());
    words.extend(called_off(rollout));
    words.extend(drained(rollout, look));
    Some(words.join(" · "))
}

/// A rollout in full: what there is to say of it, then its steps.
pub fn detail(service: &pb::Service, look: &Look) -> Option<String> {
    if let Some(instead) = &service.instead {
        return Some(look.paint(Tone::Caution, &instead_words(service, instead, look)));
    }
    let rollout = service.rollout.as_ref()?;
    let since = moment(rollout.since).map(|since| format!(", for {}", age(look.now, since))).unwrap_or_default();
    let title = format!("{} → {}", clean(&rollout.stable), clean(&rollout.candidate));
    let mut lines =
        vec![format!("{} · {}{since}", look.paint(Tone::Strong, &title), look.paint(tone(rollout), &position(rollout)))];
    let mut told = |name: &str, text: Option<String>| {
        lines.extend(text.map(|text| format!("  {name:<9}{text}")));
    };
    told("why", Some(clean(&rollout.why)).filter(|why| !why.is_empty()));
    told("by", called_off_by(rollout));
    told("paused", paused(rollout, look));
    // Who waits for a person to do what another line says has nothing to add.
    let told_already = rollout.paused.is_some() || matches!(rollout.phase(), Phase::Stuck | Phase::Done);
    told("waiting", rollout.waiting.as_ref().filter(|_| !told_already).map(|waiting| waiting_words(waiting, look)));
    told("next", Some(clean(&rollout.next)).filter(|next| !next.is_empty()));
    told("wave", (rollout.waves > 0).then(|| format!("{} of {}", rollout.wave, rollout.waves)));
    told("nodes", Some(nodes(rollout)));
    told("drained", drained(rollout, look).map(|said| said + &evidence(rollout, look)));
    told("keep", keep(rollout, look));
    lines.push(String::new());
    lines.extend(ladder(rollout, look));
    Some(lines.join("\n"))
}

/// Whether it cannot go on without a person, or cannot go back.
pub fn is_stuck(service: &pb::Service) -> bool {
    let waits_for_people = |rollout: &pb::Rollout| rollout.waiting.as_ref().is_some_and(|waiting| waiting.people);
    service.rollout.as_ref().is_some_and(|rollout| match rollout.phase() {
        Phase::Stuck => true,
        Phase::Returning => waits_for_people(rollout),
        _ => false,
    })
}

/// By whom it was called off, and why; only why, if nobody did.
fn called_off(rollout: &pb::Rollout) -> Option<String> {
    let is_off = matches!(rollout.phase(), Phase::Off | Phase::Returning);
    // Who gave no reason is the reason: `ann aborted it`.
    let says_who = !rollout.called_off_by.is_empty() && rollout.why.starts_with(&rollout.called_off_by);
    let why = Some(clean(&rollout.why)).filter(|why| !why.is_empty() && !says_who);
    let words = [called_off_by(rollout).map(|by| format!("by {by}")), why];
    let words: Vec<String> = words.into_iter().flatten().collect();
    (is_off && !words.is_empty()).then(|| words.join(": "))
}

fn called_off_by(rollout: &pb::Rollout) -> Option<String> {
    (!rollout.called_off_by.is_empty()).then(|| actor(&rollout.called_off_by, rollout.claimed))
}

/// How many nodes have acknowledged what is served of a service.
pub fn acknowledged(service: &pb::Service) -> String {
    match service.sync.unwrap_or_default().nodes {
        0 => "no Envoy is connected, so nobody has to acknowledge it".to_owned(),
        1 => format!("acknowledged by {} of 1 node", service.acked_nodes),
        nodes => format!("acknowledged by {} of {nodes} nodes", service.acked_nodes),
    }
}

/// Where it is: `v42 step 3 of 5 · 25% (acknowledged 5%)`.
pub fn position(rollout: &pb::Rollout) -> String {
    let (candidate, at) = (clean(&rollout.candidate), format!("step {} of {}", rollout.step, rollout.steps));
    let off_at = if rollout.step == 0 { "before its first step".to_owned() } else { format!("at {at}") };
    let place = match rollout.phase() {
        Phase::Pending | Phase::Unspecified => format!("{candidate} has not begun"),
        Phase::Running => format!("{candidate} {at}"),
        Phase::Stuck => format!("{candidate} is stuck at {at}"),
        Phase::Done => format!("{candidate} is released"),
        Phase::Off => format!("{candidate} was called off {off_at}"),
        Phase::Returning => format!("{candidate} was called off {off_at}, and goes back"),
    };
    let text = |share: &Option<pb::Share>| share.as_ref().map_or_else(|| "0%".to_owned(), |share| share.text.clone());
    let (asked, acked) = (text(&rollout.share), text(&rollout.acked_share));
    if asked == acked { format!("{place} · {asked}") } else { format!("{place} · {asked} (acknowledged {acked})") }
}

/// What it waits for, without what changes from moment to moment: counts, and what is in brackets.
pub fn waits_for(waiting: &pb::Waiting) -> String {
    let kind = waiting.text.split(" (").next().unwrap_or_default();
    kind.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn tone(rollout: &pb::Rollout) -> Tone {
    match rollout.phase() {
        Phase::Done => Tone::Good,
        Phase::Stuck | Phase::Off | Phase::Returning => Tone::Bad,
        _ if rollout.paused.is_some() => Tone::Caution,
        _ => Tone::Plain,
    }
}

fn instead_words(service: &pb::Service, instead: &pb::Instead, look: &Look) -> String {
    let since = moment(instead.since).map(|since| format!(" for {}", age(look.now, since))).unwrap_or_default();
    let (version, stable, actor) = (clean(&instead.version), clean(&service.stable), clean(&instead.actor));
    format!("{version} serves instead of {stable}{since}, because {actor} undid it")
}

fn nodes(rollout: &pb::Rollout) -> String {
    match rollout.nodes {
        0 => "none is connected".to_owned(),
        nodes => format!("{} of {nodes} have acknowledged it", rollout.acked_nodes),
    }
}

fn waiting(rollout: &pb::Rollout, look: &Look) -> Option<String> {
    let waiting = rollout.waiting.as_ref()?;
    Some(format!("waiting: {}", waiting_words(waiting, look)))
}

fn waiting_words(waiting: &pb::Waiting, look: &Look) -> String {
    let until = moment(waiting.until).map(|until| format!(" ({})", until_words(look, until))).unwrap_or_default();
    let text = format!("{}{until}", clean(&waiting.text));
    if waiting.people { look.paint(Tone::Caution, &text) } else { text }
}

/// How long it is until then; what is far off is a moment as well.
fn until_words(look: &Look, until: jiff::Timestamp) -> String {
    let left = left(look.now, until);
    if until.duration_since(look.now) < FAR { format!("{left} left") } else { format!("until {until:.0}, {left} left") }
}

/// From here on nobody counts hours.
const FAR: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

fn paused(rollout: &pb::Rollout, look: &Look) -> Option<String> {
    let paused = rollout.paused.as_ref()?;
    let since = moment(paused.at).map(|at| format!(" {} ago", age(look.now, at))).unwrap_or_default();
    let reason = if paused.reason.is_empty() { String::new() } else { format!(": {}", clean(&paused.reason)) };
    Some(look.paint(Tone::Caution, &format!("by {}{since}{reason}", actor(&paused.actor, paused.claimed))))
}

/// A name, and whether nobody has checked it.
pub fn actor(name: &str, claimed: bool) -> String {
    if claimed { format!("{} (claimed)", clean(name)) } else { clean(name) }
}

fn drained(rollout: &pb::Rollout, look: &Look) -> Option<String> {
    let drained = rollout.drained.as_ref()?;
    Some(look.paint(Tone::Good, &format!("{} is drained: safe to stop", clean(&drained.version))))
}

fn evidence(rollout: &pb::Rollout, look: &Look) -> String {
    let Some(drained) = &rollout.drained else { return String::new() };
    let since = moment(drained.since).map(|since| format!(", since {} ago", age(look.now, since))).unwrap_or_default();
    format!("{since}: {}", clean(&drained.evidence))
}

fn keep(rollout: &pb::Rollout, look: &Look) -> Option<String> {
    let until = moment(rollout.keep_until)?;
    let stable = clean(&rollout.stable);
    Some(match until > look.now {
        true => format!("{stable} is to be kept, {} left", left(look.now, until)),
        false => format!("{stable} need not be kept any more"),
    })
}

/// A line a step: over ✓, under way ▶, to come ·; where it was stopped, ✗.
fn ladder(rollout: &pb::Rollout, look: &Look) -> Vec<String> {
    let stopped = matches!(rollout.phase(), Phase::Stuck | Phase::Off | Phase::Returning);
    let rung = |rung: &pb::Rung| {
        let (mark, tone) = match rung.state() {
            pb::RungState::Over => ("✓", Tone::Good),
            pb::RungState::UnderWay if stopped => ("✗", Tone::Bad),
            pb::RungState::UnderWay => ("▶", Tone::Strong),
            _ => ("·", Tone::Dim),
        };
        look.paint(tone, &format!("  {mark} {}", clean(&rung.text)))
    };
    rollout.ladder.iter().map(rung).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { color: false, width: None, now: jiff::Timestamp::UNIX_EPOCH };

    fn off(step: u32, by: &str, why: &str) -> pb::Service {
        let rollout = pb::Rollout {
            candidate: "v42".into(),
            phase: Phase::Off.into(),
            step,
            steps: 4,
            why: why.into(),
            called_off_by: by.into(),
            claimed: true,
            ..pb::Rollout::default()
        };
        pb::Service { rollout: Some(rollout), ..pb::Service::default() }
    }

    #[test]
    fn of_one_that_was_called_off_it_is_told_by_whom_and_why() {
        let said = |step, by, why| line(&off(step, by, why), &LOOK).unwrap();
        assert_eq!(said(2, "ann", "too slow"), "v42 was called off at step 2 of 4 · 0% · by ann (claimed): too slow");
        assert_eq!(said(2, "ann", "ann aborted it"), "v42 was called off at step 2 of 4 · 0% · by ann (claimed)");
        assert_eq!(said(0, "", "no answer"), "v42 was called off before its first step · 0% · no answer");
    }

    #[test]
    fn what_is_far_off_is_a_moment() {
        let said = |seconds| {
            let until = Some(prost_types::Timestamp { seconds, nanos: 0 });
            waiting_words(&pb::Waiting { text: "the window to open".into(), until, people: false }, &LOOK)
        };
        assert_eq!(said(3599), "the window to open (59m left)");
        assert_eq!(said(100_000), "the window to open (until 1970-01-02T03:46:40Z, 1d left)");
    }
}
