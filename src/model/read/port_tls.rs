//! `xds` and `admin`: TLS on the server's own ports.

use super::fields::Fields;
use super::scalar::{boolean, text};
use crate::model::document::Places;
use crate::model::notes::Notes;
use crate::model::yaml::Node;
use crate::model::{PortTls, code};

/// Reads what is said of a port, if anything is.
pub(super) fn read(notes: &mut Notes, places: &mut Places, node: Option<&Node>, port: &str) -> Option<Option<PortTls>> {
    let Some(node) = node else { return Some(None) };
    let fields = Fields::of(notes, node, "a port", &["tls"])?;
    let Some(node) = fields.get("tls") else { return Some(None) };
    let known: &[&str] = match port {
        "xds" => &["certificate", "key", "client_ca", "node_id_must_match"],
        _ => &["certificate", "key", "client_ca"],
    };
    let fields = Fields::of(notes, node, "TLS of a port", known)?;
    let certificate = fields.need(notes, "certificate", "server.pem");
    let key = fields.need(notes, "key", "server.key");
    let mut file = |notes: &mut Notes, key: &str, node: &Node| {
        let path = text(notes, node, &format!("`{key}`"))?.to_owned();
        places.tls.push((format!("{port}.{key}"), node.span.clone()));
        Some(path)
    };
    let certificate = certificate.and_then(|node| file(notes, "certificate", node));
    let key = key.and_then(|node| file(notes, "key", node));
    let client_ca = fields.get("client_ca").map(|node| file(notes, "client_ca", node));
    let must_match = fields.get("node_id_must_match").filter(|_| port == "xds");
    if let (Some(_), None, Some(entry)) = (must_match, &client_ca, fields.entry("node_id_must_match")) {
        notes
            .error(code::NO_CLIENT_CA, &entry.key.span, "nobody is asked for a certificate, so there is nothing that could match")
            .help("name the CA of the Envoys' certificates: `client_ca: ca.pem`");
    }
    let must_match = must_match.map(|node| boolean(notes, node, "`node_id_must_match`"));
    let (client_ca, node_id_must_match) = (given(client_ca)?, given(must_match)?);
    Some(Some(PortTls { certificate: certificate?, key: key?, client_ca, node_id_must_match }))
}

/// A value that may be left out but not be wrong.
fn given<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(None) => None,
        other => Some(other.flatten()),
    }
}
