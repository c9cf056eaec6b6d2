//! Canaries.

use super::world::*;
use crate::rollout::*;

#[test]
fn from_start_to_end() {
    let mut world = World::new(service("candidate: v2\ncanary: {steps: [5% for 10m, 25% until approved, 50% for 1h]}\n"));
    world.pass(minutes(30));
    assert_eq!(world.story(), "");
    world.tell(Verb::Approve, "ann").unwrap();
    world.pass(minutes(70));
    assert_eq!(world.story(), "");
}
