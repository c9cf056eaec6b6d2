//! A stream that lives, as the board sees it.

use std::sync::Arc;

use super::board::{Rejection, Seen, StreamStatus, TypeStatus};
use super::channel::{Channel, Refusal};
use super::inspect::{Inspection, inspect};
use super::server::{Conversation, Published};
use super::session::Session;
use super::wall::Wall;
use crate::snapshot::{Kind, Transport, Version, View};

/// A stream, and the conversation that it takes part in, which is asked how it stands.
#[derive(Debug)]
pub(super) struct Live {
    /// What does not change of it.
    pub stream: StreamStatus,
    pub transport: Transport,
    pub conversation: Arc<Conversation>,
    /// What there is now, of which the stream may not have heard yet.
    pub published: Published,
}

impl Seen for Live {
    fn id(&self) -> u64 {
        self.stream.id
    }

    fn status(&self, wall: &Wall) -> StreamStatus {
        let published = self.published.borrow().clone();
        let (session, id) = (self.conversation.session(), self.stream.id);
        let news = published.filter(|newest| newest.generation() > session.generation());
        let news = news.map(|newest| newest.view(&self.stream.node, self.transport));
        let status = |(kind, channel)| (kind, type_status(&session, id, kind, channel, news.as_deref(), wall));
        StreamStatus { acked: session.acked(id), types: session.channels(id).map(status).collect(), ..self.stream.clone() }
    }

    fn inspect(&self, wall: &Wall) -> Vec<Inspection> {
        let session = self.conversation.session();
        session.channels(self.stream.id).flat_map(|(kind, channel)| inspect(channel, session.target().of(kind), wall)).collect()
    }
}

/// How a type stands; there may be `news` of which the session has not heard.
fn type_status(session: &Session, stream: u64, kind: Kind, channel: &Channel, news: Option<&View>, wall: &Wall) -> TypeStatus {
    let account = channel.account();
    let heard = news.is_none_or(|news| Arc::ptr_eq(news.of(kind), session.target().of(kind)));
    let version = |(version, _): &(Version, _)| version.clone();
    TypeStatus {
        sent: account.sent.as_ref().map(version),
        sent_at: account.sent.as_ref().map(|(_, at)| wall.time(*at)),
        unanswered: account.unanswered.map(|at| wall.time(at)),
        acked: account.acked.as_ref().map(version),
        acked_at: account.acked.as_ref().map(|(_, at)| wall.time(*at)),
        rejected: account.refusal().map(|refusal| Box::new(Rejection::of(refusal, wall))),
        in_sync: heard && session.is_in_sync(stream, kind),
        waiting: session.waiting(kind).map(String::into_boxed_str),
        pushes: account.pushes,
        acks: account.acks,
        nacks: account.nacks,
    }
}

impl Rejection {
    /// As it is told.
    pub(super) fn of(refusal: &Refusal, wall: &Wall) -> Rejection {
        let (version, message, resources) = (refusal.version.clone(), refusal.message.clone(), refusal.names.clone());
        Rejection { version, message, resources, at: wall.time(refusal.at) }
    }
}
