//! A server that is killed at any moment of a rollout.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tidegate::store::Store;

use crate::proxy::Proxy;
use crate::releases::{FILE, ROOMY, Two, list, release};
use crate::restart::Process;
use crate::rollouts::is_long;
use crate::rollouts::receiver::{Call, Receiver};
use crate::run::{Setup, bounded_by};

/// How long a canary takes, more or less.
const TAKES: Duration = Duration::from_millis(2500);
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
/// Requests a second.
const RATE: u32 = if cfg!(debug_assertions) { 200 } else { 800 };

/// Canaries in a row, each the other way round.
fn canaries() -> u64 {
    if is_long() { 30 } else { 4 }
}

#[test]
fn canaries_of_a_server_that_is_killed_end_where_they_should() {
    bounded_by(Duration::from_secs(if is_long() { 600 } else { 120 }), async {
        let seed = fastrand::u64(..);
        println!("the moments are those of seed {seed}");
        let mut moments = fastrand::Rng::with_seed(seed);
        let (two, hook) = (Two::start().await, Receiver::agreeable().await);
        let mut server =
            Process::start(&file(&two, &hook, ["v1", "v2"], false), &["--drain", "200ms", "--load-report-interval", "1s"]).await;
        let proxy = Proxy::start_at(Setup::USUAL, server.xds(), "envoy-1", "envoy").await;
        server.in_sync().await;
        let load = proxy.load_of(RATE).await;
        for nth in 1..=canaries() {
            let [stable, candidate] = if nth % 2 == 1 { ["v1", "v2"] } else { ["v2", "v1"] };
            std::fs::write(server.dir().join(FILE), file(&two, &hook, [stable, candidate], true)).expect("written");
            tokio::time::sleep(TAKES.mul_f64(moments.f64())).await;
            server.kill().await;
            server.start_again().await;
            until_over(&server, nth).await;
            assert_eq!(proxy.version().await, candidate, "canary {nth}");
        }
        server.kill().await;
        load.lost_none().await;
        let history = written(&server);
        for nth in 1..=canaries() {
            check(nth, &history[&nth], &hook.calls());
        }
    });
}

/// Releases of one version by steps, somebody's word and a cutover.
fn file(two: &Two, hook: &Receiver, [stable, candidate]: [&str; 2], under_way: bool) -> String {
    let canary = format!(
        "candidate: {candidate}\ncanary: {{steps: [10% for 300ms, 50% for 300ms]}}\n\
         then: {{blue_green: {{before: [hook: {}], after: {{watch: 300ms}}}}}}",
        hook.url()
    );
    let more = if under_way { canary.as_str() } else { "" };
    release(&[("v1", &list(&[&two.v1])), ("v2", &list(&[&two.v2]))], stable, &format!("{ROOMY}\n{more}"))
}

/// Waits until the server has told of the end of a rollout. One end of it is told of if the other fell to the crash.
async fn until_over(server: &Process, nth: u64) {
    let ends = |line: &Value| {
        let what = line["what"].as_str().unwrap_or_default();
        line["rollout"].as_u64() == Some(nth) && ["Finished", "Drained"].contains(&what)
    };
    let wait = async {
        while !server.log().lines().filter_map(|line| serde_json::from_str(line).ok()).any(|line| ends(&line)) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("rollout {nth} does not end"));
}

/// What the journal has of each rollout, oldest first.
fn written(server: &Process) -> BTreeMap<u64, Vec<Value>> {
    let store = Store::open(&server.state()).expect("a journal");
    let mut rollouts: BTreeMap<u64, Vec<Value>> = BTreeMap::new();
    for entry in store.history(Some("checkout"), None, 10_000).expect("a history").into_iter().rev() {
        let event: Value = serde_json::from_str(&entry.text).expect("JSON");
        rollouts.entry(event["rollout"].as_u64().expect("a number")).or_default().push(event);
    }
    rollouts
}

/// Every step once, and nobody asked again who had answered.
fn check(nth: u64, events: &[Value], calls: &[Call]) {
    let told =
        |event: &Value| format!("{} {}", event["what"].as_str().unwrap_or_default(), event["text"].as_str().unwrap_or_default());
    let steps: Vec<String> = events.iter().filter(|event| event["what"] == "step").map(told).collect();
    let expected = ["10% for 300ms", "50% for 300ms", "hook", "gets everything", "watched for 300ms"];
    assert_eq!(steps.len(), expected.len(), "canary {nth}: {steps:?}");
    assert!(steps.iter().zip(expected).all(|(step, words)| step.contains(words)), "canary {nth}: {steps:?}");
    for once in ["started", "passed", "finished"] {
        assert_eq!(events.iter().filter(|event| event["what"] == once).count(), 1, "canary {nth}: {once} in {events:?}");
    }
    let passed: jiff::Timestamp = events.iter().find(|event| event["what"] == "passed").expect("it was passed")["at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let of_it: Vec<&Call> = calls.iter().filter(|call| call.body["rollout"].as_u64() == Some(nth)).collect();
    assert!(
        !of_it.is_empty() && of_it.iter().all(|call| call.at <= passed),
        "canary {nth}: called again behind {passed}: {of_it:?}"
    );
    assert!(of_it.iter().all(|call| call.text("token") == of_it[0].text("token")), "canary {nth}: {of_it:?}");
}
