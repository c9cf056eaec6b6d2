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
