//! Growing shares.

use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::rollouts::RATE;
use crate::rollouts::checkout::{phase, until_phase};
use crate::rollouts::history::moves;
use crate::run::{Setup, on_every_envoy};
use crate::server::Server;

on_every_envoy!(a_canary_goes_by_itself);

async fn a_canary_goes_by_itself(setup: Setup) {
    let two = Two::start().await;
    let server = Server::start(&[(FILE, two.file(""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let load = proxy.load_of(RATE).await;
    server.save(FILE, &two.file("candidate: v2\ncanary: {steps: [5% for 1s, 50% for 1s]}"));
    until_phase(&server, "done").await;
    for _ in 0..20 {
        assert_eq!(proxy.version().await, "v2");
    }
    assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 5%", "Step 50%", "Step 100%", "Finished 100%"]);
    // The file says so too: nothing moves.
    let pushes = server.pushes();
    server.save(FILE, &two.file("").replace("stable: v1", "stable: v2"));
    server.status_until("the collapse", |status| phase(status).is_empty()).await;
    load.more(200).await;
    assert_eq!(server.pushes(), pushes);
    load.lost_none().await;
}
