//! One connection of a gRPC port, from its first byte to its last.
//!
//! It ends when its client ends it, when the client is gone, when the streams on it say so, at its age, or when the port is closed.
//! In the last two cases the client is told first (GOAWAY), so that it opens its next stream elsewhere; then the streams end, and
//! then the connection.

use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_util::sync::CancellationToken;

use super::site::Site;
use super::tls::Connection;
use crate::xds::{Rings, Seldom};

/// A client that does not answer a ping is gone, whatever its TCP connection says.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long the answer to a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// An Envoy on typed services opens a stream for every cluster and route.
const MAX_STREAMS: u32 = 100_000;
/// How long streams that were told to end may take over it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// All rings of connections.
static NEWS: Rings = Rings::new();

/// How long connections last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lifetime {
    /// Age at which one ends; zero for none.
    pub age: Duration,
    /// Time over which they end when the port is closed.
    pub spread: Duration,
}

impl Lifetime {
    /// The age of one connection, a tenth more or less, so that those that came together do not go together. `fraction` is below 1.
    fn age(self, fraction: f64) -> Option<Duration> {
        (!self.age.is_zero()).then(|| self.age.mul_f64(0.9 + 0.2 * fraction))
    }

    /// The turn of one connection when the port is closed. `fraction` is below 1.
    fn turn(self, fraction: f64) -> Duration {
        self.spread.mul_f64(fraction)
    }
}

/// Serves a connection to its end.
pub(super) async fn converse(connection: Connection, site: Site, lifetime: Lifetime, stop: CancellationToken) {
    let peer = connection.peer().clone();
    let (line, address) = (peer.line.clone(), peer.address);
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        site.answer(request)
    });
    let mut served = std::pin::pin!(settings().serve_connection(TokioIo::new(connection), service));
    // One bell for all that seldom happens: a connection is woken a hundred thousand times for each of these.
    let news = Seldom::new(
        async {
            tokio::select! {
                () = line.is_cut() => News::Cut,
                () = grown_old(lifetime) => News::Ends(Duration::ZERO),
                () = stop.cancelled() => News::Ends(lifetime.turn(fastrand::f64())),
            }
        },
        &NEWS,
    );
    let news = tokio::select! {
        biased;
        ended = &mut served => return over(address, ended),
        news = news => news,
    };
    let News::Ends(turn) = news else { return };
    served.as_mut().graceful_shutdown();
    let last = async {
        tokio::select! {
            ended = &mut served => return ended,
            () = tokio::time::sleep(turn) => line.close(),
        }
        // What is still open after that was told, and does not hear.
        tokio::time::timeout(LAST_WORDS, &mut served).await.unwrap_or(Ok(()))
    };
    tokio::select! {
        biased;
        () = line.is_cut() => {}
        ended = last => over(address, ended),
    }
}

/// What happens to a connection beside what its client does.
enum News {
    /// It is to end at once.
    Cut,
    /// It is to end, and its streams so long after the client was told.
    Ends(Duration),
}

fn over(address: Option<SocketAddr>, ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(?address, %error, "a connection broke");
    }
}

fn settings() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS);
    builder
}

async fn grown_old(lifetime: Lifetime) {
    match lifetime.age(fastrand::f64()) {
        Some(age) => tokio::time::sleep(age).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_came_together_go_one_by_one() {
        let seconds = Duration::from_secs;
        let lifetime = Lifetime { age: seconds(100), spread: seconds(5) };
        assert_eq!([0.0, 0.5].map(|fraction| lifetime.age(fraction)), [Some(seconds(90)), Some(seconds(100))]);
        assert_eq!([0.0, 0.2].map(|fraction| lifetime.turn(fraction)), [seconds(0), seconds(1)]);
        assert_eq!(Lifetime::default().age(0.5), None, "no age is for ever");
    }
}
