//! What people say, and what comes of it.

use tidegate::control::OrderError;
use tidegate::rollout::{Refused, Verb};

use crate::proxy::Proxy;
use crate::releases::{FILE, Two};
use crate::rollouts::checkout::{
    carry_out, command, order, phase, rollout, step, until_phase, until_settled_at, until_waiting_for,
};
use crate::rollouts::history::{history, moves};
use crate::rollouts::puppet::Puppet;
use crate::run::{Setup, bounded};
use crate::server::Server;

const PROMOTE: Verb = Verb::Promote { full: false };
const FULL: Verb = Verb::Promote { full: true };

/// An Envoy, and a canary of which no step ends by itself.
async fn slow_canary(two: &Two) -> (Server, Proxy) {
    let server = Server::start(&[(FILE, two.file("candidate: v2\ncanary: {steps: [10% for 1h, 20% for 1h, 50% for 1h]}"))]).await;
    let proxy = Proxy::start(Setup::USUAL, &server).await;
    until_settled_at(&server, 1).await;
    (server, proxy)
}

#[test]
fn a_person_takes_it_step_by_step_to_its_end_and_back() {
    bounded(async {
        let two = Two::start().await;
        let (server, proxy) = slow_canary(&two).await;
        let load = proxy.load().await;
        order(&server, PROMOTE).await.expect("the next step");
        until_settled_at(&server, 2).await;
        order(&server, Verb::Skip).await.expect("the step after it");
        until_settled_at(&server, 3).await;
        let acked = rollout(&server.status()).map(|rollout| rollout.acked.to_string());
        assert_eq!(acked.as_deref(), Some("50%"));
        let ordered = order(&server, FULL).await.expect("everything");
        assert!(ordered.text.contains("everything to the candidate"), "{ordered:?}");
        until_phase(&server, "done").await;
        assert_eq!(proxy.version().await, "v2");

        carry_out(&server, Verb::Undo).await;
        assert_eq!((phase(&server.status()), proxy.version().await.as_str()), ("off", "v1"));
        order(&server, Verb::Retry).await.expect("a second time");
        until_settled_at(&server, 1).await;
        carry_out(&server, Verb::Abort).await;
        assert_eq!((phase(&server.status()), proxy.version().await.as_str()), ("off", "v1"));
        let first = ["Started 0%", "Step 10%", "Promoted 10%", "Step 20%", "Skipped 20%", "Step 50%", "Promoted 50%", "Step 100%"];
        let second = ["Finished 100%", "RolledBack 0%", "Retried 0%", "Step 10%", "RolledBack 0%"];
        assert_eq!(moves(&server, "v2"), [&first[..], &second].concat());
        let people = history(&server).into_iter().filter_map(|entry| entry.event.by.zip(entry.event.reason));
        assert!(
            people.clone().count() == 6 && people.into_iter().all(|(by, why)| by.name == "alice" && by.claimed && why == "a test")
        );
        load.lost_none().await;
    });
}

/// The step's time is over while it is paused.
#[test]
fn a_pause_holds_until_somebody_resumes() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file("candidate: v2\ncanary: {steps: [10% for 500ms, 50% for 1h]}"))]).await;
        let _node = Puppet::connect(&server, "node", 1).await;
        until_settled_at(&server, 1).await;
        order(&server, Verb::Pause).await.expect("a pause");
        until_waiting_for(&server, "alice, who paused it: a test").await;
        assert_eq!(step(&server.status()), 1);
        assert!(matches!(order(&server, Verb::Pause).await, Err(OrderError::Refused(Refused::NotNow(_)))));
        order(&server, Verb::Resume).await.expect("a word");
        until_settled_at(&server, 2).await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%", "Paused 10%", "Resumed 10%", "Step 50%"]);
    });
}

/// Somebody decides by what was there before another one did.
#[test]
fn an_order_that_comes_too_late_is_refused() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file("candidate: v2\ncanary: {steps: [10% for 1h, 50% for 1h]}"))]).await;
        let _node = Puppet::connect(&server, "node", 1).await;
        until_settled_at(&server, 1).await;
        let seen = server.status().services[0].revision;
        let say = async || server.desk().order("checkout", command(PROMOTE, "bob", Some(seen))).await;
        let done = say().await.expect("it is as bob has seen it");
        assert!(done.revision > seen);
        until_settled_at(&server, 2).await;
        let refused = say().await;
        assert!(matches!(refused, Err(OrderError::Refused(Refused::Stale { meant, .. })) if meant == seen), "{refused:?}");
        assert!(matches!(server.desk().order("cart", command(PROMOTE, "bob", None)).await, Err(OrderError::Unknown(_))));
        assert_eq!(step(&server.status()), 2);
    });
}

#[test]
fn a_file_that_says_hold_is_not_begun() {
    bounded(async {
        let two = Two::start().await;
        let canary = "candidate: v2\ncanary: {steps: [50% for 100ms]}";
        let server = Server::start(&[(FILE, two.file(&format!("{canary}\nhold: true")))]).await;
        let _node = Puppet::connect(&server, "node", 1).await;
        until_waiting_for(&server, "`hold: true`").await;
        assert_eq!((phase(&server.status()), moves(&server, "v2")), ("pending", vec!["Started 0%".to_owned()]));
        server.save(FILE, &two.file(canary));
        until_phase(&server, "done").await;
    });
}
