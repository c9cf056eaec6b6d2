//! What is told of a release.

use std::time::Instant;

use super::story::Comes;
use super::window::Window;
use crate::control::RolloutStatus;
use crate::rollout::{Rung, RungState, Wait};

/// Whether a release is where the story waits for it.
pub(super) fn has_come(now: &RolloutStatus, to: Comes) -> bool {
    match to {
        Comes::Nowhere => false,
        Comes::Asking => now.settled.is_some() && matches!(now.view.wait, Some(Wait::Approval { .. })),
        Comes::Done => now.view.phase == "done",
        Comes::Off => now.view.phase == "off",
    }
}

/// Whether a release is at another step than was told, and every node has it.
pub(super) fn is_new_step(now: &RolloutStatus, told: Option<(u32, Instant)>) -> bool {
    let other = told.is_none_or(|(step, _)| now.view.step.0 != step);
    now.view.phase == "running" && now.settled.is_some() && other
}

/// A version's share of the requests that a window has seen.
pub(super) fn share(window: &Window, version: &str, gets: &str, whose: &str) -> String {
    format!("{version} {gets} {:.1} % of {} requests{whose}", window.part(version).share * 100.0, window.answered())
}

/// Where a release is, in a line.
pub(super) fn title(now: &RolloutStatus) -> String {
    let view = &now.view;
    let position = format!("{} is at step {} of {}, with {}", view.candidate, view.step.0, view.step.1, view.share);
    match (view.phase, &view.wait) {
        ("done", _) => format!("{} has everything", view.candidate),
        ("off", _) => format!("{} was taken back: {}", view.candidate, view.why.as_deref().unwrap_or_default()),
        (_, Some(wait)) if wait.is_for_people() => format!("{position}, and waits for {}", wait.text()),
        _ => position,
    }
}

/// Its steps, a line each.
pub(super) fn ladder(now: &RolloutStatus) -> Vec<String> {
    let sign = |rung: &Rung| match rung.state {
        RungState::Over => '✓',
        RungState::UnderWay if now.view.phase == "off" => '✗',
        RungState::UnderWay => '▶',
        RungState::ToCome => '·',
    };
    now.view.ladder.iter().map(|rung| format!("{} {}", sign(rung), rung.text)).collect()
}

/// An event about the file, with the lines that decide below it.
pub(super) fn saying(what: &str, lines: &[String]) -> String {
    let indented = lines.iter().map(|line| format!("\n  {line}"));
    std::iter::once(format!("{what}:")).chain(indented).collect()
}
