//! A node that takes not what a step asks for, and nodes that come and go.

use tidegate::rollout::Verb;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, Two};
use crate::rollouts::checkout::{order, phase, step, until_phase, until_settled_at, until_waiting_for, waits_for};
use crate::rollouts::history::moves;
use crate::rollouts::puppet::{NO, Puppet};
use crate::run::{Setup, bounded};
use crate::server::Server;

const CANARY: &str = "candidate: v2\ncanary: {steps: [10% for 300ms, 50% for 300ms]}";

/// One of two nodes refuses the second step, and says why; nobody goes on without it.
#[test]
fn a_rejection_holds_the_rollout_and_names_the_node() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file(""))]).await;
        let good = Puppet::connect(&server, "good", 1).await;
        let bad = Puppet::connect(&server, "bad", 2).await;
        server.save(FILE, &two.file(CANARY));
        until_settled_at(&server, 1).await;
        bad.refuse(true);
        until_waiting_for(&server, &format!("node bad rejects it: {NO}")).await;
        assert_eq!((step(&server.status()), phase(&server.status())), (2, "running"));
        // What is refused is said once, and is waited for longer than the step would last.
        let refused = order(&server, Verb::Promote { full: false }).await.expect("a person's word");
        assert!(refused.text.contains("not waited for"), "{refused:?}");
        tokio::time::sleep(std::time::Duration::from_millis(600)).await;
        assert_eq!((step(&server.status()), waits_for(&server.status())), (2, format!("node bad rejects it: {NO}")));

        bad.refuse(false);
        order(&server, Verb::Abort).await.expect("an abort");
        server.in_sync(2).await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%", "Step 50%", "Promoted 50%", "RolledBack 0%"]);
        order(&server, Verb::Retry).await.expect("a second time");
        until_phase(&server, "done").await;
        drop(good);
    });
}

/// Nobody could see what a step does, so none is taken.
#[test]
fn nothing_moves_while_nobody_is_connected() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file(CANARY))]).await;
        until_waiting_for(&server, "no node is connected").await;
        assert_eq!(phase(&server.status()), "pending");
        let first = Puppet::connect(&server, "first", 1).await;
        until_settled_at(&server, 1).await;
        drop(first);
        until_waiting_for(&server, "no node is connected").await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%"]);
        let _second = Puppet::connect(&server, "second", 1).await;
        until_phase(&server, "done").await;
    });
}

/// The server was told that a fleet without nodes has everything.
#[test]
fn it_goes_on_without_nodes_where_that_is_wanted() {
    bounded(async {
        let two = Two::start().await;
        let change = |options| tidegate::serve::Options { advance_without_nodes: true, ..options };
        let server = Server::start_with(&[(FILE, two.file(CANARY))], change).await;
        until_phase(&server, "done").await;
    });
}

#[test]
fn a_node_that_joins_gets_the_present_step() {
    bounded(async {
        let two = Two::start().await;
        let server = Server::start(&[(FILE, two.file("candidate: v2\ncanary: {steps: [50% for 1h]}"))]).await;
        let _first = Puppet::connect(&server, "first", 1).await;
        until_settled_at(&server, 1).await;
        let late = Proxy::start_at(Setup::USUAL, server.xds(), "late", "envoy").await;
        server.in_sync(2).await;
        let mut of_candidate = 0;
        for _ in 0..200 {
            let answer = late.get(HOST, "/", &[]).await;
            of_candidate += u32::from(answer.version.as_deref() == Some("v2"));
        }
        assert!((60..140).contains(&of_candidate), "{of_candidate} of 200");
        until_settled_at(&server, 1).await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 50%"]);
    });
}
