//! What came of the responses of one type.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::Verdict;
use crate::snapshot::Version;
use crate::xds::subscription::Name;

/// What came of the responses of one type on one stream, for those who ask.
#[derive(Debug, Default)]
pub struct Account {
    /// Version of the newest response, and when it was sent.
    pub sent: Option<(Version, Instant)>,
    /// Since when responses have been without an answer, if the newest is.
    pub unanswered: Option<Instant>,
    /// Version of the newest response that was acknowledged, and when.
    pub acked: Option<(Version, Instant)>,
    /// What is rejected; most clients reject nothing.
    refusals: Option<Box<Refusals>>,
    /// Responses sent.
    pub pushes: u64,
    /// Responses acknowledged.
    pub acks: u64,
    /// Responses rejected.
    pub nacks: u64,
}

#[derive(Debug)]
struct Refusals {
    newest: Arc<Refusal>,
    /// By name, the newest of which it was a part.
    of: BTreeMap<Name, Arc<Refusal>>,
}

/// A NACK.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Version of the response.
    pub version: Version,
    /// The client's words.
    pub message: String,
    /// Names that the response carried and that were news to the client.
    pub names: Vec<Name>,
    /// When it came.
    pub at: Instant,
}

impl Account {
    /// The newest rejection, if the client has taken nothing better since.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusals.as_ref().map(|refusals| &*refusals.newest)
    }

    /// The newest rejection of a response that carried this name.
    pub fn refusal_of(&self, name: &str) -> Option<&Arc<Refusal>> {
        self.refusals.as_ref()?.of.get(name)
    }

    /// A response of this version goes out.
    pub(super) fn send(&mut self, version: Version, now: Instant) {
        self.sent = Some((version, now));
        self.unanswered.get_or_insert(now);
        self.pushes += 1;
    }

    /// A response was answered. `rejects` says that the client still rejects something: then its words stay, whatever else it accepts.
    pub(super) fn answered(&mut self, verdict: &Verdict, rejects: bool, now: Instant) {
        self.unanswered = None;
        match verdict {
            Verdict::Ack { version, .. } => {
                self.acks += 1;
                self.acked = Some((version.clone(), now));
                self.forgive(rejects);
            }
            Verdict::Nack { version, message, names } => {
                self.nacks += 1;
                let (version, message, names) = (version.clone(), message.clone(), names.clone().into_names());
                self.refuse(Arc::new(Refusal { version, message, names, at: now }));
            }
        }
    }

    /// The words of rejections are forgotten, unless the client still rejects something.
    pub(super) fn forgive(&mut self, rejects: bool) {
        if !rejects {
            self.refusals = None;
        }
    }

    fn refuse(&mut self, newest: Arc<Refusal>) {
        let mut of = self.refusals.take().map(|refusals| refusals.of).unwrap_or_default();
        of.extend(newest.names.iter().map(|name| (name.clone(), newest.clone())));
        self.refusals = Some(Box::new(Refusals { newest, of }));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::xds::ledger::Carried;

    fn nack(message: &str, name: &str) -> Verdict {
        let names = Carried::Names(vec![name.into()]);
        Verdict::Nack { version: Version::told("1"), message: message.into(), names }
    }

    fn ack() -> Verdict {
        Verdict::Ack { version: Version::told("2"), after: Duration::ZERO }
    }

    #[test]
    fn the_words_of_a_rejection_stay_with_its_resources() {
        let (mut account, now) = (Account::default(), Instant::now());
        account.answered(&nack("bad moon", "a"), true, now);
        account.answered(&nack("no sun", "b"), true, now + Duration::from_secs(1));
        let words = |account: &Account, name: &str| account.refusal_of(name).map(|refusal| (refusal.message.clone(), refusal.at));
        assert_eq!(words(&account, "a"), Some(("bad moon".into(), now)));
        assert_eq!(words(&account, "b"), Some(("no sun".into(), now + Duration::from_secs(1))));
        account.answered(&ack(), true, now);
        assert_eq!(account.refusal().map(|refusal| refusal.message.as_str()), Some("no sun"), "something else was accepted");
        account.answered(&ack(), false, now);
        assert_eq!((words(&account, "a"), account.refusal()), (None, None));
        assert_eq!((account.acks, account.nacks), (2, 2));
    }

    #[test]
    fn silence_is_counted_from_the_first_response_without_an_answer() {
        let (mut account, now) = (Account::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        account.send(Version::told("1"), now);
        account.send(Version::told("2"), later);
        assert_eq!((account.unanswered, account.sent.clone()), (Some(now), Some((Version::told("2"), later))));
        account.answered(&ack(), false, later);
        assert_eq!((account.unanswered, account.pushes), (None, 2));
    }
}
