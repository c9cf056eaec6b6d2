//! What HTTP asks of hosts, paths, names of headers and cookies, methods and URLs.

use std::net::Ipv4Addr;

use super::scalar::{any_scalar, text};
use crate::model::code;
use crate::model::notes::Notes;
use crate::model::words::{nearest, quoted};
use crate::model::yaml::{Node, Span};

/// A host that requests are for: a name, `*`, or `*.example.com`; lower case comes out.
pub(super) fn host(notes: &mut Notes, node: &Node) -> Option<String> {
    let host = text(notes, node, "a host")?.to_ascii_lowercase();
    let name = host.strip_prefix("*.").unwrap_or(&host);
    if host == "*" || is_host_name(name) {
        return Some(host);
    }
    let help = host_help(&host);
    notes.error(code::NOT_A_HOST, &node.span, format!("{} is no host", quoted(&host))).help(help);
    None
}

fn host_help(host: &str) -> String {
    let bare = host.split_once("://").map_or(host, |(_, rest)| rest);
    let bare = bare.split(['/', '?', '#']).next().unwrap_or_default();
    let without_port = bare.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if host.contains("://") || bare.len() < host.len() {
        format!("write the host alone, `{bare}`; what is behind it belongs into `path`")
    } else if let Some((name, _)) = without_port.filter(|(name, _)| is_host_name(name)) {
        format!("write `{name}`: a host matches on every port")
    } else if let Some(name) = host.strip_suffix('.') {
        format!("write `{name}`, without the dot at the end")
    } else if host.contains('*') {
        "a `*` stands alone, or for what is before a suffix: `*.example.com`".to_owned()
    } else if is_numeric(host) {
        "numbers and dots alone are an IPv4 address: four numbers, each at most 255".to_owned()
    } else if !host.is_ascii() {
        "write the name as the wire has it, in punycode: `xn--…`".to_owned()
    } else {
        "a host is made of letters, digits, `_`, dots between them, and `-` within a word".to_owned()
    }
}

/// Whether a text is made of numbers and dots alone, as only addresses are.
fn is_numeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.contains('.')
}

/// Whether a text is a host name or an IPv4 address.
pub(super) fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        let marks = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(marks) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label) && (!is_numeric(text) || text.parse::<Ipv4Addr>().is_ok())
}

/// A path, beginning with `/`, without query.
pub(super) fn path<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n str> {
    let path = text(notes, node, what)?;
    let help = if !path.starts_with('/') {
        format!("begin it with a slash: `/{path}`")
    } else if path.contains(['?', '#']) {
        "write the path alone; query parameters are matched by `query` in a rule".to_owned()
    } else if path.contains(char::is_whitespace) || !path.is_ascii() {
        "write it as the wire has it: a space is `%20`".to_owned()
    } else {
        warn_of_unasked(notes, node, path, what);
        return Some(path);
    };
    notes.error(code::NOT_A_PATH, &node.span, format!("{what}: {} is no path", quoted(path))).help(help);
    None
}

/// Warns of paths that are sound, and yet no request has them.
fn warn_of_unasked(notes: &mut Notes, node: &Node, path: &str, what: &str) {
    let (title, help) = if path.split('/').any(|part| matches!(part, "." | "..")) {
        ("has a `.` or `..`, which Envoy resolves before it looks", "write the path that it comes to")
    } else if path.contains("//") {
        ("has two slashes in a row, which requests seldom have", "write one slash")
    } else if path.contains('*') {
        ("has a `*`, which stands for itself", "in a rule write `{prefix: …}` or `{regex: …}`; a service's path is a prefix anyway")
    } else {
        return;
    };
    notes.warning(code::UNASKED_PATH, &node.span, format!("{what}: {} {title}", quoted(path))).help(help);
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The name of a request header; lower case comes out.
pub(super) fn header_name(notes: &mut Notes, name: &str, span: &Span) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let help = match lower.as_str() {
        ":path" => "match it with `path`".to_owned(),
        ":method" => "match it with `method`".to_owned(),
        "host" | ":authority" => "name the host in `hosts`: Envoy does not match it as a header".to_owned(),
        other if is_token(other) => return Some(lower),
        _ => "a header's name is made of letters, digits and `-`".to_owned(),
    };
    notes.error(code::NOT_HTTP, span, format!("{} cannot be matched as a header", quoted(name))).help(help);
    None
}

/// The name of a cookie.
pub(super) fn cookie_name(notes: &mut Notes, name: &str, span: &Span) -> Option<String> {
    if is_token(name) {
        return Some(name.to_owned());
    }
    let title = format!("{} is no cookie's name", quoted(name));
    notes.error(code::NOT_HTTP, span, title).help("a cookie's name is made of letters, digits, `-` and `_`");
    None
}

/// The name of a query parameter.
pub(super) fn query_name(notes: &mut Notes, name: &str, span: &Span) -> Option<String> {
    if !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "&=#?".contains(c)) {
        return Some(name.to_owned());
    }
    let title = format!("{} is no query parameter's name", quoted(name));
    notes.error(code::NOT_HTTP, span, title).help("write what stands before the `=`, as the URL has it");
    None
}

/// A request method, in the upper case that all of them have.
pub(super) fn method(notes: &mut Notes, node: &Node) -> Option<String> {
    const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"];
    let method = text(notes, node, "a method")?;
    if is_token(method) && method.bytes().all(|b| !b.is_ascii_lowercase()) {
        return Some(method.to_owned());
    }
    let help = match nearest(method, METHODS) {
        Some(near) => format!("did you mean `{near}`? Methods are in upper case"),
        None => "methods are in upper case: `GET`, `POST`".to_owned(),
    };
    notes.error(code::NOT_HTTP, &node.span, format!("{} is no method", quoted(method))).help(help);
    None
}

/// An `http://` or `https://` URL.
pub(super) fn url(notes: &mut Notes, node: &Node, what: &str) -> Option<String> {
    let scalar = any_scalar(notes, node, what)?;
    let parsed = scalar.text.parse::<::http::Uri>().ok();
    let scheme = |uri: &::http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let called = parsed.filter(|uri| scheme(uri) && uri.host().is_some_and(|host| !host.is_empty()));
    let Some(uri) = called else {
        let title = format!("{what}: {} is no URL that can be called", quoted(&scalar.text));
        notes.error(code::NOT_A_URL, &node.span, title).help("write it in full: `https://ci.example.com/smoke`");
        return None;
    };
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        let title = format!("{what} names a user, and calls are made without one");
        notes.error(code::NOT_A_URL, &node.span, title).help("a secret that lets calls in goes into the path or the query");
        return None;
    }
    Some(scalar.text.clone())
}
