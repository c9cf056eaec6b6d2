//! Where the steps of a program stand in the file.

use crate::model::{Cutover, Plan, Strategy};

/// The key of a step, by the way to it: `canary.steps[1]`, `then[0].blue_green.before[2]`, counted from 0. A step that the file does not
/// spell out has that of the strategy it comes from.
pub(super) fn key_of(plan: &Plan, index: usize) -> String {
    let mut keys = Vec::new();
    for (at, strategy) in std::iter::once(&plan.strategy).chain(&plan.then).enumerate() {
        let before = at.checked_sub(1).map(|at| format!("then[{at}].")).unwrap_or_default();
        keys.extend(keys_of(strategy).into_iter().map(|key| format!("{before}{key}")));
    }
    keys.into_iter().nth(index).unwrap_or_else(|| plan.strategy.key().to_owned())
}

fn keys_of(strategy: &Strategy) -> Vec<String> {
    let numbered = |what: &str, count: usize| (0..count).map(|at| format!("{what}[{at}]")).collect::<Vec<_>>();
    match strategy {
        Strategy::Canary(canary) => numbered("canary.steps", canary.steps.len()),
        Strategy::BlueGreen(blue_green) => {
            let small_steps = match blue_green.cutover {
                Cutover::AtOnce => 0,
                Cutover::Over(time) => super::program::ramp_steps(time) as usize,
            };
            let mut keys = numbered("blue_green.before", blue_green.before.len());
            keys.extend(std::iter::repeat_n("blue_green.cutover".to_owned(), small_steps + 1));
            keys.extend(blue_green.watch.map(|_| "blue_green.after.watch".to_owned()));
            keys
        }
        Strategy::Rolling(_) => vec!["rolling".to_owned()],
        Strategy::AbTest(_) => Vec::new(),
    }
}
