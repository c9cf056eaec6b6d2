//! Mappings with known keys, and lists.

use crate::model::code;
use crate::model::notes::Notes;
use crate::model::words::{listed, nearest, quoted};
use crate::model::yaml::{Entry, Node, Span, Value, missing_space};

/// A mapping of which only some keys are known.
pub(super) struct Fields<'n> {
    entries: &'n [Entry],
    anchor: &'n Span,
    what: &'static str,
    /// Keys that unknown ones were taken for, so that those are not missed as well.
    meant: Vec<&'n str>,
}

impl<'n> Fields<'n> {
    /// The mapping in `node`; every other key than the `known` ones is noted. `what` names it in sentences: "a release".
    pub fn of(notes: &mut Notes, node: &'n Node, what: &'static str, known: &[&'static str]) -> Option<Fields<'n>> {
        let entries = entries(notes, node, what)?;
        let mut fields = Fields { entries, anchor: &node.anchor, what, meant: Vec::new() };
        let free: Vec<&str> = known.iter().copied().filter(|key| fields.get(key).is_none()).collect();
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.text.as_str())) {
            let meant = nearest(&entry.key.text, free.iter().copied());
            fields.unknown(notes, entry, meant, known);
            if let Some(meant) = meant.filter(|meant| !fields.meant.contains(meant)) {
                fields.meant.push(meant);
            }
        }
        Some(fields)
    }

    fn unknown(&self, notes: &mut Notes, entry: &Entry, meant: Option<&str>, known: &[&str]) {
        let help = match meant {
            Some(key) => format!("did you mean `{key}`?"),
            None => format!("known here: {}", listed(known)),
        };
        let title = format!("unknown key {} in {}", quoted(&entry.key.text), self.what);
        notes.error(code::UNKNOWN_KEY, &entry.key.span, title).help(help);
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The value of a key without which it does not go; `example` shows how it is written.
    pub fn need(&self, notes: &mut Notes, key: &str, example: &str) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() && !self.meant.contains(&key) {
            let title = format!("{} needs `{key}`", self.what);
            notes.error(code::MISSING_KEY, self.anchor, title).help(format!("write `{key}: {example}`"));
        }
        found
    }

    /// Notes that none of several keys is there.
    pub fn need_one_of(&self, notes: &mut Notes, keys: &[&str], example: &str) {
        if !self.meant.iter().any(|meant| keys.contains(meant)) {
            let title = format!("{} needs one of {}", self.what, listed(keys));
            notes.error(code::MISSING_KEY, self.anchor, title).help(format!("for example `{example}`"));
        }
    }

    /// All entries, in file order.
    pub fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    /// Where to point at when something is missing in it.
    pub fn anchor(&self) -> &'n Span {
        self.anchor
    }
}

/// The entries of a mapping whose keys are free.
pub(super) fn entries<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
    match &node.value {
        Value::Map(entries) => Some(entries),
        Value::Scalar(scalar) if scalar.plain && missing_space(&scalar.text).is_some() => {
            let example = missing_space(&scalar.text).unwrap_or_default();
            notes.error(code::SYNTAX, &node.span, "a space is missing after `:`").help(format!("write `{example}`"));
            None
        }
        _ => {
            let help = example(what).map(|example| format!("for example `{example}`"));
            wrong_kind_but(notes, node, &format!("{what} is a mapping"), help)
        }
    }
}

/// How mappings are written that are most often written otherwise.
fn example(what: &str) -> Option<&'static str> {
    Some(match what {
        "a release" => "service: checkout",
        "`versions`" => "{v1: [\"127.0.1.11:8080\"]}",
        "`split`" => "{v1: 90%, v2: 10%}",
        "`header`" => "{x-canary: \"always\"}",
        "`cookie`" => "{beta: \"1\"}",
        "`query`" => "{beta: \"1\"}",
        "`when`" => "{header: {x-canary: \"always\"}}",
        "`tls`" => "{sni: checkout.internal, ca: /etc/ssl/ca.pem}",
        "`upstream`" => "{protocol: http2}",
        "`then`" => "canary: {steps: [75% for 30m]}",
        "`canary`" => "{steps: [5% for 10m]}",
        "`ab_test`" => "{id: {cookie: uid}, salt: s, variants: {…}}",
        "a port" => "{tls: {certificate: server.pem, key: server.key}}",
        "TLS of a port" => "{certificate: server.pem, key: server.key, client_ca: ca.pem}",
        "a notification" => "{url: \"https://ci.example.com/told\"}",
        "the configuration" => "listeners: {http: {bind: \"127.0.0.1:8080\"}}",
        _ => return None,
    })
}

/// Like [`entries`], at least one.
pub(super) fn some_entries<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
    let entries = entries(notes, node, what)?;
    if entries.is_empty() {
        notes.error(code::NOTHING_IN_IT, &node.span, format!("{what} has nothing in it")).help("fill it or take it out");
        return None;
    }
    Some(entries)
}

/// The items of a list.
pub(super) fn items<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(items) => Some(items),
        Value::Scalar(scalar) if !scalar.is_nothing() => {
            let title = format!("{what} is a list, found text");
            notes.error(code::WRONG_KIND, &node.span, title).help(format!("write [{}]", short(&scalar.text)));
            None
        }
        Value::Map(_) => {
            wrong_kind_but(notes, node, &format!("{what} is a list"), Some("write each item behind a dash, `- `".to_owned()))
        }
        _ => wrong_kind(notes, node, &format!("{what} is a list")),
    }
}

/// Like [`items`], at least one.
pub(super) fn some_items<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n [Node]> {
    let items = items(notes, node, what)?;
    if items.is_empty() {
        notes.error(code::NOTHING_IN_IT, &node.span, format!("{what} has nothing in it")).help("fill it or take it out");
        return None;
    }
    Some(items)
}

/// The items of a list, or the one thing that stands in its place.
pub(super) fn one_or_more<'n>(notes: &mut Notes, node: &'n Node, what: &str) -> Option<&'n [Node]> {
    match &node.value {
        Value::Scalar(_) => Some(std::slice::from_ref(node)),
        _ => some_items(notes, node, what),
    }
}

/// Reads each item; nothing if one of them is wrong, but all of them are looked at.
pub(super) fn each<'n, I, T>(items: impl IntoIterator<Item = I>, read: impl FnMut(I) -> Option<T>) -> Option<Vec<T>>
where
    I: 'n,
{
    let read: Vec<Option<T>> = items.into_iter().map(read).collect();
    read.into_iter().collect()
}

/// Notes that something else was expected. Gives nothing, for the caller to return.
pub(super) fn wrong_kind<T>(notes: &mut Notes, node: &Node, expected: &str) -> Option<T> {
    wrong_kind_but(notes, node, expected, None)
}

/// Like [`wrong_kind`], with the way out of it where something is written.
pub(super) fn wrong_kind_but<T>(notes: &mut Notes, node: &Node, expected: &str, help: Option<String>) -> Option<T> {
    if node.value != Value::Broken {
        let title = format!("{expected}, found {}", node.kind());
        let help = if node.is_nothing() { Some("give it a value".to_owned()) } else { help };
        notes.error(code::WRONG_KIND, &node.span, title).maybe_help(help);
    }
    None
}

fn short(text: &str) -> String {
    if text.chars().count() > 40 { "…".to_owned() } else { text.to_owned() }
}
