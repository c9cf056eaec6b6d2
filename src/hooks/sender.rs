//! The sending of notifications.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::delivery::{Post, Wait};
use super::queue::Queue;
use super::{Caller, Counts, Notice, backoff};
use crate::model::{NoticeFormat, Notification};

/// Notices that may wait for one target.
pub(super) const WAITING: usize = 256;

/// Sends each notice to whoever wants it, in the order in which they came.
///
/// Each target has a queue and a task of its own, so none waits for another. What waits is in memory alone: a notice is told once or,
/// if the process ends before, not at all. Dropping it ends the tasks.
#[derive(Debug)]
pub struct Sender {
    post: Arc<Post>,
    runtime: Handle,
    targets: Mutex<BTreeMap<(String, NoticeFormat), Target>>,
}

/// A place that is told, by one or more entries of the file.
#[derive(Debug)]
struct Target {
    entries: Vec<Notification>,
    queue: Arc<Queue<Arc<Notice>>>,
    _task: AbortOnDropHandle<()>,
}

impl Sender {
    /// A sender that tells nobody yet. `source` says which tidegate this is, as a URI reference. Called in a tokio runtime; what it
    /// gives may be used from any thread.
    pub fn new(caller: Caller, source: String) -> Sender {
        Sender::with_wait(caller, source, backoff)
    }

    pub(super) fn with_wait(caller: Caller, source: String, wait: Wait) -> Sender {
        let post = Arc::new(Post { caller, source, wait, counts: Arc::default() });
        Sender { post, runtime: Handle::current(), targets: Mutex::default() }
    }

    /// Whom to tell from now on. What waits for a target that stays is not lost; entries with one URL and format are one target, which
    /// is told once.
    pub fn set(&self, notifications: &[Notification]) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *targets);
        before.values_mut().for_each(|target| target.entries.clear());
        for entry in notifications {
            let key = (entry.url.clone(), entry.format);
            let kept = |key: &(String, NoticeFormat)| before.remove(key).unwrap_or_else(|| self.start(key));
            targets.entry(key).or_insert_with_key(kept).entries.push(entry.clone());
        }
    }

    /// Tells it to whoever wants it. Never waits.
    pub fn send(&self, notice: Notice) {
        let notice = Arc::new(notice);
        let targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let wants = |target: &&Target| target.entries.iter().any(|entry| entry.wants(notice.event, &notice.service));
        for target in targets.values().filter(wants) {
            if target.queue.push(notice.clone()).is_some() {
                self.post.counts.count_dropped();
            }
        }
    }

    /// How many there were, for metrics.
    pub fn counts(&self) -> Arc<Counts> {
        self.post.counts.clone()
    }

    fn start(&self, (url, format): &(String, NoticeFormat)) -> Target {
        let queue = Arc::new(Queue::<Arc<Notice>>::new(WAITING));
        let (post, waiting, url, format) = (self.post.clone(), queue.clone(), url.clone(), *format);
        let task = self.runtime.spawn(async move {
            loop {
                post.deliver(&*waiting.next().await, &url, format).await;
            }
        });
        Target { entries: Vec::new(), queue, _task: AbortOnDropHandle::new(task) }
    }
}
