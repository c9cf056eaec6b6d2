//! `notifications` of `tidegate.yaml`.

use super::fields::{Fields, each, items, one_or_more};
use super::http::url;
use super::scalar::{name, word};
use crate::model::notes::Notes;
use crate::model::yaml::Node;
use crate::model::{NoticeFormat, NoticeKind, Notification};

const FORMATS: [(&str, NoticeFormat); 3] =
    [("slack", NoticeFormat::Slack), ("generic", NoticeFormat::Generic), ("cloudevents", NoticeFormat::CloudEvents)];

/// Reads the list.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Vec<Notification>> {
    let items = items(notes, node, "`notifications`")?;
    each(items, |item| notification(notes, item))
}

fn notification(notes: &mut Notes, node: &Node) -> Option<Notification> {
    let fields = Fields::of(notes, node, "a notification", &["url", "format", "events", "services"])?;
    let at = fields.need(notes, "url", "https://hooks.slack.com/services/…");
    let url = at.and_then(|node| url(notes, node, "`url`"));
    let format = fields.get("format").map_or(Some(NoticeFormat::default()), |node| word(notes, node, "`format`", &FORMATS));
    let events = fields.get("events").map_or(Some(Vec::new()), |node| {
        let items = one_or_more(notes, node, "`events`")?;
        each(items, |item| word(notes, item, "an event", &NoticeKind::ALL.map(|kind| (kind.as_str(), kind))))
    });
    let services = fields.get("services").map_or(Some(Vec::new()), |node| {
        let items = one_or_more(notes, node, "`services`")?;
        each(items, |item| name(notes, item, "a service").map(str::to_owned))
    });
    Some(Notification { url: url?, format: format?, events: events?, services: services? })
}
