//! Where others turn to the writer: with generations of files, orders of people, answers to calls.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::history::HistoryEntry;
use super::orders::Orders;
use crate::rollout::{Answer, Command, Refused};
use crate::sources::Generation;
use crate::store::{Store, StoreError};

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// The directory was read.
    Generation(Generation),
    /// A person wants something of a service.
    Order { service: String, command: Command, reply: oneshot::Sender<Result<Ordered, OrderError>> },
    /// A call was answered.
    Answered { token: String, attempt: u32, answer: Answer },
    /// Somebody wants to know what is served, and how far things are.
    Served(oneshot::Sender<Served>),
}

/// What an order came to. It is written down: nothing but another order takes it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordered {
    /// What happened, in words.
    pub text: String,
    /// The service's revision after it.
    pub revision: u64,
    /// The snapshot that has it. A node that has acknowledged this one has it.
    pub snapshot: u64,
    /// When.
    pub at: Timestamp,
}

/// Why an order is not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such service.
    #[error("no service is named `{0}`")]
    Unknown(String),
    /// It makes no sense now, or not from this person.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not be written down, so it is not done.
    #[error("it is not done, because it cannot be written down: {0}")]
    Unwritten(String),
    /// Nothing is served yet.
    #[error("nothing is served yet: `tidegate status` says why")]
    NotReady,
    /// The server is on its way down.
    #[error("the server is ending")]
    Ending,
}

/// The texts that are served, and how far each service is: enough to work out elsewhere what a change would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Texts by path, the configuration file among them.
    pub files: Vec<(String, String)>,
    /// Path of the configuration file.
    pub config: Option<String>,
    /// States of the services, as JSON, by service.
    pub states: Vec<(String, String)>,
}

/// The writer, as others see it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    inbox: mpsc::Sender<Message>,
    store: Store,
    orders: Arc<Orders>,
}

/// A part of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// Newest first.
    pub entries: Vec<HistoryEntry>,
    /// The number before which the next page begins; `None` if there is nothing more.
    pub next: Option<u64>,
}

impl Desk {
    pub(super) fn new(inbox: mpsc::Sender<Message>, store: Store) -> Desk {
        Desk { inbox, store, orders: Arc::default() }
    }

    /// Does what a person wants. It is durable, and on its way to the fleet, when this returns.
    ///
    /// # Errors
    /// Why it is not done; nothing has changed then.
    pub async fn order(&self, service: &str, command: Command) -> Result<Ordered, OrderError> {
        let verb = command.verb;
        let came_to = self.carry_out(service, command).await;
        self.orders.count(verb, &came_to);
        came_to
    }

    async fn carry_out(&self, service: &str, command: Command) -> Result<Ordered, OrderError> {
        let (reply, answer) = oneshot::channel();
        let order = Message::Order { service: service.to_owned(), command, reply };
        self.inbox.send(order).await.map_err(|_| OrderError::Ending)?;
        answer.await.map_err(|_| OrderError::Ending)?
    }

    /// How many orders there were, for metrics.
    pub fn orders(&self) -> Arc<Orders> {
        self.orders.clone()
    }

    /// The writer is told what a call was answered. False if it is there no more.
    pub async fn answered(&self, token: String, attempt: u32, answer: Answer) -> bool {
        self.inbox.send(Message::Answered { token, attempt, answer }).await.is_ok()
    }

    /// The writer is given what was read. False if it is there no more.
    pub async fn read(&self, generation: Generation) -> bool {
        self.inbox.send(Message::Generation(generation)).await.is_ok()
    }

    /// What is served, and how far each service is; `None` if the server is on its way down.
    pub async fn served(&self) -> Option<Served> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Message::Served(reply)).await.ok()?;
        answer.await.ok()
    }

    /// What happened, newest first: to one service or to all, before an entry or up to now, so many at most. Blocks for the disk.
    ///
    /// # Errors
    /// The journal is damaged.
    pub fn history(&self, service: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        Ok(self.history_page(service, before, limit)?.entries)
    }

    /// As `history`, and where it goes on. Entries that a later tidegate has written otherwise are left out, so a page may be short, or
    /// empty, and not be the last.
    ///
    /// # Errors
    /// The journal is damaged.
    pub fn history_page(&self, service: Option<&str>, before: Option<u64>, limit: usize) -> Result<HistoryPage, StoreError> {
        let found = self.store.history(service, before, limit)?;
        let next = found.last().filter(|_| found.len() == limit).map(|entry| entry.sequence);
        Ok(HistoryPage { entries: found.into_iter().filter_map(HistoryEntry::read).collect(), next })
    }
}
