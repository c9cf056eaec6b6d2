//! What all clients of a run have in common: what they ask for, and how a request is written.

use std::collections::BTreeMap;

use tidegate::snapshot::Kind;
use tidegate::xds::Variant;

use crate::fields;
use crate::node::{NodeStyle, NodeTemplate};

/// In delta, what a client holds already: versions by name, told with the first request of each kind.
pub type Held = BTreeMap<Kind, Vec<(String, String)>>;

/// What all clients of a run have in common.
#[derive(Debug)]
pub struct Plan {
    /// The variant of the protocol.
    pub variant: Variant,
    /// Names of the EDS clusters.
    pub clusters: Vec<String>,
    held: Held,
    node: NodeTemplate,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Of what kind.
    pub kind: Kind,
    /// Version and nonce of the response that it answers.
    pub answers: Option<(&'a [u8], &'a [u8])>,
    /// Why the response was refused.
    pub refusal: Option<&'a str>,
    /// Whether it is the first of its stream.
    pub opens: bool,
}

/// The RouteConfiguration that an Envoy with a static listener asks for.
const ROUTE: &str = "tidegate";

impl Plan {
    /// A plan for clients that hold nothing yet.
    pub fn new(variant: Variant, style: NodeStyle, clusters: Vec<String>) -> Plan {
        Plan { variant, clusters, held: Held::new(), node: NodeTemplate::new(style) }
    }

    /// The plan for clients that hold this, and return.
    pub fn returning(self, held: Held) -> Plan {
        Plan { held, ..self }
    }

    /// Whether the clients hold what they were sent before, and return.
    pub fn is_return(&self) -> bool {
        !self.held.is_empty()
    }

    /// The method that is called.
    pub fn path(&self) -> &'static str {
        match self.variant {
            Variant::Sotw => "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources",
            Variant::Delta => "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources",
        }
    }

    /// Writes a request of a client, with gRPC's prefix.
    pub fn put(&self, out: &mut Vec<u8>, client: usize, request: &Request<'_>) {
        let start = out.len();
        out.extend_from_slice(&[0; 5]);
        match self.variant {
            Variant::Sotw => self.put_sotw(out, client, request),
            Variant::Delta => self.put_delta(out, client, request),
        }
        let length = (out.len() - start - 5) as u32;
        out[start + 1..start + 5].copy_from_slice(&length.to_be_bytes());
    }

    fn put_sotw(&self, out: &mut Vec<u8>, client: usize, request: &Request<'_>) {
        let accepted = request.answers.filter(|_| request.refusal.is_none());
        accepted.into_iter().for_each(|(version, _)| fields::put(out, 1, version));
        self.node.put(out, 2, client, request.opens);
        self.names(request.kind).for_each(|name| fields::put(out, 3, name.as_bytes()));
        fields::put(out, 4, request.kind.type_url().as_bytes());
        request.answers.into_iter().for_each(|(_, nonce)| fields::put(out, 5, nonce));
        put_refusal(out, 6, request.refusal);
    }

    fn put_delta(&self, out: &mut Vec<u8>, client: usize, request: &Request<'_>) {
        self.node.put(out, 1, client, request.opens);
        fields::put(out, 2, request.kind.type_url().as_bytes());
        match request.answers {
            Some((_, nonce)) => fields::put(out, 6, nonce),
            None => {
                self.names(request.kind).for_each(|name| fields::put(out, 3, name.as_bytes()));
                self.held.get(&request.kind).into_iter().flatten().for_each(|held| put_held(out, held));
            }
        }
        put_refusal(out, 7, request.refusal);
    }

    /// The names that are asked for; none for everything.
    fn names(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let (clusters, route) = match kind {
            Kind::Endpoints => (self.clusters.as_slice(), None),
            Kind::Route => (&[][..], Some(ROUTE)),
            _ => (&[][..], None),
        };
        clusters.iter().map(String::as_str).chain(route)
    }
}

fn put_held(out: &mut Vec<u8>, (name, version): &(String, String)) {
    let mut entry = Vec::new();
    fields::put(&mut entry, 1, name.as_bytes());
    fields::put(&mut entry, 2, version.as_bytes());
    fields::put(out, 5, &entry);
}

fn put_refusal(out: &mut Vec<u8>, tag: u32, refusal: Option<&str>) {
    if let Some(text) = refusal {
        let mut status = Vec::new();
        fields::put(&mut status, 2, text.as_bytes());
        fields::put(out, tag, &status);
    }
}
