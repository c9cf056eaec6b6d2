//! The answer to one request, in as many messages as it takes.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::net::SocketAddr;
use std::sync::Arc;
use std::vec::IntoIter;

use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::envoy::service::status::v3::{ClientConfig, ClientStatusResponse};
use prost::Message;

use super::config;
use super::matching::Matchers;
use crate::snapshot::Node;
use crate::xds::{Board, Inspection, StreamStatus, Variant};

/// The messages of one answer: the clients by node id, each with its resources by kind and name. A client that does not fit into what
/// is left of a message goes on in the next. An answer of several messages ends with an empty one; without it nobody could tell.
pub(super) struct Answers {
    board: Arc<Board>,
    with_contents: bool,
    /// Size of a message, in bytes, beyond which the next begins.
    message: usize,
    clients: usize,
    ahead: IntoIter<Client>,
    current: Option<(Client, Peekable<IntoIter<Inspection>>)>,
    sent: usize,
    finished: bool,
}

/// One client: an ADS stream, or all the streams that an Envoy on typed services has on one connection.
struct Client {
    node: Arc<Node>,
    streams: Vec<StreamStatus>,
}

impl Answers {
    /// The answer over the clients whose nodes match.
    pub fn new(board: Arc<Board>, matchers: &Matchers, with_contents: bool, message: usize) -> Answers {
        let clients = clients(board.streams().into_iter().filter(|stream| matchers.matches(&stream.node)));
        let (count, ahead) = (clients.len(), clients.into_iter());
        Answers { board, with_contents, message, clients: count, ahead, current: None, sent: 0, finished: false }
    }

    /// How many clients it is about.
    pub fn clients(&self) -> usize {
        self.clients
    }

    /// Whether everything has been said.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The client that is being told of, or the next one.
    fn client(&mut self) -> Option<(Client, Peekable<IntoIter<Inspection>>)> {
        if let Some(current) = self.current.take() {
            return Some(current);
        }
        let client = self.ahead.next()?;
        let mut found: Vec<Inspection> = client.streams.iter().flat_map(|stream| self.board.inspect(stream.id)).collect();
        found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Some((client, found.into_iter().peekable()))
    }

    /// As much of a client as fits into `room` bytes, and at least one resource of it if `alone`.
    fn told(&mut self, room: usize, alone: bool) -> Option<(ClientConfig, usize)> {
        let (client, mut found) = self.client()?;
        let mut told = ClientConfig { node: Some(config::node(&client.node)), ..ClientConfig::default() };
        let mut size = told.encoded_len() + OVERHEAD;
        while let Some(next) = found.peek() {
            let made: GenericXdsConfig = config::resource(next, self.with_contents);
            size += made.encoded_len() + OVERHEAD;
            if size > room && !(alone && told.generic_xds_configs.is_empty()) {
                break;
            }
            told.generic_xds_configs.push(made);
            found.next();
        }
        let complete = found.peek().is_none();
        if !complete {
            self.current = Some((client, found));
        }
        (complete || !told.generic_xds_configs.is_empty()).then_some((told, size))
    }
}

/// What a part of a message has around it, in bytes, at most.
const OVERHEAD: usize = 6;

impl Iterator for Answers {
    type Item = ClientStatusResponse;

    fn next(&mut self) -> Option<ClientStatusResponse> {
        if self.finished {
            return None;
        }
        let (mut response, mut size) = (ClientStatusResponse::default(), 0);
        while let Some((told, more)) = self.told(self.message.saturating_sub(size), response.config.is_empty()) {
            response.config.push(told);
            size += more;
            if self.current.is_some() || size > self.message {
                break;
            }
        }
        self.sent += 1;
        let is_last = self.current.is_none() && self.ahead.len() == 0;
        self.finished = is_last && (self.sent == 1 || response.config.is_empty());
        Some(response)
    }
}

/// Streams as clients, by node id.
fn clients(streams: impl Iterator<Item = StreamStatus>) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    let mut typed: BTreeMap<(String, Option<SocketAddr>, bool), usize> = BTreeMap::new();
    for stream in streams {
        let connection = (stream.node.id.clone(), stream.peer, stream.variant == Variant::Delta);
        match typed.get(&connection).filter(|_| !stream.aggregated) {
            Some(at) => clients[*at].streams.push(stream),
            None => {
                if !stream.aggregated {
                    typed.insert(connection, clients.len());
                }
                clients.push(Client { node: stream.node.clone(), streams: vec![stream] });
            }
        }
    }
    clients
}
