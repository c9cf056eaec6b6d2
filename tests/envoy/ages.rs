//! Row N8: connections end at their age, under load, and nothing moves.

use std::time::Duration;

use tidegate::serve::Options;
use tidegate::snapshot::Kind;
use tidegate::xds::StreamStatus;

use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

on_every_envoy!(n8_connections_that_end_at_their_age_lose_nothing_and_move_nothing);

async fn n8_connections_that_end_at_their_age_lose_nothing_and_move_nothing(setup: Setup) {
    let two = Two::start().await;
    let files = [(FILE, two.file("split: {v1: 50%, v2: 50%}"))];
    let age = Duration::from_millis(1500);
    let server = Server::start_with(&files, |options| Options { max_connection_age: age, ..options }).await;
    let proxy = Proxy::start(setup, &server).await;
    let (changes, load) = (proxy.changes().await, proxy.load().await);
    for _ in 0..3 {
        let newest = newest(&server.board_until("a stream", |streams| !streams.is_empty()).await);
        let again = |streams: &[StreamStatus]| !streams.is_empty() && streams.iter().all(|stream| stream.id > newest);
        server.board_until("other streams", again).await;
        server.in_sync(1).await;
    }
    assert_eq!(proxy.changes().await, changes);

    // It really is managed still.
    server.change(Kind::Route, FILE, &two.file("split: {v1: 0%, v2: 100%}")).await;
    load.until_served_by("v2").await;
    load.lost_none().await;
}

fn newest(streams: &[StreamStatus]) -> u64 {
    streams.iter().map(|stream| stream.id).max().unwrap_or_default()
}
