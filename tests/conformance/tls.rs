//! Row A4: who is on the connection, and for which node it may speak. With real certificates, over real handshakes.

use tidegate::serve::Running;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};
use tonic::{Code, Status};

use crate::client::{Delta, Sotw, node};
use crate::pki::{Ca, Pair};
use crate::server::{CDS, LDS, LIMIT, TestServer, release};

const EDGE: &str = "spiffe://prod/ns/edge/7";
pub const MUTUAL: &str = "xds: {tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}}\n";
const FLEETS: &str =
    "fleets: {edge: {node_cluster: edge, identities: [\"spiffe://prod/ns/edge/*\"]}, open: {node_cluster: test}}\n";

fn file(name: &str, text: impl Into<String>) -> (String, String) {
    (name.to_owned(), text.into())
}

/// A server's files: a release, the certificate of the port, the CA of its clients, and this `tidegate.yaml`.
pub fn files(ca: &Ca, config: &str) -> Vec<(String, String)> {
    let own = ca.issue(&["127.0.0.1"]);
    vec![
        release("shop", &["v1"], "v1"),
        file("server.pem", own.certificate),
        file("server.key", own.key),
        file("ca.pem", ca.pem()),
        file("tidegate.yaml", config),
    ]
}

/// Connects, trusting that CA and showing that certificate.
pub async fn connect(server: &TestServer, ca: &Ca, own: Option<&Pair>) -> Result<Channel, Error> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca.pem()));
    let tls = match own {
        Some(own) => tls.identity(Identity::from_pem(&own.certificate, &own.key)),
        None => tls,
    };
    let endpoint = Endpoint::from_shared(format!("https://{}", server.xds())).expect("an address");
    endpoint.tls_config(tls).expect("certificates").connect_timeout(LIMIT).connect().await
}

async fn delta(server: &TestServer, ca: &Ca, own: &Pair) -> Delta {
    let channel = connect(server, ca, Some(own)).await.expect("a connection");
    Delta::open_by(channel, "envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources").await
}

async fn sotw(server: &TestServer, ca: &Ca, own: &Pair, path: &str) -> Sotw {
    Sotw::open_by(connect(server, ca, Some(own)).await.expect("a connection"), path).await
}

fn problems(running: &Running) -> Vec<String> {
    running.status.borrow().problems.iter().map(|problem| format!("{} {}", problem.code, problem.one_line())).collect()
}

#[tokio::test]
async fn a4_a_certificate_speaks_for_the_nodes_that_are_its_own() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&files(&ca, &format!("{MUTUAL}{FLEETS}"))).await;
    for (names, cluster, id, served) in [
        (&[EDGE][..], "edge", "edge-1", true),
        (&["spiffe://prod/ns/mail/7"], "edge", "edge-1", false),
        (&["edge-1"], "edge", "edge-1", false),
        (&["open-1"], "test", "open-1", true),
        (&["open-1", "open-2"], "test", "open-2", true),
        (&["open-1"], "test", "open-2", false),
        // The SPIFFE ID is who it is; the DNS name is where it is.
        (&[EDGE, "open-1"], "test", "open-1", false),
    ] {
        let (own, mut who) = (ca.issue(names), node(id));
        who.cluster = cluster.to_owned();
        let mut incremental = delta(&server, &ca, &own).await;
        incremental.ask(Some(who.clone()), CDS, &[]).await;
        let ads = "envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
        let mut aggregated = sotw(&server, &ca, &own, ads).await;
        aggregated.ask(Some(who.clone()), CDS, &[]).await;
        let mut typed = sotw(&server, &ca, &own, "envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters").await;
        typed.ask(Some(who), CDS, &[]).await;
        if served {
            for received in [incremental.next().await, aggregated.next().await, typed.next().await] {
                assert_eq!(received.names(), ["shop/v1"]);
            }
            continue;
        }
        for error in [incremental.error().await, aggregated.error().await, typed.error().await] {
            assert_eq!(error.code(), Code::PermissionDenied, "{names:?} as {id} of {cluster}: {error}");
            assert!(error.message().contains(names[0]) && error.message().contains(id), "both are named: {error}");
        }
    }
}

#[tokio::test]
async fn a4_who_shows_no_certificate_or_a_foreign_one_is_not_heard() {
    let (ca, foreign) = (Ca::new("ca"), Ca::new("foreign"));
    let server = TestServer::start(&files(&ca, MUTUAL)).await;
    let answer = async |own: Option<&Pair>| -> Result<(), Status> {
        // With TLS 1.3 the client believes itself connected before the server has looked at its certificate.
        let Ok(channel) = connect(&server, &ca, own).await else { return Err(Status::unavailable("no connection")) };
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.map(drop)
    };
    let own = ca.issue(&["n1"]);
    answer(Some(&own)).await.expect("the right one is heard");
    answer(None).await.expect_err("none");
    answer(Some(&foreign.issue(&["n1"]))).await.expect_err("a foreign one");
    let plain = Channel::from_shared(format!("http://{}", server.xds())).expect("an address").connect().await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(plain.expect("TCP"));
    health.check(tonic_health::pb::HealthCheckRequest::default()).await.expect_err("no TLS at all");
    connect(&server, &foreign, Some(&own)).await.expect_err("the client, too, knows whom it trusts");
}

#[tokio::test]
async fn a_client_ca_alone_is_not_needed_for_tls() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&files(&ca, "xds: {tls: {certificate: server.pem, key: server.key}}\n")).await;
    let channel = connect(&server, &ca, None).await.expect("a connection");
    let mut stream =
        Delta::open_by(channel, "envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources").await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1"]);
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_ends_no_stream() {
    let (ca, next) = (Ca::new("ca"), Ca::new("next"));
    let server = TestServer::start(&files(&ca, MUTUAL)).await;
    let own = ca.issue(&["n1"]);
    let mut old = delta(&server, &ca, &own).await;
    old.ask(Some(node("n1")), CDS, &[]).await;
    old.next().await.ack_on(&mut old).await;

    let renewed = next.issue(&["127.0.0.1"]);
    server.write(&file("server.pem", renewed.certificate));
    // Between the two files there is a time at which they are no pair.
    let status = server.status_when(|status| status.problems.iter().any(|problem| problem.code == "T902")).await;
    let problem = &status.problems[0];
    assert_eq!((problem.primary.file.path.as_str(), problem.position()), ("tidegate.yaml", (1, 43)), "{}", problem.one_line());
    connect(&server, &ca, Some(&own)).await.expect("what was shown before is still shown");
    server.write(&file("server.key", renewed.key));
    server.status_when(|status| status.problems.is_empty()).await;
    connect(&server, &next, Some(&own)).await.expect("the new one is shown");
    connect(&server, &ca, Some(&own)).await.expect_err("and the old one is not");

    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(old.next().await.names(), ["cart/v1"], "who was connected stays so");
}

#[tokio::test]
async fn files_that_are_of_no_use_change_nothing_and_are_told() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&files(&ca, MUTUAL)).await;
    let own = ca.issue(&["n1"]);
    for (name, broken) in [("server.key", "no key"), ("ca.pem", "no CA"), ("server.pem", "no certificate")] {
        let good = std::fs::read_to_string(server.path(name)).expect("a file");
        server.write(&file(name, broken));
        server.status_when(|status| status.problems.iter().any(|problem| problem.code == "T902")).await;
        delta(&server, &ca, &own).await.ask(Some(node("n1")), CDS, &[]).await;
        server.write(&file(name, good));
        server.status_when(|status| status.problems.is_empty()).await;
    }
    // After a restart there is nothing to go on with, so nobody is let in: not by the old rule, and not by none.
    let server = server.restart_unready(|files| files.write(&file("server.key", "no key"))).await;
    let status = server.status_when(|status| !status.problems.is_empty()).await;
    assert!(!status.ready, "{:?}", problems(server.running()));
    connect(&server, &ca, Some(&own)).await.expect_err("by TLS");
    let plain = Channel::from_shared(format!("http://{}", server.xds())).expect("an address");
    let heard = async {
        let mut health = tonic_health::pb::health_client::HealthClient::new(plain.connect().await.map_err(drop)?);
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.map_err(drop)
    };
    heard.await.expect_err("without TLS");
}

#[tokio::test]
async fn a_port_that_begins_to_ask_for_tls_ends_what_came_in_without() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&files(&ca, "listeners: {}\n")).await;
    let mut plain = Delta::open(server.xds()).await;
    plain.ask(Some(node("n1")), CDS, &[]).await;
    plain.next().await.ack_on(&mut plain).await;
    server.write(&file("tidegate.yaml", MUTUAL));
    let error = plain.error().await;
    assert!([Code::Unauthenticated, Code::Unavailable, Code::Unknown].contains(&error.code()), "{error}");
    let mut own = delta(&server, &ca, &ca.issue(&["n1"])).await;
    own.ask(Some(node("n1")), CDS, &[]).await;
    own.next().await.ack_on(&mut own).await;

    // A file that is lost takes no lock off.
    std::fs::remove_file(server.path("tidegate.yaml")).expect("removed");
    server.status_when(|status| status.problems.iter().any(|problem| problem.code == "T903")).await;
    own.ask(None, LDS, &[]).await;
    assert_eq!(own.next().await.type_url, LDS);
}

#[tokio::test]
async fn a_stream_ends_when_its_node_comes_under_another_rule() {
    let ca = Ca::new("ca");
    let server = TestServer::start(&files(&ca, &format!("{MUTUAL}{FLEETS}"))).await;
    let own = ca.issue(&["open-1"]);
    let mut stream = delta(&server, &ca, &own).await;
    stream.ask(Some(node("open-1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    server.write(&file("tidegate.yaml", format!("{MUTUAL}{}", FLEETS.replace("node_cluster: edge", "node_id: \"*\""))));
    let error = stream.error().await;
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    let refused = server.metrics_line("tidegate_xds_refused_total{reason=\"identity\"}").await;
    assert!(refused.ends_with(" 1"), "{refused}");
}
