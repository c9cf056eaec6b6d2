//! Exit codes, and errors that help.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::fixture::{Fixture, calm, command, draining, in_sync, mixed_fleet, run, trouble};

#[tokio::test]
async fn all_is_well() {
    let now = Timestamp::now();
    let mut status = calm(now);
    Arc::make_mut(&mut status.services[0]).fleets.clear();
    let fixture = Fixture::start(status, vec![in_sync(1, "edge-1", now), in_sync(2, "edge-2", now)]).await;
    let status = fixture.run(&["status"]).await;
    assert!(status.out.contains("2 of 2 nodes in sync") && status.out.contains("2/2"), "{}", status.out);
    assert_eq!((status.code, fixture.run(&["fleet"]).await.code), (0, 0));
}

#[tokio::test]
async fn draining_is_a_note_and_no_fault() {
    let now = Timestamp::now();
    let fixture = Fixture::start(calm(now), vec![draining(1, "edge-1", now)]).await;
    let (status, fleet) = (fixture.run(&["status"]).await, fixture.run(&["fleet"]).await);
    assert!(status.out.contains("1 of 1 node in sync") && !status.out.contains("Not in sync"), "{}", status.out);
    assert!(fleet.out.contains("edge-1: CDS draining checkout/v40\n"), "{}", fleet.out);
    assert!(["waiting", "held back"].iter().all(|word| !fleet.out.contains(word)), "{}", fleet.out);
    assert_eq!((status.code, fleet.code), (0, 0));
}

#[tokio::test]
async fn a_node_behind_is_a_problem_of_its_services_alone() {
    let now = Timestamp::now();
    let mut status = trouble(now);
    status.problems.clear();
    status.services.truncate(1);
    // `checkout` is for the fleet `edge`, in which edge-2 rejects; without it the fleet is in sync, whatever others are.
    let mut streams = mixed_fleet(now);
    let fixture = Fixture::start(status.clone(), streams.clone()).await;
    assert_eq!(fixture.run(&["status"]).await.code, 1);
    streams.retain(|stream| stream.node.id != "edge-2");
    let fixture = Fixture::start(status, streams).await;
    let ran = fixture.run(&["status", "checkout"]).await;
    assert!(ran.code == 0 && !ran.out.contains("Not in sync"), "{}", ran.out);
    assert_eq!(fixture.run(&["fleet"]).await.code, 1);
}

#[tokio::test]
async fn an_unknown_service_is_not_guessed() {
    let fixture = Fixture::start(trouble(Timestamp::now()), vec![]).await;
    for command in ["status", "watch"] {
        let ran = fixture.run(&[command, "chekout"]).await;
        assert_eq!((ran.code, ran.err.as_str()), (2, "error: no service is named `chekout`; did you mean `checkout`?\n"));
        let ran = fixture.run(&[command, "xyz"]).await;
        assert_eq!(ran.err, "error: no service is named `xyz`; served are: checkout, payments\n");
    }
}

#[tokio::test]
async fn nobody_answers() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    for command in ["status", "fleet", "watch"] {
        let ran = run(&[command, "--server", &free]).await;
        assert_eq!((ran.code, ran.out.as_str()), (2, ""));
        for word in [free.as_str(), "refused", "tidegate serve", "--server"] {
            assert!(ran.err.contains(word), "{command}: {word} is not in: {}", ran.err);
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none() {
    let ran = run(&["status", "--server", "https://127.0.0.1:18001"]).await;
    assert_eq!((ran.code, ran.err.contains("host:port")), (2, true), "{}", ran.err);
    for (address, example) in [("127.0.5.1", "127.0.5.1:18001"), ("127.0.5.1:", "127.0.5.1:18001"), ("[::1]", "[::1]:18001")] {
        let ran = run(&["status", "--server", address]).await;
        let want = format!("error: --server {address}: the port is missing; write `host:port`, for example `{example}`\n");
        assert_eq!((ran.code, ran.err), (2, want));
    }
}

#[tokio::test]
async fn variables_of_other_commands_are_left_alone() {
    let now = Timestamp::now();
    let fixture = Fixture::start(calm(now), vec![]).await;
    let server = fixture.address.to_string();
    let status = command(&["status", "--server", &server]).env("TIDEGATE_LINT_OUTPUT", "github").output().await.unwrap();
    assert_eq!(status.status.code(), Some(0), "{}", String::from_utf8_lossy(&status.stderr));
    let bootstrap = async |variable: &str| {
        let ran = command(&["bootstrap"]).env(variable, "127.0.5.1:18000").output().await.unwrap();
        String::from_utf8(ran.stdout).unwrap()
    };
    assert!(!bootstrap("TIDEGATE_XDS").await.contains("127.0.5.1"));
    assert!(bootstrap("TIDEGATE_BOOTSTRAP_XDS").await.contains("127.0.5.1"));
}

#[tokio::test]
async fn a_fleet_of_many_pages_is_told_whole() {
    let now = Timestamp::now();
    let streams = (0..1234).map(|id| in_sync(id, &format!("edge-{id:04}"), now)).collect();
    let fixture = Fixture::start(calm(now), streams).await;
    let ran = fixture.run(&["fleet", "-o", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((json["nodes"].as_array().unwrap().len(), &json["total"]), (1234, &1234.into()));
}
