//! A toy gRPC service that says which version it is.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// The service `tidegate.test.Who`, whose method `Ask` answers with a name. Dropping it closes its port.
pub struct Backend {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Backend {
    /// A service on a port that the system picks.
    pub async fn start(name: &str) -> Backend {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, incoming) = (CancellationToken::new(), TcpIncoming::from(listener).with_nodelay(Some(true)));
        let server = Server::builder().add_service(Who { name: name.into() });
        tokio::spawn(server.serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned()));
        Backend { address, _stop: stop.drop_guard() }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

#[derive(Clone)]
struct Who {
    name: Arc<str>,
}

impl NamedService for Who {
    const NAME: &'static str = "tidegate.test.Who";
}

impl UnaryService<()> for Who {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(self.name.to_string())))
    }
}

/// Whatever the method.
impl tower::Service<http::Request<Body>> for Who {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let who = self.clone();
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<String, ()>::default()).unary(who, request).await) })
    }
}
