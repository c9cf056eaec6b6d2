//! Scopes: each host has a RouteConfiguration of its own, which comes and goes with it.

use super::*;

const A: [&str; 4] = ["C a/1=c > a/1", "E a/1=e", "SRDS a=s > t/a", "R t/a=1 > a/1"];
const B: [&str; 4] = ["C b/1=c > b/1", "E b/1=e", "SRDS b=s > t/b", "R t/b=1 > b/1"];

fn with(hosts: &[[&'static str; 4]]) -> Vec<&'static str> {
    hosts.concat()
}

/// An Envoy with a listener that has scoped routes, and these hosts.
fn start(variant: Variant, hosts: &[[&'static str; 4]], endpoints: &[&str], routes: &[&str]) -> Client {
    let mut client = Client::new(variant, &with(hosts));
    client.ask(CDS, &[]);
    client.envoy();
    client.ask(EDS, endpoints);
    client.ask(SRDS, &[]);
    client.envoy();
    client.ask(RDS, routes);
    client.envoy();
    client
}

/// Says that it has read and taken everything of these kinds.
fn ack(client: &mut Client, kinds: &[(Kind, &[&str])]) {
    for (kind, names) in kinds {
        client.ack(*kind, if client.variant == Variant::Sotw { names } else { &[] });
    }
}

#[test]
fn a_change_of_one_host_is_one_route_configuration() {
    both(|variant| {
        let mut client = start(variant, &[A, B], &["a/1", "b/1"], &["t/a", "t/b"]);
        let mut changed = with(&[A, B]);
        changed[7] = "R t/b=2 > b/1";
        client.retarget(&changed);
        assert_eq!(client.envoy(), ["RDS t/b=2"]);
    });
}

#[test]
fn f3_a_new_scope_and_its_routes_wait_for_their_clusters() {
    both(|variant| {
        let mut client = start(variant, &[A], &["a/1"], &["t/a"]);
        client.retarget(&with(&[A, B]));
        let clusters = if variant == Variant::Sotw { "CDS a/1=c b/1=c" } else { "CDS b/1=c" };
        assert_eq!(client.receive(), [clusters]);
        client.ask(EDS, if variant == Variant::Sotw { &["a/1", "b/1"] } else { &["b/1"] });
        assert_eq!(client.receive(), ["EDS b/1=e"]);
        assert_eq!(client.session.waiting(SRDS).as_deref(), Some("waits for the ACK of clusters b/1"));
        ack(&mut client, &[(EDS, &["a/1", "b/1"]), (CDS, &[])]);
        let scopes = if variant == Variant::Sotw { "SRDS a=s b=s" } else { "SRDS b=s" };
        assert_eq!(client.receive(), [scopes]);
        client.ask(RDS, if variant == Variant::Sotw { &["t/a", "t/b"] } else { &["t/b"] });
        assert_eq!(client.receive(), ["RDS t/b=1"]);
    });
}

#[test]
fn f4_clusters_stay_until_no_scope_leads_to_them() {
    both(|variant| {
        let mut client = start(variant, &[A, B], &["a/1", "b/1"], &["t/a", "t/b"]);
        client.retarget(&with(&[A]));
        let scopes = if variant == Variant::Sotw { "SRDS a=s" } else { "SRDS -b" };
        assert_eq!(client.receive(), [scopes], "neither routes nor clusters");
        let why = "keeps route configurations until the ACK that no scope leads to them";
        assert_eq!(client.session.waiting(RDS).as_deref(), Some(why));
        client.sleep(600);
        assert_eq!(client.receive(), NOTHING, "however long the ACK takes");
        ack(&mut client, &[(SRDS, &[])]);
        match variant {
            // There is no word for it, or none that is heeded: Envoy gives them up by itself.
            Variant::Sotw => drop(client.answer(RDS, &["t/a"], None)),
            Variant::Delta => {
                assert_eq!(client.envoy(), ["RDS -t/b"]);
                client.unsubscribe(RDS, &["t/b"]);
            }
        }
        assert_eq!(client.receive(), NOTHING, "the clusters drain");
        client.sleep(29);
        assert_eq!(client.receive(), NOTHING);
        client.sleep(1);
        let gone: &[&str] = if variant == Variant::Sotw { &["CDS a/1=c"] } else { &["CDS -b/1", "EDS -b/1"] };
        assert_eq!(client.envoy(), gone);
    });
}

/// Envoy gives a RouteConfiguration up as it takes the scope away, which may come before its ACK.
#[test]
fn f4_routes_that_are_given_up_are_not_used() {
    both(|variant| {
        let mut client = start(variant, &[A, B], &["a/1", "b/1"], &["t/a", "t/b"]);
        client.retarget(&with(&[A]));
        client.receive();
        match variant {
            Variant::Sotw => drop(client.answer(RDS, &["t/a"], None)),
            Variant::Delta => client.unsubscribe(RDS, &["t/b"]),
        }
        assert_eq!(client.receive(), NOTHING);
        client.sleep(30);
        let gone = if variant == Variant::Sotw { "CDS a/1=c" } else { "CDS -b/1" };
        assert_eq!(client.receive().first().map(String::as_str), Some(gone));
    });
}

#[test]
fn f5_scopes_that_are_rejected_take_nothing_away() {
    both(|variant| {
        let mut client = start(variant, &[A, B], &["a/1", "b/1"], &["t/a", "t/b"]);
        client.retarget(&with(&[A]));
        client.receive();
        client.answer(SRDS, &[], Some("no good"));
        client.sleep(3600);
        assert_eq!(client.receive(), NOTHING);
        client.retarget(&with(&[A, B]));
        client.envoy();
        assert!(client.session.is_in_sync(1, RDS), "all is as it was");
    });
}

/// A host goes, and its service stays: nothing but the scope and its routes is looked at.
#[test]
fn a_host_that_goes_takes_no_cluster_along() {
    both(|variant| {
        let more = ["C a/1=c > a/1", "E a/1=e", "SRDS a2=s > t/a2", "R t/a2=1 > a/1"];
        let mut client = start(variant, &[A, more], &["a/1"], &["t/a", "t/a2"]);
        client.retarget(&with(&[A]));
        let scopes = if variant == Variant::Sotw { "SRDS a=s" } else { "SRDS -a2" };
        assert_eq!(client.receive(), [scopes]);
        ack(&mut client, &[(SRDS, &[])]);
        client.envoy();
        client.sleep(3600);
        assert_eq!(client.envoy(), NOTHING);
        assert!(client.session.is_in_sync(1, RDS));
    });
}
