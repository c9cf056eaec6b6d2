//! Orders: what people want, as they say it, and why it is not done.

use tonic::{Code, Request, Status};

use super::known::{name, short};
use super::pb;
use crate::control::{HistoryEntry, OrderError};
use crate::rollout::{Actor, Command, Refused, Verb};
use crate::xds::{Peer, PeerShown};

/// The most bytes of a name, and of a reason: both are kept in the journal for long.
const NAME_MAX: usize = 200;
const REASON_MAX: usize = 2000;
/// Things that happened since, at most, when an order is stale.
pub(super) const SINCE_MAX: usize = 5;
/// Characters of each of them, and of the reason itself: all of a refusal goes in one header, and clients take 16 KiB of headers.
const SINCE_CHARS: usize = 200;
const WHY_CHARS: usize = 500;

/// What is wanted, and of which service.
///
/// # Errors
/// INVALID_ARGUMENT: something is missing, too long, or goes over several lines.
pub(super) fn read(request: Request<pb::OrderRequest>) -> Result<(String, Command), Status> {
    let by = who(&Peer::of(request.extensions()).shown, &request.get_ref().actor)?;
    let request = request.into_inner();
    let service = name(request.service.clone())?;
    let verb = verb(request.verb(), request.full)?;
    let reason = Some(line("the reason", &request.reason, REASON_MAX)?).filter(|reason| !reason.is_empty());
    Ok((service, Command { verb, by, reason, revision: request.revision }))
}

/// Who says so: what the certificate says, if there is one; nobody has checked anything else.
fn who(shown: &PeerShown, claimed: &str) -> Result<Actor, Status> {
    if let PeerShown::Certificate(identities) = shown
        && let Some(identity) = identities.first()
    {
        return Ok(Actor { name: identity.clone(), claimed: false });
    }
    match line("the actor", claimed, NAME_MAX)? {
        name if name.is_empty() => Err(Status::invalid_argument("`actor` is missing: say who wants it")),
        name => Ok(Actor { name, claimed: true }),
    }
}

fn line(what: &str, text: &str, most: usize) -> Result<String, Status> {
    let text = text.trim();
    if text.len() > most {
        return Err(Status::invalid_argument(format!("{what} has {} bytes; {most} are the most", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Status::invalid_argument(format!("{what} has control characters; write one line")));
    }
    Ok(text.to_owned())
}

fn verb(verb: pb::Verb, full: bool) -> Result<Verb, Status> {
    if full && verb != pb::Verb::Promote {
        return Err(Status::invalid_argument("`full` goes with VERB_PROMOTE alone"));
    }
    match verb {
        pb::Verb::Promote => Ok(Verb::Promote { full }),
        pb::Verb::Approve => Ok(Verb::Approve),
        pb::Verb::Pause => Ok(Verb::Pause),
        pb::Verb::Resume => Ok(Verb::Resume),
        pb::Verb::Abort => Ok(Verb::Abort),
        pb::Verb::Retry => Ok(Verb::Retry),
        pb::Verb::Skip => Ok(Verb::Skip),
        pb::Verb::Undo => Ok(Verb::Undo),
        pb::Verb::Unspecified => Err(Status::invalid_argument("`verb` is missing, or none of those that there are")),
    }
}

/// Why an order is not done. What has happened since the revision that it was meant for is told with it, oldest first.
pub(super) fn refused(error: &OrderError, since: &[HistoryEntry]) -> Status {
    let code = match error {
        OrderError::Unknown(_) => Code::NotFound,
        OrderError::Refused(Refused::Stale { .. }) => Code::Aborted,
        OrderError::Refused(Refused::NotNow(_)) => Code::FailedPrecondition,
        OrderError::Refused(Refused::NotYours(_)) => Code::PermissionDenied,
        OrderError::Unwritten(_) | OrderError::NotReady | OrderError::Ending => Code::Unavailable,
    };
    let text = |entry: &HistoryEntry| short(&entry.event.text, SINCE_CHARS);
    let since = since.iter().rev().map(|entry| format!("\n  revision {}: {}{}", entry.event.revision, text(entry), by(entry)));
    Status::new(code, std::iter::once(short(&error.to_string(), WHY_CHARS)).chain(since).collect::<String>())
}

fn by(entry: &HistoryEntry) -> String {
    entry.event.by.as_ref().map(|actor| format!(" ({})", actor.name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(actor: &str) -> pb::OrderRequest {
        pb::OrderRequest { service: "shop".into(), verb: pb::Verb::Pause.into(), actor: actor.into(), ..Default::default() }
    }

    fn refusal(request: pb::OrderRequest) -> (Code, String) {
        let status = read(Request::new(request)).unwrap_err();
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn a_name_that_nobody_has_checked_is_claimed() {
        let (service, command) = read(Request::new(request(" ann "))).unwrap();
        let by = Actor { name: "ann".into(), claimed: true };
        assert_eq!((service.as_str(), command), ("shop", Command { verb: Verb::Pause, by, reason: None, revision: None }));
    }

    #[test]
    fn a_certificate_says_who_it_is_whatever_is_claimed() {
        let mut request = Request::new(request("root"));
        let shown = PeerShown::Certificate(vec!["spiffe://prod/ann".to_owned(), "other".to_owned()].into());
        request.extensions_mut().insert(Peer { shown, ..Peer::default() });
        let (_, command) = read(request).unwrap();
        assert_eq!(command.by, Actor { name: "spiffe://prod/ann".into(), claimed: false });
        let nobody = PeerShown::Certificate(Vec::new().into());
        assert_eq!(who(&nobody, "ann").unwrap(), Actor { name: "ann".into(), claimed: true });
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let invalid = |request, said: &str| {
            let (code, text) = refusal(request);
            assert!(code == Code::InvalidArgument && text.contains(said), "{said}: {text}");
        };
        invalid(request(" "), "`actor` is missing");
        invalid(request(&"x".repeat(201)), "201 bytes");
        invalid(request("a\nb"), "control characters");
        invalid(pb::OrderRequest { reason: "\u{1b}[2J".into(), ..request("ann") }, "the reason has control characters");
        invalid(pb::OrderRequest { full: true, ..request("ann") }, "`full`");
        invalid(pb::OrderRequest { verb: 99, ..request("ann") }, "`verb`");
        invalid(pb::OrderRequest { service: "x".repeat(254), ..request("ann") }, "`service` has 254 bytes");
    }

    #[test]
    fn a_refusal_is_short_enough_to_arrive() {
        let split = crate::model::Split::new(vec![("v1".into(), crate::model::Share::FULL)]).unwrap();
        let event = crate::rollout::Event {
            what: crate::rollout::Happened::RolledBack,
            at: jiff::Timestamp::UNIX_EPOCH,
            rollout: 1,
            candidate: None,
            revision: 7,
            step: None,
            text: "ü".repeat(3000),
            by: Some(Actor { name: "n".repeat(200), claimed: true }),
            reason: None,
            before: split.clone(),
            after: split,
        };
        let entry = HistoryEntry { sequence: 1, service: "shop".into(), event, generation: 1 };
        let stale = Refused::Stale { meant: 1, is: 9, what: "ü".repeat(3000) };
        let status = refused(&OrderError::Refused(stale), &[entry.clone(), entry.clone(), entry.clone(), entry.clone(), entry]);
        let encoded: usize = status.message().bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
        assert!(encoded < 15_000, "{encoded} bytes as a header");
        assert!(status.message().contains("revision 7: üü") && status.message().contains("…"), "{}", status.message());
    }
}
