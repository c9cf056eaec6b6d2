//! The floor: a server without a protocol.
//!
//! It gives every stream the same ready bytes: for the first request of a type the first response, and on a trigger the update. What
//! comes in is read as far as the type, since no server can know less. Nothing is kept of a stream but what it asked for.
//!
//! Most servers gather a request before they look at it, and each stream then keeps a buffer of the largest: so does the floor, unless
//! it is told to read requests piece by piece as they come, which with an Envoy's real node is cheaper still.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use clap::ValueEnum;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::snapshot::Kind;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

use crate::fields::Walker;
use crate::recording::Recording;

/// Connections that may wait to be accepted; the system takes less if it allows less.
const BACKLOG: u32 = 16_384;

/// How requests are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Reading {
    /// Gathered first, as most servers do
    Whole,
    /// Piece by piece, never kept
    Pieces,
}

/// Serves the messages of a folder until there is no more input; each line of it is the number of an update to send.
///
/// # Errors
/// The folder cannot be read, or there is no port.
pub fn run(messages: &Path, reading: Reading) -> anyhow::Result<()> {
    let recording = Arc::new(Recording::load(messages)?);
    let (send, updates) = watch::channel(0);
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        socket.listen(BACKLOG)
    })?;
    println!("floor xds={}", listener.local_addr()?);
    let opening = Opening { recording, updates, reading };
    runtime.spawn(accept(listener, opening));
    for line in std::io::stdin().lock().lines() {
        send.send_replace(line?.parse()?);
    }
    Ok(())
}

/// What every stream begins with.
#[derive(Clone)]
struct Opening {
    recording: Arc<Recording>,
    updates: watch::Receiver<usize>,
    reading: Reading,
}

async fn accept(listener: TcpListener, opening: Opening) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, opening.clone()));
    }
}

async fn serve(socket: TcpStream, opening: Opening) {
    // How a connection ends is the client's affair.
    let _ = socket.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = Answer::new(request, opening.clone());
        let body = StreamBody::new(stream::unfold(answer, |mut answer| async {
            let message = answer.next().await?;
            Some((Ok::<_, Infallible>(Frame::data(message)), answer))
        }));
        std::future::ready(Response::builder().header("content-type", "application/grpc").body(body))
    });
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
}

/// What one stream is sent.
struct Answer {
    requests: Incoming,
    opening: Opening,
    walker: Walker,
    gathered: BytesMut,
    asked: Vec<Kind>,
    ready: VecDeque<Bytes>,
}

impl Answer {
    fn new(request: Request<Incoming>, mut opening: Opening) -> Answer {
        // What was sent before this stream came is in its first responses.
        opening.updates.mark_unchanged();
        // The type's tag differs between the variants.
        let tag = if request.uri().path().ends_with("/DeltaAggregatedResources") { 2 } else { 4 };
        let (requests, walker, gathered) = (request.into_body(), Walker::new([tag, 0, 0]), BytesMut::new());
        Answer { requests, opening, walker, gathered, asked: Vec::new(), ready: VecDeque::new() }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Some(message);
            }
            tokio::select! {
                frame = self.requests.frame() => self.take(&frame?.ok()?.into_data().ok()?),
                changed = self.opening.updates.changed() => {
                    changed.ok()?;
                    let turn = *self.opening.updates.borrow_and_update();
                    self.ready.push_back(self.opening.recording.update(turn).clone());
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.opening.reading == Reading::Pieces {
            return self.read(bytes);
        }
        self.gathered.extend_from_slice(bytes);
        while let Some(length) =
            self.gathered.get(1..5).map(|length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]))
        {
            if self.gathered.len() < 5 + length as usize {
                return;
            }
            let message = self.gathered.split_to(5 + length as usize);
            self.read(&message);
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(message) = self.walker.next(&mut bytes) {
            let kind = std::str::from_utf8(&message.kept[0]).ok().and_then(Kind::from_type_url);
            let Some(kind) = kind.filter(|kind| !self.asked.contains(kind)) else { continue };
            self.asked.push(kind);
            self.ready.extend(self.opening.recording.first(kind).cloned());
        }
    }
}
