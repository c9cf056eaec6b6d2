//! The conversation with one reporting client: what to ask it, and when to ask anew. No I/O and no clock.

use std::time::{Duration, Instant};

use super::ask::Ask;
use super::rows::Reading;
use crate::snapshot::Node;

/// What "send all clusters" is called among the features that a client tells.
const SEND_ALL: &str = "envoy.lrs.supports_send_all_clusters";
/// How names of gRPC clients in their many languages begin.
const GRPC: &str = "gRPC";
/// What an Envoy calls itself.
const ENVOY: &str = "envoy";
/// From here on Envoys tell of requests in progress whether or not new ones began.
const TELLS_PROGRESS: (u32, u32) = (1, 37);
/// A client that has not reported for so many intervals is told what is new all the same.
const SILENT_INTERVALS: u32 = 3;

/// How a client conducts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// It can be asked for all clusters, without names.
    pub sends_all: bool,
    /// It reads the first answer and no other: it learns of a change only by opening its stream anew. It also says nothing of
    /// clusters without requests.
    pub is_grpc: bool,
    /// It says nothing of requests in progress in an interval in which none began, and never tells how they ended: an Envoy before
    /// 1.37, unless its runtime has `envoy.reloadable_features.report_load_with_rq_issued: false`.
    pub hides_progress: bool,
}

impl Client {
    /// As a node and its features say.
    pub fn of(node: &Node, features: &[String]) -> Client {
        Client {
            sends_all: features.iter().any(|feature| feature == SEND_ALL),
            is_grpc: node.user_agent.starts_with(GRPC),
            hides_progress: node.user_agent == ENVOY && minor(&node.version).is_some_and(|version| version < TELLS_PROGRESS),
        }
    }

    /// What it means by what it does not say.
    pub fn reading(self) -> Reading {
        Reading { idle_if_absent: self.is_grpc, unsure_if_empty: self.hides_progress, no_endpoints: self.is_grpc }
    }
}

/// The first two numbers of a version.
fn minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The conversation with one client.
#[derive(Debug)]
pub struct Session {
    client: Client,
    wanted: Option<Ask>,
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    ask: Ask,
    at: Instant,
    /// A report has come since.
    reported: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this.
    Ask(Ask),
    /// End the stream: the client reads no second answer, and asks for a first one when it comes again.
    Renegotiate,
}

impl Session {
    /// A conversation with a client that has just introduced itself.
    pub fn new(client: Client) -> Session {
        Session { client, wanted: None, asked: None }
    }

    /// How the client conducts itself.
    pub fn client(&self) -> Client {
        self.client
    }

    /// What the client should be asked from now on. One that reads one answer alone is not asked of endpoints: that is wanted for a
    /// while, and it would have to come anew each time.
    pub fn want(&mut self, ask: Ask) {
        let endpoints = ask.endpoints && !self.client.is_grpc;
        self.wanted = Some(ask.with_endpoints(endpoints));
    }

    /// A report came.
    pub fn reported(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.reported = true;
        }
    }

    /// What to do now, if anything.
    pub fn poll(&mut self, now: Instant) -> Option<Step> {
        let wanted = self.news()?.clone();
        if self.ready_at().is_some_and(|at| now < at) {
            return None;
        }
        if self.asked.is_some() && self.client.is_grpc {
            return Some(Step::Renegotiate);
        }
        self.asked = Some(Asked { ask: wanted.clone(), at: now, reported: false });
        Some(Step::Ask(wanted))
    }

    /// When to poll again although nothing happens.
    pub fn wake_at(&self) -> Option<Instant> {
        self.news().and_then(|_| self.ready_at())
    }

    /// What the client does not know yet.
    fn news(&self) -> Option<&Ask> {
        self.wanted.as_ref().filter(|wanted| self.asked.as_ref().is_none_or(|asked| asked.ask != **wanted))
    }

    /// When the client may be asked anew. Each answer starts an Envoy's interval from its beginning, so one that is answered too often
    /// never reports; after a report the interval has just begun, and nothing is lost.
    fn ready_at(&self) -> Option<Instant> {
        let asked = self.asked.as_ref()?;
        let intervals = if asked.reported { 1 } else { SILENT_INTERVALS };
        Some(asked.at + asked.ask.interval().saturating_mul(intervals).min(LONGEST))
    }
}

/// An interval that somebody set to years must not overflow a moment.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::super::ask::Clusters;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn named(names: &[&str]) -> Ask {
        Ask::new(Clusters::Named(names.iter().map(|name| (*name).into()).collect()), SECOND)
    }

    fn session(is_grpc: bool) -> (Session, Instant) {
        (Session::new(Client { sends_all: false, is_grpc, hides_progress: false }), Instant::now())
    }

    #[test]
    fn k2_a_client_is_known_by_its_features_and_its_name() {
        let node = |name: &str, version: &str| Node { user_agent: name.into(), version: version.into(), ..Node::default() };
        let client = |sends_all, is_grpc, hides_progress| Client { sends_all, is_grpc, hides_progress };
        let all = [SEND_ALL.to_owned()];
        assert_eq!(Client::of(&node("envoy", "1.40.0"), &all), client(true, false, false));
        assert_eq!(Client::of(&node("envoy", "1.36.2"), &all), client(true, false, true));
        assert_eq!(Client::of(&node("envoy", "my own"), &all), client(true, false, false));
        assert_eq!(Client::of(&node("gRPC Python", "1.36.2"), &[]), client(false, true, false));
        assert_eq!(Client::of(&node("gRPC Go", ""), &all), client(true, true, false));
    }

    #[test]
    fn k1_the_first_answer_comes_as_soon_as_it_is_known() {
        let (mut session, now) = session(false);
        assert_eq!((session.poll(now), session.wake_at()), (None, None), "nothing has been loaded yet");
        session.want(named(&["shop/v1"]));
        assert_eq!(session.poll(now), Some(Step::Ask(named(&["shop/v1"]))));
        session.want(named(&["shop/v1"]));
        assert_eq!((session.poll(now + 60 * SECOND), session.wake_at()), (None, None), "it knows that");
    }

    #[test]
    fn k4_an_envoy_is_asked_anew_after_its_report_and_not_within_the_interval() {
        let (mut session, now) = session(false);
        session.want(named(&["shop/v1"]));
        session.poll(now);
        session.want(named(&["shop/v1", "shop/v2"]));
        session.reported();
        assert_eq!(session.poll(now + SECOND / 2), None, "it reports often");
        assert_eq!(session.wake_at(), Some(now + SECOND));
        assert_eq!(session.poll(now + SECOND), Some(Step::Ask(named(&["shop/v1", "shop/v2"]))));
        session.want(named(&["shop/v2"]));
        assert_eq!(session.poll(now + 3 * SECOND), None, "its timer is running");
        session.reported();
        assert_eq!(session.poll(now + 3 * SECOND), Some(Step::Ask(named(&["shop/v2"]))));
    }

    #[test]
    fn k4_a_client_that_does_not_report_is_asked_anew_all_the_same() {
        let (mut session, now) = session(false);
        session.want(named(&["shop/v1"]));
        session.poll(now);
        session.want(named(&["shop/v2"]));
        assert_eq!((session.poll(now + 2 * SECOND), session.wake_at()), (None, Some(now + 3 * SECOND)));
        assert_eq!(session.poll(now + 3 * SECOND), Some(Step::Ask(named(&["shop/v2"]))));
    }

    #[test]
    fn k4_grpc_is_made_to_come_again() {
        let (mut session, now) = session(true);
        session.want(named(&["shop/v1"]));
        assert_eq!(session.poll(now), Some(Step::Ask(named(&["shop/v1"]))));
        session.want(named(&["shop/v2"]));
        session.reported();
        assert_eq!(session.poll(now), None);
        assert_eq!(session.poll(now + SECOND), Some(Step::Renegotiate));
    }

    #[test]
    fn k5_an_envoy_is_asked_of_endpoints_and_grpc_is_not() {
        let endpoints = || named(&["shop/v1"]).with_endpoints(true);
        let (mut envoy, now) = session(false);
        envoy.want(named(&["shop/v1"]));
        envoy.poll(now);
        envoy.reported();
        envoy.want(endpoints());
        assert_eq!((envoy.poll(now), envoy.wake_at()), (None, Some(now + SECOND)), "its interval begins anew when it is asked");
        assert_eq!(envoy.poll(now + SECOND), Some(Step::Ask(endpoints())));
        let (mut grpc, now) = session(true);
        grpc.want(named(&["shop/v1"]));
        grpc.poll(now);
        grpc.want(endpoints());
        assert_eq!((grpc.poll(now + 60 * SECOND), grpc.wake_at()), (None, None), "it would have to come anew");
    }

    #[test]
    fn what_was_taken_back_in_time_is_not_said() {
        let (mut session, now) = session(false);
        session.want(named(&["shop/v1"]));
        session.poll(now);
        session.want(named(&["shop/v2"]));
        session.want(named(&["shop/v1"]));
        assert_eq!((session.poll(now + 60 * SECOND), session.wake_at()), (None, None));
    }
}
