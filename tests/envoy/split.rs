//! Shares of traffic.

use crate::on_every_envoy;
use crate::world::{Setup, World};

async fn a_tenth_is_a_tenth(setup: Setup) {
    let split = "stable: v41\nsplit: {v41: 90%, v42: 10%}";
    let mut world = World::new(setup, &["v41", "v42"], |at| at.checkout(&["v41", "v42"], split)).await;
    let counts = world.ask(4000).await;
    // Four standard deviations are 76 requests; the bounds are those that are promised.
    assert!((320..=480).contains(&counts["v42"]), "{counts:?}");
    world.release(&world.addresses().checkout(&["v41", "v42"], "stable: v41")).await;
    assert_eq!(world.ask(200).await, [("v41".to_owned(), 200)].into());
    world.release(&world.addresses().checkout(&["v41", "v42"], "stable: v41\nsplit: {v41: 0%, v42: 100%}")).await;
    assert_eq!(world.ask(200).await, [("v42".to_owned(), 200)].into());
}

on_every_envoy!(a_tenth_is_a_tenth);
