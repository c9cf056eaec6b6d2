//! What is printed, word by word. `cargo insta review` or `INSTA_UPDATE=always` takes in a change.

use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::Value;
use tidegate::control::ServerStatus;

use crate::fixture::{Fixture, calm, mixed_fleet, noon, trouble};

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
