//! The verbs, as the binary says them to a server.

use std::time::Duration;

use serde_json::Value;
use tidegate::control::ServerStatus;

use crate::fixture::{Fixture, Ran, command, in_sync, run};
use crate::orders::{CANARY, Shop};
use crate::rollouts;

/// Runs the binary against this server, as `ann`.
async fn say(shop: &Shop, arguments: &[&str]) -> Ran {
    let server = shop.running.admin.to_string();
    run(&[arguments, &["checkout", "--actor", "ann", "--server", &server]].concat()).await
}

fn phase(status: &ServerStatus) -> &'static str {
    status.services[0].rollout.as_ref().map_or("", |rollout| rollout.view.phase)
}

#[tokio::test]
async fn a_rollout_is_steered_from_step_to_step() {
    let shop = Shop::open(CANARY).await;
    let revision = shop.at_step(1).await;
    let ran = say(&shop, &["pause", "--reason", "lunch"]).await;
    let said = format!("checkout: no more steps are taken (revision {})\n", revision + 1);
    assert_eq!((ran.code, ran.out, ran.err.as_str()), (0, said, ""));
    let status = run(&["status", "--server", &shop.running.admin.to_string()]).await;
    assert!(status.out.contains("v42 step 1 of 3 · 5% · paused by ann (claimed)"), "{}", status.out);
    assert_eq!(say(&shop, &["resume"]).await.code, 0);

    let ran = say(&shop, &["promote", "--wait"]).await;
    let acknowledged = ran.out.lines().last().unwrap_or_default();
    assert_eq!((ran.code, acknowledged), (0, "checkout: no Envoy is connected, so nobody has to acknowledge it"), "{}", ran.err);
    shop.at_step(2).await;
    assert_eq!(say(&shop, &["approve"]).await.code, 0);
    shop.until("the end", |status| phase(status) == "done").await;
    assert_eq!(say(&shop, &["undo", "--reason", "all is red"]).await.code, 0);
    shop.until("the way back", |status| phase(status) == "off").await;
    let history = say(&shop, &["history"]).await;
    assert_eq!(history.code, 2, "it has no actor");
    let server = shop.running.admin.to_string();
    let history = run(&["history", "checkout", "--server", &server]).await.out;
    let undone = history.lines().nth(1).unwrap();
    for word in ["rolled_back", "v42 100% → 0%", "ann (claimed)", "back to v41: all is red"] {
        assert!(undone.contains(word), "{word} is not in {undone}");
    }
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn full_takes_everything_at_once_and_json_says_whether_it_is_there() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    let ran = say(&shop, &["promote", "--full", "--wait", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}{}", ran.out, ran.err));
    assert_eq!((ran.code, &json["acknowledged"], &json["nodes"]), (0, &true.into(), &0.into()));
    assert!(json["text"].as_str().unwrap().starts_with("everything to the candidate, now"), "{json}");
    shop.until("the end", |status| phase(status) == "done").await;
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn who_is_refused_is_told_why_and_ends_with_one() {
    let shop = Shop::open(CANARY).await;
    let revision = shop.at_step(1).await;
    let ran = say(&shop, &["resume"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (1, "", "refused: nobody has paused it; `tidegate status checkout` says what it waits for\n")
    );
    let before = (revision - 1).to_string();
    let ran = say(&shop, &["abort", "--revision", &before]).await;
    assert!(ran.code == 1 && ran.err.contains(&format!("now it is revision {revision}")), "{}", ran.err);
    assert!(ran.err.contains(&format!("\n  revision {revision}: ")), "what has happened since is told: {}", ran.err);
    let ran = say(&shop, &["abort", "--revision", &before, "-o", "json"]).await;
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["refused"]), (1, &"stale".into()));
    assert_eq!(phase(&shop.running.status.borrow()), "running", "nothing was aborted");
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_said_ends_with_two() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    let server = shop.running.admin.to_string();
    let ran = run(&["abort", "chekout", "--actor", "ann", "--server", &server]).await;
    assert_eq!((ran.code, ran.err.as_str()), (2, "error: no service is named `chekout`; did you mean `checkout`?\n"));
    let nobody = command(&["abort", "checkout", "--server", &server]).env_remove("USER").env_remove("LOGNAME").output().await;
    let nobody = nobody.unwrap();
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert_eq!((nobody.status.code(), said.contains("--actor")), (Some(2), true), "{said}");
    let known = command(&["abort", "checkout", "--server", &server]).env("USER", "bob").output().await.unwrap();
    assert_eq!(known.status.code(), Some(0));
    let status = shop.until("the way back", |status| phase(status) == "off").await;
    let why = status.services[0].rollout.as_ref().and_then(|rollout| rollout.view.why.clone());
    assert_eq!(why.as_deref(), Some("bob aborted it"));
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_server_on_its_way_down_is_not_taken_for_none() {
    let now = jiff::Timestamp::now();
    let fixture = Fixture::start(rollouts::all(now), vec![in_sync(1, "edge-1", now)]).await;
    let ran = fixture.run(&["pause", "checkout", "--actor", "ann"]).await;
    assert_eq!((ran.code, ran.err.as_str()), (2, "error: the server is ending\n"));
}

#[tokio::test]
async fn a_fleet_that_does_not_follow_in_time_ends_with_one() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    // A node that is connected and says nothing.
    shop.running.board.put(in_sync(1, "edge-1", jiff::Timestamp::now()));
    let ran = say(&shop, &["abort", "--wait", "--timeout", "300ms"]).await;
    assert!(ran.code == 1 && ran.err.contains("not within 300ms: acknowledged by 0 of 1 node"), "{}{}", ran.out, ran.err);
    let ran = tokio::time::timeout(Duration::from_secs(20), say(&shop, &["retry", "--wait", "--timeout", "200ms", "-o", "json"]));
    let ran = ran.await.unwrap();
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, &json["acknowledged"], &json["acked_nodes"]), (1, &false.into(), &0.into()));
    shop.running.shutdown().await.unwrap();
}
