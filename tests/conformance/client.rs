//! Scripted xDS clients over real connections, in both variants.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::str::FromStr;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use envoy_types::pb::envoy::config::listener::v3::Listener;
use envoy_types::pb::envoy::config::route::v3::RouteConfiguration;
use envoy_types::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use envoy_types::pb::envoy::service::runtime::v3::Runtime;
use envoy_types::pb::google::protobuf::Any;
use envoy_types::pb::google::rpc;
use http::uri::PathAndQuery;
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};
use tonic_prost::ProstCodec;

use super::server::{CDS, EDS, LDS, LIMIT, RDS, RTDS};

pub fn node(id: &str) -> Node {
    Node { id: id.into(), cluster: "test".into(), ..Node::default() }
}

/// A response of either variant.
#[derive(Debug)]
pub struct Received {
    pub type_url: String,
    pub nonce: String,
    pub version: String,
    pub identifier: String,
    pub removed: Vec<String>,
    resources: Vec<Any>,
    versions: HashMap<String, String>,
}

impl Received {
    /// The resources' own names, read from their bytes, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.resources.iter().map(own_name).collect();
        names.sort();
        if !self.versions.is_empty() {
            let mut told: Vec<&String> = self.versions.keys().collect();
            told.sort();
            assert_eq!(told, names.iter().collect::<Vec<_>>(), "the names beside the resources are the resources' own");
        }
        names
    }

    /// How many endpoints the assignment of that name has.
    pub fn endpoints(&self, name: &str) -> usize {
        let decoded = self.resources.iter().map(|any| ClusterLoadAssignment::decode(any.value.as_slice()).expect("endpoints"));
        let found = decoded.into_iter().find(|assignment| assignment.cluster_name == name).expect("that assignment");
        found.endpoints.iter().map(|locality| locality.lb_endpoints.len()).sum()
    }

    pub async fn ack_on(&self, stream: &mut Delta) {
        stream.ack_of(&self.type_url, &self.nonce).await;
    }
}

fn own_name(any: &Any) -> String {
    let bytes = any.value.as_slice();
    match any.type_url.as_str() {
        CDS => Cluster::decode(bytes).expect("a cluster").name,
        EDS => ClusterLoadAssignment::decode(bytes).expect("endpoints").cluster_name,
        LDS => Listener::decode(bytes).expect("a listener").name,
        RDS => RouteConfiguration::decode(bytes).expect("routes").name,
        RTDS => Runtime::decode(bytes).expect("a layer").name,
        other => panic!("{other} is not expected"),
    }
}

impl From<DiscoveryResponse> for Received {
    fn from(response: DiscoveryResponse) -> Received {
        assert!(response.resources.iter().all(|any| any.type_url == response.type_url));
        Received {
            type_url: response.type_url,
            nonce: response.nonce,
            version: response.version_info,
            identifier: response.control_plane.unwrap_or_default().identifier,
            removed: Vec::new(),
            resources: response.resources,
            versions: HashMap::new(),
        }
    }
}

impl From<DeltaDiscoveryResponse> for Received {
    fn from(response: DeltaDiscoveryResponse) -> Received {
        let versions = response.resources.iter().map(|resource| (resource.name.clone(), resource.version.clone())).collect();
        let of_its_type = |any: &Any| any.type_url == response.type_url;
        assert!(response.resources.iter().filter_map(|resource| resource.resource.as_ref()).all(of_its_type));
        Received {
            type_url: response.type_url,
            nonce: response.nonce,
            version: response.system_version_info,
            identifier: response.control_plane.unwrap_or_default().identifier,
            removed: response.removed_resources,
            resources: response.resources.into_iter().filter_map(|resource| resource.resource).collect(),
            versions,
        }
    }
}

/// One stream: what is sent on it, and what comes, or the status with which it was refused.
struct Wire<Q, R> {
    requests: mpsc::Sender<Q>,
    responses: Result<Streaming<R>, Status>,
}

impl<Q: Message + 'static, R: Message + Default + 'static> Wire<Q, R> {
    async fn open(address: SocketAddr, path: &str) -> Wire<Q, R> {
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("a server");
        Wire::open_by(channel, path).await
    }

    async fn open_by(channel: Channel, path: &str) -> Wire<Q, R> {
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.expect("a connection");
        let (requests, inbound) = mpsc::channel(16);
        let path = PathAndQuery::from_str(&format!("/{path}")).expect("a path");
        let request = Request::new(ReceiverStream::new(inbound));
        let opened = grpc.streaming(request, path, ProstCodec::<Q, R>::default());
        let responses = tokio::time::timeout(LIMIT, opened).await.expect("in time").map(tonic::Response::into_inner);
        Wire { requests, responses }
    }

    async fn next(&mut self) -> Result<R, Status> {
        let stream = self.responses.as_mut().map_err(|status| status.clone())?;
        let message = tokio::time::timeout(LIMIT, stream.message()).await.expect("a response in time")?;
        message.ok_or_else(|| Status::ok("the stream has ended"))
    }
}

pub struct Sotw {
    wire: Wire<DiscoveryRequest, DiscoveryResponse>,
}

impl Sotw {
    pub async fn open(address: SocketAddr) -> Sotw {
        Sotw::open_on(address, "envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources").await
    }

    pub async fn open_on(address: SocketAddr, path: &str) -> Sotw {
        Sotw { wire: Wire::open(address, path).await }
    }

    pub async fn open_by(channel: Channel, path: &str) -> Sotw {
        Sotw { wire: Wire::open_by(channel, path).await }
    }

    /// What is sent here is sent on the stream, also while something is waited for.
    pub fn requests(&self) -> mpsc::Sender<DiscoveryRequest> {
        self.wire.requests.clone()
    }

    pub async fn ask(&mut self, node: Option<Node>, type_url: &str, names: &[&str]) {
        let resource_names = names.iter().map(|name| name.to_string()).collect();
        let request = DiscoveryRequest { node, type_url: type_url.into(), resource_names, ..Default::default() };
        self.wire.requests.send(request).await.expect("an open stream");
    }

    pub async fn next(&mut self) -> Received {
        self.wire.next().await.expect("a response").into()
    }

    pub async fn nack(&mut self, received: &Received, names: &[&str], message: &str) {
        let request = DiscoveryRequest {
            type_url: received.type_url.clone(),
            response_nonce: received.nonce.clone(),
            resource_names: names.iter().map(|name| name.to_string()).collect(),
            error_detail: Some(rpc::Status { code: 13, message: message.into(), details: Vec::new() }),
            ..Default::default()
        };
        self.wire.requests.send(request).await.expect("an open stream");
    }

    /// The first request of a type after a reconnect, telling the version that is held.
    pub async fn resume(&mut self, node: Node, type_url: &str, names: &[&str], held: &Received) {
        let (type_url, version_info) = (type_url.into(), held.version.clone());
        let resource_names = names.iter().map(|name| name.to_string()).collect();
        let request = DiscoveryRequest { node: Some(node), type_url, version_info, resource_names, ..Default::default() };
        self.wire.requests.send(request).await.expect("an open stream");
    }

    /// Accepts a response, and asks for these names.
    pub async fn ack(&mut self, received: &Received, names: &[&str]) {
        let request = DiscoveryRequest {
            version_info: received.version.clone(),
            type_url: received.type_url.clone(),
            response_nonce: received.nonce.clone(),
            resource_names: names.iter().map(|name| name.to_string()).collect(),
            ..Default::default()
        };
        self.wire.requests.send(request).await.expect("an open stream");
    }

    /// A request that holds a NACK whose details are this text.
    pub async fn resume_raw(&mut self, node: Node, text: &str) {
        let request = DiscoveryRequest { node: Some(node), response_nonce: text.into(), ..Default::default() };
        self.wire.requests.send(request).await.expect("an open stream");
    }

    /// The next response of a type; others may come in between.
    pub async fn next_of(&mut self, type_url: &str) -> Received {
        loop {
            let received = self.next().await;
            if received.type_url == type_url {
                return received;
            }
        }
    }

    pub async fn error(&mut self) -> Status {
        self.wire.next().await.expect_err("the stream to be refused")
    }
}

pub struct Delta {
    wire: Wire<DeltaDiscoveryRequest, DeltaDiscoveryResponse>,
}

impl Delta {
    pub async fn open(address: SocketAddr) -> Delta {
        Delta::open_on(address, "envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources").await
    }

    pub async fn open_on(address: SocketAddr, path: &str) -> Delta {
        Delta { wire: Wire::open(address, path).await }
    }

    pub async fn open_by(channel: Channel, path: &str) -> Delta {
        Delta { wire: Wire::open_by(channel, path).await }
    }

    pub async fn send(&mut self, request: DeltaDiscoveryRequest) {
        self.wire.requests.send(request).await.expect("an open stream");
    }

    pub async fn ask(&mut self, node: Option<Node>, type_url: &str, names: &[&str]) {
        let resource_names_subscribe = names.iter().map(|name| name.to_string()).collect();
        self.send(DeltaDiscoveryRequest { node, type_url: type_url.into(), resource_names_subscribe, ..Default::default() }).await;
    }

    /// Accepts the response that has this nonce.
    pub async fn ack_of(&mut self, type_url: &str, nonce: &str) {
        let (type_url, response_nonce) = (type_url.into(), nonce.into());
        self.send(DeltaDiscoveryRequest { type_url, response_nonce, ..Default::default() }).await;
    }

    /// The next response as it is.
    pub async fn next_raw(&mut self) -> DeltaDiscoveryResponse {
        self.wire.next().await.expect("a response")
    }

    /// Whether it was not refused.
    pub fn is_open(&self) -> bool {
        self.wire.responses.is_ok()
    }

    /// Ends the requests, and reads on until the stream has ended.
    pub async fn finish(mut self) -> Status {
        self.wire.requests = mpsc::channel(1).0;
        loop {
            if let Err(status) = self.wire.next().await {
                return status;
            }
        }
    }

    /// The first request of a type after a reconnect, telling what is held.
    pub async fn resume(&mut self, node: Node, type_url: &str, names: &[&str], held: &Received) {
        let resource_names_subscribe = names.iter().map(|name| name.to_string()).collect();
        let initial_resource_versions = held.versions.clone();
        let type_url = type_url.into();
        self.send(DeltaDiscoveryRequest {
            node: Some(node),
            type_url,
            resource_names_subscribe,
            initial_resource_versions,
            ..Default::default()
        })
        .await;
    }

    pub async fn nack(&mut self, received: &Received, message: &str) {
        let error_detail = Some(rpc::Status { code: 13, message: message.into(), details: Vec::new() });
        let (type_url, response_nonce) = (received.type_url.clone(), received.nonce.clone());
        self.send(DeltaDiscoveryRequest { type_url, response_nonce, error_detail, ..Default::default() }).await;
    }

    pub async fn next(&mut self) -> Received {
        self.wire.next().await.expect("a response").into()
    }

    pub async fn error(&mut self) -> Status {
        self.wire.next().await.expect_err("the stream to be refused")
    }
}
