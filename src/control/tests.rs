//! What of a generation is served, and what survives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::diag::SourceFile;
use crate::model::{Endpoint, Share};
use crate::rollout::{Actor, Command, Refused, Verb};
use crate::snapshot::{Kind, Node, Snapshot, Transport};
use crate::sources::{DirectoryState, Generation};
use crate::store::Store;
use crate::xds::{ByKind, StreamStatus, TypeStatus, Variant};

struct Desk {
    control: Control,
    status: watch::Receiver<Arc<ServerStatus>>,
    published: watch::Receiver<Option<Arc<Snapshot>>>,
    endpoint_files: watch::Receiver<BTreeSet<String>>,
}

impl Desk {
    fn open(state: &Path, options: Options) -> Desk {
        let (status_tx, status) = watch::channel(Arc::default());
        let (published_tx, published) = watch::channel(None);
        let (endpoint_files_tx, endpoint_files) = watch::channel(BTreeSet::new());
        let outputs = Outputs { status: status_tx, published: published_tx, endpoint_files: endpoint_files_tx };
        let control = Control::new(options, Store::open(state).unwrap(), outputs, World::default(), Errands::default()).unwrap();
        Desk { control, status, published, endpoint_files }
    }

    /// Takes in a generation of these files, read with what was asked for.
    fn take(&mut self, files: &[(&str, &str)]) {
        let extra = self.endpoint_files.borrow().clone();
        self.take_generation(generation(files, extra));
    }

    fn take_generation(&mut self, generation: Generation) {
        self.control.take(&generation, Timestamp::UNIX_EPOCH);
    }

    fn clusters(&self) -> Vec<String> {
        let snapshot = self.published.borrow().clone().expect("published");
        snapshot.view(&Node::default(), Transport::Aggregated).of(Kind::Cluster).iter().map(|(name, _)| name.to_string()).collect()
    }

    fn state_and_endpoints(&self, name: &str) -> (FileState, Vec<String>) {
        let status = self.status.borrow();
        let service = status.services.iter().find(|service| service.name == name).expect("served");
        (service.state.clone(), service.versions[0].endpoints.clone())
    }

    fn state_of(&self, name: &str) -> FileState {
        let status = self.status.borrow();
        status.services.iter().find(|service| service.name == name).expect("served").state.clone()
    }
}

fn generation(files: &[(&str, &str)], extra: BTreeSet<String>) -> Generation {
    let file =
        |(path, text): &(&str, &str)| (path.to_string(), Arc::new(SourceFile { path: path.to_string(), text: text.to_string() }));
    Generation {
        files: files.iter().map(file).collect(),
        unreadable: BTreeMap::new(),
        config: files.iter().any(|(path, _)| *path == "tidegate.yaml").then(|| "tidegate.yaml".to_owned()),
        extra,
        directory: DirectoryState::Present,
    }
}

const SHOP: (&str, &str) =
    ("shop.yaml", "service: shop\nhosts: [shop.example.com]\nversions: {v1: [\"127.0.1.1:80\"]}\nstable: v1\n");
const CART: (&str, &str) =
    ("cart.yaml", "service: cart\nhosts: [cart.example.com]\nversions: {v1: [\"127.0.1.2:80\"]}\nstable: v1\n");
const BROKEN: (&str, &str) = ("shop.yaml", "service: shop\nhosts: [");

fn desk() -> (tempfile::TempDir, Desk) {
    let dir = tempfile::tempdir().unwrap();
    let desk = Desk::open(dir.path(), Options::default());
    (dir, desk)
}

#[test]
fn a_broken_file_keeps_its_last_good_content_and_the_others_go_on() {
    let (_dir, mut desk) = desk();
    desk.take(&[SHOP]);
    desk.take(&[BROKEN, CART]);
    assert_eq!(desk.clusters(), ["cart/v1", "shop/v1"]);
    assert!(matches!(desk.state_of("shop"), FileState::Stale { problem, .. } if problem.starts_with("shop.yaml:")));
    assert_eq!(desk.state_of("cart"), FileState::Current);
    desk.take(&[SHOP, CART]);
    assert_eq!(desk.state_of("shop"), FileState::Current);
    assert!(desk.status.borrow().problems.is_empty());
}

#[test]
fn a_broken_file_keeps_its_last_good_content_over_a_restart() {
    let (dir, mut desk) = desk();
    desk.take(&[SHOP, CART]);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    assert!(desk.published.borrow().is_none(), "what is remembered is not served before the directory was looked at");
    desk.take(&[BROKEN, CART]);
    assert_eq!(desk.clusters(), ["cart/v1", "shop/v1"]);
}

#[test]
fn a_file_that_is_gone_is_not_served_any_more_also_if_it_went_while_the_server_was_down() {
    let (dir, mut desk) = desk();
    desk.take(&[SHOP, CART]);
    desk.take(&[CART]);
    assert_eq!(desk.clusters(), ["cart/v1"]);
    desk.take(&[SHOP, CART]);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[CART]);
    assert_eq!(desk.clusters(), ["cart/v1"]);
}

#[test]
fn a_directory_that_vanished_or_lost_everything_changes_nothing() {
    let (dir, mut desk) = desk();
    desk.take(&[SHOP]);
    let gone = Generation { directory: DirectoryState::Missing, ..generation(&[], BTreeSet::new()) };
    desk.take_generation(gone.clone());
    assert_eq!(desk.clusters(), ["shop/v1"]);
    assert!(desk.status.borrow().directory.as_ref().is_some_and(|reason| reason.contains("1 service keeps being served")));
    desk.take(&[]);
    assert_eq!(desk.clusters(), ["shop/v1"]);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take_generation(gone);
    assert_eq!(desk.clusters(), ["shop/v1"], "after a restart what was served last is served on");
    assert!(desk.status.borrow().ready);
}

#[test]
fn an_empty_directory_is_served_only_if_that_is_meant() {
    let (_dir, mut first) = desk();
    first.take(&[]);
    assert!(first.published.borrow().is_none() && !first.status.borrow().ready);
    let dir = tempfile::tempdir().unwrap();
    let mut second = Desk::open(dir.path(), Options { allow_empty: true, ..Options::default() });
    second.take(&[]);
    assert!(second.clusters().is_empty() && second.status.borrow().ready);
}

#[test]
fn a_first_load_without_one_good_file_is_not_served() {
    let (_dir, mut desk) = desk();
    desk.take(&[BROKEN]);
    assert!(desk.published.borrow().is_none());
    assert!(!desk.status.borrow().problems.is_empty());
    desk.take(&[BROKEN, CART]);
    assert_eq!(desk.clusters(), ["cart/v1"], "one good file is a load");
}

#[test]
fn what_cannot_be_read_is_not_gone() {
    let (_dir, mut desk) = desk();
    desk.take(&[SHOP, CART]);
    let unreadable = BTreeMap::from([("shop.yaml".to_owned(), "permission denied".to_owned())]);
    desk.take_generation(Generation { unreadable, ..generation(&[CART], BTreeSet::new()) });
    assert_eq!(desk.clusters(), ["cart/v1", "shop/v1"]);
    assert!(desk.status.borrow().problems.iter().any(|problem| problem.title.contains("permission denied")));
}

#[test]
fn what_is_served_wins_over_what_contradicts_it() {
    let (_dir, mut desk) = desk();
    let thief = ("a-thief.yaml", "service: thief\nhosts: [shop.example.com]\nversions: {v1: [\"127.0.1.3:80\"]}\nstable: v1\n");
    desk.take(&[SHOP]);
    desk.take(&[thief, SHOP]);
    assert_eq!(desk.clusters(), ["shop/v1"], "although the other file comes first by path");
    let moved = ("shop.yaml", "service: shop\nhosts: [new.example.com]\nversions: {v1: [\"127.0.1.1:80\"]}\nstable: v1\n");
    desk.take(&[thief, moved]);
    assert_eq!(desk.clusters(), ["shop/v1", "thief/v1"], "a host may be handed over");
}

#[test]
fn one_changed_file_is_translated_alone_and_a_comment_changes_nothing() {
    let (_dir, mut desk) = desk();
    desk.take(&[SHOP, CART]);
    let before = desk.published.borrow().clone().unwrap();
    desk.take(&[("shop.yaml", &format!("# a comment\n{}", SHOP.1)), CART]);
    assert!(Arc::ptr_eq(&before, &desk.published.borrow().clone().unwrap()), "a comment publishes nothing");
    let node = Node::default();
    let old = before.view(&node, Transport::Aggregated);
    desk.take(&[("shop.yaml", &SHOP.1.replace("127.0.1.1:80", "127.0.1.9:80")), CART]);
    let new = desk.published.borrow().clone().unwrap().view(&node, Transport::Aggregated);
    let same = |kind, name| Arc::ptr_eq(old.of(kind).get(name).unwrap(), new.of(kind).get(name).unwrap());
    assert!(same(Kind::Endpoints, "cart/v1") && same(Kind::Cluster, "cart/v1"));
    assert!(!same(Kind::Endpoints, "shop/v1"));
    assert!(Arc::ptr_eq(old.of(Kind::Route), new.of(Kind::Route)), "and routes, that did not change, are the same");
}

#[test]
fn endpoint_files_are_asked_for_and_waited_for() {
    let (dir, mut desk) = desk();
    let release = ("shop.yaml", "service: shop\nhosts: [shop.example.com]\nversions: {v1: {file: shop.json}}\nstable: v1\n");
    desk.take(&[release]);
    assert!(desk.published.borrow().is_none(), "the generation was read without the file");
    assert_eq!(*desk.endpoint_files.borrow(), BTreeSet::from(["shop.json".to_owned()]));
    let endpoints = ("shop.json", r#"[{"targets": ["127.0.1.7:80"]}]"#);
    desk.take(&[release, endpoints]);
    assert_eq!(desk.clusters(), ["shop/v1"]);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[release, ("shop.json", "not json")]);
    assert_eq!(desk.clusters(), ["shop/v1"], "the endpoint file has a last good content as well");
}

#[test]
fn endpoints_are_followed_while_the_release_file_beside_them_is_broken() {
    let (_dir, mut desk) = desk();
    let release = ("shop.yaml", "service: shop\nhosts: [shop.example.com]\nversions: {v1: {file: shop.json}}\nstable: v1\n");
    let endpoints = |desk: &Desk| desk.state_and_endpoints("shop");
    desk.take(&[release]);
    desk.take(&[release, ("shop.json", r#"[{"targets": ["127.0.1.7:80"]}]"#)]);
    desk.take(&[BROKEN, ("shop.json", r#"[{"targets": ["127.0.1.7:80"]}]"#)]);
    desk.take(&[BROKEN, ("shop.json", r#"[{"targets": ["127.0.1.8:80"]}]"#)]);
    assert!(desk.endpoint_files.borrow().contains("shop.json"), "it is still asked for");
    let (state, addresses) = endpoints(&desk);
    assert!(matches!(state, FileState::Stale { .. }));
    assert_eq!(addresses, ["127.0.1.8:80"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_as_it_was_also_after_a_restart() {
    let (dir, mut desk) = desk();
    let config = ("tidegate.yaml", "listeners: {http: {bind: \"127.0.0.1:8080\"}}");
    let listeners = |desk: &Desk| {
        let snapshot = desk.published.borrow().clone().unwrap();
        snapshot.view(&Node::default(), Transport::Aggregated).of(Kind::Listener).len()
    };
    let hidden = || {
        let unreadable = BTreeMap::from([("tidegate.yaml".to_owned(), "permission denied".to_owned())]);
        Generation { unreadable, config: Some("tidegate.yaml".into()), ..generation(&[SHOP], BTreeSet::new()) }
    };
    desk.take(&[SHOP, config]);
    desk.take_generation(hidden());
    assert_eq!(listeners(&desk), 1);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take_generation(hidden());
    assert_eq!(listeners(&desk), 1);
}

#[test]
fn a_configuration_that_begins_broken_takes_nothing_away_over_a_restart() {
    let (dir, mut desk) = desk();
    desk.take(&[SHOP]);
    drop(desk);
    let mut desk = Desk::open(dir.path(), Options::default());
    desk.take(&[SHOP, ("tidegate.yaml", "listeners: {http: {bind")]);
    assert_eq!(desk.clusters(), ["shop/v1"]);
}

#[test]
fn what_is_stale_stays_told_while_the_directory_is_away() {
    let (_dir, mut desk) = desk();
    desk.take(&[SHOP]);
    desk.take(&[BROKEN]);
    desk.take_generation(Generation { directory: DirectoryState::Missing, ..generation(&[], BTreeSet::new()) });
    assert!(matches!(desk.state_of("shop"), FileState::Stale { .. }));
}

#[test]
fn a_broken_configuration_keeps_the_last_good_one_and_is_waited_for_at_first() {
    let (_dir, mut desk) = desk();
    let listeners = |desk: &Desk| {
        desk.published.borrow().clone().unwrap().view(&Node::default(), Transport::Aggregated).of(Kind::Listener).len()
    };
    desk.take(&[SHOP, ("tidegate.yaml", "listeners: {http: {bind")]);
    assert!(desk.published.borrow().is_none(), "without it listeners would be taken away");
    desk.take(&[SHOP, ("tidegate.yaml", "listeners: {http: {bind: \"127.0.0.1:8080\"}}")]);
    assert_eq!(listeners(&desk), 1);
    desk.take(&[SHOP, ("tidegate.yaml", "listeners: {http: {bind")]);
    assert_eq!(listeners(&desk), 1);
    assert!(!desk.status.borrow().problems.is_empty());
}

fn compiled(files: &[(&str, &str)]) -> Vec<(&'static str, String, (usize, usize))> {
    let problems = compile(&generation(files, BTreeSet::new())).problems;
    problems.into_iter().map(|problem| (problem.code, problem.primary.file.path.clone(), problem.position())).collect()
}

#[test]
fn a_broken_configuration_is_the_only_thing_said_of_fleets() {
    let shop = (SHOP.0, &*format!("{}fleets: [edge]\n", SHOP.1));
    assert_eq!(compiled(&[shop]), [("T072", "shop.yaml".to_owned(), (5, 10))], "there is none, so it has no fleets");
    assert_eq!(compiled(&[shop, ("tidegate.yaml", "fleets: {edge: {}}\n")]), [("T016", "tidegate.yaml".to_owned(), (1, 10))]);
}

#[test]
fn what_envoy_cannot_be_told_has_the_place_of_its_rule() {
    let rule = "rules:\n  - when: {path: /a}\n    send: v1\n  - when: {cookie: {x: {regex: \"a;b\"}}}\n    send: v1\n";
    assert_eq!(compiled(&[(SHOP.0, &*format!("{}{rule}", SHOP.1))]), [("T900", "shop.yaml".to_owned(), (8, 5))]);
}

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
    let row = desk.control.world.board.put(node(Some(1)));
    desk.control.tick(Timestamp::UNIX_EPOCH);
    assert_eq!(share_and_phase(&desk), ("10%".parse().unwrap(), "running"));
    let hour = |hours: i64| Timestamp::from_second(hours * 3600 + 1).unwrap();
    desk.control.tick(hour(2));
    assert_eq!(share_and_phase(&desk).0, "10%".parse().unwrap(), "the step was not acknowledged");
    desk.control.world.board.update(&row, |status| status.acked = Some(2));
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
    let row = desk.control.world.board.put(node(Some(1)));
    desk.take(&[CART]);
    assert_eq!(share_and_phase(&desk), (Share::ZERO, ""), "served still, and all of it by stable");
    let published = desk.published.borrow().clone().expect("published").generation();
    desk.control.world.board.update(&row, |status| status.acked = Some(published));
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
