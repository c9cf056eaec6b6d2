//! What `tidegate explain` prints for people.

use std::time::Duration;

use jiff::SignedDuration;

use super::explain::Explained;
use super::look::{Look, Tone, clean, clean_lines};
use crate::model::{By, Release, Request, Sent, Share, Split, Stop, Tried, Verdict, Way, preview_rule};

/// The answer, and how it was come to.
pub fn text(explained: &Explained<'_>, request: &Request, look: &Look) -> String {
    let asked = format!("{} {}{}", clean(request.method()), clean(request.host()), clean(request.path()));
    match explained {
        Explained::Sent(release, sent) => {
            [Some(headline(&asked, release, sent, look)), Some(shares(&sent.split, look)), rules(sent, look), ahead(release, sent)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n\n")
        }
        Explained::Not(Some(release), why) => {
            format!("{} {}", look.paint(Tone::Bad, &format!("{asked} is not for {}:", release.service)), clean_lines(why))
        }
        Explained::Not(None, why) => format!("{} {}", look.paint(Tone::Bad, &format!("{asked}:")), clean_lines(why)),
    }
}

fn headline(asked: &str, release: &Release, sent: &Sent, look: &Look) -> String {
    let title = look.paint(Tone::Strong, &format!("{asked} is for {}", release.service));
    let fleets = if release.fleets.is_empty() { String::new() } else { format!(" (on {} only)", release.fleets.join(", ")) };
    let candidate = release.plan.as_ref().and_then(|plan| plan.candidate.as_deref()).filter(|_| is_preview(release, sent));
    let when = candidate.map(|candidate| format!(" while {candidate} is being released")).unwrap_or_default();
    format!("{title}{fleets}, and {} decides{when}", decider(sent))
}

/// Whether the candidate's preview decides, which there is only while it is being released.
fn is_preview(release: &Release, sent: &Sent) -> bool {
    let candidate = release.plan.as_ref().and_then(|plan| plan.candidate.as_deref());
    let rule = candidate.and_then(|candidate| preview_rule(release, candidate)).map(|rule| rule.name);
    sent.by == By::Preview || sent.by == By::Rule && rule.is_some() && sent.tried.last().map(|tried| &tried.rule) == rule.as_ref()
}

fn decider(sent: &Sent) -> String {
    match (sent.by, sent.tried.as_slice()) {
        (By::Rule, [.., last]) => format!("rule `{}`", last.rule),
        (By::Preview, _) => "its preview host".to_owned(),
        _ => "its split".to_owned(),
    }
}

/// The versions that may get the request, the likeliest first.
fn shares(split: &Split, look: &Look) -> String {
    let mut some: Vec<&(String, Share)> = split.shares().iter().filter(|(_, share)| *share > Share::ZERO).collect();
    some.sort_by_key(|(_, share)| std::cmp::Reverse(*share));
    let wide = some.iter().map(|(_, share)| share.to_string().len()).max().unwrap_or(0);
    let line =
        |(version, share): &&(String, Share)| format!("  {:>wide$}  {}", share.to_string(), look.paint(Tone::Strong, version));
    some.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The rules that were looked at; nothing if there are none.
fn rules(sent: &Sent, look: &Look) -> Option<String> {
    let line = |tried: &Tried| match &tried.verdict {
        Verdict::Matches(why) => format!("  {}  rule `{}`: {}", look.paint(Tone::Good, "yes"), tried.rule, why.join("; ")),
        Verdict::Fails(why) => format!("  {}   rule `{}`: {}", look.paint(Tone::Dim, "no"), tried.rule, why.join("; or ")),
    };
    let lines: Vec<String> = sent.tried.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What becomes of the answer while a candidate is being released; nothing if there is none.
fn ahead(release: &Release, sent: &Sent) -> Option<String> {
    let plan = release.plan.as_ref()?;
    let candidate = plan.candidate.as_deref()?;
    let stops: Vec<String> = plan.stops().iter().map(stop).collect();
    Some(match sent.by {
        _ if is_preview(release, sent) => {
            format!("It does so from when the file names {candidate} until {candidate} has everything, or is called off.")
        }
        By::Split => format!(
            "While {candidate} is being released, its share of these requests is the step's: {}; 0% before, and after an abort.",
            stops.join(", "),
        ),
        By::Rule | By::Preview => {
            format!("The release of {candidate} changes nothing in that: {} decides at every step.", decider(sent))
        }
    })
}

/// A stop in words: `5%`, `100% over 2m`.
pub fn stop(stop: &Stop) -> String {
    match stop.way {
        Way::Step => stop.share.to_string(),
        Way::Over(time) => format!("{} over {}", stop.share, length(time)),
        Way::Waves => format!("{} in waves", stop.share),
    }
}

fn length(time: Duration) -> String {
    SignedDuration::try_from(time).map(|time| format!("{time:#}")).unwrap_or_default()
}
