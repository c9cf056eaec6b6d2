//! What an Envoy says to what it hears: the order of its first requests, and its ACKs.

use tidegate::snapshot::Kind;

use crate::fields::{Message, Walker};
use crate::plan::{Plan, Request};

/// How a client takes what it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temper {
    /// Acknowledges everything.
    Usual,
    /// Acknowledges everything, and says more than it has to: the scenario makes it.
    Flooding,
    /// Refuses everything.
    Refusing,
    /// Asks for everything and reads nothing.
    Deaf,
}

/// A response that has come in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Resources in it.
    pub resources: u32,
}

/// One client's side of its stream.
#[derive(Debug)]
pub struct Envoy {
    number: usize,
    temper: Temper,
    walker: Walker,
    /// The kind that the client is waiting to hear of for the first time; `None` when it has everything.
    next: Option<Kind>,
    /// The first response of clusters, whose ACK is held back until their endpoints are there.
    warming: Option<(Vec<u8>, Vec<u8>)>,
}

/// The order in which an Envoy begins to ask.
const ORDER: [Kind; 4] = [Kind::Cluster, Kind::Endpoints, Kind::Listener, Kind::Route];

/// What is kept of a response: version, type and nonce have the same tags in both variants, and so have the resources.
const KEPT: [u32; 3] = [1, 4, 5];
const RESOURCES: usize = 2;

impl Envoy {
    /// A client, and its first requests: one where it begins with nothing, and all at once where it returns to what it has.
    pub fn open(number: usize, temper: Temper, plan: &Plan, out: &mut Vec<u8>) -> Envoy {
        let at_once = plan.is_return() || temper == Temper::Deaf;
        let first = if at_once { ORDER.as_slice() } else { &ORDER[..1] };
        for &kind in first {
            plan.put(out, number, &Request { kind, answers: None, refusal: None, opens: kind == ORDER[0] });
        }
        Envoy { number, temper, walker: Walker::new(KEPT), next: first.last().copied(), warming: None }
    }

    /// Whether it has had its first response of every kind.
    pub fn is_served(&self) -> bool {
        self.next.is_none()
    }

    /// Takes in bytes of the stream and writes its requests; tells what has arrived.
    pub fn receive(&mut self, mut bytes: &[u8], plan: &Plan, out: &mut Vec<u8>, mut arrived: impl FnMut(Arrival)) {
        while let Some(message) = self.walker.next(&mut bytes) {
            let kind = std::str::from_utf8(&message.kept[1]).ok().and_then(Kind::from_type_url);
            let Some(kind) = kind else { continue };
            arrived(Arrival { resources: message.seen[RESOURCES] });
            self.answer(kind, message, plan, out);
        }
    }

    fn answer(&mut self, kind: Kind, message: Message, plan: &Plan, out: &mut Vec<u8>) {
        let [version, _, nonce] = message.kept;
        if kind == ORDER[0] && self.next == Some(kind) {
            self.warming = Some((version, nonce));
        } else {
            self.acknowledge(kind, (&version, &nonce), plan, out);
        }
        if self.next != Some(kind) {
            return;
        }
        if let Some((version, nonce)) = self.warming.take_if(|_| kind == Kind::Endpoints) {
            self.acknowledge(Kind::Cluster, (&version, &nonce), plan, out);
        }
        self.next = ORDER.into_iter().skip_while(|before| *before != kind).nth(1);
        if let Some(kind) = self.next {
            plan.put(out, self.number, &Request { kind, answers: None, refusal: None, opens: false });
        }
    }

    fn acknowledge(&self, kind: Kind, answers: (&[u8], &[u8]), plan: &Plan, out: &mut Vec<u8>) {
        let refusal = (self.temper == Temper::Refusing).then_some("not to my taste");
        plan.put(out, self.number, &Request { kind, answers: Some(answers), refusal, opens: false });
    }
}
