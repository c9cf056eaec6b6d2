//! Addresses of endpoints, and names to be resolved.

use std::net::{IpAddr, SocketAddr};

use super::http::is_host_name;
use super::scalar::text;
use crate::model::Endpoint;
use crate::model::code;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::Node;

/// One endpoint, `IP:port`.
pub(super) fn endpoint(notes: &mut Notes, node: &Node) -> Option<Endpoint> {
    let written = text(notes, node, "an endpoint")?;
    match written.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => refuse(notes, node, written, "a port is a number from 1 to 65535".to_owned()),
        Ok(address) if address.ip().is_unspecified() => {
            refuse(notes, node, written, "nobody can connect to it: write the endpoint's own address".to_owned())
        }
        Ok(address) => Some(Endpoint { address }),
        Err(_) => refuse(notes, node, written, endpoint_help(written)),
    }
}

fn refuse<T>(notes: &mut Notes, node: &Node, written: &str, help: String) -> Option<T> {
    notes.error(code::NOT_AN_ADDRESS, &node.span, format!("{} is no endpoint", quoted(written))).help(help);
    None
}

fn endpoint_help(written: &str) -> String {
    if let Ok(ip) = written.trim_matches(['[', ']']).parse::<IpAddr>() {
        return format!("the port is missing: write `{}`", SocketAddr::new(ip, 8080));
    }
    let (host, port) = written.rsplit_once(':').unwrap_or((written, ""));
    if written.contains("://") {
        "write address and port alone, `127.0.1.11:8080`".to_owned()
    } else if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) || host.starts_with('[') {
        "write an address and a port from 1 to 65535".to_owned()
    } else if is_host_name(host) && host.contains(char::is_alphabetic) {
        let port = if is_port(port) { port } else { "8080" };
        format!("a name is resolved by each Envoy: write the version as `{{dns: {host}:{port}}}`")
    } else {
        "an endpoint is an IP address and a port: `127.0.1.11:8080`, `\"[::1]:8080\"`".to_owned()
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0) && !text.starts_with('+')
}

/// A name and a port, `host:port`.
pub(super) fn dns(notes: &mut Notes, node: &Node) -> Option<(String, u16)> {
    let written = text(notes, node, "`dns`")?;
    let (host, port) = written.rsplit_once(':').unwrap_or((written, ""));
    let help = if written.parse::<SocketAddr>().is_ok() || written.parse::<IpAddr>().is_ok() {
        format!("that is an address: list it, `[\"{written}\"]`")
    } else if !is_host_name(host) {
        "write a host name and a port: `checkout.internal:8080`".to_owned()
    } else if !is_port(port) {
        format!("the port is missing or out of bounds: write `{host}:8080`")
    } else {
        return port.parse().ok().map(|port| (host.to_ascii_lowercase(), port));
    };
    notes.error(code::NOT_AN_ADDRESS, &node.span, format!("{} is no name with a port", quoted(written))).help(help);
    None
}

/// An address that a listener binds.
pub(super) fn bind(notes: &mut Notes, node: &Node) -> Option<SocketAddr> {
    let written = text(notes, node, "`bind`")?;
    if let Some(address) = written.parse::<SocketAddr>().ok().filter(|address| address.port() != 0) {
        return Some(address);
    }
    let title = format!("{} is no address to bind", quoted(written));
    notes.error(code::NOT_AN_ADDRESS, &node.span, title).help("write an IP address and a port: \"127.0.0.1:8080\", \"[::]:8080\"");
    None
}
