//! Which snapshot a stream has acknowledged, as the board says it.

use tidegate::xds::StreamStatus;

use crate::client::{Delta, node};
use crate::server::{CDS, RDS, TestServer, release};

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
