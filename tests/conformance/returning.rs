//! Clients that come back, to the same server or another (rows E), and what stands the same on all of them (rows O).

use std::collections::HashMap;

use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryRequest;

use crate::client::{Delta, Sotw, node};
use crate::either::{BOTH, Either};
use crate::server::{CDS, EDS, LDS, RDS, TestServer, release};

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn e5_endpoints_of_a_cluster_that_is_gone_are_answered_for() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    // An Envoy whose cluster warms asks for endpoints and for nothing else, and goes on when it is told that there are none.
    let mut delta = Delta::open(server.xds()).await;
    delta.ask(Some(node("n1")), EDS, &["gone/v1", "shop/v1"]).await;
    let answer = delta.next().await;
    assert_eq!((answer.names(), answer.removed.clone()), (vec!["shop/v1".to_owned()], vec!["gone/v1".to_owned()]));
    answer.ack_on(&mut delta).await;
    delta.ask(None, CDS, &[]).await;
    assert_eq!(delta.next().await.names(), ["shop/v1"]);
    let mut sotw = Sotw::open(server.xds()).await;
    sotw.ask(Some(node("n2")), EDS, &["gone/v1", "shop/v1"]).await;
    assert_eq!(sotw.next().await.names(), ["shop/v1"], "the one that is gone holds up no other");
    sotw.ask(None, CDS, &[]).await;
    assert_eq!(sotw.next_of(CDS).await.names(), ["shop/v1"]);
}

#[tokio::test]
async fn e6_a_client_that_holds_fifty_thousand_names_can_come_back() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let held: HashMap<String, String> =
        (0..50_000).map(|n| (format!("{n:05}/{}", "v".repeat(48)), "0123456789abcdef0123456789abcdef".to_owned())).collect();
    let bytes: usize = held.iter().map(|(name, version)| name.len() + version.len()).sum();
    assert!(bytes > 4 << 20, "beyond what gRPC takes by default");
    let mut stream = Delta::open(server.xds()).await;
    stream
        .send(DeltaDiscoveryRequest {
            node: Some(node("n1")),
            type_url: CDS.into(),
            initial_resource_versions: held.clone(),
            ..Default::default()
        })
        .await;
    let first = stream.next().await;
    assert_eq!((first.names(), first.removed.len()), (vec!["shop/v1".to_owned()], 0), "routes may lead to what it holds");
    first.ack_on(&mut stream).await;
    stream.ask(None, RDS, &["tidegate"]).await;
    stream.next().await.ack_on(&mut stream).await;
    let gone = stream.next().await;
    assert_eq!((gone.type_url.as_str(), gone.removed.len()), (CDS, held.len()), "now they do not");
}

#[tokio::test]
async fn e6_in_state_of_the_world_too() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let names: Vec<String> = (0..50_000).map(|n| format!("{n:05}/{}", "v".repeat(94))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["shop/v1"]).collect();
    assert!(names.iter().map(|name| name.len()).sum::<usize>() > 4 << 20, "beyond what gRPC takes by default");
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), EDS, &names).await;
    let endpoints = stream.next().await;
    assert_eq!(endpoints.names(), ["shop/v1"], "what there is of it");
    stream.ack(&endpoints, &names).await;
    stream.ask(None, CDS, &[]).await;
    assert_eq!(stream.next().await.names(), ["shop/v1"], "and it is served on");
}

/// Older Envoys begin a stream with the nonce of the one before.
#[tokio::test]
async fn c8_a_nonce_of_another_stream_is_a_beginning_and_one_that_was_never_given_is_stale() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        let mut before = Either::open(&server, variant).await;
        before.ask(Some(node("n1")), CDS, &[]).await;
        let held = before.next().await;
        drop(before);
        let mut stream = Either::open(&server, variant).await;
        stream.ask_on(Some(node("n1")), CDS, &[], &held.nonce, &held.version).await;
        let clusters = stream.next().await;
        assert_eq!(clusters.names(), ["shop/v1"], "{variant:?}: it is answered as the first request that it is");
        for nonce in ["ffffffffffffffff", "not a nonce"] {
            stream.ask_on(None, CDS, &[], nonce, &held.version).await;
        }
        // The next to arrive answers a later question; and nothing was acknowledged.
        stream.ask(None, EDS, &["shop/v1"]).await;
        assert_eq!(stream.next().await.type_url, EDS, "{variant:?}");
        let streams = server.board_until(|streams| streams.len() == 1).await;
        assert_eq!(streams[0].types.values().map(|of_type| of_type.acks).sum::<u64>(), 0, "{variant:?}");
    }
}

#[tokio::test]
async fn e7_a_version_that_is_told_again_saves_no_answer() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    let mut stream = Sotw::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let clusters = stream.next().await;
    stream.ask(None, EDS, &["shop/v1"]).await;
    let endpoints = stream.next_of(EDS).await;
    drop(stream);
    let mut stream = Sotw::open(server.xds()).await;
    stream.resume(node("n1"), CDS, &[], &clusters).await;
    let again = stream.next().await;
    assert_eq!((again.names(), &again.version), (clusters.names(), &clusters.version), "a wildcard is answered in full");
    stream.resume(node("n1"), EDS, &["shop/v1", "shop/v2"], &endpoints).await;
    assert_eq!(stream.next_of(EDS).await.names(), ["shop/v1", "shop/v2"], "and what it had not asked for is not lost");
}

#[tokio::test]
async fn b9_a_name_that_is_asked_for_twice_is_sent_once() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    let mut sotw = Sotw::open(server.xds()).await;
    sotw.ask(Some(node("n1")), EDS, &["shop/v1", "shop/v1", "shop/v2", "shop/v1"]).await;
    assert_eq!(sotw.next().await.names(), ["shop/v1", "shop/v2"]);
    sotw.ask(None, CDS, &["*", "shop/v1", "shop/v1", "*"]).await;
    assert_eq!(sotw.next_of(CDS).await.names(), ["shop/v1", "shop/v2"]);
    let mut delta = Delta::open(server.xds()).await;
    delta.ask(Some(node("n2")), EDS, &["shop/v1", "shop/v1", "gone/v1", "gone/v1"]).await;
    let answer = delta.next().await;
    assert_eq!((answer.names(), answer.removed), (vec!["shop/v1".to_owned()], vec!["gone/v1".to_owned()]));
}

#[tokio::test]
async fn b9_nothing_of_one_type_is_not_sent_as_nothing_of_another() {
    let (name, text) = release("shop", &["v1"], "v1");
    let config = ("tidegate.yaml".to_owned(), "fleets: {edge: {node_cluster: edge}}\n".to_owned());
    let server = TestServer::start(&[(name, format!("{text}fleets: [edge]\n")), config]).await;
    let mut sotw = Sotw::open(server.xds()).await;
    let mut delta = Delta::open(server.xds()).await;
    let mut node = Some(node("of-another-fleet"));
    for kind in [LDS, CDS] {
        sotw.ask(node.clone(), kind, &[]).await;
        let answer = sotw.next().await;
        assert_eq!((answer.type_url.as_str(), answer.names().len()), (kind, 0));
        delta.ask(node.take(), kind, &[]).await;
        let answer = delta.next().await;
        assert_eq!((answer.type_url.as_str(), answer.names().len()), (kind, 0));
    }
}

#[tokio::test]
async fn g7_of_many_clusters_only_those_that_changed_are_sent() {
    let many: Vec<(String, String)> = (0..300).map(|n| release(&format!("s{n}"), &["v1"], "v1")).collect();
    let server = TestServer::start(&many).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let clusters = stream.next().await;
    assert_eq!(clusters.names().len(), 300);
    clusters.ack_on(&mut stream).await;
    let names = clusters.names();
    stream.ask(None, EDS, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    stream.next().await.ack_on(&mut stream).await;
    server.write(&release("s7", &["v1", "v2"], "v1"));
    let news = stream.next().await;
    assert_eq!((news.type_url.as_str(), news.names(), news.removed.len()), (CDS, vec!["s7/v2".to_owned()], 0));
    news.ack_on(&mut stream).await;
    stream.ask(None, EDS, &["s7/v2"]).await;
    let news = stream.next().await;
    assert_eq!((news.type_url.as_str(), news.names()), (EDS, vec!["s7/v2".to_owned()]));
}

/// Two servers over the same files, and a client that cannot make up its mind.
#[tokio::test]
async fn o1_o4_moving_between_servers_costs_nothing_and_flaps_nothing() {
    let releases = [release("shop", &["v1", "v2"], "v1"), release("cart", &["v1"], "v1")];
    let servers = [TestServer::start(&releases).await, TestServer::start(&releases).await];
    let mut stream = Delta::open(servers[0].xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let clusters = stream.next().await;
    clusters.ack_on(&mut stream).await;
    stream.ask(None, EDS, &["cart/v1", "shop/v1", "shop/v2"]).await;
    let endpoints = stream.next().await;
    stream.ask(None, RDS, &["tidegate"]).await;
    let routes = stream.next().await;
    for turn in 1..=50 {
        stream = Delta::open(servers[turn % 2].xds()).await;
        let names = ["cart/v1", "nobody", "shop/v1", "shop/v2"];
        stream.resume(node("n1"), CDS, &[], &clusters).await;
        let answer = stream.next().await;
        assert_eq!((answer.names().as_slice(), answer.removed.as_slice()), (&[][..], &[][..]), "turn {turn}: clusters");
        answer.ack_on(&mut stream).await;
        for (kind, names, held) in [(EDS, &names[..], &endpoints), (RDS, &["tidegate", "nobody"][..], &routes)] {
            stream.resume(node("n1"), kind, names, held).await;
            let answer = stream.next().await;
            assert_eq!(answer.type_url, kind);
            assert_eq!(answer.names(), NOTHING, "turn {turn}: nothing that it has");
            assert_eq!(answer.removed, ["nobody"]);
            answer.ack_on(&mut stream).await;
        }
    }
}

#[tokio::test]
async fn o1_o4_versions_are_the_same_on_every_server() {
    let releases = [release("shop", &["v1", "v2"], "v1"), release("cart", &["v1"], "v1")];
    let servers = [TestServer::start(&releases).await, TestServer::start(&[&releases[1..], &releases[..1]].concat()).await];
    let mut told = Vec::new();
    for turn in 0..50 {
        let mut stream = Sotw::open(servers[turn % 2].xds()).await;
        let mut versions = Vec::new();
        for (kind, names) in [(RDS, &["tidegate"][..]), (EDS, &["shop/v1"][..]), (LDS, &[][..]), (CDS, &[][..])] {
            stream.ask(Some(node("n1")), kind, names).await;
            versions.push(stream.next_of(kind).await.version);
        }
        told.push(versions);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}
