//! How Envoy talks to the endpoints.

use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, backend, list, release};
use crate::run::{Setup, bounded};
use crate::server::Server;

/// One version of two endpoints, and an Envoy in front of it.
struct Pair {
    a: Backend,
    b: Backend,
    proxy: Proxy,
    _server: Server,
}

impl Pair {
    async fn start(upstream: &str) -> Pair {
        let (a, b) = (backend("a").await, backend("b").await);
        let text = release(&[("v1", &list(&[&a, &b]))], "v1", &format!("upstream: {upstream}"));
        let server = Server::start(&[(FILE, text)]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        Pair { a, b, proxy, _server: server }
    }

    /// How many of so many requests one after the other are answered with 200.
    async fn good(&self, requests: usize) -> usize {
        let mut good = 0;
        for _ in 0..requests {
            good += usize::from(self.proxy.get(HOST, "/", &[]).await.status == 200);
        }
        good
    }

    /// How many of so many requests, all of them good, go to the first endpoint.
    async fn asked_of_a(&self, requests: usize) -> u64 {
        let before = self.a.requests();
        assert_eq!(self.good(requests).await, requests);
        self.a.requests() - before
    }

    async fn wait(&mut self, stat: &str, value: u64) {
        self.proxy.envoy.wait_stat(&format!("cluster.checkout/v1.{stat}"), |now| now == value).await.expect(stat);
    }
}

#[test]
fn a_retry_goes_to_the_other_endpoint() {
    bounded(async {
        let pair = Pair::start("{retry: {on: [5xx], tries: 2}}").await;
        pair.a.set_failing(true);
        assert_eq!(pair.good(50).await, 50);
        assert!(pair.a.requests() > 0, "it was asked");
        pair.b.set_failing(true);
        assert_eq!(pair.good(1).await, 0);
    });
}

#[test]
fn without_retry_the_failure_is_the_clients() {
    bounded(async {
        let pair = Pair::start("{timeout: 5s}").await;
        pair.a.set_failing(true);
        assert_eq!(pair.good(50).await, 25, "one endpoint after the other");
    });
}

/// Envoy's workers learn of health up to a second after its statistics: updates that come close together are merged.
#[test]
fn a_health_check_takes_an_endpoint_out_and_in() {
    bounded(async {
        let check = "{health_check: {path: /healthz, every: 100ms, timeout: 1s, healthy: 1, unhealthy: 1}}";
        let pair = Pair::start(check).await;
        for healthy in [true, false, true] {
            pair.a.set_healthy(healthy);
            while pair.asked_of_a(20).await != if healthy { 10 } else { 0 } {}
        }
    });
}

#[test]
fn an_outlier_is_ejected() {
    bounded(async {
        let mut pair = Pair::start("{outlier: {consecutive_5xx: 3, eject_for: 60s, max_ejected: 50%}}").await;
        pair.a.set_failing(true);
        assert!(pair.good(10).await >= 5, "three failures at most");
        pair.wait("outlier_detection.ejections_active", 1).await;
        assert_eq!(pair.asked_of_a(40).await, 0);
    });
}

#[test]
fn a_timeout_is_kept() {
    bounded(async {
        let pair = Pair::start("{timeout: 150ms}").await;
        pair.a.set_delay(std::time::Duration::from_secs(5));
        pair.b.set_delay(std::time::Duration::from_secs(5));
        assert_eq!(pair.proxy.get(HOST, "/", &[]).await.status, 504);
    });
}

/// Every edit makes the cluster anew, while it serves.
#[test]
fn the_protocol_may_change_under_load() {
    bounded(async {
        let v1 = backend("v1").await;
        let file = |protocol: &str| release(&[("v1", &list(&[&v1]))], "v1", &format!("upstream: {{protocol: {protocol}}}"));
        let server = Server::start(&[(FILE, file("http1"))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let connections = async |kind| proxy.stat(&format!("cluster.checkout/v1.upstream_cx_{kind}_total")).await;
        let load = proxy.load().await;
        assert_eq!((connections("http1").await > 0, connections("http2").await), (true, 0));
        server.change(Kind::Cluster, FILE, &file("http2")).await;
        load.more(50).await;
        assert!(connections("http2").await > 0);
        // To the cluster it is the same, to the routes it is not.
        server.change(Kind::Route, FILE, &file("grpc")).await;
        load.more(50).await;
        server.change(Kind::Cluster, FILE, &file("http1")).await;
        load.more(50).await;
        load.lost_none().await;
    });
}
