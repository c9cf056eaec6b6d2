//! How connections are let in.

use super::Acceptor;

/// How connections are let in on one port.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Door {
    /// As they are.
    #[default]
    Open,
    /// By a handshake.
    Guarded(Acceptor),
    /// Not at all: TLS is asked for and cannot be had.
    Shut,
}

impl Door {
    /// Whether nobody is let in.
    pub fn is_shut(&self) -> bool {
        matches!(self, Door::Shut)
    }

    /// Whether a connection that came in by the one may stay when there is the other: a new certificate ends none, a new rule all.
    pub fn is_like(&self, other: &Door) -> bool {
        match (self, other) {
            (Door::Open, Door::Open) | (Door::Shut, Door::Shut) => true,
            (Door::Guarded(one), Door::Guarded(other)) => one.is_mutual() == other.is_mutual(),
            _ => false,
        }
    }
}

/// The doors of the gRPC ports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Doors {
    /// Of the xDS port.
    pub xds: Door,
    /// Of the admin port.
    pub admin: Door,
}
