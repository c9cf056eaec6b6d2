//! A node that is no Envoy: it takes what it is sent, and refuses routes while it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use envoy_types::pb::google::rpc::Status;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;

use crate::server::Server;

const CLUSTERS: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

/// What it says when it refuses.
pub const NO: &str = "these routes are no good";

/// The node. It hangs up when it is dropped.
pub struct Puppet {
    refuses: Arc<AtomicBool>,
    _task: AbortOnDropHandle<()>,
}

impl Puppet {
    /// A node of that id, once it has everything.
    pub async fn connect(server: &Server, id: &str, nodes: usize) -> Puppet {
        let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{}", server.xds())).await.expect("a server");
        let (requests, sent) = mpsc::channel(64);
        let node = Some(Node { id: id.to_owned(), cluster: "puppets".to_owned(), ..Node::default() });
        let first = DiscoveryRequest { node, type_url: CLUSTERS.to_owned(), ..DiscoveryRequest::default() };
        requests.send(first).await.expect("a stream");
        let answers = client.stream_aggregated_resources(ReceiverStream::new(sent)).await.expect("a stream").into_inner();
        let refuses = Arc::new(AtomicBool::new(false));
        let held = Held { requests, refuses: refuses.clone(), endpoints: of(ENDPOINTS), routes: of(ROUTES) };
        let task = AbortOnDropHandle::new(tokio::spawn(held.live(answers)));
        server.in_sync(nodes).await;
        Puppet { refuses, _task: task }
    }

    /// Whether it refuses the routes that come from now on.
    pub fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Relaxed);
    }
}

fn of(type_url: &str) -> DiscoveryRequest {
    DiscoveryRequest { type_url: type_url.to_owned(), ..DiscoveryRequest::default() }
}

/// What it has, as the requests that say so.
struct Held {
    requests: mpsc::Sender<DiscoveryRequest>,
    refuses: Arc<AtomicBool>,
    endpoints: DiscoveryRequest,
    routes: DiscoveryRequest,
}

impl Held {
    async fn live(mut self, mut answers: tonic::Streaming<DiscoveryResponse>) {
        // It ends when the server does.
        while let Ok(Some(response)) = answers.message().await {
            match response.type_url.as_str() {
                CLUSTERS => self.clusters(response).await,
                ENDPOINTS => self.endpoints(response).await,
                ROUTES => self.routes(response).await,
                other => panic!("{other} was not asked for"),
            }
        }
    }

    async fn clusters(&mut self, response: DiscoveryResponse) {
        let own = |any: &envoy_types::pb::google::protobuf::Any| Cluster::decode(any.value.as_slice()).expect("a cluster").name;
        let names: Vec<String> = response.resources.iter().map(own).collect();
        let first = self.routes.resource_names.is_empty();
        self.say(DiscoveryRequest { version_info: response.version_info, response_nonce: response.nonce, ..of(CLUSTERS) }).await;
        if self.endpoints.resource_names != names {
            self.endpoints.resource_names = names;
            self.say(self.endpoints.clone()).await;
        }
        if first {
            self.routes.resource_names = vec!["tidegate".to_owned()];
            self.say(self.routes.clone()).await;
        }
    }

    async fn endpoints(&mut self, response: DiscoveryResponse) {
        (self.endpoints.version_info, self.endpoints.response_nonce) = (response.version_info, response.nonce);
        self.say(self.endpoints.clone()).await;
    }

    async fn routes(&mut self, response: DiscoveryResponse) {
        self.routes.response_nonce = response.nonce;
        if self.refuses.load(Relaxed) {
            let no = Status { code: 13, message: NO.to_owned(), ..Status::default() };
            return self.say(DiscoveryRequest { error_detail: Some(no), ..self.routes.clone() }).await;
        }
        self.routes.version_info = response.version_info;
        self.say(self.routes.clone()).await;
    }

    async fn say(&self, request: DiscoveryRequest) {
        // A server that has ended hears nothing.
        let _ = self.requests.send(request).await;
    }
}
