//! What a candidate's share comes to on its way.

use std::time::Duration;

use super::{Cutover, Plan, Share, Strategy};

/// A share that the candidate comes to, of the requests that no rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The share.
    pub share: Share,
    /// How it gets there.
    pub way: Way,
}

/// How a candidate comes to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// At once.
    Step,
    /// Evenly over a time.
    Over(Duration),
    /// Wave by wave, as endpoints are taken over.
    Waves,
}

impl Plan {
    /// The shares that the candidate comes to one after the other; none where the strategy leads to no new stable version.
    pub fn stops(&self) -> Vec<Stop> {
        let mut stops: Vec<Stop> = std::iter::once(&self.strategy).chain(&self.then).flat_map(Strategy::stops).collect();
        if stops.last().is_some_and(|last| last.share < Share::FULL) {
            stops.push(Stop { share: Share::FULL, way: Way::Step });
        }
        stops
    }
}

impl Strategy {
    fn stops(&self) -> Vec<Stop> {
        match self {
            Strategy::Canary(canary) => canary.steps.iter().map(|step| Stop { share: step.share, way: Way::Step }).collect(),
            Strategy::BlueGreen(blue_green) => {
                let way = match blue_green.cutover {
                    Cutover::AtOnce => Way::Step,
                    Cutover::Over(time) => Way::Over(time),
                };
                vec![Stop { share: Share::FULL, way }]
            }
            Strategy::Rolling(rolling) => vec![Stop { share: rolling.until, way: Way::Waves }],
            Strategy::AbTest(_) => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, BlueGreen, Canary, Hold, Rolling, Step, Windows};

    fn share(text: &str) -> Share {
        text.parse().unwrap()
    }

    fn canary(steps: &[&str]) -> Strategy {
        Strategy::Canary(Canary { steps: steps.iter().map(|text| Step { share: share(text), until: Hold::Approval }).collect() })
    }

    fn blue_green(cutover: Cutover) -> Strategy {
        Strategy::BlueGreen(BlueGreen { preview: None, before: vec![], cutover, watch: None, keep_stable: None })
    }

    fn rolling(until: &str) -> Strategy {
        let (batch, drain) = (Batch::Count(1), Rolling::DRAIN);
        Strategy::Rolling(Rolling { batch, pause: Duration::ZERO, drain, upgrade: None, until: share(until) })
    }

    fn stops(strategy: Strategy, then: Vec<Strategy>) -> Vec<(String, Way)> {
        let plan = Plan {
            candidate: Some("v2".into()),
            strategy,
            then,
            sticky: None,
            approvers: vec![],
            checks: None,
            on_failure: Default::default(),
            on_new_candidate: Default::default(),
            windows: Windows::default(),
            hold: false,
        };
        plan.stops().into_iter().map(|stop| (stop.share.to_string(), stop.way)).collect()
    }

    fn at(share: &str, way: Way) -> (String, Way) {
        (share.to_owned(), way)
    }

    #[test]
    fn the_last_stop_is_everything_and_comes_once() {
        let step = |share| at(share, Way::Step);
        assert_eq!(stops(canary(&["5%", "25%"]), vec![]), [step("5%"), step("25%"), step("100%")]);
        assert_eq!(stops(canary(&["5%", "100%"]), vec![]), [step("5%"), step("100%")]);
        assert_eq!(stops(rolling("50%"), vec![]), [at("50%", Way::Waves), step("100%")]);
    }

    #[test]
    fn each_strategy_has_its_way() {
        let minute = Duration::from_secs(60);
        assert_eq!(stops(blue_green(Cutover::AtOnce), vec![]), [at("100%", Way::Step)]);
        assert_eq!(stops(blue_green(Cutover::Over(minute)), vec![]), [at("100%", Way::Over(minute))]);
        let then = vec![canary(&["50%"]), blue_green(Cutover::AtOnce)];
        assert_eq!(stops(rolling("10%"), then), [at("10%", Way::Waves), at("50%", Way::Step), at("100%", Way::Step)]);
    }
}
