//! The client status API (rows L), on the admin port.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use envoy_types::pb::envoy::config::cluster::v3::Cluster;
use envoy_types::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use envoy_types::pb::envoy::service::discovery::v3::DiscoveryRequest;
use envoy_types::pb::envoy::service::endpoint::v3::endpoint_discovery_service_client::EndpointDiscoveryServiceClient;
use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::envoy::service::status::v3::client_status_discovery_service_client::ClientStatusDiscoveryServiceClient;
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ClientStatusRequest, ClientStatusResponse, ConfigStatus};
use envoy_types::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use envoy_types::pb::envoy::r#type::matcher::v3::{NodeMatcher, StringMatcher};
use prost::Message;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_reflection::pb::v1;

use crate::client::{Sotw, node};
use crate::either::{BOTH, Either};
use crate::server::{CDS, EDS, LIMIT, RDS, TestServer, release};

async fn client(address: SocketAddr) -> ClientStatusDiscoveryServiceClient<Channel> {
    ClientStatusDiscoveryServiceClient::connect(format!("http://{address}")).await.expect("a server")
}

async fn fetch(server: &TestServer, request: ClientStatusRequest) -> Result<Vec<ClientConfig>, Status> {
    let answer = client(server.admin()).await.fetch_client_status(request).await;
    answer.map(|response| response.into_inner().config)
}

/// All answers to one request, once the client has said that there will be no other.
async fn stream(server: &TestServer, request: ClientStatusRequest) -> Vec<ClientStatusResponse> {
    let answers = client(server.admin()).await.stream_client_status(tokio_stream::iter([request])).await.expect("a stream");
    let all = answers.into_inner().map(|answer| answer.expect("an answer")).collect();
    tokio::time::timeout(LIMIT, all).await.expect("in time")
}

fn ids(configs: &[ClientConfig]) -> Vec<&str> {
    configs.iter().map(|config| config.node.as_ref().expect("a node").id.as_str()).collect()
}

/// How each resource of a client stands, by type and name.
fn standing(config: &ClientConfig) -> BTreeMap<(&str, &str), ConfigStatus> {
    config.generic_xds_configs.iter().map(|one| ((one.type_url.as_str(), one.name.as_str()), one.config_status())).collect()
}

fn resource<'a>(config: &'a ClientConfig, type_url: &str, name: &str) -> &'a GenericXdsConfig {
    let found = config.generic_xds_configs.iter().find(|one| one.type_url == type_url && one.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in {:?}", standing(config)))
}

/// The one client there is, once it stands as wanted.
async fn client_until(server: &TestServer, good: impl Fn(&ClientConfig) -> bool) -> ClientConfig {
    let mut changes = server.running().board.changes();
    let look = async {
        loop {
            let configs = fetch(server, ClientStatusRequest::default()).await.expect("an answer");
            if let Some(config) = configs.first().filter(|config| configs.len() == 1 && good(config)) {
                return config.clone();
            }
            changes.changed().await.expect("a board");
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("in time")
}

#[tokio::test]
async fn l1_sent_acknowledged_and_not_sent_are_told_apart() {
    for variant in BOTH {
        let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
        let mut xds = Either::open(&server, variant).await;
        xds.ask(Some(node("n1")), CDS, &[]).await;
        let clusters = xds.next().await;
        xds.ask(None, EDS, &["shop/v1", "made/up"]).await;
        let endpoints = xds.next_of(EDS).await;
        xds.ack(&endpoints, &["shop/v1", "made/up"]).await;
        // The routes wait for the ACK of the cluster.
        xds.ask(None, RDS, &["tidegate"]).await;
        let config = client_until(&server, |config| standing(config).contains_key(&(RDS, "tidegate"))).await;
        assert_eq!(
            standing(&config),
            BTreeMap::from([
                ((CDS, "shop/v1"), ConfigStatus::Stale),
                ((EDS, "made/up"), ConfigStatus::NotSent),
                ((EDS, "shop/v1"), ConfigStatus::Synced),
                ((RDS, "tidegate"), ConfigStatus::NotSent),
            ])
        );
        xds.ack(&clusters, &[]).await;
        assert_eq!(xds.next_of(RDS).await.names(), ["tidegate"]);
        let config = client_until(&server, |config| standing(config)[&(RDS, "tidegate")] == ConfigStatus::Stale).await;
        let cluster = resource(&config, CDS, "shop/v1");
        assert_eq!(cluster.config_status(), ConfigStatus::Synced);
        assert_eq!((cluster.client_status, cluster.error_state.as_ref()), (0, None), "that is for clients to say");
        assert_eq!(cluster.version_info.len(), 32, "{}", cluster.version_info);
        assert!(cluster.last_updated.is_some());
        let contents = cluster.xds_config.as_ref().expect("contents");
        assert_eq!(Cluster::decode(contents.value.as_slice()).expect("a cluster").name, "shop/v1");
    }
}

#[tokio::test]
async fn l1_a_rejected_resource_is_told_with_the_clients_words() {
    for variant in BOTH {
        let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
        let mut xds = Either::open(&server, variant).await;
        xds.ask(Some(node("n1")), CDS, &[]).await;
        let clusters = xds.next().await;
        xds.ack(&clusters, &[]).await;
        server.write(&release("cart", &["v1"], "v1"));
        let rejected = xds.next().await;
        xds.nack(&rejected, &[], "no such moon").await;
        let config = client_until(&server, |config| standing(config).values().any(|status| *status == ConfigStatus::Error)).await;
        assert_eq!(resource(&config, CDS, "shop/v1").config_status(), ConfigStatus::Synced, "it was not in that response");
        let cart = resource(&config, CDS, "cart/v1");
        let error = cart.error_state.as_ref().expect("an error");
        assert_eq!((error.details.as_str(), &error.version_info), ("no such moon", &cart.version_info));
        assert!(error.last_update_attempt.is_some());
        assert_eq!(error.failed_configuration, cart.xds_config);
        let contents = cart.xds_config.as_ref().expect("the rejected version");
        assert_eq!(Cluster::decode(contents.value.as_slice()).expect("a cluster").name, "cart/v1");
    }
}

#[tokio::test]
async fn l2_any_matcher_picks_and_none_picks_all() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut streams = Vec::new();
    for id in ["a1", "b1", "c1"] {
        let mut xds = Sotw::open(server.xds()).await;
        xds.ask(Some(node(id)), CDS, &[]).await;
        xds.next().await;
        streams.push(xds);
    }
    let matcher = |pattern| {
        let node_id = Some(StringMatcher { match_pattern: Some(pattern), ignore_case: false });
        NodeMatcher { node_id, node_metadatas: vec![] }
    };
    let two = vec![matcher(MatchPattern::Exact("a1".into())), matcher(MatchPattern::Prefix("c".into()))];
    let picked = ClientStatusRequest { node_matchers: two, ..ClientStatusRequest::default() };
    assert_eq!(ids(&fetch(&server, picked.clone()).await.expect("an answer")), ["a1", "c1"]);
    let answers = stream(&server, picked).await;
    assert_eq!((answers.len(), ids(&answers[0].config)), (1, vec!["a1", "c1"]));
    assert_eq!(ids(&fetch(&server, ClientStatusRequest::default()).await.expect("an answer")), ["a1", "b1", "c1"]);
    let nobody = vec![matcher(MatchPattern::Exact("d1".into()))];
    let nobody = ClientStatusRequest { node_matchers: nobody, ..ClientStatusRequest::default() };
    assert_eq!(stream(&server, nobody).await, [ClientStatusResponse::default()], "nothing is an answer too");
    let bad = ClientStatusRequest {
        node_matchers: vec![NodeMatcher { node_id: Some(StringMatcher::default()), node_metadatas: vec![] }],
        ..ClientStatusRequest::default()
    };
    assert_eq!(fetch(&server, bad).await.expect_err("a refusal").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn l2_what_is_too_much_for_one_message_comes_in_several_on_a_stream() {
    let many: Vec<String> = (0..10_000).map(|i| format!("\"127.0.1.{}:{}\"", i % 100 + 1, i / 100 + 1000)).collect();
    let big = |service: &str| {
        let head = format!("service: {service}\nhosts: [{service}.example.com]");
        (format!("{service}.yaml"), format!("{head}\nversions:\n  v1: [{}]\nstable: v1\n", many.join(", ")))
    };
    let server = TestServer::start(&["a", "b"].map(big)).await;
    let nodes: Vec<String> = (10..20).map(|i| format!("n{i}")).collect();
    let mut streams = Vec::new();
    for id in &nodes {
        let mut xds = Sotw::open(server.xds()).await;
        xds.ask(Some(node(id)), EDS, &["a/v1", "b/v1"]).await;
        xds.next().await;
        streams.push(xds);
    }
    let refused = fetch(&server, ClientStatusRequest::default()).await.expect_err("a refusal");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    for way_out in ["10 clients", "node_matchers", "exclude_resource_contents", "StreamClientStatus"] {
        assert!(refused.message().contains(way_out), "{refused}");
    }
    let bare = ClientStatusRequest { exclude_resource_contents: true, ..ClientStatusRequest::default() };
    let bare = fetch(&server, bare).await.expect("an answer");
    assert_eq!(ids(&bare), nodes);
    let all = || bare.iter().flat_map(|config| &config.generic_xds_configs);
    assert!(all().all(|one| one.xds_config.is_none() && !one.version_info.is_empty()));

    let answers = stream(&server, ClientStatusRequest::default()).await;
    assert_eq!(answers.last(), Some(&ClientStatusResponse::default()), "the end of several is told");
    assert!(answers.len() > 4 && answers.iter().all(|answer| answer.encoded_len() < 2 << 20));
    let parts = answers.iter().flat_map(|answer| &answer.config);
    let told =
        parts.flat_map(|part| part.generic_xds_configs.iter().map(move |one| (ids(std::slice::from_ref(part))[0], &one.name)));
    let names = ["a/v1".to_owned(), "b/v1".to_owned()];
    let want = nodes.iter().flat_map(|id| names.iter().map(move |name| (id.as_str(), name)));
    assert!(told.eq(want), "each once, and in order");
}

#[tokio::test]
async fn l2_the_streams_of_one_connection_to_typed_services_are_one_client() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let channel = Channel::from_shared(format!("http://{}", server.xds())).expect("an address").connect().await.expect("a server");
    let ask = |type_url: &str, names: &[&str]| {
        let resource_names = names.iter().map(|name| name.to_string()).collect();
        let request = DiscoveryRequest { node: Some(node("n1")), type_url: type_url.into(), resource_names, ..Default::default() };
        // Requests without an end, so that the stream stays open.
        tokio_stream::iter([request]).chain(tokio_stream::pending())
    };
    let clusters = ClusterDiscoveryServiceClient::new(channel.clone()).stream_clusters(ask(CDS, &[])).await;
    let mut clusters = clusters.expect("a stream").into_inner();
    let endpoints = EndpointDiscoveryServiceClient::new(channel).stream_endpoints(ask(EDS, &["shop/v1"])).await;
    let mut endpoints = endpoints.expect("a stream").into_inner();
    clusters.message().await.expect("clusters");
    endpoints.message().await.expect("endpoints");
    let mut elsewhere = Sotw::open(server.xds()).await;
    elsewhere.ask(Some(node("n1")), CDS, &[]).await;
    elsewhere.next().await;
    let configs = fetch(&server, ClientStatusRequest::default()).await.expect("an answer");
    assert_eq!(ids(&configs), ["n1", "n1"], "another connection is another client");
    let mut sizes: Vec<usize> = configs.iter().map(|config| config.generic_xds_configs.len()).collect();
    sizes.sort();
    assert_eq!(sizes, [1, 2]);
}

#[tokio::test]
async fn l3_it_is_on_the_admin_port_alone_and_reflection_says_so() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let refused = client(server.xds()).await.fetch_client_status(ClientStatusRequest::default()).await;
    assert_eq!(refused.expect_err("a refusal").code(), Code::Unimplemented);
    let (csds, lrs) = ("envoy.service.status.v3.ClientStatusDiscoveryService", "envoy.service.load_stats.v3.LoadReportingService");
    let (admin, xds) = (services(server.admin()).await, services(server.xds()).await);
    let has = |services: &[String], name: &str| services.iter().any(|service| service == name);
    assert!(has(&admin, csds) && !has(&admin, lrs), "{admin:?}");
    assert!(has(&xds, lrs) && !has(&xds, csds), "{xds:?}");
}

/// The services that reflection lists on a port.
async fn services(address: SocketAddr) -> Vec<String> {
    use v1::server_reflection_client::ServerReflectionClient;
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let channel = Channel::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("a server");
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = v1::ServerReflectionRequest { host: String::new(), message_request };
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter([request])).await.expect("a stream").into_inner();
    match answers.message().await.expect("an answer").and_then(|answer| answer.message_response) {
        Some(MessageResponse::ListServicesResponse(list)) => list.service.into_iter().map(|service| service.name).collect(),
        other => panic!("{other:?}"),
    }
}
