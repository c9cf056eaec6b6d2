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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::site::Site;
use super::tls::Connection;
use crate::xds::{Peer, Rings, Seldom};

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
    serve(connection, peer, site, lifetime, stop).await;
}

async fn serve<C>(connection: C, peer: Peer, site: Site, lifetime: Lifetime, stop: CancellationToken)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
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
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::time::Instant;
    use tonic::service::Routes;

    use super::*;

    /// Types of frames, and the flag of an answer (RFC 9113 sections 6.5 and 6.7).
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const ACK: u8 = 1;

    #[test]
    fn connections_that_came_together_go_one_by_one() {
        let seconds = Duration::from_secs;
        let lifetime = Lifetime { age: seconds(100), spread: seconds(5) };
        assert_eq!([0.0, 0.5].map(|fraction| lifetime.age(fraction)), [Some(seconds(90)), Some(seconds(100))]);
        assert_eq!([0.0, 0.2].map(|fraction| lifetime.turn(fraction)), [seconds(0), seconds(1)]);
        assert_eq!(Lifetime::default().age(0.5), None, "no age is for ever");
    }

    /// A connection that is served, from the client's side.
    async fn connect() -> DuplexStream {
        let (mut client, connection) = tokio::io::duplex(1 << 16);
        let site = Site::new(None, Routes::default());
        tokio::spawn(serve(connection, Peer::default(), site, Lifetime::default(), CancellationToken::new()));
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("sent");
        client.write_all(&frame(SETTINGS, 0, &[])).await.expect("sent");
        client
    }

    fn frame(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
        [&[0, 0, u8::try_from(body.len()).expect("short"), kind, flags, 0, 0, 0, 0], body].concat()
    }

    /// The next frame: its type and its body.
    async fn next(client: &mut DuplexStream) -> std::io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 9];
        // Time does not pass here, so an hour is no wait.
        tokio::time::timeout(Duration::from_secs(3600), client.read_exact(&mut head)).await.expect("a frame within an hour")?;
        let mut body = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        client.read_exact(&mut body).await?;
        Ok((head[3], body))
    }

    /// The body of the next ping; `None` at the end of the connection.
    async fn next_ping(client: &mut DuplexStream) -> Option<Vec<u8>> {
        loop {
            match next(client).await.ok()? {
                (PING, body) => return Some(body),
                _ => continue,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn n7_who_answers_no_ping_is_gone_after_forty_seconds() {
        let begun = Instant::now();
        let mut client = connect().await;
        assert!(next_ping(&mut client).await.is_some());
        assert_eq!(begun.elapsed().as_secs(), 30);
        assert_eq!(next_ping(&mut client).await, None);
        assert_eq!(begun.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn n7_who_answers_pings_stays() {
        let begun = Instant::now();
        let mut client = connect().await;
        while begun.elapsed() < 10 * PING_EVERY {
            let ping = next_ping(&mut client).await.expect("a connection that lasts");
            client.write_all(&frame(PING, ACK, &ping)).await.expect("sent");
        }
    }
}
