//! The xDS server: subscriptions and sessions as pure state machines, a thin driver, the wire codec, and the board.
//!
//! `Session` is the heart: what a node was sent, what it said, and what it may be sent next. It knows neither sockets nor clocks and
//! is tested as transcripts. `stream` moves bytes between it and the connection. Knows nothing of releases: what it serves is a
//! view of named, versioned bytes.

mod admission;
mod board;
mod bucket;
mod channel;
mod channels;
mod clock;
mod drain;
mod guard;
mod identity;
mod inbound;
mod inspect;
mod kinds;
mod ledger;
mod limits;
mod live;
mod metrics;
mod nodes;
mod pace;
mod parted;
mod progress;
mod request;
mod seldom;
mod sequence;
mod server;
mod service;
mod session;
mod stream;
mod subscription;
mod wall;
mod watchdog;
mod wire;

pub use board::{Board, ByKind, Rejection, Seen, StreamStatus, TypeStatus, Variant};
pub use bucket::Rate;
pub use channel::{Account, Channel, Heard, Refusal, Verdict};
pub use drain::Line;
pub use identity::{Peer, PeerShown};
pub use inspect::{Inspection, Standing};
pub use limits::Limits;
pub use metrics::Metrics;
pub use nodes::{Holding, Nodes};
pub use progress::{Progress, Rejecting, Waiting, acked};
pub use request::{DeltaRequest, Request, Response, SotwRequest};
pub use seldom::{Rings, Seldom};
pub use sequence::Timing;
pub use server::{Published, Server};
pub use service::Answer;
pub use session::Session;
pub use subscription::Name;
pub use wall::Wall;

#[cfg(test)]
mod session_model_tests;
#[cfg(test)]
mod session_tests;
