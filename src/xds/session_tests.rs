//! Sessions as transcripts: a request in, the exact responses out. Each test names the rows of conduct it holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::snapshot::{Kind, Resource, View};
use crate::translate::Object;

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoints;
const LDS: Kind = Kind::Listener;
const RDS: Kind = Kind::Route;

/// A view from lines such as `C a/1=x > a/1` (kind, name, content, what it refers to).
fn view(lines: &[&str]) -> Arc<View> {
    Arc::new(View::new(lines.iter().map(|line| Arc::new(resource(line))), None))
}

fn resource(line: &str) -> Resource {
    let (left, refs) = line.split_once(" > ").unwrap_or((line, ""));
    let (kind, rest) = left.split_once(' ').expect("a kind");
    let (name, content) = rest.split_once('=').expect("content");
    let kind = Kind::ALL.into_iter().find(|k| k.short().starts_with(kind)).expect("C, E, L or R");
    let refs = refs.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Resource::new(&Object { kind, name: name.into(), bytes: content.as_bytes().to_vec(), refs })
}

/// One service with two versions, as in the field.
const TWO: [&str; 5] = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=1 > s/1"];

/// A client of one stream that remembers nonces, and a clock that is moved by hand.
struct Client {
    session: Session,
    now: Instant,
    stream: u64,
    variant: Variant,
    nonces: std::collections::BTreeMap<Kind, String>,
}

fn timing() -> Timing {
    Timing { patience: Duration::from_secs(2), warm_timeout: Duration::from_secs(20), drain: Duration::from_secs(30) }
}

impl Client {
    fn new(variant: Variant, lines: &[&str]) -> Client {
        let session = Session::new(view(lines), timing());
        Client { session, now: Instant::now(), stream: 1, variant, nonces: Default::default() }
    }

    fn retarget(&mut self, lines: &[&str]) {
        let before = self.session.target().clone();
        self.session.retarget(Arc::new(View::new(lines.iter().map(|line| Arc::new(resource(line))), Some(&before))));
    }

    fn sleep(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn send(&mut self, kind: Kind, request: Request) -> Option<Verdict> {
        self.session.on_request(self.stream, kind, &request, self.now)
    }

    /// Asks for names (SotW: the whole list; delta: in addition) without answering anything.
    fn ask(&mut self, kind: Kind, names: &[&str]) -> Option<Verdict> {
        let names = names.iter().map(|name| name.to_string()).collect();
        let request = match self.variant {
            Variant::Sotw => Request::Sotw(SotwRequest { names, ..Default::default() }),
            Variant::Delta => Request::Delta(DeltaRequest { subscribe: names, ..Default::default() }),
        };
        self.send(kind, request)
    }

    fn unsubscribe(&mut self, kind: Kind, names: &[&str]) {
        let unsubscribe = names.iter().map(|name| name.to_string()).collect();
        self.send(kind, Request::Delta(DeltaRequest { unsubscribe, ..Default::default() }));
    }

    /// Reconnects in delta: subscribes to names and tells what it holds.
    fn resume(&mut self, kind: Kind, names: &[&str], holds: &[&str]) {
        let initial = holds.iter().map(|line| resource(line)).map(|r| (r.name.to_string(), r.version.to_string())).collect();
        let subscribe = names.iter().map(|name| name.to_string()).collect();
        self.send(kind, Request::Delta(DeltaRequest { subscribe, initial, ..Default::default() }));
    }

    /// Answers the newest response of a type; `names` is the SotW list that every request repeats.
    fn answer(&mut self, kind: Kind, names: &[&str], error: Option<&str>) -> Option<Verdict> {
        let nonce = self.nonces.get(&kind).cloned().unwrap_or_default();
        self.answer_to(nonce, kind, names, error)
    }

    fn answer_to(&mut self, nonce: String, kind: Kind, names: &[&str], error: Option<&str>) -> Option<Verdict> {
        let error = error.map(str::to_owned);
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        let request = match self.variant {
            Variant::Sotw => Request::Sotw(SotwRequest { nonce, names, error, ..Default::default() }),
            Variant::Delta => Request::Delta(DeltaRequest { nonce, subscribe: names, error, ..Default::default() }),
        };
        self.send(kind, request)
    }

    fn ack(&mut self, kind: Kind, names: &[&str]) {
        let verdict = self.answer(kind, names, None);
        assert!(matches!(verdict, Some(Verdict::Ack { .. })), "{kind:?}: {verdict:?}");
    }

    /// Everything the server sends now, one line a response: `CDS s/1=c s/2=c`, removed names with a minus.
    fn receive(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(response) = self.session.poll(self.stream, self.now) {
            assert!(lines.len() < 50, "the server does not come to rest: {lines:?}");
            self.nonces.insert(response.kind, channel::nonce_text(response.nonce));
            let mut line = response.kind.short().to_owned();
            for resource in &response.resources {
                let content = resource.any.split(|byte| *byte == 0x12).next_back().expect("a value");
                line += &format!(" {}={}", resource.name, String::from_utf8_lossy(&content[1..]));
            }
            response.removed.iter().for_each(|name| line += &format!(" -{name}"));
            lines.push(line);
        }
        lines
    }

    /// Does what an Envoy does with whatever comes, until nothing does: acknowledges all, and asks for endpoints and routes.
    fn envoy(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let lines = self.receive();
            if lines.is_empty() {
                return all;
            }
            for kind in Kind::ALL.into_iter().filter(|kind| lines.iter().any(|line| line.starts_with(kind.short()))) {
                let names: Vec<String> = match (self.variant, self.session.channel(self.stream, kind)) {
                    (Variant::Sotw, Some(channel)) => channel.subscription().names().iter().map(|n| n.to_string()).collect(),
                    _ => Vec::new(),
                };
                self.answer(kind, &names.iter().map(String::as_str).collect::<Vec<_>>(), None);
            }
            all.extend(lines);
        }
    }

    /// The start of a real Envoy: CDS, then EDS, and when all is warm RDS.
    fn start(variant: Variant, lines: &[&str]) -> Client {
        let mut client = Client::new(variant, lines);
        client.ask(CDS, &[]);
        client.envoy();
        let names: Vec<String> = client.session.target().of(EDS).iter().map(|(name, _)| name.to_string()).collect();
        client.ask(EDS, &names.iter().map(String::as_str).collect::<Vec<_>>());
        client.ask(RDS, &["tidegate"]);
        client.envoy();
        client
    }
}

fn both(test: impl Fn(Variant)) {
    test(Variant::Sotw);
    test(Variant::Delta);
}

const NOTHING: [&str; 0] = [];

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
        client.ask(EDS, &[]);
        client.ask(RDS, &[]);
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
fn b7_full_state_types_list_everything_and_b8_others_what_changed() {
    let mut client = Client::start(Variant::Sotw, &TWO);
    client.retarget(&["C s/1=c > s/1", "C s/2=new > s/2", "E s/1=new", "E s/2=e", "R tidegate=1 > s/1"]);
    assert_eq!(client.receive(), ["CDS s/1=c s/2=new", "EDS s/1=new s/2=e"], "EDS follows for the changed cluster as well");
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
    client.answer(EDS, &[], None);
    assert_eq!(client.receive(), NOTHING);
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

#[test]
fn e1_reconnecting_costs_what_changed_and_removes_what_is_gone() {
    let mut client = Client::new(Variant::Delta, &["L a=1 > tidegate", "L c=1 > tidegate", "R tidegate=1 > s/1"]);
    client.resume(LDS, &[], &["L a=1", "L b=1"]);
    assert_eq!(client.envoy(), ["LDS c=1 -b"]);
}

#[test]
fn e1_a_restart_without_change_sends_nothing_but_what_was_asked_for_by_name() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.resume(CDS, &[], &["C s/1=c", "C s/2=c"]);
    client.resume(EDS, &["s/1", "s/2"], &["E s/1=e", "E s/2=e"]);
    client.resume(RDS, &["tidegate"], &["R tidegate=1"]);
    assert_eq!(client.envoy(), ["CDS", "EDS s/1=e s/2=e", "RDS tidegate=1"], "E2: names in subscribe are sent again");
    assert!(Kind::ALL.into_iter().filter(|kind| *kind != LDS).all(|kind| client.session.is_in_sync(1, kind)));
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
    for (kind, names) in [(CDS, vec![]), (EDS, vec!["s/1".to_owned()]), (RDS, vec!["tidegate".to_owned()])] {
        let version = old.of(kind).version().to_string();
        client.send(kind, Request::Sotw(SotwRequest { version, names, ..Default::default() }));
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

/// From version 1 to version 2, and version 1 gone, in one edit.
const CUTOVER: [&str; 3] = ["C s/2=c > s/2", "E s/2=e", "R tidegate=2 > s/2"];
const ONE: [&str; 3] = ["C s/1=c > s/1", "E s/1=e", "R tidegate=1 > s/1"];

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

#[test]
fn typed_streams_of_one_node_share_one_order_and_wait_for_endpoints_too() {
    let mut client = Client::new(Variant::Sotw, &ONE);
    client.session = Session::typed(view(&ONE), timing());
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
