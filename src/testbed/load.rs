//! A paced load that no slow answer can slow down: requests leave by the clock, whatever came back of the ones before.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri, header};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::{Client, RequestError, Totals};

/// What to send, where to, and how often.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// Where to.
    pub address: SocketAddr,
    /// `Host` header.
    pub host: String,
    /// Path, with a query string if wanted.
    pub path: String,
    /// More headers, on every request.
    pub headers: Vec<(String, String)>,
    /// Requests a second.
    pub rate: u32,
    /// Connections kept when idle. Late answers make more of them, never fewer requests.
    pub connections: usize,
}

impl LoadOptions {
    /// `GET /` for the host, so many a second over 16 connections.
    pub fn new(address: SocketAddr, host: &str, rate: u32) -> LoadOptions {
        LoadOptions { address, host: host.into(), path: "/".into(), headers: Vec::new(), rate, connections: 16 }
    }

    /// The same with one more header.
    pub fn header(mut self, name: &str, value: &str) -> LoadOptions {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn request(&self) -> Result<(Uri, Vec<(HeaderName, HeaderValue)>), http::Error> {
        let uri = format!("http://{}{}", self.address, self.path).parse::<Uri>()?;
        let mut headers = vec![(header::HOST, HeaderValue::from_str(&self.host)?)];
        for (name, value) in &self.headers {
            headers.push((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?));
        }
        Ok((uri, headers))
    }
}

/// A running load. Dropping it ends it.
#[derive(Debug)]
pub struct Load {
    totals: Arc<Mutex<Totals>>,
    flights: TaskTracker,
    pacer: JoinHandle<()>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Load {
    /// Begins to send.
    ///
    /// # Errors
    /// When host, path or a header is not one that HTTP can carry.
    pub fn start(options: &LoadOptions) -> Result<Load, RequestError> {
        let (uri, headers) = options.request()?;
        let (stop, totals, flights) = (CancellationToken::new(), Arc::default(), TaskTracker::new());
        let pace = Pace {
            client: Client::new(options.connections),
            request: Arc::new((uri, headers)),
            rate: options.rate.max(1),
            totals: Arc::clone(&totals),
            flights: flights.clone(),
        };
        let pacer = tokio::spawn(stop.clone().run_until_cancelled_owned(pace.run()));
        let pacer = tokio::spawn(async move {
            // It ends by being cancelled and has nothing to say.
            let _ = pacer.await;
        });
        Ok(Load { totals, flights, pacer, _stop_on_drop: stop.clone().drop_guard(), stop })
    }

    /// What became of the requests so far.
    pub fn totals(&self) -> Totals {
        lock(&self.totals).clone()
    }

    /// Waits until so many more requests than now have ended.
    pub async fn more(&self, requests: u64) {
        let until = self.totals().done + requests;
        while lock(&self.totals).done < until {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Sends no more, waits for the answers under way, and tells what became of all.
    pub async fn stop(self) -> Totals {
        self.stop.cancel();
        // The pacer was cancelled: that it ended is all there is to know.
        let _ = self.pacer.await;
        self.flights.close();
        self.flights.wait().await;
        lock(&self.totals).clone()
    }
}

/// The totals stay usable when a task died while it held them: they are counters.
fn lock(totals: &Mutex<Totals>) -> MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Pace {
    client: Client,
    request: Arc<(Uri, Vec<(HeaderName, HeaderValue)>)>,
    rate: u32,
    totals: Arc<Mutex<Totals>>,
    flights: TaskTracker,
}

impl Pace {
    async fn run(self) {
        let start = Instant::now();
        for count in 0_u64.. {
            sleep_until(start + Duration::from_nanos(count * 1_000_000_000 / u64::from(self.rate))).await;
            self.send(start);
        }
    }

    fn send(&self, start: Instant) {
        let (client, request, totals) = (self.client.clone(), Arc::clone(&self.request), Arc::clone(&self.totals));
        lock(&totals).sent += 1;
        self.flights.spawn(async move {
            let sent = Instant::now();
            let result = client.get_with(&request.0, &request.1).await;
            lock(&totals).record(result, sent - start, sent.elapsed());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::Backend;

    #[tokio::test]
    async fn late_answers_do_not_slow_the_pace() {
        let backend = Backend::start("v1").await.unwrap();
        backend.set_delay(Duration::from_millis(300));
        let load = Load::start(&LoadOptions::new(backend.address(), "a.example", 200)).unwrap();
        load.more(20).await;
        let totals = load.totals();
        // By the time the first answers came, the clock had sent some sixty more.
        assert!(totals.sent > totals.done + 30, "sent {} done {}", totals.sent, totals.done);
        let end = load.stop().await;
        assert_eq!((end.sent, end.failed), (end.done, 0));
        assert_eq!(end.of("v1"), backend.requests());
    }

    #[tokio::test]
    async fn failures_are_counted_and_kept() {
        let backend = Backend::start("v1").await.unwrap();
        backend.set_failing(true);
        let load = Load::start(&LoadOptions::new(backend.address(), "a.example", 200)).unwrap();
        load.more(30).await;
        let end = load.stop().await;
        assert_eq!((end.failed, end.answered()), (end.sent, 0));
        assert_eq!(end.statuses[&503], end.sent);
        assert!(end.failures[0].text.contains("503"), "{:?}", end.failures[0]);
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused() {
        let options = LoadOptions::new(([127, 0, 0, 1], 1).into(), "a.example", 1).header("x y", "1");
        assert!(options.request().is_err());
    }
}
