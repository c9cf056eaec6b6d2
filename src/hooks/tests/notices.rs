//! Notices on their way to those who want them.

use std::time::Duration;

use tokio_rustls::rustls::RootCertStore;

use super::receiver::{Receiver, statuses};
use crate::hooks::sender::WAITING;
use crate::hooks::{Caller, Notice, Sender};
use crate::model::{NoticeFormat, NoticeKind, Notification};

fn notice(event: NoticeKind, service: &str, id: usize) -> Notice {
    Notice {
        event,
        id: format!("{service}-{id}"),
        service: service.to_owned(),
        rollout: 1,
        stable: "v1".to_owned(),
        candidate: "v2".to_owned(),
        step: None,
        share: None,
        text: "it happened".to_owned(),
        actor: None,
        reason: None,
        at: "2026-03-01T09:30:00Z".parse().unwrap(),
    }
}

fn everything_to(receiver: &Receiver) -> Notification {
    Notification { url: receiver.url(), format: NoticeFormat::Generic, events: Vec::new(), services: Vec::new() }
}

/// Tries again without patience.
fn sender() -> Sender {
    let caller = Caller::trusting(RootCertStore::empty()).unwrap();
    Sender::with_wait(caller, "/test".to_owned(), |_, _| Duration::from_millis(1))
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn whoever_wants_it_is_told_in_order_and_once() {
    let (mut all, mut some, sender) = (Receiver::start(statuses(&[200])).await, Receiver::start(statuses(&[200])).await, sender());
    let wanting = |services: &[&str], events: &[NoticeKind]| Notification {
        format: NoticeFormat::CloudEvents,
        services: services.iter().map(|service| (*service).to_owned()).collect(),
        events: events.to_vec(),
        ..everything_to(&some)
    };
    let stuck = wanting(&[], &[NoticeKind::Stuck]);
    sender.set(&[everything_to(&all), wanting(&["cart"], &[NoticeKind::Finished]), wanting(&["cart"], &[]), stuck]);
    let happened = [
        notice(NoticeKind::Started, "checkout", 1),
        notice(NoticeKind::Stuck, "checkout", 2),
        notice(NoticeKind::Finished, "cart", 3),
    ];
    happened.into_iter().for_each(|notice| sender.send(notice));
    for id in ["checkout-1", "checkout-2", "cart-3"] {
        let seen = all.next().await;
        assert_eq!((seen.body["id"].as_str(), seen.header("idempotency-key")), (Some(id), id));
        assert_eq!(seen.header("content-type"), "application/json");
    }
    for id in ["checkout-2", "cart-3"] {
        let seen = some.next().await;
        assert_eq!((seen.body["data"]["id"].as_str(), seen.header("content-type")), (Some(id), "application/cloudevents+json"));
        assert_eq!(seen.body["source"], "/test");
    }
    until(|| sender.counts().sent() == 5).await;
    assert_eq!((all.unseen(), some.unseen()), (0, 0));
}

#[tokio::test]
async fn a_target_is_tried_again_until_it_takes_it() {
    let (mut receiver, sender) = (Receiver::start(statuses(&[503, 302, 429, 500, 200])).await, sender());
    sender.set(&[everything_to(&receiver)]);
    sender.send(notice(NoticeKind::Step, "cart", 1));
    for _ in 0..5 {
        assert_eq!(receiver.next().await.header("idempotency-key"), "cart-1");
    }
    until(|| sender.counts().sent() == 1).await;
    assert_eq!((sender.counts().failed(), receiver.unseen()), (0, 0));
}

#[tokio::test]
async fn what_nobody_takes_is_given_up_after_five_tries_and_what_is_refused_after_one() {
    let (mut down, mut refusing, sender) =
        (Receiver::start(statuses(&[503])).await, Receiver::start(statuses(&[404])).await, sender());
    sender.set(&[everything_to(&down), everything_to(&refusing)]);
    sender.send(notice(NoticeKind::Step, "cart", 1));
    until(|| sender.counts().failed() == 2).await;
    for _ in 0..5 {
        down.next().await;
    }
    refusing.next().await;
    assert_eq!((down.unseen(), refusing.unseen(), sender.counts().sent()), (0, 0, 0));
}

#[tokio::test]
async fn a_target_that_never_answers_delays_no_other_and_loses_the_oldest() {
    let (mut hanging, mut other, sender) = (Receiver::start(|_| None).await, Receiver::start(statuses(&[200])).await, sender());
    sender.set(&[everything_to(&hanging), everything_to(&other)]);
    sender.send(notice(NoticeKind::Step, "cart", 0));
    hanging.next().await;
    for id in 1..=WAITING + 2 {
        sender.send(notice(NoticeKind::Step, "cart", id));
        other.next().await;
    }
    assert_eq!(sender.counts().dropped(), 2);
}

#[tokio::test]
async fn a_new_configuration_keeps_what_waits() {
    let (mut receiver, mut gone, sender) =
        (Receiver::start(statuses(&[503, 200])).await, Receiver::start(|_| None).await, sender());
    sender.set(&[everything_to(&receiver), everything_to(&gone)]);
    for id in 0..3 {
        sender.send(notice(NoticeKind::Step, "cart", id));
    }
    gone.next().await;
    sender.set(&[Notification { events: vec![NoticeKind::Stuck], ..everything_to(&receiver) }]);
    sender.send(notice(NoticeKind::Step, "cart", 3));
    sender.send(notice(NoticeKind::Stuck, "cart", 4));
    for id in ["cart-0", "cart-0", "cart-1", "cart-2", "cart-4"] {
        assert_eq!(receiver.next().await.header("idempotency-key"), id);
    }
    assert_eq!(gone.unseen(), 0, "who is taken out is told nothing more");
}
