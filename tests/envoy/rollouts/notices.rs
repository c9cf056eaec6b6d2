//! Who is told what happens.

use crate::releases::{FILE, Two};
use crate::rollouts::checkout::{order_by, until_phase, until_waiting_for};
use crate::rollouts::puppet::Puppet;
use crate::rollouts::receiver::{Call, Receiver};
use crate::run::bounded;
use crate::server::Server;

use tidegate::rollout::Verb;

/// The first try is not answered: it is told once more, and nothing is told out of its order.
#[test]
fn whoever_wants_to_is_told_what_happens() {
    bounded(async {
        let two = Two::start().await;
        let events = Receiver::start(|nth, _| async move { if nth == 0 { 503 } else { 200 } }).await;
        let chat = Receiver::agreeable().await;
        let config = format!(
            "notifications:\n  - {{url: {}, format: cloudevents}}\n  - {{url: {}, format: slack, events: [waiting, rolled_back]}}\n",
            events.url(),
            chat.url()
        );
        let server = Server::start(&[(FILE, two.file("")), ("tidegate.yaml", config)]).await;
        let _node = Puppet::connect(&server, "node", 1).await;
        server.save(FILE, &two.file("candidate: v2\ncanary: {steps: [10% for 100ms, 50% until approved]}\napprovers: [oncall]"));
        until_waiting_for(&server, "an approval from oncall").await;
        order_by(&server, Verb::Approve, "oncall").await.expect("an approval");
        until_phase(&server, "done").await;
        order_by(&server, Verb::Undo, "bob").await.expect("the way back");

        let kinds = ["started", "started", "step", "step", "waiting", "step", "finished", "rolled_back"];
        let calls = events.until("all of it", |calls| calls.len() >= kinds.len()).await;
        assert_eq!(calls.iter().map(kind).collect::<Vec<_>>(), kinds);
        assert!(calls.iter().all(|call| call.header("content-type") == "application/cloudevents+json"));
        assert!(calls.iter().all(|call| call.header("idempotency-key") == call.text("id")));
        assert_eq!((calls[0].text("id"), calls[0].text("subject")), (calls[1].text("id"), "checkout"));
        let step = &calls[3].body["data"];
        assert_eq!((step["step"].as_u64(), step["steps"].as_u64(), step["share"].as_str()), (Some(2), Some(3), Some("50%")));
        let undone = &calls[7].body["data"];
        assert_eq!((undone["actor"].as_str(), undone["reason"].as_str()), (Some("bob"), Some("a test")));

        let lines = chat.until("what people want to know", |calls| calls.len() >= 2).await;
        let lines: Vec<&str> = lines.iter().map(|call| call.text("text")).collect();
        assert!(lines[0].contains("checkout v1 → v2") && lines[0].contains("an approval from oncall"), "{lines:?}");
        assert!(lines[1].ends_with("by bob: a test") && lines.len() == 2, "{lines:?}");
    });
}

fn kind(call: &Call) -> String {
    let kind = call.text("type").strip_prefix("dev.tidegate.rollout.").and_then(|kind| kind.strip_suffix(".v1"));
    kind.unwrap_or_default().to_owned()
}
