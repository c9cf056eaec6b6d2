//! `tidegate.yaml`: what concerns the whole fleet and not one service.

use super::words::{listed, nearest, quoted};
use super::{Fleet, Listener, Notification};

/// The configuration file, read and checked. The default is what holds without one: no listeners, no fleets, nobody told, no TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Listeners given by LDS, in file order.
    pub listeners: Vec<Listener>,
    /// Fleets, in file order.
    pub fleets: Vec<Fleet>,
    /// Whom to tell of rollouts, in file order.
    pub notifications: Vec<Notification>,
    /// TLS on the xDS port.
    pub xds_tls: Option<PortTls>,
    /// TLS on the admin port.
    pub admin_tls: Option<PortTls>,
}

impl Config {
    /// The names of the fleets that a node belongs to.
    pub fn fleets_of(&self, node: &super::Node) -> std::collections::BTreeSet<String> {
        self.fleets.iter().filter(|fleet| fleet.matches(node)).map(|fleet| fleet.name.clone()).collect()
    }
}

/// TLS on a port. Files are named as they are written: relative to the folder of the configuration file, or absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortTls {
    /// File of the server's certificate and those between it and its CA.
    pub certificate: String,
    /// File of its private key.
    pub key: String,
    /// File of the CAs whose certificates clients must show; without it they show none.
    pub client_ca: Option<String>,
    /// Whether `node.id` must be an identity of the certificate; if not said, for nodes that no fleet with identities vouches for.
    /// Of no meaning on the admin port.
    pub node_id_must_match: Option<bool>,
}

/// The way out for a fleet that nobody knows.
pub(crate) fn fleet_help(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None if known.is_empty() => "`tidegate.yaml` names no fleets: add it there under `fleets`".to_owned(),
        None => format!("`tidegate.yaml` has {}", listed(known)),
    }
}
