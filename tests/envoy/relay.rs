//! A server between an Envoy and the real one, which passes on what both say, message by message, until it is to break off.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_server::{
    AggregatedDiscoveryService, AggregatedDiscoveryServiceServer,
};
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use tidegate::snapshot::Kind;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// A relay.
#[derive(Clone)]
pub struct Relay {
    pub address: SocketAddr,
    server: SocketAddr,
    armed: Arc<AtomicBool>,
    broken: Arc<Notify>,
}

impl Relay {
    /// Starts one in front of that server.
    pub async fn start(server: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let relay = Relay { address, server, armed: Arc::default(), broken: Arc::default() };
        let service = AggregatedDiscoveryServiceServer::new(relay.clone());
        let served = tonic::transport::Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(served);
        relay
    }

    /// Loses the next response that has endpoints, and the stream with it.
    pub fn arm(&self) {
        self.armed.store(true, SeqCst);
    }

    /// Waits until that has happened.
    pub async fn broken(&self) {
        self.broken.notified().await;
    }

    fn breaks(&self, response: &DeltaDiscoveryResponse) -> bool {
        response.type_url == Kind::Endpoints.type_url() && self.armed.swap(false, SeqCst)
    }
}

#[tonic::async_trait]
impl AggregatedDiscoveryService for Relay {
    type StreamAggregatedResourcesStream = Responses<DiscoveryResponse>;
    type DeltaAggregatedResourcesStream = Responses<DeltaDiscoveryResponse>;

    async fn stream_aggregated_resources(
        &self,
        _: Request<Streaming<DiscoveryRequest>>,
    ) -> Result<Response<Responses<DiscoveryResponse>>, Status> {
        Err(Status::unimplemented("this relay passes on delta alone"))
    }

    async fn delta_aggregated_resources(
        &self,
        request: Request<Streaming<DeltaDiscoveryRequest>>,
    ) -> Result<Response<Responses<DeltaDiscoveryResponse>>, Status> {
        let unavailable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{}", self.server)).await.map_err(unavailable)?;
        let requests = request.into_inner().map_while(Result::ok);
        let mut responses = client.delta_aggregated_resources(requests).await?.into_inner();
        let (passed_on, out) = mpsc::channel(1);
        let relay = self.clone();
        tokio::spawn(async move {
            while let Some(response) = responses.next().await {
                if response.as_ref().is_ok_and(|response| relay.breaks(response)) {
                    let _ = passed_on.send(Err(Status::unavailable("broken off"))).await;
                    return relay.broken.notify_one();
                }
                if passed_on.send(response).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(out))))
    }
}
