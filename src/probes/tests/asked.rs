//! What endpoints get to see.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::world::{World, grpc, http1, http2, target};

/// An endpoint that answers 204, and passes on what it was asked.
struct Asked {
    address: SocketAddr,
    asked: mpsc::UnboundedReceiver<String>,
    _task: AbortOnDropHandle<()>,
}

impl Asked {
    async fn start() -> Asked {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, asked) = mpsc::unbounded_channel();
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let tell = tell.clone();
                tasks.spawn(async move {
                    let service = service_fn(|request| answer(request, tell.clone()));
                    // Who asks hangs up when it knows.
                    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }));
        Asked { address, asked, _task: task }
    }

    /// Waits until it is asked again, some twenty times.
    async fn asked_again(&mut self) {
        while self.asked.try_recv().is_ok() {}
        for _ in 0..20 {
            self.asked.recv().await.unwrap();
        }
    }
}

async fn answer(request: Request<Incoming>, tell: mpsc::UnboundedSender<String>) -> Result<Response<Full<Bytes>>, Infallible> {
    let header = |name: &str| request.headers().get(name).map_or("-", |value| value.to_str().unwrap()).to_owned();
    let host = request.uri().authority().map_or_else(|| header("host"), ToString::to_string);
    let agent = header("user-agent");
    let agent = agent.split_whitespace().next().unwrap_or_default();
    let asked = format!("{:?} {} {host}{} {agent}", request.version(), request.method(), request.uri().path());
    // The test may be over.
    let _ = tell.send(asked);
    Ok(Response::builder().status(204).body(Full::default()).unwrap())
}

#[tokio::test]
async fn endpoints_are_asked_as_envoy_asks_and_only_200_is_well() {
    let agent = concat!("tidegate/", env!("CARGO_PKG_VERSION"));
    for (way, want) in [
        (http1(), "HTTP/1.1 GET a.example.com/healthz"),
        (http2(), "HTTP/2.0 GET a.example.com/healthz"),
        (grpc(), "HTTP/2.0 POST a.example.com/grpc.health.v1.Health/Check"),
    ] {
        let mut endpoint = Asked::start().await;
        let mut world = World::new(&[target(endpoint.address, way)]);
        assert_eq!(endpoint.asked.recv().await.unwrap(), format!("{want} {agent}"));
        world.until(&[(endpoint.address, false)]).await;
    }
}

#[tokio::test]
async fn who_is_not_wanted_any_more_is_left_alone() {
    let (mut one, mut other) = (Asked::start().await, Asked::start().await);
    let (asked, clock) = (target(one.address, http1()), target(other.address, http1()));
    let mut world = World::new(&[asked.clone(), clock]);
    world.until(&[(one.address, false), (other.address, false)]).await;
    world.wanted.send_modify(|wanted| _ = wanted.remove(&asked));
    world.until(&[(other.address, false)]).await;
    // The other one is asked as often, so it tells when the first would have been asked again.
    other.asked_again().await;
    // What was under way when it was called off may have come.
    while one.asked.try_recv().is_ok() {}
    other.asked_again().await;
    assert!(one.asked.is_empty(), "{} questions", one.asked.len());
}

#[tokio::test]
async fn facts_are_told_when_they_change_and_not_else() {
    let mut endpoint = Asked::start().await;
    let mut world = World::new(&[target(endpoint.address, http1())]);
    world.until(&[(endpoint.address, false)]).await;
    world.facts.mark_unchanged();
    endpoint.asked_again().await;
    assert!(!world.facts.has_changed().unwrap());
}
