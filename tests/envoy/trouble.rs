//! Trouble with files: what was served stays served.

use std::fs;
use std::time::Duration;

use tidegate::control::FileState;

use crate::on_every_envoy;
use crate::world::{Setup, World};

async fn broken_files_and_a_vanished_directory_change_nothing(setup: Setup) {
    let mut world = World::new(setup, &["v1", "v2"], |at| at.checkout(&["v1", "v2"], "stable: v1")).await;
    let load = world.load(200).await;
    let (before, pushes) = (world.disturbances().await, world.pushes());

    world.save("checkout.yaml", "service: checkout\nversions: [");
    let stale = |world: &World| matches!(world.server.status.borrow().services[0].state, FileState::Stale { .. });
    world.until("the broken file to be noticed", || stale(&world)).await;
    load.more(50).await;

    fs::rename(world.path(""), world.path("").with_file_name("away")).unwrap();
    world.until("the loss to be noticed", || world.server.status.borrow().directory.is_some()).await;
    load.more(50).await;
    assert_eq!((world.disturbances().await, world.pushes()), (before, pushes));

    fs::rename(world.path("").with_file_name("away"), world.path("")).unwrap();
    world.release(&world.addresses().checkout(&["v1", "v2"], "stable: v2")).await;
    assert!(!stale(&world));
    assert_eq!(world.ask(100).await, [("v2".to_owned(), 100)].into());
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "{:?}", totals.failures);
}

on_every_envoy!(broken_files_and_a_vanished_directory_change_nothing);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_file_does_not_hold_up_the_others() {
    let mut world = World::new(Setup::default(), &["v1", "v2"], |at| at.checkout(&["v1", "v2"], "stable: v1")).await;
    world.save("broken.yaml", "service: [");
    world.release(&world.addresses().checkout(&["v1", "v2"], "stable: v2")).await;
    assert_eq!(world.ask(50).await, [("v2".to_owned(), 50)].into());
    assert!(!world.server.status.borrow().problems.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_and_touches_send_nothing() {
    let mut world = World::new(Setup::default(), &["v1"], |at| at.checkout(&["v1"], "stable: v1")).await;
    let (before, pushes) = (world.disturbances().await, world.pushes());
    let generation = world.server.status.borrow().generation;
    let text = world.addresses().checkout(&["v1"], "stable: v1\n# of no importance");
    world.save("checkout.yaml", &text);
    world.loaded(generation).await;
    // What was published has had time to be sent.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((world.disturbances().await, world.pushes()), (before, pushes));
}
