//! `rolling`.

use std::time::Duration;

use super::fields::Fields;
use super::http::url;
use super::scalar::{any_scalar, duration, number, some_share};
use crate::model::notes::Notes;
use crate::model::yaml::Node;
use crate::model::{Batch, Hook, Rolling, Share};

/// Reads `rolling`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Rolling> {
    let fields = Fields::of(notes, node, "`rolling`", &["batch", "pause", "drain", "upgrade"])?;
    let batch = fields.need(notes, "batch", "25%").and_then(|node| batch(notes, node));
    let pause = fields.get("pause").map(|node| duration(notes, node, "`pause`"));
    let drain = fields.get("drain").map(|node| duration(notes, node, "`drain`"));
    let upgrade = fields.get("upgrade").map(|node| upgrade(notes, node));
    Some(Rolling {
        batch: batch?,
        pause: pause.unwrap_or(Some(Duration::ZERO))?,
        drain: drain.unwrap_or(Some(Rolling::DRAIN))?,
        upgrade: upgrade.map_or(Some(None), |hook| hook.map(Some))?,
        until: Share::FULL,
    })
}

/// A share, or a bare number, whose unit is endpoints.
fn batch(notes: &mut Notes, node: &Node) -> Option<Batch> {
    let scalar = any_scalar(notes, node, "`batch`")?;
    if scalar.text.bytes().all(|b| b.is_ascii_digit()) {
        return number(notes, node, "`batch`", 1..=100_000).map(Batch::Count);
    }
    some_share(notes, node, "`batch`").map(Batch::Share)
}

fn upgrade(notes: &mut Notes, node: &Node) -> Option<Hook> {
    let fields = Fields::of(notes, node, "`upgrade`", &["hook"])?;
    let hook = fields.need(notes, "hook", "https://deployer.internal/upgrade")?;
    url(notes, hook, "`hook`").map(Hook::new)
}
