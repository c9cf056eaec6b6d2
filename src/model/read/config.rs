//! `tidegate.yaml`.

use std::net::SocketAddr;

use super::address::bind;
use super::fields::{Fields, each, entries, items, some_items, wrong_kind};
use super::scalar::{any_scalar, boolean, is_name, name, text, word};
use super::{notification, port_tls};
use crate::model::config::fleet_help;
use crate::model::document::Places;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Entry, Node, Span, Value};
use crate::model::{Config, Fleet, Listener, ListenerRoutes, Written, code};

/// Reads the configuration.
pub(super) fn read(notes: &mut Notes, places: &mut Places, root: &Node) -> Option<Config> {
    let fields = Fields::of(notes, root, "the configuration", &["listeners", "fleets", "notifications", "xds", "admin"])?;
    let fleets = fields.get("fleets").map_or(Some(Vec::new()), |node| {
        let entries = entries(notes, node, "`fleets`")?;
        each(entries, |entry| fleet(notes, entry))
    });
    let names = fields.get("fleets").map(names).unwrap_or_default();
    let listeners = fields.get("listeners").map_or(Some(Vec::new()), |node| listeners(notes, node, &names));
    let notifications = fields.get("notifications").map_or(Some(Vec::new()), |node| notification::read(notes, node));
    let xds_tls = port_tls::read(notes, places, fields.get("xds"), "xds");
    let admin_tls = port_tls::read(notes, places, fields.get("admin"), "admin");
    let (fleets, xds_tls) = (fleets?, xds_tls?);
    let asked = xds_tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if !asked && let Some(fleet) = fields.get("fleets") {
        note_unchecked(notes, fleet);
    }
    Some(Config { listeners: listeners?, fleets, notifications: notifications?, xds_tls, admin_tls: admin_tls? })
}

fn names(fleets: &Node) -> Vec<&str> {
    match &fleets.value {
        Value::Map(entries) => entries.iter().map(|entry| entry.key.text.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// Identities that nobody is asked for look like a lock and are none.
fn note_unchecked(notes: &mut Notes, fleets: &Node) {
    let Value::Map(entries) = &fleets.value else { return };
    for fleet in entries {
        let Value::Map(keys) = &fleet.value.value else { continue };
        let Some(entry) = keys.iter().find(|entry| entry.key.text == "identities") else { continue };
        notes
            .error(code::NO_CLIENT_CA, &entry.key.span, "nobody is asked for a certificate, so `identities` keeps nobody out")
            .help("ask for one: `xds: {tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}}`");
    }
}

fn listeners(notes: &mut Notes, node: &Node, fleets: &[&str]) -> Option<Vec<Listener>> {
    let entries = entries(notes, node, "`listeners`")?;
    let read: Vec<Option<(Listener, Span)>> = entries.iter().map(|entry| listener(notes, entry, fleets)).collect();
    note_clashes(notes, &read.iter().flatten().collect::<Vec<_>>());
    read.into_iter().map(|read| read.map(|(listener, _)| listener)).collect()
}

fn note_clashes(notes: &mut Notes, listeners: &[&(Listener, Span)]) {
    for (index, (listener, span)) in listeners.iter().enumerate() {
        let Some((other, at)) = listeners[..index].iter().find(|(other, _)| clash(listener, other)) else { continue };
        notes
            .error(code::PORT_CLASH, span, format!("listeners `{}` and `{}` bind the same port", other.name, listener.name))
            .label(format!("{} again", listener.bind))
            .also(at, format!("{} here", other.bind))
            .help("give one of them another port, or fleets that the other has not");
    }
}

/// Whether an Envoy that got both could not bind both.
fn clash(one: &Listener, other: &Listener) -> bool {
    let apart = !one.fleets.is_empty() && !other.fleets.is_empty() && one.fleets.iter().all(|fleet| !other.fleets.contains(fleet));
    !apart && same_socket(one.bind, other.bind)
}

fn same_socket(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip(), other.ip());
    one.port() == other.port() && (a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified())))
}

fn listener(notes: &mut Notes, entry: &Entry, known: &[&str]) -> Option<(Listener, Span)> {
    let named = is_name(notes, &entry.key.text, &entry.key.span, "the listener's name");
    let fields = Fields::of(notes, &entry.value, "a listener", &["bind", "fleets", "routes", "access_log"])?;
    let at = fields.need(notes, "bind", "\"127.0.0.1:8080\"");
    let bind = at.and_then(|node| bind(notes, node));
    let fleets = fields.get("fleets").map_or(Some(Vec::new()), |node| {
        let items = items(notes, node, "`fleets`")?;
        each(items, |item| known_fleet(notes, item, known))
    });
    let access_log = fields.get("access_log").map_or(Some(false), |node| boolean(notes, node, "`access_log`"));
    let routes = fields.get("routes").map_or(Some(ListenerRoutes::Auto), |node| word(notes, node, "`routes`", &ROUTES));
    let name = named.then(|| entry.key.text.clone())?;
    let written = Written(fields.get("routes").or(at).map(|node| notes.label(&node.span, String::new())));
    let listener = Listener { name, bind: bind?, fleets: fleets?, routes: routes?, access_log: access_log?, written };
    Some((listener, at?.span.clone()))
}

/// How a listener may find its routes.
const ROUTES: [(&str, ListenerRoutes); 3] =
    [("auto", ListenerRoutes::Auto), ("single", ListenerRoutes::Single), ("scoped", ListenerRoutes::Scoped)];

fn known_fleet(notes: &mut Notes, node: &Node, known: &[&str]) -> Option<String> {
    let name = name(notes, node, "a fleet")?;
    if known.contains(&name) {
        return Some(name.to_owned());
    }
    notes.error(code::UNKNOWN_FLEET, &node.span, format!("there is no fleet {}", quoted(name))).help(fleet_help(name, known));
    None
}

fn fleet(notes: &mut Notes, entry: &Entry) -> Option<Fleet> {
    let named = is_name(notes, &entry.key.text, &entry.key.span, "the fleet's name");
    let fields = Fields::of(notes, &entry.value, "a fleet", &["node_cluster", "node_id", "locality", "metadata", "identities"])?;
    if fields.entries().iter().all(|entry| entry.key.text == "identities") {
        notes
            .error(code::NOTHING_IN_IT, &entry.key.span, format!("fleet {} has no condition", quoted(&entry.key.text)))
            .help("for every Envoy write `node_id: \"*\"`");
        return None;
    }
    let mut read = |key: &str| optional_text(notes, fields.get(key), key);
    let (node_cluster, node_id) = (read("node_cluster"), read("node_id"));
    let locality = fields.get("locality").map_or(Some([None, None, None]), |node| locality(notes, node));
    let metadata = fields.get("metadata").map_or(Some(Vec::new()), |node| {
        let mut found = Vec::new();
        metadata(notes, node, &mut Vec::new(), &mut found).then_some(found)
    });
    let identities = fields.get("identities").map_or(Some(Vec::new()), |node| {
        let items = some_items(notes, node, "`identities`")?;
        each(items, |item| text(notes, item, "an identity").map(str::to_owned))
    });
    let [region, zone, sub_zone] = locality?;
    let name = named.then(|| entry.key.text.clone())?;
    let (node_cluster, node_id, metadata, identities) = (node_cluster?, node_id?, metadata?, identities?);
    Some(Fleet { name, node_cluster, node_id, region, zone, sub_zone, metadata, identities })
}

/// A text that may be left out but not be wrong.
fn optional_text(notes: &mut Notes, node: Option<&Node>, key: &str) -> Option<Option<String>> {
    match node {
        Some(node) => text(notes, node, &format!("`{key}`")).map(|text| Some(text.to_owned())),
        None => Some(None),
    }
}

fn locality(notes: &mut Notes, node: &Node) -> Option<[Option<String>; 3]> {
    let fields = Fields::of(notes, node, "`locality`", &["region", "zone", "sub_zone"])?;
    let mut read = |key: &str| optional_text(notes, fields.get(key), key);
    let (region, zone, sub_zone) = (read("region"), read("zone"), read("sub_zone"));
    Some([region?, zone?, sub_zone?])
}

/// Collects the scalars of a tree with the keys on the way to them; booleans and numbers count by their text. Says whether all
/// was right.
fn metadata(notes: &mut Notes, node: &Node, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) -> bool {
    match &node.value {
        Value::Map(entries) => entries.iter().fold(true, |right, entry| {
            path.push(entry.key.text.clone());
            let below = metadata(notes, &entry.value, path, found);
            path.pop();
            right && below
        }),
        Value::Scalar(_) if !path.is_empty() => {
            let scalar = any_scalar(notes, node, "a value of `metadata`");
            found.extend(scalar.map(|scalar| (path.clone(), scalar.text.clone())));
            scalar.is_some()
        }
        _ => wrong_kind::<()>(notes, node, "`metadata` holds mappings and texts").is_some(),
    }
}
