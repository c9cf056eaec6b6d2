//! Waiting for what seldom happens, beside what happens all the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::Stream;

/// How often any of many bells has rung. Each of ten thousand bells is a look at memory of its own; that none has rung is seen here.
#[derive(Debug, Default)]
pub struct Rings(AtomicU64);

impl Rings {
    /// None has.
    pub const fn new() -> Rings {
        Rings(AtomicU64::new(0))
    }
}

/// A future or a stream that is polled only when it has been woken itself. A task that is woken for something else, and looks whether
/// this has happened meanwhile, pays for one look at a number that all look at, and after that at a flag, whatever is behind it.
#[derive(Debug)]
pub struct Seldom<T> {
    inner: Pin<Box<T>>,
    bell: Arc<Bell>,
    among: &'static Rings,
    /// Of the bells among which this is, when they were looked at last.
    rings: u64,
    waker: Waker,
    /// The task that the bell wakes: it stays there, so a task that asks again need not be told to it again.
    task: Option<Waker>,
}

#[derive(Debug)]
struct Bell {
    rung: AtomicBool,
    among: &'static Rings,
    task: Mutex<Option<Waker>>,
}

impl Bell {
    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        // Who sees the number sees the flag.
        self.among.0.fetch_add(1, Ordering::AcqRel);
    }

    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
        let task = self.task().clone();
        task.iter().for_each(Waker::wake_by_ref);
    }
}

impl<T> Seldom<T> {
    /// Waits for this, with a bell that rings about as often as the others among which it is.
    pub fn new(inner: T, among: &'static Rings) -> Seldom<T> {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), among, task: Mutex::new(None) });
        Seldom { inner: Box::pin(inner), waker: bell.clone().into(), bell, among, rings: u64::MAX, task: None }
    }

    fn poll_by<R>(&mut self, poll: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<R>, cx: &mut Context<'_>) -> Poll<R> {
        // Who rings finds the task after number and flag are set, and a new task is there before they are looked at: either sees the
        // other.
        if !self.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            self.task = Some(cx.waker().clone());
            self.bell.task().clone_from(&self.task);
        }
        let rings = self.among.0.load(Ordering::Acquire);
        if rings == self.rings || !self.bell.rung.load(Ordering::Acquire) {
            self.rings = rings;
            return Poll::Pending;
        }
        self.rings = rings;
        // Who rings from here on wakes the task again.
        self.bell.rung.swap(false, Ordering::AcqRel);
        let polled = poll(self.inner.as_mut(), &mut Context::from_waker(&self.waker));
        // What has happened is not waited for any more: who asks again is to hear of it again, or to wait for the next.
        if polled.is_ready() {
            self.bell.rung.store(true, Ordering::Release);
            self.rings = u64::MAX;
        }
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

    static RINGS: Rings = Rings::new();

    #[test]
    fn what_was_not_woken_is_not_polled() {
        let (polls, (done, wait)) = (AtomicU32::new(0), oneshot::channel());
        let mut wait = std::pin::pin!(wait);
        let mut seldom = Seldom::new(
            future::poll_fn(|cx| {
                polls.fetch_add(1, Ordering::Relaxed);
                wait.as_mut().poll(cx)
            }),
            &RINGS,
        );
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
        let mut seldom = Seldom::new(future::poll_fn(|_| Poll::Ready(7)), &RINGS);
        assert_eq!([(&mut seldom).now_or_never(), (&mut seldom).now_or_never()], [Some(7), Some(7)]);
    }

    #[test]
    fn a_stream_is_asked_for_the_next_until_it_has_none() {
        let (send, changes) = watch::channel(0);
        let mut changes = Seldom::new(WatchStream::from_changes(changes), &RINGS);
        for turn in 1..=3 {
            assert_eq!([changes.next().now_or_never(), changes.next().now_or_never()], [None, None]);
            send.send_replace(turn);
            assert_eq!(changes.next().now_or_never(), Some(Some(turn)));
        }
    }

    /// How often a task was woken.
    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_wakes_the_task_that_asked_last_however_often_it_rings() {
        let mut seldom = Seldom::new(future::pending::<()>(), &RINGS);
        let tasks = [Arc::new(Count::default()), Arc::new(Count::default())];
        for task in [0, 1, 0] {
            let waker = tasks[task].clone().into();
            let before = tasks[1 - task].0.load(Ordering::Relaxed);
            for turn in 1..=3 {
                let woken = tasks[task].0.load(Ordering::Relaxed);
                assert!(seldom.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
                seldom.waker.wake_by_ref();
                assert_eq!(tasks[task].0.load(Ordering::Relaxed), woken + 1, "turn {turn} of task {task}");
            }
            assert_eq!(tasks[1 - task].0.load(Ordering::Relaxed), before, "who asked before");
        }
    }

    /// Two threads, one that rings and one that asks: whatever the order, the last ring is heard.
    #[test]
    fn no_ring_is_lost_between_threads() {
        let (count, rings) = (Arc::new(Count::default()), Arc::new(AtomicU32::new(0)));
        let heard = Arc::new(AtomicU32::new(0));
        let (seen, there) = (heard.clone(), rings.clone());
        let mut seldom = Seldom::new(
            future::poll_fn(move |_| {
                seen.store(there.load(Ordering::Acquire), Ordering::Release);
                Poll::<()>::Pending
            }),
            &RINGS,
        );
        let bell = seldom.waker.clone();
        let ringer = std::thread::spawn(move || {
            for turn in 1..=20_000 {
                rings.store(turn, Ordering::Release);
                bell.wake_by_ref();
            }
        });
        let waker: Waker = count.clone().into();
        let mut woken = u32::MAX;
        while heard.load(Ordering::Acquire) < 20_000 {
            let now = count.0.load(Ordering::Acquire);
            // A task is polled when it was woken, and not otherwise.
            if now != woken {
                woken = now;
                assert!(seldom.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
            } else {
                assert!(
                    !ringer.is_finished() || count.0.load(Ordering::Acquire) != woken || heard.load(Ordering::Acquire) == 20_000
                );
                std::thread::yield_now();
            }
        }
        ringer.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_its_task() {
        let (done, wait) = oneshot::channel();
        let waits = tokio::spawn(Seldom::new(wait, &RINGS));
        tokio::time::sleep(Duration::from_secs(1)).await;
        done.send(7).unwrap();
        assert_eq!(waits.await.unwrap(), Ok(7));
    }
}
