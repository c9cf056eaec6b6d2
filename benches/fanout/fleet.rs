//! Many clients in one thread.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mio::{Events, Poll};

use crate::connection::{Catch, Connection};
use crate::envoy::Temper;
use crate::plan::{Plan, Request};

/// Connections that the server has not said anything on yet, at most. A listener's queue holds 128 by default, and what does not fit is
/// tried again by the system a second later: that would be measured, and nothing else.
const UNHEARD: usize = 100;
/// Longest wait for anything. It ends a run that hangs, and measures nothing.
const LIMIT: Duration = Duration::from_secs(180);
const NAP: Duration = Duration::from_millis(100);

/// Clients of one server. Those that do not behave as they should are not counted in anything.
#[derive(Debug)]
pub struct Fleet {
    plan: Plan,
    server: SocketAddr,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    catch: Catch,
    clients: Vec<Option<Client>>,
    unheard: usize,
    unserved: usize,
    ended: usize,
    /// When each client that has heard something since the round began heard it first.
    arrivals: Vec<Instant>,
    count: Count,
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    /// The round in which it last heard something.
    round: usize,
}

/// What came since the round began.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    /// Which round it is.
    round: usize,
    /// Bytes off the sockets.
    pub bytes: u64,
    /// Responses.
    pub responses: u64,
    /// Resources in them.
    pub resources: u64,
}

impl Fleet {
    /// No clients yet.
    ///
    /// # Errors
    /// There is no poll to be had.
    pub fn new(server: SocketAddr, plan: Plan) -> anyhow::Result<Fleet> {
        Ok(Fleet {
            plan,
            server,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            scratch: vec![0; 256 * 1024],
            catch: Catch::default(),
            clients: Vec::new(),
            unheard: 0,
            unserved: 0,
            ended: 0,
            arrivals: Vec::new(),
            count: Count::default(),
        })
    }

    /// Connects this many more clients as fast as the server takes them, and waits until each has everything. The time that it took.
    ///
    /// # Errors
    /// Not all were served in time, or a stream ended.
    pub fn connect(&mut self, more: usize) -> anyhow::Result<Duration> {
        self.connect_by(more, UNHEARD)
    }

    /// The same with so many at most on which the server has not said anything yet.
    ///
    /// # Errors
    /// As of `connect`.
    pub fn connect_by(&mut self, more: usize, unheard: usize) -> anyhow::Result<Duration> {
        let (started, goal) = (Instant::now(), self.clients.len() + more);
        while self.clients.len() < goal || self.unserved > 0 {
            let room = unheard.saturating_sub(self.unheard).min(goal - self.clients.len());
            (0..room).try_for_each(|_| self.add(Temper::Usual).map(drop))?;
            self.turn(NAP)?;
            ensure!(self.ended == 0, "the server has ended {} streams", self.ended);
            ensure!(started.elapsed() < LIMIT, "{} of {goal} clients were not served in {LIMIT:?}", self.unserved);
        }
        Ok(started.elapsed())
    }

    /// Begins to connect one client; its number.
    ///
    /// # Errors
    /// There are no sockets left.
    pub fn add(&mut self, temper: Temper) -> anyhow::Result<usize> {
        let number = self.clients.len();
        let connection = Connection::open(self.poll.registry(), self.server, number, temper, &self.plan).context("connecting")?;
        self.clients.push(Some(Client { connection, round: 0 }));
        if temper == Temper::Usual {
            (self.unheard, self.unserved) = (self.unheard + 1, self.unserved + 1);
        }
        Ok(number)
    }

    /// Hangs up.
    pub fn close(&mut self, number: usize) {
        if let Some(Client { connection, .. }) = self.clients[number].take() {
            self.unheard -= usize::from(!connection.is_heard());
            self.unserved -= usize::from(!connection.is_served());
        }
    }

    /// Lets a client say something, unless it has not got through what it said before.
    pub fn say(&mut self, number: usize, request: &Request<'_>) -> bool {
        match &mut self.clients[number] {
            Some(client) => client.connection.say(&self.plan, number, request),
            None => false,
        }
    }

    /// Whether the server has ended the stream of a client.
    pub fn is_ended(&self, number: usize) -> bool {
        self.clients[number].as_ref().is_none_or(|client| client.connection.is_ended())
    }

    /// Begins to count anew.
    pub fn begin_round(&mut self) {
        self.arrivals.clear();
        self.count = Count { round: self.count.round + 1, ..Count::default() };
    }

    /// What came since the round began.
    pub fn count(&self) -> Count {
        self.count
    }

    /// Waits until so many clients have heard something in this round; when each did, in order.
    ///
    /// # Errors
    /// They did not in time, or a stream ended.
    pub fn await_arrivals(&mut self, clients: usize) -> anyhow::Result<&[Instant]> {
        let started = Instant::now();
        while self.arrivals.len() < clients {
            self.turn(NAP)?;
            ensure!(self.ended == 0, "the server has ended {} streams", self.ended);
            ensure!(started.elapsed() < LIMIT, "{} of {clients} clients heard of an update in {LIMIT:?}", self.arrivals.len());
        }
        Ok(&self.arrivals)
    }

    /// When each client heard something first in this round, as far as they have.
    pub fn arrivals(&self) -> &[Instant] {
        &self.arrivals
    }

    /// Goes on for a time.
    ///
    /// # Errors
    /// The poll fails.
    pub fn rest(&mut self, time: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left)?;
        }
        Ok(())
    }

    /// Lets come in what is there, or waits for it.
    ///
    /// # Errors
    /// The poll fails.
    pub fn turn(&mut self, wait: Duration) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        events.iter().for_each(|event| self.on_event(event.token().0));
        self.events = events;
        Ok(())
    }

    fn on_event(&mut self, number: usize) {
        let Some(Some(Client { connection, round })) = self.clients.get_mut(number) else { return };
        let before = (connection.is_heard(), connection.is_served(), connection.is_ended());
        connection.turn(&self.plan, &mut self.scratch, &mut self.catch);
        if !connection.is_usual() {
            self.catch.arrivals.clear();
            self.catch.bytes = 0;
            return;
        }
        self.unheard -= usize::from(!before.0 && connection.is_heard());
        self.unserved -= usize::from(!before.1 && connection.is_served());
        self.ended += usize::from(!before.2 && connection.is_ended());
        if !self.catch.arrivals.is_empty() && *round != self.count.round {
            *round = self.count.round;
            self.arrivals.push(Instant::now());
        }
        self.count.responses += self.catch.arrivals.len() as u64;
        self.count.resources += self.catch.arrivals.drain(..).map(|arrival| u64::from(arrival.resources)).sum::<u64>();
        self.count.bytes += std::mem::take(&mut self.catch.bytes);
    }

    /// Keeps what the streams carry from now on, and gives back what was kept before.
    pub fn tap(&mut self) -> Vec<u8> {
        self.catch.tap.replace(Vec::new()).unwrap_or_default()
    }
}
