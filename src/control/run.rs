//! The writer's days: what it is told, when it looks, and when it wakes by itself.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::desk::{Desk, Message};
use super::writer::Control;

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

    /// Does what comes in, until all desks are gone or it is stopped. Blocks for the disk, so it is given a thread of its own; the runtime is asked for the
    /// time.
    pub fn run(mut self, inbox: Inbox, runtime: &Handle, stop: CancellationToken) {
        runtime.block_on(self.live(inbox.0, stop));
    }

    async fn live(&mut self, mut messages: mpsc::Receiver<Message>, stop: CancellationToken) {
        let mut facts = Facts::of(self);
        let mut due_again = Instant::now();
        loop {
            let message = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                message = messages.recv() => match message {
                    Some(message) => Some(message),
                    None => return,
                },
                () = facts.news(), if self.rollouts.is_attentive() => None,
                () = sleep(self.sleep().max(due_again.saturating_duration_since(Instant::now()))) => None,
            };
            let began = Instant::now();
            match message {
                Some(message) => self.hear(message),
                None => self.tick(Timestamp::now()),
            }
            facts.rest_after(began.elapsed());
            due_again = Instant::now() + began.elapsed().saturating_mul(REST_DUE).min(LATEST);
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
    fn sleep(&self) -> Duration {
        let due = self.rollouts.wake_at().map(|at| at.duration_since(Timestamp::now()));
        due.map_or(LONGEST, |due| Duration::try_from(due).unwrap_or_default()).min(LONGEST)
    }
}

/// When facts have changed.
struct Facts {
    board: tokio::sync::watch::Receiver<u64>,
    loads: tokio::sync::watch::Receiver<u64>,
    health: tokio::sync::watch::Receiver<std::collections::BTreeMap<crate::model::Endpoint, bool>>,
    again: tokio::time::Instant,
}

impl Facts {
    fn of(control: &Control) -> Facts {
        let world = &control.world;
        Facts {
            board: world.board.changes(),
            loads: world.loads.changes(),
            health: world.health.clone(),
            again: tokio::time::Instant::now(),
        }
    }

    /// Waits for news, and for what comes with them.
    async fn news(&mut self) {
        sleep_until(self.again).await;
        tokio::select! {
            Ok(()) = self.board.changed() => {}
            Ok(()) = self.loads.changed() => {}
            Ok(()) = self.health.changed() => {}
        }
        // It is still news if something else comes before it is looked at.
        self.board.mark_changed();
        sleep(TOGETHER).await;
        self.board.mark_unchanged();
        self.loads.mark_unchanged();
        self.health.mark_unchanged();
    }

    /// A fleet that is large is looked at less often.
    fn rest_after(&mut self, took: Duration) {
        self.again = tokio::time::Instant::now() + took.saturating_mul(REST).min(LONGEST);
    }
}
