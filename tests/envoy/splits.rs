//! Shares of the traffic.

use tidegate::snapshot::Kind;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, Two};
use crate::run::{Setup, bounded, on_every_envoy};
use crate::server::Server;

/// Requests to tell a share by.
const REQUESTS: u64 = 4000;
/// Requests that are asked at once.
const AT_ONCE: u64 = 8;

on_every_envoy!(a_tenth_is_a_tenth);

/// The standard deviation of the share is 0.47 % here: 2 % off does not come by chance.
async fn a_tenth_is_a_tenth(setup: Setup) {
    let two = Two::start().await;
    let server = Server::start(&[(FILE, two.file("split: {v1: 90%, v2: 10%}"))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let ask = || async {
        for _ in 0..REQUESTS / AT_ONCE {
            assert_eq!(proxy.get(HOST, "/", &[]).await.status, 200);
        }
    };
    futures_util::future::join_all((0..AT_ONCE).map(|_| ask())).await;
    assert_eq!(two.v1.requests() + two.v2.requests(), REQUESTS);
    let share = two.v2.requests() as f64 / REQUESTS as f64;
    assert!((0.08..=0.12).contains(&share), "{share}");
}

/// Every step is one RouteConfiguration and nothing else.
#[test]
fn a_canary_by_hand_loses_nothing_and_touches_routes_only() {
    bounded(async {
        let two = Two::start().await;
        let split = |percent: u32| two.file(&format!("split: {{v1: {}%, v2: {percent}%}}", 100 - percent));
        let server = Server::start(&[(FILE, split(0))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let (changes, pushes, load) = (proxy.changes().await, server.pushes(), proxy.load_of(400).await);
        assert_eq!(load.totals().of("v2"), 0);
        for (percent, expected) in [(5, 0.002..=0.11), (25, 0.15..=0.35), (50, 0.38..=0.62), (100, 1.0..=1.0)] {
            server.change(Kind::Route, FILE, &split(percent)).await;
            // Those that were under way when the routes changed went by the old ones.
            load.more(20).await;
            let before = load.totals();
            load.more(400).await;
            let share = load.totals().share_since(&before, "v2");
            assert!(expected.contains(&share), "{share} at {percent} %");
        }
        load.lost_none().await;
        let after = proxy.changes().await;
        for (name, count) in changes {
            let steps = if name.ends_with("config_reload") { 4 } else { 0 };
            assert_eq!(after[&name], count + steps, "{name}");
        }
        for ((kind, before), (_, after)) in pushes.into_iter().zip(server.pushes()) {
            assert_eq!(after, before + if kind == Kind::Route { 4 } else { 0 }, "{kind:?}");
        }
    });
}
