//! Load reporting (rows K), and what becomes of the reports.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::{Address, Node, SocketAddress, address, socket_address};
use envoy_types::pb::envoy::config::endpoint::v3::{ClusterStats, UpstreamEndpointStats, UpstreamLocalityStats};
use envoy_types::pb::envoy::service::load_stats::v3::load_reporting_service_client::LoadReportingServiceClient;
use envoy_types::pb::envoy::service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse};
use envoy_types::pb::google::protobuf::Duration;
use tidegate::reports::Loads;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::client::node;
use crate::pki::Ca;
use crate::server::{LIMIT, TestServer, release};
use crate::tls;

const SEND_ALL: &str = "envoy.lrs.supports_send_all_clusters";

/// A client that reports.
struct Reporter {
    requests: mpsc::Sender<LoadStatsRequest>,
    answers: Streaming<LoadStatsResponse>,
}

impl Reporter {
    /// Opens a stream and says who is there.
    async fn open(address: SocketAddr, id: &str, user_agent: &str, features: &[&str]) -> Reporter {
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("a server");
        let client_features = features.iter().map(|feature| feature.to_string()).collect();
        let node = Node { user_agent_name: user_agent.into(), client_features, ..node(id) };
        Reporter::open_by(channel, node).await
    }

    /// The same by a connection of the caller's.
    async fn open_by(channel: Channel, node: Node) -> Reporter {
        let mut client = LoadReportingServiceClient::new(channel);
        let (requests, inbound) = mpsc::channel(16);
        requests.send(LoadStatsRequest { node: Some(node), cluster_stats: vec![] }).await.expect("room");
        let answers = client.stream_load_stats(ReceiverStream::new(inbound)).await.expect("a stream").into_inner();
        Reporter { requests, answers }
    }

    async fn next(&mut self) -> Result<LoadStatsResponse, Status> {
        let message = tokio::time::timeout(LIMIT, self.answers.message()).await.expect("an answer in time")?;
        message.ok_or_else(|| Status::ok("the stream has ended"))
    }

    async fn asked(&mut self) -> LoadStatsResponse {
        self.next().await.expect("an answer")
    }

    /// Reports so many requests in progress to each of these clusters.
    async fn report(&self, clusters: &[(&str, u64)]) {
        let stats: Vec<_> = clusters.iter().map(|(name, in_progress)| stats(name, *in_progress, vec![])).collect();
        self.report_stats(stats).await;
    }

    async fn report_stats(&self, cluster_stats: Vec<ClusterStats>) {
        let request = LoadStatsRequest { node: None, cluster_stats };
        self.requests.send(request).await.expect("an open stream");
    }
}

fn stats(name: &str, in_progress: u64, endpoints: Vec<UpstreamEndpointStats>) -> ClusterStats {
    ClusterStats {
        cluster_name: name.to_string(),
        upstream_locality_stats: vec![UpstreamLocalityStats {
            total_requests_in_progress: in_progress,
            total_successful_requests: 8,
            total_error_requests: 2,
            upstream_endpoint_stats: endpoints,
            ..UpstreamLocalityStats::default()
        }],
        load_report_interval: Some(Duration { seconds: 4, nanos: 0 }),
        ..ClusterStats::default()
    }
}

fn endpoint(address: SocketAddr, in_progress: u64) -> UpstreamEndpointStats {
    let port_specifier = Some(socket_address::PortSpecifier::PortValue(address.port().into()));
    let socket = SocketAddress { address: address.ip().to_string(), port_specifier, ..SocketAddress::default() };
    let address = Some(Address { address: Some(address::Address::SocketAddress(socket)) });
    UpstreamEndpointStats { address, total_requests_in_progress: in_progress, ..UpstreamEndpointStats::default() }
}

async fn loads_until(server: &TestServer, good: impl Fn(&Loads) -> bool) {
    let loads = &server.running().loads;
    let mut changes = loads.changes();
    let look = async {
        while !good(loads) {
            changes.changed().await.expect("a table");
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("in time");
}

/// Requests in progress, and the nodes that say so.
fn in_progress(loads: &Loads, cluster: &str) -> Option<(u64, usize)> {
    loads.in_progress(cluster).map(|found| (found.requests, found.nodes))
}

#[tokio::test]
async fn k1_k2_who_can_is_asked_for_all_and_who_cannot_by_name() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    let mut able = Reporter::open(server.xds(), "n1", "envoy", &[SEND_ALL]).await;
    let asked = able.asked().await;
    assert_eq!((asked.send_all_clusters, asked.clusters), (true, vec![]));
    assert_eq!(asked.load_reporting_interval, Some(Duration { seconds: 1, nanos: 0 }), "never less, and never none");
    let mut unable = Reporter::open(server.xds(), "n2", "envoy", &[]).await;
    let asked = unable.asked().await;
    assert_eq!((asked.send_all_clusters, asked.clusters), (false, vec!["shop/v1".to_owned(), "shop/v2".to_owned()]));
    assert_eq!(asked.load_reporting_interval, Some(Duration { seconds: 1, nanos: 0 }));
}

#[tokio::test]
async fn k1_who_comes_before_the_first_load_waits_for_it() {
    let server = TestServer::start(&[]).await;
    let mut able = Reporter::open(server.xds(), "n1", "envoy", &[SEND_ALL]).await;
    let mut unable = Reporter::open(server.xds(), "n2", "envoy", &[]).await;
    server.write(&release("shop", &["v1"], "v1"));
    // Sent away, it would come back seconds after everything else of it.
    assert!(able.asked().await.send_all_clusters, "and is asked when it is known who may report");
    assert_eq!(unable.asked().await.clusters, ["shop/v1"]);
}

#[tokio::test]
async fn k3_reports_are_of_the_node_of_the_stream_and_go_with_it() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    let first = Reporter::open(server.xds(), "n1", "envoy", &[SEND_ALL]).await;
    let second = Reporter::open(server.xds(), "n2", "envoy", &[SEND_ALL]).await;
    first.report(&[("shop/v1", 3), ("shop/v2", 1)]).await;
    second.report(&[("shop/v1", 4)]).await;
    loads_until(&server, |loads| in_progress(loads, "shop/v1") == Some((7, 2))).await;
    first.report(&[("shop/v1", 0), ("shop/v2", 1)]).await;
    loads_until(&server, |loads| in_progress(loads, "shop/v1") == Some((4, 2))).await;
    let loads = &server.running().loads;
    assert_eq!(loads.rates("shop/v1").map(|rates| (rates.finished, rates.failed)), Some((5.0, 1.0)), "over 4 s each");
    drop(first);
    loads_until(&server, |loads| loads.nodes() == 1).await;
    assert_eq!((in_progress(loads, "shop/v1"), in_progress(loads, "shop/v2")), (Some((4, 1)), None));
    drop(second);
    loads_until(&server, |loads| loads.nodes() == 0).await;
    assert_eq!(in_progress(loads, "shop/v1"), None);
}

#[tokio::test]
async fn k3_a_report_of_nothing_is_a_report() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let grpc = Reporter::open(server.xds(), "n1", "gRPC Go", &[SEND_ALL]).await;
    grpc.report(&[("shop/v1", 3)]).await;
    loads_until(&server, |loads| in_progress(loads, "shop/v1") == Some((3, 1))).await;
    grpc.report(&[]).await;
    loads_until(&server, |loads| in_progress(loads, "shop/v1") == Some((0, 1))).await;
}

#[tokio::test]
async fn k4_an_envoy_is_asked_anew_on_its_stream() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut envoy = Reporter::open(server.xds(), "n1", "envoy", &[]).await;
    assert_eq!(envoy.asked().await.clusters, ["shop/v1"]);
    envoy.report(&[("shop/v1", 1)]).await;
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(envoy.asked().await.clusters, ["cart/v1", "shop/v1"]);
    assert_eq!(in_progress(&server.running().loads, "shop/v1"), Some((1, 1)), "what it said still holds");
}

#[tokio::test]
async fn k4_grpc_is_made_to_open_its_stream_anew() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut grpc = Reporter::open(server.xds(), "n1", "gRPC C-core", &[]).await;
    assert_eq!(grpc.asked().await.clusters, ["shop/v1"]);
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(grpc.next().await.expect_err("the end").code(), Code::Unavailable);
    let mut grpc = Reporter::open(server.xds(), "n1", "gRPC C-core", &[]).await;
    assert_eq!(grpc.asked().await.clusters, ["cart/v1", "shop/v1"]);
}

#[tokio::test]
async fn k5_endpoints_are_asked_for_while_they_are_wanted() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut envoy = Reporter::open(server.xds(), "n1", "envoy", &[SEND_ALL]).await;
    assert!(!envoy.asked().await.report_endpoint_granularity);
    let loads = &server.running().loads;
    loads.want_endpoints(BTreeSet::from(["shop/v1".to_owned()]));
    envoy.report(&[("shop/v1", 3)]).await;
    assert!(envoy.asked().await.report_endpoint_granularity);
    let (one, two) = (SocketAddr::from(([127, 0, 1, 11], 8080)), SocketAddr::from(([127, 0, 1, 12], 8080)));
    assert_eq!(loads.in_progress_at("shop/v1", one), None, "it did not know that it should tell");
    envoy.report_stats(vec![stats("shop/v1", 3, vec![endpoint(one, 3)])]).await;
    let at = |loads: &Loads, at| loads.in_progress_at("shop/v1", at).map(|found| (found.requests, found.nodes));
    loads_until(&server, |loads| at(loads, one) == Some((3, 1))).await;
    assert_eq!(at(loads, two), Some((0, 1)));
    loads.want_endpoints(BTreeSet::new());
    assert!(!envoy.asked().await.report_endpoint_granularity, "and no longer");
    assert_eq!(at(loads, one), None);
}

#[tokio::test]
async fn a4_a_certificate_reports_for_the_nodes_that_are_its_own() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&tls::files(&ca, tls::MUTUAL)).await;
    let own = ca.issue(&["n1"]);
    let by = async || tls::connect(&server, &ca, Some(&own)).await.expect("a connection");
    let mut mine = Reporter::open_by(by().await, node("n1")).await;
    assert_eq!(mine.asked().await.clusters, ["shop/v1"]);
    let mut other = Reporter::open_by(by().await, node("n2")).await;
    assert_eq!(other.next().await.expect_err("a refusal").code(), Code::PermissionDenied);
    assert_eq!(server.running().loads.nodes(), 1);
}

#[tokio::test]
async fn reports_that_nobody_can_mean_end_their_stream_alone() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let healthy = Reporter::open(server.xds(), "n1", "envoy", &[SEND_ALL]).await;
    let mut nameless = Reporter::open(server.xds(), "", "envoy", &[SEND_ALL]).await;
    assert_eq!(nameless.next().await.expect_err("a refusal").code(), Code::InvalidArgument);
    let mut long = Reporter::open(server.xds(), "n2", "envoy", &[SEND_ALL]).await;
    long.asked().await;
    long.report(&[(&"x".repeat(2000), 1)]).await;
    assert_eq!(long.next().await.expect_err("a refusal").code(), Code::InvalidArgument);
    let mut many = Reporter::open(server.xds(), "n3", "envoy", &[SEND_ALL]).await;
    many.asked().await;
    many.report(&vec![("x", 1); 60_000]).await;
    assert_eq!(many.next().await.expect_err("a refusal").code(), Code::ResourceExhausted);
    let mut other = Reporter::open(server.xds(), "n4", "envoy", &[SEND_ALL]).await;
    other.asked().await;
    let node = Some(Node { id: "n5".into(), ..Node::default() });
    other.requests.send(LoadStatsRequest { node, cluster_stats: vec![] }).await.expect("an open stream");
    assert_eq!(other.next().await.expect_err("a refusal").code(), Code::InvalidArgument);
    healthy.report(&[("shop/v1", 1)]).await;
    loads_until(&server, |loads| loads.nodes() == 1 && in_progress(loads, "shop/v1") == Some((1, 1))).await;
}
