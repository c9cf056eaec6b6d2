//! An edit that a rollout under way does not allow, as a problem of its file.

use crate::diag::{Problem, Severity};
use crate::model::{Document, Release, Strategy};
use crate::rollout::NotNow;

/// Code of an edit that cannot be taken in as things are.
const NOT_NOW: &str = "T903";

/// The problem, at the place that it is about.
pub(super) fn problem(document: &Document<Release>, refused: &NotNow) -> Problem {
    let primary = document.place_of_plan(&place(document, &refused.key));
    Problem {
        code: NOT_NOW,
        severity: Severity::Error,
        title: refused.title.clone(),
        primary,
        related: Vec::new(),
        help: Some(refused.help.clone()),
    }
}

/// Steps are counted over the whole release; a file has them under its strategy.
fn place(document: &Document<Release>, key: &str) -> String {
    let index = key.strip_prefix("step ").and_then(|index| index.parse::<usize>().ok());
    let strategy = document.value.as_ref().and_then(|release| release.plan.as_ref()).map(|plan| &plan.strategy);
    match (index, strategy) {
        (Some(index), Some(Strategy::Canary(canary))) if index < canary.steps.len() => format!("canary.steps[{index}]"),
        (Some(index), Some(Strategy::BlueGreen(blue_green))) if index < blue_green.before.len() => {
            format!("blue_green.before[{index}]")
        }
        _ => key.to_owned(),
    }
}
