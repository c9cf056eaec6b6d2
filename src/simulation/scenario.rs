//! What the world does while a release is played.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::model::{Gate, Hold, Release, Share};
use crate::rollout::{Program, Step};

/// What the world does.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What goes wrong in it.
    pub kind: Kind,
    /// How long people take to approve, each of them.
    pub approve_after: Duration,
    /// How long everything else takes.
    pub pace: Pace,
}

impl Scenario {
    /// That kind of thing goes wrong; people take five minutes.
    pub fn new(kind: Kind) -> Scenario {
        Scenario { kind, approve_after: Duration::from_secs(300), pace: Pace::default() }
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Nodes of the fleet.
    pub nodes: u32,
    /// From a push to its acknowledgement.
    pub ack: Duration,
    /// From a question to an endpoint to its answer.
    pub health: Duration,
    /// From a call to its answer.
    pub hook: Duration,
    /// From a call that upgrades endpoints to its answer.
    pub upgrade: Duration,
    /// Until requests in flight have ended.
    pub drain: Duration,
    /// Until nodes are connected again to a server that was killed.
    pub reconnect: Duration,
    /// From a share at which a candidate fails to a verdict that says so.
    pub verdict: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            nodes: 3,
            ack: Duration::from_millis(20),
            health: Duration::from_millis(100),
            hook: Duration::from_secs(2),
            upgrade: Duration::from_secs(10),
            drain: Duration::from_secs(1),
            reconnect: Duration::from_secs(1),
            verdict: Duration::from_secs(30),
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Healthy,
    /// The checks turn bad once the candidate has that share.
    FailingAt(Share),
    /// The checks have no data.
    NoData,
    /// Nobody sends requests, so the checks have no data.
    NoTraffic,
    /// One node rejects what the second step, or the second wave, sends, and does so for good.
    Nack,
    /// No node is connected.
    Nobody,
    /// The server is killed in the middle of every step.
    Restart,
    /// Hooks say stop.
    HookStops,
    /// Hooks answer at the third try.
    HookFlaky,
    /// Nobody approves.
    Unapproved,
}

/// The scenarios without a parameter, by their names.
const NAMES: [(&str, Kind); 9] = [
    ("healthy", Kind::Healthy),
    ("no-data", Kind::NoData),
    ("no-traffic", Kind::NoTraffic),
    ("nack", Kind::Nack),
    ("nobody", Kind::Nobody),
    ("restart", Kind::Restart),
    ("hook-stops", Kind::HookStops),
    ("hook-flaky", Kind::HookFlaky),
    ("unapproved", Kind::Unapproved),
];
const FAILING_AT: &str = "failing-at";

/// A text that names no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoScenario {
    /// There is none of that name.
    #[error("there is no scenario `{0}`; there are: healthy, failing-at=25%, {others}", others = others())]
    Unknown(String),
    /// Its share is none.
    #[error("`{0}` is no share above zero; write it as `failing-at=25%`")]
    Share(String),
}

fn others() -> String {
    let names: Vec<&str> = NAMES.iter().skip(1).map(|(name, _)| *name).collect();
    names.join(", ")
}

impl FromStr for Kind {
    type Err = NoScenario;

    /// Reads `healthy`, `failing-at=25%`.
    fn from_str(text: &str) -> Result<Kind, NoScenario> {
        if let Some((FAILING_AT, share)) = text.split_once('=') {
            let share = share.parse().ok().filter(|share| *share > Share::ZERO);
            return share.map(Kind::FailingAt).ok_or_else(|| NoScenario::Share(text.to_owned()));
        }
        let known = NAMES.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        known.ok_or_else(
            || if text == FAILING_AT { NoScenario::Share(text.to_owned()) } else { NoScenario::Unknown(text.to_owned()) },
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::FailingAt(share) => write!(f, "{FAILING_AT}={share}"),
            _ => f.write_str(NAMES.iter().find(|(_, kind)| kind == self).map_or("", |(name, _)| name)),
        }
    }
}

impl Kind {
    /// What is different in it, in words.
    pub fn words(self) -> String {
        match self {
            Kind::Healthy => "all is well",
            Kind::FailingAt(share) => return format!("the checks turn bad once the candidate has {share}"),
            Kind::NoData => "the checks have no data",
            Kind::NoTraffic => "nobody sends requests, so the checks have no data",
            Kind::Nack => "one node rejects what the second step sends",
            Kind::Nobody => "no node is connected",
            Kind::Restart => "the server is killed in the middle of every step",
            Kind::HookStops => "hooks say stop",
            Kind::HookFlaky => "hooks answer at the third try",
            Kind::Unapproved => "nobody approves",
        }
        .to_owned()
    }

    /// Why it makes no difference to a release to which it made none.
    pub fn no_matter(self, release: &Release, program: &Program) -> String {
        let checks = release.plan.as_ref().and_then(|plan| plan.checks.as_ref());
        let approval = |step: &Step| matches!(step, Step::Gate(Gate::Approval { .. }) | Step::Share { until: Hold::Approval, .. });
        match self {
            Kind::FailingAt(_) | Kind::NoData | Kind::NoTraffic if checks.is_none() => "the file has no `checks`".to_owned(),
            Kind::FailingAt(share) => format!("no step is judged in which the candidate has {share} or more, for long enough"),
            Kind::NoData | Kind::NoTraffic => "`no_data` says pass, or no step is judged".to_owned(),
            Kind::HookStops | Kind::HookFlaky => "no hook is called".to_owned(),
            Kind::Unapproved if !program.steps.iter().any(approval) => "nothing waits for an approval".to_owned(),
            _ => "it never came to that".to_owned(),
        }
    }
}
