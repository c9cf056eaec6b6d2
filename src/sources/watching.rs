//! The loop: wait for a sign, wait for quiet, read, judge, hand over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::pulse::Pulse;
use super::scanner::{Attempt, Scanner};
use super::settling::{Settling, Verdict};
use super::{Generation, Options};

/// Time between two looks at whether Git is done.
const GIT: Duration = Duration::from_millis(10);

/// Watches a directory from now on, in a task that ends when the receiver is dropped. The first generation comes at once, whatever is
/// there; after it, one comes whenever content has changed, and equal content is never sent twice. A receiver that is slow gets the
/// newest and misses what lay between.
///
/// `extra` are further paths to read, relative to the directory or absolute: the endpoint files that releases refer to. Whenever they
/// change a generation follows at once that was read with them, as its [`Generation::extra`] says.
///
/// # Panics
/// Outside of a tokio runtime.
pub fn watch(options: Options, extra: watch::Receiver<BTreeSet<String>>) -> mpsc::Receiver<Generation> {
    let (sender, receiver) = mpsc::channel(1);
    let pulse = Arc::new(Pulse::default());
    let watching = Watching {
        settling: Settling::new(options.settle),
        scanner: Some(Scanner::new(options.clone(), Arc::clone(&pulse))),
        options,
        pulse,
        extra,
        asked: true,
        quiet: true,
        sender,
        next: None,
    };
    tokio::spawn(watching.run());
    receiver
}

struct Watching {
    options: Options,
    pulse: Arc<Pulse>,
    /// In its place except while it reads, on a thread where it may block.
    scanner: Option<Scanner>,
    settling: Settling,
    extra: watch::Receiver<BTreeSet<String>>,
    /// Whether somebody can still change `extra`.
    asked: bool,
    /// Whether nothing has changed for the settling time, as far as events tell.
    quiet: bool,
    sender: mpsc::Sender<Generation>,
    /// The generation that the receiver has not had room for.
    next: Option<Generation>,
}

/// Why the loop goes on.
enum Sign {
    Event,
    Extra,
    Timer,
}

impl Watching {
    async fn run(mut self) {
        while let Some(pause) = self.round().await {
            match self.wait(pause).await {
                Some(Sign::Event) => {
                    self.pulse.quiet(self.options.settle, self.options.max_wait).await;
                    self.quiet = true;
                }
                Some(Sign::Extra | Sign::Timer) => {}
                None => return,
            }
        }
    }

    /// Reads and judges once; how long to wait before the next time. `None` when reading died, which it says itself.
    async fn round(&mut self) -> Option<Duration> {
        match self.attempt().await? {
            Attempt::Locked => Some(GIT),
            Attempt::Moving => Some(self.options.settle),
            Attempt::Read { generation, blind } => {
                let pause = self.judge(generation);
                Some(if blind { Duration::ZERO } else { pause })
            }
        }
    }

    async fn attempt(&mut self) -> Option<Attempt> {
        let mut scanner = self.scanner.take()?;
        let (extra, touched) = (self.extra.borrow_and_update().clone(), self.pulse.touched());
        let read = tokio::task::spawn_blocking(move || {
            let attempt = scanner.attempt(&extra, &touched);
            (scanner, attempt)
        });
        match read.await {
            Ok((scanner, attempt)) => {
                self.scanner = Some(scanner);
                Some(attempt)
            }
            Err(error) => {
                tracing::error!(%error, "the reading of the directory has ended");
                None
            }
        }
    }

    fn judge(&mut self, generation: Generation) -> Duration {
        let quiet = std::mem::take(&mut self.quiet);
        let now = Instant::now();
        match self.settling.judge(generation, quiet, now) {
            Verdict::Same => self.options.poll,
            Verdict::Wait(pause) => pause.min(self.options.poll),
            Verdict::Take(generation) => {
                self.next = Some(generation);
                self.settling.ripe_in(now).unwrap_or(self.options.poll).min(self.options.poll)
            }
        }
    }

    /// Waits for a sign, and hands over meanwhile; `None` when nobody listens any more.
    async fn wait(&mut self, pause: Duration) -> Option<Sign> {
        let timer = sleep(pause);
        tokio::pin!(timer);
        loop {
            tokio::select! {
                // In this order: what is ready is handed over before anything else is begun.
                biased;
                permit = self.sender.reserve(), if self.next.is_some() => {
                    let permit = permit.ok()?;
                    if let Some(next) = self.next.take() {
                        permit.send(next);
                    }
                }
                () = self.sender.closed() => return None,
                () = self.pulse.changed() => return Some(Sign::Event),
                changed = self.extra.changed(), if self.asked => match changed {
                    Ok(()) => return Some(Sign::Extra),
                    Err(_) => self.asked = false,
                },
                () = &mut timer => return Some(Sign::Timer),
            }
        }
    }
}
