//! Envoys on a simulated host: delta, on ADS, each on a connection of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, route, route_action, weighted_cluster};
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tidegate::snapshot::Kind;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;
use turmoil::Sim;
use turmoil::net::TcpStream;

use super::server::{PORT, Site};

const KINDS: [Kind; 3] = [Kind::Cluster, Kind::Endpoints, Kind::Route];

/// The RouteConfiguration that their listeners lead to.
const ROUTES: &str = "tidegate";

/// Some Envoys.
#[derive(Clone)]
pub struct Fleet(Vec<Arc<Mutex<Envoy>>>);

/// What one of them holds, by kind and name, and what it has been through.
#[derive(Default)]
pub struct Envoy {
    held: BTreeMap<Kind, BTreeMap<String, String>>,
    /// Clusters that its routes lead to.
    led_to: BTreeSet<String>,
    resources: usize,
    connections: usize,
}

impl Fleet {
    /// So many that hold nothing.
    pub fn new(count: usize) -> Fleet {
        Fleet((0..count).map(|_| Arc::default()).collect())
    }

    /// Lets them live on a host.
    pub fn live(&self, sim: &mut Sim<'_>, host: &str) {
        let nodes = self.0.clone();
        sim.host(host, move || {
            let nodes = nodes.clone();
            async move {
                for (n, node) in nodes.into_iter().enumerate() {
                    tokio::spawn(live(format!("node-{n}"), node));
                }
                std::future::pending().await
            }
        });
    }

    /// Whether it is so of all of them.
    pub fn all(&self, good: impl Fn(&Envoy) -> bool) -> bool {
        self.0.iter().all(|node| good(&lock(node)))
    }

    /// No route may lead to a cluster that is not there.
    pub fn check(&self) {
        self.0.iter().for_each(|node| {
            let node = lock(node);
            let clusters = node.of(Kind::Cluster);
            let lost: Vec<_> = node.led_to.iter().filter(|name| !clusters.contains_key(*name)).collect();
            assert!(lost.is_empty(), "routes lead to {lost:?}");
        });
    }

    /// Resources that they have been sent in all.
    pub fn resources(&self) -> usize {
        self.0.iter().map(|node| lock(node).resources).sum()
    }

    /// Streams that they have opened in all.
    pub fn connections(&self) -> usize {
        self.0.iter().map(|node| lock(node).connections).sum()
    }
}

fn lock(node: &Mutex<Envoy>) -> MutexGuard<'_, Envoy> {
    node.lock().expect("a node")
}

impl Envoy {
    fn of(&self, kind: Kind) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.held.get(&kind).unwrap_or(&NONE)
    }

    /// Whether it holds that cluster.
    pub fn holds(&self, cluster: &str) -> bool {
        self.of(Kind::Cluster).contains_key(cluster)
    }

    /// Whether it holds just what it should.
    pub fn is_at(&self, site: &Site) -> bool {
        let view = site.view();
        KINDS.iter().all(|kind| {
            let there = view.of(*kind).iter().filter(|(name, _)| *kind != Kind::Route || name.as_ref() == ROUTES);
            *self.of(*kind) == there.map(|(name, resource)| (name.to_string(), resource.version.to_string())).collect()
        })
    }

    /// What is said first of a kind on a stream.
    fn first(&self, kind: Kind) -> DeltaDiscoveryRequest {
        let names = match kind {
            Kind::Endpoints => self.of(Kind::Cluster).keys().cloned().collect(),
            Kind::Route => vec![ROUTES.to_owned()],
            _ => Vec::new(),
        };
        DeltaDiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names_subscribe: names,
            initial_resource_versions: self.of(kind).clone().into_iter().collect::<HashMap<_, _>>(),
            ..Default::default()
        }
    }

    /// Takes a response; what is said to it.
    fn take(&mut self, response: DeltaDiscoveryResponse) -> Vec<DeltaDiscoveryRequest> {
        let kind = Kind::from_type_url(&response.type_url).expect("a known type");
        self.resources += response.resources.len();
        let before: BTreeSet<String> = self.of(Kind::Cluster).keys().cloned().collect();
        let started = self.held.contains_key(&Kind::Cluster);
        let held = self.held.entry(kind).or_default();
        if kind == Kind::Cluster {
            response.removed_resources.iter().for_each(|name| drop(held.remove(name)));
        }
        for resource in &response.resources {
            held.insert(resource.name.clone(), resource.version.clone());
        }
        if kind == Kind::Route {
            self.led_to = response.resources.iter().flat_map(|any| led_to(&any.resource.as_ref().expect("routes").value)).collect();
        }
        let answer = DeltaDiscoveryRequest { type_url: response.type_url, response_nonce: response.nonce, ..Default::default() };
        let mut said = self.follow(&before);
        said.push(answer);
        if kind == Kind::Cluster && !started {
            said.push(self.first(Kind::Route));
        }
        said
    }

    /// Endpoints are asked for as clusters come and go.
    fn follow(&mut self, before: &BTreeSet<String>) -> Vec<DeltaDiscoveryRequest> {
        let now: BTreeSet<String> = self.of(Kind::Cluster).keys().cloned().collect();
        if now == *before {
            return Vec::new();
        }
        self.held.entry(Kind::Endpoints).or_default().retain(|name, _| now.contains(name));
        vec![DeltaDiscoveryRequest {
            type_url: Kind::Endpoints.type_url().into(),
            resource_names_subscribe: now.difference(before).cloned().collect(),
            resource_names_unsubscribe: before.difference(&now).cloned().collect(),
            ..Default::default()
        }]
    }
}

/// Clusters that a RouteConfiguration leads to.
fn led_to(bytes: &[u8]) -> Vec<String> {
    let routes = RouteConfiguration::decode(bytes).expect("routes");
    let actions = routes.virtual_hosts.into_iter().flat_map(|host| host.routes).filter_map(|route| route.action);
    let specifiers = actions.filter_map(|action| match action {
        route::Action::Route(action) => action.cluster_specifier,
        _ => None,
    });
    let name = |weighted: weighted_cluster::ClusterWeight| weighted.name;
    specifiers
        .flat_map(|specifier| match specifier {
            route_action::ClusterSpecifier::Cluster(name) => vec![name],
            route_action::ClusterSpecifier::WeightedClusters(weighted) => weighted.clusters.into_iter().map(name).collect(),
            _ => vec![],
        })
        .collect()
}

/// Connects, and again whenever the connection ends.
async fn live(id: String, node: Arc<Mutex<Envoy>>) {
    loop {
        let ended = converse(&id, &node).await;
        tracing::debug!(id, ?ended, "a stream has ended");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn connect() -> Result<Channel, tonic::transport::Error> {
    let connector = tower::service_fn(async |_| TcpStream::connect(("server", PORT)).await.map(TokioIo::new));
    Endpoint::from_static("http://server")
        .http2_keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .connect_timeout(Duration::from_secs(5))
        .connect_with_connector(connector)
        .await
}

/// One stream, from its beginning to its end.
async fn converse(id: &str, node: &Mutex<Envoy>) -> Result<(), Status> {
    let channel = connect().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let (requests, inbound) = mpsc::unbounded_channel();
    let say = |said: Vec<DeltaDiscoveryRequest>| said.into_iter().for_each(|request| drop(requests.send(request)));
    {
        let mut node = lock(node);
        let used = KINDS.into_iter().filter(|kind| *kind == Kind::Cluster || node.held.contains_key(&Kind::Cluster));
        let mut first: Vec<_> = used.map(|kind| node.first(kind)).collect();
        first[0].node = Some(Node { id: id.into(), ..Node::default() });
        node.connections += 1;
        say(first);
    }
    let path = PathAndQuery::from_str("/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources");
    let request = tonic::Request::new(UnboundedReceiverStream::new(inbound));
    let codec = ProstCodec::<DeltaDiscoveryRequest, DeltaDiscoveryResponse>::default();
    let mut responses = grpc.streaming(request, path.expect("a path"), codec).await?.into_inner();
    while let Some(response) = responses.message().await? {
        let said = lock(node).take(response);
        say(said);
    }
    Ok(())
}
