//! What of a generation is served, and what survives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::*;
use crate::diag::SourceFile;
use crate::snapshot::{Kind, Node, Snapshot, Transport};
use crate::sources::{DirectoryState, Generation};
use crate::store::Store;

mod rollouts;

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
