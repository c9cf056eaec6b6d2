//! The generation of which a client has acknowledged everything.

use super::*;

impl Client {
    fn acked(&self) -> Option<u64> {
        self.session.acked(self.stream)
    }

    /// Acknowledges the newest response of a type.
    fn take(&mut self, kind: Kind) {
        let names = self.session.channel(self.stream, kind).map(|channel| channel.subscription().names().clone());
        let names: Vec<&str> = names.iter().flat_map(|names| names.iter()).map(|name| &**name).collect();
        self.ack(kind, if self.variant == Variant::Sotw { &names } else { &[] });
    }

    /// A snapshot with other endpoints and routes.
    fn change(&mut self, turn: u32) {
        let (endpoints, routes) = (format!("E s/2={turn}"), format!("R tidegate={turn} > s/2"));
        self.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", &endpoints, &routes]);
    }

    /// A snapshot in which nothing is other than before.
    fn retarget_to_the_same(&mut self) {
        self.generation += 1;
        self.session.retarget(self.session.target().clone(), self.generation);
    }
}

const ROUTES_MOVE: [&str; 5] = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=2 > s/2"];

#[test]
fn a_generation_is_acked_when_its_last_answer_comes() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        assert_eq!(client.acked(), Some(1));
        client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=new", "R tidegate=2 > s/2"]);
        assert_eq!(client.acked(), Some(1), "nothing was sent yet");
        assert_eq!(client.receive(), ["EDS s/2=new", "RDS tidegate=2"]);
        client.take(EDS);
        assert_eq!(client.acked(), Some(1));
        client.take(RDS);
        assert_eq!(client.acked(), Some(2));
    });
}

#[test]
fn a_rejection_is_put_aside() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        client.retarget(&ROUTES_MOVE);
        client.receive();
        client.answer(RDS, if variant == Variant::Sotw { &["tidegate"] } else { &[] }, Some("no good"));
        assert_eq!(client.acked(), Some(2), "it is told separately");
        client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=new", "R tidegate=2 > s/2"]);
        assert_eq!(client.acked(), Some(2));
        assert_eq!(client.receive(), ["EDS s/2=new"]);
        client.take(EDS);
        assert_eq!(client.acked(), Some(3), "the rejection stands");
    });
}

#[test]
fn routes_that_wait_for_a_rejected_cluster_are_put_aside_too() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    client.receive();
    assert_eq!(client.acked(), Some(1));
    client.answer(CDS, &[], Some("no good"));
    assert_eq!(client.receive(), NOTHING);
    assert_eq!(client.acked(), Some(2), "they are for what is to come instead of it");
    client.retarget(&["C s/2=good > s/2", "E s/2=e", "R tidegate=2 > s/2"]);
    assert_eq!(client.receive(), ["CDS s/2=good"]);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    assert_eq!(client.acked(), Some(2));
    client.ack(RDS, &[]);
    assert_eq!(client.acked(), Some(3));
}

#[test]
fn nothing_is_acked_while_clusters_warm_and_routes_wait_and_draining_is_no_reason() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.retarget(&CUTOVER);
    client.receive();
    client.ask(EDS, &["s/2"]);
    client.receive();
    client.ack(EDS, &[]);
    assert_eq!((client.receive(), client.acked()), (vec![], Some(1)), "the cluster warms");
    client.retarget_to_the_same();
    assert_eq!((client.receive(), client.acked()), (vec![], Some(1)));
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    assert_eq!(client.acked(), Some(1));
    client.ack(RDS, &[]);
    assert_eq!((client.receive(), client.acked()), (vec![], Some(3)), "s/1 drains");
    assert!(client.session.waiting(CDS).is_some());
    client.sleep(30);
    assert_eq!(client.receive(), ["CDS -s/1", "EDS -s/1"]);
    assert_eq!(client.acked(), Some(3));
}

#[test]
fn a_snapshot_that_changes_nothing_is_acked_without_a_word() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        client.retarget_to_the_same();
        assert_eq!(client.acked(), Some(2), "also before anybody looks what is to be sent");
        assert_eq!(client.receive(), NOTHING);
        client.retarget(&ROUTES_MOVE);
        client.receive();
        client.retarget_to_the_same();
        assert_eq!((client.receive(), client.acked()), (vec![], Some(2)));
        client.take(RDS);
        assert_eq!(client.acked(), Some(4));
        client.session.retarget(client.session.target().clone(), 1);
        assert_eq!(client.acked(), Some(4), "a stream of the node that is late");
    });
}

/// A new generation every 30 ms, and answers 90 ms after what they answer.
#[test]
fn a_storm_of_snapshots_does_not_keep_a_client_from_coming_on() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        client.change(0);
        for turn in 1..30 {
            assert_eq!(client.receive().len(), 2, "endpoints and routes");
            let sent = client.generation;
            for step in 0..3 {
                client.change(3 * turn + step);
                client.now += Duration::from_millis(30);
                assert_eq!(client.receive(), NOTHING, "changes are collected");
            }
            client.take(EDS);
            client.take(RDS);
            assert_eq!(client.acked(), Some(sent));
        }
    });
}

#[test]
fn who_always_answers_too_late_comes_on_as_well() {
    both(|variant| {
        let mut client = Client::start(variant, &TWO);
        for turn in 0..5 {
            let late = client.nonces[&RDS].clone();
            let routes = format!("R tidegate={turn} > s/2");
            client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", &routes]);
            client.sleep(3);
            assert_eq!(client.receive().len(), 1, "patience is over");
            client.answer_to(late, RDS, &["tidegate"], None);
            assert_eq!(client.acked(), Some(client.generation - 1));
        }
    });
}

#[test]
fn cutovers_of_others_that_never_end_hold_back_what_came_after_them_alone() {
    let mut client = Client::start(Variant::Delta, &ONE);
    client.ask(RDS, &["a", "b"]);
    client.envoy();
    let (base, a, b) = (ONE.as_slice(), ["C a/1=c > a/1", "E a/1=e", "R a=1 > a/1"], ["C b/1=c > b/1", "E b/1=e", "R b=1 > b/1"]);
    client.retarget(&[base, &a].concat());
    assert_eq!(client.receive(), ["CDS a/1=c"]);
    client.retarget(&[base, &a, &["L http=1 > tidegate"]].concat());
    client.retarget(&[base, &a, &b].concat());
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["CDS b/1=c", "RDS a=1"], "b begins before a has ended");
    assert_eq!(client.acked(), Some(1));
    client.ack(RDS, &[]);
    assert_eq!(client.acked(), Some(3), "all but b is there, and b waits since the fourth");
    client.ack(CDS, &[]);
    client.envoy();
    assert_eq!(client.acked(), Some(4));
}

#[test]
fn answers_in_another_order_count_when_none_before_them_is_missing() {
    let mut client = Client::start(Variant::Delta, &TWO);
    client.retarget(&ROUTES_MOVE);
    client.receive();
    let first = client.nonces[&RDS].clone();
    client.sleep(2);
    client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=3 > s/1"]);
    client.receive();
    client.ack(RDS, &[]);
    assert_eq!(client.acked(), Some(1));
    client.answer_to(first, RDS, &[], None);
    assert_eq!(client.acked(), Some(3));
}

#[test]
fn a_client_that_reconnects_has_nothing_until_it_has_all() {
    both(|variant| {
        let mut client = Client::new(variant, &TWO);
        assert_eq!(client.acked(), None, "it has not asked for anything");
        client.resume_all();
        assert_eq!(client.acked(), None);
        client.receive();
        client.ack(CDS, &[]);
        assert_eq!(client.acked(), None, "and not yet endpoints and routes");
        client.receive();
        if variant == Variant::Sotw {
            client.take(EDS);
        }
        assert_eq!(client.acked(), None);
        client.take(RDS);
        assert_eq!(client.acked(), Some(1));
        client.ask(LDS, &[]);
        assert_eq!(client.acked(), None, "a type that it was not sent");
        client.receive();
        assert_eq!(client.acked(), None);
        client.ack(LDS, &[]);
        assert_eq!(client.acked(), Some(1));
    });
}

impl Client {
    /// Asks for everything as an Envoy does that has it; in delta it tells so, but for the routes.
    fn resume_all(&mut self) {
        if self.variant == Variant::Sotw {
            self.ask(CDS, &[]);
            self.ask(EDS, &["s/1", "s/2"]);
        } else {
            self.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
            self.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]);
        }
        self.ask(RDS, &["tidegate"]);
    }
}

/// What is under way when a name is given up and asked for again is older than what there was when it was given up.
#[test]
fn a_name_that_is_asked_for_again_is_not_covered_by_what_was_under_way() {
    let mut client = Client::new(Variant::Sotw, &["L a=1", "L b=1"]);
    client.ask(LDS, &["a", "b"]);
    assert_eq!(client.receive(), ["LDS a=1 b=1"]);
    client.ack(LDS, &["a", "b"]);
    client.retarget(&["L a=2", "L b=1"]);
    assert_eq!(client.receive(), ["LDS a=2 b=1"]);
    let under_way = client.nonces[&LDS].clone();
    client.retarget(&["L a=3", "L b=1"]);
    client.sleep(3);
    client.ask(LDS, &["b"]);
    client.session.poll(1, client.now);
    client.ask(LDS, &["a", "b"]);
    client.answer_to(under_way, LDS, &["a", "b"], None);
    assert!(client.acked() < Some(3), "{:?}: it has a=2", client.acked());
    client.receive();
    client.ack(LDS, &["a", "b"]);
    assert_eq!(client.acked(), Some(3));
}

#[test]
fn each_stream_of_a_node_on_typed_services_has_its_own() {
    let mut client = Client::typed(Variant::Delta, &ONE);
    let of = |client: &Client| [1, 2, 3].map(|stream| client.session.acked(stream));
    let on = |client: &mut Client, stream: u64| client.stream = stream;
    client.ask(CDS, &[]);
    client.envoy();
    assert_eq!(of(&client), [Some(1), None, None]);
    on(&mut client, 2);
    client.ask(EDS, &["s/1", "s/2"]);
    client.envoy();
    on(&mut client, 3);
    client.ask(RDS, &["tidegate"]);
    client.envoy();
    assert_eq!(of(&client), [Some(1); 3]);

    client.retarget(&CUTOVER);
    on(&mut client, 1);
    client.envoy();
    on(&mut client, 3);
    assert_eq!(client.receive(), NOTHING, "routes wait for endpoints");
    assert_eq!(of(&client), [Some(2), Some(1), Some(1)]);
    on(&mut client, 2);
    client.envoy();
    on(&mut client, 3);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    assert_eq!(of(&client), [Some(2), Some(2), Some(1)]);
    client.ack(RDS, &[]);
    assert_eq!(of(&client), [Some(2); 3]);
}
