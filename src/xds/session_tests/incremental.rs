//! What the incremental variant has of its own.

use super::*;

#[test]
fn d1_wildcard_plus_name_then_name_then_nothing() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(CDS, &[]);
    assert_eq!(client.envoy(), ["CDS s/1=c s/2=c"]);
    client.ask(CDS, &["s/1"]);
    assert_eq!(client.envoy(), ["CDS s/1=c"]);
    client.unsubscribe(CDS, &["*"]);
    client.retarget(&["C s/1=new > s/1", "C s/2=new > s/2"]);
    assert_eq!(client.envoy(), ["CDS s/1=new"]);
    client.unsubscribe(CDS, &["s/1"]);
    client.retarget(&["C s/1=newer > s/1"]);
    assert_eq!(client.envoy(), NOTHING);
}

#[test]
fn d2_star_subscribed_and_unsubscribed_in_one_request_is_nothing() {
    let mut client = Client::new(Variant::Delta, &TWO);
    let star = || vec!["*".to_owned()];
    client.send(CDS, Request::Delta(DeltaRequest { subscribe: star(), unsubscribe: star(), ..Default::default() }));
    assert_eq!(client.receive(), NOTHING);
}

#[test]
fn d3_a_name_that_does_not_exist_is_answered_and_comes_when_it_exists() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(EDS, &["z/1"]);
    assert_eq!(client.envoy(), ["EDS -z/1"]);
    client.retarget(&["E z/1=e"]);
    assert_eq!(client.envoy(), ["EDS z/1=e"]);
}

#[test]
fn d4_a_name_asked_for_again_is_sent_again() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(EDS, &["s/1"]);
    client.envoy();
    client.ask(EDS, &["s/1"]);
    assert_eq!(client.envoy(), ["EDS s/1=e"]);
}

#[test]
fn d5_unsubscribing_is_answered_by_nothing_and_ends_updates() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(EDS, &["s/1"]);
    client.envoy();
    client.unsubscribe(EDS, &["s/1", "never-asked"]);
    client.retarget(&["E s/1=new"]);
    assert_eq!(client.envoy(), NOTHING);
}

#[test]
fn d6_a_name_given_up_under_a_wildcard_is_told_as_it_stands() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(CDS, &[]);
    client.ask(CDS, &["s/1", "z/1"]);
    client.envoy();
    client.unsubscribe(CDS, &["s/1", "z/1"]);
    assert_eq!(client.envoy(), ["CDS s/1=c -z/1"]);
}

#[test]
fn d7_answers_carry_subscriptions_be_they_fresh_stale_or_nacks() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    client.answer(EDS, &["s/2"], None);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    client.answer(EDS, &["z/1"], Some("no good"));
    assert_eq!(client.receive(), ["EDS -z/1"]);
    client.answer_to("dead".into(), EDS, &["y/1"], None);
    assert_eq!(client.receive(), ["EDS -y/1"]);
}

#[test]
fn d7_answers_carry_unsubscriptions_be_they_fresh_stale_or_nacks() {
    for (stale, error) in [(false, None), (false, Some("no good")), (true, None), (true, Some("no good"))] {
        let mut client = Client::new(Variant::Delta, &TWO);
        client.ask(EDS, &["s/1"]);
        client.receive();
        let first = client.nonces[&EDS].clone();
        client.ask(EDS, &["s/2"]);
        client.receive();
        let nonce = if stale { first } else { client.nonces[&EDS].clone() };
        let (unsubscribe, error) = (vec!["s/1".to_owned()], error.map(str::to_owned));
        client.send(EDS, Request::Delta(DeltaRequest { nonce, unsubscribe, error, ..Default::default() }));
        client.retarget(&["E s/1=new", "E s/2=new"]);
        client.sleep(3);
        assert_eq!(client.receive(), ["EDS s/2=new"]);
    }
}

#[test]
fn d8_a_request_without_nonce_is_no_ack() {
    both(|variant| {
        let mut client = Client::new(variant, &TWO);
        client.ask(EDS, &["s/1"]);
        client.receive();
        assert_eq!(client.ask(EDS, &["s/1"]), None);
        assert!(!client.session.is_in_sync(1, EDS));
    });
}

#[test]
fn d10_what_was_rejected_follows_the_next_change_by_itself() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(EDS, &["s/1", "s/2"]);
    client.envoy();
    client.retarget(&["E s/1=bad", "E s/2=e"]);
    assert_eq!(client.receive(), ["EDS s/1=bad"]);
    client.answer(EDS, &[], Some("no good"));
    assert_eq!(client.receive(), NOTHING);
    client.retarget(&["E s/1=bad", "E s/2=new"]);
    assert_eq!(client.receive(), ["EDS s/2=new"]);
    client.ack(EDS, &[]);
    assert_eq!(client.receive(), ["EDS s/1=bad"]);
    client.answer(EDS, &[], Some("still no good"));
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING);
}

/// What is gone counts as rejected just as what is there.
#[test]
fn d10_a_rejected_removal_follows_the_next_change_by_itself() {
    let mut client = Client::new(Variant::Delta, &["L a=1", "L b=1", "L c=1"]);
    client.ask(LDS, &[]);
    client.envoy();
    client.retarget(&["L b=1", "L c=bad"]);
    assert_eq!(client.receive(), ["LDS c=bad -a"]);
    client.answer(LDS, &[], Some("no good"));
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING);
    client.retarget(&["L b=2", "L c=good"]);
    assert_eq!(client.receive(), ["LDS b=2 c=good"]);
    client.ack(LDS, &[]);
    assert_eq!(client.receive(), ["LDS -a"]);
    client.ack(LDS, &[]);
    client.retarget(&["L b=3", "L c=good"]);
    assert_eq!(client.envoy(), ["LDS b=3"], "and that is that");
}
