//! What one client was sent under one name, and what it said to it.

use std::sync::Arc;

use crate::snapshot::{Resource, Version};

/// One name, in full.
#[derive(Debug)]
pub struct Entry {
    /// Version sent last, or told by the client as it reconnected.
    pub(super) sent: Version,
    /// What was sent; `None` when the client told of it and this server knows no such content, or when it was removed.
    pub(super) resource: Option<Arc<Resource>>,
    /// The newest word about it was that it is gone. It stands here until the client has accepted that.
    pub(super) removed: bool,
    /// The client has asked for it once more and was not sent it since: it may have given it up before, in the same breath.
    pub(super) again: bool,
    /// Nonce of the newest response that carried it; 0 when the client told of it.
    pub(super) nonce: u64,
    /// What the client said to it.
    pub(super) state: State,
    /// What the client is known to use.
    pub(super) confirmed: Confirmed,
    /// What it may be using besides; mostly nothing.
    past: Option<Box<Past>>,
}

/// What a client may be using besides what it was sent last and what it is known to use.
#[derive(Debug, Default)]
struct Past {
    /// What it was sent before the newest and never accepted, with the nonces: its answers may be under way, so it may be using any.
    earlier: Vec<(u64, Arc<Resource>)>,
    /// What it had, or may have had, before it was told that the name is gone, until it answers to that or to what came after. It is
    /// not counted on, but what it refers to must not be taken away yet.
    leaving: Vec<Arc<Resource>>,
    /// Among that was something unknown here.
    leaving_unknown: bool,
}

/// How many of these are remembered of a name: as many responses as may await an answer at once.
const EARLIER: usize = 8;

/// What a client said to the newest version of a name that it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing yet.
    Sent,
    /// ACK.
    Acked,
    /// NACK of the response that carried it. A NACK does not say which of the names it is about.
    Rejected,
}

/// What a client is known to use of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// Nothing that this server knows of.
    Nothing,
    /// Something it brought along, unknown here.
    Foreign,
    /// This.
    Known(Arc<Resource>),
}

impl Entry {
    /// The client told, as it reconnected, that it holds something of this version.
    pub(super) fn told(version: &str) -> Entry {
        let (state, confirmed) = (State::Acked, Confirmed::Foreign);
        Entry { sent: Version::told(version), resource: None, removed: false, again: false, nonce: 0, state, confirmed, past: None }
    }

    /// The client holds this very resource.
    pub(super) fn held(resource: &Arc<Resource>) -> Entry {
        Entry::of(resource, 0, State::Acked, Confirmed::Known(resource.clone()))
    }

    /// The client named the version of a view of which this is a part.
    pub(super) fn claimed(resource: &Arc<Resource>) -> Entry {
        Entry::of(resource, 0, State::Acked, Confirmed::Nothing)
    }

    /// This goes out with this nonce, to a client that was sent nothing before.
    pub(super) fn sent(resource: &Arc<Resource>, nonce: u64) -> Entry {
        Entry::of(resource, nonce, State::Sent, Confirmed::Nothing)
    }

    /// This goes out with this nonce, after what is written here.
    pub(super) fn followed_by(mut self, resource: &Arc<Resource>, nonce: u64) -> Entry {
        self.send(resource, nonce);
        self
    }

    /// The same in its place.
    pub(super) fn send(&mut self, resource: &Arc<Resource>, nonce: u64) {
        self.supersede();
        (self.sent, self.resource, self.removed) = (resource.version.clone(), Some(resource.clone()), false);
        (self.nonce, self.state, self.again) = (nonce, State::Sent, false);
    }

    fn of(resource: &Arc<Resource>, nonce: u64, state: State, confirmed: Confirmed) -> Entry {
        let (sent, resource) = (resource.version.clone(), Some(resource.clone()));
        Entry { sent, resource, removed: false, again: false, nonce, state, confirmed, past: None }
    }

    /// Word that the name is gone goes out with this nonce. The client is not counted on to have it any more; whether it still uses
    /// it is not known until it answers.
    pub(super) fn removed(mut self, nonce: u64) -> Entry {
        self.supersede();
        let Entry { sent, confirmed, past, again, .. } = self;
        let mut past = past.unwrap_or_default();
        past.leaving.extend(past.earlier.drain(..).map(|(_, resource)| resource));
        match confirmed {
            Confirmed::Known(resource) => past.leaving.push(resource),
            Confirmed::Foreign => past.leaving_unknown = true,
            Confirmed::Nothing => {}
        }
        let (state, confirmed) = (State::Sent, Confirmed::Nothing);
        Entry { sent, resource: None, removed: true, again, nonce, state, confirmed, past: Some(past) }
    }

    /// Something newer goes out: what was sent last is one of what was sent earlier, if it is not known to be used.
    fn supersede(&mut self) {
        if let (Some(resource), State::Sent | State::Rejected) = (self.resource.take(), self.state) {
            let earlier = &mut self.past.get_or_insert_default().earlier;
            if earlier.len() == EARLIER {
                earlier.remove(0);
            }
            earlier.push((self.nonce, resource));
        }
    }

    /// The client accepts what carried this nonce: the newest, or something before it whose answer was still under way.
    pub(super) fn acked(&mut self, nonce: u64) {
        if self.nonce == nonce {
            self.state = State::Acked;
            self.confirmed = self.resource.clone().map_or(Confirmed::Nothing, Confirmed::Known);
            self.past = self.past.take().filter(|_| self.removed);
            self.past.iter_mut().for_each(|past| past.earlier.clear());
        } else if let Some(past) = &mut self.past
            && let Some((_, resource)) = past.earlier.iter().find(|(earlier, _)| *earlier == nonce)
        {
            self.confirmed = Confirmed::Known(resource.clone());
            past.earlier.retain(|(earlier, _)| *earlier > nonce);
        }
    }

    /// What was rejected is no more, and the client cannot be told. What it uses of before is not touched by that.
    pub(super) fn void(&mut self) {
        self.supersede();
        (self.removed, self.state) = (true, State::Acked);
    }

    /// Whether the client has accepted just this, and has nothing to say to anything else.
    pub(super) fn is_settled(&self, resource: &Resource) -> bool {
        !self.removed
            && !self.again
            && self.state == State::Acked
            && self.sent == resource.version
            && matches!(self.confirmed, Confirmed::Known(_))
    }
}

impl Past {
    fn may_refer(&self, refers: impl Fn(&Arc<Resource>) -> bool) -> bool {
        self.leaving_unknown || self.earlier.iter().map(|(_, resource)| resource).chain(&self.leaving).any(refers)
    }
}

/// What is known of a view that is written down as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was sent.
    Sent,
    /// The client named its version as it reconnected.
    Told,
    /// The client uses it.
    Used,
}

/// What is known of one name that a client holds, or was told to be gone.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// A record of its own.
    Own(&'a Entry),
    /// A part of a view that was sent, or told of, as a whole.
    Whole(&'a Arc<Resource>, Known),
}

impl<'a> Held<'a> {
    /// Version sent last, or told by the client as it reconnected.
    pub fn sent(self) -> &'a Version {
        match self {
            Held::Own(entry) => &entry.sent,
            Held::Whole(resource, _) => &resource.version,
        }
    }

    /// What was sent; `None` when the client told of it and this server knows no such content, or when it was removed.
    pub fn resource(self) -> Option<&'a Arc<Resource>> {
        match self {
            Held::Own(entry) => entry.resource.as_ref(),
            Held::Whole(resource, _) => Some(resource),
        }
    }

    /// Whether the newest word about it was that it is gone.
    pub fn is_removed(self) -> bool {
        matches!(self, Held::Own(entry) if entry.removed)
    }

    /// What the client said to it.
    pub fn state(self) -> State {
        match self {
            Held::Own(entry) => entry.state,
            Held::Whole(_, Known::Sent) => State::Sent,
            Held::Whole(..) => State::Acked,
        }
    }

    /// Whether the client uses some version of this resource.
    pub fn is_in_use(self) -> bool {
        match self {
            Held::Own(entry) => entry.confirmed != Confirmed::Nothing,
            Held::Whole(_, known) => known == Known::Used,
        }
    }

    /// Whether the client may be using something under this name that refers to another: what it confirmed, all it was sent since,
    /// and what is unknown here.
    pub fn may_refer_to(self, name: &str) -> bool {
        let refers = |resource: &Arc<Resource>| resource.refs.binary_search_by(|to| to.as_ref().cmp(name)).is_ok();
        match self {
            Held::Whole(resource, _) => refers(resource),
            Held::Own(entry) => {
                let pending = entry.resource.iter().filter(|_| entry.state != State::Acked).any(refers);
                let confirmed = match &entry.confirmed {
                    Confirmed::Known(resource) => refers(resource),
                    Confirmed::Foreign => true,
                    Confirmed::Nothing => false,
                };
                pending || confirmed || entry.past.as_ref().is_some_and(|past| past.may_refer(refers))
            }
        }
    }
}
