//! Blue-green, by one edit.

use std::time::Instant;

use futures_util::future::join_all;
use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, backend, list, release};
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

/// Requests a second.
const RATE: u32 = 800;
const CUTOVERS: usize = 20;

on_every_envoy!(twenty_cutovers_lose_nothing);

/// Each edit brings a version that Envoy has never heard of, and takes the one that serves out of the file.
async fn twenty_cutovers_lose_nothing(setup: Setup) {
    let versions: Vec<Backend> = join_all((0..=CUTOVERS).map(async |i| backend(&format!("r{i}")).await)).await;
    let file = |version: &Backend| release(&[(version.name(), &list(&[version]))], version.name(), ROOMY);
    let server = Server::start(&[(FILE, file(&versions[0]))]).await;
    let mut proxy = Proxy::start(setup, &server).await;
    let clusters = proxy.stat("cluster_manager.active_clusters").await;
    let load = proxy.load_of(RATE).await;
    let mut times = Vec::new();
    for version in &versions[1..] {
        let saved = Instant::now();
        server.save(FILE, &file(version));
        load.until_served_by(version.name()).await;
        times.push(saved.elapsed());
        server.board_until("routes in sync", |streams| streams.iter().all(|stream| stream.types[&Kind::Route].in_sync)).await;
    }
    let totals = load.lost_none().await;
    proxy.envoy.wait_stat("cluster_manager.active_clusters", |now| now == clusters).await.expect("the old versions are gone");
    times.sort();
    let [median, worst] = [times[CUTOVERS / 2], times[CUTOVERS - 1]].map(|time| time.as_millis());
    println!("{setup:?}: {} requests; saved to served: median {median} ms, worst {worst} ms", totals.sent);
}
