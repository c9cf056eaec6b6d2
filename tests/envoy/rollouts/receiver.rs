//! Somebody who is called by HTTP, and answers when and what the test says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

const PATIENCE: Duration = Duration::from_secs(15);

/// What a call brought.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it came.
    pub at: Timestamp,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Call {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// A text of the body.
    pub fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }
}

type Reply = Arc<dyn Fn(usize, Value) -> BoxFuture<'static, u16> + Send + Sync>;

/// A server that keeps what it was told.
pub struct Receiver {
    address: SocketAddr,
    calls: watch::Receiver<Vec<Call>>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Answers each call with a status, by its number, the first is 0, and its body.
    pub async fn start<R: Future<Output = u16> + Send + 'static>(
        reply: impl Fn(usize, Value) -> R + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (tell, calls) = watch::channel(Vec::new());
        let reply: Reply = Arc::new(move |nth, body| Box::pin(reply(nth, body)));
        let task = AbortOnDropHandle::new(tokio::spawn(accept(listener, Arc::new(tell), reply)));
        Receiver { address, calls, _task: task }
    }

    /// Says yes to everything.
    pub async fn agreeable() -> Receiver {
        Receiver::start(|_, _| async { 200 }).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.borrow().clone()
    }

    /// Waits until the calls are such.
    pub async fn until(&self, what: &str, good: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let mut calls = self.calls.clone();
        let found = tokio::time::timeout(PATIENCE, calls.wait_for(|calls| good(calls))).await;
        found.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}: {:?}", self.calls())).expect("a receiver").clone()
    }
}

async fn accept(listener: TcpListener, tell: Arc<watch::Sender<Vec<Call>>>, reply: Reply) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        connections.spawn(serve(stream, tell.clone(), reply.clone()));
    }
}

async fn serve(stream: TcpStream, tell: Arc<watch::Sender<Vec<Call>>>, reply: Reply) {
    let service = service_fn(move |request| answer(request, tell.clone(), reply.clone()));
    // A caller that is killed hangs up.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    tell: Arc<watch::Sender<Vec<Call>>>,
    reply: Reply,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let mut nth = 0;
    tell.send_modify(|calls| {
        nth = calls.len();
        calls.push(Call { at: Timestamp::now(), headers: head.headers, body: body.clone() });
    });
    let status = reply(nth, body).await;
    Ok(Response::builder().status(status).body(Empty::new()).expect("an answer"))
}
