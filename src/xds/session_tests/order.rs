//! The order of types: make before break, gated by acknowledgements.

use super::*;

#[test]
fn f1_f2_f3_f4_a_cutover_is_made_before_it_is_broken() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    assert_eq!(client.receive(), ["CDS s/2=c"], "the new cluster first, the old one stays");
    client.ask(EDS, &["s/2"]);
    assert_eq!(client.receive(), ["EDS s/2=e"], "F2: endpoints do not wait for the ACK");
    client.ack(EDS, &[]);
    assert_eq!(client.receive(), NOTHING, "F3: routes do");
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    assert_eq!(client.receive(), NOTHING, "F4: the old cluster stays until that is acknowledged");
    client.sleep(600);
    assert_eq!(client.receive(), NOTHING, "however long that takes");
    client.ack(RDS, &[]);
    assert_eq!(client.receive(), NOTHING);
    client.sleep(29);
    assert_eq!(client.receive(), NOTHING, "and then until it has drained");
    client.sleep(1);
    assert_eq!(client.envoy(), ["CDS -s/1", "EDS -s/1"]);
}

#[test]
fn f1_f4_a_cutover_in_state_of_the_world() {
    let mut client = Client::start(Variant::Sotw, &ONE);
    client.retarget(&CUTOVER);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.answer(EDS, &["s/1", "s/2"], None);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    client.ack(EDS, &["s/1", "s/2"]);
    assert_eq!(client.receive(), NOTHING);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    client.ack(RDS, &["tidegate"]);
    assert_eq!(client.receive(), NOTHING);
    client.sleep(30);
    assert_eq!(client.receive(), ["CDS s/2=c"]);
}

/// A snapshot with something of each kind, all of it other in each turn.
fn all(turn: u32) -> Vec<String> {
    let lines = ["C s/1=% > s/1", "E s/1=%", "SDS cert=%", "L http=% > tidegate", "SRDS h=% > own", "R own=% > s/1"];
    let more = ["R tidegate=% > s/1", "VHDS tidegate/a=%", "RTDS flags=%"];
    lines.iter().chain(&more).map(|line| line.replace('%', &turn.to_string())).collect()
}

/// Clusters that the client has already change in place, so nothing waits for them.
#[test]
fn f1_one_change_of_all_types_is_sent_in_their_order() {
    both(|variant| {
        let [before, after] = [1, 2].map(all);
        let [before, after] = [&before, &after].map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
        let mut client = Client::new(variant, &before);
        let lists: [(Kind, &[&str]); 8] = [
            (Kind::Runtime, &["flags"]),
            (Kind::VirtualHost, &["tidegate/a"]),
            (RDS, &["own", "tidegate"]),
            (SRDS, &[]),
            (LDS, &[]),
            (Kind::Secret, &["cert"]),
            (EDS, &["s/1"]),
            (CDS, &[]),
        ];
        let there = |kind: Kind| variant == Variant::Delta || !kind.is_delta_only();
        lists.into_iter().filter(|(kind, _)| there(*kind)).for_each(|(kind, names)| drop(client.ask(kind, names)));
        client.envoy();
        client.retarget(&after);
        let lines = client.receive();
        let order: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
        let want: Vec<&str> = Kind::ALL.into_iter().filter(|kind| there(*kind)).map(Kind::short).collect();
        assert_eq!(order, want);
        let order: Vec<&str> = order.into_iter().filter(|kind| ["CDS", "EDS", "LDS", "RDS"].contains(kind)).collect();
        assert_eq!(order, ["CDS", "EDS", "LDS", "RDS"]);
    });
}

#[test]
fn f3_routes_wait_no_longer_than_the_warm_timeout() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    client.receive();
    client.sleep(19);
    assert_eq!(client.receive(), NOTHING);
    assert_eq!(client.session.wake_at(1), Some(client.now + Duration::from_secs(1)));
    client.sleep(1);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    assert_eq!(client.session.sequence().times_forced(), 1);
}

#[test]
fn f5_a_nack_of_clusters_or_routes_stops_the_sequence() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    client.receive();
    client.answer(CDS, &[], Some("no good"));
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING, "no route leads to a rejected cluster");
    client.retarget(&["C s/2=good > s/2", "E s/2=e", "R tidegate=2 > s/2"]);
    client.receive();
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    client.answer(RDS, &[], Some("no good"));
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING, "the old cluster stays under the old routes");
}

#[test]
fn f5_a_new_node_is_not_kept_from_all_routes_by_one_rejected_cluster() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(CDS, &[]);
    client.receive();
    client.answer(CDS, &[], Some("s/2 is no good"));
    client.ask(RDS, &["tidegate"]);
    assert_eq!(client.receive(), NOTHING);
    client.sleep(20);
    assert_eq!(client.receive(), ["RDS tidegate=1"], "it has no routes that could be lost, and all its traffic to win");
}

#[test]
fn f3_each_cluster_has_a_warm_timeout_of_its_own() {
    let mut client = Client::start(Variant::Delta, &ONE);
    let slow = ["C s/1=c > s/1", "E s/1=e", "C slow/1=c > slow/1", "E slow/1=e"];
    client.retarget(&[slow.as_slice(), &["R tidegate=2 > s/1 slow/1"]].concat());
    client.receive();
    client.sleep(19);
    let more = ["C b/1=c > b/1", "E b/1=e", "R tidegate=3 > b/1 s/1 slow/1"];
    client.retarget(&[slow.as_slice(), &more].concat());
    assert_eq!(client.receive(), ["CDS b/1=c"]);
    client.sleep(1);
    assert_eq!(client.receive(), NOTHING, "slow/1 has had its time, b/1 has not");
    client.sleep(19);
    assert_eq!(client.receive(), ["RDS tidegate=3"]);
}

#[test]
fn f3_a_node_that_reconnects_while_its_clusters_warm_is_not_let_through() {
    // Envoy does not ask for clusters on a new stream before those it has are warm.
    both(|variant| {
        let mut client = Client::new(variant, &CUTOVER);
        let request = match variant {
            Variant::Sotw => {
                let names = vec!["tidegate".to_owned()];
                Request::Sotw(SotwRequest { version: "held".into(), names, ..Default::default() })
            }
            Variant::Delta => {
                let initial = [("tidegate".to_owned(), "held".to_owned())].into();
                Request::Delta(DeltaRequest { subscribe: vec!["tidegate".into()], initial, ..Default::default() })
            }
        };
        client.send(RDS, request);
        assert_eq!(client.receive(), NOTHING);
        client.ask(CDS, &[]);
        client.receive();
        client.ack(CDS, &[]);
        assert!(client.receive().contains(&"RDS tidegate=2".to_owned()));
    });
}

#[test]
fn f5_what_was_superseded_before_it_was_answered_may_be_in_use() {
    both(|variant| {
        let names: &[&str] = if variant == Variant::Sotw { &["tidegate"] } else { &[] };
        let mut client = Client::start(variant, &TWO);
        client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=2 > s/2"]);
        assert_eq!(client.receive(), ["RDS tidegate=2"]);
        let first = client.nonces[&RDS].clone();
        client.sleep(2);
        client.retarget(&["C s/1=c > s/1", "E s/1=e", "R tidegate=3 > s/1"]);
        assert_eq!(client.receive(), ["RDS tidegate=3"]);
        client.answer_to(first, RDS, names, None);
        client.answer(RDS, names, Some("no good"));
        client.sleep(3600);
        assert_eq!(client.receive(), NOTHING, "the client's routes lead to s/2, and will until it takes others");
    });
}

#[test]
fn f6_a_second_change_in_mid_sequence_is_merged() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    client.receive();
    client.retarget(&ONE);
    client.sleep(2);
    assert_eq!(client.receive(), NOTHING, "back to where the routes still are: they did not move");
    client.ack(CDS, &[]);
    client.sleep(30);
    assert_eq!(client.envoy(), ["CDS -s/2"]);
    client.retarget(&["C s/3=c > s/3", "E s/3=e", "R tidegate=3 > s/3"]);
    client.receive();
    client.ack(CDS, &[]);
    assert_eq!(client.envoy(), ["RDS tidegate=3"]);
}

#[test]
fn f4_a_cluster_that_comes_back_while_it_drains_was_never_away() {
    let mut client = Client::start(Variant::Delta, &TWO);
    client.retarget(&["C s/1=c > s/1", "E s/1=e", "R tidegate=1 > s/1"]);
    client.sleep(20);
    assert_eq!(client.receive(), NOTHING);
    client.retarget(&TWO);
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING);
}

/// As a state-of-the-world Envoy does for a cluster that changed and has the endpoints of the old one.
#[test]
fn g1_endpoints_asked_for_again_after_their_cluster_changed_are_sent_though_nothing_of_them_did() {
    let mut client = Client::start(Variant::Sotw, &TWO);
    let (nonce, version) = (client.nonces[&EDS].clone(), client.session.target().of(EDS).version().to_string());
    let again = || {
        let names = vec!["s/1".to_owned(), "s/2".to_owned()];
        Request::Sotw(SotwRequest { version: version.clone(), nonce: nonce.clone(), names, error: None })
    };
    assert_eq!((client.send(EDS, again()), client.receive()), (None, vec![]), "nothing has changed yet");
    client.retarget(&["C s/1=new > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=1 > s/1"]);
    let clusters = client.session.poll(1, client.now).expect("clusters first");
    assert_eq!(clusters.kind, CDS);
    assert_eq!(client.send(EDS, again()), None, "it answers nothing");
    assert_eq!(client.receive(), ["EDS s/1=e"]);
    assert_eq!((client.send(EDS, again()), client.receive()), (None, vec![]), "and once is enough");
    client.ack(EDS, &["s/1", "s/2"]);
}

#[test]
fn g2_g3_endpoints_follow_every_changed_cluster_unasked() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        client.retarget(&["C s/1=new > s/1", "C s/2=new > s/2", "E s/1=e", "E s/2=e", "R tidegate=1 > s/1"]);
        assert_eq!(client.receive(), ["CDS s/1=new s/2=new", "EDS s/1=e s/2=e"]);
    });
}

#[test]
fn grpc_asks_from_the_listener_down_and_is_never_gated() {
    let lines = ["L api=1 > r", "R r=1 > s/1", "C s/1=c > s/1", "E s/1=e"];
    let mut client = Client::new(Variant::Sotw, &lines);
    for (kind, name, want) in
        [(LDS, "api", "LDS api=1"), (RDS, "r", "RDS r=1"), (CDS, "s/1", "CDS s/1=c"), (EDS, "s/1", "EDS s/1=e")]
    {
        client.ask(kind, &[name]);
        assert_eq!(client.receive(), [want]);
        client.ack(kind, &[name]);
    }
    client.retarget(&["L api=1 > r", "R r=2 > s/2", "C s/1=c > s/1", "E s/1=e", "C s/2=c > s/2", "E s/2=e"]);
    assert_eq!(client.receive(), ["RDS r=2"]);
}

/// There is no word in state of the world for routes that are gone; that a client rejected them is no matter any more.
#[test]
fn c3_f5_what_was_rejected_and_is_gone_is_not_rejected_any_more() {
    let more = ["C s/1=c > s/1", "E s/1=e", "R own=1 > s/1", "R tidegate=1 > s/1"];
    let mut client = Client::start(Variant::Sotw, &more);
    client.ask(RDS, &["own"]);
    assert_eq!(client.receive(), ["RDS own=1"]);
    client.answer(RDS, &["own"], Some("no"));
    assert!(!client.session.is_in_sync(1, RDS));
    client.retarget(&ONE);
    assert_eq!(client.receive(), NOTHING);
    assert!(client.session.is_in_sync(1, RDS));
    assert_eq!(client.session.channel(1, RDS).and_then(|channel| channel.account().refusal()), None);
    client.retarget(&more);
    assert_eq!(client.receive(), ["RDS own=1"], "it is sent anew when it comes back");
}

/// A list of clusters has all of them, also those that came with a list before it and were not accepted in time.
#[test]
fn f5_clusters_of_a_rejected_list_that_were_in_the_one_before_are_not_warm() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(CDS, &[]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.retarget(&ONE);
    assert_eq!(client.receive(), NOTHING, "s/2 drains");
    client.sleep(30);
    assert_eq!(client.receive(), ["CDS s/1=c"]);
    client.answer(CDS, &[], Some("no"));
    client.ask(RDS, &["tidegate"]);
    assert_eq!(client.receive(), NOTHING);
    client.ask(EDS, &["s/1"]);
    assert_eq!(client.receive(), ["EDS s/1=e"], "routes wait for s/1");
    client.sleep(20);
    assert_eq!(client.receive(), ["RDS tidegate=1"], "but a node that has none waits no longer than this");
}
