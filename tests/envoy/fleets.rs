//! Which Envoy gets what.

use tidegate::snapshot::Kind;

use crate::proxy::{Proxy, free};
use crate::releases::{FILE, HOST, Two, backend, list, of_service};
use crate::run::{Setup, bounded, on_every_envoy};
use crate::server::Server;

on_every_envoy!(a_listener_comes_from_the_server);

async fn a_listener_comes_from_the_server(setup: Setup) {
    let two = Two::start().await;
    let bind = free("127.0.22.1").await;
    let config = format!("listeners: {{http: {{bind: \"{bind}\"}}}}\n");
    let server = Server::start(&[(FILE, two.file("")), ("tidegate.yaml", config)]).await;
    let mut proxy = Proxy::start_without_listener(setup, &server, bind).await;
    proxy.envoy.wait_ready().await.expect("ready");
    assert_eq!(proxy.envoy.wait_listener("http").await.expect("a listener"), bind);
    assert_eq!(proxy.version().await, "v1");
}

#[test]
fn a_fleet_gets_what_is_for_it() {
    bounded(async {
        let (two, inner) = (Two::start().await, backend("inner").await);
        let stock = |fleets: &str| of_service("stock", &[("s", &list(&[&inner]))], "s", fleets);
        let config = "fleets: {edge: {node_cluster: edge}, inner: {node_cluster: inner}}\n";
        let files =
            [(FILE, two.file("fleets: [edge]")), ("stock.yaml", stock("fleets: [inner]")), ("tidegate.yaml", config.into())];
        let server = Server::start(&files).await;
        let edge = Proxy::start_at(Setup::USUAL, server.xds(), "edge-1", "edge").await;
        let inside = Proxy::start_at(Setup::SOTW, server.xds(), "inner-1", "inner").await;
        server.in_sync(2).await;
        let seen = async || {
            let answer = async |proxy: &Proxy, host| proxy.get(host, "/", &[]).await.version;
            let [edge_checkout, edge_stock] = [answer(&edge, HOST).await, answer(&edge, "stock.example.com").await];
            let [inside_checkout, inside_stock] = [answer(&inside, HOST).await, answer(&inside, "stock.example.com").await];
            [edge_checkout, edge_stock, inside_checkout, inside_stock].map(|version| version.is_some())
        };
        assert_eq!(seen().await, [true, false, false, true]);
        assert_eq!(edge.stat("cluster_manager.active_clusters").await, 3, "v1, v2 and the server itself");

        server.change(Kind::Route, "stock.yaml", &stock("")).await;
        assert_eq!(seen().await, [true, true, false, true]);

        // The other Envoy changes fleets without a word of its own.
        server.change(Kind::Route, "tidegate.yaml", &config.replace("node_cluster: edge", "node_id: \"*-1\"")).await;
        assert_eq!(seen().await, [true, true, true, true]);
    });
}
