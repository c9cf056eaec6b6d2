//! Versions and whole services come and go, under load.

use std::time::Duration;

use futures_util::future::join_all;
use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, backend, list, of_service, release};
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

/// The service that comes and goes.
const OTHER: &str = "other.yaml";
const OTHER_HOST: &str = "other.example.com";
/// Fifty changes: cutovers, and comings and goings.
const CUTOVERS: usize = 30;
const VISITS: usize = 10;
/// Requests a second while they go on.
const RATE: u32 = 400;
/// Longest wait for the other service, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(1);

on_every_envoy!(fifty_changes_that_add_and_remove_versions_and_services_lose_nothing);

async fn fifty_changes_that_add_and_remove_versions_and_services_lose_nothing(setup: Setup) {
    fifty_changes(setup).await;
}

on_every_envoy!(fifty_changes_lose_nothing_without_ads_either);

/// Each type then has a stream of its own.
async fn fifty_changes_lose_nothing_without_ads_either(setup: Setup) {
    fifty_changes(Setup { typed: true, ..setup }).await;
}

/// A cutover brings a version that Envoy has never heard of, and takes the one that serves out of the file. Meanwhile another service
/// comes and goes; whoever asks for it finds it or does not, and is never told that it is broken.
async fn fifty_changes(setup: Setup) {
    let versions: Vec<Backend> = join_all((0..=CUTOVERS).map(async |i| backend(&format!("r{i}")).await)).await;
    let file = |version: &Backend| release(&[(version.name(), &list(&[version]))], version.name(), ROOMY);
    let other = of_service("other", &[("v1", &list(&[&versions[0]]))], "v1", ROOMY);
    let server = Server::start(&[(FILE, file(&versions[0]))]).await;
    let mut proxy = Proxy::start(setup, &server).await;
    assert_eq!(server.is_aggregated(), !setup.typed);
    let clusters = proxy.stat("cluster_manager.active_clusters").await;
    let load = proxy.load_of(RATE).await;
    let cutovers = async {
        for version in &versions[1..] {
            server.save(FILE, &file(version));
            load.until_served_by(version.name()).await;
        }
    };
    let visits = async {
        for _ in 0..VISITS {
            server.save(OTHER, &other);
            asked_until(&proxy, 200).await;
            std::fs::remove_file(server.path(OTHER)).expect("removed");
            asked_until(&proxy, 404).await;
        }
    };
    tokio::join!(cutovers, visits);
    let totals = load.lost_none().await;
    assert_eq!(totals.versions.len(), versions.len(), "{totals:?}");
    proxy.envoy.wait_stat("cluster_manager.active_clusters", |now| now == clusters).await.expect("the old clusters are gone");
    let nacks = Kind::ALL.map(|kind| server.count(kind, |of| of.nacks));
    assert_eq!(nacks.iter().sum::<u64>(), 0, "{nacks:?}");
}

/// Asks for the other service until it is there (200), or is not there any more (404).
async fn asked_until(proxy: &Proxy, status: u16) {
    let look = async {
        loop {
            let answer = proxy.get(OTHER_HOST, "/", &[]).await;
            assert!([200, 404].contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
            if answer.status == status {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("waited for {status} of the other service"));
}
