//! What a rollout waits for.

use jiff::Timestamp;

use super::facts::Lagging;
use crate::model::Share;

/// What a rollout waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wait {
    /// Nodes that have not acknowledged what it asks for.
    Fleet {
        /// That have.
        acked: u32,
        /// Connected.
        nodes: u32,
        /// One that has not, and why.
        first: Option<Lagging>,
    },
    /// Nobody is connected.
    NoNodes,
    /// A node rejects something of the service.
    Rejected(Lagging),
    /// The step's time.
    Clock(Timestamp),
    /// People.
    Approval {
        /// That have approved.
        have: u32,
        /// That must.
        need: u32,
        /// Who may; empty for anybody.
        from: Vec<String>,
        /// Until when.
        until: Option<Timestamp>,
    },
    /// The checks have no data.
    Data(Timestamp),
    /// Endpoints of a version that are not well.
    Healthy {
        /// Known to be.
        healthy: u32,
        /// There are.
        of: u32,
        /// Of them must be.
        need: Share,
        /// Until when they must stay so, once they are.
        until: Option<Timestamp>,
    },
    /// The answer to a call.
    Call {
        /// Where to.
        url: String,
        /// Counts the tries, from 1.
        attempt: u32,
        /// When it is tried.
        due: Timestamp,
        /// How the last try ended.
        last: Option<String>,
        /// Endpoints are to go back by it, and there is no other way.
        back: bool,
    },
    /// Requests in flight to endpoints on their way out.
    Draining {
        /// So many endpoints.
        endpoints: u32,
        /// At most until then.
        until: Timestamp,
    },
    /// The time between waves.
    Pause(Timestamp),
    /// A window to open; never, if there is no time.
    Window(Option<Timestamp>),
    /// A person who holds it.
    Paused {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// `hold: true` in the file to be taken out.
    Held,
    /// A person, because it cannot go on by itself.
    Stuck(String),
    /// The file to name the finished candidate `stable`.
    Collapse(String),
}

impl Wait {
    /// When there is something to be done although nothing happens.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Wait::Clock(at) | Wait::Pause(at) | Wait::Data(at) => Some(*at),
            Wait::Approval { until, .. } | Wait::Healthy { until, .. } => *until,
            Wait::Draining { until, .. } => Some(*until),
            Wait::Call { due, .. } => Some(*due),
            Wait::Window(opens) => *opens,
            _ => None,
        }
    }

    /// Whether people are what is waited for.
    pub fn is_for_people(&self) -> bool {
        match self {
            Wait::Approval { .. } | Wait::Paused { .. } | Wait::Stuck(_) | Wait::Held => true,
            Wait::Call { back, last, .. } => *back && last.is_some(),
            _ => false,
        }
    }

    /// In words, without the time.
    pub fn text(&self) -> String {
        match self {
            Wait::Fleet { acked, nodes, first } => {
                let first = first.as_ref().map(|lagging| format!(" ({}: {})", lagging.node, lagging.why)).unwrap_or_default();
                let have = if *nodes == 1 { "node has" } else { "nodes have" };
                format!("{acked} of {nodes} {have} acknowledged it{first}")
            }
            Wait::NoNodes => "no node is connected, so nobody would move; it goes on when one is".to_owned(),
            Wait::Rejected(lagging) => format!("node {} rejects it: {}", lagging.node, lagging.why),
            Wait::Clock(_) => "the step's time".to_owned(),
            Wait::Approval { have, need, from, .. } => approval(*have, *need, from),
            Wait::Data(_) => "the checks have no data, and `no_data` says wait".to_owned(),
            Wait::Healthy { healthy, of, need, until } => match until {
                Some(_) => format!("{healthy} of {of} endpoints are healthy, and must stay so"),
                None => format!("{healthy} of {of} endpoints are known to be healthy, and {need} of them must be"),
            },
            Wait::Call { url, attempt, last, .. } => {
                let last = last.as_ref().map(|last| format!(", after: {last}")).unwrap_or_default();
                format!("the answer of {url} (try {attempt}{last})")
            }
            Wait::Draining { endpoints: 1, .. } => "requests in flight at 1 endpoint that leaves".to_owned(),
            Wait::Draining { endpoints, .. } => format!("requests in flight at {endpoints} endpoints that leave"),
            Wait::Pause(_) => "the pause between waves".to_owned(),
            Wait::Window(Some(_)) => "the window to open".to_owned(),
            Wait::Window(None) => "a window to open, and none ever does".to_owned(),
            Wait::Paused { by, reason } => {
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("{by}, who paused it{reason}")
            }
            Wait::Held => "`hold: true` in the file".to_owned(),
            Wait::Stuck(why) => format!("a person, because {why}"),
            Wait::Collapse(candidate) => format!("the file to say `stable: {candidate}` and to take `candidate` out"),
        }
    }
}

fn approval(have: u32, need: u32, from: &[String]) -> String {
    let whose = if from.is_empty() { String::new() } else { format!(" from {}", from.join(", ")) };
    match need {
        1 => format!("an approval{whose}"),
        _ => format!("approvals{whose}, {have} of {need} so far"),
    }
}
