//! Many services.

use std::time::Instant;

use futures_util::future::join_all;
use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{backend, list, of_service};
use crate::run::{Setup, bounded};
use crate::server::Server;

const SERVICES: usize = 500;
const ENDPOINTS: usize = 10;

/// All services run on the same endpoints: Envoy cannot know.
struct Fleet {
    v1: Vec<Backend>,
    v2: Vec<Backend>,
}

impl Fleet {
    async fn start() -> Fleet {
        let endpoints = async |name: &'static str| join_all((0..ENDPOINTS).map(|_| backend(name))).await;
        Fleet { v1: endpoints("v1").await, v2: endpoints("v2").await }
    }

    /// The file of one service, `v2` on so many endpoints.
    fn file(&self, service: &str, endpoints: usize, more: &str) -> String {
        let all = |backends: &[Backend]| list(&backends.iter().collect::<Vec<_>>());
        of_service(service, &[("v1", &all(&self.v1)), ("v2", &all(&self.v2[..endpoints]))], "v1", more)
    }
}

#[test]
fn five_hundred_services_and_a_change_in_one() {
    bounded(async {
        let fleet = Fleet::start().await;
        let names: Vec<(String, String)> = (0..SERVICES).map(|i| (format!("s{i}"), format!("s{i}.yaml"))).collect();
        let files: Vec<(&str, String)> =
            names.iter().map(|(name, file)| (file.as_str(), fleet.file(name, ENDPOINTS, ""))).collect();
        let started = Instant::now();
        let server = Server::start(&files).await;
        let loaded = started.elapsed();
        let started = Instant::now();
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        println!("{SERVICES} services: loaded in {loaded:?} (with their writing), an Envoy is in sync in {:?}", started.elapsed());
        for service in [0, 7, SERVICES - 1] {
            let answer = proxy.get(&format!("s{service}.example.com"), "/", &[]).await;
            assert_eq!(answer.version.as_deref(), Some("v1"), "{}", answer.body);
        }

        // Another split is a RouteConfiguration.
        let (pushes, changes) = (server.pushes(), proxy.changes().await);
        let to_v2 = "split: {v1: 0%, v2: 100%}";
        let started = Instant::now();
        server.change(Kind::Route, "s7.yaml", &fleet.file("s7", ENDPOINTS, to_v2)).await;
        println!("one split of {SERVICES} was changed and acknowledged in {:?}", started.elapsed());
        assert_eq!(proxy.get("s7.example.com", "/", &[]).await.version.as_deref(), Some("v2"));
        assert_eq!(pushed_since(&server, &pushes), [(Kind::Route, 1)]);
        let moved: Vec<_> = proxy.changes().await.into_iter().filter(|(name, count)| changes[name] != *count).collect();
        assert_eq!(moved.len(), 1, "{moved:?}");

        // Other endpoints are the endpoints of that version, and nobody else's.
        let (pushes, bytes) = (server.pushes(), bytes_of_endpoints(&server).await);
        server.change(Kind::Endpoints, "s7.yaml", &fleet.file("s7", ENDPOINTS - 1, to_v2)).await;
        assert_eq!(pushed_since(&server, &pushes), [(Kind::Endpoints, 1)]);
        let bytes = bytes_of_endpoints(&server).await - bytes;
        assert!((100..1000).contains(&bytes), "{bytes} bytes");
        assert_eq!(proxy.stat("cluster.s7/v2.membership_total").await, ENDPOINTS as u64 - 1);
    });
}

/// A work tree that changes file by file is one change, and one response of each kind.
#[test]
fn a_checkout_of_five_hundred_files_is_taken_in_at_once() {
    bounded(async {
        let fleet = Fleet::start().await;
        let server = Server::start(&[("s0.yaml", fleet.file("s0", ENDPOINTS, ""))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let pushes = server.pushes();
        std::fs::create_dir(server.path(".git")).expect("a folder");
        std::fs::write(server.path(".git/index.lock"), "").expect("written");
        for service in (1..SERVICES).map(|i| format!("s{i}")) {
            server.save(&format!("{service}.yaml"), &fleet.file(&service, ENDPOINTS, ""));
        }
        let unlocked = Instant::now();
        std::fs::remove_file(server.path(".git/index.lock")).expect("removed");
        let routes = |pushes: &[(Kind, u64)]| pushes[3].1;
        server.board_until("routes", |_| routes(&server.pushes()) > routes(&pushes)).await;
        server.in_sync(1).await;
        println!("{SERVICES} files were checked out and acknowledged in {:?}", unlocked.elapsed());
        let sent = pushed_since(&server, &pushes);
        assert!(sent.iter().all(|(kind, count)| *kind == Kind::Endpoints || *count == 1), "{sent:?}");
        assert_eq!(proxy.get("s499.example.com", "/", &[]).await.version.as_deref(), Some("v1"));
    });
}

/// Kinds of which responses were sent since, and how many.
fn pushed_since(server: &Server, before: &[(Kind, u64)]) -> Vec<(Kind, u64)> {
    let sent = server.pushes().into_iter().zip(before).map(|((kind, now), (_, before))| (kind, now - before));
    sent.filter(|(_, count)| *count > 0).collect()
}

async fn bytes_of_endpoints(server: &Server) -> u64 {
    let page = tidegate::testbed::Client::default().get(server.http(), "tidegate", "/metrics", &[]).await;
    let page = page.expect("metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix("tidegate_xds_bytes_total{type=\"EDS\"} "));
    line.unwrap_or_else(|| panic!("no bytes in {page}")).parse().expect("a number")
}
