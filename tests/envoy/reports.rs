//! What Envoys say of their load, and what can be asked about each of them.

use std::collections::BTreeSet;
use std::time::Duration;

use envoy_types::pb::envoy::service::status::v3::client_status_discovery_service_client::ClientStatusDiscoveryServiceClient;
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ClientStatusRequest, ConfigStatus};
use tidegate::reports::Loads;
use tidegate::snapshot::Kind;
use tidegate::testbed::{Backend, OLDEST_VERSION};
use tokio::net::TcpListener;

use crate::proxy::{Proxy, free};
use crate::releases::{FILE, HOST, ROOMY, Two, backend, list, release};
use crate::run::{Setup, bounded, on_every_envoy};
use crate::server::Server;

on_every_envoy!(a_request_in_flight_is_counted_until_it_ends);

/// The cutover leaves it where it began, and only when it has ended does anybody say that the version has none. The oldest Envoy does
/// not say so before the version has new requests, so what it said is known to be of no use.
async fn a_request_in_flight_is_counted_until_it_ends(setup: Setup) {
    let two = Two::start().await;
    let server = Server::start(&[(FILE, two.file(""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let none = server.loads_until("a report", |loads| loads.in_progress("checkout/v1")).await;
    assert_eq!((none.requests, none.nodes), (0, 1));

    two.v1.set_delay(Duration::from_secs(4));
    let (client, address) = (proxy.client.clone(), proxy.address);
    let slow = tokio::spawn(async move { client.get(address, HOST, "/", &[]).await });
    let one = |requests| move |loads: &Loads| loads.in_progress("checkout/v1").filter(|v1| v1.requests == requests);
    server.loads_until("a request in flight", one(1)).await;
    server.change(Kind::Route, FILE, &two.file("split: {v1: 0%, v2: 100%}")).await;
    assert_eq!(proxy.version().await, "v2");
    let ended = slow.await.expect("no panic").expect("an answer");
    assert_eq!(ended.version.as_deref(), Some("v1"));
    if setup.envoy == OLDEST_VERSION {
        let unsure = |loads: &Loads| loads.in_progress("checkout/v1").filter(|v1| (v1.requests, v1.unsure) == (1, 1));
        server.loads_until("nobody to say that it has ended", unsure).await;
        two.v1.set_delay(Duration::ZERO);
        server.change(Kind::Route, FILE, &two.file("")).await;
        assert_eq!(proxy.version().await, "v1");
    }
    server.loads_until("its end", one(0)).await;
    if setup.envoy == OLDEST_VERSION {
        return;
    }
    let totals = |loads: &Loads| loads.clusters(["checkout/v1"]).remove(0).map(|load| load.totals);
    let totals = server.loads_until("its success", |loads| totals(loads).filter(|totals| totals.succeeded > 0)).await;
    assert_eq!((totals.issued, totals.succeeded, totals.failed), (1, 1, 0));
}

on_every_envoy!(a_request_in_flight_is_known_by_its_endpoint);

/// Of two endpoints of a version one has a request in flight, and each is known by itself. Envoy is asked for that while it reports.
async fn a_request_in_flight_is_known_by_its_endpoint(setup: Setup) {
    let (a, b) = (backend("a").await, backend("b").await);
    let server = Server::start(&[(FILE, release(&[("v1", &list(&[&a, &b]))], "v1", ROOMY))]).await;
    let proxy = Proxy::start(setup, &server).await;
    server.loads_until("a report", |loads| loads.in_progress("checkout/v1")).await;
    server.loads().want_endpoints(BTreeSet::from(["checkout/v1".to_owned()]));
    [&a, &b].into_iter().for_each(|backend| backend.set_delay(Duration::from_secs(6)));
    let (client, address) = (proxy.client.clone(), proxy.address);
    let slow = tokio::spawn(async move { client.get(address, HOST, "/", &[]).await });
    let at = |loads: &Loads, backend: &Backend| loads.in_progress_at("checkout/v1", backend.address());
    let both = |loads: &Loads| at(loads, &a).zip(at(loads, &b));
    let busy = |loads: &Loads| both(loads).filter(|(a, b)| a.requests + b.requests > 0);
    let (of_a, of_b) = server.loads_until("a request in flight", busy).await;
    let ended = slow.await.expect("no panic").expect("an answer").version;
    let expected = if ended.as_deref() == Some("a") { (1, 0) } else { (0, 1) };
    assert_eq!(((of_a.requests, of_b.requests), of_a.nodes), (expected, 1), "{ended:?} served it");

    if setup.envoy == OLDEST_VERSION {
        let unsure = |loads: &Loads| both(loads).filter(|(a, b)| (a.unsure, b.unsure) == expected);
        server.loads_until("nobody to say that it has ended", unsure).await;
        [&a, &b].into_iter().for_each(|backend| backend.set_delay(Duration::ZERO));
        proxy.get(HOST, "/", &[]).await;
    }
    let none = |loads: &Loads| both(loads).filter(|(a, b)| (a.requests, b.requests) == (0, 0));
    server.loads_until("its end", none).await;
}

async fn clients(server: &Server) -> Vec<ClientConfig> {
    let channel = format!("http://{}", server.admin());
    let mut client = ClientStatusDiscoveryServiceClient::connect(channel).await.expect("a server");
    client.fetch_client_status(ClientStatusRequest::default()).await.expect("an answer").into_inner().config
}

#[test]
fn what_an_envoy_rejects_is_told_by_resource() {
    bounded(async {
        let two = Two::start().await;
        let taken = TcpListener::bind("127.0.21.11:0").await.expect("a port");
        let (good, taken_at) = (free("127.0.21.12").await, taken.local_addr().expect("an address"));
        let listeners = |more: String| format!("listeners:\n  http: {{bind: \"{good}\"}}\n{more}");
        let server = Server::start(&[(FILE, two.file("")), ("tidegate.yaml", listeners(String::new()))]).await;
        let mut proxy = Proxy::start_without_listener(Setup::USUAL, &server, good).await;
        proxy.envoy.wait_listener("http").await.expect("a listener");
        server.in_sync(1).await;
        let told = clients(&server).await;
        let kinds: Vec<(&str, ConfigStatus)> =
            told[0].generic_xds_configs.iter().map(|one| (one.name.as_str(), one.config_status())).collect();
        let synced = ["checkout/v1", "checkout/v2", "checkout/v1", "checkout/v2", "http", "tidegate"];
        assert_eq!(kinds, synced.map(|name| (name, ConfigStatus::Synced)));
        assert_eq!(told[0].node.as_ref().map(|node| node.user_agent_name.as_str()), Some("envoy"));

        server.save("tidegate.yaml", &listeners(format!("  extra: {{bind: \"{taken_at}\"}}\n")));
        let rejects = |streams: &[tidegate::xds::StreamStatus]| {
            streams.iter().filter_map(|stream| stream.types.get(&Kind::Listener)).any(|of| of.rejected.is_some())
        };
        server.board_until("a NACK", rejects).await;
        let told = clients(&server).await;
        let error = told[0].generic_xds_configs.iter().find(|one| one.config_status() == ConfigStatus::Error).expect("an error");
        assert_eq!(error.name, "extra");
        let details = &error.error_state.as_ref().expect("words").details;
        assert!(details.contains("Address already in use"), "{details}");
        let metrics = proxy.client.get(server.http(), "127.0.0.1", "/metrics", &[]).await.expect("metrics").body;
        assert!(metrics.contains("tidegate_xds_rejecting_streams{type=\"LDS\"} 1\n"), "{metrics}");
    });
}
