//! The asking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::Target;
use super::facts::facts;
use super::health::Health;
use super::probe::probe;
use crate::model::Endpoint;

/// Questions under way at once: each is a socket.
const AT_ONCE: usize = 256;
/// News taken together.
const TOGETHER: usize = 1024;

/// Asks those endpoints whose health is wanted, and no others, and says what it finds when that changes.
#[derive(Debug)]
pub struct Prober {
    wanted: watch::Receiver<BTreeSet<Target>>,
    facts: watch::Sender<BTreeMap<Endpoint, bool>>,
    asked: BTreeMap<Target, Asked>,
    asks: u64,
    permits: Arc<Semaphore>,
    tell: mpsc::Sender<News>,
    news: mpsc::Receiver<News>,
}

/// A target that is being asked.
#[derive(Debug)]
struct Asked {
    ask: u64,
    healthy: Option<bool>,
    _task: AbortOnDropHandle<()>,
}

/// A target's health has changed. A target that was not wanted for a while and is again is asked anew: `ask` tells the two apart.
#[derive(Debug)]
struct News {
    target: Target,
    ask: u64,
    healthy: Option<bool>,
}

impl Prober {
    /// A prober that follows what is wanted. An endpoint has a fact from its first answer on, as long as it is wanted.
    pub fn new(wanted: watch::Receiver<BTreeSet<Target>>, facts: watch::Sender<BTreeMap<Endpoint, bool>>) -> Prober {
        let (tell, news) = mpsc::channel(TOGETHER);
        Prober { wanted, facts, asked: BTreeMap::new(), asks: 0, permits: Arc::new(Semaphore::new(AT_ONCE)), tell, news }
    }

    /// Asks until nobody can want anything any more.
    pub async fn run(mut self) {
        let mut news = Vec::new();
        self.follow();
        loop {
            self.publish();
            tokio::select! {
                changed = self.wanted.changed() => match changed {
                    Ok(()) => self.follow(),
                    Err(_) => return,
                },
                _ = self.news.recv_many(&mut news, TOGETHER) => news.drain(..).for_each(|news| self.take(news)),
            }
        }
    }

    /// Stops asking who is not wanted any more, and begins to ask who is.
    fn follow(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        self.asked.retain(|target, _| wanted.contains(target));
        for target in wanted {
            if !self.asked.contains_key(&target) {
                let asked = self.start(target.clone());
                self.asked.insert(target, asked);
            }
        }
    }

    fn start(&mut self, target: Target) -> Asked {
        self.asks += 1;
        let asking = ask_on(target, self.asks, self.permits.clone(), self.tell.clone());
        Asked { ask: self.asks, healthy: None, _task: AbortOnDropHandle::new(tokio::spawn(asking)) }
    }

    fn take(&mut self, news: News) {
        if let Some(asked) = self.asked.get_mut(&news.target).filter(|asked| asked.ask == news.ask) {
            asked.healthy = news.healthy;
        }
    }

    fn publish(&self) {
        let now = facts(self.asked.iter().map(|(target, asked)| (target.endpoint, asked.healthy)));
        self.facts.send_if_modified(|facts| {
            let changed = *facts != now;
            *facts = now;
            changed
        });
    }
}

/// Asks one target over and over. A question that has to wait for its turn is late, and not unanswered.
async fn ask_on(target: Target, ask: u64, permits: Arc<Semaphore>, tell: mpsc::Sender<News>) {
    let mut health = Health::default();
    loop {
        let Ok(permit) = permits.acquire().await else { return };
        let after = health.after(probe(&target).await, &target.how);
        drop(permit);
        if after.healthy() != health.healthy() {
            let news = News { target: target.clone(), ask, healthy: after.healthy() };
            if tell.send(news).await.is_err() {
                return;
            }
        }
        health = after;
        tokio::time::sleep(target.how.every).await;
    }
}
