//! Clients that come back.

use super::*;

#[test]
fn e1_reconnecting_costs_what_changed_and_removes_what_is_gone() {
    let mut client = Client::new(Variant::Delta, &["L a=1 > tidegate", "L c=1 > tidegate", "R tidegate=1 > s/1"]);
    client.resume(LDS, &[], &["L a=1", "L b=1"]);
    assert_eq!(client.envoy(), ["LDS c=1 -b"]);
}

#[test]
fn e1_what_is_told_after_the_first_request_of_a_type_is_not_listened_to() {
    let mut client = Client::new(Variant::Delta, &["L a=1", "L c=1"]);
    client.resume(LDS, &[], &["L a=1"]);
    assert_eq!(client.envoy(), ["LDS c=1"]);
    client.resume(LDS, &[], &["L a=other", "L b=1"]);
    assert_eq!(client.envoy(), NOTHING, "neither is a sent again nor b told to be gone");
    client.retarget(&["L a=1", "L c=2"]);
    assert_eq!(client.envoy(), ["LDS c=2"]);
}

/// Whatever order its types come in: the cluster that changed meanwhile warms once more, and nobody asks for its endpoints again.
#[test]
fn e4_endpoints_asked_for_before_clusters_follow_those_that_changed_once_more() {
    both(|variant| {
        let mut client = Client::new(variant, &["C s/1=new > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e"]);
        match variant {
            Variant::Sotw => drop(client.ask(EDS, &["s/1", "s/2"])),
            Variant::Delta => client.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]),
        }
        assert_eq!(client.receive(), ["EDS s/1=e s/2=e"], "clusters may warm");
        client.ack(EDS, if variant == Variant::Sotw { &["s/1", "s/2"] } else { &[] });
        match variant {
            Variant::Sotw => drop(client.ask(CDS, &[])),
            Variant::Delta => client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]),
        }
        let both = ["CDS s/1=new s/2=c", "EDS s/1=e s/2=e"];
        let changed = ["CDS s/1=new", "EDS s/1=e"];
        assert_eq!(client.receive(), if variant == Variant::Sotw { both } else { changed });
    });
}

/// An Envoy that rejected clusters tells the version before, and has taken some of them all the same: these change once more.
#[test]
fn e4_e7_a_version_that_is_told_is_no_proof_that_clusters_stay_as_they_are() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(EDS, &["s/1", "s/2"]);
    assert_eq!(client.receive(), ["EDS s/1=e s/2=e"]);
    client.ack(EDS, &["s/1", "s/2"]);
    let version = client.session.target().of(CDS).version().to_string();
    client.tell(CDS, &[], &version);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c", "EDS s/1=e s/2=e"]);
}

/// Such an Envoy may have taken that a cluster goes: routes to it wait until it has acknowledged that it is there.
#[test]
fn e4_f3_a_version_that_is_told_is_no_proof_that_clusters_are_warm() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    let version = client.session.target().of(CDS).version().to_string();
    client.tell(CDS, &[], &version);
    client.ask(RDS, &["tidegate"]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=1"]);
}

#[test]
fn e4_f5_a_version_that_is_told_is_no_proof_of_it_either_when_the_list_is_rejected() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    let version = client.session.target().of(CDS).version().to_string();
    client.tell(CDS, &[], &version);
    client.ask(RDS, &["tidegate"]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c"]);
    client.answer(CDS, &[], Some("no"));
    assert_eq!(client.receive(), NOTHING);
    client.ask(EDS, &["s/1"]);
    assert_eq!(client.receive(), ["EDS s/1=e"], "routes wait for s/1");
    assert!(!client.session.is_in_sync(1, CDS));
    client.sleep(20);
    assert_eq!(client.receive(), ["RDS tidegate=1"], "but not as if it had been rejected itself");
}

#[test]
fn e1_a_restart_without_change_sends_nothing() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]);
    client.resume(RDS, &["tidegate"], &["R tidegate=1"]);
    assert_eq!(client.envoy(), ["CDS"], "a wildcard is answered, and there is no news");
    assert!([CDS, EDS, RDS].into_iter().all(|kind| client.session.is_in_sync(1, kind)));
}

#[test]
fn e2_endpoints_that_a_warming_cluster_may_wait_for_are_sent_again() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e"]);
    assert_eq!(client.receive(), ["EDS s/1=e s/2=e"], "clusters were not asked for, so they warm");
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    assert_eq!(client.receive(), ["CDS"]);
}

#[test]
fn d3_e1_a_name_that_is_gone_or_never_was_is_told_as_removed_on_reconnecting_too() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    client.resume(EDS, &["s/1", "s/2", "s/3", "s/4"], &["E s/1=e", "E s/2=e", "E s/3=e"]);
    assert_eq!(client.receive(), ["CDS", "EDS -s/3 -s/4"]);
}

#[test]
fn e3_reconnecting_without_the_map_gets_everything() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(CDS, &[], &[]);
    assert_eq!(client.envoy(), ["CDS s/1=c s/2=c"]);
}

#[test]
fn e4_f4_reconnecting_after_a_cutover_keeps_the_old_cluster_until_the_new_routes_are_in() {
    let target = ["C s/2=c > s/2", "E s/2=e", "R tidegate=2 > s/2"];
    let mut client = Client::new(Variant::Delta, &target);
    client.resume(CDS, &[], &["C s/1=c"]);
    assert_eq!(client.receive(), ["CDS s/2=c"], "s/1 is not removed while old routes may lead to it");
    client.resume(RDS, &["tidegate"], &["R tidegate=1"]);
    assert_eq!(client.receive(), NOTHING, "and the routes wait for s/2 to be warm");
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e"]);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    client.ack(EDS, &[]);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    client.ack(RDS, &[]);
    assert_eq!(client.receive(), NOTHING);
    client.sleep(30);
    assert_eq!(client.receive(), ["CDS -s/1", "EDS -s/1"]);
}

#[test]
fn e4_f4_a_sotw_client_that_returns_after_a_cutover_keeps_the_old_cluster_as_well() {
    let mut client = Client::new(Variant::Sotw, &CUTOVER);
    let old = view(&ONE);
    for (kind, names) in [(CDS, &[][..]), (EDS, &["s/1"]), (RDS, &["tidegate"])] {
        client.tell(kind, names, old.of(kind).version().as_str());
        client.session.remember(1, kind, &old);
    }
    assert_eq!(client.receive(), ["CDS s/1=c s/2=c", "EDS s/1=e", "RDS tidegate=1"], "the routes it has, until s/2 is warm");
    client.ack(RDS, &["tidegate"]);
    client.answer(EDS, &["s/1", "s/2"], None);
    assert_eq!(client.receive(), ["EDS s/2=e"]);
    client.ack(EDS, &["s/1", "s/2"]);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["RDS tidegate=2"]);
    client.ack(RDS, &["tidegate"]);
    assert_eq!(client.receive(), NOTHING);
    client.sleep(30);
    assert_eq!(client.receive(), ["CDS s/2=c"]);
}

#[test]
fn a_listener_of_a_restarted_server_is_never_missing_from_a_full_answer() {
    // The client holds listener and routes, the server is new, and the clusters have not been acknowledged on this stream yet: an
    // answer without the listener would make the client drop it.
    let mut client = Client::new(Variant::Sotw, &["C s/1=c > s/1", "E s/1=e", "L http=1 > tidegate", "R tidegate=1 > s/1"]);
    client.ask(CDS, &[]);
    client.ask(LDS, &[]);
    assert_eq!(client.receive(), ["CDS s/1=c"]);
    client.ack(CDS, &[]);
    assert_eq!(client.receive(), ["LDS http=1"]);
}

#[test]
fn e4_f5_routes_from_before_are_in_use_for_as_long_as_the_new_ones_are_rejected() {
    let mut client = Client::new(Variant::Delta, &CUTOVER);
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]);
    client.resume(RDS, &["tidegate"], &["R tidegate=1"]);
    assert_eq!(client.receive(), ["CDS", "RDS tidegate=2"]);
    client.ack(CDS, &[]);
    client.answer(RDS, &[], Some("no good"));
    client.sleep(3600);
    assert_eq!(client.receive(), NOTHING, "what it has may lead to s/1");
}

#[test]
fn e4_f4_what_a_client_told_is_known_also_if_things_change_before_it_is_answered() {
    for earlier in [&ONE[..], &["C s/1=c > s/1", "C s/0=c > s/0", "E s/1=e", "E s/0=e", "R tidegate=0 > s/1"]] {
        let mut client = Client::new(Variant::Sotw, &ONE);
        let old = view(earlier);
        for (kind, names) in [(CDS, &[][..]), (RDS, &["tidegate"])] {
            client.tell(kind, names, old.of(kind).version().as_str());
            // The driver looks a version up among those that were served before.
            if earlier != ONE {
                client.session.remember(1, kind, &old);
            }
        }
        client.retarget(&CUTOVER);
        let clusters = client.receive().remove(0);
        assert!(clusters.contains(" s/1=c "), "{clusters}: its routes lead to s/1");
    }
}

#[test]
fn e1_endpoints_that_stay_with_their_cluster_are_not_owed() {
    let mut client = Client::new(Variant::Delta, &CUTOVER);
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]);
    client.resume(RDS, &["tidegate"], &["R tidegate=2"]);
    assert_eq!(client.envoy(), ["CDS"]);
    assert!(client.session.is_in_sync(1, EDS), "it has what there is");
    client.sleep(30);
    assert_eq!(client.envoy(), ["CDS -s/1", "EDS -s/1"]);
}

/// A cluster that stays for routes which are not known yet waits for endpoints that are not there.
#[test]
fn d3_d10_endpoints_that_are_not_there_are_told_of_once_whatever_is_rejected() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(CDS, &[], &["C other/1=c"]);
    client.receive();
    client.ask(EDS, &["other/1", "s/1", "s/2"]);
    assert_eq!(client.receive(), ["EDS s/1=e s/2=e -other/1"]);
    client.answer(EDS, &[], Some("no"));
    client.retarget(&["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e2", "E s/2=e", "R tidegate=1 > s/1"]);
    assert_eq!(client.receive(), ["EDS s/1=e2"]);
    client.ack(EDS, &[]);
    assert_eq!(client.receive(), ["EDS s/2=e"], "what was rejected, by itself");
}

/// A changed cluster warms also if it left the files after it was sent and came back as it was, before endpoints were asked for.
#[test]
fn e4_g1_endpoints_of_a_changed_cluster_are_owed_though_it_was_gone_for_a_moment() {
    let changed = ["C s/1=c2 > s/1", "E s/1=e", "R tidegate=1 > s/1"];
    let mut client = Client::new(Variant::Delta, &changed);
    client.resume(CDS, &[], &["C s/1=c"]);
    assert_eq!(client.receive(), ["CDS s/1=c2"]);
    client.retarget(&[]);
    client.resume(EDS, &["s/1"], &["E s/1=e"]);
    client.retarget(&changed);
    assert_eq!(client.receive(), ["EDS s/1=e"]);
}
