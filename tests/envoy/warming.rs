//! Row E2: a cluster warms while its Envoy changes servers.

use std::time::{Duration, Instant};

use tidegate::testbed::{DEFAULT_VERSION, OLDEST_VERSION};

use crate::proxy::Proxy;
use crate::relay::Relay;
use crate::releases::{FILE, Two};
use crate::restart::Process;
use crate::run::{Setup, bounded};

/// Envoy gives up waiting for endpoints after 15 s, with or without what it has of them in its cache.
const WELL_BEFORE: Duration = Duration::from_secs(8);
const WARMING: &str = "cluster_manager.warming_clusters";

/// Whether an Envoy of that version keeps endpoints for clusters that are made anew.
fn with_cache(envoy: &'static str, cache: bool) {
    bounded(e2_endpoints_of_a_cluster_that_warms_are_sent_again(Setup { envoy, ..Setup::USUAL }, cache));
}

#[test]
fn e2_with_the_cache_of_endpoints() {
    with_cache(DEFAULT_VERSION, true);
}

#[test]
fn e2_without_the_cache_of_endpoints() {
    with_cache(DEFAULT_VERSION, false);
}

#[test]
fn e2_on_the_oldest_without_the_cache_of_endpoints() {
    with_cache(OLDEST_VERSION, false);
}

/// The cluster has changed, and its endpoints have not: the Envoy tells that it has them, and yet the cluster that warms does not.
async fn e2_endpoints_of_a_cluster_that_warms_are_sent_again(setup: Setup, cache: bool) {
    let two = Two::start().await;
    let mut server = Process::start(&two.file(""), &[]).await;
    let relay = Relay::start(server.xds()).await;
    let flag = ("envoy.restart_features.use_eds_cache_for_ads", cache);
    let mut proxy = Proxy::start_with_flag(setup, relay.address, flag).await;
    server.in_sync().await;
    let load = proxy.load().await;

    relay.arm();
    let changed = two.file("").replace("upstream: {", "upstream: {connect_timeout: 3s, ");
    std::fs::write(server.dir().join(FILE), changed).expect("written");
    relay.broken().await;
    let broken = Instant::now();
    server.kill().await;
    proxy.envoy.wait_stat(WARMING, |warming| warming > 0).await.expect("clusters that warm");
    server.start_again().await;
    proxy.envoy.wait_stat(WARMING, |warming| warming == 0).await.expect("none that warms");
    let took = broken.elapsed();
    println!("{setup:?}, cache {cache}: warm after {took:?}");
    assert!(took < WELL_BEFORE, "{took:?}");
    server.in_sync().await;
    load.more(50).await;
    load.lost_none().await;
    assert_eq!(proxy.version().await, "v1");
}
