//! What is printed, word by word. `cargo insta review` or `INSTA_UPDATE=always` takes in a change.

use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::Value;
use tidegate::control::ServerStatus;

use crate::fixture::{Fixture, acked, calm, in_sync, mixed_fleet, noon, trouble};
use crate::rollouts;

async fn in_trouble(now: Timestamp) -> Fixture {
    Fixture::start(trouble(now), mixed_fleet(now)).await
}

#[tokio::test]
async fn status_of_everything() {
    let ran = in_trouble(Timestamp::now()).await.run(&["status"]).await;
    assert_snapshot!(ran.out);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
}

#[tokio::test]
async fn status_of_one_service() {
    let ran = in_trouble(Timestamp::now()).await.run(&["status", "payments"]).await;
    assert_snapshot!(ran.out);
    assert_eq!(ran.code, 1);
}

#[tokio::test]
async fn status_as_json() {
    let ran = in_trouble(noon()).await.run(&["status", "-o", "json"]).await;
    assert_snapshot!(ran.out);
    serde_json::from_str::<Value>(&ran.out).unwrap();
}

#[tokio::test]
async fn fleet() {
    let ran = in_trouble(Timestamp::now()).await.run(&["fleet"]).await;
    assert_snapshot!(ran.out);
    assert!(!ran.out.contains('\u{1b}'), "what an Envoy says must not steer the terminal");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
}

#[tokio::test]
async fn fleet_as_json() {
    let ran = in_trouble(noon()).await.run(&["fleet", "-o", "json"]).await;
    assert_snapshot!(ran.out);
    serde_json::from_str::<Value>(&ran.out).unwrap();
}

#[tokio::test]
async fn nobody_connected() {
    let now = Timestamp::now();
    let fixture = Fixture::start(calm(now), vec![]).await;
    let (status, fleet) = (fixture.run(&["status"]).await, fixture.run(&["fleet"]).await);
    assert_snapshot!(format!("{}---\n{}", status.out, fleet.out));
    assert_eq!((status.code, fleet.code), (0, 0));
}

#[tokio::test]
async fn nothing_loaded_yet() {
    let directory = Some("the directory does not exist; nothing is served until it is there".to_owned());
    let fixture = Fixture::start(ServerStatus { directory, ..ServerStatus::default() }, vec![]).await;
    let ran = fixture.run(&["status"]).await;
    assert_snapshot!(ran.out);
    assert_eq!(ran.code, 1);
}

#[tokio::test]
async fn rollouts_of_everything() {
    let now = Timestamp::now();
    let fixture = Fixture::start(rollouts::all(now), vec![acked(1, "edge-1", now)]).await;
    let ran = fixture.run(&["status"]).await;
    assert_snapshot!(ran.out);
    assert_eq!(ran.code, 1, "one is stuck");
}

#[tokio::test]
async fn a_rollout_in_full() {
    let now = Timestamp::now();
    let fixture = Fixture::start(rollouts::all(now), vec![acked(1, "edge-1", now), in_sync(2, "edge-2", now)]).await;
    fixture.journal(&rollouts::events(now - jiff::SignedDuration::from_secs(30)));
    let mut texts = Vec::new();
    for (name, code) in [("checkout", 0), ("billing", 0), ("cart", 1), ("mail", 0), ("search", 0), ("users", 0)] {
        let ran = fixture.run(&["status", name]).await;
        assert_eq!(ran.code, code, "{name}: {}{}", ran.out, ran.err);
        // What is above the rollout is in other snapshots.
        texts.push(ran.out.split("ENDPOINTS\n").nth(1).unwrap_or(&ran.out).to_owned());
    }
    assert_snapshot!(texts.join("----\n"));
}

#[tokio::test]
async fn a_rollout_as_json() {
    let now = noon();
    let fixture = Fixture::start(rollouts::only(rollouts::off(now), now), vec![acked(1, "edge-1", now)]).await;
    let json: Value = serde_json::from_str(&fixture.run(&["status", "mail", "-o", "json"]).await.out).unwrap();
    assert_snapshot!(format!("{:#}", json["services"][0]["rollout"]));
}

#[tokio::test]
async fn the_history() {
    let fixture = Fixture::start(calm(noon()), vec![]).await;
    assert_eq!(fixture.run(&["history", "checkout"]).await.out, "Nothing has happened yet.\n");
    fixture.journal(&rollouts::events(noon()));
    let (one, all) = (fixture.run(&["history", "checkout"]).await, fixture.run(&["history", "--limit", "2"]).await);
    assert_snapshot!(format!("{}----\n{}", one.out, all.out));
    assert_eq!((one.code, all.code), (0, 0));
}

#[tokio::test]
async fn the_history_as_json() {
    let fixture = Fixture::start(calm(noon()), vec![]).await;
    fixture.journal(&rollouts::events(noon()));
    let ran = fixture.run(&["history", "checkout", "-o", "json"]).await;
    assert_eq!(ran.out.lines().count(), 5);
    let newest: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
    assert_snapshot!(format!("{newest:#}"));
}
