//! The server in a simulated network, with simulated time: connections that are half open, partitions, latency that varies, storms.
//!
//! Minutes pass in seconds here, and nothing leaves the process.

mod envoy;
mod fleet;
mod manner;
mod server;

use std::time::Duration;

use fleet::Fleet;
use manner::Manner;
use server::Site;
use turmoil::{Builder, Sim};

/// A network of some latency, in steps fine enough to tell seconds apart.
fn network(latency: Duration) -> Sim<'static> {
    Builder::new()
        .tick_duration(Duration::from_millis(5))
        .max_message_latency(latency)
        .simulation_duration(Duration::from_secs(3600))
        .tcp_capacity(4096)
        .rng_seed(11)
        .build()
}

/// Lets time pass until it is so; fails if that takes longer than this.
fn until(sim: &mut Sim<'_>, limit: Duration, what: &str, mut good: impl FnMut() -> bool) -> Duration {
    let begin = sim.elapsed();
    while !good() {
        assert!(sim.elapsed() - begin < limit, "{what}: not within {limit:?}");
        sim.step().expect("a simulation that goes on");
    }
    sim.elapsed() - begin
}

fn pass(sim: &mut Sim<'_>, time: Duration) {
    let end = sim.elapsed() + time;
    while sim.elapsed() < end {
        sim.step().expect("a simulation that goes on");
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn n7_a_connection_that_goes_silent_is_forgotten() {
    let (mut sim, site, fleet) = (network(SECOND / 50), Site::new(&[("shop", "v1")]), Fleet::new(3));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 10 * SECOND, "all in sync", || site.in_sync() == 3);
    sim.partition("far", "server");
    pass(&mut sim, 5 * SECOND);
    assert_eq!(site.connected(), 3, "nothing says yet that they are gone");
    // A ping goes out every 30 s, and its answer may take 10 s.
    until(&mut sim, 40 * SECOND, "forgotten", || site.connected() == 0);
}

#[test]
fn n7_a_client_that_dies_without_a_word_is_forgotten() {
    let (mut sim, site, fleet) = (network(SECOND / 50), Site::new(&[("shop", "v1")]), Fleet::new(2));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 10 * SECOND, "all in sync", || site.in_sync() == 2);
    sim.partition("far", "server");
    sim.crash("far");
    sim.repair("far", "server");
    until(&mut sim, 45 * SECOND, "forgotten", || site.connected() == 0);
}

#[test]
fn e1_who_was_cut_off_comes_back_and_is_brought_to_what_is_newest() {
    let (mut sim, site, fleet) = (network(SECOND / 50), Site::new(&[("shop", "v1"), ("cart", "v1")]), Fleet::new(5));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 10 * SECOND, "all in sync", || site.in_sync() == 5);
    sim.partition("far", "server");
    site.publish(&[("shop", "v2"), ("cart", "v1")]);
    pass(&mut sim, 60 * SECOND);
    assert!(fleet.all(|node| node.holds("shop/v1") && !node.holds("shop/v2")), "nothing came, and nothing was lost");
    site.publish(&[("shop", "v3"), ("cart", "v1")]);
    let before = fleet.resources();
    sim.repair("far", "server");
    until(&mut sim, 90 * SECOND, "all up to date", || fleet.all(|node| node.is_at(&site)));
    assert!(fleet.all(|node| !node.holds("shop/v2")), "what came and went meanwhile they never hear of");
    // Each: a cluster, its endpoints, and routes. Endpoints of what a client has not asked for yet may go out with their cluster.
    assert!(fleet.resources() - before <= 5 * 4, "{} resources for what has changed", fleet.resources() - before);
}

#[test]
fn a_connection_that_stands_still_for_a_while_goes_on_where_it_was() {
    let (mut sim, site, fleet) = (network(SECOND / 50), Site::new(&[("shop", "v1")]), Fleet::new(3));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 10 * SECOND, "all in sync", || site.in_sync() == 3);
    sim.hold("far", "server");
    for version in ["v2", "v3", "v4"] {
        site.publish(&[("shop", version)]);
        pass(&mut sim, SECOND);
    }
    sim.release("far", "server");
    until(&mut sim, 60 * SECOND, "all up to date", || fleet.all(|node| node.is_at(&site)));
    assert_eq!(fleet.connections(), 3, "nobody had to come back for that");
}

#[test]
fn who_has_not_heard_of_a_change_yet_is_not_in_sync_with_it() {
    let (mut sim, site, fleet) = (network(SECOND / 50), Site::new(&[("shop", "v1")]), Fleet::of(&Manner::ALL, 1));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 10 * SECOND, "all in sync", || site.in_sync() == 4);
    // No stream has a turn while the simulation stands.
    site.publish(&[("shop", "v1")]);
    assert_eq!(site.in_sync(), 4, "nothing is other than it was");
    site.publish(&[("shop", "v2")]);
    assert_eq!(site.in_sync(), 0);
    until(&mut sim, 10 * SECOND, "all in sync again", || site.in_sync() == 4);
    assert!(fleet.all(|node| node.holds("shop/v2")));
}

/// At every message that any of them takes; see [`envoy::Envoy::take`].
#[test]
fn f4_whatever_the_latency_no_route_leads_to_nothing() {
    let site = Site::new(&[("shop", "v0"), ("cart", "v0")]);
    let (mut sim, fleet) = (network(2 * SECOND), Fleet::of(&Manner::ALL, 3));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 60 * SECOND, "all in sync", || site.in_sync() == 12);
    for turn in 1..40 {
        let (shop, cart) = (format!("v{}", turn % 7), format!("v{}", turn / 3));
        site.publish(&[("shop", &shop), ("cart", &cart)]);
        pass(&mut sim, SECOND / 2 * (turn % 5));
    }
    until(&mut sim, 300 * SECOND, "all up to date", || fleet.all(|node| node.is_at(&site)));
}

#[test]
fn f4_e4_nor_does_one_when_connections_break_in_the_middle() {
    let site = Site::new(&[("shop", "v0"), ("cart", "v0")]);
    let (mut sim, fleet) = (network(SECOND / 2), Fleet::of(&Manner::DELTA, 4));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 60 * SECOND, "all in sync", || site.in_sync() == 8);
    for turn in 1..12 {
        let (shop, cart) = (format!("v{}", turn % 5), format!("v{}", turn / 2));
        site.publish(&[("shop", &shop), ("cart", &cart)]);
        pass(&mut sim, SECOND / 2 * (turn % 5));
        sim.bounce("server");
        pass(&mut sim, SECOND * (turn % 3));
    }
    until(&mut sim, 300 * SECOND, "all up to date", || fleet.all(|node| node.is_at(&site)));
}

#[test]
fn e1_n6_five_hundred_that_come_back_at_once_are_sent_nothing_that_they_have() {
    let services: Vec<String> = (0..20).map(|n| format!("s{n}")).collect();
    let services: Vec<(&str, &str)> = services.iter().map(|name| (name.as_str(), "v1")).collect();
    let (mut sim, site, fleet) = (network(SECOND / 20), Site::new(&services), Fleet::new(500));
    site.serve(&mut sim);
    fleet.live(&mut sim, "far");
    until(&mut sim, 60 * SECOND, "all in sync", || site.in_sync() == 500);
    let before = fleet.resources();
    site.forget_streams();
    sim.bounce("server");
    let took = until(&mut sim, 10 * SECOND, "all back and in sync", || site.in_sync() == 500);
    assert_eq!(fleet.connections(), 1_000, "each came back once");
    assert_eq!(fleet.resources() - before, 0, "after {took:?}");
    assert!(fleet.all(|node| node.is_at(&site)));
}
