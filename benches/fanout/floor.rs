//! The floor: a server without a protocol.
//!
//! It gives every stream the same ready bytes: for the first request of a type the first response, and on a trigger the update. What
//! comes in is read as far as the type, since no server can know less. Nothing is kept of a stream but what it asked for.

use std::convert::Infallible;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate::snapshot::Kind;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::fields::Walker;
use crate::recording::Recording;

/// Serves the messages of a folder until there is no more input; each line of it is the number of an update to send.
///
/// # Errors
/// The folder cannot be read, or there is no port.
pub fn run(messages: &Path) -> anyhow::Result<()> {
    let recording = Arc::new(Recording::load(messages)?);
    let (send, updates) = watch::channel(0);
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
    println!("floor xds={}", listener.local_addr()?);
    runtime.spawn(accept(listener, recording, updates));
    for line in std::io::stdin().lock().lines() {
        send.send_replace(line?.parse()?);
    }
    Ok(())
}

async fn accept(listener: TcpListener, recording: Arc<Recording>, updates: watch::Receiver<usize>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve(socket, recording.clone(), updates.clone()));
    }
}

async fn serve(socket: TcpStream, recording: Arc<Recording>, updates: watch::Receiver<usize>) {
    // How a connection ends is the client's affair.
    let _ = socket.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let answer = Answer::new(request, recording.clone(), updates.clone());
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
    walker: Walker,
    recording: Arc<Recording>,
    updates: watch::Receiver<usize>,
    asked: Vec<Kind>,
    ready: Vec<Bytes>,
}

impl Answer {
    fn new(request: Request<Incoming>, recording: Arc<Recording>, mut updates: watch::Receiver<usize>) -> Answer {
        // What was sent before this stream came is in its first responses.
        updates.mark_unchanged();
        // The type's tag differs between the variants.
        let tag = if request.uri().path().ends_with("/DeltaAggregatedResources") { 2 } else { 4 };
        let walker = Walker::new([tag, 0, 0]);
        Answer { requests: request.into_body(), walker, recording, updates, asked: Vec::new(), ready: Vec::new() }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.ready.pop() {
                return Some(message);
            }
            tokio::select! {
                frame = self.requests.frame() => self.read(&frame?.ok()?.into_data().ok()?),
                changed = self.updates.changed() => {
                    changed.ok()?;
                    let turn = *self.updates.borrow_and_update();
                    self.ready.push(self.recording.update(turn).clone());
                }
            }
        }
    }

    fn read(&mut self, mut bytes: &[u8]) {
        while let Some(message) = self.walker.next(&mut bytes) {
            let kind = std::str::from_utf8(&message.kept[0]).ok().and_then(Kind::from_type_url);
            let Some(kind) = kind.filter(|kind| !self.asked.contains(kind)) else { continue };
            self.asked.push(kind);
            self.ready.extend(self.recording.first(kind).cloned());
        }
    }
}
