//! The writer's days: what it is told, when it looks, and when it wakes by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, Message};
use super::world::World;
use super::writer::Control;
use crate::model::Endpoint;
use crate::store::StoreError;

/// What waits for the writer at most, before others wait in turn.
const INBOX: usize = 64;
/// Facts that come together are looked at together.
const TOGETHER: Duration = Duration::from_millis(5);
/// A look costs what the fleet is large; the time between two is so many times what the last took.
const REST: u32 = 8;
/// What is due is looked at together likewise: time between two looks so many times what the last took, but no more than the latest that
/// a rollout may be behind its time for it.
const REST_DUE: u32 = 32;
const LATEST: Duration = Duration::from_millis(250);
/// Rollouts that are due or wait for facts are looked at once in this time, whatever else there is to do.
const SELDOM: Duration = Duration::from_millis(100);
/// The longest sleep: a wall clock that was set is noticed by then.
const LONGEST: Duration = Duration::from_secs(1);

/// What the writer is told.
#[derive(Debug)]
pub struct Inbox(mpsc::Receiver<Message>);

impl Control {
    /// The desk at which others turn to this writer, and its inbox.
    pub fn desk(&self) -> (Desk, Inbox) {
        let (inbox, messages) = mpsc::channel(INBOX);
        (Desk::new(inbox, self.kept.store().clone()), Inbox(messages))
    }

    /// Does what comes in, until all desks are gone or it is stopped. Blocks for the disk, so it is given a thread of its own; the runtime is
    /// asked for the time.
    ///
    /// # Errors
    /// Nothing can be written down any more. What was answered is; nothing else was done.
    pub fn run(mut self, inbox: Inbox, runtime: &Handle, stop: CancellationToken) -> Result<(), StoreError> {
        runtime.block_on(self.live(inbox.0, stop))
    }

    async fn live(&mut self, mut messages: mpsc::Receiver<Message>, stop: CancellationToken) -> Result<(), StoreError> {
        let (mut facts, mut clock) = (Facts::of(&self.world), Clock::now());
        let (mut looked, mut rest) = (Instant::now(), Duration::ZERO);
        loop {
            let attentive = self.rollouts.is_attentive() || self.leaving.wake_at().is_some();
            facts.listen(attentive);
            let message = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                message = messages.recv() => match message {
                    Some(message) => Some(message),
                    None => return Ok(()),
                },
                () = facts.news(), if attentive => None,
                () = sleep_until((Instant::now() + self.until_due()).max(looked + rest)) => None,
            };
            let began = Instant::now();
            if clock.was_set_back() {
                self.rollouts.forget_times(Timestamp::now());
            }
            let told = message.is_some();
            message.into_iter().for_each(|message| self.hear(message));
            // Whoever says much does not keep the others from being looked at.
            let wanted = attentive || self.until_due().is_zero();
            if !told || (wanted && looked.elapsed() > SELDOM) {
                self.tick(Timestamp::now());
                (looked, rest) = (Instant::now(), began.elapsed().saturating_mul(REST_DUE).min(LATEST));
            }
            facts.rest_after(began.elapsed());
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
        }
    }

    fn hear(&mut self, message: Message) {
        let now = Timestamp::now();
        match message {
            Message::Generation(generation) => self.take(&generation, now),
            // Whoever asked may have gone; what was done is done.
            Message::Order { service, command, reply } => drop(reply.send(self.order(&service, &command, now))),
            Message::Answered { token, attempt, answer } => self.answered(token, attempt, answer, now),
            Message::Served(reply) => drop(reply.send(self.served_now())),
        }
    }

    /// Until the next rollout is due.
    fn until_due(&self) -> Duration {
        let due = self.rollouts.wake_at().map(|at| at.duration_since(Timestamp::now()));
        due.map_or(LONGEST, |due| Duration::try_from(due).unwrap_or_default()).min(LONGEST)
    }
}

/// Tells when the wall clock is set back: a time that was to come then lies further away than it was meant to.
struct Clock(Timestamp);

impl Clock {
    fn now() -> Clock {
        Clock(Timestamp::now())
    }

    fn was_set_back(&mut self) -> bool {
        let before = std::mem::replace(&mut self.0, Timestamp::now());
        self.0 < before
    }
}

/// When facts have changed. Streams ring at every change of theirs while somebody listens, so nobody does who has nothing to wait for.
struct Facts {
    world: World,
    listening: Option<Listening>,
    again: Instant,
}

struct Listening {
    board: watch::Receiver<u64>,
    loads: watch::Receiver<u64>,
    health: watch::Receiver<BTreeMap<Endpoint, bool>>,
}

impl Facts {
    fn of(world: &World) -> Facts {
        Facts { world: world.clone(), listening: None, again: Instant::now() }
    }

    /// Listens only as long as somebody wants to know.
    fn listen(&mut self, wanted: bool) {
        if !wanted {
            self.listening = None;
        }
    }

    /// Waits for news, and for what comes with them. What came before it listened is news.
    async fn news(&mut self) {
        sleep_until(self.again).await;
        let Some(listening) = &mut self.listening else {
            let world = &self.world;
            let (board, loads, health) = (world.board.changes(), world.loads.changes(), world.health.clone());
            self.listening = Some(Listening { board, loads, health });
            return;
        };
        tokio::select! {
            Ok(()) = listening.board.changed() => {}
            Ok(()) = listening.loads.changed() => {}
            Ok(()) = listening.health.changed() => {}
        }
        // It is still news if something else comes before it is looked at.
        listening.board.mark_changed();
        sleep(TOGETHER).await;
        listening.board.mark_unchanged();
        listening.loads.mark_unchanged();
        listening.health.mark_unchanged();
    }

    /// A fleet that is large is looked at less often.
    fn rest_after(&mut self, took: Duration) {
        self.again = Instant::now() + took.saturating_mul(REST).min(LONGEST);
    }
}
