//! Who is on a connection, and whether they may speak for the node that they name.

use std::net::SocketAddr;
use std::sync::Arc;

use tonic::{Extensions, Status};

use super::drain::Line;
use crate::snapshot::{Node, Refusal, Shown, Snapshot};

/// The other end of a connection. Whoever accepts connections puts it among the extensions of each request that comes by one.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address.
    pub address: Option<SocketAddr>,
    /// What it has shown.
    pub shown: PeerShown,
    /// How the connection ends.
    pub line: Line,
}

/// What the other end of a connection has shown of itself.
#[derive(Debug, Clone, Default)]
pub enum PeerShown {
    /// Nothing; the connection is not encrypted.
    #[default]
    Plain,
    /// Nothing; the connection is encrypted.
    Encrypted,
    /// A certificate that was verified, made out for these identities.
    Certificate(Arc<[String]>),
}

impl Peer {
    /// The other end of the connection that a request came by; unknown if nobody has said.
    pub fn of(extensions: &Extensions) -> Peer {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Whether it may speak for this node, by the configuration of this snapshot.
    ///
    /// # Errors
    /// UNAUTHENTICATED if it has shown too little of itself; PERMISSION_DENIED if what it has shown does not go with the node.
    pub fn may_speak_for(&self, node: &Node, snapshot: &Snapshot) -> Result<(), Status> {
        let shown = match &self.shown {
            PeerShown::Plain => Shown::Plain,
            PeerShown::Encrypted => Shown::Encrypted,
            PeerShown::Certificate(identities) => Shown::Certificate(identities),
        };
        snapshot.admits(node, shown).map_err(|refusal| {
            let text = refusal.to_string();
            tracing::warn!(node = %node.id, peer = ?self.address, "refused: {text}");
            match refusal {
                Refusal::Unknown(_) => Status::unauthenticated(text),
                Refusal::Forbidden { .. } => Status::permission_denied(text),
            }
        })
    }
}
