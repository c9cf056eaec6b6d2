//! Routes that are gone, and what they lead to: who was told so goes on with them, who gave them up does not.

use super::*;

/// Envoy acknowledges that routes are gone, and goes on with them.
#[test]
fn f4_routes_that_are_gone_keep_their_clusters_for_as_long_as_they_are_asked_for() {
    let more = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R own=1 > s/2", "R tidegate=1 > s/1"];
    let mut stays = Client::start(Variant::Delta, &more);
    stays.ask(RDS, &["own"]);
    stays.envoy();
    stays.retarget(&ONE);
    let mut returns = Client::new(Variant::Delta, &ONE);
    returns.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    returns.resume(RDS, &["own", "tidegate"], &["R own=1", "R tidegate=1"]);
    for mut client in [stays, returns] {
        assert_eq!(client.envoy().last().map(String::as_str), Some("RDS -own"));
        client.sleep(3600);
        assert_eq!(client.envoy(), NOTHING);
        client.unsubscribe(RDS, &["own"]);
        assert_eq!(client.envoy(), NOTHING);
        client.sleep(30);
        assert_eq!(client.envoy().first().map(String::as_str), Some("CDS -s/2"));
    }
}

/// Envoy says no more than that it asks for a name if it has given it up and asked for it again since it last spoke; then it holds
/// nothing under it that it could go on with.
#[test]
fn d4_f4_a_name_that_is_asked_for_again_in_vain_is_not_held() {
    let more = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R own=1 > s/2", "R tidegate=1 > s/1"];
    for told_before in [false, true] {
        let mut client = Client::start(Variant::Delta, &more);
        client.ask(RDS, &["own"]);
        client.envoy();
        client.retarget(&ONE);
        if told_before {
            assert_eq!(client.envoy(), ["RDS -own"]);
        }
        client.ask(RDS, &["own"]);
        assert_eq!(client.envoy(), ["RDS -own"]);
        client.sleep(29);
        assert_eq!(client.envoy(), NOTHING);
        client.sleep(1);
        assert_eq!(client.envoy(), ["CDS -s/2", "EDS -s/2"]);
    }
}

/// It was given up and asked for again, in two requests or in one, while it was under way: so it comes, and is used.
#[test]
fn d4_f4_a_name_that_is_asked_for_again_while_it_is_under_way_is_held() {
    let more = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R own=1 > s/2", "R tidegate=1 > s/1"];
    for (variant, in_one) in [(Variant::Sotw, false), (Variant::Delta, false), (Variant::Delta, true)] {
        let (without, with): (&[&str], &[&str]) =
            if variant == Variant::Sotw { (&["tidegate"], &["own", "tidegate"]) } else { (&[], &["own"]) };
        let mut client = Client::start(variant, &more);
        client.ask(RDS, with);
        assert_eq!(client.receive(), ["RDS own=1"]);
        let under_way = client.nonces[&RDS].clone();
        client.retarget(&ONE);
        match variant {
            Variant::Sotw => drop(client.ask(RDS, without)),
            Variant::Delta if in_one => {}
            Variant::Delta => client.unsubscribe(RDS, with),
        }
        client.ask(RDS, with);
        client.receive();
        client.answer_to(under_way, RDS, if variant == Variant::Sotw { with } else { &[] }, None);
        client.answer(RDS, if variant == Variant::Sotw { with } else { &[] }, None);
        client.envoy();
        client.sleep(3600);
        assert_eq!(client.envoy(), NOTHING, "its routes lead to s/2");
    }
}

/// Who was sent it since holds it.
#[test]
fn d4_f4_a_name_that_was_sent_when_it_was_asked_for_again_is_held() {
    let more = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R own=1 > s/2", "R tidegate=1 > s/1"];
    let mut client = Client::start(Variant::Delta, &more);
    client.ask(RDS, &["own"]);
    client.envoy();
    client.ask(RDS, &["own"]);
    assert_eq!(client.envoy(), ["RDS own=1"]);
    client.retarget(&ONE);
    assert_eq!(client.envoy(), ["RDS -own"]);
    client.sleep(3600);
    assert_eq!(client.envoy(), NOTHING, "its routes lead to s/2");
}

#[test]
fn d3_f4_a_name_that_was_given_up_and_is_asked_for_in_vain_is_not_held() {
    let more = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R own=1 > s/2", "R tidegate=1 > s/1"];
    let mut client = Client::start(Variant::Delta, &more);
    client.ask(RDS, &["own"]);
    client.envoy();
    client.unsubscribe(RDS, &["own"]);
    client.retarget(&ONE);
    client.ask(RDS, &["own"]);
    assert_eq!(client.envoy(), ["RDS -own"]);
    client.sleep(30);
    assert_eq!(client.envoy(), ["CDS -s/2", "EDS -s/2"]);
}
