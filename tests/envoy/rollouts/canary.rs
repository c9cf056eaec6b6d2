//! Growing shares.

use tidegate::control::ServerStatus;

use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

/// Requests a second.
const RATE: u32 = 800;

/// The phase of `checkout`'s rollout; empty if it has none.
pub fn phase(status: &ServerStatus) -> &'static str {
    let service = status.services.iter().find(|service| service.name == "checkout");
    service.and_then(|service| service.rollout.as_ref()).map_or("", |rollout| rollout.view.phase)
}

on_every_envoy!(a_canary_goes_by_itself);

async fn a_canary_goes_by_itself(setup: Setup) {
    let two = Two::start().await;
    let server = Server::start(&[(FILE, two.file(""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let load = proxy.load_of(RATE).await;
    server.save(FILE, &two.file("candidate: v2\ncanary: {steps: [5% for 1s, 50% for 1s]}"));
    server.status_until("the end of the rollout", |status| phase(status) == "done").await;
    for _ in 0..20 {
        assert_eq!(proxy.version().await, "v2");
    }
    let events: Vec<String> = {
        let mut all = server.desk().history(Some("checkout"), None, 100).expect("a history");
        all.reverse();
        all.iter().map(|entry| format!("{:?} {}", entry.event.what, entry.event.after.share_of("v2"))).collect()
    };
    assert_eq!(events, ["Started 0%", "Step 5%", "Step 50%", "Step 100%", "Finished 100%"]);
    // The file says so too: nothing moves.
    let pushes = server.pushes();
    server.save(FILE, &two.file("").replace("stable: v1", "stable: v2"));
    server.status_until("the collapse", |status| phase(status).is_empty()).await;
    load.more(200).await;
    assert_eq!(server.pushes(), pushes);
    load.lost_none().await;
}
