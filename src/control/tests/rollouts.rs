//! What the writer does for rollouts: steps, orders and edits, and what is left of them after a restart.

use super::*;
use crate::model::{Endpoint, Share};
use crate::rollout::{Actor, Command, Refused, Verb};
use crate::xds::{ByKind, StreamStatus, TypeStatus, Variant};

const TWO: &str =
    "service: shop\nhosts: [shop.example.com]\nversions: {v1: [\"127.0.1.1:80\"], v2: [\"127.0.1.2:80\"]}\nstable: v1\n";

/// A file in which `v2` is released by a canary.
fn canary() -> String {
    format!("{TWO}candidate: v2\ncanary: {{steps: [10% for 1h, 50% for 1h]}}\n")
}

/// The shares of `v2` as served, and the phase of its release.
fn share_and_phase(desk: &Desk) -> (Share, &'static str) {
    let status = desk.status.borrow();
    let service = status.services.iter().find(|service| service.name == "shop").expect("served");
    (service.split.share_of("v2"), service.rollout.as_ref().map_or("", |rollout| rollout.view.phase))
}

/// A node that has acknowledged so much.
fn node(acked: Option<u64>) -> StreamStatus {
    let node = Arc::new(Node { id: "envoy".into(), ..Node::default() });
    let types = ByKind::from_iter([(Kind::Route, TypeStatus { in_sync: true, ..TypeStatus::default() })]);
    let (variant, since) = (Variant::Delta, Timestamp::UNIX_EPOCH);
    StreamStatus { id: 1, node, peer: None, variant, aggregated: true, since, acked, types }
}

#[test]
fn a_step_waits_for_every_node_and_survives_a_restart() {
    let (dir, mut desk) = desk();
    desk.take(&[("shop.yaml", &canary())]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, "pending"), "nobody is connected");
    desk.control.world.board.put(node(Some(1)));
    desk.control.tick(Timestamp::UNIX_EPOCH);
    assert_eq!(share_and_phase(&desk), ("10%".parse().unwrap(), "running"));
    let hour = |hours: i64| Timestamp::from_second(hours * 3600 + 1).unwrap();
    desk.control.tick(hour(2));
    assert_eq!(share_and_phase(&desk).0, "10%".parse().unwrap(), "the step was not acknowledged");
    desk.control.world.board.put(node(Some(2)));
    desk.control.tick(hour(2));
    desk.control.tick(hour(3));
    assert_eq!(share_and_phase(&desk).0, "50%".parse().unwrap());
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[("shop.yaml", &canary())]);
    assert_eq!(share_and_phase(&desk), ("50%".parse().unwrap(), "running"));
    let events: Vec<_> = desk.control.kept.store().history(Some("shop"), None, 10).unwrap();
    assert_eq!(events.len(), 3, "started, and two steps, each once");
}

#[test]
fn a_file_deleted_in_mid_release_returns_to_stable_first() {
    let (_dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary()), CART]);
    assert_eq!(share_and_phase(&desk).0, "10%".parse().unwrap());
    desk.control.world.board.put(node(Some(1)));
    desk.take(&[CART]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, ""), "served still, and all of it by stable");
    let published = desk.published.borrow().clone().expect("published").generation();
    desk.control.world.board.put(node(Some(published)));
    desk.control.tick(Timestamp::UNIX_EPOCH);
    assert_eq!(desk.clusters(), ["cart/v1"]);
    assert!(desk.control.kept.store().rollouts().unwrap().keys().eq(["cart"]), "and forgotten");
}

#[test]
fn a_file_that_comes_back_before_it_was_gone_begins_anew() {
    let (_dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary()), CART]);
    desk.control.world.board.put(node(Some(1)));
    desk.take(&[CART]);
    desk.take(&[("shop.yaml", &canary()), CART]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, "pending"));
}

#[test]
fn an_edit_of_the_running_step_is_refused_where_it_stands_and_taken_in_when_it_can_be() {
    let (_dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary())]);
    let edited = canary().replace("10%", "20%");
    desk.take(&[("shop.yaml", &edited)]);
    assert_eq!(share_and_phase(&desk), ("10%".parse().unwrap(), "running"));
    assert!(
        matches!(desk.state_of("shop"), FileState::Stale { problem, .. } if problem.starts_with("shop.yaml:6:18: step 1 of v2"))
    );
    let by = Actor { name: "ann".into(), claimed: true };
    let abort = Command { verb: Verb::Abort, by, reason: None, revision: None };
    desk.control.order("shop", &abort, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!((share_and_phase(&desk), desk.state_of("shop")), ((Share::ZERO, "off"), FileState::Current));
}

#[test]
fn an_order_is_written_down_before_it_is_answered() {
    let (dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary())]);
    let by = Actor { name: "ann".into(), claimed: true };
    let abort = Command { verb: Verb::Abort, by, reason: Some("slow".into()), revision: Some(99) };
    let stale = desk.control.order("shop", &abort, Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(stale, OrderError::Refused(Refused::Stale { meant: 99, .. })), "{stale}");
    let done = desk.control.order("shop", &Command { revision: None, ..abort.clone() }, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(share_and_phase(&desk), (Share::ZERO, "off"));
    assert!(matches!(desk.control.order("cart", &abort, Timestamp::UNIX_EPOCH), Err(OrderError::Unknown(_))));
    drop(desk);
    let store = Store::open(dir.path()).unwrap();
    assert!(store.rollouts().unwrap()["shop"].contains(&format!("\"revision\":{}", done.revision)));
    let newest = &store.history(Some("shop"), None, 1).unwrap()[0];
    assert!(newest.text.contains("rolled_back") && newest.text.contains("slow") && newest.text.contains("ann"), "{}", newest.text);
}

#[test]
fn a_file_that_is_moved_in_mid_release_takes_its_rollout_along() {
    let (_dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary()), CART]);
    desk.control.world.board.put(node(Some(1)));
    desk.take(&[("web/shop.yaml", &canary()), CART]);
    assert_eq!(share_and_phase(&desk), ("10%".parse().unwrap(), "running"));
    assert_eq!(desk.control.kept.store().history(Some("shop"), None, 10).unwrap().len(), 2, "started once, and one step");
    assert!(desk.status.borrow().problems.is_empty());
}

#[test]
fn a_deletion_that_a_crash_cut_short_is_over_when_the_file_is_back() {
    let (dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    desk.take(&[("shop.yaml", &canary()), CART]);
    desk.control.world.board.put(node(Some(1)));
    desk.take(&[CART]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, ""));
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[("shop.yaml", &canary()), CART]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, "pending"), "the candidate is released again");
}

#[test]
fn a_node_that_has_just_gone_is_waited_for() {
    let (_dir, mut desk) = desk();
    desk.control.world.board.put(node(Some(9)));
    let other = StreamStatus { id: 2, node: Arc::new(Node { id: "other".into(), ..Node::default() }), ..node(Some(9)) };
    desk.control.world.board.put(other);
    desk.take(&[("shop.yaml", &canary())]);
    assert_eq!(share_and_phase(&desk), ("10%".parse().unwrap(), "running"));
    desk.control.world.board.remove(2);
    let later = Timestamp::from_second(7200).unwrap();
    desk.control.tick(later);
    desk.control.tick(later);
    assert_eq!(share_and_phase(&desk).0, "10%".parse().unwrap());
    let status = desk.status.borrow();
    let wait = status.services[0].rollout.as_ref().and_then(|rollout| rollout.view.wait.clone()).expect("a wait");
    assert!(wait.text().contains("1 of 2 nodes") && wait.text().contains("other: has just gone"), "{}", wait.text());
}

/// In the last wave a version leaves the routes and its endpoints drain; a node hears of endpoints first.
#[test]
fn after_a_restart_too_the_last_endpoints_leave_when_nobody_sends_to_them() {
    let rolling = format!("{TWO}candidate: v2\nrolling: {{batch: 1, drain: 1h}}\n");
    let (dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    let (facts, health) =
        watch::channel([("127.0.1.2:80".parse().unwrap(), true)].map(|(address, well)| (Endpoint { address }, well)).into());
    desk.control.world.health = health;
    desk.take(&[("shop.yaml", &rolling)]);
    // What was found out of endpoints counts once somebody wants to know it.
    desk.control.tick(Timestamp::UNIX_EPOCH);
    drop((desk, facts));
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[("shop.yaml", &rolling)]);
    let live = desk.control.rollouts.get("shop").expect("served");
    assert!(live.is_on_its_way() && live.traffic.placed["v1"].iter().all(|placed| !placed.draining), "{:?}", live.traffic);
    assert!(live.wanted.placed["v1"].iter().all(|placed| placed.draining), "{:?}", live.wanted);
}

#[test]
fn a_clock_that_was_set_back_wakes_whoever_waits_for_a_time() {
    let (_dir, mut desk) = desk();
    desk.control.world.may_be_empty = true;
    let hour = |hours: i64| Timestamp::from_second(hours * 3600).unwrap();
    let extra = desk.endpoint_files.borrow().clone();
    let canary = canary();
    desk.control.take(&generation(&[("shop.yaml", &canary)], extra), hour(10));
    assert_eq!(desk.control.rollouts.wake_at(), Some(hour(11)));
    desk.control.rollouts.forget_times(hour(2));
    assert_eq!(desk.control.rollouts.wake_at(), Some(hour(2)));
    desk.control.tick(hour(2));
    assert_eq!(desk.control.rollouts.wake_at(), Some(hour(3)), "the step's time begins where the clock is now");
}

#[test]
fn a_release_that_the_journal_has_lost_begins_from_stable_and_says_so() {
    let reason = |desk: &Desk| {
        let entries = desk.control.kept.store().history(Some("shop"), None, 10).unwrap();
        entries.last().map(|entry| entry.text.contains("the journal had nothing of it"))
    };
    let (_dir, mut desk) = desk();
    desk.take(&[CART]);
    desk.take(&[("shop.yaml", &canary()), CART]);
    assert_eq!(reason(&desk), Some(false), "it is new, and nothing is lost");
    let (_other, mut desk) = self::desk();
    desk.take(&[("shop.yaml", &canary()), CART]);
    assert_eq!((share_and_phase(&desk), reason(&desk)), ((Share::ZERO, "pending"), Some(true)));
}
