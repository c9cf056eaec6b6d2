//! Which snapshot a stream has acknowledged, as the board says it.

use std::net::SocketAddr;

use tidegate::snapshot::Kind;
use tidegate::xds::StreamStatus;
use tokio::task::JoinSet;

use crate::client::{Delta, Sotw, node};
use crate::server::{CDS, EDS, RDS, TestServer, release};

fn acked(streams: &[StreamStatus]) -> Option<u64> {
    streams.iter().map(|stream| stream.acked).min().flatten()
}

#[tokio::test]
async fn the_board_says_which_snapshot_a_stream_has_acknowledged() {
    let server = TestServer::start(&[release("shop", &["v1", "v2"], "v1")]).await;
    let mut stream = Delta::open(server.xds()).await;
    stream.ask(Some(node("n1")), CDS, &[]).await;
    let clusters = stream.next().await;
    let streams = server.board_until(|streams| streams.iter().any(|stream| !stream.types.is_empty())).await;
    assert_eq!(acked(&streams), None, "nothing was answered");
    clusters.ack_on(&mut stream).await;
    let first = acked(&server.board_until(|streams| acked(streams).is_some()).await);
    server.write(&release("shop", &["v1", "v2"], "v2"));
    let second = acked(&server.board_until(|streams| acked(streams) > first).await);
    stream.ask(None, RDS, &["tidegate"]).await;
    let routes = stream.next().await;
    assert_eq!(routes.type_url, RDS, "of clusters nothing was sent");
    server.board_until(|streams| acked(streams).is_none()).await;
    routes.ack_on(&mut stream).await;
    let last = acked(&server.board_until(|streams| acked(streams).is_some()).await);
    assert_eq!(last, second);
}

/// A client's types, and the names that it asks for of each.
type Wants = &'static [(&'static str, &'static [&'static str])];

const CLUSTERS: (&str, &[&str]) = (CDS, &[]);
const ENDPOINTS: (&str, &[&str]) = (EDS, &["shop/v1", "shop/v2"]);
const ROUTES: (&str, &[&str]) = (RDS, &["tidegate"]);
/// The first of them are sent nothing after the beginning.
const WANTS: [Wants; 3] = [&[CLUSTERS], &[CLUSTERS, ROUTES], &[CLUSTERS, ENDPOINTS, ROUTES]];

/// A service that the clients do not see.
fn of_others(stable: &str) -> (String, String) {
    let (name, text) = release("other", &["v1", "v2"], stable);
    (name, format!("{text}fleets: [edge]\n"))
}

/// Acknowledges whatever comes, for ever.
async fn take_by_delta(server: SocketAddr, id: String, wants: Wants) {
    let mut stream = Delta::open(server).await;
    for (type_url, names) in wants {
        stream.ask(Some(node(&id)), type_url, names).await;
    }
    loop {
        stream.next().await.ack_on(&mut stream).await;
    }
}

async fn take_by_sotw(server: SocketAddr, id: String, wants: Wants) {
    let mut stream = Sotw::open(server).await;
    for (type_url, names) in wants {
        stream.ask(Some(node(&id)), type_url, names).await;
    }
    loop {
        let received = stream.next().await;
        let (_, names) = wants.iter().find(|(type_url, _)| *type_url == received.type_url).expect("a type that was asked for");
        stream.ack(&received, names).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_quick_changes_every_stream_comes_to_the_last() {
    const STREAMS: usize = 150;
    let config = ("tidegate.yaml".to_owned(), "fleets: {edge: {node_cluster: edge}}\n".to_owned());
    let server = TestServer::start(&[config, release("shop", &["v1", "v2"], "v1"), of_others("v1")]).await;
    let mut clients = JoinSet::new();
    for (at, wants) in (0..STREAMS).zip(WANTS.into_iter().cycle()) {
        let (server, id) = (server.xds(), format!("n{at}"));
        match at % 2 {
            0 => clients.spawn(take_by_delta(server, id, wants)),
            _ => clients.spawn(take_by_sotw(server, id, wants)),
        };
    }
    let have_all = |streams: &[StreamStatus]| {
        let newest = Some(server.snapshots());
        streams.len() == STREAMS && streams.iter().all(|stream| stream.acked == newest)
    };
    server.board_until(have_all).await;
    let (before, told) = (server.snapshots(), server.board_until(|_| true).await);
    for stable in ["v2", "v1"].into_iter().cycle().take(20) {
        let generation = server.generation();
        server.write(&release("shop", &["v1", "v2"], stable));
        server.generation_after(generation).await;
    }
    // And one that none of them is sent anything of.
    let generation = server.generation();
    server.write(&of_others("v2"));
    server.generation_after(generation).await;
    let streams = server.board_until(have_all).await;
    assert!(server.snapshots() >= before + 21);
    let pushes = |streams: &[StreamStatus], kind| -> u64 {
        streams.iter().flat_map(|stream| stream.types.iter()).filter(|(of, _)| **of == kind).map(|(_, told)| told.pushes).sum()
    };
    assert_eq!(pushes(&streams, Kind::Cluster), pushes(&told, Kind::Cluster), "clusters did not change");
    assert!(pushes(&streams, Kind::Route) > pushes(&told, Kind::Route), "and routes did");
}
