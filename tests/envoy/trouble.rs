//! What goes wrong with files, directories and Envoys, and what the traffic notices of it.

use std::net::SocketAddr;

use tidegate::snapshot::Kind;
use tokio::net::TcpListener;

use crate::proxy::{Proxy, free};
use crate::releases::{FILE, HOST, Two, backend, list, of_service};
use crate::run::{Setup, bounded};
use crate::server::{Server, is_stale};

/// Half of what somebody was going to write.
const BROKEN: &str = "service: checkout\nhosts: [checkout.example.com]\nversions:\n  v1: [\"127.0.1";

#[test]
fn a_broken_file_changes_nothing_and_stops_nobody() {
    bounded(async {
        let (two, cart) = (Two::start().await, [backend("old").await, backend("new").await]);
        let cart_file = |version: usize| of_service("cart", &[("c", &list(&[&cart[version]]))], "c", "");
        let server = Server::start(&[(FILE, two.file("")), ("cart.yaml", cart_file(0))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let (changes, load) = (proxy.changes().await, proxy.load().await);

        server.save(FILE, BROKEN);
        let status = server.status_until("the problem", |status| is_stale(status, "checkout")).await;
        assert!(status.problems.iter().any(|problem| problem.is_error() && problem.primary.file.path == FILE));
        load.more(100).await;
        assert_eq!(proxy.changes().await, changes);

        server.change(Kind::Endpoints, "cart.yaml", &cart_file(1)).await;
        assert_eq!(proxy.get("cart.example.com", "/", &[]).await.version.as_deref(), Some("new"));
        assert!(is_stale(&server.status(), "checkout"), "still");

        assert_eq!(load.totals().of("v2"), 0);
        server.change(Kind::Route, FILE, &two.file("split: {v1: 0%, v2: 100%}")).await;
        load.until_served_by("v2").await;
        load.lost_none().await;
        assert!(server.status().problems.is_empty());
    });
}

#[test]
fn a_directory_that_vanishes_is_not_an_order() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file("split: {v1: 50%, v2: 50%}"))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let (changes, pushes, load) = (proxy.changes().await, server.pushes(), proxy.load().await);

        std::fs::rename(server.dir(), server.beside("away")).expect("renamed");
        server.status_until("a directory that is missed", |status| status.directory.is_some()).await;
        load.more(100).await;
        std::fs::rename(server.beside("away"), server.dir()).expect("renamed");
        server.status_until("the directory", |status| status.directory.is_none()).await;
        load.more(100).await;

        load.lost_none().await;
        assert_eq!((proxy.changes().await, server.pushes()), (changes, pushes));
        // It is watched again.
        server.change(Kind::Route, FILE, &two.file("")).await;
        assert_eq!(proxy.version().await, "v1");
    });
}

/// The text is another, what it says is not.
#[test]
fn a_comment_sends_nothing() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file(""))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        let (changes, pushes, generation) = (proxy.changes().await, server.pushes(), server.status().generation);
        server.save(FILE, &two.file("# Of no importance."));
        server.status_until("the comment", |status| status.generation > generation).await;
        // Whatever came of it would be sent before this.
        server.change(Kind::Endpoints, FILE, &two.file("").replace(&two.v2.address().to_string(), "127.0.1.21:8080")).await;
        let others = |pushes: [(Kind, u64); 4]| pushes.into_iter().filter(|(kind, _)| *kind != Kind::Endpoints).collect::<Vec<_>>();
        assert_eq!((proxy.changes().await, others(server.pushes())), (changes, others(pushes)));
        assert_eq!(server.count(Kind::Endpoints, |of| of.pushes), pushes[1].1 + 1);
    });
}

/// No rule of ours can know that a port is taken on Envoy's machine.
#[test]
fn what_envoy_rejects_is_seen_and_harms_nothing() {
    bounded(async {
        let two = Two::start().await;
        let taken = TcpListener::bind("127.0.21.1:0").await.expect("a port");
        let good = free("127.0.21.2").await;
        let listeners = |more: String| format!("listeners:\n  http: {{bind: \"{good}\"}}\n{more}");
        let extra = |bind: SocketAddr| listeners(format!("  extra: {{bind: \"{bind}\"}}\n"));
        let server = Server::start(&[(FILE, two.file("")), ("tidegate.yaml", listeners(String::new()))]).await;
        let mut proxy = Proxy::start_without_listener(Setup::USUAL, &server, good).await;
        proxy.envoy.wait_listener("http").await.expect("a listener");
        server.in_sync(1).await;
        let load = proxy.load().await;

        server.save("tidegate.yaml", &extra(taken.local_addr().expect("an address")));
        let rejected = |kind: &Kind, streams: &[tidegate::xds::StreamStatus]| {
            streams.iter().find_map(|stream| stream.types.get(kind)?.rejected.clone())
        };
        let streams = server.board_until("a NACK", |streams| rejected(&Kind::Listener, streams).is_some()).await;
        let rejection = rejected(&Kind::Listener, &streams).expect("a NACK");
        assert!(rejection.message.contains("extra"), "{rejection:?}");
        assert!(rejection.message.contains("Address already in use"), "{rejection:?}");
        // It is said once, and the routes go on.
        server.save(FILE, &two.file("split: {v1: 0%, v2: 100%}"));
        load.until_served_by("v2").await;
        assert_eq!(server.count(Kind::Listener, |of| of.nacks), 1);

        let free = free("127.0.21.3").await;
        server.change(Kind::Listener, "tidegate.yaml", &extra(free)).await;
        load.lost_none().await;
        let answer = proxy.client.get(free, HOST, "/", &[]).await.expect("an answer");
        assert_eq!(answer.version.as_deref(), Some("v2"));
    });
}
