//! A server that is called, answers as it is told, and says what it got.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// What a call brought.
#[derive(Debug)]
pub(super) struct Seen {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: serde_json::Value,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// How a call is answered; `None` is never.
pub(super) type Reply = Option<Response<Full<Bytes>>>;

/// Statuses to answer with, in their order, and the last of them from then on.
pub(super) fn statuses(statuses: &'static [u16]) -> impl Fn(usize) -> Reply {
    |nth| Some(reply(statuses[nth.min(statuses.len() - 1)], ""))
}

pub(super) fn reply(status: u16, body: &str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body.to_owned())).unwrap()
}

/// The server. It is gone when it is dropped.
pub(super) struct Receiver {
    pub address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Answers the calls by their number, the first is 0.
    pub async fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Receiver {
        Receiver::start_with(None, reply).await
    }

    pub async fn start_with(tls: Option<TlsAcceptor>, reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::unbounded_channel();
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, tls, Arc::new(reply), tell)));
        Receiver { address, seen, _task: task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?of=test", self.address)
    }

    /// The next call, when it comes.
    pub async fn next(&mut self) -> Seen {
        self.seen.recv().await.expect("the server runs")
    }

    /// Calls that came and were not looked at.
    pub fn unseen(&self) -> usize {
        self.seen.len()
    }
}

type Replies = Arc<dyn Fn(usize) -> Reply + Send + Sync>;

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, replies: Replies, tell: mpsc::UnboundedSender<Seen>) {
    let mut tasks = tokio::task::JoinSet::new();
    let counter = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, replies, tell, counter) = (tls.clone(), replies.clone(), tell.clone(), counter.clone());
        tasks.spawn(async move {
            let next = move || replies(counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            match tls {
                None => serve(stream, next, tell).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, next, tell).await;
                    }
                }
            }
        });
    }
}

async fn serve<S>(stream: S, next: impl Fn() -> Reply, tell: mpsc::UnboundedSender<Seen>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| answer(request, &next, &tell));
    // Who hangs up is the caller, and that is what some tests are about.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    next: impl Fn() -> Reply,
    tell: &mpsc::UnboundedSender<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.to_string();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let reply = next();
    // The test may be over.
    let _ = tell.send(Seen { method: head.method.to_string(), path, headers: head.headers, body });
    match reply {
        Some(reply) => Ok(reply),
        None => std::future::pending().await,
    }
}
