//! Who may speak for which node.
//!
//! A node says of itself what it likes; a certificate says what its CA has checked. Where certificates are asked for, the two must
//! agree before the node is told anything.

use super::fleet::glob;
use super::words::quoted;
use super::{Config, Fleet, Node};

/// What a connection shows of who is on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nothing: it is not encrypted.
    Plain,
    /// Nothing, but nobody can listen.
    Encrypted,
    /// A certificate of the CA, made out for these identities: SPIFFE IDs, else DNS names; may be empty.
    Certificate(&'a [String]),
}

/// Why a node is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing was shown where a certificate is needed.
    #[error("this port asks for {0}, and this connection is without: it was made before the port did; connect again")]
    Unknown(&'static str),
    /// A certificate was shown that does not go with what the node says of itself.
    #[error("the certificate of {shown} may not speak for node {node}: {reason}")]
    Forbidden {
        /// The certificate's identities.
        shown: String,
        /// The node's id.
        node: String,
        /// What would be needed.
        reason: String,
    },
}

impl Config {
    /// Whether whoever shows this may be served as that node.
    ///
    /// With a `client_ca`, a fleet's `identities` must admit the certificate, and all such fleets that the node falls into must. Who
    /// falls into none must have the node's id as an identity, unless `node_id_must_match: false` lifts that; `true` asks it of all.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, node: &Node, shown: Shown<'_>) -> Result<(), Refusal> {
        let Some(tls) = &self.xds_tls else { return Ok(()) };
        let identities = match (shown, &tls.client_ca) {
            (Shown::Plain, _) => return Err(Refusal::Unknown("TLS")),
            (_, None) => return Ok(()),
            (Shown::Encrypted, Some(_)) => return Err(Refusal::Unknown("a client certificate")),
            (Shown::Certificate(identities), Some(_)) => identities,
        };
        let forbidden = |reason| Err(Refusal::Forbidden { shown: told(identities), node: quoted(&node.id), reason });
        let mut vouched = false;
        for fleet in self.fleets.iter().filter(|fleet| !fleet.identities.is_empty() && fleet.matches(node)) {
            if !fleet.knows(identities) {
                return forbidden(format!("none of the identities of fleet {}", quoted(&fleet.name)));
            }
            vouched = true;
        }
        if tls.node_id_must_match.unwrap_or(!vouched) && !identities.contains(&node.id) {
            return forbidden("node.id must be one of the certificate's names".to_owned());
        }
        Ok(())
    }
}

impl Fleet {
    fn knows(&self, identities: &[String]) -> bool {
        identities.iter().any(|identity| self.identities.iter().any(|pattern| glob(pattern, identity)))
    }
}

fn told(identities: &[String]) -> String {
    match identities {
        [] => "nobody (it has neither a SPIFFE ID nor a DNS name)".to_owned(),
        some => some.iter().map(|identity| quoted(identity)).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PortTls;

    const EDGE: &str = "spiffe://prod/ns/edge/7";

    /// A configuration whose fleet `edge` has identities, whose fleet `open` has none, and which asks for certificates.
    fn config(node_id_must_match: Option<bool>) -> Config {
        let fleet = |name: &str, identities: &[&str]| Fleet {
            name: name.into(),
            node_cluster: Some(name.into()),
            identities: identities.iter().map(|text| text.to_string()).collect(),
            ..Fleet::default()
        };
        let tls = PortTls { client_ca: Some("ca.pem".into()), node_id_must_match, ..PortTls::default() };
        Config {
            fleets: vec![fleet("edge", &["spiffe://prod/ns/edge/*"]), fleet("open", &[])],
            xds_tls: Some(tls),
            ..Config::default()
        }
    }

    #[test]
    fn who_may_speak_for_whom() {
        for (must_match, cluster, id, identity, want) in [
            // The fleet vouches, whatever the id.
            (None, "edge", "edge-1", EDGE, true),
            (None, "edge", "edge-1", "spiffe://prod/ns/mail/7", false),
            // To be called as one's certificate does not get anyone into a fleet.
            (None, "edge", "mail-1", "mail-1", false),
            // Nobody vouches: the id must be on the certificate.
            (None, "open", "open-1", "open-1", true),
            (None, "open", "open-1", EDGE, false),
            (None, "none", "open-1", "open-1", true),
            (None, "none", "open-1", "open-12", false),
            // A node's id is no pattern, nor is a name on a certificate.
            (None, "none", "*", EDGE, false),
            (None, "none", "open-1", "*", false),
            // Asked of all.
            (Some(true), "edge", "edge-1", EDGE, false),
            (Some(true), "edge", EDGE, EDGE, true),
            (Some(true), "open", "open-1", "open-1", true),
            // Lifted, but for fleets that have identities.
            (Some(false), "open", "open-1", EDGE, true),
            (Some(false), "edge", "edge-1", "open-1", false),
        ] {
            let node = Node { id: id.into(), cluster: cluster.into(), ..Node::default() };
            let shown = [identity.to_owned()];
            let admitted = config(must_match).admits(&node, Shown::Certificate(&shown));
            assert_eq!(admitted.is_ok(), want, "{must_match:?} {cluster} {id} {identity}: {admitted:?}");
        }
    }

    #[test]
    fn every_fleet_that_has_identities_must_admit() {
        let mut config = config(None);
        let all = Fleet { name: "all".into(), node_id: Some("*".into()), ..Fleet::default() };
        config.fleets.push(Fleet { identities: vec!["spiffe://prod/*".into()], ..all.clone() });
        let node = Node { id: "edge-1".into(), cluster: "edge".into(), ..Node::default() };
        let admits = |config: &Config| config.admits(&node, Shown::Certificate(&[EDGE.to_owned()])).is_ok();
        assert!(admits(&config));
        config.fleets.push(Fleet { name: "more".into(), identities: vec!["spiffe://other/*".into()], ..all });
        assert!(!admits(&config));
    }

    #[test]
    fn one_of_several_names_is_enough_and_none_is_not() {
        let node = Node { id: "b".into(), ..Node::default() };
        let admits = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            config(None).admits(&node, Shown::Certificate(&names))
        };
        assert!(admits(&["a", "b"]).is_ok());
        let refusal = admits(&[]).unwrap_err().to_string();
        assert!(refusal.contains("`b`") && refusal.contains("neither a SPIFFE ID nor a DNS name"), "{refusal}");
        let refusal = admits(&["a"]).unwrap_err().to_string();
        assert!(refusal.contains("`a`") && refusal.contains("`b`"), "both are named: {refusal}");
    }

    #[test]
    fn what_is_not_asked_for_need_not_be_shown() {
        let (node, mut config) = (Node::default(), config(None));
        let unknown = |config: &Config, shown| matches!(config.admits(&node, shown), Err(Refusal::Unknown(_)));
        assert!(unknown(&config, Shown::Plain) && unknown(&config, Shown::Encrypted));
        config.xds_tls = Some(PortTls::default());
        assert!(unknown(&config, Shown::Plain));
        assert_eq!(config.admits(&node, Shown::Encrypted), Ok(()));
        config.xds_tls = None;
        assert_eq!(config.admits(&node, Shown::Plain), Ok(()));
    }
}
