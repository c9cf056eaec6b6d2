//! `versions`, and everything that refers to them by name.

use std::collections::HashMap;

use super::address::{dns, endpoint};
use super::endpoint_file::{EndpointFiles, Found};
use super::fields::{Fields, each, items, some_entries, wrong_kind_but};
use super::scalar::{any_scalar, is_name, text};
use super::shares::{Part, hundred, part};
use crate::model::notes::Notes;
use crate::model::words::{listed, nearest, quoted, shown};
use crate::model::yaml::{Entry, Node, Span, Value};
use crate::model::{Backends, Endpoint, Share, Split, Version, code};

/// The versions of a release, as far as they could be read.
pub(super) struct Versions {
    /// Their names; `None` if not even those are known, so that no name can be called unknown.
    names: Option<Vec<String>>,
    /// Each with the place of its name.
    list: Vec<(Version, Span)>,
    places: HashMap<Endpoint, Vec<(String, Span)>>,
}

impl Versions {
    /// Reads `versions`.
    pub fn read(notes: &mut Notes, files: &mut EndpointFiles<'_>, node: Option<&Node>) -> Versions {
        let mut versions = Versions { names: None, list: Vec::new(), places: HashMap::new() };
        let entries = node.and_then(|node| some_entries(notes, node, "`versions`"));
        let Some(entries) = entries else { return versions };
        versions.names = Some(entries.iter().map(|entry| entry.key.text.clone()).collect());
        for entry in entries {
            versions.version(notes, files, entry);
        }
        versions
    }

    fn version(&mut self, notes: &mut Notes, files: &mut EndpointFiles<'_>, entry: &Entry) {
        let name = &entry.key.text;
        let named = is_name(notes, name, &entry.key.span, "the version's name");
        let backends = self.backends(notes, files, name, &entry.value);
        if let (true, Some(backends)) = (named, backends) {
            self.list.push((Version { name: name.clone(), backends }, entry.key.span.clone()));
        }
    }

    fn backends(&mut self, notes: &mut Notes, files: &mut EndpointFiles<'_>, name: &str, node: &Node) -> Option<Backends> {
        match &node.value {
            Value::List(_) => self.listed(notes, name, node),
            Value::Map(_) => self.long_form(notes, files, name, node),
            _ => {
                let what =
                    format!("version {} is a list of endpoints or a mapping with `endpoints`, `dns` or `file`", quoted(name));
                let help = node.scalar().map(|scalar| match scalar.text.as_str() {
                    address if address.contains("]:") => format!("write [\"{}\"]", shown(address)),
                    address => format!("write [{}]", shown(address)),
                });
                wrong_kind_but(notes, node, &what, help)
            }
        }
    }

    fn long_form(&mut self, notes: &mut Notes, files: &mut EndpointFiles<'_>, name: &str, node: &Node) -> Option<Backends> {
        const KEYS: [&str; 3] = ["endpoints", "dns", "file"];
        let fields = Fields::of(notes, node, "a version", &KEYS)?;
        match fields.entries() {
            [] => {
                fields.need_one_of(notes, &KEYS, "endpoints: [\"127.0.1.11:8080\"]");
                None
            }
            [one] => match one.key.text.as_str() {
                "endpoints" => self.listed(notes, name, &one.value),
                "dns" => dns(notes, &one.value).map(|(host, port)| Backends::Dns { host, port }),
                "file" => file(notes, files, name, &one.value),
                _ => None,
            },
            [first, second, ..] => {
                let title = format!("{} and {} exclude each other", quoted(&first.key.text), quoted(&second.key.text));
                notes
                    .error(code::EXCLUDES, &second.key.span, title)
                    .also(&first.key.span, "the version's endpoints come from here already")
                    .help("keep one of them");
                None
            }
        }
    }

    fn listed(&mut self, notes: &mut Notes, name: &str, node: &Node) -> Option<Backends> {
        let nodes = items(notes, node, "endpoints")?;
        let read = each(nodes, |node| endpoint(notes, node).map(|endpoint| (endpoint, node.span.clone())))?;
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for (endpoint, span) in read {
            let places = self.places.entry(endpoint).or_default();
            if let Some((_, first)) = places.iter().find(|(of, _)| of == name) {
                notes
                    .warning(code::LISTED_TWICE, &span, format!("{} is listed twice", endpoint.address))
                    .also(first, "first here")
                    .help("it counts once; take one out");
                continue;
            }
            places.push((name.to_owned(), span));
            endpoints.push(endpoint);
        }
        Some(Backends::Listed(endpoints))
    }

    /// Warns of addresses that are listed under two versions.
    pub fn warn_of_shared(&self, notes: &mut Notes) {
        for (endpoint, places) in &self.places {
            let [(first, at), others @ ..] = places.as_slice() else { continue };
            for (other, span) in others {
                notes
                    .warning(code::SHARED_ENDPOINT, span, format!("{} is an endpoint of two versions", endpoint.address))
                    .label(format!("of {} here", quoted(other)))
                    .also(at, format!("of {} here", quoted(first)))
                    .help("requests that are counted for one version reach the other; correct the address");
            }
        }
    }

    /// All versions, in file order.
    pub fn into_list(self) -> Vec<Version> {
        self.list.into_iter().map(|(version, _)| version).collect()
    }

    /// A version and the place of its name, if it could be read.
    pub fn read_as(&self, name: &str) -> Option<(&Version, &Span)> {
        self.list.iter().find(|(version, _)| version.name == name).map(|(version, span)| (version, span))
    }

    /// Their names, as the file has them; none if not even those are known.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.names.iter().flatten().map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.as_ref().map_or(0, Vec::len)
    }

    /// The version that a node names.
    pub fn known(&self, notes: &mut Notes, node: &Node, what: &str) -> Option<String> {
        let scalar = any_scalar(notes, node, what)?;
        self.is_known(notes, &scalar.text, &node.span, &[]).then(|| scalar.text.clone())
    }

    /// Whether there is such a version. `beside` are those named in the same mapping, which are not meant a second time.
    fn is_known(&self, notes: &mut Notes, name: &str, span: &Span, beside: &[Entry]) -> bool {
        let Some(names) = &self.names else { return true };
        if names.iter().any(|known| known == name) {
            return true;
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let free = names.iter().copied().filter(|name| beside.iter().all(|entry| entry.key.text != *name));
        let help = match nearest(name, free) {
            Some(near) => format!("did you mean {}?", quoted(near)),
            None => format!("`versions` has {}", listed(&names)),
        };
        notes.error(code::UNKNOWN_VERSION, span, format!("there is no version {}", quoted(name))).help(help);
        false
    }

    /// Where to send: a version's name, or shares of several. Every version is in the answer, in file order.
    pub fn send(&self, notes: &mut Notes, node: &Node, what: &str) -> Option<Split> {
        match &node.value {
            Value::Map(_) => self.split(notes, node, what),
            _ => {
                let name = self.known(notes, node, what)?;
                self.receives(notes, &name, &node.span);
                self.full_split(&[(name, Share::FULL)])
            }
        }
    }

    /// Shares of versions.
    pub fn split(&self, notes: &mut Notes, node: &Node, what: &str) -> Option<Split> {
        let entries = some_entries(notes, node, what)?;
        let unknown = entries.iter().filter(|entry| !self.is_known(notes, &entry.key.text, &entry.key.span, entries));
        let known = unknown.count() == 0;
        let read = |entry: &Entry| {
            let what = format!("the share of {}", quoted(&entry.key.text));
            (entry.value.span.clone(), part(notes, &entry.value, &what))
        };
        let parts: Vec<(Span, Option<Part>)> = entries.iter().map(read).collect();
        let shares = hundred(notes, &parts, &node.span, what)?;
        let named: Vec<(String, Share)> = entries.iter().map(|entry| entry.key.text.clone()).zip(shares).collect();
        for (entry, (name, _)) in entries.iter().zip(&named).filter(|(_, (_, share))| *share > Share::ZERO) {
            self.receives(notes, name, &entry.key.span);
        }
        if known { self.full_split(&named) } else { None }
    }

    fn full_split(&self, shares: &[(String, Share)]) -> Option<Split> {
        let share = |name: &String| shares.iter().find(|(of, _)| of == name).map_or(Share::ZERO, |(_, share)| *share);
        Split::new(self.names.as_ref()?.iter().map(|name| (name.clone(), share(name))).collect())
    }

    /// Warns if a version that is sent traffic has no endpoints.
    pub fn receives(&self, notes: &mut Notes, name: &str, span: &Span) {
        if self.read_as(name).and_then(|(version, _)| version.backends.endpoints()).is_some_and(<[Endpoint]>::is_empty) {
            notes
                .warning(code::NO_ENDPOINTS, span, format!("version {} has no endpoints", quoted(name)))
                .label("what is sent here is answered with 503")
                .help("list endpoints for it, or send the traffic elsewhere");
        }
    }
}

fn file(notes: &mut Notes, files: &mut EndpointFiles<'_>, version: &str, node: &Node) -> Option<Backends> {
    let written = text(notes, node, "`file`")?;
    let path = files.resolve(written);
    match files.endpoints(notes, &path, version) {
        Found::Endpoints(endpoints) => Some(Backends::File { path: written.to_owned(), endpoints }),
        Found::Broken => None,
        Found::Missing => {
            notes
                .error(code::NO_SUCH_FILE, &node.span, format!("there is no endpoint file {}", quoted(written)))
                .help(format!("looked for {}: a path is relative to the release file's folder", quoted(&path)));
            None
        }
    }
}
