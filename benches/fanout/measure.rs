//! One run: a server, so many streams, so many updates, and what they cost.

use std::time::{Duration, Instant};

use crate::fleet::Fleet;
use crate::plan::Plan;
use crate::server::Server;

/// What a run measured. Times are in microseconds unless their names say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// From the first connection until every stream had everything, milliseconds.
    pub cold_ms: f64,
    /// The server's CPU time for that, per stream.
    pub cold_cpu: f64,
    /// Memory that the streams have added, per stream, kB.
    pub rss_kb: f64,
    /// From the trigger until the first stream heard of the update, milliseconds.
    pub first_ms: f64,
    /// The same for half of the streams.
    pub p50_ms: f64,
    /// The same for 99 of 100.
    pub p99_ms: f64,
    /// The server's CPU time for an update, until it is idle again, per stream.
    pub update_cpu: f64,
    /// The same for an update when nobody is connected, in all.
    pub alone_cpu: f64,
    /// Bytes of an update on the wire, per stream.
    pub bytes: f64,
}

impl Figures {
    /// Of each figure the middle one of several rounds, of two the smaller.
    pub fn middle(rounds: &[Figures]) -> Figures {
        let middle = |figure: fn(&Figures) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(figure).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
        };
        Figures {
            cold_ms: middle(|figures| figures.cold_ms),
            cold_cpu: middle(|figures| figures.cold_cpu),
            rss_kb: middle(|figures| figures.rss_kb),
            first_ms: middle(|figures| figures.first_ms),
            p50_ms: middle(|figures| figures.p50_ms),
            p99_ms: middle(|figures| figures.p99_ms),
            update_cpu: middle(|figures| figures.update_cpu),
            alone_cpu: middle(|figures| figures.alone_cpu),
            bytes: middle(|figures| figures.bytes),
        }
    }
}

/// Updates sent while nobody is connected.
const ALONE: usize = 5;
/// A server that has used less than `IDLE` of the processor in a `LOOK` is idle.
const LOOK: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_micros(500);

/// Measures a server that has just been started.
///
/// # Errors
/// The server is gone, or does not serve.
pub fn run(server: &mut Server, plan: Plan, streams: usize, updates: usize) -> anyhow::Result<Figures> {
    let mut fleet = Fleet::new(server.xds, plan)?;
    settle(&mut fleet, server)?;
    let alone_cpu = alone(&mut fleet, server)?;

    let (memory, cpu) = (server.usage().rss()?, server.usage().cpu()?);
    let cold = fleet.connect(streams)?;
    settle(&mut fleet, server)?;
    let cold_cpu = micros(server.usage().cpu()?.since(&cpu)) / streams as f64;
    let rss_kb = (server.usage().rss()? as f64 - memory as f64) / streams as f64;

    fleet.begin_round();
    let (cpu, mut times, mut bytes) = (server.usage().cpu()?, Times::default(), 0);
    for turn in ALONE + 1..=ALONE + updates {
        fleet.begin_round();
        let triggered = Instant::now();
        server.update(turn)?;
        times.note(triggered, fleet.await_arrivals(streams)?);
        settle(&mut fleet, server)?;
        bytes += fleet.count().bytes;
    }
    let each = (streams * updates) as f64;
    let update_cpu = micros(server.usage().cpu()?.since(&cpu)) / each;
    let [first_ms, p50_ms, p99_ms] = times.medians();
    Ok(Figures {
        cold_ms: millis(cold),
        cold_cpu,
        rss_kb,
        first_ms,
        p50_ms,
        p99_ms,
        update_cpu,
        alone_cpu,
        bytes: bytes as f64 / each,
    })
}

/// What an update costs by itself.
fn alone(fleet: &mut Fleet, server: &mut Server) -> anyhow::Result<f64> {
    let cpu = server.usage().cpu()?;
    for turn in 1..=ALONE {
        server.update(turn)?;
        // Nobody hears of it, so there is nothing to wait for but its end; it begins when files have been quiet for a while.
        fleet.rest(LOOK)?;
        settle(fleet, server)?;
    }
    Ok(micros(server.usage().cpu()?.since(&cpu)) / ALONE as f64)
}

/// Waits until the server is idle.
///
/// # Errors
/// It is gone.
pub fn settle(fleet: &mut Fleet, server: &Server) -> anyhow::Result<()> {
    let mut before = server.usage().cpu()?;
    loop {
        fleet.rest(LOOK)?;
        let now = server.usage().cpu()?;
        if u128::from(now.since(&before)) < IDLE.as_nanos() {
            return Ok(());
        }
        before = now;
    }
}

/// Times of the first, the middle and the last but a hundredth, of each update.
#[derive(Debug, Default)]
struct Times([Vec<f64>; 3]);

impl Times {
    fn note(&mut self, triggered: Instant, arrivals: &[Instant]) {
        let last = arrivals.len() - 1;
        for (times, at) in self.0.iter_mut().zip([0, last / 2, last * 99 / 100]) {
            times.push(millis(arrivals[at] - triggered));
        }
    }

    /// The usual update: a machine that is shared has hiccups.
    fn medians(mut self) -> [f64; 3] {
        self.0.each_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
    }
}

/// Nanoseconds as microseconds.
pub fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

/// A time in milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
