//! The gRPC services: ADS, and every kind by itself, each in both variants.
//!
//! Written below tonic's generated services, because what is sent is bytes that exist already: a response goes into HTTP/2 as it
//! is, with no message type and no encode buffer of its own in between. And beside tonic's routes, because these put a box around
//! every body, and a fleet's streams pass through each of them at every message.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Frame, Incoming};
use tonic::Status;

use super::board::Variant;
use super::clock::now;
use super::identity::Peer;
use super::inbound::Inbound;
use super::server::Server;
use super::stream::{Origin, Stream};
use crate::snapshot::Kind;

/// One of the services.
struct Discovery {
    /// Full name of the gRPC service.
    name: &'static str,
    /// Its one type; `None` for the aggregated service.
    kind: Option<Kind>,
    /// Method of the state-of-the-world variant; empty where there is none.
    sotw: &'static str,
    /// Method of the incremental variant.
    delta: &'static str,
}

macro_rules! discovery {
    ($($service:literal, $kind:expr, $sotw:literal, $delta:literal;)*) => {
        [$(Discovery { name: concat!("envoy.service.", $service), kind: $kind, sotw: $sotw, delta: $delta }),*]
    };
}

static SERVICES: [Discovery; 9] = discovery! {
    "discovery.v3.AggregatedDiscoveryService", None, "StreamAggregatedResources", "DeltaAggregatedResources";
    "cluster.v3.ClusterDiscoveryService", Some(Kind::Cluster), "StreamClusters", "DeltaClusters";
    "endpoint.v3.EndpointDiscoveryService", Some(Kind::Endpoints), "StreamEndpoints", "DeltaEndpoints";
    "secret.v3.SecretDiscoveryService", Some(Kind::Secret), "StreamSecrets", "DeltaSecrets";
    "listener.v3.ListenerDiscoveryService", Some(Kind::Listener), "StreamListeners", "DeltaListeners";
    "route.v3.ScopedRoutesDiscoveryService", Some(Kind::ScopedRoute), "StreamScopedRoutes", "DeltaScopedRoutes";
    "route.v3.RouteDiscoveryService", Some(Kind::Route), "StreamRoutes", "DeltaRoutes";
    "route.v3.VirtualHostDiscoveryService", Some(Kind::VirtualHost), "", "DeltaVirtualHosts";
    "runtime.v3.RuntimeDiscoveryService", Some(Kind::Runtime), "StreamRuntime", "DeltaRuntime";
};

impl Discovery {
    /// The variant that a method of the service speaks.
    fn variant(&self, method: &str) -> Result<Variant, Status> {
        match method {
            "" => Err(Status::unimplemented(format!("{} has no method of that name", self.name))),
            method if method == self.sotw => Ok(Variant::Sotw),
            method if method == self.delta => Ok(Variant::Delta),
            other => Err(Status::unimplemented(format!("{} has no method {other} here", self.name))),
        }
    }
}

impl Server {
    /// Full names of the services; for health checks.
    pub fn service_names() -> [&'static str; 9] {
        SERVICES.each_ref().map(|service| service.name)
    }

    /// Answers a request for one of the discovery services. Among its extensions is the [`Peer`] that it comes from.
    ///
    /// # Errors
    /// It is for something else, and is given back.
    pub fn answer(&self, request: http::Request<Incoming>) -> Result<http::Response<Answer>, Box<http::Request<Incoming>>> {
        let path = request.uri().path().strip_prefix('/').and_then(|path| path.split_once('/'));
        let asked = path.and_then(|(name, method)| Some((SERVICES.iter().find(|service| service.name == name)?, method)));
        let Some((service, method)) = asked else { return Err(Box::new(request)) };
        let opened = service.variant(method).and_then(|variant| self.open(service.kind, variant, request));
        Ok(opened.map_or_else(|status| status.into_http(), with_headers))
    }

    fn open(&self, kind: Option<Kind>, variant: Variant, request: http::Request<Incoming>) -> Result<Answer, Status> {
        let shared = &self.shared;
        // A server that answers before it knows what to say takes everything away from its Envoys.
        if shared.published.borrow().is_none() {
            shared.metrics.refused("not_ready");
            return Err(Status::unavailable("the release files have not been loaded completely yet"));
        }
        if shared.shutdown.is_cancelled() {
            shared.metrics.refused("shutting_down");
            return Err(Status::unavailable("the server is shutting down"));
        }
        let place = shared.admission.enter(now()).inspect_err(|refused| shared.metrics.refused(refused.reason()))?;
        let peer = Peer::of(request.extensions());
        let inbound = Inbound::new(request.into_body());
        let origin = Origin { kind, variant, peer: peer.address };
        Ok(Answer(Some(Box::new(Stream::new(shared.clone(), origin, peer, place, inbound)))))
    }
}

fn with_headers(answer: Answer) -> http::Response<Answer> {
    let mut response = http::Response::new(answer);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    response
}

/// The body of a response: messages as data frames, then the status as trailers. Without a stream it is empty, and the status is in the
/// headers.
#[derive(Default)]
pub struct Answer(Option<Box<Stream>>);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Answer").field(&self.0.is_some()).finish()
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(stream) = &mut self.0 else { return Poll::Ready(None) };
        let frame = match ready!(stream.poll_next(cx)) {
            Ok(Some(message)) => return Poll::Ready(Some(Ok(Frame::data(message)))),
            Ok(None) => Frame::trailers(trailers(&Status::ok(""))),
            Err(status) => Frame::trailers(trailers(&status)),
        };
        self.0 = None;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}

fn trailers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        headers.insert(Status::GRPC_STATUS, http::HeaderValue::from(status.code() as i32));
    }
    headers
}
