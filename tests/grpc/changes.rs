//! Changes under calls: versions, endpoints, services and the server itself come and go.

use std::time::Duration;

use tidegate::snapshot::Kind;
use tidegate::xds::StreamStatus;

use crate::backend::Backend;
use crate::client::ELSEWHERE;
use crate::run::bounded;
use crate::server::{Server, release};

const FILE: &str = "checkout.yaml";
const TARGET: &str = "xds:///checkout";
/// Of three cutovers, a service that comes and one that goes, each.
const ROUNDS: usize = 10;
const CUTOVERS: usize = 3;

/// A cutover brings a version that the client has never heard of, and takes the one that serves out of the file. After every few of
/// them another service comes and goes.
#[test]
fn fifty_changes_that_add_and_remove_versions_and_services_lose_no_call() {
    bounded(async |grpc| {
        let names: Vec<String> = (0..=ROUNDS * CUTOVERS).map(|i| format!("r{i}")).collect();
        let backends = futures_util::future::join_all(names.iter().map(|name| Backend::start(name))).await;
        let file = |i: usize| release("checkout", &[(&names[i], &[&backends[i]])], "");
        let server = Server::start(&[(FILE, file(0))]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 300).await;
        for round in 0..ROUNDS {
            for (i, name) in names.iter().enumerate().skip(round * CUTOVERS + 1).take(CUTOVERS) {
                server.save(FILE, &file(i));
                client.until(name, |totals| totals.of(name) > 0).await;
            }
            server.save("other.yaml", &release("other", &[("v1", &[&backends[0]])], ""));
            client.until_found("xds:///other").await;
            server.delete("other.yaml");
            client.until_lost("xds:///other").await;
        }
        let totals = client.lost_none().await;
        assert_eq!(totals.versions.len(), names.len(), "{totals:?}");
        server.nothing_was_rejected();
    });
}

#[test]
fn endpoints_come_and_go_under_calls() {
    bounded(async |grpc| {
        let (a, b) = (Backend::start("a").await, Backend::start("b").await);
        let file = |backends: &[&Backend]| release("checkout", &[("v1", backends)], "");
        let server = Server::start(&[(FILE, file(&[&a]))]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 300).await;
        server.save(FILE, &file(&[&a, &b]));
        client.until("the new endpoint", |totals| totals.of("b") > 0).await;
        server.save(FILE, &file(&[&b]));
        // Picked from the endpoints before, then from those that are left.
        client.settled(&["b"]).await;
        client.lost_none().await;
        server.nothing_was_rejected();
    });
}

/// The client asks for a name that nobody knows, is told nothing, and is told of it the moment it is there.
#[test]
fn m2_a_service_may_come_while_a_call_waits_for_it() {
    bounded(async |grpc| {
        let (v1, other) = (Backend::start("v1").await, Backend::start("other").await);
        let server = Server::start(&[("other.yaml", release("other", &[("v1", &[&other])], ""))]).await;
        let mut client = grpc.client(server.xds()).await;
        let asked = async {
            server.until("a client that asks", |streams| streams.iter().any(|one| one.types.get(&Kind::Listener).is_some())).await;
            server.save(FILE, &release("checkout", &[("v1", &[&v1])], ""));
        };
        let (totals, ()) = tokio::join!(client.calls(TARGET, 1), asked);
        assert_eq!(totals.lost_none().of("v1"), 1);
        server.nothing_was_rejected();
    });
}

/// What others call meanwhile does not suffer.
#[test]
fn a_service_that_goes_is_not_found_and_is_found_when_it_returns() {
    bounded(async |grpc| {
        let (v1, other) = (Backend::start("v1").await, Backend::start("other").await);
        let file = release("checkout", &[("v1", &[&v1])], "");
        let files = [(FILE, file.clone()), ("other.yaml", release("other", &[("v1", &[&other])], ""))];
        let server = Server::start(&files).await;
        let mut client = grpc.client(server.xds()).await;
        client.load("xds:///other", 200).await;
        for _ in 0..3 {
            assert_eq!(client.until_found(TARGET).await, "v1");
            server.delete(FILE);
            let failed = client.until_lost(TARGET).await;
            assert!(failed.starts_with("UNAVAILABLE"), "{failed}");
            server.save(FILE, &file);
        }
        assert_eq!(client.until_found(TARGET).await, "v1");
        client.lost_none().await;
        server.nothing_was_rejected();
    });
}

#[test]
fn a_restart_of_the_server_loses_no_call() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let server = Server::start(&[(FILE, release("checkout", &[("v1", &[&v1])], ""))]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 200).await;
        let server = server.restart().await;
        server.in_sync(1).await;
        server.save(FILE, &release("checkout", &[("v2", &[&v2])], ""));
        client.until("the new version", |totals| totals.of("v2") > 0).await;
        client.lost_none().await;
        server.nothing_was_rejected();
    });
}

#[test]
fn m6_clients_of_one_node_id_are_served_apart() {
    bounded(async |grpc| {
        let (v1, v2) = (Backend::start("v1").await, Backend::start("v2").await);
        let server = Server::start(&[(FILE, release("checkout", &[("v1", &[&v1])], ""))]).await;
        let (mut first, mut second) = (grpc.client(server.xds()).await, grpc.client(server.xds()).await);
        assert_eq!(first.calls(TARGET, 1).await.lost_none().of("v1"), 1);
        second.load(TARGET, 100).await;
        server.in_sync(2).await;
        drop(first);
        server.until("one client", |streams| streams.len() == 1).await;
        server.save(FILE, &release("checkout", &[("v2", &[&v2])], ""));
        second.until("the new version", |totals| totals.of("v2") > 0).await;
        second.lost_none().await;
    });
}

/// What is asked for under an authority is another service, whatever its name.
#[test]
fn m6_a_service_of_an_unknown_authority_is_not_found_and_harms_nobody() {
    bounded(async |grpc| {
        let v1 = Backend::start("v1").await;
        let server = Server::start(&[(FILE, release("checkout", &[("v1", &[&v1])], ""))]).await;
        let mut client = grpc.client(server.xds()).await;
        client.load(TARGET, 100).await;
        // A stream for each target.
        let asks =
            |streams: &[StreamStatus]| streams.len() == 2 && streams.iter().all(|one| one.types.get(&Kind::Listener).is_some());
        let asked = server.until("a client that asks for it", asks);
        let target = format!("xds://{ELSEWHERE}/checkout");
        let (failed, _) = tokio::join!(client.waits_in_vain(&target, Duration::from_secs(1)), asked);
        assert!(failed.starts_with("DEADLINE_EXCEEDED"), "{failed}");
        client.more(20).await;
        client.lost_none().await;
        server.nothing_was_rejected();
    });
}
