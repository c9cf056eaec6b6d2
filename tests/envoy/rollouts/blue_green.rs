//! Test first, cut over, and keep the way back.

use std::time::Duration;

use jiff::Timestamp;
use tidegate::control::OrderError;
use tidegate::reports::Loads;
use tidegate::rollout::{Refused, Verb};
use tidegate::testbed::OLDEST_VERSION;

use crate::proxy::{Pressure, Proxy};
use crate::releases::{FILE, HOST, Two, list, release};
use crate::rollouts::RATE;
use crate::rollouts::checkout::{
    carry_out, drained, is_settled_at, order_by, phase, rollout, until_phase, until_settled_at, until_waiting_for,
};
use crate::rollouts::history::moves;
use crate::rollouts::receiver::Receiver;
use crate::run::{Setup, bounded, on_newest_and_oldest};
use crate::server::Server;

/// As many requests as come, and endpoints that are asked how they are.
const UPSTREAM: &str = "upstream: {limits: {connections: 100000, pending: 100000, requests: 100000}, \
                        health_check: {path: /healthz, every: 1s, timeout: 1s, healthy: 1, unhealthy: 1}}";

fn file(two: &Two, more: &str) -> String {
    release(&[("v1", &list(&[&two.v1])), ("v2", &list(&[&two.v2]))], "v1", &format!("{UPSTREAM}\n{more}"))
}

fn every_gate(hook: &Receiver) -> String {
    format!(
        "candidate: v2\n\
         blue_green:\n\
         \x20 preview: {{host: preview.example.com, header: {{x-preview: \"1\"}}}}\n\
         \x20 before:\n\
         \x20   - healthy: 100% for 1s\n\
         \x20   - mirror: 50% for 3s\n\
         \x20   - hook: {}\n\
         \x20   - approval: {{from: [oncall], within: 1h}}\n\
         \x20 cutover: over 2s\n\
         \x20 after: {{watch: 1s, keep_stable: 1h}}\n",
        hook.url()
    )
}

on_newest_and_oldest!(every_gate_is_passed_in_its_order);

async fn every_gate_is_passed_in_its_order(setup: Setup) {
    let two = Two::start().await;
    let hook = Receiver::start(|nth, _| async move { if nth == 0 { 503 } else { 200 } }).await;
    let server = Server::start(&[(FILE, file(&two, ""))]).await;
    let proxy = Proxy::start(setup, &server).await;
    let load = proxy.load_of(RATE).await;

    two.v2.set_healthy(false);
    server.save(FILE, &file(&two, &every_gate(&hook)));
    until_waiting_for(&server, "0 of 1 endpoints are known to be healthy").await;
    two.v2.set_healthy(true);
    half_is_copied(&server, &two, &load).await;
    asked_twice(&hook).await;
    until_waiting_for(&server, "an approval from oncall").await;
    previewed(&proxy).await;
    assert_eq!(load.totals().of("v2"), 0, "stable serves all of it");
    let refused = order_by(&server, Verb::Approve, "mallory").await;
    assert!(matches!(refused, Err(OrderError::Refused(Refused::NotYours(_)))), "{refused:?}");
    order_by(&server, Verb::Approve, "oncall").await.expect("an approval");

    until_phase(&server, "done").await;
    let before = ["Started 0%", "Step 0%", "Passed 0%", "Step 0%", "Step 0%", "Passed 0%", "Step 0%"];
    let people = ["Waiting 0%", "Approved 0%", "Passed 0%"];
    let cutover = ["Step 33.333%", "Step 66.666%", "Step 100%", "Step 100%", "Finished 100%"];
    assert_eq!(moves(&server, "v2"), [&before[..], &people, &cutover].concat());
    let found = server.status_until("a version that is safe to stop", |status| drained(status).is_some()).await;
    let evidence = drained(&found).expect("found").evidence;
    // The oldest may have said last that there were some, and does not say when there are none any more.
    let unsure = setup.envoy == OLDEST_VERSION && evidence.contains("no new requests for");
    assert!(unsure || evidence.contains("by the reports of 1 node"), "{evidence}");

    carry_out(&server, Verb::Undo).await;
    let (served, asked) = (load.totals().of("v2"), two.v2.requests());
    load.more(u64::from(RATE)).await;
    assert!(load.totals().of("v2") - served < 20 && two.v2.requests() - asked < 20, "what was in flight alone");
    assert_eq!(phase(&server.status()), "off");
    load.lost_none().await;
}

/// While every node has the step, half of the requests come to the candidate too; the answers are stable's.
async fn half_is_copied(server: &Server, two: &Two, load: &Pressure) {
    until_settled_at(server, 2).await;
    let (copies, sent) = (two.v2.requests(), load.totals().done);
    load.more(u64::from(RATE)).await;
    let (copied, of) = (two.v2.requests() - copies, load.totals().done - sent);
    assert!(is_settled_at(&server.status(), 2), "it was copied all the time");
    let share = copied as f64 / of as f64;
    assert!((0.4..0.6).contains(&share), "{copied} of {of}");
}

async fn asked_twice(hook: &Receiver) {
    let calls = hook.until("the second try", |calls| calls.len() == 2).await;
    let token = calls[0].text("token");
    assert!(token.starts_with("checkout/1.1") && token.ends_with("/3/hook"), "{token}");
    for (call, attempt) in calls.iter().zip(1..) {
        assert_eq!((call.text("token"), call.body["attempt"].as_u64()), (token, Some(attempt)));
        assert_eq!(call.header("idempotency-key"), token);
        assert_eq!((call.text("service"), call.text("kind"), call.text("share")), ("checkout", "gate", "0%"));
        assert_eq!((call.text("stable"), call.text("candidate")), ("v1", "v2"));
        assert_eq!((call.body["step"].as_u64(), call.body["steps"].as_u64()), (Some(3), Some(7)));
    }
}

async fn previewed(proxy: &Proxy) {
    let answer = async |host, headers| proxy.get(host, "/", headers).await.version;
    assert_eq!(answer("preview.example.com", &[]).await.as_deref(), Some("v2"));
    assert_eq!(answer(HOST, &[("x-preview", "1")]).await.as_deref(), Some("v2"));
    assert_eq!(answer(HOST, &[("x-preview", "2")]).await.as_deref(), Some("v1"));
}

/// The request is in flight over the whole cutover.
#[test]
fn a_version_with_a_request_in_flight_is_not_safe_to_stop() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, file(&two, ""))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        two.v1.set_delay(Duration::from_secs(5));
        let (client, address) = (proxy.client.clone(), proxy.address);
        let slow = tokio::spawn(async move { client.get(address, HOST, "/", &[]).await });
        let one = |loads: &Loads| loads.in_progress("checkout/v1").filter(|v1| v1.requests == 1);
        server.loads_until("a request in flight", one).await;

        server.save(FILE, &file(&two, "candidate: v2\nblue_green: {cutover: at once, after: {keep_stable: 1h}}"));
        until_phase(&server, "done").await;
        let at = proxy.version().await;
        assert_eq!((at.as_str(), drained(&server.status())), ("v2", None));
        let kept = rollout(&server.status()).and_then(|rollout| rollout.view.keep_until);
        assert!(kept.is_some_and(|until| until > Timestamp::now()), "{kept:?}");
        assert_eq!(slow.await.expect("no panic").expect("an answer").version.as_deref(), Some("v1"));
        let ended = Timestamp::now();
        let found = server.status_until("a version that is safe to stop", |status| drained(status).is_some()).await;
        let drained = drained(&found).expect("found");
        assert!(drained.since >= ended && drained.evidence.contains("by the reports"), "{drained:?}, ended at {ended}");
    });
}
