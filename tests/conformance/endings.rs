//! Rows A6, M5, N2, N8 and N9: how streams, connections and the server end.

use std::time::{Duration, Instant};

use tidegate::serve::Options;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{Delta, Sotw, node};
use crate::limits::ADS;
use crate::pki::Ca;
use crate::raw::{self, Raw};
use crate::server::{CDS, EDS, LIMIT, TestServer, release};
use crate::tls::{MUTUAL, connect, files};

fn shop() -> [(String, String); 1] {
    [release("shop", &["v1"], "v1")]
}

async fn channel(server: &TestServer) -> Channel {
    Channel::from_shared(format!("http://{}", server.xds())).expect("an address").connect().await.expect("a server")
}

/// Waits until something holds that nobody tells of.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

#[tokio::test]
async fn a6_five_hundred_nodes_come_once_and_leave_nothing() {
    let server = TestServer::start(&shop()).await;
    // A connection of the test's own HTTP client is one more task.
    let tasks = async || Handle::current().metrics().num_alive_tasks();
    server.http("/metrics").await;
    let before = tasks().await;
    for turn in 0..500 {
        let id = format!("n{turn}");
        match turn % 4 {
            0 => {
                let mut stream = Delta::open(server.xds()).await;
                stream.ask(Some(node(&id)), CDS, &[]).await;
                stream.next().await;
                assert_eq!(stream.finish().await.code(), Code::Ok, "who says goodbye is wished well");
            }
            1 => {
                let mut stream = Sotw::open(server.xds()).await;
                stream.ask(Some(node(&id)), CDS, &[]).await;
            }
            2 => {
                let path = "envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints";
                let mut stream = Delta::open_on(server.xds(), path).await;
                stream.ask(Some(node(&id)), EDS, &["shop/v1"]).await;
                stream.next().await;
            }
            _ => in_the_middle(&server).await,
        }
    }
    server.board_until(<[_]>::is_empty).await;
    until("the tasks to end", async || tasks().await <= before).await;
    let text = server.http("/metrics").await;
    let open: Vec<&str> = text.lines().filter(|line| line.starts_with("tidegate_connected_streams{")).collect();
    assert!(open.len() == 4 && open.iter().all(|line| line.ends_with(" 0")), "{open:?}");
}

/// Connects, sends the beginning of a request, and is gone.
async fn in_the_middle(server: &TestServer) {
    let mut stream = TcpStream::connect(server.xds()).await.expect("a connection");
    // `:method POST`, `:scheme http`, `:path` and `:authority` as literals (RFC 7541 section 6.2.2), then a part of a message.
    let path = format!("/{ADS}/DeltaAggregatedResources");
    let head = [b"\x83\x86\x04", &[u8::try_from(path.len()).expect("short")][..], path.as_bytes(), b"\x01\x01a"].concat();
    let frame = |kind: u8, flags: u8, body: &[u8]| {
        [&u32::try_from(body.len()).expect("short").to_be_bytes()[1..], &[kind, flags, 0, 0, 0, u8::from(kind != 4)], body].concat()
    };
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let all = [preface, frame(4, 0, &[]), frame(1, 4, &head), frame(0, 0, b"\0\0\0\0\x20half")].concat();
    stream.write_all(&all).await.expect("sent");
    server.metrics_line("tidegate_connected_streams").await;
}

#[tokio::test]
async fn n8_a_connection_ends_at_its_age_and_the_client_comes_back_to_nothing_new() {
    let server =
        TestServer::start_with(&shop(), |options| Options { max_connection_age: Duration::from_millis(200), ..options }).await;
    let channel = channel(&server).await;
    let path = format!("{ADS}/DeltaAggregatedResources");
    let mut stream = Delta::open_by(channel.clone(), &path).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let held = stream.next().await;
    held.ack_on(&mut stream).await;
    assert_eq!(stream.error().await.code(), Code::Unavailable);
    let mut stream = Delta::open_by(channel, &path).await;
    stream.resume(node("n1"), CDS, &[], &held).await;
    let again = stream.next().await;
    assert_eq!((again.names(), again.removed.len()), (Vec::<String>::new(), 0), "nothing is sent again");
}

#[tokio::test]
async fn n8_a_connection_with_tls_has_an_age_too() {
    let ca = Ca::new("ca");
    let age = Duration::from_millis(200);
    let server = TestServer::start_with(&files(&ca, MUTUAL), |options| Options { max_connection_age: age, ..options }).await;
    let channel = connect(&server, &ca, Some(&ca.issue(&["n1"]))).await.expect("a connection");
    let mut stream = Delta::open_by(channel, &format!("{ADS}/DeltaAggregatedResources")).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    assert_eq!(stream.error().await.code(), Code::Unavailable);
}

#[tokio::test]
async fn n9_n2_streams_end_one_after_the_other_as_unavailable() {
    let server = TestServer::start_with(&shop(), |options| Options { shutdown_spread: Duration::from_secs(1), ..options }).await;
    let mut streams = Vec::new();
    for turn in 0..20 {
        let mut stream = Delta::open(server.xds()).await;
        stream.ask(Some(node(&format!("n{turn}"))), CDS, &[]).await;
        stream.next().await.ack_on(&mut stream).await;
        streams.push(stream);
    }
    let mut health = HealthClient::new(channel(&server).await);
    let mut watched = health.watch(HealthCheckRequest::default()).await.expect("health").into_inner();
    let mut said = async || watched.message().await.map(|answer| answer.map(|answer| answer.status()));
    assert_eq!(said().await.expect("an answer"), Some(ServingStatus::Serving));

    server.running().shutdown_token().cancel();
    assert_eq!(said().await.expect("an answer"), Some(ServingStatus::NotServing));
    assert!(server.http("/readyz").await.contains(" 503 "), "it is alive, and not ready");
    assert!(server.http("/livez").await.contains(" 200 "));
    let begun = Instant::now();
    let ends = futures_util::future::join_all(streams.into_iter().map(|mut stream| async move {
        assert_eq!(stream.error().await.code(), Code::Unavailable);
        begun.elapsed()
    }))
    .await;
    let (first, last) = (ends.iter().min().expect("some"), ends.iter().max().expect("some"));
    assert!(*last - *first > Duration::from_millis(200), "they do not go at once: {ends:?}");
    server.ended().await;
}

#[tokio::test]
async fn n9_nobody_is_let_in_any_more() {
    let server = TestServer::start_with(&shop(), |options| Options { shutdown_spread: Duration::from_secs(60), ..options }).await;
    let channel = channel(&server).await;
    let mut stream = Delta::open_by(channel.clone(), &format!("{ADS}/DeltaAggregatedResources")).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    server.running().shutdown_token().cancel();
    until("the port to be closed", async || TcpStream::connect(server.xds()).await.is_err()).await;
    // Who is connected is served to the end.
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(stream.next().await.names(), ["cart/v1"]);
}

#[tokio::test]
async fn n9_who_is_connected_is_told_to_go_elsewhere() {
    let server = TestServer::start(&shop()).await;
    let mut connection = Raw::open(&server).await;
    // By its settings the connection is one of the server's, and not only the system's.
    connection.next_of(raw::SETTINGS).await;
    server.running().shutdown_token().cancel();
    let frame = connection.next_of(raw::GOAWAY).await;
    let error = frame.body.get(4..8).expect("a last stream, and an error code");
    assert_eq!(error, [0; 4], "NO_ERROR: {:?}", frame.body);
}

#[tokio::test]
async fn m5_n9_who_has_just_come_is_answered_before_the_end() {
    let server = TestServer::start(&shop()).await;
    let mut stream = Delta::open(server.xds()).await;
    server.running().shutdown_token().cancel();
    until("the port to be closed", async || TcpStream::connect(server.xds()).await.is_err()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1"]);
    assert_eq!(stream.error().await.code(), Code::Unavailable);
    server.ended().await;
}
