//! A client, the server that it talks to, and what is under way between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::{TestCaseError, prop_assert, prop_assert_eq};

use super::client::{Client, Lane, Reading, Said};
use super::files::Files;
use crate::snapshot::{Kind, Resource, View};
use crate::xds::request::{Request, Response};
use crate::xds::sequence::Timing;
use crate::xds::session::Session;
use crate::xds::subscription::Name;

/// A drain time that histories outlast, and a warm timeout that they seldom do.
const TIMING: Timing =
    Timing { patience: Duration::from_secs(2), warm_timeout: Duration::from_secs(60), drain: Duration::from_secs(5) };

/// Views that a server remembers for clients that come back.
const REMEMBERED: usize = 4;

/// What happens to a world until it rests is bounded by this; one that comes to rest does so within a few dozen.
const RESTLESS: usize = 2_000;

/// One stream, and what is under way on it.
struct Pipe {
    id: u64,
    /// The one lane of a stream on typed services.
    lane: Option<Lane>,
    up: VecDeque<(Lane, Request)>,
    /// With each whether it was sent before the client was known to ask for clusters.
    down: VecDeque<(Response, bool)>,
    /// The client has ended it, which the server learns when it has heard all that was said before.
    ended: bool,
    /// Something has woken it since it had nothing to send.
    woken: bool,
    /// When it wakes by itself.
    alarm: Option<Instant>,
}

impl Pipe {
    fn new(id: u64, lane: Option<Lane>) -> Pipe {
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Pipe { id, lane, up, down, ended: false, woken: true, alarm: None }
    }

    fn is_awake(&self, now: Instant) -> bool {
        self.woken || self.alarm.is_some_and(|at| at <= now)
    }
}

/// A client and its server.
pub struct World<C> {
    client: C,
    session: Session,
    now: Instant,
    pipes: Vec<Pipe>,
    streams: u64,
    /// Views that were served, newest last; the first is generation 1.
    served: Vec<Arc<View>>,
    /// Kind of the last response, if nothing has happened at the server since.
    burst: Option<Kind>,
    /// The server has been asked for clusters in this session.
    asked_for_clusters: bool,
    nonces: BTreeSet<(u64, u64)>,
    newest: BTreeMap<(u64, Kind), u64>,
    /// Names that the client was sent, told of or asked for, by stream.
    known: BTreeSet<(u64, Kind, Name)>,
    /// Routes were let through because the client was too slow to say that its clusters are warm.
    forced: bool,
    /// The client has rejected something.
    rejected: bool,
    /// Responses, and what there was that could be a reason for some.
    sent: usize,
    reasons: usize,
}

impl<C: Client> World<C> {
    /// A client that connects to a server which has nothing.
    pub fn new(client: C) -> World<C> {
        let view = client.view(&Files::default(), None);
        let session = client.session(view.clone(), 1, TIMING);
        let mut world = World {
            client,
            session,
            now: Instant::now(),
            pipes: Vec::new(),
            streams: 0,
            served: vec![view],
            burst: None,
            asked_for_clusters: false,
            nonces: BTreeSet::new(),
            newest: BTreeMap::new(),
            known: BTreeSet::new(),
            forced: false,
            rejected: false,
            sent: 0,
            reasons: 1,
        };
        let said = world.client.hello(true);
        world.say(said);
        world
    }

    /// What the client holds of a kind, of all that it should hold.
    pub fn held_of_target(&self, kind: Kind) -> Vec<&Arc<Resource>> {
        let there = self.session.target().of(kind);
        self.client.held(kind).values().filter(|resource| there.get(&resource.name).is_some()).collect()
    }

    /// The files change.
    pub fn retarget(&mut self, files: &Files) {
        self.newest_is(files);
        self.catch_up();
    }

    fn newest_is(&mut self, files: &Files) {
        let view = self.client.view(files, self.served.last().map(Arc::as_ref));
        self.served.push(view);
        self.reasons += 1;
    }

    /// The server serves what is newest; one that is behind others does not.
    fn catch_up(&mut self) {
        let newest = self.served.last().cloned();
        newest.into_iter().for_each(|view| self.session.retarget(view, self.served.len() as u64));
        self.wake_all();
        self.burst = None;
    }

    /// Time passes.
    pub fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.burst = None;
    }

    fn wake_all(&mut self) {
        self.pipes.iter_mut().for_each(|pipe| pipe.woken = true);
    }

    fn say(&mut self, said: Vec<Said>) {
        for said in said {
            match said {
                Said::Request(lane, request) => self.pipe(&lane).up.push_back((lane, request)),
                Said::End(lane) => self.pipe(&lane).ended = true,
            }
        }
    }

    /// The stream of a lane, opened if it is not there.
    fn pipe(&mut self, lane: &Lane) -> &mut Pipe {
        let own = self.client.is_typed().then(|| lane.clone());
        let at = self.pipes.iter().position(|pipe| pipe.lane == own && !pipe.ended).unwrap_or_else(|| {
            self.streams += 1;
            self.pipes.push(Pipe::new(self.streams, own));
            self.pipes.len() - 1
        });
        &mut self.pipes[at]
    }

    /// The server reads the next request on one of the streams. False if there is none.
    pub fn hear(&mut self, which: usize) -> bool {
        let busy: Vec<usize> = self.which(|pipe| !pipe.up.is_empty() || pipe.ended);
        let Some(at) = busy.get(which % busy.len().max(1)).copied() else { return false };
        let (pipe, typed) = (&mut self.pipes[at], self.client.is_typed());
        self.burst = None;
        match pipe.up.pop_front() {
            Some(((kind, _), request)) => {
                pipe.woken = true;
                self.known.extend(names_in(&request).map(|name| (pipe.id, kind, name)));
                let first = self.session.channel(pipe.id, kind).is_none();
                self.asked_for_clusters |= kind == Kind::Cluster;
                self.session.on_request(pipe.id, kind, &request, self.now);
                let told = if first { old_view(&self.served, kind, &request) } else { None };
                told.iter().for_each(|old| self.session.remember(pipe.id, kind, old));
                let now = Some(self.session.target()).filter(|view| first && is_of(view, kind, &request));
                if let Some(view) = told.as_ref().or(now).filter(|_| !typed) {
                    self.client.recognised(kind, view);
                }
            }
            None => {
                self.session.close(pipe.id);
                self.pipes.remove(at);
                self.wake_all();
            }
        }
        true
    }

    /// The server sends the next response on one of the streams that something has woken. False if there is none.
    ///
    /// # Errors
    /// It is not one that should be, or the board is not told how things stand.
    pub fn send(&mut self, which: usize) -> Result<bool, TestCaseError> {
        let (window, now) = (self.client.window(), self.now);
        loop {
            let awake = self.which(|pipe| pipe.down.len() < window && pipe.is_awake(now));
            let Some(at) = awake.get(which % awake.len().max(1)).copied() else { return Ok(false) };
            let id = self.pipes[at].id;
            let response = self.session.poll(id, now);
            self.forced |= self.session.sequence().times_forced() > 0;
            if self.session.take_ring() {
                self.wake_all();
            }
            let pipe = &mut self.pipes[at];
            if let Some(response) = response {
                pipe.down.push_back((response.clone(), !self.asked_for_clusters));
                self.sent += 1;
                self.inspect(id, &response)?;
                return Ok(true);
            }
            (pipe.woken, pipe.alarm) = (false, self.session.wake_at(id));
        }
    }

    fn inspect(&mut self, stream: u64, response: &Response) -> Result<(), TestCaseError> {
        let unique = self.nonces.insert((stream, response.nonce));
        let newest = self.newest.insert((stream, response.kind), response.nonce);
        prop_assert!(unique && newest < Some(response.nonce), "nonces grow, and none is used twice on a stream");
        let names = response.resources.iter().map(|resource| &resource.name).chain(&response.removed);
        let mut once = BTreeSet::new();
        let unique = names.into_iter().all(|name| once.insert(name));
        prop_assert!(unique, "a name is there twice: {response:?}");
        let channel = self.session.channel(stream, response.kind).expect("a channel that sends");
        for resource in response.resources.iter() {
            prop_assert!(channel.subscription().wants(&resource.name), "{} was not asked for", resource.name);
        }
        for name in &response.removed {
            prop_assert!(self.known.contains(&(stream, response.kind, name.clone())), "{name} is not known to the client");
        }
        self.known.extend(response.resources.iter().map(|resource| (stream, response.kind, resource.name.clone())));
        let mut versions = response.resources.iter().map(|resource| &resource.version).chain([&response.version]);
        prop_assert!(versions.all(|version| !version.as_str().is_empty()), "a version is missing: {response:?}");
        // Endpoints are sent as soon as somebody asks for them, and so is the rest on streams of its own.
        let in_order = self.burst.is_none_or(|before| before <= response.kind);
        prop_assert!(in_order || self.client.is_typed(), "{:?} after {:?}", response.kind, self.burst);
        self.burst = Some(response.kind);
        Ok(())
    }

    /// The client reads the next response on one of the streams. False if there is none.
    ///
    /// # Errors
    /// It is brought to where it may not be.
    pub fn receive(&mut self, which: usize, reading: Reading) -> Result<bool, TestCaseError> {
        let busy = self.which(|pipe| !pipe.down.is_empty() && !pipe.ended);
        let Some(at) = busy.get(which % busy.len().max(1)).copied() else { return Ok(false) };
        let pipe = &mut self.pipes[at];
        let Some((response, early)) = pipe.down.pop_front() else { return Ok(false) };
        let lane = pipe.lane.clone().unwrap_or((response.kind, None));
        self.rejected |= reading.reject.is_some();
        let said = self.client.receive(&lane, &response, early, reading);
        self.say(said);
        self.client.check(self.forced)?;
        Ok(true)
    }

    /// The generation that the client is told to have, on all its streams.
    fn acked(&self) -> Option<u64> {
        self.pipes.iter().map(|pipe| self.session.acked(pipe.id)).min().flatten()
    }

    /// Whether nothing that the client holds, of what it asked for, is older than what it is told to have. What it rejects is
    /// told by other means.
    ///
    /// # Errors
    /// Something is.
    pub fn is_as_far_as_told(&self) -> Result<(), TestCaseError> {
        let Some(acked) = self.acked().filter(|_| !self.rejected) else { return Ok(()) };
        for kind in Kind::ALL {
            let asked = |name: &str| {
                let channels = self.pipes.iter().filter_map(|pipe| self.session.channel(pipe.id, kind));
                channels.into_iter().any(|channel| channel.subscription().wants(name))
            };
            for (name, held) in self.client.held(kind).iter().filter(|(name, _)| asked(name)) {
                let mut later = self.served[acked as usize - 1..].iter();
                let known = later.any(|view| view.of(kind).get(name).is_none_or(|there| there.version == held.version));
                prop_assert!(known, "{kind:?} {name} is older than generation {acked}");
            }
        }
        Ok(())
    }

    fn which(&self, good: impl Fn(&Pipe) -> bool) -> Vec<usize> {
        (0..self.pipes.len()).filter(|at| good(&self.pipes[*at])).collect()
    }

    /// The connection breaks, and the client comes back, to this server or another one like it; or to one that is behind.
    pub fn reconnect(&mut self, behind: bool, tells: bool) {
        let ago = if behind { 2 } else { 1 };
        let at = self.served.len().saturating_sub(ago);
        self.session = self.client.session(self.served[at].clone(), at as u64 + 1, TIMING);
        (self.burst, self.asked_for_clusters) = (None, false);
        self.pipes.clear();
        self.reasons += 1;
        let said = self.client.hello(tells);
        self.say(said);
    }

    /// The client ends, and is started anew.
    pub fn restart(&mut self) {
        self.client = self.client.restarted();
        self.reconnect(false, true);
    }

    /// One stream of several breaks, and is opened again.
    pub fn break_one(&mut self, which: usize) {
        let open = self.which(|pipe| !pipe.ended);
        if !self.client.is_typed() || open.is_empty() {
            return;
        }
        let pipe = self.pipes.remove(open[which % open.len()]);
        self.session.close(pipe.id);
        self.wake_all();
        self.burst = None;
        self.reasons += 1;
        let Some(lane) = pipe.lane else { return };
        let said = self.client.again(&lane);
        let target = self.session.target();
        let is_known = |request: &Request| is_of(target, lane.0, request) || old_view(&self.served, lane.0, request).is_some();
        if !said.iter().any(|said| matches!(said, Said::Request(_, request) if is_known(request))) {
            self.client.unknown(&lane);
        }
        self.say(said);
        // Routes of a stream that is gone are not known to be in use: it is back in less time than anything drains.
        if lane.0 == Kind::Route {
            let last = self.which(|pipe| !pipe.up.is_empty() || pipe.ended).len() - 1;
            self.hear(last);
        }
    }

    /// The client asks for something more, or less.
    pub fn want(&mut self, which: u8, more: bool) {
        let said = if more { self.client.want(which) } else { self.client.unwant(which) };
        self.reasons += 1;
        self.say(said);
    }

    /// Everything is delivered, and time passes as far as anybody waits for it, until nothing more happens.
    ///
    /// # Errors
    /// Something is not as it should be, or never ends.
    pub fn settle(&mut self) -> Result<(), TestCaseError> {
        self.catch_up();
        for _ in 0..RESTLESS {
            if self.hear(0) || self.send(0)? || self.receive(0, Reading::default())? {
                continue;
            }
            let kept_back = self.client.resume();
            if !kept_back.is_empty() {
                self.say(kept_back);
                continue;
            }
            let forgotten = self.client.forgotten(self.session.target());
            // What is kept from the client for a while comes when the while ends.
            let alarm = self.pipes.iter().filter_map(|pipe| pipe.alarm).min();
            prop_assert!(forgotten.is_none() || alarm.is_some(), "{forgotten:?} never comes");
            let said = self.client.give_up_waiting();
            if !said.is_empty() {
                self.say(said);
            } else if let Some(at) = alarm {
                prop_assert!(at >= self.now || self.burst.is_some(), "an alarm rings for ever");
                self.now = self.now.max(at);
                self.burst = None;
            } else {
                self.now += Duration::from_secs(3600);
                self.wake_all();
                prop_assert!(!self.send(0)?, "something was to be sent that no alarm was set for");
                return if self.rejected { Ok(()) } else { self.is_in_sync() };
            }
        }
        Err(TestCaseError::fail("the two do not come to rest"))
    }

    /// Whether all that was sent had a reason.
    ///
    /// # Errors
    /// It had not.
    pub fn is_quiet(&self) -> Result<(), TestCaseError> {
        // Six kinds, each perhaps with something that follows by itself, and what is kept for a while.
        prop_assert!(self.sent <= 16 * self.reasons, "{} responses for {} reasons", self.sent, self.reasons);
        Ok(())
    }

    /// Whether the server takes it that the client has all, if it has nothing else: what stays beside that may be something that was
    /// rejected.
    ///
    /// # Errors
    /// It does not.
    fn is_in_sync(&self) -> Result<(), TestCaseError> {
        let target = self.session.target();
        let more = |kind: Kind| self.client.held(kind).keys().any(|name| target.of(kind).get(name).is_none());
        if Kind::ALL.into_iter().any(more) {
            return Ok(());
        }
        for (pipe, kind) in self.pipes.iter().flat_map(|pipe| Kind::ALL.map(|kind| (pipe, kind))) {
            let open = self.session.channel(pipe.id, kind).is_some();
            prop_assert!(!open || self.session.is_in_sync(pipe.id, kind), "{kind:?} is not in sync");
        }
        Ok(())
    }

    /// Whether client and server agree.
    ///
    /// # Errors
    /// They do not.
    pub fn converged(&self) -> Result<(), TestCaseError> {
        let target = self.session.target();
        for kind in Kind::ALL {
            let there = target.of(kind).iter().filter(|(name, _)| self.client.asks(kind, name));
            let there: Vec<_> = there.map(|(name, resource)| (name, &resource.version)).collect();
            let may = |name: &str| self.client.may_hold_more() || self.client.needs(target, kind, name);
            let held = self.client.held(kind).iter().filter(|(name, _)| target.of(kind).get(name).is_some() || !may(name));
            let held: Vec<_> = held.map(|(name, resource)| (name, &resource.version)).collect();
            prop_assert_eq!(held, there, "{:?}", kind);
        }
        self.is_in_sync()?;
        let told = self.pipes.iter().all(|pipe| Kind::ALL.into_iter().any(|kind| self.session.channel(pipe.id, kind).is_some()));
        prop_assert!(!told || self.acked() == Some(self.served.len() as u64) || self.pipes.is_empty(), "{:?}", self.acked());
        Ok(())
    }
}

/// Names that a delta request tells of or asks for; nothing else is ever told to be gone.
fn names_in(request: &Request) -> impl Iterator<Item = Name> {
    let request = match request {
        Request::Delta(request) => Some(request),
        Request::Sotw(_) => None,
    };
    request
        .into_iter()
        .flat_map(|request| request.subscribe.iter().chain(request.initial.keys()))
        .map(|name| Name::from(name.as_str()))
}

/// What a client holds that tells this version of a kind, if that is remembered.
fn old_view(served: &[Arc<View>], kind: Kind, request: &Request) -> Option<Arc<View>> {
    let mut old = served.iter().rev().skip(1).take(REMEMBERED);
    old.find(|view| is_of(view, kind, request)).cloned()
}

/// Whether a request in state of the world tells the version of this view.
fn is_of(view: &View, kind: Kind, request: &Request) -> bool {
    matches!(request, Request::Sotw(request) if view.of(kind).version().as_str() == request.version)
}
