//! A toy service that says which version it is.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// An HTTP service, HTTP/1.1 and HTTP/2 with prior knowledge. It answers 200 with its name in the header `x-version` and in the
/// body; `/healthz` answers 200 or 503 and is not counted. Dropping it closes its port.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    name: String,
    header: HeaderValue,
    requests: AtomicU64,
    delay_micros: AtomicU64,
    failing: AtomicBool,
    unhealthy: AtomicBool,
}

impl Backend {
    /// A service on 127.0.0.1, on a port that the system picks.
    pub async fn start(name: &str) -> io::Result<Backend> {
        Backend::start_on(name, ([127, 0, 0, 1], 0).into()).await
    }

    /// A service on that address.
    pub async fn start_on(name: &str, address: SocketAddr) -> io::Result<Backend> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let header = HeaderValue::from_str(name).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            name: name.into(),
            header,
            requests: AtomicU64::new(0),
            delay_micros: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            unhealthy: AtomicBool::new(false),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(accept(listener, Arc::clone(&shared), tasks.clone(), stop.clone()));
        Ok(Backend { address, shared, tasks, _stop_on_drop: stop.clone().drop_guard(), stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name it answers with.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Requests so far, health checks aside.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Relaxed)
    }

    /// Every answer from now on comes so late.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.delay_micros.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Every answer from now on is a 503, or no longer is.
    pub fn set_failing(&self, failing: bool) {
        self.shared.failing.store(failing, Relaxed);
    }

    /// What `/healthz` says from now on.
    pub fn set_healthy(&self, healthy: bool) {
        self.shared.unhealthy.store(!healthy, Relaxed);
    }

    /// Takes no more connections, answers what is under way, and ends.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => drop(tasks.spawn(serve(stream, Arc::clone(&shared), stop.clone()))),
            // The process is out of descriptors, or the client is gone already: the next one may do better.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, stop: CancellationToken) {
    // Without it answers only come later: nothing to fail for.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(request, Arc::clone(&shared)));
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    // A connection that breaks is its client's loss to notice, and clients here count every failure.
    tokio::select! {
        _ = &mut connection => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() == "/healthz" {
        return Ok(respond(&shared, shared.unhealthy.load(Relaxed), "health"));
    }
    shared.requests.fetch_add(1, Relaxed);
    let delay = shared.delay_micros.load(Relaxed);
    if delay > 0 {
        tokio::time::sleep(Duration::from_micros(delay)).await;
    }
    Ok(respond(&shared, shared.failing.load(Relaxed), request.uri().path()))
}

fn respond(shared: &Shared, bad: bool, about: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{} {about}\n", shared.name)));
    *response.status_mut() = if bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    response.headers_mut().insert("x-version", shared.header.clone());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testbed::Client;

    #[tokio::test]
    async fn it_says_who_it_is_and_counts() {
        let backend = Backend::start("v7").await.unwrap();
        let client = Client::default();
        let response = client.get(backend.address(), "a.example", "/cart", &[]).await.unwrap();
        assert_eq!((response.status, response.version.as_deref()), (StatusCode::OK, Some("v7")));
        assert_eq!(response.body, "v7 /cart\n");
        backend.set_healthy(false);
        let health = client.get(backend.address(), "a.example", "/healthz", &[]).await.unwrap();
        assert_eq!((health.status, backend.requests()), (StatusCode::SERVICE_UNAVAILABLE, 1));
    }

    #[tokio::test]
    async fn a_shutdown_answers_what_is_under_way() {
        let backend = Backend::start("v7").await.unwrap();
        backend.set_delay(Duration::from_millis(100));
        let (address, client) = (backend.address(), Client::default());
        let asked = tokio::spawn(async move { client.get(address, "a.example", "/", &[]).await });
        while backend.requests() == 0 {
            tokio::task::yield_now().await;
        }
        backend.shutdown().await;
        assert_eq!(asked.await.unwrap().unwrap().status, StatusCode::OK);
        assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
    }
}
