//! Listeners given by the server.

use std::net::{SocketAddr, TcpListener};

use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::on_every_envoy;
use crate::world::{Setup, World};

/// A port that was free a moment ago, on an address that nobody else here uses.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.42.1:0").unwrap().local_addr().unwrap()
}

async fn a_listener_of_the_configuration_serves(setup: Setup) {
    let config = Some(format!("listeners: {{http: {{bind: \"{}\"}}}}\n", free()));
    let setup = Setup { own_listener: false, config, ..setup };
    let mut world = World::new(setup, &["v1"], |at| at.checkout(&["v1"], "stable: v1")).await;
    assert_eq!(world.get("/", &[]).await.version.as_deref(), Some("v1"));
}

on_every_envoy!(a_listener_of_the_configuration_serves);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_envoy_refuses_shows_with_its_own_words_and_harms_no_other() {
    let taken = Backend::start("taken").await.unwrap();
    let config = format!("listeners: {{http: {{bind: \"{}\"}}, other: {{bind: \"{}\"}}}}\n", free(), taken.address());
    let setup = Setup { own_listener: false, config: Some(config), ..Setup::default() };
    let mut world = World::new(setup, &["v1"], |at| at.checkout(&["v1"], "stable: v1")).await;
    let rejected = || {
        let streams = world.server.board.streams();
        streams.iter().filter_map(|stream| stream.types.get(&Kind::Listener)?.rejected.clone()).next()
    };
    world.until("the NACK", || rejected().is_some()).await;
    let rejection = rejected().unwrap();
    assert!(rejection.message.contains("Address already in use"), "{}", rejection.message);
    assert_eq!(world.get("/", &[]).await.version.as_deref(), Some("v1"));
}
