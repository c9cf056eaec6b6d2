//! What is answered, and what is not: subscriptions, ACKs, NACKs and nonces.

use super::*;

#[test]
fn b1_wildcard_is_answered_at_once_even_if_there_is_nothing() {
    both(|variant| {
        let mut client = Client::new(variant, &[]);
        client.ask(CDS, &[]);
        client.ask(LDS, &[]);
        assert_eq!(client.receive(), ["CDS", "LDS"]);
        assert_eq!(client.receive(), NOTHING);
    });
}

#[test]
fn b2_first_empty_list_of_other_types_is_nothing() {
    both(|variant| {
        let mut client = Client::new(variant, &TWO);
        for kind in [EDS, RDS, Kind::Secret, Kind::Runtime] {
            client.ask(kind, &[]);
            assert_eq!(client.receive(), NOTHING, "{kind:?}");
        }
        client.retarget(&["E s/1=new", "R tidegate=new", "SDS cert=new", "RTDS flags=new"]);
        assert_eq!(client.receive(), NOTHING);
    });
}

#[test]
fn b3_wildcard_then_names_then_nothing() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(CDS, &[]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.answer(CDS, &["*", "s/1"], None);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.answer(CDS, &["s/1"], None);
    assert_eq!(client.receive(), NOTHING);
    client.answer(CDS, &[], None);
    client.retarget(&["C s/1=new > s/1"]);
    assert_eq!(client.receive(), NOTHING, "no names after names is nothing");
}

#[test]
fn b4_dropped_and_asked_again_is_sent_again() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    assert_eq!(client.receive(), ["EDS s/1=e"]);
    client.ack(EDS, &["s/1"]);
    client.answer(EDS, &[], None);
    client.answer(EDS, &["s/1"], None);
    assert_eq!(client.receive(), ["EDS s/1=e"]);
}

#[test]
fn b5_new_names_are_sent_though_the_version_stands() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    client.answer(EDS, &["s/1", "s/2"], None);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
}

#[test]
fn b6_a_name_that_does_not_exist_holds_nothing_back_and_comes_when_it_exists() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1", "z/1"]);
    assert_eq!(client.receive(), ["EDS s/1=e"]);
    client.ack(EDS, &["s/1", "z/1"]);
    let with_z: Vec<&str> = TWO.into_iter().chain(["E z/1=e"]).collect();
    client.retarget(&with_z);
    assert_eq!(client.receive(), ["EDS z/1=e"]);
}

#[test]
fn b7_full_state_types_list_everything() {
    let mut client = Client::start(Variant::Sotw, &TWO);
    client.ask(LDS, &[]);
    client.envoy();
    client.retarget(&["C s/1=c > s/1", "C s/2=new > s/2", "E s/1=e", "E s/2=e", "L a=1", "L b=1", "R tidegate=1 > s/1"]);
    assert_eq!(client.envoy(), ["CDS s/1=c s/2=new", "EDS s/2=e", "LDS a=1 b=1"]);
    client.retarget(&["C s/1=c > s/1", "C s/2=new > s/2", "E s/1=e", "E s/2=e", "L a=1", "L b=2", "R tidegate=1 > s/1"]);
    assert_eq!(client.envoy(), ["LDS a=1 b=2"]);
}

#[test]
fn b8_of_other_types_what_changed_is_sent_alone() {
    both(|variant| {
        let with = |endpoints: &'static str, routes: &'static str| {
            ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", endpoints, "E s/3=unasked", "R own=1 > s/2", routes]
        };
        let mut client = Client::new(variant, &with("E s/2=e", "R tidegate=1 > s/1"));
        client.ask(CDS, &[]);
        client.ask(EDS, &["s/1", "s/2"]);
        client.ask(RDS, &["own", "tidegate"]);
        client.envoy();
        client.retarget(&with("E s/2=new", "R tidegate=1 > s/1"));
        assert_eq!(client.envoy(), ["EDS s/2=new"]);
        client.retarget(&with("E s/2=new", "R tidegate=2 > s/1"));
        assert_eq!(client.envoy(), ["RDS tidegate=2"]);
    });
}

/// Changes and removals that were collected while a response was unanswered, of names that are given up before their turn.
#[test]
fn b10_what_waits_for_an_answer_is_dropped_with_its_names() {
    for later in [&["E s/1=new", "E s/2=e", "E s/3=e"][..], &["E s/2=e", "E s/3=e"]] {
        both(|variant| {
            let mut client = Client::new(variant, &["E s/1=e", "E s/2=e", "E s/3=e"]);
            client.ask(EDS, &["s/1", "s/2"]);
            assert_eq!(client.receive(), ["EDS s/1=e s/2=e"]);
            client.retarget(later);
            assert_eq!(client.receive(), NOTHING, "one response in flight");
            match variant {
                Variant::Sotw => drop(client.ask(EDS, &["s/2"])),
                Variant::Delta => client.unsubscribe(EDS, &["s/1"]),
            }
            client.sleep(3);
            assert_eq!(client.receive(), NOTHING);
            client.ack(EDS, if variant == Variant::Sotw { &["s/2"] } else { &[] });
            assert_eq!(client.receive(), NOTHING);
        });
    }
}

#[test]
fn c1_an_ack_is_answered_by_nothing() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        assert_eq!(client.receive(), NOTHING);
        for kind in [CDS, EDS, RDS] {
            assert!(client.session.is_in_sync(1, kind), "{kind:?} {variant:?}");
        }
    });
}

#[test]
fn c2_c3_a_nack_is_silent_until_the_content_changes() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=bad > s/1"]);
        assert_eq!(client.receive(), ["RDS tidegate=bad"]);
        let names: &[&str] = if variant == Variant::Sotw { &["tidegate"] } else { &[] };
        let verdict = client.answer(RDS, names, Some("no good"));
        assert!(matches!(verdict, Some(Verdict::Nack { message, .. }) if message == "no good"));
        assert_eq!(client.receive(), NOTHING);
        client.sleep(3600);
        assert_eq!(client.receive(), NOTHING);
        assert!(!client.session.is_in_sync(1, RDS));
        client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=good > s/1"]);
        assert_eq!(client.envoy(), ["RDS tidegate=good"]);
        assert!(client.session.is_in_sync(1, RDS));
    });
}

#[test]
fn c3_a_request_after_a_nack_is_not_an_ack_of_what_was_rejected() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    client.answer(EDS, &["s/1"], Some("no good"));
    assert_eq!(client.answer(EDS, &["s/1", "s/2"], None), None);
    assert_eq!(client.receive(), ["EDS s/2=e"], "the rejected one stays away");
}

#[test]
fn c4_a_nack_that_changes_names_is_heard() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    client.answer(EDS, &["s/1", "s/2"], Some("no good"));
    assert_eq!(client.receive(), ["EDS s/2=e"]);
}

#[test]
fn c5_a_stale_nonce_is_no_ack_but_its_names_count() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    let stale = client.nonces[&EDS].clone();
    client.answer(EDS, &["s/1", "s/2"], None);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    let both_and_z = ["s/1", "s/2", "z/1"];
    assert_eq!(client.answer_to(stale, EDS, &both_and_z, None), None, "stale: no verdict");
    client.retarget(&["E z/1=e", "E s/1=e", "E s/2=e"]);
    client.sleep(3);
    assert_eq!(client.receive(), ["EDS z/1=e"], "the newest list is the one that counts");
}

#[test]
fn c6_new_nonce_without_names_is_goodbye_and_silence() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1"]);
    client.receive();
    client.ack(EDS, &[]);
    assert_eq!(client.receive(), NOTHING);
    assert!(client.session.is_in_sync(1, EDS), "the old version is no rejection");
    client.retarget(&["E s/1=new"]);
    client.sleep(3);
    assert_eq!(client.receive(), NOTHING);
}

#[test]
fn c7_who_never_answers_blocks_neither_other_types_nor_new_names_nor_changes_for_ever() {
    both(|variant| {
        let mut client = Client::new(variant, &["E s/1=e", "E s/2=e", "R tidegate=1"]);
        client.ask(EDS, &["s/1"]);
        assert_eq!(client.receive(), ["EDS s/1=e"]);
        client.ask(RDS, &["tidegate"]);
        client.ask(EDS, &["s/1", "s/2"]);
        let lines = client.receive();
        assert!(lines.iter().any(|line| line.contains("s/2=e")) && lines.iter().any(|line| line == "RDS tidegate=1"), "{lines:?}");
        client.retarget(&["E s/1=new", "E s/2=e", "R tidegate=1"]);
        assert_eq!(client.receive(), NOTHING, "one response in flight");
        client.sleep(2);
        assert_eq!(client.receive(), ["EDS s/1=new"], "but not for ever");
    });
}

#[test]
fn c8_nonces_of_another_stream_are_initial_and_unknown_ones_stale() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    let first = client.answer_to("77".into(), CDS, &[], None);
    assert_eq!((first, client.receive()), (None, vec!["CDS s/1=c s/2=c".to_owned()]));
    assert_eq!(client.answer_to("never issued".into(), CDS, &[], None), None);
    assert_eq!(client.receive(), NOTHING);
}

#[test]
fn b9_nothing_of_one_type_is_another_answer_than_nothing_of_another() {
    both(|variant| {
        let mut client = Client::new(variant, &["R tidegate=1"]);
        [CDS, LDS, SRDS].into_iter().for_each(|kind| drop(client.ask(kind, &[])));
        let answers: Vec<Response> = std::iter::from_fn(|| client.session.poll(1, client.now)).collect();
        let (nonces, identities): (Vec<u64>, Vec<u128>) = answers.iter().map(|answer| (answer.nonce, answer.identity)).unzip();
        assert_eq!(answers.len(), 3);
        assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2] && nonces[0] != nonces[2], "{nonces:?}");
        assert!(identities[0] != identities[1] && identities[1] != identities[2], "their bytes are not the same");
    });
}

#[test]
fn b3_who_gave_up_all_names_is_not_told_that_there_is_nothing() {
    for kind in [CDS, LDS] {
        let mut client = Client::new(Variant::Sotw, &[]);
        client.ask(kind, &["a"]);
        client.envoy();
        client.answer(kind, &[], None);
        client.session.retarget(view(&TWO), 1);
        client.session.retarget(view(&[]), 2);
        assert_eq!(client.receive(), NOTHING, "{kind:?}");
    }
}

/// The ACK of the first response is stale when it comes, and the second is rejected: what both carried is in the third.
#[test]
fn c1_c5_what_an_accepted_list_contains_is_accepted() {
    let mut client = Client::new(Variant::Sotw, &["C s/1=c > s/1", "E s/1=e"]);
    client.ask(CDS, &[]);
    assert_eq!(client.receive(), ["CDS s/1=c"]);
    client.sleep(2);
    client.retarget(&["C s/1=c > s/1", "C s/2=bad > s/2", "E s/1=e"]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=bad"]);
    client.answer(CDS, &[], Some("no good"));
    client.retarget(&["C s/1=c > s/1", "C s/2=good > s/2", "E s/1=e"]);
    client.sleep(2);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=good"]);
    client.ack(CDS, &[]);
    let held = |name: &str| client.session.channel(1, CDS).and_then(|channel| channel.ledger().get(name)).map(|held| held.state());
    assert_eq!((held("s/1"), held("s/2")), (Some(ledger::State::Acked), Some(ledger::State::Acked)));
}
