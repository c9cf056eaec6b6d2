//! The gRPC services: ADS, and every kind by itself, each in both variants.
//!
//! Written below tonic's generated services, because what is sent is bytes that exist already: a response goes into HTTP/2 as it
//! is, with no message type and no encode buffer of its own in between.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Frame;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;

use super::board::Variant;
use super::clock::now;
use super::identity::Peer;
use super::inbound::Inbound;
use super::server::Server;
use super::stream::{Origin, Stream};
use crate::snapshot::Kind;

/// One of the services.
pub trait Discovery: Send + Sync + 'static {
    /// Full name of the gRPC service.
    const NAME: &'static str;
    /// Its one type; `None` for the aggregated service.
    const KIND: Option<Kind>;
    /// Method of the state-of-the-world variant; empty where there is none.
    const SOTW: &'static str;
    /// Method of the incremental variant.
    const DELTA: &'static str;
}

macro_rules! discovery {
    ($($(#[$doc:meta])* $name:ident: $service:literal, $kind:expr, $sotw:literal, $delta:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl Discovery for $name {
            const NAME: &'static str = concat!("envoy.service.", $service);
            const KIND: Option<Kind> = $kind;
            const SOTW: &'static str = $sotw;
            const DELTA: &'static str = $delta;
        }
    )*};
}

discovery! {
    /// ADS.
    Aggregated: "discovery.v3.AggregatedDiscoveryService", None, "StreamAggregatedResources", "DeltaAggregatedResources";
    /// CDS.
    Clusters: "cluster.v3.ClusterDiscoveryService", Some(Kind::Cluster), "StreamClusters", "DeltaClusters";
    /// EDS.
    EndpointsService: "endpoint.v3.EndpointDiscoveryService", Some(Kind::Endpoints), "StreamEndpoints", "DeltaEndpoints";
    /// SDS.
    Secrets: "secret.v3.SecretDiscoveryService", Some(Kind::Secret), "StreamSecrets", "DeltaSecrets";
    /// LDS.
    Listeners: "listener.v3.ListenerDiscoveryService", Some(Kind::Listener), "StreamListeners", "DeltaListeners";
    /// SRDS.
    ScopedRoutes: "route.v3.ScopedRoutesDiscoveryService", Some(Kind::ScopedRoute), "StreamScopedRoutes", "DeltaScopedRoutes";
    /// RDS.
    RoutesService: "route.v3.RouteDiscoveryService", Some(Kind::Route), "StreamRoutes", "DeltaRoutes";
    /// VHDS.
    VirtualHosts: "route.v3.VirtualHostDiscoveryService", Some(Kind::VirtualHost), "", "DeltaVirtualHosts";
    /// RTDS.
    RuntimeLayers: "runtime.v3.RuntimeDiscoveryService", Some(Kind::Runtime), "StreamRuntime", "DeltaRuntime";
}

/// The tower service behind one of them.
#[derive(Debug)]
pub struct DiscoveryService<D> {
    server: Server,
    which: PhantomData<fn() -> D>,
}

impl<D> Clone for DiscoveryService<D> {
    fn clone(&self) -> Self {
        DiscoveryService { server: self.server.clone(), which: PhantomData }
    }
}

impl<D: Discovery> NamedService for DiscoveryService<D> {
    const NAME: &'static str = D::NAME;
}

impl Server {
    /// Adds all discovery services to a set of gRPC routes.
    pub fn mount(&self, routes: Routes) -> Routes {
        routes
            .add_service(self.service::<Aggregated>())
            .add_service(self.service::<Clusters>())
            .add_service(self.service::<EndpointsService>())
            .add_service(self.service::<Secrets>())
            .add_service(self.service::<Listeners>())
            .add_service(self.service::<ScopedRoutes>())
            .add_service(self.service::<RoutesService>())
            .add_service(self.service::<VirtualHosts>())
            .add_service(self.service::<RuntimeLayers>())
    }

    /// Full names of the services that `mount` adds; for health checks.
    pub fn service_names() -> [&'static str; 9] {
        [
            Aggregated::NAME,
            Clusters::NAME,
            EndpointsService::NAME,
            Secrets::NAME,
            Listeners::NAME,
            ScopedRoutes::NAME,
            RoutesService::NAME,
            VirtualHosts::NAME,
            RuntimeLayers::NAME,
        ]
    }

    fn service<D: Discovery>(&self) -> DiscoveryService<D> {
        DiscoveryService { server: self.clone(), which: PhantomData }
    }
}

impl<D: Discovery> tower::Service<http::Request<Body>> for DiscoveryService<D> {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        ready(Ok(self.answer(request).unwrap_or_else(Status::into_http)))
    }
}

impl<D: Discovery> DiscoveryService<D> {
    fn answer(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Status> {
        let shared = &self.server.shared;
        let method = request.uri().path().rsplit('/').next().unwrap_or_default();
        let variant = match method {
            method if method == D::SOTW && !method.is_empty() => Variant::Sotw,
            method if method == D::DELTA => Variant::Delta,
            other => return Err(Status::unimplemented(format!("{} has no method {other} here", D::NAME))),
        };
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
        let origin = Origin { kind: D::KIND, variant, peer: peer.address };
        let stream = Stream::new(shared.clone(), origin, peer, place, inbound);
        let mut response = http::Response::new(Body::new(Answer(Some(Box::new(stream)))));
        let content_type = http::HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(http::header::CONTENT_TYPE, content_type);
        Ok(response)
    }
}

/// The body of a response: messages as data frames, then the status as trailers.
struct Answer(Option<Box<Stream>>);

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
}

fn trailers(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        headers.insert(Status::GRPC_STATUS, http::HeaderValue::from(status.code() as i32));
    }
    headers
}
