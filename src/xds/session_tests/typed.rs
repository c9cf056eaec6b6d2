//! One node on typed services: several streams, one session, one order.

use super::*;

#[test]
fn typed_streams_of_one_node_share_one_order_and_wait_for_endpoints_too() {
    let mut client = Client::typed(Variant::Sotw, &ONE);
    client.ask(CDS, &[]);
    client.envoy();
    client.stream = 2;
    client.ask(EDS, &["s/1"]);
    client.envoy();
    client.stream = 3;
    client.ask(RDS, &["tidegate"]);
    assert_eq!(client.receive(), ["RDS tidegate=1"]);
    client.ack(RDS, &["tidegate"]);
    client.retarget(&CUTOVER);
    assert_eq!(client.receive(), NOTHING, "routes on one stream wait for clusters on the other");
    client.stream = 1;
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.ack(CDS, &[]);
    client.stream = 3;
    assert_eq!(client.receive(), NOTHING, "an ACK by itself does not mean warm on a typed service");
    client.stream = 4;
    client.ask(EDS, &["s/2"]);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    client.ack(EDS, &["s/2"]);
    client.stream = 3;
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
}

/// A node that comes back on typed services asks for routes on one stream after the other.
#[test]
fn e4_f4_clusters_stay_until_all_typed_streams_of_routes_may_have_come() {
    let mut client = Client::typed(Variant::Delta, &ONE);
    client.resume(CDS, &[], &["C s/1=c > s/1", "C s/2=c > s/2"]);
    client.stream = 2;
    client.resume(RDS, &["tidegate"], &["R tidegate=1 > s/1"]);
    client.stream = 1;
    assert_eq!(client.envoy(), ["CDS"], "an answer, and nothing in it");
    for seconds in [19, 2, 14] {
        client.sleep(seconds);
        assert_eq!(client.receive(), NOTHING, "another may have routes that lead to s/2");
    }
    client.stream = 3;
    client.resume(RDS, &["own"], &["R own=1 > s/2"]);
    client.sleep(3600);
    client.stream = 1;
    assert_eq!(client.receive(), NOTHING, "it has");
}

/// What the endpoints were acknowledged on has ended, which the server learns late.
#[test]
fn f3_a_cluster_that_comes_back_on_typed_services_is_warm_by_a_new_answer_alone() {
    both(|variant| {
        let mut client = Client::typed(variant, &TWO);
        client.ask(CDS, &[]);
        client.envoy();
        client.stream = 2;
        client.ask(EDS, &["s/2"]);
        client.envoy();
        for (generation, lines) in [(2, &ONE[..]), (3, &CUTOVER[..])] {
            client.stream = 1;
            client.session.retarget(view(lines), generation);
            client.envoy();
            client.sleep(30);
            client.envoy();
        }
        client.stream = 3;
        client.ask(RDS, &["tidegate"]);
        assert_eq!(client.receive(), NOTHING, "the stream of before has answered, and another cluster has come");
        client.stream = 4;
        client.ask(EDS, &["s/2"]);
        assert_eq!(client.receive(), ["EDS s/2=e"]);
        client.ack(EDS, &["s/2"]);
        client.stream = 3;
        assert_eq!(client.receive(), ["RDS tidegate=2"]);
    });
}

#[test]
fn f3_routes_wait_for_clusters_also_while_their_typed_stream_is_opened_anew() {
    both(|variant| {
        let mut client = Client::typed(variant, &ONE);
        client.ask(CDS, &[]);
        client.session.close(1);
        client.stream = 3;
        client.ask(RDS, &["tidegate"]);
        assert_eq!(client.receive(), NOTHING, "this node takes its clusters from here");
    });
}

/// What was sent and is gone is new when it comes back, also with the same content. Routes that went out before this node asked for
/// clusters did not wait for any.
#[test]
fn f3_routes_that_were_gone_and_come_back_wait_for_their_clusters() {
    both(|variant| {
        let mut client = Client::typed(variant, &CUTOVER);
        client.ask(RDS, &["tidegate"]);
        assert_eq!(client.receive(), ["RDS tidegate=2"]);
        client.answer(RDS, &["tidegate"], Some("no"));
        client.retarget(&[]);
        client.envoy();
        client.stream = 2;
        client.ask(CDS, &[]);
        client.envoy();
        client.retarget(&CUTOVER);
        client.stream = 1;
        assert_eq!(client.receive(), NOTHING, "the node does not even have the cluster");
        client.stream = 2;
        client.envoy();
        client.stream = 3;
        client.ask(EDS, &["s/2"]);
        client.envoy();
        client.stream = 1;
        assert_eq!(client.receive(), ["RDS tidegate=2"]);
    });
}

/// The version of a response in the middle of a change is of no view that there was, but the conversation goes on.
#[test]
fn e4_f4_clusters_stay_when_their_typed_stream_breaks_in_the_middle_of_a_cutover() {
    let mut client = Client::typed(Variant::Sotw, &ONE);
    client.ask(CDS, &[]);
    client.envoy();
    for (stream, kind, name) in [(2, EDS, "s/1"), (3, RDS, "tidegate")] {
        client.stream = stream;
        client.ask(kind, &[name]);
        client.envoy();
    }
    client.session.retarget(view(&CUTOVER), 2);
    client.stream = 1;
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    let version = client.session.channel(1, CDS).and_then(|channel| channel.account().sent.clone()).expect("sent").0.to_string();
    client.ack(CDS, &[]);
    client.stream = 4;
    client.ask(EDS, &["s/2"]);
    client.envoy();
    client.stream = 3;
    assert_eq!(client.envoy(), ["RDS tidegate=2"]);
    client.session.close(1);
    client.session.retarget(view(&ONE), 3);
    client.stream = 5;
    client.tell(CDS, &[], &version);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"], "its routes lead to s/2");
}

/// Nonces are of one stream, and that of a list may be older than that of another which was sent before it elsewhere.
#[test]
fn e4_what_is_acknowledged_on_a_new_stream_says_what_was_sent_on_another() {
    let (older, newer) = (view(&TWO), view(&["C s/1=c2 > s/1", "C s/2=c > s/2"]));
    let mut other = Client::new(Variant::Sotw, &[]);
    other.session = Session::new(older.clone(), 1, timing());
    other.ask(CDS, &[]);
    other.receive();
    let mut client = Client::new(Variant::Sotw, &[]);
    client.session = Session::typed(newer.clone(), 1, timing());
    client.ask(CDS, &[]);
    assert_eq!(client.receive(), ["CDS s/1=c2 s/2=c"]);
    client.session.close(1);
    client.session.retarget(older, 2);
    client.stream = 2;
    client.tell(CDS, &[], newer.of(CDS).version().as_str());
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    assert!(!client.session.is_in_sync(2, CDS));
    client.ack(CDS, &[]);
    assert!(client.session.is_in_sync(2, CDS));
}
