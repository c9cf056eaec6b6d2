//! One strategy after the other.

use tidegate::rollout::Verb;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, Two, backend, list, release};
use crate::rollouts::RATE;
use crate::rollouts::checkout::{carry_out, order, until_phase, until_waiting_for};
use crate::rollouts::history::moves;
use crate::run::{Setup, bounded};
use crate::server::Server;

#[test]
fn waves_go_half_way_and_a_canary_the_rest() {
    bounded(async {
        let (a, b, c, d) = (backend("v1").await, backend("v1").await, backend("v2").await, backend("v2").await);
        let file = |more: &str| release(&[("v1", &list(&[&a, &b])), ("v2", &list(&[&c, &d]))], "v1", &format!("{ROOMY}\n{more}"));
        let server = Server::start(&[(FILE, file(""))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let load = proxy.load_of(RATE).await;
        let rolling = "rolling: {batch: 1, pause: 100ms, drain: 1s, until: 50%}";
        server.save(FILE, &file(&format!("candidate: v2\n{rolling}\nthen: {{canary: {{steps: [50% for 1s, 75% for 500ms]}}}}")));
        until_phase(&server, "done").await;
        let waves = ["Started 0%", "Step 0%", "Wave 0%", "Wave 50%"];
        let canary = ["Step 50%", "Step 75%", "Step 100%", "Finished 100%"];
        assert_eq!(moves(&server, "v2"), [&waves[..], &canary].concat());
        assert!(c.requests() > 0 && d.requests() > 0, "beyond the waves all of its endpoints serve");
        load.lost_none().await;
    });
}

/// The cutover waits for a person with what the canary came to, and stable is kept behind it.
#[test]
fn a_canary_ends_in_a_cutover_that_is_held() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file(""))]).await;
        let proxy = Proxy::start(Setup::SOTW, &server).await;
        let load = proxy.load_of(RATE).await;
        let blue_green = "blue_green: {before: [approval: {}], after: {watch: 500ms, keep_stable: 1h}}";
        server.save(
            FILE,
            &two.file(&format!("candidate: v2\ncanary: {{steps: [20% for 500ms, 50% for 500ms]}}\nthen: {{{blue_green}}}")),
        );
        until_waiting_for(&server, "an approval").await;
        let before = load.totals();
        load.more(u64::from(RATE)).await;
        let share = load.totals().share_since(&before, "v2");
        assert!((0.4..0.6).contains(&share), "{share}");
        order(&server, Verb::Approve).await.expect("an approval");
        until_phase(&server, "done").await;
        let canary = ["Started 0%", "Step 20%", "Step 50%", "Step 50%", "Waiting 50%", "Approved 50%", "Passed 50%"];
        assert_eq!(moves(&server, "v2"), [&canary[..], &["Step 100%", "Step 100%", "Finished 100%"]].concat());

        carry_out(&server, Verb::Undo).await;
        assert_eq!(proxy.version().await, "v1");
        load.lost_none().await;
    });
}
