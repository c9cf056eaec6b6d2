//! `tidegate watch`, and the stream behind it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tidegate::admin::pb::{WatchRequest, admin_client::AdminClient};
use tidegate::control::ServerStatus;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};

use crate::fixture::{Fixture, calm, in_sync, split_checkout};
use crate::rollouts;

fn lines<R: AsyncRead + Unpin>(reader: R) -> Lines<BufReader<R>> {
    BufReader::new(reader).lines()
}

/// The next line without its time.
async fn next<R: AsyncRead + Unpin>(lines: &mut Lines<BufReader<R>>) -> String {
    let line = lines.next_line().await.unwrap().unwrap();
    let (at, text) = line.split_once(' ').unwrap();
    at.parse::<Timestamp>().unwrap_or_else(|_| panic!("no time in: {line}"));
    text.to_owned()
}

fn with_v41_at(share: u32) -> Arc<ServerStatus> {
    Arc::new(ServerStatus { services: vec![split_checkout(share).into()], ..calm(Timestamp::now()) })
}

#[tokio::test]
async fn every_change_is_a_line() {
    let now = Timestamp::now();
    let fixture = Fixture::start(calm(now), vec![]).await;
    let mut watch = fixture.spawn(&["watch"]);
    let mut out = lines(watch.stdout.take().unwrap());
    for want in ["server: ready", "checkout: v41 90%, v42 10% (stable v41)", "fleet: 0/0 in sync"] {
        assert_eq!(next(&mut out).await, want);
    }
    fixture.status.send_replace(with_v41_at(50_000));
    assert_eq!(next(&mut out).await, "checkout: v41 50%, v42 50% (was v41 90%, v42 10%)");
    fixture.board.put(in_sync(1, "edge-1", now));
    assert_eq!(next(&mut out).await, "fleet: 1/1 in sync");
    let mut err = lines(watch.stderr.take().unwrap());
    let address = fixture.address;
    fixture.stop().await;
    assert!(next(&mut err).await.starts_with("connection lost"));
    let _again = Fixture::start_at(address, calm(now), vec![]).await;
    assert_eq!(next(&mut err).await, "connected again");
}

#[tokio::test]
async fn a_rollout_is_followed_step_by_step() {
    let now = Timestamp::now();
    let fixture = Fixture::start(calm(now), vec![]).await;
    let mut watch = fixture.spawn(&["watch", "checkout"]);
    let mut out = lines(watch.stdout.take().unwrap());
    for _ in ["server", "checkout", "fleet"] {
        next(&mut out).await;
    }
    fixture.status.send_replace(Arc::new(rollouts::only(rollouts::holding(now), now)));
    assert_eq!(next(&mut out).await, "checkout: v42 step 2 of 3 · 25%");
    assert_eq!(next(&mut out).await, "checkout: waiting: the step's time");
    fixture.status.send_replace(Arc::new(calm(now)));
    assert_eq!(next(&mut out).await, "checkout: the release of v42 is over");
}

#[tokio::test]
async fn every_status_is_a_json_line() {
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let mut watch = fixture.spawn(&["watch", "checkout", "-o", "json"]);
    let mut out = lines(watch.stdout.take().unwrap());
    let mut share = async || {
        let json: Value = serde_json::from_str(&out.next_line().await.unwrap().unwrap()).unwrap();
        json["services"][0]["versions"][0]["share"]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(share().await, "90%");
    fixture.status.send_replace(with_v41_at(12_500));
    assert_eq!(share().await, "12.5%");
}

#[tokio::test]
async fn quick_changes_are_folded_and_the_newest_wins() {
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let mut client = AdminClient::connect(format!("http://{}", fixture.address)).await.unwrap();
    let mut stream = client.watch(WatchRequest::default()).await.unwrap().into_inner();
    let mut share = async || {
        let status = stream.message().await.unwrap().unwrap().status.unwrap();
        status.services[0].versions[0].share.clone().unwrap().thousandths
    };
    assert_eq!(share().await, 90_000);
    let started = Instant::now();
    for thousandths in 1..=500 {
        fixture.status.send_replace(with_v41_at(thousandths));
        tokio::task::yield_now().await;
    }
    let mut messages = 1;
    while share().await != 500 {
        messages += 1;
    }
    let most = started.elapsed().as_millis() / 100 + 2;
    assert!(messages <= most, "{messages} messages in {:?}", started.elapsed());
}

#[tokio::test]
async fn an_equal_status_is_not_sent_again() {
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let mut client = AdminClient::connect(format!("http://{}", fixture.address)).await.unwrap();
    let mut stream = client.watch(WatchRequest::default()).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let same = fixture.status.borrow().clone();
    fixture.status.send_replace(same);
    // Nothing is to come: the only way to see that is to wait for longer than two messages are apart.
    assert!(tokio::time::timeout(Duration::from_millis(300), stream.message()).await.is_err());
    fixture.status.send_replace(with_v41_at(1));
    assert_ne!(stream.message().await.unwrap().unwrap(), first);
}

#[tokio::test]
async fn a_watcher_does_not_keep_the_server_from_ending() {
    let fixture = Fixture::start(calm(Timestamp::now()), vec![]).await;
    let mut client = AdminClient::connect(format!("http://{}", fixture.address)).await.unwrap();
    let mut stream = client.watch(WatchRequest::default()).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(10), fixture.stop()).await;
    assert!(ended.is_ok(), "the server did not end");
    assert_eq!(stream.message().await.unwrap(), None);
}
