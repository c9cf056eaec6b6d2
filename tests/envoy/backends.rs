//! Where versions run.

use tidegate::snapshot::Kind;

use crate::proxy::Proxy;
use crate::releases::{FILE, backend, release};
use crate::run::{Setup, bounded, on_every_envoy};
use crate::server::Server;

on_every_envoy!(a_name_is_resolved_by_envoy);

async fn a_name_is_resolved_by_envoy(setup: Setup) {
    let v1 = backend("v1").await;
    let name = format!("{{dns: \"localhost:{}\"}}", v1.address().port());
    let server = Server::start(&[(FILE, release(&[("v1", &name)], "v1", ""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    assert_eq!(proxy.version().await, "v1");
}

/// The release file stays as it is; what is in the endpoint file moves.
#[test]
fn an_endpoint_file_is_watched() {
    bounded(async {
        let (old, new) = (backend("old").await, backend("new").await);
        let endpoints = |backend: &tidegate::testbed::Backend| format!("[{{\"targets\": [\"{}\"]}}]", backend.address());
        let text = release(&[("v1", "{file: checkout.endpoints.json}")], "v1", "");
        let server = Server::start(&[(FILE, text), ("checkout.endpoints.json", endpoints(&old))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let (changes, load) = (proxy.changes().await, proxy.load().await);
        assert_eq!(load.totals().of("new"), 0);
        server.change(Kind::Endpoints, "checkout.endpoints.json", &endpoints(&new)).await;
        load.until_served_by("new").await;
        load.lost_none().await;
        assert_eq!(proxy.changes().await, changes, "endpoints alone have changed");
    });
}
