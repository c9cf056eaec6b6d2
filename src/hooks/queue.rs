//! A queue that never makes its writer wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// So many at most, from any number of writers to one reader. When it is full the oldest goes: what happened last matters most.
#[derive(Debug)]
pub(super) struct Queue<T> {
    most: usize,
    waiting: Mutex<VecDeque<T>>,
    more: Notify,
}

impl<T> Queue<T> {
    pub fn new(most: usize) -> Queue<T> {
        Queue { most, waiting: Mutex::new(VecDeque::new()), more: Notify::new() }
    }

    /// Puts one in, and gives the one that had to go for it.
    pub fn push(&self, item: T) -> Option<T> {
        let mut waiting = self.lock();
        let oldest = if waiting.len() >= self.most { waiting.pop_front() } else { None };
        waiting.push_back(item);
        self.more.notify_one();
        oldest
    }

    /// The next one, when there is one.
    pub async fn next(&self) -> T {
        loop {
            if let Some(item) = self.pop() {
                return item;
            }
            self.more.notified().await;
        }
    }

    fn pop(&self) -> Option<T> {
        self.lock().pop_front()
    }

    /// Nothing in here can break half-way, so what a panic left behind is whole.
    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn the_oldest_goes_when_it_is_full() {
        let queue = Queue::new(2);
        assert_eq!([1, 2, 3, 4].map(|item| queue.push(item)), [None, None, Some(1), Some(2)]);
        assert_eq!((queue.next().await, queue.next().await), (3, 4));
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let queue = Arc::new(Queue::new(2));
        let read = tokio::spawn({
            let queue = queue.clone();
            async move { [queue.next().await, queue.next().await, queue.next().await] }
        });
        for item in 1..=3 {
            tokio::task::yield_now().await;
            queue.push(item);
        }
        assert_eq!(read.await.unwrap(), [1, 2, 3]);
    }
}
