//! Waves over endpoints, where each version has its own.

use futures_util::future::join_all;
use tidegate::rollout::Happened;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, backend, list, release};
use crate::rollouts::RATE;
use crate::rollouts::checkout::until_phase;
use crate::rollouts::history::{history, told};
use crate::run::{Setup, on_newest_and_oldest};
use crate::server::Server;

async fn four(name: &'static str) -> Vec<Backend> {
    join_all((0..4).map(|_| backend(name))).await
}

on_newest_and_oldest!(a_batch_of_one_version_is_swapped_for_one_of_the_other);

async fn a_batch_of_one_version_is_swapped_for_one_of_the_other(setup: Setup) {
    let (old, new) = (four("v12").await, four("v13").await);
    let all = |backends: &[Backend]| list(&backends.iter().collect::<Vec<_>>());
    let file = |more: &str| release(&[("v12", &all(&old)), ("v13", &all(&new))], "v12", &format!("{ROOMY}\n{more}"));
    let server = Server::start(&[(FILE, file(""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let load = proxy.load_of(RATE).await;

    server.save(FILE, &file("candidate: v13\nrolling: {batch: 25%, pause: 100ms, drain: 1s}"));
    until_phase(&server, "done").await;
    assert_eq!(proxy.version().await, "v13");
    let steps = ["Started 0%", "Step 0%"];
    // Each wave begins with what the one before left: those that come are asked first, and join before as many leave.
    let waves = ["Wave 0%", "Wave 25%", "Wave 25%", "Wave 50%", "Wave 50%", "Wave 75%", "Wave 75%", "Wave 100%"];
    let end = ["Step 100%", "Finished 100%"];
    assert_eq!(told(&server, "v13")[..12], [&steps[..], &waves, &end].concat());
    assert_eq!(history(&server).iter().filter(|entry| entry.event.what == Happened::Wave).count(), 8);
    assert!(new.iter().all(|backend| backend.requests() > 0), "each of them serves");
    load.lost_none().await;
}
