//! What a bootstrap is made from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::model::Locality;

/// What a bootstrap is made from. The default is an Envoy beside its server, on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct BootstrapOptions {
    /// `node.id`; must not be empty.
    pub node_id: String,
    /// `node.cluster`, by which fleets pick; must not be empty.
    pub node_cluster: String,
    /// `node.locality`.
    pub locality: Locality,
    /// `node.metadata`.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The servers, at least one. Envoy uses any of them, and another when one fails.
    pub xds: Vec<XdsAddress>,
    /// Protocol variant.
    pub variant: XdsVariant,
    /// Where Envoy's own administration listens.
    pub admin: SocketAddr,
    /// A listener in the bootstrap itself; `None` takes listeners from the server.
    pub listener: Option<SocketAddr>,
    /// TLS to the servers; `None` connects without.
    pub tls: Option<XdsTls>,
}

impl Default for BootstrapOptions {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        BootstrapOptions {
            node_id: "envoy-1".to_owned(),
            node_cluster: "envoy".to_owned(),
            locality: Locality::default(),
            metadata: serde_json::Map::new(),
            xds: vec![XdsAddress { host: Ipv4Addr::LOCALHOST.to_string(), port: 18000 }],
            variant: XdsVariant::Delta,
            admin: local(9901),
            listener: None,
            tls: None,
        }
    }
}

/// TLS from an Envoy to its servers. Files are paths on the Envoy's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdsTls {
    /// The CA of the servers' certificates.
    pub ca: String,
    /// The certificate that the Envoy shows, and its key.
    pub certificate: Option<(String, String)>,
    /// DNS name that the servers' certificates must have; `None` wants of each the host that is connected to.
    pub server_name: Option<String>,
}

/// Variant of the protocol that an Envoy is to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum XdsVariant {
    /// Incremental: changes alone are sent.
    Delta,
    /// State of the world: all of a kind is sent with every change.
    Sotw,
}

/// Where a server listens: `127.0.0.1:18000`, `[::ffff:127.0.0.1]:18000`, `tidegate.internal:18000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdsAddress {
    /// IP address, without brackets, or host name.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl XdsAddress {
    /// Whether the host is a name, which Envoy must resolve.
    pub fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }
}

impl FromStr for XdsAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<XdsAddress, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(XdsAddress { host: address.ip().to_string(), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let named = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        let port = port.parse().map_err(|_| bad())?;
        if named { Ok(XdsAddress { host: host.to_owned(), port }) } else { Err(bad()) }
    }
}

impl fmt::Display for XdsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, self.port).fmt(f),
            Err(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// A text that is no server address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address: `host:port` is wanted, for example `127.0.0.1:18000`")]
pub struct BadAddress(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["127.0.0.1:18000", "[::ffff:127.0.0.1]:18000", "tidegate.internal:18000"] {
            assert_eq!(text.parse::<XdsAddress>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "127.0.0.1",
            "tidegate",
            ":18000",
            "tidegate:",
            "tidegate:99999",
            "::ffff:127.0.0.1:18000",
            "http://tidegate:18000",
        ] {
            assert!(text.parse::<XdsAddress>().is_err(), "{text}");
        }
    }
}
