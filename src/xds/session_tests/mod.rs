//! Sessions as transcripts: a request in, the exact responses out. Each test names the rows of conduct it holds.

mod absent;
mod acked;
mod answers;
mod gone;
mod incremental;
mod on_request;
mod order;
mod reconnects;
mod scopes;
mod typed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::snapshot::{Kind, Resource, View};
use crate::translate::Object;

const CDS: Kind = Kind::Cluster;
const EDS: Kind = Kind::Endpoints;
const LDS: Kind = Kind::Listener;
const RDS: Kind = Kind::Route;
const SRDS: Kind = Kind::ScopedRoute;

/// A view from lines such as `C a/1=x > a/1` (kind, name, content, what it refers to).
fn view(lines: &[&str]) -> Arc<View> {
    Arc::new(View::new(lines.iter().map(|line| Arc::new(resource(line))), None))
}

fn resource(line: &str) -> Resource {
    let (left, refs) = line.split_once(" > ").unwrap_or((line, ""));
    let (kind, rest) = left.split_once(' ').expect("a kind");
    let (name, content) = rest.split_once('=').expect("content");
    let kind = Kind::ALL.into_iter().find(|k| k.short().starts_with(kind) || k.short() == kind).expect("C, E, L, R or RTDS");
    let refs = refs.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    Resource::new(&Object { kind, name: name.into(), bytes: content.as_bytes().to_vec(), refs })
}

/// One service with two versions, as in the field.
const TWO: [&str; 5] = ["C s/1=c > s/1", "C s/2=c > s/2", "E s/1=e", "E s/2=e", "R tidegate=1 > s/1"];

/// A client of one stream that remembers nonces, and a clock that is moved by hand.
struct Client {
    session: Session,
    /// Of the newest snapshot.
    generation: u64,
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
        let session = Session::new(view(lines), 1, timing());
        Client { session, generation: 1, now: Instant::now(), stream: 1, variant, nonces: Default::default() }
    }

    /// A client on typed services.
    fn typed(variant: Variant, lines: &[&str]) -> Client {
        Client { session: Session::typed(view(lines), 1, timing()), ..Client::new(variant, lines) }
    }

    fn retarget(&mut self, lines: &[&str]) {
        let before = self.session.target().clone();
        let view = View::new(lines.iter().map(|line| Arc::new(resource(line))), Some(&before));
        self.generation += 1;
        self.session.retarget(Arc::new(view), self.generation);
    }

    fn sleep(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn send(&mut self, kind: Kind, request: Request) -> Option<Verdict> {
        self.session.on_request(self.stream, kind, &request, self.now).verdict
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

    /// Reconnects in state of the world: asks for names and tells the version of what it holds.
    fn tell(&mut self, kind: Kind, names: &[&str], version: &str) {
        let names = names.iter().map(|name| name.to_string()).collect();
        self.send(kind, Request::Sotw(SotwRequest { version: version.to_owned(), names, ..Default::default() }));
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
            for resource in response.resources.iter() {
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

/// From version 1 to version 2, and version 1 gone, in one edit.
const CUTOVER: [&str; 3] = ["C s/2=c > s/2", "E s/2=e", "R tidegate=2 > s/2"];
const ONE: [&str; 3] = ["C s/1=c > s/1", "E s/1=e", "R tidegate=1 > s/1"];
