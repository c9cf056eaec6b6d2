//! Waiting for what seldom happens, beside what happens all the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::Stream;
use futures_util::task::AtomicWaker;

/// A future or a stream that is polled only when it has been woken itself. A task that is woken for something else, and looks whether
/// this has happened meanwhile, pays for one look at a flag, whatever is behind it.
#[derive(Debug)]
pub struct Seldom<T> {
    inner: Pin<Box<T>>,
    bell: Arc<Bell>,
    waker: Waker,
}

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<T> Seldom<T> {
    /// Waits for this.
    pub fn new(inner: T) -> Seldom<T> {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: AtomicWaker::new() });
        Seldom { inner: Box::pin(inner), waker: bell.clone().into(), bell }
    }

    fn poll_by<R>(&mut self, poll: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<R>, cx: &mut Context<'_>) -> Poll<R> {
        // Who rings between these two lines wakes the task again, and who rang before them is heard here.
        self.bell.task.register(cx.waker());
        if !self.bell.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = poll(self.inner.as_mut(), &mut Context::from_waker(&self.waker));
        // What has happened is not waited for any more: who asks again is to hear of it again, or to wait for the next.
        self.bell.rung.fetch_or(polled.is_ready(), Ordering::AcqRel);
        polled
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.poll_by(F::poll, cx)
    }
}

impl<S: Stream> Stream for Seldom<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.poll_by(S::poll_next, cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use futures_util::{FutureExt as _, StreamExt as _, future};
    use tokio::sync::{oneshot, watch};
    use tokio_stream::wrappers::WatchStream;

    use super::*;

    #[test]
    fn what_was_not_woken_is_not_polled() {
        let (polls, (done, wait)) = (AtomicU32::new(0), oneshot::channel());
        let mut wait = std::pin::pin!(wait);
        let mut seldom = Seldom::new(future::poll_fn(|cx| {
            polls.fetch_add(1, Ordering::Relaxed);
            wait.as_mut().poll(cx)
        }));
        for _ in 0..3 {
            assert_eq!((&mut seldom).now_or_never(), None);
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        seldom.waker.wake_by_ref();
        for _ in 0..3 {
            assert_eq!((&mut seldom).now_or_never(), None);
        }
        assert_eq!(polls.load(Ordering::Relaxed), 2, "who was woken in vain may have to be asked to wait anew");
        done.send(7).unwrap();
        assert_eq!((&mut seldom).now_or_never(), Some(Ok(7)));
    }

    #[test]
    fn what_has_happened_has_happened_whenever_it_is_asked() {
        let mut seldom = Seldom::new(future::poll_fn(|_| Poll::Ready(7)));
        assert_eq!([(&mut seldom).now_or_never(), (&mut seldom).now_or_never()], [Some(7), Some(7)]);
    }

    #[test]
    fn a_stream_is_asked_for_the_next_until_it_has_none() {
        let (send, changes) = watch::channel(0);
        let mut changes = Seldom::new(WatchStream::from_changes(changes));
        for turn in 1..=3 {
            assert_eq!([changes.next().now_or_never(), changes.next().now_or_never()], [None, None]);
            send.send_replace(turn);
            assert_eq!(changes.next().now_or_never(), Some(Some(turn)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_its_task() {
        let (done, wait) = oneshot::channel();
        let waits = tokio::spawn(Seldom::new(wait));
        tokio::time::sleep(Duration::from_secs(1)).await;
        done.send(7).unwrap();
        assert_eq!(waits.await.unwrap(), Ok(7));
    }
}
