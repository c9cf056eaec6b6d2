//! Bytes as what happens to a session: requests of either variant, sane or not, answers, changes of what is served, time.
//!
//! Whatever they are: no panic, no name twice in a response or both sent and removed, no nonce twice, and in the end the session
//! comes to rest.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::snapshot::{Kind, Resource, View};
use tidegate::translate::Object;
use tidegate::xds::{DeltaRequest, Request, Response, Session, SotwRequest, Timing};

/// Names that are asked for: some of what there may be, a wildcard, and nonsense.
const NAMES: [&str; 8] = ["a/1", "a/2", "b/1", "tidegate", "http", "*", "", "nobody"];

/// A session that does not rest after so many looks at it does not rest.
const LOOKS: usize = 1_000;

/// Plays these bytes.
pub fn run(data: &[u8]) {
    let mut play = Play::new(Bytes(data));
    while !play.bytes.0.is_empty() {
        play.step();
    }
    play.rest();
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn names(&mut self) -> Vec<String> {
        let bits = self.next();
        NAMES.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, name)| (*name).to_owned()).collect()
    }
}

struct Play<'a> {
    bytes: Bytes<'a>,
    session: Session,
    delta: bool,
    generation: u64,
    now: Instant,
    nonces: Vec<(u64, u64)>,
}

impl<'a> Play<'a> {
    fn new(mut bytes: Bytes<'a>) -> Play<'a> {
        let flags = bytes.next();
        let view = view(0, None);
        let session = match flags & 1 {
            0 => Session::new(view, 0, Timing::default()),
            _ => Session::typed(view, 0, Timing::default()),
        };
        Play { bytes, session, delta: flags & 2 != 0, generation: 0, now: Instant::now(), nonces: Vec::new() }
    }

    fn step(&mut self) {
        let what = self.bytes.next();
        let (stream, rest) = (u64::from(what >> 6), what & 0x3f);
        match rest % 8 {
            0 => {
                let view = view(self.bytes.next(), Some(self.session.target()));
                self.generation += 1;
                self.session.retarget(view, self.generation);
            }
            1..=3 => self.request(stream),
            4 | 5 => drop(self.poll(stream)),
            6 => self.now += Duration::from_secs(u64::from(self.bytes.next())),
            _ => {
                // The next stream is another one, though it is called the same here.
                self.session.close(stream);
                self.nonces.retain(|(of, _)| *of != stream);
            }
        }
    }

    fn request(&mut self, stream: u64) {
        let (kind, flags) = (Kind::ALL[usize::from(self.bytes.next()) % Kind::ALL.len()], self.bytes.next());
        let nonce = match flags & 3 {
            0 => String::new(),
            1 => "no such nonce".to_owned(),
            _ => {
                let back = usize::from(self.bytes.next() % 8);
                self.nonces.iter().rev().nth(back).map(|(_, nonce)| format!("{nonce:x}")).unwrap_or_default()
            }
        };
        let error = (flags & 4 != 0).then(|| "rejected".to_owned());
        let request = if self.delta {
            let (subscribe, unsubscribe) = (self.bytes.names(), self.bytes.names());
            let told = if flags & 8 != 0 { self.bytes.names() } else { Vec::new() };
            let known = |name: String| {
                let version = self.session.target().of(kind).get(&name).map(|resource| resource.version.to_string());
                (name, version.unwrap_or_else(|| "unknown".to_owned()))
            };
            let initial = told.into_iter().map(known).collect();
            Request::Delta(DeltaRequest { nonce, subscribe, unsubscribe, initial, error })
        } else {
            let version = if flags & 8 != 0 { self.session.target().of(kind).version().to_string() } else { String::new() };
            Request::Sotw(SotwRequest { version, nonce, names: self.bytes.names(), error })
        };
        self.session.on_request(stream, kind, &request, self.now);
    }

    fn poll(&mut self, stream: u64) -> bool {
        let Some(response) = self.session.poll(stream, self.now) else { return false };
        check(&response);
        assert!(!self.nonces.contains(&(stream, response.nonce)), "a nonce twice on a stream");
        self.nonces.push((stream, response.nonce));
        true
    }

    /// Time passes as far as the session asks for it, and nobody answers any more.
    fn rest(&mut self) {
        for _ in 0..LOOKS {
            if (0..4).any(|stream| self.poll(stream)) {
                continue;
            }
            let Some(at) = (0..4).filter_map(|stream| self.session.wake_at(stream)).min() else { return };
            self.now = self.now.max(at);
        }
        panic!("it does not come to rest");
    }
}

fn check(response: &Response) {
    let mut once = BTreeSet::new();
    for name in response.resources.iter().map(|resource| &resource.name).chain(&response.removed) {
        assert!(once.insert(name), "{name} is there twice");
    }
}

/// What is served, by the bits of a byte: which versions there are, where routes lead, and the content of all.
fn view(bits: u8, before: Option<&View>) -> Arc<View> {
    let made = |kind, name: &str, refs: Vec<String>| {
        let bytes = format!("{name} {} {refs:?}", bits >> 5).into_bytes();
        Arc::new(Resource::new(&Object { kind, name: name.to_owned(), bytes, refs }))
    };
    let versions = NAMES[..3].iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, name)| *name);
    let versions: Vec<&str> = versions.collect();
    let clusters = versions.iter().map(|name| made(Kind::Cluster, name, vec![(*name).to_owned()]));
    let endpoints = versions.iter().map(|name| made(Kind::Endpoints, name, vec![]));
    let listener = (bits & 8 != 0).then(|| made(Kind::Listener, "http", vec!["tidegate".to_owned()]));
    let scope = (bits & 16 != 0).then(|| made(Kind::ScopedRoute, "a/1", vec!["tidegate".to_owned()]));
    let routes = made(Kind::Route, "tidegate", versions.iter().map(|name| (*name).to_owned()).collect());
    Arc::new(View::new(clusters.chain(endpoints).chain(listener).chain(scope).chain([routes]), before))
}
