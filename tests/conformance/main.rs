//! Rows of conduct that need a real connection: identity, readiness, services, status codes, and what stands on the wire.
//!
//! The client here is tonic's own, with Envoy's own messages, so that the server's hand-written wire format is read by somebody
//! else. Rows that need no connection are held by the session transcripts in `src/xds/session_tests.rs`.

mod acked;
mod client;
mod counted;
mod csds;
mod either;
mod endings;
mod floods;
mod limits;
mod named;
mod nothing;
#[path = "../common/pki.rs"]
mod pki;
mod raw;
mod reports;
mod returning;
mod server;
mod slow;
mod tls;

use client::{Delta, Sotw, node};
use either::{BOTH, Either};
use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::xds::core::v3::ContextParams;
use raw::Raw;
use server::{CDS, EDS, LDS, RDS, TestServer, release};
use tidegate::serve::{self, Options};
use tidegate::xds::Variant;
use tonic::Code;
use tonic::transport::Channel;

const CLUSTERS: &str = "envoy.service.cluster.v3.ClusterDiscoveryService";
const ENDPOINTS: &str = "envoy.service.endpoint.v3.EndpointDiscoveryService";

#[tokio::test]
async fn a1_a_first_request_without_node_is_refused() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        for nobody in [None, Some(node(""))] {
            let mut stream = Either::open(&server, variant).await;
            stream.ask(nobody, CDS, &[]).await;
            assert_eq!(stream.error().await.code(), Code::InvalidArgument);
        }
    }
    assert!(server.running().board.is_empty(), "no state is kept of who has no name");
}

#[tokio::test]
async fn a2_later_requests_may_repeat_the_node_or_not() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1"]);
    stream.ask(Some(node("n1")), EDS, &["shop/v1"]).await;
    assert_eq!(stream.next_of(EDS).await.names(), ["shop/v1"]);
    stream.ask(None, LDS, &[]).await;
    assert_eq!(stream.next_of(LDS).await.type_url, LDS);
}

/// Whatever else of it changes, a stream is the node's that it was opened for.
#[tokio::test]
async fn a2_the_first_request_says_what_the_stream_is_given() {
    let (name, text) = release("shop", &["v1"], "v1");
    let config = ("tidegate.yaml".to_owned(), "fleets: {edge: {node_cluster: edge}}\n".to_owned());
    let files = [(name, format!("{text}fleets: [edge]\n")), release("cart", &["v1"], "v1"), config];
    let server = TestServer::start(&files).await;
    let of_cluster = |cluster: &str| {
        let params = ContextParams { params: [("shard".to_owned(), cluster.to_owned())].into() };
        let dynamic_parameters = [(CDS.to_owned(), params)].into();
        Some(Node { cluster: cluster.into(), dynamic_parameters, ..node("n1") })
    };
    for variant in BOTH {
        for (first, then, given) in [("edge", "test", &["cart/v1", "shop/v1"][..]), ("test", "edge", &["cart/v1"])] {
            let mut stream = Either::open(&server, variant).await;
            stream.ask(of_cluster(first), CDS, &[]).await;
            let clusters = stream.next().await;
            assert_eq!(clusters.names(), given, "{variant:?}");
            stream.ack(&clusters, &[]).await;
            stream.ask(of_cluster(then), EDS, &["cart/v1", "shop/v1"]).await;
            assert_eq!(stream.next_of(EDS).await.names(), given, "{variant:?}: {then} after {first}");
        }
    }
}

#[tokio::test]
async fn a3_another_node_on_the_same_stream_is_refused() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), CDS, &[]).await;
        stream.next().await;
        stream.ask(Some(node("n2")), CDS, &[]).await;
        let error = stream.error().await;
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains("n1") && error.message().contains("n2"), "{error}");
    }
}

#[tokio::test]
async fn a5_two_streams_of_one_node_live_and_die_apart() {
    for variant in BOTH {
        let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
        let (mut old, mut new) = (Either::open(&server, variant).await, Either::open(&server, variant).await);
        for stream in [&mut old, &mut new] {
            stream.ask(Some(node("n1")), CDS, &[]).await;
            let clusters = stream.next().await;
            stream.ack(&clusters, &[]).await;
        }
        server.write(&release("cart", &["v1"], "v1"));
        for stream in [&mut old, &mut new] {
            let news = stream.next().await;
            assert!(news.names().contains(&"cart/v1".to_owned()), "{variant:?}: both are told");
            stream.ack(&news, &[]).await;
        }
        drop(old);
        server.board_until(|streams| streams.len() == 1).await;
        server.write(&release("book", &["v1"], "v1"));
        assert!(new.next().await.names().contains(&"book/v1".to_owned()), "{variant:?}: the one that is left is told");
    }
}

#[tokio::test]
async fn a7_before_the_first_load_streams_are_refused_as_unavailable() {
    for variant in BOTH {
        let server = TestServer::start(&[]).await;
        let mut stream = Either::open(&server, variant).await;
        assert_eq!(stream.error().await.code(), Code::Unavailable);
        server.write(&release("shop", &["v1"], "v1"));
        server.ready().await;
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), CDS, &[]).await;
        assert_eq!(stream.next().await.names(), ["shop/v1"]);
    }
}

/// That every resource has the type of the response, [`client::Received`] looks at in every test.
#[tokio::test]
async fn b9_o5_responses_are_what_envoy_reads() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    for variant in BOTH {
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), CDS, &[]).await;
        let first = stream.next().await;
        assert_eq!((first.type_url.as_str(), first.names()), (CDS, vec!["shop/v1".to_owned(), "shop/v2".to_owned()]));
        stream.ask(None, EDS, &["shop/v1"]).await;
        let second = stream.next_of(EDS).await;
        assert_eq!(second.names(), ["shop/v1"], "the assignment's cluster name is the name that was asked for");
        assert_ne!(first.nonce, second.nonce);
        for response in [first, second] {
            let identifier = &response.identifier;
            assert!(identifier.starts_with(concat!("tidegate/", env!("CARGO_PKG_VERSION"))), "{variant:?}: {identifier:?}");
            assert!(!response.nonce.is_empty() && response.nonce != response.version, "{variant:?}: {response:?}");
        }
    }
}

#[tokio::test]
async fn c3_a_nack_is_silent_and_its_text_is_on_the_board() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let rejected = stream.next().await;
    stream.nack(&rejected, "cluster has a bad moon").await;
    let streams = server.board_until(|streams| streams.iter().any(|s| s.types.values().any(|t| t.rejected.is_some()))).await;
    let rejection = streams[0].types.values().find_map(|of_type| of_type.rejected.clone()).expect("a rejection");
    assert_eq!((rejection.message.as_str(), rejection.resources.len()), ("cluster has a bad moon", 1));
    // The next thing to arrive answers a later question: nothing was sent in between.
    stream.ask(None, LDS, &[]).await;
    assert_eq!(stream.next().await.type_url, LDS);
}

#[tokio::test]
async fn e1_o1_o2_a_restarted_server_and_a_second_one_send_nothing_that_is_known() {
    let releases = [release("shop", &["v1", "v2"], "v1"), release("cart", &["v1"], "v1")];
    let first = TestServer::start(&releases).await;
    let mut stream = Delta::open(first.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let held = stream.next().await;
    assert_eq!(held.names(), ["cart/v1", "shop/v1", "shop/v2"]);
    drop(stream);
    for server in [first.restart(|_| ()).await, TestServer::start(&releases).await] {
        let mut stream = Delta::open(server.xds()).await;
        stream.resume(node("n1"), CDS, &[], &held).await;
        let answer = stream.next().await;
        assert_eq!(
            (answer.names(), answer.removed.len()),
            (Vec::<String>::new(), 0),
            "the same content has the same version everywhere"
        );
    }
}

#[tokio::test]
async fn e4_f4_a_sotw_client_that_returns_to_a_restarted_server_keeps_what_its_routes_still_use() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let held = stream.next().await;
    drop(stream);
    let server = server.restart(|files| files.write(&release("shop", &["v2"], "v2"))).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.resume(node("n1"), CDS, &[], &held).await;
    assert_eq!(stream.next().await.names(), ["shop/v1", "shop/v2"]);
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n2")), CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v2"], "who comes with nothing is given nothing old");
}

#[tokio::test]
async fn o1_comments_and_touches_send_nothing() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    let (name, text) = release("shop", &["v1"], "v1");
    let before = server.generation();
    server.write(&(name, format!("# a comment\n{text}")));
    server.generation_after(before).await;
    server.write(&release("cart", &["v1"], "v1"));
    assert_eq!(stream.next().await.names(), ["cart/v1"], "the next thing to arrive is the next real change");
}

#[tokio::test]
async fn h1_an_empty_type_is_refused_on_ads_and_implied_on_typed_services() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), "", &[]).await;
        assert_eq!(stream.error().await.code(), Code::InvalidArgument);
        let mut stream = Either::open_on(&server, variant, CLUSTERS, "Clusters").await;
        stream.ask(Some(node("n1")), "", &[]).await;
        assert_eq!(stream.next().await.names(), ["shop/v1"]);
    }
}

#[tokio::test]
async fn h2_the_wrong_type_on_a_typed_service_is_refused() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        let mut stream = Either::open_on(&server, variant, CLUSTERS, "Clusters").await;
        stream.ask(Some(node("n1")), RDS, &["tidegate"]).await;
        assert_eq!(stream.error().await.code(), Code::InvalidArgument);
    }
}

/// An Envoy on typed services has all its streams on one connection.
#[tokio::test]
async fn h3_a_connection_has_room_for_the_streams_of_a_node_on_typed_services() {
    const STREAMS: usize = 500;
    let many: Vec<(String, String)> = (0..STREAMS).map(|n| release(&format!("s{n}"), &["v1"], "v1")).collect();
    let server = TestServer::start(&many).await;
    let settings = Raw::open(&server).await.next_of(raw::SETTINGS).await;
    let allowed = settings.setting(raw::MAX_STREAMS);
    assert!(allowed.is_none_or(|allowed| allowed >= 100_000), "{allowed:?}");
    for variant in BOTH {
        let channel = Channel::from_shared(format!("http://{}", server.xds())).expect("an address");
        let channel = channel.connect().await.expect("a server");
        let mut streams = Vec::new();
        for n in 0..STREAMS {
            let name = format!("s{n}/v1");
            let mut stream = Either::open_by(channel.clone(), variant, ENDPOINTS, "Endpoints").await;
            stream.ask(Some(node("n1")), EDS, &[&name]).await;
            assert_eq!(stream.next().await.names(), [name]);
            streams.push(stream);
        }
        server.board_until(|streams| streams.len() == STREAMS).await;
        drop(streams);
        server.board_until(<[_]>::is_empty).await;
    }
}

#[tokio::test]
async fn h4_methods_that_are_not_offered_are_unimplemented() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for path in [
        "envoy.service.cluster.v3.ClusterDiscoveryService/FetchClusters",
        "envoy.service.route.v3.VirtualHostDiscoveryService/StreamVirtualHosts",
        "envoy.service.route.v3.VirtualHostDiscoveryService/",
    ] {
        let mut stream = Sotw::open_on(server.xds(), path).await;
        assert_eq!(stream.error().await.code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test]
async fn n1_an_unknown_type_harms_nobody() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let extensions = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
    for (variant, unknown) in [(Variant::Delta, extensions), (Variant::Sotw, extensions), (Variant::Sotw, "made up")] {
        let mut stream = Either::open(&server, variant).await;
        let mut node = Some(node("n1"));
        // First of all, and again when clusters are there.
        for kind in [CDS, LDS] {
            stream.ask(node.take(), unknown, &["flags"]).await;
            if variant == Variant::Delta {
                let answer = stream.next().await;
                assert_eq!(answer.type_url, unknown);
                assert_eq!(answer.removed, ["flags"], "in delta it is told that the name does not exist");
            }
            stream.ask(None, kind, &[]).await;
            let answer = stream.next().await;
            assert_eq!(answer.type_url, kind, "{variant:?}: nothing else was sent for {unknown}");
            stream.ack(&answer, &[]).await;
        }
        stream.ask(None, EDS, &["shop/v1"]).await;
        assert_eq!(stream.next().await.names(), ["shop/v1"], "{variant:?}: and what is asked later is answered");
    }
}

#[tokio::test]
async fn f4_a_cutover_on_the_wire_is_made_before_it_is_broken() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    stream.next().await.ack_on(&mut stream).await;
    stream.ask(None, RDS, &["tidegate"]).await;
    stream.next().await.ack_on(&mut stream).await;
    server.write(&release("shop", &["v2"], "v2"));
    let clusters = stream.next().await;
    assert_eq!((clusters.type_url.as_str(), clusters.names(), clusters.removed.len()), (CDS, vec!["shop/v2".to_owned()], 0));
    clusters.ack_on(&mut stream).await;
    let routes = stream.next().await;
    assert_eq!(routes.type_url, RDS);
    routes.ack_on(&mut stream).await;
    let gone = stream.next().await;
    assert_eq!((gone.type_url.as_str(), gone.removed), (CDS, vec!["shop/v1".to_owned()]));
}

#[tokio::test]
async fn large_resources_arrive_whole_among_small_ones() {
    let many: Vec<String> = (1..=500).map(|port| format!("\"127.0.1.11:{port}\"")).collect();
    let text = format!("service: big\nhosts: [big.example.com]\nversions:\n  v1: [{}]\nstable: v1\n", many.join(", "));
    let server = TestServer::start(&[("big.yaml".into(), text), release("shop", &["v1"], "v1")]).await;
    let mut sotw = Sotw::open(server.xds()).await;
    sotw.ask(Some(node("n1")), EDS, &["shop/v1", "big/v1"]).await;
    let mut delta = Delta::open(server.xds()).await;
    delta.ask(Some(node("n2")), EDS, &["shop/v1", "big/v1"]).await;
    for received in [sotw.next().await, delta.next().await] {
        assert_eq!(received.names(), ["big/v1", "shop/v1"]);
        assert_eq!(received.endpoints("big/v1"), 500);
    }
}

#[tokio::test]
async fn a_server_that_was_shut_down_leaves_its_state_to_the_next() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = || Options::local(dir.path().join("releases"), dir.path().join("state"));
    for _ in 0..3 {
        serve::start(options()).await.expect("the state folder is free").shutdown().await.expect("a clean end");
    }
}
