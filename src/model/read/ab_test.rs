//! `ab_test`, and who a user is.

use super::condition;
use super::fields::{Fields, each, entries, some_entries};
use super::http::{cookie_name, header_name};
use super::scalar::{duration, is_name, some_share, text};
use super::shares::{hundred, part};
use super::versions::Versions;
use crate::model::notes::Notes;
use crate::model::words::{quoted, shown};
use crate::model::yaml::{Entry, Node, Span};
use crate::model::{AbTest, Identity, Share, Variant, code};

/// Reads `ab_test`.
pub(super) fn read(notes: &mut Notes, versions: &Versions, node: &Node) -> Option<AbTest> {
    let fields = Fields::of(notes, node, "`ab_test`", &["id", "salt", "audience", "share", "variants"])?;
    let id = fields.need(notes, "id", "{cookie: uid}").and_then(|node| identity(notes, node, "`id`"));
    let salt = fields.need(notes, "salt", "buy-button-2026-08").and_then(|node| text(notes, node, "`salt`"));
    let audience = fields.get("audience").map(|node| condition::read(notes, node, "`audience`"));
    let share = fields.get("share").map(|node| some_share(notes, node, "`share`"));
    let variants = fields.need(notes, "variants", "{control: {send: v7, share: rest}, new: {send: v8, share: 50%}}");
    let variants = variants.and_then(|node| variants_of(notes, versions, node));
    Some(AbTest {
        id: id?,
        salt: salt?.to_owned(),
        audience: audience.unwrap_or(Some(Vec::new()))?,
        share: share.unwrap_or(Some(Share::FULL))?,
        variants: variants?,
    })
}

/// Who a user is: `{cookie: uid}`, `{cookie: uid, mint: 365d}` or `{header: x-account-id}`.
pub(super) fn identity(notes: &mut Notes, node: &Node, what: &'static str) -> Option<Identity> {
    if let Some(scalar) = node.scalar() {
        let title = format!("{what} is a mapping, found text");
        let help = format!("write `{{cookie: {0}}}`, or `{{header: {0}}}`", shown(&scalar.text));
        notes.error(code::WRONG_KIND, &node.span, title).help(help);
        return None;
    }
    let fields = Fields::of(notes, node, what, &["cookie", "header", "mint"])?;
    let mint = fields.get("mint").map(|node| duration(notes, node, "`mint`"));
    match (fields.entry("cookie"), fields.entry("header")) {
        (Some(cookie), None) => {
            let name = text(notes, &cookie.value, "the cookie's name")?;
            let name = cookie_name(notes, name, &cookie.value.span)?;
            Some(Identity::Cookie { name, mint: mint.map_or(Some(None), |time| time.map(Some))? })
        }
        (None, Some(header)) => header_identity(notes, header, fields.entry("mint")),
        (Some(cookie), Some(header)) => {
            excludes(notes, header, cookie);
            None
        }
        (None, None) => {
            fields.need_one_of(notes, &["cookie", "header"], "cookie: uid");
            None
        }
    }
}

fn header_identity(notes: &mut Notes, header: &Entry, mint: Option<&Entry>) -> Option<Identity> {
    if let Some(mint) = mint {
        excludes(notes, mint, header);
        return None;
    }
    let name = text(notes, &header.value, "the header's name")?;
    header_name(notes, name, &header.value.span).map(Identity::Header)
}

fn excludes(notes: &mut Notes, second: &Entry, first: &Entry) {
    let title = format!("{} and {} exclude each other", quoted(&second.key.text), quoted(&first.key.text));
    notes
        .error(code::EXCLUDES, &second.key.span, title)
        .also(&first.key.span, "users are told apart by this")
        .help("keep `cookie`, with `mint` if one is to be issued, or `header`");
}

fn variants_of(notes: &mut Notes, versions: &Versions, node: &Node) -> Option<Vec<Variant>> {
    let entries = some_entries(notes, node, "`variants`")?;
    if let [only] = entries {
        let title = "a test with one variant compares nothing";
        let other = if only.key.text == "control" { "new" } else { "control" };
        notes.error(code::NOTHING_IN_IT, &only.key.span, title).help(format!("add a second variant, for example `{other}`"));
        variant(notes, versions, only);
        return None;
    }
    let read: Vec<_> = entries.iter().map(|entry| variant(notes, versions, entry)).collect();
    let parts: Vec<(Span, Option<_>)> = read.iter().map(|(_, part)| part.clone()).collect();
    let shares = hundred(notes, &parts, &node.anchor, "`variants`")?;
    let variants: Option<Vec<Variant>> = read.into_iter().map(|(variant, _)| variant).collect();
    Some(variants?.into_iter().zip(shares).map(|(variant, share)| Variant { share, ..variant }).collect())
}

type Part = (Span, Option<super::shares::Part>);

/// A variant, its share not yet known, and the share as it is written.
fn variant(notes: &mut Notes, versions: &Versions, entry: &Entry) -> (Option<Variant>, Part) {
    let name = &entry.key.text;
    let named = is_name(notes, name, &entry.key.span, "the variant's name");
    let nothing = (entry.key.span.clone(), None);
    let Some(fields) = Fields::of(notes, &entry.value, "a variant", &["send", "share", "header"]) else { return (None, nothing) };
    let send = fields.need(notes, "send", "v8").and_then(|node| versions.known(notes, node, "`send`"));
    let share = fields.need(notes, "share", "50%").map(|node| (node.span.clone(), part(notes, node, "`share`")));
    let headers = fields.get("header").map(|node| headers(notes, node)).unwrap_or(Some(Vec::new()));
    let variant = match (send, headers) {
        (Some(send), Some(headers)) if named => Some(Variant { name: name.clone(), send, share: Share::ZERO, headers }),
        _ => None,
    };
    (variant, share.unwrap_or(nothing))
}

fn headers(notes: &mut Notes, node: &Node) -> Option<Vec<(String, String)>> {
    let entries = entries(notes, node, "`header`")?;
    each(entries, |entry| {
        let name = header_name(notes, &entry.key.text, &entry.key.span);
        let value = text(notes, &entry.value, "the header's value").map(str::to_owned);
        name.zip(value)
    })
}
