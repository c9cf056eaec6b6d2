//! Cutovers: not one request is lost, and they are quick.

use std::time::{Duration, Instant};

use crate::on_every_envoy;
use crate::world::{LONG, Setup, World};

const CUTOVERS: usize = 20;

/// Each cutover names a version that the Envoy has never heard of, and drops the one before from the file altogether: clusters and
/// endpoints must be there before the routes, and the old ones until nobody uses them.
async fn twenty_cutovers_lose_nothing(setup: Setup) {
    let names: Vec<String> = (0..=CUTOVERS).map(|n| format!("v{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let setup = Setup { alone: true, drain: Duration::from_secs(1), ..setup };
    let mut world = World::new(setup, &names, |at| at.checkout(&["v0"], "stable: v0")).await;
    let load = world.load(800).await;
    let mut took = Vec::new();
    for version in &names[1..] {
        let text = world.addresses().checkout(&[version], &format!("stable: {version}"));
        world.save("checkout.yaml", &text);
        took.push(first_answer(&mut world, version).await);
        load.more(80).await;
    }
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "of {}: {:?}", totals.sent, totals.failures);
    took.sort();
    println!("save to first request on the new version: median {:?}, longest {:?}", took[CUTOVERS / 2], took[CUTOVERS - 1]);
    // In the end the old clusters are gone.
    let removed = "cluster_manager.cluster_removed";
    world.envoy.wait_stat(removed, |count| count == CUTOVERS as u64).await.unwrap();
}

/// Time from now until that version answers.
async fn first_answer(world: &mut World, version: &str) -> Duration {
    let saved = Instant::now();
    while world.get("/", &[]).await.version.as_deref() != Some(version) {
        assert!(saved.elapsed() < LONG, "{version} never answered");
    }
    saved.elapsed()
}

async fn blue_green_and_back_under_load(setup: Setup) {
    let colour = |stable: &str| format!("stable: {stable}");
    let mut world = World::new(setup, &["blue", "green"], |at| at.checkout(&["blue", "green"], &colour("blue"))).await;
    let load = world.load(300).await;
    for stable in ["green", "blue", "green"] {
        world.release(&world.addresses().checkout(&["blue", "green"], &colour(stable))).await;
        assert_eq!(world.ask(100).await, [(stable.to_owned(), 100)].into());
    }
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "of {}: {:?}", totals.sent, totals.failures);
}

/// Without ADS each type has a stream of its own, and the order between them is kept all the same.
async fn typed_services_cut_over_in_order(setup: Setup) {
    let setup = Setup { typed: true, drain: Duration::from_secs(1), ..setup };
    let mut world = World::new(setup, &["v1", "v2", "v3"], |at| at.checkout(&["v1"], "stable: v1")).await;
    let load = world.load(300).await;
    for version in ["v2", "v3", "v1"] {
        world.save("checkout.yaml", &world.addresses().checkout(&[version], &format!("stable: {version}")));
        first_answer(&mut world, version).await;
        load.more(50).await;
    }
    let totals = load.stop().await;
    assert_eq!(totals.failed, 0, "of {}: {:?}", totals.sent, totals.failures);
    assert!(world.server.board.streams().iter().all(|stream| !stream.aggregated));
}

on_every_envoy!(twenty_cutovers_lose_nothing, blue_green_and_back_under_load, typed_services_cut_over_in_order);
