//! Blue-green, by one edit.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, Two, backend, list, release};
use crate::run::{Setup, bounded, on_every_envoy};
use crate::server::Server;

const CUTOVERS: usize = 20;
/// Requests a second while they go on.
const RATE: u32 = 800;

on_every_envoy!(twenty_cutovers_lose_nothing);

async fn twenty_cutovers_lose_nothing(setup: Setup) {
    let mut times = cut_over(setup, CUTOVERS, RATE, listed).await;
    times.sort();
    let [median, worst] = [times[CUTOVERS / 2], times[CUTOVERS - 1]].map(|time| time.as_millis());
    println!("{setup:?}: saved to served: median {median} ms, worst {worst} ms");
}

on_every_envoy!(without_ads_the_order_is_kept_as_well);

/// Each type then has a stream of its own.
async fn without_ads_the_order_is_kept_as_well(setup: Setup) {
    cut_over(Setup { typed: true, ..setup }, 10, 400, listed).await;
}

/// A version that is not known to be healthy gets no request: Envoy says that it has it once the first check has passed.
#[test]
fn a_version_with_health_checks_is_checked_first() {
    let checked = |version: &Backend| {
        let check = "health_check: {path: /healthz, every: 1s, timeout: 1s, healthy: 1, unhealthy: 1}";
        format!("{}  {check}\n", listed(version).replace(ROOMY, "upstream:\n"))
    };
    bounded(async { drop(cut_over(Setup::USUAL, 5, 200, checked).await) });
}

#[test]
fn a_version_behind_a_name_is_resolved_first() {
    let named = |version: &Backend| {
        listed(version).replace(&list(&[version]), &format!("{{dns: \"localhost:{}\"}}", version.address().port()))
    };
    bounded(async { drop(cut_over(Setup::USUAL, 5, 200, named).await) });
}

/// The file of a service that has one version, which runs on one endpoint.
fn listed(version: &Backend) -> String {
    release(&[(version.name(), &list(&[version]))], version.name(), ROOMY)
}

/// Each edit brings a version that Envoy has never heard of, and takes the one that serves out of the file. The times are from the
/// save to the first answer of the new version.
async fn cut_over(setup: Setup, times: usize, rate: u32, file: impl Fn(&Backend) -> String) -> Vec<Duration> {
    let versions: Vec<Backend> = join_all((0..=times).map(async |i| backend(&format!("r{i}")).await)).await;
    let server = Server::start(&[(FILE, file(&versions[0]))]).await;
    let mut proxy = Proxy::start(setup, &server).await;
    assert_eq!(server.is_aggregated(), !setup.typed);
    let clusters = proxy.stat("cluster_manager.active_clusters").await;
    let load = proxy.load_of(rate).await;
    let mut times = Vec::new();
    for version in &versions[1..] {
        let saved = Instant::now();
        server.save(FILE, &file(version));
        load.until_served_by(version.name()).await;
        times.push(saved.elapsed());
        server.routes_in_sync().await;
    }
    load.lost_none().await;
    proxy.envoy.wait_stat("cluster_manager.active_clusters", |now| now == clusters).await.expect("the old versions are gone");
    times
}

on_every_envoy!(there_and_back_loses_nothing);

/// Both versions stay in the file; one word of it changes.
async fn there_and_back_loses_nothing(setup: Setup) {
    let two = Two::start().await;
    let server = Server::start(&[(FILE, two.file(""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let (changes, load) = (proxy.changes().await, proxy.load().await);
    for stable in ["v2", "v1", "v2"] {
        server.change(Kind::Route, FILE, &two.file("").replace("stable: v1", &format!("stable: {stable}"))).await;
        for _ in 0..20 {
            assert_eq!(proxy.version().await, stable);
        }
    }
    load.lost_none().await;
    let moved: Vec<_> = proxy.changes().await.into_iter().filter(|(name, count)| changes[name] != *count).collect();
    assert_eq!(moved.len(), 1, "routes alone: {moved:?}");
}
